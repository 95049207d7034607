//! A run at a glance, from its live state alone. Its steps are told by a [`crate::Trail`].

use model::{RunStatus, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::definition::Definition;
use crate::state::{Phase, Purpose, State};

/// The function that asks a person. A run that only waits for such answers is waiting, not at work.
pub const APPROVE: &str = "approve";

/// What there is to say of a run in one line of a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Where it stands.
    pub status: RunStatus,
    /// What it waits for; none when it is over.
    pub waits_for: Option<WaitsFor>,
    /// Steps that ended well or were skipped, those of its present course.
    pub steps_done: usize,
    /// Steps that failed, those of its present course.
    pub steps_failed: usize,
    /// JSON pointers of the innermost tasks under way, oldest first.
    pub current: Vec<String>,
    /// Its output; `null` until it completed.
    pub output: Value,
    /// Why it failed or who ended it, one sentence.
    pub error: Option<String>,
}

/// What has to happen before a run goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "for", rename_all = "snake_case")]
pub enum WaitsFor {
    /// Somebody has to let it go on.
    Resume,
    /// Calls have to be answered.
    Calls {
        /// The functions that were called, each once.
        functions: Vec<String>,
    },
    /// Events have to come.
    Events {
        /// JSON pointers of the tasks that listen.
        tasks: Vec<String>,
        /// When it goes on without them, if it does.
        until: Option<Timestamp>,
    },
    /// Time has to pass.
    Time {
        /// Until when.
        until: Timestamp,
    },
}

/// Tells where a run stands.
#[must_use]
pub fn summary(definition: &Definition, state: &State) -> Summary {
    let (waits_for, status) = (waits_for(state), status(state));
    let (output, error) = match &state.phase {
        Phase::Pending | Phase::Running => (Value::Null, None),
        Phase::Completed { output } => (output.clone(), None),
        Phase::Faulted { error } => (Value::Null, Some(error.sentence())),
        Phase::Cancelled { by } => (Value::Null, Some(format!("cancelled by {by}"))),
    };
    let innermost = state.nodes.iter().filter(|(id, node)| {
        node.step.is_some() && !state.nodes.range(*id + 1..).any(|(_, n)| n.parent == Some(**id))
    });
    let current = innermost.map(|(_, n)| n.path(definition)).collect();
    let (steps_done, steps_failed) = (state.steps.done, state.steps.failed);
    Summary { status, waits_for, steps_done, steps_failed, current, output, error }
}

/// Where a run stands, without looking at more than is needed.
pub(crate) fn status(state: &State) -> RunStatus {
    match &state.phase {
        Phase::Pending => RunStatus::Pending,
        Phase::Running if state.paused_at.is_some() => RunStatus::Suspended,
        Phase::Running if state.calls.values().any(|c| c.function != APPROVE) => RunStatus::Running,
        Phase::Running if waits_for(state).is_some() => RunStatus::Waiting,
        Phase::Running => RunStatus::Running,
        Phase::Completed { .. } => RunStatus::Completed,
        Phase::Faulted { .. } => RunStatus::Faulted,
        Phase::Cancelled { .. } => RunStatus::Cancelled,
    }
}

fn waits_for(state: &State) -> Option<WaitsFor> {
    if state.phase != Phase::Running {
        return None;
    }
    if state.paused_at.is_some() {
        return Some(WaitsFor::Resume);
    }
    if !state.calls.is_empty() {
        let mut functions: Vec<String> = state.calls.values().map(|c| c.function.clone()).collect();
        functions.sort_unstable();
        functions.dedup();
        return Some(WaitsFor::Calls { functions });
    }
    let timers = state.timers.values().filter(|t| t.purpose != Purpose::Timeout);
    let until = timers.map(|t| t.at).min();
    if !state.listens.is_empty() {
        let tasks = state.listens.values().map(|l| l.path.clone()).collect();
        return Some(WaitsFor::Events { tasks, until });
    }
    until.map(|until| WaitsFor::Time { until })
}
