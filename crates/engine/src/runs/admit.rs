//! Which runs may begin: holds that people set, and limits on runs at once.

use model::{Run, RunId, ServiceGraph, Timestamp};
use ports::Index;
use serde::{Deserialize, Serialize};
use serde_json::json;
use workflow::{ConcurrencyBy, Event};

use super::queue::{Gate, What};
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
        self.queue.again();
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
        while let Some(first) = self.queue.next() {
            let id = first.run.clone();
            let waiting = self.active.get(&id).filter(|a| !a.begun);
            match waiting.and_then(|active| self.why_not_now(&active.run)) {
                None => {
                    self.queue.remove(&first.place, &id);
                    self.begin(&id, told);
                }
                Some((gate, why)) => {
                    self.queue.refuse(first, gate);
                    self.say_waits(&id, why);
                }
            }
        }
    }

    /// Takes a run that has not begun.
    pub(super) fn line_up(&mut self, id: &RunId) {
        let Some(active) = self.active.get(id) else { return };
        if self.queue.push(&active.run) {
            self.say_waits(id, "an older run that waits for the same".to_owned());
        }
    }

    fn say_waits(&mut self, id: &RunId, why: String) {
        if let Some(active) = self.active.get_mut(id)
            && active.run.waits_for.as_ref() != Some(&why)
        {
            active.run.waits_for = Some(why);
            self.unseen.insert(id.clone());
        }
    }

    /// Takes which service depends on which, for runs that are ordered by it.
    pub(crate) fn set_graph(&mut self, graph: ServiceGraph) {
        if self.graph != graph {
            self.graph = graph;
            self.queue.again();
        }
    }

    fn begin(&mut self, id: &RunId, told: &mut Told) {
        let seed = self.seed(id);
        let at = self.now;
        let Some(active) = self.active.get_mut(id).filter(|a| !a.begun) else { return };
        active.begun = true;
        self.queue.count(&active.run);
        self.unseen.insert(id.clone());
        active.run.waits_for = None;
        let input = active.run.input.clone();
        tracing::info!(run.id = %id, workflow = active.run.workflow, service.name = active.run.service, "Started run.");
        let details = json!({"workflow": active.run.workflow, "service": active.run.service, "input": input});
        told.audits.push(("run.started", id.to_string(), details, active.run.correlation_id.clone()));
        self.inbox.push_back((id.clone(), Event::Started { input, seed, at }));
    }

    /// Why a run may not begin now: what is in the way, and the same for people.
    fn why_not_now(&self, run: &Run) -> Option<(Gate, String)> {
        if let Some(hold) = self.holds.items.iter().find(|h| h.scope.covers(run)) {
            let why = if hold.reason.is_empty() { String::new() } else { format!(": {}", hold.reason) };
            let set = format!("set by {}{why}", hold.by);
            let why = format!("the hold on {} to be lifted, {set}", hold.scope.words());
            return Some(((What::Hold, 0), why));
        }
        // A run that another run waits for must not wait for it in turn.
        if matches!(run.purpose, model::RunPurpose::Subflow { .. }) {
            return None;
        }
        let full = |what: What, limit: u32, of: String| {
            let others = self.queue.begun(&what);
            // At least one may always go: none at all would wait for ever.
            (others >= limit.max(1))
                .then(|| ((what, limit), format!("its turn: at most {limit} at once {of}")))
        };
        let pinned = &self.active.get(&run.id)?.pinned;
        let operations = pinned.definition.operations();
        let of = &run.workflow;
        let by_workflow = operations.concurrency().and_then(|most| match (most.by, &run.service) {
            (ConcurrencyBy::Workflow, _) => full(What::Workflow(of.clone()), most.limit, format!("of {of}")),
            (ConcurrencyBy::Service, Some(service)) => {
                let what = What::Both(of.clone(), service.clone());
                full(what, most.limit, format!("of {of} for {service}"))
            }
            (ConcurrencyBy::Service, None) => None,
        });
        let ordered = || operations.by_dependencies().then(|| self.waits_for_dependency(run)).flatten();
        let by_service = || {
            let service = run.service.as_ref()?;
            full(What::Service(service.clone()), self.limits.runs_per_service?, format!("for {service}"))
        };
        by_workflow.or_else(ordered).or_else(by_service)
    }

    /// A run of the same workflow works, or is to work first, on a service that this one's service depends on.
    fn waits_for_dependency(&self, run: &Run) -> Option<(Gate, String)> {
        let service = run.service.as_deref()?;
        let topology = diagnose::Topology::new(&self.graph, &std::collections::BTreeMap::new());
        let (theirs, other) = self.queue.others(&run.workflow).find(|(theirs, _)| {
            *theirs != service
                && topology.reaches(service, theirs)
                // Services that depend on each other would wait for ever.
                && !topology.reaches(theirs, service)
        })?;
        let why = format!("{other}: {service} depends on {theirs}, which comes first");
        Some(((What::Run(other.clone()), 0), why))
    }
}
