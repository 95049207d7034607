//! Decisions: every rule and number behind them, and a person's answer.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use engine::command::{AllowedAction, Command, Role, decision_actions};
use engine::records::Record;
use model::{Decision, DecisionId, Incident};
use ports::{Direction, Filter, Index, Query as StoreQuery};
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::auth::Caller;
use crate::page::{Body, Page, Path, Query, check_prose, limit};
use crate::problem::Problem;

/// Conditions on decisions.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct DecisionFilter {
    /// Incident id.
    pub incident: Option<String>,
    /// Where the page before ended.
    pub cursor: Option<String>,
    /// At most this many, 1 to 1000; 50 unless told.
    pub limit: Option<usize>,
}

/// A decision and what can be done about it.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DecisionDetail {
    /// The decision.
    pub decision: Decision,
    /// What the asker could do.
    pub allowed_actions: Vec<AllowedAction>,
}

/// Why a proposal is refused.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
pub struct Rejection {
    /// In a person's words.
    pub reason: String,
}

/// Lists decisions, newest first.
#[utoipa::path(get, path = "/decisions", operation_id = "list_decisions", tag = "decisions", params(DecisionFilter),
    responses((status = 200, body = Page<Decision>)), extensions(("x-required-role" = json!("viewer"))))]
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Query(filter): Query<DecisionFilter>,
) -> Result<Json<Page<Decision>>, Problem> {
    caller.require(Role::Viewer)?;
    let mut query = StoreQuery::of(Decision::KIND)
        .order("at", Direction::Descending)
        .limit(limit(filter.limit)?)
        .cursor(filter.cursor);
    if let Some(incident) = filter.incident {
        query = query.filter(Filter::In("incident", vec![Index::Text(incident)]));
    }
    Ok(Json(app.engine.records().list::<Decision>(&query).await?.into()))
}

/// One decision with its report.
#[utoipa::path(get, path = "/decisions/{id}", operation_id = "get_decision", tag = "decisions",
    params(("id" = String, Path)), responses((status = 200, body = DecisionDetail)),
    extensions(("x-required-role" = json!("viewer"))))]
pub async fn get(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<DecisionDetail>, Problem> {
    let asker = caller.require(Role::Viewer)?;
    let records = app.engine.records();
    let decision = records.get::<Decision>(&id).await?.ok_or_else(|| Problem::not_found("decision", &id))?;
    let open = records.get::<Incident>(decision.incident.as_str()).await?.is_some_and(|i| i.is_open());
    let allowed_actions = decision_actions(&decision, open, asker.role);
    Ok(Json(DecisionDetail { decision, allowed_actions }))
}

/// Agrees to a proposal; its run starts.
#[utoipa::path(post, path = "/decisions/{id}/approve", operation_id = "approve_decision", tag = "decisions",
    params(("id" = String, Path)), responses((status = 204)), extensions(("x-required-role" = json!("approver"))))]
pub async fn approve(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let asker = caller.require(Role::Approver)?;
    app.engine.ask(asker, Command::Approve(decision_id(&id)?)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Refuses a proposal; a person takes over.
#[utoipa::path(post, path = "/decisions/{id}/reject", operation_id = "reject_decision", tag = "decisions",
    params(("id" = String, Path)), request_body = Rejection, responses((status = 204)),
    extensions(("x-required-role" = json!("approver"))))]
pub async fn reject(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Body(rejection): Body<Rejection>,
) -> Result<StatusCode, Problem> {
    let asker = caller.require(Role::Approver)?;
    check_prose("/reason", &rejection.reason)?;
    app.engine.ask(asker, Command::Reject(decision_id(&id)?, rejection.reason)).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn decision_id(text: &str) -> Result<DecisionId, Problem> {
    DecisionId::parse(text).map_err(|detail| Problem::invalid("id", detail))
}
