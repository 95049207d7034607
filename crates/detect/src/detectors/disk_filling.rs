//! A data folder that grows steadily towards its limit, or is as good as full.

use model::{Band, Direction, FindingKind, MetricSeries, Severity, Signal, Subject, Timestamp};
use serde::{Deserialize, Serialize};

use crate::bounded::Bounded;
use crate::detectors::Detector;
use crate::detectors::growth::Growth;
use crate::features::Seen;
use crate::findings::{Context, Findings, Sighting};
use crate::settings::Settings;

const NAME: &str = "disk_filling";
const USED: &str = "data_folder_bytes";
const LIMIT: &str = "data_folder_limit_bytes";
/// Flat for this long is not filling (any more).
const FLAT_MS: i64 = 10_000;
const STALE_MS: i64 = 15_000;
/// A disk that was full is well again below this share.
const WELL: f64 = 0.9;

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Folder {
    limit: Option<f64>,
    used: Growth,
    full: bool,
}

/// See the module.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct DiskFilling {
    folders: Bounded<Folder>,
}

impl DiskFilling {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self { folders: Bounded::new(settings.max_series) }
    }

    fn sample(
        &mut self,
        cx: Context<'_>,
        series: &MetricSeries,
        (at, used): (Timestamp, f64),
        findings: &mut Findings,
    ) {
        let instance = series.labels.get("instance").map(String::as_str);
        let key = format!("{}\u{1f}{}", series.service, instance.unwrap_or_default());
        let folder = self.folders.entry(&key, Folder::default);
        let fell = folder.used.add(at, used);
        let Some(limit) = folder.limit else { return };
        let share = used / limit;
        folder.full = share >= cx.settings.disk_full_ratio || (folder.full && share >= WELL);
        if fell && !folder.full && findings.open_for_ms(cx, NAME, &key).is_some() {
            folder.used.forget_tooth();
            findings.good(cx, NAME, &key, 0);
            return;
        }
        let forecast = folder.used.forecast(limit, cx.settings.horizon_s, cx.settings.warmup_ms());
        let (severity, score, left_ms, summary) = match forecast {
            _ if folder.full => {
                let summary = format!("data folder {:.0} % full", share * 100.0);
                (Severity::Critical, 0.99, 0, summary)
            }
            Some(forecast) => {
                let left_s = forecast.time_to_limit_ms as f64 / 1_000.0;
                let severity = if left_s < 120.0 { Severity::High } else { Severity::Medium };
                let summary = format!(
                    "data folder {:.0} % full, grows {:.1} MB/s, full in {left_s:.0} s",
                    share * 100.0,
                    forecast.per_s / 1e6,
                );
                (severity, forecast.confidence, forecast.time_to_limit_ms, summary)
            }
            None => {
                findings.good(cx, NAME, &key, FLAT_MS);
                return;
            }
        };
        findings.raise(
            cx,
            Sighting {
                detector: NAME,
                key: &key,
                kind: FindingKind::DiskFilling,
                service: &series.service,
                instance,
                subject: Subject::Metric { name: USED.to_owned(), labels: series.labels.clone() },
                severity,
                score,
                direction: Some(Direction::Up),
                observed: Some(used),
                expected: Some(Band { low: 0.0, high: limit * cx.settings.disk_full_ratio }),
                started_at: forecast.map_or(at, |f| f.started_at),
                summary,
                samples: Vec::new(),
                time_to_limit_ms: Some(left_ms),
                stale_after_ms: Some(STALE_MS),
            },
        );
    }
}

impl Detector for DiskFilling {
    fn see(&mut self, cx: Context<'_>, seen: &Seen<'_>, findings: &mut Findings) {
        let (Signal::Metric(series), Some((_, points))) = (seen.signal, &seen.series) else { return };
        match series.name.as_str() {
            USED if !seen.late => {
                for point in points {
                    self.sample(cx, series, (point.at, point.value), findings);
                }
            }
            LIMIT => {
                let instance = series.labels.get("instance").map_or("", String::as_str);
                let key = format!("{}\u{1f}{instance}", series.service);
                if let Some(point) = points.last() {
                    self.folders.entry(&key, Folder::default).limit = Some(point.value).filter(|v| *v > 0.0);
                }
            }
            _ => {}
        }
    }
}
