//! Any other gauge, or rate of a counter, that leaves its band and stays out. Conservative on purpose: of metrics
//! nobody described, only a departure that is both new and lasting is worth a word.

use model::{Band, Direction, FindingKind, Labels, MetricSeries, Severity, Signal, Subject, Timestamp};
use serde::{Deserialize, Serialize};

use crate::bounded::Bounded;
use crate::detectors::Detector;
use crate::features::Seen;
use crate::findings::{Context, Findings, Sighting};
use crate::report::Drift;
use crate::settings::Settings;
use crate::stats;
use crate::univariate::{Univariate, Verdict};

const NAME: &str = "metric_anomaly";
/// Families that have a detector of their own or only mirror what spans and logs say.
const KNOWN: [&str; 7] =
    ["process_", "data_folder_", "host_", "request_", "log_", "http_request", "http_server_"];
/// Parts of histograms and summaries say little one by one.
const PARTS: [&str; 3] = ["_bucket", "_sum", "_count"];
/// Points before the first word.
const POINTS_AT_LEAST: u32 = 120;
const ALARM: f64 = 0.15;
/// Out is this many times as far as the edge of the band, for so many points in a row.
const OUT: f64 = 1.75;
const HELD: u32 = 5;
/// An alarm not followed by a held departure within this many points was a spike.
const PATIENCE: u32 = 12;
const STALE_MS: i64 = 60_000;
/// More than this share outside the band lately is drift.
const DRIFT: f64 = 0.05;

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Watched {
    service: String,
    metric: String,
    labels: Labels,
    model: Univariate,
    last_at: Timestamp,
    alarmed: Option<Alarmed>,
}

/// What an alarm began.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Alarmed {
    began: Timestamp,
    /// Points since, and how many of them were out in a row.
    points: u32,
    out: u32,
    /// How far the band reached below and above what was expected, before the trouble was learned from.
    reach: (f64, f64),
}

impl Alarmed {
    /// What is said of a point by the band as it was.
    fn as_it_was(&self, verdict: Verdict) -> Verdict {
        let (below, above) = self.reach;
        Verdict { low: verdict.expected - below, high: verdict.expected + above, ..verdict }
    }
}

/// See the module.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct MetricAnomaly {
    series: Bounded<Watched>,
}

impl MetricAnomaly {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self { series: Bounded::new(settings.max_series) }
    }

    /// How many series are watched, and the `limit` of them that are outside their band most of late.
    pub(crate) fn watched(&self, limit: usize) -> (usize, Vec<Drift>) {
        let known = self.series.iter().map(|(_, w)| w).filter(|w| w.model.points() >= POINTS_AT_LEAST);
        let mut drifting: Vec<&Watched> = known.filter(|w| w.model.outside() > DRIFT).collect();
        drifting.sort_by(|a, b| b.model.outside().total_cmp(&a.model.outside()));
        let drift = |w: &Watched| Drift {
            service: w.service.clone(),
            metric: w.metric.clone(),
            labels: w.labels.clone(),
            points: w.model.points(),
            outside: w.model.outside(),
            members: w.model.members().to_vec(),
        };
        (self.series.len(), drifting.into_iter().take(limit).map(drift).collect())
    }

    fn point(
        &mut self,
        cx: Context<'_>,
        key: &str,
        series: &MetricSeries,
        (at, value): (Timestamp, f64),
        findings: &mut Findings,
    ) {
        let watched = self.series.entry(key, || Watched {
            service: series.service.clone(),
            metric: series.name.clone(),
            labels: series.labels.clone(),
            model: Univariate::new(),
            last_at: Timestamp::ZERO,
            alarmed: None,
        });
        if at <= watched.last_at {
            return;
        }
        watched.last_at = at;
        let at_s = at.as_unix_ms().div_euclid(1_000);
        if findings.holds_learning(cx, NAME, key) {
            let verdict = watched.model.judge(at_s, value);
            let verdict = watched.alarmed.map_or(verdict, |a| a.as_it_was(verdict));
            if verdict.beyond(value) >= OUT {
                let began = watched.alarmed.map_or(at, |a| a.began);
                raise(cx, key, series, value, (&verdict, began), findings);
            } else if findings.good(cx, NAME, key, cx.settings.clear_after_ms()) {
                watched.alarmed = None;
            }
            return;
        }
        // Not firing, or firing for so long that this is the new normal.
        if findings.good(cx, NAME, key, 0) {
            watched.alarmed = None;
        }
        let verdict = watched.model.add(at_s, value);
        if verdict.alarm >= ALARM && watched.model.points() >= POINTS_AT_LEAST && watched.alarmed.is_none() {
            let reach = (verdict.expected - verdict.low, verdict.high - verdict.expected);
            watched.alarmed = Some(Alarmed { began: at, points: 0, out: 0, reach });
        }
        let Some(alarmed) = &mut watched.alarmed else { return };
        let verdict = alarmed.as_it_was(verdict);
        alarmed.points += 1;
        alarmed.out = if verdict.beyond(value) < OUT { 0 } else { alarmed.out + 1 };
        if alarmed.out >= HELD {
            raise(cx, key, series, value, (&verdict, alarmed.began), findings);
        } else if alarmed.points > PATIENCE {
            watched.alarmed = None;
        }
    }
}

fn raise(
    cx: Context<'_>,
    key: &str,
    series: &MetricSeries,
    value: f64,
    (verdict, began): (&Verdict, Timestamp),
    findings: &mut Findings,
) {
    let Verdict { low, high, expected, .. } = *verdict;
    findings.raise(
        cx,
        Sighting {
            detector: NAME,
            key,
            kind: FindingKind::MetricAnomaly,
            service: &series.service,
            instance: series.labels.get("instance").map(String::as_str),
            subject: Subject::Metric { name: series.name.clone(), labels: series.labels.clone() },
            severity: Severity::Low,
            score: stats::score(verdict.tail),
            direction: Some(if value > expected { Direction::Up } else { Direction::Down }),
            observed: Some(value),
            expected: Some(Band { low, high }),
            started_at: began,
            summary: format!(
                "{} is {value:.4}; at this time {expected:.4} is usual, {low:.4} to {high:.4} in 99 of 100",
                series.name
            ),
            samples: Vec::new(),
            time_to_limit_ms: None,
            stale_after_ms: Some(STALE_MS),
        },
    );
}

impl Detector for MetricAnomaly {
    fn see(&mut self, cx: Context<'_>, seen: &Seen<'_>, findings: &mut Findings) {
        let (Signal::Metric(series), Some((key, points))) = (seen.signal, &seen.series) else { return };
        let name = series.name.as_str();
        let known = KNOWN.iter().any(|k| name.starts_with(k)) || PARTS.iter().any(|p| name.ends_with(p));
        if known || seen.late || !cx.settings.metric_anomaly {
            return;
        }
        for point in points {
            self.point(cx, key, series, (point.at, point.value), findings);
        }
    }
}
