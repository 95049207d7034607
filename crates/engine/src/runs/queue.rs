//! Runs that wait to begin, and what is in their way: only those whose obstacle may have gone are looked at again, so
//! that a run which ends costs the same however many wait.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use model::{Run, RunId, RunPurpose};

/// What may be full or taken.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum What {
    /// A hold is set; looked at again when holds change.
    Hold,
    /// Runs of a workflow.
    Workflow(String),
    /// Runs of a workflow on a service.
    Both(String, String),
    /// Runs on a service.
    Service(String),
    /// Another run comes first.
    Run(RunId),
}

/// An obstacle: what, and the limit that made it one. Where one limit refuses, another may not.
pub(super) type Gate = (What, u32);

/// Runs that ask for the same: none overtakes another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    workflow: String,
    service: Option<String>,
    /// Runs that another run waits for do not line up behind those that may wait for that one.
    called: bool,
}

impl Place {
    pub(super) fn of(run: &Run) -> Self {
        let called = matches!(run.purpose, RunPurpose::Subflow { .. });
        Self { workflow: run.workflow.clone(), service: run.service.clone(), called }
    }
}

/// A run that is first of those that ask for the same.
#[derive(Debug)]
pub(super) struct First {
    pub(super) place: Place,
    pub(super) run: RunId,
    number: u64,
    from: Option<Gate>,
}

#[derive(Debug, Default)]
struct Line {
    /// Oldest first, with the numbers in which they came.
    runs: VecDeque<(u64, RunId)>,
    /// What the first was refused by; none while it is to be looked at.
    gate: Option<Gate>,
}

/// The runs that wait to begin, and how many have begun of what is limited.
#[derive(Debug, Default)]
pub(super) struct Queue {
    lines: BTreeMap<Place, Line>,
    /// First runs to be looked at, oldest first.
    fresh: BTreeSet<(u64, Place)>,
    /// First runs that were refused, by what.
    refused: BTreeMap<Gate, BTreeSet<(u64, Place)>>,
    /// Gates that may not refuse any more.
    open: BTreeSet<Gate>,
    came: u64,
    begun: BTreeMap<What, u32>,
    /// Runs that wait or have begun: by workflow, then by service.
    known: BTreeMap<String, BTreeMap<String, BTreeSet<RunId>>>,
}

impl Queue {
    /// Takes a run; true when an older one asks for the same.
    pub(super) fn push(&mut self, run: &Run) -> bool {
        let place = Place::of(run);
        self.know(run);
        self.came += 1;
        let line = self.lines.entry(place.clone()).or_default();
        line.runs.push_back((self.came, run.id.clone()));
        let behind = line.runs.len() > 1;
        if !behind {
            self.fresh.insert((self.came, place));
        }
        behind
    }

    /// The oldest run that may be able to begin. Say what became of it with `refuse` or `remove`.
    pub(super) fn next(&mut self) -> Option<First> {
        let fresh = self.fresh.first().map(|first| (first.clone(), None));
        self.open.retain(|gate| self.refused.contains_key(gate));
        let waiting = self.open.iter().filter_map(|gate| {
            let first = self.refused.get(gate)?.first()?;
            Some((first.clone(), Some(gate.clone())))
        });
        let ((number, place), from) = fresh.into_iter().chain(waiting).min()?;
        let run = self.lines.get(&place)?.runs.front()?.1.clone();
        Some(First { place, run, number, from })
    }

    /// A run cannot begin because of this.
    pub(super) fn refuse(&mut self, first: First, gate: Gate) {
        if first.from.as_ref() == Some(&gate) {
            // What refused it refuses those behind it in turn.
            self.open.remove(&gate);
            return;
        }
        self.unmark(first.number, &first.place);
        if let Some(line) = self.lines.get_mut(&first.place) {
            line.gate = Some(gate.clone());
            self.refused.entry(gate).or_default().insert((first.number, first.place));
        }
    }

    /// A run waits no more; the one behind it is first now.
    pub(super) fn remove(&mut self, place: &Place, run: &RunId) {
        let Some(line) = self.lines.get_mut(place) else { return };
        let Some(at) = line.runs.iter().rposition(|(_, id)| id == run) else { return };
        let Some((number, _)) = line.runs.remove(at) else { return };
        if at > 0 {
            return;
        }
        self.unmark(number, place);
        match self.lines.get(place).and_then(|line| line.runs.front()) {
            Some((next, _)) => drop(self.fresh.insert((*next, place.clone()))),
            None => drop(self.lines.remove(place)),
        }
    }

    /// Takes the first run of a place out of where it stood.
    fn unmark(&mut self, number: u64, place: &Place) {
        let at = (number, place.clone());
        self.fresh.remove(&at);
        let Some(gate) = self.lines.get_mut(place).and_then(|line| line.gate.take()) else { return };
        if let Some(others) = self.refused.get_mut(&gate) {
            others.remove(&at);
            if others.is_empty() {
                self.refused.remove(&gate);
            }
        }
    }

    /// What was in the way of anybody may have gone.
    pub(super) fn again(&mut self) {
        for (_, places) in std::mem::take(&mut self.refused) {
            self.fresh.extend(places);
        }
        for line in self.lines.values_mut() {
            line.gate = None;
        }
    }

    /// Counts a run that begins, or was taken up.
    pub(super) fn count(&mut self, run: &Run) {
        self.know(run);
        for what in limited(run) {
            *self.begun.entry(what).or_default() += 1;
        }
    }

    /// A run that had begun is gone.
    pub(super) fn uncount(&mut self, run: &Run) {
        for what in limited(run) {
            if let Some(count) = self.begun.get_mut(&what) {
                *count -= 1;
                if *count == 0 {
                    self.begun.remove(&what);
                }
            }
            self.open(&what);
        }
        self.forget(run);
    }

    /// A run that waits, or had begun, is gone.
    fn forget(&mut self, run: &Run) {
        if let Some(service) = &run.service
            && let Some(services) = self.known.get_mut(&run.workflow)
            && let Some(runs) = services.get_mut(service)
        {
            runs.remove(&run.id);
            if runs.is_empty() {
                services.remove(service);
            }
        }
        self.open(&What::Run(run.id.clone()));
    }

    fn know(&mut self, run: &Run) {
        if let Some(service) = &run.service {
            let services = self.known.entry(run.workflow.clone()).or_default();
            services.entry(service.clone()).or_default().insert(run.id.clone());
        }
    }

    /// For each service that runs of a workflow touch, one of them.
    pub(super) fn others(&self, workflow: &str) -> impl Iterator<Item = (&str, &RunId)> {
        let services = self.known.get(workflow).into_iter().flatten();
        services.filter_map(|(service, runs)| Some((service.as_str(), runs.first()?)))
    }

    fn open(&mut self, what: &What) {
        let gates = self.refused.range((what.clone(), 0)..=(what.clone(), u32::MAX));
        self.open.extend(gates.map(|(gate, _)| gate.clone()));
    }

    /// How many have begun.
    pub(super) fn begun(&self, what: &What) -> u32 {
        self.begun.get(what).copied().unwrap_or_default()
    }
}

/// What limits may count a run for.
fn limited(run: &Run) -> impl Iterator<Item = What> {
    let of_service = run.service.iter().flat_map(|service| {
        [What::Both(run.workflow.clone(), service.clone()), What::Service(service.clone())]
    });
    std::iter::once(What::Workflow(run.workflow.clone())).chain(of_service)
}

#[cfg(test)]
mod tests {
    use model::{CorrelationId, RunStatus, Timestamp};
    use serde_json::Value;

    use super::*;

    fn run(workflow: &str, service: &str, n: u32) -> Run {
        let id = RunId::derive(Timestamp::ZERO, &[workflow, service, &n.to_string()]);
        Run {
            workflow: workflow.to_owned(),
            version: "1.0.0".to_owned(),
            service: Some(service.to_owned()),
            purpose: RunPurpose::Manual { actor: "ann".to_owned() },
            status: RunStatus::Pending,
            waits_for: None,
            input: Value::Null,
            output: Value::Null,
            steps_done: 0,
            steps_failed: 0,
            current: Vec::new(),
            acts: Vec::new(),
            undone: false,
            held_by: None,
            error: None,
            started_at: Timestamp::ZERO,
            ended_at: None,
            correlation_id: CorrelationId::derive(Timestamp::ZERO, &[id.as_str()]),
            id,
        }
    }

    /// Lets run after run begin and end with one limit for all of the workflow and one for each service; gives the
    /// order in which they began, and how many were looked at.
    fn work(runs: &[Run], of_workflow: u32, of_service: u32) -> (Vec<RunId>, usize) {
        let mut queue = Queue::default();
        for run in runs {
            queue.push(run);
        }
        let by_id: BTreeMap<&RunId, &Run> = runs.iter().map(|r| (&r.id, r)).collect();
        let (mut order, mut begun, mut looked) = (Vec::new(), VecDeque::new(), 0);
        loop {
            while let Some(first) = queue.next() {
                looked += 1;
                let run = by_id[&first.run];
                let gates = [
                    (What::Workflow(run.workflow.clone()), of_workflow),
                    (What::Service(run.service.clone().unwrap()), of_service),
                ];
                match gates.into_iter().find(|(what, limit)| queue.begun(what) >= *limit) {
                    Some(gate) => queue.refuse(first, gate),
                    None => {
                        queue.remove(&first.place, &first.run);
                        queue.count(run);
                        order.push(run.id.clone());
                        begun.push_back(run);
                    }
                }
            }
            match begun.pop_front() {
                Some(run) => queue.uncount(run),
                None => break,
            }
        }
        assert!(queue.lines.is_empty() && queue.refused.is_empty() && queue.begun.is_empty());
        (order, looked)
    }

    #[test]
    fn what_is_looked_at_grows_as_the_runs_that_wait() {
        for (services, of_workflow, of_service) in [(2_000, 1, 5), (1, 5, 1), (2_000, 5, 1), (40, 3, 1)] {
            let runs: Vec<Run> = (0..2_000).map(|n| run("w", &format!("s{}", n % services), n)).collect();
            let (order, looked) = work(&runs, of_workflow, of_service);
            assert_eq!(order.len(), runs.len(), "each began once");
            assert!(looked <= 4 * runs.len() + 10, "{looked} looks with {services} services");
            if of_workflow == 1 {
                assert!(order.iter().eq(runs.iter().map(|r| &r.id)), "oldest first");
            }
        }
    }

    #[test]
    fn a_run_that_is_taken_out_lets_the_one_behind_it_forward() {
        let (mut queue, runs) = (Queue::default(), [run("w", "s", 1), run("w", "s", 2), run("w", "s", 3)]);
        assert_eq!(runs.each_ref().map(|r| queue.push(r)), [false, true, true]);
        let first = queue.next().unwrap();
        assert_eq!(first.run, runs[0].id);
        queue.refuse(first, (What::Workflow("w".to_owned()), 1));
        assert!(queue.next().is_none());
        let place = Place::of(&runs[0]);
        queue.remove(&place, &runs[1].id);
        assert!(queue.next().is_none(), "the first still waits");
        queue.remove(&place, &runs[0].id);
        assert_eq!(queue.next().unwrap().run, runs[2].id);
        queue.remove(&place, &runs[2].id);
        assert!(queue.next().is_none() && queue.lines.is_empty() && queue.fresh.is_empty());
    }

    #[test]
    fn a_limit_that_one_version_has_does_not_hold_another() {
        let mut queue = Queue::default();
        let (busy, strict, lax) = (run("w", "a", 0), run("w", "b", 1), run("w", "c", 2));
        queue.count(&busy);
        queue.count(&busy);
        for (run, limit) in [(&strict, 1), (&lax, 2)] {
            queue.push(run);
            let first = queue.next().unwrap();
            queue.refuse(first, (What::Workflow("w".to_owned()), limit));
        }
        queue.uncount(&busy);
        let first = queue.next().unwrap();
        assert_eq!(first.run, strict.id, "the older one is looked at first");
        queue.refuse(first, (What::Workflow("w".to_owned()), 1));
        assert_eq!(queue.next().unwrap().run, lax.id);
    }

    #[test]
    fn who_waits_for_a_run_is_looked_at_when_it_is_gone() {
        let mut queue = Queue::default();
        let (other, waits) = (run("w", "db", 0), run("w", "shop", 1));
        queue.count(&other);
        queue.push(&waits);
        let first = queue.next().unwrap();
        let found: Vec<_> = queue.others("w").map(|(s, id)| (s.to_owned(), id.clone())).collect();
        assert_eq!(found, [("db".to_owned(), other.id.clone()), ("shop".to_owned(), waits.id.clone())]);
        queue.refuse(first, (What::Run(other.id.clone()), 0));
        assert!(queue.next().is_none());
        queue.uncount(&other);
        assert_eq!(queue.next().unwrap().run, waits.id);
        queue.again();
        assert_eq!(queue.next().unwrap().run, waits.id, "and again when anything may have changed");
    }
}
