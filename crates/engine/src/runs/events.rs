//! Events for runs: who listens to what.

use std::collections::{BTreeMap, BTreeSet};

use model::RunId;
use serde_json::Value;
use workflow::{Event, EventFilter, WorkflowError};

use super::{Runs, Told};

/// Messages that a run wants from outside, until it is over or says otherwise.
#[derive(Clone, Debug, PartialEq)]
pub struct Subscribe {
    /// The run.
    pub run: RunId,
    /// Its listening.
    pub id: String,
    /// Parameters of the `asyncapi` call.
    pub parameters: Value,
    /// What stands for secrets in the parameters holds this.
    pub nonce: String,
}

/// What runs listen to, by run and id of the listening; by literal event type for a quick look-up.
#[derive(Debug, Default)]
pub(crate) struct Listens {
    pub(super) by_id: BTreeMap<(RunId, String), Vec<EventFilter>>,
    /// Listenings of which every filter names a type. The others are under none.
    pub(super) by_type: BTreeMap<Option<String>, BTreeSet<(RunId, String)>>,
}

impl Listens {
    fn insert(&mut self, run: &RunId, id: String, filters: Vec<EventFilter>) {
        let place = (run.clone(), id);
        for kind in kinds(&filters) {
            self.by_type.entry(kind).or_default().insert(place.clone());
        }
        self.by_id.insert(place, filters);
    }

    pub(super) fn remove(&mut self, run: &RunId, id: &str) {
        let place = (run.clone(), id.to_owned());
        let Some(filters) = self.by_id.remove(&place) else { return };
        for kind in kinds(&filters) {
            if let Some(places) = self.by_type.get_mut(&kind) {
                places.remove(&place);
                if places.is_empty() {
                    self.by_type.remove(&kind);
                }
            }
        }
    }

    pub(super) fn drop_run(&mut self, run: &RunId) {
        let ids: Vec<String> = self
            .by_id
            .range((run.clone(), String::new())..)
            .take_while(|((r, _), _)| r == run)
            .map(|((_, id), _)| id.clone())
            .collect();
        for id in ids {
            self.remove(run, &id);
        }
    }

    /// Whom an event is for that only those hear who name its type.
    pub(super) fn named(&self, event: &Value) -> Vec<(RunId, String)> {
        let kind = event["type"].as_str().map(str::to_owned);
        let places = kind.as_ref().and_then(|_| self.by_type.get(&kind)).into_iter().flatten();
        let fits = |place: &&(RunId, String)| self.by_id[*place].iter().any(|f| workflow::matches(f, event));
        places.filter(fits).cloned().collect()
    }

    /// Whom an event is for.
    fn listeners(&self, event: &Value) -> Vec<(RunId, String)> {
        let kind = event["type"].as_str().map(str::to_owned);
        let named = self.by_type.get(&kind).into_iter().flatten();
        let any = kind.as_ref().and_then(|_| self.by_type.get(&None)).into_iter().flatten();
        let fits = |place: &&(RunId, String)| {
            let filters = &self.by_id[*place];
            filters.is_empty() || filters.iter().any(|f| workflow::matches(f, event))
        };
        let found: BTreeSet<_> = named.chain(any).filter(fits).cloned().collect();
        found.into_iter().collect()
    }
}

/// The types that filters name; none when one of them names none.
fn kinds(filters: &[EventFilter]) -> BTreeSet<Option<String>> {
    let named: Option<BTreeSet<String>> = filters.iter().map(|f| f.event_type().map(str::to_owned)).collect();
    match named {
        Some(kinds) if !kinds.is_empty() => kinds.into_iter().map(Some).collect(),
        _ => BTreeSet::from([None]),
    }
}

impl Runs {
    pub(super) fn listen(
        &mut self,
        run: &RunId,
        id: String,
        filters: Vec<EventFilter>,
        subscription: Option<Value>,
        told: &mut Told,
    ) {
        match subscription {
            Some(parameters) => {
                let nonce = self.active.get(run).map_or_else(String::new, |a| a.state.nonce());
                told.subscribes.push(Subscribe { run: run.clone(), id, parameters, nonce });
            }
            None => {
                self.note_observer(run, &filters);
                self.listens.insert(run, id, filters);
            }
        }
    }

    /// Takes a message of a subscription, or why there is none.
    pub(crate) fn message(
        &mut self,
        run: &RunId,
        id: &str,
        message: Result<Value, WorkflowError>,
        told: &mut Told,
    ) {
        let (id, at) = (id.to_owned(), self.now);
        let event = match message {
            Ok(event) => Event::EventReceived { id, event, at },
            Err(error) => Event::ListenFailed { id, error, at },
        };
        self.tell(run, event, told);
    }

    /// Gives an event (a CloudEvent in its JSON format) to every run that listens to it.
    pub(crate) fn receive(&mut self, event: &Value, told: &mut Told) {
        for (run, id) in self.listens.listeners(event) {
            let event = Event::EventReceived { id, event: event.clone(), at: self.now };
            self.inbox.push_back((run, event));
        }
        self.trigger_schedules(event, told);
        self.drain(told);
    }
}
