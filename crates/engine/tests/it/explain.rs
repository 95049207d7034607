//! The stage that explains, over real stores: when it asks, what it stores, what bounds it, and a process that dies.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use engine::Engine;
use engine::command::{Asker, Role};
use engine::explain::{ExplainLimits, ExplainRefusal, Spending};
use engine::records::{Record, put};
use model::{
    Actor, AuditRow, Cause, CauseId, CauseScores, CorrelationId, DecisionId, Evidence, EvidenceBody,
    EvidenceId, Explanation, ExplanationState, FailureClass, FaultKind, Impact, Incident, IncidentId,
    IncidentStatus, Severity, Timestamp,
};
use ports::{Completion, Explainer, ExplainerFailure, ExplainerFault, Prompt, Store};
use serde_json::json;
use store_embedded::StateStore;

use crate::bed::Outside;

const AT: Timestamp = Timestamp::from_unix_ms(1_780_000_000_000);

type Answer = Result<Completion, ExplainerFailure>;

/// A model that answers as a test says, by how often it was asked before.
pub(crate) struct StandIn {
    answer: Box<dyn Fn(usize) -> Option<Answer> + Send + Sync>,
    asked: AtomicUsize,
    prompts: Mutex<Vec<Prompt>>,
}

impl StandIn {
    fn new(answer: impl Fn(usize) -> Option<Answer> + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self { answer: Box::new(answer), asked: AtomicUsize::new(0), prompts: Mutex::default() })
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl Explainer for StandIn {
    fn provider(&self) -> &str {
        "stand-in"
    }

    fn model(&self) -> &str {
        "m"
    }

    async fn complete(&self, prompt: &Prompt) -> Answer {
        self.prompts.lock().unwrap().push(prompt.clone());
        let before = self.asked.fetch_add(1, Ordering::SeqCst);
        match (self.answer)(before) {
            Some(answer) => answer,
            None => std::future::pending().await,
        }
    }
}

fn said(text: impl Into<String>) -> Option<Answer> {
    Some(Ok(Completion { text: text.into(), model: None, tokens_in: Some(1_000), tokens_out: Some(100) }))
}

fn good() -> Option<Answer> {
    said(json!({"summary": [{"text": "It failed.", "evidence": ["E1"]}, {"text": "Pay me.", "evidence": ["E7"]}],
        "hypotheses": [], "next_checks": []}).to_string())
}

fn busy(retry_after_ms: Option<u64>) -> Option<Answer> {
    let failure = ExplainerFailure::new(ExplainerFault::Busy, "too much to do");
    Some(Err(ExplainerFailure { retry_after_ms, ..failure }))
}

fn incident(decided: bool) -> Incident {
    let evidence = Evidence {
        id: EvidenceId::derive(AT, &["e"]),
        service: "checkout".to_owned(),
        title: "checkout fails".to_owned(),
        body: EvidenceBody::Probe { target: "http://a".to_owned(), reason: "refused".to_owned() },
        finding: None,
    };
    Incident {
        id: IncidentId::derive(AT, &["i"]),
        title: "checkout fails".to_owned(),
        // Over, so that the loop leaves it alone.
        status: IncidentStatus::Resolved,
        severity: Severity::High,
        impact: Impact::Low,
        services: vec!["checkout".to_owned()],
        findings: Vec::new(),
        firing: 0,
        grouping: Vec::new(),
        causes: vec![Cause {
            id: CauseId::derive(AT, &["c"]),
            rank: 1,
            service: "checkout".to_owned(),
            instance: None,
            class: FailureClass::Crash,
            title: "checkout crashed".to_owned(),
            probability: 0.9,
            scores: CauseScores::default(),
            evidence: vec![evidence.id.clone()],
            change: None,
            fault: FaultKind::Crash,
            path: Vec::new(),
            path_verified: false,
        }],
        evidence: vec![evidence],
        conclusive: true,
        recommendations: Vec::new(),
        decisions: if decided { vec![DecisionId::derive(AT, &["d"])] } else { Vec::new() },
        runs: Vec::new(),
        started_at: AT,
        opened_at: AT,
        acknowledged_at: None,
        resolved_at: Some(AT),
        resolution: Some("cleared by itself".to_owned()),
        needs_person: None,
        flapping_since: None,
        merged_into: None,
        priority: model::Priority::P4,
        timeline: Vec::new(),
        correlation_id: CorrelationId::derive(AT, &["x"]),
    }
}

fn operator() -> Asker {
    Asker { actor: Actor::User("ada".to_owned()), role: Role::Operator }
}

struct Bed {
    folder: tempfile::TempDir,
    store: Arc<dyn Store>,
    outside: Outside,
    engine: Engine,
}

impl Bed {
    async fn new(model: &Arc<StandIn>, limits: ExplainLimits) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store: Arc<dyn Store> = Arc::new(StateStore::open(folder.path()).unwrap());
        let outside = Outside {
            explainer: Some(Arc::clone(model) as Arc<dyn Explainer>),
            explain: limits,
            ..Outside::default()
        };
        let (engine, _) = outside.open(folder.path(), Arc::clone(&store)).await;
        Self { folder, store, outside, engine }
    }

    /// Stores an incident, as the loop does.
    async fn happen(&self, incident: &Incident) {
        self.store.commit(vec![put(incident)]).await.unwrap();
    }

    async fn explanation(&self) -> Option<Explanation> {
        self.engine.records().get::<Explanation>(incident(true).id.as_str()).await.unwrap()
    }

    /// Waits until the explanation is as it should be.
    async fn until(&self, what: &str, holds: impl Fn(&Explanation) -> bool) -> Explanation {
        let mut feed = self.store.watch();
        let wait = async {
            loop {
                feed.borrow_and_update();
                if let Some(found) = self.explanation().await.filter(|e| holds(e)) {
                    return found;
                }
                feed.changed().await.unwrap();
            }
        };
        let found = tokio::time::timeout(std::time::Duration::from_secs(60), wait).await;
        match found {
            Ok(found) => found,
            Err(_) => panic!("{what} did not come true: {:?}", self.explanation().await),
        }
    }

    async fn audited(&self, action: &str) -> Vec<AuditRow> {
        let rows = self.store.read_journal(engine::audit::AUDIT, 0, 1_000).await.unwrap();
        let rows = rows.into_iter().map(|r| serde_json::from_value::<AuditRow>(r.body).unwrap());
        rows.filter(|row| row.entry.action == action).collect()
    }
}

fn is(state: ExplanationState) -> impl Fn(&Explanation) -> bool {
    move |e| e.state == state
}

#[tokio::test]
async fn an_incident_is_explained_once_something_was_decided_and_the_answer_is_kept_with_what_it_cost() {
    let model = StandIn::new(|_| good());
    let prices = diagnose::explain::Prices { per_million_in: 3.0, per_million_out: 15.0 };
    let bed = Bed::new(&model, ExplainLimits { prices, ..ExplainLimits::default() }).await;
    bed.happen(&incident(false)).await;
    bed.happen(&incident(true)).await;
    let done = bed.until("an explanation", is(ExplanationState::Ready)).await;
    let answer = done.answer.unwrap();
    assert_eq!((answer.summary.len(), answer.dropped_count()), (1, 1));
    assert_eq!(answer.citations[0].id, incident(true).evidence[0].id.as_str());
    assert_eq!((answer.usage.tokens_in, answer.usage.tokens_out, answer.usage.turns), (1_000, 100, 1));
    assert!((answer.usage.cost - 0.0045).abs() < 1e-9 && (done.spent.cost - 0.0045).abs() < 1e-9);
    assert_eq!((done.asked_by, done.asked_by_itself), (None, 1));
    let prompt = model.prompts.lock().unwrap()[0].clone();
    assert!(prompt.messages[0].text.contains("«checkout crashed»"), "{:?}", prompt.messages);
    // Written again, the same incident is not explained again.
    bed.happen(&incident(true)).await;
    bed.engine.explain(operator(), incident(true).id.as_str(), Some("Why?".to_owned())).await.unwrap();
    let done =
        bed.until("a second answer", |e| e.state == ExplanationState::Ready && e.question.is_some()).await;
    assert_eq!((model.asked(), done.asked_by.as_deref()), (2, Some("ada")));
    let last = model.prompts.lock().unwrap()[1].messages.last().unwrap().text.clone();
    assert_eq!(last, "A person asks about this incident: «Why?»");
    let day = Spending::day_of(bed.engine.now());
    let spent = bed.engine.records().get::<Spending>(&day).await.unwrap().unwrap();
    assert!(spent.requests == 2 && (spent.cost - 0.009).abs() < 1e-9, "{spent:?}");
    bed.engine.shutdown().await;
    assert_eq!(bed.audited("explanation.asked").await[0].entry.actor, Actor::User("ada".to_owned()));
}

#[tokio::test]
async fn an_answer_that_cannot_be_used_is_asked_for_once_more_and_then_given_up() {
    let model = StandIn::new(|before| if before == 0 { said("I am a poet.") } else { said("{}") });
    let bed = Bed::new(&model, ExplainLimits::default()).await;
    bed.happen(&incident(true)).await;
    let done = bed.until("a failure", is(ExplanationState::Failed)).await;
    assert!(done.reason.unwrap().contains("not of the form"), "{:?}", done.answer);
    assert_eq!((model.asked(), done.spent.turns), (2, 2));
    let second = model.prompts.lock().unwrap()[1].messages.clone();
    assert_eq!((second.len(), second[1].text.as_str()), (3, "I am a poet."));
    let (works, reason) = bed.engine.explaining().unwrap().status();
    assert!(!works && reason.contains("cannot be used"), "{reason}");
}

#[tokio::test]
async fn a_busy_model_is_left_alone_as_long_as_it_asks_and_then_asked_again() {
    let model = StandIn::new(|before| if before == 0 { busy(Some(60_000)) } else { good() });
    let bed = Bed::new(&model, ExplainLimits::default()).await;
    bed.happen(&incident(true)).await;
    let waits = bed.until("a delay", is(ExplanationState::Deferred)).await;
    assert_eq!(waits.reason.as_deref(), Some("too much to do"));
    assert!(waits.retry_at.unwrap() > bed.engine.now().plus_ms(30_000));
    bed.outside.clock.set_ahead_ms(61_000);
    let done = bed.until("an explanation", is(ExplanationState::Ready)).await;
    assert_eq!((model.asked(), done.attempts), (2, 0));
}

#[tokio::test]
async fn a_model_that_stays_busy_is_given_up() {
    let model = StandIn::new(|_| busy(None));
    let bed = Bed::new(&model, ExplainLimits::default()).await;
    bed.happen(&incident(true)).await;
    for attempt in 1..3_u32 {
        bed.until("a delay", |e| e.state == ExplanationState::Deferred && e.attempts == attempt).await;
        bed.outside.clock.set_ahead_ms(i64::from(attempt) * 200_000);
    }
    let done = bed.until("a failure", is(ExplanationState::Failed)).await;
    assert_eq!((done.attempts, model.asked()), (3, 3));
}

#[tokio::test]
async fn a_model_that_hangs_is_given_up_in_time_and_the_loop_goes_on() {
    let model = StandIn::new(|_| None);
    let deadline = std::time::Duration::from_millis(200);
    let bed = Bed::new(&model, ExplainLimits { deadline, ..ExplainLimits::default() }).await;
    bed.happen(&incident(true)).await;
    let waits = bed.until("a delay", is(ExplanationState::Deferred)).await;
    assert!(waits.reason.unwrap().contains("no whole answer"));
    assert!(waits.spent.tokens_in > 0 && waits.spent.estimated, "what was sent is counted");
    bed.engine.ask(operator(), engine::command::Command::SetStop(true, "works".to_owned())).await.unwrap();
}

#[tokio::test]
async fn the_days_budget_holds_and_says_so() {
    let model = StandIn::new(|_| good());
    let prices = diagnose::explain::Prices { per_million_in: 3_000.0, per_million_out: 0.0 };
    let bed = Bed::new(&model, ExplainLimits { prices, cost_per_day: 0.5, ..ExplainLimits::default() }).await;
    bed.happen(&incident(true)).await;
    let done = bed.until("a refusal", is(ExplanationState::Failed)).await;
    assert!(done.reason.unwrap().contains("explainer.cost_per_day"));
    assert_eq!(model.asked(), 0, "nothing was sent");
}

#[tokio::test]
async fn people_may_not_ask_too_often_nor_while_it_is_asked() {
    let model = StandIn::new(|before| if before == 0 { None } else { good() });
    let limits = ExplainLimits { automatic: false, asks_per_minute: 1, ..ExplainLimits::default() };
    let bed = Bed::new(&model, limits).await;
    bed.happen(&incident(true)).await;
    let id = incident(true).id.to_string();
    bed.engine.explain(operator(), &id, None).await.unwrap();
    let twice = bed.engine.explain(operator(), &id, None).await.unwrap_err();
    assert!(matches!(twice, ExplainRefusal::Refused(_)), "{twice}");
    assert!(twice.to_string().contains("asked already"), "{twice}");
    let mut other = incident(true);
    other.id = IncidentId::derive(AT, &["other"]);
    bed.happen(&other).await;
    let often = bed.engine.explain(operator(), other.id.as_str(), None).await.unwrap_err();
    assert!(matches!(often, ExplainRefusal::TooMany { retry_after_s: 1..=60 }), "{often}");
    let none = bed.engine.explain(operator(), "inc_x", None).await.unwrap_err();
    assert!(none.to_string().contains("there is no incident"), "{none}");
}

#[tokio::test]
async fn a_question_without_an_answer_is_asked_again_after_a_restart() {
    let silent = StandIn::new(|_| None);
    let bed = Bed::new(&silent, ExplainLimits::default()).await;
    bed.happen(&incident(true)).await;
    bed.until("a question", is(ExplanationState::Asked)).await;
    bed.engine.shutdown().await;
    let Bed { folder, store, mut outside, engine } = bed;
    drop(engine);
    let speaking = StandIn::new(|_| good());
    outside.explainer = Some(Arc::clone(&speaking) as Arc<dyn Explainer>);
    let (engine, _) = outside.open(folder.path(), Arc::clone(&store)).await;
    let bed = Bed { folder, store, outside, engine };
    let done = bed.until("an explanation", is(ExplanationState::Ready)).await;
    assert_eq!((done.asked_by_itself, Explanation::KIND), (1, "explanation"));
}
