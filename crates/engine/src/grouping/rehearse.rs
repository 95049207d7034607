//! Rehearsal: where stored findings would have gone under other rules, before anybody arms them.

use std::collections::BTreeMap;
use std::sync::Arc;

use decide::triage::Triage;
use model::{Finding, FindingId, FindingState, IncidentId, Service, ServiceGraph, Timestamp};
use serde::Serialize;

use crate::situation::{Effects, Rules, Situation, Stored};

/// Where one finding goes.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Placed {
    /// The finding.
    pub finding: FindingId,
    /// Its service.
    pub service: String,
    /// One line for people.
    pub summary: String,
    /// Number of its incident with the rules in force, from 1; none: it opens none.
    pub was: Option<usize>,
    /// The same with the rules that are tried.
    pub becomes: Option<usize>,
    /// Why it goes there with the rules that are tried, or why it opens no incident.
    pub why: String,
}

/// What would change.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Rehearsal {
    /// Findings looked at.
    pub findings: usize,
    /// Incidents with the rules in force.
    pub incidents_before: usize,
    /// Incidents with the rules that are tried.
    pub incidents_after: usize,
    /// Findings that would open no incident because of the rules that are tried.
    pub quieted: usize,
    /// Findings whose company changes, at most 200.
    pub changed: Vec<Placed>,
}

const MAX_SHOWN: usize = 200;
/// How long time passes before something is over, and in what steps.
const STEP_MS: i64 = 1_000;

/// Places findings under the rules in force and under others. Both times today's service graph is used, and nothing is
/// diagnosed, decided or done.
#[must_use]
pub fn rehearse(
    rules: &Rules,
    triage: Arc<Triage>,
    services: Vec<Service>,
    graph: &ServiceGraph,
    findings: &[Finding],
) -> Rehearsal {
    let before = place_all(rules.clone(), services.clone(), graph.clone(), findings);
    let after = place_all(Rules { triage, ..rules.clone() }, services, graph.clone(), findings);
    let changed = findings.iter().filter(|f| before.company(f) != after.company(f));
    let shown = changed.map(|f| Placed {
        finding: f.id.clone(),
        service: f.service.clone(),
        summary: f.summary.clone(),
        was: before.number(f),
        becomes: after.number(f),
        why: after.why.get(&f.id).cloned().unwrap_or_default(),
    });
    Rehearsal {
        findings: findings.len(),
        incidents_before: before.incidents.len(),
        incidents_after: after.incidents.len(),
        quieted: after.quieted,
        changed: shown.take(MAX_SHOWN).collect(),
    }
}

#[derive(Default)]
struct Outcome {
    place: BTreeMap<FindingId, IncidentId>,
    why: BTreeMap<FindingId, String>,
    incidents: BTreeMap<IncidentId, Vec<FindingId>>,
    quieted: usize,
}

impl Outcome {
    fn company(&self, finding: &Finding) -> Option<&Vec<FindingId>> {
        self.incidents.get(self.place.get(&finding.id)?)
    }

    fn number(&self, finding: &Finding) -> Option<usize> {
        let id = self.place.get(&finding.id)?;
        self.incidents.keys().position(|known| known == id).map(|at| at + 1)
    }
}

fn place_all(rules: Rules, services: Vec<Service>, graph: ServiceGraph, findings: &[Finding]) -> Outcome {
    let begin = findings.iter().map(|f| f.detected_at).min().unwrap_or_default();
    let stored = Stored { services, ..Stored::default() };
    let (mut situation, _) = Situation::resume(rules, stored, begin);
    situation.observed = graph;
    // Each finding begins, and is over when it was.
    let mut events: Vec<(Timestamp, Finding)> = Vec::with_capacity(findings.len() * 2);
    for finding in findings {
        let firing = Finding { state: FindingState::Firing, quieted: None, ..finding.clone() };
        events.push((finding.detected_at, Finding { last_seen_at: finding.detected_at, ..firing }));
        if finding.state == FindingState::Cleared {
            events.push((finding.last_seen_at.max(finding.detected_at.plus_ms(1)), finding.clone()));
        }
    }
    events.sort_by_key(|(at, _)| *at);
    let mut outcome = Outcome::default();
    let mut effects = Effects::default();
    for (at, finding) in events {
        situation.pass_until(at, STEP_MS, &mut effects);
        situation.take_findings(vec![finding], &mut effects);
        outcome.note(&situation);
        effects = Effects::default();
    }
    let end = situation.now.plus_ms(10 * STEP_MS);
    situation.pass_until(end, STEP_MS, &mut effects);
    outcome.note(&situation);
    for (finding, incident) in &outcome.place {
        outcome.incidents.entry(incident.clone()).or_default().push(finding.clone());
    }
    outcome
}

impl Outcome {
    fn note(&mut self, situation: &Situation) {
        for open in situation.incidents.values() {
            for (finding, why) in open.incident.findings.iter().zip(&open.incident.grouping) {
                self.place.insert(finding.clone(), open.incident.id.clone());
                self.why.insert(finding.clone(), why.clone());
            }
        }
        let quieted = situation.findings.values().filter(|f| !situation.belongs.contains_key(&f.id));
        for (id, reason) in quieted.filter_map(|f| Some((&f.id, f.quieted.as_ref()?))) {
            if self.why.insert(id.clone(), reason.clone()).is_none() {
                self.quieted += 1;
            }
        }
    }
}

impl Situation {
    /// Lets time pass for grouping alone: alerts are weighed, silences end, quiet incidents are over.
    fn pass_until(&mut self, at: Timestamp, step_ms: i64, effects: &mut Effects) {
        let quiet_ms = self.rules.patience.quiet_ms;
        // What lies further off than anything waits changes nothing more.
        let horizon = quiet_ms.saturating_mul(super::flap::QUIETER).max(super::flap::QUIET_MS) + 10_000;
        let mut left = horizon / step_ms;
        while self.now < at {
            let next = if left > 0 { self.now.plus_ms(step_ms).min(at) } else { at };
            left -= 1;
            self.set_now(next);
            self.weigh_on(effects);
            self.look_at_quieted(effects);
            let ids: Vec<IncidentId> = self.incidents.keys().cloned().collect();
            for id in ids {
                self.settle(&id, effects);
            }
            self.finish(effects);
        }
    }
}
