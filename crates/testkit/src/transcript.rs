//! What happened, as lines for people: made of the documents the loop writes, so that it shows what was stored
//! and not what was meant. Ids become ordinals.

use std::collections::BTreeMap;

use engine::records::{Record, StopSwitch, name_of};
use model::{Decision, Finding, FindingState, Incident, Run, RunId, Step, StepStatus, TimelineKind, Track};
use ports::Op;
use serde::de::DeserializeOwned;
use serde_json::Value;
use workflow::StepView;

use crate::memory::Memory;

/// Collects lines.
#[derive(Clone, Debug, Default)]
pub(crate) struct Transcript {
    lines: Vec<String>,
    known: BTreeMap<(&'static str, String), Value>,
    incidents: Vec<String>,
    steps: BTreeMap<RunId, Vec<StepView>>,
}

/// Lines of one commit are shown in the order in which one leads to the next.
type Line = (u8, &'static str, String);

impl Transcript {
    /// A line of the script itself.
    pub(crate) fn say(&mut self, ms: i64, kind: &str, text: &str) {
        self.lines.push(format!("{:>9} {kind:<10} {text}", format!("{}.{:03}s", ms / 1_000, ms % 1_000)));
    }

    /// What one commit says.
    pub(crate) fn take(&mut self, ms: i64, ops: &[Op], memory: &Memory) {
        let mut lines = Vec::new();
        for op in ops {
            match op {
                Op::Put { kind, id, body, .. } => {
                    let before = self.known.insert((kind, id.clone()), body.clone());
                    self.read(kind, before.as_ref(), body, &mut lines);
                }
                Op::Append { journal, .. } => {
                    if let Some(run) = journal.strip_prefix("run/").and_then(|id| RunId::parse(id).ok()) {
                        self.read_steps(&run, memory, &mut lines);
                    }
                }
                _ => {}
            }
        }
        lines.sort_by_key(|(rank, _, _)| *rank);
        for (_, kind, text) in lines {
            self.say(ms, kind, &text);
        }
    }

    pub(crate) fn finish(self) -> String {
        let mut text = self.lines.join("\n");
        text.push('\n');
        text
    }

    fn read(&mut self, kind: &str, before: Option<&Value>, body: &Value, lines: &mut Vec<Line>) {
        match kind {
            Finding::KIND => finding(as_record(before), &of(body), lines),
            Incident::KIND => {
                let now: Incident = of(body);
                let name = self.ordinal(&now);
                incident(&name, as_record(before), &now, lines);
            }
            Decision::KIND => decision(as_record(before), &of(body), lines),
            Run::KIND => run(as_record(before), &of(body), lines),
            Track::KIND => {
                let track: Track = of(body);
                let text = format!(
                    "{} for {}: held {}, failed {}, {} failed in a row",
                    track.runbook,
                    track.class.as_str(),
                    track.held,
                    track.failed,
                    track.consecutive_failures
                );
                lines.push((7, "learned", text));
            }
            StopSwitch::KIND => {
                let stop: StopSwitch = of(body);
                let state = if stop.engaged { "engaged" } else { "released" };
                lines.push((0, "stop", format!("{state} by {}: {}", stop.by, stop.reason)));
            }
            _ => {}
        }
    }

    /// What the journal of a run tells of its steps beyond what was told before.
    fn read_steps(&mut self, run: &RunId, memory: &Memory, lines: &mut Vec<Line>) {
        let journal = memory.journal(run).expect("what the loop wrote it can read");
        let view = workflow::trail(&journal.history(run.as_str()), usize::MAX);
        let known = self.steps.insert(run.clone(), view.steps.clone()).unwrap_or_default();
        for (index, now) in view.steps.iter().enumerate() {
            step(known.get(index).map(|k| &k.step), &now.step, lines);
        }
    }

    fn ordinal(&mut self, incident: &Incident) -> String {
        let id = incident.id.to_string();
        let place = self.incidents.iter().position(|i| *i == id).unwrap_or_else(|| {
            self.incidents.push(id);
            self.incidents.len() - 1
        });
        format!("#{}", place + 1)
    }
}

fn of<R: DeserializeOwned>(body: &Value) -> R {
    serde_json::from_value(body.clone()).expect("what the loop wrote it can read")
}

fn as_record<R: DeserializeOwned>(body: Option<&Value>) -> Option<R> {
    body.map(of)
}

fn finding(before: Option<Finding>, now: &Finding, lines: &mut Vec<Line>) {
    let kind = name_of(&now.kind);
    match (before.map(|b| b.state), now.state) {
        (None, FindingState::Firing) => {
            let severity = name_of(&now.severity);
            lines.push((0, "finding", format!("{} {kind}, {severity}: {}", now.service, now.summary)));
        }
        (Some(FindingState::Firing) | None, FindingState::Cleared) => {
            lines.push((0, "cleared", format!("{} {kind}", now.service)));
        }
        _ => {}
    }
}

fn incident(name: &str, before: Option<Incident>, now: &Incident, lines: &mut Vec<Line>) {
    let seen = before.as_ref().map_or(0, |b| b.timeline.len());
    for entry in now.timeline.iter().skip(seen) {
        let line = match entry.kind {
            // Each of these has a line of its own that says more.
            TimelineKind::Finding | TimelineKind::Decision | TimelineKind::Run => continue,
            TimelineKind::Diagnosis => (2, "diagnosis"),
            TimelineKind::Verification => (6, "outcome"),
            TimelineKind::Person => (3, "person"),
            TimelineKind::Status if entry.text.starts_with("Resolved") => (9, "incident"),
            TimelineKind::Status => (1, "incident"),
        };
        lines.push((line.0, line.1, format!("{name} {}", entry.text)));
    }
    let asked = before.and_then(|b| b.needs_person);
    if let Some(why) = now.needs_person.as_ref().filter(|why| asked.as_ref() != Some(why)) {
        lines.push((8, "needs", format!("{name} a person: {why}")));
    }
}

fn decision(before: Option<Decision>, now: &Decision, lines: &mut Vec<Line>) {
    if before.is_some_and(|b| b.disposition == now.disposition) {
        return;
    }
    let rule = now.rules.iter().find(|r| r.decided).map_or("none", |r| r.name.as_str());
    let fired: Vec<&str> = now.guards.iter().filter(|g| g.fired).map(|g| g.name.as_str()).collect();
    let guards = if fired.is_empty() { "none".to_owned() } else { fired.join(", ") };
    let what = now.facts["runbook"].as_str().filter(|r| !r.is_empty()).unwrap_or("nothing");
    lines.push((
        3,
        "decision",
        format!(
            "{} -> {} {what} on {} for {}; confidence {:.2}, rule {rule}, guards {guards}, autonomy {}",
            name_of(&now.verdict),
            name_of(&now.disposition),
            now.facts["service"].as_str().unwrap_or_default(),
            now.facts["class"].as_str().unwrap_or_default(),
            now.confidence.calibrated,
            name_of(&now.autonomy),
        ),
    ));
}

fn run(before: Option<Run>, now: &Run, lines: &mut Vec<Line>) {
    let place = format!("{} on {}", now.workflow, now.service.as_deref().unwrap_or("nothing"));
    if before.is_none() {
        lines.push((4, "run", format!("{place} started")));
    }
    if before.is_none_or(|b| b.status != now.status) && now.status.is_over() {
        let why = now.error.as_ref().map(|e| format!(": {e}")).unwrap_or_default();
        lines.push((5, "run", format!("{place} {}{why}", name_of(&now.status))));
    }
}

fn step(before: Option<&Step>, now: &Step, lines: &mut Vec<Line>) {
    if before.is_some_and(|k| k.status == now.status && k.attempt == now.attempt) {
        return;
    }
    let Some(what) = now.call.as_deref().or_else(|| (now.kind == "wait").then_some("wait")) else {
        return;
    };
    let on = now.input["instance"].as_str().or(now.input["service"].as_str()).unwrap_or_default();
    let undo = if now.compensation { "undo " } else { "" };
    let again = if now.attempt > 1 { format!(", attempt {}", now.attempt) } else { String::new() };
    let why = now.error.as_ref().filter(|_| now.status != StepStatus::Completed);
    let why = why.map(|e| format!(": {e}")).unwrap_or_default();
    let text = format!("{undo}{} {what} {on} {}{again}{why}", now.name, name_of(&now.status));
    lines.push((5, "step", text.replace("  ", " ")));
}
