//! `bench log-anomaly`: sessions of log lines that went wrong. A model learns the sessions of the earlier time, without
//! labels, and judges the later ones. One configuration; F1 by session.
//!
//! Sessions whose names are paths (`application_1/container_7`) are also judged together with the others of their
//! application, as labels of such sets are made by application.

mod read;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use detect::sessions::{Evidence, SessionModel};
use serde_json::{Map, Value, json};

use self::read::{Judged, Set};
use crate::say;

struct Score {
    found: usize,
    wrong: usize,
    missed: usize,
}

impl Score {
    fn f1(&self) -> f64 {
        let all = 2 * self.found + self.wrong + self.missed;
        if all == 0 { 0.0 } else { 2.0 * self.found as f64 / all as f64 }
    }
}

/// Judges every labelled set below `data` and prints the scores; with `json` one object as last line.
///
/// # Errors
/// The folder holds no labelled sessions, or a file of it cannot be read.
pub(super) fn run(data: &Path, json: bool) -> Result<(), String> {
    let sets = read::sets(data)?;
    if sets.is_empty() {
        return Err(format!("no labelled sessions below {}; unpack the logs data there", data.display()));
    }
    say::out(format!(
        "{:<24} {:>8} {:>7} {:>6} {:>6} {:>6} {:>6} {:>7} {:>9}",
        "set", "learned", "judged", "bad", "found", "wrong", "missed", "f1", "f1 alone"
    ));
    let mut each: Map<String, Value> = Map::new();
    let (mut sum, began, mut judged) = (0.0, Instant::now(), 0);
    for set in &sets {
        let (alone, together, reasons) = judge(set);
        judged += set.later.len() + set.earlier.len();
        let bad = set.later.iter().filter(|s| s.is_bad).count();
        let Score { found, wrong, missed } = &together;
        let (learned, later) = (set.earlier.len(), set.later.len());
        let name = &set.name;
        say::out(format!(
            "{name:<24} {learned:>8} {later:>7} {bad:>6} {found:>6} {wrong:>6} {missed:>6} {:>7.4} {:>9.4}",
            together.f1(),
            alone.f1()
        ));
        say::note(format!("{name}: evidence against bad and good sessions {reasons:?}"));
        sum += together.f1();
        each.insert(name.clone(), json!({"f1": together.f1(), "f1_alone": alone.f1()}));
    }
    let f1 = sum / sets.len() as f64;
    let per_s = judged as f64 / began.elapsed().as_secs_f64().max(1e-9);
    say::out(format!("mean f1 {f1:.4}; {per_s:.0} sessions/s on one core, learned and judged"));
    if json {
        say::out(json!({"f1": f1, "sessions_per_s": per_s, "sets": each}));
    }
    Ok(())
}

type Reasons = BTreeMap<&'static str, [usize; 2]>;

/// Scores of the later sessions, each alone and with those of its family, and how often each kind of evidence spoke.
fn judge(set: &Set) -> (Score, Score, Reasons) {
    let mut model = SessionModel::default();
    set.earlier.iter().for_each(|session| model.learn(session));
    let mut reasons = Reasons::new();
    let mut said: Vec<bool> = Vec::with_capacity(set.later.len());
    for later in &set.later {
        let elapsed = set.ends_ms.map(|end| end - later.session.span_ms().0);
        let evidence = model.judge(&later.session, elapsed);
        let mut kinds: Vec<&str> = evidence.iter().map(name).collect();
        kinds.dedup();
        for kind in kinds {
            reasons.entry(kind).or_default()[usize::from(!later.is_bad)] += 1;
        }
        said.push(!evidence.is_empty());
    }
    let family =
        |later: &Judged| later.name.split_once('/').map_or(later.name.clone(), |(f, _)| f.to_owned());
    let mut families: BTreeMap<String, bool> = BTreeMap::new();
    for (later, said) in set.later.iter().zip(&said) {
        *families.entry(family(later)).or_default() |= said;
    }
    let together: Vec<bool> = set.later.iter().map(|later| families[&family(later)]).collect();
    (score(set, &said), score(set, &together), reasons)
}

fn name(evidence: &Evidence) -> &'static str {
    match evidence {
        Evidence::Template { .. } => "template",
        Evidence::Count { .. } => "count",
        Evidence::Flood { .. } => "flood",
        Evidence::Unequal { .. } => "unequal",
        Evidence::Order { .. } => "order",
    }
}

fn score(set: &Set, said: &[bool]) -> Score {
    let count = |bad: bool, said_bad: bool| {
        set.later.iter().zip(said).filter(|(later, said)| later.is_bad == bad && **said == said_bad).count()
    };
    Score { found: count(true, true), wrong: count(false, true), missed: count(true, false) }
}
