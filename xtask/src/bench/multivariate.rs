//! `bench multivariate`: all metrics of a machine together. The detector learns the training part of each machine, then
//! judges its test part point by point without learning or looking ahead; the score is the average precision of the
//! points as they are labelled, without any adjustment of whole segments. One configuration for all.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use detect::multivariate::{Multivariate, season};
use serde_json::{Map, Value, json};

use super::anomaly::precision;
use super::packed;
use crate::say;

/// Season of machines whose metrics do not repeat, in points.
const NO_SEASON: usize = 1_440;

struct Machine {
    set: String,
    name: String,
    train: Vec<Vec<f64>>,
    test: Vec<Vec<f64>>,
    anomalous: Vec<bool>,
}

/// Judges every machine below `data` and prints the scores; with `json` one object as last line.
///
/// # Errors
/// The folder holds no labelled machines, or a file of it cannot be read.
pub(super) fn run(data: &Path, json: bool) -> Result<(), String> {
    let machines = machines(data)?;
    if machines.is_empty() {
        return Err(format!("no labelled machines below {}; unpack the anomaly data there", data.display()));
    }
    say::out(format!("{:<28} {:>7} {:>7} {:>7} {:>7}", "machine", "points", "bad", "season", "auc_pr"));
    let mut sets: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    let (began, mut points) = (Instant::now(), 0);
    for machine in &machines {
        let (scores, season) = judge(machine);
        let score = precision::average(scores.into_iter(), &machine.anomalous);
        points += machine.train.len() + machine.test.len();
        let bad = machine.anomalous.iter().filter(|a| **a).count();
        let name = format!("{}/{}", machine.set, machine.name);
        say::out(format!("{name:<28} {:>7} {bad:>7} {season:>7} {score:>7.3}", machine.test.len()));
        sets.entry(&machine.set).or_default().push(score);
    }
    let per_s = points as f64 / began.elapsed().as_secs_f64().max(1e-9);
    let mut result: Map<String, Value> = Map::new();
    for (set, scores) in sets {
        let mean = scores.iter().sum::<f64>() / scores.len() as f64;
        say::out(format!("{set:<28} mean auc_pr {mean:.4} of {} machines", scores.len()));
        result.insert(format!("{set}_auc_pr"), json!(mean));
    }
    say::out(format!("{per_s:.0} points/s on one core, learned and judged"));
    result.insert("points_per_s".to_owned(), json!(per_s));
    if json {
        say::out(Value::Object(result));
    }
    Ok(())
}

fn judge(machine: &Machine) -> (Vec<f64>, usize) {
    let season = season(&machine.train).unwrap_or(NO_SEASON);
    let metrics = machine.train.first().map_or(0, Vec::len);
    let mut detector = Multivariate::new(metrics, season);
    for point in &machine.train {
        detector.judge(point);
        detector.learn();
    }
    detector.refresh();
    (machine.test.iter().map(|point| detector.judge(point).score).collect(), season)
}

/// Every `NAME_train`, `NAME_test` and `NAME_test_label` of one folder is a machine.
fn machines(data: &Path) -> Result<Vec<Machine>, String> {
    let files = packed::files(data)?;
    let mut machines = Vec::new();
    for path in &files {
        let Some(name) = packed::name(path).strip_suffix("_train.csv").map(str::to_owned) else { continue };
        let beside = |part: &str| {
            let wanted = format!("{name}_{part}.csv");
            files.iter().find(|f| f.parent() == path.parent() && packed::name(f) == wanted)
        };
        let (Some(test), Some(label)) = (beside("test"), beside("test_label")) else { continue };
        let anomalous = rows(label)?.iter().map(|row| row.first().is_some_and(|v| *v > 0.5)).collect();
        let (train, test) = (rows(path)?, rows(test)?);
        machines.push(Machine { set: packed::folder(path), name, train, test, anomalous });
    }
    Ok(machines)
}

fn rows(path: &Path) -> Result<Vec<Vec<f64>>, String> {
    let number = |cell: &str| cell.trim().parse().unwrap_or(f64::NAN);
    let text = packed::text(path)?;
    Ok(text.lines().filter(|l| !l.is_empty()).map(|line| line.split(',').map(number).collect()).collect())
}
