//! What every service of the shop has: its environment, its measures, its peers; and what it does around
//! each request.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::ShopError;
use super::measure::Measures;
use super::peers::Peers;
use super::switches::Switches;
use super::trace::{Span, SpanKind, Trace, Tracer};
use crate::random::Random;

/// One running service.
pub(super) struct App {
    pub service: String,
    pub instance: String,
    pub version: String,
    pub address: String,
    pub control_address: String,
    pub control_token: String,
    pub data: PathBuf,
    pub data_limit_bytes: u64,
    /// Share of requests that this release gets wrong.
    pub failure_ratio: f64,
    pub measures: Measures,
    pub tracer: Tracer,
    pub peers: Peers,
    pub client: reqwest::Client,
    pub switches: Switches,
    pub random: Random,
}

impl App {
    pub(super) fn new(service: &str) -> Result<Self, ShopError> {
        let text = |name: &'static str| std::env::var(name).map_err(|_| ShopError::Environment(name));
        let json_in = |name: &'static str, path: PathBuf| -> Result<Value, ShopError> {
            let bytes = std::fs::read(&path).map_err(ShopError::io(format!("read {}", path.display())))?;
            serde_json::from_slice(&bytes).map_err(|_| ShopError::Environment(name))
        };
        let manifest =
            json_in("HOMEOSTAT_RELEASE", PathBuf::from(text("HOMEOSTAT_RELEASE")?).join("manifest.json"))?;
        let config = json_in("HOMEOSTAT_CONFIG", text("HOMEOSTAT_CONFIG")?.into())?;
        let otlp = std::env::var("HOMEOSTAT_OTLP_URL").unwrap_or_default();
        let client = crate::client(otlp.starts_with("https"))?;
        let (instance, version) = (text("HOMEOSTAT_INSTANCE")?, text("HOMEOSTAT_VERSION")?);
        let token = std::env::var("HOMEOSTAT_OTLP_TOKEN").unwrap_or_default();
        Ok(Self {
            tracer: Tracer::start(client.clone(), &otlp, &token, service, &instance, &version),
            service: service.to_owned(),
            address: text("HOMEOSTAT_ADDRESS")?,
            control_address: format!("127.0.0.1:{}", text("HOMEOSTAT_PORT_CONTROL")?),
            control_token: text("SHOP_CONTROL_TOKEN")?,
            data: text("HOMEOSTAT_DATA")?.into(),
            data_limit_bytes: text("HOMEOSTAT_DATA_LIMIT_BYTES")
                .ok()
                .and_then(|t| t.parse().ok())
                .unwrap_or(u64::MAX),
            failure_ratio: manifest["behaviour"]["failure_ratio"].as_f64().unwrap_or(0.0),
            measures: Measures::default(),
            peers: Peers::new(text("HOMEOSTAT_ENDPOINTS")?.into(), &config),
            switches: Switches::default(),
            random: Random::new(),
            instance,
            version,
            client,
        })
    }

    /// Work that takes between `low` and `high` milliseconds.
    pub(super) async fn work(&self, low: u64, high: u64) {
        tokio::time::sleep(Duration::from_millis(self.random.between(low, high))).await;
    }

    /// Whether this release gets the request at hand wrong.
    pub(super) fn release_fails(&self) -> bool {
        self.failure_ratio > 0.0 && self.random.ratio() < self.failure_ratio
    }
}

/// A JSON answer.
pub(super) fn answer(status: u16, body: Value) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, axum::Json(body)).into_response()
}

/// An error answer for people.
pub(super) fn failure(status: u16, message: &str) -> Response {
    answer(status, json!({"error": message}))
}

/// Wraps each request: trace context, span, measures; and the hang, when it is switched on.
pub(super) async fn observe(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    if app.switches.hang.is_on() {
        // The connection stays open and nothing comes back, for as long as the caller has patience.
        std::future::pending::<()>().await;
    }
    let (began, started) = (Instant::now(), super::trace::unix_nanos());
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "other".to_owned(), |m| m.as_str().to_owned());
    let method = request.method().to_string();
    let header = request.headers().get("traceparent").and_then(|v| v.to_str().ok());
    let trace = Trace::from_header(header, &app.random);
    let parent = trace.parent.clone();
    request.extensions_mut().insert(trace.clone());
    let response = next.run(request).await;
    if route == "/healthz" || route == "/metrics" {
        return response;
    }
    let status = response.status().as_u16();
    app.measures.request(&route, status, began.elapsed());
    app.tracer.record(Span {
        kind: SpanKind::Server,
        name: format!("{method} {route}"),
        trace_id: trace.trace_id.clone(),
        span_id: trace.span_id.clone(),
        parent,
        started,
        ended: super::trace::unix_nanos(),
        error: status >= 500,
        attributes: vec![
            ("http.request.method", method),
            ("http.route", route),
            ("http.response.status_code", status.to_string()),
        ],
    });
    response
}
