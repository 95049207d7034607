//! Any other gauge, or rate of a counter, that leaves its band and stays out. Conservative on purpose: of metrics
//! nobody described, only a departure that is both new and lasting is worth a word.

use model::{Band, Direction, FindingKind, MetricSeries, Severity, Signal, Subject, Timestamp};
use serde::{Deserialize, Serialize};

use crate::bounded::Bounded;
use crate::detectors::Detector;
use crate::features::Seen;
use crate::findings::{Context, Findings, Sighting};
use crate::settings::Settings;
use crate::univariate::Univariate;

const NAME: &str = "metric_anomaly";
/// Families that have a detector of their own or only mirror what spans and logs say.
const KNOWN: [&str; 7] =
    ["process_", "data_folder_", "host_", "request_", "log_", "http_request", "http_server_"];
/// Parts of histograms and summaries say little one by one.
const PARTS: [&str; 3] = ["_bucket", "_sum", "_count"];
/// Points before the first word.
const POINTS_AT_LEAST: u32 = 120;
const ALARM: f64 = 0.3;
/// Out of the band is this many mean distances from the level, for so many points in a row.
const OUT: f64 = 6.0;
const HELD: u32 = 5;
/// An alarm not followed by a held departure within this many points was a spike.
const PATIENCE: u32 = 12;
const STALE_MS: i64 = 60_000;

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Watched {
    model: Univariate,
    last_at: Timestamp,
    /// Points since the alarm, how many were out in a row, and when it began.
    alarmed: Option<(u32, u32, Timestamp)>,
    low: f64,
    high: f64,
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

    fn point(
        &mut self,
        cx: Context<'_>,
        key: &str,
        series: &MetricSeries,
        (at, value): (Timestamp, f64),
        findings: &mut Findings,
    ) {
        let watched = self.series.entry(key, || Watched {
            model: Univariate::new(),
            last_at: Timestamp::ZERO,
            alarmed: None,
            low: f64::MIN,
            high: f64::MAX,
        });
        if at <= watched.last_at {
            return;
        }
        watched.last_at = at;
        let inside = (watched.low..=watched.high).contains(&value);
        if findings.holds_learning(cx, NAME, key) {
            if inside {
                findings.good(cx, NAME, key, cx.settings.clear_after_ms());
            } else {
                raise(cx, key, series, value, (watched.low, watched.high, at), findings);
            }
            return;
        }
        // Not firing, or firing for so long that this is the new normal.
        findings.good(cx, NAME, key, 0);
        let (level, deviation) = watched.model.level();
        let alarm = watched.model.add(at.as_unix_ms().div_euclid(1_000), value).alarm;
        if alarm >= ALARM && watched.model.points() >= POINTS_AT_LEAST && watched.alarmed.is_none() {
            let reach = OUT * deviation;
            (watched.low, watched.high) = (level - reach, level + reach);
            watched.alarmed = Some((0, 0, at));
        }
        let Some((points, out, began)) = watched.alarmed else { return };
        let inside = (watched.low..=watched.high).contains(&value);
        let out = if inside { 0 } else { out + 1 };
        watched.alarmed = (points < PATIENCE).then_some((points + 1, out, began));
        if out >= HELD {
            watched.alarmed = None;
            raise(cx, key, series, value, (watched.low, watched.high, began), findings);
        }
    }
}

fn raise(
    cx: Context<'_>,
    key: &str,
    series: &MetricSeries,
    value: f64,
    (low, high, began): (f64, f64, Timestamp),
    findings: &mut Findings,
) {
    let up = value > high;
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
            score: 0.8,
            direction: Some(if up { Direction::Up } else { Direction::Down }),
            observed: Some(value),
            expected: Some(Band { low, high }),
            started_at: began,
            summary: format!("{} is {value:.4}, expected {low:.4} to {high:.4}", series.name),
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
