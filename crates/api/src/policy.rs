//! What it decides by: rules and guards, and what was learned.

use axum::Json;
use axum::extract::State;
use engine::command::Role;
use engine::records::Record;
use model::{Outcome, Track, Verdict};
use ports::{Direction, Query as StoreQuery};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::app::App;
use crate::auth::Caller;
use crate::page::{Page, Query, limit};
use crate::problem::Problem;

/// A rule of the table.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PolicyRule {
    /// Its name.
    pub name: String,
    /// Why it is there.
    pub why: String,
    /// When it matches (CEL).
    pub condition: String,
    /// What it says then.
    pub verdict: Verdict,
    /// Whether it is in force.
    pub enabled: bool,
    /// The file it comes from.
    pub file: String,
}

/// A policy as people read it.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PolicyView {
    /// Digest of its files.
    pub version: String,
    /// What it is for.
    pub summary: String,
    /// Guards, in order: each can only make a decision more careful.
    pub guards: Vec<PolicyRule>,
    /// The table, in order: the first rule that matches decides.
    pub rules: Vec<PolicyRule>,
    /// Settings by name.
    #[schema(value_type = Object)]
    pub settings: serde_json::Value,
}

/// A page of outcomes.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct OutcomeFilter {
    /// Where the page before ended.
    pub cursor: Option<String>,
    /// At most this many, 1 to 1000; 50 unless told.
    pub limit: Option<usize>,
}

/// The policy in force.
#[utoipa::path(get, path = "/policy", operation_id = "get_policy", tag = "policy",
    responses((status = 200, body = PolicyView)), extensions(("x-required-role" = json!("viewer"))))]
pub async fn get(State(app): State<App>, caller: Caller) -> Result<Json<PolicyView>, Problem> {
    caller.require(Role::Viewer)?;
    let policy = &app.engine.rules().policy;
    let guards = policy
        .guards()
        .iter()
        .map(|g| PolicyRule {
            name: g.name.clone(),
            why: g.why.clone(),
            condition: g.condition.clone(),
            verdict: g.verdict,
            enabled: g.enabled,
            file: g.file.clone(),
        })
        .collect();
    let rules = policy
        .rules()
        .iter()
        .map(|r| PolicyRule {
            name: r.name.clone(),
            why: r.why.clone(),
            condition: r.condition.clone(),
            verdict: r.verdict,
            enabled: r.enabled,
            file: r.file.clone(),
        })
        .collect();
    Ok(Json(PolicyView {
        version: policy.version().to_owned(),
        summary: policy.summary().to_owned(),
        guards,
        rules,
        settings: json!(policy.settings()),
    }))
}

/// The record of each runbook for each failure class.
#[utoipa::path(get, path = "/tracks", operation_id = "list_tracks", tag = "policy",
    responses((status = 200, body = Page<Track>)), extensions(("x-required-role" = json!("viewer"))))]
pub async fn tracks(State(app): State<App>, caller: Caller) -> Result<Json<Page<Track>>, Problem> {
    caller.require(Role::Viewer)?;
    let tracks = app.engine.records().all::<Track>(StoreQuery::of(Track::KIND), 10_000).await?;
    Ok(Json(Page::whole(tracks)))
}

/// What came of runs, newest first.
#[utoipa::path(get, path = "/outcomes", operation_id = "list_outcomes", tag = "policy", params(OutcomeFilter),
    responses((status = 200, body = Page<Outcome>)), extensions(("x-required-role" = json!("viewer"))))]
pub async fn outcomes(
    State(app): State<App>,
    caller: Caller,
    Query(filter): Query<OutcomeFilter>,
) -> Result<Json<Page<Outcome>>, Problem> {
    caller.require(Role::Viewer)?;
    let query = StoreQuery::of(Outcome::KIND)
        .order("at", Direction::Descending)
        .limit(limit(filter.limit)?)
        .cursor(filter.cursor);
    Ok(Json(app.engine.records().list::<Outcome>(&query).await?.into()))
}
