//! The audit log, and the proof that nobody edited it.

use axum::Json;
use axum::extract::State;
use engine::audit::AUDIT;
use engine::command::Role;
use model::AuditRow;
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::auth::Caller;
use crate::page::{Page, Query, limit};
use crate::problem::{Code, Problem};

/// A page of the audit log.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AuditFilter {
    /// Where the page before ended.
    pub cursor: Option<String>,
    /// At most this many, 1 to 1000; 50 unless told.
    pub limit: Option<usize>,
}

/// Whether the chain is whole.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AuditVerdict {
    /// Whether every row is what was written and follows the one before.
    pub ok: bool,
    /// Rows checked.
    pub rows: u64,
    /// First row that does not fit.
    pub broken_at: Option<u64>,
}

/// Rows of the audit log, newest first.
#[utoipa::path(get, path = "/audit", operation_id = "list_audit", tag = "settings", params(AuditFilter),
    responses((status = 200, body = Page<AuditRow>)), extensions(("x-required-role" = json!("operator"))))]
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Query(filter): Query<AuditFilter>,
) -> Result<Json<Page<AuditRow>>, Problem> {
    caller.require(Role::Operator)?;
    let records = app.engine.records();
    let newest = records.get::<AuditRow>("all").await?.map_or(0, |row| row.sequence);
    let before = match filter.cursor {
        None => newest + 1,
        Some(cursor) => {
            let before = cursor.parse::<u64>().ok().filter(|before| (1..=newest + 1).contains(before));
            before.ok_or_else(|| Problem::invalid("cursor", "this cursor is not of this list"))?
        }
    };
    let count = limit(filter.limit)? as u64;
    let first = before.saturating_sub(count).max(1);
    let wanted = usize::try_from(before.saturating_sub(first)).unwrap_or(0);
    let mut items = Vec::with_capacity(wanted);
    if wanted > 0 {
        for record in records.store().read_journal(AUDIT, first - 1, wanted).await? {
            items.push(row(record.body)?);
        }
    }
    items.reverse();
    Ok(Json(Page { items, next: (first > 1).then(|| first.to_string()) }))
}

/// Checks the whole chain: every row, and that none is missing at the end.
#[utoipa::path(get, path = "/audit/verify", operation_id = "verify_audit", tag = "settings",
    responses((status = 200, body = AuditVerdict)), extensions(("x-required-role" = json!("operator"))))]
pub async fn verify(State(app): State<App>, caller: Caller) -> Result<Json<AuditVerdict>, Problem> {
    caller.require(Role::Operator)?;
    let store = app.engine.records().store();
    // Read first: rows may be added while the chain is walked, none may be missing up to here.
    let head = app.engine.records().get::<AuditRow>("all").await?;
    let broken = |rows, at| Ok(Json(AuditVerdict { ok: false, rows, broken_at: Some(at) }));
    let mut rows = 0_u64;
    let mut hash = AuditRow::GENESIS.to_owned();
    loop {
        let page = store.read_journal(AUDIT, rows, 1_000).await?;
        if page.is_empty() {
            break;
        }
        for record in page {
            rows += 1;
            let Ok(row) = row(record.body) else { return broken(rows, rows) };
            let is_head = head.as_ref().is_some_and(|head| head.sequence == rows);
            if row.sequence != rows || !row.follows(&hash) || (is_head && head.as_ref() != Some(&row)) {
                return broken(rows, rows);
            }
            hash = row.hash;
        }
    }
    if rows < head.map_or(0, |head| head.sequence) {
        return broken(rows, rows + 1);
    }
    Ok(Json(AuditVerdict { ok: true, rows, broken_at: None }))
}

fn row(body: serde_json::Value) -> Result<AuditRow, Problem> {
    serde_json::from_value(body)
        .map_err(|e| Problem::new(Code::Internal, format!("an audit row cannot be read: {e}")))
}
