//! `bench rootcause`: the ranking of causes on labelled failures of two kinds.
//!
//! Cases without calls (RCD and RCAEval lay them out as `SERVICE_FAULT/REPETITION/`): AC@k is the share of cases
//! whose service is among the first k, Avg@5 the mean of AC@1 to AC@5 (Pham et al., ASE 2024). Issues with calls and
//! a symptom (PetShop: Hardt et al., CLeaR 2024): top-1 and top-3, where a diagnosis that names nothing is a miss; and
//! specificity on data without an issue, where it must name nothing. One configuration for all.

mod quiet;
mod read;
mod score;

use std::path::Path;
use std::time::Instant;

use serde_json::{Map, Value, json};

use self::read::{Case, Kind};
use self::score::{Score, judge};
use crate::say;

/// Ranks every labelled failure below `data` and prints the scores; with `json` one object as last line.
///
/// # Errors
/// The folder holds no labelled failures, or a file of it cannot be read.
pub(super) fn run(data: &Path, json: bool) -> Result<(), String> {
    let found = read::cases(data)?;
    if found.cases.is_empty() {
        return Err(format!(
            "no labelled failures below {}; unpack the root cause data there",
            data.display()
        ));
    }
    let (mut score, mut slowest_ms, mut total_ms) = (Score::default(), 0.0_f64, 0.0);
    for case in &found.cases {
        let begun = Instant::now();
        let named = judge(case);
        let took_ms = begun.elapsed().as_secs_f64() * 1e3;
        slowest_ms = slowest_ms.max(took_ms);
        total_ms += took_ms;
        let place = named.iter().position(|service| *service == case.cause);
        if place != Some(0) {
            let first = named.first().map_or("nothing", String::as_str);
            say::out(format!(
                "{}: {} is {:?}, first is {first}",
                case.name,
                case.cause,
                place.map(|p| p + 1)
            ));
        }
        score.take(case, place);
    }
    let (quiet_calls, quiet_plain) = (quiet::of_calls(&found.scenarios), quiet::of_cases(&found.cases));
    let ms_per_case = total_ms / found.cases.len() as f64;
    table(&score);
    for (name, share) in [("with calls", quiet_calls), ("without calls", quiet_plain)] {
        if let Some(share) = share {
            say::out(format!("specificity {name}: {share:.3}"));
        }
    }
    let large_ms = large();
    say::out(format!(
        "{ms_per_case:.1} ms a case, slowest {slowest_ms:.1} ms; 200 services x 20 metrics {large_ms:.1} ms"
    ));
    if json {
        let mut all = Map::new();
        all.extend(score.to_json());
        all.insert("petshop_specificity".into(), quiet_calls.map_or(Value::Null, Value::from));
        all.insert("sockshop_specificity".into(), quiet_plain.map_or(Value::Null, Value::from));
        all.insert("ms_per_case".into(), json!(ms_per_case));
        all.insert("ms_slowest".into(), json!(slowest_ms));
        all.insert("ms_200_services_20_metrics".into(), json!(large_ms));
        say::out(Value::Object(all));
    }
    Ok(())
}

fn table(score: &Score) {
    say::out(format!("{:<44} {:>5} {:>6} {:>6} {:>6}", "cases", "n", "AC@1", "AC@3", "Avg@5"));
    for (name, hits) in score.rows() {
        let row = format!("{:>5} {:>6.3} {:>6.3} {:>6.3}", hits.cases, hits.at(1), hits.at(3), hits.avg5());
        say::out(format!("{name:<44} {row}"));
    }
}

/// A case of 200 services with 20 metrics each, an hour before and ten minutes since at one point in ten seconds.
fn large() -> f64 {
    let case = Case::large(200, 20, 360, 60);
    let mut times: Vec<f64> = (0..5)
        .map(|_| {
            let begun = Instant::now();
            std::hint::black_box(judge(&case));
            begun.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// Whether a case has calls.
const fn has_calls(case: &Case) -> bool {
    matches!(case.kind, Kind::Calls)
}
