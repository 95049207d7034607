//! What people may ask of the loop, and when: one table, used to draw buttons and to refuse.

use model::{
    Actor, AuditEntry, AutonomyGrant, Decision, DecisionId, Disposition, Incident, IncidentId,
    IncidentStatus, RunId, Service, SilenceId,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::grouping::{Regroup, Silence, refuse_regroup};
use crate::operate::RunCommand;

/// What a person or a token may do. Each role includes those before it.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Look.
    Viewer,
    /// Work on incidents, start and cancel runs.
    Operator,
    /// Agree to what automation proposes.
    Approver,
    /// Change settings, tokens and people.
    Admin,
}

impl Role {
    /// Every role, least first.
    pub const ALL: [Self; 4] = [Self::Viewer, Self::Operator, Self::Approver, Self::Admin];
}

/// A request to the loop.
#[derive(Clone, Debug)]
pub enum Command {
    /// A person takes an incident.
    Acknowledge(IncidentId),
    /// A person ends an incident.
    Resolve(IncidentId, String),
    /// A person corrects what belongs together.
    Regroup(Regroup),
    /// A person silences findings for some time.
    AddSilence(Silence),
    /// A person ends a silence.
    EndSilence(SilenceId),
    /// A person agrees to a proposal.
    Approve(DecisionId),
    /// A person refuses a proposal.
    Reject(DecisionId, String),
    /// A person starts a workflow; the key makes a repeated request the same run.
    StartRun {
        /// Runbook name, or `namespace.name` with or without `:version`.
        workflow: String,
        /// Its input.
        input: Value,
        /// Equal keys start one run.
        key: String,
    },
    /// A person asks something of runs or workflows.
    Runs(RunCommand),
    /// Replaces all grants of autonomy.
    SetGrants(Vec<AutonomyGrant>),
    /// Engages or releases the stop switch.
    SetStop(bool, String),
    /// Something outside the loop that belongs into the audit log.
    Audit(AuditEntry),
    /// A source reports the services it knows.
    Services(String, Vec<Service>),
}

/// What a request led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// It was done.
    Done,
    /// This run was started (or is the one started before with the same key).
    Run(RunId),
    /// This version of a workflow is stored.
    Workflow {
        /// `namespace.name`.
        name: String,
        /// The version.
        version: String,
    },
    /// This incident has the findings now.
    Incident(IncidentId),
    /// So many were removed.
    Removed(u64),
}

/// Why a request was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no such thing.
    #[error("{0}")]
    NotFound(String),
    /// It cannot be done now.
    #[error("{0}")]
    Conflict(String),
    /// It can be done, and not by whoever asks.
    #[error("{0}")]
    Forbidden(String),
    /// The request itself is wrong.
    #[error("{0}")]
    Invalid(String),
    /// The run went on while the request was made ready.
    #[error("the run went on meanwhile; look at it again")]
    Moved,
    /// The engine is stopping.
    #[error("the engine is stopping; try again in a moment")]
    Stopping,
}

/// Something a person could do here, and why not when not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AllowedAction {
    /// Verb: `acknowledge`.
    pub name: String,
    /// For a button.
    pub title: String,
    /// HTTP method.
    pub method: String,
    /// Path under `/api/v1`.
    pub path: String,
    /// Whether it can be done now by the asker.
    pub allowed: bool,
    /// Why not, or what it waits for.
    pub reason: Option<String>,
}

/// Who asks, as far as rules care.
#[derive(Clone, Debug)]
pub struct Asker {
    /// For the audit log.
    pub actor: Actor,
    /// What they may do.
    pub role: Role,
}

impl Asker {
    /// The machine itself.
    #[must_use]
    pub fn system() -> Self {
        Self { actor: Actor::System, role: Role::Admin }
    }

    /// A name for people.
    #[must_use]
    pub fn name(&self) -> &str {
        match &self.actor {
            Actor::System => "homeostat",
            Actor::User(name) | Actor::Token(name) => name,
            Actor::Anonymous => "anonymous",
        }
    }
}

/// Something that could be done with POST on a path, and why not when not.
#[must_use]
pub fn action(
    name: &str,
    title: &str,
    path: String,
    role: Role,
    needs: Role,
    refused: Option<String>,
) -> AllowedAction {
    let reason = if role < needs {
        Some(format!("needs the role {}", crate::records::name_of(&needs)))
    } else {
        refused
    };
    AllowedAction {
        name: name.to_owned(),
        title: title.to_owned(),
        method: "POST".to_owned(),
        path,
        allowed: reason.is_none(),
        reason,
    }
}

/// Why an incident cannot be acknowledged.
#[must_use]
pub fn refuse_acknowledge(incident: &Incident) -> Option<String> {
    match incident.status {
        IncidentStatus::Resolved => Some("it is resolved".into()),
        _ if incident.acknowledged_at.is_some() => Some("it is acknowledged already".into()),
        _ => None,
    }
}

/// Why an incident cannot be resolved by hand.
#[must_use]
pub fn refuse_resolve(incident: &Incident, run_active: bool) -> Option<String> {
    match incident.status {
        IncidentStatus::Resolved => Some("it is resolved already".into()),
        _ if run_active => Some("a run works on it; cancel the run first".into()),
        _ => None,
    }
}

/// Why a decision cannot be approved or rejected.
#[must_use]
pub fn refuse_answer(decision: &Decision) -> Option<String> {
    match decision.disposition {
        Disposition::Proposed | Disposition::Scheduled => None,
        Disposition::Escalated | Disposition::Noted if decision.recommendation.is_some() => None,
        Disposition::Approved | Disposition::Rejected => Some("it was answered already".into()),
        Disposition::Started => Some("it was carried out already".into()),
        Disposition::Superseded => Some("a newer decision took its place".into()),
        Disposition::Escalated | Disposition::Noted => Some("it proposes nothing".into()),
    }
}

/// What can be done about an incident.
#[must_use]
pub fn incident_actions(incident: &Incident, run_active: bool, role: Role) -> Vec<AllowedAction> {
    let path = |verb: &str| format!("/incidents/{}/{verb}", incident.id);
    vec![
        action(
            "acknowledge",
            "Acknowledge",
            path("acknowledge"),
            role,
            Role::Operator,
            refuse_acknowledge(incident),
        ),
        action(
            "resolve",
            "Resolve",
            path("resolve"),
            role,
            Role::Operator,
            refuse_resolve(incident, run_active),
        ),
        action("merge", "Merge into another", path("merge"), role, Role::Operator, refuse_regroup(incident)),
        action(
            "split",
            "Split",
            path("split"),
            role,
            Role::Operator,
            refuse_regroup(incident)
                .or_else(|| (incident.findings.len() < 2).then(|| "it has one finding only".to_owned())),
        ),
    ]
}

/// What can be done about a decision.
#[must_use]
pub fn decision_actions(decision: &Decision, incident_open: bool, role: Role) -> Vec<AllowedAction> {
    let path = |verb: &str| format!("/decisions/{}/{verb}", decision.id);
    let refused =
        refuse_answer(decision).or_else(|| (!incident_open).then(|| "the incident is resolved".to_owned()));
    vec![
        action("approve", "Approve and run", path("approve"), role, Role::Approver, refused.clone()),
        action("reject", "Reject", path("reject"), role, Role::Approver, refused),
    ]
}
