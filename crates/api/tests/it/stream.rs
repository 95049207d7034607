//! The live stream.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::body::BodyDataStream;
use futures_util::StreamExt;
use serde_json::{Value, json};

use crate::world::World;

struct Listener {
    body: BodyDataStream,
    buffer: String,
}

#[derive(Debug)]
struct Event {
    name: String,
    id: Option<u64>,
    data: Value,
}

impl Listener {
    async fn open(world: &World, token: &str, last: Option<u64>) -> Self {
        let mut ask = world.get("/stream").token(token);
        if let Some(last) = last {
            ask = ask.header("last-event-id", last.to_string());
        }
        let response = ask.open().await;
        assert_eq!(response.status(), 200);
        Self { body: response.into_body().into_data_stream(), buffer: String::new() }
    }

    /// The next event; none when the stream has ended.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some((block, rest)) = self.buffer.split_once("\n\n") {
                let fields: BTreeMap<String, String> = block
                    .lines()
                    .filter_map(|l| l.split_once(':'))
                    .map(|(k, v)| (k.to_owned(), v.trim().to_owned()))
                    .collect();
                self.buffer = rest.to_owned();
                let Some(name) = fields.get("event").cloned() else { continue };
                let id = fields.get("id").map(|id| id.parse().unwrap());
                return Some(Event { name, id, data: serde_json::from_str(&fields["data"]).unwrap() });
            }
            let chunk =
                tokio::time::timeout(Duration::from_secs(20), self.body.next()).await.expect("no event came");
            self.buffer.push_str(std::str::from_utf8(&chunk?.unwrap()).unwrap());
        }
    }

    async fn until(&mut self, wanted: impl Fn(&Event) -> bool) -> Event {
        loop {
            let event = self.next().await.expect("the stream must not end");
            if wanted(&event) {
                return event;
            }
        }
    }
}

async fn engage(world: &World, token: &str, reason: &str) {
    let body = json!({"engaged": true, "reason": reason});
    world.put("/stop-switch").token(token).json(&body).send().await.is(200);
}

fn switch(event: &Event) -> bool {
    event.name == "change" && event.data["kind"] == "stop_switch"
}

#[tokio::test]
async fn ticks_and_changes_arrive_each_with_a_place_to_resume_from() {
    let world = World::new().await;
    let admin = world.admin().await;
    let mut listener = Listener::open(&world, &admin, None).await;
    let tick = listener.until(|e| e.name == "tick").await;
    assert!(tick.id.is_some(), "a client that saw nothing but ticks must be able to resume");
    for field in ["at", "request_rate", "error_ratio", "signals_per_s"] {
        assert!(!tick.data[field].is_null(), "{tick:?}");
    }
    engage(&world, &admin, "one").await;
    let change = listener.until(switch).await;
    assert_eq!((&change.data["id"], &change.data["revision"]), (&json!("all"), &json!(1)));
    assert!(change.id > tick.id);
}

#[tokio::test]
async fn what_changed_while_away_comes_on_resuming() {
    let world = World::new().await;
    let admin = world.admin().await;
    let mut listener = Listener::open(&world, &admin, None).await;
    let seen = listener.until(|e| e.name == "tick").await.id;
    drop(listener);
    engage(&world, &admin, "missed").await;
    let grants = json!({"items": []});
    world.put("/autonomy").token(&admin).json(&grants).send().await.is(200);
    let mut listener = Listener::open(&world, &admin, seen).await;
    listener.until(switch).await;
    let last = listener.until(|e| e.data["kind"] == "autonomy").await;
    drop(listener);
    let mut listener = Listener::open(&world, &admin, last.id).await;
    let first = listener.next().await.unwrap();
    assert_eq!(first.name, "tick", "nothing comes twice: {first:?}");
}

#[tokio::test]
async fn a_place_that_cannot_be_resumed_from_resets() {
    let world = World::new().await;
    let admin = world.admin().await;
    let mut listener = Listener::open(&world, &admin, Some(u64::MAX)).await;
    let first = listener.next().await.unwrap();
    assert_eq!(first.name, "reset");
    assert!(first.id.is_some_and(|id| id < u64::MAX));
}

#[tokio::test]
async fn accounts_sessions_and_tokens_never_show() {
    let world = World::new().await;
    let admin = world.admin().await;
    let mut listener = Listener::open(&world, &admin, Some(0)).await;
    let sign_in = json!({"username": "admin", "password": crate::world::PASSWORD});
    world.post("/session").json(&sign_in).send().await.is(200);
    world.post("/tokens").token(&admin).json(&json!({"name": "x", "role": "viewer"})).send().await.is(201);
    engage(&world, &admin, "last").await;
    loop {
        let event = listener.next().await.unwrap();
        let kind = event.data["kind"].as_str().unwrap_or("tick").to_owned();
        assert!(
            !["user", "session", "token", "audit_head", "checkpoint"].contains(&kind.as_str()),
            "{event:?}"
        );
        if switch(&event) {
            break;
        }
    }
}

#[tokio::test]
async fn a_revoked_token_ends_its_stream_and_no_other() {
    let world = World::new().await;
    let admin = world.admin().await;
    let made = world
        .post("/tokens")
        .token(&admin)
        .json(&json!({"name": "x", "role": "viewer"}))
        .send()
        .await
        .is(201)
        .json();
    let mut theirs = Listener::open(&world, made["secret"].as_str().unwrap(), None).await;
    let mut mine = Listener::open(&world, &admin, None).await;
    theirs.until(|e| e.name == "tick").await;
    let id = made["token"]["id"].as_str().unwrap();
    world.delete(&format!("/tokens/{id}")).token(&admin).send().await.is(204);
    while theirs.next().await.is_some() {}
    engage(&world, &admin, "still here").await;
    mine.until(switch).await;
}

#[tokio::test]
async fn nobody_listens_without_a_name() {
    let world = World::new().await;
    let tokens = world.tokens().await;
    world.get("/stream").send().await.problem(api::Code::Unauthenticated);
    world.get("/stream").token(&tokens.ingest).send().await.problem(api::Code::Forbidden);
}
