//! A log template that came at a steady pace and stopped, while its service goes on writing.

use model::{Direction, FindingKind, Severity, Signal, Subject, Timestamp};
use serde::{Deserialize, Serialize};

use crate::bounded::Bounded;
use crate::detectors::Detector;
use crate::detectors::log_new_pattern::sample;
use crate::features::Seen;
use crate::findings::{Context, Findings, Sighting};
use crate::settings::Settings;

const NAME: &str = "log_vanished";
const CHECK_EVERY_MS: i64 = 5_000;
/// A pace is known after so many lines over so long a time.
const LINES: u32 = 200;
const KNOWN_MS: i64 = 1_200_000;
/// Gone is so many times the longest pause, at least this long.
const PAUSES: i64 = 5;
const GONE_MS: i64 = 60_000;
/// A pause longer than this is no steady pace.
const STEADY_MS: i64 = 600_000;
/// The longest pause is forgotten by a thousandth with each line.
const FORGET: f64 = 0.999;
/// The service itself wrote something within this time.
const ALIVE_MS: i64 = 10_000;
/// What is gone for a day is not coming back: it is no finding any more.
const GIVEN_UP_MS: i64 = 86_400_000;

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Pace {
    service: String,
    template: String,
    lines: u32,
    first_at: Timestamp,
    last_at: Timestamp,
    longest_ms: f64,
    sample: String,
}

/// See the module.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct LogVanished {
    templates: Bounded<Pace>,
    services: Bounded<Timestamp>,
    checked_at: Timestamp,
}

impl LogVanished {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            templates: Bounded::new(settings.max_templates),
            services: Bounded::new(settings.max_services),
            checked_at: Timestamp::ZERO,
        }
    }
}

impl Pace {
    /// For how long it has been gone, when that is longer than it ever paused.
    fn gone_ms(&self, now: Timestamp) -> Option<i64> {
        let longest = self.longest_ms as i64;
        let known = self.lines >= LINES && self.last_at.since_ms(self.first_at) >= KNOWN_MS;
        let gone = now.since_ms(self.last_at);
        let steady = longest <= STEADY_MS;
        (known && steady && gone > (PAUSES * longest).max(GONE_MS) && gone < GIVEN_UP_MS).then_some(gone)
    }
}

impl Detector for LogVanished {
    fn see(&mut self, _cx: Context<'_>, seen: &Seen<'_>, _findings: &mut Findings) {
        let (Signal::Log(log), Some(line)) = (seen.signal, &seen.line) else { return };
        let last = self.services.entry(&log.service, || seen.at);
        *last = seen.at.max(*last);
        let pace = self.templates.entry(&line.id, || Pace {
            service: log.service.clone(),
            template: sample(&line.template),
            lines: 0,
            first_at: seen.at,
            last_at: seen.at,
            longest_ms: 0.0,
            sample: sample(&log.body),
        });
        let pause = seen.at.since_ms(pace.last_at).max(0) as f64;
        pace.longest_ms = (pace.longest_ms * FORGET).max(pause);
        pace.lines = pace.lines.saturating_add(1);
        pace.last_at = seen.at.max(pace.last_at);
        // A template widens as more lines are seen.
        if pace.template != *line.template && pace.lines.is_power_of_two() {
            pace.template = sample(&line.template);
        }
    }

    fn judge(&mut self, cx: Context<'_>, findings: &mut Findings) {
        if cx.now.since_ms(self.checked_at) < CHECK_EVERY_MS {
            return;
        }
        self.checked_at = cx.now;
        for (id, pace) in self.templates.iter_mut() {
            let alive = self.services.get(&pace.service).is_some_and(|at| cx.now.since_ms(*at) <= ALIVE_MS);
            let Some(gone) = pace.gone_ms(cx.now) else {
                findings.good(cx, NAME, id, 0);
                continue;
            };
            if !alive {
                continue;
            }
            let (gone_s, longest_s) = (gone / 1_000, (pace.longest_ms / 1_000.0).ceil());
            findings.raise(
                cx,
                Sighting {
                    detector: NAME,
                    key: id,
                    kind: FindingKind::LogAnomaly,
                    service: &pace.service,
                    instance: None,
                    subject: Subject::LogTemplate {
                        template_id: id.to_owned(),
                        template: pace.template.clone(),
                    },
                    severity: Severity::Low,
                    score: 0.8,
                    direction: Some(Direction::Down),
                    observed: Some(gone as f64 / 1_000.0),
                    expected: Some(model::Band { low: 0.0, high: longest_s }),
                    started_at: pace.last_at,
                    summary: format!(
                        "no `{}` for {gone_s} s; it never paused for more than {longest_s:.0} s",
                        pace.template
                    ),
                    samples: vec![pace.sample.clone()],
                    time_to_limit_ms: None,
                    stale_after_ms: Some(GIVEN_UP_MS),
                },
            );
        }
    }
}
