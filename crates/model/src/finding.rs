//! Findings: what a detector says of signals.

use serde::{Deserialize, Serialize};

use crate::audit::Actor;
use crate::id::{ChangeId, CorrelationId, FindingId};
use crate::incident::Severity;
use crate::signal::Labels;
use crate::time::Timestamp;

/// What kind of trouble a detector saw. Detectors of one kind are interchangeable to the rest.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// A probe fails: the service does not answer, or answers that it is unwell.
    ProbeFailure,
    /// A process ended by itself.
    ProcessExit,
    /// A process ends again and again soon after its start.
    RestartLoop,
    /// More failing requests than the learned band allows.
    ErrorRate,
    /// Slower requests than the learned band allows.
    Latency,
    /// A process uses more of the processor than the learned band allows.
    CpuSaturation,
    /// Memory grows steadily towards its limit.
    MemoryLeak,
    /// A data folder grows steadily towards its limit, or is full.
    DiskFilling,
    /// A log pattern of warning or worse that was never seen before.
    LogNewPattern,
    /// Far more log lines than the learned band allows.
    LogBurst,
    /// Log lines unlike those before in another way: gone, out of sequence, with unusual values, or as they came
    /// before past incidents.
    LogAnomaly,
    /// A metric outside its learned band, of no kind above.
    MetricAnomaly,
    /// An objective whose error budget is spent too fast.
    BudgetBurn,
    /// Another system says that something is wrong.
    Alert,
}

impl FindingKind {
    /// Every kind.
    pub const ALL: [Self; 14] = [
        Self::ProbeFailure,
        Self::ProcessExit,
        Self::RestartLoop,
        Self::ErrorRate,
        Self::Latency,
        Self::CpuSaturation,
        Self::MemoryLeak,
        Self::DiskFilling,
        Self::LogNewPattern,
        Self::LogBurst,
        Self::LogAnomaly,
        Self::MetricAnomaly,
        Self::BudgetBurn,
        Self::Alert,
    ];

    /// Whether a person's word can change what its detectors say: a band can be learned, an exit is a fact.
    #[must_use]
    pub const fn is_learned(self) -> bool {
        !matches!(
            self,
            Self::ProbeFailure | Self::ProcessExit | Self::RestartLoop | Self::BudgetBurn | Self::Alert
        )
    }
}

/// What a person says of a finding.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Judgement {
    /// It was worth saying.
    Anomaly,
    /// It was normal: the same again, no further out, is not said for thirty days.
    NotAnomaly,
}

/// A person's word on a finding. It travels as a signal, so that detection learns it in order, once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Feedback {
    /// The finding.
    pub finding: FindingId,
    /// Its detector, for the count of what a detector gets right.
    pub detector: String,
    /// Its service.
    pub service: String,
    /// What is said.
    pub judgement: Judgement,
    /// Why, in the person's words; may be empty.
    #[serde(default)]
    pub note: String,
    /// Who.
    pub by: Actor,
    /// When.
    pub at: Timestamp,
}

/// What a rule of people does with findings before anything is decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TriageKind {
    /// Keeps findings from opening incidents.
    Mute,
    /// Does so while something else fires.
    Inhibit,
    /// Puts findings together.
    Group,
    /// Keeps findings apart.
    Separate,
    /// Says what comes first.
    Priority,
}

/// Whether the trouble is still there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FindingState {
    /// Still there.
    Firing,
    /// Over.
    Cleared,
}

/// Which way a value left its band.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Above.
    Up,
    /// Below.
    Down,
}

/// An expected range, in the unit of the subject.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Band {
    /// Lower edge.
    pub low: f64,
    /// Upper edge.
    pub high: f64,
}

/// What exactly was looked at, with enough to open it again as a chart or a log search.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Subject {
    /// A metric series.
    Metric {
        /// Metric name.
        name: String,
        /// Labels that select the series.
        #[serde(default)]
        labels: Labels,
    },
    /// A log template.
    LogTemplate {
        /// Stable id of the template.
        template_id: String,
        /// The template, variables as `<*>`.
        template: String,
    },
    /// A probed address.
    Probe {
        /// The address.
        target: String,
    },
    /// A process of the service.
    Process {
        /// The instance: `checkout-1`.
        instance: String,
    },
    /// An objective.
    Objective {
        /// Its name: `checkout-availability`.
        name: String,
    },
    /// An alert of another system.
    Alert {
        /// Who says so: `alertmanager`.
        source: String,
        /// Its name there.
        name: String,
        /// Its labels.
        #[serde(default)]
        labels: Labels,
        /// Where to look at it there.
        url: Option<String>,
    },
}

/// What a detector says of signals.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Finding {
    /// Derived from detector, subject and start: a replay says the same finding again.
    pub id: FindingId,
    /// What kind of trouble.
    pub kind: FindingKind,
    /// The detector's file name: `latency`.
    pub detector: String,
    /// The service it speaks of.
    pub service: String,
    /// The instance, when it speaks of one.
    pub instance: Option<String>,
    /// What was looked at.
    pub subject: Subject,
    /// Whether it is still there.
    pub state: FindingState,
    /// How bad.
    pub severity: Severity,
    /// Probability between 0 and 1 that this is not normal behaviour.
    pub score: f64,
    /// Which way the value left its band.
    pub direction: Option<Direction>,
    /// The value, in the unit of the subject.
    pub observed: Option<f64>,
    /// The band it should have been in.
    pub expected: Option<Band>,
    /// First signal that departed (an estimate that may lie before `detected_at`).
    pub started_at: Timestamp,
    /// Time of the signal that made the detector speak.
    pub detected_at: Timestamp,
    /// Time of the newest signal that upheld it; when cleared, of the one that cleared it.
    pub last_seen_at: Timestamp,
    /// One line for people: `p95 latency 812 ms, expected at most 140 ms`.
    pub summary: String,
    /// Up to five sample log lines, for findings on logs.
    #[serde(default)]
    pub samples: Vec<String>,
    /// Milliseconds until a limit is reached, for findings that look ahead.
    pub time_to_limit_ms: Option<u64>,
    /// Why it opens no incident by itself: a silence, a rule, something else that fires.
    #[serde(default)]
    pub quieted: Option<String>,
    /// A change of the same service shortly before, when the detector was told of one.
    pub change: Option<ChangeId>,
    /// From the signal that made the detector speak.
    pub correlation_id: CorrelationId,
}
