//! Alerts of other systems: weighed by `diagnose::correlate`, whose groups stand for incidents.

use std::collections::BTreeMap;

use diagnose::correlate::{AlertId, Correlator, GroupId, Memory, Settings, Told, Why};
use diagnose::{Grouping, Topology};
use model::{Finding, FindingId, FindingKind, FindingState, IncidentId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::records::put;
use crate::situation::{Effects, Situation};

/// What is learned is written at most this often.
const REMEMBER_EVERY_MS: i64 = 60_000;
/// Reasons told of a place.
const REASONS: usize = 2;
/// Alerts of an incident that the correlator is told of after a restart: those that began within this time.
const RECENT_MS: i64 = 300_000;

/// What correlation learned, as a document.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CorrelationMemory {
    /// When it was written.
    pub at: Timestamp,
    /// What was learned.
    pub memory: Memory,
}

/// The correlator with what its numbers stand for.
pub(crate) struct Alerts {
    pub(crate) correlator: Correlator,
    findings: BTreeMap<AlertId, FindingId>,
    ids: BTreeMap<FindingId, AlertId>,
    groups: BTreeMap<GroupId, IncidentId>,
    remembered_at: Timestamp,
}

impl Alerts {
    pub(super) fn new(memory: Option<CorrelationMemory>) -> Self {
        let remembered_at = memory.as_ref().map_or(Timestamp::ZERO, |m| m.at);
        let correlator = match memory {
            Some(kept) => Correlator::with_memory(Settings::default(), kept.memory),
            None => Correlator::new(Settings::default()),
        };
        Self {
            correlator,
            findings: BTreeMap::new(),
            ids: BTreeMap::new(),
            groups: BTreeMap::new(),
            remembered_at,
        }
    }

    pub(super) fn id_of(&self, finding: &FindingId) -> Option<AlertId> {
        self.ids.get(finding).copied()
    }

    /// The group that stands for an incident, when one is open.
    pub(super) fn group_of(&self, incident: &IncidentId) -> Option<GroupId> {
        self.groups.iter().find(|(_, of)| *of == incident).map(|(group, _)| *group)
    }

    pub(super) fn bind(&mut self, group: GroupId, incident: IncidentId) {
        self.groups.insert(group, incident);
    }

    /// Forgets alerts whose findings are forgotten.
    pub(crate) fn keep(&mut self, known: impl Fn(&FindingId) -> bool) {
        self.ids.retain(|finding, _| known(finding));
        self.findings.retain(|_, finding| known(finding));
    }

    fn forget_group(&mut self, group: GroupId, members: &[AlertId]) {
        self.groups.remove(&group);
        for alert in members {
            if let Some(finding) = self.findings.remove(alert) {
                self.ids.remove(&finding);
            }
        }
    }
}

/// What speaks for a place, strongest first; what speaks against it only lost.
fn reason(why: &[Why]) -> String {
    let speaks: Vec<String> =
        why.iter().filter(|w| w.weight > 0.0).take(REASONS).map(ToString::to_string).collect();
    if speaks.is_empty() {
        return "alerts: begun while this incident was; one of its own would be less likely".to_owned();
    }
    format!("alerts: {}", speaks.join("; "))
}

impl Situation {
    /// Gives an alert to the correlator and does what it says.
    pub(super) fn weigh_alert(&mut self, finding: &Finding, topology: &Topology, effects: &mut Effects) {
        let alert = diagnose::alert(finding, &self.world(topology));
        let (id, told) = self.places.alerts.correlator.add(alert);
        self.places.alerts.findings.insert(id, finding.id.clone());
        self.places.alerts.ids.insert(finding.id.clone(), id);
        self.hear_correlator(told, effects);
    }

    /// Lets time pass for alerts that are still weighed.
    pub(crate) fn weigh_on(&mut self, effects: &mut Effects) {
        let told = self.places.alerts.correlator.advance(self.now.as_unix_ms());
        self.hear_correlator(told, effects);
    }

    fn hear_correlator(&mut self, told: Vec<Told>, effects: &mut Effects) {
        if told.is_empty() {
            return;
        }
        let mut topology = None;
        for one in told {
            match one {
                Told::Placed { alert, group, why, .. } => {
                    let topology = topology.get_or_insert_with(|| self.topology());
                    self.place_alert(alert, group, &why, topology, effects);
                }
                Told::Moved { alert, group, .. } => self.move_alert(alert, group, effects),
                Told::Closed { group, alerts } => {
                    self.places.alerts.forget_group(group, &alerts);
                    self.remember_correlation(effects);
                }
            }
        }
        self.recount();
    }

    fn place_alert(
        &mut self,
        alert: AlertId,
        group: GroupId,
        why: &[Why],
        topology: &Topology,
        effects: &mut Effects,
    ) {
        let Some(finding) =
            self.places.alerts.findings.get(&alert).and_then(|id| self.findings.get(id)).cloned()
        else {
            return;
        };
        // Over before it was weighed, or placed by a person meanwhile.
        if finding.state == FindingState::Cleared || self.belongs.contains_key(&finding.id) {
            return;
        }
        if let Some(incident) = self.incident_of(group) {
            self.join(&incident, &finding, reason(why));
            return;
        }
        let place = match self.by_structure(&finding, topology) {
            Grouping::Join { incident, why } => {
                self.join(&incident, &finding, why);
                Some(incident)
            }
            Grouping::Open { why } => self.open_for(&finding, why, topology, effects),
        };
        if let Some(incident) = place {
            self.places.alerts.bind(group, incident);
        }
    }

    /// Later evidence wants an alert elsewhere. Where something works on an incident, or a person took it, it stays.
    fn move_alert(&mut self, alert: AlertId, group: GroupId, effects: &mut Effects) {
        let Some(finding) = self.places.alerts.findings.get(&alert).cloned() else { return };
        let Some(from) = self.belongs.get(&finding).cloned() else { return };
        let untouched = |id: &IncidentId| {
            self.incidents.get(id).is_some_and(|o| {
                o.incident.is_open() && o.incident.runs.is_empty() && o.incident.acknowledged_at.is_none()
            })
        };
        let Some(to) = self.incident_of(group).filter(|to| *to != from) else { return };
        if untouched(&from) && untouched(&to) {
            let why = "alerts: looked at again, it fits this incident better";
            self.move_finding(&finding, &to, why, effects);
        }
    }

    fn incident_of(&self, group: GroupId) -> Option<IncidentId> {
        let id = self.places.alerts.groups.get(&group)?;
        self.incidents.get(id).filter(|o| o.incident.is_open()).map(|_| id.clone())
    }

    pub(super) fn remember_correlation(&mut self, effects: &mut Effects) {
        if self.now.since_ms(self.places.alerts.remembered_at) >= REMEMBER_EVERY_MS {
            self.places.alerts.remembered_at = self.now;
            let memory = self.places.alerts.correlator.memory();
            effects.ops.push(put(&CorrelationMemory { at: self.now, memory }));
        }
    }

    /// After a restart: alerts of incidents that are open are groups again.
    pub(crate) fn resume_alerts(&mut self) {
        let topology = self.topology();
        let since = self.now.plus_ms(-RECENT_MS);
        let open: Vec<IncidentId> = self.incidents.keys().cloned().collect();
        for id in open {
            let Some(incident) = self.incidents.get(&id) else { continue };
            let recent: Vec<Finding> = self
                .findings_of(incident)
                .filter(|f| f.kind == FindingKind::Alert && f.detected_at >= since)
                .cloned()
                .collect();
            if recent.is_empty() {
                continue;
            }
            let alerts = recent.iter().map(|f| diagnose::alert(f, &self.world(&topology))).collect();
            let (group, ids) = self.places.alerts.correlator.seed(alerts);
            self.places.alerts.bind(group, id);
            for (alert, finding) in ids.into_iter().zip(recent) {
                self.places.alerts.findings.insert(alert, finding.id.clone());
                self.places.alerts.ids.insert(finding.id, alert);
            }
        }
    }
}
