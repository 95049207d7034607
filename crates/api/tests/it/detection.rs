//! Findings, a person's word on them, and the same time again under other settings.

use api::Code;
use model::{
    CorrelationId, Finding, FindingId, FindingKind, FindingState, MetricKind, MetricSeries, Point, Severity,
    Signal, Subject,
};
use ports::Op;
use serde_json::{Value, json};

use crate::things::AT;
use crate::world::{Tokens, World};

/// A finding that states a fact.
fn exit() -> Op {
    let finding = Finding {
        id: FindingId::derive(AT, &["exit"]),
        kind: FindingKind::ProcessExit,
        detector: "process_exit".into(),
        service: "worker".into(),
        instance: Some("worker-1".into()),
        subject: Subject::Process { instance: "worker-1".into() },
        state: FindingState::Firing,
        severity: Severity::High,
        score: 1.0,
        direction: None,
        observed: None,
        expected: None,
        started_at: AT,
        detected_at: AT,
        last_seen_at: AT,
        summary: "worker-1 ended".into(),
        samples: Vec::new(),
        time_to_limit_ms: None,
        quieted: None,
        change: None,
        correlation_id: CorrelationId::derive(AT, &["test"]),
    };
    engine::records::put(&finding)
}

/// A queue of about ten, once a second, and of about a hundred for its last fifteen seconds.
async fn stuck(world: &World, seconds: u32) {
    for second in 0..seconds {
        world.advance(1_000);
        let at = world.app.engine.now();
        let wobble = f64::from((second * 7_919) % 13) / 3.0;
        let value = wobble + if second + 15 < seconds { 10.0 } else { 100.0 };
        let series = MetricSeries {
            service: "shop".into(),
            name: "queue_depth".into(),
            kind: MetricKind::Gauge,
            labels: [("instance".to_owned(), "shop-1".to_owned())].into(),
            points: vec![Point { at, value }],
        };
        world.app.engine.intake().accept("test", vec![Signal::Metric(series)]).await.unwrap();
    }
    // Worked, hence stored.
    while world.app.engine.lag().0 > 0 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

async fn findings(world: &World, tokens: &Tokens, wanted: impl Fn(&[Value]) -> bool) -> Vec<Value> {
    for _ in 0..1_000 {
        let page = world.get("/findings?service=shop").token(&tokens.viewer).send().await.is(200).json();
        let items = page["items"].as_array().unwrap().clone();
        if wanted(&items) {
            return items;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("the findings never came to be as wanted");
}

#[tokio::test]
async fn a_person_s_word_clears_a_finding_and_counts() {
    let world = World::new().await;
    let tokens = world.tokens().await;
    stuck(&world, 400).await;
    let found = findings(&world, &tokens, |f| f.first().is_some_and(|f| f["state"] == "firing")).await;
    let path = format!("/findings/{}/feedback", found[0]["id"].as_str().unwrap());
    let no = json!({"judgement": "not_anomaly", "note": "nightly import"});
    world.post(&path).token(&tokens.viewer).json(&no).send().await.problem(Code::Forbidden);
    world
        .post(&path)
        .token(&tokens.operator)
        .json(&json!({"judgement": "maybe"}))
        .send()
        .await
        .problem(Code::InvalidRequest);
    world.post(&path).token(&tokens.operator).json(&no).send().await.is(202);
    let judged = findings(&world, &tokens, |f| {
        f.first().is_some_and(|f| f["state"] == "cleared" && f["feedback"].is_object())
    })
    .await;
    assert_eq!(judged[0]["feedback"]["note"], "nightly import");
    let offered = judged[0]["allowed_actions"].as_array().unwrap();
    let again = offered.iter().find(|a| a["name"] == "not_anomaly").unwrap();
    assert_eq!((&again["allowed"], &again["reason"]), (&json!(false), &json!("needs the role operator")));
    let view = world.get("/detection?hours=24").token(&tokens.viewer).send().await.is(200).json();
    let quality =
        view["detectors"].as_array().unwrap().iter().find(|d| d["name"] == "metric_anomaly").unwrap();
    assert_eq!(
        (&quality["raised"], &quality["dismissed"], &quality["precision"]),
        (&json!(1), &json!(1), &json!(0.0))
    );
    let audit = world.audit(&tokens.admin).await;
    assert!(audit.iter().any(|row| row["action"] == "finding.judged"));
}

#[tokio::test]
async fn what_states_a_fact_cannot_be_called_normal() {
    let world = World::with(vec![exit()]).await;
    let tokens = world.tokens().await;
    let path = format!("/findings/{}/feedback", FindingId::derive(AT, &["exit"]));
    let no =
        world.post(&path).token(&tokens.operator).json(&json!({"judgement": "not_anomaly"})).send().await;
    no.problem(Code::Conflict);
    world.post(&path).token(&tokens.operator).json(&json!({"judgement": "anomaly"})).send().await.is(202);
    let unknown = world.post("/findings/fnd_x/feedback").token(&tokens.operator);
    unknown.json(&json!({"judgement": "anomaly"})).send().await.problem(Code::NotFound);
}

#[tokio::test]
async fn the_same_time_under_other_settings_is_compared() {
    let world = World::new().await;
    let tokens = world.tokens().await;
    let from = world.app.engine.now();
    stuck(&world, 400).await;
    findings(&world, &tokens, |f| !f.is_empty()).await;
    let to = world.app.engine.now().plus_ms(1);
    let replay = |settings: Value| {
        let body = json!({"from": from, "to": to, "settings": settings});
        world.post("/detection/replay").token(&tokens.operator).json(&body).send()
    };
    let off = replay(json!({"metric_anomaly": false})).await.is(200).json();
    assert_eq!(off["only_now"].as_array().unwrap().len(), 1, "{off}");
    assert_eq!((&off["both"], &off["only_then"], &off["cut"]), (&json!([]), &json!([]), &json!(false)));
    assert_eq!(off["signals"], 400);
    let same = replay(json!({})).await.is(200).json();
    assert_eq!(same["both"].as_array().unwrap().len(), 1, "{same}");
    replay(json!({"metric_anomalies": false})).await.problem(Code::InvalidRequest);
    replay(json!({"warmup_s": -1})).await.problem(Code::InvalidRequest);
}
