//! Measures one decision and a back-test of 100,000 facts with the shipped policy.
//! Run: `cargo run --release -p decide --example decide_speed`.
#![allow(clippy::print_stdout)]

use std::time::Instant;

use decide::{Facts, Policy, back_test, decide};
use model::{Impact, Severity, Verdict};

fn main() {
    let text = include_str!("../../../policies/default.yaml");
    let policy = Policy::parse(&[("default.yaml".into(), text.into())]).expect("the shipped policy is whole");
    let facts: Vec<Facts> = (0..100_000_u32)
        .map(|i| Facts {
            confidence: f64::from(i % 101) / 100.0,
            conclusive: i % 7 != 0,
            severity: [Severity::Low, Severity::Medium, Severity::High, Severity::Critical][i as usize % 4],
            impact: [Impact::Low, Impact::Medium, Impact::High][i as usize % 3],
            service: format!("service-{}", i % 50),
            class: model::FailureClass::ALL[i as usize % 11],
            actions: vec!["process.restart".into()],
            ..Facts::default()
        })
        .collect();
    let mut times_us: Vec<f64> = facts
        .iter()
        .take(20_000)
        .map(|f| {
            let start = Instant::now();
            std::hint::black_box(decide(&policy, f, &[]));
            start.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    times_us.sort_by(f64::total_cmp);
    let at = |share: f64| times_us[((times_us.len() - 1) as f64 * share) as usize];
    println!("decide: p50 {:.0} us, p99 {:.0} us, max {:.0} us", at(0.5), at(0.99), at(1.0));
    let start = Instant::now();
    let differing = back_test(&policy, facts.iter().map(|f| (f, Verdict::EscalateHuman))).len();
    println!("back-test of 100,000: {:.2} s, {differing} would have differed", start.elapsed().as_secs_f64());
}
