//! Lifecycle events of the standard: heard by runs that listen and by schedules, and never in circles.

use serde_json::{Value, json};

use crate::world::World;

fn on(kind: &str) -> String {
    format!("schedule: {{on: {{one: {{with: {{type: io.serverlessworkflow.{kind}.v1}}}}}}}}\n")
}

async fn runs(world: &World, token: &str, query: &str) -> Vec<Value> {
    let page = world.get(&format!("/runs?limit=1000&{query}")).token(token).send().await.is(200).json();
    page["items"].as_array().unwrap().clone()
}

/// The run that an event started, over.
async fn started(world: &World, token: &str, workflow: &str) -> Value {
    let path = format!("/runs?workflow=test.{workflow}&purpose=event&status=completed");
    world.until(&path, token, |page| page["items"].as_array().is_some_and(|i| !i.is_empty())).await["items"]
        [0]
    .clone()
}

#[tokio::test]
async fn a_workflow_starts_when_another_completes_and_when_it_fails() {
    let world = World::new().await;
    let admin = world.admin().await;
    world
        .save(
            &admin,
            "after",
            &format!("{}do: [keep: {{set: {{event: '${{ .[0] }}'}}}}]", on("workflow.completed")),
        )
        .await;
    world
        .save(
            &admin,
            "alarm",
            &format!("{}do: [keep: {{set: {{event: '${{ .[0] }}'}}}}]", on("workflow.faulted")),
        )
        .await;
    world.save(&admin, "quick", "do: [one: {set: {x: 1}}]").await;
    world
        .save(
            &admin,
            "fails",
            "do: [one: {raise: {error: {type: 'https://example.com/e', status: 503, title: Gone}}}]",
        )
        .await;
    let run = world.run(&admin, "quick", json!({})).await;
    let event = started(&world, &admin, "after").await["output"]["event"].clone();
    let id = run.trim_start_matches("/runs/");
    assert_eq!(event["specversion"], "1.0");
    assert_eq!(event["type"], "io.serverlessworkflow.workflow.completed.v1");
    assert_eq!(event["source"], format!("/api/v1{run}"));
    assert_eq!(event["subject"], "test.quick");
    assert_eq!(event["data"]["name"], format!("quick-{id}.test"));
    assert_eq!(event["data"]["output"], json!({"x": 1}));
    assert!(event["data"]["completedAt"].is_string(), "{event}");

    let failed = world.run(&admin, "fails", json!({})).await;
    world.status(&failed, &admin, "faulted").await;
    let event = started(&world, &admin, "alarm").await["output"]["event"].clone();
    assert_eq!(
        (&event["data"]["error"]["status"], &event["data"]["error"]["title"]),
        (&json!(503), &json!("Gone"))
    );
}

#[tokio::test]
async fn a_run_hears_the_tasks_of_another() {
    let world = World::new().await;
    let admin = world.admin().await;
    let kinds = [
        "task.started",
        "task.completed",
        "workflow.started",
        "workflow.suspended",
        "workflow.resumed",
        "workflow.cancelled",
    ];
    let filters: Vec<String> = kinds
        .iter()
        .map(|k| format!("{{with: {{type: io.serverlessworkflow.{k}.v1, subject: test.waits}}}}"))
        .collect();
    let hears = format!(
        "do: [hear: {{listen: {{to: {{any: [{}], until: '. | map(.type) | any(endswith(\"cancelled.v1\"))'}}, read: envelope}}}}]",
        filters.join(", ")
    );
    world.save(&admin, "hears", &hears).await;
    world.save(&admin, "waits", "do: [one: {set: {x: 1}}, rest: {wait: {hours: 1}}]").await;
    let listener = world.run(&admin, "hears", json!({})).await;
    world.until(&listener, &admin, |d| d["waits_for"] == "an event").await;
    let run = world.run(&admin, "waits", json!({})).await;
    world.status(&run, &admin, "waiting").await;
    for (verb, status) in [("pause", "suspended"), ("resume", "waiting"), ("cancel", "cancelled")] {
        world.post(&format!("{run}/{verb}")).token(&admin).json(&json!({})).send().await.is(204);
        world.status(&run, &admin, status).await;
    }
    let over = world.status(&listener, &admin, "completed").await;
    let heard: Vec<(String, Value)> = over["output"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| {
            (
                e["type"].as_str().unwrap().replace("io.serverlessworkflow.", "").replace(".v1", ""),
                e["data"]["task"].clone(),
            )
        })
        .collect();
    let told = |kind: &str, task: Value| (kind.to_owned(), task);
    assert_eq!(
        heard,
        [
            told("workflow.started", Value::Null),
            told("task.started", json!("/do/0/one")),
            told("task.completed", json!("/do/0/one")),
            told("task.started", json!("/do/1/rest")),
            told("workflow.suspended", Value::Null),
            told("workflow.resumed", Value::Null),
            told("workflow.cancelled", Value::Null),
        ]
    );
}

#[tokio::test]
async fn workflows_that_would_start_each_other_for_ever_end() {
    let world = World::new().await;
    let admin = world.admin().await;
    let completed = on("workflow.completed");
    world.save(&admin, "own", &format!("{completed}do: [one: {{set: {{x: 1}}}}]")).await;
    world.save(&admin, "ping", &format!("{completed}do: [one: {{set: {{x: 1}}}}]")).await;
    world.save(&admin, "pong", &format!("{completed}do: [call: {{run: {{workflow: {{namespace: test, name: quick, version: latest}}}}}}]")).await;
    world.save(&admin, "tasks", &format!("{}do: [one: {{set: {{x: 1}}}}]", on("task.completed"))).await;
    world.save(&admin, "quick", "do: [one: {set: {x: 1}}]").await;
    let listens = "do: [hear: {listen: {to: {any: [{with: {type: io.serverlessworkflow.task.completed.v1}}, {with: {type: io.serverlessworkflow.workflow.completed.v1}}], until: 'length >= 5'}}}]";
    world.save(&admin, "first", listens).await;
    world.save(&admin, "second", listens).await;
    for name in ["first", "second"] {
        let listener = world.run(&admin, name, json!({})).await;
        world.until(&listener, &admin, |d| d["waits_for"] == "an event").await;
    }
    world.run(&admin, "quick", json!({})).await;
    started(&world, &admin, "own").await;
    // What may be started was started in the commits before this answer: the loop works one message after another.
    let mut known = 0;
    world
        .until("/runs?limit=1000", &admin, |page| {
            let runs = page["items"].as_array().unwrap();
            let settled = runs.len() == known
                && runs.iter().all(|r| r["ended_at"].is_string() || r["waits_for"] == "an event");
            known = runs.len();
            settled
        })
        .await;
    let all = runs(&world, &admin, "purpose=event").await;
    for name in ["own", "ping", "pong", "tasks"] {
        let own = all.iter().filter(|r| r["workflow"] == format!("test.{name}")).count();
        assert!((1..=64).contains(&own), "{name} ran {own} times");
    }
}

#[tokio::test]
async fn every_status_is_told_and_what_tasks_give() {
    let world = World::new().await;
    let admin = world.admin().await;
    let kinds = ["workflow.status-changed", "task.status-changed", "task.completed"];
    let filters = kinds
        .map(|k| format!("{{with: {{type: io.serverlessworkflow.{k}.v1, subject: test.told}}}}"))
        .join(", ");
    let until = "'. | map(select(.type | endswith(\"workflow.status-changed.v1\")) | .data.status) | any(. == \"completed\")'";
    let hears =
        format!("do: [hear: {{listen: {{to: {{any: [{filters}], until: {until}}}, read: envelope}}}}]");
    world.save(&admin, "hears", &hears).await;
    world.save(&admin, "told", "do: [one: {set: {x: 1}}, rest: {wait: {hours: 1}}]").await;
    let listener = world.run(&admin, "hears", json!({})).await;
    world.until(&listener, &admin, |d| d["waits_for"] == "an event").await;
    let run = world.run(&admin, "told", json!({})).await;
    world.status(&run, &admin, "waiting").await;
    world.advance(3_600_001);
    let over = world.status(&listener, &admin, "completed").await;
    let heard = |kind: &str, field: &str| -> Vec<Value> {
        let all = over["output"].as_array().unwrap().iter();
        let kind = format!("io.serverlessworkflow.{kind}.v1");
        all.filter(|e| e["type"] == kind).map(|e| e["data"][field].clone()).collect()
    };
    let stood = heard("workflow.status-changed", "status");
    assert_eq!(stood, ["running", "waiting", "completed"].map(|s| json!(s)));
    assert_eq!(
        heard("task.status-changed", "status"),
        ["pending", "running", "completed", "pending", "running", "waiting", "completed"].map(|s| json!(s))
    );
    assert_eq!(heard("task.completed", "output"), [json!({"x": 1}), json!({"x": 1})]);
    let id = run.trim_start_matches("/runs/");
    assert!(heard("workflow.status-changed", "name").iter().all(|n| *n == format!("told-{id}.test")));
    assert!(heard("task.status-changed", "updatedAt").iter().all(Value::is_string));
}
