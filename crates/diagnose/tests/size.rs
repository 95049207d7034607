//! Large and hostile input: time bounds are generous (debug builds on busy machines), but they are bounds.

#[path = "support/shop.rs"]
mod shop;

use std::time::{Duration, Instant};

use model::FailureClass;
use model::FindingKind::{ErrorRate, Latency, LogNewPattern, MetricAnomaly, ProcessExit};
use proptest::prelude::*;
use shop::{Shop, edge};

#[test]
fn two_hundred_troubled_services_are_diagnosed_at_once() {
    let mut shop = Shop::layers(200);
    for i in 0..200 {
        shop = shop.see(1_000 + i, &format!("s{i}"), ErrorRate, "errors").see(
            1_100,
            &format!("s{i}"),
            Latency,
            "slow",
        );
    }
    shop = shop.see(0, "s195", ProcessExit, "ended by signal 9");
    let start = Instant::now();
    let runs = 5;
    for _ in 0..runs {
        assert_eq!(shop.diagnose().causes[0].service, "s195");
    }
    let each = start.elapsed() / runs;
    // Release builds take less than 5 ms.
    assert!(each < Duration::from_millis(500), "took {each:?}");
}

/// Two hundred findings move among two thousand services: each is given its place, the incident that most of
/// them are in gets its causes. As `examples/diagnose_speed.rs` measures it.
#[test]
fn thousands_of_services_cost_little_when_few_findings_move() {
    let shop = Shop::spread(2_000, 200);
    let start = Instant::now();
    let topology = shop.topology();
    let made = start.elapsed();
    let world = shop.world(&topology);
    for finding in &shop.findings {
        std::hint::black_box(diagnose::group(finding, &[], &world));
    }
    let grouped = start.elapsed() - made;
    let causes = shop.diagnose().causes;
    let ranked = start.elapsed() - made - grouped;
    assert!(!causes.is_empty());
    // Optimised, each part takes less than 5 ms: the services are looked at once, not for each finding.
    for (what, took) in [("topology", made), ("grouping", grouped), ("ranking", ranked)] {
        assert!(took < Duration::from_millis(250), "{what} took {took:?}");
    }
}

#[test]
fn ten_thousand_findings_are_diagnosed() {
    let mut shop = Shop::layers(100);
    for i in 0..10_000 {
        let kind = [ErrorRate, Latency, LogNewPattern, MetricAnomaly][i % 4];
        shop = shop.see(1_000 + (i as i64 % 500), &format!("s{}", i % 100), kind, &format!("finding {i}"));
    }
    shop = shop.see(0, "s95", ProcessExit, "ended");
    let start = Instant::now();
    let d = shop.diagnose();
    assert!(start.elapsed() < Duration::from_secs(3), "took {:?}", start.elapsed());
    assert_eq!((d.causes[0].service.as_str(), d.causes[0].class), ("s95", FailureClass::Crash));
    assert!(d.evidence.len() < 100, "evidence stays readable");
}

#[test]
fn hostile_text_stays_small() {
    let shop = Shop::new().see(0, "a", ProcessExit, &"💥\u{0}<script>".repeat(100_000));
    let d = shop.diagnose();
    assert!(d.title.len() < 2_000);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever is reported, in whatever graph: sums stay below 1, nothing panics, ids repeat.
    #[test]
    fn any_world_is_survived(
        edges in proptest::collection::vec((0usize..8, 0usize..8), 0..20),
        findings in proptest::collection::vec((0usize..8, 0usize..11, -100_000i64..100_000), 0..30),
    ) {
        use model::FindingKind::{CpuSaturation, DiskFilling, LogBurst, MemoryLeak, ProbeFailure, RestartLoop};
        let kinds = [
            ProbeFailure, ProcessExit, RestartLoop, ErrorRate, Latency, CpuSaturation, MemoryLeak, DiskFilling,
            LogNewPattern, LogBurst, MetricAnomaly,
        ];
        let mut shop = Shop::new();
        for (a, b) in edges {
            shop.graph.put(edge(&format!("n{a}"), &format!("n{b}"), 0.3, 50.0));
        }
        for (n, (service, kind, ms)) in findings.into_iter().enumerate() {
            shop = shop.see(ms, &format!("n{service}"), kinds[kind], &format!("finding {n}"));
        }
        let d = shop.diagnose();
        prop_assert!(d.causes.iter().map(|c| c.probability).sum::<f64>() <= 1.0);
        prop_assert_eq!(&d, &shop.diagnose());
        let grouped: usize = shop.incidents().iter().map(Vec::len).sum();
        prop_assert_eq!(grouped, shop.findings.len(), "every finding has one home");
    }
}
