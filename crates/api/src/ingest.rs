//! Receivers over HTTP: OTLP and CloudEvents. A 2xx means that the signals survive any crash.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use model::Signal;
use receive::Malformed;
use receive::otlp::{Encoding, Export, receive, refuse, respond};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::auth::Caller;
use crate::page::Raw;
use crate::problem::{Code, Problem};

/// `google.rpc.Code` of a request that cannot be read.
const INVALID_ARGUMENT: i32 = 3;
/// `google.rpc.Code` of more than can be taken.
const RESOURCE_EXHAUSTED: i32 = 8;
/// `google.rpc.Code` of a failure that may be over soon.
const UNAVAILABLE: i32 = 14;

/// OTLP metrics.
pub async fn metrics(
    app: State<App>,
    caller: Caller,
    headers: HeaderMap,
    body: Result<Raw, Problem>,
) -> Response {
    otlp(Export::Metrics, app, caller, &headers, body).await
}

/// OTLP logs.
pub async fn logs(
    app: State<App>,
    caller: Caller,
    headers: HeaderMap,
    body: Result<Raw, Problem>,
) -> Response {
    otlp(Export::Logs, app, caller, &headers, body).await
}

/// OTLP traces.
pub async fn traces(
    app: State<App>,
    caller: Caller,
    headers: HeaderMap,
    body: Result<Raw, Problem>,
) -> Response {
    otlp(Export::Traces, app, caller, &headers, body).await
}

async fn otlp(
    export: Export,
    State(app): State<App>,
    caller: Caller,
    headers: &HeaderMap,
    body: Result<Raw, Problem>,
) -> Response {
    if let Err(problem) = caller.require_ingest() {
        return problem.into_response();
    }
    let content_type = content_type(headers).unwrap_or_default();
    let Some(encoding) = Encoding::of(content_type) else {
        let detail = format!("{content_type:?}: send application/x-protobuf or application/json");
        return Problem::new(Code::UnsupportedMediaType, detail).into_response();
    };
    let body = match body {
        Ok(Raw(body)) => body,
        Err(problem) => return refused(encoding, INVALID_ARGUMENT, problem),
    };
    let received = match receive(export, encoding, &body, app.engine.now()) {
        Ok(received) => received,
        Err(malformed) => return refused(encoding, INVALID_ARGUMENT, malformed_problem(&malformed)),
    };
    let rejected = received.rejected;
    if !received.signals.is_empty()
        && let Err(error) = app.engine.intake().accept("otlp", received.signals).await
    {
        let code =
            if matches!(error, ports::Error::Overloaded(_)) { RESOURCE_EXHAUSTED } else { UNAVAILABLE };
        return refused(encoding, code, not_taken(error));
    }
    let answer = respond(export, encoding, &rejected);
    ([(header::CONTENT_TYPE, encoding.content_type())], answer).into_response()
}

/// OTLP wants `google.rpc.Status` in the encoding of the request; JSON senders get a Problem instead, which
/// says more.
fn refused(encoding: Encoding, code: i32, problem: Problem) -> Response {
    match encoding {
        Encoding::Json => problem.into_response(),
        Encoding::Protobuf => {
            let message = match &problem.at {
                Some(at) => format!("{} (at {at})", problem.detail),
                None => problem.detail.clone(),
            };
            let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::BAD_REQUEST);
            let retry = problem.retry_after_s;
            let body = refuse(encoding, code, &message);
            let mut response =
                (status, [(header::CONTENT_TYPE, encoding.content_type())], body).into_response();
            if let Some(seconds) = retry {
                response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
            }
            response
        }
    }
}

/// Takes CloudEvents 1.0: structured, binary or batched.
#[utoipa::path(post, path = "/events", operation_id = "create_events", tag = "ingest",
    request_body(content = serde_json::Value, content_type = "application/cloudevents+json"),
    responses((status = 202, description = "durable")), extensions(("x-required-role" = json!("ingest"))))]
pub async fn events(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    body: Result<Raw, Problem>,
) -> Result<StatusCode, Problem> {
    caller.require_ingest()?;
    let Raw(body) = body?;
    let pairs = headers.iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
    let signals: Vec<Signal> =
        receive::cloudevents::receive(content_type(&headers), pairs, &body, app.engine.now()).map_err(
            |malformed| match malformed.at.as_str() {
                "header content-type" => Problem::new(Code::UnsupportedMediaType, malformed.advice.clone()),
                _ => malformed_problem(&malformed),
            },
        )?;
    if !signals.is_empty() {
        app.engine.intake().accept("cloudevents", signals).await.map_err(not_taken)?;
    }
    Ok(StatusCode::ACCEPTED)
}

/// What became of a webhook.
#[derive(Serialize, ToSchema)]
pub struct Taken {
    /// Alerts taken; they survive any crash.
    accepted: u64,
    /// Alerts that could not be read.
    rejected: u64,
    /// Why, when there were any.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// Takes alerts as Alertmanager and Grafana send them: their webhook, version 4.
#[utoipa::path(post, path = "/alerts", operation_id = "create_alerts", tag = "ingest",
    request_body(content = serde_json::Value, content_type = "application/json"),
    responses((status = 202, description = "durable", body = Taken)), extensions(("x-required-role" = json!("ingest"))))]
pub async fn alerts(
    State(app): State<App>,
    caller: Caller,
    body: Result<Raw, Problem>,
) -> Result<(StatusCode, Json<Taken>), Problem> {
    caller.require_ingest()?;
    let Raw(body) = body?;
    let received =
        receive::alertmanager::receive(&body, app.engine.now()).map_err(|m| malformed_problem(&m))?;
    let (accepted, rejected) = (received.signals.len() as u64, received.rejected.count());
    if accepted > 0 {
        app.engine.intake().accept("alertmanager", received.signals).await.map_err(not_taken)?;
    }
    let reason = (rejected > 0).then(|| received.rejected.to_string());
    Ok((StatusCode::ACCEPTED, Json(Taken { accepted, rejected, reason })))
}

/// The intake refuses as invalid only what is too much for one batch; everything else was checked before.
fn not_taken(error: ports::Error) -> Problem {
    match error {
        ports::Error::Invalid(detail) => {
            Problem::new(Code::BodyTooLarge, format!("{detail}; send smaller batches"))
        }
        other => Problem::from(other),
    }
}

fn malformed_problem(malformed: &Malformed) -> Problem {
    Problem::new(Code::MalformedSignal, format!("{}; {}", malformed.reason, malformed.advice))
        .at(&malformed.at)
}

fn content_type(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::CONTENT_TYPE)?.to_str().ok()
}
