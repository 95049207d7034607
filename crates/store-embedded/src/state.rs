//! Documents, journals and leases in one SQLite file, `state.db`.
//!
//! One thread writes, in groups that share an fsync; a few connections read. What SQL says is below, in
//! `state/`.

mod apply;
mod cursor;
mod house;
mod journals;
mod log;
mod query;
mod read;
mod schema;
mod write;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use ports::{
    Commit, Document, DocumentChange, DocumentPage, Error, JournalLength, JournalPage, JournalPosition,
    JournalRecord, Op, Query, Result, Retry, Store,
};
use rusqlite::ErrorCode;
use tokio::sync::watch;

use crate::folder::{self, FolderLock, OpenError};
use read::Readers;
pub(crate) use write::Changes;
use write::{Desk, Writer};

/// The database inside the data folder.
const FILE: &str = "state.db";

/// Its write-ahead log.
const LOG: &str = "state.db-wal";

/// The file whose lock says that the state is open.
const LOCK: &str = "state.lock";

/// Connections for reading. Reads take microseconds; more would only fight for the processors.
const READERS: usize = 4;

/// How the state is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StateOptions {
    /// The database file may not grow beyond this; writes then fail as on a full disk, reads and removals
    /// go on. None leaves it to the disk.
    pub max_bytes: Option<u64>,
}

/// What the writer did since the store was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StateWork {
    /// Writes that were answered: commits, leases.
    pub writes: u64,
    /// Transactions they shared, each made durable by one sync of the log.
    pub groups: u64,
    /// How often all of the log was moved into the database.
    pub log_emptied: u64,
}

/// How much of the disk the state takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StateSize {
    /// The database file.
    pub database_bytes: u64,
    /// The part of it that is free: used again before the file grows, given back when it is much.
    pub free_bytes: u64,
    /// The write-ahead log.
    pub log_bytes: u64,
}

/// State in a data folder: [`Store`] and [`ports::Leases`].
///
/// Dropping it waits until everything queued is written, and then frees the folder.
pub struct StateStore {
    // Fields drop in this order: the writer finishes before the folder is free for others.
    writer: Writer,
    readers: Arc<Readers>,
    newest_change: watch::Receiver<u64>,
    log: PathBuf,
    _lock: FolderLock,
}

impl StateStore {
    /// Opens the state in a data folder, creating both when missing and bringing an older schema up to date.
    ///
    /// # Errors
    /// The folder is in use, cannot be written, or was written by a newer release.
    pub fn open(folder: &Path) -> Result<Self, OpenError> {
        Self::open_with(folder, StateOptions::default())
    }

    /// Like [`StateStore::open`], with options.
    ///
    /// # Errors
    /// As for `open`.
    pub fn open_with(folder: &Path, options: StateOptions) -> Result<Self, OpenError> {
        let lock = folder::claim(folder, LOCK)?;
        let file = folder.join(FILE);
        let connection = schema::open_for_writing(&file, options)?;
        folder::sync_names(folder).map_err(OpenError::io("sync", folder))?;
        let database =
            |source: rusqlite::Error| OpenError::Database { file: file.clone(), source: source.into() };
        let newest = apply::newest_change(&connection).map_err(database)?;
        let readers = Readers::open(&file, READERS).map_err(database)?;
        let (tell, newest_change) = watch::channel(newest);
        let log = schema::open_for_moving_the_log(&file).map_err(database)?;
        let writer = Writer::start(Desk { connection, log, newest, tell })
            .map_err(OpenError::io("start a writer for", &file))?;
        let log = folder.join(LOG);
        Ok(Self { writer, readers: Arc::new(readers), newest_change, log, _lock: lock })
    }

    /// Runs `work` in the writer's next transaction; what it wrote is durable when this returns `Ok`.
    pub(crate) async fn write<T, F>(&self, operation: &'static str, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Changes<'_>) -> Result<T> + Send + 'static,
    {
        self.write_many(operation, 1, work).await
    }

    async fn write_many<T, F>(&self, operation: &'static str, changes: usize, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Changes<'_>) -> Result<T> + Send + 'static,
    {
        self.writer.submit(operation, changes, work).await
    }

    /// What the writer did since the store was opened.
    #[must_use]
    pub fn work(&self) -> StateWork {
        let counts = self.writer.counts();
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        StateWork {
            writes: read(&counts.writes),
            groups: read(&counts.groups),
            log_emptied: read(&counts.emptied),
        }
    }

    /// How much of the disk the state takes.
    ///
    /// # Errors
    /// The store failed.
    pub async fn size(&self) -> Result<StateSize> {
        let log = self.log.clone();
        self.readers.run("measure the state", move |c| house::size(c, &log)).await
    }
}

#[async_trait]
impl Store for StateStore {
    async fn commit(&self, ops: Vec<Op>) -> Result<Commit> {
        // Encoding happens here, on the caller's processor, to keep it out of the one writer.
        let ops = Arc::new(apply::encode(ops)?);
        let changes = ops.iter().map(apply::Encoded::changes).sum();
        // Freeing the text of a large commit is work too: the last handle to it is this one.
        let shared = Arc::clone(&ops);
        let result = self.write_many("commit", changes, move |changes| apply::commit(changes, &shared)).await;
        drop(ops);
        result
    }

    async fn get(&self, kind: &'static str, id: &str) -> Result<Option<Document>> {
        let id = id.to_owned();
        self.readers.run("get a document", move |c| read::document(c, kind, &id)).await
    }

    async fn list(&self, query: &Query) -> Result<DocumentPage> {
        let query = query.clone();
        query::check(&query)?;
        let position = cursor::decode(&query)?;
        self.readers.run("list documents", move |c| query::page(c, &query, position.as_ref())).await
    }

    async fn count(&self, query: &Query) -> Result<u64> {
        let query = query.clone();
        query::check_filters(&query)?;
        self.readers.run("count documents", move |c| query::count(c, &query)).await
    }

    async fn changes(&self, after: u64, limit: usize) -> Result<Vec<DocumentChange>> {
        self.readers.run("read the change feed", move |c| read::changes(c, after, limit)).await
    }

    fn watch(&self) -> watch::Receiver<u64> {
        self.newest_change.clone()
    }

    async fn read_journal(&self, journal: &str, after: u64, limit: usize) -> Result<Vec<JournalRecord>> {
        let journal = journal.to_owned();
        self.readers.run("read a journal", move |c| journals::records(c, &journal, after, limit)).await
    }

    async fn journals(&self, prefix: &str, after: &str, limit: usize) -> Result<Vec<String>> {
        let (prefix, after) = (prefix.to_owned(), after.to_owned());
        self.readers.run("list journals", move |c| journals::names(c, &prefix, &after, limit)).await
    }

    async fn journal_length(&self, journal: &str) -> Result<JournalLength> {
        let journal = journal.to_owned();
        self.readers.run("measure a journal", move |c| journals::length(c, &journal)).await
    }

    async fn journals_after(
        &self,
        prefix: &str,
        after: &JournalPosition,
        limit_records: usize,
        limit_bytes: usize,
    ) -> Result<JournalPage> {
        let page = journals::Page::new(after, limit_records, limit_bytes)?;
        let prefix = prefix.to_owned();
        self.readers.run("read journals", move |c| page.of_prefix(c, &prefix)).await
    }

    async fn journals_named(
        &self,
        names: &[String],
        after: &JournalPosition,
        limit_records: usize,
        limit_bytes: usize,
    ) -> Result<JournalPage> {
        let page = journals::Page::new(after, limit_records, limit_bytes)?;
        let names: BTreeSet<String> = names.iter().filter(|name| **name >= after.journal).cloned().collect();
        self.readers.run("read journals", move |c| page.of_names(c, &names)).await
    }
}

/// Sorts SQLite's failures by whether trying again helps.
pub(crate) fn failed(operation: &'static str) -> impl Fn(rusqlite::Error) -> Error {
    move |error| match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            Error::Corrupt(format!("the state database, while trying to {operation}: {error}"))
        }
        Some(ErrorCode::TooBig) => Error::Invalid("a document or record is larger than 1 GB".to_owned()),
        Some(
            ErrorCode::DiskFull
            | ErrorCode::SystemIoFailure
            | ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::OutOfMemory
            | ErrorCode::CannotOpen,
        ) => Error::failed(operation, Retry::Temporary, error),
        _ => Error::failed(operation, Retry::Permanent, error),
    }
}

/// SQLite's integers are signed; no position or revision comes near the end of them.
pub(crate) fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// Back from SQLite. Only what [`signed`] wrote is ever read.
pub(crate) fn unsigned(value: i64) -> u64 {
    u64::try_from(value).unwrap_or_default()
}
