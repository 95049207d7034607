//! Asking the language model about an incident.

use std::sync::Arc;

use async_trait::async_trait;
use model::{
    Cause, CauseId, CauseScores, Evidence, EvidenceBody, EvidenceId, FailureClass, FaultKind, IncidentStatus,
};
use ports::{Completion, Explainer, ExplainerFailure, Prompt};
use serde_json::{Value, json};

use crate::things::{AT, incident};
use crate::world::World;

/// Always says the same.
struct Parrot;

#[async_trait]
impl Explainer for Parrot {
    fn provider(&self) -> &str {
        "stand-in"
    }

    fn model(&self) -> &str {
        "parrot"
    }

    async fn complete(&self, _: &Prompt) -> Result<Completion, ExplainerFailure> {
        let claims =
            json!([{"text": "It failed.", "evidence": ["E1"]}, {"text": "Trust me.", "evidence": []}]);
        let text = json!({"summary": claims, "hypotheses": [], "next_checks": []}).to_string();
        Ok(Completion { text, model: None, tokens_in: Some(10), tokens_out: Some(5) })
    }
}

fn explained() -> model::Incident {
    let evidence = Evidence {
        id: EvidenceId::derive(AT, &["e"]),
        service: "checkout".into(),
        title: "probe failed".into(),
        body: EvidenceBody::Probe { target: "http://a".into(), reason: "refused".into() },
        finding: None,
    };
    let cause = Cause {
        id: CauseId::derive(AT, &["c"]),
        rank: 1,
        service: "checkout".into(),
        instance: None,
        class: FailureClass::Hang,
        title: "checkout hangs".into(),
        probability: 0.9,
        scores: CauseScores::default(),
        evidence: vec![evidence.id.clone()],
        change: None,
        fault: FaultKind::Crash,
        path: Vec::new(),
        path_verified: false,
    };
    let mut incident = incident(1, IncidentStatus::Resolved);
    incident.causes = vec![cause];
    incident.evidence = vec![evidence];
    incident
}

fn action(detail: &Value) -> Value {
    let actions = detail["allowed_actions"].as_array().unwrap();
    actions.iter().find(|a| a["name"] == "explain").unwrap().clone()
}

#[tokio::test]
async fn an_operator_asks_and_the_answer_comes_with_the_incident() {
    let incident = explained();
    let world = World::explained(Arc::new(Parrot), vec![engine::records::put(&incident)]).await;
    let tokens = world.tokens().await;
    let path = format!("/incidents/{}", incident.id);
    let before = world.get(&path).token(&tokens.operator).send().await.is(200).json();
    assert_eq!((&before["explanation"], &action(&before)["allowed"]), (&Value::Null, &json!(true)));
    let viewer = world.get(&path).token(&tokens.viewer).send().await.is(200).json();
    assert_eq!(action(&viewer)["reason"], "needs the role operator");

    let ask = world.post(&format!("{path}/explain")).token(&tokens.operator);
    let asked = ask.json(&json!({"question": " Why? "})).send().await.is(202).json();
    assert_eq!((&asked["state"], &asked["question"]), (&json!("asked"), &json!("Why?")));
    let detail = world.until(&path, &tokens.viewer, |d| d["explanation"]["state"] == "ready").await;
    let answer = &detail["explanation"]["answer"];
    assert_eq!(answer["summary"], json!([{"text": "It failed.", "evidence": ["E1"]}]));
    assert_eq!(answer["citations"][0]["id"], json!(incident.evidence[0].id));
    assert_eq!(answer["dropped"], json!([{"reason": "without evidence", "count": 1}]));
    assert_eq!((&answer["model"], &answer["usage"]["tokens_in"]), (&json!("parrot"), &json!(10)));
    let audit = world.audit(&tokens.admin).await;
    assert!(
        audit.iter().any(|row| row["action"] == "explanation.asked" && row["subject"] == json!(incident.id))
    );
    let status = world.get("/status").token(&tokens.viewer).send().await.is(200).json();
    let parts = status["components"].as_array().unwrap();
    let part = parts.iter().find(|c| c["name"] == "explainer").unwrap();
    assert_eq!(part["reason"], "stand-in parrot, 1 explanations since start");
}

#[tokio::test]
async fn what_cannot_be_asked_is_refused_with_the_reason() {
    let world = World::explained(Arc::new(Parrot), vec![engine::records::put(&explained())]).await;
    let token = world.admin().await;
    let path = format!("/incidents/{}/explain", explained().id);
    let ask = |question: String| world.post(&path).token(&token).json(&json!({"question": question}));
    assert_eq!(ask("x".repeat(1_001)).send().await.is(400).json()["at"], "/question");
    assert_eq!(ask("a\u{0}b".to_owned()).send().await.is(400).json()["at"], "/question");
    let wrong = world.post("/incidents/nonsense/explain").token(&token).send().await;
    wrong.is(400);
    let nobody = world.post("/incidents/inc_00000000000000000000000000/explain").token(&token).send().await;
    nobody.is(404);
    let mut refused = None;
    for _ in 0..20 {
        let answer = world.post(&path).token(&token).send().await;
        if answer.status == 429 {
            refused = Some(answer);
            break;
        }
        world
            .until(path.trim_end_matches("/explain"), &token, |d| d["explanation"]["state"] == "ready")
            .await;
    }
    let refused = refused.expect("more than a few questions a minute are refused");
    assert!(refused.header("retry-after").parse::<u64>().unwrap() >= 1);
}

#[tokio::test]
async fn without_a_model_nothing_can_be_asked_and_nothing_else_changes() {
    let world = World::with(vec![engine::records::put(&explained())]).await;
    let token = world.admin().await;
    let path = format!("/incidents/{}", explained().id);
    let detail = world.get(&path).token(&token).send().await.is(200).json();
    let reason = "no model is set up; see [explainer] in the configuration";
    assert_eq!(action(&detail)["reason"], reason);
    let refused = world.post(&format!("{path}/explain")).token(&token).send().await.is(409).json();
    assert_eq!(refused["detail"], reason);
    let status = world.get("/status").token(&token).send().await.is(200).json();
    assert!(status["components"].as_array().unwrap().iter().all(|c| c["name"] != "explainer"));
}
