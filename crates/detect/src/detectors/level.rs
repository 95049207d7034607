//! What an instance uses of what it may, told by two metrics: memory, a data folder. Not a detector by itself.

use model::{Direction, FindingKind, MetricSeries, Severity, Signal, Subject, Timestamp};
use serde::{Deserialize, Serialize};

use crate::bounded::Bounded;
use crate::detectors::growth::Growth;
use crate::features::Seen;
use crate::findings::Sighting;

/// Flat for this long is no growth (any more).
pub(super) const FLAT_MS: i64 = 10_000;
const STALE_MS: i64 = 15_000;
/// A limit reached within this many seconds is urgent.
const URGENT_S: f64 = 120.0;

/// What one instance uses.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Level {
    pub(super) limit: Option<f64>,
    pub(super) used: Growth,
    /// Whether it counts as full, for what can be full and still run.
    #[serde(default)]
    pub(super) full: bool,
}

/// A detector and the metrics it looks at.
#[derive(Clone, Copy)]
pub(super) struct Watched {
    pub(super) detector: &'static str,
    pub(super) kind: FindingKind,
    /// Name of the metric that tells what is used.
    pub(super) used: &'static str,
    /// Name of the metric that tells how much may be used.
    pub(super) limit: &'static str,
}

/// One measurement of what an instance uses.
pub(super) struct Sample<'a> {
    watched: Watched,
    series: &'a MetricSeries,
    instance: Option<&'a str>,
    pub(super) key: &'a str,
    pub(super) at: Timestamp,
    pub(super) used: f64,
}

/// Keeps the limits that a signal tells and hands on what it measures, each with its level.
pub(super) fn see(
    levels: &mut Bounded<Level>,
    watched: Watched,
    seen: &Seen<'_>,
    mut judge: impl FnMut(&mut Level, Sample<'_>),
) {
    let (Signal::Metric(series), Some((_, points))) = (seen.signal, &seen.series) else { return };
    let tells_used = series.name == watched.used && !seen.late;
    if !tells_used && series.name != watched.limit {
        return;
    }
    let instance = series.labels.get("instance").map(String::as_str);
    let key = format!("{}\u{1f}{}", series.service, instance.unwrap_or_default());
    if tells_used {
        for point in points {
            let sample = Sample { watched, series, instance, key: &key, at: point.at, used: point.value };
            judge(levels.entry(&key, Level::default), sample);
        }
    } else if let Some(point) = points.last() {
        levels.entry(&key, Level::default).limit = Some(point.value).filter(|v| *v > 0.0);
    }
}

impl Sample<'_> {
    /// A finding of it that begins now and is due in `left_ms`; the detector says what else it knows.
    pub(super) fn sighting(&self, left_ms: u64, summary: String) -> Sighting<'_> {
        let urgent = (left_ms as f64) < URGENT_S * 1_000.0;
        Sighting {
            detector: self.watched.detector,
            key: self.key,
            kind: self.watched.kind,
            service: &self.series.service,
            instance: self.instance,
            subject: Subject::Metric {
                name: self.watched.used.to_owned(),
                labels: self.series.labels.clone(),
            },
            severity: if urgent { Severity::High } else { Severity::Medium },
            score: 0.99,
            direction: Some(Direction::Up),
            observed: Some(self.used),
            expected: None,
            started_at: self.at,
            summary,
            samples: Vec::new(),
            time_to_limit_ms: Some(left_ms),
            stale_after_ms: Some(STALE_MS),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_that_does_not_say_full_is_read() {
        #[derive(Serialize)]
        struct Before {
            limit: Option<f64>,
            used: Growth,
        }
        let before = Before { limit: Some(4e8), used: Growth::default() };
        let level: Level = rmp_serde::from_slice(&rmp_serde::to_vec_named(&before).unwrap()).unwrap();
        assert_eq!((level.limit, level.full), (Some(4e8), false));
    }
}
