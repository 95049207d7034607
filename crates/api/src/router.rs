//! The table of contents: every path, its handler, and what wraps them all.

use axum::extract::DefaultBodyLimit;
use axum::http::{StatusCode, header};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{Html, IntoResponse};
use axum::routing::{any, get, post};
use axum::{Json, Router};
use std::time::Duration;
use tower_http::compression::CompressionLayer;
use tower_http::decompression::RequestDecompressionLayer;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::timeout::TimeoutLayer;
use utoipa::OpenApi;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Content, Ref, RefOr, ResponseBuilder};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::access::{self, Table};
use crate::app::App;
use crate::problem::{self, Code, Problem};
use crate::{
    approvals, audit, autonomy, bulk, changes, connectors, decisions, demo, detection, explanations, holds,
    incidents, ingest, metrics, overview, policy, runbooks, runs, schedules, security, services, session,
    silences, status, stream, telemetry, tokens, triage, workflows,
};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Homeostat",
        description = "Watches what a team runs, finds and explains trouble, repairs it by readable policy, proves the repair.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    servers((url = "/api/v1")),
    components(schemas(Problem)),
    security(("session" = []), ("token" = []))
)]
struct Document;

/// Where the resources are.
const BASE: &str = "/api/v1";
/// Longest time for an answer, streams apart.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// Largest body of an ordinary request.
const BODY_BYTES: usize = 1 << 20;

fn resources(max_body_bytes: usize) -> OpenApiRouter<App> {
    let events = OpenApiRouter::new()
        .routes(routes!(ingest::events))
        .routes(routes!(ingest::alerts))
        .layer(DefaultBodyLimit::max(max_body_bytes))
        .layer(RequestDecompressionLayer::new().gzip(true))
        .layer(RequestBodyLimitLayer::new(max_body_bytes));

    let documents = OpenApiRouter::new()
        .routes(routes!(connectors::list, connectors::create))
        .routes(routes!(connectors::diff))
        .layer(DefaultBodyLimit::max(connectors::BODY_BYTES_MAX));

    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(session::create, session::get, session::delete))
        .routes(routes!(overview::get))
        .routes(routes!(incidents::list))
        .routes(routes!(incidents::get))
        .routes(routes!(incidents::acknowledge))
        .routes(routes!(incidents::resolve))
        .routes(routes!(incidents::merge))
        .routes(routes!(incidents::split))
        .routes(routes!(incidents::move_findings))
        .routes(routes!(explanations::explain))
        .routes(routes!(decisions::list))
        .routes(routes!(decisions::get))
        .routes(routes!(decisions::approve))
        .routes(routes!(decisions::reject))
        .routes(routes!(services::list))
        .routes(routes!(services::get))
        .routes(routes!(services::map))
        .routes(routes!(telemetry::series))
        .routes(routes!(telemetry::names))
        .routes(routes!(telemetry::logs))
        .routes(routes!(telemetry::histogram))
        .routes(routes!(changes::list))
        .routes(routes!(detection::list))
        .routes(routes!(detection::get))
        .routes(routes!(detection::judge))
        .routes(routes!(detection::overview))
        .routes(routes!(detection::objectives))
        .routes(routes!(detection::replay))
        .routes(routes!(runs::list, runs::create))
        .routes(routes!(runs::get))
        .routes(routes!(runs::journal))
        .routes(routes!(runs::pause))
        .routes(routes!(runs::resume))
        .routes(routes!(runs::cancel))
        .routes(routes!(runs::retry))
        .routes(routes!(runs::skip))
        .routes(routes!(runs::migrate))
        .routes(routes!(bulk::change))
        .routes(routes!(holds::get, holds::update))
        .routes(routes!(approvals::list))
        .routes(routes!(approvals::approve))
        .routes(routes!(approvals::reject))
        .routes(routes!(workflows::list))
        .routes(routes!(workflows::get, workflows::update, workflows::delete))
        .routes(routes!(workflows::versions))
        .routes(routes!(workflows::validate))
        .routes(routes!(workflows::schema))
        .routes(routes!(workflows::plan))
        .routes(routes!(schedules::list))
        .routes(routes!(schedules::update))
        .routes(routes!(connectors::samples))
        .routes(routes!(connectors::sample))
        .routes(routes!(connectors::get))
        .routes(routes!(connectors::file))
        .routes(routes!(connectors::download))
        .routes(routes!(runbooks::list))
        .routes(routes!(runbooks::get))
        .routes(routes!(silences::list, silences::create))
        .routes(routes!(silences::end))
        .routes(routes!(silences::preview))
        .routes(routes!(triage::get))
        .routes(routes!(triage::test))
        .routes(routes!(policy::get))
        .routes(routes!(policy::tracks))
        .routes(routes!(policy::outcomes))
        .routes(routes!(autonomy::get, autonomy::update))
        .routes(routes!(autonomy::get_stop, autonomy::update_stop))
        .routes(routes!(tokens::list, tokens::create))
        .routes(routes!(tokens::delete))
        .routes(routes!(audit::list))
        .routes(routes!(audit::verify))
        .routes(routes!(status::get))
        .routes(routes!(demo::get))
        .routes(routes!(demo::inject, demo::clear))
        // Limits set inside hold over those set outside.
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .merge(events)
        .merge(documents)
        .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, ANSWER_WITHIN))
        .layer(CompressionLayer::new().gzip(true))
        // Neither ended by time nor held back by compression.
        .routes(routes!(stream::get))
}

/// The OpenAPI 3.1 document of `/api/v1`.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    let (_, document) = resources(BODY_BYTES).split_for_parts();
    finished(document)
}

/// Every path. `pages` answers what is no API: the dashboard.
pub fn router(app: App, pages: Router) -> Router {
    let (resources, document) = resources(app.max_body_bytes).split_for_parts();
    let document = finished(document);
    let table = Table::of(&document, BASE);
    let document = serde_json::to_value(document).unwrap_or_default();
    let resources = resources.route_layer(from_fn_with_state((app.clone(), table), access::check));
    let openapi = get(move || async move { Json(document) }).layer(CompressionLayer::new().gzip(true));
    let api = resources.route("/openapi.json", openapi).fallback(unknown);
    let receivers = Router::new()
        .route("/v1/metrics", post(ingest::metrics))
        .route("/v1/logs", post(ingest::logs))
        .route("/v1/traces", post(ingest::traces))
        // The limit holds for the unpacked body: a small bomb must not become a large one.
        .layer(DefaultBodyLimit::max(app.max_body_bytes))
        .layer(RequestDecompressionLayer::new().gzip(true))
        .layer(RequestBodyLimitLayer::new(app.max_body_bytes))
        .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, ANSWER_WITHIN));
    Router::new()
        .nest(BASE, api)
        // What looks like the API or a receiver and is none must not be answered by the dashboard.
        .route("/api", any(unknown))
        .route("/api/", any(unknown))
        .route("/api/{*rest}", any(unknown))
        .route("/v1/", any(unknown))
        .route("/v1/{*rest}", any(unknown))
        .merge(receivers)
        .route("/metrics", get(metrics::get))
        .route("/healthz", get(status::alive))
        .route("/readyz", get(status::ready))
        .route("/docs", get(docs))
        .route("/docs/errors/{code}", get(error_page))
        .layer(from_fn(problem::speak))
        .with_state(app.clone())
        .fallback_service(pages)
        .layer(from_fn_with_state(app, security::check_host))
        .layer(from_fn(security::add_headers))
}

async fn unknown() -> Problem {
    Problem::new(Code::NotFound, "there is no such path; see /api/v1/openapi.json")
}

/// A page that lists every operation, from the document itself; no script from elsewhere.
async fn docs() -> impl IntoResponse {
    let document = serde_json::to_value(openapi()).unwrap_or_default();
    let mut rows = String::new();
    for (path, methods) in document["paths"].as_object().into_iter().flatten() {
        for (method, operation) in methods.as_object().into_iter().flatten() {
            let text = |key: &str| escape(operation[key].as_str().unwrap_or_default());
            rows.push_str(&format!(
                "<tr><td><code>{}</code></td><td><code>{}</code></td><td>{}</td><td>{}</td></tr>",
                escape(&method.to_uppercase()),
                escape(path),
                text("summary"),
                text("x-required-role"),
            ));
        }
    }
    let page = Html(format!(
        "<!doctype html><html lang=en><meta charset=utf-8><title>Homeostat API</title>\
         <style>body{{font:16px/1.5 system-ui;margin:2rem auto;max-width:64rem;padding:0 1rem}}\
         td,th{{text-align:left;padding:.3rem .8rem;border-bottom:1px solid #ddd}}</style>\
         <h1>Homeostat API</h1><p>Base <code>/api/v1</code>. The whole contract is \
         <a href=/api/v1/openapi.json>openapi.json</a> (OpenAPI 3.1). Send a session cookie with \
         <code>X-CSRF-Token</code>, or <code>Authorization: Bearer hs_…</code>.</p>\
         <table><tr><th>Method<th>Path<th>What<th>Role</tr>{rows}</table>"
    ));
    ([(header::CONTENT_SECURITY_POLICY, security::OWN_PAGE_POLICY)], page)
}

async fn error_page(axum::extract::Path(code): axum::extract::Path<String>) -> axum::response::Response {
    match Code::ALL.iter().find(|c| c.as_str() == code) {
        Some(code) => ([("content-type", "text/markdown; charset=utf-8")], code.page()).into_response(),
        None => Problem::not_found("error code", &code).into_response(),
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// What holds for every operation is added here once.
fn finished(mut document: utoipa::openapi::OpenApi) -> utoipa::openapi::OpenApi {
    let problem = ResponseBuilder::new()
        .description("An error: see `code` and `detail`")
        .content("application/problem+json", Content::new(Some(Ref::from_schema_name("Problem"))))
        .build();
    for item in document.paths.paths.values_mut() {
        let operations: [&mut Option<Operation>; 5] =
            [&mut item.get, &mut item.put, &mut item.post, &mut item.delete, &mut item.patch];
        for operation in operations.into_iter().flatten() {
            let role = operation.extensions.as_ref().and_then(|e| e.get("x-required-role"));
            if role.is_some_and(|role| role == "none") {
                operation.security = Some(Vec::new());
            }
            operation.responses.responses.insert("default".to_owned(), RefOr::T(problem.clone()));
        }
    }
    let components = document.components.get_or_insert_default();
    let cookie = ApiKey::Cookie(ApiKeyValue::new(crate::auth::caller::COOKIE));
    components.add_security_scheme("session", SecurityScheme::ApiKey(cookie));
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
    components.add_security_scheme("token", SecurityScheme::Http(bearer));
    document
}
