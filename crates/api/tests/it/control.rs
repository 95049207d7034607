//! What people steer: stop switch, autonomy, runs.

use api::Code;
use serde_json::{Value, json};

use crate::world::World;

fn request(service: &str) -> Value {
    json!({"workflow": "restart-service", "input": {"service": service, "verify_s": 3600}})
}

async fn start(world: &World, token: &str, key: Option<&str>, body: &Value) -> String {
    let mut ask = world.post("/runs").token(token).json(body);
    if let Some(key) = key {
        ask = ask.header("idempotency-key", key);
    }
    ask.send().await.is(201).json()["id"].as_str().unwrap().to_owned()
}

fn running(detail: &Value) -> bool {
    matches!(detail["status"].as_str(), Some("running" | "waiting"))
}

#[tokio::test]
async fn the_stop_switch_stays_as_set_over_a_restart() {
    let world = World::new().await;
    let admin = world.admin().await;
    let set =
        world.put("/stop-switch").token(&admin).json(&json!({"engaged": true, "reason": "drill\nline two"}));
    let answer = set.send().await.is(200).json();
    assert_eq!((&answer["engaged"], &answer["by"]), (&json!(true), &json!("admin-token")));
    let world = world.reopened().await;
    let seen = world.get("/stop-switch").token(&admin).send().await.is(200).json();
    assert_eq!(seen, answer);
    let control = json!({"engaged": false, "reason": "\u{1b}[31m"});
    let problem =
        world.put("/stop-switch").token(&admin).json(&control).send().await.problem(Code::InvalidRequest);
    assert_eq!(problem["at"], "/reason");
}

#[tokio::test]
async fn autonomy_is_replaced_whole_and_stays() {
    let world = World::new().await;
    let admin = world.admin().await;
    let fresh = world.get("/autonomy").token(&admin).send().await.is(200).json();
    assert_eq!(fresh["items"][0]["level"], "propose", "a fresh install proposes");
    let wanted = json!({"items": [
        {"service": "*", "action": "*", "level": "observe"},
        {"service": "shop", "action": "process.restart", "level": "auto"},
    ]});
    world.put("/autonomy").token(&admin).json(&wanted).send().await.is(200);
    assert_eq!(world.get("/autonomy").token(&admin).send().await.is(200).json(), wanted);
    let world = world.reopened().await;
    assert_eq!(world.get("/autonomy").token(&admin).send().await.is(200).json(), wanted);
}

#[tokio::test]
async fn a_key_makes_a_repeated_request_the_same_run() {
    let world = World::new().await;
    let tokens = world.tokens().await;
    let id = start(&world, &tokens.operator, Some("k1"), &request("shop")).await;
    assert_eq!(start(&world, &tokens.operator, Some("k1"), &request("shop")).await, id);
    assert_ne!(start(&world, &tokens.operator, Some("k2"), &request("shop")).await, id);
    assert_ne!(
        start(&world, &tokens.admin, Some("k1"), &request("shop")).await,
        id,
        "keys are each caller's own"
    );
    for other in [request("other"), json!({"workflow": "reset-state", "input": {"service": "shop"}})] {
        let ask = world.post("/runs").token(&tokens.operator).header("idempotency-key", "k1").json(&other);
        ask.send().await.problem(Code::Conflict);
    }
    for key in ["", &"k".repeat(201), "\u{fc}"] {
        let ask =
            world.post("/runs").token(&tokens.operator).header("idempotency-key", key).json(&request("shop"));
        ask.send().await.problem(Code::InvalidRequest);
    }
    let path = format!("/runs/{id}/cancel");
    world.post(&path).token(&tokens.operator).send().await.is(204);
    world.until(&format!("/runs/{id}"), &tokens.operator, |d| d["status"] == "cancelled").await;
    assert_eq!(
        start(&world, &tokens.operator, Some("k1"), &request("shop")).await,
        id,
        "also when it is over"
    );
    let world = world.reopened().await;
    assert_eq!(
        start(&world, &tokens.operator, Some("k1"), &request("shop")).await,
        id,
        "also after a restart"
    );
}

#[tokio::test]
async fn requests_without_a_key_are_runs_of_their_own_even_at_once() {
    let world = World::new().await;
    let admin = world.admin().await;
    let mut all = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let ask = world.post("/runs").token(&admin).json(&request("shop"));
        all.spawn(async move { ask.send().await.is(201).json()["id"].to_string() });
    }
    let ids: std::collections::BTreeSet<String> = all.join_all().await.into_iter().collect();
    assert_eq!(ids.len(), 20);
    let mut all = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let ask = world.post("/runs").token(&admin).header("idempotency-key", "one").json(&request("shop"));
        all.spawn(async move { ask.send().await.is(201).json()["id"].to_string() });
    }
    let ids: std::collections::BTreeSet<String> = all.join_all().await.into_iter().collect();
    assert_eq!(ids.len(), 1);
}

#[tokio::test]
async fn a_run_acts_is_listed_and_ends_by_cancel() {
    let world = World::new().await;
    let admin = world.admin().await;
    let id = start(&world, &admin, None, &request("shop")).await;
    let path = format!("/runs/{id}");
    let detail = world.until(&path, &admin, running).await;
    assert_eq!(detail["purpose"], json!({"type": "manual", "actor": "admin-token"}));
    assert_eq!(detail["definition"]["document"]["name"], "restart-service");
    assert_eq!(detail["allowed_actions"][0]["allowed"], true);
    world.until(&path, &admin, |_| !world.machine.done.lock().unwrap().is_empty()).await;
    assert_eq!(world.machine.done.lock().unwrap()[0].action, "process.restart");

    let all = world.get("/runs?workflow=restart-service").token(&admin).send().await.is(200).json();
    assert_eq!(all["items"].as_array().unwrap().len(), 1);
    assert!(running(&all["items"][0]), "{all}");
    let over = world.get("/runs?status=completed").token(&admin).send().await.is(200).json();
    assert_eq!(over["items"], json!([]));

    let cancel = || world.post(&format!("{path}/cancel")).token(&admin);
    cancel().send().await.is(204);
    let over = world.until(&path, &admin, |d| d["status"] == "cancelled").await;
    assert_eq!(over["allowed_actions"][0]["allowed"], false);
    let again = cancel().send().await;
    assert_eq!(again.problem(Code::Conflict)["detail"], "it is over; `retry` begins a step of it again");
}

#[tokio::test]
async fn a_run_that_makes_no_sense_is_refused() {
    let world = World::new().await;
    let admin = world.admin().await;
    let check = async |body: Value, code: Code| {
        world.post("/runs").token(&admin).json(&body).send().await.problem(code)
    };
    check(json!({"workflow": "none"}), Code::NotFound).await;
    check(json!({"workflow": ""}), Code::InvalidRequest).await;
    check(json!({"workflow": "a\nb"}), Code::InvalidRequest).await;
    check(json!({"workflow": "x".repeat(300_000)}), Code::InvalidRequest).await;
    check(json!({"workflow": "restart-service", "input": [1]}), Code::InvalidRequest).await;
    check(json!({"input": {}}), Code::InvalidRequest).await;
    let id = start(&world, &admin, None, &json!({"workflow": "restart-service"})).await;
    let failed = world.until(&format!("/runs/{id}"), &admin, |d| d["status"] == "faulted").await;
    assert!(failed["error"].as_str().is_some_and(|e| e.contains("service")), "{failed}");
}

#[tokio::test]
async fn approving_starts_the_run_and_a_second_answer_is_refused() {
    let (incident, decision) = crate::things::proposal(1);
    let world = World::with(vec![engine::records::put(&incident), engine::records::put(&decision)]).await;
    let admin = world.admin().await;
    let path = format!("/decisions/{}", decision.id);
    let approve = || world.post(&format!("{path}/approve")).token(&admin);
    let (a, b) = tokio::join!(approve().send(), approve().send());
    let mut both = [a.status, b.status];
    both.sort_unstable();
    assert_eq!(both, [204, 409], "of two people who approve at once, one wins");
    let detail = world.get(&path).token(&admin).send().await.is(200).json();
    assert_eq!(detail["decision"]["disposition"], "approved");
    assert!(detail["decision"]["run"].is_string(), "{detail}");
    let seen = world.get(&format!("/incidents/{}", incident.id)).token(&admin).send().await.is(200).json();
    assert_eq!(seen["runs"].as_array().unwrap().len(), 1);
    let runs =
        world.get(&format!("/runs?incident={}", incident.id)).token(&admin).send().await.is(200).json();
    assert_eq!(runs["items"].as_array().unwrap().len(), 1);
    let decisions =
        world.get(&format!("/decisions?incident={}", incident.id)).token(&admin).send().await.is(200).json();
    assert_eq!(decisions["items"].as_array().unwrap().len(), 1);
}
