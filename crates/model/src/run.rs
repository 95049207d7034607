//! Runs: durable executions of workflows, as people see them. The journal behind them is the truth.

use serde::{Deserialize, Serialize};

use crate::id::{CorrelationId, DecisionId, IncidentId, RunId};
use crate::incident::FailureClass;
use crate::time::Timestamp;

/// Status phase of a run, after the Serverless Workflow specification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// Accepted, not started.
    Pending,
    /// Working.
    Running,
    /// Waiting for time, an event or a person's answer.
    Waiting,
    /// Held by a person.
    Suspended,
    /// Ended by a person.
    Cancelled,
    /// Failed; what could be undone was undone.
    Faulted,
    /// Done.
    Completed,
}

impl RunStatus {
    /// Whether it is over.
    #[must_use]
    pub fn is_over(self) -> bool {
        matches!(self, Self::Cancelled | Self::Faulted | Self::Completed)
    }
}

/// Why a run exists.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum RunPurpose {
    /// Fix an incident.
    Incident {
        /// The incident.
        incident: IncidentId,
        /// The decision that started it.
        decision: DecisionId,
        /// What kind of failure it fixes.
        class: FailureClass,
        /// The raw confidence of the decision, before calibration, 0 to 1: what came of the run is learned for
        /// it. The rules compared the calibrated one, which is in the decision.
        confidence: f64,
    },
    /// A person asked for it.
    Manual {
        /// Who.
        actor: String,
    },
    /// Its schedule said so.
    Schedule {
        /// The time it was due.
        due_at: Timestamp,
    },
    /// Events that its schedule names were received.
    Event {
        /// The id of the newest of them.
        event: String,
    },
    /// Another run called its workflow.
    Subflow {
        /// That run.
        run: RunId,
        /// The idempotency key of the call.
        key: String,
    },
}

impl RunPurpose {
    /// Its name in lists: `incident`, `manual`, `schedule`, `event`, `subflow`.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Incident { .. } => "incident",
            Self::Manual { .. } => "manual",
            Self::Schedule { .. } => "schedule",
            Self::Event { .. } => "event",
            Self::Subflow { .. } => "subflow",
        }
    }
}

/// An action that a run carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Act {
    /// When it was done.
    pub at: Timestamp,
    /// The service it touched.
    pub service: String,
    /// The action.
    pub action: String,
}

/// Status of one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StepStatus {
    /// Working.
    Running,
    /// Failed once; will be tried again.
    Retrying,
    /// Done.
    Completed,
    /// Failed.
    Faulted,
    /// Not needed.
    Skipped,
    /// Was done, then undone.
    Compensated,
    /// Ended with its run.
    Cancelled,
}

/// One step of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Step {
    /// JSON pointer of the task in the workflow document: `/do/0/restart`.
    pub path: String,
    /// Task name.
    pub name: String,
    /// Task type: `call`, `wait`, `try`, …
    pub kind: String,
    /// What it calls: `process.restart`; none for tasks that call nothing.
    pub call: Option<String>,
    /// Where it stands.
    pub status: StepStatus,
    /// Which attempt, from 1.
    pub attempt: u32,
    /// When it started.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// What it was given, after expressions.
    #[schema(value_type = Object)]
    pub input: serde_json::Value,
    /// What it gave.
    #[schema(value_type = Object)]
    pub output: serde_json::Value,
    /// Why it failed.
    pub error: Option<String>,
    /// Whether it undoes an earlier step.
    pub compensation: bool,
}

/// One durable execution of a workflow, at a glance. Its steps are told by its journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Run {
    /// Its id.
    pub id: RunId,
    /// The runbook, or the workflow's `namespace.name`.
    pub workflow: String,
    /// Version of the definition it follows.
    pub version: String,
    /// The service it touches.
    pub service: Option<String>,
    /// Why it exists.
    pub purpose: RunPurpose,
    /// Where it stands.
    pub status: RunStatus,
    /// What it waits for, one sentence; none when it works or is over.
    pub waits_for: Option<String>,
    /// Its input.
    #[schema(value_type = Object)]
    pub input: serde_json::Value,
    /// Its output, once completed.
    #[schema(value_type = Object)]
    pub output: serde_json::Value,
    /// Steps that ended well or were skipped.
    pub steps_done: usize,
    /// Steps that failed.
    pub steps_failed: usize,
    /// JSON pointers of the innermost tasks under way, oldest first; at most 8.
    pub current: Vec<String>,
    /// The newest actions it carried out, oldest first; at most 64.
    pub acts: Vec<Act>,
    /// Whether something it did was undone.
    pub undone: bool,
    /// Who or what holds it: a person's name, or `hold:` and a scope.
    pub held_by: Option<String>,
    /// Why it failed.
    pub error: Option<String>,
    /// When it was accepted.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// The incident's, or its own.
    pub correlation_id: CorrelationId,
}
