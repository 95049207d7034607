//! Resident memory that grows steadily towards the limit of its process.

use model::FindingKind;
use serde::{Deserialize, Serialize};

use crate::bounded::Bounded;
use crate::detectors::Detector;
use crate::detectors::level::{self, FLAT_MS, Level, Sample, Watched};
use crate::features::Seen;
use crate::findings::{Context, Findings, Sighting};
use crate::settings::Settings;

const NAME: &str = "memory_leak";
const WATCHED: Watched = Watched {
    detector: NAME,
    kind: FindingKind::MemoryLeak,
    used: "process_resident_memory_bytes",
    limit: "process_memory_limit_bytes",
};

/// See the module.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct MemoryLeak {
    processes: Bounded<Level>,
}

impl MemoryLeak {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self { processes: Bounded::new(settings.max_series) }
    }
}

impl Detector for MemoryLeak {
    fn see(&mut self, cx: Context<'_>, seen: &Seen<'_>, findings: &mut Findings) {
        level::see(&mut self.processes, WATCHED, seen, |memory, sample| judge(cx, memory, &sample, findings));
    }
}

fn judge(cx: Context<'_>, memory: &mut Level, sample: &Sample<'_>, findings: &mut Findings) {
    let fell = memory.used.add(sample.at, sample.used);
    if fell && findings.open_for_ms(cx, NAME, sample.key).is_some() {
        memory.used.forget_tooth();
        findings.good(cx, NAME, sample.key, 0);
        return;
    }
    let Some(limit) = memory.limit else { return };
    let Some(forecast) = memory.used.forecast(limit, cx.settings.horizon_s, cx.settings.warmup_ms()) else {
        findings.good(cx, NAME, sample.key, FLAT_MS);
        return;
    };
    let summary = format!(
        "memory {:.0} MB grows {:.1} MB/s, reaches its limit of {:.0} MB in {:.0} s",
        sample.used / 1e6,
        forecast.per_s / 1e6,
        limit / 1e6,
        forecast.time_to_limit_ms as f64 / 1_000.0,
    );
    let seen = sample.sighting(forecast.time_to_limit_ms, summary);
    let seen = Sighting { score: forecast.confidence, started_at: forecast.started_at, ..seen };
    findings.raise(cx, seen);
}
