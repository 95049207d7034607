//! Stage "decide": for a diagnosed incident, what to do about it and who may say so.

use std::collections::BTreeSet;

use decide::{Facts, HistoryPrior, Parts};
use model::{
    AutonomyGrant, BlastRadius, Cause, Decision, DecisionId, Disposition, FailureClass, Incident, IncidentId,
    IncidentStatus, OutcomeKind, Recommendation, RecommendationId, Run, RunStatus, Tier, TimelineKind,
};
use serde_json::json;

use crate::command::{Asker, Refusal, Reply, refuse_answer};
use crate::learn::Lesson;
use crate::records::{Grants, StopSwitch, name_of, put};
use crate::situation::{Effects, Situation};

impl Situation {
    /// Decides about an incident when it is time to.
    pub(crate) fn decide_if_due(&mut self, id: &IncidentId, effects: &mut Effects) {
        self.start_scheduled(id, effects);
        let Some(open) = self.incidents.get(id) else { return };
        if self.run_of(id).is_some() || self.waits(&open.incident) || open.incident.firing == 0 {
            return;
        }
        if let Some(at) = open.verified_at {
            // Its findings may linger for a while after a verified fix; if they stay, it did not fix all.
            if self.now.since_ms(at) >= self.rules.patience.linger_ms
                && let Some(open) = self.incidents.get_mut(id)
            {
                open.doubt(self.now);
            }
            return;
        }
        let age_ms = self.now.since_ms(open.incident.opened_at);
        let settled_ms = self.now.since_ms(open.top_since);
        let patience = &self.rules.patience;
        let clear = open.incident.conclusive && settled_ms >= patience.settle_ms;
        let given_up = age_ms >= patience.inconclusive_ms && settled_ms >= patience.settle_ms;
        if (clear || given_up) && open.diagnosed_at > model::Timestamp::ZERO {
            self.decide(id, effects);
        }
    }

    /// Whether the newest decision about an incident still stands: it waits for a person or for a window,
    /// or a person was called and nothing about the cause changed since.
    fn waits(&self, incident: &Incident) -> bool {
        let Some(newest) = incident.decisions.last().and_then(|d| self.decisions.get(d)) else {
            return false;
        };
        let retry_at = self.incidents.get(&incident.id).and_then(|o| o.retry_at);
        if newest.disposition == Disposition::Escalated && retry_at.is_some_and(|at| self.now >= at) {
            return false;
        }
        match newest.disposition {
            Disposition::Proposed | Disposition::Scheduled => true,
            Disposition::Escalated | Disposition::Noted | Disposition::Rejected => {
                let about = newest.facts.get("service").zip(newest.facts.get("class"));
                let top = incident.top_cause().map(|c| (json!(c.service), json!(c.class)));
                about.zip(top.as_ref()).is_none_or(|((s, c), (service, class))| s == service && c == class)
            }
            Disposition::Started | Disposition::Approved | Disposition::Superseded => false,
        }
    }

    /// Whether a person was called only because of guards that time clears.
    pub(crate) fn waits_for_time(&self, incident: &Incident) -> bool {
        let Some(newest) = incident.decisions.last().and_then(|d| self.decisions.get(d)) else {
            return false;
        };
        let clears = |name: &str| {
            self.rules.policy.guards().iter().any(|g| g.name == name && g.clears_after_s.is_some())
        };
        let mut fired = newest.guards.iter().filter(|g| g.fired).peekable();
        newest.disposition == Disposition::Escalated
            && fired.peek().is_some()
            && fired.all(|g| clears(&g.name))
    }

    fn deploys(&self, action: &str) -> bool {
        self.rules.actions.get(action).is_some_and(|spec| spec.deploys)
    }

    fn decide(&mut self, id: &IncidentId, effects: &mut Effects) {
        let Some(open) = self.incidents.get(id) else { return };
        let incident = open.incident.clone();
        let cause = incident.top_cause().cloned();
        let proposal = cause.as_ref().and_then(|c| self.propose(&incident, c));
        let (recommendation, prior) = match proposal {
            Some((recommendation, prior)) => (Some(recommendation), prior),
            None => (None, self.rules.policy.tuning().history_prior),
        };
        let (facts, confidence) = self.facts(&incident, cause.as_ref(), recommendation.as_ref(), prior);
        let ruling = decide::decide(&self.rules.policy, &facts, &self.grants.items);
        let recommendation = recommendation.map(|mut r| {
            r.confidence = confidence.calibrated;
            r
        });
        let number = incident.decisions.len().to_string();
        let decision = Decision {
            id: DecisionId::derive(self.now, &[id.as_str(), &number]),
            incident: id.clone(),
            recommendation: recommendation.as_ref().map(|r| r.id.clone()),
            at: self.now,
            verdict: ruling.verdict,
            summary: ruling.summary,
            confidence,
            guards: ruling.guards,
            rules: ruling.rules,
            autonomy: ruling.autonomy,
            autonomy_reason: ruling.autonomy_reason,
            facts: ruling.facts,
            policy_version: ruling.policy_version,
            disposition: ruling.disposition,
            decided_by: None,
            run: None,
            correlation_id: incident.correlation_id.clone(),
        };
        if let Some(open) = self.incidents.get_mut(id) {
            open.retry_at = ruling.retry_after_s.map(|s| self.now.plus_ms((s * 1_000.0) as i64));
        }
        self.record_decision(&incident, decision, recommendation, effects);
    }

    fn record_decision(
        &mut self,
        incident: &Incident,
        mut decision: Decision,
        recommendation: Option<Recommendation>,
        effects: &mut Effects,
    ) {
        let id = &incident.id;
        let title =
            recommendation.as_ref().map_or_else(|| "nothing to propose".to_owned(), |r| r.title.clone());
        let text = format!("{title}. {}", decision.summary);
        tracing::info!(
            incident.id = %id, decision.id = %decision.id, verdict = name_of(&decision.verdict),
            disposition = name_of(&decision.disposition), confidence = decision.confidence.calibrated, reason = decision.summary,
            "Decided."
        );
        let details = json!({
            "incident": id, "verdict": decision.verdict, "disposition": decision.disposition,
            "confidence": decision.confidence.calibrated, "policy_version": decision.policy_version,
        });
        let subject = decision.id.to_string();
        self.audit_own("decision.made", &subject, details, Some(incident.correlation_id.clone()), effects);
        self.note(id, TimelineKind::Decision, text, Some(subject));
        let needs = match decision.disposition {
            Disposition::Proposed => Some(format!("approve or reject: {title}")),
            Disposition::Escalated => Some(decision.summary.clone()),
            _ => None,
        };
        if let Some(open) = self.incidents.get_mut(id) {
            open.incident.needs_person = needs;
            open.incident.decisions.push(decision.id.clone());
            if let Some(recommendation) = &recommendation {
                open.incident.recommendations.push(recommendation.clone());
            }
            self.dirty.insert(id.clone());
        }
        if decision.disposition == Disposition::Started
            && let Some(recommendation) = &recommendation
        {
            decision.run = self.start_for(incident, &decision, recommendation, effects);
            if decision.run.is_none() {
                decision.disposition = Disposition::Escalated;
            }
        }
        effects.ops.push(put(&decision));
        self.decisions.insert(decision.id.clone(), decision);
    }

    /// The next runbook for a cause: the first in the order of the runbooks that has not failed here.
    fn propose(&self, incident: &Incident, cause: &Cause) -> Option<(Recommendation, HistoryPrior)> {
        let open = self.incidents.get(&incident.id)?;
        let failed: Vec<&str> =
            open.tried.iter().filter(|(class, _)| *class == cause.class).map(|(_, r)| r.as_str()).collect();
        let runbook = self
            .rules
            .runbooks
            .for_class(cause.class, &failed)
            .into_iter()
            .find(|r| !failed.contains(&r.name.as_str()))?;
        let specs: Vec<_> = runbook.actions.iter().filter_map(|a| self.rules.actions.get(a)).collect();
        let number = incident.decisions.len().to_string();
        let input = json!({
            "service": cause.service,
            "instance": cause.instance,
            "incident": incident.id,
            "class": cause.class,
            "change": cause.change,
            "verify_s": self.rules.patience.verify_s,
        });
        let reason = if failed.is_empty() {
            format!("first choice for {} in the runbooks", cause.class.as_str())
        } else {
            format!("next choice for {}, because {} did not hold", cause.class.as_str(), failed.join(" and "))
        };
        let recommendation = Recommendation {
            id: RecommendationId::derive(self.now, &[incident.id.as_str(), &number]),
            cause: cause.id.clone(),
            class: cause.class,
            service: cause.service.clone(),
            runbook: runbook.name.clone(),
            title: format!("{} ({})", runbook.title, cause.service),
            reason,
            actions: runbook.actions.clone(),
            input,
            blast_radius: specs.iter().map(|s| s.blast_radius).max().unwrap_or(BlastRadius::Service),
            deploys: specs.iter().any(|s| s.deploys),
            confidence: 0.0,
        };
        Some((recommendation, runbook.prior))
    }

    fn facts(
        &self,
        incident: &Incident,
        cause: Option<&Cause>,
        recommendation: Option<&Recommendation>,
        prior: HistoryPrior,
    ) -> (Facts, model::ConfidenceReport) {
        let class = cause.map_or(FailureClass::Unknown, |c| c.class);
        let service = cause.map(|c| c.service.clone()).unwrap_or_default();
        let track = recommendation.and_then(|r| self.tracks.get(&(r.class, r.runbook.clone())));
        let affected = u32::try_from(incident.services.len()).unwrap_or(u32::MAX).max(1);
        let parts = Parts {
            analysis: cause.map_or(0.0, |c| c.probability),
            history: decide::history(track, prior),
            history_count: track.map_or(0, |t| t.held + t.failed),
            affected_services: affected,
            impact: incident.impact,
        };
        let confidence = decide::confidence(&parts, &self.calibration);
        let actions = recommendation.map(|r| r.actions.clone()).unwrap_or_default();
        let last = self
            .acted
            .iter()
            .filter(|a| a.service == service && actions.contains(&a.action))
            .map(|a| a.at)
            .max();
        let flap_since = self.now.plus_ms(-(self.rules.policy.tuning().flap_window_s * 1_000.0) as i64);
        let flaps = self
            .recent_incidents
            .iter()
            .filter(|(at, s, c)| *at >= flap_since && *s == service && *c == class)
            .count();
        let calendar = &self.rules.calendar;
        let repeated = recommendation.is_some_and(|r| {
            self.incidents.get(&incident.id).is_some_and(|o| o.tried.contains(&(r.class, r.runbook.clone())))
        });
        let facts = Facts {
            confidence: confidence.calibrated,
            raw_confidence: confidence.raw,
            history_count: parts.history_count,
            conclusive: incident.conclusive,
            severity: incident.severity,
            impact: incident.impact,
            tier: self.services.get(&service).map_or(Tier::Standard, |s| s.tier),
            class,
            affected_services: affected,
            runbook: recommendation.map(|r| r.runbook.clone()).unwrap_or_default(),
            actions,
            blast_radius: recommendation.map_or(BlastRadius::Instance, |r| r.blast_radius),
            deploys: recommendation.is_some_and(|r| r.deploys),
            seconds_since_last_action: last.map(|at| self.now.since_ms(at) as f64 / 1_000.0),
            deploys_last_hour: count(self.acted.iter().filter(|a| self.deploys(&a.action))),
            running_actions: count(self.runs.iter()),
            failed_runs_in_a_row: track.map_or(0, |t| t.consecutive_failures),
            flaps: u32::try_from(flaps).unwrap_or(u32::MAX),
            repeated,
            business_hours: calendar.is_business_hours(self.now),
            frozen: calendar.is_frozen(self.now),
            maintenance_window: calendar.is_maintenance(self.now),
            stop_switch: self.stop.engaged,
            service,
        };
        (facts, confidence)
    }

    /// Starts what waited for a maintenance window, once one is open and nothing forbids it.
    fn start_scheduled(&mut self, id: &IncidentId, effects: &mut Effects) {
        let scheduled = self
            .decisions
            .values()
            .find(|d| d.incident == *id && d.disposition == Disposition::Scheduled)
            .map(|d| d.id.clone());
        let Some(decision) = scheduled else { return };
        let calendar = &self.rules.calendar;
        if calendar.is_maintenance(self.now) && !calendar.is_frozen(self.now) && !self.stop.engaged {
            // A run that cannot start leaves the decision as it is; the next tick tries again.
            let _ = self.carry_out(&decision, Disposition::Started, "maintenance window", effects);
        }
    }

    fn carry_out(
        &mut self,
        id: &DecisionId,
        disposition: Disposition,
        by: &str,
        effects: &mut Effects,
    ) -> Result<(), Refusal> {
        let mut decision = self.decisions.get(id).cloned().ok_or_else(|| unknown(id))?;
        let open = self.incidents.get(&decision.incident).ok_or_else(|| unknown(id))?;
        let incident = open.incident.clone();
        let recommendation = incident
            .recommendations
            .iter()
            .find(|r| Some(&r.id) == decision.recommendation.as_ref())
            .ok_or_else(|| Refusal::Conflict("the decision proposes nothing".into()))?;
        if self.run_of(&incident.id).is_some() {
            return Err(Refusal::Conflict("a run works on this incident already".into()));
        }
        let run = self.start_for(&incident, &decision, recommendation, effects).ok_or_else(|| {
            Refusal::Conflict("the run could not be started; see the incident's timeline".into())
        })?;
        decision.run = Some(run);
        decision.disposition = disposition;
        decision.decided_by = Some(by.to_owned());
        effects.ops.push(put(&decision));
        self.decisions.insert(id.clone(), decision);
        if let Some(open) = self.incidents.get_mut(&incident.id) {
            open.incident.needs_person = None;
            self.dirty.insert(incident.id.clone());
        }
        Ok(())
    }

    pub(crate) fn approve(
        &mut self,
        id: &DecisionId,
        asker: &Asker,
        effects: &mut Effects,
    ) -> Result<Reply, Refusal> {
        let decision = self.decisions.get(id).ok_or_else(|| unknown(id))?;
        if let Some(reason) = refuse_answer(decision) {
            return Err(Refusal::Conflict(reason));
        }
        let incident = decision.incident.clone();
        self.carry_out(id, Disposition::Approved, asker.name(), effects)?;
        self.note(
            &incident,
            TimelineKind::Person,
            format!("Approved by {}", asker.name()),
            Some(id.to_string()),
        );
        self.audit_asked(asker, "decision.approved", id.as_str(), json!({"incident": incident}), effects);
        Ok(Reply::Done)
    }

    pub(crate) fn reject(
        &mut self,
        id: &DecisionId,
        reason: &str,
        asker: &Asker,
        effects: &mut Effects,
    ) -> Result<Reply, Refusal> {
        let decision = self.decisions.get_mut(id).ok_or_else(|| unknown(id))?;
        if let Some(reason) = refuse_answer(decision) {
            return Err(Refusal::Conflict(reason));
        }
        decision.disposition = Disposition::Rejected;
        decision.decided_by = Some(asker.name().to_owned());
        effects.ops.push(put(decision));
        let (incident, raw) = (decision.incident.clone(), decision.confidence.raw);
        let wanted = decision.recommendation.clone();
        let recommendation = self.incidents.get_mut(&incident).and_then(|open| {
            open.incident.needs_person = Some(format!("rejected by {}; yours to fix", asker.name()));
            open.incident.recommendations.iter().find(|r| Some(&r.id) == wanted.as_ref()).cloned()
        });
        let why: String = reason.chars().take(2_000).collect();
        let text = format!("Rejected by {}: {why}", asker.name());
        self.note(&incident, TimelineKind::Person, text, Some(id.to_string()));
        if let Some(r) = recommendation {
            let lesson = Lesson {
                run: None,
                incident: incident.clone(),
                service: r.service,
                class: r.class,
                runbook: r.runbook,
                confidence: raw,
            };
            self.learn(lesson, OutcomeKind::Overridden, effects);
        }
        self.audit_asked(
            asker,
            "decision.rejected",
            id.as_str(),
            json!({"incident": incident, "reason": why}),
            effects,
        );
        Ok(Reply::Done)
    }

    pub(crate) fn set_grants(
        &mut self,
        items: Vec<AutonomyGrant>,
        asker: &Asker,
        effects: &mut Effects,
    ) -> Reply {
        self.audit_asked(asker, "autonomy.updated", "all", json!({"items": items}), effects);
        self.grants = Grants { items };
        effects.ops.push(put(&self.grants));
        Reply::Done
    }

    pub(crate) fn set_stop(
        &mut self,
        engaged: bool,
        reason: String,
        asker: &Asker,
        effects: &mut Effects,
    ) -> Reply {
        let action = if engaged { "stop_switch.engaged" } else { "stop_switch.released" };
        self.audit_asked(asker, action, "all", json!({"reason": reason}), effects);
        tracing::warn!(engaged, by = asker.name(), reason, "Stop switch was set.");
        self.stop = StopSwitch { engaged, reason, by: asker.name().to_owned(), at: self.now };
        effects.ops.push(put(&self.stop));
        if !engaged {
            // What only the switch held back is decided again; a person who acted meanwhile is not overruled.
            let decisions = &self.decisions;
            for open in self.incidents.values_mut() {
                let newest = open.incident.decisions.last().and_then(|id| decisions.get(id));
                let held = |d: &Decision| d.guards.iter().any(|g| g.fired && g.name == "stop-switch");
                if open.incident.acknowledged_at.is_none() && newest.is_some_and(held) {
                    open.retry_at = Some(self.now);
                }
            }
        }
        Reply::Done
    }

    /// Runbooks that did not help an incident, from its runs.
    pub(crate) fn tried_of(&self, incident: &Incident, runs: &[Run]) -> Vec<(FailureClass, String)> {
        let failed: BTreeSet<(FailureClass, String)> = runs
            .iter()
            .filter(|r| r.status == RunStatus::Faulted && incident.runs.contains(&r.id))
            .filter_map(|r| match &r.purpose {
                model::RunPurpose::Incident { class, .. } => Some((*class, r.workflow.clone())),
                _ => None,
            })
            .collect();
        failed.into_iter().collect()
    }

    /// The status an incident goes back to when nothing works on it any more.
    pub(crate) fn idle_status(incident: &Incident) -> IncidentStatus {
        if incident.acknowledged_at.is_some() { IncidentStatus::Acknowledged } else { IncidentStatus::Open }
    }
}

fn count<T>(items: impl Iterator<Item = T>) -> u32 {
    u32::try_from(items.count()).unwrap_or(u32::MAX)
}

fn unknown(id: &DecisionId) -> Refusal {
    Refusal::NotFound(format!("there is no decision {id} about an open incident"))
}
