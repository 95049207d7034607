//! The vocabulary of Homeostat: what is observed, found, explained, decided, done and learned.
//!
//! Pure data. No I/O, no async, no clock: time and identity always come from the caller. Every type
//! here has one JSON form, which is the form in storage, in the HTTP API and in the dashboard.

pub mod action;
pub mod audit;
pub mod decision;
pub mod explanation;
pub mod finding;
pub mod graph;
pub mod id;
pub mod incident;
pub mod objective;
mod outcome;
pub mod run;
pub mod secret;
pub mod service;
pub mod signal;
pub mod time;

pub use action::{A2A_METHODS, ActionCall, ActionSpec, BlastRadius, Inverse, Recommendation};
pub use audit::{Actor, AuditEntry, AuditRow};
pub use decision::{
    Autonomy, AutonomyGrant, ConfidenceReport, Decision, Disposition, GuardReport, RuleReport, Verdict,
};
pub use explanation::{
    Citation, CitationKind, Claim, DroppedClaims, Exchange, Explanation, ExplanationState, ModelAnswer,
    ModelHypothesis, ModelUsage,
};
pub use finding::{
    Band, Direction, Feedback, Finding, FindingKind, FindingState, Judgement, Subject, TriageKind,
};
pub use graph::{Edge, ServiceGraph};
pub use id::{
    ApprovalId, AuditId, CauseId, ChangeId, ConnectorId, CorrelationId, DecisionId, EvidenceId, FindingId,
    IncidentId, OutcomeId, RecommendationId, RunId, SilenceId, TokenId,
};
pub use incident::{
    Cause, CauseScores, Evidence, EvidenceBody, FailureClass, FaultKind, Impact, Incident, IncidentStatus,
    PathStep, Priority, Severity, TimelineEntry, TimelineKind,
};
pub use objective::{Budgeting, Burn, Comparison, Indicator, Matcher, Objective, ObjectiveStatus, Selector};
pub use outcome::{Outcome, OutcomeKind, Track};
pub use run::{Act, Run, RunPurpose, RunStatus, Step, StepStatus};
pub use secret::{Secret, SecretError};
pub use service::{Health, Instance, InstanceState, Service, Tier};
pub use signal::{
    Alert, Change, ChangeKind, Event, Labels, LogLevel, LogRecord, MetricKind, MetricSeries, Point,
    ProbeResult, Signal, Span, SpanKind,
};
pub use time::{TimeRange, Timestamp};
