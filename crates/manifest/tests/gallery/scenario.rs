//! Plays a workflow against a script, through the pure machine: no I/O, no waiting. A line is one of
//!
//! ```text
//! play TITLE                   a new run
//! start JSON                   its input
//! call FUNCTION JSON           it asks for this, with at least these parameters; `…` in text stands for any text
//! undo FUNCTION JSON           the same, to undo what it did
//! gives JSON                   the answer; with `undone by FUNCTION JSON` the inverse
//! fails KIND DETAIL            the answer: timeout, rejected, verification, configuration, or a status such as 503
//! hangs                        no answer for now; `late FUNCTION` comes before the one that comes after all
//! dropped FUNCTION             it no longer wants the answer
//! after 10m                    time goes by: ms, s, m, h
//! quiet                        it asks for nothing and has not ended
//! event JSON                   a CloudEvent comes to whatever listens for it
//! cancel NAME                  somebody ends it
//! finished JSON                how it ended: with at least this output if one is given, `failed TEXT` (in its error),
//!                              or `cancelled`
//! ```

use std::collections::{BTreeMap, BTreeSet};

use model::{Inverse, RunId, Timestamp};
use serde_json::{Value, json};
use workflow::{Definition, Effect, Event, EventFilter, WorkflowError, apply, matches, start};

const BEGIN: Timestamp = Timestamp::from_unix_ms(1_700_000_000_000);

/// What happened in all plays of a script.
#[derive(Default)]
pub(crate) struct Told {
    pub(crate) finished: usize,
    pub(crate) failed: usize,
    pub(crate) undoable: usize,
    pub(crate) undone: usize,
}

/// Plays every run of a script; the first line that is not as it happens is the error.
pub(crate) fn play(definition: &Definition, script: &str) -> Result<Told, (usize, String)> {
    let mut told = Told::default();
    let mut world: Option<World<'_>> = None;
    let mut last = 0;
    for (number, line) in script.lines().enumerate().map(|(i, l)| (i + 1, l.trim())) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        last = number;
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let fault = |fault: String| (number, fault);
        if word == "play" {
            over(world.take()).map_err(fault)?;
            world = Some(World::new(definition));
            continue;
        }
        let world = world.as_mut().ok_or_else(|| fault("a script begins with `play`".to_owned()))?;
        world.line(word, rest.trim(), &mut told).map_err(fault)?;
    }
    over(world).map_err(|fault| (last, fault))?;
    Ok(told)
}

fn over(world: Option<World<'_>>) -> Result<(), String> {
    match world {
        Some(world) if !world.over => Err("the play does not say how it ends".to_owned()),
        _ => Ok(()),
    }
}

struct Asked {
    key: String,
    function: String,
    parameters: Value,
    compensation: bool,
    hangs: bool,
    dropped: bool,
}

struct World<'a> {
    definition: &'a Definition,
    state: Option<workflow::State>,
    at: Timestamp,
    asked: Vec<Asked>,
    /// The call that the next line answers.
    current: Option<Asked>,
    timers: BTreeSet<(Timestamp, String)>,
    listens: BTreeMap<String, Vec<EventFilter>>,
    end: Option<Effect>,
    over: bool,
}

impl<'a> World<'a> {
    fn new(definition: &'a Definition) -> Self {
        Self {
            definition,
            state: None,
            at: BEGIN,
            asked: Vec::new(),
            current: None,
            timers: BTreeSet::new(),
            listens: BTreeMap::new(),
            end: None,
            over: false,
        }
    }

    fn line(&mut self, word: &str, rest: &str, told: &mut Told) -> Result<(), String> {
        let answers = matches!(word, "gives" | "fails" | "hangs");
        if answers != self.current.is_some() {
            return Err(match &self.current {
                Some(call) => format!("{} must be answered first: gives, fails or hangs", call.function),
                None => "there is nothing to answer".to_owned(),
            });
        }
        match word {
            "start" => self.begin(json_of(rest)?.0),
            "call" | "undo" => {
                told.undone += usize::from(word == "undo");
                self.take_call(rest, word == "undo")
            }
            "late" => {
                let place = self.asked.iter().position(|a| a.hangs && !a.dropped && a.function == rest);
                self.current = Some(self.asked.remove(place.ok_or_else(|| self.sight())?));
                Ok(())
            }
            "gives" => self.gives(rest, told),
            "fails" => self.fails(rest),
            "hangs" => {
                let call = self.current.take().expect("it was there a moment ago");
                self.asked.push(Asked { hangs: true, ..call });
                Ok(())
            }
            "dropped" => self.dropped(rest),
            "after" => self.after(rest),
            "quiet" => match self.asked.iter().find(|a| !a.hangs) {
                None if self.end.is_none() => Ok(()),
                _ => Err(self.sight()),
            },
            "event" => self.event(&json_of(rest)?.0),
            "cancel" => {
                let at = self.at;
                self.tell(&Event::CancelRequested { by: rest.to_owned(), at });
                Ok(())
            }
            "finished" | "failed" | "cancelled" => self.ended(word, rest, told),
            other => Err(format!("there is no word `{other}`")),
        }
    }

    fn begin(&mut self, input: Value) -> Result<(), String> {
        let run = RunId::derive(self.at, &["gallery"]);
        let (state, _, effects) = start(self.definition, &run, input, self.at, 1);
        self.state = Some(state);
        self.take(effects);
        Ok(())
    }

    fn tell(&mut self, event: &Event) {
        let state = self.state.as_mut().expect("it was started");
        let effects = apply(self.definition, state, event);
        self.take(effects);
    }

    fn take(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Call { key, function, parameters, compensation, .. } => {
                    assert!(self.asked.iter().all(|a| a.key != key), "{key} is asked for twice");
                    let (hangs, dropped) = (false, false);
                    self.asked.push(Asked { key, function, parameters, compensation, hangs, dropped });
                }
                Effect::Abandon { key } => {
                    self.asked.iter_mut().filter(|a| a.key == key).for_each(|a| a.dropped = true);
                }
                Effect::Timer { id, at } => drop(self.timers.insert((at, id))),
                Effect::Listen { id, filters, .. } => drop(self.listens.insert(id, filters)),
                Effect::Unlisten { id } => drop(self.listens.remove(&id)),
                Effect::Finished { .. } | Effect::Failed { .. } | Effect::Cancelled { .. } => {
                    self.end = Some(effect);
                }
                Effect::Lifecycle { .. } => {}
            }
        }
    }

    fn take_call(&mut self, rest: &str, compensation: bool) -> Result<(), String> {
        let (function, parameters) = rest.split_once(' ').unwrap_or((rest, "{}"));
        let wanted = json_of(parameters)?.0;
        let fits = |a: &Asked| {
            a.function == function
                && a.compensation == compensation
                && !a.dropped
                && !a.hangs
                && within(&wanted, &a.parameters)
        };
        let place = self.asked.iter().position(fits).ok_or_else(|| self.sight())?;
        self.current = Some(self.asked.remove(place));
        Ok(())
    }

    fn gives(&mut self, rest: &str, told: &mut Told) -> Result<(), String> {
        let (output, after) = json_of(rest)?;
        let inverse = match after.strip_prefix("undone by ") {
            None if after.is_empty() => None,
            None => return Err(format!("{after:?} is not `undone by FUNCTION JSON`")),
            Some(inverse) => {
                let (action, parameters) = inverse.split_once(' ').unwrap_or((inverse, "{}"));
                told.undoable += 1;
                Some(Inverse { action: action.to_owned(), parameters: json_of(parameters)?.0 })
            }
        };
        let key = self.current.take().expect("it was there a moment ago").key;
        let at = self.at;
        self.tell(&Event::CallSucceeded { key, output, inverse, at });
        Ok(())
    }

    fn fails(&mut self, rest: &str) -> Result<(), String> {
        let (kind, detail) = rest.split_once(' ').unwrap_or((rest, ""));
        let error = match kind {
            "timeout" => WorkflowError::timeout(detail),
            "verification" => WorkflowError::verification(detail),
            "configuration" => WorkflowError::configuration(detail),
            "rejected" => WorkflowError::authorization(detail),
            status => {
                let status = status.parse().map_err(|_| format!("there is no kind of error `{status}`"))?;
                WorkflowError::communication(status, detail)
            }
        };
        let key = self.current.take().expect("it was there a moment ago").key;
        let at = self.at;
        self.tell(&Event::CallFailed { key, error, retryable: false, at });
        Ok(())
    }

    fn dropped(&mut self, function: &str) -> Result<(), String> {
        let place = self.asked.iter().position(|a| a.dropped && a.function == function);
        let key = self.asked.remove(place.ok_or_else(|| self.sight())?).key;
        let (at, error) = (self.at, WorkflowError::runtime("no longer wanted"));
        self.tell(&Event::CallFailed { key, error, retryable: false, at });
        Ok(())
    }

    /// Time goes by, timer after timer: each may set the next.
    fn after(&mut self, rest: &str) -> Result<(), String> {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let unit = match &rest[digits..] {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            other => return Err(format!("there is no unit {other:?}; use ms, s, m or h")),
        };
        let number: i64 = rest[..digits].parse().map_err(|_| format!("{rest:?} is no duration"))?;
        let until = self.at.plus_ms(number * unit);
        while let Some((at, id)) = self.timers.first().cloned().filter(|(at, _)| *at <= until) {
            self.timers.pop_first();
            self.at = self.at.max(at);
            let at = self.at;
            self.tell(&Event::TimerFired { id, at });
        }
        self.at = until;
        Ok(())
    }

    fn event(&mut self, event: &Value) -> Result<(), String> {
        let fits =
            |filters: &Vec<EventFilter>| filters.is_empty() || filters.iter().any(|f| matches(f, event));
        let ids: Vec<String> =
            self.listens.iter().filter(|(_, filters)| fits(filters)).map(|(id, _)| id.clone()).collect();
        let at = self.at;
        for id in ids {
            self.tell(&Event::EventReceived { id, event: event.clone(), at });
        }
        Ok(())
    }

    fn ended(&mut self, word: &str, rest: &str, told: &mut Told) -> Result<(), String> {
        let fits = match (&self.end, word) {
            (Some(Effect::Finished { output }), "finished") => {
                told.finished += 1;
                rest.is_empty() || within(&json_of(rest)?.0, output)
            }
            (Some(Effect::Failed { error }), "failed") => {
                told.failed += 1;
                error.sentence().contains(rest)
            }
            (Some(Effect::Cancelled { .. }), "cancelled") => true,
            _ => false,
        };
        if !fits || !self.asked.is_empty() {
            return Err(self.sight());
        }
        self.over = true;
        Ok(())
    }

    /// What can be seen, for people.
    fn sight(&self) -> String {
        let end = match &self.end {
            None => "it has not ended".to_owned(),
            Some(Effect::Finished { output }) => format!("it finished with {output}"),
            Some(Effect::Failed { error }) => format!("it failed: {}", error.sentence()),
            Some(other) => format!("it ended: {other:?}"),
        };
        let calls: Vec<String> = self
            .asked
            .iter()
            .map(|a| {
                let state = match (a.compensation, a.dropped, a.hangs) {
                    (true, ..) => " to undo",
                    (_, true, _) => " (dropped)",
                    (.., true) => " (hangs)",
                    _ => "",
                };
                format!("{} {}{state}", a.function, a.parameters)
            })
            .collect();
        let listens = if self.listens.is_empty() { "" } else { ", listens" };
        if calls.is_empty() {
            return format!("{end}, asks for nothing{listens}");
        }
        format!("{end}, asks for {}{listens}", calls.join(", "))
    }
}

/// JSON at the start of a text, and what follows it.
fn json_of(text: &str) -> Result<(Value, &str), String> {
    let mut stream = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    match stream.next() {
        Some(Ok(value)) => {
            let end = stream.byte_offset();
            Ok((value, text[end..].trim()))
        }
        Some(Err(error)) => Err(format!("{text:?} is not JSON: {error}")),
        None => Ok((json!({}), "")),
    }
}

/// Whether all that is wanted is there. `…` in text stands for any text; mappings may have more.
fn within(wanted: &Value, found: &Value) -> bool {
    match (wanted, found) {
        (Value::Object(wanted), Value::Object(found)) => {
            wanted.iter().all(|(key, value)| found.get(key).is_some_and(|f| within(value, f)))
        }
        (Value::Array(wanted), Value::Array(found)) => {
            wanted.len() == found.len() && wanted.iter().zip(found).all(|(w, f)| within(w, f))
        }
        (Value::String(wanted), Value::String(found)) if wanted.contains('…') => {
            let pieces: Vec<&str> = wanted.split('…').collect();
            let (first, last) = (pieces[0], pieces[pieces.len() - 1]);
            let mut rest = match found.strip_prefix(first) {
                Some(rest) => rest,
                None => return false,
            };
            for piece in &pieces[1..pieces.len() - 1] {
                match rest.find(piece) {
                    Some(at) => rest = &rest[at + piece.len()..],
                    None => return false,
                }
            }
            rest.ends_with(last)
        }
        (Value::Number(wanted), Value::Number(found)) => wanted.as_f64() == found.as_f64(),
        _ => wanted == found,
    }
}
