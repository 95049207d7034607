//! `homeostat demo --once`: one fault, from injection to proof, as a report.

use std::sync::Arc;
use std::time::{Duration, Instant};

use api::DemoControl;
use engine::Engine;
use engine::records::Record;
use model::{Decision, FailureClass, Incident, Run, RunStatus, Timestamp};
use ports::{Direction, Filter, Index, Query};
use serde::Serialize;
use serde_json::{Value, json};

use super::world::Control;
use crate::cli::Demo;
use crate::output::progress;

/// What came of one fault.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    fault: String,
    service: String,
    injected_at: Option<Timestamp>,
    detected_ms: Option<i64>,
    incident: Option<String>,
    cause: Option<Value>,
    cause_correct: bool,
    decision: Option<Value>,
    actions: Vec<String>,
    recovered_ms: Option<i64>,
    verified: bool,
    false_alarms: usize,
    resolved: bool,
    healthy: bool,
    error: Option<String>,
}

impl Report {
    /// Whether the service is really healthy again, by the work of a verified run.
    pub(crate) fn is_success(&self) -> bool {
        self.healthy && self.verified && self.resolved && self.error.is_none()
    }
}

const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Injects the fault, watches what comes of it.
pub(crate) async fn run(demo: &Demo, engine: &Engine, control: &Arc<Control>) -> Report {
    let fault = demo.fault.clone().unwrap_or_default();
    let mut report = Report {
        fault: fault.clone(),
        service: String::new(),
        injected_at: None,
        detected_ms: None,
        incident: None,
        cause: None,
        cause_correct: false,
        decision: None,
        actions: Vec::new(),
        recovered_ms: None,
        verified: false,
        false_alarms: 0,
        resolved: false,
        healthy: false,
        error: None,
    };
    if let Err(reason) = watch(demo, &fault, engine, control, &mut report).await {
        report.error = Some(reason);
    }
    report
}

async fn watch(
    demo: &Demo,
    fault: &str,
    engine: &Engine,
    control: &Arc<Control>,
    report: &mut Report,
) -> Result<(), String> {
    let faults = control.faults().await.map_err(|p| p.detail)?;
    let known = faults.iter().find(|f| f.name == fault).ok_or_else(|| {
        let names: Vec<&str> = faults.iter().map(|f| f.name.as_str()).collect();
        format!("there is no fault {fault:?}; there are {}", names.join(", "))
    })?;
    report.service.clone_from(&known.service);
    progress(&format!("Learning what is normal for {} s …", demo.warm_up_s));
    tokio::time::sleep(Duration::from_secs(demo.warm_up_s)).await;
    let before = incidents(engine).await?.len();
    let injected_at = engine.now();
    report.injected_at = Some(injected_at);
    control.inject(fault, None).await.map_err(|p| p.detail)?;
    progress(&format!("Injected {fault} into {}.", report.service));
    let expected = class_of(fault);
    let deadline = Instant::now() + Duration::from_secs(demo.timeout_s);
    while Instant::now() < deadline {
        tokio::time::sleep(LOOK_EVERY).await;
        if report.recovered_ms.is_none() && is_recovered(control, fault, &report.service).await {
            report.recovered_ms = Some(engine.now().since_ms(injected_at));
        }
        let all = incidents(engine).await?;
        fill(report, &all, injected_at, expected, engine).await?;
        report.false_alarms = before + all.iter().filter(|i| is_false(i, report, injected_at)).count();
        if report.resolved && report.recovered_ms.is_some() && all.iter().all(|i| !i.is_open()) {
            break;
        }
    }
    let health = control.health(&report.service).await.map_err(|p| p.detail)?;
    report.healthy = health.healthy && is_recovered(control, fault, &report.service).await;
    if !report.resolved {
        return Err(format!("not resolved within {} s", demo.timeout_s));
    }
    Ok(())
}

/// Another incident than the one of the fault.
fn is_false(incident: &Incident, report: &Report, injected_at: Timestamp) -> bool {
    let own = report.incident.as_deref() == Some(incident.id.as_str());
    let same = incident.top_cause().is_some_and(|c| c.service == report.service);
    incident.opened_at >= injected_at && !own && !same
}

async fn is_recovered(control: &Control, fault: &str, service: &str) -> bool {
    let gone = control.faults().await.is_ok_and(|all| all.iter().any(|f| f.name == fault && !f.active));
    gone && control.health(service).await.is_ok_and(|h| h.healthy)
}

async fn incidents(engine: &Engine) -> Result<Vec<Incident>, String> {
    let query = Query::of(Incident::KIND).order("opened_at", Direction::Ascending);
    engine.records().all::<Incident>(query, 1_000).await.map_err(|e| e.to_string())
}

/// The incident of the fault: the first one opened after it that blames its service, else the first one.
async fn fill(
    report: &mut Report,
    all: &[Incident],
    injected_at: Timestamp,
    expected: FailureClass,
    engine: &Engine,
) -> Result<(), String> {
    let after = || all.iter().filter(|i| i.opened_at >= injected_at);
    let blames = |i: &&Incident| i.causes.iter().any(|c| c.service == report.service);
    let Some(incident) = after().rfind(blames).or_else(|| after().next()) else { return Ok(()) };
    let detected = after().map(|i| i.opened_at).min().unwrap_or(incident.opened_at);
    report.detected_ms = Some(detected.since_ms(injected_at));
    report.incident = Some(incident.id.to_string());
    if let Some(cause) = incident.top_cause() {
        report.cause_correct = cause.service == report.service && cause.class == expected;
        report.cause = Some(json!({
            "service": cause.service, "class": cause.class, "probability": cause.probability, "title": cause.title,
        }));
    }
    let of_incident = |kind| {
        let id = Index::Text(incident.id.to_string());
        Query::of(kind).filter(Filter::In("incident", vec![id]))
    };
    let decisions =
        engine.records().all::<Decision>(of_incident(Decision::KIND).order("at", Direction::Ascending), 100);
    if let Some(newest) = decisions.await.map_err(|e| e.to_string())?.last() {
        report.decision = Some(json!({
            "id": newest.id, "verdict": newest.verdict, "disposition": newest.disposition,
            "confidence": newest.confidence.calibrated, "raw_confidence": newest.confidence.raw,
            "summary": newest.summary,
        }));
    }
    let runs =
        engine.records().all::<Run>(of_incident(Run::KIND).order("started_at", Direction::Ascending), 100);
    let runs = runs.await.map_err(|e| e.to_string())?;
    report.actions = runs.iter().flat_map(|r| r.acts.iter().map(|act| act.action.clone())).collect();
    report.verified = runs.last().is_some_and(|r| r.status == RunStatus::Completed);
    report.resolved = !incident.is_open();
    Ok(())
}

/// What the diagnosis should say of each fault.
fn class_of(fault: &str) -> FailureClass {
    let name = fault.replace('-', "_");
    FailureClass::ALL.into_iter().find(|c| c.as_str() == name).unwrap_or(FailureClass::Unknown)
}
