//! The demo's faults. Outside the demo there are none.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use engine::command::{Asker, Command, Role};
use model::{AuditEntry, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::app::{App, DemoControl};
use crate::auth::Caller;
use crate::page::{Body, Path};
use crate::problem::{Code, Problem};

/// A fault that can be injected.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Fault {
    /// Its name: `memory-leak`.
    pub name: String,
    /// For people.
    pub title: String,
    /// What really happens.
    pub summary: String,
    /// The service it hits unless told otherwise.
    pub service: String,
    /// Services it can hit.
    pub services: Vec<String>,
    /// Whether it is in effect.
    pub active: bool,
    /// Since when.
    pub injected_at: Option<Timestamp>,
}

/// The demo world.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DemoView {
    /// The faults.
    pub faults: Vec<Fault>,
    /// The world itself.
    pub world: DemoWorld,
}

/// The state of the demo world.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DemoWorld {
    /// Whether its processes run.
    pub running: bool,
}

/// Where to inject.
#[derive(Clone, Debug, Default, Deserialize, utoipa::ToSchema)]
pub struct FaultRequest {
    /// The service; the fault's own unless told.
    pub service: Option<String>,
}

/// The faults of the demo.
#[utoipa::path(get, path = "/demo", operation_id = "get_demo", tag = "demo",
    responses((status = 200, body = DemoView)), extensions(("x-required-role" = json!("viewer"))))]
pub async fn get(State(app): State<App>, caller: Caller) -> Result<Json<DemoView>, Problem> {
    caller.require(Role::Viewer)?;
    Ok(Json(world(&app)?.view().await?))
}

/// Injects a fault.
#[utoipa::path(post, path = "/demo/faults/{name}", operation_id = "create_fault", tag = "demo",
    params(("name" = String, Path)), request_body = FaultRequest, responses((status = 204)),
    extensions(("x-required-role" = json!("operator"))))]
pub async fn inject(
    State(app): State<App>,
    caller: Caller,
    Path(name): Path<String>,
    Body(request): Body<FaultRequest>,
) -> Result<StatusCode, Problem> {
    let asker = caller.require(Role::Operator)?;
    world(&app)?.inject(&name, request.service.as_deref()).await?;
    note(&app, asker, "fault.injected", name, json!({"service": request.service})).await
}

/// Takes a fault back.
#[utoipa::path(delete, path = "/demo/faults/{name}", operation_id = "delete_fault", tag = "demo",
    params(("name" = String, Path)), responses((status = 204)), extensions(("x-required-role" = json!("operator"))))]
pub async fn clear(
    State(app): State<App>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    let asker = caller.require(Role::Operator)?;
    world(&app)?.clear(&name).await?;
    note(&app, asker, "fault.cleared", name, json!({})).await
}

async fn note(
    app: &App,
    asker: Asker,
    action: &str,
    fault: String,
    details: Value,
) -> Result<StatusCode, Problem> {
    let entry = AuditEntry {
        at: app.engine.now(),
        actor: asker.actor.clone(),
        action: action.to_owned(),
        subject: fault,
        details,
        correlation_id: None,
    };
    app.engine.ask(asker, Command::Audit(entry)).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn world(app: &App) -> Result<&Arc<dyn DemoControl>, Problem> {
    app.demo.as_ref().ok_or_else(|| {
        Problem::new(
            Code::NotInDemo,
            "faults can be injected in the demo only; start it with `homeostat demo`",
        )
    })
}
