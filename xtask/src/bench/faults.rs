//! `bench faults`: every fault of the demo on real processes, several times, each in a world of its own.

use std::process::{Command, Stdio};

use serde_json::{Map, Value, json};

use super::median;
use crate::place::Scratch;
use crate::{build, place, say};

const FAULTS: [&str; 10] = [
    "crash",
    "crash-loop",
    "hang",
    "memory-leak",
    "cpu-spin",
    "slow-dependency",
    "bad-release",
    "bad-config",
    "disk-full",
    "log-flood",
];

pub(super) fn run(runs: usize, only: &[String], json: bool) -> Result<(), String> {
    if let Some(unknown) = only.iter().find(|f| !FAULTS.contains(&f.as_str())) {
        return Err(format!("there is no fault {unknown:?}; there are {}", FAULTS.join(", ")));
    }
    say::note("building the release binary …");
    build::release()?;
    let wanted = FAULTS.iter().filter(|f| only.is_empty() || only.iter().any(|o| o == *f));
    say::out(format!(
        "{:<16} {:>12} {:>12} {:>12} {:>9} {:>12} {:>12}",
        "fault", "detected ms", "recovered ms", "worst ms", "verified", "right cause", "false alarms"
    ));
    let mut object = Map::new();
    let mut all_verified = true;
    for fault in wanted {
        let mut reports = Vec::new();
        for number in 1..=runs.max(1) {
            let report = once(fault)?;
            say::note(format!("{fault} {number} of {runs}: {report}"));
            reports.push(report);
        }
        let numbers = |key: &str| -> Vec<f64> { reports.iter().filter_map(|r| r[key].as_f64()).collect() };
        let share = |key: &str| reports.iter().filter(|r| r[key] == true).count();
        let (detected, recovered) = (numbers("detected_ms"), numbers("recovered_ms"));
        let worst = recovered.iter().copied().fold(f64::NAN, f64::max);
        let (verified, right) = (share("verified"), share("cause_correct"));
        let alarms = numbers("false_alarms").iter().sum::<f64>();
        let shown = |value: Option<f64>| value.map_or("never".to_owned(), |v| format!("{v:.0}"));
        let (seen, well) = (median(&detected), median(&recovered));
        all_verified &= verified == reports.len();
        say::out(format!(
            "{fault:<16} {:>12} {:>12} {worst:>12.0} {:>9} {:>12} {alarms:>12.0}",
            shown(seen),
            shown(well),
            format!("{verified}/{}", reports.len()),
            format!("{right}/{}", reports.len()),
        ));
        object.insert((*fault).to_owned(), json!({
            "detected_ms": seen, "recovered_ms": well, "recovered_ms_max": Some(worst).filter(|w| w.is_finite()),
            "runs": reports.len(), "verified": verified, "cause_correct": right, "false_alarms": alarms,
        }));
    }
    if json {
        say::out(json!({"faults": object, "all_verified": all_verified}));
    }
    Ok(())
}

/// One fault in a fresh world; its report also when it was not repaired.
fn once(fault: &str) -> Result<Value, String> {
    let scratch = Scratch::new("fault")?;
    let output = Command::new(place::binary("release"))
        .args(["demo", "--once", "--json", "--listen", "127.0.0.1:0", "--fault", fault, "--dir"])
        .arg(scratch.path().join("demo"))
        .env("HOME", scratch.path())
        .env("XDG_STATE_HOME", scratch.path().join("state"))
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .output()
        .map_err(|e| format!("cannot start the demo: {e}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let report = text.lines().rev().find_map(|line| serde_json::from_str::<Value>(line).ok());
    report.ok_or_else(|| format!("the demo gave no report:\n{}", String::from_utf8_lossy(&output.stderr)))
}
