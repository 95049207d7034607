//! The loopback control endpoint of a service: faults on and off. On a port of its own, so that a hung service
//! can still be asked; with a token of its own, so that nobody else on the machine can use it.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use super::app::{App, answer, failure};
use super::{line, switches, worker};

pub(super) fn routes(app: Arc<App>) -> Router {
    let token = app.control_token.clone();
    let routes = Router::new()
        .route("/faults", get(list))
        .route("/faults/{name}", post(inject).delete(clear))
        .with_state(app);
    host::api::protected(routes, &token)
}

async fn list(State(app): State<Arc<App>>) -> Json<Value> {
    let s = &app.switches;
    Json(json!({
        "hang": s.hang.is_on(), "memory-leak": s.memory_leak.is_on(), "cpu-spin": s.cpu_spin.is_on(),
        "slow-dependency": s.slow.is_on(), "log-flood": s.log_flood.is_on(),
        "disk-full": app.data.join(switches::EXPORT).is_dir(),
    }))
}

async fn inject(State(app): State<Arc<App>>, Path(name): Path<String>) -> Response {
    match name.as_str() {
        "crash" => {
            line::error(&app, "fatal: double free detected in the order pool, aborting", None);
            std::process::abort();
        }
        "crash-loop" => {
            if let Err(error) = worker::poison(&app) {
                return failure(500, &format!("the state cannot be poisoned: {error}"));
            }
            line::error(&app, "fatal: lost the lock on schedule.json while writing, aborting", None);
            std::process::abort();
        }
        other if switches::turn(&app, other, true) => answer(200, json!({"on": true})),
        other => failure(404, &format!("no fault {other:?}")),
    }
}

async fn clear(State(app): State<Arc<App>>, Path(name): Path<String>) -> Response {
    if switches::turn(&app, &name, false) {
        answer(200, json!({"on": false}))
    } else {
        failure(404, "no such fault")
    }
}
