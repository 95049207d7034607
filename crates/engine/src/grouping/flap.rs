//! Flapping: what comes and goes again and again is one incident until it has been quiet for long.

use std::collections::{BTreeMap, VecDeque};

use diagnose::correlate::Fingerprint;
use model::{Finding, IncidentId, TimelineKind, Timestamp};

use crate::situation::Situation;

/// The same finding beginning so often within this time flaps.
const TIMES: usize = 4;
const WITHIN_MS: i64 = 1_800_000;
/// Findings remembered.
const MAX_KEPT: usize = 10_000;
/// How many times as long as usual a flapping incident must be quiet, and how long at least.
pub(crate) const QUIETER: i64 = 12;
pub(crate) const QUIET_MS: i64 = 120_000;

/// When findings began, by what they are.
#[derive(Default)]
pub(crate) struct Flaps {
    begun: BTreeMap<Fingerprint, VecDeque<Timestamp>>,
}

impl Flaps {
    /// Notes that a finding began.
    pub(super) fn fired(&mut self, finding: &Finding, now: Timestamp) {
        let old = now.plus_ms(-WITHIN_MS);
        if self.begun.len() >= MAX_KEPT {
            self.begun.retain(|_, times| times.back().is_some_and(|at| *at >= old));
            if self.begun.len() >= MAX_KEPT {
                self.begun.pop_first();
            }
        }
        let times = self.begun.entry(diagnose::fingerprint(finding)).or_default();
        times.push_back(finding.detected_at);
        while times.len() > TIMES {
            times.pop_front();
        }
    }

    /// Whether a finding of this kind came and went too often lately.
    pub(super) fn is_flapping(&self, finding: &Finding, now: Timestamp) -> bool {
        let times = self.begun.get(&diagnose::fingerprint(finding));
        times.is_some_and(|t| t.len() >= TIMES && t.front().is_some_and(|at| now.since_ms(*at) < WITHIN_MS))
    }
}

impl Situation {
    pub(super) fn note_flapping(&mut self, id: &IncidentId) {
        let now = self.now;
        let Some(open) = self.incidents.get_mut(id) else { return };
        if open.incident.flapping_since.is_some() {
            return;
        }
        open.incident.flapping_since = Some(now);
        let text = format!(
            "Flapping: the same began {TIMES} times within {} minutes. It is over only after a longer quiet",
            WITHIN_MS / 60_000
        );
        self.note(id, TimelineKind::Status, text, None);
    }
}
