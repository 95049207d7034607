//! Approvals: questions to people that runs wait for.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use engine::command::{AllowedAction, Command, Refusal, Role};
use engine::operate::{RunCommand, approval_actions};
use engine::records::{Record, name_of};
use engine::runs::{Approval, ApprovalState};
use model::ApprovalId;
use model::secret::readable;
use ports::{Direction, Filter, Index, Query as StoreQuery};
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::auth::Caller;
use crate::page::{Body, Page, Path, Query, check_prose, limit};
use crate::problem::{Code, Problem};

/// A question, with what can be done about it.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ApprovalItem {
    /// The question.
    #[serde(flatten)]
    pub approval: Approval,
    /// What the asker could do.
    pub allowed_actions: Vec<AllowedAction>,
}

/// Conditions on questions.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ApprovalFilter {
    /// Where it stands.
    pub state: Option<ApprovalState>,
    /// The run that asks.
    pub run: Option<String>,
    /// Where the page before ended.
    pub cursor: Option<String>,
    /// At most this many, 1 to 1000; 50 unless told.
    pub limit: Option<usize>,
}

/// An answer.
#[derive(Clone, Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// Why.
    #[serde(default)]
    pub note: String,
}

/// Lists questions, newest first.
#[utoipa::path(get, path = "/approvals", operation_id = "list_approvals", tag = "automation",
    params(ApprovalFilter), responses((status = 200, body = Page<ApprovalItem>)),
    extensions(("x-required-role" = json!("viewer"))))]
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Query(filter): Query<ApprovalFilter>,
) -> Result<Json<Page<ApprovalItem>>, Problem> {
    let asker = caller.require(Role::Viewer)?;
    let mut query = StoreQuery::of(Approval::KIND)
        .order("asked_at", Direction::Descending)
        .limit(limit(filter.limit)?)
        .cursor(filter.cursor);
    if let Some(state) = filter.state {
        query = query.filter(Filter::In("state", vec![Index::Text(name_of(&state))]));
    }
    if let Some(run) = filter.run {
        query = query.filter(Filter::In("run", vec![Index::Text(run)]));
    }
    let page: Page<Approval> = app.engine.records().list::<Approval>(&query).await?.into();
    let item = |mut approval: Approval| {
        approval.message = readable(&approval.message).into_owned();
        ApprovalItem { allowed_actions: approval_actions(&approval, &asker), approval }
    };
    Ok(Json(page.map(item)))
}

/// Agrees. Who may is said by the question itself.
#[utoipa::path(post, path = "/approvals/{id}/approve", operation_id = "approve_approval", tag = "automation",
    params(("id" = String, Path)), request_body = Answer, responses((status = 204)),
    extensions(("x-required-role" = json!("operator"))))]
pub async fn approve(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Body(answer): Body<Answer>,
) -> Result<StatusCode, Problem> {
    give(&app, caller, &id, true, answer.note).await
}

/// Refuses. Who may is said by the question itself.
#[utoipa::path(post, path = "/approvals/{id}/reject", operation_id = "reject_approval", tag = "automation",
    params(("id" = String, Path)), request_body = Answer, responses((status = 204)),
    extensions(("x-required-role" = json!("operator"))))]
pub async fn reject(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Body(answer): Body<Answer>,
) -> Result<StatusCode, Problem> {
    give(&app, caller, &id, false, answer.note).await
}

async fn give(
    app: &App,
    caller: Caller,
    id: &str,
    approve: bool,
    note: String,
) -> Result<StatusCode, Problem> {
    let asker = caller.require(Role::Operator)?;
    check_prose("/note", &note)?;
    let approval = ApprovalId::parse(id).map_err(|detail| Problem::invalid("id", detail))?;
    let command = Command::Runs(RunCommand::Answer { approval, approve, note });
    let Err(refusal) = app.engine.ask(asker.clone(), command).await else {
        return Ok(StatusCode::NO_CONTENT);
    };
    // The loop knows only questions that are open; the store says what became of the others.
    if matches!(refusal, Refusal::NotFound(_)) {
        let known = app.engine.records().get::<Approval>(id).await?;
        let known = known.ok_or_else(|| Problem::not_found("approval", id))?;
        let why = known.refuse(&asker).unwrap_or_else(|| refusal.to_string());
        return Err(Problem::new(Code::Conflict, why));
    }
    Err(refusal.into())
}
