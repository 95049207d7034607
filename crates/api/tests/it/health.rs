//! How Homeostat itself is doing.

use receive::Origin;
use receive::prometheus::{Format, parse};
use serde_json::json;

use crate::world::World;

#[tokio::test]
async fn it_says_that_it_lives_and_is_ready() {
    let world = World::new().await;
    assert_eq!(world.ask("GET", "/healthz").send().await.is(200).text(), "ok");
    assert_eq!(world.ask("GET", "/readyz").send().await.is(200).text(), "ready");
    world.ask("HEAD", "/healthz").send().await.is(200);
}

#[tokio::test]
async fn its_own_numbers_are_read_by_its_own_parser() {
    let mut world = World::new().await;
    let hostile = api::ComponentStatus {
        name: "probe \"x\"\\ \n\u{7f}".into(),
        state: api::ComponentState::Degraded,
        reason: "test".into(),
    };
    let mut app = world.app.clone();
    app.components = std::sync::Arc::new(move || vec![hostile.clone()]);
    world.router = api::router(app, axum::Router::new());
    let admin = world.admin().await;
    world.ask("POST", "/v1/logs").token(&admin).json(&json!({})).send().await.is(200);
    let answer = world.ask("GET", "/metrics").token(&admin).send().await.is(200);
    let format = Format::of(answer.header("content-type"));
    let origin = Origin { service: "homeostat".into(), instance: None };
    let series = parse(&answer.body, format, &origin, world.app.engine.now())
        .unwrap_or_else(|e| panic!("{e:?}\n{}", answer.text()));
    let named = |name: &str| series.iter().filter(|s| s.name == name).collect::<Vec<_>>();
    for name in
        ["homeostat_signals_accepted_total", "homeostat_signals_worked_total", "homeostat_bus_lag_batches"]
    {
        assert_eq!(named(name).len(), 1, "{name}");
    }
    assert_eq!(named("homeostat_runs").len(), 7);
    assert_eq!(named("homeostat_incidents_open").len(), 4);
    let parts = named("homeostat_component_up");
    let part = parts.iter().find(|s| s.labels["component"].starts_with("probe")).unwrap();
    assert_eq!((part.labels["component"].as_str(), part.points[0].value), ("probe \"x\"\\ \n\u{7f}", 0.0));
    let help = answer.text().lines().filter(|l| l.starts_with("# HELP")).count();
    assert_eq!(help, answer.text().lines().filter(|l| l.starts_with("# TYPE")).count());
}

#[tokio::test]
async fn status_names_the_parts() {
    let world = World::new().await;
    let admin = world.admin().await;
    let status = world.get("/status").token(&admin).send().await.is(200).json();
    let parts: Vec<&str> =
        status["components"].as_array().unwrap().iter().map(|c| c["name"].as_str().unwrap()).collect();
    assert_eq!(parts, ["store", "detect"]);
    assert_eq!(status["state"], "running");
}

#[tokio::test]
async fn a_stopped_engine_says_so_and_still_answers_reads() {
    let world = World::new().await;
    let admin = world.admin().await;
    world.app.engine.shutdown().await;
    let body = json!({"engaged": true, "reason": "late"});
    world.put("/stop-switch").token(&admin).json(&body).send().await.problem(api::Code::Unavailable);
    world.get("/overview").token(&admin).send().await.is(200);
    world.ask("GET", "/healthz").send().await.is(200);
    world.ask("GET", "/readyz").send().await.problem(api::Code::Unavailable);
    let status = world.get("/status").token(&admin).send().await.is(200).json();
    assert_eq!(status["state"], "degraded");
    assert!(status["components"].as_array().unwrap().iter().any(|c| c["name"] == "loop"), "{status}");
}
