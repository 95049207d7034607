//! What runs tell of themselves: the lifecycle events of the standard
//! (<https://github.com/serverlessworkflow/specification/blob/main/dsl-reference.md#lifecycle-events>), CloudEvents.
//!
//! They are made only for whoever names their type in a listening or a schedule, and given in the commit of the
//! change they tell of: none is lost, none comes twice, and none costs anything while nobody asks for it.
//!
//! So that nothing goes round in circles: a run hears nothing of itself; one that hears such events, or was started
//! by one, tells only of its own beginning and end, and what it calls tells nothing; and no workflow is started by
//! what its own runs led to, nor after [`MAX_CHAIN`] others.

use std::collections::BTreeSet;

use model::{Run, RunId, RunPurpose, RunStatus};
use serde_json::{Map, Value, json};
use workflow::{Change, Effect, EventFilter, Trigger};

use super::{Active, Runs, Scheduled, Told};

/// What all their types begin with.
const TYPES: &str = "io.serverlessworkflow.";
/// The event of every change of a status phase.
const STATUS: &str = "status-changed";
/// The attribute with the workflows whose runs led to an event, separated by spaces.
const CHAIN: &str = "homeostatchain";
/// Most workflows that start each other by such events.
const MAX_CHAIN: usize = 4;

/// Whether filters name a lifecycle event.
pub(super) fn named(filters: &[EventFilter]) -> impl Iterator<Item = &str> {
    filters.iter().filter_map(EventFilter::event_type).filter(|kind| kind.starts_with(TYPES))
}

/// One event, before it becomes a CloudEvent.
#[derive(Clone)]
struct Telling {
    kind: String,
    data: Map<String, Value>,
}

impl Runs {
    /// Makes the lifecycle events of an effect, for whoever asked for them.
    pub(super) fn tell_of(&mut self, id: &RunId, effect: &Effect) {
        self.tell_all(id, |active, at| tellings(active, effect, at));
    }

    /// Tells that a run stands elsewhere now, for whoever asked for it.
    pub(super) fn tell_status(&mut self, id: &RunId) {
        self.tell_all(id, |active, at| vec![stands(active, at, active.run.status)]);
    }

    /// Whether anybody asked what tasks give.
    pub(super) fn hears_outputs(&self) -> bool {
        let kind = "io.serverlessworkflow.task.completed.v1";
        (!self.heard.is_empty() || !self.listens.by_type.is_empty())
            && (self.heard.contains(kind) || self.listens.hears(kind))
    }

    fn tell_all(&mut self, id: &RunId, tellings: impl FnOnce(&Active, &str) -> Vec<Telling>) {
        if self.heard.is_empty() && !self.listens.hears(TYPES) {
            return;
        }
        let Some(active) = self.active.get(id) else { return };
        if self.is_silent(&active.run) {
            return;
        }
        let (chain, observes) = (chain(&active.run), self.observes(active));
        for telling in tellings(active, &self.now.to_string()) {
            let over = active.run.status.is_over();
            let endless = telling.kind.starts_with("task.")
                || telling.kind.contains("correlation")
                || (telling.kind.contains(STATUS) && !over);
            let kind = format!("{TYPES}{}.v1", telling.kind);
            if (observes && endless) || !(self.heard.contains(&kind) || self.listens.hears(&kind)) {
                continue;
            }
            self.told += 1;
            let document = active.pinned.definition.document();
            let event = json!({
                "specversion": "1.0",
                "id": format!("{id}-{}-{}", active.records, self.told),
                "source": format!("/api/v1/runs/{id}"),
                "type": kind,
                "subject": format!("{}.{}", document.namespace, document.name),
                "time": self.now.to_string(),
                "datacontenttype": "application/json",
                "data": telling.data,
                CHAIN: chain.join(" "),
            });
            self.announced.push_back((id.clone(), event));
        }
    }

    /// Notes that a run listens to lifecycle events, if it does.
    pub(super) fn note_observer(&mut self, run: &RunId, filters: &[EventFilter]) {
        if named(filters).next().is_some() {
            self.observers.insert(run.clone());
        }
    }

    /// Notes that a run was called, if by one whose calls tell nothing.
    pub(super) fn note_called(&mut self, parent: &RunId, child: &RunId) {
        if self.active.get(parent).is_some_and(|p| self.observes(p) || self.is_silent(&p.run)) {
            self.silent.insert(child.clone());
        }
    }

    /// A run is over.
    pub(super) fn forget_observer(&mut self, run: &RunId) {
        self.observers.remove(run);
        self.silent.remove(run);
    }

    /// Whether a run hears lifecycle events, or was started by one.
    fn observes(&self, active: &Active) -> bool {
        self.observers.contains(&active.run.id)
            || active.pinned.source.contains(TYPES)
            || causes(&active.run).next().is_some()
    }

    fn is_silent(&self, run: &Run) -> bool {
        let mut run = run;
        loop {
            if self.silent.contains(&run.id) {
                return true;
            }
            let RunPurpose::Subflow { run: parent, .. } = &run.purpose else { return false };
            let Some(parent) = self.active.get(parent) else { return false };
            if self.observes(parent) {
                return true;
            }
            run = &parent.run;
        }
    }

    /// Gives a lifecycle event to those who named its type.
    pub(super) fn announce(&mut self, of: &RunId, event: &Value, told: &mut Told) {
        for (run, listening) in self.listens.named(event) {
            if run != *of {
                let event =
                    workflow::Event::EventReceived { id: listening, event: event.clone(), at: self.now };
                self.inbox.push_back((run, event));
            }
        }
        if event["type"].as_str().is_some_and(|kind| self.heard.contains(kind)) {
            self.trigger_schedules(event, told);
        }
    }

    /// Whether a schedule may take an event: any from outside, a lifecycle event only where that ends.
    pub(super) fn may_start(name: &str, on: &Trigger, event: &Value) -> bool {
        if event.get(CHAIN).is_none() {
            return true;
        }
        let kind = event["type"].as_str().unwrap_or_default();
        let chain = before(event);
        chain.len() <= MAX_CHAIN
            && !chain.contains(&name)
            && named(&on.filters()).any(|wanted| wanted == kind)
    }

    /// Notes which lifecycle events schedules wait for.
    pub(super) fn note_heard(&mut self) {
        let on = |s: &Scheduled| s.trigger().map(Trigger::filters).unwrap_or_default();
        let filters: Vec<EventFilter> = self.schedules.values().filter(|s| s.enabled).flat_map(on).collect();
        self.heard = named(&filters).map(str::to_owned).collect();
    }
}

impl super::Listens {
    /// Whether anybody names a type that begins so.
    fn hears(&self, kind: &str) -> bool {
        let from = Some(kind.to_owned());
        self.by_type
            .range(from..)
            .next()
            .is_some_and(|(known, _)| known.as_ref().is_some_and(|k| k.starts_with(kind)))
    }
}

/// The workflows an event names as having led to it.
fn before(event: &Value) -> Vec<&str> {
    event[CHAIN].as_str().unwrap_or_default().split_whitespace().collect()
}

/// The lifecycle events that started a run.
fn causes(run: &Run) -> impl Iterator<Item = &Value> {
    let started = matches!(run.purpose, RunPurpose::Event { .. });
    let events = run.input.as_array().filter(|_| started).into_iter().flatten();
    events.filter(|event| event.get(CHAIN).is_some())
}

/// The workflows whose runs led to a run by lifecycle events, then its own.
fn chain(run: &Run) -> Vec<&str> {
    let mut chain: Vec<&str> = causes(run).flat_map(before).chain([run.workflow.as_str()]).collect();
    let mut seen = BTreeSet::new();
    chain.retain(|name| seen.insert(*name));
    chain
}

/// The qualified name of a run.
fn name_of(active: &Active) -> String {
    let document = active.pinned.definition.document();
    format!("{}-{}.{}", document.name, active.run.id, document.namespace)
}

/// A run tells where it stands.
fn stands(active: &Active, at: &str, status: RunStatus) -> Telling {
    let status = vec![("status", json!(status))];
    telling("workflow", STATUS, "updatedAt", at, [("name", json!(name_of(active)))], status)
}

/// What a task tells: that, and where it stands then.
fn of_task(active: &Active, at: &str, path: &str, what: &str, more: Vec<(&str, Value)>) -> Vec<Telling> {
    let (when, status) = match what {
        "created" => ("createdAt", "pending"),
        "started" => ("startedAt", "running"),
        "retried" => ("retriedAt", "running"),
        "suspended" => ("suspendedAt", "suspended"),
        "resumed" => ("resumedAt", if waits(active, path) { "waiting" } else { "running" }),
        "completed" => ("completedAt", "completed"),
        "faulted" => ("faultedAt", "faulted"),
        _ => ("cancelledAt", "cancelled"),
    };
    let name = name_of(active);
    let who = || [("workflow", json!(name)), ("task", json!(path))];
    let stands =
        |status: &str| telling("task", STATUS, "updatedAt", at, who(), vec![("status", json!(status))]);
    let mut told = vec![telling("task", what, when, at, who(), more), stands(status)];
    if what == "started" && waits(active, path) {
        told.push(stands("waiting"));
    }
    told
}

/// Whether a task is one that waits for time or events.
fn waits(active: &Active, path: &str) -> bool {
    let kind = active.pinned.definition.tasks().find(|(of, ..)| *of == path).map(|(_, _, kind, _)| kind);
    matches!(kind, Some("wait" | "listen"))
}

fn tellings(active: &Active, effect: &Effect, at: &str) -> Vec<Telling> {
    let name = name_of(active);
    let run = |what: &str, when: &str, more: Vec<(&str, Value)>| {
        telling("workflow", what, when, at, [("name", json!(name))], more)
    };
    let task = |what: &str, path: &str, more| of_task(active, at, path, what, more);
    match effect {
        Effect::Lifecycle { change, path, error, output, .. } if !path.is_empty() => match change {
            Change::Started => [task("created", path, vec![]), task("started", path, vec![])].concat(),
            Change::Retried => task("retried", path, vec![]),
            Change::Completed => {
                task("completed", path, output.iter().map(|o| ("output", Value::clone(o))).collect())
            }
            Change::Faulted => task("faulted", path, error.iter().map(|e| ("error", e.to_json())).collect()),
            Change::Cancelled => task("cancelled", path, vec![]),
            Change::CorrelationStarted => vec![run("correlation-started", "startedAt", vec![])],
            Change::CorrelationCompleted => vec![run("correlation-completed", "completedAt", vec![])],
            // The standard has no events for these.
            Change::Skipped | Change::Compensating | Change::Revised => Vec::new(),
            Change::Suspended | Change::Resumed => Vec::new(),
        },
        Effect::Lifecycle { change: change @ (Change::Suspended | Change::Resumed), .. } => {
            let (what, when) = if *change == Change::Suspended {
                ("suspended", "suspendedAt")
            } else {
                ("resumed", "resumedAt")
            };
            let summary = workflow::summary(&active.pinned.definition, &active.state);
            let tasks = summary.current.iter().flat_map(|path| task(what, path, vec![]));
            std::iter::once(run(what, when, vec![])).chain(tasks).collect()
        }
        Effect::Lifecycle { change: Change::Started, .. } => {
            let document = active.pinned.definition.document();
            let definition = json!({
                "name": document.name, "namespace": document.namespace, "version": document.version,
            });
            let started = run("started", "startedAt", vec![("definition", definition)]);
            vec![started, stands(active, at, RunStatus::Running)]
        }
        Effect::Finished { output } => {
            vec![run("completed", "completedAt", vec![("output", output.clone())])]
        }
        Effect::Failed { error } => vec![run("faulted", "faultedAt", vec![("error", error.to_json())])],
        Effect::Cancelled { .. } => vec![run("cancelled", "cancelledAt", vec![])],
        _ => Vec::new(),
    }
}

fn telling<const N: usize>(
    of: &str,
    what: &str,
    when: &str,
    at: &str,
    who: [(&str, Value); N],
    more: Vec<(&str, Value)>,
) -> Telling {
    let fields = who.into_iter().chain([(when, json!(at))]).chain(more);
    Telling { kind: format!("{of}.{what}"), data: fields.map(|(k, v)| (k.to_owned(), v)).collect() }
}
