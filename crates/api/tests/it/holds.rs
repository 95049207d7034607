//! Holds: runs of a scope wait, and go on when it is lifted.

use api::Code;
use serde_json::{Value, json};

use crate::world::World;

const ACTS: &str = "do: [act: {call: process.restart, with: {service: '${ .service }'}}]";

async fn hold(world: &World, token: &str, scope: Value, held: bool) -> Value {
    let mut body = scope;
    body["held"] = held.into();
    body["reason"] = "release in progress".into();
    world.put("/runs/holds").token(token).json(&body).send().await.is(200).json()
}

fn done(world: &World) -> Vec<String> {
    let done = world.machine.done.lock().unwrap();
    done.iter().map(|call| call.parameters["service"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn held_runs_do_not_begin_until_the_hold_is_lifted() {
    let world = World::new().await;
    let tokens = world.tokens().await;
    world.save(&tokens.admin, "acts", ACTS).await;
    let held = hold(&world, &tokens.operator, json!({"scope": "all"}), true).await;
    assert_eq!((&held["items"][0]["scope"], &held["items"][0]["by"]), (&json!("all"), &json!("operator")));
    let run = world.run(&tokens.operator, "acts", json!({"service": "shop"})).await;
    let waits = world.until(&run, &tokens.viewer, |d| d["waits_for"].is_string()).await;
    assert_eq!(
        waits["waits_for"],
        "the hold on everything to be lifted, set by operator: release in progress"
    );
    assert_eq!(waits["status"], "pending");
    let world = world.reopened().await;
    let kept = world.get("/runs/holds").token(&tokens.viewer).send().await.is(200).json();
    assert_eq!(kept["items"], held["items"], "a hold outlives a restart");
    assert_eq!(done(&world), [""; 0], "nothing was called");
    let lifted = hold(&world, &tokens.operator, json!({"scope": "all"}), false).await;
    assert_eq!(lifted["items"], json!([]));
    world.status(&run, &tokens.viewer, "completed").await;
    assert_eq!(done(&world), ["shop"]);
    let audit = world.audit(&tokens.admin).await;
    for action in ["runs.held", "runs.freed"] {
        assert!(audit.iter().any(|r| r["action"] == action), "{action}");
    }
}

#[tokio::test]
async fn the_hold_of_a_service_leaves_others_alone() {
    let world = World::new().await;
    let admin = world.admin().await;
    world.save(&admin, "acts", ACTS).await;
    let scope = json!({"scope": "service", "name": "checkout"});
    hold(&world, &admin, scope.clone(), true).await;
    let again = hold(&world, &admin, scope.clone(), true).await;
    assert_eq!(again["items"].as_array().unwrap().len(), 1, "one hold for each scope");
    let checkout = world.run(&admin, "acts", json!({"service": "checkout"})).await;
    let shop = world.run(&admin, "acts", json!({"service": "shop"})).await;
    world.status(&shop, &admin, "completed").await;
    world.status(&checkout, &admin, "pending").await;
    assert_eq!(done(&world), ["shop"]);
    hold(&world, &admin, scope, false).await;
    world.status(&checkout, &admin, "completed").await;
    assert_eq!(done(&world), ["shop", "checkout"]);
}

#[tokio::test]
async fn the_hold_of_a_workflow_stops_its_runs_before_their_next_call_however_they_were_started() {
    let world = World::new().await;
    let admin = world.admin().await;
    let asks = "do:
  - ask: {call: approve, with: {message: now?, self_approval: true}}
  - act: {call: process.restart, with: {service: shop}}";
    world.save(&admin, "asks", asks).await;
    let run = world.run(&admin, "asks:1.0.0", json!({})).await;
    world.until(&run, &admin, |d| d["waits_for"] == "a person's approval").await;
    let scope = json!({"scope": "workflow", "name": "test.asks"});
    hold(&world, &admin, scope.clone(), true).await;
    let held = world.status(&run, &admin, "suspended").await;
    assert_eq!(held["held_by"], "hold:workflow:test.asks");
    let page = world.get("/approvals?state=pending").token(&admin).send().await.is(200).json();
    let approve = format!("/approvals/{}/approve", page["items"][0]["id"].as_str().unwrap());
    world.post(&approve).token(&admin).json(&json!({})).send().await.is(204);
    world.status(&run, &admin, "suspended").await;
    assert_eq!(done(&world), [""; 0], "the answer is kept, the next call waits");
    hold(&world, &admin, scope, false).await;
    world.status(&run, &admin, "completed").await;
    assert_eq!(done(&world), ["shop"]);
}

#[tokio::test]
async fn holds_are_for_operators_and_name_what_they_hold() {
    let world = World::new().await;
    let tokens = world.tokens().await;
    let put = async |token: &str, body: Value| world.put("/runs/holds").token(token).json(&body).send().await;
    put(&tokens.viewer, json!({"scope": "all", "held": true})).await.problem(Code::Forbidden);
    for body in [
        json!({"scope": "service", "held": true}),
        json!({"scope": "service", "name": "", "held": true}),
        json!({"scope": "region", "name": "eu", "held": true}),
        json!({"scope": "all"}),
        json!({"scope": "all", "name": "shop", "held": true}),
        json!({"scope": "service", "name": "shop", "held": true, "until": "tomorrow"}),
        json!({"scope": "all", "held": true, "reason": "\u{1b}[2J"}),
    ] {
        put(&tokens.operator, body).await.problem(Code::InvalidRequest);
    }
    let seen = world.get("/runs/holds").token(&tokens.viewer).send().await.is(200).json();
    assert_eq!(seen["items"], json!([]));
    assert_eq!(seen["allowed_actions"][0]["reason"], "needs the role operator");
}
