//! All metrics of a service together: many that leave their course a little at once, or that stop moving together.
//!
//! Metrics count by name, as the mean over instances in steps of ten seconds. Conservative on purpose: what no single
//! metric shows is worth a word only when it is far beyond everything before, and lasts.

use std::collections::BTreeMap;

use model::{FindingKind, Labels, MetricSeries, Severity, Signal, Subject, Timestamp};
use serde::{Deserialize, Serialize};

use crate::bounded::Bounded;
use crate::detectors::Detector;
use crate::features::Seen;
use crate::findings::{Context, Findings, Sighting};
use crate::multivariate::{Multivariate, Verdict};
use crate::settings::Settings;

const NAME: &str = "service_metrics";
/// Services watched, and metrics of each: the first by name.
const SERVICES: usize = 200;
const METRICS: (usize, usize) = (3, 24);
const STEP_MS: i64 = 10_000;
/// Steps in which the metrics of a service become known, and after which one that is silent is gone.
const GATHER: u32 = 30;
const GONE: u32 = 60;
/// All spans follow from a season: an hour, so that evidence is smoothed over one or two minutes.
const SEASON: usize = 360;
/// Steps learned before the first word.
const LEARNED: u64 = 720;
/// So far beyond the 99th percentile, for so many steps in a row.
const FAR: f64 = 6.0;
const HELD: u32 = 6;
/// Over when it is back to this.
const NEAR: f64 = 2.0;
const STALE_MS: i64 = 120_000;
/// Metrics named in a summary.
const NAMED: usize = 5;

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Current {
    sum: f64,
    values: u32,
    /// Steps without a value.
    silent: u32,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Watched {
    step: i64,
    steps: u32,
    current: BTreeMap<String, Current>,
    /// The metrics of the model, and the model; none while they are gathered.
    model: Option<(Vec<String>, Multivariate)>,
    far: u32,
    far_since: Timestamp,
}

/// See the module.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ServiceMetrics {
    services: Bounded<Watched>,
}

impl Watched {
    fn new(step: i64) -> Self {
        let current = BTreeMap::new();
        Self { step, steps: 0, current, model: None, far: 0, far_since: Timestamp::ZERO }
    }

    /// Ends a step: the point that it gave, once metrics are known.
    fn end(&mut self) -> Option<Vec<f64>> {
        self.steps = self.steps.saturating_add(1);
        for current in self.current.values_mut() {
            current.silent = if current.values == 0 { current.silent.saturating_add(1) } else { 0 };
        }
        let gone = |c: Option<&Current>| c.is_none_or(|c| c.silent >= GONE);
        if let Some((names, _)) = &self.model
            && names.iter().any(|name| gone(self.current.get(name)))
        {
            // Another set of metrics is another service to the model.
            (self.model, self.steps, self.far) = (None, 0, 0);
        }
        self.current.retain(|_, c| c.silent < GONE);
        if self.model.is_none() && self.steps >= GATHER && self.current.len() >= METRICS.0 {
            let names: Vec<String> = self.current.keys().take(METRICS.1).cloned().collect();
            let model = Multivariate::new(names.len(), SEASON);
            self.model = Some((names, model));
        }
        let point = self.model.as_ref().map(|(names, _)| {
            let mean = |name: &String| {
                let current = self.current.get(name).filter(|c| c.values > 0);
                current.map_or(f64::NAN, |c| c.sum / f64::from(c.values))
            };
            names.iter().map(mean).collect()
        });
        for current in self.current.values_mut() {
            (current.sum, current.values) = (0.0, 0);
        }
        point
    }

    fn judge(&mut self, cx: Context<'_>, service: &str, point: &[f64], findings: &mut Findings) {
        let Some((names, model)) = &mut self.model else { return };
        let verdict = model.judge(point);
        let far = model.learned() >= LEARNED && verdict.score >= FAR;
        // A few points far out would move the percentile that they are measured by.
        let open = findings.open_for_ms(cx, NAME, service).is_some();
        if (!far && !open) || (open && !findings.holds_learning(cx, NAME, service)) {
            model.learn();
        }
        if !far {
            self.far = 0;
            if verdict.score < NEAR {
                findings.good(cx, NAME, service, cx.settings.clear_after_ms());
            }
        } else {
            self.far_since = if self.far == 0 { cx.now } else { self.far_since };
            self.far = self.far.saturating_add(1);
        }
        if self.far >= HELD {
            raise(cx, service, names, &verdict, self.far_since, findings);
        }
    }
}

fn raise(
    cx: Context<'_>,
    service: &str,
    names: &[String],
    verdict: &Verdict,
    since: Timestamp,
    findings: &mut Findings,
) {
    let mut ranked: Vec<(&String, f64)> =
        names.iter().zip(verdict.parts.iter().map(|part| part / verdict.score)).collect();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
    let named: Vec<String> = ranked
        .iter()
        .take(NAMED)
        .filter(|(_, share)| *share >= 0.05)
        .map(|(name, share)| format!("{name} {:.0} %", share * 100.0))
        .collect();
    let first = ranked.first().map_or_else(String::new, |(name, _)| (*name).clone());
    findings.raise(
        cx,
        Sighting {
            detector: NAME,
            key: service,
            kind: FindingKind::MetricAnomaly,
            service,
            instance: None,
            subject: Subject::Metric { name: first, labels: Labels::new() },
            severity: Severity::Low,
            score: 1.0 - 1.0 / verdict.score.max(1.0),
            direction: None,
            observed: None,
            expected: None,
            started_at: since,
            summary: format!("metrics together are unlike before; contributing: {}", named.join(", ")),
            samples: Vec::new(),
            time_to_limit_ms: None,
            stale_after_ms: Some(STALE_MS),
        },
    );
}

impl ServiceMetrics {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self { services: Bounded::new(settings.max_services.min(SERVICES)) }
    }

    fn point(
        &mut self,
        cx: Context<'_>,
        series: &MetricSeries,
        at: Timestamp,
        value: f64,
        findings: &mut Findings,
    ) {
        let step = at.as_unix_ms().div_euclid(STEP_MS);
        let watched = self.services.entry(&series.service, || Watched::new(step));
        if step > watched.step {
            if let Some(point) = watched.end() {
                watched.judge(cx, &series.service, &point, findings);
            }
            watched.step = step;
        }
        let room = watched.current.len() < 2 * METRICS.1;
        if room || watched.current.contains_key(&series.name) {
            let current = watched.current.entry(series.name.clone()).or_default();
            let sum = current.sum + value;
            if sum.is_finite() {
                (current.sum, current.values) = (sum, current.values.saturating_add(1));
            }
        }
    }
}

impl Detector for ServiceMetrics {
    fn see(&mut self, cx: Context<'_>, seen: &Seen<'_>, findings: &mut Findings) {
        let (Signal::Metric(series), Some((_, points))) = (seen.signal, &seen.series) else { return };
        // Parts of histograms and summaries say little one by one.
        let part = ["_bucket", "_sum", "_count"].iter().any(|p| series.name.ends_with(p));
        if seen.late || part || !cx.settings.metric_anomaly {
            return;
        }
        for point in points {
            self.point(cx, series, point.at, point.value, findings);
        }
    }
}
