//! More failing requests of a service than it usually has, by a binomial test over several windows.

use model::{Band, Direction, FindingKind, Labels, Severity, Signal, SpanKind, Subject, Timestamp};
use serde::{Deserialize, Serialize};

use crate::bounded::Bounded;
use crate::detectors::Detector;
use crate::features::Seen;
use crate::findings::{Context, Findings, Sighting};
use crate::proportion::Proportion;
use crate::settings::Settings;
use crate::stats;

const NAME: &str = "error_rate";
/// Fewer failing requests in a window are never a finding.
const ERRORS_AT_LEAST: u32 = 3;
/// No request at all for this long: nothing fails any more.
const STALE_MS: i64 = 30_000;

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Requests {
    first_at: Timestamp,
    changed: bool,
    outcomes: Proportion,
    last_failed: String,
}

/// See the module.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ErrorRate {
    services: Bounded<Requests>,
}

impl ErrorRate {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self { services: Bounded::new(settings.max_services) }
    }
}

impl Detector for ErrorRate {
    fn see(&mut self, _cx: Context<'_>, seen: &Seen<'_>, _findings: &mut Findings) {
        let Signal::Span(span) = seen.signal else { return };
        if seen.late || !matches!(span.kind, SpanKind::Server | SpanKind::Consumer) {
            return;
        }
        let requests = self.services.entry(&span.service, || Requests {
            first_at: seen.at,
            changed: false,
            outcomes: Proportion::default(),
            last_failed: String::new(),
        });
        requests.outcomes.add(seen.at, span.error);
        requests.changed = true;
        if span.error {
            requests.last_failed.clone_from(&span.name);
        }
    }

    fn judge(&mut self, cx: Context<'_>, findings: &mut Findings) {
        for (service, requests) in self.services.iter_mut() {
            let open = findings.open_for_ms(cx, NAME, service).is_some();
            if !requests.changed && !open {
                continue;
            }
            requests.changed = false;
            requests.outcomes.learn(cx.now, findings.holds_learning(cx, NAME, service));
            if cx.now.since_ms(requests.first_at) < cx.settings.warmup_ms() {
                continue;
            }
            let normal = requests.outcomes.normal();
            let departure = requests.outcomes.departure(cx.now, ERRORS_AT_LEAST);
            let (total, bad) = requests.outcomes.recent(cx.now);
            let ratio = f64::from(bad) / f64::from(total.max(1));
            if open && ratio <= (2.0 * normal).max(0.02) {
                if total > 0 && findings.good(cx, NAME, service, cx.settings.clear_after_ms()) {
                    requests.outcomes.begin_anew();
                }
                continue;
            }
            let Some(departure) = departure else { continue };
            let ratio = f64::from(departure.bad) / f64::from(departure.total.max(1));
            let severity = match ratio {
                r if r >= 0.5 => Severity::Critical,
                r if r >= 0.1 => Severity::High,
                _ => Severity::Medium,
            };
            findings.raise(
                cx,
                Sighting {
                    detector: NAME,
                    key: service,
                    kind: FindingKind::ErrorRate,
                    service,
                    instance: None,
                    subject: Subject::Metric {
                        name: "request_error_ratio".to_owned(),
                        labels: Labels::new(),
                    },
                    severity,
                    score: stats::score(departure.chance),
                    direction: Some(Direction::Up),
                    observed: Some(ratio),
                    expected: Some(Band { low: 0.0, high: normal }),
                    started_at: departure.started_at,
                    summary: format!(
                        "{} of {} requests failed ({:.0} %, usually at most {:.1} %), last {}",
                        departure.bad,
                        departure.total,
                        ratio * 100.0,
                        normal * 100.0,
                        requests.last_failed,
                    ),
                    samples: Vec::new(),
                    time_to_limit_ms: None,
                    stale_after_ms: Some(STALE_MS),
                },
            );
        }
    }
}
