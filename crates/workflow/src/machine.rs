//! The transition: one event in, a new state and effects out. Pure: time and chance come in events.
//!
//! Work is a queue of moves, so depth of nesting and length of a run never become depth of the stack.

mod extend;
mod faults;
mod flow;
mod held;
mod listen;
mod scope;
mod start;

use model::{RunId, StepStatus, Timestamp};
use serde_json::Value;

use crate::definition::Definition;
use crate::error::WorkflowError;
use crate::event::{Change, Effect, Event};
use crate::plan::dry::Dry;
use crate::state::{
    Activity, Move, Node, NodeId, PendingCall, PendingTimer, Phase, Purpose, ROOT, State, call_effect,
    last_effect,
};
use crate::trail::Recorder;

/// Most steps one run may take; a loop that never ends fails its run here.
pub const MAX_RUN_STEPS: usize = 10_000;

pub use listen::{MAX_CONSUMED, MAX_QUEUED};

/// Begins a run. Journal the event, then act on the effects.
#[must_use]
pub fn start(
    definition: &Definition,
    run: &RunId,
    input: Value,
    at: Timestamp,
    seed: u64,
) -> (State, Event, Vec<Effect>) {
    let mut state = State::new(run.as_str());
    let event = Event::Started { input, at, seed };
    let effects = apply(definition, &mut state, &event);
    (state, event, effects)
}

/// Folds one event into the state and tells what to do now.
///
/// An event that answers nothing that is open (a second answer, a timer of a task that ended) changes nothing
/// and asks for nothing: delivery may repeat.
pub fn apply(definition: &Definition, state: &mut State, event: &Event) -> Vec<Effect> {
    advance(definition, state, event, Watch::default())
}

/// As [`apply`]; tasks that complete tell what they gave.
pub fn apply_telling(definition: &Definition, state: &mut State, event: &Event) -> Vec<Effect> {
    advance(definition, state, event, Watch { outputs: true, ..Watch::default() })
}

/// What is wanted of a transition beyond its effects.
#[derive(Default)]
pub(crate) struct Watch<'a> {
    /// Is told of every step.
    pub(crate) recorder: Option<&'a mut Recorder>,
    /// The machine stops in the middle, just before this step begins; what is left to be done is in the state.
    pub(crate) stop_before: Option<usize>,
    /// Answers are not known.
    pub(crate) dry: Option<&'a Dry>,
    /// Tasks that complete tell what they gave.
    pub(crate) outputs: bool,
}

/// As [`apply`], watched.
pub(crate) fn advance(
    definition: &Definition,
    state: &mut State,
    event: &Event,
    watch: Watch<'_>,
) -> Vec<Effect> {
    if state.is_over() && !matches!(event, Event::Revised { .. }) {
        return Vec::new();
    }
    state.now = state.now.max(event.at());
    let mut machine = Machine { definition, state, effects: Vec::new(), watch };
    machine.take(event);
    machine.run();
    machine.effects
}

/// The state after a journal.
#[must_use]
pub fn replay<'e>(
    definition: &Definition,
    run: &RunId,
    events: impl IntoIterator<Item = &'e Event>,
) -> State {
    let mut state = State::new(run.as_str());
    for event in events {
        apply(definition, &mut state, event);
    }
    state
}

struct Machine<'a> {
    definition: &'a Definition,
    state: &'a mut State,
    effects: Vec<Effect>,
    watch: Watch<'a>,
}

impl Machine<'_> {
    fn take(&mut self, event: &Event) {
        match event {
            Event::Started { input, seed, at } => {
                if self.state.phase == Phase::Pending {
                    self.begin_run(input.clone(), *seed, *at);
                }
            }
            Event::CallSucceeded { key, output, inverse, .. } => {
                self.call_succeeded(key, output, inverse.as_ref());
            }
            Event::CallFailed { key, error, retryable, .. } => self.call_failed(key, error, *retryable),
            Event::TimerFired { id, .. } => self.timer_fired(id),
            Event::EventReceived { id, event, .. } => self.event_received(id, event),
            Event::ListenFailed { id, error, .. } => {
                if let Some(node) = self.state.listens.get(id).map(|l| l.node) {
                    self.state.moves.push_back(Move::Fail { node, error: error.clone() });
                }
            }
            Event::CancelRequested { by, .. } => self.cancel(by),
            Event::PauseRequested { .. } => self.pause(),
            Event::ResumeRequested { .. } => self.resume(),
            Event::Revised { note, by, snapshot, .. } => self.revised(note, by, snapshot),
            Event::Snapshot { snapshot, .. } => {
                // Folding may begin here; a state that came here event by event is the same already.
                if self.state.phase == Phase::Pending {
                    let now = self.state.now;
                    *self.state = snapshot.state().clone();
                    self.state.now = self.state.now.max(now);
                    let state = &*self.state;
                    if let Some(recorder) = self.watch.recorder.as_deref_mut() {
                        recorder.begins_at(state);
                    }
                }
            }
        }
    }

    fn run(&mut self) {
        loop {
            while let Some(next) = self.state.moves.pop_front() {
                match next {
                    Move::Begin { .. } if self.watch.stop_before == Some(self.state.steps.begun) => {
                        self.state.moves.push_front(next);
                        return;
                    }
                    Move::Begin { parent, task, input, how } => self.begin_task(parent, task, input, how),
                    Move::Next { sequence, input } => self.next(sequence, input),
                    Move::Done { node, output, then } => self.task_done(node, output, then),
                    Move::Fail { node, error } => self.fail(node, error),
                    Move::Fire { timer } => self.timer_fired(&timer),
                    Move::Hear { id, event } => self.event_received(&id, &event),
                }
            }
            if !self.settle() {
                return;
            }
        }
    }

    fn tell(&mut self, change: Change, path: &str) {
        self.effects.push(Effect::Lifecycle {
            change,
            path: path.to_owned(),
            at: self.state.now,
            error: None,
            output: None,
        });
    }

    fn tell_fault(&mut self, path: String, error: &WorkflowError) {
        let (at, error) = (self.state.now, Some(Box::new(error.clone())));
        self.effects.push(Effect::Lifecycle { change: Change::Faulted, path, at, error, output: None });
    }

    fn tell_completed(&mut self, path: String, output: &Value) {
        let output = self.watch.outputs.then(|| Box::new(output.clone()));
        let (change, at) = (Change::Completed, self.state.now);
        self.effects.push(Effect::Lifecycle { change, path, at, error: None, output });
    }

    fn node(&self, id: NodeId) -> &Node {
        self.state.nodes.get(&id).expect("moves speak of active nodes only")
    }

    fn node_mut(&mut self, id: NodeId) -> &mut Node {
        self.state.nodes.get_mut(&id).expect("moves speak of active nodes only")
    }

    /// JSON pointer of the task a node stands for.
    fn path(&self, id: NodeId) -> String {
        self.node(id).path(self.definition)
    }

    fn add_node(&mut self, node: Node) -> NodeId {
        let id = self.state.next_node;
        self.state.next_node += 1;
        self.state.nodes.insert(id, Box::new(node));
        id
    }

    /// The node and everything it is inside of.
    fn scopes(&self, id: NodeId) -> Vec<NodeId> {
        let mut scopes = vec![id];
        let mut at = id;
        while let Some(parent) = self.state.nodes.get(&at).and_then(|n| n.parent) {
            scopes.push(parent);
            at = parent;
        }
        scopes
    }

    /// Asks for a call, or holds it while the run is paused.
    fn ask(&mut self, key: String, mut call: PendingCall) {
        call.asked = self.state.paused_at.is_none();
        if call.asked {
            self.effects.push(call_effect(&key, &call));
        }
        self.state.calls.insert(key, Box::new(call));
    }

    fn set_timer(&mut self, node: NodeId, purpose: Purpose, after_ms: i64) {
        let at = self.state.now.plus_ms(after_ms);
        let timer = PendingTimer { at, after_ms, node, purpose, due: false };
        let effect = self.state.add_timer(&self.path(node), timer);
        self.effects.push(effect);
    }

    /// Drops the node's subtree below it: timers go, calls are abandoned, steps are cancelled.
    fn drop_below(&mut self, id: NodeId) {
        let below: Vec<NodeId> = {
            let mut found = vec![id];
            // Parents are always older than their children, so one pass in order finds the whole subtree.
            for (child, node) in self.state.nodes.range(id + 1..) {
                if node.parent.is_some_and(|p| found.contains(&p)) {
                    found.push(*child);
                }
            }
            found.remove(0);
            found
        };
        for child in below {
            self.release(child);
            // A task that undoes what happened inside it has failed already.
            if let Some(node) = self.state.nodes.remove(&child)
                && let Some(step) = node.step
                && !matches!(node.activity, Activity::Undo { .. })
            {
                let path = node.path(self.definition);
                self.end_step(step, StepStatus::Cancelled, None);
                self.tell(Change::Cancelled, &path);
            }
        }
    }

    /// Lets go of the node's own timers, events and call.
    fn release(&mut self, id: NodeId) {
        self.state.timers.retain(|_, t| t.node != id);
        self.stop_listening(id);
        let keys: Vec<String> =
            self.state.calls.iter().filter(|(_, c)| c.node == Some(id)).map(|(k, _)| k.clone()).collect();
        for key in keys {
            let call = self.state.calls.get_mut(&key).expect("the key was just found");
            call.node = None;
            if !call.asked {
                self.state.calls.remove(&key);
            } else if call.undoes.is_none() {
                self.effects.push(Effect::Abandon { key });
            }
        }
    }

    fn end_step(&mut self, step: usize, status: StepStatus, error: Option<String>) {
        match status {
            StepStatus::Faulted => self.state.steps.failed += 1,
            StepStatus::Cancelled => {}
            _ => self.state.steps.done += 1,
        }
        let now = self.state.now;
        self.record(|recorder| recorder.ended(step, status, error, now));
    }

    /// Tells the recorder, when there is one.
    fn record(&mut self, tell: impl FnOnce(&mut Recorder)) {
        if let Some(recorder) = self.watch.recorder.as_deref_mut() {
            tell(recorder);
        }
    }

    fn end_run(&mut self, phase: Phase) {
        self.drop_below(ROOT);
        self.state.nodes.clear();
        self.state.timers.clear();
        let change = match phase {
            Phase::Completed { .. } => Change::Completed,
            Phase::Cancelled { .. } => Change::Cancelled,
            _ => Change::Faulted,
        };
        self.tell(change, "");
        self.effects.extend(last_effect(&phase));
        self.state.phase = phase;
    }

    /// Ends what only waits for calls to be answered. True when there is more to do.
    fn settle(&mut self) -> bool {
        let waiting: Vec<NodeId> = self
            .state
            .nodes
            .iter()
            .rev()
            .filter(|(_, n)| matches!(n.activity, Activity::Undo { .. } | Activity::Settle { .. }))
            .map(|(id, _)| *id)
            .collect();
        for id in waiting {
            if self.state.calls.values().any(|c| c.scopes.contains(&id)) {
                continue;
            }
            match self.node(id).activity.clone() {
                Activity::Settle { output } => {
                    self.end_run(Phase::Completed { output });
                    return false;
                }
                Activity::Undo { error } => {
                    return self.undo_next(id) || self.undone(id, error);
                }
                _ => {}
            }
        }
        false
    }
}
