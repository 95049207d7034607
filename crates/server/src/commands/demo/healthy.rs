//! A shop in which nothing is broken: whatever opens an incident here is a false alarm.

use std::sync::Arc;
use std::time::Duration;

use engine::Engine;
use engine::records::Record;
use model::{Finding, Incident};
use ports::{Direction, Query};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::world::Control;
use crate::output::progress;

/// What was seen in a healthy time.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Report {
    minutes: f64,
    /// What the customers asked for.
    requests: u64,
    /// What of it they saw fail.
    failures: u64,
    findings: usize,
    incidents: usize,
    /// The first of them, to look at.
    seen: Vec<Value>,
    false_alarms: Vec<Value>,
    error: Option<String>,
}

impl Report {
    /// Whether all stayed quiet while there was something to watch.
    pub(crate) fn is_success(&self) -> bool {
        self.incidents == 0 && self.requests > 0 && self.error.is_none()
    }
}

/// Most findings and incidents that are listed.
const LISTED: usize = 100;

/// Watches the shop for some minutes. An incident does not end it: how many there are is worth knowing.
pub(crate) async fn run(minutes: f64, engine: &Engine, control: &Arc<Control>) -> Report {
    let mut report = Report { minutes, ..Report::default() };
    progress(&format!("Watching the healthy shop for {minutes} minutes; nothing will be broken …"));
    if let Err(reason) = watch(minutes, engine, control, &mut report).await {
        report.error = Some(reason);
    }
    report
}

async fn watch(
    minutes: f64,
    engine: &Engine,
    control: &Arc<Control>,
    report: &mut Report,
) -> Result<(), String> {
    let began = Instant::now();
    let ends = began + Duration::from_secs_f64(minutes * 60.0);
    let mut next = began;
    while next < ends {
        next = (next + Duration::from_secs(60)).min(ends);
        tokio::time::sleep_until(next).await;
        look(engine, control, report).await?;
        progress(&format!(
            "{:.1} min: {} requests, {} failed; {} findings, {} incidents",
            began.elapsed().as_secs_f64() / 60.0,
            report.requests,
            report.failures,
            report.findings,
            report.incidents,
        ));
        if !engine.is_running() {
            return Err("the loop ended; its reason is in the log".to_owned());
        }
    }
    Ok(())
}

async fn look(engine: &Engine, control: &Arc<Control>, report: &mut Report) -> Result<(), String> {
    let traffic = control.traffic().await.map_err(|problem| problem.detail)?;
    (report.requests, report.failures) = (traffic.requests, traffic.failures);
    let incidents: Vec<Incident> = all(engine, "opened_at").await?;
    let findings: Vec<Finding> = all(engine, "last_seen_at").await?;
    (report.findings, report.incidents) = (findings.len(), incidents.len());
    report.seen = findings.iter().take(LISTED).map(of_finding).collect();
    report.false_alarms = incidents.iter().take(LISTED).map(of_incident).collect();
    Ok(())
}

async fn all<R: Record>(engine: &Engine, order: &'static str) -> Result<Vec<R>, String> {
    let query = Query::of(R::KIND).order(order, Direction::Ascending);
    engine.records().all(query, 100_000).await.map_err(|e| e.to_string())
}

fn of_finding(finding: &Finding) -> Value {
    json!({
        "at": finding.detected_at, "service": finding.service, "kind": finding.kind, "severity": finding.severity,
        "summary": finding.summary,
    })
}

fn of_incident(incident: &Incident) -> Value {
    json!({
        "id": incident.id, "at": incident.opened_at, "title": incident.title, "severity": incident.severity,
        "class": incident.top_cause().map(|cause| cause.class), "services": incident.services,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_incident_a_failure_or_an_empty_shop_is_no_success() {
        let quiet = || Report { minutes: 1.0, requests: 1_500, findings: 2, ..Report::default() };
        assert!(quiet().is_success(), "findings that open no incident call nobody");
        assert!(!Report { incidents: 1, ..quiet() }.is_success());
        assert!(!Report { error: Some("the loop ended".into()), ..quiet() }.is_success());
        assert!(!Report { requests: 0, ..quiet() }.is_success(), "nothing was watched");
    }
}
