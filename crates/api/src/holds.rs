//! Holds: runs of a scope that people let wait.

use axum::Json;
use axum::extract::State;
use engine::command::{AllowedAction, Command, Role, action};
use engine::operate::RunCommand;
use engine::runs::{Hold, Scope};
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::auth::Caller;
use crate::page::{Body, check_name, check_prose};
use crate::problem::Problem;

/// Holds in force.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct HoldsView {
    /// The holds.
    pub items: Vec<Hold>,
    /// What the asker could do.
    pub allowed_actions: Vec<AllowedAction>,
}

fn view(app: &App, role: Role) -> HoldsView {
    let offer = |name: &str, title: &str, refused| {
        let mut offer = action(name, title, "/runs/holds".to_owned(), role, Role::Operator, refused);
        offer.method = "PUT".to_owned();
        offer
    };
    let items = app.engine.overlook().holds;
    let nothing = items.is_empty().then(|| "nothing is held".to_owned());
    let allowed_actions = vec![offer("hold", "Hold runs", None), offer("lift", "Let runs go on", nothing)];
    HoldsView { items, allowed_actions }
}

/// What kind of thing is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum HoldScope {
    /// Every run.
    All,
    /// Runs that touch one service.
    Service,
    /// Runs of one workflow.
    Workflow,
}

/// A hold to set or lift.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HoldRequest {
    /// What it holds.
    pub scope: HoldScope,
    /// The service or workflow; nothing for every run.
    #[serde(default)]
    pub name: Option<String>,
    /// Whether it shall be held.
    pub held: bool,
    /// Why.
    #[serde(default)]
    pub reason: String,
}

/// Holds in force: their runs do not go on, new ones do not begin.
#[utoipa::path(get, path = "/runs/holds", operation_id = "get_holds", tag = "automation",
    responses((status = 200, body = HoldsView)), extensions(("x-required-role" = json!("viewer"))))]
pub async fn get(State(app): State<App>, caller: Caller) -> Result<Json<HoldsView>, Problem> {
    let asker = caller.require(Role::Viewer)?;
    Ok(Json(view(&app, asker.role)))
}

/// Holds every run of a scope, or lifts the hold.
#[utoipa::path(put, path = "/runs/holds", operation_id = "update_hold", tag = "automation",
    request_body = HoldRequest, responses((status = 200, body = HoldsView)),
    extensions(("x-required-role" = json!("operator"))))]
pub async fn update(
    State(app): State<App>,
    caller: Caller,
    Body(wanted): Body<HoldRequest>,
) -> Result<Json<HoldsView>, Problem> {
    let asker = caller.require(Role::Operator)?;
    check_prose("/reason", &wanted.reason)?;
    let scope = match (wanted.scope, wanted.name) {
        (HoldScope::All, None) => Scope::All,
        (HoldScope::All, Some(_)) => {
            return Err(Problem::invalid("/name", "`all` holds everything; leave `name` out"));
        }
        (HoldScope::Service, Some(name)) => Scope::Service(name),
        (HoldScope::Workflow, Some(name)) => Scope::Workflow(name),
        (_, None) => return Err(Problem::invalid("/name", "say which service or workflow")),
    };
    if let Scope::Service(name) | Scope::Workflow(name) = &scope {
        check_name("/name", name, 200)?;
    }
    let command = match wanted.held {
        true => RunCommand::Hold { scope, reason: wanted.reason },
        false => RunCommand::Lift(scope),
    };
    let role = asker.role;
    app.engine.ask(asker, Command::Runs(command)).await?;
    Ok(Json(view(&app, role)))
}
