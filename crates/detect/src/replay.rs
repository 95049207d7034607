//! Stored signals through a fresh stack: what would have been said under these settings.

use std::collections::BTreeMap;

use model::{CorrelationId, Finding, FindingId, Signal, Timestamp};

use crate::{Detection, Output, Settings};

/// Ticks come this often, as in life.
const TICK_MS: i64 = 250;
/// Over a longer silence only so many ticks are made.
const MAX_TICKS: i64 = 240;
/// Findings that are kept; a storm beyond that adds nothing.
const MAX_FINDINGS: usize = 5_000;

/// A replay in progress.
#[derive(Debug)]
pub struct Replay {
    detection: Detection,
    correlation: CorrelationId,
    ticked: Option<Timestamp>,
    findings: BTreeMap<(Timestamp, FindingId), Finding>,
}

impl Replay {
    /// A stack that knows nothing yet.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            detection: Detection::new(settings),
            correlation: CorrelationId::derive(Timestamp::ZERO, &["replay"]),
            ticked: None,
            findings: BTreeMap::new(),
        }
    }

    /// Works signals as if they came one by one. They are sorted by time, and none is older than those before.
    pub fn feed(&mut self, signals: &[Signal]) {
        let mut out = Output::default();
        for signal in signals {
            let at = signal.at();
            let mut ticked = self.ticked.unwrap_or(at);
            if at.since_ms(ticked) / TICK_MS > MAX_TICKS {
                ticked = at.plus_ms(-MAX_TICKS * TICK_MS);
            }
            while at.since_ms(ticked) >= TICK_MS {
                ticked = ticked.plus_ms(TICK_MS);
                self.detection.tick(ticked, &mut out);
            }
            self.ticked = Some(ticked);
            self.detection.observe(at, &self.correlation, std::slice::from_ref(signal), &mut out);
            out.derived.clear();
        }
        for finding in out.findings {
            let place = (finding.detected_at, finding.id.clone());
            if self.findings.len() < MAX_FINDINGS || self.findings.contains_key(&place) {
                self.findings.insert(place, finding);
            }
        }
    }

    /// Each finding as it was last said, in the order of detection.
    #[must_use]
    pub fn findings(self) -> Vec<Finding> {
        self.findings.into_values().collect()
    }
}
