//! Objectives whose error budget is spent too fast, over a long and a short window at once.

use std::collections::{BTreeMap, HashMap};

use model::{
    Burn, FindingKind, Indicator, Labels, MetricKind, MetricSeries, Objective, ObjectiveStatus, Point,
    Selector, Severity, Signal, SpanKind, Subject, Timestamp,
};
use regex::Regex;
use serde::{Deserialize, Serialize};

use crate::bounded::Bounded;
use crate::budget::{Budget, Count};
use crate::detectors::Detector;
use crate::features::Seen;
use crate::findings::{Context, Findings, Sighting};
use crate::settings::Settings;

const NAME: &str = "budget_burn";
/// Looked at this often.
const EVERY_MS: i64 = 1_000;
/// Fewer bad events over the long window are chance.
const LEAST_BAD: f64 = 3.0;
/// A counter that was silent for longer counts from where it is again.
const GAP_MS: i64 = 300_000;
/// Silence after which nothing is known any more.
const STALE_MS: i64 = 3_600_000;

/// See the module. Budgets are kept by name, so that an objective that is edited keeps what it spent.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct BudgetBurn {
    budgets: BTreeMap<String, Budget>,
    /// When each counter was seen last.
    counted_at: Bounded<Timestamp>,
    looked_at: Timestamp,
    /// Made of the settings when first needed.
    #[serde(skip)]
    index: Option<Index>,
}

/// Which objectives a signal is for.
#[derive(Clone, Debug, Default)]
struct Index {
    by_metric: HashMap<String, Vec<(usize, Role, Vec<Test>)>>,
    by_service: HashMap<String, Vec<usize>>,
}

/// What a series is to an objective.
#[derive(Clone, Copy, Debug)]
enum Role {
    Good,
    Bad,
    Total,
    Value,
}

/// A condition on a label, ready.
#[derive(Clone, Debug)]
struct Test {
    label: String,
    value: Result<String, Regex>,
    not: bool,
}

impl Test {
    fn holds(&self, service: &str, labels: &Labels) -> bool {
        let value = match self.label.as_str() {
            "service" => service,
            label => labels.get(label).map_or("", String::as_str),
        };
        let matches = match &self.value {
            Ok(text) => text == value,
            Err(regex) => regex.is_match(value),
        };
        matches != self.not
    }
}

impl Index {
    fn new(objectives: &[Objective]) -> Self {
        let mut index = Self::default();
        for (n, objective) in objectives.iter().enumerate() {
            match &objective.indicator {
                Indicator::Ratio { part, good, total } => {
                    index.add(n, if *good { Role::Good } else { Role::Bad }, part);
                    index.add(n, Role::Total, total);
                }
                Indicator::Threshold { value, .. } => index.add(n, Role::Value, value),
                Indicator::Requests { .. } => {
                    index.by_service.entry(objective.service.clone()).or_default().push(n);
                }
            }
        }
        index
    }

    fn add(&mut self, objective: usize, role: Role, selector: &Selector) {
        let tests = selector.matchers.iter().filter_map(|m| {
            let value = match m.regex {
                false => Ok(m.value.clone()),
                // Whoever reads objectives has tried it.
                true => Err(Regex::new(&format!("^(?:{})$", m.value)).ok()?),
            };
            Some(Test { label: m.label.clone(), value, not: m.not })
        });
        let place = self.by_metric.entry(selector.metric.clone()).or_default();
        place.push((objective, role, tests.collect()));
    }
}

impl BudgetBurn {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            budgets: BTreeMap::new(),
            counted_at: Bounded::new(settings.max_series),
            looked_at: Timestamp::ZERO,
            index: None,
        }
    }

    /// How each objective stands.
    pub(crate) fn statuses(&self, now: Timestamp, settings: &Settings) -> Vec<ObjectiveStatus> {
        let none = Budget::default();
        let status = |objective: &Objective| {
            let budget = self.budgets.get(&objective.name).unwrap_or(&none);
            let bad = budget.over(now, objective.window_ms).ratio();
            let speed = |ms: i64| budget.over(now, ms).ratio().map(|bad| bad / (1.0 - objective.target));
            ObjectiveStatus {
                met: bad.map(|bad| 1.0 - bad),
                budget_left: bad.map(|bad| 1.0 - bad / (1.0 - objective.target)),
                known_ms: budget.known_ms(now).min(objective.window_ms),
                burning: objective.burns.iter().map(|b| (speed(b.long_ms), speed(b.short_ms))).collect(),
                objective: objective.clone(),
            }
        };
        settings.objectives.iter().map(status).collect()
    }

    fn series(&mut self, cx: Context<'_>, series: &MetricSeries, key: &str, points: &[Point]) {
        let index = self.index.get_or_insert_with(|| Index::new(&cx.settings.objectives));
        let Some(places) = index.by_metric.get(&series.name) else { return };
        let wanted = places
            .iter()
            .filter(|(.., tests)| tests.iter().all(|test| test.holds(&series.service, &series.labels)));
        let wanted: Vec<(usize, Role)> = wanted.map(|(n, role, _)| (*n, *role)).collect();
        if wanted.is_empty() {
            return;
        }
        for point in points {
            // A counter comes as its rate a second; what counts is how much it grew.
            let amount = match series.kind {
                MetricKind::Gauge => point.value,
                MetricKind::Counter => {
                    let mut fresh = false;
                    let last = self.counted_at.entry(key, || {
                        fresh = true;
                        point.at
                    });
                    let apart_ms = if fresh { 0 } else { point.at.since_ms(*last) };
                    *last = point.at;
                    if !(1..=GAP_MS).contains(&apart_ms) {
                        continue;
                    }
                    point.value * apart_ms as f64 / 1_000.0
                }
            };
            for (n, role) in &wanted {
                let objective = &cx.settings.objectives[*n];
                let count = match (role, &objective.indicator) {
                    (Role::Total, _) => Count { bad: 0.0, total: amount },
                    (Role::Bad, _) => Count { bad: amount, total: 0.0 },
                    // All, less what is good, is bad.
                    (Role::Good, _) => Count { bad: -amount, total: 0.0 },
                    (Role::Value, Indicator::Threshold { keeps, limit, .. }) => {
                        Count { bad: f64::from(!keeps.keeps(amount, *limit)), total: 1.0 }
                    }
                    (Role::Value, _) => continue,
                };
                let count = match (role, &objective.indicator) {
                    (Role::Total, Indicator::Ratio { good: true, .. }) => Count { bad: count.total, ..count },
                    _ => count,
                };
                let budget = self.budgets.entry(objective.name.clone()).or_default();
                budget.see(point.at, count, objective.budgeting);
            }
        }
    }

    fn request(&mut self, cx: Context<'_>, at: Timestamp, span: &model::Span) {
        let index = self.index.get_or_insert_with(|| Index::new(&cx.settings.objectives));
        for n in index.by_service.get(&span.service).into_iter().flatten() {
            let objective = &cx.settings.objectives[*n];
            let Indicator::Requests { within_ms } = objective.indicator else { continue };
            let slow = within_ms.is_some_and(|ms| span.duration_us as f64 / 1_000.0 > ms);
            let count = Count { bad: f64::from(span.error || slow), total: 1.0 };
            self.budgets.entry(objective.name.clone()).or_default().see(at, count, objective.budgeting);
        }
    }
}

impl Detector for BudgetBurn {
    fn see(&mut self, cx: Context<'_>, seen: &Seen<'_>, _: &mut Findings) {
        if cx.settings.objectives.is_empty() {
            return;
        }
        match (seen.signal, &seen.series) {
            (Signal::Metric(series), Some((key, points))) => self.series(cx, series, key, points),
            (Signal::Span(span), _) if span.kind == SpanKind::Server => self.request(cx, seen.at, span),
            _ => {}
        }
    }

    fn judge(&mut self, cx: Context<'_>, findings: &mut Findings) {
        if cx.settings.objectives.is_empty() || cx.now.since_ms(self.looked_at) < EVERY_MS {
            return;
        }
        self.looked_at = cx.now;
        for objective in &cx.settings.objectives {
            let Some(budget) = self.budgets.get(&objective.name) else { continue };
            match worst(cx.now, objective, budget) {
                Some((burn, long)) => raise(cx, objective, budget, burn, long, findings),
                None => {
                    findings.good(cx, NAME, &objective.name, 0);
                }
            }
        }
        let known = |name: &String| cx.settings.objectives.iter().any(|o| o.name == *name);
        self.budgets.retain(|name, _| known(name));
    }
}

/// The worst burn that holds over both of its windows, with what the long one counted.
fn worst(now: Timestamp, objective: &Objective, budget: &Budget) -> Option<(Burn, Count)> {
    let allowed = 1.0 - objective.target;
    let holds = |burn: &Burn| {
        let (long, short) = (budget.over(now, burn.long_ms), budget.over(now, burn.short_ms));
        let fast = |count: Count| count.ratio().is_some_and(|bad| bad / allowed >= burn.rate);
        (long.bad >= LEAST_BAD && fast(long) && fast(short)).then_some((*burn, long))
    };
    let burning = objective.burns.iter().filter_map(holds);
    burning.max_by(|(a, _), (b, _)| a.severity.cmp(&b.severity).then(a.rate.total_cmp(&b.rate)))
}

fn raise(
    cx: Context<'_>,
    objective: &Objective,
    budget: &Budget,
    burn: Burn,
    long: Count,
    findings: &mut Findings,
) {
    let allowed = 1.0 - objective.target;
    let bad = long.ratio().unwrap_or(0.0);
    let speed = bad / allowed;
    let spent = budget.over(cx.now, objective.window_ms).ratio().unwrap_or(0.0) / allowed;
    // What is left lasts so long at this speed.
    let left_ms = (1.0 - spent).max(0.0) * objective.window_ms as f64 / speed;
    let left = match left_ms {
        ms if ms <= 0.0 => "nothing of it is left".to_owned(),
        ms => format!("used up in {} at this rate", words(ms as i64)),
    };
    let summary = format!(
        "{}: the error budget is spent {speed:.1} times too fast ({:.3} % good over {}, {} % promised); {left}",
        objective.title,
        (1.0 - bad) * 100.0,
        words(burn.long_ms),
        trimmed(objective.target * 100.0),
    );
    findings.raise(
        cx,
        Sighting {
            detector: NAME,
            key: &objective.name,
            kind: FindingKind::BudgetBurn,
            service: &objective.service,
            instance: None,
            subject: Subject::Objective { name: objective.name.clone() },
            severity: burn.severity,
            score: 0.99,
            direction: None,
            observed: Some(bad),
            expected: Some(model::Band { low: 0.0, high: allowed }),
            started_at: cx.now.plus_ms(-burn.short_ms),
            summary,
            samples: Vec::new(),
            time_to_limit_ms: (burn.severity < Severity::Critical).then_some(left_ms as u64),
            stale_after_ms: Some(STALE_MS),
        },
    );
}

/// `5 min`, `1 h`, `3 days`.
fn words(ms: i64) -> String {
    match ms {
        ms if ms >= 2 * 86_400_000 => format!("{:.1} days", ms as f64 / 86_400_000.0).replace(".0 ", " "),
        ms if ms >= 3_600_000 => format!("{:.1} h", ms as f64 / 3_600_000.0).replace(".0 ", " "),
        ms => format!("{} min", (ms / 60_000).max(1)),
    }
}

/// Without zeros at the end: `99.9`.
fn trimmed(value: f64) -> String {
    let text = format!("{value:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
