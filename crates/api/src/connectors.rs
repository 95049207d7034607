//! Connectors: OpenAPI documents as TypeScript packages, made one after the other, previewed, and taken as a zip.
//!
//! Nothing of this is stored: the newest packages stay in memory, and the document makes the same package again.

mod archive;
mod making;
mod options;
mod views;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::IntoResponse;
use engine::command::Role;
use serde::Deserialize;

use crate::app::App;
use crate::auth::Caller;
use crate::page::{Body, Page, Path, Query, check_name};
use crate::problem::{Code, Problem};

pub use making::{Connectors, Documents, Found, Given, SampleText};
pub use options::{ConnectorLicense, ConnectorOptions};
pub use views::{
    Connector, ConnectorChange, ConnectorDiagnostic, ConnectorDiff, ConnectorFile, ConnectorPlace,
    ConnectorSample, ConnectorState, ConnectorSummary, ConnectorTitle, diagnostics,
};

/// Largest document, in bytes.
pub const DOCUMENT_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Largest body: two documents whose every line break and quotation mark is escaped.
pub(crate) const BODY_BYTES_MAX: usize = 4 * DOCUMENT_BYTES_MAX;

/// Where a document is; one of `text`, `url` and `sample`.
#[derive(Clone, Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConnectorSource {
    /// The document itself, at most 16 MiB.
    #[serde(default)]
    pub text: Option<String>,
    /// What messages call the text: the name of its file.
    #[serde(default)]
    pub file: Option<String>,
    /// Where it is fetched from: this machine, or a host that the configuration allows (`connectors.allow_hosts`).
    #[serde(default)]
    pub url: Option<String>,
    /// A sample, by its name.
    #[serde(default)]
    pub sample: Option<String>,
}

/// A connector to make.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConnectorRequest {
    /// Its document.
    pub source: ConnectorSource,
    /// What the package should be like.
    #[serde(default)]
    pub options: ConnectorOptions,
}

/// Two documents to compare.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConnectorDiffRequest {
    /// The one that programs were written against.
    pub old: ConnectorSource,
    /// The one that comes.
    pub new: ConnectorSource,
}

/// A file of a package.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ConnectorFilter {
    /// Its path in the package.
    pub path: String,
}

/// A zip.
#[derive(Clone, Debug, utoipa::ToSchema)]
#[schema(value_type = String, format = Binary)]
pub struct ConnectorArchive(pub Vec<u8>);

/// Documents to try.
#[utoipa::path(get, path = "/connectors/samples", operation_id = "list_connector_samples", tag = "connectors",
    responses((status = 200, body = Page<ConnectorSample>)), extensions(("x-required-role" = json!("viewer"))))]
pub async fn samples(State(app): State<App>, caller: Caller) -> Result<Json<Page<ConnectorSample>>, Problem> {
    caller.require(Role::Viewer)?;
    Ok(Json(Page { items: app.connectors.samples().await?, next: None }))
}

/// The text of a document to try.
#[utoipa::path(get, path = "/connectors/samples/{name}", operation_id = "get_connector_sample",
    tag = "connectors", params(("name" = String, Path)),
    responses((status = 200, body = String, content_type = "application/yaml")),
    extensions(("x-required-role" = json!("viewer"))))]
pub async fn sample(
    State(app): State<App>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<impl IntoResponse, Problem> {
    caller.require(Role::Viewer)?;
    let text = app.connectors.sample(&name).map(str::to_owned);
    let text = text.ok_or_else(|| Problem::not_found("sample", &name))?;
    Ok(([(header::CONTENT_TYPE, "application/yaml")], text))
}

/// Makes a connector. The answer says where it stands; ask for it until its state is `ready` or `failed`.
#[utoipa::path(post, path = "/connectors", operation_id = "create_connector", tag = "connectors",
    request_body = ConnectorRequest, responses((status = 202, body = Connector)),
    extensions(("x-required-role" = json!("operator"))))]
pub async fn create(
    State(app): State<App>,
    caller: Caller,
    Body(wanted): Body<ConnectorRequest>,
) -> Result<(StatusCode, Json<Connector>), Problem> {
    let asker = caller.require(Role::Operator)?;
    let given = given(&app, "/source", wanted.source)?;
    wanted.options.options().map_err(|(field, why)| Problem::invalid(&format!("/options/{field}"), why))?;
    let (by, now) = (asker.name().to_owned(), app.engine.now());
    let made = app.connectors.make(given, wanted.options, by, now)?;
    Ok((StatusCode::ACCEPTED, Json(made)))
}

/// Lists connectors that are being made and those whose packages are still here, newest first.
#[utoipa::path(get, path = "/connectors", operation_id = "list_connectors", tag = "connectors",
    responses((status = 200, body = Page<ConnectorSummary>)), extensions(("x-required-role" = json!("viewer"))))]
pub async fn list(State(app): State<App>, caller: Caller) -> Result<Json<Page<ConnectorSummary>>, Problem> {
    caller.require(Role::Viewer)?;
    Ok(Json(Page { items: app.connectors.list(), next: None }))
}

/// One connector: where it stands, what was noticed in its document, its files.
#[utoipa::path(get, path = "/connectors/{id}", operation_id = "get_connector", tag = "connectors",
    params(("id" = String, Path)), responses((status = 200, body = Connector)),
    extensions(("x-required-role" = json!("viewer"))))]
pub async fn get(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Connector>, Problem> {
    caller.require(Role::Viewer)?;
    app.connectors.get(&id).map(Json).ok_or_else(|| lacking(&app, &id))
}

/// The text of a file of a package.
#[utoipa::path(get, path = "/connectors/{id}/file", operation_id = "get_connector_file", tag = "connectors",
    params(("id" = String, Path), ConnectorFilter),
    responses((status = 200, body = String, content_type = "text/plain")),
    extensions(("x-required-role" = json!("viewer"))))]
pub async fn file(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Query(filter): Query<ConnectorFilter>,
) -> Result<impl IntoResponse, Problem> {
    caller.require(Role::Viewer)?;
    let package = package(&app, &id)?;
    let file = package.files.iter().find(|file| file.path == filter.path);
    let text = file.map(|file| file.text.clone());
    let text = text.ok_or_else(|| Problem::not_found("file of this package", &filter.path))?;
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text))
}

/// The whole package as a zip. The same package gives the same bytes.
#[utoipa::path(get, path = "/connectors/{id}/package.zip", operation_id = "download_connector",
    tag = "connectors", params(("id" = String, Path)),
    responses((status = 200, body = ConnectorArchive, content_type = "application/zip")),
    extensions(("x-required-role" = json!("viewer"))))]
pub async fn download(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<impl IntoResponse, Problem> {
    caller.require(Role::Viewer)?;
    let package = package(&app, &id)?;
    let name = archive::folder(&package);
    let zipped = tokio::task::spawn_blocking(move || archive::zip(&package)).await;
    let bytes = zipped.map_err(|error| error.to_string()).and_then(|bytes| bytes);
    let bytes = bytes.map_err(|why| Problem::new(Code::Internal, format!("no zip was made: {why}")))?;
    let saved = HeaderValue::from_str(&format!("attachment; filename=\"{name}.zip\""));
    let saved = saved.unwrap_or_else(|_| HeaderValue::from_static("attachment"));
    let kind = HeaderValue::from_static("application/zip");
    Ok(([(header::CONTENT_TYPE, kind), (header::CONTENT_DISPOSITION, saved)], ConnectorArchive(bytes).0))
}

/// Compares two documents: what changed, what that breaks, which step of the version it needs.
#[utoipa::path(post, path = "/connectors/diff", operation_id = "diff_connectors", tag = "connectors",
    request_body = ConnectorDiffRequest, responses((status = 200, body = ConnectorDiff)),
    extensions(("x-required-role" = json!("operator"))))]
pub async fn diff(
    State(app): State<App>,
    caller: Caller,
    Body(wanted): Body<ConnectorDiffRequest>,
) -> Result<Json<ConnectorDiff>, Problem> {
    caller.require(Role::Operator)?;
    let (old, new) = (given(&app, "/old", wanted.old)?, given(&app, "/new", wanted.new)?);
    app.connectors.diff(old, new).await.map(Json)
}

/// Why there is no such connector here.
fn lacking(app: &App, id: &str) -> Problem {
    if app.connectors.is_gone(id) {
        let why = "only the newest packages are kept, and this one is older; make it again from its document";
        return Problem::new(Code::Gone, why);
    }
    Problem::not_found("connector", id)
}

fn package(app: &App, id: &str) -> Result<std::sync::Arc<typescript::Package>, Problem> {
    match app.connectors.package(id) {
        Some(Found::Ready(package)) => Ok(package),
        Some(Found::Making) => Err(Problem::new(Code::Conflict, "it is still being made; ask again soon")),
        Some(Found::Failed(why)) => Err(Problem::new(Code::Conflict, format!("no package was made: {why}"))),
        None => Err(lacking(app, id)),
    }
}

/// The document that a source means, as far as it is here.
fn given(app: &App, at: &str, source: ConnectorSource) -> Result<Given, Problem> {
    let label = match &source.file {
        None => "document".to_owned(),
        Some(file) => {
            check_name(&format!("{at}/file"), file, 200)?;
            file.rsplit(['/', '\\']).next().unwrap_or_default().to_owned()
        }
    };
    match (source.text, source.url, source.sample) {
        (Some(text), None, None) => {
            if text.len() > DOCUMENT_BYTES_MAX {
                let why =
                    format!("the document has {} bytes; at most {DOCUMENT_BYTES_MAX} are taken", text.len());
                return Err(Problem::invalid(&format!("{at}/text"), why));
            }
            Ok(Given::Text { name: label, text })
        }
        (None, Some(url), None) => {
            check_name(&format!("{at}/url"), &url, 2_000)?;
            Ok(Given::Url(url))
        }
        (None, None, Some(name)) => {
            let text = app.connectors.sample(&name).ok_or_else(|| {
                Problem::invalid(&format!("{at}/sample"), "there is no such sample; see /connectors/samples")
            })?;
            Ok(Given::Text { name: format!("{name}.yaml"), text: text.to_owned() })
        }
        _ => Err(Problem::invalid(at, "send one of `text`, `url` and `sample`")),
    }
}
