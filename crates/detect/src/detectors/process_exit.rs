//! Processes that ended by themselves. An exit that was asked for is none. Over when an instance of the service
//! runs again and stayed up.

use std::collections::BTreeMap;

use model::{Event, FindingKind, Severity, Signal, Subject, Timestamp};
use serde::{Deserialize, Serialize};

use crate::bounded::Bounded;
use crate::detectors::Detector;
use crate::features::Seen;
use crate::findings::{Context, Findings, Sighting};
use crate::settings::Settings;

const NAME: &str = "process_exit";
/// Up this long after one exit is up; with a passing probe a little less will do.
const UP_MS: i64 = 5_000;
const UP_PROBED_MS: i64 = 3_000;
/// After several exits in a row more is asked.
const UP_AFTER_SEVERAL_MS: i64 = 10_000;
const MAX_INSTANCES: usize = 256;

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Exit {
    at: Timestamp,
    count: u32,
    key: String,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Processes {
    exits: BTreeMap<String, Exit>,
    running_since: BTreeMap<String, Timestamp>,
    probe_ok_at: Timestamp,
}

/// See the module.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ProcessExit {
    services: Bounded<Processes>,
}

/// The event's instance; a service that names none has one.
pub(super) fn instance(event: &Event) -> &str {
    let named = event.data.get("instance").and_then(serde_json::Value::as_str);
    named.unwrap_or(&event.service)
}

/// Whether an event says that a process ended by itself.
pub(super) fn unexpected_exit(event: &Event) -> bool {
    event.kind == "dev.homeostat.process.exited"
        && event.data.get("expected").and_then(serde_json::Value::as_bool) != Some(true)
}

/// How it ended, for people.
pub(super) fn manner(event: &Event) -> String {
    let number = |name: &str| event.data.get(name).and_then(serde_json::Value::as_i64);
    let text = |name: &str| event.data.get(name).and_then(serde_json::Value::as_str);
    let how = match (number("signal"), text("signal"), number("exit_code")) {
        (Some(signal), ..) => format!("signal {signal}"),
        (_, Some(signal), _) => format!("signal {signal}"),
        (.., Some(code)) => format!("exit code {code}"),
        _ => "unknown status".to_owned(),
    };
    // The host names a reason such as `memory_limit` when it ended the process itself.
    match text("reason").filter(|reason| *reason != "exited") {
        Some(reason) => format!("{how}, {reason}"),
        None => how,
    }
}

impl ProcessExit {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self { services: Bounded::new(settings.max_services) }
    }

    fn exited(&mut self, cx: Context<'_>, at: Timestamp, event: &Event, findings: &mut Findings) {
        let name = instance(event);
        let processes = self.services.entry(&event.service, Processes::default);
        let ran_since = processes.running_since.remove(name);
        let key = format!("{}\u{1f}{name}", event.service);
        if !unexpected_exit(event) {
            // Stopped on purpose: whatever it did before is over.
            if let Some(exit) = processes.exits.remove(name) {
                findings.good(cx, NAME, &exit.key, 0);
            }
            return;
        }
        if processes.exits.len() >= MAX_INSTANCES && !processes.exits.contains_key(name) {
            return;
        }
        let exit = processes.exits.entry(name.to_owned()).or_insert(Exit { at, count: 0, key });
        exit.at = exit.at.max(at);
        exit.count = exit.count.saturating_add(1);
        let uptime = event.data.get("uptime_ms").and_then(serde_json::Value::as_u64);
        let uptime_ms = uptime.or(ran_since.and_then(|s| u64::try_from(at.since_ms(s)).ok()));
        let after = uptime_ms.map(|ms| format!(" after {:.1} s", ms as f64 / 1_000.0)).unwrap_or_default();
        let times = if exit.count > 1 { format!(", {} times so far", exit.count) } else { String::new() };
        findings.raise(
            cx,
            Sighting {
                detector: NAME,
                key: &exit.key,
                kind: FindingKind::ProcessExit,
                service: &event.service,
                instance: Some(name),
                subject: Subject::Process { instance: name.to_owned() },
                severity: Severity::Critical,
                score: 0.99,
                direction: None,
                observed: Some(f64::from(exit.count)),
                expected: None,
                started_at: at,
                summary: format!("{name} ended by itself ({}){after}{times}", manner(event)),
                samples: Vec::new(),
                time_to_limit_ms: None,
                stale_after_ms: None,
            },
        );
    }
}

impl Detector for ProcessExit {
    fn see(&mut self, cx: Context<'_>, seen: &Seen<'_>, findings: &mut Findings) {
        match seen.signal {
            Signal::Probe(probe) if probe.ok && !seen.late => {
                if let Some(processes) = self.services.get_mut(&probe.service) {
                    processes.probe_ok_at = processes.probe_ok_at.max(seen.at);
                }
            }
            Signal::Event(event)
                if event.kind == "dev.homeostat.process.exited" && !event.service.is_empty() =>
            {
                self.exited(cx, seen.at, event, findings);
            }
            Signal::Event(event) if event.kind == "dev.homeostat.process.started" => {
                let processes = self.services.entry(&event.service, Processes::default);
                let name = instance(event);
                if processes.running_since.len() < MAX_INSTANCES || processes.running_since.contains_key(name)
                {
                    processes.running_since.insert(name.to_owned(), seen.at);
                }
            }
            _ => {}
        }
    }

    fn judge(&mut self, cx: Context<'_>, findings: &mut Findings) {
        for (_, processes) in self.services.iter_mut() {
            let Processes { exits, running_since, probe_ok_at } = processes;
            exits.retain(|name, exit| {
                // The same instance again, or another one started in its place.
                let again = running_since.get(name).filter(|since| **since >= exit.at);
                let since = again.or_else(|| running_since.values().filter(|since| **since > exit.at).min());
                let Some(since) = since else { return true };
                let up_ms = cx.now.since_ms(*since);
                let probed = *probe_ok_at > *since && up_ms >= UP_PROBED_MS;
                let up = if exit.count > 1 { up_ms >= UP_AFTER_SEVERAL_MS } else { probed || up_ms >= UP_MS };
                if up {
                    findings.good(cx, NAME, &exit.key, 0);
                }
                !up
            });
        }
    }
}
