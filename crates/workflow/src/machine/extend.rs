//! Functions that are tasks themselves, and tasks that run before and after others.

use serde_json::Value;

use super::Machine;
use super::scope::Extra;
use crate::definition::{Flow, TaskIndex};
use crate::error::WorkflowError;
use crate::state::{Activity, Extending, List, Move, NodeId};

/// Deepest nesting of functions that call functions.
const MAX_CALL_DEPTH: usize = 32;

impl Machine<'_> {
    /// Calls a function of the document or of a catalog: its task runs with the parameters as its input.
    pub(super) fn call_function(
        &mut self,
        node: NodeId,
        name: &str,
        body: TaskIndex,
        parameters: Value,
    ) -> Result<(), WorkflowError> {
        let depth =
            self.scopes(node).iter().filter(|n| self.node(**n).activity == Activity::Function).count();
        if depth >= MAX_CALL_DEPTH {
            return Err(WorkflowError::runtime(format!(
                "functions call each other more than {MAX_CALL_DEPTH} deep, `{}` the last; does one call itself?",
                crate::yaml::clip(name)
            )));
        }
        self.node_mut(node).activity = Activity::Function;
        self.state.moves.push_back(Move::Begin { parent: node, task: body, input: parameters, how: None });
        Ok(())
    }

    /// Runs what extensions have to do before the task, from the given one on. False when there is nothing.
    pub(super) fn extend_before(&mut self, node: NodeId, from: usize, parameters: Option<Value>) -> bool {
        let input = self.node(node).input.clone();
        let Some(list) = self.next_extension(node, from, &input, true) else { return false };
        self.node_mut(node).activity = Activity::Extended(Box::new(Extending::Before { parameters }));
        self.extension_body(node, list, input);
        true
    }

    /// Runs what extensions have to do after the task, from the given one on, or ends it.
    pub(super) fn extend_after(&mut self, node: NodeId, from: usize, output: Value, then: Option<Flow>) {
        match self.next_extension(node, from, &output, false) {
            Some(list) => {
                let kept = Extending::After { output: output.clone(), then };
                self.node_mut(node).activity = Activity::Extended(Box::new(kept));
                self.extension_body(node, list, output);
            }
            None => self.complete(node, output, then),
        }
    }

    fn extension_body(&mut self, node: NodeId, list: List, input: Value) {
        let scope = self.scope_node(node, list, None);
        self.state.moves.push_back(Move::Next { sequence: scope, input });
    }

    /// The next extension that applies to a task. Tasks of extensions are not extended.
    fn next_extension(&self, node: NodeId, from: usize, on: &Value, before: bool) -> Option<List> {
        let definition = self.definition;
        let active = self.node(node);
        if definition.extensions.is_empty() || active.extends.is_some() {
            return None;
        }
        let kind = &definition.task(active.task?).kind;
        let found = definition.extensions.iter().enumerate().skip(from).find(|(_, extension)| {
            let body = if before { &extension.before } else { &extension.after };
            let output = (!before).then_some(on);
            let extra = Extra { output, raw_output: output, extended: true, ..Extra::default() };
            // A condition that cannot be evaluated for this task does not apply to it: the standard's own example
            // asks whether a mapping starts with a text.
            !body.is_empty()
                && extension.applies_to(kind)
                && extension.when.as_ref().is_none_or(|w| self.holds(node, w, on, extra).unwrap_or(false))
        });
        let (at, _) = found?;
        Some(if before { List::Before(at) } else { List::After(at) })
    }

    /// The tasks of an extension ended. `exit` before the task makes what they gave the output of the task.
    pub(super) fn extension_done(&mut self, scope: NodeId, list: List, output: Value, exits: bool) {
        let node = self.node(scope).parent.expect("a scope has an owner");
        self.release(scope);
        self.state.nodes.remove(&scope);
        let Activity::Extended(extending) =
            std::mem::replace(&mut self.node_mut(node).activity, Activity::Starting)
        else {
            return;
        };
        match (*extending, list) {
            (Extending::Before { .. }, _) if exits => {
                self.state.moves.push_back(Move::Done { node, output, then: None });
            }
            (Extending::Before { parameters }, List::Before(at)) => {
                if self.extend_before(node, at + 1, parameters.clone()) {
                    return;
                }
                if let Err(error) = self.perform_task(node, parameters) {
                    self.state.moves.push_back(Move::Fail { node, error });
                }
            }
            (Extending::After { output, then }, List::After(at)) if !exits => {
                self.extend_after(node, at + 1, output, then);
            }
            (Extending::After { output, then }, _) => self.complete(node, output, then),
            (Extending::Before { .. }, _) => {}
        }
    }
}
