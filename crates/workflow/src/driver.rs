//! What a driver asks of a run besides its effects.

use model::{RunStatus, Timestamp};
use serde_json::Value;

use crate::error::WorkflowError;
use crate::event::Event;
use crate::snapshot::Snapshot;
use crate::state::State;

impl State {
    /// The function and the parameters of a call that was asked for and not answered.
    #[must_use]
    pub fn pending_call(&self, key: &str) -> Option<(&str, &Value)> {
        let call = self.calls.get(key).filter(|c| c.asked)?;
        Some((call.function.as_str(), &call.parameters))
    }

    /// Whether something the run did was undone.
    #[must_use]
    pub fn has_undone(&self) -> bool {
        self.inverses.iter().any(|i| i.undone)
    }

    /// Where the run stands.
    #[must_use]
    pub fn status(&self) -> RunStatus {
        crate::view::status(self)
    }
}

impl Event {
    /// The state as it is, so that a journal need not be read from its start.
    #[must_use]
    pub fn snapshot(state: &State, at: Timestamp) -> Self {
        Self::Snapshot { at, snapshot: Box::new(Snapshot::of(state)) }
    }
}

impl WorkflowError {
    /// A person refused.
    #[must_use]
    pub fn rejected(detail: impl Into<String>) -> Self {
        Self {
            kind: "https://homeostat.dev/errors/rejected".to_owned(),
            status: 403,
            title: Some("Rejected".to_owned()),
            detail: Some(detail.into()),
            instance: None,
        }
    }
}

/// The JSON Schema of documents, for editors: the official one of the specification, with its descriptions.
#[must_use]
pub fn document_schema() -> Value {
    let read = crate::yaml::read("workflow.yaml", include_str!("../schema/workflow.yaml"), 1);
    read.expect("the schema that comes with the crate can be read").to_json()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_schema_names_every_kind_of_task() {
        let schema = super::document_schema();
        let tasks = schema["$defs"]["task"]["oneOf"].as_array().map_or(0, Vec::len);
        assert!(tasks >= 12, "{tasks} kinds of task");
    }
}
