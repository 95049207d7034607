//! The catalog: products, from memory.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Extension, Path, State};
use axum::response::Response;
use axum::routing::get;
use serde_json::{Value, json};

use super::app::{App, answer, failure};
use super::line;
use super::trace::Trace;

const KINDS: [&str; 6] = ["Lamp", "Chair", "Kettle", "Rug", "Clock", "Shelf"];

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/products", get(list)).route("/products/{id}", get(one))
}

fn product(id: u32) -> Value {
    json!({"id": id, "name": format!("{} {id}", KINDS[id as usize % KINDS.len()]), "price_cents": 990 + u64::from(id) * 137 % 9_000})
}

async fn list(State(app): State<Arc<App>>, Extension(trace): Extension<Trace>) -> Response {
    app.work(2, 8).await;
    let id = Some(trace.trace_id.as_str());
    if app.release_fails() {
        line::error(&app, "listing failed: column \"rank\" does not exist in product index", id);
        return failure(500, "listing failed");
    }
    let page = app.random.between(0, 10) as u32;
    line::info(&app, &format!("listed 12 products of page {page}"), id);
    answer(200, json!({"items": (0..12).map(|n| product(page * 12 + n)).collect::<Vec<_>>()}))
}

async fn one(
    State(app): State<Arc<App>>,
    Extension(trace): Extension<Trace>,
    Path(id): Path<u32>,
) -> Response {
    app.work(1, 5).await;
    let trace_id = Some(trace.trace_id.as_str());
    if app.release_fails() {
        line::error(
            &app,
            &format!("product {id} failed: column \"rank\" does not exist in product index"),
            trace_id,
        );
        return failure(500, "product failed");
    }
    line::info(&app, &format!("product {id} read"), trace_id);
    answer(200, product(id))
}
