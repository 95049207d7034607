//! Runs: found in long lists, looked at in the past, steered by people, changed in bulk.

use std::collections::BTreeSet;

use api::Code;
use serde_json::{Value, json};

use crate::world::{Tokens, World};

/// Waits for a person, then acts.
const ASKS: &str = "do:
  - ask: {call: approve, with: {message: now?}}
  - act: {call: process.restart, with: {service: shop}}";
/// Fails at its second step while its input says `broken`.
const BREAKS: &str = r#"do:
  - act: {call: process.restart, with: {service: shop}, output: {as: $input}}
  - check: {set: {fine: '${ if .broken then error("it is broken") else true end }'}}
  - last: {set: {ended: true}}"#;

async fn page(world: &World, token: &str, query: &str) -> Value {
    world.get(&format!("/runs?{query}")).token(token).send().await.is(200).json()
}

fn ids(page: &Value) -> Vec<String> {
    page["items"].as_array().unwrap().iter().map(|r| r["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn many_runs_are_paged_through_without_loss_and_filtered() {
    let world = World::new().await;
    let admin = world.admin().await;
    world.save(&admin, "quick", "do: [one: {set: {x: 1}}]").await;
    world.save(&admin, "breaks", BREAKS).await;
    let mut all = BTreeSet::new();
    for n in 0..40 {
        let service = if n % 4 == 0 { "checkout" } else { "shop" };
        let run = world.run(&admin, "quick", json!({"service": service})).await;
        all.insert(run.trim_start_matches("/runs/").to_owned());
    }
    let broken = world.run(&admin, "breaks", json!({"broken": true})).await;
    world.status(&broken, &admin, "faulted").await;
    world
        .until("/runs?workflow=test.quick&status=completed&limit=1000", &admin, |p| ids(p).len() == 40)
        .await;

    let (mut seen, mut cursor, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        let found = page(&world, &admin, &format!("workflow=test.quick&limit=7{cursor}")).await;
        seen.extend(ids(&found));
        pages += 1;
        match found["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!((pages, seen.len()), (6, 40));
    assert_eq!(seen.iter().cloned().collect::<BTreeSet<_>>(), all, "each once");

    assert_eq!(ids(&page(&world, &admin, "service=checkout&limit=100").await).len(), 10);
    assert_eq!(ids(&page(&world, &admin, "status=faulted").await).len(), 1);
    assert_eq!(ids(&page(&world, &admin, "text=BROKEN").await).len(), 1);
    assert_eq!(ids(&page(&world, &admin, "purpose=manual&limit=100").await).len(), 41);
    assert_eq!(ids(&page(&world, &admin, "purpose=schedule").await).len(), 0);
    assert_eq!(ids(&page(&world, &admin, "until=2020-01-01T00:00:00Z").await).len(), 0);
    assert_eq!(ids(&page(&world, &admin, "since=2020-01-01T00:00:00Z&limit=1000").await).len(), 41);
}

#[tokio::test]
async fn a_cursor_fits_only_the_list_it_came_from() {
    let world = World::new().await;
    let admin = world.admin().await;
    world.save(&admin, "quick", "do: [one: {set: {x: 1}}]").await;
    for _ in 0..3 {
        world.run(&admin, "quick", json!({})).await;
    }
    let next = page(&world, &admin, "limit=1").await["next"].as_str().unwrap().to_owned();
    let refused = async |path: String| {
        let problem = world.get(&path).token(&admin).send().await.problem(Code::InvalidRequest);
        assert!(problem["detail"].as_str().unwrap().contains("start again without it"), "{problem}");
    };
    refused(format!("/runs?limit=1&status=running&cursor={next}")).await;
    refused(format!("/approvals?limit=1&cursor={next}")).await;
    refused("/runs?cursor=zz".to_owned()).await;
    refused(format!("/runs?cursor={}", "00".repeat(4_000))).await;
}

#[tokio::test]
async fn a_run_is_seen_as_it_was_and_its_journal_is_read_in_pages() {
    let world = World::new().await;
    let admin = world.admin().await;
    world.save(&admin, "breaks", BREAKS).await;
    let run = world.run(&admin, "breaks", json!({"broken": false, "service": "shop"})).await;
    let over = world.status(&run, &admin, "completed").await;
    assert_eq!(over["output"], json!({"ended": true}));
    assert_eq!(over["at"], over["records"]);
    let steps = over["steps"].as_array().unwrap().len();
    let early = world.get(&format!("{run}?at=2")).token(&admin).send().await.is(200).json();
    assert_eq!((&early["at"], &early["records"]), (&json!(2), &over["records"]));
    assert_eq!(early["steps"].as_array().unwrap().len(), 1, "of {steps} steps one had begun");
    assert_eq!(early["status"], "running");
    assert_eq!((&early["output"], &early["ended_at"]), (&Value::Null, &Value::Null));
    let far = world.get(&format!("{run}?at=999999")).token(&admin).send().await.is(200).json();
    assert_eq!(far["at"], over["records"]);
    world.get(&format!("{run}?at=-1")).token(&admin).send().await.problem(Code::InvalidRequest);

    let (mut after, mut lines) = ("0".to_owned(), Vec::new());
    loop {
        let path = format!("{run}/journal?after={after}&limit=1");
        let found = world.get(&path).token(&admin).send().await.is(200).json();
        lines.extend(found["items"].as_array().unwrap().clone());
        match found["next"].as_str() {
            Some(next) => next.clone_into(&mut after),
            None => break,
        }
    }
    let whole = world.get(&format!("{run}/journal?limit=1000")).token(&admin).send().await.is(200).json();
    assert_eq!(Value::Array(lines.clone()), whole["items"], "pages hold what the whole holds");
    let kinds: Vec<_> = lines.iter().map(|l| l["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["started", "call_succeeded"]);
    let bodies: Vec<_> = lines.iter().map(|l| &l["body"]).collect();
    assert_eq!((&bodies[0]["type"], &bodies[0]["input"]["broken"]), (&json!("started"), &json!(false)));
    assert!(bodies[0].get("seed").is_none(), "what chance comes from is the engine's own: {}", bodies[0]);
    assert!(bodies[1]["key"].is_string() && bodies[1]["output"].is_object(), "{}", bodies[1]);
    world.get(&format!("{run}/journal?limit=0")).token(&admin).send().await.problem(Code::InvalidRequest);
}

#[tokio::test]
async fn equal_keys_start_one_run_by_whatever_name() {
    let world = World::new().await;
    let admin = world.admin().await;
    world.save(&admin, "quick", "do: [one: {set: {x: 1}}]").await;
    let start = async |name: &str, input: Value| {
        let body = json!({"workflow": name, "input": input});
        world.post("/runs").token(&admin).header("idempotency-key", "nightly").json(&body).send().await
    };
    let first = start("test.quick", json!({"n": 1})).await.is(201).json();
    for name in ["test.quick", "test.quick:1.0.0", "test.quick:latest"] {
        assert_eq!(start(name, json!({"n": 1})).await.is(201).json(), first);
    }
    start("test.quick", json!({"n": 2})).await.problem(Code::Conflict);
    start("restart-service", json!({"n": 1})).await.problem(Code::Conflict);
    assert_eq!(ids(&page(&world, &admin, "").await).len(), 1);
    assert_eq!(ids(&page(&world, &admin, "workflow=test.quick").await).len(), 1);
}

/// Asks by every role that may not, which changes nothing, then by an operator.
async fn steer(world: &World, tokens: &Tokens, path: &str, body: Value, audited: &str) {
    let before = world.audit(&tokens.admin).await.len();
    world.post(path).token(&tokens.viewer).json(&body).send().await.problem(Code::Forbidden);
    assert_eq!(world.audit(&tokens.admin).await.len(), before, "a refusal leaves no row");
    world.post(path).token(&tokens.operator).json(&body).send().await.is(204);
    let rows = world.audit(&tokens.admin).await;
    let row = rows.iter().find(|r| r["action"] == audited).unwrap_or_else(|| panic!("{audited}: {rows:?}"));
    assert_eq!(row["actor"], json!({"type": "token", "name": "operator"}), "{row}");
}

async fn conflict(world: &World, token: &str, path: &str, body: Value, why: &str) {
    let problem = world.post(path).token(token).json(&body).send().await.problem(Code::Conflict);
    assert!(problem["detail"].as_str().unwrap().contains(why), "{problem}");
}

#[tokio::test]
async fn a_run_is_paused_resumed_and_cancelled() {
    let world = World::new().await;
    let tokens = world.tokens().await;
    world.save(&tokens.admin, "asks", ASKS).await;
    let run = world.run(&tokens.operator, "asks", json!({})).await;
    world.until(&run, &tokens.viewer, |d| d["waits_for"] == "a person's approval").await;
    let at = |verb: &str| format!("{run}/{verb}");
    conflict(&world, &tokens.operator, &at("resume"), json!({}), "it is not held").await;
    steer(&world, &tokens, &at("pause"), json!({"reason": "look first"}), "run.paused").await;
    let held = world.status(&run, &tokens.viewer, "suspended").await;
    assert_eq!(held["held_by"], "operator");
    conflict(&world, &tokens.operator, &at("pause"), json!({}), "held by operator already").await;
    let world = world.reopened().await;
    world.status(&run, &tokens.viewer, "suspended").await;
    steer(&world, &tokens, &at("resume"), json!({}), "run.resumed").await;
    world.until(&run, &tokens.viewer, |d| d["status"] != "suspended" && d["held_by"].is_null()).await;
    steer(&world, &tokens, &at("cancel"), json!({"reason": "enough"}), "run.cancelled").await;
    world.status(&run, &tokens.viewer, "cancelled").await;
    for verb in ["pause", "resume", "cancel"] {
        conflict(&world, &tokens.operator, &at(verb), json!({}), "it is over").await;
    }
    assert!(world.machine.done.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_failed_run_is_retried_with_another_input_or_goes_on_after_the_step() {
    let world = World::new().await;
    let tokens = world.tokens().await;
    world.save(&tokens.admin, "breaks", BREAKS).await;
    let run = world.run(&tokens.operator, "breaks", json!({"broken": true})).await;
    let failed = world.status(&run, &tokens.viewer, "faulted").await;
    assert_eq!(failed["steps_failed"], 1);
    let offers = failed["steps"][1]["allowed_actions"].as_array().unwrap();
    assert!(offers.iter().all(|o| o["reason"] == "needs the role operator"), "{offers:?}");
    let again = json!({"input": {"broken": false}});
    steer(&world, &tokens, &format!("{run}/retry"), again, "run.retried").await;
    world.status(&run, &tokens.viewer, "completed").await;
    assert_eq!(world.machine.done.lock().unwrap().len(), 1, "what was done before is not done again");
    conflict(&world, &tokens.operator, &format!("{run}/retry"), json!({}), "name the step").await;
    conflict(&world, &tokens.operator, &format!("{run}/retry"), json!({"step": 99}), "99").await;

    let other = world.run(&tokens.operator, "breaks", json!({"broken": true})).await;
    world.status(&other, &tokens.viewer, "faulted").await;
    let skip = format!("{other}/skip");
    let silent = world.post(&skip).token(&tokens.operator).json(&json!({"reason": " "})).send().await;
    assert_eq!(silent.problem(Code::InvalidRequest)["at"], "/reason");
    steer(&world, &tokens, &skip, json!({"reason": "known to be harmless"}), "run.step_skipped").await;
    let over = world.status(&other, &tokens.viewer, "completed").await;
    let skipped = over["steps"].as_array().unwrap().iter().find(|s| s["note"].is_string()).unwrap().clone();
    assert!(skipped["note"].as_str().unwrap().contains("known to be harmless"), "{skipped}");
}

#[tokio::test]
async fn a_run_follows_a_newer_version_from_where_it_stands() {
    let world = World::new().await;
    let tokens = world.tokens().await;
    world.save(&tokens.admin, "rests", "do: [rest: {wait: {hours: 1}}, act: {set: {by: old}}]").await;
    let run = world.run(&tokens.operator, "rests", json!({})).await;
    world.status(&run, &tokens.viewer, "waiting").await;
    let newer = "do: [rest: {wait: {hours: 1}}, act: {set: {by: new}}]";
    world.save_version(&tokens.admin, "rests", "2.0.0", newer).await;
    let none = json!({"version": "3.0.0"});
    let migrate = format!("{run}/migrate");
    world.post(&migrate).token(&tokens.operator).json(&none).send().await.problem(Code::NotFound);
    steer(&world, &tokens, &migrate, json!({}), "run.migrated").await;
    world.advance(3_600_001);
    let over = world.status(&run, &tokens.viewer, "completed").await;
    assert_eq!((&over["version"], &over["output"]), (&json!("2.0.0"), &json!({"by": "new"})));
}

#[tokio::test]
async fn a_bulk_change_tells_what_it_did_and_what_it_could_not() {
    let world = World::new().await;
    let tokens = world.tokens().await;
    world.save(&tokens.admin, "asks", ASKS).await;
    world.save(&tokens.admin, "quick", "do: [one: {set: {x: 1}}]").await;
    let mut asking = Vec::new();
    for _ in 0..3 {
        let run = world.run(&tokens.operator, "asks", json!({"service": "shop"})).await;
        world.until(&run, &tokens.viewer, |d| d["waits_for"] == "a person's approval").await;
        asking.push(run);
    }
    let over = world.run(&tokens.operator, "quick", json!({"service": "shop"})).await;
    world.status(&over, &tokens.viewer, "completed").await;
    let bulk =
        async |token: &str, body: Value| world.post("/runs/bulk").token(token).json(&body).send().await;
    let filter = json!({"service": "shop"});
    bulk(&tokens.viewer, json!({"action": "cancel", "filter": filter})).await.problem(Code::Forbidden);
    let dry = json!({"action": "cancel", "filter": filter, "dry_run": true});
    assert_eq!(
        bulk(&tokens.operator, dry).await.is(200).json(),
        json!({"matched": 4, "done": 0, "refused": []})
    );
    let misspelt = bulk(&tokens.operator, json!({"action": "cancel", "filter": {"servce": "shop"}})).await;
    let misspelt = misspelt.problem(Code::InvalidRequest);
    assert!(misspelt["detail"].as_str().unwrap().contains("servce"), "{misspelt}");
    for run in &asking {
        world.status(run, &tokens.viewer, "waiting").await;
    }
    let waiting = page(&world, &tokens.viewer, "status=waiting").await;
    assert_eq!(ids(&waiting).len(), 3, "who waits for a person waits");
    let paused = json!({"action": "pause", "filter": filter, "reason": "drill"});
    let told = bulk(&tokens.operator, paused).await.is(200).json();
    assert_eq!((&told["matched"], &told["done"]), (&json!(4), &json!(3)));
    let id = over.trim_start_matches("/runs/");
    assert_eq!(
        told["refused"],
        json!([{"id": id, "reason": "it is over; `retry` begins a step of it again"}])
    );
    let resumed =
        bulk(&tokens.operator, json!({"action": "resume", "filter": {"status": "suspended"}})).await;
    assert_eq!(resumed.is(200).json()["done"], 3);
    let one = json!({"action": "cancel", "filter": {"workflow": "test.asks"}, "limit": 1});
    assert_eq!(bulk(&tokens.operator, one).await.is(200).json()["done"], 1);
    let cancelled = page(&world, &tokens.viewer, "status=cancelled").await;
    assert_eq!(ids(&cancelled).len(), 1);
    let rows = world.audit(&tokens.admin).await;
    assert_eq!(rows.iter().filter(|r| r["action"] == "run.paused").count(), 3, "each change has its row");
}

#[tokio::test]
async fn a_run_that_got_over_a_failure_is_not_retried_by_the_way() {
    let world = World::new().await;
    let tokens = world.tokens().await;
    let tries = "do:
  - act: {call: process.restart, with: {service: shop}}
  - tries:
      try: [fails: {raise: {error: {type: 'https://example.com/e', status: 503}}}]
      catch: {do: [goesOn: {set: {fine: true}}]}";
    world.save(&tokens.admin, "tries", tries).await;
    world.save(&tokens.admin, "breaks", BREAKS).await;
    let run = world.run(&tokens.operator, "tries", json!({"service": "shop"})).await;
    let over = world.status(&run, &tokens.operator, "completed").await;
    assert_eq!(over["steps_failed"], 1);
    let retry = over["allowed_actions"].as_array().unwrap().iter().find(|a| a["name"] == "retry").unwrap();
    assert_eq!(retry["allowed"], false, "{retry}");
    conflict(&world, &tokens.operator, &format!("{run}/retry"), json!({}), "it completed").await;
    let skip = json!({"reason": "why not"});
    conflict(&world, &tokens.operator, &format!("{run}/skip"), skip, "it completed").await;
    // Nor in bulk, where one that failed is.
    let failed = world.run(&tokens.operator, "breaks", json!({"broken": true, "service": "shop"})).await;
    let failed = world.status(&failed, &tokens.operator, "faulted").await;
    assert!(
        failed["allowed_actions"]
            .as_array()
            .unwrap()
            .iter()
            .any(|a| a["name"] == "retry" && a["allowed"] == true)
    );
    let before = world.machine.done.lock().unwrap().len();
    let bulk = json!({"action": "retry", "filter": {"service": "shop"}});
    let told = world.post("/runs/bulk").token(&tokens.operator).json(&bulk).send().await.is(200).json();
    assert_eq!((&told["matched"], &told["done"]), (&json!(2), &json!(1)), "{told}");
    assert_eq!(told["refused"][0]["id"], run.trim_start_matches("/runs/"));
    assert_eq!(world.machine.done.lock().unwrap().len(), before, "nothing was done again");
    // Whoever names the step may.
    world
        .post(&format!("{run}/retry"))
        .token(&tokens.operator)
        .json(&json!({"step": 0}))
        .send()
        .await
        .is(204);
    world.until(&run, &tokens.operator, |_| world.machine.done.lock().unwrap().len() == before + 1).await;
}

#[tokio::test]
async fn the_input_is_what_was_sent_with_the_defaults_of_its_schema() {
    let world = World::new().await;
    let admin = world.admin().await;
    let rest = "input: {schema: {document: {type: object, properties: {tries: {type: integer, default: 3}, deep: {properties: {on: {default: true}}}}}}}
do: [give: {set: {all: '${ $workflow.input }'}}]";
    world.save(&admin, "defaults", rest).await;
    world.save(&admin, "plain", "do: [one: {set: {x: 1}}]").await;
    let start = async |input: Value| {
        let body = json!({"workflow": "test.defaults", "input": input});
        world.post("/runs").token(&admin).header("idempotency-key", "one").json(&body).send().await
    };
    let first = start(json!({"deep": {}})).await.is(201).json();
    assert_eq!(start(json!({"deep": {}})).await.is(201).json(), first, "the same request is the same run");
    start(json!({"deep": {"on": false}})).await.problem(Code::Conflict);
    let run = format!("/runs/{}", first["id"].as_str().unwrap());
    let over = world.status(&run, &admin, "completed").await;
    let whole = json!({"tries": 3, "deep": {"on": true}});
    assert_eq!((&over["input"], &over["output"]["all"]), (&whole, &whole));
    let plain = world.run(&admin, "plain", json!({"mine": 1})).await;
    assert_eq!(
        world.status(&plain, &admin, "completed").await["input"],
        json!({"mine": 1}),
        "and nothing else"
    );
    // What asks for it is told how long is watched here.
    let repair = json!({"workflow": "restart-service", "input": {"service": "shop"}});
    let repair = world.post("/runs").token(&admin).json(&repair).send().await.is(201).json();
    let repair =
        world.get(&format!("/runs/{}", repair["id"].as_str().unwrap())).token(&admin).send().await.json();
    assert_eq!(repair["input"], json!({"service": "shop", "verify_s": 30}));
}
