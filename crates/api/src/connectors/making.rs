//! Makes connectors, one after the other, and keeps the newest. Everything is bounded: how many wait, how long one may
//! take, how many are kept and how large they are together.

mod kept;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use model::Timestamp;
use openapi::{Diagnostic, Outcome};
use tokio::sync::{OnceCell, OwnedSemaphorePermit, Semaphore};
use typescript::Package;

use super::options::ConnectorOptions;
use super::views::{
    Connector, ConnectorDiff, ConnectorSample, ConnectorState, ConnectorSummary, diagnostics,
};
use crate::problem::{Code, Problem};
use kept::Kept;

/// Documents that wait, besides the one that is worked on, and their bytes.
const WAITING_MAX: usize = 8;
const WAITING_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Longest time for reading a document with all it refers to, and for making its package.
const READ_WITHIN: Duration = Duration::from_secs(60);
const MADE_WITHIN: Duration = Duration::from_secs(60);
/// Longest wait of a comparison: its answer is waited for.
const COMPARED_WITHIN: Duration = Duration::from_secs(25);
/// Largest package.
const PACKAGE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Where a document is.
#[derive(Clone, Debug)]
pub enum Given {
    /// At an address.
    Url(String),
    /// Here.
    Text {
        /// What messages call it.
        name: String,
        /// The document.
        text: String,
    },
}

/// Reads documents with what they refer to, from where the configuration allows it.
#[async_trait]
pub trait Documents: Send + Sync {
    /// Reads one. `progress` hears how far it is, 0 to 1, and what is being done.
    ///
    /// # Errors
    /// It cannot be had, or is no OpenAPI document.
    async fn read(
        &self,
        given: Given,
        progress: &(dyn Fn(f64, String) + Send + Sync),
    ) -> Result<Outcome, Diagnostic>;
}

/// A document that comes with the server.
#[derive(Clone, Debug)]
pub struct SampleText {
    /// What it is asked for by.
    pub name: String,
    /// The document.
    pub text: String,
}

/// What there is of a connector.
#[derive(Clone, Debug)]
pub enum Found {
    /// Its package.
    Ready(Arc<Package>),
    /// It is being made.
    Making,
    /// There is none, and why.
    Failed(String),
}

/// Makes connectors and keeps the newest.
#[derive(Clone)]
pub struct Connectors(Arc<Inner>);

struct Inner {
    documents: Arc<dyn Documents>,
    samples: Vec<SampleText>,
    shown: OnceCell<Vec<ConnectorSample>>,
    /// One at a time: each takes a processor and much memory.
    turn: Arc<Semaphore>,
    kept: Mutex<Kept>,
}

/// A place in the queue, given back when dropped.
struct Place {
    inner: Arc<Inner>,
    bytes: usize,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.inner.kept().leave(self.bytes);
    }
}

impl Inner {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connectors {
    /// Reads through `documents`; `samples` are there to try.
    #[must_use]
    pub fn new(documents: Arc<dyn Documents>, samples: Vec<SampleText>) -> Self {
        let turn = Arc::new(Semaphore::new(1));
        Self(Arc::new(Inner { documents, samples, shown: OnceCell::new(), turn, kept: Mutex::default() }))
    }

    /// The text of a sample.
    pub(crate) fn sample(&self, name: &str) -> Option<&str> {
        self.0.samples.iter().find(|sample| sample.name == name).map(|sample| sample.text.as_str())
    }

    /// The samples with what they say they are.
    pub(crate) async fn samples(&self) -> Result<Vec<ConnectorSample>, Problem> {
        let read = self.0.shown.get_or_try_init(async || {
            let mut all = Vec::with_capacity(self.0.samples.len());
            for SampleText { name, text } in &self.0.samples {
                let given = Given::Text { name: format!("{name}.yaml"), text: text.clone() };
                let read = self.0.documents.read(given, &|_, _| {}).await;
                let api = read.map_err(|error| Problem::new(Code::Internal, error.to_string()))?.api;
                all.push(ConnectorSample {
                    name: name.clone(),
                    title: api.info.title.clone(),
                    description: api.info.description.clone().unwrap_or_default(),
                    version: api.info.version.clone(),
                    operations: api.operations.len(),
                });
            }
            Ok::<_, Problem>(all)
        });
        read.await.cloned()
    }

    /// Those that are kept and being made, newest first.
    pub(crate) fn list(&self) -> Vec<ConnectorSummary> {
        self.0.kept().list()
    }

    /// One of them.
    pub(crate) fn get(&self, id: &str) -> Option<Connector> {
        self.0.kept().get(id)
    }

    /// Whether one was there and is no more.
    pub(crate) fn is_gone(&self, id: &str) -> bool {
        self.0.kept().is_gone(id)
    }

    /// The package of one.
    pub(crate) fn package(&self, id: &str) -> Option<Found> {
        self.0.kept().package(id)
    }

    /// Begins to make one.
    ///
    /// # Errors
    /// Too many wait.
    pub(crate) fn make(
        &self,
        given: Given,
        options: ConnectorOptions,
        by: String,
        now: Timestamp,
    ) -> Result<Connector, Problem> {
        let place = self.place(bytes(&given))?;
        let begun = self.0.kept().begin(options, by, now);
        let (made, id) = (self.clone(), begun.summary.id.clone());
        tokio::spawn(async move {
            let _place = place;
            made.work(&id, given).await;
        });
        Ok(begun)
    }

    /// Compares two documents.
    ///
    /// # Errors
    /// Too many wait; one of the two cannot be read.
    pub(crate) async fn diff(&self, old: Given, new: Given) -> Result<ConnectorDiff, Problem> {
        let place = self.place(bytes(&old) + bytes(&new))?;
        let compared = async {
            let turn = self.turn().await?;
            let old = self.compared("/old", old).await?;
            let new = self.compared("/new", new).await?;
            let work = tokio::task::spawn_blocking(move || {
                let _held = (place, turn);
                ConnectorDiff::of(&openapi::diff(&old.api, &new.api), &old.api, &new.api)
            });
            work.await
                .map_err(|_| Problem::new(Code::Internal, "comparing failed; report this with the documents"))
        };
        tokio::time::timeout(COMPARED_WITHIN, compared).await.unwrap_or_else(|_| Err(busy()))
    }

    async fn compared(&self, at: &str, given: Given) -> Result<Outcome, Problem> {
        let read = self.0.documents.read(given, &|_, _| {}).await;
        read.map_err(|error| Problem::invalid(at, told(&error)))
    }

    /// A place in the queue.
    fn place(&self, bytes: usize) -> Result<Place, Problem> {
        if self.0.kept().enter(bytes) { Ok(Place { inner: Arc::clone(&self.0), bytes }) } else { Err(busy()) }
    }

    async fn turn(&self) -> Result<OwnedSemaphorePermit, Problem> {
        Arc::clone(&self.0.turn).acquire_owned().await.map_err(|_| busy())
    }

    /// Makes one when it is its turn.
    async fn work(&self, id: &str, given: Given) {
        let Ok(turn) = self.turn().await else { return };
        let begun = Instant::now();
        let failed = |error: &str| {
            self.0.kept().change(id, |connector| {
                connector.summary.state = ConnectorState::Failed;
                connector.summary.error = Some(error.to_owned());
                connector.summary.stage = "failed".to_owned();
                connector.summary.took_ms = millis(begun);
            });
        };
        let progress = |done: f64, stage: String| {
            self.0.kept().change(id, |connector| {
                connector.summary.progress = done * 0.5;
                connector.summary.stage = stage;
            });
        };
        let read = self.0.documents.read(given, &progress);
        let outcome = match tokio::time::timeout(READ_WITHIN, read).await {
            Err(_) => {
                let within = READ_WITHIN.as_secs();
                return failed(&format!("the document could not be read within {within} s"));
            }
            Ok(Err(error)) => {
                self.0.kept().change(id, |connector| {
                    connector.diagnostics = diagnostics(std::slice::from_ref(&error), &[]);
                });
                return failed(&told(&error));
            }
            Ok(Ok(outcome)) => outcome,
        };
        let options = self.0.kept().change(id, |connector| {
            let api = &outcome.api;
            connector.diagnostics = diagnostics(&outcome.diagnostics, &[]);
            let summary = &mut connector.summary;
            (summary.title, summary.version) = (api.info.title.clone(), api.info.version.clone());
            (summary.operations, summary.schemas) = (api.operations.len(), api.named().len());
            summary.state = ConnectorState::Generating;
            summary.progress = 0.5;
            summary.stage = format!("generating {} operations", api.operations.len());
            connector.options.clone()
        });
        let Some(Ok(options)) = options.map(|options| options.options()) else { return };
        let inner = Arc::clone(&self.0);
        let own = id.to_owned();
        // The turn ends with the thread, also when nobody waits for it any more.
        let work = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            let package = typescript::package(&outcome.api, &options);
            let all = diagnostics(&outcome.diagnostics, &package.notes);
            finish(&inner, &own, package, all, begun);
        });
        match tokio::time::timeout(MADE_WITHIN, work).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => failed("making the package failed here; report this with the document"),
            Err(_) => failed(&format!("no package was made within {} s", MADE_WITHIN.as_secs())),
        }
    }
}

/// Keeps a package that was made.
fn finish(
    inner: &Inner,
    id: &str,
    package: Package,
    diagnostics: Vec<super::ConnectorDiagnostic>,
    begun: Instant,
) {
    let bytes: usize = package.files.iter().map(|file| file.text.len()).sum();
    let mut kept = inner.kept();
    if bytes > PACKAGE_BYTES_MAX {
        kept.change(id, |connector| {
            connector.summary.state = ConnectorState::Failed;
            connector.summary.stage = "failed".to_owned();
            connector.summary.error = Some(format!(
                "the package has {bytes} bytes, and at most {PACKAGE_BYTES_MAX} are kept here; make it on the command \
                 line: `homeostat connect`"
            ));
        });
        return;
    }
    kept.ready(id, package, bytes, diagnostics, millis(begun));
}

fn bytes(given: &Given) -> usize {
    match given {
        Given::Url(_) => super::DOCUMENT_BYTES_MAX,
        Given::Text { text, .. } => text.len(),
    }
}

/// What is wrong with a document that cannot be read, in one sentence.
fn told(error: &Diagnostic) -> String {
    if error.code == "not-fetched" {
        return format!("{}: {}", error.location.file, error.message);
    }
    let advice = error.suggestion.as_ref().map(|advice| format!("; {advice}")).unwrap_or_default();
    format!("{}: {}{advice}", error.location, error.message)
}

fn millis(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

fn busy() -> Problem {
    let why = "others wait for their connectors already; try again in a few seconds";
    Problem::new(Code::Overloaded, why).retry_after(3)
}
