//! `bench log-templates`: the template miner on labelled log files, scored as Loghub-2.0 does (Jiang et al., ISSTA 2024):
//! grouping accuracy, F1 of groups (FGA) and F1 of groups whose template is right too (FTA). One configuration,
//! one pass over each file in the order of its lines.

mod read;
mod score;

use std::path::Path;
use std::time::Instant;

use detect::templates::Miner;
use serde_json::{Map, Value, json};

use self::read::Labelled;
use self::score::Score;
use crate::say;

/// Forms that a miner keeps.
const FORMS: usize = 10_000;
/// Lines that speed is measured on.
const SPEED_LINES: usize = 1_000_000;

/// Mines every labelled file below `data` and prints the scores; with `json` one object as last line.
///
/// # Errors
/// The folder holds no labelled logs, or a file of it cannot be read.
pub(super) fn run(data: &Path, json: bool) -> Result<(), String> {
    let logs = read::labelled(data)?;
    if logs.is_empty() {
        return Err(format!("no labelled logs below {}; unpack the logs data there", data.display()));
    }
    let scores: Vec<(&str, Score)> = logs.iter().map(|log| (log.name.as_str(), judge(log))).collect();
    say::out(format!("{:<24} {:>6} {:>6} {:>6}  templates  found", "log", "GA", "FGA", "FTA"));
    for (name, s) in &scores {
        let Score { ga, fga, fta, templates, found } = s;
        say::out(format!("{name:<24} {ga:>6.3} {fga:>6.3} {fta:>6.3}  {templates:>9}  {found:>5}"));
    }
    let mean = |of: fn(&Score) -> f64| scores.iter().map(|(_, s)| of(s)).sum::<f64>() / scores.len() as f64;
    let (ga, fga, fta) = (mean(|s| s.ga), mean(|s| s.fga), mean(|s| s.fta));
    say::out(format!("{:<24} {ga:>6.3} {fga:>6.3} {fta:>6.3}", "mean"));
    let (lines_per_s, forms) = speed(&logs);
    say::out(format!("{lines_per_s:.0} lines/s on one core; {forms} forms kept"));
    if json {
        let each: Map<String, Value> = scores.iter().map(|(n, s)| ((*n).to_owned(), s.to_json())).collect();
        say::out(json!({
            "ga": ga, "fga": fga, "fta": fta, "lines_per_s": lines_per_s, "forms": forms, "logs": each,
        }));
    }
    Ok(())
}

fn judge(log: &Labelled) -> Score {
    let mut miner = Miner::new(&log.name, FORMS);
    let mined: Vec<_> = log.lines.iter().map(|line| miner.mine(line)).collect();
    // Templates as they are at the end: stored lines keep their form, and show the template that it has by now.
    let found = mined.into_iter().map(|line| {
        let now = miner.current(line.form).unwrap_or(line);
        (now.id, now.template)
    });
    score::score(&log.templates, &found.collect::<Vec<_>>())
}

/// Lines a second over all logs in turn, and how many forms one miner for all of them keeps.
fn speed(logs: &[Labelled]) -> (f64, usize) {
    let mut miner = Miner::new("all", FORMS);
    let (mut lines, began) = (0, Instant::now());
    while lines < SPEED_LINES {
        for line in logs.iter().flat_map(|log| &log.lines) {
            std::hint::black_box(miner.mine(line));
            lines += 1;
        }
    }
    (lines as f64 / began.elapsed().as_secs_f64().max(1e-9), miner.forms())
}
