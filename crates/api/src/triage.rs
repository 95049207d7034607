//! Triage: people's rules for findings, and what other rules would have done.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use decide::triage::Triage;
use engine::command::Role;
use engine::grouping::Rehearsal;
use model::TriageKind;
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::auth::Caller;
use crate::page::Body;
use crate::problem::Problem;

/// A rule.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct TriageRule {
    /// What it does.
    pub kind: TriageKind,
    /// Its name.
    pub name: String,
    /// Why it exists.
    pub why: String,
    /// Its condition, as written.
    pub condition: String,
}

/// The rules in force.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct TriageView {
    /// Digest of the files.
    pub version: String,
    /// The rules, by kind and in the order in which they are asked.
    pub rules: Vec<TriageRule>,
}

/// Rules to try.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TriageTest {
    /// A triage file, YAML. It stands alone: rules in force are left out.
    pub source: String,
    /// How far back, in hours, 1 to 720; 24 unless told.
    #[serde(default)]
    pub since_hours: Option<u32>,
}

/// The rules in force.
#[utoipa::path(get, path = "/triage", operation_id = "get_triage", tag = "triage",
    responses((status = 200, body = TriageView)), extensions(("x-required-role" = json!("viewer"))))]
pub async fn get(State(app): State<App>, caller: Caller) -> Result<Json<TriageView>, Problem> {
    caller.require(Role::Viewer)?;
    let triage = &app.engine.rules().triage;
    let rules = triage.rules().map(|(kind, rule)| TriageRule {
        kind,
        name: rule.name.clone(),
        why: rule.why.clone(),
        condition: rule.condition().to_owned(),
    });
    Ok(Json(TriageView { version: triage.version().to_owned(), rules: rules.collect() }))
}

/// Where stored findings would have gone under other rules. Changes nothing.
#[utoipa::path(post, path = "/triage/test", operation_id = "test_triage", tag = "triage",
    request_body = TriageTest, responses((status = 200, body = Rehearsal)),
    extensions(("x-required-role" = json!("operator"))))]
pub async fn test(
    State(app): State<App>,
    caller: Caller,
    Body(wanted): Body<TriageTest>,
) -> Result<Json<Rehearsal>, Problem> {
    caller.require(Role::Operator)?;
    let hours = match wanted.since_hours.unwrap_or(24) {
        hours @ 1..=720 => i64::from(hours),
        hours => {
            return Err(Problem::invalid(
                "/since_hours",
                format!("since_hours must be 1 to 720, not {hours}"),
            ));
        }
    };
    let triage = Triage::parse(&[("source".to_owned(), wanted.source)]);
    let triage = triage.map_err(|e| Problem::invalid("/source", e.to_string()))?;
    let since = app.engine.now().plus_ms(-hours * 3_600_000);
    Ok(Json(app.engine.rehearse(Arc::new(triage), since).await?))
}
