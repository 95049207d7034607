//! What runs ask for: what the loop answers itself, and what goes to the outside.

use model::{CorrelationId, Run, RunId, RunPurpose, RunStatus, Timestamp};
use serde_json::{Value, json};
use workflow::{Effect, Event, WaitsFor, WorkflowError};

use super::{MAX_DEPTH, Order, Runs, Told, dispatch, refused, touched};

pub use workflow::APPROVE;

/// Tells people something.
pub const NOTIFY: &str = "notify";
/// Gives back its parameters: a journaled step without an effect.
pub const ECHO: &str = "echo";
/// Runs another workflow.
pub const RUN_WORKFLOW: &str = "run.workflow";

/// Longest notice that is kept, in characters.
const MAX_NOTICE: usize = 2_000;

impl Runs {
    pub(super) fn carry(&mut self, id: &RunId, effects: Vec<Effect>, told: &mut Told) {
        for effect in effects {
            match effect {
                Effect::Call { key, function, parameters, path, .. } => {
                    self.call(id, key, function, parameters, &path, told);
                }
                Effect::Timer { id: timer, at } => self.set_timer(id, timer, at),
                Effect::Abandon { key } => self.abandon(id, &key, told),
                Effect::Listen { id: listening, filters, subscription, .. } => {
                    self.listen(id, listening, filters, subscription, told);
                }
                Effect::Unlisten { id: listening } => {
                    self.listens.remove(id, &listening);
                    told.unsubscribes.push((id.clone(), listening));
                }
                Effect::Lifecycle { .. }
                | Effect::Finished { .. }
                | Effect::Failed { .. }
                | Effect::Cancelled { .. } => self.tell_of(id, &effect),
            }
        }
    }

    fn call(
        &mut self,
        id: &RunId,
        key: String,
        function: String,
        parameters: Value,
        path: &str,
        told: &mut Told,
    ) {
        let at = self.now;
        match function.as_str() {
            manifest::VERIFY => told.verify.push((id.clone(), key, parameters)),
            APPROVE => self.ask_person(id, &key, path, parameters, told),
            ECHO => {
                let event = Event::CallSucceeded { key, output: parameters, inverse: None, at };
                self.inbox.push_back((id.clone(), event));
            }
            NOTIFY => {
                let event = match parameters["message"].as_str() {
                    Some(message) => {
                        let text: String = message.chars().take(MAX_NOTICE).collect();
                        told.notices.push((id.clone(), text));
                        Event::CallSucceeded { key, output: json!({"notified": true}), inverse: None, at }
                    }
                    None => {
                        let why = "notify: `message` must be text";
                        refused(&key, WorkflowError::configuration(why), at)
                    }
                };
                self.inbox.push_back((id.clone(), event));
            }
            RUN_WORKFLOW => self.start_subflow(id, key, &parameters, told),
            _ => {
                let nonce = self.active.get(id).map_or_else(String::new, |a| a.state.nonce());
                told.calls.push(dispatch(id, key, function, parameters, nonce));
            }
        }
    }

    fn abandon(&mut self, id: &RunId, key: &str, told: &mut Told) {
        let verify = self
            .active
            .get(id)
            .and_then(|a| a.state.pending_call(key))
            .is_some_and(|(f, _)| f == manifest::VERIFY);
        if verify {
            told.released.push((id.clone(), key.to_owned()));
        } else if !self.withdraw_approval(key, told) {
            // Another run: it is cancelled, and its end is the answer. Anything else answers when it is known.
            let child = subflow_id(key);
            if self.active.contains_key(&child) {
                let event = Event::CancelRequested { by: format!("run {id}"), at: self.now };
                self.inbox.push_back((child, event));
            }
            return;
        }
        let error = WorkflowError::runtime("no longer asked for");
        self.inbox.push_back((id.clone(), refused(key, error, self.now)));
    }

    /// Starts the run that a run calls, once for each key.
    fn start_subflow(&mut self, id: &RunId, key: String, parameters: &Value, told: &mut Told) {
        let child = subflow_id(&key);
        if self.active.contains_key(&child) {
            return;
        }
        let Some(parent) = self.active.get(id) else { return };
        let (depth, correlation_id) = (parent.depth + 1, parent.run.correlation_id.clone());
        let (service, at) = (parent.run.service.clone(), self.now);
        let refusal = if depth > MAX_DEPTH {
            Some(format!("runs call runs at most {MAX_DEPTH} deep; a workflow may be calling itself"))
        } else {
            None
        };
        let found = self.library.called(parameters).ok_or_else(|| {
            let text = |name: &str| parameters[name].as_str().unwrap_or_default().to_owned();
            format!("there is no workflow {}.{}; store it first", text("namespace"), text("name"))
        });
        let (workflow, pinned) = match (refusal, found) {
            (None, Ok(found)) => found,
            (Some(why), _) | (None, Err(why)) => {
                let error = WorkflowError::configuration(why);
                self.inbox.push_back((id.clone(), refused(&key, error, at)));
                return;
            }
        };
        let input = match &parameters["input"] {
            Value::Null => json!({}),
            input => input.clone(),
        };
        let service = touched(&pinned, &input).or(service);
        let waits = parameters["await"] != Value::Bool(false);
        let purpose =
            RunPurpose::Subflow { run: id.clone(), key: if waits { key.clone() } else { String::new() } };
        let order = Order {
            id: child,
            workflow,
            pinned,
            service,
            purpose,
            input: input.clone(),
            correlation_id,
            depth,
        };
        self.note_called(id, &order.id);
        self.enqueue(order, told);
        self.admit(told);
        if !waits {
            let event = Event::CallSucceeded { key, output: input, inverse: None, at };
            self.inbox.push_back((id.clone(), event));
        }
    }
}

/// The id of the run that a call starts: the key alone makes it, so that a repeated call finds it.
fn subflow_id(key: &str) -> RunId {
    RunId::derive(Timestamp::ZERO, &["subflow", key])
}

/// What the end of a run means to the run that called it.
pub(super) fn subflow_answer(run: &Run, key: &str, at: Timestamp) -> Event {
    let key = key.to_owned();
    match run.status {
        RunStatus::Completed => Event::CallSucceeded { key, output: run.output.clone(), inverse: None, at },
        _ => {
            let why = run.error.as_deref().unwrap_or("it was ended");
            let error = WorkflowError::runtime(format!("{} ({}) failed: {why}", run.workflow, run.id));
            Event::CallFailed { key, error, retryable: false, at }
        }
    }
}

/// What a run waits for, for people.
pub(super) fn wait_sentence(waits: &WaitsFor) -> String {
    match waits {
        WaitsFor::Resume => "somebody to let it go on".to_owned(),
        WaitsFor::Calls { functions } => match functions.as_slice() {
            [one] if one == APPROVE => "a person's approval".to_owned(),
            [one] if one == manifest::VERIFY => "verification".to_owned(),
            many => format!("the answer of {}", many.join(", ")),
        },
        WaitsFor::Events { until: Some(until), .. } => format!("an event, until {until}"),
        WaitsFor::Events { until: None, .. } => "an event".to_owned(),
        WaitsFor::Time { until } => format!("time to pass, until {until}"),
    }
}

/// The correlation id of a run that nothing else has one for.
pub(super) fn own_correlation(at: Timestamp, id: &RunId) -> CorrelationId {
    CorrelationId::derive(at, &["run", id.as_str()])
}
