//! An engine over embedded stores in a folder, with a clock that tests set and a peer that honours keys.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use decide::Policy;
use engine::command::{Asker, Command, Refusal, Reply};
use engine::explain::ExplainLimits;
use engine::operate::RunCommand;
use engine::records::Grants;
use engine::runs::Limits;
use engine::situation::{Patience, Rules};
use engine::{Engine, Options, Ports};
use manifest::Runbooks;
use model::{ActionCall, ActionSpec, Inverse, Run, RunId, Timestamp};
use ports::{
    ActionFailure, ActionResult, Actuator, Blobs, Clock, Explainer, FailureKind, Retry, Store, SystemClock,
};
use serde_json::{Value, json};
use store_embedded::{BlobFolder, BlobOptions, BusLog, BusOptions};
use telemetry_embedded::{LogStore, SeriesStore};

/// The machine's clock, moved by as much as a test says.
#[derive(Default)]
pub(crate) struct MovedClock(AtomicI64);

impl MovedClock {
    pub(crate) fn set_ahead_ms(&self, ms: i64) {
        self.0.store(ms, Ordering::Relaxed);
    }
}

impl Clock for MovedClock {
    fn now(&self) -> Timestamp {
        SystemClock.now().plus_ms(self.0.load(Ordering::Relaxed))
    }
}

/// Does each thing once for its key, and counts by what was to be done: `of` and `step` of the parameters.
#[derive(Default)]
pub(crate) struct Peer {
    answers: Mutex<BTreeMap<String, Value>>,
    pub(crate) done: Mutex<BTreeMap<(String, String), u32>>,
}

#[async_trait]
impl Actuator for Peer {
    fn actions(&self) -> Vec<ActionSpec> {
        ["peer.do", "peer.refuse", "peer.undo"].map(|name| ActionSpec::function(name, "A test.")).into()
    }

    async fn execute(&self, call: &ActionCall) -> Result<ActionResult, ActionFailure> {
        if call.action == "peer.refuse" {
            let no = "the peer says no";
            return Err(ActionFailure::new(FailureKind::Runtime, Retry::Permanent, no));
        }
        let text = |name: &str| call.parameters[name].as_str().unwrap_or_default().to_owned();
        let (of, step) = (text("of"), text("step"));
        let mut answers = self.answers.lock().unwrap();
        let output = answers.entry(call.idempotency_key.clone()).or_insert_with(|| {
            *self.done.lock().unwrap().entry((of.clone(), step.clone())).or_default() += 1;
            json!({"large": "x".repeat(call.parameters["bytes"].as_u64().unwrap_or(0) as usize)})
        });
        let undo = format!("undo {step}");
        let inverse = (call.action == "peer.do")
            .then(|| Inverse { action: "peer.undo".to_owned(), parameters: json!({"of": of, "step": undo}) });
        Ok(ActionResult { output: output.clone(), inverse })
    }

    async fn dry_run(&self, _: &ActionCall) -> Result<String, ActionFailure> {
        Ok("do it".to_owned())
    }
}

/// What outlives the engine.
#[derive(Clone, Default)]
pub(crate) struct Outside {
    pub(crate) clock: Arc<MovedClock>,
    pub(crate) peer: Arc<Peer>,
    pub(crate) explainer: Option<Arc<dyn Explainer>>,
    pub(crate) explain: ExplainLimits,
}

impl Outside {
    /// Opens the engine in a folder, over a store that is there.
    pub(crate) async fn open(&self, folder: &Path, store: Arc<dyn Store>) -> (Engine, Arc<dyn Blobs>) {
        let blobs: Arc<dyn Blobs> = Arc::new(BlobFolder::open(folder, BlobOptions::default()).unwrap());
        let ports = Ports {
            store,
            bus: Arc::new(BusLog::open(&folder.join("bus"), BusOptions::default()).unwrap()),
            series: Arc::new(SeriesStore::open(folder.join("series")).unwrap()),
            logs: Arc::new(LogStore::open(folder.join("logs")).unwrap()),
            clock: Arc::clone(&self.clock) as Arc<dyn Clock>,
            blobs: Arc::clone(&blobs),
            secrets: Arc::new(()),
            functions: vec![Arc::clone(&self.peer) as Arc<dyn Actuator>],
            resources: None,
            subscriber: None,
            explainer: self.explainer.clone(),
            actuators: BTreeMap::new(),
        };
        let options = Options {
            rules: rules(),
            detection: detect::Settings::default(),
            explain: self.explain.clone(),
            checkpoint_every: Duration::from_millis(200),
        };
        (Engine::open(ports, options).await.unwrap(), blobs)
    }
}

pub(crate) fn rules() -> Rules {
    let policy = ("default.yaml".to_owned(), include_str!("../../../../policies/default.yaml").to_owned());
    Rules {
        policy: Arc::new(Policy::parse(&[policy]).unwrap()),
        runbooks: Arc::new(Runbooks::load::<&str, &str>(&[]).unwrap()),
        actions: BTreeMap::new(),
        triage: Arc::default(),
        diagnosis: diagnose::Settings::default(),
        calendar: engine::calendar::Calendar::default(),
        patience: Patience::default(),
        default_grants: Grants::default(),
        limits: Limits::default(),
    }
}

/// Stores a workflow of the namespace `test`.
pub(crate) async fn put(engine: &Engine, name: &str, tasks: &Value) -> Result<Reply, Refusal> {
    put_as(engine, name, json!({}), tasks).await
}

/// The same, with metadata.
pub(crate) async fn put_as(
    engine: &Engine,
    name: &str,
    metadata: Value,
    tasks: &Value,
) -> Result<Reply, Refusal> {
    let document =
        json!({"dsl": "1.0.3", "namespace": "test", "name": name, "version": "1.0.0", "metadata": metadata});
    let source = json!({"document": document, "do": tasks}).to_string();
    let pinned = engine.read_workflow("test", &source).await.unwrap();
    engine.ask(Asker::system(), Command::Runs(RunCommand::PutWorkflow(Arc::new(pinned)))).await
}

/// Starts a run of it; the key is its input `of` too.
pub(crate) async fn start(engine: &Engine, name: &str, key: &str) -> Result<RunId, Refusal> {
    let (workflow, input, key) = (format!("test.{name}"), json!({"of": key}), key.to_owned());
    match engine.ask(Asker::system(), Command::StartRun { workflow, input, key }).await? {
        Reply::Run(id) => Ok(id),
        other => panic!("a start was answered with {other:?}"),
    }
}

/// Waits for the end of a run.
pub(crate) async fn ended(engine: &Engine, id: &RunId) -> Run {
    let mut feed = engine.records().store().watch();
    loop {
        feed.borrow_and_update();
        match engine.records().get::<Run>(id.as_str()).await.unwrap() {
            Some(run) if run.ended_at.is_some() => return run,
            _ => {
                if feed.changed().await.is_err() {
                    // The store died, and this process with it.
                    std::future::pending::<()>().await;
                }
            }
        }
    }
}
