//! A data folder that grows steadily towards its limit, or is as good as full.

use model::{Band, FindingKind, Severity};
use serde::{Deserialize, Serialize};

use crate::bounded::Bounded;
use crate::detectors::Detector;
use crate::detectors::level::{self, FLAT_MS, Level, Sample, Watched};
use crate::features::Seen;
use crate::findings::{Context, Findings, Sighting};
use crate::settings::Settings;

const NAME: &str = "disk_filling";
const WATCHED: Watched = Watched {
    detector: NAME,
    kind: FindingKind::DiskFilling,
    used: "data_folder_bytes",
    limit: "data_folder_limit_bytes",
};
/// A disk that was full is well again below this share.
const WELL: f64 = 0.9;

/// See the module.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct DiskFilling {
    folders: Bounded<Level>,
}

impl DiskFilling {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self { folders: Bounded::new(settings.max_series) }
    }
}

impl Detector for DiskFilling {
    fn see(&mut self, cx: Context<'_>, seen: &Seen<'_>, findings: &mut Findings) {
        level::see(&mut self.folders, WATCHED, seen, |folder, sample| judge(cx, folder, &sample, findings));
    }
}

fn judge(cx: Context<'_>, folder: &mut Level, sample: &Sample<'_>, findings: &mut Findings) {
    let fell = folder.used.add(sample.at, sample.used);
    let Some(limit) = folder.limit else { return };
    let share = sample.used / limit;
    folder.full = share >= cx.settings.disk_full_ratio || (folder.full && share >= WELL);
    if fell && !folder.full && findings.open_for_ms(cx, NAME, sample.key).is_some() {
        folder.used.forget_tooth();
        findings.good(cx, NAME, sample.key, 0);
        return;
    }
    let forecast = folder.used.forecast(limit, cx.settings.horizon_s, cx.settings.warmup_ms());
    let started_at = forecast.map_or(sample.at, |f| f.started_at);
    let full = format!("data folder {:.0} % full", share * 100.0);
    let seen = match forecast {
        _ if folder.full => Sighting { severity: Severity::Critical, ..sample.sighting(0, full) },
        Some(forecast) => {
            let left_ms = forecast.time_to_limit_ms;
            let summary = format!(
                "{full}, grows {:.1} MB/s, full in {:.0} s",
                forecast.per_s / 1e6,
                left_ms as f64 / 1_000.0
            );
            Sighting { score: forecast.confidence, ..sample.sighting(left_ms, summary) }
        }
        None => {
            findings.good(cx, NAME, sample.key, FLAT_MS);
            return;
        }
    };
    let expected = Some(Band { low: 0.0, high: limit * cx.settings.disk_full_ratio });
    findings.raise(cx, Sighting { expected, started_at, ..seen });
}
