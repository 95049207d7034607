//! The story of a run: every step with what it was given and what it gave, at any record of the journal.
//!
//! The live state forgets steps that ended; whoever wants to see them folds the journal with a [`Trail`].

mod history;
mod records;

use std::collections::BTreeMap;

use model::{RunStatus, Step, StepStatus, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use history::History;
pub use records::{JournalLine, journal_lines};

use crate::definition::Definition;
use crate::event::{Effect, Event, RevisionNote};
use crate::machine::{Watch, advance};
use crate::state::{PendingCall, State, UnknownCall};
use crate::view::summary;

/// What there is to show of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct View {
    /// Where it stands.
    pub status: RunStatus,
    /// Its steps, in order of start, those that a revision left behind among them.
    pub steps: Vec<StepView>,
    /// What tasks exported, as expressions see it in `$context`.
    pub context: Value,
    /// Its output; `null` until it completed.
    pub output: Value,
    /// Why it failed or who ended it, one sentence.
    pub error: Option<String>,
}

/// One step as people see it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepView {
    /// Its place in the order in which steps began; revisions name a step by it.
    pub n: usize,
    /// The step it is inside of.
    pub parent: Option<usize>,
    /// True when the run went back to before it: what it did counts no more for the course of the run, and is
    /// undone with the rest.
    pub revised: bool,
    /// What a person did to it: `retried by ann`.
    pub note: Option<String>,
    /// The step. The input of a call is its parameters.
    #[serde(flatten)]
    pub step: Step,
}

/// A fold of a journal that keeps what the state does not.
#[derive(Clone, Debug)]
pub struct Trail {
    state: State,
    recorder: Recorder,
}

impl Trail {
    /// The trail of a run that has not begun. `run` is its id.
    #[must_use]
    pub fn new(run: &str) -> Self {
        Self { state: State::new(run), recorder: Recorder::default() }
    }

    /// Folds one event, as [`crate::apply`] does.
    pub fn apply(&mut self, definition: &Definition, event: &Event) -> Vec<Effect> {
        self.recorder.events += 1;
        let watch = Watch { recorder: Some(&mut self.recorder), ..Watch::default() };
        advance(definition, &mut self.state, event, watch)
    }

    /// The state after the events so far.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The run as it is after the events so far.
    #[must_use]
    pub fn view(&self, definition: &Definition) -> View {
        let summary = summary(definition, &self.state);
        View {
            status: summary.status,
            steps: self.recorder.steps.iter().map(|s| s.shown.clone()).collect(),
            context: self.state.context.clone(),
            output: summary.output,
            error: summary.error,
        }
    }

    pub(crate) fn recorder(&self) -> &Recorder {
        &self.recorder
    }
}

/// The run as it was after the first `upto` events of its journal; all of them when `upto` is larger.
#[must_use]
pub fn trail(history: &History<'_>, upto: usize) -> View {
    let (trail, definition) = history.fold(upto);
    trail.view(definition)
}

/// What the machine tells of a step that begins.
#[derive(Clone, Copy, Default)]
pub(crate) struct Begun<'a> {
    pub(crate) step: usize,
    pub(crate) path: &'a str,
    pub(crate) kind: &'static str,
    pub(crate) call: Option<&'a str>,
    pub(crate) attempt: u32,
    pub(crate) parent: Option<usize>,
    /// The step that it undoes.
    pub(crate) undoes: Option<usize>,
    pub(crate) at: Timestamp,
}

/// A step with what only revisions ask for.
#[derive(Clone, Debug)]
pub(crate) struct Recorded {
    pub(crate) shown: StepView,
    /// The step that began before it in the same course of the run.
    before: Option<usize>,
    /// How many events had been folded when it began, the one that made it begin among them.
    pub(crate) event: usize,
    /// What became of it on courses that were left, each with the number of the first step after that course.
    earlier: Vec<(usize, Step)>,
}

impl Recorded {
    /// Makes the step what it was just before step `to` began, which was after it on one of its courses. `end` is
    /// the number of the next step that begins.
    fn go_back(&mut self, to: usize, end: usize, open: &[(usize, u32)]) {
        self.shown.revised = false;
        let n = self.shown.n;
        let now = self.shown.step.clone();
        let step = &mut self.shown.step;
        if let Some((_, attempt)) = open.iter().find(|(o, _)| *o == n) {
            (step.status, step.attempt, step.ended_at, step.error) =
                (StepStatus::Running, *attempt, None, None);
            step.output = Value::Null;
        } else if let Some((_, earlier)) = self.earlier.iter().find(|(end, _)| to < *end) {
            step.clone_from(earlier);
        }
        if *step != now {
            self.earlier.push((end, now));
        }
    }
}

/// The answer of a call, as far as revisions ask for it.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    Succeeded {
        output: Value,
        order: usize,
    },
    /// Whether anybody knows that it was not done.
    Failed {
        unknown: bool,
    },
}

/// What the machine tells while it folds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recorder {
    /// Number of the first step that was seen: a fold that begins at a snapshot knows none before it.
    first: usize,
    steps: Vec<Recorded>,
    /// The newest step of the present course.
    newest: Option<usize>,
    events: usize,
    answers: BTreeMap<String, Answer>,
    /// Calls of which nobody knows whether they were done, newest of each path.
    unknown: BTreeMap<String, UnknownCall>,
    /// What a person did to the step that begins next.
    note: Option<String>,
}

impl Recorder {
    pub(crate) fn began(&mut self, begun: Begun<'_>) {
        if self.steps.is_empty() {
            self.first = begun.step;
        }
        debug_assert_eq!(begun.step, self.first + self.steps.len(), "steps are counted without gaps");
        let name = task_name(begun.path);
        let undo = begun.undoes.is_some();
        let step = Step {
            path: begun.path.to_owned(),
            name: if undo { format!("undo {name}") } else { name },
            kind: if undo { "call" } else { begun.kind }.to_owned(),
            call: begun.call.map(str::to_owned),
            status: StepStatus::Running,
            attempt: begun.attempt.max(1),
            started_at: begun.at,
            ended_at: None,
            input: Value::Null,
            output: Value::Null,
            error: None,
            compensation: undo,
        };
        let parent = begun.parent;
        let shown = StepView { n: begun.step, parent, revised: false, note: self.note.take(), step };
        self.steps.push(Recorded { shown, before: self.newest, event: self.events, earlier: Vec::new() });
        self.newest = Some(begun.step);
    }

    pub(crate) fn step(&self, n: usize) -> Option<&Recorded> {
        self.steps.get(n.checked_sub(self.first)?)
    }

    fn shown(&mut self, n: usize) -> Option<&mut StepView> {
        self.steps.get_mut(n.checked_sub(self.first)?).map(|s| &mut s.shown)
    }

    fn change(&mut self, n: usize, change: impl FnOnce(&mut Step)) {
        if let Some(shown) = self.shown(n) {
            change(&mut shown.step);
        }
    }

    pub(crate) fn input(&mut self, n: usize, input: &Value) {
        self.change(n, |s| s.input = input.clone());
    }

    pub(crate) fn output(&mut self, n: usize, output: &Value) {
        self.change(n, |s| s.output = output.clone());
    }

    pub(crate) fn ended(&mut self, n: usize, status: StepStatus, error: Option<String>, at: Timestamp) {
        self.change(n, |s| {
            s.status = status;
            s.ended_at = Some(at);
            if error.is_some() {
                s.error = error;
            }
        });
    }

    pub(crate) fn retried(&mut self, n: usize, attempt: u32, error: String) {
        self.change(n, |s| {
            s.status = StepStatus::Retrying;
            s.attempt = attempt;
            s.error = Some(error);
        });
    }

    pub(crate) fn undone(&mut self, n: usize) {
        self.change(n, |s| s.status = StepStatus::Compensated);
    }

    /// A call is made from this path: what was unknown there is asked again, or is a new turn.
    pub(crate) fn asked(&mut self, path: &str) {
        self.unknown.remove(path);
    }

    pub(crate) fn succeeded(&mut self, key: &str, call: &PendingCall, output: &Value) {
        self.output(call.step, output);
        self.unknown.retain(|_, u| u.key != key);
        let order = self.events;
        self.answers.insert(key.to_owned(), Answer::Succeeded { output: output.clone(), order });
    }

    pub(crate) fn failed(&mut self, key: &str, call: &PendingCall, unknown: bool) {
        self.unknown.retain(|_, u| u.key != key);
        if unknown && call.undoes.is_none() {
            let doubt = UnknownCall { key: key.to_owned(), parameters: call.parameters.clone() };
            self.unknown.insert(call.path.clone(), doubt);
        }
        self.answers.insert(key.to_owned(), Answer::Failed { unknown });
    }

    pub(crate) fn answer(&self, key: &str) -> Option<&Answer> {
        self.answers.get(key)
    }

    pub(crate) fn unknown(&self) -> &BTreeMap<String, UnknownCall> {
        &self.unknown
    }

    /// The fold begins in the middle.
    pub(crate) fn begins_at(&mut self, state: &State) {
        if self.steps.is_empty() {
            self.unknown.clone_from(&state.unknown);
        }
    }

    /// The run goes on from before a step: what came after it stays as history, what was under way then is
    /// under way again.
    pub(crate) fn revised(&mut self, note: &RevisionNote, by: &str, open: &[(usize, u32)], now: Timestamp) {
        let (RevisionNote::Retry { step, .. } | RevisionNote::Skip { step, .. }) = note else { return };
        for recorded in &mut self.steps {
            recorded.shown.revised = true;
        }
        self.newest = self.step(*step).and_then(|s| s.before);
        let end = self.first + self.steps.len();
        let mut at = self.newest;
        while let Some(recorded) = at.and_then(|n| self.steps.get_mut(n.checked_sub(self.first)?)) {
            recorded.go_back(*step, end, open);
            at = recorded.before;
        }
        for recorded in &mut self.steps {
            let (n, step) = (recorded.shown.n, &mut recorded.shown.step);
            if step.ended_at.is_none() && open.iter().all(|(o, _)| *o != n) {
                (step.status, step.ended_at) = (StepStatus::Cancelled, Some(now));
            }
        }
        self.note = Some(note.sentence(by));
    }
}

/// The name of the task at a JSON pointer.
fn task_name(path: &str) -> String {
    path.rsplit('/').next().unwrap_or_default().replace("~1", "/").replace("~0", "~")
}
