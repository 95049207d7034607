//! Stage "diagnose": incidents get ranked causes, and a life.

use std::collections::BTreeMap;

use diagnose::{Diagnosis, Input, PastIncident, Topology, Window, World};
use model::{
    Finding, FindingState, Impact, Incident, IncidentId, IncidentStatus, TimelineEntry, TimelineKind,
};
use serde_json::json;

use crate::command::{Asker, Refusal, Reply, refuse_acknowledge, refuse_resolve};
use crate::grouping::{QUIET_MS, QUIETER};
use crate::records::put;
use crate::situation::{Effects, Open, Situation};
use crate::windows::Measured;

/// A diagnosis is made anew at most this often.
const DIAGNOSE_EVERY_MS: i64 = 250;
/// Lines kept in a timeline; the first ones are kept, the newest ones replace each other.
const MAX_TIMELINE: usize = 500;

impl Situation {
    /// Takes findings in the order of detection; a finding known to be over stays over (replays repeat).
    pub(crate) fn take_findings(&mut self, findings: Vec<Finding>, effects: &mut Effects) {
        if findings.is_empty() {
            return;
        }
        // Made for the first finding that needs a place; most batches only move those that have one.
        let mut topology = None;
        for finding in findings {
            let known = self.findings.get(&finding.id);
            let stale = known.is_some_and(|k| {
                k.last_seen_at > finding.last_seen_at
                    || (k.state == FindingState::Cleared && finding.state == FindingState::Firing)
            });
            if stale {
                continue;
            }
            let finding = Finding { quieted: known.and_then(|k| k.quieted.clone()), ..finding };
            effects.ops.push(put(&finding));
            let cleared = finding.state == FindingState::Cleared;
            let id = finding.id.clone();
            let text = format!("{}: {}", finding.service, finding.summary);
            self.findings.insert(id.clone(), finding);
            match self.belongs.get(&id).cloned() {
                Some(incident) if cleared => {
                    self.note(
                        &incident,
                        TimelineKind::Finding,
                        format!("Cleared: {text}"),
                        Some(id.to_string()),
                    );
                }
                Some(_) => {}
                None if cleared => continue,
                None => {
                    let topology = topology.get_or_insert_with(|| self.topology());
                    self.place(&id, topology, effects);
                }
            }
            if let Some(open) = self.belongs.get(&id).and_then(|i| self.incidents.get_mut(i)) {
                open.stale = true;
            }
        }
        self.recount();
    }

    /// Opens an incident with its first finding.
    pub(crate) fn open_incident(
        &mut self,
        finding: &Finding,
        why: String,
        effects: &mut Effects,
    ) -> IncidentId {
        let id = IncidentId::derive(finding.detected_at, &["incident", finding.id.as_str()]);
        self.open_empty(id.clone(), finding, &why, effects);
        self.join(&id, finding, why);
        id
    }

    /// Opens an incident that a finding will be part of.
    pub(crate) fn open_empty(&mut self, id: IncidentId, finding: &Finding, why: &str, effects: &mut Effects) {
        let incident = Incident {
            id: id.clone(),
            title: finding.summary.clone(),
            status: IncidentStatus::Open,
            severity: finding.severity,
            impact: Impact::Low,
            services: vec![finding.service.clone()],
            findings: Vec::new(),
            firing: 0,
            grouping: Vec::new(),
            causes: Vec::new(),
            evidence: Vec::new(),
            conclusive: false,
            recommendations: Vec::new(),
            decisions: Vec::new(),
            runs: Vec::new(),
            started_at: finding.started_at,
            opened_at: self.now,
            acknowledged_at: None,
            resolved_at: None,
            resolution: None,
            needs_person: None,
            flapping_since: None,
            merged_into: None,
            priority: model::Priority::P4,
            timeline: Vec::new(),
            correlation_id: finding.correlation_id.clone(),
        };
        tracing::info!(incident.id = %id, service.name = finding.service, finding = finding.summary, "Opened incident.");
        let correlation = incident.correlation_id.clone();
        self.incidents.insert(id.clone(), Open::new(incident, self.now));
        self.note(&id, TimelineKind::Status, format!("Opened: {why}"), None);
        let details = json!({"service": finding.service, "finding": finding.id});
        self.audit_own("incident.opened", id.as_str(), details, Some(correlation), effects);
    }

    pub(crate) fn join(&mut self, incident: &IncidentId, finding: &Finding, why: String) {
        self.belongs.insert(finding.id.clone(), incident.clone());
        let text = format!("{}: {}", finding.service, finding.summary);
        self.note(incident, TimelineKind::Finding, text, Some(finding.id.to_string()));
        if let Some(open) = self.incidents.get_mut(incident) {
            open.incident.findings.push(finding.id.clone());
            open.incident.grouping.push(why);
            open.incident.started_at = open.incident.started_at.min(finding.started_at);
            open.stale = true;
            open.quiet_since = None;
        }
    }

    /// Ranks the causes of an incident again when something about it changed.
    pub(crate) fn rediagnose(&mut self, id: &IncidentId, _effects: &mut Effects) {
        let Some(open) = self.incidents.get(id) else { return };
        if !open.stale || self.now.since_ms(open.diagnosed_at) < DIAGNOSE_EVERY_MS {
            return;
        }
        // While a repair works, what it did would pass for a cause; the diagnosis it was made for stands.
        if self.run_of(id).is_some() || open.verified_at.is_some() {
            return;
        }
        let (topology, request_rates) = (self.topology(), self.usual_rates());
        let findings: Vec<&Finding> =
            open.incident.findings.iter().filter_map(|f| self.findings.get(f)).collect();
        let windows: Vec<Window<'_>> = open.measured.iter().map(Measured::window).collect();
        let input = Input {
            at: self.now,
            incident: id,
            findings,
            world: self.world(&topology),
            windows: &windows,
            symptoms: &[],
            past: self.past.as_slices().0,
            request_rates: &request_rates,
        };
        let diagnosis = diagnose::diagnose(&input);
        self.take_diagnosis(id, diagnosis);
    }

    fn take_diagnosis(&mut self, id: &IncidentId, diagnosis: Diagnosis) {
        let now = self.now;
        let Some(open) = self.incidents.get_mut(id) else { return };
        open.stale = false;
        open.diagnosed_at = now;
        let top = diagnosis.causes.first().map(|c| (c.service.clone(), c.class));
        let moved = top != open.top || diagnosis.conclusive != open.incident.conclusive;
        if moved {
            open.top.clone_from(&top);
            open.top_since = now;
        }
        // What was once true of a running repair stays on record: causes are not wiped when findings clear.
        let incident = &mut open.incident;
        if !diagnosis.causes.is_empty() || incident.causes.is_empty() {
            incident.causes = diagnosis.causes;
            incident.evidence = diagnosis.evidence;
            incident.conclusive = diagnosis.conclusive;
            incident.title = diagnosis.title;
            incident.services = diagnosis.services;
        }
        incident.severity = incident.severity.max(diagnosis.severity);
        incident.impact = incident.impact.max(diagnosis.impact);
        let text = incident.causes.first().map(|c| {
            let certain = if incident.conclusive { "" } else { " (inconclusive)" };
            format!("Most probable cause ({:.0} %){certain}: {}", c.probability * 100.0, c.title)
        });
        self.dirty.insert(id.clone());
        self.rank(id);
        if let (true, Some(text)) = (moved, text) {
            tracing::info!(incident.id = %id, diagnosis = text, "Diagnosed incident.");
            self.note(id, TimelineKind::Diagnosis, text, None);
        }
    }

    /// Ends an incident whose findings are all over and on which nothing works. True when it is over.
    pub(crate) fn settle(&mut self, id: &IncidentId, effects: &mut Effects) -> bool {
        let busy = self.run_of(id).is_some();
        let now = self.now;
        let mut quiet_ms = self.rules.patience.quiet_ms;
        let Some(open) = self.incidents.get_mut(id) else { return true };
        if open.incident.flapping_since.is_some() {
            quiet_ms = quiet_ms.saturating_mul(QUIETER).max(QUIET_MS);
        }
        if !open.incident.is_open() {
            return true;
        }
        if open.incident.firing > 0 || busy {
            open.quiet_since = None;
            return false;
        }
        let since = *open.quiet_since.get_or_insert(now);
        if now.since_ms(since) < quiet_ms {
            return false;
        }
        let how = match &open.fixed_by {
            Some(runbook) => format!("fixed by {runbook}, verified"),
            None if open.incident.runs.is_empty() => "cleared by itself".to_owned(),
            None => "cleared after the last run".to_owned(),
        };
        self.end(id, how, effects);
        true
    }

    pub(crate) fn end(&mut self, id: &IncidentId, how: String, effects: &mut Effects) {
        let now = self.now;
        let Some(open) = self.incidents.get_mut(id) else { return };
        open.incident.status = IncidentStatus::Resolved;
        open.incident.resolved_at = Some(now);
        open.incident.resolution = Some(how.clone());
        let incident = open.incident.clone();
        tracing::info!(incident.id = %id, resolution = how, duration_ms = now.since_ms(incident.opened_at), "Resolved incident.");
        self.note(id, TimelineKind::Status, format!("Resolved: {how}"), None);
        for decision in self.decisions.values_mut().filter(|d| d.incident == *id) {
            if matches!(decision.disposition, model::Disposition::Proposed | model::Disposition::Scheduled) {
                decision.disposition = model::Disposition::Superseded;
                effects.ops.push(put(decision));
            }
        }
        if let Some(cause) = incident.top_cause() {
            self.recent_incidents.push_back((incident.opened_at, cause.service.clone(), cause.class));
        }
        self.past.extend(past_with(&incident, |f| self.findings.get(f).map(|f| (f.service.clone(), f.kind))));
        self.past.make_contiguous();
        self.audit_own(
            "incident.resolved",
            id.as_str(),
            json!({"how": how}),
            Some(incident.correlation_id),
            effects,
        );
    }

    pub(crate) fn acknowledge(
        &mut self,
        id: &IncidentId,
        asker: &Asker,
        effects: &mut Effects,
    ) -> Result<Reply, Refusal> {
        let now = self.now;
        let open = self.incidents.get_mut(id).ok_or_else(|| not_open(id))?;
        if let Some(reason) = refuse_acknowledge(&open.incident) {
            return Err(Refusal::Conflict(reason));
        }
        open.incident.acknowledged_at = Some(now);
        open.incident.needs_person = None;
        if open.incident.status == IncidentStatus::Open {
            open.incident.status = IncidentStatus::Acknowledged;
        }
        self.note(id, TimelineKind::Person, format!("Acknowledged by {}", asker.name()), None);
        self.audit_asked(asker, "incident.acknowledged", id.as_str(), json!({}), effects);
        Ok(Reply::Done)
    }

    pub(crate) fn resolve_by_hand(
        &mut self,
        id: &IncidentId,
        note: &str,
        asker: &Asker,
        effects: &mut Effects,
    ) -> Result<Reply, Refusal> {
        let busy = self.run_of(id).is_some();
        let open = self.incidents.get(id).ok_or_else(|| not_open(id))?;
        if let Some(reason) = refuse_resolve(&open.incident, busy) {
            return Err(Refusal::Conflict(reason));
        }
        let note: String = note.chars().take(2_000).collect();
        self.audit_asked(asker, "incident.resolved_by_hand", id.as_str(), json!({"note": note}), effects);
        self.end(id, format!("resolved by {}: {note}", asker.name()), effects);
        Ok(Reply::Done)
    }

    /// Adds a line to an incident's timeline.
    pub(crate) fn note(
        &mut self,
        id: &IncidentId,
        kind: TimelineKind,
        text: String,
        subject: Option<String>,
    ) {
        let at = self.now;
        if let Some(open) = self.incidents.get_mut(id) {
            let timeline = &mut open.incident.timeline;
            if timeline.len() >= MAX_TIMELINE {
                timeline.pop();
            }
            timeline.push(TimelineEntry { at, kind, text, subject });
            self.dirty.insert(id.clone());
        }
    }

    pub(crate) fn recount(&mut self) {
        for (id, open) in &mut self.incidents {
            let firing = open
                .incident
                .findings
                .iter()
                .filter(|f| self.findings.get(f).is_some_and(|f| f.state == FindingState::Firing))
                .count();
            let firing = u32::try_from(firing).unwrap_or(u32::MAX);
            if firing != open.incident.firing {
                open.incident.firing = firing;
                self.dirty.insert(id.clone());
            }
        }
    }

    /// Who calls whom now, made ready for many questions.
    pub(crate) fn topology(&self) -> Topology {
        Topology::new(&self.observed, &self.services)
    }

    /// What the pure diagnosis looks at, borrowed.
    pub(crate) fn world<'a>(&'a self, topology: &'a Topology) -> World<'a> {
        World {
            topology,
            observed: &self.observed,
            services: &self.services,
            changes: self.changes.as_slices(),
            settings: &self.rules.diagnosis,
        }
    }

    /// Request rates of services that are not in trouble now, as the usual ones.
    fn usual_rates(&self) -> BTreeMap<&str, f64> {
        self.vitals
            .iter()
            .filter_map(|(service, v)| Some((service.as_str(), v.metrics.get("request_rate")?.0)))
            .collect()
    }
}

fn not_open(id: &IncidentId) -> Refusal {
    Refusal::NotFound(format!("there is no open incident {id}"))
}

/// What a stored incident teaches; none when its cause was never known.
pub(crate) fn past_of(incident: &Incident) -> Option<PastIncident> {
    past_with(incident, |_| None)
}

fn past_with(
    incident: &Incident,
    kind_of: impl Fn(&model::FindingId) -> Option<(String, model::FindingKind)>,
) -> Option<PastIncident> {
    let cause = incident.top_cause()?;
    let kinds = incident
        .findings
        .iter()
        .filter_map(kind_of)
        .filter(|(service, _)| *service == cause.service)
        .map(|(_, kind)| kind)
        .collect();
    Some(PastIncident {
        incident: incident.id.clone(),
        service: cause.service.clone(),
        class: cause.class,
        kinds,
        fixed_by: incident.resolution.clone().unwrap_or_default(),
        held: incident.resolution.as_deref().is_some_and(|r| r.ends_with("verified")),
    })
}
