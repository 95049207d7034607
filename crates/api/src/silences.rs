//! Silences: for some time, findings that a condition means open no incident.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use decide::triage::Matcher;
use engine::command::{AllowedAction, Command, Role, action};
use engine::grouping::{Silence, refuse_end};
use engine::records::Record;
use model::{Finding, SilenceId, Timestamp};
use ports::{Direction, Query as StoreQuery};
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::auth::Caller;
use crate::page::{Body, Page, Path, Query, check_prose, limit};
use crate::problem::Problem;

/// A page of silences.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct SilenceFilter {
    /// Where the page before ended.
    pub cursor: Option<String>,
    /// At most this many, 1 to 1000; 50 unless told.
    pub limit: Option<usize>,
}

/// Where a silence stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SilenceState {
    /// It begins later.
    Pending,
    /// In force.
    Active,
    /// Over.
    Over,
}

/// A silence, and what could be done about it.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SilenceView {
    /// The silence.
    #[serde(flatten)]
    pub silence: Silence,
    /// Where it stands.
    pub state: SilenceState,
    /// Findings that fire now and that its condition means.
    pub matching: usize,
    /// What the asker could do.
    pub allowed_actions: Vec<AllowedAction>,
}

/// A silence to make.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SilenceRequest {
    /// The condition, CEL: `service == 'db' && kind == 'disk_filling'`.
    pub when: String,
    /// First instant; now unless told.
    #[serde(default)]
    pub starts_at: Option<Timestamp>,
    /// First instant after.
    pub ends_at: Timestamp,
    /// Why, for people.
    pub reason: String,
}

/// A condition to try.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SilencePreview {
    /// The condition.
    pub when: String,
}

/// What a condition means now.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SilenceMatches {
    /// Findings that fire and that it means, newest first, at most 100.
    pub matching: Vec<Finding>,
    /// How many there are.
    pub total: usize,
    /// Facts that conditions may name, with what each can be; besides `labels.` and the name of a label.
    pub facts: Vec<FactView>,
}

/// A fact that conditions may name.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct FactView {
    /// Its name.
    pub name: String,
    /// What it can be.
    pub values: String,
}

const MAX_SHOWN: usize = 100;

async fn view(app: &App, silence: Silence, role: Role) -> Result<SilenceView, Problem> {
    let now = app.engine.now();
    let state = match () {
        () if silence.ends_at <= now => SilenceState::Over,
        () if silence.starts_at > now => SilenceState::Pending,
        () => SilenceState::Active,
    };
    let matching = match Matcher::compile(&silence.when) {
        Ok(matcher) if state != SilenceState::Over => app.engine.firing(&matcher).await?.len(),
        _ => 0,
    };
    let path = format!("/silences/{}/end", silence.id);
    let end = action("end", "End", path, role, Role::Operator, refuse_end(&silence, now));
    Ok(SilenceView { state, matching, allowed_actions: vec![end], silence })
}

/// Lists silences, those that end last first.
#[utoipa::path(get, path = "/silences", operation_id = "list_silences", tag = "triage", params(SilenceFilter),
    responses((status = 200, body = Page<SilenceView>)), extensions(("x-required-role" = json!("viewer"))))]
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Query(filter): Query<SilenceFilter>,
) -> Result<Json<Page<SilenceView>>, Problem> {
    let asker = caller.require(Role::Viewer)?;
    let query = StoreQuery::of(Silence::KIND)
        .order("ends_at", Direction::Descending)
        .limit(limit(filter.limit)?)
        .cursor(filter.cursor);
    let page = app.engine.records().list::<Silence>(&query).await?;
    let mut items = Vec::with_capacity(page.items.len());
    for silence in page.items {
        items.push(view(&app, silence, asker.role).await?);
    }
    Ok(Json(Page { items, next: page.next }))
}

/// Silences findings for some time. What is open already stays open.
#[utoipa::path(post, path = "/silences", operation_id = "create_silence", tag = "triage",
    request_body = SilenceRequest, responses((status = 201, body = SilenceView)),
    extensions(("x-required-role" = json!("operator"))))]
pub async fn create(
    State(app): State<App>,
    caller: Caller,
    Body(wanted): Body<SilenceRequest>,
) -> Result<(StatusCode, Json<SilenceView>), Problem> {
    let asker = caller.require(Role::Operator)?;
    check_prose("/reason", &wanted.reason)?;
    Matcher::compile(&wanted.when).map_err(|detail| Problem::invalid("/when", detail))?;
    let now = app.engine.now();
    let id = SilenceId::derive(now, &[asker.name(), &wanted.when, &wanted.ends_at.to_string()]);
    let silence = Silence {
        id,
        when: wanted.when,
        starts_at: wanted.starts_at.unwrap_or(now),
        ends_at: wanted.ends_at,
        reason: wanted.reason,
        by: asker.actor.clone(),
        created_at: now,
    };
    let role = asker.role;
    app.engine.ask(asker, Command::AddSilence(silence.clone())).await?;
    Ok((StatusCode::CREATED, Json(view(&app, silence, role).await?)))
}

/// Ends a silence now. What it kept quiet and still fires gets its place within a second.
#[utoipa::path(post, path = "/silences/{id}/end", operation_id = "end_silence", tag = "triage",
    params(("id" = String, Path)), responses((status = 204)), extensions(("x-required-role" = json!("operator"))))]
pub async fn end(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let asker = caller.require(Role::Operator)?;
    let id = SilenceId::parse(&id).map_err(|detail| Problem::invalid("id", detail))?;
    app.engine.ask(asker, Command::EndSilence(id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What a condition means now, before anything is silenced.
#[utoipa::path(post, path = "/silences/preview", operation_id = "preview_silence", tag = "triage",
    request_body = SilencePreview, responses((status = 200, body = SilenceMatches)),
    extensions(("x-required-role" = json!("viewer"))))]
pub async fn preview(
    State(app): State<App>,
    caller: Caller,
    Body(wanted): Body<SilencePreview>,
) -> Result<Json<SilenceMatches>, Problem> {
    caller.require(Role::Viewer)?;
    let matcher = Matcher::compile(&wanted.when).map_err(|detail| Problem::invalid("/when", detail))?;
    let mut matching = app.engine.firing(&matcher).await?;
    let total = matching.len();
    matching.truncate(MAX_SHOWN);
    let facts = decide::triage::FINDING_FACTS
        .iter()
        .map(|fact| FactView { name: fact.name.to_owned(), values: fact.describe() });
    Ok(Json(SilenceMatches { matching, total, facts: facts.collect() }))
}
