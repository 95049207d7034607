//! Every fault of the demo against real processes: found, explained, repaired, verified.

use std::process::Stdio;

use serde_json::Value;

use crate::process::binary;

fn check(fault: &str) {
    let dir = tempfile::tempdir().unwrap();
    let output = binary()
        .args(["demo", "--once", "--json", "--listen", "127.0.0.1:0", "--fault", fault, "--dir"])
        .arg(dir.path().join("demo"))
        .env("XDG_STATE_HOME", dir.path().join("state"))
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let last = text.lines().last().unwrap_or_default();
    let report: Value = serde_json::from_str(last).unwrap_or_else(|e| panic!("{fault}: {e}: {text}"));
    assert!(output.status.success(), "{fault} was not repaired: {report:#}");
    assert_eq!(report["cause_correct"], true, "{fault} was misunderstood: {report:#}");
    assert_eq!(report["false_alarms"], 0, "{fault} raised a false alarm: {report:#}");
    assert!(report["detected_ms"].as_i64().is_some_and(|ms| ms < 15_000), "{report:#}");
}

#[test]
fn a_healthy_shop_opens_no_incident() {
    let dir = tempfile::tempdir().unwrap();
    let output = binary()
        .args([
            "demo",
            "--once",
            "--healthy",
            "--minutes",
            "0.5",
            "--json",
            "--listen",
            "127.0.0.1:0",
            "--dir",
        ])
        .arg(dir.path().join("demo"))
        .env("XDG_STATE_HOME", dir.path().join("state"))
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let report: Value = serde_json::from_str(text.lines().last().unwrap_or_default()).unwrap();
    assert!(output.status.success(), "{report:#}");
    assert_eq!((&report["incidents"], &report["minutes"]), (&0.into(), &0.5.into()));
    assert!(report["requests"].as_u64().is_some_and(|requests| requests > 100), "{report:#}");
}

macro_rules! faults {
    ($($name:ident = $fault:literal;)*) => {$(
        #[test]
        fn $name() {
            check($fault);
        }
    )*};
}

faults! {
    crash_is_repaired = "crash";
    crash_loop_is_repaired = "crash-loop";
    hang_is_repaired = "hang";
    memory_leak_is_repaired = "memory-leak";
    cpu_spin_is_repaired = "cpu-spin";
    slow_dependency_is_repaired = "slow-dependency";
    bad_release_is_repaired = "bad-release";
    bad_config_is_repaired = "bad-config";
    disk_full_is_repaired = "disk-full";
    log_flood_is_repaired = "log-flood";
}
