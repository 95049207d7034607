//! Many runs at once.

use axum::Json;
use axum::extract::State;
use engine::command::{Command, Refusal, Reply, Role};
use engine::operate::RunCommand;
use engine::runs::Change;
use model::RunId;
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::auth::Caller;
use crate::page::{Body, check_prose, limit};
use crate::problem::Problem;
use crate::runs::{IS_OVER, RunFilter, find};

/// Most runs one request changes.
const MAX_BULK: usize = 1_000;

/// What to do to many runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BulkAction {
    /// Hold them.
    Pause,
    /// Let them go on.
    Resume,
    /// End them; what they did is undone.
    Cancel,
    /// Retry each from the step that failed.
    Retry,
}

/// A change of every run that fits.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BulkRequest {
    /// What to do.
    pub action: BulkAction,
    /// To which runs.
    pub filter: RunFilter,
    /// Why.
    #[serde(default)]
    pub reason: String,
    /// To at most this many, 1 to 1000; 100 unless told.
    pub limit: Option<usize>,
    /// Only say how many fit.
    #[serde(default)]
    pub dry_run: bool,
}

/// A run that a bulk change left as it was.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct BulkRefusal {
    /// The run.
    pub id: RunId,
    /// Why.
    pub reason: String,
}

/// What came of a bulk change.
#[derive(Clone, Debug, Default, Serialize, Deserialize, utoipa::ToSchema)]
pub struct BulkResult {
    /// Runs that fit.
    pub matched: usize,
    /// Runs that were changed.
    pub done: usize,
    /// Runs that were not, and why.
    pub refused: Vec<BulkRefusal>,
}

/// Changes every run that fits, newest first, one after the other. Each change is audited on its own.
#[utoipa::path(post, path = "/runs/bulk", operation_id = "change_runs", tag = "automation",
    request_body = BulkRequest, responses((status = 200, body = BulkResult)),
    extensions(("x-required-role" = json!("operator"))))]
pub async fn change(
    State(app): State<App>,
    caller: Caller,
    Body(wanted): Body<BulkRequest>,
) -> Result<Json<BulkResult>, Problem> {
    let asker = caller.require(Role::Operator)?;
    check_prose("/reason", &wanted.reason)?;
    let at_most = limit(Some(wanted.limit.unwrap_or(100).min(MAX_BULK)))?;
    let runs = find(&app, &wanted.filter, at_most).await?.items;
    let mut result = BulkResult { matched: runs.len(), ..BulkResult::default() };
    if wanted.dry_run {
        return Ok(Json(result));
    }
    for run in runs {
        let (id, reason) = (run.id.clone(), wanted.reason.clone());
        let command = match wanted.action {
            BulkAction::Pause => RunCommand::Pause { run: run.id, reason },
            BulkAction::Resume => RunCommand::Resume(run.id),
            BulkAction::Cancel => RunCommand::Cancel { run: run.id, reason },
            BulkAction::Retry => {
                let change = Change::Retry { step: None, input: None };
                note(&mut result, &id, app.engine.change(&asker, &id, &change).await);
                continue;
            }
        };
        note(&mut result, &id, app.engine.ask(asker.clone(), Command::Runs(command)).await);
    }
    Ok(Json(result))
}

fn note(result: &mut BulkResult, id: &RunId, outcome: Result<Reply, Refusal>) {
    match outcome {
        Ok(_) => result.done += 1,
        Err(refusal) => {
            // The loop knows only runs that are not over.
            let over = matches!(refusal, Refusal::NotFound(_));
            let reason = if over { IS_OVER.to_owned() } else { refusal.to_string() };
            result.refused.push(BulkRefusal { id: id.clone(), reason });
        }
    }
}
