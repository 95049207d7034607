//! Runbooks: knowledge pages that carry a workflow, with what is known of their success.

use axum::Json;
use axum::extract::State;
use engine::command::Role;
use engine::records::Record;
use model::{BlastRadius, FailureClass, Track};
use ports::Query as StoreQuery;
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::auth::Caller;
use crate::page::{Page, Path};
use crate::problem::Problem;

/// A runbook in a list.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RunbookSummary {
    /// Its name.
    pub name: String,
    /// Its title.
    pub title: String,
    /// What it does.
    pub summary: String,
    /// Who answers for it.
    pub owner: Option<String>,
    /// Failure classes it handles.
    pub handles: Vec<FailureClass>,
    /// Actions it calls.
    pub actions: Vec<String>,
    /// The widest of its actions, when it says so itself.
    pub blast_radius: Option<BlastRadius>,
    /// Share of runs believed to hold before it has run here, 0 to 1.
    pub prior: f64,
    /// Why that is believed.
    pub prior_reason: String,
    /// Its record so far.
    pub track: Vec<Track>,
}

/// A runbook, whole.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RunbookDetail {
    /// What the list shows.
    pub summary: RunbookSummary,
    /// The page, Markdown.
    pub markdown: String,
    /// The workflow as written, YAML.
    pub workflow: String,
    /// The workflow, JSON.
    #[schema(value_type = Object)]
    pub definition: serde_json::Value,
}

/// Lists runbooks by name.
#[utoipa::path(get, path = "/runbooks", operation_id = "list_runbooks", tag = "automation",
    responses((status = 200, body = Page<RunbookSummary>)), extensions(("x-required-role" = json!("viewer"))))]
pub async fn list(State(app): State<App>, caller: Caller) -> Result<Json<Page<RunbookSummary>>, Problem> {
    caller.require(Role::Viewer)?;
    let tracks = tracks(&app).await?;
    let items = app.engine.rules().runbooks.iter().map(|r| summary(r, &tracks)).collect();
    Ok(Json(Page::whole(items)))
}

/// One runbook.
#[utoipa::path(get, path = "/runbooks/{name}", operation_id = "get_runbook", tag = "automation",
    params(("name" = String, Path)), responses((status = 200, body = RunbookDetail)),
    extensions(("x-required-role" = json!("viewer"))))]
pub async fn get(
    State(app): State<App>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<Json<RunbookDetail>, Problem> {
    caller.require(Role::Viewer)?;
    let runbook =
        app.engine.rules().runbooks.get(&name).ok_or_else(|| Problem::not_found("runbook", &name))?;
    Ok(Json(RunbookDetail {
        summary: summary(runbook, &tracks(&app).await?),
        markdown: runbook.markdown.clone(),
        workflow: runbook.workflow.clone(),
        definition: runbook.definition.to_json().clone(),
    }))
}

async fn tracks(app: &App) -> Result<Vec<Track>, Problem> {
    Ok(app.engine.records().all::<Track>(StoreQuery::of(Track::KIND), 10_000).await?)
}

fn summary(runbook: &manifest::Runbook, tracks: &[Track]) -> RunbookSummary {
    RunbookSummary {
        name: runbook.name.clone(),
        title: runbook.title.clone(),
        summary: runbook.summary.clone(),
        owner: runbook.owner.clone(),
        handles: runbook.handles.iter().map(|h| h.class).collect(),
        actions: runbook.actions.clone(),
        blast_radius: runbook.blast_radius,
        prior: runbook.prior.success,
        prior_reason: runbook.prior_reason.clone(),
        track: tracks.iter().filter(|t| t.runbook == runbook.name).cloned().collect(),
    }
}
