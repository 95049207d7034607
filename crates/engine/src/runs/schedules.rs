//! Runs that start by themselves: at times, or when events come.
//!
//! A workflow that somebody wrote follows its schedule as soon as it is stored; a shipped one only once somebody
//! says so. What was due while nobody was there to start it is started once, not once for each time missed.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{Run, RunId, RunPurpose, Timestamp};
use ports::Index;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use workflow::Waiting;

use super::carry::own_correlation;
use super::{Order, Pinned, Runs, Told, touched};
use crate::command::Refusal;
use crate::records::{Record, put};

/// Where the schedule of a workflow stands.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ScheduleState {
    /// The workflow: runbook name or `namespace.name`.
    pub workflow: String,
    /// Whether it starts runs; none leaves it to where the workflow comes from.
    pub enabled: Option<bool>,
    /// The newest time at which a run was due and started.
    pub last_due_at: Option<Timestamp>,
    /// The newest run it started.
    pub last_run: Option<RunId>,
    /// Events that came and are not enough yet.
    #[schema(value_type = Object)]
    #[serde(default)]
    pub waiting: Waiting,
}

impl Record for ScheduleState {
    const KIND: &'static str = "schedule";

    fn key(&self) -> String {
        self.workflow.clone()
    }

    fn index(&self) -> Vec<(&'static str, Index)> {
        Vec::new()
    }
}

/// A workflow with a schedule.
#[derive(Clone, Debug)]
pub struct Scheduled {
    /// Where it stands.
    pub state: ScheduleState,
    /// When it is due next; none when it waits for events or does not start runs.
    pub next: Option<Timestamp>,
    /// Whether it starts runs.
    pub enabled: bool,
    pinned: Arc<Pinned>,
}

impl Scheduled {
    /// The events that start runs, if any do.
    pub(super) fn trigger(&self) -> Option<&workflow::Trigger> {
        self.pinned.definition.schedule()?.on.as_ref()
    }

    /// The schedule as the document says it, JSON.
    #[must_use]
    pub fn wanted(&self) -> Value {
        self.pinned.definition.to_json()["schedule"].clone()
    }
}

impl Runs {
    /// Every workflow with a schedule.
    pub(crate) fn schedules(&self) -> impl Iterator<Item = &Scheduled> {
        self.schedules.values()
    }

    pub(super) fn restore_schedules(&mut self, states: Vec<ScheduleState>) {
        let mut states: BTreeMap<String, ScheduleState> =
            states.into_iter().map(|s| (s.workflow.clone(), s)).collect();
        let shipped: Vec<_> =
            self.library.shipped().map(|(n, p)| (n.to_owned(), Arc::clone(p), false)).collect();
        let written: Vec<_> =
            self.library.written().map(|(n, p)| (n.to_owned(), Arc::clone(p), true)).collect();
        for (name, pinned, by_default) in shipped.into_iter().chain(written) {
            let state = states.remove(&name).unwrap_or_default();
            self.schedule(&name, pinned, state, by_default);
        }
        self.note_heard();
    }

    fn schedule(&mut self, name: &str, pinned: Arc<Pinned>, state: ScheduleState, by_default: bool) {
        let Some(schedule) = pinned.definition.schedule() else {
            self.schedules.remove(name);
            return;
        };
        let enabled = state.enabled.unwrap_or(by_default);
        let since = state.last_due_at.unwrap_or(self.now);
        // `after` begins with a run at once; its end says when the next one is due.
        let first = schedule.after_ms.filter(|_| state.last_run.is_none()).map(|_| self.now);
        let next = if enabled { schedule.next_after(since).into_iter().chain(first).min() } else { None };
        let state = ScheduleState { workflow: name.to_owned(), ..state };
        self.schedules.insert(name.to_owned(), Scheduled { state, next, enabled, pinned });
    }

    /// A workflow was stored or removed.
    pub(crate) fn reschedule(&mut self, name: &str) {
        let newest = self.library.written().find(|(n, _)| *n == name).map(|(_, p)| Arc::clone(p));
        let known = self.schedules.remove(name);
        if let Some(pinned) = newest {
            let mut state = known.map(|k| k.state).unwrap_or_default();
            // A new version begins to count now: it owes nothing for the time before it.
            state.last_due_at = Some(self.now);
            self.schedule(name, pinned, state, true);
        }
        self.note_heard();
    }

    /// Lets a schedule start runs, or not.
    ///
    /// # Errors
    /// The workflow has none.
    pub(crate) fn set_schedule(&mut self, name: &str, enabled: bool, told: &mut Told) -> Result<(), Refusal> {
        let known = self
            .schedules
            .get(name)
            .cloned()
            .ok_or_else(|| Refusal::NotFound(format!("there is no workflow {name} with a schedule")))?;
        let last_due_at = if enabled && !known.enabled { Some(self.now) } else { known.state.last_due_at };
        let state = ScheduleState { enabled: Some(enabled), last_due_at, ..known.state };
        told.ops.push(put(&state));
        self.schedule(name, known.pinned, state, enabled);
        self.note_heard();
        Ok(())
    }

    pub(super) fn next_schedule(&self) -> Option<Timestamp> {
        self.schedules.values().filter_map(|s| s.next).min()
    }

    /// Starts what is due.
    pub(super) fn fire_schedules(&mut self, told: &mut Told) {
        let now = self.now;
        let due: Vec<String> = self
            .schedules
            .iter()
            .filter(|(_, s)| s.next.is_some_and(|at| at <= now))
            .map(|(name, _)| name.clone())
            .collect();
        for name in due {
            let Some(scheduled) = self.schedules.get_mut(&name) else { continue };
            let Some(schedule) = scheduled.pinned.definition.schedule() else { continue };
            let Some(due_at) = scheduled.next else { continue };
            // The newest time that has passed stands for all that were missed.
            scheduled.next = schedule.next_after(now.max(due_at));
            scheduled.state.last_due_at = Some(now.max(due_at));
            let id = RunId::derive(due_at, &["schedule", &name]);
            scheduled.state.last_run = Some(id.clone());
            told.ops.push(put(&scheduled.state));
            let pinned = Arc::clone(&scheduled.pinned);
            self.start_scheduled(id, &name, pinned, RunPurpose::Schedule { due_at }, json!({}), told);
        }
    }

    /// Lets an event start what waits for it.
    pub(super) fn trigger_schedules(&mut self, event: &Value, told: &mut Told) {
        let mut ready = Vec::new();
        for (name, scheduled) in self.schedules.iter_mut().filter(|(_, s)| s.enabled) {
            let Some(on) = scheduled.pinned.definition.schedule().and_then(|s| s.on.as_ref()) else {
                continue;
            };
            if !Self::may_start(name, on, event) {
                continue;
            }
            let before = scheduled.state.waiting.clone();
            let input = on.take(&mut scheduled.state.waiting, event);
            if scheduled.state.waiting != before {
                told.ops.push(put(&scheduled.state));
            }
            if let Some(input) = input {
                ready.push((name.clone(), Arc::clone(&scheduled.pinned), input));
            }
        }
        for (name, pinned, input) in ready {
            let text = |field: &str| event[field].as_str().unwrap_or_default().to_owned();
            let id = RunId::derive(Timestamp::ZERO, &["event", &name, &text("source"), &text("id")]);
            let purpose = RunPurpose::Event { event: text("id") };
            self.start_scheduled(id, &name, pinned, purpose, input, told);
        }
    }

    /// A run that a schedule started ended: `after` counts from here.
    pub(super) fn scheduled_run_ended(&mut self, run: &Run) {
        let Some(scheduled) = self.schedules.get_mut(&run.workflow).filter(|s| s.enabled) else { return };
        if scheduled.state.last_run.as_ref() != Some(&run.id) {
            return;
        }
        let next = scheduled.pinned.definition.schedule().and_then(|s| s.after_end(self.now));
        scheduled.next = scheduled.next.into_iter().chain(next).min();
    }

    fn start_scheduled(
        &mut self,
        id: RunId,
        name: &str,
        pinned: Arc<Pinned>,
        purpose: RunPurpose,
        input: Value,
        told: &mut Told,
    ) {
        let correlation_id = own_correlation(self.now, &id);
        let workflow = name.to_owned();
        let service = touched(&pinned, &input);
        let order = Order { id, workflow, pinned, service, purpose, input, correlation_id, depth: 0 };
        self.start(order, told);
    }
}
