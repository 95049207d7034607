//! Changes: what people or machines altered.

use axum::Json;
use axum::extract::State;
use engine::command::Role;
use engine::records::Record;
use model::Change;
use ports::{Direction, Filter, Index, Query as StoreQuery};
use serde::Deserialize;

use crate::app::App;
use crate::auth::Caller;
use crate::page::{Page, Query, limit};
use crate::problem::Problem;

/// Conditions on changes.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ChangeFilter {
    /// Service.
    pub service: Option<String>,
    /// Where the page before ended.
    pub cursor: Option<String>,
    /// At most this many, 1 to 1000; 50 unless told.
    pub limit: Option<usize>,
}

/// Lists changes, newest first.
#[utoipa::path(get, path = "/changes", operation_id = "list_changes", tag = "services", params(ChangeFilter),
    responses((status = 200, body = Page<Change>)), extensions(("x-required-role" = json!("viewer"))))]
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Query(filter): Query<ChangeFilter>,
) -> Result<Json<Page<Change>>, Problem> {
    caller.require(Role::Viewer)?;
    let mut query = StoreQuery::of(Change::KIND)
        .order("at", Direction::Descending)
        .limit(limit(filter.limit)?)
        .cursor(filter.cursor);
    if let Some(service) = filter.service {
        query = query.filter(Filter::In("service", vec![Index::Text(service)]));
    }
    Ok(Json(app.engine.records().list::<Change>(&query).await?.into()))
}
