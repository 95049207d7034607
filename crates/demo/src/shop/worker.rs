//! The worker: a job on a schedule, and bursts. Its schedule lives in a state file, which it can rebuild.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use axum::Router;
use serde_json::{Value, json};

use super::app::App;
use super::trace::{Span, SpanKind, Trace, unix_nanos};
use super::{ShopError, line};

/// A minute of the shop's time: schedules run compressed.
const MINUTE: Duration = Duration::from_secs(10);

pub(super) fn routes(app: &Arc<App>) -> Result<Router<Arc<App>>, ShopError> {
    let file = state_file(app);
    let failed = || ShopError::io(format!("open {}", file.display()));
    fs::create_dir_all(app.data.join("state")).map_err(failed())?;
    match fs::read(&file).map(|bytes| serde_json::from_slice::<Value>(&bytes)) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => write_state(app, 0).map_err(failed())?,
        Err(e) => return Err(failed()(e)),
        Ok(Ok(_)) => {}
        Ok(Err(error)) => {
            tokio::spawn(give_up(Arc::clone(app), error.to_string()));
            return Ok(Router::new());
        }
    }
    tokio::spawn(on_schedule(Arc::clone(app)));
    tokio::spawn(bursts(Arc::clone(app)));
    Ok(Router::new())
}

/// Makes the state file unreadable, as a torn write would.
pub(super) fn poison(app: &App) -> io::Result<()> {
    fs::write(state_file(app), b"{\"next_run\": \x00\x00\x00 torn")
}

fn state_file(app: &App) -> PathBuf {
    app.data.join("state/schedule.json")
}

fn write_state(app: &App, runs: u64) -> io::Result<()> {
    let temporary = app.data.join("state/schedule.new");
    fs::write(&temporary, json!({"runs": runs}).to_string())?;
    fs::rename(temporary, state_file(app))
}

/// The first tick of the scheduler finds the state unreadable.
async fn give_up(app: Arc<App>, error: String) {
    tokio::time::sleep(Duration::from_secs(2)).await;
    line::error(&app, &format!("fatal: cannot resume schedule.json: {error}, aborting"), None);
    std::process::abort();
}

async fn on_schedule(app: Arc<App>) {
    let mut minutes = tokio::time::interval(MINUTE);
    for run in 1_u64.. {
        minutes.tick().await;
        job(&app, "settle-orders", settle(&app)).await;
        if run.is_multiple_of(3) {
            job(&app, "rebuild-recommendations", async {
                app.work(120, 240).await;
                Ok(())
            })
            .await;
        }
        if let Err(error) = write_state(&app, run) {
            line::warn(&app, &format!("schedule.json not written: {error}"), None);
        }
    }
}

async fn settle(app: &App) -> Result<(), String> {
    let trace = Trace::root(&app.random);
    let started = unix_nanos();
    let answer = app.call("checkout", "GET", "/orders/recent", None, &trace).await;
    let outcome = match answer {
        Ok((200, body)) => {
            let orders = body["items"].as_array().map_or(0, Vec::len);
            line::info(app, &format!("settled {orders} orders"), Some(&trace.trace_id));
            Ok(())
        }
        Ok((status, _)) => Err(format!("checkout answered {status}")),
        Err(error) => Err(error.to_string()),
    };
    app.tracer.record(Span {
        kind: SpanKind::Internal,
        name: "settle-orders".to_owned(),
        trace_id: trace.trace_id,
        span_id: trace.span_id,
        parent: None,
        started,
        ended: unix_nanos(),
        error: outcome.is_err(),
        attributes: Vec::new(),
    });
    outcome
}

/// Receipts come in bursts, now and then.
async fn bursts(app: Arc<App>) {
    loop {
        tokio::time::sleep(Duration::from_millis(app.random.between(15_000, 45_000))).await;
        let receipts = app.random.between(5, 15);
        app.measures.queue_depth.store(receipts as i64, Ordering::Relaxed);
        line::info(&app, &format!("queued {receipts} receipts"), None);
        for _ in 0..receipts {
            job(&app, "send-receipt", async {
                app.work(30, 80).await;
                Ok(())
            })
            .await;
            app.measures.queue_depth.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

async fn job(app: &App, name: &str, work: impl Future<Output = Result<(), String>>) {
    let began = Instant::now();
    let outcome = work.await;
    let took = began.elapsed().as_millis() as u64;
    let status = if outcome.is_ok() { "success" } else { "failure" };
    if let Err(error) = &outcome {
        line::error(app, &format!("job {name} failed after {took} ms: {error}"), None);
    }
    app.measures.job(name, status);
    let event = json!({"job": name, "status": status, "duration_ms": took});
    line::raw(&host::child::event_line("dev.homeostat.job.finished", &event));
}
