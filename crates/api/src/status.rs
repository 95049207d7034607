//! How Homeostat itself is doing.

use axum::Json;
use axum::extract::State;
use engine::command::Role;
use serde::{Deserialize, Serialize};

use crate::app::{App, ComponentState, ComponentStatus};
use crate::auth::Caller;
use crate::problem::{Code, Problem};

/// Every part and its state.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Status {
    /// Version of the binary.
    pub version: String,
    /// The worst state of any part.
    pub state: ComponentState,
    /// The parts.
    pub components: Vec<ComponentStatus>,
}

/// The detect stage may be this many batches behind before that counts as degraded.
const LAG_BATCHES: u64 = 1_000;

/// Every part and its state.
#[utoipa::path(get, path = "/status", operation_id = "get_status", tag = "settings",
    responses((status = 200, body = Status)), extensions(("x-required-role" = json!("viewer"))))]
pub async fn get(State(app): State<App>, caller: Caller) -> Result<Json<Status>, Problem> {
    caller.require(Role::Viewer)?;
    let components = components(&app);
    let worst = |state| components.iter().any(|c| c.state == state);
    let state = if worst(ComponentState::Quarantined) || worst(ComponentState::Degraded) {
        ComponentState::Degraded
    } else {
        ComponentState::Running
    };
    Ok(Json(Status { version: env!("CARGO_PKG_VERSION").to_owned(), state, components }))
}

/// Whether the process answers at all.
pub async fn alive() -> &'static str {
    "ok"
}

/// Whether the process can take signals and requests.
///
/// # Errors
/// `unavailable`: the store refuses writes, or the loop has ended.
pub async fn ready(State(app): State<App>) -> Result<&'static str, Problem> {
    if !app.engine.is_running() {
        return Err(Problem::new(
            Code::Unavailable,
            "the loop has ended; the log says why; restart the process",
        ));
    }
    match app.engine.overlook().store_failing {
        None => Ok("ready"),
        Some(reason) => Err(Problem::new(Code::Unavailable, format!("the store refuses writes: {reason}"))),
    }
}

/// The engine's parts, then the others.
#[must_use]
pub fn components(app: &App) -> Vec<ComponentStatus> {
    let store = match app.engine.overlook().store_failing {
        None => (ComponentState::Running, "takes writes".to_owned()),
        Some(reason) => (ComponentState::Degraded, format!("refuses writes: {reason}")),
    };
    let (lag, signals) = app.engine.lag();
    let pipeline = if lag > LAG_BATCHES {
        (ComponentState::Degraded, format!("{lag} batches behind"))
    } else {
        (ComponentState::Running, format!("{signals} signals since start, {lag} batches behind"))
    };
    let corrupt = match app.engine.corrupt_batches() {
        0 => None,
        n => Some(("bus", (ComponentState::Degraded, format!("{n} batches could not be read back")))),
    };
    let explainer = app.engine.explaining().map(|explaining| {
        let (works, reason) = explaining.status();
        let state = if works { ComponentState::Running } else { ComponentState::Degraded };
        ("explainer", (state, reason))
    });
    let ended = (ComponentState::Quarantined, "has ended; the log says why; restart the process".to_owned());
    let ended = (!app.engine.is_running()).then_some(("loop", ended));
    let mut all: Vec<ComponentStatus> = [("store", store), ("detect", pipeline)]
        .into_iter()
        .chain(ended)
        .chain(corrupt)
        .chain(explainer)
        .map(|(name, (state, reason))| ComponentStatus { name: name.to_owned(), state, reason })
        .collect();
    all.extend((app.components)());
    all
}
