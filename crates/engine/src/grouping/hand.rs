//! What people do to groups: merge, split, move. It holds at once, and it is learned for the next time.

use model::{FindingId, Incident, IncidentId, IncidentStatus, TimelineKind};
use serde_json::json;

use crate::command::{Asker, Refusal, Reply};
use crate::situation::{Effects, Situation};

/// Findings that one request may name.
const MAX_NAMED: usize = 1_000;
/// Findings of each side that one correction teaches about: those nearest in time.
const MAX_ABOUT: usize = 8;

/// A correction of what belongs together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Regroup {
    /// Two incidents are one.
    Merge {
        /// The one that is over afterwards.
        from: IncidentId,
        /// The one that goes on.
        into: IncidentId,
    },
    /// Some findings are an incident of their own.
    Split {
        /// Where they are.
        incident: IncidentId,
        /// Which.
        findings: Vec<FindingId>,
    },
    /// Some findings belong to another incident.
    Move {
        /// Which; they may come from several incidents, or from none.
        findings: Vec<FindingId>,
        /// Where they belong.
        to: IncidentId,
    },
}

/// Why people cannot change what belongs to an incident.
#[must_use]
pub(crate) fn refuse_regroup(incident: &Incident) -> Option<String> {
    match incident.status {
        IncidentStatus::Resolved => Some("it is over".to_owned()),
        IncidentStatus::Mitigating | IncidentStatus::Verifying => {
            Some("a run works on it; wait until it ends, or cancel it".to_owned())
        }
        IncidentStatus::Open | IncidentStatus::Acknowledged => None,
    }
}

impl Situation {
    pub(crate) fn regroup(
        &mut self,
        request: Regroup,
        asker: &Asker,
        effects: &mut Effects,
    ) -> Result<Reply, Refusal> {
        match request {
            Regroup::Merge { from, into } => {
                if from == into {
                    return Err(Refusal::Invalid("an incident cannot be merged into itself".to_owned()));
                }
                let findings = self.regroupable(&from)?.incident.findings.clone();
                self.open_to(&into)?;
                self.audit_asked(asker, "incident.merged", from.as_str(), json!({"into": into}), effects);
                self.move_by_hand(&findings, &into, asker, effects);
                self.end_merged(&from, &into, effects);
                Ok(Reply::Incident(into))
            }
            Regroup::Split { incident, findings } => {
                let all = &self.regroupable(&incident)?.incident.findings;
                let findings: Vec<FindingId> = all.iter().filter(|f| findings.contains(f)).cloned().collect();
                if findings.is_empty() || findings.len() == all.len() {
                    return Err(Refusal::Invalid(
                        "name some findings of the incident, and not all of them".to_owned(),
                    ));
                }
                let Some(first) = findings.first().and_then(|id| self.findings.get(id)).cloned() else {
                    return Err(Refusal::Conflict("the finding is not in memory any more".to_owned()));
                };
                let why = format!("split from another incident by {}", asker.name());
                let new = IncidentId::derive(self.now, &["split", first.id.as_str()]);
                self.open_empty(new.clone(), &first, &why, effects);
                self.audit_asked(
                    asker,
                    "incident.split",
                    incident.as_str(),
                    json!({"into": new, "findings": findings}),
                    effects,
                );
                self.move_by_hand(&findings, &new, asker, effects);
                Ok(Reply::Incident(new))
            }
            Regroup::Move { findings, to } => {
                if findings.is_empty() || findings.len() > MAX_NAMED {
                    return Err(Refusal::Invalid(format!("name 1 to {MAX_NAMED} findings")));
                }
                self.open_to(&to)?;
                for finding in &findings {
                    if !self.findings.contains_key(finding) {
                        return Err(Refusal::NotFound(format!("there is no recent finding {finding}")));
                    }
                    if let Some(from) = self.belongs.get(finding).filter(|from| **from != to) {
                        self.regroupable(from)?;
                    }
                }
                let details = json!({"findings": findings});
                self.audit_asked(asker, "findings.moved", to.as_str(), details, effects);
                self.move_by_hand(&findings, &to, asker, effects);
                Ok(Reply::Incident(to))
            }
        }
    }

    fn regroupable(&self, id: &IncidentId) -> Result<&crate::situation::Open, Refusal> {
        let open = self.incidents.get(id);
        let open = open.ok_or_else(|| Refusal::NotFound(format!("there is no open incident {id}")))?;
        match refuse_regroup(&open.incident) {
            Some(reason) => Err(Refusal::Conflict(format!("incident {id}: {reason}"))),
            None => Ok(open),
        }
    }

    fn open_to(&self, id: &IncidentId) -> Result<(), Refusal> {
        match self.incidents.get(id) {
            Some(open) if open.incident.is_open() => Ok(()),
            _ => Err(Refusal::NotFound(format!("there is no open incident {id}"))),
        }
    }

    fn move_by_hand(
        &mut self,
        findings: &[FindingId],
        to: &IncidentId,
        asker: &Asker,
        effects: &mut Effects,
    ) {
        for finding in findings {
            let from = self.belongs.get(finding).cloned();
            if from.as_ref() == Some(to) {
                continue;
            }
            self.learn_place(finding, from.as_ref(), findings, false);
            self.learn_place(finding, Some(to), findings, true);
        }
        // Those that the correlator still weighs must not be moved back by it.
        let alerts: Vec<_> = findings.iter().filter_map(|f| self.places.alerts.id_of(f)).collect();
        if !alerts.is_empty() {
            match self.places.alerts.group_of(to) {
                Some(group) => drop(self.places.alerts.correlator.move_alerts(&alerts, group)),
                None => {
                    let (group, _) = self.places.alerts.correlator.split_group(&alerts);
                    self.places.alerts.bind(group, to.clone());
                }
            }
        }
        let why = format!("put here by {}", asker.name());
        for finding in findings {
            self.move_finding(finding, to, &why, effects);
        }
        self.remember_correlation(effects);
    }

    /// Teaches that a finding belongs, or does not belong, with those of an incident that are not moved with it.
    fn learn_place(
        &mut self,
        finding: &FindingId,
        with: Option<&IncidentId>,
        moved: &[FindingId],
        together: bool,
    ) {
        let (Some(finding), Some(open)) =
            (self.findings.get(finding), with.and_then(|id| self.incidents.get(id)))
        else {
            return;
        };
        let mut others: Vec<_> = self
            .findings_of(open)
            .filter(|other| other.id != finding.id && !moved.contains(&other.id))
            .map(|other| {
                let apart = other.started_at.since_ms(finding.started_at).abs();
                (apart, diagnose::fingerprint(other))
            })
            .collect();
        others.sort_unstable();
        others.dedup_by_key(|(_, fingerprint)| *fingerprint);
        let mine = diagnose::fingerprint(finding);
        for (_, theirs) in others.into_iter().take(MAX_ABOUT) {
            self.places.alerts.correlator.teach(mine, theirs, together);
        }
    }

    /// Puts a finding into another incident. The one that it leaves is over when nothing is left of it.
    pub(super) fn move_finding(
        &mut self,
        finding: &FindingId,
        to: &IncidentId,
        why: &str,
        effects: &mut Effects,
    ) {
        let Some(finding) = self.findings.get(finding).cloned() else { return };
        let from = self.belongs.get(&finding.id).filter(|from| *from != to).cloned();
        if let Some(open) = from.as_ref().and_then(|from| self.incidents.get_mut(from)) {
            if let Some(at) = open.incident.findings.iter().position(|f| *f == finding.id) {
                open.incident.findings.remove(at);
                if at < open.incident.grouping.len() {
                    open.incident.grouping.remove(at);
                }
            }
            open.stale = true;
        }
        if self.belongs.get(&finding.id) != Some(to) {
            self.join(to, &finding, why.to_owned());
        }
        if let Some(from) = from {
            let text = format!("Moved to incident {to}: {}: {}", finding.service, finding.summary);
            self.note(&from, TimelineKind::Finding, text, Some(finding.id.to_string()));
            if self.incidents.get(&from).is_some_and(|o| o.incident.findings.is_empty()) {
                self.end_merged(&from, to, effects);
            }
        }
        self.recount();
    }

    fn end_merged(&mut self, from: &IncidentId, into: &IncidentId, effects: &mut Effects) {
        let Some(open) = self.incidents.get_mut(from).filter(|o| o.incident.is_open()) else { return };
        open.incident.merged_into = Some(into.clone());
        self.end(from, format!("part of incident {into}"), effects);
    }
}
