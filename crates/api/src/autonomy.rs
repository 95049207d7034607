//! How far automation may go: grants for services and actions, and the stop switch.

use axum::Json;
use axum::extract::State;
use engine::command::{Command, Role};
use engine::records::StopSwitch;
use model::AutonomyGrant;
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::auth::Caller;
use crate::page::{Body, check_name, check_prose};
use crate::problem::Problem;

/// Every grant. The most specific match wins; of two alike, the more careful.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AutonomyView {
    /// The grants.
    pub items: Vec<AutonomyGrant>,
}

/// A wish to engage or release the stop switch.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
pub struct StopRequest {
    /// Whether it shall be engaged.
    pub engaged: bool,
    /// Why.
    #[serde(default)]
    pub reason: String,
}

/// Grants in force.
#[utoipa::path(get, path = "/autonomy", operation_id = "get_autonomy", tag = "policy",
    responses((status = 200, body = AutonomyView)), extensions(("x-required-role" = json!("viewer"))))]
pub async fn get(State(app): State<App>, caller: Caller) -> Result<Json<AutonomyView>, Problem> {
    caller.require(Role::Viewer)?;
    Ok(Json(AutonomyView { items: app.engine.overlook().grants.items }))
}

/// Replaces all grants.
#[utoipa::path(put, path = "/autonomy", operation_id = "update_autonomy", tag = "policy", request_body = AutonomyView,
    responses((status = 200, body = AutonomyView)), extensions(("x-required-role" = json!("admin"))))]
pub async fn update(
    State(app): State<App>,
    caller: Caller,
    Body(wanted): Body<AutonomyView>,
) -> Result<Json<AutonomyView>, Problem> {
    let asker = caller.require(Role::Admin)?;
    if wanted.items.len() > 10_000 {
        return Err(Problem::invalid("/items", "at most 10,000 grants"));
    }
    for (i, grant) in wanted.items.iter().enumerate() {
        check_name(&format!("/items/{i}/service"), &grant.service, 512)?;
        check_name(&format!("/items/{i}/action"), &grant.action, 512)?;
    }
    app.engine.ask(asker, Command::SetGrants(wanted.items.clone())).await?;
    Ok(Json(wanted))
}

/// The stop switch.
#[utoipa::path(get, path = "/stop-switch", operation_id = "get_stop_switch", tag = "policy",
    responses((status = 200, body = StopSwitch)), extensions(("x-required-role" = json!("viewer"))))]
pub async fn get_stop(State(app): State<App>, caller: Caller) -> Result<Json<StopSwitch>, Problem> {
    caller.require(Role::Viewer)?;
    Ok(Json(app.engine.overlook().stop))
}

/// Engages or releases the stop switch: while engaged, no run starts by itself.
#[utoipa::path(put, path = "/stop-switch", operation_id = "update_stop_switch", tag = "policy",
    request_body = StopRequest, responses((status = 200, body = StopSwitch)),
    extensions(("x-required-role" = json!("operator"))))]
pub async fn update_stop(
    State(app): State<App>,
    caller: Caller,
    Body(wanted): Body<StopRequest>,
) -> Result<Json<StopSwitch>, Problem> {
    let asker = caller.require(Role::Operator)?;
    check_prose("/reason", &wanted.reason)?;
    app.engine.ask(asker, Command::SetStop(wanted.engaged, wanted.reason)).await?;
    Ok(Json(app.engine.overlook().stop))
}
