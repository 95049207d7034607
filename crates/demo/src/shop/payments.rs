//! Payments: charges, with an imaginary acquirer behind.

use std::sync::Arc;

use axum::extract::{Extension, State};
use axum::response::Response;
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};

use super::app::{App, answer, failure};
use super::line;
use super::trace::Trace;

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/charges", post(charge))
}

async fn charge(
    State(app): State<Arc<App>>,
    Extension(trace): Extension<Trace>,
    Json(body): Json<Value>,
) -> Response {
    let trace_id = Some(trace.trace_id.as_str());
    let (order, cents) = (body["order"].as_str().unwrap_or("unknown"), body["cents"].as_u64().unwrap_or(0));
    let euros = format!("{}.{:02} EUR", cents / 100, cents % 100);
    app.work(12, 35).await;
    if app.switches.slow.is_on() {
        app.work(650, 780).await;
    }
    if app.release_fails() {
        line::error(
            &app,
            &format!(
                "charge of {euros} for order {order} failed: acquirer message version 3 is not supported"
            ),
            trace_id,
        );
        return failure(500, "charge failed");
    }
    if app.random.ratio() < 0.005 {
        line::warn(&app, &format!("charge of {euros} for order {order} declined by the bank"), trace_id);
        return answer(402, json!({"error": "declined"}));
    }
    let took = app.random.between(10, 30);
    line::info(
        &app,
        &format!("charge of {euros} for order {order} approved by acquirer north in {took} ms"),
        trace_id,
    );
    answer(201, json!({"charge": format!("ch_{:08x}", app.random.next() as u32), "order": order}))
}
