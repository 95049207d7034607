//! The write-ahead log: moved into the database beside the writer, so that no commit waits for it.
//!
//! SQLite moves the log's pages within a commit, when left to itself; that commit then waits for thousands of
//! writes and a sync. Here a thread of its own moves them while commits go on. What they wrote meanwhile is
//! little, and the writer moves it between two commits: only when all of the log has been moved does the next
//! commit begin it anew.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use rusqlite::Connection;

/// Pages of the log after which it is moved: 16 MB. The more, the more often a page is written to the log
/// alone; the less, the sooner it is read again. (In unit tests less, so that they need not write as much.)
const MOVE_AT: u64 = if cfg!(test) { 64 } else { 4096 };

/// Pages of the log at which readers are made to step aside. The log can be begun anew only when nobody reads
/// from it; under readers without pause that moment would never come.
const EMPTY_AT: u64 = 4 * MOVE_AT;

/// What there is of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Pages {
    /// Pages in it.
    all: u64,
    /// How many of them are in the database too.
    moved: u64,
}

/// Keeps the log short.
pub(super) struct Log {
    ask: Option<SyncSender<()>>,
    /// Whether the thread was asked and has not done it yet.
    busy: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    /// Whether the thread moved pages and the rest is not moved yet.
    begun: bool,
    /// Pages at which the thread is asked next.
    at: u64,
    emptied: Arc<AtomicU64>,
}

impl Log {
    /// Starts the thread. `connection` becomes its own; `emptied` counts how often all of the log was moved.
    pub(super) fn start(connection: Connection, emptied: Arc<AtomicU64>) -> io::Result<Self> {
        let (ask, asked) = sync_channel(1);
        let busy = Arc::new(AtomicBool::new(false));
        let thread = thread::Builder::new().name("state-log".to_owned()).spawn({
            let busy = Arc::clone(&busy);
            move || move_when_asked(&connection, &asked, &busy)
        })?;
        Ok(Self { ask: Some(ask), busy, thread: Some(thread), begun: false, at: MOVE_AT, emptied })
    }

    /// To be called between two commits.
    pub(super) fn look_after(&mut self, connection: &Connection) {
        if self.busy.load(Ordering::Acquire) {
            return;
        }
        let Some(pages) = run(connection, "NOOP") else { return };
        if self.begun {
            self.begun = false;
            self.at = self.finish(connection, pages);
        } else if pages.all < MOVE_AT {
            self.at = MOVE_AT;
        } else if pages.all >= self.at
            && let Some(ask) = &self.ask
        {
            self.busy.store(true, Ordering::Release);
            self.begun = ask.send(()).is_ok();
        }
    }

    /// Moves what the thread left; gives the number of pages at which the thread is asked next. When a reader
    /// is in the way that is soon, and when readers are always in the way they are made to step aside.
    fn finish(&self, connection: &Connection, pages: Pages) -> u64 {
        let mode = if pages.all >= EMPTY_AT { "TRUNCATE" } else { "PASSIVE" };
        match run(connection, mode) {
            Some(Pages { all, moved }) if all == moved => {
                self.emptied.fetch_add(1, Ordering::Relaxed);
            }
            _ => tracing::debug!(pages = pages.all, "readers kept the write-ahead log from being emptied"),
        }
        pages.all + MOVE_AT / 4
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.ask = None;
        if let Some(thread) = self.thread.take() {
            // It only panics when an invariant is broken, and then it has said so already.
            let _ = thread.join();
        }
    }
}

fn move_when_asked(connection: &Connection, asked: &Receiver<()>, busy: &AtomicBool) {
    while asked.recv().is_ok() {
        run(connection, "PASSIVE");
        busy.store(false, Ordering::Release);
    }
}

/// Runs a checkpoint; none when it failed, which is no harm: the log stays and the next try finds it.
fn run(connection: &Connection, mode: &str) -> Option<Pages> {
    let sql = format!("PRAGMA wal_checkpoint({mode})");
    let ran = connection
        .prepare_cached(&sql)
        .and_then(|mut s| s.query_row([], |row| Ok((row.get::<_, i64>(1)?, row.get::<_, i64>(2)?))));
    match ran {
        Ok((all, moved)) => Some(Pages { all: u64::try_from(all).ok()?, moved: u64::try_from(moved).ok()? }),
        Err(error) => {
            tracing::warn!(cause = %error, mode, "the write-ahead log could not be moved into the database");
            None
        }
    }
}
