//! Actions: typed, shell-free operations, and recommendations to run them.

use serde::{Deserialize, Serialize};

use crate::id::{CauseId, RecommendationId};
use crate::incident::FailureClass;

/// Methods of `call: a2a` (Serverless Workflow DSL 1.0.3, reference, "A2A Call").
pub const A2A_METHODS: [&str; 11] = [
    "message/send",
    "message/stream",
    "tasks/get",
    "tasks/list",
    "tasks/cancel",
    "tasks/resubscribe",
    "tasks/pushNotificationConfig/set",
    "tasks/pushNotificationConfig/get",
    "tasks/pushNotificationConfig/list",
    "tasks/pushNotificationConfig/delete",
    "agent/getAuthenticatedExtendedCard",
];

/// How much an action touches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BlastRadius {
    /// One process or container.
    Instance,
    /// One service.
    Service,
    /// Several services.
    System,
}

/// What an action is, as an actuator offers it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ActionSpec {
    /// Dotted name: `process.restart`.
    pub name: String,
    /// One line for people.
    pub summary: String,
    /// JSON Schema of its parameters.
    #[schema(value_type = Object)]
    pub parameters: serde_json::Value,
    /// Name of the action that undoes it; none when it cannot be undone.
    pub inverse: Option<String>,
    /// How much it touches.
    pub blast_radius: BlastRadius,
    /// Whether doing it twice is the same as once even without an idempotency key.
    pub repeatable: bool,
    /// Whether it puts another release or configuration in place (counts towards the deployment limit).
    pub deploys: bool,
}

impl ActionSpec {
    /// A function of workflows that touches no service of ours and undoes nothing by itself.
    #[must_use]
    pub fn function(name: &str, summary: &str) -> Self {
        Self {
            name: name.to_owned(),
            summary: summary.to_owned(),
            parameters: serde_json::json!({"type": "object"}),
            inverse: None,
            blast_radius: BlastRadius::Instance,
            repeatable: false,
            deploys: false,
        }
    }
}

/// One call of an action.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ActionCall {
    /// Name of the action.
    pub action: String,
    /// Its parameters; `service` says which service is touched.
    #[schema(value_type = Object)]
    pub parameters: serde_json::Value,
    /// The actuator does the work once for each key, however often it is called.
    pub idempotency_key: String,
}

/// What undoes one call, with the state captured before it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Inverse {
    /// Name of the action.
    pub action: String,
    /// Its parameters.
    #[schema(value_type = Object)]
    pub parameters: serde_json::Value,
}

/// A workflow proposed for an incident.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Recommendation {
    /// Its id.
    pub id: RecommendationId,
    /// The cause it would remove.
    pub cause: CauseId,
    /// The failure class of that cause.
    pub class: FailureClass,
    /// The service it would touch.
    pub service: String,
    /// The runbook that carries the workflow.
    pub runbook: String,
    /// One line for people.
    pub title: String,
    /// Why this runbook, one line.
    pub reason: String,
    /// Actions it calls, in order of appearance.
    pub actions: Vec<String>,
    /// Input of the workflow.
    #[schema(value_type = Object)]
    pub input: serde_json::Value,
    /// The widest of its actions.
    pub blast_radius: BlastRadius,
    /// Whether one of its actions deploys.
    pub deploys: bool,
    /// Confidence, 0 to 1, calibrated.
    pub confidence: f64,
}
