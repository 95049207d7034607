//! Probes that fail: some in a row, or one refused connection. Failing is normal just after a start or an
//! asked-for stop. Does not probe; it reads results.

use std::collections::BTreeMap;

use model::{FindingKind, ProbeResult, Severity, Signal, Subject, Timestamp};
use serde::{Deserialize, Serialize};

use crate::bounded::Bounded;
use crate::detectors::Detector;
use crate::features::Seen;
use crate::findings::{Context, Findings, Sighting};
use crate::settings::Settings;

const NAME: &str = "probe_failure";
/// A target that never answered gets this long to come up.
const FIRST_ANSWER_MS: i64 = 15_000;
/// Good for this long, and twice in a row, is good again.
const GOOD_MS: i64 = 1_000;
/// A target no one probes any more is no trouble any more.
const STALE_MS: i64 = 30_000;

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Target {
    first_at: Timestamp,
    answered: bool,
    failures: u32,
    failing_since: Timestamp,
    reasons: Vec<String>,
}

/// See the module.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ProbeFailure {
    targets: Bounded<Target>,
    /// Until when failing is normal, by service and instance.
    graces: BTreeMap<(String, String), Timestamp>,
}

impl ProbeFailure {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self { targets: Bounded::new(settings.max_services.saturating_mul(8)), graces: BTreeMap::new() }
    }

    fn probe(&mut self, cx: Context<'_>, at: Timestamp, probe: &ProbeResult, findings: &mut Findings) {
        let target = self.targets.entry(&probe.target, || Target { first_at: at, ..Target::default() });
        if probe.ok {
            target.answered = true;
            target.failures = 0;
            target.reasons.clear();
            findings.good(cx, NAME, &probe.target, GOOD_MS);
            return;
        }
        let instance = probe.instance.clone().unwrap_or_default();
        let grace = self.graces.get(&(probe.service.clone(), instance));
        if grace.is_some_and(|until| at < *until) {
            return;
        }
        if target.failures == 0 {
            // The probe was already in trouble when it was sent.
            target.failing_since = at.plus_ms(-i64::try_from(probe.latency_ms).unwrap_or(0).min(60_000));
        }
        target.failures = target.failures.saturating_add(1);
        if target.reasons.len() < 5 && !target.reasons.contains(&probe.reason) {
            target.reasons.push(probe.reason.clone());
        }
        let starting = !target.answered && at.since_ms(target.first_at) < FIRST_ANSWER_MS;
        let refused = probe.reason.contains("refused");
        if starting || !(refused || target.failures >= cx.settings.probe_failures) {
            return;
        }
        let what = if refused {
            "refuses connections".to_owned()
        } else if probe.reason.contains("timeout") {
            format!("does not answer within {} ms (timeout)", probe.latency_ms)
        } else {
            format!("fails its probe ({})", probe.reason)
        };
        let who = probe.instance.as_deref().unwrap_or(&probe.service);
        findings.raise(
            cx,
            Sighting {
                detector: NAME,
                key: &probe.target,
                kind: FindingKind::ProbeFailure,
                service: &probe.service,
                instance: probe.instance.as_deref(),
                subject: Subject::Probe { target: probe.target.clone() },
                severity: Severity::High,
                score: 1.0 - 0.04 / f64::from(target.failures.min(100)),
                direction: None,
                observed: Some(f64::from(target.failures)),
                expected: None,
                started_at: target.failing_since,
                summary: format!("{who} {what}, {} in a row", target.failures),
                samples: target.reasons.clone(),
                time_to_limit_ms: None,
                stale_after_ms: Some(STALE_MS),
            },
        );
    }
}

impl Detector for ProbeFailure {
    fn see(&mut self, cx: Context<'_>, seen: &Seen<'_>, findings: &mut Findings) {
        match seen.signal {
            Signal::Probe(probe) if !seen.late => self.probe(cx, seen.at, probe, findings),
            Signal::Event(event) => {
                let asked = event.data.get("expected").and_then(serde_json::Value::as_bool);
                let grace = match event.kind.as_str() {
                    "dev.homeostat.process.started" => true,
                    "dev.homeostat.process.exited" => asked == Some(true),
                    _ => false,
                };
                if grace {
                    self.graces.retain(|_, until| *until > cx.now);
                    let instance = event.data.get("instance").and_then(serde_json::Value::as_str);
                    let until = seen.at.plus_ms(i64::from(cx.settings.startup_grace_ms));
                    self.graces
                        .insert((event.service.clone(), instance.unwrap_or_default().to_owned()), until);
                }
            }
            _ => {}
        }
    }
}
