//! A run as people see it.

use model::{RunStatus, Step};
use serde_json::Value;

use crate::definition::Definition;
use crate::state::{Phase, State};

/// What there is to show of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct View {
    /// Where it stands.
    pub status: RunStatus,
    /// Its steps, in order of start.
    pub steps: Vec<Step>,
    /// Its output; `null` until it completed.
    pub output: Value,
    /// Why it failed or who ended it, one sentence.
    pub error: Option<String>,
}

/// Shows a run.
#[must_use]
pub fn view(definition: &Definition, state: &State) -> View {
    let (status, output, error) = match &state.phase {
        Phase::Pending => (RunStatus::Pending, Value::Null, None),
        Phase::Running if state.paused => (RunStatus::Suspended, Value::Null, None),
        Phase::Running if state.calls.is_empty() && !state.timers.is_empty() => {
            (RunStatus::Waiting, Value::Null, None)
        }
        Phase::Running => (RunStatus::Running, Value::Null, None),
        Phase::Completed { output } => (RunStatus::Completed, output.clone(), None),
        Phase::Faulted { error } => (RunStatus::Faulted, Value::Null, Some(error.sentence())),
        Phase::Cancelled { by } => (RunStatus::Cancelled, Value::Null, Some(format!("cancelled by {by}"))),
    };
    let steps = state.steps.iter().map(|s| Step {
        path: s.path.clone(),
        name: s.name.clone(),
        kind: s.task.map_or("call", |t| definition.task(t).kind.name()).to_owned(),
        call: s.call.clone(),
        status: s.status,
        attempt: s.attempt,
        started_at: s.started_at,
        ended_at: s.ended_at,
        input: s.input.clone(),
        output: s.output.clone(),
        error: s.error.clone(),
        compensation: s.compensation,
    });
    View { status, steps: steps.collect(), output, error }
}
