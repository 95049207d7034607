//! What nobody should send: huge, deep, misspelt, unknown. Answers are short, clear, and nothing is harmed.

use std::time::{Duration, Instant};

use api::Code;
use serde_json::{Value, json};

use crate::world::{World, document};

#[tokio::test]
async fn bodies_that_are_too_large_or_too_deep_are_refused() {
    let world = World::new().await;
    let admin = world.admin().await;
    let huge = json!({"workflow": "restart-service", "input": {"x": "y".repeat(2 << 20)}});
    world.post("/runs").token(&admin).json(&huge).send().await.problem(Code::BodyTooLarge);
    let long = document("long", "1.0.0", &format!("do: [] # {}", "x".repeat(300_000)));
    let body = json!({"source": long});
    for path in ["/workflows/validate", "/runs/plan"] {
        let problem = world.post(path).token(&admin).json(&body).send().await.problem(Code::InvalidRequest);
        assert!(problem["detail"].as_str().unwrap().contains("at most 262144"), "{problem}");
    }
    world.put("/workflows/test.long").token(&admin).json(&body).send().await.problem(Code::InvalidRequest);
    let deep = format!(
        "{{\"workflow\": \"restart-service\", \"input\": {}{}}}",
        "[".repeat(50_000),
        "]".repeat(50_000)
    );
    let ask = world.post("/runs").token(&admin).header("content-type", "application/json").body(deep);
    ask.send().await.problem(Code::InvalidRequest);
}

#[tokio::test]
async fn documents_that_are_bombs_are_refused_in_time() {
    let world = World::new().await;
    let admin = world.admin().await;
    let flow = document("deep", "1.0.0", &format!("do: {}{}", "[".repeat(20_000), "]".repeat(20_000)));
    let tasks = (0..2_000).fold(String::new(), |inner, n| {
        format!("[t{n}: {{do: {}}}]", if inner.is_empty() { "[]" } else { &inner })
    });
    let aliases = "x: &a [1,1,1,1,1,1,1,1]\ny: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nz: &c [*b,*b,*b,*b,*b,*b,*b,*b]\nw: [*c,*c,*c,*c,*c,*c,*c,*c]";
    for source in
        [flow, document("tasks", "1.0.0", &format!("do: {tasks}")), document("alias", "1.0.0", aliases)]
    {
        let began = Instant::now();
        let body = json!({"source": source});
        let told = world.post("/workflows/validate").token(&admin).json(&body).send().await.is(200).json();
        assert_eq!(told["valid"], false, "{told}");
        assert!(told["errors"][0]["message"].as_str().unwrap().len() < 1_000, "{told}");
        assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    }
    let endless = document("endless", "1.0.0", "do: [one: {set: {x: '${ [range(1000000000)] | length }'}}]");
    world.put("/workflows/test.endless").token(&admin).json(&json!({"source": endless})).send().await.is(200);
    let run = world.run(&admin, "endless", json!({})).await;
    let over = world.status(&run, &admin, "faulted").await;
    assert!(over["error"].as_str().unwrap().contains("too many steps"), "{over}");
}

#[tokio::test]
async fn what_is_misspelt_is_named_and_changes_nothing() {
    let world = World::new().await;
    let admin = world.admin().await;
    let id = model::RunId::derive(model::Timestamp::ZERO, &["none"]);
    let check = async |method: &str, path: String, body: Value, word: &str| {
        let answer = world.ask(method, &format!("/api/v1{path}")).token(&admin).json(&body).send().await;
        let problem = answer.problem(Code::InvalidRequest);
        assert!(problem["detail"].as_str().unwrap().contains(word), "{path}: {problem}");
    };
    check("POST", "/runs".into(), json!({"workflow": "restart-service", "inputs": {}}), "inputs").await;
    check("POST", format!("/runs/{id}/pause"), json!({"reson": "x"}), "reson").await;
    check("POST", format!("/runs/{id}/retry"), json!({"stp": 1}), "stp").await;
    check("POST", format!("/runs/{id}/skip"), json!({"reason": "x", "result": 1}), "result").await;
    check("POST", format!("/runs/{id}/migrate"), json!({"to": "1.0.0"}), "to").await;
    check("POST", "/runs/plan".into(), json!({"runbook": "x"}), "runbook").await;
    check("POST", "/runs/bulk".into(), json!({"action": "cancel", "filters": {}}), "filter").await;
    check("PUT", "/schedules/x".into(), json!({"enabled": true, "from": 1}), "from").await;
    for path in ["/runs?stauts=running", "/approvals?status=pending", "/runs/x/journal?before=1"] {
        world.get(path).token(&admin).send().await.problem(Code::InvalidRequest);
    }
    world.get("/runs?status=sleeping").token(&admin).send().await.problem(Code::InvalidRequest);
}

#[tokio::test]
async fn what_is_not_there_is_said_with_where_to_look() {
    let world = World::new().await;
    let admin = world.admin().await;
    let id = model::RunId::derive(model::Timestamp::ZERO, &["none"]);
    let told = |problem: Value, list: &str| {
        assert!(problem["detail"].as_str().unwrap().contains(list), "{problem}");
    };
    for path in [
        format!("/runs/{id}"),
        format!("/runs/{id}/journal"),
        "/runs/x".into(),
        format!("/runs/{}", "x".repeat(5_000)),
    ] {
        told(world.get(&path).token(&admin).send().await.problem(Code::NotFound), "GET /api/v1/runs");
    }
    for verb in ["pause", "resume", "cancel", "retry", "migrate"] {
        let answer = world.post(&format!("/runs/{id}/{verb}")).token(&admin).json(&json!({})).send().await;
        told(answer.problem(Code::NotFound), "GET /api/v1/runs");
        let answer = world.post(&format!("/runs/inc_x/{verb}")).token(&admin).json(&json!({})).send().await;
        assert!(matches!(answer.status, 400 | 404), "{}", answer.text());
    }
    for name in ["none", "test.none:9", "%00", "..%2f..%2fetc%2fpasswd"] {
        let answer = world.get(&format!("/workflows/{name}")).token(&admin).send().await;
        told(answer.problem(Code::NotFound), "GET /api/v1/workflows");
    }
    let body = json!({"workflow": "test.none"});
    told(world.post("/runs").token(&admin).json(&body).send().await.problem(Code::NotFound), "workflow list");
}
