//! The records of a journal, one sentence each.

use model::Timestamp;
use serde::{Deserialize, Serialize};

use super::{History, Trail, task_name};
use crate::definition::Definition;
use crate::event::{Effect, Event};
use crate::state::{Purpose, State};
use crate::yaml::clip;

/// Most calls and timers one line names.
const MAX_NAMED: usize = 4;

/// One record of a journal, for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalLine {
    /// Its place among the events of the journal, from 0.
    pub sequence: usize,
    /// When it happened.
    pub at: Timestamp,
    /// The type of the event, as it is stored: `call_succeeded`.
    pub kind: String,
    /// What happened and what came of it, one sentence.
    pub summary: String,
}

/// Tells every record of a journal.
#[must_use]
pub fn journal_lines(history: &History<'_>) -> Vec<JournalLine> {
    let mut trail = Trail::new(history.run());
    let mut lines = Vec::with_capacity(history.events().len());
    for (sequence, (definition, event)) in history.steps().enumerate() {
        let (kind, happened) = happened(trail.state(), definition, event);
        let effects = trail.apply(definition, event);
        let summary = std::iter::once(happened).chain(came_of_it(&effects)).collect::<Vec<_>>().join("; ");
        lines.push(JournalLine { sequence, at: event.at(), kind: kind.to_owned(), summary });
    }
    lines
}

fn happened(state: &State, definition: &Definition, event: &Event) -> (&'static str, String) {
    match event {
        Event::Started { .. } => ("started", "began".to_owned()),
        Event::CallSucceeded { key, inverse, .. } => {
            let undo =
                inverse.as_ref().map_or_else(String::new, |i| format!(", {} undoes it", clip(&i.action)));
            ("call_succeeded", answered(state, key, &format!("succeeded{undo}")))
        }
        Event::CallFailed { key, error, retryable, .. } => {
            let unknown = if *retryable { ", it is not known whether it was done" } else { "" };
            let how = format!("failed: {}{unknown}", clip(&error.sentence()));
            ("call_failed", answered(state, key, &how))
        }
        Event::TimerFired { id, .. } => ("timer_fired", fired(state, definition, id)),
        Event::EventReceived { id, event, .. } => ("event_received", heard(state, definition, id, event)),
        Event::ListenFailed { id, error, .. } => {
            let how = format!("cannot listen: {}", clip(&error.sentence()));
            ("listen_failed", format!("{}: {how}", listener(state, definition, id)))
        }
        Event::CancelRequested { by, .. } => ("cancel_requested", format!("{} wants it to end", clip(by))),
        Event::PauseRequested { by, .. } => ("pause_requested", format!("held by {}", clip(by))),
        Event::ResumeRequested { by, .. } => ("resume_requested", format!("let go on by {}", clip(by))),
        Event::Revised { note, by, .. } => {
            let place = note.path();
            let of =
                if place.is_empty() { String::new() } else { format!("step {}: ", clip(&task_name(place))) };
            ("revised", format!("{of}{}", clip(&note.sentence(by))))
        }
        Event::Snapshot { .. } => ("snapshot", "its state was stored".to_owned()),
    }
}

fn answered(state: &State, key: &str, how: &str) -> String {
    match state.calls.get(key) {
        Some(call) => {
            let late =
                if call.node.is_none() && call.undoes.is_none() { " after it was given up" } else { "" };
            format!("{}{late} {how}", clip(&call.function))
        }
        None => "a second answer of a call; nothing came of it".to_owned(),
    }
}

fn listener<'d>(state: &State, definition: &'d Definition, id: &str) -> &'d str {
    let node = state.listens.get(id).and_then(|l| state.nodes.get(&l.node));
    node.and_then(|n| n.task).map_or("nobody", |t| definition.task(t).name.as_str())
}

fn heard(state: &State, definition: &Definition, id: &str, event: &serde_json::Value) -> String {
    let what = event.get("type").and_then(serde_json::Value::as_str).unwrap_or("a message");
    format!("{}: {} came", clip(listener(state, definition, id)), clip(what))
}

fn fired(state: &State, definition: &Definition, id: &str) -> String {
    let Some(timer) = state.timers.get(id) else {
        return "a timer of something that had ended; nothing came of it".to_owned();
    };
    let task = state.nodes.get(&timer.node).and_then(|n| n.task);
    let name = task.map_or("the run", |t| definition.task(t).name.as_str());
    let what = match timer.purpose {
        Purpose::Wait => "the wait is over",
        Purpose::Retry => "time for the next attempt",
        Purpose::Timeout => "its time is up",
        Purpose::Consume => "the time to consume messages is over",
    };
    let held = if state.paused_at.is_some() { ", which takes effect when the run goes on" } else { "" };
    format!("{}: {what}{held}", clip(name))
}

/// What the outside was asked for, and how the run ended.
fn came_of_it(effects: &[Effect]) -> Vec<String> {
    let calls = |undo: bool| {
        effects.iter().filter_map(move |e| match e {
            Effect::Call { function, compensation, .. } if *compensation == undo => Some(clip(function)),
            _ => None,
        })
    };
    let mut told = Vec::new();
    for (what, names) in [("calls", named(calls(false))), ("undoes with", named(calls(true)))] {
        if let Some(names) = names {
            told.push(format!("{what} {names}"));
        }
    }
    told.extend(
        effects
            .iter()
            .filter_map(|e| match e {
                Effect::Timer { id, at } if !id.ends_with(":timeout") => Some(format!("waits until {at}")),
                Effect::Finished { .. } => Some("the run completed".to_owned()),
                Effect::Failed { error } => Some(format!("the run failed: {}", clip(&error.sentence()))),
                Effect::Cancelled { by } => Some(format!("the run was cancelled by {}", clip(by))),
                _ => None,
            })
            .take(MAX_NAMED),
    );
    told
}

fn named<T: std::fmt::Display>(names: impl Iterator<Item = T>) -> Option<String> {
    let names: Vec<String> = names.map(|n| n.to_string()).collect();
    let more = names.len().saturating_sub(MAX_NAMED);
    let mut text = names.iter().take(MAX_NAMED).cloned().collect::<Vec<_>>().join(", ");
    if more > 0 {
        text.push_str(&format!(" and {more} more"));
    }
    (!text.is_empty()).then_some(text)
}
