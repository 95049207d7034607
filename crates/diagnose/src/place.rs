//! One service of an incident: its findings boiled down to what ranking and grouping ask for.

use std::collections::BTreeMap;

use model::{Change, ChangeKind, Direction, Finding, FindingKind, InstanceState, Subject, Timestamp};

use crate::classes::{self, After, ProbeAnswer};
use crate::input::{Settings, World};
use crate::topology::Node;

/// Who makes Homeostat's own changes.
pub(crate) const OWN_ACTOR: &str = "homeostat";

/// A service with findings.
pub(crate) struct Place<'a> {
    /// Its name.
    pub(crate) name: &'a str,
    /// Its place among the calls, when any is known.
    pub(crate) node: Option<Node>,
    /// Its findings, earliest first.
    pub(crate) findings: Vec<&'a Finding>,
    /// The most telling finding of each kind; traffic loss and load are left out.
    pub(crate) kinds: BTreeMap<FindingKind, &'a Finding>,
    /// When it first departed.
    pub(crate) start: Timestamp,
    /// How abnormal its worst finding is, 0 to 1.
    pub(crate) deviation: f64,
    /// It gets more requests than usual: load explains slowness and a busy processor.
    pub(crate) surge: bool,
    /// What its failing probes say, when they fail.
    pub(crate) probe: Option<ProbeAnswer>,
}

/// Puts findings to their services, by name.
pub(crate) fn places<'a>(findings: &[&'a Finding], world: &World<'a>) -> Vec<Place<'a>> {
    let mut by_service: BTreeMap<&str, Vec<&'a Finding>> = BTreeMap::new();
    for &finding in findings {
        by_service.entry(&finding.service).or_default().push(finding);
    }
    by_service.into_iter().map(|(name, findings)| place(name, findings, world)).collect()
}

fn place<'a>(name: &'a str, mut findings: Vec<&'a Finding>, world: &World<'a>) -> Place<'a> {
    findings.sort_by(|a, b| (a.started_at, &a.id).cmp(&(b.started_at, &b.id)));
    let mut kinds: BTreeMap<FindingKind, &Finding> = BTreeMap::new();
    for &finding in findings.iter().filter(|f| !is_traffic(f)) {
        let best = kinds.entry(kind_of(finding)).or_insert(finding);
        if deviation(finding) > deviation(best) {
            *best = finding;
        }
    }
    let deviations = findings.iter().map(|f| deviation(f));
    Place {
        name,
        node: world.topology.find(name),
        start: findings.first().map_or(Timestamp::ZERO, |f| f.started_at),
        deviation: deviations.fold(0.0, f64::max),
        surge: findings.iter().any(|f| is_traffic(f) && f.direction == Some(Direction::Up)),
        probe: probe_answer(name, &findings, world),
        findings,
        kinds,
    }
}

impl Place<'_> {
    /// Whether it shows trouble of its own, not only less or more traffic.
    pub(crate) fn is_troubled(&self) -> bool {
        !self.kinds.is_empty()
    }

    /// When it first showed one of these kinds; its very start when none.
    pub(crate) fn start_of(&self, kinds: &[FindingKind]) -> Timestamp {
        let starts = self.findings.iter().filter(|f| kinds.contains(&kind_of(f))).map(|f| f.started_at);
        starts.min().unwrap_or(self.start)
    }

    /// How far this callee's trouble explains that of a caller, 0 to 1, leaving distance aside.
    pub(crate) fn explains(&self, caller: &Self) -> f64 {
        let pairs = self.kinds.iter().flat_map(|(&mine, finding)| {
            let hurts = if is_far_from_limit(finding) { 0.5 } else { 1.0 };
            caller.kinds.keys().map(move |&theirs| classes::carries(mine, theirs) * hurts)
        });
        pairs.fold(0.0, f64::max)
    }
}

/// The kind a finding counts as: a burst of error lines is a symptom of errors, not a flood.
pub(crate) fn kind_of(finding: &Finding) -> FindingKind {
    match (&finding.kind, &finding.subject) {
        (FindingKind::LogBurst, Subject::Metric { name, .. }) if name == "log_error_rate" => {
            FindingKind::LogNewPattern
        }
        // Both say that something is unlike before, and no more.
        (FindingKind::LogAnomaly, _) => FindingKind::MetricAnomaly,
        // A missed objective is what customers feel, as errors are.
        (FindingKind::BudgetBurn, _) => FindingKind::ErrorRate,
        (FindingKind::Alert, Subject::Alert { name, .. }) => alert_kind(name),
        (FindingKind::Alert, _) => FindingKind::MetricAnomaly,
        (kind, _) => *kind,
    }
}

/// Words in the names of alerts, as rule collections use them, and what such an alert counts as. The first found wins.
const ALERT_WORDS: &[(&str, FindingKind)] = &[
    ("crashloop", FindingKind::RestartLoop),
    ("restart", FindingKind::RestartLoop),
    ("oom", FindingKind::ProcessExit),
    ("memory", FindingKind::MemoryLeak),
    ("disk", FindingKind::DiskFilling),
    ("filesystem", FindingKind::DiskFilling),
    ("volume", FindingKind::DiskFilling),
    ("cpu", FindingKind::CpuSaturation),
    ("latency", FindingKind::Latency),
    ("slow", FindingKind::Latency),
    ("duration", FindingKind::Latency),
    ("error", FindingKind::ErrorRate),
    ("5xx", FindingKind::ErrorRate),
    ("fail", FindingKind::ErrorRate),
    ("burn", FindingKind::ErrorRate),
    ("down", FindingKind::ProbeFailure),
    ("unreachable", FindingKind::ProbeFailure),
    ("unavailable", FindingKind::ProbeFailure),
    ("unhealthy", FindingKind::ProbeFailure),
    ("notready", FindingKind::ProbeFailure),
];

/// What an alert of this name counts as; an unusual metric when its name says nothing.
fn alert_kind(name: &str) -> FindingKind {
    let name: String =
        name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    let known = ALERT_WORDS.iter().find(|(word, _)| name.contains(word));
    known.map_or(FindingKind::MetricAnomaly, |(_, kind)| *kind)
}

/// Whether a finding only says that a service gets fewer or more requests. That comes from its callers.
pub(crate) fn is_traffic(finding: &Finding) -> bool {
    finding.kind == FindingKind::MetricAnomaly
        && matches!(&finding.subject, Subject::Metric { name, .. } if name == "request_rate")
}

/// How abnormal a finding is, 0 to 1: the detector's score and the distance from the expected band in
/// widths of that band (after BARO's robust scorer), which tells 3 times too much from 30 times.
pub(crate) fn deviation(finding: &Finding) -> f64 {
    let score = if finding.score.is_finite() { finding.score.clamp(0.0, 1.0) } else { 0.0 };
    let Some((observed, band)) = finding.observed.zip(finding.expected) else { return score };
    let width = (band.high - band.low).abs().max(band.high.abs() * 0.1).max(1e-9);
    let outside = (observed - band.high).max(band.low - observed).max(0.0) / width;
    if outside.is_finite() { 0.6 * score + 0.4 * outside / (outside + 2.0) } else { score }
}

/// How many times the upper edge of its band a finding shows; 1 when it has none.
pub(crate) fn excess(finding: &Finding) -> f64 {
    match finding.observed.zip(finding.expected) {
        Some((observed, band)) if band.high > 0.0 && observed.is_finite() => observed / band.high,
        _ => 1.0,
    }
}

/// Whether a finding that looks ahead says that the limit is not reached soon: nobody else feels it yet.
pub(crate) fn is_far_from_limit(finding: &Finding) -> bool {
    finding.time_to_limit_ms.is_some_and(|left| left > 15_000)
}

fn probe_answer(service: &str, findings: &[&Finding], world: &World<'_>) -> Option<ProbeAnswer> {
    let mut answer = None;
    for finding in findings.iter().filter(|f| f.kind == FindingKind::ProbeFailure) {
        let texts = finding.samples.iter().chain([&finding.summary]);
        let text = texts.map(|t| t.to_lowercase()).collect::<Vec<_>>().join(" ");
        let says = |words: &[&str]| words.iter().any(|w| text.contains(w));
        if says(&["timeout", "timed out", "times out", "no answer", "not answer", "in time"]) {
            answer = Some(ProbeAnswer::Timeout);
            break;
        }
        let refused = says(&["refused", "reset", "unreachable", "cannot connect"]);
        answer = answer.or(Some(if refused { ProbeAnswer::Refused } else { ProbeAnswer::Other }));
    }
    // A host that knows the process is gone knows better than a probe that waited in vain.
    if answer.is_some() && is_gone(service, findings, world) { Some(ProbeAnswer::Refused) } else { answer }
}

fn is_gone(service: &str, findings: &[&Finding], world: &World<'_>) -> bool {
    let Some(known) = world.services.get(service) else { return false };
    let exited =
        |name: &str| known.instances.iter().any(|i| i.name == name && i.state == InstanceState::Exited);
    let mut named = findings.iter().filter_map(|f| f.instance.as_deref()).peekable();
    if named.peek().is_some() {
        return named.all(exited);
    }
    !known.instances.is_empty() && known.instances.iter().all(|i| i.state == InstanceState::Exited)
}

/// A change that may have brought trouble, and how strongly it is suspected, 0 to 1.
#[derive(Clone, Copy)]
pub(crate) struct Suspicion<'a> {
    /// The change.
    pub(crate) change: &'a Change,
    /// What was altered.
    pub(crate) after: After,
    /// 1 when trouble started right after it; fades.
    pub(crate) strength: f64,
}

/// The change of a service that trouble starting at `start` may come from.
///
/// Only the last release or configuration change counts: it is what runs. What Homeostat did itself is
/// never suspected, and undoes the suspicion against what it replaced.
pub(crate) fn suspicion<'a>(service: &str, start: Timestamp, world: &World<'a>) -> Option<Suspicion<'a>> {
    let settings = world.settings;
    let last = last_change(service, start, world, |kind| {
        matches!(kind, ChangeKind::Deploy | ChangeKind::Rollback | ChangeKind::Config)
    })?;
    if last.actor == OWN_ACTOR {
        return None;
    }
    let after = if last.kind == ChangeKind::Config { After::Config } else { After::Release };
    let strength = freshness(start.since_ms(last.at), settings);
    (strength > 0.0).then_some(Suspicion { change: last, after, strength })
}

/// Whether Homeostat itself altered the service so shortly before that its own work explains the trouble.
pub(crate) fn own_work<'a>(service: &str, start: Timestamp, world: &World<'a>) -> Option<&'a Change> {
    let last = last_change(service, start, world, |_| true)?;
    (last.actor == OWN_ACTOR && start.since_ms(last.at) < world.settings.change_fresh_ms / 2).then_some(last)
}

fn last_change<'a>(
    service: &str,
    start: Timestamp,
    world: &World<'a>,
    kind: impl Fn(ChangeKind) -> bool,
) -> Option<&'a Change> {
    // A start is an estimate and may lie a little before the change that brought it.
    let latest = start.plus_ms(world.settings.jitter_ms / 3);
    let changes = world.changes().filter(|c| c.service == service && c.at <= latest && kind(c.kind));
    changes.max_by(|a, b| (a.at, &a.id).cmp(&(b.at, &b.id)))
}

fn freshness(age_ms: i64, settings: &Settings) -> f64 {
    if age_ms > settings.change_window_ms {
        0.0
    } else if age_ms <= settings.change_fresh_ms {
        1.0
    } else {
        (-((age_ms - settings.change_fresh_ms) as f64) / settings.change_decay_ms.max(1) as f64).exp()
    }
}
