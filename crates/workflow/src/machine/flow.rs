//! How tasks end well, and what comes after.

use model::{Inverse, StepStatus};
use serde_json::Value;

use super::Machine;
use super::scope::Extra;
use crate::definition::{Answer, Definition, Flow, Kind, TaskIndex, Transform};
use crate::error::WorkflowError;
use crate::state::{Activity, List, Move, Node, NodeId, Purpose, ROOT, RecordedInverse};

/// The tasks a sequence runs.
fn tasks_of<'d>(definition: &'d Definition, node: &Node, list: List) -> &'d [TaskIndex] {
    let kind = node.task.map(|t| &definition.task(t).kind);
    match (list, kind) {
        (List::Root, _) => &definition.root,
        (List::Do, Some(Kind::Do { tasks })) => tasks,
        (List::Try, Some(Kind::Try { body, .. })) | (List::For, Some(Kind::For { body, .. })) => body,
        (List::Catch, Some(Kind::Try { catch, .. })) => catch.body.as_deref().unwrap_or_default(),
        (List::Before(at), _) => definition.extensions.get(at).map_or(&[], |e| &e.before),
        (List::After(at), _) => definition.extensions.get(at).map_or(&[], |e| &e.after),
        (List::Each, Some(Kind::Listen(listen))) => {
            listen.each.as_ref().map_or(&[], |each| each.body.as_slice())
        }
        _ => &[],
    }
}

impl Machine<'_> {
    /// Begins the task a sequence stands at, or ends the sequence.
    pub(super) fn next(&mut self, sequence: NodeId, input: Value) {
        let Some(node) = self.state.nodes.get(&sequence) else { return };
        let Activity::Sequence { list, at } = node.activity else { return };
        match tasks_of(self.definition, node, list).get(at) {
            Some(task) => {
                self.state.moves.push_back(Move::Begin { parent: sequence, task: *task, input, how: None })
            }
            None => self.sequence_done(sequence, input),
        }
    }

    fn sequence_done(&mut self, sequence: NodeId, output: Value) {
        let Activity::Sequence { list, at } = self.node(sequence).activity else { return };
        match list {
            List::Root => self.finish(output),
            List::Do => self.state.moves.push_back(Move::Done { node: sequence, output, then: None }),
            List::Try | List::Catch => {
                let owner = self.node(sequence).parent.expect("a scope has an owner");
                self.release(sequence);
                self.state.nodes.remove(&sequence);
                self.state.moves.push_back(Move::Done { node: owner, output, then: None });
            }
            List::For => {
                let owner = self.node(sequence).parent.expect("a scope has an owner");
                self.release(sequence);
                self.state.nodes.remove(&sequence);
                if let Activity::For { at, .. } = &mut self.node_mut(owner).activity {
                    *at += 1;
                }
                if let Err(error) = self.iterate(owner, output) {
                    self.state.moves.push_back(Move::Fail { node: owner, error });
                }
            }
            List::Each => self.turn_done(sequence, output),
            List::Before(_) | List::After(_) => self.extension_done(sequence, list, output, at == usize::MAX),
        }
    }

    /// A task has its raw output: transforms, exports, and goes on.
    pub(super) fn task_done(&mut self, node: NodeId, raw_output: Value, then: Option<Flow>) {
        let Some(active) = self.state.nodes.get(&node) else { return };
        let Some(index) = active.task else { return };
        let definition = self.definition;
        let task = definition.task(index);
        let transformed = self.give(node, &task.output, &task.export, raw_output);
        let output = match transformed {
            Ok(output) => output,
            Err(error) => {
                self.state.moves.push_back(Move::Fail { node, error });
                return;
            }
        };
        self.extend_after(node, 0, output, then);
    }

    /// Ends a task well and goes on.
    pub(super) fn complete(&mut self, node: NodeId, output: Value, then: Option<Flow>) {
        let definition = self.definition;
        let path = self.path(node);
        self.drop_below(node);
        self.release(node);
        let active = self.state.nodes.remove(&node).expect("it was there a moment ago");
        let task = definition.task(active.task.expect("a task ends"));
        if let Some(step) = active.step {
            self.end_step(step, StepStatus::Completed, None);
            self.record(|recorder| recorder.output(step, &output));
        }
        // What was unknown inside was dealt with: coming here again is a new turn, not a retry.
        self.state.unknown.retain(|unknown, _| {
            !unknown.strip_prefix(path.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        });
        self.tell_completed(path, &output);
        let parent = active.parent.expect("a task is inside of something");
        self.deliver(parent, node, output, then.unwrap_or_else(|| task.then.clone()));
    }

    /// Transforms an output, then exports it to the context.
    pub(super) fn give(
        &mut self,
        node: NodeId,
        output: &Transform,
        export: &Transform,
        raw: Value,
    ) -> Result<Value, WorkflowError> {
        if output.template.is_none() && output.schema.is_none() && !export.is_some() {
            return Ok(raw);
        }
        let extra = Extra { raw_output: Some(&raw), ..Extra::default() };
        let given = self.transform(node, output, raw.clone(), extra, false)?;
        self.export(node, export, &raw, &given)?;
        Ok(given)
    }

    /// Brings the context up to what is exported.
    pub(super) fn export(
        &mut self,
        node: NodeId,
        export: &Transform,
        raw_output: &Value,
        output: &Value,
    ) -> Result<(), WorkflowError> {
        if export.is_some() {
            let extra = Extra { raw_output: Some(raw_output), output: Some(output), ..Extra::default() };
            let from = if export.template.is_some() { output.clone() } else { self.state.context.clone() };
            self.state.context = self.transform(node, export, from, extra, false)?;
        }
        Ok(())
    }

    /// Hands the output of a child to what it is inside of.
    pub(super) fn deliver(&mut self, parent: NodeId, child: NodeId, output: Value, flow: Flow) {
        if flow == Flow::End {
            self.finish(output);
            return;
        }
        let definition = self.definition;
        let compete = self
            .node(parent)
            .task
            .is_some_and(|t| matches!(&definition.task(t).kind, Kind::Fork { compete: true, .. }));
        match &mut self.node_mut(parent).activity {
            Activity::Sequence { at, .. } => {
                match flow {
                    Flow::To(target) => *at = target,
                    Flow::Exit => *at = usize::MAX,
                    _ => *at += 1,
                }
                self.state.moves.push_back(Move::Next { sequence: parent, input: output });
            }
            Activity::Function => {
                self.node_mut(parent).activity = Activity::Starting;
                self.state.moves.push_back(Move::Done { node: parent, output, then: None });
            }
            Activity::Fork { children, outputs, .. } => {
                if compete {
                    // Branches that did not begin yet find the fork closed.
                    self.node_mut(parent).activity = Activity::Starting;
                    self.drop_below(parent);
                    self.state.moves.push_back(Move::Done { node: parent, output, then: None });
                    return;
                }
                if let Some(slot) = children.iter().position(|c| *c == child) {
                    outputs[slot] = Some(output);
                }
                if outputs.iter().all(Option::is_some) {
                    let output = Value::Array(outputs.drain(..).flatten().collect());
                    self.state.moves.push_back(Move::Done { node: parent, output, then: None });
                }
            }
            _ => {}
        }
    }

    /// The workflow has its raw output: whatever still runs beside is ended.
    fn finish(&mut self, raw: Value) {
        self.state.moves.clear();
        self.drop_below(ROOT);
        self.state.timers.clear();
        match self.transform(ROOT, &self.definition.output, raw, Extra::default(), false) {
            Ok(output) => self.node_mut(ROOT).activity = Activity::Settle { output },
            Err(error) => self.state.moves.push_back(Move::Fail { node: ROOT, error }),
        }
    }

    pub(super) fn call_succeeded(&mut self, key: &str, output: &Value, inverse: Option<&Inverse>) {
        let Some(call) = self.take_call(key) else { return };
        self.record(|recorder| recorder.succeeded(key, &call, output));
        if let Some(undone) = call.undoes {
            self.end_step(call.step, StepStatus::Completed, None);
            let recorded = self.state.inverses.iter_mut().find(|i| i.key == undone);
            let original = recorded.map(|recorded| {
                recorded.undone = true;
                recorded.step
            });
            if let Some(original) = original {
                self.record(|recorder| recorder.undone(original));
            }
            return;
        }
        let inverse = match self.written_inverse(&call, output) {
            Ok(written) => written.or_else(|| inverse.cloned()),
            Err(error) => {
                // It was done; who wrote the document has to know that it cannot be undone.
                if let Some(node) = call.node {
                    self.state.moves.push_back(Move::Fail { node, error });
                }
                return;
            }
        };
        if let Some(inverse) = inverse {
            self.state.inverses.push(RecordedInverse {
                key: key.to_owned(),
                inverse,
                path: call.path.clone(),
                scopes: call.scopes.clone(),
                step: call.step,
                taken: false,
                undone: false,
            });
        }
        if let Some(node) = call.node {
            let output = self.answer(node, output);
            self.state.moves.push_back(Move::Done { node, output, then: None });
        }
    }

    /// The inverse that the document gives for the task of a call.
    fn written_inverse(
        &self,
        call: &crate::state::PendingCall,
        output: &Value,
    ) -> Result<Option<Inverse>, WorkflowError> {
        let Some(context) = &call.undo else { return Ok(None) };
        let Some(undo) = &self.definition.task(context.task).undo else { return Ok(None) };
        let variable = |name: &str| match name {
            "$output" => output.clone(),
            name => {
                let known = context.variables.iter().find(|(n, _)| n == name);
                known.map_or(Value::Null, |(_, v)| v.clone())
            }
        };
        let parameters = undo.with.evaluate(output, &variable).map_err(|e| {
            WorkflowError::expression(format!("it was done, but how to undo it cannot be told: {e}"))
        })?;
        Ok(Some(Inverse { action: undo.function.clone(), parameters }))
    }

    /// What the task of a call gives, once the call was answered.
    fn answer(&self, node: NodeId, output: &Value) -> Value {
        let active = self.node(node);
        let answer = active.task.map(|t| &self.definition.task(t).kind).and_then(|kind| match kind {
            Kind::Call(call) => Some(call.answer),
            _ => None,
        });
        match answer {
            Some(Answer::Input) => active.input.clone(),
            Some(Answer::Nothing) => Value::Null,
            _ => output.clone(),
        }
    }

    pub(super) fn take_call(&mut self, key: &str) -> Option<crate::state::PendingCall> {
        // A call that was never asked for cannot have been answered.
        if !self.state.calls.get(key)?.asked {
            return None;
        }
        self.state.calls.remove(key).map(|call| *call)
    }

    pub(super) fn timer_fired(&mut self, id: &str) {
        let Some(timer) = self.state.timers.get_mut(id) else { return };
        if self.state.paused_at.is_some() {
            // A timeout is set anew when the run goes on.
            timer.due = timer.purpose != Purpose::Timeout;
            return;
        }
        let timer = self.state.timers.remove(id).expect("it was there a moment ago");
        let node = timer.node;
        match timer.purpose {
            Purpose::Wait => {
                let output = self.node(node).input.clone();
                self.state.moves.push_back(Move::Done { node, output, then: None });
            }
            Purpose::Retry => {
                if let Err(error) = self.attempt(node) {
                    self.state.moves.push_back(Move::Fail { node, error });
                }
            }
            Purpose::Consume => self.stop_consuming(node),
            Purpose::Timeout => {
                let limit = timer.after_ms;
                let what = match self.node(node).task {
                    Some(task) => format!("task `{}`", self.definition.task(task).name),
                    None => "the workflow".to_owned(),
                };
                let error = WorkflowError::timeout(format!("{what} did not end within {limit} ms"));
                self.state.moves.push_back(Move::Fail { node, error });
            }
        }
    }
}
