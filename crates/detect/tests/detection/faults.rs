//! Every fault of the demo world is found in time, as what it is, and is over when it is repaired.

use model::FindingKind;

use crate::world::{Fault, START_MS, World};

/// Injects at a healthy moment and expects a finding within `within_ms`, then a clean slate after repair.
fn check(fault: Fault, service: &str, kind: FindingKind, within_ms: i64) {
    check_from(&[25, 180, 420, 900], fault, service, kind, within_ms);
}

fn check_from(healthy: &[i64], fault: Fault, service: &str, kind: FindingKind, within_ms: i64) {
    for (seed, healthy_s) in (11..).zip(healthy.iter().copied()) {
        let mut world = World::new(seed);
        world.run(healthy_s);
        assert!(world.findings.is_empty(), "{fault:?} seed {seed}: {:?}", world.findings);
        world.inject(fault);
        world.run(30);
        let found = world.findings.iter().find(|f| f.kind == kind && f.service == service);
        let delay = found.map(|f| f.detected_at.as_unix_ms() - START_MS - healthy_s * 1_000);
        assert!(
            delay.is_some_and(|ms| ms <= within_ms),
            "{fault:?} seed {seed}: {kind:?} of {service} after {delay:?} ms; said {:#?}",
            world.findings.iter().map(|f| (f.kind, &f.service, &f.summary)).collect::<Vec<_>>(),
        );
        world.repair();
        world.run(60);
        let left: Vec<_> = world.firing().iter().map(|f| (&f.service, f.kind, &f.summary)).collect();
        assert!(left.is_empty(), "{fault:?} seed {seed}: still firing {left:#?}");
    }
}

#[test]
fn a_crash_is_a_process_exit() {
    check(Fault::Crash, "checkout", FindingKind::ProcessExit, 1_000);
    check(Fault::Crash, "checkout", FindingKind::ProbeFailure, 1_500);
    check(Fault::Crash, "gateway", FindingKind::ErrorRate, 5_000);
}

#[test]
fn a_crash_loop_is_a_restart_loop() {
    check(Fault::CrashLoop, "worker", FindingKind::RestartLoop, 9_000);
}

#[test]
fn a_hang_is_a_failing_probe() {
    check(Fault::Hang, "catalog", FindingKind::ProbeFailure, 3_000);
    check(Fault::Hang, "gateway", FindingKind::Latency, 3_000);
}

#[test]
fn a_leak_is_foreseen() {
    check(Fault::MemoryLeak, "catalog", FindingKind::MemoryLeak, 8_000);
}

#[test]
fn a_spin_saturates_the_processor() {
    check(Fault::CpuSpin, "worker", FindingKind::CpuSaturation, 3_000);
}

#[test]
fn a_slow_dependency_slows_its_callers_too() {
    for service in ["payments", "checkout", "gateway"] {
        check(Fault::SlowDependency, service, FindingKind::Latency, 10_000);
    }
}

#[test]
fn a_bad_release_fails_requests_and_says_new_things() {
    check(Fault::BadRelease, "checkout", FindingKind::ErrorRate, 6_000);
}

#[test]
fn a_bad_configuration_fails_requests() {
    check(Fault::BadConfig, "gateway", FindingKind::ErrorRate, 3_000);
}

#[test]
fn a_filling_disk_is_foreseen() {
    check(Fault::DiskFull, "checkout", FindingKind::DiskFilling, 8_000);
}

#[test]
fn a_flood_of_lines_is_a_burst() {
    check(Fault::LogFlood, "payments", FindingKind::LogBurst, 1_500);
}

#[test]
fn an_unknown_metric_that_leaves_its_band_for_good_is_an_anomaly() {
    check_from(&[180, 900], Fault::QueueStuck, "checkout", FindingKind::MetricAnomaly, 8_000);
}
