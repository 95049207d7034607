//! How runs and tasks begin.

use model::{StepStatus, Timestamp};
use serde_json::Value;

use super::scope::Extra;
use super::{MAX_RUN_STEPS, Machine};
use crate::definition::{Flow, Kind, TaskIndex};
use crate::error::WorkflowError;
use crate::event::Change;
use crate::expression::Expression;
use crate::plan::dry;
use crate::state::{
    Activity, Beginning, List, Move, Node, NodeId, PendingCall, Phase, Purpose, ROOT, UndoContext,
};
use crate::trail::Begun;

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
            base: String::new(),
            extends: None,
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
            Ok(input) => self.state.moves.push_back(Move::Next { sequence: ROOT, input }),
            Err(error) => self.state.moves.push_back(Move::Fail { node: ROOT, error }),
        }
    }

    pub(super) fn begin_task(
        &mut self,
        parent: NodeId,
        index: TaskIndex,
        raw: Value,
        how: Option<Beginning>,
    ) {
        let open = |n: &Node| {
            matches!(n.activity, Activity::Sequence { .. } | Activity::Fork { .. } | Activity::Function)
        };
        if !self.state.nodes.get(&parent).is_some_and(|n| open(n)) {
            return;
        }
        let counted = self.state.steps;
        let full = counted.begun - counted.uncounted >= MAX_RUN_STEPS;
        let step = (!full).then_some(counted.begun);
        let within = self.node(parent);
        let attempt = within.attempt;
        let (base, extends, variables) = match &within.activity {
            // A function sees its parameters and nothing of who calls it.
            Activity::Function => (self.path(parent), within.extends, Vec::new()),
            Activity::Sequence { list: List::Before(_) | List::After(_), .. } => {
                (self.path(parent), within.parent, within.variables.clone())
            }
            _ => (within.base.clone(), within.extends, within.variables.clone()),
        };
        let node = self.add_node(Node {
            parent: Some(parent),
            task: Some(index),
            step,
            raw: raw.clone(),
            input: raw,
            variables,
            attempt,
            started_at: self.state.now,
            base,
            extends,
            activity: Activity::Starting,
        });
        if let Activity::Fork { children, .. } = &mut self.node_mut(parent).activity {
            children.push(node);
        }
        if full {
            let detail = format!("the run took more than {MAX_RUN_STEPS} steps; a loop in it may never end");
            self.state.moves.push_back(Move::Fail { node: ROOT, error: WorkflowError::runtime(detail) });
            return;
        }
        self.begin_step(node, index, attempt);
        if let Err(error) = self.enter(node, index, how) {
            self.state.moves.push_back(Move::Fail { node, error });
        }
    }

    fn begin_step(&mut self, node: NodeId, index: TaskIndex, attempt: u32) {
        let step = self.state.steps.begun;
        self.state.steps.begun += 1;
        let Some(recorder) = self.watch.recorder.as_deref_mut() else { return };
        let task = self.definition.task(index);
        let mut inside = self.state.nodes[&node].parent;
        let mut parent = None;
        while let Some(outer) = inside.and_then(|id| self.state.nodes.get(&id)).filter(|_| parent.is_none()) {
            (parent, inside) = (outer.step, outer.parent);
        }
        let call = task.kind.called();
        let path = self.state.nodes[&node].path(self.definition);
        let (kind, at) = (task.kind.name(), self.state.now);
        recorder.began(Begun { step, path: &path, kind, call, attempt, parent, undoes: None, at });
    }

    /// Condition, input, timeout, then what the task does.
    fn enter(&mut self, node: NodeId, index: TaskIndex, how: Option<Beginning>) -> Result<(), WorkflowError> {
        let definition = self.definition;
        let task = definition.task(index);
        let raw = self.node(node).raw.clone();
        let edited = match how {
            Some(Beginning::Skipped { output }) => return self.skip_on_request(node, output),
            Some(Beginning::With { input }) => Some(input),
            None => None,
        };
        if let Some(condition) = &task.condition
            && !self.holds(node, condition, &raw, Extra::default())?
        {
            self.skip(node, raw);
            return Ok(());
        }
        let (given, parameters) = match (&task.kind, edited) {
            (Kind::Call(_) | Kind::Function { .. }, parameters) => (None, parameters),
            (_, input) => (input, None),
        };
        let input = match given {
            Some(input) => input,
            None => self.transform(node, &task.input, raw, Extra::default(), true)?,
        };
        self.node_mut(node).input = input.clone();
        if let Some(step) = self.node(node).step {
            self.record(|recorder| recorder.input(step, &input));
        }
        let path = self.path(node);
        self.tell(Change::Started, &path);
        if let Some(timeout) = &task.timeout {
            let ms = self.duration_ms(node, timeout)?;
            self.set_timer(node, Purpose::Timeout, ms);
        }
        if self.extend_before(node, 0, parameters.clone()) {
            return Ok(());
        }
        self.perform(node, &task.kind, input, parameters)
    }

    /// Does what the task does, once everything before it was done.
    pub(super) fn perform_task(
        &mut self,
        node: NodeId,
        parameters: Option<Value>,
    ) -> Result<(), WorkflowError> {
        let definition = self.definition;
        let active = self.node(node);
        let (index, input) = (active.task.expect("only tasks are extended"), active.input.clone());
        self.perform(node, &definition.task(index).kind, input, parameters)
    }

    fn skip(&mut self, node: NodeId, raw: Value) {
        self.skipped(node, &raw);
        let parent = self.node(node).parent.expect("the run itself has no condition");
        self.state.nodes.remove(&node);
        self.deliver(parent, node, raw, Flow::Continue);
    }

    /// A person wants the task to count as done without doing it. Their output is taken as it is; what the
    /// task exports is computed from it.
    fn skip_on_request(&mut self, node: NodeId, output: Option<Value>) -> Result<(), WorkflowError> {
        let definition = self.definition;
        let active = self.node(node);
        let (raw, index) = (active.raw.clone(), active.task.expect("a step is a task"));
        let task = definition.task(index);
        if let Some(output) = &output {
            self.export(node, &task.export, output, output)?;
        }
        let output = output.unwrap_or_else(|| raw.clone());
        self.skipped(node, &raw);
        if let Some(step) = self.node(node).step {
            self.record(|recorder| recorder.output(step, &output));
        }
        let parent = self.node(node).parent.expect("a task is inside of something");
        self.state.nodes.remove(&node);
        self.deliver(parent, node, output, task.then.clone());
        Ok(())
    }

    fn skipped(&mut self, node: NodeId, raw: &Value) {
        let path = self.path(node);
        if let Some(step) = self.node(node).step {
            self.end_step(step, StepStatus::Skipped, None);
            self.record(|recorder| recorder.input(step, raw));
        }
        self.tell(Change::Skipped, &path);
    }

    fn perform(
        &mut self,
        node: NodeId,
        kind: &Kind,
        input: Value,
        parameters: Option<Value>,
    ) -> Result<(), WorkflowError> {
        match kind {
            Kind::Set { value } => {
                let output = self.evaluate(node, value, &input, Extra::default())?;
                self.state.moves.push_back(Move::Done { node, output, then: None });
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
                self.state.moves.push_back(Move::Done { node, output: input, then });
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
            Kind::Call(call) => {
                let parameters = match parameters {
                    Some(edited) => edited,
                    None => self.evaluate(node, &call.with, &input, Extra::default())?,
                };
                self.call(node, &call.function, parameters);
            }
            Kind::Function { name, with, body } => {
                let parameters = match parameters {
                    Some(edited) => edited,
                    None => self.evaluate(node, with, &input, Extra::default())?,
                };
                if let Some(step) = self.node(node).step {
                    self.record(|recorder| recorder.input(step, &parameters));
                }
                self.call_function(node, name, *body, parameters)?;
            }
            Kind::Listen(listen) => self.listen(node, listen, &input)?,
            Kind::Do { .. } => {
                self.node_mut(node).activity = Activity::Sequence { list: List::Do, at: 0 };
                self.state.moves.push_back(Move::Next { sequence: node, input });
            }
            Kind::Fork { branches, .. } => self.begin_fork(node, branches, &input),
            Kind::Try { .. } => {
                let since = self.state.now;
                self.node_mut(node).activity = Activity::Try { retries: 0, since, catching: false };
                self.attempt(node)?;
            }
            Kind::For { items, .. } => {
                let items = self.items(node, items, &input)?;
                self.node_mut(node).activity = Activity::For { items, at: 0 };
                self.iterate(node, input)?;
            }
        }
        Ok(())
    }

    fn begin_fork(&mut self, node: NodeId, branches: &[TaskIndex], input: &Value) {
        let outputs = vec![None; branches.len()];
        self.node_mut(node).activity = Activity::Fork { children: Vec::new(), outputs, failed: 0 };
        if branches.is_empty() {
            let output = Value::Array(Vec::new());
            self.state.moves.push_back(Move::Done { node, output, then: None });
        }
        for task in branches {
            let (task, input) = (*task, input.clone());
            self.state.moves.push_back(Move::Begin { parent: node, task, input, how: None });
        }
    }

    /// What a loop goes over.
    fn items(&self, node: NodeId, items: &Expression, input: &Value) -> Result<Vec<Value>, WorkflowError> {
        match self.evaluate_expression(node, items, input)? {
            Value::Array(items) => Ok(items),
            Value::Null => Ok(Vec::new()),
            // One turn shows what each would do.
            other if self.watch.dry.is_some() && dry::is_unknown(&other) => Ok(vec![other]),
            other => {
                let shown = crate::yaml::clip(&other.to_string());
                Err(WorkflowError::expression(format!("`in` of `for` gives {shown}, not a list")))
            }
        }
    }

    fn call(&mut self, node: NodeId, function: &str, parameters: Value) {
        let path = self.path(node);
        // Only a retry of the very same call may use its key again.
        let unknown = self.state.unknown.remove(&path).filter(|u| u.parameters == parameters);
        let key = unknown.map_or_else(|| self.state.fresh_key(&path), |u| u.key);
        let step = self.node(node).step.expect("a call is a step");
        self.record(|recorder| {
            recorder.input(step, &parameters);
            recorder.asked(&path);
        });
        let scopes = self.scopes(node);
        let undo = self.undo_context(node);
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
            undo,
        };
        self.ask(key, call);
    }

    /// What the inverse that the document gives for a task is evaluated with. `$output` comes with the answer.
    fn undo_context(&self, node: NodeId) -> Option<UndoContext> {
        let task = self.node(node).task?;
        let names = std::cell::RefCell::new(std::collections::BTreeSet::new());
        self.definition.task(task).undo.as_ref()?.with.any(&|expression| {
            names.borrow_mut().extend(expression.variables().iter().cloned());
            false
        });
        let variable = |name: String| {
            let value = self.value(node, Extra::default(), &name);
            (name, value)
        };
        Some(UndoContext { task, variables: names.into_inner().into_iter().map(variable).collect() })
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
        self.state.moves.push_back(Move::Next { sequence: body, input });
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
            base: parent.base.clone(),
            extends: parent.extends,
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
                self.state.moves.push_back(Move::Next { sequence: body, input });
                return Ok(());
            }
            self.state.nodes.remove(&body);
        }
        self.state.moves.push_back(Move::Done { node, output: input, then: None });
        Ok(())
    }
}
