//! The tables of diagnosis: which findings speak for which failure class, what a failure class explains,
//! and which trouble travels along calls. Data only; the ranking reads it.
//!
//! A new failure class is a row in [`RULES`], a row in [`EXPLAINS`] and its words in `words.rs`.

use model::FailureClass::{
    self, BadConfig, BadRelease, CpuSpin, Crash, CrashLoop, DiskFull, Hang, LogFlood, SlowDependency, Unknown,
};
use model::FaultKind;
use model::FindingKind::{self, *};

/// What a failing probe said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProbeAnswer {
    /// Nothing in time: something listens but does not answer.
    Timeout,
    /// Nobody listens.
    Refused,
    /// Anything else: an unwell answer.
    Other,
}

/// A change that trouble may come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum After {
    /// Another release.
    Release,
    /// Another configuration.
    Config,
}

/// These findings at one service speak for this class.
#[derive(Debug)]
pub(crate) struct Rule {
    /// The class.
    pub(crate) class: FailureClass,
    /// One of these must be there.
    pub(crate) any: &'static [FindingKind],
    /// None of these may be there.
    pub(crate) unless: &'static [FindingKind],
    /// Only just after such a change; the weight then fades with the age of the change.
    pub(crate) after: Option<After>,
    /// Only when a failing probe said this.
    pub(crate) probe: Option<ProbeAnswer>,
    /// How strongly it speaks, 0 to 1.
    pub(crate) weight: f64,
}

const fn rule(class: FailureClass, any: &'static [FindingKind], weight: f64) -> Rule {
    Rule { class, any, unless: &[], after: None, probe: None, weight }
}

const BROKEN: &[FindingKind] = &[ErrorRate, LogNewPattern, RestartLoop, ProcessExit, ProbeFailure, Latency];

/// Every rule. All that hold are weighed against each other; order does not matter.
pub(crate) const RULES: &[Rule] = &[
    // A full disk breaks a good release too, so it excuses the release.
    Rule { after: Some(After::Release), unless: &[DiskFilling], ..rule(BadRelease, BROKEN, 0.97) },
    Rule { after: Some(After::Config), unless: &[DiskFilling], ..rule(BadConfig, BROKEN, 0.97) },
    rule(CrashLoop, &[RestartLoop], 0.97),
    rule(Crash, &[ProcessExit], 0.95),
    rule(DiskFull, &[DiskFilling], 0.95),
    rule(FailureClass::MemoryLeak, &[MemoryLeak], 0.93),
    // Errors write many lines by themselves: with errors, a burst is a symptom.
    Rule { unless: &[ErrorRate], ..rule(LogFlood, &[LogBurst], 0.94) },
    rule(LogFlood, &[LogBurst], 0.35),
    Rule {
        probe: Some(ProbeAnswer::Timeout),
        unless: &[ProcessExit, RestartLoop],
        ..rule(Hang, &[ProbeFailure], 0.94)
    },
    Rule { probe: Some(ProbeAnswer::Refused), ..rule(Crash, &[ProbeFailure], 0.75) },
    rule(Unknown, &[ProbeFailure], 0.5),
    rule(CpuSpin, &[CpuSaturation], 0.92),
    rule(SlowDependency, &[Latency], 0.87),
    rule(Unknown, &[ErrorRate, LogNewPattern], 0.5),
    rule(Unknown, &[MetricAnomaly], 0.3),
];

/// Which findings at the same service a class brings along. What it brings along is no second cause.
pub(crate) const EXPLAINS: &[(FailureClass, &[FindingKind])] = &[
    (Crash, &[ProcessExit, ProbeFailure, ErrorRate, Latency, LogNewPattern, MetricAnomaly]),
    (
        CrashLoop,
        // Each fresh start looks like growing memory and a busy processor.
        &[
            RestartLoop,
            ProcessExit,
            ProbeFailure,
            MemoryLeak,
            CpuSaturation,
            ErrorRate,
            Latency,
            LogNewPattern,
            MetricAnomaly,
        ],
    ),
    (Hang, &[ProbeFailure, ErrorRate, Latency, LogNewPattern, MetricAnomaly]),
    (
        FailureClass::MemoryLeak,
        &[
            MemoryLeak,
            ProcessExit,
            CpuSaturation,
            Latency,
            ErrorRate,
            ProbeFailure,
            LogNewPattern,
            MetricAnomaly,
        ],
    ),
    (CpuSpin, &[CpuSaturation, Latency, ErrorRate, ProbeFailure, LogNewPattern, MetricAnomaly]),
    (SlowDependency, &[Latency, ErrorRate, LogNewPattern, MetricAnomaly]),
    (
        BadRelease,
        &[
            ErrorRate,
            Latency,
            LogNewPattern,
            LogBurst,
            ProcessExit,
            RestartLoop,
            ProbeFailure,
            CpuSaturation,
            MemoryLeak,
            MetricAnomaly,
        ],
    ),
    (
        BadConfig,
        &[
            ErrorRate,
            Latency,
            LogNewPattern,
            LogBurst,
            ProcessExit,
            RestartLoop,
            ProbeFailure,
            CpuSaturation,
            MetricAnomaly,
        ],
    ),
    (
        DiskFull,
        &[
            DiskFilling,
            ErrorRate,
            Latency,
            LogNewPattern,
            LogBurst,
            ProbeFailure,
            ProcessExit,
            RestartLoop,
            MetricAnomaly,
        ],
    ),
    (LogFlood, &[LogBurst, CpuSaturation, DiskFilling, Latency, LogNewPattern, MetricAnomaly]),
    (Unknown, &[LogNewPattern, MetricAnomaly]),
];

/// The kind of fault that a class is; what is unknown goes by what was found, and by load when there is more.
pub(crate) fn fault_kind(class: FailureClass, kinds: &[FindingKind], surge: bool) -> FaultKind {
    match class {
        FailureClass::BadRelease | BadConfig => FaultKind::Change,
        Crash | CrashLoop | Hang => FaultKind::Crash,
        CpuSpin | SlowDependency | Unknown if surge => FaultKind::Traffic,
        FailureClass::MemoryLeak | CpuSpin | DiskFull | LogFlood => FaultKind::Resource,
        SlowDependency => FaultKind::Latency,
        Unknown if kinds.contains(&ErrorRate) => FaultKind::Error,
        Unknown if kinds.contains(&ProbeFailure) => FaultKind::Crash,
        Unknown => FaultKind::Unknown,
    }
}

/// Whether a class brings a kind of finding along.
pub(crate) fn explains(class: FailureClass, kind: FindingKind) -> bool {
    EXPLAINS.iter().any(|(c, kinds)| *c == class && kinds.contains(&kind))
}

/// How far trouble of one kind at a callee explains trouble of another kind at its caller, 0 to 1.
///
/// Trouble travels against the direction of calls: whoever waits for an answer gets slow or fails.
pub(crate) fn carries(callee: FindingKind, caller: FindingKind) -> f64 {
    match (callee, caller) {
        // What a service does to itself is not brought by those it calls.
        (_, DiskFilling | ProcessExit | RestartLoop | MemoryLeak) => 0.0,
        // Failing requests write logs and are retried.
        (ProcessExit | RestartLoop | ProbeFailure | ErrorRate, LogBurst | CpuSaturation) => 0.7,
        (_, LogBurst | CpuSaturation) => 0.3,
        (_, ProbeFailure) => 0.6,
        (ProcessExit | RestartLoop | ErrorRate, ErrorRate | LogNewPattern) => 0.95,
        (ProcessExit | RestartLoop | ErrorRate, Latency | MetricAnomaly | LogAnomaly) => 0.85,
        (ProbeFailure, ErrorRate | LogNewPattern | Latency | MetricAnomaly | LogAnomaly) => 0.95,
        (Latency | CpuSaturation, Latency) => 0.95,
        (Latency | CpuSaturation, ErrorRate | LogNewPattern | MetricAnomaly | LogAnomaly) => 0.75,
        (DiskFilling, ErrorRate | LogNewPattern) => 0.85,
        (DiskFilling, Latency | MetricAnomaly | LogAnomaly) => 0.6,
        // Neither hurts a caller before the service itself gets slow or ends, which has its own row.
        (LogBurst, Latency) => 0.6,
        (MemoryLeak, Latency) => 0.45,
        (LogBurst | MemoryLeak, ErrorRate | LogNewPattern | MetricAnomaly | LogAnomaly) => 0.4,
        (LogNewPattern, ErrorRate | LogNewPattern) => 0.6,
        (LogNewPattern, Latency | MetricAnomaly | LogAnomaly) => 0.4,
        // `kind_of` says what kind these two count as.
        (MetricAnomaly | LogAnomaly | BudgetBurn | Alert, _) => 0.2,
        (_, BudgetBurn | Alert) => 0.4,
    }
}

/// What remains of the suspicion against a service for a kind of finding once a callee explains it.
pub(crate) fn own_share(kind: FindingKind) -> f64 {
    match kind {
        ErrorRate | Latency | LogNewPattern | LogAnomaly | MetricAnomaly | BudgetBurn | Alert => 0.06,
        ProbeFailure => 0.35,
        CpuSaturation | LogBurst => 0.5,
        MemoryLeak => 0.8,
        ProcessExit | RestartLoop | DiskFilling => 1.0,
    }
}

/// Whether a kind only ever comes from inside a service.
pub(crate) fn is_own(kind: FindingKind) -> bool {
    own_share(kind) >= 0.35
}
