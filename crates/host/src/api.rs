//! The HTTP API of the host. Thin: it checks the token, turns requests into calls and problems into answers.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use model::{ActionSpec, MetricSeries, Service};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::execute::ActionReply;
use crate::journal::blocking;
use crate::ledger::LedgerEntry;
use crate::problem::Problem;
use crate::supervisor::Host;

/// The routes of a host, without the token check: wrap them with [`protected`].
pub fn router(host: Host) -> Router {
    Router::new()
        .route("/v1/services", get(services))
        .route("/v1/signals", get(signals))
        .route("/v1/metrics", get(metrics))
        .route("/v1/logs", get(logs))
        .route("/v1/actions", get(list_actions))
        .route("/v1/actions/{name}", post(execute))
        .route("/v1/actions/{name}/dry-run", post(dry_run))
        .route("/v1/ledger", get(ledger))
        .with_state(host)
}

/// Lets only requests with `Authorization: Bearer <token>` through to `routes`; adds `GET /healthz` without.
pub fn protected(routes: Router, token: &str) -> Router {
    let expected = format!("Bearer {token}");
    let check = move |request: Request, next: Next| {
        let given = request.headers().get(header::AUTHORIZATION).map(|v| v.as_bytes().to_vec());
        let ok = given.is_some_and(|given| is_same(&given, expected.as_bytes()));
        async move {
            if ok {
                return next.run(request).await;
            }
            let detail =
                "send the header Authorization: Bearer <token> with the token the host was started with";
            Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", detail).into_response()
        }
    };
    let unknown = || async { Problem::not_found("unknown_path", "no such path") };
    routes.fallback(unknown).layer(middleware::from_fn(check)).route("/healthz", get(|| async { "ok" }))
}

/// Compares without telling by its duration where two secrets differ.
fn is_same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |difference, (x, y)| difference | (x ^ y)) == 0
}

async fn services(State(host): State<Host>) -> Json<Vec<Service>> {
    Json(host.services())
}

async fn metrics(State(host): State<Host>) -> Json<Vec<MetricSeries>> {
    Json(host.metrics())
}

async fn list_actions(State(host): State<Host>) -> Json<Vec<ActionSpec>> {
    Json(host.actions())
}

#[derive(Deserialize)]
struct SignalsQuery {
    #[serde(default)]
    after: u64,
    #[serde(default)]
    wait_ms: u64,
    limit: Option<usize>,
}

async fn signals(State(host): State<Host>, Query(query): Query<SignalsQuery>) -> Json<Value> {
    let mut newest = host.inner.journal.newest();
    let wait = Duration::from_millis(query.wait_ms.min(30_000));
    // A place beyond the newest is from an earlier life of the folder: begin anew.
    let after = if query.after > *newest.borrow() { 0 } else { query.after };
    let _ = tokio::time::timeout(wait, newest.wait_for(|newest| *newest > after)).await;
    let items = host.signals_after(after, query.limit.unwrap_or(500).clamp(1, 5_000));
    let next = items.last().map_or(after, |s| s.sequence);
    Json(json!({"items": items, "next": next}))
}

#[derive(Deserialize)]
struct LogsQuery {
    file: String,
    #[serde(default)]
    from: u64,
    limit: Option<usize>,
}

async fn logs(State(host): State<Host>, Query(query): Query<LogsQuery>) -> Result<Response, Problem> {
    let path = std::path::PathBuf::from(&query.file);
    // Only logs of this host's services: a name in one of their log folders, nothing else.
    let is_log = path.extension().is_some_and(|e| e == "log");
    let known = host.inner.services.values().any(|m| path.parent() == Some(&m.folder.logs()));
    if !is_log || !known {
        return Err(Problem::not_found(
            "unknown_log",
            "give the log_file of an instance, as /v1/services lists it",
        ));
    }
    let limit = query.limit.unwrap_or(1 << 20).clamp(1, 4 << 20);
    let read = blocking(move || crate::logs::read(&path, query.from, limit)).await;
    let (bytes, next) = read.map_err(|e| Problem::temporary("log_unreadable", e.to_string()))?;
    Ok((
        [("content-type", "application/octet-stream".to_owned()), ("x-next-offset", next.to_string())],
        bytes,
    )
        .into_response())
}

async fn execute(
    State(host): State<Host>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<ActionReply>, Problem> {
    let text =
        |name: &str| headers.get(name).and_then(|v| v.to_str().ok()).map(str::trim).filter(|v| !v.is_empty());
    let Some(key) = text("idempotency-key").filter(|k| k.len() <= 200) else {
        let detail =
            "send the header Idempotency-Key (1 to 200 characters): the same key never does the work twice";
        return Err(Problem::new(StatusCode::BAD_REQUEST, "idempotency_key_missing", detail));
    };
    let actor = text("x-actor").filter(|a| a.len() <= 100).unwrap_or("homeostat");
    host.execute(&name, &parameters(&body)?, key, actor).await.map(Json)
}

async fn dry_run(
    State(host): State<Host>,
    Path(name): Path<String>,
    body: Bytes,
) -> Result<Json<Value>, Problem> {
    let would = host.dry_run(&name, &parameters(&body)?).await?;
    Ok(Json(json!({"would": would})))
}

fn parameters(body: &[u8]) -> Result<Value, Problem> {
    serde_json::from_slice(body).map_err(|e| {
        Problem::new(StatusCode::BAD_REQUEST, "invalid_json", format!("the body is not JSON: {e}"))
    })
}

#[derive(Deserialize)]
struct LedgerQuery {
    limit: Option<usize>,
}

async fn ledger(State(host): State<Host>, Query(query): Query<LedgerQuery>) -> Json<Vec<LedgerEntry>> {
    Json(host.ledger(query.limit.unwrap_or(1_000).min(20_000)))
}
