//! Outcomes: what came of runs, and what is learned from them.

use serde::{Deserialize, Serialize};

use crate::id::{IncidentId, OutcomeId, RunId};
use crate::incident::FailureClass;
use crate::time::Timestamp;

/// What came of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OutcomeKind {
    /// Verified.
    Held,
    /// Verification failed and the inverses ran.
    Undone,
    /// It failed and could not be undone.
    Failed,
    /// A person decided otherwise.
    Overridden,
}

/// What came of one run, with the confidence it was started with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Outcome {
    /// Its id.
    pub id: OutcomeId,
    /// The run; none when a person overrode before any run.
    pub run: Option<RunId>,
    /// The incident.
    pub incident: IncidentId,
    /// The service touched.
    pub service: String,
    /// The failure class.
    pub class: FailureClass,
    /// The runbook.
    pub runbook: String,
    /// What came of it.
    pub kind: OutcomeKind,
    /// Raw confidence of the decision, 0 to 1.
    pub confidence: f64,
    /// When.
    pub at: Timestamp,
}

/// The record of one runbook for one failure class.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Track {
    /// The failure class.
    pub class: FailureClass,
    /// The runbook.
    pub runbook: String,
    /// Outcomes that held.
    pub held: u32,
    /// Outcomes that did not.
    pub failed: u32,
    /// Failures since the last success; opens the circuit breaker.
    pub consecutive_failures: u32,
    /// Time of the newest outcome.
    pub updated_at: Timestamp,
}
