//! Reading: a few connections on blocking threads, and the plain lookups. Lists of documents are in
//! `query`, journals in `journals`.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use ports::{Document, DocumentChange, Error, Result, Retry};
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::Value;
use tokio::sync::Semaphore;

use super::{failed, schema, signed, unsigned};

/// Connections that only read.
pub(super) struct Readers {
    file: PathBuf,
    idle: Mutex<Vec<Connection>>,
    permits: Arc<Semaphore>,
}

impl Readers {
    /// Opens all connections, so that a missing or unreadable file is found at once.
    pub(super) fn open(file: &Path, count: usize) -> rusqlite::Result<Self> {
        let idle =
            (0..count).map(|_| schema::open_for_reading(file)).collect::<rusqlite::Result<Vec<_>>>()?;
        Ok(Self { file: file.to_owned(), idle: Mutex::new(idle), permits: Arc::new(Semaphore::new(count)) })
    }

    /// Runs `work` on a blocking thread with a connection of its own, inside one read transaction: it sees
    /// one state of the database throughout.
    pub(super) async fn run<T, F>(self: &Arc<Self>, operation: &'static str, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        let stopped = |e: &dyn std::fmt::Display| Error::failed(operation, Retry::Temporary, e.to_string());
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(|e| stopped(&e))?;
        let readers = Arc::clone(self);
        let work = move || {
            let _permit = permit;
            let connection = readers.take().map_err(failed(operation))?;
            let transaction = connection.unchecked_transaction().map_err(failed(operation))?;
            let result = work(&transaction);
            drop(transaction);
            readers.give_back(connection);
            result
        };
        tokio::task::spawn_blocking(work).await.map_err(|e| stopped(&e))?
    }

    /// A connection is missing only when an earlier read panicked with it; then a new one takes its place.
    fn take(&self) -> rusqlite::Result<Connection> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        idle.map_or_else(|| schema::open_for_reading(&self.file), Ok)
    }

    fn give_back(&self, connection: Connection) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
    }
}

/// One document.
pub(super) fn document(c: &Connection, kind: &str, id: &str) -> Result<Option<Document>> {
    let failed = failed("get a document");
    let mut select = c
        .prepare_cached("SELECT revision, body FROM document WHERE kind = ?1 AND id = ?2")
        .map_err(&failed)?;
    let row = select
        .query_row(params![kind, id], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?)))
        .optional()
        .map_err(&failed)?;
    row.map(|(revision, body)| {
        let body = parse(&body, || format!("{kind}/{id}"))?;
        Ok(Document { kind: kind.to_owned(), id: id.to_owned(), revision: unsigned(revision), body })
    })
    .transpose()
}

/// Changes after a position of the feed.
pub(super) fn changes(c: &Connection, after: u64, limit: usize) -> Result<Vec<DocumentChange>> {
    let failed = failed("read the change feed");
    let sql =
        "SELECT sequence, kind, id, revision FROM change WHERE sequence > ?1 ORDER BY sequence LIMIT ?2";
    let mut select = c.prepare_cached(sql).map_err(&failed)?;
    let rows = select.query_map(params![signed(after), signed(limit as u64)], |row| {
        Ok(DocumentChange {
            sequence: unsigned(row.get(0)?),
            kind: row.get(1)?,
            id: row.get(2)?,
            revision: row.get::<_, Option<i64>>(3)?.map(unsigned),
        })
    });
    rows.and_then(Iterator::collect).map_err(&failed)
}

/// Reads a stored body back.
pub(super) fn parse(body: &str, what: impl FnOnce() -> String) -> Result<Value> {
    serde_json::from_str(body).map_err(|e| Error::Corrupt(format!("{} is not JSON: {e}", what())))
}
