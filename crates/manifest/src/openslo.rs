//! Objectives from OpenSLO files, version `openslo/v1`: <https://github.com/OpenSLO/OpenSLO>.
//!
//! What is measured comes from Prometheus metrics (a selector, also inside `sum(rate(…[5m]))`) or, with the type
//! `Homeostat`, from the requests that a service's spans tell of. Windows are rolling; a calendar window is taken as a
//! rolling one of its length.

mod kinds;
mod selector;

use std::collections::BTreeMap;

use model::{Budgeting, Burn, Comparison, Indicator, Objective, Severity};
use workflow::yaml;

use self::kinds::{
    Condition, ConditionEntry, DataSource, Document, Indicator as IndicatorSpec, Metric, ObjectiveSpec,
    Policy, PolicyEntry, Slo, Source,
};
use crate::ManifestError;

/// Longest window, in milliseconds: 92 days.
const MAX_WINDOW_MS: i64 = 92 * DAY_MS;
const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;
const MAX_OBJECTIVES: usize = 1_000;

/// Long windows with the share of the budget that may go in each, their short windows and how bad it is: the
/// recommendation of The Site Reliability Workbook, chapter 5.
const BURNS: [(i64, f64, i64, Severity); 4] = [
    (HOUR_MS, 0.02, 5 * MINUTE_MS, Severity::Critical),
    (6 * HOUR_MS, 0.05, 30 * MINUTE_MS, Severity::High),
    (DAY_MS, 0.10, 2 * HOUR_MS, Severity::Medium),
    (3 * DAY_MS, 0.10, 6 * HOUR_MS, Severity::Medium),
];

/// Reads objectives from files: name and text of each. Objects may refer to each other across files.
///
/// # Errors
/// The first thing that cannot be read or understood: where, what, and what to do.
pub fn objectives(files: &[(String, String)]) -> Result<Vec<Objective>, ManifestError> {
    let mut book = Book::default();
    for (file, text) in files {
        for (line, part) in documents(text) {
            let place = yaml::read(file, &part, line)?;
            if matches!(place.value, yaml::Node::Null) {
                continue;
            }
            let at = At { file, line };
            let document: Document =
                serde_json::from_value(place.to_json()).map_err(|e| at.error(e.to_string()))?;
            book.add(at, document)?;
        }
    }
    let mut found: Vec<Objective> = Vec::new();
    for (at, slo) in &book.slos {
        for objective in book.objectives(*at, slo)? {
            if found.iter().any(|known| known.name == objective.name) {
                return Err(at.error(format!("the SLO `{}` is there twice; rename one", slo.metadata.name)));
            }
            found.push(objective);
        }
    }
    if let (true, Some((at, _))) = (found.len() > MAX_OBJECTIVES, book.slos.last()) {
        return Err(at.error("there are more than 1,000 objectives".to_owned()));
    }
    Ok(found)
}

/// The documents of a file with their first lines.
fn documents(text: &str) -> Vec<(u32, String)> {
    let mut parts = vec![(1, String::new())];
    for (n, line) in text.lines().enumerate() {
        if line.trim_end() == "---" {
            parts.push((u32::try_from(n + 2).unwrap_or(u32::MAX), String::new()));
        } else if let Some((_, part)) = parts.last_mut() {
            part.push_str(line);
            part.push('\n');
        }
    }
    parts.retain(|(_, part)| !part.trim().is_empty());
    parts
}

#[derive(Clone, Copy)]
struct At<'a> {
    file: &'a str,
    line: u32,
}

impl At<'_> {
    fn error(&self, message: String) -> ManifestError {
        ManifestError { file: self.file.to_owned(), line: self.line, column: 1, message }
    }
}

#[derive(Default)]
struct Book<'a> {
    slos: Vec<(At<'a>, Slo)>,
    indicators: BTreeMap<String, IndicatorSpec>,
    policies: BTreeMap<String, Policy>,
    conditions: BTreeMap<String, Condition>,
    sources: BTreeMap<String, DataSource>,
}

impl<'a> Book<'a> {
    fn add(&mut self, at: At<'a>, document: Document) -> Result<(), ManifestError> {
        let (api, name) = (document.api_version.as_str(), document.metadata.name.clone());
        if api != "openslo/v1" {
            return Err(at.error(format!("`apiVersion` is `{}`; `openslo/v1` is read", yaml::clip(api))));
        }
        let wrong = |e: serde_json::Error| at.error(format!("the {} `{name}`: {e}", document.kind));
        let spec = document.spec;
        match document.kind.as_str() {
            "SLO" => {
                let spec = serde_json::from_value(spec).map_err(wrong)?;
                self.slos.push((at, Slo { metadata: document.metadata, spec }));
            }
            "SLI" => drop(self.indicators.insert(name.clone(), serde_json::from_value(spec).map_err(wrong)?)),
            "AlertPolicy" => {
                drop(self.policies.insert(name.clone(), serde_json::from_value(spec).map_err(wrong)?));
            }
            "AlertCondition" => {
                drop(self.conditions.insert(name.clone(), serde_json::from_value(spec).map_err(wrong)?));
            }
            "DataSource" => {
                drop(self.sources.insert(name.clone(), serde_json::from_value(spec).map_err(wrong)?))
            }
            // Who is told and what is run is known here from elsewhere.
            "AlertNotificationTarget" | "Service" => {}
            other => {
                let known = ["SLO", "SLI", "AlertPolicy", "AlertCondition", "DataSource", "Service"];
                let near = yaml::suggest(other, known.into_iter()).unwrap_or("SLO");
                return Err(
                    at.error(format!("there is no kind `{}`; did you mean `{near}`?", yaml::clip(other)))
                );
            }
        }
        Ok(())
    }

    fn objectives(&self, at: At<'_>, slo: &Slo) -> Result<Vec<Objective>, ManifestError> {
        let name = &slo.metadata.name;
        let fail = |message: String| at.error(format!("the SLO `{name}`: {message}"));
        let indicator = match (&slo.spec.indicator, &slo.spec.indicator_ref) {
            (Some(inline), None) => &inline.spec,
            (None, Some(other)) => self
                .indicators
                .get(other)
                .ok_or_else(|| fail(format!("there is no SLI `{}`", yaml::clip(other))))?,
            _ => return Err(fail("give one of `indicator` and `indicatorRef`".to_owned())),
        };
        let [window] = &slo.spec.time_window[..] else {
            return Err(fail("give exactly one `timeWindow`".to_owned()));
        };
        let window_ms = duration(&window.duration).map_err(&fail)?;
        if !(DAY_MS..=MAX_WINDOW_MS).contains(&window_ms) {
            return Err(fail("the `timeWindow` must be 1 to 92 days long".to_owned()));
        }
        let burns = self.burns(slo, window_ms).map_err(&fail)?;
        let many = slo.spec.objectives.len() > 1;
        let mut found = Vec::with_capacity(slo.spec.objectives.len());
        for (n, promised) in slo.spec.objectives.iter().enumerate() {
            let target = match (promised.target, promised.target_percent) {
                (Some(target), None) => target,
                (None, Some(percent)) => percent / 100.0,
                _ => return Err(fail("give one of `target` and `targetPercent`".to_owned())),
            };
            if !(target > 0.0 && target < 1.0) {
                return Err(fail("a target lies above 0 and below 1: 0.999".to_owned()));
            }
            let shown = slo.metadata.display_name.as_deref().unwrap_or(name);
            found.push(Objective {
                name: if many { format!("{name}-{}", n + 1) } else { name.clone() },
                title: match promised.display_name.as_deref().filter(|_| many) {
                    Some(one) => format!("{shown}, {one}"),
                    None => shown.to_owned(),
                },
                service: slo.spec.service.clone(),
                target,
                window_ms,
                indicator: self.indicator(indicator, promised).map_err(&fail)?,
                budgeting: budgeting(&slo.spec.budgeting_method, promised).map_err(&fail)?,
                burns: burns.clone(),
            });
        }
        Ok(found)
    }

    fn indicator(&self, spec: &IndicatorSpec, promised: &ObjectiveSpec) -> Result<Indicator, String> {
        let limit = || -> Result<(Comparison, f64), String> {
            let comparison = match promised.op.as_deref() {
                Some("lt") => Comparison::Lt,
                Some("lte") => Comparison::Lte,
                Some("gt") => Comparison::Gt,
                Some("gte") => Comparison::Gte,
                _ => return Err("a `thresholdMetric` needs `op`: lt, lte, gt or gte".to_owned()),
            };
            Ok((comparison, promised.value.ok_or("a `thresholdMetric` needs `value`")?))
        };
        match (&spec.threshold_metric, &spec.ratio_metric) {
            (Some(metric), None) => match self.source(metric)? {
                Measured::Requests => match limit()? {
                    (Comparison::Lt | Comparison::Lte, ms) => Ok(Indicator::Requests { within_ms: Some(ms) }),
                    _ => Err("requests are good below a limit: `op: lt` or `lte`, `value` in ms".to_owned()),
                },
                Measured::Series(value) => {
                    let (keeps, limit) = limit()?;
                    Ok(Indicator::Threshold { value, keeps, limit })
                }
            },
            (None, Some(ratio)) => {
                if ratio.raw.is_some() || ratio.raw_type.is_some() {
                    return Err("`raw` ratios are not read; give `good` or `bad`, and `total`".to_owned());
                }
                let total = ratio.total.as_ref().ok_or("`ratioMetric` needs `total`")?;
                let (part, good) = match (&ratio.good, &ratio.bad) {
                    (Some(good), None) => (good, true),
                    (None, Some(bad)) => (bad, false),
                    _ => return Err("`ratioMetric` needs one of `good` and `bad`".to_owned()),
                };
                match (self.source(part)?, self.source(total)?) {
                    (Measured::Series(part), Measured::Series(total)) => {
                        Ok(Indicator::Ratio { part, good, total })
                    }
                    (Measured::Requests, Measured::Requests) => Ok(Indicator::Requests { within_ms: None }),
                    _ => Err("`total` and its part must come from one source".to_owned()),
                }
            }
            _ => Err("give one of `thresholdMetric` and `ratioMetric`".to_owned()),
        }
    }

    fn source(&self, metric: &Metric) -> Result<Measured, String> {
        let Source { reference, kind, spec } = &metric.metric_source;
        let kind = match (kind, reference) {
            (Some(kind), _) => kind.as_str(),
            (None, Some(name)) => {
                let source = self.sources.get(name);
                &source.ok_or_else(|| format!("there is no DataSource `{}`", yaml::clip(name)))?.kind
            }
            (None, None) => return Err("`metricSource` needs `type` or `metricSourceRef`".to_owned()),
        };
        match kind.to_ascii_lowercase().as_str() {
            "prometheus" => {
                let query = spec.get("query").or_else(|| spec.get("promql")).and_then(|q| q.as_str());
                selector::read(query.ok_or("a Prometheus source needs `spec.query`")?).map(Measured::Series)
            }
            "homeostat" => match spec.get("signal").and_then(|s| s.as_str()) {
                Some("requests") => Ok(Measured::Requests),
                _ => Err("a Homeostat source has `spec: {signal: requests}`".to_owned()),
            },
            _ => Err(format!(
                "metrics of type `{}` are not read; use `Prometheus` with a query, or `Homeostat`",
                yaml::clip(kind)
            )),
        }
    }

    fn burns(&self, slo: &Slo, window_ms: i64) -> Result<Vec<Burn>, String> {
        let mut burns = Vec::new();
        for entry in slo.spec.alert_policies.iter().flatten() {
            let policy = match entry {
                PolicyEntry::Reference { alert_policy_ref: name } | PolicyEntry::Name(name) => {
                    let known = self.policies.get(name);
                    known.ok_or_else(|| format!("there is no AlertPolicy `{}`", yaml::clip(name)))?
                }
                PolicyEntry::Inline { spec, .. } => spec,
            };
            for condition in &policy.conditions {
                let condition = match condition {
                    ConditionEntry::Reference { condition_ref } => {
                        let known = self.conditions.get(condition_ref);
                        known.ok_or_else(|| {
                            format!("there is no AlertCondition `{}`", yaml::clip(condition_ref))
                        })?
                    }
                    ConditionEntry::Inline { spec, .. } => spec,
                };
                burns.push(burn(condition)?);
            }
        }
        if burns.is_empty() {
            let usual = BURNS.iter().filter(|(long_ms, ..)| long_ms * 4 <= window_ms);
            burns.extend(usual.map(|(long_ms, share, short_ms, severity)| Burn {
                rate: (share * window_ms as f64 / *long_ms as f64).max(1.0),
                long_ms: *long_ms,
                short_ms: *short_ms,
                severity: *severity,
            }));
        }
        Ok(burns)
    }
}

enum Measured {
    Series(model::Selector),
    Requests,
}

fn budgeting(method: &str, promised: &ObjectiveSpec) -> Result<Budgeting, String> {
    let slice_ms = || -> Result<i64, String> {
        let text = promised.time_slice_window.as_deref();
        let ms = duration(text.ok_or_else(|| format!("`{method}` needs `timeSliceWindow`"))?)?;
        let fine = (MINUTE_MS..=DAY_MS).contains(&ms);
        fine.then_some(ms).ok_or_else(|| "`timeSliceWindow` must be 1 minute to 1 day".to_owned())
    };
    match method {
        "Occurrences" => Ok(Budgeting::Occurrences),
        "Timeslices" => {
            let target = promised.time_slice_target.ok_or("`Timeslices` needs `timeSliceTarget`")?;
            if !(target > 0.0 && target <= 1.0) {
                return Err("`timeSliceTarget` lies above 0 and is at most 1".to_owned());
            }
            Ok(Budgeting::Timeslices { slice_ms: slice_ms()?, target })
        }
        "RatioTimeslices" => Ok(Budgeting::RatioTimeslices { slice_ms: slice_ms()? }),
        other => Err(format!(
            "there is no budgetingMethod `{}`; use Occurrences, Timeslices or RatioTimeslices",
            yaml::clip(other)
        )),
    }
}

fn burn(condition: &Condition) -> Result<Burn, String> {
    let rule = &condition.condition;
    if rule.kind.as_deref().is_some_and(|kind| !kind.eq_ignore_ascii_case("burnrate")) {
        return Err("only conditions of kind `burnrate` are read".to_owned());
    }
    let long_ms = duration(&rule.lookback_window)?;
    if rule.threshold.is_nan() || rule.threshold <= 0.0 || !(5 * MINUTE_MS..=30 * DAY_MS).contains(&long_ms) {
        return Err("a burn rate needs a `threshold` above 0 and a `lookbackWindow` of 5m to 30d".to_owned());
    }
    let severity = Severity::from_word(&condition.severity);
    // The short window is a twelfth of the long one.
    Ok(Burn { rate: rule.threshold, long_ms, short_ms: (long_ms / 12).max(MINUTE_MS), severity })
}

/// `5m`, `1h`, `4w`, `1M`, `1Q`: the shorthand of OpenSLO. A month counts 30 days, a quarter 91.
fn duration(text: &str) -> Result<i64, String> {
    let wrong = || format!("`{}` is no duration; write 5m, 1h, 28d, 4w, 1M or 1Q", yaml::clip(text));
    let (number, unit) = text.split_at(text.len() - text.chars().last().map_or(0, char::len_utf8));
    let number: i64 = number.parse().map_err(|_| wrong())?;
    let unit = match unit {
        "m" => MINUTE_MS,
        "h" => HOUR_MS,
        "d" => DAY_MS,
        "w" => 7 * DAY_MS,
        "M" => 30 * DAY_MS,
        "Q" => 91 * DAY_MS,
        "Y" => 365 * DAY_MS,
        _ => return Err(wrong()),
    };
    (1..=10_000).contains(&number).then(|| number * unit).ok_or_else(wrong)
}
