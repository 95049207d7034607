//! Runs: durable executions, live.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use engine::command::{AllowedAction, Asker, Command, Refusal, Reply, Role};
use engine::operate::{RunCommand, run_actions, step_actions};
use engine::records::{Record, name_of};
use engine::runs::Change;
use model::secret::readable;
use model::{Run, RunId, RunPurpose, RunStatus, Step, Timestamp};
use ports::{Direction, Filter, Index, Query as StoreQuery};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use workflow::{Event, JournalLine, StepView};

use crate::app::App;
use crate::auth::Caller;
use crate::page::{Body, Page, Path, Query, check_name, check_prose, limit};
use crate::problem::{Code, Problem};
use crate::workflows::Graph;

/// Most runs that one run is shown to have called.
const MAX_CHILDREN: usize = 1_000;
/// Pages that are looked through for a text before a page is given as it is.
const MAX_LOOKED: usize = 20;
/// A page of a journal ends where it has more bytes than this.
const MAX_PAGE_BYTES: usize = 4 << 20;
/// Why nothing can be done about a run.
pub(crate) const IS_OVER: &str = "it is over; `retry` begins a step of it again";

/// Conditions on runs; all must hold.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams, utoipa::ToSchema)]
#[into_params(parameter_in = Query)]
#[serde(default, deny_unknown_fields)]
pub struct RunFilter {
    /// Status.
    pub status: Option<RunStatus>,
    /// Incident id.
    pub incident: Option<String>,
    /// Workflow or runbook name.
    pub workflow: Option<String>,
    /// The service it touches.
    pub service: Option<String>,
    /// Why it exists: `incident`, `manual`, `schedule`, `event`, `subflow`.
    pub purpose: Option<String>,
    /// Text in its id, workflow, service, error or what it waits for.
    pub text: Option<String>,
    /// Accepted at or after this time (RFC 3339).
    pub since: Option<Timestamp>,
    /// Accepted before this time (RFC 3339).
    pub until: Option<Timestamp>,
    /// Where the page before ended.
    pub cursor: Option<String>,
    /// At most this many, 1 to 1000; 50 unless told.
    pub limit: Option<usize>,
}

impl RunFilter {
    fn query(&self, at_most: usize) -> StoreQuery {
        let text = |value: &str| vec![Index::Text(value.to_owned())];
        let mut query = StoreQuery::of(Run::KIND)
            .order("started_at", Direction::Descending)
            .limit(at_most)
            .cursor(self.cursor.clone());
        let status = self.status.map(|s| name_of(&s));
        for (field, wanted) in [
            ("status", &status),
            ("incident", &self.incident),
            ("workflow", &self.workflow),
            ("service", &self.service),
            ("purpose", &self.purpose),
        ] {
            if let Some(wanted) = wanted {
                query = query.filter(Filter::In(field, text(wanted)));
            }
        }
        if let Some(since) = self.since {
            query = query.filter(Filter::AtLeast("started_at", Index::Int(since.as_unix_ms())));
        }
        if let Some(until) = self.until {
            query = query.filter(Filter::Below("started_at", Index::Int(until.as_unix_ms())));
        }
        query
    }

    fn has_text(&self, run: &Run) -> bool {
        let Some(text) = self.text.as_ref().map(|t| t.to_lowercase()) else { return true };
        let places = [
            Some(run.id.as_str()),
            Some(run.workflow.as_str()),
            run.service.as_deref(),
            run.error.as_deref(),
            run.waits_for.as_deref(),
        ];
        places.into_iter().flatten().any(|place| place.to_lowercase().contains(&text))
    }
}

/// A run in a list, with what can be done about it.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RunItem {
    /// The run.
    #[serde(flatten)]
    pub run: Run,
    /// Name of the innermost task under way.
    pub current_step: Option<String>,
    /// The run that called it.
    pub parent: Option<RunId>,
    /// What the asker could do.
    pub allowed_actions: Vec<AllowedAction>,
}

impl RunItem {
    fn of(mut run: Run, role: Role) -> Self {
        show(&mut run.input);
        show(&mut run.output);
        show_text(&mut run.error);
        let parent = match &run.purpose {
            RunPurpose::Subflow { run, .. } => Some(run.clone()),
            _ => None,
        };
        let current_step = run
            .current
            .last()
            .and_then(|path| path.rsplit('/').next())
            .map(|name| name.replace("~1", "/").replace("~0", "~"));
        Self { current_step, parent, allowed_actions: run_actions(&run, role), run }
    }
}

/// A step, with what can be done about it.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct StepItem {
    /// Its place in the order in which steps began.
    pub n: usize,
    /// The step it is inside of.
    pub parent: Option<usize>,
    /// Whether the run went back to before it.
    pub revised: bool,
    /// What a person did to it.
    pub note: Option<String>,
    /// The step.
    #[serde(flatten)]
    pub step: Step,
    /// What the asker could do.
    pub allowed_actions: Vec<AllowedAction>,
}

impl StepItem {
    fn of(run: &Run, view: StepView, role: Role) -> Self {
        let allowed_actions = step_actions(run, &view, role);
        let StepView { n, parent, revised, note, mut step } = view;
        show(&mut step.input);
        show(&mut step.output);
        show_text(&mut step.error);
        Self { n, parent, revised, note, step, allowed_actions }
    }
}

/// Secrets by their names: what stands for them in the engine is not for anybody outside.
pub(crate) fn show(value: &mut Value) {
    model::secret::make_readable(value);
}

fn show_text(text: &mut Option<String>) {
    *text = text.take().map(|text| readable(&text).into_owned());
}

/// A run, its steps and definition, as it is or was.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RunDetail {
    /// The run, standing where it stood at the record that was asked for.
    #[serde(flatten)]
    pub item: RunItem,
    /// Its steps up to that record, in order of start.
    pub steps: Vec<StepItem>,
    /// What tasks had exported, as `$context`.
    #[schema(value_type = Object)]
    pub context: Value,
    /// How many records its journal has.
    pub records: u64,
    /// The record that was asked for.
    pub at: u64,
    /// The workflow it follows, as JSON.
    #[schema(value_type = Object)]
    pub definition: Value,
    /// Its diagram.
    pub graph: Graph,
    /// Runs that it called, oldest first.
    pub children: Vec<RunItem>,
}

/// Which record a run is shown at.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct AtRecord {
    /// Only the records up to this one; all unless told.
    pub at: Option<u64>,
}

/// What to run.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RunRequest {
    /// Runbook name, or `namespace.name` with or without `:version`.
    pub workflow: String,
    /// Its input; an empty object unless told.
    #[schema(value_type = Object)]
    #[serde(default = "no_input")]
    pub input: Value,
}

fn no_input() -> Value {
    json!({})
}

/// The run that was started.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RunStarted {
    /// Its id.
    pub id: RunId,
}

/// Why.
#[derive(Clone, Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Reason {
    /// In a person's words.
    #[serde(default)]
    pub reason: String,
}

/// What to begin again.
#[derive(Clone, Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RetryRequest {
    /// The step; the one that failed unless told.
    pub step: Option<usize>,
    /// What to give it in place of what it had.
    #[schema(value_type = Option<Object>)]
    pub input: Option<Value>,
}

/// What to take as done.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SkipRequest {
    /// The step; the one that failed unless told.
    pub step: Option<usize>,
    /// What it is taken to have given; its input unless told.
    #[schema(value_type = Option<Object>)]
    pub output: Option<Value>,
    /// Why.
    pub reason: String,
}

/// The version to follow.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MigrateRequest {
    /// The version; the newest unless told.
    pub version: Option<String>,
}

/// Lists runs, newest first.
#[utoipa::path(get, path = "/runs", operation_id = "list_runs", tag = "automation", params(RunFilter),
    responses((status = 200, body = Page<RunItem>)), extensions(("x-required-role" = json!("viewer"))))]
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Query(filter): Query<RunFilter>,
) -> Result<Json<Page<RunItem>>, Problem> {
    let asker = caller.require(Role::Viewer)?;
    let page = find(&app, &filter, limit(filter.limit)?).await?;
    Ok(Json(page.map(|run| RunItem::of(run, asker.role))))
}

/// A page of runs; with a text as many pages as are needed to find some, within bounds.
pub(crate) async fn find(app: &App, filter: &RunFilter, at_most: usize) -> Result<Page<Run>, Problem> {
    let mut query = filter.query(at_most);
    let mut found = Vec::new();
    for _ in 0..MAX_LOOKED {
        let page = app.engine.records().list::<Run>(&query).await?;
        found.extend(page.items.into_iter().filter(|run| filter.has_text(run)));
        query.cursor = page.next;
        if !found.is_empty() || query.cursor.is_none() {
            break;
        }
    }
    Ok(Page { items: found, next: query.cursor })
}

/// One run with its steps, as it is, or as it was after an earlier record of its journal.
#[utoipa::path(get, path = "/runs/{id}", operation_id = "get_run", tag = "automation",
    params(("id" = String, Path), AtRecord), responses((status = 200, body = RunDetail)),
    extensions(("x-required-role" = json!("viewer"))))]
pub async fn get(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Query(wanted): Query<AtRecord>,
) -> Result<Json<RunDetail>, Problem> {
    let asker = caller.require(Role::Viewer)?;
    let known =
        async || app.engine.records().get::<Run>(&id).await?.ok_or_else(|| Problem::not_found("run", &id));
    let mut run = known().await?;
    let story = app.engine.stories().story(&run, wanted.at).await.map_err(|e| told(&e))?;
    if story.view.status.is_over() && !run.status.is_over() {
        // It ended between the two reads; what counts its steps is written with its end.
        run = known().await?;
    }
    let children = StoreQuery::of(Run::KIND)
        .filter(Filter::In("parent", vec![Index::Text(id)]))
        .order("started_at", Direction::Ascending);
    let children = app.engine.records().all::<Run>(children, MAX_CHILDREN).await?;
    let workflow::View { steps, status, mut output, mut error, mut context } = story.view;
    let steps = steps.into_iter().map(|view| StepItem::of(&run, view, asker.role)).collect();
    let mut item = RunItem::of(run, asker.role);
    show(&mut output);
    show(&mut context);
    show_text(&mut error);
    item.run = Run { status, output, error, ..item.run };
    if story.at < story.records {
        // What the past did not know.
        item.run.waits_for = None;
        item.run.ended_at = item.run.ended_at.filter(|_| status.is_over());
    }
    Ok(Json(RunDetail {
        item,
        steps,
        context,
        records: story.records,
        at: story.at,
        definition: story.pinned.definition.to_json().clone(),
        graph: Graph::of(&story.pinned.definition),
        children: children.into_iter().map(|child| RunItem::of(child, asker.role)).collect(),
    }))
}

fn told(error: &engine::stories::StoryError) -> Problem {
    Problem::new(Code::Internal, format!("the journal of the run cannot be read: {error}"))
}

/// A line of the journal of a run.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct JournalItem {
    /// Sequence of its record.
    pub sequence: usize,
    /// When it happened.
    pub at: Timestamp,
    /// Type of the event: `call_succeeded`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What happened and what came of it.
    pub summary: String,
    /// The event as it is in the journal, without what only the engine needs of it: the state in a snapshot, and the
    /// number that chance comes from.
    #[schema(value_type = Object)]
    pub body: Value,
}

impl JournalItem {
    fn of(line: JournalLine, event: &Event) -> Self {
        let mut body = json!(event);
        show(&mut body);
        if let Some(fields) = body.as_object_mut() {
            // Whoever knows the seed could write what stands for secrets.
            fields.remove("seed");
            fields.remove("snapshot");
        }
        let JournalLine { sequence, at, kind, summary } = line;
        Self { sequence, at, kind, summary: readable(&summary).into_owned(), body }
    }
}

/// A page of a journal.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct JournalRange {
    /// Only records after this one.
    pub after: Option<u64>,
    /// At most this many, 1 to 1000; 50 unless told.
    pub limit: Option<usize>,
}

/// The journal of a run, its events with one line each. A page of large events ends early.
#[utoipa::path(get, path = "/runs/{id}/journal", operation_id = "list_run_journal", tag = "automation",
    params(("id" = String, Path), JournalRange), responses((status = 200, body = Page<JournalItem>)),
    extensions(("x-required-role" = json!("viewer"))))]
pub async fn journal(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Query(range): Query<JournalRange>,
) -> Result<Json<Page<JournalItem>>, Problem> {
    caller.require(Role::Viewer)?;
    let run = app.engine.records().get::<Run>(&id).await?.ok_or_else(|| Problem::not_found("run", &id))?;
    let after = usize::try_from(range.after.unwrap_or(0)).unwrap_or(usize::MAX);
    let lines = app.engine.stories().lines(&run.id).await.map_err(|e| told(&e))?;
    let at_most = limit(range.limit)?;
    let mut lines = lines.into_iter().filter(|(line, _)| line.sequence > after).peekable();
    let (mut page, mut bytes) = (Vec::new(), 0);
    while page.len() < at_most
        && bytes < MAX_PAGE_BYTES
        && let Some((line, event)) = lines.next()
    {
        let item = JournalItem::of(line, &event);
        bytes += item.body.to_string().len();
        page.push(item);
    }
    let next = lines.peek().and_then(|_| page.last().map(|last| last.sequence.to_string()));
    Ok(Json(Page { items: page, next }))
}

/// Starts a workflow. An `Idempotency-Key` header (1 to 200 characters) makes a repeated request the same run;
/// a key that was used for another request is refused.
#[utoipa::path(post, path = "/runs", operation_id = "create_run", tag = "automation", request_body = RunRequest,
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 200 characters; equal keys start one run")),
    responses((status = 201, body = RunStarted)), extensions(("x-required-role" = json!("operator"))))]
pub async fn create(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    Body(request): Body<RunRequest>,
) -> Result<(StatusCode, Json<RunStarted>), Problem> {
    let asker = caller.require(Role::Operator)?;
    check_name("/workflow", &request.workflow, 200)?;
    let key = match headers.get("idempotency-key").map(|v| v.to_str()) {
        None => app.auth.nonce(),
        Some(Ok(key)) if (1..=200).contains(&key.len()) => key.to_owned(),
        Some(_) => {
            return Err(Problem::invalid("Idempotency-Key", "the key must have 1 to 200 ASCII characters"));
        }
    };
    // Keys of different people and tokens never meet.
    let key = json!([asker.actor, key]).to_string();
    let RunRequest { workflow, input } = request;
    let command = Command::StartRun { workflow: workflow.clone(), input: input.clone(), key };
    let Reply::Run(id) = app.engine.ask(asker, command).await? else {
        return Err(Problem::new(Code::Internal, "the engine started no run"));
    };
    let run = app.engine.records().get::<Run>(id.as_str()).await?;
    let known = app.engine.overlook().library.find(&workflow);
    let name = known.map_or_else(|| engine::runs::split_name(&workflow).0.to_owned(), |(name, _)| name);
    if run.is_some_and(|run| run.workflow != name || !is_of(&run.input, &input)) {
        let detail =
            format!("the Idempotency-Key was used for another request, which started {id}; use a new key");
        return Err(Problem::new(Code::Conflict, detail));
    }
    Ok((StatusCode::CREATED, Json(RunStarted { id })))
}

/// Whether a run's input is what was asked for; the engine may have added defaults, at any depth.
fn is_of(input: &Value, asked: &Value) -> bool {
    match (input, asked) {
        (Value::Object(input), Value::Object(asked)) => {
            asked.iter().all(|(name, value)| input.get(name).is_some_and(|input| is_of(input, value)))
        }
        (Value::Array(input), Value::Array(asked)) => {
            input.len() == asked.len() && input.iter().zip(asked).all(|(input, asked)| is_of(input, asked))
        }
        _ => input == asked,
    }
}

async fn ask(app: &App, asker: Asker, id: &str, command: RunCommand) -> Result<StatusCode, Problem> {
    match app.engine.ask(asker, Command::Runs(command)).await {
        Ok(_) => Ok(StatusCode::NO_CONTENT),
        // The loop knows only runs that are not over.
        Err(Refusal::NotFound(_)) => {
            let known = app.engine.records().get::<Run>(id).await?;
            known.ok_or_else(|| Problem::not_found("run", id))?;
            Err(Problem::new(Code::Conflict, IS_OVER))
        }
        Err(refusal) => Err(refusal.into()),
    }
}

async fn revise(app: &App, asker: &Asker, id: &str, change: Change) -> Result<StatusCode, Problem> {
    match app.engine.change(asker, &id_of(id)?, &change).await {
        Ok(_) => Ok(StatusCode::NO_CONTENT),
        Err(Refusal::NotFound(_)) => Err(Problem::not_found("run", id)),
        Err(refusal) => Err(refusal.into()),
    }
}

fn id_of(id: &str) -> Result<RunId, Problem> {
    RunId::parse(id).map_err(|detail| Problem::invalid("id", detail))
}

/// Holds a run before its next call.
#[utoipa::path(post, path = "/runs/{id}/pause", operation_id = "pause_run", tag = "automation",
    params(("id" = String, Path)), request_body = Reason, responses((status = 204)),
    extensions(("x-required-role" = json!("operator"))))]
pub async fn pause(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Body(Reason { reason }): Body<Reason>,
) -> Result<StatusCode, Problem> {
    let asker = caller.require(Role::Operator)?;
    check_prose("/reason", &reason)?;
    ask(&app, asker, &id, RunCommand::Pause { run: id_of(&id)?, reason }).await
}

/// Lets a held run go on.
#[utoipa::path(post, path = "/runs/{id}/resume", operation_id = "resume_run", tag = "automation",
    params(("id" = String, Path)), responses((status = 204)), extensions(("x-required-role" = json!("operator"))))]
pub async fn resume(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let asker = caller.require(Role::Operator)?;
    ask(&app, asker, &id, RunCommand::Resume(id_of(&id)?)).await
}

/// Ends a run; what it did is undone.
#[utoipa::path(post, path = "/runs/{id}/cancel", operation_id = "cancel_run", tag = "automation",
    params(("id" = String, Path)), request_body = Reason, responses((status = 204)),
    extensions(("x-required-role" = json!("operator"))))]
pub async fn cancel(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Body(Reason { reason }): Body<Reason>,
) -> Result<StatusCode, Problem> {
    let asker = caller.require(Role::Operator)?;
    check_prose("/reason", &reason)?;
    ask(&app, asker, &id, RunCommand::Cancel { run: id_of(&id)?, reason }).await
}

/// Begins a step of a run again, and everything after it; also of a run that is over.
#[utoipa::path(post, path = "/runs/{id}/retry", operation_id = "retry_run", tag = "automation",
    params(("id" = String, Path)), request_body = RetryRequest, responses((status = 204)),
    extensions(("x-required-role" = json!("operator"))))]
pub async fn retry(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Body(wanted): Body<RetryRequest>,
) -> Result<StatusCode, Problem> {
    let asker = caller.require(Role::Operator)?;
    let change = Change::Retry { step: wanted.step, input: wanted.input };
    revise(&app, &asker, &id, change).await
}

/// Takes a step of a run as done, and goes on after it; also of a run that is over.
#[utoipa::path(post, path = "/runs/{id}/skip", operation_id = "skip_run_step", tag = "automation",
    params(("id" = String, Path)), request_body = SkipRequest, responses((status = 204)),
    extensions(("x-required-role" = json!("operator"))))]
pub async fn skip(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Body(wanted): Body<SkipRequest>,
) -> Result<StatusCode, Problem> {
    let asker = caller.require(Role::Operator)?;
    check_prose("/reason", &wanted.reason)?;
    if wanted.reason.trim().is_empty() {
        return Err(Problem::invalid("/reason", "say why the step is skipped"));
    }
    let change = Change::Skip { step: wanted.step, output: wanted.output, reason: wanted.reason };
    revise(&app, &asker, &id, change).await
}

/// Lets a run follow another version of its workflow from where it stands.
#[utoipa::path(post, path = "/runs/{id}/migrate", operation_id = "migrate_run", tag = "automation",
    params(("id" = String, Path)), request_body = MigrateRequest, responses((status = 204)),
    extensions(("x-required-role" = json!("operator"))))]
pub async fn migrate(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Body(wanted): Body<MigrateRequest>,
) -> Result<StatusCode, Problem> {
    let asker = caller.require(Role::Operator)?;
    let run = app.engine.records().get::<Run>(&id).await?.ok_or_else(|| Problem::not_found("run", &id))?;
    let (name, _) = engine::runs::split_name(&run.workflow);
    let text = wanted.version.map_or_else(|| name.to_owned(), |version| format!("{name}:{version}"));
    let to = app.engine.overlook().library.get(&text).ok_or_else(|| Problem::not_found("workflow", &text))?;
    revise(&app, &asker, &id, Change::Migrate { to }).await
}
