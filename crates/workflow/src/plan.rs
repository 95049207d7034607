//! Dry run: the calls a workflow would make, as far as that can be known before making any.

use model::{RunId, Timestamp};
use serde_json::Value;

use crate::definition::Definition;
use crate::event::{Effect, Event};
use crate::machine::{apply, start};

/// Most calls a plan follows.
const MAX_CALLS: usize = 500;

/// What a run would do.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Calls in the order they would be made when each succeeds.
    pub calls: Vec<PlannedCall>,
    /// Calls in the document that this path does not come by: in catches and in cases not taken.
    pub otherwise: Vec<(String, String)>,
    /// Why the plan ends early, when it does.
    pub note: Option<String>,
}

/// One call of a plan.
#[derive(Clone, Debug, PartialEq)]
pub struct PlannedCall {
    /// JSON pointer of the task.
    pub path: String,
    /// The function.
    pub function: String,
    /// Its parameters, as far as known.
    pub parameters: Value,
    /// True when nothing before it needs an answer: it will be made exactly so.
    pub certain: bool,
}

/// Follows the document with this input as if every call succeeded with no output and all time passed at once.
#[must_use]
pub fn plan(definition: &Definition, input: Value, at: Timestamp) -> Plan {
    let run = RunId::derive(at, &["plan"]);
    let (mut state, _, effects) = start(definition, &run, input, at, 0);
    let mut queue: std::collections::VecDeque<(Effect, bool)> =
        effects.into_iter().map(|e| (e, true)).collect();
    let (mut calls, mut note) = (Vec::new(), None);
    while let Some((effect, certain)) = queue.pop_front() {
        let event = match effect {
            Effect::Call { key, function, parameters, path, .. } => {
                if calls.len() >= MAX_CALLS {
                    note = Some(format!("the plan was cut after {MAX_CALLS} calls"));
                    break;
                }
                calls.push(PlannedCall { path, function, parameters, certain });
                Event::CallSucceeded { key, output: Value::Null, inverse: None, at }
            }
            Effect::Timer { id, at } => {
                // A timeout does not go off when everything succeeds at once.
                if id.ends_with(":timeout") {
                    continue;
                }
                Event::TimerFired { id, at }
            }
            Effect::Listen { path, .. } => {
                note = Some(format!("from here it depends on the events that {path} listens to"));
                continue;
            }
            Effect::Failed { error } => {
                note = Some(format!("from here it depends on what the calls give ({})", error.sentence()));
                continue;
            }
            _ => continue,
        };
        let called = matches!(event, Event::CallSucceeded { .. });
        queue.extend(apply(definition, &mut state, &event).into_iter().map(|e| (e, certain && !called)));
    }
    let otherwise = definition
        .tasks()
        .filter_map(|(path, _, _, function)| function.map(|f| (path.to_owned(), f.to_owned())))
        .filter(|(path, _)| calls.iter().all(|c| c.path != *path))
        .collect();
    Plan { calls, otherwise, note }
}
