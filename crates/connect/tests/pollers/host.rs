//! A process host over HTTP: acting on it, and sensing all that it runs.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use connect::{HostClient, HostPoller, HostSettings, MemoryCursors, PollerState, PollerStatus};
use model::{ActionCall, Service, Signal};
use ports::{Actuator, Retry};
use serde_json::{Value, json};

use super::peers::{World, nobody, raw, serve, until, world};

#[derive(Clone, Default)]
struct FakeHost {
    services: Arc<Mutex<Value>>,
    signals: Arc<Mutex<Vec<Value>>>,
    executed: Arc<Mutex<Vec<(String, String, Value)>>>,
}

impl FakeHost {
    fn say(&self, id: &str) {
        let signal = json!({"event": {"id": id, "source": "host", "type": "dev.homeostat.process.started",
            "service": "shop", "at": "2026-11-21T09:30:00Z", "data": {}}});
        self.signals.lock().unwrap().push(signal);
    }

    fn router(self) -> Router {
        let services = |State(host): State<Self>, headers: HeaderMap| async move {
            if headers.get("authorization").is_none_or(|value| value != "Bearer secret") {
                return (StatusCode::UNAUTHORIZED, Json(json!({"title": "no token"}))).into_response();
            }
            Json(host.services.lock().unwrap().clone()).into_response()
        };
        let actions = || async {
            Json(json!([{"name": "process.restart", "summary": "s", "parameters": {}, "inverse": null,
                "blast_radius": "instance", "repeatable": true, "deploys": false}]))
        };
        let metrics = || async {
            Json(json!([{"service": "shop", "name": "process_cpu_ratio", "kind": "gauge",
                "labels": {"instance": "shop-1"}, "points": [{"at": "2026-11-21T09:30:00Z", "value": 0.5}]}]))
        };
        Router::new()
            .route("/v1/services", get(services))
            .route("/v1/actions", get(actions))
            .route("/v1/metrics", get(metrics))
            .route("/v1/signals", get(Self::signals))
            .route("/v1/logs", get(Self::logs))
            .route("/v1/actions/{name}", post(Self::execute))
            .route("/v1/actions/{name}/dry-run", post(|| async { Json(json!({"would": "restart shop"})) }))
            .route("/healthz", get(|| async { "ok" }))
            .with_state(self)
    }

    async fn signals(State(host): State<Self>, Query(query): Query<HashMap<String, String>>) -> Json<Value> {
        let (after, limit): (usize, usize) =
            (query["after"].parse().unwrap(), query["limit"].parse().unwrap());
        let signals = host.signals.lock().unwrap();
        // Beyond the newest: a new life of the journal, begin anew (as the real host does).
        let after = if after > signals.len() { 0 } else { after };
        let items: Vec<_> = signals
            .iter()
            .enumerate()
            .skip(after)
            .take(limit)
            .map(|(i, signal)| json!({"sequence": i + 1, "signal": signal}))
            .collect();
        Json(json!({"next": after + items.len(), "items": items}))
    }

    /// A log whose first ten bytes are no longer kept.
    async fn logs(Query(query): Query<HashMap<String, String>>) -> Response {
        const LOG: &[u8] = b"0123456789ERROR one\ntwo\nhal";
        assert_eq!(query["file"], "/far/shop-1.log");
        let from = query["from"].parse::<usize>().unwrap().clamp(10, LOG.len());
        ([("x-next-offset", LOG.len().to_string())], &LOG[from..]).into_response()
    }

    async fn execute(
        State(host): State<Self>,
        Path(name): Path<String>,
        headers: HeaderMap,
        Json(body): Json<Value>,
    ) -> Response {
        let key = headers["idempotency-key"].to_str().unwrap().to_owned();
        host.executed.lock().unwrap().push((name.clone(), key, body));
        match name.as_str() {
            "process.restart" => Json(json!({"output": {"pid": 7}, "replayed": false,
                "inverse": {"action": "process.stop", "parameters": {"service": "shop"}}}))
            .into_response(),
            "broken" => (StatusCode::INTERNAL_SERVER_ERROR, "oops").into_response(),
            "busy" => (StatusCode::TOO_MANY_REQUESTS, Json(json!({"detail": "later"}))).into_response(),
            "garbage" => "not json".into_response(),
            "hangs" => std::future::pending().await,
            _ => (
                StatusCode::NOT_FOUND,
                Json(json!({"title": "t", "detail": "no such action; see GET /v1/actions"})),
            )
                .into_response(),
        }
    }
}

fn client(address: impl std::fmt::Display, timeout_ms: u64) -> HostClient {
    let _ = world();
    HostClient::new(&format!("http://{address}/"), "secret", Duration::from_millis(timeout_ms)).unwrap()
}

fn call(action: &str) -> ActionCall {
    ActionCall {
        action: action.to_owned(),
        parameters: json!({"service": "shop"}),
        idempotency_key: "run_1/step_1".to_owned(),
    }
}

#[tokio::test]
async fn an_action_is_done_with_its_key_and_gives_its_inverse() {
    let host = FakeHost::default();
    let client = client(serve(host.clone().router()).await, 5_000);
    assert!(client.actions().is_empty(), "nothing is known before it is asked");
    client.load_actions().await.unwrap();
    assert_eq!(client.actions()[0].name, "process.restart");
    let done = client.execute(&call("process.restart")).await.unwrap();
    assert_eq!(done.output, json!({"pid": 7}));
    assert_eq!(done.inverse.unwrap().action, "process.stop");
    let executed = host.executed.lock().unwrap().clone();
    assert_eq!(
        executed,
        [("process.restart".to_owned(), "run_1/step_1".to_owned(), json!({"service": "shop"}))]
    );
    assert_eq!(client.dry_run(&call("process.restart")).await.unwrap(), "restart shop");
    assert!(!format!("{client:?}").contains("secret"));
}

#[tokio::test]
async fn failures_say_whether_trying_again_helps() {
    let good = serve(FakeHost::default().router()).await;
    let check = async |client: HostClient, action: &str, retry: Retry, says: &str| {
        let failure = client.execute(&call(action)).await.unwrap_err();
        assert_eq!(failure.retry, retry, "{action}: {failure}");
        assert!(failure.message.contains(says), "{action}: {failure}");
    };
    check(client(good, 5_000), "unknown", Retry::Permanent, "see GET /v1/actions").await;
    check(client(good, 5_000), "../services", Retry::Permanent, "no action name").await;
    check(client(good, 5_000), "broken", Retry::Temporary, "status 500").await;
    check(client(good, 5_000), "busy", Retry::Temporary, "later").await;
    check(client(good, 5_000), "garbage", Retry::Temporary, "not understood").await;
    check(client(good, 60), "hangs", Retry::Temporary, "timeout").await;
    check(client(nobody().await, 5_000), "process.restart", Retry::Temporary, "refused").await;
    let rude = raw(b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n{\"output\"", true).await;
    check(client(rude, 5_000), "process.restart", Retry::Temporary, "process host").await;
    let denied = raw(b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n", true).await;
    check(client(denied, 5_000), "process.restart", Retry::Permanent, "token").await;
}

fn service(address: impl std::fmt::Display, state: &str) -> Value {
    json!([{"name": "shop", "instances": [{"name": "shop-1", "state": state, "exits": 0,
        "health_url": format!("http://{address}/healthz"), "metrics_url": format!("http://{address}/nothing")}]}])
}

fn names(world: &World) -> Vec<String> {
    world.pollers.status().into_iter().map(|status| status.name).collect()
}

const HOST_POLLERS: [&str; 3] = ["host/local/metrics", "host/local/services", "host/local/signals"];

#[tokio::test]
async fn instances_come_and_go() {
    let (host, world) = (FakeHost::default(), world());
    let address = serve(host.clone().router()).await;
    *host.services.lock().unwrap() = service(address, "running");
    host.say("one");
    let seen: Arc<Mutex<Vec<Vec<Service>>>> = Arc::default();
    let told = Arc::clone(&seen);
    let settings = HostSettings {
        services_interval_ms: 10,
        metrics_interval_ms: 10,
        signals_wait_ms: 10,
        probe_interval_ms: 10,
        scrape_interval_ms: 10,
        ..HostSettings::default()
    };
    let cursors = Arc::new(MemoryCursors::default());
    let on_services = Arc::new(move |services| told.lock().unwrap().push(services));
    let client = Arc::new(client(address, 5_000));
    HostPoller::start(
        "local",
        Arc::clone(&client),
        settings.clone(),
        cursors.clone(),
        &world.pollers,
        on_services.clone(),
    )
    .unwrap();

    until("a good probe", || world.sink.count(|s| matches!(s, Signal::Probe(p) if p.ok)) > 0).await;
    until("up 0", || {
        world.sink.count(|s| matches!(s, Signal::Metric(m) if m.name == "up" && m.points[0].value == 0.0)) > 0
    })
    .await;
    until("metrics", || {
        world.sink.count(|s| matches!(s, Signal::Metric(m) if m.name == "process_cpu_ratio")) > 0
    })
    .await;
    until("the event", || world.sink.count(|s| matches!(s, Signal::Event(_))) == 1).await;
    assert_eq!(names(&world).len(), 5);
    assert_eq!(client.actions().len(), 1);

    *host.services.lock().unwrap() = service(address, "stopped");
    until("left alone", || names(&world) == HOST_POLLERS).await;
    *host.services.lock().unwrap() = service(address, "exited");
    until("probed again", || names(&world).len() == 5).await;
    host.say("two");
    until("the second event", || world.sink.count(|s| matches!(s, Signal::Event(_))) == 2).await;
    world.pollers.shutdown().await;
    let seen = seen.lock().unwrap().clone();
    assert_eq!(seen.len(), 3, "told once for each change: {seen:?}");
    assert_eq!(seen[0][0].host.as_deref(), Some(client.base_url()));

    // A new server goes on after the second event.
    let later = super::peers::world();
    host.say("three");
    HostPoller::start("local", client, settings, cursors, &later.pollers, on_services).unwrap();
    until("the third event", || later.sink.count(|s| matches!(s, Signal::Event(_))) > 0).await;
    later.pollers.shutdown().await;
    let ids: Vec<_> = later
        .sink
        .signals
        .lock()
        .unwrap()
        .iter()
        .filter_map(|s| if let Signal::Event(e) = s { Some(e.id.clone()) } else { None })
        .collect();
    assert_eq!(ids, ["three"]);
}

#[tokio::test]
async fn a_host_that_is_away_or_forbids_is_shown_as_such() {
    let world = world();
    let denied = raw(b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n", true).await;
    for (name, address) in [("away", nobody().await), ("denied", denied)] {
        let client = Arc::new(client(address, 1_000));
        let cursors = Arc::new(MemoryCursors::default());
        HostPoller::start(name, client, HostSettings::default(), cursors, &world.pollers, Arc::new(|_| {}))
            .unwrap();
    }
    let state = |name: &str| world.pollers.status().into_iter().find(|s| s.name == name).unwrap().state;
    until("away", || matches!(state("host/away/services"), PollerState::Degraded { reason } if reason.contains("refused"))).await;
    until("denied", || matches!(state("host/denied/services"), PollerState::Quarantined { reason } if reason.contains("token"))).await;
    world.pollers.shutdown().await;
}

#[tokio::test]
async fn logs_of_a_far_host_come_through_its_api() {
    let (host, world) = (FakeHost::default(), world());
    let address = serve(host.clone().router()).await;
    *host.services.lock().unwrap() = json!([{"name": "shop", "instances": [
        {"name": "shop-1", "state": "stopped", "exits": 0, "log_file": "/far/shop-1.log"}]}]);
    let settings = HostSettings { remote_logs: true, tail_save_ms: 0, ..HostSettings::default() };
    let cursors = Arc::new(MemoryCursors::default());
    let start = |world: &World| {
        let client = Arc::new(client(address, 1_000));
        HostPoller::start("far", client, settings.clone(), cursors.clone(), &world.pollers, Arc::new(|_| {}))
            .unwrap();
    };
    start(&world);
    let logs = |world: &World| world.sink.count(|s| matches!(s, Signal::Log(_)));
    until("two complete lines", || logs(&world) == 2).await;
    world.pollers.shutdown().await;

    let later = super::peers::world();
    start(&later);
    let tailed = |s: &PollerStatus| s.name == "tail/shop/shop-1" && s.last_success_at.is_some();
    until("a good round", || later.pollers.status().iter().any(tailed)).await;
    later.pollers.shutdown().await;
    assert_eq!((logs(&world), logs(&later)), (2, 0), "the half line waits, the others came once");
}
