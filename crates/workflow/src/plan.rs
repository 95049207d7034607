//! Dry run: what a workflow would ask of the outside, as far as that can be known before asking.

pub(crate) mod dry;

use std::collections::VecDeque;

use model::{RunId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::definition::Definition;
use crate::event::{Effect, Event};
use crate::filter::EventFilter;
use crate::machine::{Watch, advance};
use crate::state::State;
use crate::yaml::clip;
use dry::{Decision, Dry, depends_on, fill, unknown};

/// What stands for listening among the calls of a plan.
const LISTEN: &str = "listen";
/// Most calls a plan follows on one way.
const MAX_CALLS: usize = 500;
/// Most ways through the document a plan follows.
const MAX_WAYS: usize = 64;
/// Most conditions on one way whose outcome depends on answers.
const MAX_DECISIONS: usize = 200;

/// What a run would do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// What it would ask for, in order, when each call succeeds and each condition that depends on answers holds.
    /// Calls, `emit` and `run` alike; `listen` stands for the events that are waited for.
    pub calls: Vec<PlannedCall>,
    /// What it may ask for instead or besides: on other sides of conditions that depend on answers, and when
    /// something fails.
    pub otherwise: Vec<Otherwise>,
    /// Why the plan ends early, when it does.
    pub note: Option<String>,
}

/// Something a run would ask for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlannedCall {
    /// JSON pointer of the task.
    pub path: String,
    /// The function.
    pub function: String,
    /// Its parameters. What depends on answers says so in its place.
    pub parameters: Value,
    /// True when it is made exactly so on every way, as long as what comes before it succeeds.
    pub certain: bool,
    /// JSON pointers of the tasks whose answers its parameters depend on.
    pub depends_on: Vec<String>,
    /// What would be recorded to undo it, when the document says it. What the called side offers is known only
    /// once it has answered.
    pub undo: Option<PlannedUndo>,
}

/// What would undo a call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlannedUndo {
    /// The function.
    pub function: String,
    /// Its parameters. What depends on answers says so in its place.
    pub parameters: Value,
}

/// Something a run may ask for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Otherwise {
    /// JSON pointer of the task.
    pub path: String,
    /// The function.
    pub function: String,
    /// Its parameters, when a way was found on which it is asked for.
    pub parameters: Option<Value>,
    /// When that is.
    pub when: String,
}

/// Follows the document with this input as if every call succeeded and all time passed at once.
#[must_use]
pub fn plan(definition: &Definition, input: &Value, at: Timestamp) -> Plan {
    let main = Journey::follow(definition, input, at, Vec::new());
    let mut others: Vec<Journey> = Vec::new();
    let mut open: VecDeque<Vec<bool>> = main.turns(0);
    while others.len() < MAX_WAYS - 1
        && let Some(forced) = open.pop_front()
    {
        let known = forced.len();
        let other = Journey::follow(definition, input, at, forced);
        open.extend(other.turns(known));
        others.push(other);
    }
    let mut note = main.note.clone();
    if !open.is_empty() && note.is_none() {
        note = Some(format!("more than {MAX_WAYS} ways lead through the document; not all were followed"));
    }
    let every_way = open.is_empty();
    let certain = |call: &PlannedCall| {
        every_way
            && call.depends_on.is_empty()
            && others.iter().all(|o| o.calls.iter().any(|c| same(c, call)))
    };
    let calls = main.calls.iter().map(|c| PlannedCall { certain: certain(c), ..c.clone() }).collect();
    let otherwise = otherwise(definition, &main, &others);
    Plan { calls, otherwise, note }
}

fn same(one: &PlannedCall, other: &PlannedCall) -> bool {
    one.path == other.path && one.parameters == other.parameters
}

/// Calls of other ways, then those that no way came by.
fn otherwise(definition: &Definition, main: &Journey, others: &[Journey]) -> Vec<Otherwise> {
    let mut found: Vec<Otherwise> = Vec::new();
    for other in others {
        let turned = other.decisions.iter().zip(&main.decisions).find(|(o, m)| o.holds != m.holds);
        let Some((turned, _)) = turned else { continue };
        let not = if turned.holds { "" } else { "not " };
        let when = format!("{not}`{}` at {}", clip(&turned.condition), turned.path);
        for call in &other.calls {
            let known = main.calls.iter().any(|c| same(c, call))
                || found
                    .iter()
                    .any(|o| o.path == call.path && o.parameters.as_ref() == Some(&call.parameters));
            if !known {
                found.push(Otherwise {
                    path: call.path.clone(),
                    function: call.function.clone(),
                    parameters: Some(call.parameters.clone()),
                    when: when.clone(),
                });
            }
        }
    }
    for (path, _, _, function) in definition.tasks() {
        let Some(function) = function else { continue };
        let seen = main.calls.iter().any(|c| c.path == path) || found.iter().any(|o| o.path == path);
        if !seen {
            let when = match path.rfind("/catch/") {
                Some(end) => format!("something in {} fails", &path[..end]),
                None => "on a way that this input does not take".to_owned(),
            };
            found.push(Otherwise {
                path: path.to_owned(),
                function: function.to_owned(),
                parameters: None,
                when,
            });
        }
    }
    found
}

/// One way through a document.
struct Journey {
    calls: Vec<PlannedCall>,
    decisions: Vec<Decision>,
    note: Option<String>,
}

impl Journey {
    fn follow(definition: &Definition, input: &Value, at: Timestamp, forced: Vec<bool>) -> Self {
        let dry = Dry::new(forced);
        let mut state = State::new(RunId::derive(at, &["plan"]).as_str());
        let (mut calls, mut note) = (Vec::<PlannedCall>::new(), None);
        let mut events = VecDeque::from([Event::Started { input: input.clone(), at, seed: 0 }]);
        while let Some(event) = events.pop_front() {
            let effects =
                advance(definition, &mut state, &event, Watch { dry: Some(&dry), ..Watch::default() });
            if let Event::CallSucceeded { key, .. } = &event
                && let Some(recorded) = state.inverses.iter().find(|i| i.key == *key)
                && let Some(call) = calls.iter_mut().rfind(|c| c.path == recorded.path)
            {
                let parameters = shown(&recorded.inverse.parameters);
                call.undo = Some(PlannedUndo { function: recorded.inverse.action.clone(), parameters });
            }
            if dry.decided() > MAX_DECISIONS {
                note =
                    Some(format!("the plan was cut after {MAX_DECISIONS} conditions that depend on answers"));
                break;
            }
            for effect in effects {
                match effect {
                    Effect::Call { key, function, parameters, path, compensation: false } => {
                        let output = unknown(&path);
                        calls.push(planned(path, function, &parameters));
                        events.push_back(Event::CallSucceeded { key, output, inverse: None, at });
                    }
                    Effect::Listen { id, path, filters, subscription } => {
                        calls.push(planned(path.clone(), LISTEN.to_owned(), &asked(&filters, subscription)));
                        events.push_back(Event::EventReceived { id, event: unknown(&path), at });
                    }
                    // A timeout does not go off when everything succeeds at once.
                    Effect::Timer { id, .. } if id.ends_with(":timeout") => {}
                    Effect::Timer { id, at } => events.push_back(Event::TimerFired { id, at }),
                    Effect::Failed { error } => note = Some(format!("it fails: {}", error.sentence())),
                    _ => {}
                }
            }
            if calls.len() >= MAX_CALLS {
                note = Some(format!("the plan was cut after {MAX_CALLS} calls"));
                break;
            }
        }
        Self { calls, decisions: dry.decisions(), note }
    }

    /// Ways that differ from this one in one decision after the first `known`. A condition that is come by again
    /// is a turn of a loop and shows nothing new.
    fn turns(&self, known: usize) -> VecDeque<Vec<bool>> {
        let all = &self.decisions;
        let first = |at: usize| {
            all[..at].iter().all(|d| (&d.path, &d.condition) != (&all[at].path, &all[at].condition))
        };
        let turn = |at: usize| all[..at].iter().map(|d| d.holds).chain([!all[at].holds]).collect();
        (known..all.len()).filter(|at| first(*at)).map(turn).collect()
    }
}

/// What is listened to.
fn asked(filters: &[EventFilter], subscription: Option<Value>) -> Value {
    let filters = serde_json::to_value(filters).expect("filters are plain data");
    match subscription {
        Some(subscription) => json!({"subscription": subscription, "filters": filters}),
        None => json!({"filters": filters}),
    }
}

fn planned(path: String, function: String, parameters: &Value) -> PlannedCall {
    let depends_on = depends_on(parameters).into_iter().collect();
    PlannedCall { path, function, parameters: shown(parameters), certain: false, depends_on, undo: None }
}

/// Parameters with words where answers decide.
fn shown(parameters: &Value) -> Value {
    fill(parameters, &|paths| {
        let names: Vec<&str> = paths.iter().filter_map(Value::as_str).collect();
        Value::String(format!("<depends on {}>", names.join(", ")))
    })
}
