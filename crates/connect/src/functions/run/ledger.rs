//! The ledger of programs: which keys were begun, and what came of them. Documents of the store, so that every
//! node that may go on with a run sees them.
//!
//! A key is in the store before its program begins. A key that was begun and has no result belongs to a process
//! that died: whether its program took effect is not known, and it is never started again for that key.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use model::Timestamp;
use ports::{
    ActionFailure, ActionResult, Clock, Direction, Error, Expected, FailureKind, Filter, Index, Op, Query,
    Retry, Store,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::sync::{Mutex as Turn, OwnedMutexGuard};

/// Kind of its documents.
pub const KIND: &str = "program_result";
/// How long results are kept. Far longer than the moment between a result and its place in a run's journal.
const KEPT_MS: i64 = 30 * 24 * 60 * 60 * 1000;
/// Most documents removed at once.
const SWEEP: usize = 1_000;
/// Longest key.
const KEY_BYTES_MAX: usize = 1_000;

#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    action: String,
    /// Digest of action and parameters: a key stands for one request.
    request: String,
    begun_at: Timestamp,
    /// Id of what was begun outside of this process and outlives it: a container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    outside: Option<String>,
    answer: Option<Answer>,
}

/// How it ended.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Answer {
    Done { output: Value },
    Failed { kind: String, status: u16, message: String },
}

/// What the ledger says of a key.
pub(super) enum Begun {
    /// It is new and now ours: do it, then say what came of it.
    Ours(Ours),
    /// It was answered before.
    Answered(Result<ActionResult, ActionFailure>),
    /// A process that is gone began it. Whoever can look outside what became of it may go on.
    Interrupted(Ours, Timestamp),
}

/// A key that we work on; nobody else of this process gets it meanwhile.
pub(super) struct Ours {
    ledger: Ledger,
    key: String,
    action: String,
    request: String,
    begun_at: Timestamp,
    outside: Option<String>,
    _turn: OwnedMutexGuard<()>,
}

/// The ledger.
#[derive(Clone)]
pub(super) struct Ledger {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    turns: Arc<Mutex<HashMap<String, Arc<Turn<()>>>>>,
}

impl Ledger {
    pub(super) fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock, turns: Arc::default() }
    }

    /// Looks up a key and, when it is new, notes durably that it is begun. Waits for another call with the same
    /// key in this process.
    pub(super) async fn begin(
        &self,
        key: &str,
        action: &str,
        parameters: &Value,
    ) -> Result<Begun, ActionFailure> {
        if key.is_empty() || key.len() > KEY_BYTES_MAX {
            let text =
                format!("an idempotency key has 1 to {KEY_BYTES_MAX} bytes, this one has {}", key.len());
            return Err(ActionFailure::new(FailureKind::Configuration, Retry::Permanent, text));
        }
        let turn = self.turn(key).lock_owned().await;
        let request = digest(action, parameters);
        let ours = |begun_at, outside| Ours {
            ledger: self.clone(),
            key: key.to_owned(),
            action: action.to_owned(),
            request: request.clone(),
            begun_at,
            outside,
            _turn: turn,
        };
        let found = self.store.get(KIND, key).await.map_err(not_noted)?;
        let Some(document) = found else {
            let ours = ours(self.clock.now(), None);
            ours.note(Expected::Absent, None).await?;
            return Ok(Begun::Ours(ours));
        };
        let entry: Entry = serde_json::from_value(document.body).map_err(|error| {
            let text = format!("what is noted of this key cannot be read, so it is not run: {error}");
            ActionFailure::new(FailureKind::Runtime, Retry::Permanent, text)
        })?;
        if entry.request != request {
            let text = "this idempotency key was used for another request; use a key for one request only";
            return Err(ActionFailure::new(FailureKind::Configuration, Retry::Permanent, text));
        }
        Ok(match entry.answer {
            Some(answer) => Begun::Answered(answer.into()),
            None => Begun::Interrupted(ours(entry.begun_at, entry.outside), entry.begun_at),
        })
    }

    /// Now, as its entries tell it.
    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Forgets answers that are older than anyone asks for.
    pub(super) async fn sweep(&self) -> ports::Result<usize> {
        let before = Index::Int(self.clock.now().plus_ms(-KEPT_MS).as_unix_ms());
        let old = Query::of(KIND).filter(Filter::Below("begun_at", before));
        let old = self.store.list(&old.order("begun_at", Direction::Ascending).limit(SWEEP)).await?;
        let delete =
            |document: ports::Document| Op::Delete { kind: KIND, id: document.id, expected: Expected::Any };
        let ops: Vec<Op> = old.items.into_iter().map(delete).collect();
        let count = ops.len();
        if count > 0 {
            self.store.commit(ops).await?;
        }
        Ok(count)
    }

    fn turn(&self, key: &str) -> Arc<Turn<()>> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        turns.retain(|_, turn| Arc::strong_count(turn) > 1);
        Arc::clone(turns.entry(key.to_owned()).or_default())
    }
}

impl Ours {
    /// The key.
    pub(super) fn key(&self) -> &str {
        &self.key
    }

    /// What was begun outside for this key.
    pub(super) fn outside(&self) -> Option<&str> {
        self.outside.as_deref()
    }

    /// Notes what was begun outside, before it has any effect.
    pub(super) async fn note_outside(&mut self, id: &str) -> Result<(), ActionFailure> {
        self.outside = Some(id.to_owned());
        self.note(Expected::Any, None).await
    }

    /// Notes what came of it; durable when this returns. A failure that may pass leaves the key open when something
    /// was begun outside, and no trace otherwise.
    pub(super) async fn answer(
        &self,
        answer: Result<ActionResult, ActionFailure>,
    ) -> Result<ActionResult, ActionFailure> {
        let noted = match &answer {
            Err(failure) if failure.retry == Retry::Temporary && self.outside.is_some() => Ok(()),
            Err(failure) if failure.retry == Retry::Temporary => self.forget().await,
            Err(failure) => self.note(Expected::Any, Some(failed(failure))).await,
            Ok(done) => self.note(Expected::Any, Some(Answer::Done { output: done.output.clone() })).await,
        };
        if let Err(failure) = noted {
            tracing::error!(key = self.key, error = failure.message, "What came of a program was not noted.");
        }
        answer
    }

    async fn note(&self, expected: Expected, answer: Option<Answer>) -> Result<(), ActionFailure> {
        let (action, request) = (self.action.clone(), self.request.clone());
        let entry = Entry { action, request, begun_at: self.begun_at, outside: self.outside.clone(), answer };
        let body =
            serde_json::to_value(entry).map_err(|error| not_noted(Error::Corrupt(error.to_string())))?;
        let index = vec![("begun_at", Index::Int(self.begun_at.as_unix_ms()))];
        let put = Op::Put { kind: KIND, id: self.key.clone(), expected, body, index };
        self.ledger.store.commit(vec![put]).await.map(|_| ()).map_err(not_noted)
    }

    async fn forget(&self) -> Result<(), ActionFailure> {
        let delete = Op::Delete { kind: KIND, id: self.key.clone(), expected: Expected::Any };
        self.ledger.store.commit(vec![delete]).await.map(|_| ()).map_err(not_noted)
    }
}

/// A program that a process began which is gone.
pub(super) fn interrupted(begun_at: Timestamp) -> ActionFailure {
    let text = format!(
        "Homeostat ended while this program ran (begun at {begun_at}): the program was ended too, and it is not known \
         what it had done by then. It is not run again for this call; look at what it changes, then retry the step"
    );
    ActionFailure::new(FailureKind::Runtime, Retry::Permanent, text)
}

fn failed(failure: &ActionFailure) -> Answer {
    Answer::Failed {
        kind: failure.kind.name().to_owned(),
        status: failure.status,
        message: failure.message.clone(),
    }
}

impl From<Answer> for Result<ActionResult, ActionFailure> {
    fn from(answer: Answer) -> Self {
        match answer {
            Answer::Done { output } => Ok(ActionResult { output, inverse: None }),
            Answer::Failed { kind, status, message } => {
                let kinds = [
                    FailureKind::Configuration,
                    FailureKind::Validation,
                    FailureKind::Authentication,
                    FailureKind::Authorization,
                    FailureKind::Timeout,
                    FailureKind::Communication,
                ];
                let kind = kinds.into_iter().find(|k| k.name() == kind).unwrap_or(FailureKind::Runtime);
                Err(ActionFailure::new(kind, Retry::Permanent, message).with_status(status))
            }
        }
    }
}

fn not_noted(error: Error) -> ActionFailure {
    let text = format!("nothing was run, because it could not be noted first: {error}");
    let retry = if matches!(error, Error::Conflict { .. }) { Retry::Temporary } else { error.retry() };
    ActionFailure::new(FailureKind::Runtime, retry, text)
}

fn digest(action: &str, parameters: &Value) -> String {
    let mut digest = Sha256::new();
    digest.update(action.as_bytes());
    digest.update([0]);
    digest.update(parameters.to_string().as_bytes());
    digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
