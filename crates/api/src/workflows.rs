//! Workflows: documents that can be run, shipped and written, in all their versions.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use engine::command::{AllowedAction, Command, Reply, Role, action};
use engine::operate::RunCommand;
use engine::records::Record;
use engine::runs::{Library, Pinned, WorkflowDocument};
use model::Timestamp;
use ports::{Direction, Filter, Index, Query as StoreQuery};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use workflow::Definition;
use workflow::yaml::ParseError;

use crate::app::App;
use crate::auth::Caller;
use crate::page::{Body, Page, Path};
use crate::problem::{Code, Problem};
use crate::runs::show;

/// Largest document that is taken, in bytes.
const MAX_SOURCE: usize = 256 * 1024;
/// Most versions that are listed.
const MAX_VERSIONS: usize = 1_000;

/// Where a workflow comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// It comes with Homeostat and cannot be changed.
    Shipped,
    /// A page in the folder of runbooks (`rules.runbooks`): it is changed in its file.
    Folder,
    /// Somebody here stored it.
    Own,
}

/// A diagram: tasks and the ways between them. Also for a document that somebody is writing.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Graph {
    /// Tasks; `id` is the JSON pointer in the document. `kind`, `name`, `call`, `parent` say more.
    #[schema(value_type = Vec<Object>)]
    pub nodes: Vec<workflow::GraphNode>,
    /// Ways from task to task, with `label` where only some runs take them.
    #[schema(value_type = Vec<Object>)]
    pub edges: Vec<workflow::GraphEdge>,
}

impl Graph {
    pub(crate) fn of(definition: &Definition) -> Self {
        let graph = workflow::Graph::of(definition);
        Self { nodes: graph.nodes, edges: graph.edges }
    }
}

/// A workflow in a list.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct WorkflowSummary {
    /// What it is started by: runbook name or `namespace.name`.
    pub id: String,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its title, or its name.
    pub title: String,
    /// What it does.
    pub summary: String,
    /// Its newest version.
    pub version: String,
    /// Where it comes from.
    pub origin: Origin,
    /// How many versions there are.
    pub versions: usize,
    /// The schedule as the document says it; null when it starts by hand only.
    #[schema(value_type = Object)]
    pub schedule: Value,
    /// What the asker could do.
    pub allowed_actions: Vec<AllowedAction>,
}

impl WorkflowSummary {
    fn of(id: &str, pinned: &Pinned, library: &Library, role: Role) -> Self {
        let document = pinned.definition.document();
        let versions = library.versions(id).len();
        let page = library.page(id).filter(|_| versions == 0);
        let (origin, refused) = match page {
            None => (Origin::Own, None),
            Some(page) if page.own => {
                (Origin::Folder, Some("it is a page in the folder of runbooks; change its file".to_owned()))
            }
            Some(_) => (Origin::Shipped, Some("it is shipped; save it under another name".to_owned())),
        };
        let offer = |name: &str, title: &str, method: &str| {
            let mut offer =
                action(name, title, format!("/workflows/{id}"), role, Role::Admin, refused.clone());
            offer.method = method.to_owned();
            offer
        };
        let run = action("run", "Run", "/runs".to_owned(), role, Role::Operator, None);
        Self {
            id: id.to_owned(),
            namespace: document.namespace.clone(),
            name: document.name.clone(),
            title: (document.title.clone().or_else(|| page.map(|p| p.title.clone())))
                .unwrap_or_else(|| document.name.clone()),
            summary: (document.summary.clone().or_else(|| page.map(|p| p.summary.clone())))
                .unwrap_or_default(),
            version: document.version.clone(),
            origin,
            versions: versions.max(1),
            schedule: pinned.definition.to_json()["schedule"].clone(),
            allowed_actions: vec![
                run,
                offer("update", "Save a new version", "PUT"),
                offer("delete", "Delete", "DELETE"),
            ],
        }
    }
}

/// A workflow, whole.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct WorkflowDetail {
    /// What the list shows.
    #[serde(flatten)]
    pub summary: WorkflowSummary,
    /// Its text, YAML.
    pub source: String,
    /// Its text as JSON.
    #[schema(value_type = Object)]
    pub definition: Value,
    /// Its diagram.
    pub graph: Graph,
}

/// A version of a workflow.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct WorkflowVersion {
    /// The version.
    pub version: String,
    /// When it was stored; null for what is shipped.
    pub at: Option<Timestamp>,
    /// Who stored it.
    pub by: Option<String>,
    /// Whether new runs follow it.
    pub current: bool,
    /// Its text, YAML.
    pub source: String,
}

/// The text of a workflow.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkflowSource {
    /// YAML or JSON.
    pub source: String,
}

/// What is wrong with a text.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SourceError {
    /// Line, from 1.
    pub line: u32,
    /// Column, from 1.
    pub column: u32,
    /// What is wrong and what to do.
    pub message: String,
}

/// Whether a text is a workflow.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Validation {
    /// Whether it is.
    pub valid: bool,
    /// What is wrong.
    pub errors: Vec<SourceError>,
    /// Its diagram, when it is valid.
    pub graph: Option<Graph>,
}

/// What to try.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PlanRequest {
    /// A known workflow.
    #[serde(default)]
    pub workflow: Option<String>,
    /// Or a text.
    #[serde(default)]
    pub source: Option<String>,
    /// Its input.
    #[schema(value_type = Object)]
    #[serde(default)]
    pub input: Option<Value>,
}

/// A call that a run would make.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PlannedCall {
    /// JSON pointer of the task.
    pub path: String,
    /// The function.
    pub function: String,
    /// Its parameters, as far as known.
    #[schema(value_type = Object)]
    pub parameters: Value,
    /// Whether it is made exactly so, whatever others answer.
    pub certain: bool,
    /// What it would do, one sentence.
    pub would: String,
}

/// What a run would do.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RunPlan {
    /// Calls in the order they would be made when each succeeds.
    pub calls: Vec<PlannedCall>,
    /// JSON pointers of calls that this course does not come by.
    pub otherwise: Vec<String>,
    /// Why it ends early, when it does.
    pub note: Option<String>,
}

/// Lists workflows by name, shipped ones first.
#[utoipa::path(get, path = "/workflows", operation_id = "list_workflows", tag = "automation",
    responses((status = 200, body = Page<WorkflowSummary>)), extensions(("x-required-role" = json!("viewer"))))]
pub async fn list(State(app): State<App>, caller: Caller) -> Result<Json<Page<WorkflowSummary>>, Problem> {
    let asker = caller.require(Role::Viewer)?;
    let library = app.engine.overlook().library;
    let all = library.shipped().chain(library.written());
    let items = all.map(|(id, pinned)| WorkflowSummary::of(id, pinned, &library, asker.role)).collect();
    Ok(Json(Page::whole(items)))
}

/// One workflow in its newest version, or with `:version` after its name in that one.
#[utoipa::path(get, path = "/workflows/{name}", operation_id = "get_workflow", tag = "automation",
    params(("name" = String, Path)), responses((status = 200, body = WorkflowDetail)),
    extensions(("x-required-role" = json!("viewer"))))]
pub async fn get(
    State(app): State<App>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<Json<WorkflowDetail>, Problem> {
    let asker = caller.require(Role::Viewer)?;
    let library = app.engine.overlook().library;
    let (id, pinned) = library.find(&name).ok_or_else(|| Problem::not_found("workflow", &name))?;
    Ok(Json(detail(&id, &pinned, &library, asker.role)))
}

fn detail(id: &str, pinned: &Arc<Pinned>, library: &Library, role: Role) -> WorkflowDetail {
    WorkflowDetail {
        summary: WorkflowSummary::of(id, pinned, library, role),
        source: pinned.source.clone(),
        definition: pinned.definition.to_json().clone(),
        graph: Graph::of(&pinned.definition),
    }
}

/// The versions of a workflow, newest first.
#[utoipa::path(get, path = "/workflows/{name}/versions", operation_id = "list_workflow_versions",
    tag = "automation", params(("name" = String, Path)), responses((status = 200, body = Page<WorkflowVersion>)),
    extensions(("x-required-role" = json!("viewer"))))]
pub async fn versions(
    State(app): State<App>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<Json<Page<WorkflowVersion>>, Problem> {
    caller.require(Role::Viewer)?;
    let library = app.engine.overlook().library;
    let current = library.get(&name).ok_or_else(|| Problem::not_found("workflow", &name))?;
    let newest = current.definition.document().version.clone();
    let query = StoreQuery::of(WorkflowDocument::KIND)
        .filter(Filter::In("name", vec![Index::Text(name)]))
        .order("at", Direction::Descending);
    let stored = app.engine.records().all::<WorkflowDocument>(query, MAX_VERSIONS).await?;
    let mut items: Vec<WorkflowVersion> = stored
        .into_iter()
        .map(|document| WorkflowVersion {
            current: document.version == newest,
            version: document.version,
            at: Some(document.at),
            by: Some(document.by),
            source: document.source,
        })
        .collect();
    if items.is_empty() {
        let source = current.source.clone();
        items.push(WorkflowVersion { version: newest, at: None, by: None, current: true, source });
    }
    Ok(Json(Page::whole(items)))
}

/// Stores a version of a workflow. The document's own `namespace`, `name` and `version` say which; a version that
/// is there with another text is refused.
#[utoipa::path(put, path = "/workflows/{name}", operation_id = "update_workflow", tag = "automation",
    params(("name" = String, Path)), request_body = WorkflowSource,
    responses((status = 200, body = WorkflowDetail)), extensions(("x-required-role" = json!("admin"))))]
pub async fn update(
    State(app): State<App>,
    caller: Caller,
    Path(name): Path<String>,
    Body(wanted): Body<WorkflowSource>,
) -> Result<Json<WorkflowDetail>, Problem> {
    let asker = caller.require(Role::Admin)?;
    check_size(&wanted.source)?;
    let read = app.engine.read_workflow("source", &wanted.source).await;
    let pinned = read.map_err(|e| Problem::invalid("/source", e.to_string()))?;
    let document = pinned.definition.document();
    let says = format!("{}.{}", document.namespace, document.name);
    if says != name {
        let why = format!("the document says it is {says}, the address says {name}; make them the same");
        return Err(Problem::invalid("/source", why));
    }
    let role = asker.role;
    let command = RunCommand::PutWorkflow(Arc::new(pinned));
    let Reply::Workflow { name, .. } = app.engine.ask(asker, Command::Runs(command)).await? else {
        return Err(Problem::new(Code::Internal, "the engine stored no workflow"));
    };
    let library = app.engine.overlook().library;
    let pinned = library.get(&name).ok_or_else(|| Problem::not_found("workflow", &name))?;
    Ok(Json(detail(&name, &pinned, &library, role)))
}

/// Deletes a workflow that somebody wrote, in every version. Runs under way go on with theirs.
#[utoipa::path(delete, path = "/workflows/{name}", operation_id = "delete_workflow", tag = "automation",
    params(("name" = String, Path)), responses((status = 204)), extensions(("x-required-role" = json!("admin"))))]
pub async fn delete(
    State(app): State<App>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    let asker = caller.require(Role::Admin)?;
    app.engine.ask(asker, Command::Runs(RunCommand::DeleteWorkflow(name))).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Says whether a text is a workflow, and where it is not. Stores nothing.
#[utoipa::path(post, path = "/workflows/validate", operation_id = "validate_workflow", tag = "automation",
    request_body = WorkflowSource, responses((status = 200, body = Validation)),
    extensions(("x-required-role" = json!("viewer"))))]
pub async fn validate(
    State(app): State<App>,
    caller: Caller,
    Body(wanted): Body<WorkflowSource>,
) -> Result<Json<Validation>, Problem> {
    caller.require(Role::Viewer)?;
    Ok(Json(match read(&app, &caller, &wanted.source).await? {
        Ok(definition) => Validation { valid: true, errors: Vec::new(), graph: Some(Graph::of(&definition)) },
        Err(error) => {
            let error = SourceError { line: error.line, column: error.column, message: error.message };
            Validation { valid: false, errors: vec![error], graph: None }
        }
    }))
}

/// The JSON Schema of workflow documents, with descriptions: for editors.
#[utoipa::path(get, path = "/workflows/schema", operation_id = "get_workflow_schema", tag = "automation",
    responses((status = 200, body = Object)), extensions(("x-required-role" = json!("viewer"))))]
pub async fn schema(State(_): State<App>, caller: Caller) -> Result<Json<Value>, Problem> {
    caller.require(Role::Viewer)?;
    Ok(Json(workflow::document_schema()))
}

/// Says what a run would do, and does nothing of it.
#[utoipa::path(post, path = "/runs/plan", operation_id = "plan_run", tag = "automation",
    request_body = PlanRequest, responses((status = 200, body = RunPlan)),
    extensions(("x-required-role" = json!("viewer"))))]
pub async fn plan(
    State(app): State<App>,
    caller: Caller,
    Body(wanted): Body<PlanRequest>,
) -> Result<Json<RunPlan>, Problem> {
    caller.require(Role::Viewer)?;
    let definition = match (&wanted.workflow, &wanted.source) {
        (Some(name), None) => {
            let library = app.engine.overlook().library;
            let pinned = library.get(name).ok_or_else(|| Problem::not_found("workflow", name))?;
            Arc::clone(&pinned.definition)
        }
        (None, Some(source)) => {
            let read = read(&app, &caller, source).await?;
            read.map_err(|e| Problem::invalid("/source", e.to_string()))?
        }
        _ => return Err(Problem::invalid("body", "send either `workflow` or `source`")),
    };
    let input = definition.with_defaults(wanted.input.unwrap_or_else(|| serde_json::json!({})));
    let plan = workflow::plan(&definition, &input, app.engine.now());
    let mut calls = Vec::with_capacity(plan.calls.len());
    for call in plan.calls {
        let would = app.engine.would(&call).await;
        let would = model::secret::readable(&would).into_owned();
        let workflow::PlannedCall { path, function, mut parameters, certain, .. } = call;
        show(&mut parameters);
        calls.push(PlannedCall { path, function, parameters, certain, would });
    }
    let otherwise = plan.otherwise.into_iter().map(|other| other.path).collect();
    Ok(Json(RunPlan { calls, otherwise, note: plan.note }))
}

/// Reads a document that is not stored. What it takes from elsewhere is fetched, with the secrets that it names, only
/// for those who may store it.
async fn read(
    app: &App,
    caller: &Caller,
    source: &str,
) -> Result<Result<Arc<Definition>, ParseError>, Problem> {
    check_size(source)?;
    if caller.require(Role::Admin).is_err() {
        return Ok(Definition::parse("source", source).map(Arc::new));
    }
    Ok(app.engine.read_workflow("source", source).await.map(|pinned| pinned.definition))
}

fn check_size(source: &str) -> Result<(), Problem> {
    if source.len() > MAX_SOURCE {
        let why = format!("the document has {} bytes; at most {MAX_SOURCE} are taken", source.len());
        return Err(Problem::invalid("/source", why));
    }
    Ok(())
}
