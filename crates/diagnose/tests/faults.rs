//! Every fault of the demo shop with its secondary symptoms, in the order in which they show: one incident,
//! and the right service, class and change on top.

#[path = "support/shop.rs"]
mod shop;

use diagnose::PastIncident;
use model::FindingKind::{
    CpuSaturation, DiskFilling, ErrorRate, Latency, LogBurst, LogNewPattern, MemoryLeak, MetricAnomaly,
    ProbeFailure, ProcessExit, RestartLoop,
};
use model::{
    ChangeKind, Direction, EvidenceBody, FailureClass, Finding, FindingState, Impact, IncidentId, Severity,
    Tier,
};
use shop::{Shop, ahead, at, finding, traffic};

/// One incident, conclusive, with this service and class on top.
fn check(shop: &Shop, service: &str, class: FailureClass) -> diagnose::Diagnosis {
    let incidents = shop.incidents();
    assert_eq!(incidents.len(), 1, "one fault is one incident, got {incidents:#?}");
    let diagnosis = shop.diagnose();
    let top = &diagnosis.causes[0];
    assert_eq!((top.service.as_str(), top.class), (service, class), "{:#?}", diagnosis.why);
    assert!(diagnosis.conclusive, "{:#?}", diagnosis.why);
    assert!(top.probability >= 0.8, "a clear case must be near certain: {:#?}", diagnosis.why);
    check_sound(&diagnosis);
    diagnosis
}

/// What holds of every diagnosis.
fn check_sound(d: &diagnose::Diagnosis) {
    assert!(d.causes.iter().map(|c| c.probability).sum::<f64>() <= 1.0);
    for (i, cause) in d.causes.iter().enumerate() {
        assert_eq!(cause.rank as usize, i + 1);
        for id in &cause.evidence {
            assert!(d.evidence.iter().any(|e| e.id == *id), "cited evidence must exist");
        }
    }
    for evidence in &d.evidence {
        if let EvidenceBody::Metric { range, .. } | EvidenceBody::Logs { range, .. } = &evidence.body {
            assert!(range.from < range.to);
        }
    }
}

/// Every prefix of what is seen either names the right cause or admits that it does not know.
fn check_never_wrong_on_the_way(shop: &Shop, service: &str, classes: &[FailureClass]) {
    let mut findings = shop.findings.clone();
    findings.sort_by_key(|f| f.detected_at);
    for n in 1..=findings.len() {
        let part = Shop { findings: findings[..n].to_vec(), ..Shop::new() };
        let part = Shop { graph: shop.graph.clone(), changes: shop.changes.clone(), ..part };
        let diagnosis = part.diagnose();
        let top = &diagnosis.causes[0];
        let right = top.service == service && classes.contains(&top.class);
        assert!(right || !diagnosis.conclusive, "after {n} findings: {:#?}", diagnosis.why);
    }
}

#[test]
fn crash_of_checkout_fails_gateway_and_worker() {
    let shop = Shop::new()
        .see(0, "checkout", ProcessExit, "checkout-1 ended by signal 6")
        .see(200, "checkout", ProbeFailure, "connection refused")
        .see(300, "gateway", ErrorRate, "errors 34 %")
        .see(600, "worker", ErrorRate, "errors 90 %")
        .see(900, "gateway", LogNewPattern, "upstream refused")
        .see_with(traffic(1_000, "payments", Direction::Down));
    let d = check(&shop, "checkout", FailureClass::Crash);
    assert_eq!(d.causes[0].instance.as_deref(), Some("checkout-1"));
    assert_eq!(d.services[0], "checkout");
    assert!(d.title.contains("checkout crashed and affects gateway and worker"), "{}", d.title);
    let body = |f: fn(&EvidenceBody) -> bool| d.evidence.iter().any(|e| f(&e.body));
    assert!(body(|b| matches!(b, EvidenceBody::Process { .. })));
    assert!(body(|b| matches!(b, EvidenceBody::Structure { path } if path.last().unwrap() == "checkout")));
    assert!(body(|b| matches!(b, EvidenceBody::Timing { order } if order[0].0 == "checkout")));
    check_never_wrong_on_the_way(&shop, "checkout", &[FailureClass::Crash]);
}

#[test]
fn crash_is_seen_although_the_callers_errors_arrive_first() {
    let shop = Shop::new()
        .edge("gateway", "checkout", 1.0, 5.0)
        .see(0, "gateway", ErrorRate, "errors 34 %")
        .see(500, "checkout", ProbeFailure, "connection refused")
        .see(900, "checkout", ProcessExit, "checkout-1 ended by signal 6");
    check(&shop, "checkout", FailureClass::Crash);
    check_never_wrong_on_the_way(&shop, "checkout", &[FailureClass::Crash]);
}

#[test]
fn crash_loop_begins_as_a_crash() {
    let first = Shop::new().see(0, "worker", ProcessExit, "worker-1 ended by signal 6");
    check(&first, "worker", FailureClass::Crash);
    let later = first
        .see(3_000, "worker", ProbeFailure, "connection refused")
        .see(8_000, "worker", RestartLoop, "worker-1 ended 3 times within 10 s")
        .see_with(ahead(8_000, "worker", MemoryLeak, 60_000));
    check(&later, "worker", FailureClass::CrashLoop);
}

#[test]
fn hang_of_catalog_makes_gateway_wait() {
    let shop = Shop::new()
        .edge("gateway", "catalog", 0.5, 2_000.0)
        .see(0, "gateway", Latency, "p95 2000 ms")
        .see(1_000, "catalog", ProbeFailure, "health probe timed out after 1000 ms")
        .see(1_500, "gateway", ErrorRate, "errors 60 %")
        .see_with(traffic(1_600, "catalog", Direction::Down))
        .see_with(traffic(2_000, "checkout", Direction::Down));
    check(&shop, "catalog", FailureClass::Hang);
    check_never_wrong_on_the_way(&shop, "catalog", &[FailureClass::Hang]);
}

#[test]
fn memory_leak_is_found_before_it_hurts() {
    let shop = Shop::new().see_with(ahead(0, "catalog", MemoryLeak, 14_000));
    let d = check(&shop, "catalog", FailureClass::MemoryLeak);
    assert_eq!(d.impact, Impact::Low, "nobody notices yet");
}

#[test]
fn memory_leak_stays_the_cause_when_the_process_is_ended_for_it() {
    let shop = Shop::new()
        .see_with(ahead(0, "catalog", MemoryLeak, 3_000))
        .see(12_000, "catalog", ProcessExit, "catalog-1 ended by signal 9")
        .see(12_400, "gateway", ErrorRate, "errors 60 %");
    check(&shop, "catalog", FailureClass::MemoryLeak);
}

#[test]
fn cpu_spin_of_worker_slows_its_neighbours_a_little() {
    let mut slow = finding(1_500, "gateway", Latency, "p95 90 ms");
    slow.observed = Some(90.0);
    let shop = Shop::new().see(0, "worker", CpuSaturation, "worker-1 uses 200 % of a core").see_with(slow);
    check(&shop, "worker", FailureClass::CpuSpin);
}

#[test]
fn slow_payments_slow_checkout_and_gateway() {
    // The caller's alarm may well come first: nothing wrong may be concluded from it alone.
    let shop = Shop::new()
        .edge("gateway", "checkout", 0.0, 740.0)
        .edge("checkout", "payments", 0.0, 720.0)
        .see(400, "gateway", Latency, "p95 745 ms")
        .see(600, "checkout", Latency, "p95 741 ms")
        .see(800, "payments", Latency, "p95 702 ms, expected at most 40 ms");
    let d = check(&shop, "payments", FailureClass::SlowDependency);
    assert!(d.title.starts_with("payments answers slowly and slows checkout and gateway"), "{}", d.title);
    let cited = |e: &&model::Evidence| d.causes[0].evidence.contains(&e.id);
    let path = d.evidence.iter().filter(cited).find_map(|e| match &e.body {
        EvidenceBody::Structure { path } => Some(path.clone()),
        _ => None,
    });
    assert_eq!(path.unwrap(), ["gateway", "checkout", "payments"]);
    check_never_wrong_on_the_way(&shop, "payments", &[FailureClass::SlowDependency]);
}

#[test]
fn bad_release_of_checkout() {
    let shop = Shop::new()
        .change(-3_000, "checkout", ChangeKind::Deploy, "ci")
        .see(0, "checkout", ErrorRate, "errors 40 %")
        .see(100, "checkout", LogNewPattern, "order <*> failed: nil price")
        .see(500, "gateway", ErrorRate, "errors 14 %")
        .see(800, "checkout", LogBurst, "log rate 100/s");
    let d = check(&shop, "checkout", FailureClass::BadRelease);
    assert_eq!(d.causes[0].change, Some(shop.changes[0].id.clone()));
    assert!(d.evidence.iter().any(|e| matches!(&e.body, EvidenceBody::Change { .. })));
    check_never_wrong_on_the_way(&shop, "checkout", &[FailureClass::BadRelease]);
}

#[test]
fn bad_config_of_gateway_although_catalog_loses_its_traffic() {
    let shop = Shop::new()
        .change(-2_000, "gateway", ChangeKind::Config, "ops")
        .edge("gateway", "catalog", 1.0, 3.0)
        .see(0, "gateway", ErrorRate, "errors 68 %")
        .see(200, "gateway", LogNewPattern, "connect to <*> failed")
        .see_with(traffic(900, "catalog", Direction::Down));
    let d = check(&shop, "gateway", FailureClass::BadConfig);
    assert!(d.causes.iter().all(|c| c.service != "catalog" || c.probability < 0.1));
    check_never_wrong_on_the_way(&shop, "gateway", &[FailureClass::BadConfig]);
}

#[test]
fn disk_full_of_checkout_fails_orders() {
    let shop = Shop::new()
        .see_with(ahead(0, "checkout", DiskFilling, 8_000))
        .see(9_000, "checkout", ErrorRate, "errors 100 %")
        .see(9_200, "checkout", LogNewPattern, "no space left")
        .see(9_400, "gateway", ErrorRate, "errors 33 %")
        .see(9_900, "worker", ErrorRate, "errors 20 %");
    check(&shop, "checkout", FailureClass::DiskFull);
    check_never_wrong_on_the_way(&shop, "checkout", &[FailureClass::DiskFull]);
}

#[test]
fn log_flood_of_payments_also_raises_cpu() {
    let shop = Shop::new()
        .see(0, "payments", LogBurst, "2,000 lines/s")
        .see(700, "payments", CpuSaturation, "120 % of a core")
        .see(1_200, "payments", Latency, "p95 90 ms");
    let d = check(&shop, "payments", FailureClass::LogFlood);
    assert!(d.causes.iter().any(|c| c.class == FailureClass::CpuSpin), "the alternative is shown");
}

#[test]
fn a_flood_of_error_lines_is_no_flood() {
    let shop = Shop::new().see(0, "payments", ErrorRate, "errors").see(100, "payments", LogBurst, "lines");
    let d = shop.diagnose();
    assert!(!d.conclusive, "{:#?}", d.why);
}

#[test]
fn errors_alone_are_inconclusive() {
    let shop = Shop::new().see(0, "catalog", ErrorRate, "errors 12 %");
    let d = shop.diagnose();
    assert!(!d.conclusive);
    assert_eq!(d.causes[0].class, FailureClass::Unknown);
    assert!(d.title.contains("not clear"), "{}", d.title);
    check_sound(&d);
}

#[test]
fn two_equal_faults_in_one_incident_are_inconclusive() {
    let shop = Shop::new().see(0, "a", ProcessExit, "ended").see(0, "b", ProcessExit, "ended");
    let d = shop.diagnose();
    assert!(!d.conclusive, "{:#?}", d.why);
}

#[test]
fn nothing_abnormal_has_no_causes() {
    let d = Shop::new().diagnose();
    assert!(d.causes.is_empty() && d.evidence.is_empty() && !d.conclusive);
}

#[test]
fn an_old_deploy_is_not_blamed_for_a_crash() {
    let shop = Shop::new().change(-240_000, "checkout", ChangeKind::Deploy, "ci").see(
        0,
        "checkout",
        ProcessExit,
        "ended by signal 6",
    );
    check(&shop, "checkout", FailureClass::Crash);
}

#[test]
fn a_deploy_that_was_rolled_back_is_not_blamed() {
    let shop = Shop::new()
        .change(-50_000, "checkout", ChangeKind::Deploy, "ci")
        .change(-40_000, "checkout", ChangeKind::Rollback, "homeostat")
        .see(0, "checkout", ProcessExit, "ended by signal 6");
    check(&shop, "checkout", FailureClass::Crash);
}

#[test]
fn what_homeostat_did_itself_counts_against_a_cause() {
    let crash = |shop: Shop| shop.see(0, "checkout", ProcessExit, "ended by signal 6");
    let plain = crash(Shop::new()).diagnose().causes[0].probability;
    let own = crash(Shop::new().change(-2_000, "checkout", ChangeKind::Scale, "homeostat")).diagnose();
    assert!(own.causes[0].probability < plain, "{:#?}", own.why);
    assert!(own.causes[0].change.is_none());
}

#[test]
fn a_deploy_of_the_caller_is_not_blamed_when_the_callee_crashed() {
    let shop = Shop::new()
        .change(-30_000, "gateway", ChangeKind::Deploy, "ci")
        .see(0, "payments", ProcessExit, "ended by signal 6")
        .see(300, "checkout", ErrorRate, "errors 80 %")
        .see(400, "gateway", ErrorRate, "errors 20 %");
    let d = shop.diagnose();
    assert_eq!((d.causes[0].service.as_str(), d.causes[0].class), ("payments", FailureClass::Crash));
    assert!(d.conclusive, "{:#?}", d.why);
}

#[test]
fn history_lifts_a_cause_that_held_before_and_only_that() {
    let shop = Shop::new().see(0, "catalog", Latency, "p95 300 ms").see(0, "catalog", CpuSaturation, "90 %");
    let past = |held| PastIncident {
        incident: IncidentId::derive(at(-1_000_000), &["past"]),
        service: "catalog".into(),
        class: FailureClass::CpuSpin,
        kinds: vec![Latency, CpuSaturation],
        fixed_by: "restart-service".into(),
        held,
    };
    let plain = shop.diagnose();
    let good = Shop { past: vec![past(true)], ..shop };
    let informed = good.diagnose();
    assert!(informed.causes[0].probability > plain.causes[0].probability);
    assert!(informed.causes[0].scores.history > 0.9);
    assert!(informed.evidence.iter().any(|e| matches!(e.body, EvidenceBody::PastIncident { .. })));
    let bad = Shop { past: vec![past(false)], ..good };
    assert_eq!(bad.diagnose().causes[0].probability, plain.causes[0].probability);
}

#[test]
fn load_is_no_fault() {
    let shop = Shop::new()
        .see_with(traffic(-1_000, "catalog", Direction::Up))
        .see(0, "catalog", CpuSaturation, "95 %")
        .see(100, "catalog", Latency, "p95 120 ms");
    assert!(!shop.diagnose().conclusive);
}

#[test]
fn cycles_and_unknown_services_are_survived() {
    let shop = Shop::new()
        .edge("payments", "gateway", 0.0, 5.0)
        .see(0, "gateway", Latency, "slow")
        .see(0, "checkout", Latency, "slow")
        .see(0, "payments", Latency, "slow")
        .see(0, "nobody-knows-me", ErrorRate, "errors");
    let d = shop.diagnose();
    check_sound(&d);
    assert!(!d.causes.is_empty());
    let own = Shop::new()
        .edge("payments", "gateway", 0.0, 5.0)
        .see(0, "gateway", ErrorRate, "errors")
        .see(100, "payments", ProcessExit, "ended")
        .see(0, "checkout", ErrorRate, "errors");
    check(&own, "payments", FailureClass::Crash);
}

#[test]
fn severity_and_impact_follow_traffic_and_tier() {
    let mut errors = finding(0, "gateway", ErrorRate, "errors 80 %");
    errors.observed = Some(0.8);
    let shop = Shop::new().change(-1_000, "gateway", ChangeKind::Config, "ops").see_with(errors);
    assert_eq!(shop.diagnose().impact, Impact::High, "most requests fail");
    let quiet = Shop::new().see(0, "worker", CpuSaturation, "busy");
    assert_eq!(quiet.diagnose().impact, Impact::Low);
    let mut critical = Shop::new().see(0, "payments", ProcessExit, "ended");
    assert_eq!(critical.diagnose().impact, Impact::Medium);
    critical.services.values_mut().for_each(|s| s.tier = Tier::Critical);
    assert_eq!(critical.diagnose().impact, Impact::High);
}

#[test]
fn cleared_findings_no_longer_raise_severity() {
    let over = Finding {
        state: FindingState::Cleared,
        severity: Severity::Critical,
        ..finding(0, "a", ProcessExit, "x")
    };
    let still = Finding { severity: Severity::Low, ..finding(0, "a", LogNewPattern, "y") };
    let shop = Shop::new().see_with(over).see_with(still);
    assert_eq!(shop.diagnose().severity, Severity::Low);
}

#[test]
fn equal_input_gives_equal_output_in_any_order() {
    let shop = Shop::new()
        .see(0, "checkout", ProcessExit, "ended")
        .see(300, "gateway", ErrorRate, "errors")
        .see(300, "worker", MetricAnomaly, "queue");
    let once = shop.diagnose();
    let mut turned = shop;
    turned.findings.reverse();
    assert_eq!(once, turned.diagnose());
}
