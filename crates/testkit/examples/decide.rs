//! Measures a decision and a back-test of 100,000 recorded decisions with the shipped default policy.
//! Run: `cargo run --release -p testkit --example decide`. The last line of standard output is JSON.
#![allow(clippy::print_stdout, reason = "a measurement prints its result")]

use std::path::Path;
use std::time::Instant;

use decide::{Calibration, Facts, HistoryPrior, Parts, back_test, confidence, decide, history};
use model::{Autonomy, AutonomyGrant, FailureClass, Impact, Severity, Tier, Verdict};
use testkit::{Random, demo_patience, rules};

const DECISIONS: usize = 20_000;
const PAST: usize = 100_000;

fn facts(random: &mut Random, calibration: &Calibration) -> Facts {
    let parts = Parts {
        analysis: random.ratio(),
        history: history(None, HistoryPrior { success: 0.8, weight: 4.0 }),
        history_count: 0,
        affected_services: 1 + random.below(6) as u32,
        impact: [Impact::Low, Impact::Medium, Impact::High][random.below(3) as usize],
    };
    let report = confidence(&parts, calibration);
    Facts {
        confidence: report.calibrated,
        raw_confidence: report.raw,
        conclusive: random.ratio() < 0.8,
        severity: [Severity::Low, Severity::Medium, Severity::High, Severity::Critical]
            [random.below(4) as usize],
        impact: parts.impact,
        tier: [Tier::Internal, Tier::Standard, Tier::Critical][random.below(3) as usize],
        service: format!("service-{}", random.below(50)),
        class: FailureClass::ALL[random.below(11) as usize],
        affected_services: parts.affected_services,
        runbook: "restart-service".into(),
        actions: vec!["process.restart".into()],
        seconds_since_last_action: (random.ratio() < 0.3).then(|| random.between(0.0, 600.0)),
        running_actions: random.below(4) as u32,
        ..Facts::default()
    }
}

fn main() -> Result<(), String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let rules = rules(&root, &["default".to_owned()], Autonomy::Auto, demo_patience())?;
    let grants = [AutonomyGrant { service: "*".into(), action: "*".into(), level: Autonomy::Auto }];
    let mut random = Random::new(11);
    let calibration = Calibration::fit((0..500).map(|i| (f64::from(i % 100) / 100.0, i % 3 != 0)), 20.0);
    let mut times_ms: Vec<f64> = (0..DECISIONS)
        .map(|_| {
            let begun = Instant::now();
            let facts = facts(&mut random, &calibration);
            std::hint::black_box(decide(&rules.policy, &facts, &grants));
            begun.elapsed().as_secs_f64() * 1_000.0
        })
        .collect();
    times_ms.sort_by(f64::total_cmp);
    let at = |share: f64| times_ms[((times_ms.len() - 1) as f64 * share) as usize];
    let past: Vec<Facts> = (0..PAST).map(|_| facts(&mut random, &calibration)).collect();
    let begun = Instant::now();
    let differ = back_test(&rules.policy, past.iter().map(|f| (f, Verdict::EscalateHuman))).len();
    let backtest_s = begun.elapsed().as_secs_f64();
    println!(
        "decision, {DECISIONS} times         p50 {:.3} ms   p99 {:.3} ms   max {:.3} ms",
        at(0.5),
        at(0.99),
        at(1.0)
    );
    println!(
        "back-test of {PAST} decisions   {backtest_s:.2} s   ({differ} would have been decided otherwise)"
    );
    println!("{}", serde_json::json!({"decision_ms_p99": at(0.99), "backtest_100k_s": backtest_s}));
    Ok(())
}
