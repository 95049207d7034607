//! Checkout: takes orders, has them paid, keeps them in a file of its data folder.

use std::collections::VecDeque;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::{Extension, State};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use super::app::{App, answer, failure};
use super::switches::size_of;
use super::trace::Trace;
use super::{ShopError, line};

/// Orders kept in memory for the worker.
const RECENT: usize = 200;

/// Size at which the file of orders begins anew.
const FILE_BYTES: u64 = 4 << 20;

/// The orders of this instance.
struct Orders {
    recent: Mutex<VecDeque<Value>>,
    /// Size of the data folder when it was last measured.
    used: Mutex<Option<(Instant, u64)>>,
}

pub(super) fn routes(app: &Arc<App>) -> Result<Router<Arc<App>>, ShopError> {
    let orders = app.data.join("orders");
    fs::create_dir_all(&orders).map_err(ShopError::io(format!("create {}", orders.display())))?;
    let orders = Arc::new(Orders { recent: Mutex::default(), used: Mutex::default() });
    Ok(Router::new()
        .route("/orders", post(order))
        .route("/orders/recent", get(recent))
        .layer(Extension(orders)))
}

async fn order(
    State(app): State<Arc<App>>,
    Extension(orders): Extension<Arc<Orders>>,
    Extension(trace): Extension<Trace>,
    Json(body): Json<Value>,
) -> Response {
    let trace_id = Some(trace.trace_id.as_str());
    let id = format!("ord_{:08x}", app.random.next() as u32);
    let (customer, cents) = (body["customer"].as_u64().unwrap_or(0), body["cents"].as_u64().unwrap_or(1_990));
    app.work(2, 6).await;
    if app.release_fails() {
        line::error(
            &app,
            &format!(
                "order {id} of customer {customer} failed: price rule v2 returned no currency for {cents} cents"
            ),
            trace_id,
        );
        return failure(500, "the order could not be priced");
    }
    let charge =
        app.call("payments", "POST", "/charges", Some(&json!({"order": id, "cents": cents})), &trace).await;
    match charge {
        Ok((201, _)) => {}
        Ok((402, _)) => {
            line::warn(&app, &format!("order {id} of customer {customer} not paid: declined"), trace_id);
            return answer(402, json!({"error": "declined"}));
        }
        Ok((status, _)) => {
            line::error(
                &app,
                &format!("order {id} of customer {customer} failed: payments answered {status}"),
                trace_id,
            );
            return failure(502, "payments failed");
        }
        Err(error) => {
            line::error(&app, &format!("order {id} of customer {customer} failed: {error}"), trace_id);
            return failure(504, "payments is not reachable");
        }
    }
    let order = json!({"id": id, "customer": customer, "cents": cents});
    if let Err(error) = orders.keep(&app, &order) {
        line::error(
            &app,
            &format!("order {id} of customer {customer} failed: cannot write orders.jsonl: {error}"),
            trace_id,
        );
        return failure(507, "no space left for orders");
    }
    app.measures.orders.fetch_add(1, Ordering::Relaxed);
    line::info(&app, &format!("order {id} of customer {customer} accepted, total {cents} cents"), trace_id);
    answer(201, order)
}

async fn recent(State(app): State<Arc<App>>, Extension(orders): Extension<Arc<Orders>>) -> Response {
    app.work(1, 4).await;
    let orders: Vec<Value> =
        orders.recent.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect();
    answer(200, json!({"items": orders}))
}

impl Orders {
    /// Appends an order within the quota of the data folder.
    fn keep(&self, app: &App, order: &Value) -> io::Result<()> {
        let line = format!("{order}\n");
        {
            let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
            let fresh = used.filter(|(at, _)| at.elapsed() < Duration::from_millis(200));
            let (measured, bytes) = fresh.unwrap_or_else(|| (Instant::now(), size_of(&app.data)));
            let bytes = bytes + line.len() as u64;
            if bytes > app.data_limit_bytes {
                *used = None;
                return Err(io::Error::other("no space left in the data folder (quota reached)"));
            }
            *used = Some((measured, bytes));
        }
        let path = app.data.join("orders/orders.jsonl");
        if fs::metadata(&path).is_ok_and(|m| m.len() > FILE_BYTES) {
            fs::rename(&path, app.data.join("orders/orders.old.jsonl"))?;
        }
        OpenOptions::new().create(true).append(true).open(path)?.write_all(line.as_bytes())?;
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent.push_back(order.clone());
        if recent.len() > RECENT {
            recent.pop_front();
        }
        Ok(())
    }
}
