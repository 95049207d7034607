//! `homeostat connect mock`: a server that answers as a document says. What it answers is `openapi::Mock`'s; here is only the
//! wire, with bounds on bodies and connections.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use openapi::api::Api;
use openapi::{Mock, MockAnswer, MockRequest};
use serde_json::json;
use tokio::net::TcpListener;

use super::reading::{self, Stages};
use super::told;
use crate::cli::Output;
use crate::cli::connect::Reading;
use crate::output::{line, progress};
use crate::wire::url_of;

/// Largest body of a request.
const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Faults of a request that are printed; the answer has all of them.
const FAULTS_SHOWN: usize = 5;

#[derive(Clone)]
struct Served {
    mock: Arc<Mock>,
    json: bool,
}

/// Serves until told to stop.
///
/// # Errors
/// The document cannot be used, or the address is taken.
pub(super) async fn run(
    spec: &str,
    listen: &str,
    reading: &Reading,
    output: &Output,
) -> Result<ExitCode, String> {
    let documents = reading::reader(reading)?;
    let stages = Stages::default();
    let read = stages.watch(reading::read(&documents, spec, &stages)).await;
    let api = read.map_err(|error| reading::refused(&error))?.api;
    let failed = |why: String| format!("cannot listen on {listen}: {why}; choose another with --listen");
    let listener = TcpListener::bind(listen).await.map_err(|error| failed(error.to_string()))?;
    let url = url_of(listener.local_addr().map_err(|error| failed(error.to_string()))?);
    announce(&api, &url, output);
    let served = Served { mock: Arc::new(Mock::new(Arc::new(api))), json: output.json };
    let routes = Router::new().fallback(answer).with_state(served);
    let limits = serve::Limits { grace: Duration::from_secs(1), ..serve::Limits::default() };
    serve::serve(listener, routes, limits, crate::commands::up::told_to_stop()).await;
    Ok(ExitCode::SUCCESS)
}

fn announce(api: &Api, url: &str, output: &Output) {
    if output.json {
        return line(json!({"url": url, "title": api.info.title, "operations": api.operations.len()}));
    }
    line(format!(
        "{} answers at {url}: {}.",
        told::named(api),
        told::count(api.operations.len(), "operation")
    ));
    let simple =
        api.operations.iter().find(|operation| operation.method == "get" && !operation.path.contains('{'));
    if let Some(operation) = simple {
        line(format!("Try: curl {url}{}", operation.path));
    }
    line(
        "Ask for other answers with the header `Prefer: code=404` or `Prefer: example=name`. Ctrl-C ends it.",
    );
}

async fn answer(State(served): State<Served>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    if let Some(preflight) = preflight(&served.mock, &parts.method, &parts.headers) {
        return preflight;
    }
    let method = parts.method.to_string();
    let target = parts.uri.path_and_query().map_or("/", |target| target.as_str()).to_owned();
    let Ok(body) = axum::body::to_bytes(body, BODY_BYTES_MAX).await else {
        let title = format!("The body is larger than {BODY_BYTES_MAX} bytes, or broke off.");
        let problem = json!({"type": "about:blank", "title": title, "status": 413});
        let headers = vec![("content-type".to_owned(), "application/problem+json".to_owned())];
        let body = problem.to_string().into_bytes();
        let answer = MockAnswer { status: 413, headers, body, operation: None, faults: Vec::new() };
        note(&served, &method, &target, &answer);
        return response(answer);
    };
    let asked = MockRequest { method, target, headers: headers(&parts.headers), body: body.into() };
    let mock = Arc::clone(&served.mock);
    // Checking a large body takes a while.
    let work = tokio::task::spawn_blocking(move || (mock.answer(&asked), asked));
    match work.await {
        Ok((answer, asked)) => {
            note(&served, &asked.method, &asked.target, &answer);
            response(answer)
        }
        Err(_) => Response::builder().status(500).body(Body::empty()).unwrap_or_default(),
    }
}

fn headers(from: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    from.iter().map(|(name, value)| (name.to_string(), text(value))).collect()
}

/// What a browser asks before it sends a page's request elsewhere; a document seldom describes that.
fn preflight(mock: &Mock, method: &Method, headers: &HeaderMap) -> Option<Response> {
    let wanted = headers.get(header::ACCESS_CONTROL_REQUEST_METHOD)?;
    if method != Method::OPTIONS
        || mock.api().operations.iter().any(|operation| operation.method == "options")
    {
        return None;
    }
    let mut response = response(MockAnswer {
        status: 204,
        headers: Vec::new(),
        body: Vec::new(),
        operation: None,
        faults: Vec::new(),
    });
    let allowed = response.headers_mut();
    allowed.insert(header::ACCESS_CONTROL_ALLOW_METHODS, wanted.clone());
    if let Some(names) = headers.get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
        allowed.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, names.clone());
    }
    Some(response)
}

fn response(answer: MockAnswer) -> Response {
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    for (name, value) in &answer.headers {
        // An example may hold what no header can.
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            headers.append(name, value);
        }
    }
    // Pages of any origin may read it: there is nothing here but examples.
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("*"));
    response
}

/// Tells of a request: what was asked, what came, what was wrong.
fn note(served: &Served, method: &str, target: &str, answer: &MockAnswer) {
    let operation = answer.operation.map(|at| &served.mock.api().operations[at]);
    if served.json {
        let faults: Vec<_> = answer
            .faults
            .iter()
            .map(|fault| json!({"in": fault.place, "name": fault.name, "detail": fault.message}))
            .collect();
        let operation = operation.map(|operation| format!("{} {}", operation.method, operation.path));
        let told = json!({"method": method, "target": target, "status": answer.status, "operation": operation, "faults": faults});
        return line(told);
    }
    progress(&format!("{method} {target} → {}", answer.status));
    for fault in answer.faults.iter().take(FAULTS_SHOWN) {
        progress(&format!("    {} {}: {}", fault.place, fault.name, fault.message));
    }
    if answer.faults.len() > FAULTS_SHOWN {
        progress(&format!("    … and {} more", answer.faults.len() - FAULTS_SHOWN));
    }
}
