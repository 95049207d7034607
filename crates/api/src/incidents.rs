//! Incidents: list, one with everything that belongs to it, and what people do to it.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use engine::command::{AllowedAction, Asker, Command, Reply, Role, incident_actions};
use engine::explain::explain_action;
use engine::grouping::Regroup;
use engine::records::{Record, name_of};
use model::{
    Decision, Explanation, FailureClass, Finding, FindingId, Impact, Incident, IncidentId, IncidentStatus,
    Priority, Run, Severity, Step, Timestamp,
};
use ports::{Direction, Filter, Index, Query as StoreQuery};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::app::App;
use crate::auth::Caller;
use crate::detection::{self, FindingView};
use crate::page::{Body, Page, Path, Query, check_prose, limit};
use crate::problem::{Code, Problem};

/// Conditions on incidents.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct IncidentFilter {
    /// A status, or `active` for every one that is not resolved.
    pub status: Option<String>,
    /// The service at fault, or the first one affected.
    pub service: Option<String>,
    /// Severity.
    pub severity: Option<Severity>,
    /// Priority.
    pub priority: Option<Priority>,
    /// Where the page before ended.
    pub cursor: Option<String>,
    /// At most this many, 1 to 1000; 50 unless told.
    pub limit: Option<usize>,
}

/// An incident in a list.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct IncidentSummary {
    /// Its id.
    pub id: IncidentId,
    /// One line for people.
    pub title: String,
    /// Where it stands.
    pub status: IncidentStatus,
    /// How bad for the service.
    pub severity: Severity,
    /// How bad for the business.
    pub impact: Impact,
    /// What comes first.
    pub priority: Priority,
    /// Since when its findings come and go.
    pub flapping_since: Option<Timestamp>,
    /// Every service with a finding in it.
    pub services: Vec<String>,
    /// Failure class of the first cause.
    pub class: Option<FailureClass>,
    /// Service of the first cause.
    pub cause_service: Option<String>,
    /// When the trouble began.
    pub started_at: Timestamp,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// When it was over.
    pub resolved_at: Option<Timestamp>,
    /// Why a person is needed.
    pub needs_person: Option<String>,
    /// Findings of it that still fire.
    pub firing: u32,
}

impl From<Incident> for IncidentSummary {
    fn from(incident: Incident) -> Self {
        let top = incident.causes.first();
        Self {
            class: top.map(|c| c.class),
            cause_service: top.map(|c| c.service.clone()),
            id: incident.id,
            title: incident.title,
            status: incident.status,
            severity: incident.severity,
            impact: incident.impact,
            priority: incident.priority,
            flapping_since: incident.flapping_since,
            services: incident.services,
            started_at: incident.started_at,
            opened_at: incident.opened_at,
            resolved_at: incident.resolved_at,
            needs_person: incident.needs_person,
            firing: incident.firing,
        }
    }
}

/// A run that worked on an incident, with its steps.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct WorkedRun {
    /// The run.
    #[serde(flatten)]
    pub run: Run,
    /// Its steps, in order of start, those of its present course.
    pub steps: Vec<Step>,
}

/// An incident with everything that belongs to it.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct IncidentDetail {
    /// The incident.
    pub incident: Incident,
    /// Its findings, oldest first.
    pub findings: Vec<FindingView>,
    /// Its decisions, oldest first.
    pub decisions: Vec<Decision>,
    /// Its runs, oldest first.
    pub runs: Vec<WorkedRun>,
    /// What a language model says of it, or why it says nothing; none when none was asked.
    pub explanation: Option<Explanation>,
    /// What the asker could do.
    pub allowed_actions: Vec<AllowedAction>,
}

/// What ended it.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
pub struct Resolution {
    /// In a person's words.
    pub note: String,
}

/// Statuses of incidents that are not over.
pub(crate) const ACTIVE: [IncidentStatus; 4] = [
    IncidentStatus::Open,
    IncidentStatus::Acknowledged,
    IncidentStatus::Mitigating,
    IncidentStatus::Verifying,
];

pub(crate) fn status_filter(statuses: &[IncidentStatus]) -> Filter {
    Filter::In("status", statuses.iter().map(|s| Index::Text(name_of(s))).collect())
}

/// Lists incidents, newest first.
#[utoipa::path(get, path = "/incidents", operation_id = "list_incidents", tag = "incidents", params(IncidentFilter),
    responses((status = 200, body = Page<IncidentSummary>)), extensions(("x-required-role" = json!("viewer"))))]
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Query(filter): Query<IncidentFilter>,
) -> Result<Json<Page<IncidentSummary>>, Problem> {
    caller.require(Role::Viewer)?;
    let mut query = StoreQuery::of(Incident::KIND)
        .order("opened_at", Direction::Descending)
        .limit(limit(filter.limit)?)
        .cursor(filter.cursor);
    match filter.status.as_deref() {
        None => {}
        Some("active") => query = query.filter(status_filter(&ACTIVE)),
        Some(name) => {
            let status: IncidentStatus = serde_json::from_value(json!(name)).map_err(|_| {
                Problem::invalid(
                    "status",
                    "status is active, open, acknowledged, mitigating, verifying or resolved",
                )
            })?;
            query = query.filter(status_filter(&[status]));
        }
    }
    if let Some(service) = filter.service {
        query = query.filter(Filter::In("service", vec![Index::Text(service)]));
    }
    if let Some(severity) = filter.severity {
        query = query.filter(Filter::In("severity", vec![Index::Text(name_of(&severity))]));
    }
    if let Some(priority) = filter.priority {
        query = query.filter(Filter::In("priority", vec![Index::Text(name_of(&priority))]));
    }
    let page = Page::from(app.engine.records().list::<Incident>(&query).await?);
    Ok(Json(page.map(IncidentSummary::from)))
}

/// One incident with its findings, decisions and runs.
#[utoipa::path(get, path = "/incidents/{id}", operation_id = "get_incident", tag = "incidents",
    params(("id" = String, Path)), responses((status = 200, body = IncidentDetail)),
    extensions(("x-required-role" = json!("viewer"))))]
pub async fn get(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<IncidentDetail>, Problem> {
    let asker = caller.require(Role::Viewer)?;
    let records = app.engine.records();
    let incident = records.get::<Incident>(&id).await?.ok_or_else(|| Problem::not_found("incident", &id))?;
    let mut findings = Vec::with_capacity(incident.findings.len());
    for finding in &incident.findings {
        if let Some(finding) = records.get::<Finding>(finding.as_str()).await? {
            findings.push(detection::view(&app, finding, asker.role).await?);
        }
    }
    let mut decisions = Vec::with_capacity(incident.decisions.len());
    for decision in &incident.decisions {
        decisions.extend(records.get::<Decision>(decision.as_str()).await?);
    }
    let mut runs = Vec::with_capacity(incident.runs.len());
    for run in &incident.runs {
        let Some(run) = records.get::<Run>(run.as_str()).await? else { continue };
        let story = app.engine.stories().story(&run, None).await;
        // A run whose journal is gone or cannot be read is still worth naming.
        let steps = story.map(|s| s.view.steps).unwrap_or_default();
        let steps = steps.into_iter().filter(|s| !s.revised).map(|s| s.step).collect();
        runs.push(WorkedRun { run, steps });
    }
    let active = runs.iter().any(|r| !r.run.status.is_over());
    let mut allowed_actions = incident_actions(&incident, active, asker.role);
    let explanation = records.get::<Explanation>(&id).await?;
    let on = app.engine.explaining().is_some();
    allowed_actions.push(explain_action(on, &incident, explanation.as_ref(), asker.role));
    if let Some(newest) = decisions.last() {
        allowed_actions.extend(engine::command::decision_actions(newest, incident.is_open(), asker.role));
    }
    Ok(Json(IncidentDetail { incident, findings, decisions, runs, explanation, allowed_actions }))
}

/// Takes an incident.
#[utoipa::path(post, path = "/incidents/{id}/acknowledge", operation_id = "acknowledge_incident", tag = "incidents",
    params(("id" = String, Path)), responses((status = 204)), extensions(("x-required-role" = json!("operator"))))]
pub async fn acknowledge(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let asker = caller.require(Role::Operator)?;
    app.engine.ask(asker, Command::Acknowledge(incident_id(&id)?)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ends an incident by hand.
#[utoipa::path(post, path = "/incidents/{id}/resolve", operation_id = "resolve_incident", tag = "incidents",
    params(("id" = String, Path)), request_body = Resolution, responses((status = 204)),
    extensions(("x-required-role" = json!("operator"))))]
pub async fn resolve(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Body(resolution): Body<Resolution>,
) -> Result<StatusCode, Problem> {
    let asker = caller.require(Role::Operator)?;
    check_prose("/note", &resolution.note)?;
    app.engine.ask(asker, Command::Resolve(incident_id(&id)?, resolution.note)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Where an incident goes.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MergeRequest {
    /// The incident that it becomes part of.
    pub into: IncidentId,
}

/// Some findings.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FindingsRequest {
    /// Which, 1 to 1000.
    pub findings: Vec<FindingId>,
}

/// The incident that has the findings now.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Regrouped {
    /// Its id.
    pub incident: IncidentId,
}

/// Makes an incident part of another one; it is over with that. Learned: such findings go together the next time.
#[utoipa::path(post, path = "/incidents/{id}/merge", operation_id = "merge_incident", tag = "incidents",
    params(("id" = String, Path)), request_body = MergeRequest, responses((status = 200, body = Regrouped)),
    extensions(("x-required-role" = json!("operator"))))]
pub async fn merge(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Body(wanted): Body<MergeRequest>,
) -> Result<Json<Regrouped>, Problem> {
    let asker = caller.require(Role::Operator)?;
    regroup(&app, asker, Regroup::Merge { from: incident_id(&id)?, into: wanted.into }).await
}

/// Makes some findings of an incident an incident of their own. Learned: such findings stay apart the next time.
#[utoipa::path(post, path = "/incidents/{id}/split", operation_id = "split_incident", tag = "incidents",
    params(("id" = String, Path)), request_body = FindingsRequest, responses((status = 200, body = Regrouped)),
    extensions(("x-required-role" = json!("operator"))))]
pub async fn split(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Body(wanted): Body<FindingsRequest>,
) -> Result<Json<Regrouped>, Problem> {
    let asker = caller.require(Role::Operator)?;
    regroup(&app, asker, Regroup::Split { incident: incident_id(&id)?, findings: wanted.findings }).await
}

/// Puts findings of other incidents, or of none, into this one. Learned for the next time.
#[utoipa::path(post, path = "/incidents/{id}/move", operation_id = "move_findings", tag = "incidents",
    params(("id" = String, Path)), request_body = FindingsRequest, responses((status = 200, body = Regrouped)),
    extensions(("x-required-role" = json!("operator"))))]
pub async fn move_findings(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Body(wanted): Body<FindingsRequest>,
) -> Result<Json<Regrouped>, Problem> {
    let asker = caller.require(Role::Operator)?;
    regroup(&app, asker, Regroup::Move { findings: wanted.findings, to: incident_id(&id)? }).await
}

async fn regroup(app: &App, asker: Asker, wanted: Regroup) -> Result<Json<Regrouped>, Problem> {
    let Reply::Incident(incident) = app.engine.ask(asker, Command::Regroup(wanted)).await? else {
        return Err(Problem::new(Code::Internal, "the loop gave another answer than was asked for"));
    };
    Ok(Json(Regrouped { incident }))
}

pub(crate) fn incident_id(text: &str) -> Result<IncidentId, Problem> {
    IncidentId::parse(text).map_err(|detail| Problem::invalid("id", detail))
}
