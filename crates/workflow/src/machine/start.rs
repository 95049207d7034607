//! How runs and tasks begin.

use model::{StepStatus, Timestamp};
use serde_json::Value;

use super::scope::Extra;
use super::{MAX_RUN_STEPS, Machine, Move, key_path};
use crate::definition::{Flow, Kind, TaskIndex};
use crate::error::WorkflowError;
use crate::event::Change;
use crate::state::{Activity, List, Node, NodeId, PendingCall, Phase, Purpose, ROOT, StepRecord};

impl Machine<'_> {
    pub(super) fn begin_run(&mut self, input: Value, seed: u64, at: Timestamp) {
        self.state.phase = Phase::Running;
        self.state.seed = seed;
        self.state.started_at = at;
        self.state.input = input.clone();
        let root = self.add_node(Node {
            parent: None,
            task: None,
            step: None,
            raw: input.clone(),
            input: input.clone(),
            variables: Vec::new(),
            attempt: 1,
            started_at: at,
            activity: Activity::Sequence { list: List::Root, at: 0 },
        });
        debug_assert_eq!(root, ROOT, "the run is the first node");
        self.tell(Change::Started, "");
        let begun =
            self.transform(ROOT, &self.definition.input, input, Extra::default(), true).and_then(|input| {
                self.node_mut(ROOT).input = input.clone();
                if let Some(timeout) = &self.definition.timeout {
                    let ms = self.duration_ms(ROOT, timeout)?;
                    self.set_timer(ROOT, Purpose::Timeout, ms);
                }
                Ok(input)
            });
        match begun {
            Ok(input) => self.moves.push_back(Move::Next { sequence: ROOT, input }),
            Err(error) => self.moves.push_back(Move::Fail { node: ROOT, error }),
        }
    }

    pub(super) fn begin_task(&mut self, parent: NodeId, index: TaskIndex, raw: Value) {
        let open = |n: &Node| matches!(n.activity, Activity::Sequence { .. } | Activity::Fork { .. });
        if !self.state.nodes.get(&parent).is_some_and(open) {
            return;
        }
        let definition = self.definition;
        let task = definition.task(index);
        let call = match &task.kind {
            Kind::Call { function, .. } => Some(function.clone()),
            _ => None,
        };
        let (variables, attempt) = (self.node(parent).variables.clone(), self.node(parent).attempt);
        let now = self.state.now;
        let step = self.state.steps.len();
        self.state.steps.push(StepRecord {
            task: Some(index),
            path: task.path.clone(),
            name: task.name.clone(),
            call,
            status: StepStatus::Running,
            attempt,
            started_at: now,
            ended_at: None,
            input: Value::Null,
            output: Value::Null,
            error: None,
            compensation: false,
        });
        let node = self.add_node(Node {
            parent: Some(parent),
            task: Some(index),
            step: Some(step),
            raw: raw.clone(),
            input: raw,
            variables,
            attempt,
            started_at: now,
            activity: Activity::Starting,
        });
        if let Activity::Fork { children, .. } = &mut self.node_mut(parent).activity {
            children.push(node);
        }
        if step >= MAX_RUN_STEPS {
            let detail = format!("the run took more than {MAX_RUN_STEPS} steps; a loop in it may never end");
            self.state.steps.truncate(MAX_RUN_STEPS);
            self.node_mut(node).step = None;
            self.moves.push_back(Move::Fail { node: ROOT, error: WorkflowError::runtime(detail) });
            return;
        }
        if let Err(error) = self.enter(node, index) {
            self.moves.push_back(Move::Fail { node, error });
        }
    }

    /// Condition, input, timeout, then what the task does.
    fn enter(&mut self, node: NodeId, index: TaskIndex) -> Result<(), WorkflowError> {
        let definition = self.definition;
        let task = definition.task(index);
        let raw = self.node(node).raw.clone();
        if let Some(condition) = &task.condition
            && !self.holds(node, condition, &raw, Extra::default())?
        {
            self.skip(node, raw);
            return Ok(());
        }
        let input = self.transform(node, &task.input, raw, Extra::default(), true)?;
        self.node_mut(node).input = input.clone();
        if let Some(step) = self.node(node).step {
            self.state.steps[step].input = input.clone();
        }
        self.tell(Change::Started, &task.path);
        if let Some(timeout) = &task.timeout {
            let ms = self.duration_ms(node, timeout)?;
            self.set_timer(node, Purpose::Timeout, ms);
        }
        self.perform(node, &task.kind, input)
    }

    fn skip(&mut self, node: NodeId, raw: Value) {
        let path = self.path(node);
        let parent = self.node(node).parent.expect("the run itself has no condition");
        if let Some(step) = self.node(node).step {
            self.end_step(step, StepStatus::Skipped);
            self.state.steps[step].input = raw.clone();
        }
        self.tell(Change::Skipped, &path);
        self.state.nodes.remove(&node);
        self.deliver(parent, node, raw, Flow::Continue);
    }

    fn perform(&mut self, node: NodeId, kind: &Kind, input: Value) -> Result<(), WorkflowError> {
        match kind {
            Kind::Set { value } => {
                let output = self.evaluate(node, value, &input, Extra::default())?;
                self.moves.push_back(Move::Done { node, output, then: None });
            }
            Kind::Switch { cases } => {
                let mut then = None;
                for case in cases {
                    let taken = match &case.when {
                        Some(when) => self.holds(node, when, &input, Extra::default())?,
                        None => true,
                    };
                    if taken {
                        then = Some(case.then.clone());
                        break;
                    }
                }
                self.moves.push_back(Move::Done { node, output: input, then });
            }
            Kind::Raise { error } => {
                let value = self.evaluate(node, error, &input, Extra::default())?;
                let raised: WorkflowError = serde_json::from_value(value).map_err(|e| {
                    WorkflowError::expression(format!("the raised error is not a problem: {e}"))
                })?;
                return Err(raised);
            }
            Kind::Wait { duration } => {
                let ms = self.duration_ms(node, duration)?;
                self.node_mut(node).activity = Activity::Wait;
                self.set_timer(node, Purpose::Wait, ms);
            }
            Kind::Call { function, with } => {
                let parameters = self.evaluate(node, with, &input, Extra::default())?;
                self.call(node, function, parameters);
            }
            Kind::Do { .. } => {
                self.node_mut(node).activity = Activity::Sequence { list: List::Do, at: 0 };
                self.moves.push_back(Move::Next { sequence: node, input });
            }
            Kind::Fork { branches, .. } => {
                let outputs = vec![None; branches.len()];
                self.node_mut(node).activity = Activity::Fork { children: Vec::new(), outputs, failed: 0 };
                if branches.is_empty() {
                    self.moves.push_back(Move::Done { node, output: Value::Array(Vec::new()), then: None });
                }
                for branch in branches {
                    self.moves.push_back(Move::Begin { parent: node, task: *branch, input: input.clone() });
                }
            }
            Kind::Try { .. } => {
                let since = self.state.now;
                self.node_mut(node).activity = Activity::Try { retries: 0, since, catching: false };
                self.attempt(node)?;
            }
            Kind::For { items, .. } => {
                let items = match self.evaluate_expression(node, items, &input)? {
                    Value::Array(items) => items,
                    Value::Null => Vec::new(),
                    other => {
                        let shown = crate::yaml::clip(&other.to_string());
                        return Err(WorkflowError::expression(format!(
                            "`in` of `for` gives {shown}, not a list"
                        )));
                    }
                };
                self.node_mut(node).activity = Activity::For { items, at: 0 };
                self.iterate(node, input)?;
            }
        }
        Ok(())
    }

    fn call(&mut self, node: NodeId, function: &str, parameters: Value) {
        let path = self.path(node);
        // Only a retry of the very same call may use its key again.
        let unknown = self.state.unknown.remove(&path).filter(|u| u.parameters == parameters);
        let key = unknown.map_or_else(
            || {
                let count = self.state.keys.entry(path.clone()).or_default();
                let key = format!("{}{}#{count}", self.state.run, key_path(&path));
                *count += 1;
                key
            },
            |u| u.key,
        );
        let step = self.node(node).step.expect("a call is a step");
        self.state.steps[step].input = parameters.clone();
        let scopes = self.scopes(node);
        self.node_mut(node).activity = Activity::Call { key: key.clone() };
        let function = function.to_owned();
        let call = PendingCall {
            function,
            parameters,
            path,
            asked: true,
            node: Some(node),
            scopes,
            step,
            undoes: None,
        };
        self.ask(key, call);
    }

    /// Runs the body of a try, for the first time or again.
    pub(super) fn attempt(&mut self, node: NodeId) -> Result<(), WorkflowError> {
        let definition = self.definition;
        let active = self.node(node);
        let task = active.task.expect("a try is a task");
        let Activity::Try { retries, .. } = active.activity else { return Ok(()) };
        let Kind::Try { catch, .. } = &definition.task(task).kind else { return Ok(()) };
        let limit = match catch.retry.as_ref().and_then(|r| r.attempt_duration.as_ref()) {
            Some(limit) => Some(self.duration_ms(node, limit)?),
            None => None,
        };
        let body = self.scope_node(node, List::Try, None);
        self.node_mut(body).attempt = retries + 1;
        if let Some(ms) = limit {
            self.set_timer(body, Purpose::Timeout, ms);
        }
        let input = self.node(node).input.clone();
        self.moves.push_back(Move::Next { sequence: body, input });
        Ok(())
    }

    /// A scope below a task: the body of a try, a catch or a loop.
    pub(super) fn scope_node(
        &mut self,
        owner: NodeId,
        list: List,
        variables: Option<Vec<(String, Value)>>,
    ) -> NodeId {
        let parent = self.node(owner);
        let node = Node {
            parent: Some(owner),
            task: parent.task,
            step: None,
            raw: parent.raw.clone(),
            input: parent.input.clone(),
            variables: parent.variables.iter().cloned().chain(variables.into_iter().flatten()).collect(),
            attempt: parent.attempt,
            started_at: self.state.now,
            activity: Activity::Sequence { list, at: 0 },
        };
        self.add_node(node)
    }

    /// Runs the body of a loop for its next item, or ends the loop.
    pub(super) fn iterate(&mut self, node: NodeId, input: Value) -> Result<(), WorkflowError> {
        let definition = self.definition;
        let active = self.node(node);
        let task = active.task.expect("a loop is a task");
        let Kind::For { each, at: counter, condition, .. } = &definition.task(task).kind else {
            return Ok(());
        };
        let Activity::For { items, at } = &active.activity else { return Ok(()) };
        let (item, at) = (items.get(*at).cloned(), *at);
        if let Some(item) = item {
            let body = self.scope_node(
                node,
                List::For,
                Some(vec![(each.clone(), item), (counter.clone(), at.into())]),
            );
            let go_on = match condition {
                Some(condition) => self.holds(body, condition, &input, Extra::default())?,
                None => true,
            };
            if go_on {
                self.moves.push_back(Move::Next { sequence: body, input });
                return Ok(());
            }
            self.state.nodes.remove(&body);
        }
        self.moves.push_back(Move::Done { node, output: input, then: None });
        Ok(())
    }
}
