//! Questions to people that runs wait for: who may answer, when, and what is left of it.

use api::Code;
use serde_json::{Value, json};

use crate::world::World;

const ASKS: &str = "do:
  - ask: {call: approve, with: {message: May I restart shop?, timeout: {hours: 1}}}
  - act: {call: process.restart, with: {service: shop}}";

/// The question of a run that waits for a person.
async fn question(world: &World, token: &str, run: &str) -> Value {
    world.until(run, token, |d| d["waits_for"] == "a person's approval").await;
    let run = run.trim_start_matches("/runs/");
    let page = world.get(&format!("/approvals?state=pending&run={run}")).token(token).send().await.is(200);
    let page = page.json();
    assert_eq!(page["items"].as_array().unwrap().len(), 1, "{page}");
    page["items"][0].clone()
}

fn path(question: &Value, verb: &str) -> String {
    format!("/approvals/{}/{verb}", question["id"].as_str().unwrap())
}

#[tokio::test]
async fn a_question_is_answered_once_by_somebody_who_may() {
    let world = World::new().await;
    let tokens = world.tokens().await;
    world.save(&tokens.admin, "asks", ASKS).await;
    let run = world.run(&tokens.approver, "asks", json!({})).await;
    let seen = question(&world, &tokens.viewer, &run).await;
    assert_eq!(seen["message"], "May I restart shop?");
    assert_eq!(seen["workflow"], "test.asks");
    assert_eq!(seen["allowed_actions"][0]["reason"], "needs the role approver");
    let answer = async |token: &str, verb: &str, note: &str| {
        world.post(&path(&seen, verb)).token(token).json(&json!({"note": note})).send().await
    };
    answer(&tokens.viewer, "approve", "").await.problem(Code::Forbidden);
    let operator = answer(&tokens.operator, "approve", "").await.problem(Code::Forbidden);
    assert_eq!(operator["detail"], "needs the role approver");
    let own = answer(&tokens.approver, "approve", "").await.problem(Code::Forbidden);
    assert!(own["detail"].as_str().unwrap().contains("ask somebody else"), "{own}");
    assert!(world.machine.done.lock().unwrap().is_empty(), "nothing is done before the answer");

    answer(&tokens.admin, "approve", "go on").await.is(204);
    world.status(&run, &tokens.viewer, "completed").await;
    assert_eq!(world.machine.done.lock().unwrap().len(), 1);
    for verb in ["approve", "reject"] {
        let again = answer(&tokens.admin, verb, "").await.problem(Code::Conflict);
        assert_eq!(again["detail"], "it was approved by admin already");
    }
    let all = world.get("/approvals").token(&tokens.viewer).send().await.is(200).json();
    let kept = &all["items"][0];
    assert_eq!(
        (&kept["state"], &kept["by"], &kept["note"]),
        (&json!("approved"), &json!("admin"), &json!("go on"))
    );
    let row =
        world.audit(&tokens.admin).await.into_iter().find(|r| r["action"] == "approval.approved").unwrap();
    assert_eq!(row["details"]["note"], "go on", "{row}");
}

#[tokio::test]
async fn a_refusal_ends_the_run_and_says_who_and_why() {
    let world = World::new().await;
    let tokens = world.tokens().await;
    world.save(&tokens.admin, "asks", ASKS).await;
    let run = world.run(&tokens.operator, "asks", json!({})).await;
    let seen = question(&world, &tokens.viewer, &run).await;
    world
        .post(&path(&seen, "reject"))
        .token(&tokens.approver)
        .json(&json!({"note": "not today"}))
        .send()
        .await
        .is(204);
    let over = world.status(&run, &tokens.viewer, "faulted").await;
    assert!(over["error"].as_str().unwrap().contains("approver refused: not today"), "{over}");
    assert!(world.machine.done.lock().unwrap().is_empty());
    assert!(world.audit(&tokens.admin).await.iter().any(|r| r["action"] == "approval.rejected"));
}

#[tokio::test]
async fn a_question_that_nobody_answers_in_time_fails_the_task_and_takes_no_answer_any_more() {
    let world = World::new().await;
    let tokens = world.tokens().await;
    world.save(&tokens.admin, "asks", ASKS).await;
    let run = world.run(&tokens.operator, "asks", json!({})).await;
    let seen = question(&world, &tokens.viewer, &run).await;
    world.advance(3_600_001);
    let over = world.status(&run, &tokens.viewer, "faulted").await;
    assert!(over["error"].as_str().unwrap().contains("nobody answered"), "{over}");
    let late = world.post(&path(&seen, "approve")).token(&tokens.approver).json(&json!({})).send().await;
    assert!(late.problem(Code::Conflict)["detail"].as_str().unwrap().starts_with("nobody answered in time"));
    let expired = world.get("/approvals?state=expired").token(&tokens.viewer).send().await.is(200).json();
    assert_eq!(expired["items"][0]["id"], seen["id"]);
    let pending = world.get("/approvals?state=pending").token(&tokens.viewer).send().await.is(200).json();
    assert_eq!(pending["items"], json!([]));
}

#[tokio::test]
async fn a_question_survives_a_restart_and_goes_with_its_run() {
    let world = World::new().await;
    let tokens = world.tokens().await;
    world.save(&tokens.admin, "asks", ASKS).await;
    let run = world.run(&tokens.operator, "asks", json!({})).await;
    let seen = question(&world, &tokens.viewer, &run).await;
    let world = world.reopened().await;
    assert_eq!(question(&world, &tokens.viewer, &run).await["id"], seen["id"], "it is asked once");
    world.post(&format!("{run}/cancel")).token(&tokens.operator).json(&json!({})).send().await.is(204);
    world.status(&run, &tokens.viewer, "cancelled").await;
    let late = world.post(&path(&seen, "approve")).token(&tokens.approver).json(&json!({})).send().await;
    assert_eq!(late.problem(Code::Conflict)["detail"], "the run no longer asks");
}

#[tokio::test]
async fn questions_that_are_not_there_say_so() {
    let world = World::new().await;
    let admin = world.admin().await;
    let id = model::ApprovalId::derive(model::Timestamp::ZERO, &["none"]);
    let none = world.post(&format!("/approvals/{id}/approve")).token(&admin).json(&json!({})).send().await;
    let detail = none.problem(Code::NotFound)["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("GET /api/v1/approvals"), "it says where to look: {detail}");
    for id in ["x", "run_00000000008z6rxppe80vgsyka", "%00"] {
        let answer =
            world.post(&format!("/approvals/{id}/reject")).token(&admin).json(&json!({})).send().await;
        answer.problem(Code::InvalidRequest);
    }
}
