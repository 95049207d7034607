//! The gateway: what customers talk to. It asks catalog and checkout.

use std::sync::Arc;

use axum::extract::{Extension, Path, State};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::Value;

use super::app::{App, answer, failure};
use super::line;
use super::trace::Trace;

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/products", get(products))
        .route("/products/{id}", get(product))
        .route("/orders", post(order))
}

async fn products(State(app): State<Arc<App>>, Extension(trace): Extension<Trace>) -> Response {
    forward(&app, "catalog", "GET", "/products", None, &trace).await
}

async fn product(
    State(app): State<Arc<App>>,
    Extension(trace): Extension<Trace>,
    Path(id): Path<u32>,
) -> Response {
    forward(&app, "catalog", "GET", &format!("/products/{id}"), None, &trace).await
}

async fn order(
    State(app): State<Arc<App>>,
    Extension(trace): Extension<Trace>,
    Json(body): Json<Value>,
) -> Response {
    forward(&app, "checkout", "POST", "/orders", Some(&body), &trace).await
}

async fn forward(
    app: &App,
    peer: &str,
    method: &str,
    path: &str,
    body: Option<&Value>,
    trace: &Trace,
) -> Response {
    let began = std::time::Instant::now();
    let id = Some(trace.trace_id.as_str());
    match app.call(peer, method, path, body, trace).await {
        Ok((status, body)) if status < 500 => {
            line::info(
                app,
                &format!("{method} {path} answered {status} in {} ms", began.elapsed().as_millis()),
                id,
            );
            answer(status, body)
        }
        Ok((status, body)) => {
            let reason = body["error"].as_str().unwrap_or("no reason given");
            line::error(app, &format!("{method} {path} failed: {peer} answered {status}: {reason}"), id);
            failure(if status == 507 { 507 } else { 502 }, &format!("{peer} failed"))
        }
        Err(error) => {
            line::error(app, &format!("{method} {path} failed: {error}"), id);
            failure(504, &format!("{peer} is not reachable"))
        }
    }
}
