//! A server that answers as a test says and remembers what it was asked.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use connect::functions::{HttpFunction, Limits, Web};
use model::ActionCall;
use ports::{ActionFailure, Actuator};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// The key of every call.
pub(crate) const KEY: &str = "run_1/do/0/call#0";

/// One request, as it came.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: String,
    /// Path and query.
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

pub(crate) struct Peer {
    pub(crate) url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Peer {
    /// Everything it was asked so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

/// Starts a server. It answers by what it sees and how many requests came before.
#[expect(clippy::disallowed_methods, reason = "somebody else's server, which ends with the test")]
pub(crate) async fn peer(answer: impl Fn(&Seen, usize) -> Response + Send + Sync + 'static) -> Peer {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (answer, remembered) = (Arc::new(answer), Arc::clone(&seen));
    let router = axum::Router::new().fallback(move |request: Request| {
        let (answer, seen) = (Arc::clone(&answer), Arc::clone(&remembered));
        async move {
            let (parts, body) = request.into_parts();
            let body = to_bytes(body, 1 << 20).await.unwrap();
            let one = Seen {
                method: parts.method.to_string(),
                path: parts.uri.path_and_query().map_or("", |path| path.as_str()).to_owned(),
                headers: parts.headers,
                body: String::from_utf8_lossy(&body).into_owned(),
            };
            let before = {
                let mut seen = seen.lock().unwrap();
                seen.push(one.clone());
                seen.len() - 1
            };
            answer(&one, before)
        }
    });
    tokio::spawn(async move { axum::serve(listener, router).await });
    Peer { url, seen }
}

/// An answer.
pub(crate) fn reply(status: u16, headers: &[(&str, &str)], body: impl Into<Body>) -> Response {
    let mut response = Response::builder().status(StatusCode::from_u16(status).unwrap());
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    response.body(body.into()).unwrap()
}

/// An answer in JSON.
pub(crate) fn replied(status: u16, body: &Value) -> Response {
    reply(status, &[("content-type", "application/json")], body.to_string())
}

pub(crate) fn limits() -> Limits {
    Limits { connect_timeout: Duration::from_secs(5), timeout: Duration::from_secs(20), ..Limits::default() }
}

pub(crate) fn web(limits: Limits) -> Arc<Web> {
    // The server does this at its start; the second test of a process finds it done.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Arc::new(Web::new(limits).unwrap())
}

/// The function `http`.
pub(crate) fn function(limits: Limits) -> HttpFunction {
    HttpFunction::new(web(limits))
}

/// Calls a function.
pub(crate) async fn call(function: &dyn Actuator, with: Value) -> Result<Value, ActionFailure> {
    function.execute(&asked(function, with)).await.map(|result| result.output)
}

/// Says what a call would do.
pub(crate) async fn would(function: &dyn Actuator, with: Value) -> Result<String, ActionFailure> {
    function.dry_run(&asked(function, with)).await
}

fn asked(function: &dyn Actuator, with: Value) -> ActionCall {
    let action = function.actions().remove(0).name;
    ActionCall { action, parameters: with, idempotency_key: KEY.to_owned() }
}

/// A GET with this authentication.
pub(crate) async fn get_as(
    function: &HttpFunction,
    url: &str,
    authentication: &Value,
) -> Result<Value, ActionFailure> {
    call(function, json!({"method": "get", "endpoint": {"uri": url, "authentication": authentication}})).await
}
