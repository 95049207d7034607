//! A service whose processes end again and again. Single exits are the business of `process_exit`.

use std::collections::VecDeque;

use model::{FindingKind, Severity, Signal, Subject, Timestamp};
use serde::{Deserialize, Serialize};

use crate::bounded::Bounded;
use crate::detectors::Detector;
use crate::detectors::process_exit::{instance, manner, unexpected_exit};
use crate::features::Seen;
use crate::findings::{Context, Findings, Sighting};
use crate::settings::Settings;

const NAME: &str = "restart_loop";
/// Running this long without a further exit ends any loop.
const UP_MOST_MS: i64 = 15_000;
/// Running less long never does.
const UP_LEAST_MS: i64 = 3_000;
const MAX_EXITS: usize = 64;

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Exits {
    at: VecDeque<Timestamp>,
    /// How long the processes lived that began after an exit, one for each further exit.
    lives_ms: VecDeque<i64>,
    running_since: Option<Timestamp>,
}

/// See the module.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct RestartLoop {
    services: Bounded<Exits>,
}

impl RestartLoop {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self { services: Bounded::new(settings.max_services) }
    }
}

impl Exits {
    /// A loop is over once a process has lived three times as long as any did in it. How long nobody started
    /// them in between says nothing.
    fn up_ms(&self) -> i64 {
        let longest = self.lives_ms.iter().copied().max();
        longest.map_or(UP_MOST_MS, |longest| longest.saturating_mul(3).clamp(UP_LEAST_MS, UP_MOST_MS))
    }
}

impl Detector for RestartLoop {
    fn see(&mut self, cx: Context<'_>, seen: &Seen<'_>, findings: &mut Findings) {
        let Signal::Event(event) = seen.signal else { return };
        if event.service.is_empty() {
            return;
        }
        if event.kind == "dev.homeostat.process.started" {
            self.services.entry(&event.service, Exits::default).running_since = Some(seen.at);
            return;
        }
        if !unexpected_exit(event) {
            return;
        }
        let exits = self.services.entry(&event.service, Exits::default);
        if let (Some(since), Some(last)) = (exits.running_since.take(), exits.at.back())
            && since >= *last
        {
            exits.lives_ms.push_back(seen.at.since_ms(since));
        }
        exits.at.push_back(seen.at);
        let window_ms = i64::from(cx.settings.restart_loop_window_s) * 1_000;
        exits.at.retain(|at| seen.at.since_ms(*at) <= window_ms);
        if exits.at.len() > MAX_EXITS {
            exits.at.pop_front();
        }
        while exits.lives_ms.len() >= exits.at.len() {
            exits.lives_ms.pop_front();
        }
        if exits.at.len() < cx.settings.restart_loop_exits.max(2) as usize {
            return;
        }
        findings.raise(
            cx,
            Sighting {
                detector: NAME,
                key: &event.service,
                kind: FindingKind::RestartLoop,
                service: &event.service,
                instance: Some(instance(event)),
                subject: Subject::Process { instance: instance(event).to_owned() },
                severity: Severity::Critical,
                score: 0.995,
                direction: None,
                observed: Some(exits.at.len() as f64),
                expected: None,
                started_at: exits.at.front().copied().unwrap_or(seen.at),
                summary: format!(
                    "{} ended by itself {} times within {} s, last with {}",
                    event.service,
                    exits.at.len(),
                    (seen.at.since_ms(exits.at.front().copied().unwrap_or(seen.at)) / 1_000).max(1),
                    manner(event),
                ),
                samples: Vec::new(),
                time_to_limit_ms: None,
                stale_after_ms: None,
            },
        );
    }

    fn judge(&mut self, cx: Context<'_>, findings: &mut Findings) {
        for (service, exits) in self.services.iter_mut() {
            if exits.running_since.is_some_and(|since| cx.now.since_ms(since) >= exits.up_ms()) {
                findings.good(cx, NAME, service, 0);
            }
        }
    }
}
