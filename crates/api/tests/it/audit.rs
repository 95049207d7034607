//! The audit log: complete, and proof against edits.

use engine::audit::AUDIT;
use engine::records::put;
use model::AuditRow;
use ports::{Expected, Op};
use serde_json::{Value, json};

use crate::things::{incident, proposal};
use crate::world::{PASSWORD, World};

async fn actions(world: &World, token: &str) -> Vec<String> {
    let rows = world.get("/audit?limit=1000").token(token).send().await.is(200).json();
    rows["items"].as_array().unwrap().iter().map(|r| r["action"].as_str().unwrap().to_owned()).collect()
}

async fn verdict(world: &World, token: &str) -> Value {
    world.get("/audit/verify").token(token).send().await.is(200).json()
}

#[tokio::test]
async fn every_mutation_leaves_a_row_and_every_refusal_none() {
    let (first, first_decision) = proposal(1);
    let (second, second_decision) = proposal(2);
    let third = incident(3, model::IncidentStatus::Open);
    let ops = vec![put(&first), put(&first_decision), put(&second), put(&second_decision), put(&third)];
    let world = World::with(ops).await;
    let admin = world.admin().await;
    let mut before = actions(&world, &admin).await.len();
    let mut check = async |method: &str, path: String, body: Value, status: u16, wanted: &str| -> Value {
        let ask = world.ask(method, &format!("/api/v1{path}")).token(&admin).json(&body);
        let answer = ask.send().await.is(status);
        let now = actions(&world, &admin).await;
        let new = &now[..now.len() - before];
        if wanted.is_empty() {
            assert!(new.is_empty(), "{method} {path}: {new:?}");
        } else {
            assert!(new.iter().any(|a| a == wanted), "{method} {path}: {new:?}");
        }
        before = now.len();
        if answer.body.is_empty() { Value::Null } else { answer.json() }
    };
    let empty = json!({});
    let act = |id: &str, verb: &str| format!("/incidents/{id}/{verb}");
    check("POST", act(third.id.as_str(), "acknowledge"), empty.clone(), 204, "incident.acknowledged").await;
    check("POST", act(third.id.as_str(), "acknowledge"), empty.clone(), 409, "").await;
    check(
        "POST",
        act(third.id.as_str(), "resolve"),
        json!({"note": "did it"}),
        204,
        "incident.resolved_by_hand",
    )
    .await;
    check("POST", act(third.id.as_str(), "resolve"), json!({"note": "again"}), 404, "").await;
    let decide = |id: &model::DecisionId, verb: &str| format!("/decisions/{id}/{verb}");
    check("POST", decide(&first_decision.id, "approve"), empty.clone(), 204, "decision.approved").await;
    check("POST", decide(&first_decision.id, "approve"), empty.clone(), 409, "").await;
    check("POST", decide(&second_decision.id, "reject"), json!({"reason": "no"}), 204, "decision.rejected")
        .await;
    let run = json!({"workflow": "restart-service", "input": {"service": "shop", "verify_s": 3600}});
    let started = check("POST", "/runs".into(), run, 201, "run.requested").await;
    let id = started["id"].as_str().unwrap().to_owned();
    check("POST", format!("/runs/{id}/cancel"), empty.clone(), 204, "run.cancelled").await;
    check("POST", "/runs".into(), json!({"workflow": "none"}), 404, "").await;
    check("PUT", "/autonomy".into(), json!({"items": []}), 200, "autonomy.updated").await;
    check("PUT", "/stop-switch".into(), json!({"engaged": true}), 200, "stop_switch.engaged").await;
    check("PUT", "/stop-switch".into(), json!({"engaged": false}), 200, "stop_switch.released").await;
    let made =
        check("POST", "/tokens".into(), json!({"name": "ci", "role": "viewer"}), 201, "token.created").await;
    let id = made["token"]["id"].as_str().unwrap().to_owned();
    check("DELETE", format!("/tokens/{id}"), empty.clone(), 204, "token.deleted").await;
    check("POST", "/demo/faults/crash".into(), empty.clone(), 204, "fault.injected").await;
    check("DELETE", "/demo/faults/crash".into(), empty.clone(), 204, "fault.cleared").await;
    check("POST", "/demo/faults/none".into(), empty.clone(), 404, "").await;
    let right = json!({"username": "admin", "password": PASSWORD});
    check("POST", "/session".into(), right, 200, "session.created").await;
    let wrong = json!({"username": "admin", "password": "x"});
    check("POST", "/session".into(), wrong, 401, "session.refused").await;
    let seen = verdict(&world, &admin).await;
    assert_eq!(seen, json!({"ok": true, "rows": actions(&world, &admin).await.len(), "broken_at": null}));
}

#[tokio::test]
async fn rows_name_who_did_it() {
    let world = World::new().await;
    let admin = world.admin().await;
    world
        .put("/stop-switch")
        .token(&admin)
        .json(&json!({"engaged": true, "reason": "drill"}))
        .send()
        .await
        .is(200);
    let rows = world.get("/audit").token(&admin).send().await.is(200).json();
    let row = &rows["items"][0];
    assert_eq!(row["actor"], json!({"type": "token", "name": "admin-token"}));
    assert_eq!(row["details"], json!({"reason": "drill"}));
}

/// A world with ten rows whose journal is written anew by `edit` behind the loop's back.
async fn after(edit: impl FnOnce(&mut Vec<Value>)) -> Value {
    let world = World::new().await;
    let admin = world.admin().await;
    for n in 0..10 {
        let body = json!({"engaged": n % 2 == 0, "reason": "drill"});
        world.put("/stop-switch").token(&admin).json(&body).send().await.is(200);
    }
    assert_eq!(verdict(&world, &admin).await, json!({"ok": true, "rows": 10, "broken_at": null}));
    let mut rows: Vec<Value> =
        world.store.read_journal(AUDIT, 0, 1_000).await.unwrap().into_iter().map(|r| r.body).collect();
    edit(&mut rows);
    let ops = vec![
        Op::Drop { journal: AUDIT.into(), expected: Expected::Any },
        Op::Append { journal: AUDIT.into(), expected: Expected::Absent, records: rows },
    ];
    world.store.commit(ops).await.unwrap();
    verdict(&world, &admin).await
}

#[tokio::test]
async fn an_edited_removed_or_moved_row_is_found() {
    let broken_at = |verdict: Value| {
        assert_eq!(verdict["ok"], false, "{verdict}");
        verdict["broken_at"].as_u64().unwrap()
    };
    assert_eq!(after(|_| {}).await["ok"], true);
    assert_eq!(broken_at(after(|rows| rows[3]["details"]["reason"] = json!("nothing")).await), 4);
    assert_eq!(broken_at(after(|rows| rows[3]["actor"] = json!({"type": "system"})).await), 4);
    assert_eq!(broken_at(after(|rows| drop(rows.remove(5))).await), 6);
    assert_eq!(broken_at(after(|rows| rows.swap(1, 2)).await), 2);
    assert_eq!(broken_at(after(|rows| rows[6] = json!("not a row")).await), 7);
    assert_eq!(broken_at(after(|rows| rows.truncate(8)).await), 9, "rows missing at the end are missed");
}

#[tokio::test]
async fn a_chain_forged_whole_from_one_row_on_does_not_meet_its_head() {
    let forged = after(|rows| {
        let mut hash = rows[7]["hash"].as_str().unwrap().to_owned();
        for row in &mut rows[8..] {
            let mut read: AuditRow = serde_json::from_value(row.clone()).unwrap();
            read.entry.subject = "forged".into();
            read = AuditRow::chain(read.sequence, &hash, read.entry);
            hash.clone_from(&read.hash);
            *row = serde_json::to_value(read).unwrap();
        }
    });
    assert_eq!(forged.await["broken_at"], 10);
}
