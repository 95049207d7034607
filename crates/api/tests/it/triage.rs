//! Alerts of others come in, become incidents, and are silenced, merged, split and rehearsed.

use api::Code;
use serde_json::{Value, json};

use crate::world::{Tokens, World};

/// Alertmanager's webhook with one alert.
fn webhook(service: &str, name: &str, status: &str) -> Value {
    json!({"version": "4", "status": status, "alerts": [{
        "status": status,
        "labels": {"alertname": name, "service": service, "severity": "critical"},
        "annotations": {"summary": format!("{service} is in trouble")},
        "generatorURL": "http://prometheus:9090/graph",
        "fingerprint": format!("{service}-{name}"),
    }]})
}

async fn send(world: &World, tokens: &Tokens, service: &str, name: &str, status: &str) {
    let sent = webhook(service, name, status);
    let taken = world.post("/alerts").token(&tokens.ingest).json(&sent).send().await.is(202).json();
    assert_eq!(taken, json!({"accepted": 1, "rejected": 0}));
}

/// Lets time pass until an answer is as wanted.
async fn until(world: &World, path: &str, token: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let mut page = Value::Null;
    for _ in 0..1_000 {
        world.advance(200);
        page = world.get(path).token(token).send().await.is(200).json();
        if wanted(&page) {
            return page;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("{path} never came to be as wanted; it is {page:#}");
}

fn count(page: &Value) -> usize {
    page["items"].as_array().unwrap().len()
}

async fn two_incidents(world: &World, tokens: &Tokens) -> (String, String) {
    send(world, tokens, "db", "DiskFull", "firing").await;
    until(world, "/incidents", &tokens.viewer, |p| count(p) == 1).await;
    world.advance(200_000);
    send(world, tokens, "mail", "QueueStuck", "firing").await;
    let page = until(world, "/incidents", &tokens.viewer, |p| count(p) == 2).await;
    let of = |service: &str| {
        let items = page["items"].as_array().unwrap();
        let one = items.iter().find(|i| i["services"][0] == service).unwrap();
        one["id"].as_str().unwrap().to_owned()
    };
    (of("db"), of("mail"))
}

#[tokio::test]
async fn an_alert_of_another_system_opens_an_incident_and_ends_it() {
    let world = World::new().await;
    let tokens = world.tokens().await;
    world.post("/alerts").token(&tokens.viewer).json(&json!({})).send().await.problem(Code::Forbidden);
    let wrong = world.post("/alerts").token(&tokens.ingest).json(&json!({"alerts": 1})).send().await;
    let wrong = wrong.problem(Code::MalformedSignal);
    assert!(wrong["detail"].as_str().unwrap().contains("version 4"), "{wrong}");
    send(&world, &tokens, "db", "DiskFull", "firing").await;
    let page = until(&world, "/incidents?status=active", &tokens.viewer, |p| count(p) == 1).await;
    assert_eq!(page["items"][0]["severity"], "critical");
    let path = format!("/incidents/{}", page["items"][0]["id"].as_str().unwrap());
    let detail = until(&world, &path, &tokens.viewer, |d| d["incident"]["evidence"][0].is_object()).await;
    let finding = &detail["findings"][0];
    assert_eq!((&finding["kind"], &finding["subject"]["name"]), (&json!("alert"), &json!("DiskFull")));
    assert_eq!(detail["incident"]["causes"][0]["class"], "disk_full", "alerts are read by their names");
    let found = world.get("/logs?service=db&text=trouble").token(&tokens.viewer).send().await.is(200);
    assert_eq!(found.json()["items"][0]["attributes"]["stream"], "alert");
    send(&world, &tokens, "db", "DiskFull", "resolved").await;
    until(&world, &path, &tokens.viewer, |d| d["findings"][0]["state"] == "cleared").await;
    world.advance(3_700_000);
    until(&world, &path, &tokens.viewer, |d| d["incident"]["status"] == "resolved").await;
}

#[tokio::test]
async fn a_silence_is_tried_made_kept_and_ended() {
    let world = World::new().await;
    let tokens = world.tokens().await;
    let until_ms = |ms: i64| world.app.engine.now().plus_ms(ms).to_string();
    let wanted = json!({"when": "service == 'db'", "ends_at": until_ms(3_600_000), "reason": "new disks"});
    let refused = |body: Value| world.post("/silences").token(&tokens.operator).json(&body).send();
    world.post("/silences").token(&tokens.viewer).json(&wanted).send().await.problem(Code::Forbidden);
    let mut wrong = wanted.clone();
    wrong["when"] = "sevice == 'db'".into();
    let problem = refused(wrong).await.problem(Code::InvalidRequest);
    assert!(problem["detail"].as_str().unwrap().contains("Did you mean `service`?"), "{problem}");
    let made = refused(wanted).await.is(201).json();
    assert_eq!((&made["state"], &made["matching"]), (&json!("active"), &json!(0)));
    let world = world.reopened().await;
    send(&world, &tokens, "db", "DiskFull", "firing").await;
    let quiet = |p: &Value| p["items"][0]["quieted"].as_str().is_some_and(|q| q.contains("new disks"));
    until(&world, "/findings", &tokens.viewer, quiet).await;
    let means = json!({"when": "labels.severity == 'critical'"});
    let means =
        world.post("/silences/preview").token(&tokens.viewer).json(&means).send().await.is(200).json();
    assert_eq!((&means["total"], &means["matching"][0]["service"]), (&json!(1), &json!("db")));
    let page = world.get("/incidents").token(&tokens.viewer).send().await.is(200).json();
    assert_eq!(count(&page), 0);
    let page = world.get("/silences").token(&tokens.operator).send().await.is(200).json();
    assert_eq!(page["items"][0]["matching"], 1);
    let end = page["items"][0]["allowed_actions"][0]["path"].as_str().unwrap().to_owned();
    world.post(&end).token(&tokens.operator).json(&json!({})).send().await.is(204);
    until(&world, "/incidents", &tokens.viewer, |p| count(p) == 1).await;
    let page = world.get("/silences").token(&tokens.operator).send().await.is(200).json();
    assert_eq!(page["items"][0]["state"], "over");
    let audit = world.audit(&tokens.admin).await;
    for action in ["silence.created", "silence.ended"] {
        assert!(audit.iter().any(|r| r["action"] == action), "{action}");
    }
}

#[tokio::test]
async fn incidents_are_merged_and_split_by_people() {
    let world = World::new().await;
    let tokens = world.tokens().await;
    let (db, mail) = two_incidents(&world, &tokens).await;
    let merge = format!("/incidents/{mail}/merge");
    let into = json!({"into": db});
    world.post(&merge).token(&tokens.viewer).json(&into).send().await.problem(Code::Forbidden);
    let merged = world.post(&merge).token(&tokens.operator).json(&into).send().await.is(200).json();
    assert_eq!(merged["incident"], db.as_str());
    world.post(&merge).token(&tokens.operator).json(&into).send().await.problem(Code::NotFound);
    let gone = world.get(&format!("/incidents/{mail}")).token(&tokens.operator).send().await.is(200).json();
    assert_eq!(gone["incident"]["merged_into"], db.as_str());
    let offered = gone["allowed_actions"].as_array().unwrap().iter().find(|a| a["name"] == "merge").unwrap();
    assert_eq!((&offered["allowed"], &offered["reason"]), (&json!(false), &json!("it is over")));
    let whole = world.get(&format!("/incidents/{db}")).token(&tokens.viewer).send().await.is(200).json();
    let findings = whole["findings"].as_array().unwrap();
    assert_eq!(findings.len(), 2);
    let second = findings.iter().find(|f| f["service"] == "mail").unwrap()["id"].clone();
    let split = json!({"findings": [second]});
    let path = format!("/incidents/{db}/split");
    let new = world.post(&path).token(&tokens.operator).json(&split).send().await.is(200).json();
    let new = new["incident"].as_str().unwrap().to_owned();
    let back = world.get(&format!("/incidents/{new}")).token(&tokens.viewer).send().await.is(200).json();
    assert_eq!(back["findings"][0]["service"], "mail");
    let path = format!("/incidents/{db}/move");
    world.post(&path).token(&tokens.operator).json(&split).send().await.is(200);
    let emptied = world.get(&format!("/incidents/{new}")).token(&tokens.viewer).send().await.is(200).json();
    assert_eq!(emptied["incident"]["status"], "resolved");
}

#[tokio::test]
async fn rules_are_tried_on_stored_findings_and_change_nothing() {
    let world = World::new().await;
    let tokens = world.tokens().await;
    two_incidents(&world, &tokens).await;
    let source = "group:\n  - {name: all, why: small shop, when: 'true', by: [source]}\n";
    let body = json!({"source": source});
    world.post("/triage/test").token(&tokens.viewer).json(&body).send().await.problem(Code::Forbidden);
    let tried = world.post("/triage/test").token(&tokens.operator).json(&body).send().await.is(200).json();
    assert_eq!((&tried["incidents_before"], &tried["incidents_after"]), (&json!(2), &json!(1)));
    let wrong = json!({"source": "group:\n  - {name: all, why: x, when: 'tru'}\n"});
    let problem = world.post("/triage/test").token(&tokens.operator).json(&wrong).send().await;
    let problem = problem.problem(Code::InvalidRequest);
    assert!(problem["detail"].as_str().unwrap().contains("source:2"), "{problem}");
    let page = world.get("/incidents").token(&tokens.viewer).send().await.is(200).json();
    assert_eq!(count(&page), 2);
    let rules = world.get("/triage").token(&tokens.viewer).send().await.is(200).json();
    assert_eq!(rules["rules"], json!([]));
}
