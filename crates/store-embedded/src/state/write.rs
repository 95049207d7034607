//! The writer: one thread that puts all waiting writes into one transaction, syncs once and answers all.
//!
//! Each write has its own savepoint, so one that fails takes none of its neighbours with it.

use std::io;
use std::thread::{self, JoinHandle};

use ports::{Error, Result, Retry};
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot, watch};

use super::failed;
use super::journals::Heads;

/// Most writes in one transaction: enough to share the fsync, few enough to answer soon.
const GROUP: usize = 256;

/// Length of the write-ahead log at which the writer makes readers step aside. SQLite empties the log only
/// when nobody reads from it; under readers without pause that moment would never come.
/// (In unit tests far less, so that they need not write as much.)
const LOG_LIMIT: u64 = if cfg!(test) { 1 << 20 } else { 64 << 20 };

/// Writes that may wait before callers have to wait to be queued.
const QUEUE: usize = 4096;

/// What a write works on: the open transaction, and the change feed's position inside it.
pub(crate) struct Changes<'c> {
    /// The connection, inside the group's transaction.
    pub(crate) connection: &'c Connection,
    /// Position of the newest change of the feed; a write that adds one moves it.
    pub(crate) newest: u64,
    /// What is remembered of journals.
    pub(super) heads: &'c mut Heads,
}

/// A write with the types of its result erased, so that one queue holds all.
trait Job: Send {
    /// Does the work; false when it failed and must be rolled back.
    fn run(&mut self, changes: &mut Changes<'_>) -> bool;
    /// Answers. A failure of the whole group replaces whatever the work gave.
    fn answer(self: Box<Self>, group_failure: Option<&GroupFailure>);
}

struct Write<T, F> {
    operation: &'static str,
    work: Option<F>,
    result: Option<Result<T>>,
    answer: oneshot::Sender<Result<T>>,
}

impl<T, F> Job for Write<T, F>
where
    T: Send,
    F: FnOnce(&mut Changes<'_>) -> Result<T> + Send,
{
    fn run(&mut self, changes: &mut Changes<'_>) -> bool {
        let Some(work) = self.work.take() else { return false };
        let result = work(changes);
        let done = result.is_ok();
        self.result = Some(result);
        done
    }

    fn answer(self: Box<Self>, group_failure: Option<&GroupFailure>) {
        let result = match (group_failure, self.result) {
            (None, Some(result)) => result,
            (Some(failure), _) => Err(failure.to_error(self.operation)),
            (None, None) => Err(Error::failed(self.operation, Retry::Temporary, "the write was not run")),
        };
        // A caller that went away no longer wants to know.
        let _ = self.answer.send(result);
    }
}

/// Why a whole group failed: one cause, told to each of its writes.
struct GroupFailure {
    retry: Retry,
    cause: String,
}

impl GroupFailure {
    fn new(error: rusqlite::Error) -> Self {
        let cause = error.to_string();
        Self { retry: failed("write")(error).retry(), cause }
    }

    /// After some failures of one write (a full disk, an I/O error) SQLite rolls the whole transaction back
    /// by itself, and with it the rest of the group.
    fn rolled_back() -> Self {
        let cause = "the database gave the transaction up: the disk is full or failing".to_owned();
        Self { retry: Retry::Temporary, cause }
    }

    fn to_error(&self, operation: &'static str) -> Error {
        Error::failed(operation, self.retry, self.cause.clone())
    }
}

/// The queue in front of the writer thread.
pub(super) struct Writer {
    queue: Option<mpsc::Sender<Box<dyn Job>>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread. `newest` is the change feed's newest position; `tell` is told when it moves.
    pub(super) fn start(connection: Connection, newest: u64, tell: watch::Sender<u64>) -> io::Result<Self> {
        let (queue, jobs) = mpsc::channel(QUEUE);
        let thread = thread::Builder::new()
            .name("state-writer".to_owned())
            .spawn(move || write_until_closed(&connection, newest, jobs, &tell))?;
        Ok(Self { queue: Some(queue), thread: Some(thread) })
    }

    /// Queues work and waits until it is durable or has failed.
    pub(super) async fn submit<T, F>(&self, operation: &'static str, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Changes<'_>) -> Result<T> + Send + 'static,
    {
        let (answer, outcome) = oneshot::channel();
        let job = Box::new(Write { operation, work: Some(work), result: None, answer });
        let gone = || Error::failed(operation, Retry::Permanent, "the state writer has stopped");
        let queue = self.queue.as_ref().ok_or_else(gone)?;
        queue.send(job).await.map_err(|_| gone())?;
        outcome.await.map_err(|_| gone())?
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            // It only panics when an invariant is broken, and then it has said so already.
            let _ = thread.join();
        }
    }
}

fn write_until_closed(
    connection: &Connection,
    mut newest: u64,
    mut jobs: mpsc::Receiver<Box<dyn Job>>,
    tell: &watch::Sender<u64>,
) {
    let mut heads = Heads::default();
    let log = connection.path().map(|file| format!("{file}-wal"));
    while let Some(first) = jobs.blocking_recv() {
        let mut group = vec![first];
        while group.len() < GROUP
            && let Ok(job) = jobs.try_recv()
        {
            group.push(job);
        }
        match write_group(connection, newest, &mut heads, &mut group) {
            Ok(now) => {
                if now != newest {
                    newest = now;
                    tell.send_replace(newest);
                }
                group.into_iter().for_each(|job| job.answer(None));
            }
            Err(failure) => {
                tracing::warn!(cause = failure.cause, writes = group.len(), "state writes failed");
                group.into_iter().for_each(|job| job.answer(Some(&failure)));
            }
        }
        if log.as_ref().and_then(|log| std::fs::metadata(log).ok()).is_some_and(|log| log.len() > LOG_LIMIT) {
            empty_log(connection);
        }
    }
}

/// Moves the whole log into the database and starts it anew: waits for those who read now, while new readers
/// no longer need the log.
fn empty_log(connection: &Connection) {
    let emptied = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0));
    match emptied {
        Ok(0) => {}
        Ok(_) => tracing::debug!(
            "readers kept the write-ahead log from being emptied; it grows until the next try"
        ),
        Err(error) => tracing::warn!(cause = %error, "the write-ahead log could not be emptied"),
    }
}

/// Runs a group in one transaction; returns the change feed's newest position after it.
fn write_group(
    connection: &Connection,
    newest: u64,
    heads: &mut Heads,
    group: &mut [Box<dyn Job>],
) -> Result<u64, GroupFailure> {
    let written = run_group(connection, newest, heads, group)
        .and_then(|newest| execute(connection, "COMMIT").map(|()| newest));
    if written.is_err() {
        heads.forget();
        if !connection.is_autocommit() {
            // When even this fails, the next BEGIN fails too and says so.
            let _ = execute(connection, "ROLLBACK");
        }
    }
    written
}

fn run_group(
    connection: &Connection,
    newest: u64,
    heads: &mut Heads,
    group: &mut [Box<dyn Job>],
) -> Result<u64, GroupFailure> {
    execute(connection, "BEGIN IMMEDIATE")?;
    let mut changes = Changes { connection, newest, heads };
    for job in group {
        let before = changes.newest;
        changes.heads.begin();
        execute(connection, "SAVEPOINT one")?;
        if !job.run(&mut changes) {
            if connection.is_autocommit() {
                return Err(GroupFailure::rolled_back());
            }
            execute(connection, "ROLLBACK TO one")?;
            changes.newest = before;
            changes.heads.roll_back();
        }
        execute(connection, "RELEASE one")?;
    }
    Ok(changes.newest)
}

fn execute(connection: &Connection, sql: &str) -> Result<(), GroupFailure> {
    connection.prepare_cached(sql).and_then(|mut s| s.execute([])).map(drop).map_err(GroupFailure::new)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use ports::{Expected, Op, Query, Store};
    use serde_json::json;

    use super::*;
    use crate::StateStore;

    fn put(n: usize) -> Op {
        let body = json!("x".repeat(100_000));
        Op::Put { kind: "thing", id: n.to_string(), expected: Expected::Any, body, index: Vec::new() }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn readers_without_pause_do_not_make_the_log_grow() {
        let folder = tempfile::tempdir().unwrap();
        let state = Arc::new(StateStore::open(folder.path()).unwrap());
        state.commit(vec![put(0)]).await.unwrap();
        let readers: Vec<_> = (0..6)
            .map(|_| {
                let state = Arc::clone(&state);
                tokio::spawn(async move {
                    loop {
                        state.list(&Query::of("thing")).await.unwrap();
                    }
                })
            })
            .collect();
        for n in 0..160 {
            state.commit(vec![put(n % 10)]).await.unwrap();
        }
        readers.iter().for_each(tokio::task::JoinHandle::abort);
        let log = std::fs::metadata(folder.path().join("state.db-wal")).unwrap().len();
        assert!(log < 3 * LOG_LIMIT, "16 MB were written, {log} bytes are in the log");
    }
}
