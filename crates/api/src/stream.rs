//! Live updates as server-sent events.
//!
//! `change` says that a document changed (fetch it again), `tick` carries the newest numbers each second.
//! A client that reconnects sends `Last-Event-ID` and gets every change it missed; one that was away for
//! longer than the feed remembers gets `reset` and should fetch everything again.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use engine::command::Role;
use futures_util::StreamExt;
use futures_util::stream::Stream;
use model::Timestamp;
use serde::Serialize;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_stream::wrappers::ReceiverStream;

use crate::app::App;
use crate::auth::Caller;
use crate::problem::Problem;

#[derive(Serialize)]
struct Changed<'a> {
    kind: &'a str,
    id: &'a str,
    revision: Option<u64>,
}

#[derive(Serialize)]
struct Tick {
    at: Timestamp,
    request_rate: f64,
    error_ratio: f64,
    signals_per_s: f64,
}

/// Kinds that are shown; the others are of no use to a client, or secret.
const SHOWN: [&str; 15] = [
    "incident",
    "explanation",
    "decision",
    "run",
    "approval",
    "hold",
    "workflow",
    "schedule",
    "service",
    "silence",
    "finding",
    "change",
    "autonomy",
    "stop_switch",
    "track",
];
const PAGE: usize = 500;
/// More missed changes than this are not sent one by one.
const MAX_CATCH_UP: u64 = 5_000;

/// Who listens is asked again this often, and whenever an account, a session or a token changed.
const RECHECK: Duration = Duration::from_secs(60);
const KEYS: [&str; 3] = ["user", "session", "token"];

/// Live updates as server-sent events: `change` names a record to fetch again, `tick` carries the newest
/// numbers each second, `reset` says that changes were missed and everything should be fetched again.
#[utoipa::path(get, path = "/stream", operation_id = "watch_changes", tag = "overview",
    params(("Last-Event-ID" = Option<u64>, Header, description = "Id of the last event seen; what came after it is sent")),
    responses((status = 200, content_type = "text/event-stream", body = String)),
    extensions(("x-required-role" = json!("viewer"))))]
pub async fn get(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    caller.require(Role::Viewer)?;
    let newest = *app.engine.records().store().watch().borrow();
    let last = headers.get("last-event-id").and_then(|v| v.to_str().ok()).and_then(|v| v.parse::<u64>().ok());
    let (send, receive) = mpsc::channel(64);
    let from = match last {
        Some(last) if last <= newest && newest - last <= MAX_CATCH_UP => last,
        _ => newest,
    };
    let missed = last.is_some_and(|last| last != from);
    tokio::spawn(async move {
        if missed {
            let reset = Event::default().event("reset").id(newest.to_string()).data("{}");
            if send.send(reset).await.is_err() {
                return;
            }
        }
        Feed { app, headers, position: from, send }.run().await;
    });
    let events = ReceiverStream::new(receive).map(Ok);
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(Duration::from_secs(15))))
}

/// One listener.
struct Feed {
    app: App,
    headers: HeaderMap,
    /// Everything up to here was sent. Each event carries it, ticks too: a client that saw nothing but ticks
    /// must be able to say where it was.
    position: u64,
    send: mpsc::Sender<Event>,
}

impl Feed {
    /// Ends when the client goes away (sending fails then; the ticks make sure that it is noticed) or may not
    /// listen any more.
    async fn run(mut self) {
        let mut newest = self.app.engine.records().store().watch();
        let mut tick = tokio::time::interval(Duration::from_secs(1));
        tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut checked = Instant::now();
        loop {
            let ticked = tokio::select! {
                changed = newest.changed() => if changed.is_err() { return } else { false },
                _ = tick.tick() => true,
            };
            let Some(keys_changed) = self.catch_up().await else { return };
            if keys_changed || checked.elapsed() >= RECHECK {
                if !self.may_listen().await {
                    return;
                }
                checked = Instant::now();
            }
            if ticked && self.send.send(self.tick()).await.is_err() {
                return;
            }
        }
    }

    fn tick(&self) -> Event {
        let pulse = self.app.engine.pulse();
        let tick = Tick {
            at: self.app.engine.now(),
            request_rate: pulse.request_rate,
            error_ratio: pulse.error_ratio,
            signals_per_s: pulse.signals_per_s,
        };
        let event = Event::default().event("tick").id(self.position.to_string());
        event.json_data(tick).unwrap_or_default()
    }

    async fn may_listen(&self) -> bool {
        let caller = Caller::identify(&self.app, &self.headers, true).await;
        caller.is_ok_and(|caller| caller.require(Role::Viewer).is_ok())
    }

    /// Sends what changed. Tells whether keys of people or programs changed; none when the stream must end.
    async fn catch_up(&mut self) -> Option<bool> {
        let mut keys_changed = false;
        loop {
            let page = match self.app.engine.records().store().changes(self.position, PAGE).await {
                Ok(page) => page,
                Err(error) => {
                    tracing::warn!(%error, "The change feed did not answer; the live view ends and will reconnect.");
                    return None;
                }
            };
            let full = page.len() == PAGE;
            for change in page {
                self.position = change.sequence;
                keys_changed |= KEYS.contains(&change.kind.as_str());
                if !SHOWN.contains(&change.kind.as_str()) {
                    continue;
                }
                let data = Changed { kind: &change.kind, id: &change.id, revision: change.revision };
                let event = Event::default().event("change").id(self.position.to_string());
                let Ok(event) = event.json_data(data) else { continue };
                self.send.send(event).await.ok()?;
            }
            if !full {
                return Some(keys_changed);
            }
        }
    }
}
