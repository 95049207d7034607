//! Records that tests put into the store.

use model::{
    Autonomy, BlastRadius, CauseId, ConfidenceReport, CorrelationId, Decision, DecisionId, Disposition,
    FailureClass, Impact, Incident, IncidentId, IncidentStatus, Recommendation, RecommendationId, Severity,
    Timestamp, Verdict,
};
use serde_json::json;

pub(crate) const AT: Timestamp = Timestamp::from_unix_ms(1_795_252_200_000);

pub(crate) fn incident(n: u32, status: IncidentStatus) -> Incident {
    // Three of them share each instant: order and cursor must still be exact.
    let at = AT.plus_ms(i64::from(n / 3));
    Incident {
        id: IncidentId::derive(at, &[&n.to_string()]),
        title: format!("incident {n}"),
        status,
        severity: if n.is_multiple_of(2) { Severity::High } else { Severity::Low },
        impact: Impact::Low,
        services: vec![format!("service-{}", n % 5)],
        findings: Vec::new(),
        firing: 1,
        grouping: Vec::new(),
        causes: Vec::new(),
        evidence: Vec::new(),
        conclusive: true,
        recommendations: Vec::new(),
        decisions: Vec::new(),
        runs: Vec::new(),
        started_at: at,
        opened_at: at,
        acknowledged_at: None,
        resolved_at: (status == IncidentStatus::Resolved).then(|| at.plus_ms(1_000)),
        resolution: None,
        needs_person: None,
        flapping_since: None,
        merged_into: None,
        priority: model::Priority::P4,
        timeline: Vec::new(),
        correlation_id: CorrelationId::derive(at, &["test"]),
    }
}

/// An open incident with a proposal that waits for an answer.
pub(crate) fn proposal(n: u32) -> (Incident, Decision) {
    let mut incident = incident(n, IncidentStatus::Open);
    let recommendation = Recommendation {
        id: RecommendationId::derive(AT, &[&n.to_string()]),
        cause: CauseId::derive(AT, &["cause"]),
        class: FailureClass::Crash,
        service: incident.services[0].clone(),
        runbook: "restart-service".into(),
        title: "Restart".into(),
        reason: "It crashed.".into(),
        actions: vec!["process.restart".into()],
        input: json!({"service": incident.services[0], "verify_s": 3_600}),
        blast_radius: BlastRadius::Instance,
        deploys: false,
        confidence: 0.9,
    };
    let decision = Decision {
        id: DecisionId::derive(AT, &[&n.to_string()]),
        incident: incident.id.clone(),
        recommendation: Some(recommendation.id.clone()),
        at: AT,
        verdict: Verdict::EscalateHuman,
        summary: "Asks a person.".into(),
        confidence: ConfidenceReport {
            analysis: 0.9,
            history: 0.9,
            history_count: 0,
            simplicity: 1.0,
            impact: 1.0,
            raw: 0.9,
            calibrated: 0.9,
            formula: "test".into(),
        },
        guards: Vec::new(),
        rules: Vec::new(),
        autonomy: Autonomy::Propose,
        autonomy_reason: "test".into(),
        facts: json!({}),
        policy_version: "test".into(),
        disposition: Disposition::Proposed,
        decided_by: None,
        run: None,
        correlation_id: incident.correlation_id.clone(),
    };
    incident.recommendations.push(recommendation);
    incident.decisions.push(decision.id.clone());
    (incident, decision)
}
