//! Workflows: stored, read back in every version, refused with the place; schedules; dry runs.

use api::Code;
use serde_json::{Value, json};

use crate::world::{World, document};

const SETS: &str = "do: [one: {set: {x: 1}}]";

async fn put(world: &World, token: &str, name: &str, source: &str) -> crate::world::Answer {
    world.put(&format!("/workflows/{name}")).token(token).json(&json!({"source": source})).send().await
}

#[tokio::test]
async fn a_workflow_lives_in_versions() {
    let world = World::new().await;
    let tokens = world.tokens().await;
    let first = document("sets", "1.9.0", SETS);
    put(&world, &tokens.approver, "test.sets", &first).await.problem(Code::Forbidden);
    let stored = put(&world, &tokens.admin, "test.sets", &first).await.is(200).json();
    assert_eq!(
        (&stored["id"], &stored["version"], &stored["origin"]),
        (&json!("test.sets"), &json!("1.9.0"), &json!("own"))
    );
    put(&world, &tokens.admin, "test.sets", &first).await.is(200);
    let other = document("sets", "1.9.0", "do: [one: {set: {x: 2}}]");
    let clash = put(&world, &tokens.admin, "test.sets", &other).await.problem(Code::Conflict);
    assert!(clash["detail"].as_str().unwrap().contains("raise `version`"), "{clash}");
    put(&world, &tokens.admin, "test.sets", &document("sets", "1.10.0", SETS)).await.is(200);

    let newest = world.get("/workflows/test.sets").token(&tokens.viewer).send().await.is(200).json();
    assert_eq!((&newest["version"], &newest["versions"]), (&json!("1.10.0"), &json!(2)));
    let old = world.get("/workflows/test.sets:1.9.0").token(&tokens.viewer).send().await.is(200).json();
    assert_eq!(old["source"], first);
    let versions =
        world.get("/workflows/test.sets/versions").token(&tokens.viewer).send().await.is(200).json();
    let seen: Vec<_> = versions["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|v| (&v["version"], &v["current"], &v["by"]))
        .collect();
    assert_eq!(
        seen,
        [
            (&json!("1.10.0"), &json!(true), &json!("admin")),
            (&json!("1.9.0"), &json!(false), &json!("admin"))
        ]
    );
    let list = world.get("/workflows").token(&tokens.viewer).send().await.is(200).json();
    let own = list["items"].as_array().unwrap().iter().find(|w| w["id"] == "test.sets").unwrap().clone();
    assert_eq!(own["allowed_actions"][0]["reason"], "needs the role operator");

    let world = world.reopened().await;
    world.get("/workflows/test.sets:1.9.0").token(&tokens.viewer).send().await.is(200);
    world.delete("/workflows/test.sets").token(&tokens.operator).send().await.problem(Code::Forbidden);
    world.delete("/workflows/test.sets").token(&tokens.admin).send().await.is(204);
    for path in ["/workflows/test.sets", "/workflows/test.sets/versions"] {
        let gone = world.get(path).token(&tokens.viewer).send().await.problem(Code::NotFound);
        assert!(gone["detail"].as_str().unwrap().contains("GET /api/v1/workflows"), "{gone}");
    }
    world.delete("/workflows/test.sets").token(&tokens.admin).send().await.problem(Code::NotFound);
    let audit = world.audit(&tokens.admin).await;
    for action in ["workflow.stored", "workflow.deleted"] {
        assert!(audit.iter().any(|r| r["action"] == action), "{action}");
    }
}

#[tokio::test]
async fn a_shipped_workflow_says_what_it_does() {
    let world = World::new().await;
    let tokens = world.tokens().await;
    let list = world.get("/workflows").token(&tokens.viewer).send().await.is(200).json();
    for item in list["items"].as_array().unwrap() {
        assert!(!item["summary"].as_str().unwrap().is_empty(), "{item}");
        assert_eq!(item["origin"], "shipped", "{item}");
    }
    let one =
        world.get("/workflows/homeostat.restart-service").token(&tokens.viewer).send().await.is(200).json();
    assert_eq!(one["id"], "restart-service", "one name, whatever it was asked by");
    assert!(one["summary"].as_str().unwrap().starts_with("Restarts the failing process"), "{one}");
    let none = json!({"workflow": "restart-servce", "input": {}});
    let none = world.post("/runs").token(&tokens.operator).json(&none).send().await.problem(Code::NotFound);
    assert!(none["detail"].as_str().unwrap().contains("did you mean `restart-service`?"), "{none}");
}

#[tokio::test]
async fn a_run_goes_on_with_its_version_when_the_workflow_is_deleted() {
    let world = World::new().await;
    let admin = world.admin().await;
    world.save(&admin, "waits", "do: [rest: {wait: {hours: 1}}, one: {set: {x: 1}}]").await;
    let run = world.run(&admin, "waits", json!({})).await;
    world.status(&run, &admin, "waiting").await;
    world.delete("/workflows/test.waits").token(&admin).send().await.is(204);
    let world = world.reopened().await;
    world.advance(3_600_001);
    let over = world.status(&run, &admin, "completed").await;
    assert_eq!(over["output"], json!({"x": 1}));
}

#[tokio::test]
async fn what_is_no_workflow_is_refused_with_its_place_and_a_suggestion() {
    let world = World::new().await;
    let admin = world.admin().await;
    let misspelt = document("bad", "1.0.0", "do:\n  - one:\n      sett: {x: 1}");
    let problem = put(&world, &admin, "test.bad", &misspelt).await.problem(Code::InvalidRequest);
    assert_eq!(problem["at"], "/source");
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("source:4:7:") && detail.contains("did you mean `set`?"), "{detail}");
    let other = put(&world, &admin, "test.other", &document("bad", "1.0.0", SETS))
        .await
        .problem(Code::InvalidRequest);
    assert!(other["detail"].as_str().unwrap().contains("make them the same"), "{other}");
    let shipped =
        "document: {dsl: '1.0.3', namespace: homeostat, name: restart-service, version: '9.0.0'}\ndo: []\n";
    let list = world.get("/workflows").token(&admin).send().await.is(200).json();
    let known = list["items"].as_array().unwrap().iter().find(|w| w["id"] == "restart-service").unwrap();
    let namespace = known["namespace"].as_str().unwrap();
    let shipped = shipped.replace("namespace: homeostat", &format!("namespace: {namespace}"));
    put(&world, &admin, &format!("{namespace}.restart-service"), &shipped).await.problem(Code::Conflict);
    world.delete("/workflows/restart-service").token(&admin).send().await.problem(Code::NotFound);

    let validate = async |source: &str| {
        world
            .post("/workflows/validate")
            .token(&admin)
            .json(&json!({"source": source}))
            .send()
            .await
            .is(200)
            .json()
    };
    let wrong = validate(&misspelt).await;
    assert_eq!(wrong["valid"], false);
    assert_eq!((&wrong["errors"][0]["line"], &wrong["errors"][0]["column"]), (&json!(4), &json!(7)));
    let right = validate(&document("good", "1.0.0", SETS)).await;
    assert_eq!((&right["valid"], &right["errors"]), (&json!(true), &json!([])));
    assert!(right["graph"]["nodes"].as_array().unwrap().iter().any(|n| n["id"] == "/do/0/one"), "{right}");
    let none = world.get("/workflows/test.good").token(&admin).send().await;
    none.problem(Code::NotFound);
    let schema = world.get("/workflows/schema").token(&admin).send().await.is(200).json();
    assert_eq!(schema["required"], json!(["document", "do"]));
}

#[tokio::test]
async fn schedules_start_runs_while_they_are_on() {
    let world = World::new().await;
    let tokens = world.tokens().await;
    world.save(&tokens.admin, "hourly", &format!("schedule: {{every: PT1H}}\n{SETS}")).await;
    let item = async |world: &World| {
        let page = world.get("/schedules").token(&tokens.viewer).send().await.is(200).json();
        page["items"].as_array().unwrap().iter().find(|s| s["workflow"] == "test.hourly").unwrap().clone()
    };
    let seen = item(&world).await;
    assert_eq!((&seen["enabled"], &seen["schedule"]), (&json!(true), &json!({"every": "PT1H"})));
    assert!(seen["next"].is_string(), "{seen}");
    world.advance(3_600_001);
    let scheduled = |page: &Value| page["items"].as_array().is_some_and(|runs| runs.len() == 1);
    let page = world.until("/runs?purpose=schedule&status=completed", &tokens.viewer, scheduled).await;
    assert_eq!(item(&world).await["last_run"], page["items"][0]["id"]);

    let set = async |token: &str, name: &str, enabled: bool| {
        world.put(&format!("/schedules/{name}")).token(token).json(&json!({"enabled": enabled})).send().await
    };
    set(&tokens.operator, "test.hourly", false).await.problem(Code::Forbidden);
    let rests = set(&tokens.admin, "test.hourly", false).await.is(200).json();
    assert_eq!((&rests["enabled"], &rests["next"]), (&json!(false), &Value::Null));
    let none = set(&tokens.admin, "test.none", true).await.problem(Code::NotFound);
    assert!(none["detail"].as_str().unwrap().contains("GET /api/v1/schedules"), "{none}");
    assert!(world.audit(&tokens.admin).await.iter().any(|r| r["action"] == "schedule.set"));
    let world = world.reopened().await;
    assert_eq!(item(&world).await["enabled"], false, "it rests over a restart");
}

#[tokio::test]
async fn a_dry_run_names_every_call_and_makes_none() {
    let world = World::new().await;
    let tokens = world.tokens().await;
    let plan = async |body: Value| world.post("/runs/plan").token(&tokens.viewer).json(&body).send().await;
    let known =
        plan(json!({"workflow": "restart-service", "input": {"service": "shop"}})).await.is(200).json();
    let functions: Vec<_> =
        known["calls"].as_array().unwrap().iter().map(|c| c["function"].clone()).collect();
    assert_eq!(functions, ["process.restart", "verify"]);
    assert_eq!(known["calls"][0]["parameters"]["service"], "shop");
    let source = document("draft", "1.0.0", "do: [tell: {call: notify, with: {message: '${ .who }'}}]");
    let draft = plan(json!({"source": source, "input": {"who": "ada"}})).await.is(200).json();
    assert_eq!(draft["calls"][0]["would"], "tell people: ada");
    assert_eq!(draft["calls"][0]["certain"], true);
    // What is asked for with an answer in it cannot be tried before there is one.
    let two = "do:
  - first: {call: process.restart, with: {service: shop}}
  - second: {call: process.restart, with: {service: '${ .name }'}}";
    let two = plan(json!({"source": document("two", "1.0.0", two)})).await.is(200).json();
    assert_eq!(two["calls"][0]["would"], "fail: not in tests");
    assert_eq!(two["calls"][1]["would"], "call process.restart; with what exactly depends on /do/0/first");
    assert_eq!(two["calls"][1]["certain"], false);
    plan(json!({"workflow": "restart-service", "source": source})).await.problem(Code::InvalidRequest);
    plan(json!({"workflow": "none"})).await.problem(Code::NotFound);
    plan(json!({"source": "do: ["})).await.problem(Code::InvalidRequest);
    assert!(world.machine.done.lock().unwrap().is_empty());
    let runs = world.get("/runs").token(&tokens.viewer).send().await.is(200).json();
    assert_eq!(runs["items"], json!([]));
}
