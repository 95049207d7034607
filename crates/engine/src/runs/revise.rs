//! What people change about a run: hold it, let it go on, end it, retry or skip a step, follow another version.

use std::sync::Arc;

use model::{Run, RunId};
use serde_json::{Value, json};
use workflow::{Effect, Event, History, Revision};

use super::queue::Place;
use super::{Active, Journal, Pinned, Runs, Told, journal};
use crate::command::Refusal;
use crate::operate::refuse_retry;

/// A change of the course of a run.
#[derive(Clone, Debug)]
pub enum Change {
    /// Begin a step again, and everything after it.
    Retry {
        /// Its number; none for the step that failed.
        step: Option<usize>,
        /// What to give it in place of what it had.
        input: Option<Value>,
    },
    /// Take a step as done.
    Skip {
        /// Its number; none for the step that failed.
        step: Option<usize>,
        /// What it is taken to have given.
        output: Option<Value>,
        /// Why.
        reason: String,
    },
    /// Follow another version of the workflow.
    Migrate {
        /// The version.
        to: Arc<Pinned>,
    },
}

impl Change {
    /// For the audit log.
    pub(crate) fn details(&self) -> (&'static str, Value) {
        match self {
            Self::Retry { step, input } => ("run.retried", json!({"step": step, "input": input})),
            Self::Skip { step, output, reason } => {
                ("run.step_skipped", json!({"step": step, "output": output, "reason": reason}))
            }
            Self::Migrate { to } => ("run.migrated", json!({"version": to.definition.document().version})),
        }
    }
}

/// A run with its journal, as the store has it.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The run.
    pub run: Run,
    /// Its journal.
    pub journal: Journal,
}

impl Runs {
    /// Holds a run before its next call.
    ///
    /// # Errors
    /// It is over, unknown, or held already.
    pub(crate) fn pause(&mut self, id: &RunId, by: &str, told: &mut Told) -> Result<(), Refusal> {
        let at = self.now;
        let active = self.active.get_mut(id).ok_or_else(|| not_under_way(id))?;
        if let Some(holder) = active.run.held_by.as_ref().filter(|h| !h.starts_with("hold:")) {
            return Err(Refusal::Conflict(format!("it is held by {holder} already")));
        }
        if !active.begun {
            return Err(Refusal::Conflict("it has not begun; cancel it, or hold its workflow".into()));
        }
        let paused = active.run.held_by.replace(by.to_owned()).is_some();
        if !paused {
            self.tell(id, Event::PauseRequested { by: by.to_owned(), at }, told);
        }
        self.unseen.insert(id.clone());
        Ok(())
    }

    /// Lets a held run go on.
    ///
    /// # Errors
    /// It is over, unknown, or held by nobody.
    pub(crate) fn resume_held(&mut self, id: &RunId, by: &str, told: &mut Told) -> Result<(), Refusal> {
        let at = self.now;
        let active = self.active.get_mut(id).ok_or_else(|| not_under_way(id))?;
        if active.run.held_by.is_none() {
            return Err(Refusal::Conflict("it is not held".into()));
        }
        active.run.held_by = None;
        self.unseen.insert(id.clone());
        self.tell(id, Event::ResumeRequested { by: by.to_owned(), at }, told);
        Ok(())
    }

    /// Ends a run; what it did is undone.
    ///
    /// # Errors
    /// It is over or unknown.
    pub(crate) fn cancel(&mut self, id: &RunId, by: &str, told: &mut Told) -> Result<(), Refusal> {
        let at = self.now;
        let active = self.active.get_mut(id).ok_or_else(|| not_under_way(id))?;
        active.run.held_by = None;
        if !std::mem::replace(&mut active.begun, true) {
            self.queue.remove(&Place::of(&active.run), id);
            self.queue.count(&active.run);
        }
        self.tell(id, Event::CancelRequested { by: by.to_owned(), at }, told);
        Ok(())
    }

    /// Changes the course of a run, over or not.
    ///
    /// # Errors
    /// It cannot be done, or the run moved on since it was read: read it again.
    pub(crate) fn change(
        &mut self,
        loaded: Loaded,
        change: &Change,
        by: &str,
        told: &mut Told,
    ) -> Result<(), Refusal> {
        let Loaded { run, journal } = loaded;
        let id = run.id.clone();
        if self.forgotten.iter().any(|(_, gone)| *gone == id) {
            return Err(Refusal::NotFound(format!("the run {id} was removed: it ended long ago")));
        }
        let known = self.active.get(&id).map(|a| (a.records, a.depth, a.run.acts.clone()));
        let still = known.as_ref().map_or(run.status.is_over(), |(records, ..)| *records == journal.length);
        if !still {
            return Err(Refusal::Moved);
        }
        let history = journal.history(id.as_str());
        let failed = |step: Option<usize>| match (step, refuse_retry(&run)) {
            (Some(step), _) => Ok(step),
            (None, Some(why)) => Err(Refusal::Conflict(why)),
            (None, None) => workflow::retry_point(&history)
                .ok_or_else(|| Refusal::Conflict("no step of it failed; name the step".to_owned())),
        };
        let revision = match change {
            Change::Retry { step, input } => {
                let step = failed(*step)?;
                Revision::Retry {
                    step,
                    input: input.clone().map(|input| with_secrets(input, step, &history)),
                }
            }
            Change::Skip { step, output, reason } => {
                Revision::Skip { step: failed(*step)?, output: output.clone(), reason: reason.clone() }
            }
            Change::Migrate { to } => Revision::Migrate { to: &to.definition },
        };
        let revised = workflow::revise(&history, revision, by, self.now).map_err(Refusal::Conflict)?;
        let last = journal.definitions.last().expect("a journal that was read has a definition");
        let mut pinned = Arc::clone(last);
        let mut records = Vec::new();
        if let Change::Migrate { to } = change {
            pinned = Arc::clone(to);
            self.pin(to, told);
            records.push(journal::head(to));
        }
        records.push(journal::event(&revised.event));
        let (depth, acts) = match known {
            Some((_, depth, acts)) => (depth, acts),
            None => (self.depth_of(&run), run.acts.clone()),
        };
        let mut active = Active {
            run: Run { ended_at: None, error: None, output: Value::Null, held_by: None, acts, ..run },
            pinned,
            state: revised.state,
            records: journal.length,
            stored_at: journal.length,
            begun: true,
            depth,
            timers: Vec::new(),
        };
        told.ops.push(active.append(records));
        active.stored_at = active.records;
        // Timers and listenings of the course that was left go; the effects of the new one say which there are.
        match self.active.remove(&id) {
            Some(left) => self.drop_timers(&id, &left.timers),
            None => self.queue.count(&active.run),
        }
        self.listens.drop_run(&id);
        let kept = workflow::pending_effects(&active.state)
            .into_iter()
            .filter(|e| matches!(e, Effect::Timer { .. } | Effect::Listen { .. }))
            .collect();
        self.active.insert(id.clone(), active);
        self.unseen.insert(id.clone());
        self.carry(&id, revised.effects, told);
        self.carry(&id, kept, told);
        self.look(&id, told);
        self.drain(told);
        Ok(())
    }
}

/// People are shown the names of secrets; what they send back has them again where the step had them.
fn with_secrets(mut input: Value, step: usize, history: &History<'_>) -> Value {
    let steps = workflow::trail(history, usize::MAX).steps;
    if let Some(shown) = steps.into_iter().find(|s| s.n == step) {
        model::secret::make_hidden(&mut input, &shown.step.input);
    }
    input
}

fn not_under_way(id: &RunId) -> Refusal {
    Refusal::NotFound(format!("no run {id} is under way"))
}
