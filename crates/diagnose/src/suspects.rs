//! How what metrics say of amounts meets what findings say of kinds.

use std::collections::BTreeSet;

use model::{CauseScores, FailureClass, FaultKind, Finding, FindingKind, Subject};

use crate::blame::{Blame, Suspect};
use crate::classes;
use crate::input::Input;
use crate::place::Place;
use crate::rank::{Hypothesis, Scene, round};
use crate::windows::{Measure, Symptom};

/// How strongly metrics alone speak for a service, when no detector says a word of any service.
const ALONE: f64 = 0.97;
/// The same when there are findings, but none of this service: nothing may be concluded from it alone.
const BESIDE_FINDINGS: f64 = 0.6;
/// What is left of a suspicion of a service that others account for.
const ACCOUNTED_FOR: f64 = 0.6;
/// Less blame than this is no suspicion.
const LEAST: f64 = 0.05;

/// What metrics say of who is at fault, from where findings and others noticed slow or failing requests.
pub(crate) fn blame<'a>(input: &Input<'a>) -> Blame<'a> {
    let noticed = input.findings.iter().filter_map(|f| symptom_of(f)).chain(input.symptoms.iter().copied());
    let noticed: BTreeSet<(&str, &str)> = noticed.map(|s| (s.service, s.metric)).collect();
    if input.windows.is_empty() || (noticed.is_empty() && !input.findings.is_empty()) {
        return Blame::default();
    }
    let noticed: Vec<Symptom<'a>> =
        noticed.into_iter().map(|(service, metric)| Symptom { service, metric }).collect();
    Blame::of(input.windows, &noticed, input.world.topology)
}

fn symptom_of(finding: &Finding) -> Option<Symptom<'_>> {
    match (&finding.subject, finding.kind) {
        (Subject::Metric { name, .. }, FindingKind::Latency | FindingKind::ErrorRate) => {
            Some(Symptom { service: &finding.service, metric: name })
        }
        _ => None,
    }
}

impl<'a> Scene<'_, 'a> {
    /// How far amounts confirm a suspicion of slow or failing requests, 0 to 1: less where another service
    /// accounts for them.
    pub(crate) fn confirmed(&self, place: usize, kinds: &[FindingKind], by_change: bool) -> f64 {
        let carried = !by_change && kinds.iter().all(|kind| !classes::is_own(*kind));
        let Some(first) = self.blame.suspects.first().filter(|_| carried && self.blame.is_sure) else {
            return 1.0;
        };
        let Some(suspect) = self.blame.suspect(self.places[place].name) else { return 1.0 };
        let share = if first.blame > 0.0 { suspect.blame / first.blame } else { 1.0 };
        ACCOUNTED_FOR + (1.0 - ACCOUNTED_FOR) * share
    }

    /// How abnormal a service is, 0 to 1: by its findings or by its metrics, whichever shows more.
    pub(crate) fn deviation(&self, place: &Place<'a>) -> f64 {
        let measured = self.blame.suspect(place.name).map_or(0.0, |s| s.main.certainty());
        place.deviation.max(measured)
    }

    /// Services that no detector speaks of but that the amounts point to.
    pub(crate) fn blamed(&self, known: &[Hypothesis<'a>]) -> Vec<Hypothesis<'a>> {
        if !self.blame.is_sure {
            return Vec::new();
        }
        let alone = self.places.is_empty();
        let weight = if alone { ALONE } else { BESIDE_FINDINGS };
        let least = if alone { 0.0 } else { LEAST };
        let new = self.blame.suspects.iter().filter(|s| known.iter().all(|h| h.service != s.service));
        let suspects = new.filter(|s| alone || s.blame >= least);
        suspects.map(|s| hypothesis(s, weight)).collect()
    }
}

fn hypothesis<'a>(suspect: &Suspect<'a>, weight: f64) -> Hypothesis<'a> {
    let main = &suspect.main;
    let (class, fault) = kind_of(main.window.measure);
    let covers = suspect.covers.map(|share| format!("; covers {:.0} % of it", share.min(1.0) * 100.0));
    Hypothesis {
        service: suspect.service,
        place: None,
        class,
        fault,
        scores: CauseScores {
            structure: round(suspect.blame),
            deviation: round(main.certainty()),
            ..CauseScores::default()
        },
        // Never nothing, so that places without blame stay in order behind the others.
        strength: weight * suspect.blame.sqrt().max(1e-3 * main.certainty()),
        probability: 0.0,
        suspicion: None,
        past: None,
        kinds: Vec::new(),
        why: format!(
            "{} departed by {:.1} spreads{}",
            main.window.metric,
            main.size,
            covers.unwrap_or_default()
        ),
    }
}

fn kind_of(measure: Measure) -> (FailureClass, FaultKind) {
    match measure {
        Measure::Processor => (FailureClass::CpuSpin, FaultKind::Resource),
        Measure::Memory => (FailureClass::MemoryLeak, FaultKind::Resource),
        Measure::Disk => (FailureClass::DiskFull, FaultKind::Resource),
        Measure::Latency => (FailureClass::SlowDependency, FaultKind::Latency),
        Measure::Errors | Measure::Availability => (FailureClass::Unknown, FaultKind::Error),
        Measure::Traffic => (FailureClass::Unknown, FaultKind::Traffic),
        Measure::Other => (FailureClass::Unknown, FaultKind::Unknown),
    }
}
