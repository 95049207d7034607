//! Schedules: workflows that start by themselves.

use axum::Json;
use axum::extract::State;
use engine::command::{AllowedAction, Command, Refusal, Role, action};
use engine::operate::RunCommand;
use engine::runs::Scheduled;
use model::{RunId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::app::App;
use crate::auth::Caller;
use crate::page::{Body, Page, Path};
use crate::problem::Problem;

/// A workflow with a schedule.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ScheduleItem {
    /// The workflow: runbook name or `namespace.name`.
    pub workflow: String,
    /// Whether it starts runs.
    pub enabled: bool,
    /// The schedule as the document says it: `cron`, `every`, `after` or `on`.
    #[schema(value_type = Object)]
    pub schedule: Value,
    /// When it is due next; null when it waits for events or starts no runs.
    pub next: Option<Timestamp>,
    /// When a run was started last.
    pub last_due_at: Option<Timestamp>,
    /// That run.
    pub last_run: Option<RunId>,
    /// What the asker could do.
    pub allowed_actions: Vec<AllowedAction>,
}

impl ScheduleItem {
    fn of(scheduled: &Scheduled, role: Role) -> Self {
        let workflow = scheduled.state.workflow.clone();
        let offer = |name: &str, title: &str, refused: Option<&str>| {
            let path = format!("/schedules/{workflow}");
            let mut offer = action(name, title, path, role, Role::Admin, refused.map(str::to_owned));
            offer.method = "PUT".to_owned();
            offer
        };
        let on = scheduled.enabled;
        let allowed_actions = vec![
            offer("enable", "Let it start runs", on.then_some("it starts runs already")),
            offer("disable", "Let it rest", (!on).then_some("it rests already")),
        ];
        Self {
            enabled: on,
            schedule: scheduled.wanted(),
            next: scheduled.next,
            last_due_at: scheduled.state.last_due_at,
            last_run: scheduled.state.last_run.clone(),
            allowed_actions,
            workflow,
        }
    }
}

/// Whether a schedule shall start runs.
#[derive(Clone, Copy, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ScheduleRequest {
    /// Whether it shall.
    pub enabled: bool,
}

/// Lists workflows with a schedule, by name. Those that are shipped rest until somebody lets them start runs.
#[utoipa::path(get, path = "/schedules", operation_id = "list_schedules", tag = "automation",
    responses((status = 200, body = Page<ScheduleItem>)), extensions(("x-required-role" = json!("viewer"))))]
pub async fn list(State(app): State<App>, caller: Caller) -> Result<Json<Page<ScheduleItem>>, Problem> {
    let asker = caller.require(Role::Viewer)?;
    let schedules = app.engine.overlook().schedules;
    Ok(Json(Page::whole(schedules.iter().map(|s| ScheduleItem::of(s, asker.role)).collect())))
}

/// Lets a schedule start runs, or rest.
#[utoipa::path(put, path = "/schedules/{workflow}", operation_id = "update_schedule", tag = "automation",
    params(("workflow" = String, Path)), request_body = ScheduleRequest,
    responses((status = 200, body = ScheduleItem)), extensions(("x-required-role" = json!("admin"))))]
pub async fn update(
    State(app): State<App>,
    caller: Caller,
    Path(workflow): Path<String>,
    Body(wanted): Body<ScheduleRequest>,
) -> Result<Json<ScheduleItem>, Problem> {
    let asker = caller.require(Role::Admin)?;
    let role = asker.role;
    let command = RunCommand::SetSchedule { workflow: workflow.clone(), enabled: wanted.enabled };
    app.engine.ask(asker, Command::Runs(command)).await.map_err(|refusal| match refusal {
        Refusal::NotFound(_) => Problem::not_found("schedule", &workflow),
        other => other.into(),
    })?;
    let schedules = app.engine.overlook().schedules;
    let found = schedules.iter().find(|s| s.state.workflow == workflow);
    found.map(|s| Json(ScheduleItem::of(s, role))).ok_or_else(|| Problem::not_found("schedule", &workflow))
}
