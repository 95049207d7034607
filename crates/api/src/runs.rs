//! Runs: durable executions, live.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use engine::command::{AllowedAction, Command, Reply, Role, run_actions};
use engine::records::{Record, name_of};
use model::{Run, RunId, RunStatus};
use ports::{Direction, Filter, Index, Query as StoreQuery};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::app::App;
use crate::auth::Caller;
use crate::page::{Body, Page, Path, Query, check_name, limit};
use crate::problem::{Code, Problem};

/// Conditions on runs.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct RunFilter {
    /// Status.
    pub status: Option<RunStatus>,
    /// Incident id.
    pub incident: Option<String>,
    /// Where the page before ended.
    pub cursor: Option<String>,
    /// At most this many, 1 to 1000; 50 unless told.
    pub limit: Option<usize>,
}

/// A run, its definition and what can be done about it.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RunDetail {
    /// The run.
    pub run: Run,
    /// The workflow it runs on, as JSON.
    #[schema(value_type = Object)]
    pub definition: Value,
    /// What the asker could do.
    pub allowed_actions: Vec<AllowedAction>,
}

/// What to run.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
pub struct RunRequest {
    /// Runbook name.
    pub runbook: String,
    /// Input of its workflow; an empty object unless told.
    #[schema(value_type = Object)]
    #[serde(default = "no_input")]
    pub input: Value,
}

fn no_input() -> Value {
    json!({})
}

/// The run that was started.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RunStarted {
    /// Its id.
    pub id: RunId,
}

/// Lists runs, newest first.
#[utoipa::path(get, path = "/runs", operation_id = "list_runs", tag = "automation", params(RunFilter),
    responses((status = 200, body = Page<Run>)), extensions(("x-required-role" = json!("viewer"))))]
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Query(filter): Query<RunFilter>,
) -> Result<Json<Page<Run>>, Problem> {
    caller.require(Role::Viewer)?;
    let mut query = StoreQuery::of(Run::KIND)
        .order("started_at", Direction::Descending)
        .limit(limit(filter.limit)?)
        .cursor(filter.cursor);
    if let Some(status) = filter.status {
        query = query.filter(Filter::In("status", vec![Index::Text(name_of(&status))]));
    }
    if let Some(incident) = filter.incident {
        query = query.filter(Filter::In("incident", vec![Index::Text(incident)]));
    }
    Ok(Json(app.engine.records().list::<Run>(&query).await?.into()))
}

/// One run.
#[utoipa::path(get, path = "/runs/{id}", operation_id = "get_run", tag = "automation",
    params(("id" = String, Path)), responses((status = 200, body = RunDetail)),
    extensions(("x-required-role" = json!("viewer"))))]
pub async fn get(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<RunDetail>, Problem> {
    let asker = caller.require(Role::Viewer)?;
    let run = app.engine.records().get::<Run>(&id).await?.ok_or_else(|| Problem::not_found("run", &id))?;
    let definition = app.engine.definition_of(&run).await?;
    let allowed_actions = run_actions(&run, asker.role);
    Ok(Json(RunDetail { run, definition, allowed_actions }))
}

/// Starts a runbook. An `Idempotency-Key` header (1 to 200 characters) makes a repeated request the same run;
/// a key that was used for another request is refused.
#[utoipa::path(post, path = "/runs", operation_id = "create_run", tag = "automation", request_body = RunRequest,
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 200 characters; equal keys start one run")),
    responses((status = 201, body = RunStarted)), extensions(("x-required-role" = json!("operator"))))]
pub async fn create(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    Body(request): Body<RunRequest>,
) -> Result<(StatusCode, Json<RunStarted>), Problem> {
    let asker = caller.require(Role::Operator)?;
    check_name("/runbook", &request.runbook, 200)?;
    let key = match headers.get("idempotency-key").map(|v| v.to_str()) {
        None => app.auth.nonce(),
        Some(Ok(key)) if (1..=200).contains(&key.len()) => key.to_owned(),
        Some(_) => {
            return Err(Problem::invalid("Idempotency-Key", "the key must have 1 to 200 ASCII characters"));
        }
    };
    // Keys of different people and tokens never meet.
    let key = json!([asker.actor, key]).to_string();
    let RunRequest { runbook, input } = request;
    let command = Command::StartRun { runbook: runbook.clone(), input: input.clone(), key };
    let Reply::Run(id) = app.engine.ask(asker, command).await? else {
        return Err(Problem::new(Code::Internal, "the engine started no run"));
    };
    let run = app.engine.records().get::<Run>(id.as_str()).await?;
    if run.is_some_and(|run| run.workflow != runbook || !is_of(&run.input, &input)) {
        let detail =
            format!("the Idempotency-Key was used for another request, which started {id}; use a new key");
        return Err(Problem::new(Code::Conflict, detail));
    }
    Ok((StatusCode::CREATED, Json(RunStarted { id })))
}

/// Whether a run's input is what was asked for; the engine may have added defaults.
fn is_of(input: &Value, asked: &Value) -> bool {
    match asked.as_object() {
        Some(asked) => asked.iter().all(|(name, value)| input.get(name) == Some(value)),
        None => input == asked,
    }
}

/// Ends a run; what it did is undone.
#[utoipa::path(post, path = "/runs/{id}/cancel", operation_id = "cancel_run", tag = "automation",
    params(("id" = String, Path)), responses((status = 204)), extensions(("x-required-role" = json!("operator"))))]
pub async fn cancel(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let asker = caller.require(Role::Operator)?;
    let id = RunId::parse(&id).map_err(|detail| Problem::invalid("id", detail))?;
    app.engine.ask(asker, Command::CancelRun(id)).await?;
    Ok(StatusCode::NO_CONTENT)
}
