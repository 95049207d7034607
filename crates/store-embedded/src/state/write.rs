//! The writer: one thread that puts all waiting writes into one transaction, syncs once and answers all.
//!
//! A write that finds nobody waiting goes at once. Each of a group has its own savepoint, so one that fails
//! takes none of its neighbours with it. Between two groups the writer keeps house, so that neither the log nor
//! the file grows without need.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};

use ports::{Error, Result, Retry};
use rusqlite::Connection;
use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::{mpsc, oneshot, watch};

use super::failed;
use super::house::House;
use super::journals::Heads;
use super::log::Log;

/// Most changes (records, documents) in one transaction: enough to share the sync, few enough to answer soon.
const GROUP: usize = 4096;

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
    /// How many changes it makes, about.
    fn weight(&self) -> usize;
    /// Does the work; false when it failed and must be rolled back.
    fn run(&mut self, changes: &mut Changes<'_>) -> bool;
    /// Answers. A failure of the whole group replaces whatever the work gave.
    fn answer(self: Box<Self>, group_failure: Option<&GroupFailure>);
}

struct Write<T, F> {
    operation: &'static str,
    weight: usize,
    work: Option<F>,
    result: Option<Result<T>>,
    answer: oneshot::Sender<Result<T>>,
}

impl<T, F> Job for Write<T, F>
where
    T: Send,
    F: FnOnce(&mut Changes<'_>) -> Result<T> + Send,
{
    fn weight(&self) -> usize {
        self.weight
    }

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

    fn rolled_back() -> Self {
        let cause = "the database gave the transaction up: the disk is full or failing".to_owned();
        Self { retry: Retry::Temporary, cause }
    }

    fn to_error(&self, operation: &'static str) -> Error {
        Error::failed(operation, self.retry, self.cause.clone())
    }
}

/// What the writer did since it was started.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) writes: AtomicU64,
    pub(super) groups: AtomicU64,
    pub(super) emptied: Arc<AtomicU64>,
}

/// What the writer thread works with.
pub(super) struct Desk {
    /// The connection that writes.
    pub(super) connection: Connection,
    /// A second one, which keeps the log short.
    pub(super) log: Connection,
    /// The change feed's newest position.
    pub(super) newest: u64,
    /// Told when that moves.
    pub(super) tell: watch::Sender<u64>,
}

/// The queue in front of the writer thread.
pub(super) struct Writer {
    queue: Option<mpsc::Sender<Box<dyn Job>>>,
    thread: Option<JoinHandle<()>>,
    counts: Arc<Counts>,
}

impl Writer {
    /// Starts the thread.
    pub(super) fn start(desk: Desk) -> io::Result<Self> {
        let (queue, jobs) = mpsc::channel(QUEUE);
        let counts = Arc::new(Counts::default());
        let log = Log::start(desk.log, Arc::clone(&counts.emptied))?;
        let mut writing = Writing {
            connection: desk.connection,
            log,
            house: House::default(),
            heads: Heads::default(),
            newest: desk.newest,
            tell: desk.tell,
            counts: Arc::clone(&counts),
        };
        let thread = thread::Builder::new()
            .name("state-writer".to_owned())
            .spawn(move || writing.until_closed(jobs))?;
        Ok(Self { queue: Some(queue), thread: Some(thread), counts })
    }

    pub(super) fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Queues work that makes about `weight` changes, and waits until it is durable or has failed.
    pub(super) async fn submit<T, F>(&self, operation: &'static str, weight: usize, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Changes<'_>) -> Result<T> + Send + 'static,
    {
        let (answer, outcome) = oneshot::channel();
        let job = Box::new(Write { operation, weight, work: Some(work), result: None, answer });
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

/// The writer thread.
struct Writing {
    // Fields drop in this order: the log's thread ends before the last connection is closed.
    log: Log,
    connection: Connection,
    house: House,
    heads: Heads,
    newest: u64,
    tell: watch::Sender<u64>,
    counts: Arc<Counts>,
}

impl Writing {
    fn until_closed(&mut self, mut jobs: mpsc::Receiver<Box<dyn Job>>) {
        while let Some(first) = self.next(&mut jobs) {
            let mut weight = first.weight();
            let mut group = vec![first];
            while weight < GROUP
                && let Ok(job) = jobs.try_recv()
            {
                weight += job.weight();
                group.push(job);
            }
            self.write(group);
            self.log.look_after(&self.connection);
        }
    }

    /// The next job. While there is none, the house is kept; one that comes meanwhile waits for a few
    /// milliseconds at most.
    fn next(&mut self, jobs: &mut mpsc::Receiver<Box<dyn Job>>) -> Option<Box<dyn Job>> {
        loop {
            match jobs.try_recv() {
                Ok(job) => return Some(job),
                Err(TryRecvError::Disconnected) => return None,
                Err(TryRecvError::Empty) => {}
            }
            if !self.house.keep(&self.connection) {
                return jobs.blocking_recv();
            }
        }
    }

    /// Writes a group and answers it.
    fn write(&mut self, mut group: Vec<Box<dyn Job>>) {
        match self.write_group(&mut group) {
            Ok(newest) => {
                self.counts.groups.fetch_add(1, Ordering::Relaxed);
                self.counts.writes.fetch_add(group.len() as u64, Ordering::Relaxed);
                if newest != self.newest {
                    self.newest = newest;
                    self.tell.send_replace(newest);
                }
                group.into_iter().for_each(|job| job.answer(None));
            }
            Err(failure) => {
                tracing::warn!(cause = failure.cause, writes = group.len(), "state writes failed");
                group.into_iter().for_each(|job| job.answer(Some(&failure)));
            }
        }
    }

    /// Runs a group in one transaction; gives the change feed's newest position after it.
    fn write_group(&mut self, group: &mut [Box<dyn Job>]) -> Result<u64, GroupFailure> {
        let written = self.run_group(group);
        if written.is_err() {
            self.heads.forget();
            if !self.connection.is_autocommit() {
                // When even this fails, the next BEGIN fails too and says so.
                let _ = execute(&self.connection, "ROLLBACK");
            }
        }
        written
    }

    fn run_group(&mut self, group: &mut [Box<dyn Job>]) -> Result<u64, GroupFailure> {
        let connection = &self.connection;
        execute(connection, "BEGIN IMMEDIATE")?;
        let mut changes = Changes { connection, newest: self.newest, heads: &mut self.heads };
        if let [alone] = group {
            // Nobody else to protect from its failure, so no savepoint, which costs a copy of each page.
            changes.heads.begin();
            let done = alone.run(&mut changes);
            return finish(&mut changes, done, self.newest);
        }
        for job in group {
            let before = changes.newest;
            changes.heads.begin();
            execute(connection, "SAVEPOINT one")?;
            if !job.run(&mut changes) {
                still_open(connection)?;
                execute(connection, "ROLLBACK TO one")?;
                changes.newest = before;
                changes.heads.roll_back();
            }
            execute(connection, "RELEASE one")?;
        }
        execute(connection, "COMMIT").map(|()| changes.newest)
    }
}

/// Ends the transaction of a write that was alone in it.
fn finish(changes: &mut Changes<'_>, done: bool, before: u64) -> Result<u64, GroupFailure> {
    if done {
        return execute(changes.connection, "COMMIT").map(|()| changes.newest);
    }
    still_open(changes.connection)?;
    changes.heads.roll_back();
    execute(changes.connection, "ROLLBACK").map(|()| before)
}

/// After some failures of one write (a full disk, an I/O error) SQLite rolls the whole transaction back by
/// itself, and with it the rest of the group.
fn still_open(connection: &Connection) -> Result<(), GroupFailure> {
    if connection.is_autocommit() { Err(GroupFailure::rolled_back()) } else { Ok(()) }
}

fn execute(connection: &Connection, sql: &str) -> Result<(), GroupFailure> {
    connection.prepare_cached(sql).and_then(|mut s| s.execute([])).map(drop).map_err(GroupFailure::new)
}

#[cfg(test)]
mod tests {
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
        let log = state.size().await.unwrap().log_bytes;
        assert!(log < 4 << 20, "16 MB were written, {log} bytes are in the log");
        assert!(state.work().log_emptied > 0);
    }
}
