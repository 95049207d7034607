//! How tasks fail, how errors are caught and tried again, and how what was done is undone.

use model::StepStatus;
use serde_json::Value;

use super::Machine;
use super::scope::Extra;
use crate::definition::{Backoff, Catch, Kind, Retry};
use crate::error::WorkflowError;
use crate::event::Change;
use crate::state::{Activity, List, Move, NodeId, PendingCall, Phase, Purpose, ROOT, UnknownCall};
use crate::trail::Begun;

impl Machine<'_> {
    /// Ends a node with an error. What runs inside it is dropped first.
    pub(super) fn fail(&mut self, node: NodeId, mut error: WorkflowError) {
        let Some(active) = self.state.nodes.get(&node) else { return };
        if matches!(active.activity, Activity::Undo { .. }) {
            return;
        }
        if error.instance.is_none() {
            error.instance = Some(if node == ROOT { "/".to_owned() } else { self.path(node) });
        }
        self.drop_below(node);
        self.release(node);
        if node == ROOT {
            self.state.moves.clear();
            self.begin_undo(ROOT, error, self.definition.compensates);
            return;
        }
        let active = self.node(node);
        let (step, parent) = (active.step, active.parent.expect("only the run has no parent"));
        if let Some(step) = step {
            self.end_step(step, StepStatus::Faulted, Some(error.sentence()));
            let path = self.path(node);
            self.tell_fault(path, &error);
            let task = self.node(node).task.expect("a step is a task");
            if self.definition.task(task).compensates {
                self.begin_undo(node, error, true);
                return;
            }
        }
        self.state.nodes.remove(&node);
        self.propagate(parent, error);
    }

    /// An error arrives at what the failed node was inside of.
    fn propagate(&mut self, parent: NodeId, error: WorkflowError) {
        let definition = self.definition;
        let task = self.node(parent).task.map(|t| definition.task(t));
        match (&mut self.node_mut(parent).activity, task.map(|t| &t.kind)) {
            (Activity::Try { catching: false, .. }, Some(Kind::Try { catch, .. })) => {
                if let Err(error) = self.catch(parent, catch, error) {
                    self.state.moves.push_back(Move::Fail { node: parent, error });
                }
            }
            (Activity::Fork { children, failed, .. }, Some(Kind::Fork { compete: true, branches })) => {
                *failed += 1;
                // A race is lost only when nobody is left in it.
                if *failed == branches.len() && children.len() == branches.len() {
                    self.state.moves.push_back(Move::Fail { node: parent, error });
                }
            }
            _ => self.state.moves.push_back(Move::Fail { node: parent, error }),
        }
    }

    /// Catches an error of a try's body, or gives it back.
    fn catch(&mut self, node: NodeId, catch: &Catch, error: WorkflowError) -> Result<(), WorkflowError> {
        let problem = error.to_json();
        let input = self.node(node).input.clone();
        let extra = Extra { variable: Some((&catch.variable, &problem)), ..Extra::default() };
        for (field, expected) in &catch.with {
            let expected = self.evaluate(node, expected, &input, extra)?;
            if problem.get(field) != Some(&expected) {
                return Err(error);
            }
        }
        if !self.applies(node, catch.when.as_ref(), catch.except_when.as_ref(), &input, extra)? {
            return Err(error);
        }
        if let Some(retry) = &catch.retry
            && let Some(delay) = self.retry_delay(node, retry, &input, extra)?
        {
            let Activity::Try { retries, .. } = &mut self.node_mut(node).activity else { return Ok(()) };
            *retries += 1;
            let attempt = *retries + 1;
            let path = self.path(node);
            if let Some(step) = self.node(node).step {
                self.record(|recorder| recorder.retried(step, attempt, error.sentence()));
            }
            self.tell(Change::Retried, &path);
            self.set_timer(node, Purpose::Retry, delay);
            return Ok(());
        }
        match (&catch.body, &catch.retry) {
            (Some(_), _) => {
                if let Activity::Try { catching, .. } = &mut self.node_mut(node).activity {
                    *catching = true;
                }
                let body = self.scope_node(node, List::Catch, Some(vec![(catch.variable.clone(), problem)]));
                self.state.moves.push_back(Move::Next { sequence: body, input });
                Ok(())
            }
            // Retries were all the catch had to offer.
            (None, Some(_)) => Err(error),
            (None, None) => {
                self.state.moves.push_back(Move::Done { node, output: input, then: None });
                Ok(())
            }
        }
    }

    fn applies(
        &self,
        node: NodeId,
        when: Option<&crate::Expression>,
        except_when: Option<&crate::Expression>,
        input: &Value,
        extra: Extra<'_>,
    ) -> Result<bool, WorkflowError> {
        if let Some(when) = when
            && !self.holds(node, when, input, extra)?
        {
            return Ok(false);
        }
        match except_when {
            Some(except) => Ok(!self.holds(node, except, input, extra)?),
            None => Ok(true),
        }
    }

    /// Milliseconds until the next attempt; none when there shall be none.
    fn retry_delay(
        &self,
        node: NodeId,
        retry: &Retry,
        input: &Value,
        extra: Extra<'_>,
    ) -> Result<Option<i64>, WorkflowError> {
        let Activity::Try { retries, since, .. } = self.node(node).activity else { return Ok(None) };
        if retry.count.is_some_and(|count| retries >= count) {
            return Ok(None);
        }
        if !self.applies(node, retry.when.as_ref(), retry.except_when.as_ref(), input, extra)? {
            return Ok(None);
        }
        let base = match &retry.delay {
            Some(delay) => self.duration_ms(node, delay)?,
            None => 0,
        };
        let factor = match retry.backoff {
            Backoff::Constant => 1,
            Backoff::Linear => i64::from(retries) + 1,
            Backoff::Exponential => 1_i64 << retries.min(40),
        };
        let mut delay = base.saturating_mul(factor);
        if let Some((from, to)) = &retry.jitter {
            let (from, to) = (self.duration_ms(node, from)?, self.duration_ms(node, to)?);
            let spread = u64::try_from(to.saturating_sub(from)).unwrap_or(0);
            let chance = scramble(self.state.seed ^ scramble(u64::from(node) << 32 | u64::from(retries)));
            let part = if spread == 0 { 0 } else { chance % (spread + 1) };
            delay = delay.saturating_add(from).saturating_add(i64::try_from(part).unwrap_or(0));
        }
        if let Some(limit) = &retry.duration {
            let limit = self.duration_ms(node, limit)?;
            if self.state.now.since_ms(since).saturating_add(delay) > limit {
                return Ok(None);
            }
        }
        Ok(Some(delay))
    }

    pub(super) fn call_failed(&mut self, key: &str, error: &WorkflowError, retryable: bool) {
        let Some(call) = self.take_call(key) else { return };
        self.record(|recorder| recorder.failed(key, &call, retryable));
        if call.undoes.is_some() {
            // Recorded; the rest is undone all the same.
            self.end_step(call.step, StepStatus::Faulted, Some(error.sentence()));
            return;
        }
        if let Some(node) = call.node {
            if retryable {
                let unknown = UnknownCall { key: key.to_owned(), parameters: call.parameters };
                self.state.unknown.insert(call.path, unknown);
            }
            self.state.moves.push_back(Move::Fail { node, error: error.clone() });
        }
    }

    pub(super) fn cancel(&mut self, by: &str) {
        match self.state.phase {
            Phase::Running => {}
            Phase::Pending => {
                self.end_run(Phase::Cancelled { by: by.to_owned() });
                return;
            }
            _ => return,
        }
        if matches!(self.node(ROOT).activity, Activity::Undo { .. } | Activity::Settle { .. }) {
            return;
        }
        self.state.cancelled_by = Some(by.to_owned());
        // First let go of what was not asked for, then go on with the rest if the run was held.
        self.fail(ROOT, WorkflowError::runtime(format!("cancelled by {by}")));
        self.resume();
    }

    fn begin_undo(&mut self, node: NodeId, error: WorkflowError, wanted: bool) {
        if wanted && self.state.inverses.iter().any(|i| !i.taken && i.scopes.contains(&node)) {
            let path = if node == ROOT { String::new() } else { self.path(node) };
            self.tell(Change::Compensating, &path);
        }
        self.node_mut(node).activity = Activity::Undo { error };
    }

    /// Asks for the newest inverse recorded inside the node that was not asked for. False when there is none.
    pub(super) fn undo_next(&mut self, node: NodeId) -> bool {
        if node == ROOT && !self.definition.compensates {
            return false;
        }
        let Some(place) = self.state.inverses.iter().rposition(|i| !i.taken && i.scopes.contains(&node))
        else {
            return false;
        };
        let recorded = &mut self.state.inverses[place];
        recorded.taken = true;
        let (inverse, path) = (recorded.inverse.clone(), recorded.path.clone());
        let (key, undone) = (recorded.key.clone(), recorded.step);
        let step = self.state.steps.begun;
        self.state.steps.begun += 1;
        let now = self.state.now;
        self.record(|recorder| {
            recorder.began(Begun {
                step,
                path: &path,
                undoes: Some(undone),
                call: Some(&inverse.action),
                at: now,
                ..Begun::default()
            });
            recorder.input(step, &inverse.parameters);
        });
        let call = PendingCall {
            function: inverse.action,
            parameters: inverse.parameters,
            path: format!("{path}/undo"),
            asked: true,
            node: None,
            scopes: self.scopes(node),
            step,
            undoes: Some(key.clone()),
            undo: None,
        };
        self.ask(format!("{key}/undo"), call);
        true
    }

    /// Nothing is left to undo inside the node. True when there is more to do.
    pub(super) fn undone(&mut self, node: NodeId, error: WorkflowError) -> bool {
        if node != ROOT {
            let parent = self.node(node).parent.expect("only the run has no parent");
            self.state.nodes.remove(&node);
            self.propagate(parent, error);
            return true;
        }
        let phase = match self.state.cancelled_by.clone() {
            Some(by) => Phase::Cancelled { by },
            None => Phase::Faulted { error },
        };
        self.end_run(phase);
        false
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014): one well-mixed number from another.
fn scramble(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
