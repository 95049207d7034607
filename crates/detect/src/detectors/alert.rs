//! Alerts of other systems, taken at their word: each is a finding while its source says that it fires.

use model::{FindingKind, Signal, Subject};
use serde::{Deserialize, Serialize};

use crate::detectors::Detector;
use crate::features::Seen;
use crate::findings::{Context, Findings, Sighting};
use crate::settings::Settings;

const NAME: &str = "alert";
/// Senders repeat what still fires: Alertmanager every four hours by default. Silent for longer is over.
const STALE_MS: i64 = 12 * 3_600_000;
/// Another system's rule is trusted like a detector that is rarely wrong.
const SCORE: f64 = 0.95;

/// See the module. Keeps nothing: open findings are all it needs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Alert {}

impl Alert {
    pub(crate) fn new(_: &Settings) -> Self {
        Self {}
    }
}

impl Detector for Alert {
    fn see(&mut self, cx: Context<'_>, seen: &Seen<'_>, findings: &mut Findings) {
        let Signal::Alert(alert) = seen.signal else { return };
        let key = format!("{}\u{1f}{}", alert.source, alert.fingerprint);
        if alert.resolved {
            findings.good(cx, NAME, &key, 0);
            return;
        }
        findings.raise(
            cx,
            Sighting {
                detector: NAME,
                key: &key,
                kind: FindingKind::Alert,
                service: &alert.service,
                instance: alert.instance.as_deref(),
                subject: Subject::Alert {
                    source: alert.source.clone(),
                    name: alert.name.clone(),
                    labels: alert.labels.clone(),
                    url: alert.url.clone(),
                },
                severity: alert.severity,
                score: SCORE,
                direction: None,
                observed: None,
                expected: None,
                started_at: alert.started_at,
                summary: alert.summary.clone(),
                samples: Vec::new(),
                time_to_limit_ms: None,
                stale_after_ms: Some(STALE_MS),
            },
        );
    }
}
