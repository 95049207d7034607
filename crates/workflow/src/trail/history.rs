//! A journal together with what is needed to fold it.

use super::Trail;
use crate::definition::Definition;
use crate::event::{Event, RevisionNote};
use crate::machine::{Watch, advance};
use crate::state::State;

/// A run's journal: its events, and the definition that each of them was applied with.
#[derive(Clone, Debug)]
pub struct History<'a> {
    run: &'a str,
    /// The definition the events begin with, then one for each migration among them.
    definitions: Vec<&'a Definition>,
    events: &'a [Event],
}

impl<'a> History<'a> {
    /// The journal of a run that was never migrated. The events begin with the run's first one, or with one
    /// from which folding may begin ([`Event::is_whole`]).
    #[must_use]
    pub fn new(run: &'a str, definition: &'a Definition, events: &'a [Event]) -> Self {
        Self { run, definitions: vec![definition], events }
    }

    /// Adds the definition that the next migration among the events went to.
    #[must_use]
    pub fn migrated_to(mut self, definition: &'a Definition) -> Self {
        self.definitions.push(definition);
        self
    }

    /// The id of the run.
    #[must_use]
    pub fn run(&self) -> &'a str {
        self.run
    }

    /// The events.
    #[must_use]
    pub fn events(&self) -> &'a [Event] {
        self.events
    }

    /// The definition the run follows now.
    #[must_use]
    pub fn definition(&self) -> &'a Definition {
        self.definitions.last().expect("there is always one")
    }

    /// The definitions of the events, in order. A migration is itself applied with the definition it goes to.
    pub(crate) fn steps(&self) -> impl Iterator<Item = (&'a Definition, &'a Event)> {
        let mut at = 0;
        let last = self.definitions.len() - 1;
        self.events.iter().enumerate().map(move |(i, event)| {
            if i > 0 && matches!(event, Event::Revised { note: RevisionNote::Migrate { .. }, .. }) {
                at = last.min(at + 1);
            }
            (self.definitions[at], event)
        })
    }

    /// Folds the first events.
    pub(super) fn fold(&self, upto: usize) -> (Trail, &'a Definition) {
        let mut trail = Trail::new(self.run);
        let mut newest = self.definitions[0];
        for (definition, event) in self.steps().take(upto) {
            trail.apply(definition, event);
            newest = definition;
        }
        (trail, newest)
    }

    /// Folds everything, keeping what the state does not.
    pub(crate) fn whole(&self) -> Trail {
        self.fold(usize::MAX).0
    }

    /// The state just before a step began, and the definition it began with. `event` is how many events had
    /// been folded when it began.
    pub(crate) fn before(&self, step: usize, event: usize) -> (State, &'a Definition) {
        let mut state = State::new(self.run);
        let mut newest = self.definitions[0];
        for (i, (definition, folded)) in self.steps().take(event).enumerate() {
            let stop_before = (i + 1 == event).then_some(step);
            advance(definition, &mut state, folded, Watch { stop_before, ..Watch::default() });
            newest = definition;
        }
        (state, newest)
    }
}
