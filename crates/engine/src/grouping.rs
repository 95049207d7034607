//! Stage "group": where a finding belongs, and why.
//!
//! Asked in this order, the first answer holds: what silences it (`quiet`), what people's rules put together, what people
//! put together before by hand, a repair that works on its service, the structure of calls and changes
//! (`diagnose::group`). Alerts of other systems, of which less is known, go through `diagnose::correlate`, which weighs
//! them for a moment and may look again; only what it cannot place is asked of the structure.

mod alerts;
mod flap;
mod hand;
mod quiet;
mod rehearse;

use std::collections::VecDeque;

use decide::triage::{About, Subject, Triage};
use diagnose::{Grouping, OpenIncident, Topology};
use model::{
    Finding, FindingId, FindingKind, FindingState, IncidentId, Severity, Tier, TimelineKind, Timestamp,
};

use self::alerts::Alerts;
pub use self::alerts::CorrelationMemory;
use self::flap::Flaps;
pub(crate) use self::flap::{QUIET_MS, QUIETER};
pub use self::hand::Regroup;
pub(crate) use self::hand::refuse_regroup;
use self::quiet::Quiet;
pub use self::quiet::{MAX_SILENCES, Silence, refuse_end};
pub use self::rehearse::{Placed, Rehearsal, rehearse};
use crate::situation::{Effects, Open, Situation};

/// Detectors estimate a start to about this.
const REPAIR_SLACK_MS: i64 = 2_000;
/// So many incidents opened within a minute are a storm: more are taken together until it calms.
const STORM: usize = 50;
const STORM_MS: i64 = 60_000;
/// Findings of an incident that a newcomer is compared with for what people did before.
const MAX_COMPARED: usize = 64;

/// What grouping remembers between findings.
pub(crate) struct Places {
    pub(crate) alerts: Alerts,
    pub(crate) flaps: Flaps,
    pub(crate) quiet: Quiet,
    /// When incidents were opened lately.
    opened: VecDeque<(Timestamp, IncidentId)>,
}

impl Places {
    pub(crate) fn new(memory: Option<CorrelationMemory>, silences: Vec<Silence>) -> Self {
        Self {
            alerts: Alerts::new(memory),
            flaps: Flaps::default(),
            quiet: Quiet::new(silences),
            opened: VecDeque::new(),
        }
    }
}

impl Situation {
    /// Puts a new finding into an incident, or opens one for it. Findings of low severity never open one, nor do those
    /// that are silenced: they wait until something comes that they belong to.
    pub(crate) fn place(&mut self, id: &FindingId, topology: &Topology, effects: &mut Effects) {
        let Some(finding) = self.findings.get(id).cloned() else { return };
        self.places.flaps.fired(&finding, self.now);
        let quieted = self.quieted(&finding);
        if let Some(reason) = &quieted {
            self.set_quieted(id, Some(reason.clone()), effects);
        }
        if let Some((incident, why)) = self.known_place(&finding, topology) {
            self.join(&incident, &finding, why);
            return;
        }
        if finding.kind == FindingKind::Alert && quieted.is_none() {
            self.weigh_alert(&finding, topology, effects);
            return;
        }
        match self.by_structure(&finding, topology) {
            Grouping::Join { incident, why } => self.join(&incident, &finding, why),
            Grouping::Open { why } => drop(self.open_for(&finding, why, topology, effects)),
        }
    }

    /// Where rules, people and repairs want a finding.
    fn known_place(&self, finding: &Finding, topology: &Topology) -> Option<(IncidentId, String)> {
        self.by_rule(finding)
            .or_else(|| self.by_hand(finding))
            .or_else(|| self.consequence(finding, topology))
    }

    /// What the structure of calls and changes says, leaving out incidents that people keep it apart from.
    pub(crate) fn by_structure(&self, finding: &Finding, topology: &Topology) -> Grouping {
        let open: Vec<OpenIncident<'_>> = self
            .incidents
            .values()
            .filter(|o| o.incident.is_open() && self.kept_apart(finding, o).is_none())
            .map(|o| OpenIncident { id: &o.incident.id, findings: self.findings_of(o).collect() })
            .collect();
        diagnose::group(finding, &open, &self.world(topology))
    }

    /// Opens an incident for a finding, unless it may not open one. During a storm it goes to the first of the storm.
    pub(crate) fn open_for(
        &mut self,
        finding: &Finding,
        why: String,
        topology: &Topology,
        effects: &mut Effects,
    ) -> Option<IncidentId> {
        let quieted = self.findings.get(&finding.id).is_some_and(|f| f.quieted.is_some());
        if finding.severity == Severity::Low || quieted {
            return None;
        }
        if let Some(incident) = self.storm() {
            let why =
                format!("more than {STORM} incidents opened within a minute; taken together until it calms");
            self.join(&incident, finding, why);
            return Some(incident);
        }
        let incident = self.open_incident(finding, why, effects);
        self.places.opened.push_back((self.now, incident.clone()));
        if self.places.flaps.is_flapping(finding, self.now) {
            self.note_flapping(&incident);
        }
        self.adopt_waiting(&incident, topology);
        Some(incident)
    }

    /// The incident that takes what a storm brings: the newest that opened before it began, while it lasts.
    fn storm(&mut self) -> Option<IncidentId> {
        let old = self.now.plus_ms(-STORM_MS);
        while self.places.opened.front().is_some_and(|(at, _)| *at < old) {
            self.places.opened.pop_front();
        }
        if self.places.opened.len() < STORM {
            return None;
        }
        let open = |id: &IncidentId| self.incidents.get(id).is_some_and(|o| o.incident.is_open());
        self.places.opened.iter().rev().map(|(_, id)| id).find(|id| open(id)).cloned()
    }

    /// What a rule of people puts together: the newest incident with a finding that the rule means too.
    fn by_rule(&self, finding: &Finding) -> Option<(IncidentId, String)> {
        let triage = &self.rules.triage;
        let one = self.subject(finding);
        let group = triage.placing(one, self.now).group?;
        let mut found: Option<(Timestamp, &Open)> = None;
        for open in self.incidents.values().filter(|o| o.incident.is_open()) {
            let member = self.findings_of(open).find(|other| {
                let apart = finding.started_at.since_ms(other.last_seen_at);
                (apart <= group.within_ms || other.state == FindingState::Firing)
                    && group.joins(triage, one, self.subject(other), self.now)
            });
            let started = open.incident.started_at;
            if member.is_some() && found.is_none_or(|(at, _)| started > at) {
                found = Some((started, open));
            }
        }
        let (_, open) = found?;
        Some((open.incident.id.clone(), format!("rule {}: {}", group.rule.name, group.rule.why)))
    }

    /// Why a finding may not join an incident: a rule keeps it apart, or people took such findings out of it.
    fn kept_apart(&self, finding: &Finding, open: &Open) -> Option<String> {
        let one = self.subject(finding);
        let placing = self.rules.triage.placing(one, self.now);
        for rule in placing.separate {
            let same = |other: &Finding| rule.joins(&self.rules.triage, one, self.subject(other), self.now);
            if !self.findings_of(open).any(same) {
                return Some(format!("rule {}: {}", rule.rule.name, rule.rule.why));
            }
        }
        (self.tie(finding, open) < 0).then(|| "people took such findings apart".to_owned())
    }

    /// Where people put such findings before.
    fn by_hand(&self, finding: &Finding) -> Option<(IncidentId, String)> {
        let open = self.incidents.values().filter(|o| o.incident.is_open());
        let (tie, open) = open.map(|o| (self.tie(finding, o), o)).max_by_key(|(tie, _)| *tie)?;
        let times = if tie == 1 { "once".to_owned() } else { format!("{tie} times") };
        (tie > 0).then(|| (open.incident.id.clone(), format!("people put such findings together {times}")))
    }

    /// The strongest word of people on a finding and those of an incident, each way.
    fn tie(&self, finding: &Finding, open: &Open) -> i32 {
        let correlator = &self.places.alerts.correlator;
        let mine = diagnose::fingerprint(finding);
        let ties = self
            .findings_of(open)
            .take(MAX_COMPARED)
            .map(|other| correlator.tie(mine, diagnose::fingerprint(other)));
        let (most, least) = ties.fold((0, 0), |(most, least), tie| (tie.max(most), tie.min(least)));
        most + least
    }

    /// Whether a finding began while a repair worked on its service, or on one that it calls: then it is a
    /// consequence of the repair and belongs to its incident.
    fn consequence(&self, finding: &Finding, topology: &Topology) -> Option<(IncidentId, String)> {
        let repaired = |open: &Open| {
            let run = open.incident.recommendations.last().filter(|_| !open.incident.runs.is_empty())?;
            let working = self.run_of(&open.incident.id).is_some()
                || open.verified_at.is_some_and(|at| finding.started_at <= at);
            let began = open.incident.timeline.iter().rev().find(|t| t.kind == TimelineKind::Run)?.at;
            let after = finding.started_at >= began.plus_ms(-REPAIR_SLACK_MS);
            (working && after && topology.reaches(&finding.service, &run.service))
                .then(|| run.service.clone())
        };
        self.incidents.values().find_map(|open| {
            let service = repaired(open)?;
            Some((open.incident.id.clone(), format!("began while the repair of {service} was under way")))
        })
    }

    /// Findings that fire and belong nowhere may belong to the new incident.
    fn adopt_waiting(&mut self, incident: &IncidentId, topology: &Topology) {
        let waiting: Vec<Finding> = self
            .findings
            .values()
            .filter(|f| f.state == FindingState::Firing && !self.belongs.contains_key(&f.id))
            .cloned()
            .collect();
        for finding in waiting {
            let Some(open) = self.incidents.get(incident) else { return };
            if self.kept_apart(&finding, open).is_some() {
                continue;
            }
            let one = [OpenIncident { id: incident, findings: self.findings_of(open).collect() }];
            if let Grouping::Join { why, .. } = diagnose::group(&finding, &one, &self.world(topology)) {
                self.join(incident, &finding, why);
            }
        }
    }

    pub(crate) fn findings_of<'a>(&'a self, open: &'a Open) -> impl Iterator<Item = &'a Finding> + Clone {
        open.incident.findings.iter().filter_map(|id| self.findings.get(id))
    }

    /// A finding with what is known of its service.
    pub(crate) fn subject<'a>(&'a self, finding: &'a Finding) -> Subject<'a> {
        let service = self.services.get(&finding.service);
        Subject {
            finding,
            tier: service.map_or(Tier::Standard, |s| s.tier),
            owner: service.and_then(|s| s.owner.as_deref()).unwrap_or_default(),
        }
    }

    /// Works out how urgent an incident is.
    pub(crate) fn rank(&mut self, id: &IncidentId) {
        let Some(open) = self.incidents.get(id) else { return };
        let incident = &open.incident;
        let name = incident.top_cause().map(|c| &c.service).or_else(|| incident.services.first());
        let service = name.and_then(|name| self.services.get(name));
        let about = About {
            service: name.map_or("", String::as_str),
            tier: service.map_or(Tier::Standard, |s| s.tier),
            owner: service.and_then(|s| s.owner.as_deref()).unwrap_or_default(),
            severity: incident.severity,
            impact: incident.impact,
            affected_services: incident.services.len(),
        };
        let priority = self.rules.triage.priority(about);
        if priority != incident.priority
            && let Some(open) = self.incidents.get_mut(id)
        {
            open.incident.priority = priority;
            self.dirty.insert(id.clone());
        }
    }

    /// The rules in force.
    #[must_use]
    pub fn triage(&self) -> &Triage {
        &self.rules.triage
    }
}
