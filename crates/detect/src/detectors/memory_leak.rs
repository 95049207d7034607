//! Resident memory that grows steadily towards the limit of its process.

use model::{Direction, FindingKind, MetricSeries, Severity, Signal, Subject, Timestamp};
use serde::{Deserialize, Serialize};

use crate::bounded::Bounded;
use crate::detectors::Detector;
use crate::detectors::growth::Growth;
use crate::features::Seen;
use crate::findings::{Context, Findings, Sighting};
use crate::settings::Settings;

const NAME: &str = "memory_leak";
const USED: &str = "process_resident_memory_bytes";
const LIMIT: &str = "process_memory_limit_bytes";
/// Flat for this long is no leak (any more).
const FLAT_MS: i64 = 10_000;
const STALE_MS: i64 = 15_000;

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Memory {
    limit: Option<f64>,
    used: Growth,
}

/// See the module.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct MemoryLeak {
    processes: Bounded<Memory>,
}

impl MemoryLeak {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self { processes: Bounded::new(settings.max_series) }
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
        let memory = self.processes.entry(&key, Memory::default);
        let fell = memory.used.add(at, used);
        if fell && findings.open_for_ms(cx, NAME, &key).is_some() {
            memory.used.forget_tooth();
            findings.good(cx, NAME, &key, 0);
            return;
        }
        let Some(limit) = memory.limit else { return };
        let Some(forecast) = memory.used.forecast(limit, cx.settings.horizon_s, cx.settings.warmup_ms())
        else {
            findings.good(cx, NAME, &key, FLAT_MS);
            return;
        };
        let left_s = forecast.time_to_limit_ms as f64 / 1_000.0;
        findings.raise(
            cx,
            Sighting {
                detector: NAME,
                key: &key,
                kind: FindingKind::MemoryLeak,
                service: &series.service,
                instance,
                subject: Subject::Metric { name: USED.to_owned(), labels: series.labels.clone() },
                severity: if left_s < 120.0 { Severity::High } else { Severity::Medium },
                score: forecast.confidence,
                direction: Some(Direction::Up),
                observed: Some(used),
                expected: None,
                started_at: forecast.started_at,
                summary: format!(
                    "memory {:.0} MB grows {:.1} MB/s, reaches its limit of {:.0} MB in {left_s:.0} s",
                    used / 1e6,
                    forecast.per_s / 1e6,
                    limit / 1e6,
                ),
                samples: Vec::new(),
                time_to_limit_ms: Some(forecast.time_to_limit_ms),
                stale_after_ms: Some(STALE_MS),
            },
        );
    }
}

impl Detector for MemoryLeak {
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
                    self.processes.entry(&key, Memory::default).limit =
                        Some(point.value).filter(|v| *v > 0.0);
                }
            }
            _ => {}
        }
    }
}
