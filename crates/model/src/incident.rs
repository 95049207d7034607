//! Incidents: findings that belong together, with their causes, evidence and life.

use serde::{Deserialize, Serialize};

use crate::action::Recommendation;
use crate::finding::Band;
use crate::id::{CauseId, ChangeId, CorrelationId, DecisionId, EvidenceId, FindingId, IncidentId, RunId};
use crate::signal::Labels;
use crate::time::{TimeRange, Timestamp};

/// How bad for the service itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// A nuisance.
    Low,
    /// Degraded.
    Medium,
    /// Failing in part.
    High,
    /// Failing as a whole.
    Critical,
}

impl Severity {
    /// From the words that people and their tools use for it; what is not known is [`Self::Medium`].
    #[must_use]
    pub fn from_word(word: &str) -> Self {
        match word.to_ascii_lowercase().as_str() {
            "critical" | "page" | "fatal" | "emergency" | "disaster" | "p1" | "sev1" => Self::Critical,
            "error" | "high" | "major" | "p2" | "sev2" => Self::High,
            "info" | "informational" | "low" | "none" | "debug" | "p4" | "p5" | "sev4" | "sev5" => Self::Low,
            _ => Self::Medium,
        }
    }
}

/// How bad for the business.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Impact {
    /// Few notice.
    Low,
    /// Many notice.
    Medium,
    /// The business stops.
    High,
}

/// What comes first.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// Drop everything.
    P1,
    /// Now.
    P2,
    /// Today.
    P3,
    /// When there is time.
    #[default]
    P4,
}

impl Priority {
    /// Severity and impact together, after the matrix of ITIL.
    #[must_use]
    pub const fn of(severity: Severity, impact: Impact) -> Self {
        match severity as u8 + impact as u8 {
            4.. => Self::P1,
            3 => Self::P2,
            2 => Self::P3,
            _ => Self::P4,
        }
    }
}

/// What kind of failure a cause is; confidence is learned for each class and action.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum FailureClass {
    /// A process ended by itself once.
    Crash,
    /// A process ends again and again soon after each start.
    CrashLoop,
    /// A process runs but does not answer.
    Hang,
    /// Memory grows until a limit.
    MemoryLeak,
    /// A process burns the processor.
    CpuSpin,
    /// A service answers slowly and slows its callers.
    SlowDependency,
    /// A release brought failures.
    BadRelease,
    /// A configuration edit brought failures.
    BadConfig,
    /// A data folder is full or about to be.
    DiskFull,
    /// A service writes far more logs than usual.
    LogFlood,
    /// None of the above could be shown.
    Unknown,
}

impl FailureClass {
    /// Every class.
    pub const ALL: [Self; 11] = [
        Self::Crash,
        Self::CrashLoop,
        Self::Hang,
        Self::MemoryLeak,
        Self::CpuSpin,
        Self::SlowDependency,
        Self::BadRelease,
        Self::BadConfig,
        Self::DiskFull,
        Self::LogFlood,
        Self::Unknown,
    ];

    /// The name used in files, JSON and learned records.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Crash => "crash",
            Self::CrashLoop => "crash_loop",
            Self::Hang => "hang",
            Self::MemoryLeak => "memory_leak",
            Self::CpuSpin => "cpu_spin",
            Self::SlowDependency => "slow_dependency",
            Self::BadRelease => "bad_release",
            Self::BadConfig => "bad_config",
            Self::DiskFull => "disk_full",
            Self::LogFlood => "log_flood",
            Self::Unknown => "unknown",
        }
    }
}

/// The life of an incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum IncidentStatus {
    /// Seen; nobody and nothing works on it.
    Open,
    /// A person took it.
    Acknowledged,
    /// A run works on it.
    Mitigating,
    /// The fix is in; telemetry is watched.
    Verifying,
    /// Over.
    Resolved,
}

/// One thing that speaks for a cause, and how to open it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Evidence {
    /// Its id; causes cite it.
    pub id: EvidenceId,
    /// The service it speaks of.
    pub service: String,
    /// One line for people.
    pub title: String,
    /// What to open.
    pub body: EvidenceBody,
    /// The finding it comes from, when it comes from one.
    pub finding: Option<FindingId>,
}

/// What a piece of evidence is and how to show it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum EvidenceBody {
    /// A chart.
    Metric {
        /// Metric name.
        name: String,
        /// Labels that select the series, besides the service.
        labels: Labels,
        /// What to show.
        range: TimeRange,
        /// The value that stood out.
        observed: Option<f64>,
        /// The band it should have been in.
        expected: Option<Band>,
    },
    /// Log lines.
    Logs {
        /// Text to search for.
        query: String,
        /// What to show.
        range: TimeRange,
        /// A few of the lines.
        samples: Vec<String>,
    },
    /// A change.
    Change {
        /// The change.
        change: ChangeId,
        /// When it took effect.
        at: Timestamp,
        /// One line for people.
        summary: String,
    },
    /// A path of calls from the cause's caller to the cause, along which the trouble travelled.
    Structure {
        /// Services from symptom to cause.
        path: Vec<String>,
    },
    /// Who moved first.
    Timing {
        /// Services in the order in which they departed, with milliseconds after the first.
        order: Vec<(String, i64)>,
    },
    /// A failing probe.
    Probe {
        /// The address.
        target: String,
        /// Why it failed.
        reason: String,
    },
    /// An alert of another system.
    Alert {
        /// Who says so: `alertmanager`.
        source: String,
        /// Its name there.
        name: String,
        /// Where to look at it there.
        url: Option<String>,
    },
    /// An objective that is missed.
    Objective {
        /// Its name.
        name: String,
        /// How fast its budget is spent.
        detail: String,
    },
    /// A process ended.
    Process {
        /// The instance.
        instance: String,
        /// Exit status or signal, and how often.
        detail: String,
    },
    /// An earlier incident that looked alike.
    PastIncident {
        /// That incident.
        incident: IncidentId,
        /// What fixed it.
        fixed_by: String,
    },
}

/// What each part of the ranking contributed, 0 to 1 each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct CauseScores {
    /// Who depends on whom: does it explain the symptoms of its callers?
    pub structure: f64,
    /// How abnormal it is.
    pub deviation: f64,
    /// Did it move first?
    pub timing: f64,
    /// Was it changed just before?
    pub change: f64,
    /// Did incidents that looked alike have this cause?
    pub history: f64,
}

/// What kind of fault a cause is. The class says more precisely what to do about it.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// Processor, memory, disk, logs: something is used up.
    Resource,
    /// Answers take long.
    Latency,
    /// Requests fail.
    Error,
    /// A process ended, or answers no more.
    Crash,
    /// A release or a configuration brought it.
    Change,
    /// It lies at something that tells nothing of itself.
    Dependency,
    /// More is asked than usual.
    Traffic,
    /// None of these could be shown.
    #[default]
    Unknown,
}

/// One service on the way from a cause to where it shows, and what supports that it is on it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PathStep {
    /// The service. Each calls the one before it.
    pub service: String,
    /// Whether it departed from what is usual.
    pub departed: bool,
    /// Milliseconds from the departure of the cause to its own, when both are known.
    pub after_ms: Option<i64>,
    /// Share of the symptom's excess time or errors that it covers, 0 to 1, when both are measured.
    pub covers: Option<f64>,
    /// What shows it.
    pub evidence: Vec<EvidenceId>,
}

/// A ranked hypothesis with its evidence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Cause {
    /// Its id.
    pub id: CauseId,
    /// 1 is the most probable.
    pub rank: u32,
    /// The service at fault.
    pub service: String,
    /// The instance at fault, when one stands out.
    pub instance: Option<String>,
    /// What kind of failure.
    pub class: FailureClass,
    /// What kind of fault.
    #[serde(default)]
    pub fault: FaultKind,
    /// One line for people: `payments answers slowly (p95 812 ms) and slows checkout and gateway`.
    pub title: String,
    /// Probability, 0 to 1; those of one incident sum to at most 1.
    pub probability: f64,
    /// Where it comes from.
    pub scores: CauseScores,
    /// What speaks for it.
    pub evidence: Vec<EvidenceId>,
    /// The change to undo, when a change is the cause.
    pub change: Option<ChangeId>,
    /// The way from the cause to where it shows, the cause first.
    #[serde(default)]
    pub path: Vec<PathStep>,
    /// Whether every service on the way departed, and none clearly before the cause.
    #[serde(default)]
    pub path_verified: bool,
}

/// What a line of a timeline is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TimelineKind {
    /// A finding joined, or cleared.
    Finding,
    /// The diagnosis changed.
    Diagnosis,
    /// A decision was made.
    Decision,
    /// A run started, moved or ended.
    Run,
    /// Verification passed or failed.
    Verification,
    /// A person did something.
    Person,
    /// The status changed.
    Status,
}

/// One line of an incident's timeline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct TimelineEntry {
    /// When.
    pub at: Timestamp,
    /// What it is about.
    pub kind: TimelineKind,
    /// One line for people.
    pub text: String,
    /// Id of the finding, decision, run, … it is about.
    pub subject: Option<String>,
}

/// Findings that belong together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Incident {
    /// Its id.
    pub id: IncidentId,
    /// One line for people.
    pub title: String,
    /// Where it stands.
    pub status: IncidentStatus,
    /// How bad for the service.
    pub severity: Severity,
    /// How bad for the business.
    pub impact: Impact,
    /// What comes first: by people's rules, else from severity and impact.
    #[serde(default)]
    pub priority: Priority,
    /// Every service with a finding in it, the one at fault first once known.
    pub services: Vec<String>,
    /// Its findings, oldest first.
    pub findings: Vec<FindingId>,
    /// Findings of it that still fire.
    pub firing: u32,
    /// Why these findings were put together, one line each.
    pub grouping: Vec<String>,
    /// Ranked hypotheses.
    pub causes: Vec<Cause>,
    /// What the causes cite.
    pub evidence: Vec<Evidence>,
    /// False while the diagnosis is "inconclusive".
    pub conclusive: bool,
    /// What is proposed, newest last.
    pub recommendations: Vec<Recommendation>,
    /// Decisions, newest last.
    pub decisions: Vec<DecisionId>,
    /// Runs, newest last.
    pub runs: Vec<RunId>,
    /// When the trouble began, as far as known.
    pub started_at: Timestamp,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// When a person took it.
    pub acknowledged_at: Option<Timestamp>,
    /// When it was over.
    pub resolved_at: Option<Timestamp>,
    /// Since when its findings come and go so often that quiet must last longer before it is over.
    #[serde(default)]
    pub flapping_since: Option<Timestamp>,
    /// The incident that a person made it part of.
    #[serde(default)]
    pub merged_into: Option<IncidentId>,
    /// What ended it: a run held, it cleared by itself, a person.
    pub resolution: Option<String>,
    /// Whether a person is needed now, and why.
    pub needs_person: Option<String>,
    /// What happened, oldest first.
    pub timeline: Vec<TimelineEntry>,
    /// From the first finding.
    pub correlation_id: CorrelationId,
}

impl Incident {
    /// The most probable cause, if the diagnosis has any.
    #[must_use]
    pub fn top_cause(&self) -> Option<&Cause> {
        self.causes.first()
    }

    /// Whether it is not over.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.status != IncidentStatus::Resolved
    }
}
