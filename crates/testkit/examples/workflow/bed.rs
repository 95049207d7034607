//! The engine as a server opens it, in a folder: what is measured. No part of it is there for the measurement but
//! the functions that runs call.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use connect::functions::{HttpFunction, Limits, Web};
use engine::command::{Asker, Command, Reply, Role};
use engine::operate::RunCommand;
use engine::{Engine, Options, Ports};
use model::{Actor, Autonomy, Run, RunId};
use ports::{Actuator, Blobs, Bus, Clock, Logs, Series, Store, SystemClock};
use serde_json::json;
use store_embedded::{BlobFolder, BlobOptions, BusLog, BusOptions, StateStore};
use telemetry_embedded::{LogStore, SeriesStore};
use testkit::{demo_patience, rules};

use crate::Failed;
use crate::outside::Outside;

/// Requests to start a run that are under way at once.
const STARTS_AT_ONCE: usize = 512;

/// The engine, its store and its outside.
#[derive(Clone)]
pub(crate) struct Bed {
    pub(crate) engine: Engine,
    pub(crate) store: Arc<StateStore>,
    pub(crate) outside: Arc<Outside>,
}

impl Bed {
    pub(crate) async fn open(dir: &Path) -> Result<Self, Failed> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let outside = Arc::new(Outside::default());
        // Fails when it is installed already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let web = Arc::new(Web::new(Limits::default())?);
        let store = Arc::new(StateStore::open(dir)?);
        let ports = Ports {
            store: Arc::clone(&store) as Arc<dyn Store>,
            bus: Arc::new(BusLog::open(&dir.join("bus"), BusOptions::default())?) as Arc<dyn Bus>,
            series: Arc::new(SeriesStore::open(dir.join("series"))?) as Arc<dyn Series>,
            logs: Arc::new(LogStore::open(dir.join("logs"))?) as Arc<dyn Logs>,
            clock: Arc::new(SystemClock) as Arc<dyn Clock>,
            blobs: Arc::new(BlobFolder::open(dir, BlobOptions::default())?) as Arc<dyn Blobs>,
            secrets: Arc::new(()),
            functions: vec![
                Arc::clone(&outside) as Arc<dyn Actuator>,
                Arc::new(HttpFunction::new(web)) as Arc<dyn Actuator>,
            ],
            resources: None,
            subscriber: None,
            explainer: None,
            actuators: BTreeMap::new(),
        };
        let policies = ["default".to_owned(), "demo".to_owned()];
        let options = Options {
            rules: rules(&root, &policies, Autonomy::Propose, demo_patience())?,
            detection: detect::Settings::default(),
            explain: engine::explain::ExplainLimits::default(),
            checkpoint_every: Duration::from_secs(5),
        };
        Ok(Self { engine: Engine::open(ports, options).await?, store, outside })
    }

    /// Stores a workflow of the namespace `bench`.
    pub(crate) async fn put(&self, name: &str, tasks: &str) -> Result<(), Failed> {
        let source = format!(
            "document: {{dsl: '1.0.3', namespace: bench, name: {name}, version: '1.0.0'}}\ndo:\n{tasks}\n"
        );
        let pinned = Arc::new(self.engine.read_workflow("bench", &source).await?);
        self.engine.ask(asker(), Command::Runs(RunCommand::PutWorkflow(pinned))).await?;
        Ok(())
    }

    /// Starts a run of a workflow of `bench`; durable when this returns.
    pub(crate) async fn start(&self, name: &str, key: &str) -> Result<RunId, Failed> {
        let workflow = format!("bench.{name}");
        let command = Command::StartRun { workflow, input: json!({"n": 0}), key: key.to_owned() };
        match self.engine.ask(asker(), command).await? {
            Reply::Run(id) => Ok(id),
            other => Err(format!("a start was answered with {other:?}").into()),
        }
    }

    /// Starts many runs.
    pub(crate) async fn start_many(&self, name: &str, keys: std::ops::Range<usize>) -> Result<(), Failed> {
        let mut starting = tokio::task::JoinSet::new();
        for n in keys {
            if starting.len() == STARTS_AT_ONCE
                && let Some(started) = starting.join_next().await
            {
                started??;
            }
            let (bed, name) = (self.clone(), name.to_owned());
            starting.spawn(async move { bed.start(&name, &format!("{name}-{n}")).await });
        }
        while let Some(started) = starting.join_next().await {
            started??;
        }
        Ok(())
    }

    /// Waits for the end of a run, as a client does that follows the change feed.
    pub(crate) async fn ended(&self, id: &RunId) -> Result<Run, Failed> {
        let mut feed = self.store.watch();
        loop {
            feed.borrow_and_update();
            let run: Option<Run> = self.engine.records().get(id.as_str()).await?;
            match run {
                Some(run) if run.ended_at.is_some() => return Ok(run),
                _ => feed.changed().await?,
            }
        }
    }

    /// Stops the engine and frees the folder.
    pub(crate) async fn close(self) {
        self.outside.close();
        self.engine.shutdown().await;
    }
}

fn asker() -> Asker {
    Asker { actor: Actor::Token("bench".to_owned()), role: Role::Admin }
}
