//! Decisions: what is done about an incident, with the report of every rule and number behind it.

use serde::{Deserialize, Serialize};

use crate::id::{CorrelationId, DecisionId, IncidentId, RecommendationId, RunId};
use crate::time::Timestamp;

/// What the policy says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Fix it now. The least careful.
    AutoResolve,
    /// Fix it in the next maintenance window.
    ScheduleMaintenance,
    /// Call a person. The most careful.
    EscalateHuman,
}

/// How far automation may go for a service and an action. Each level includes those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Autonomy {
    /// Look only.
    Observe,
    /// Say what it would do.
    Propose,
    /// Do it once a person agreed.
    Approve,
    /// Do it.
    Auto,
}

/// One setting of autonomy. The most specific match wins; of two alike, the more careful.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AutonomyGrant {
    /// Service name, or `*`.
    pub service: String,
    /// Action name such as `process.restart`, or `*`.
    pub action: String,
    /// How far automation may go.
    pub level: Autonomy,
}

/// Where a confidence comes from. Each part is 0 to 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ConfidenceReport {
    /// Probability of the diagnosis. Weight 0.4.
    pub analysis: f64,
    /// Success of this runbook for this failure class so far, smoothed. Weight 0.3.
    pub history: f64,
    /// Outcomes behind `history`.
    pub history_count: u32,
    /// Few affected services. Weight 0.2.
    pub simplicity: f64,
    /// Low business impact. Weight 0.1.
    pub impact: f64,
    /// The weighted sum.
    pub raw: f64,
    /// The sum corrected by how often such a number held in the past; this one is compared with the rules.
    pub calibrated: f64,
    /// The formula with its numbers, for people.
    pub formula: String,
}

/// What one guard said. A guard can only make a decision more careful.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct GuardReport {
    /// Name in the policy file.
    pub name: String,
    /// Whether it spoke up.
    pub fired: bool,
    /// The verdict it asks for at least, when it fired.
    pub verdict: Option<Verdict>,
    /// The condition, with the numbers it saw.
    pub reason: String,
}

/// What one rule of the table said.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RuleReport {
    /// Name in the policy file.
    pub name: String,
    /// Its condition, as written.
    pub condition: String,
    /// Whether the condition held.
    pub matched: bool,
    /// Whether it is the first that held, and so decided.
    pub decided: bool,
    /// The verdict it stands for.
    pub verdict: Verdict,
}

/// What came of a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Disposition {
    /// Noted only; autonomy is `observe`.
    Noted,
    /// Waits for a person to agree.
    Proposed,
    /// Waits for the next maintenance window.
    Scheduled,
    /// A run was started.
    Started,
    /// A person was called.
    Escalated,
    /// A person agreed and a run was started.
    Approved,
    /// A person refused.
    Rejected,
    /// A newer decision took its place.
    Superseded,
}

/// What is done about an incident and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Decision {
    /// Its id.
    pub id: DecisionId,
    /// The incident.
    pub incident: IncidentId,
    /// The recommendation decided on; none when there was nothing to propose.
    pub recommendation: Option<RecommendationId>,
    /// When.
    pub at: Timestamp,
    /// What the policy says.
    pub verdict: Verdict,
    /// One sentence for people.
    pub summary: String,
    /// Where the confidence comes from.
    pub confidence: ConfidenceReport,
    /// Every guard, in order.
    pub guards: Vec<GuardReport>,
    /// Every rule, in order.
    pub rules: Vec<RuleReport>,
    /// How far automation may go here.
    pub autonomy: Autonomy,
    /// Which grant said so.
    pub autonomy_reason: String,
    /// Every input the conditions could see, as they saw it.
    #[schema(value_type = Object)]
    pub facts: serde_json::Value,
    /// Version of the policy files: a digest of their content.
    pub policy_version: String,
    /// What came of it.
    pub disposition: Disposition,
    /// Who agreed or refused.
    pub decided_by: Option<String>,
    /// The run it started.
    pub run: Option<RunId>,
    /// The incident's.
    pub correlation_id: CorrelationId,
}
