//! How people change the course of a run: retry a step, skip it, take the run to another version of its workflow.
//!
//! A retry is a reset. The journal is folded to the instant just before the step began; what the outside has
//! learned since is kept (which keys were used, what was done and can be undone, which calls have no answer
//! yet); and the run goes on from there. Nothing is carried out here: what comes of it is an event to journal
//! and effects to carry out, as of any other event.

mod counterpart;

use std::collections::BTreeMap;

use model::{StepStatus, Timestamp};
use serde_json::Value;

use crate::definition::Definition;
use crate::event::{Effect, Event, RevisionNote};
use crate::machine::apply;
use crate::snapshot::Snapshot;
use crate::state::{Activity, Beginning, Move, PendingCall, PendingTimer, Phase, Purpose, State};
use crate::trail::{Answer, History, Recorder};
use crate::yaml::clip;

/// Most events that are heard again by what listened beside the step.
const MAX_HEARD: usize = 1_000;

/// What a person wants.
#[derive(Clone, Debug)]
pub enum Revision<'a> {
    /// Begin a step again, and everything after it.
    Retry {
        /// Which: its place in the order in which steps began ([`crate::StepView::n`]).
        step: usize,
        /// What the step shows as its input from now on: the parameters of a call, the input of any other task
        /// (after `input.from`). None keeps what it had.
        input: Option<Value>,
    },
    /// Take a step as done, and begin again what comes after it.
    Skip {
        /// Which: its place in the order in which steps began.
        step: usize,
        /// What it is taken to have given, after `output.as`; none for the input it was handed.
        output: Option<Value>,
        /// Why.
        reason: String,
    },
    /// Follow another version of the workflow from here on.
    Migrate {
        /// The version to follow.
        to: &'a Definition,
    },
}

/// A run whose course was changed.
#[derive(Clone, Debug)]
pub struct Revised {
    /// What to journal.
    pub event: Event,
    /// The state after it.
    pub state: State,
    /// What to carry out once the event is in the journal.
    pub effects: Vec<Effect>,
}

/// Changes the course of a run. The event must be journaled right after the events it was computed from: it holds
/// the state they lead to.
///
/// # Errors
/// It cannot be done; one sentence says why and what can be done instead.
pub fn revise(
    history: &History<'_>,
    revision: Revision<'_>,
    by: &str,
    at: Timestamp,
) -> Result<Revised, String> {
    let trail = history.whole();
    let now = trail.state();
    if now.phase == Phase::Pending {
        return Err("the run has not begun; there is nothing to change yet".to_owned());
    }
    let at = at.max(now.now);
    let (state, note, definition) = match revision {
        Revision::Retry { step, input } => {
            let place = Place::find(history, trail.recorder(), now, step)?;
            let note = RevisionNote::Retry { step, path: place.path.clone(), input: input.clone() };
            (place.reset(input.map(|input| Beginning::With { input }), at)?, note, history.definition())
        }
        Revision::Skip { step, output, reason } => {
            let place = Place::find(history, trail.recorder(), now, step)?;
            let how = Beginning::Skipped { output: output.clone() };
            let note = RevisionNote::Skip { step, path: place.path.clone(), output, reason };
            (place.reset(Some(how), at)?, note, history.definition())
        }
        Revision::Migrate { to } => {
            let from = history.definition();
            let mut state = now.clone();
            counterpart::remap(&mut state, from, to)?;
            state.now = at;
            let version = |d: &Definition| d.document().version.clone();
            (state, RevisionNote::Migrate { from: version(from), to: version(to) }, to)
        }
    };
    let event = Event::Revised { note, by: by.to_owned(), at, snapshot: Box::new(Snapshot::of(&state)) };
    let mut state = now.clone();
    let effects = apply(definition, &mut state, &event);
    Ok(Revised { event, state, effects })
}

/// The step from which a run that failed or was cancelled is best retried: the innermost one that failed or, when
/// what was done before it has been undone since, the first of those. None when nothing failed, or undoing is
/// under way.
#[must_use]
pub fn retry_point(history: &History<'_>) -> Option<usize> {
    let trail = history.whole();
    let steps = trail.view(history.definition()).steps;
    let newest = |status| {
        let found =
            steps.iter().rev().find(|s| !s.revised && !s.step.compensation && s.step.status == status);
        found.map(|s| s.n)
    };
    let mut step = newest(StepStatus::Faulted).or_else(|| newest(StepStatus::Cancelled))?;
    while let Some(undone) = Place::find(history, trail.recorder(), trail.state(), step).ok()?.undone_before()
    {
        step = undone;
    }
    Some(step)
}

/// The instant just before a step began, beside what is known now.
struct Place<'a> {
    path: String,
    recorder: &'a Recorder,
    definition: &'a Definition,
    then: State,
    now: &'a State,
    /// How many events had come then, and those that came since.
    heard: usize,
    since: &'a [Event],
}

impl<'a> Place<'a> {
    fn find(
        history: &History<'a>,
        recorder: &'a Recorder,
        now: &'a State,
        step: usize,
    ) -> Result<Self, String> {
        let recorded = recorder.step(step).ok_or_else(|| {
            if step < now.steps.begun {
                "the step began before the part of the journal that was given; give the whole journal"
                    .to_owned()
            } else {
                format!("the run has no step {step}; its newest is {}", now.steps.begun.saturating_sub(1))
            }
        })?;
        let shown = &recorded.shown.step;
        if shown.compensation {
            return Err(format!(
                "`{}` undoes an earlier step and cannot be chosen; choose the step that it undoes",
                clip(&shown.name)
            ));
        }
        if let Some(undo) = now.calls.values().find(|c| c.undoes.is_some() && c.asked) {
            return Err(format!(
                "`{}` is undoing an earlier step right now; try again once it has answered",
                clip(&undo.function)
            ));
        }
        let (mut then, definition) = history.before(step, recorded.event);
        if then.steps.begun != step || then.moves.is_empty() {
            return Err(
                "the journal does not lead to that step; it is not the journal of this run".to_owned()
            );
        }
        counterpart::remap(&mut then, definition, history.definition())?;
        let heard = recorded.event;
        let since = history.events().get(heard..).unwrap_or_default();
        let definition = history.definition();
        Ok(Self { path: shown.path.clone(), recorder, definition, then, now, heard, since })
    }

    /// The oldest step that was done when the step began and has been undone since.
    fn undone_before(&self) -> Option<usize> {
        let undone = self.then.inverses.iter().filter(|then| {
            let Some(now) = self.now.inverses.iter().find(|i| i.key == then.key) else { return false };
            let expected = then
                .scopes
                .iter()
                .any(|s| self.then.nodes.get(s).is_some_and(|n| matches!(n.activity, Activity::Undo { .. })));
            let undone = now.taken && self.now.calls.get(&undo_key(&now.key)).is_none_or(|c| c.asked);
            !then.taken && undone && !expected
        });
        undone.map(|then| then.step).min()
    }

    fn reset(self, how: Option<Beginning>, at: Timestamp) -> Result<State, String> {
        if let Some(undone) = self.undone_before() {
            let name = self.recorder.step(undone).map_or_else(String::new, |s| clip(&s.shown.step.name));
            return Err(format!(
                "what step {undone} (`{name}`) did was undone after this step began; retry from step {undone}, \
                 so that it is done again"
            ));
        }
        let (then, now) = (self.then, self.now);
        let mut state = State {
            phase: Phase::Running,
            paused_at: now.paused_at.map(|_| at),
            now: at,
            next_node: now.next_node,
            calls: BTreeMap::new(),
            timers: BTreeMap::new(),
            keys: now.keys.clone(),
            unknown: self.recorder.unknown().clone(),
            inverses: now.inverses.clone(),
            cancelled_by: None,
            ..then.clone()
        };
        state.steps.begun = now.steps.begun;
        state.steps.uncounted = now.steps.begun;
        if let Some(Move::Begin { how: begin, .. }) = state.moves.front_mut() {
            *begin = how;
        }
        take_back_undos(&mut state, now);
        let mut known = keep_calls(&mut state, &then, now, self.recorder);
        known.extend(events_since(&then, self.heard, self.since)?);
        known.sort_by_key(|(order, _)| *order);
        state.moves.extend(known.into_iter().map(|(_, known)| known));
        keep_timers(&mut state, &then, self.definition, at);
        Ok(state)
    }
}

fn undo_key(key: &str) -> String {
    format!("{key}/undo")
}

/// Inverses that were about to be asked for when the run was held were not asked for after all.
fn take_back_undos(state: &mut State, now: &State) {
    for call in now.calls.values().filter(|c| !c.asked) {
        let undoes = call.undoes.as_ref();
        if let Some(inverse) = state.inverses.iter_mut().find(|i| Some(&i.key) == undoes) {
            inverse.taken = false;
        }
    }
}

/// Calls under way outside stay known until they are answered. What the run waited for when the step began is
/// taken from its answer when it has one that still holds, and asked for again when it has none.
///
/// Gives what is known already, with its place in the journal.
fn keep_calls(state: &mut State, then: &State, now: &State, recorder: &Recorder) -> Vec<(usize, Move)> {
    let waited = |key: &str| then.calls.get(key).is_some_and(|c| c.node.is_some());
    for (key, call) in now.calls.iter().filter(|(_, c)| c.asked && c.undoes.is_none()) {
        let node = call.node.filter(|_| waited(key));
        state.calls.insert(key.clone(), Box::new(PendingCall { node, ..*call.clone() }));
    }
    let mut answered = Vec::new();
    for (key, call) in &then.calls {
        let (Some(node), None) = (call.node, &call.undoes) else { continue };
        let abandoned = match state.calls.get(key) {
            Some(live) if live.node.is_some() => continue,
            other => other.is_some(),
        };
        let undone = now.inverses.iter().any(|i| i.key == *key && i.taken);
        let key = match recorder.answer(key) {
            Some(Answer::Succeeded { output, order }) if !undone => {
                answered.push((*order, Move::Done { node, output: output.clone(), then: None }));
                continue;
            }
            // Who carries it out was told to give it up; its late answer is recorded under its own key.
            _ if abandoned => state.fresh_key(&call.path),
            // It may have been done: asking under the same key does not do it twice.
            Some(Answer::Failed { unknown: true }) => {
                state.unknown.remove(&call.path);
                key.clone()
            }
            None if !call.asked => key.clone(),
            _ => state.fresh_key(&call.path),
        };
        if let Some(waiting) = state.nodes.get_mut(&node) {
            waiting.activity = Activity::Call { key: key.clone() };
        }
        state.calls.insert(key, Box::new(PendingCall { asked: false, ..*call.clone() }));
    }
    answered
}

/// Events that came since for what listened when the step began: they will not come again.
fn events_since(then: &State, heard: usize, since: &[Event]) -> Result<Vec<(usize, Move)>, String> {
    let events = since.iter().enumerate().filter_map(|(i, event)| match event {
        Event::EventReceived { id, event, .. } if then.listens.contains_key(id) => {
            Some((heard + i + 1, Move::Hear { id: id.clone(), event: event.clone() }))
        }
        _ => None,
    });
    let events: Vec<_> = events.take(MAX_HEARD + 1).collect();
    if events.len() > MAX_HEARD {
        return Err(format!(
            "more than {MAX_HEARD} events have come since the step began for a task that listened beside it; \
             choose a later step"
        ));
    }
    Ok(events)
}

/// Timers have the time left that they had when the step began. Their ids are new: the old ones may have gone off.
fn keep_timers(state: &mut State, then: &State, definition: &Definition, at: Timestamp) {
    let gap = at.since_ms(then.now);
    for node in state.nodes.values_mut() {
        if let Activity::Try { since, .. } = &mut node.activity {
            *since = since.plus_ms(gap);
        }
    }
    for timer in then.timers.values() {
        let stood = match (then.paused_at, then.nodes.get(&timer.node)) {
            (Some(since), Some(node)) if timer.purpose == Purpose::Timeout => {
                then.now.since_ms(since.max(node.started_at))
            }
            _ => 0,
        };
        let left = if timer.due { 0 } else { timer.at.plus_ms(stood).since_ms(then.now).max(0) };
        let moved = PendingTimer { at: at.plus_ms(left), due: false, ..timer.clone() };
        let path = state.nodes.get(&timer.node).map_or_else(String::new, |n| n.path(definition));
        // The machine tells of it when the event is applied.
        let _effect = state.add_timer(&path, moved);
    }
}
