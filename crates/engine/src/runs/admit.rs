//! Which runs may begin: holds that people set, and limits on runs at once.

use std::collections::BTreeSet;

use model::{Run, RunId, Timestamp};
use ports::Index;
use serde::{Deserialize, Serialize};
use serde_json::json;
use workflow::{ConcurrencyBy, Event};

use super::{Runs, Told};
use crate::records::{Record, put};

/// What a hold holds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "scope", content = "name", rename_all = "snake_case")]
pub enum Scope {
    /// Every run.
    All,
    /// Runs that touch this service.
    Service(String),
    /// Runs of this workflow.
    Workflow(String),
}

impl Scope {
    fn covers(&self, run: &Run) -> bool {
        match self {
            Self::All => true,
            Self::Service(name) => run.service.as_deref() == Some(name),
            Self::Workflow(name) => run.workflow == *name,
        }
    }

    /// What runs say holds them.
    fn tag(&self) -> String {
        match self {
            Self::All => "hold:all".to_owned(),
            Self::Service(name) => format!("hold:service:{name}"),
            Self::Workflow(name) => format!("hold:workflow:{name}"),
        }
    }

    /// For people: `everything`, `the service checkout`.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::All => "everything".to_owned(),
            Self::Service(name) => format!("the service {name}"),
            Self::Workflow(name) => format!("the workflow {name}"),
        }
    }
}

/// Runs of a scope are held until it is lifted; new ones do not begin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Hold {
    /// What it holds.
    #[serde(flatten)]
    pub scope: Scope,
    /// Who set it.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// Why.
    pub reason: String,
}

/// Every hold, as one document.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holds {
    /// The holds.
    pub items: Vec<Hold>,
}

impl Record for Holds {
    const KIND: &'static str = "hold";

    fn key(&self) -> String {
        "all".to_owned()
    }

    fn index(&self) -> Vec<(&'static str, Index)> {
        Vec::new()
    }
}

impl Runs {
    /// The holds in force.
    pub(crate) fn holds(&self) -> &Holds {
        &self.holds
    }

    /// Sets or lifts a hold. Runs under way are held before their next call.
    pub(crate) fn set_hold(&mut self, hold: Hold, held: bool, told: &mut Told) {
        let (scope, by) = (hold.scope.clone(), hold.by.clone());
        self.holds.items.retain(|h| h.scope != scope);
        if held {
            self.holds.items.push(hold);
        }
        told.ops.push(put(&self.holds));
        if !held && scope == Scope::All {
            let deferred = std::mem::take(&mut self.deferred);
            self.ask_again(&deferred, told);
        }
        let touched: Vec<RunId> = self
            .active
            .values()
            .filter(|a| a.begun && scope.covers(&a.run))
            .map(|a| a.run.id.clone())
            .collect();
        for id in touched {
            self.obey_holds(&id, &by, told);
        }
        self.admit(told);
        self.drain(told);
    }

    /// The hold that a start begins with.
    pub(super) fn hold_everything(&mut self, told: &mut Told) {
        let reason = "workflows.start_held is set; look, then lift the hold".to_owned();
        let hold = Hold { scope: Scope::All, by: "configuration".to_owned(), at: self.now, reason };
        self.set_hold(hold, true, told);
    }

    /// Holds or frees a run after the holds changed. What a person holds is not touched.
    fn obey_holds(&mut self, id: &RunId, by: &str, told: &mut Told) {
        let Some(active) = self.active.get_mut(id) else { return };
        let hold = self.holds.items.iter().find(|h| h.scope.covers(&active.run));
        let (by, at) = (by.to_owned(), self.now);
        let held_by_hold = active.run.held_by.as_ref().is_some_and(|h| h.starts_with("hold:"));
        let event = match hold {
            Some(hold) if active.run.held_by.is_none() => {
                active.run.held_by = Some(hold.scope.tag());
                Event::PauseRequested { by, at }
            }
            Some(hold) if held_by_hold => {
                active.run.held_by = Some(hold.scope.tag());
                return;
            }
            None if held_by_hold => {
                active.run.held_by = None;
                Event::ResumeRequested { by, at }
            }
            _ => return,
        };
        self.tell(id, event, told);
    }

    /// Begins every run that may begin now, oldest first.
    pub(super) fn admit(&mut self, told: &mut Told) {
        if self.queue.is_empty() {
            return;
        }
        let mut still = std::collections::VecDeque::new();
        // A run that waits keeps those behind it that ask for the same from overtaking.
        let mut ahead: BTreeSet<(String, Option<String>)> = BTreeSet::new();
        while let Some(id) = self.queue.pop_front() {
            let Some(active) = self.active.get(&id) else { continue };
            let place = (active.run.workflow.clone(), active.run.service.clone());
            let why = if ahead.contains(&place) {
                Some("waits for an older run that waits for the same".to_owned())
            } else {
                self.why_not_now(&active.run)
            };
            match why {
                None => self.begin(&id, told),
                Some(why) => {
                    ahead.insert(place);
                    let active = self.active.get_mut(&id).expect("it was there a moment ago");
                    if active.run.waits_for.as_ref() != Some(&why) {
                        active.run.waits_for = Some(why);
                        self.unseen.insert(id.clone());
                    }
                    still.push_back(id);
                }
            }
        }
        self.queue.append(&mut still);
    }

    fn begin(&mut self, id: &RunId, told: &mut Told) {
        let seed = self.seed(id);
        let at = self.now;
        let Some(active) = self.active.get_mut(id) else { return };
        active.begun = true;
        self.unseen.insert(id.clone());
        active.run.waits_for = None;
        let input = active.run.input.clone();
        tracing::info!(run.id = %id, workflow = active.run.workflow, service.name = active.run.service, "Started run.");
        let details = json!({"workflow": active.run.workflow, "service": active.run.service, "input": input});
        told.audits.push(("run.started", id.to_string(), details, active.run.correlation_id.clone()));
        self.inbox.push_back((id.clone(), Event::Started { input, seed, at }));
    }

    /// Why a run may not begin now, for people.
    fn why_not_now(&self, run: &Run) -> Option<String> {
        if let Some(hold) = self.holds.items.iter().find(|h| h.scope.covers(run)) {
            let why = if hold.reason.is_empty() { String::new() } else { format!(": {}", hold.reason) };
            return Some(format!("{} is held by {}{why}", hold.scope.words(), hold.by));
        }
        // A run that another run waits for must not wait for it in turn.
        if matches!(run.purpose, model::RunPurpose::Subflow { .. }) {
            return None;
        }
        let begun = || self.active.values().filter(|a| a.begun).map(|a| &a.run);
        let full = |limit: u32, same: &dyn Fn(&Run) -> bool, what: String| {
            let mut others = begun().filter(|r| same(r));
            let first = others.next()?;
            (1 + others.count() as u64 >= u64::from(limit))
                .then(|| format!("waits for {}: at most {limit} at once {what}", first.id))
        };
        let same_service = |r: &Run| r.service.is_some() && r.service == run.service;
        let pinned = &self.active.get(&run.id)?.pinned;
        if let Some(concurrency) = pinned.definition.operations().concurrency() {
            let found = match concurrency.by {
                ConcurrencyBy::Workflow => {
                    full(concurrency.limit, &|r| r.workflow == run.workflow, format!("of {}", run.workflow))
                }
                ConcurrencyBy::Service => full(
                    concurrency.limit,
                    &|r| r.workflow == run.workflow && same_service(r),
                    format!("of {} for one service", run.workflow),
                ),
            };
            if found.is_some() {
                return found;
            }
        }
        if pinned.definition.operations().by_dependencies()
            && let Some(waits) = self.waits_for_dependency(run)
        {
            return Some(waits);
        }
        let limit = self.limits.runs_per_service?;
        full(limit, &same_service, "for one service".to_owned())
    }

    /// A run of the same workflow works, or is to work first, on a service that this one's service depends on.
    fn waits_for_dependency(&self, run: &Run) -> Option<String> {
        let service = run.service.as_deref()?;
        let topology = diagnose::Topology::new(&self.graph, &std::collections::BTreeMap::new());
        let other = self.active.values().map(|a| &a.run).find(|r| {
            let theirs = r.service.as_deref().unwrap_or_default();
            r.id != run.id
                && r.workflow == run.workflow
                && theirs != service
                && topology.reaches(service, theirs)
                // Services that depend on each other would wait for ever.
                && !topology.reaches(theirs, service)
        })?;
        let theirs = other.service.as_deref().unwrap_or_default();
        Some(format!("waits for {}: {service} depends on {theirs}, which comes first", other.id))
    }
}
