//! The tables, how they change from release to release, and how connections are set up.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::StateOptions;
use crate::folder::OpenError;

/// Marks the file as ours (`PRAGMA application_id`): "HoSt".
const APPLICATION_ID: i64 = 0x486f_5374;

/// Each step brings the schema one version further; the version is the number of steps taken. A step that
/// was released never changes.
const STEPS: &[&str] = &[INITIAL];

/// `document_field` has one row for each declared index field of a document. By its key it answers "which
/// value does this document have", by its index "which documents come next in this order".
/// `change` keeps the newest change of each document, removed ones included.
const INITIAL: &str = "
CREATE TABLE document (
    key INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    revision INTEGER NOT NULL,
    body TEXT NOT NULL,
    UNIQUE (kind, id)
) STRICT;

CREATE TABLE document_field (
    document INTEGER NOT NULL,
    field TEXT NOT NULL,
    kind TEXT NOT NULL,
    value ANY NOT NULL,
    id TEXT NOT NULL,
    PRIMARY KEY (document, field)
) STRICT, WITHOUT ROWID;

CREATE INDEX document_field_by_value ON document_field (kind, field, value, id);

CREATE TABLE change (
    sequence INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    revision INTEGER,
    UNIQUE (kind, id)
) STRICT;

CREATE TABLE journal (
    key INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    length INTEGER NOT NULL
) STRICT;

CREATE TABLE journal_record (
    key INTEGER PRIMARY KEY,
    journal INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    body TEXT NOT NULL,
    UNIQUE (journal, sequence)
) STRICT;

CREATE TABLE lease (
    name TEXT PRIMARY KEY,
    holder TEXT,
    fence INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
";

/// Opens the database for the one writer, creates it when missing and brings its schema up to date.
pub(super) fn open_for_writing(file: &Path, options: StateOptions) -> Result<Connection, OpenError> {
    let database =
        |source: rusqlite::Error| OpenError::Database { file: file.to_owned(), source: source.into() };
    let mut connection = Connection::open(file).map_err(database)?;
    // Refuse a newer schema before anything is written, the change to WAL mode included.
    let found = version(&connection).map_err(database)?;
    let known = STEPS.len() as i64;
    if found > known {
        return Err(OpenError::NewerSchema { file: file.to_owned(), found, known });
    }
    set_up_writer(&connection, options).map_err(database)?;
    migrate(&mut connection, found).map_err(database)?;
    Ok(connection)
}

/// Opens one more connection, which can only read.
pub(super) fn open_for_reading(file: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(
        file,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    connection
        .execute_batch("PRAGMA query_only = ON; PRAGMA busy_timeout = 5000; PRAGMA cache_size = -8000;")?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// synchronous=FULL is what makes "committed" mean "on disk"; in WAL mode it costs one fsync a commit.
/// The checkpoint interval (16 MB) keeps the second kind of fsync, the one of the main file, rare.
fn set_up_writer(connection: &Connection, options: StateOptions) -> rusqlite::Result<()> {
    connection.execute_batch(
        "PRAGMA busy_timeout = 5000;
         PRAGMA journal_mode = WAL;
         PRAGMA synchronous = FULL;
         PRAGMA wal_autocheckpoint = 4000;
         PRAGMA journal_size_limit = 67108864;
         PRAGMA cache_size = -16000;
         PRAGMA temp_store = MEMORY;",
    )?;
    if let Some(max_bytes) = options.max_bytes {
        let page_size: i64 = connection.pragma_query_value(None, "page_size", |row| row.get(0))?;
        let pages = (super::signed(max_bytes) / page_size).max(1);
        connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))?;
    }
    connection.set_prepared_statement_cache_capacity(64);
    Ok(())
}

fn migrate(connection: &mut Connection, found: i64) -> rusqlite::Result<()> {
    for (step, version) in STEPS.iter().zip(1_i64..).filter(|(_, version)| *version > found) {
        let transaction = connection.transaction()?;
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", version)?;
        transaction.commit()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_schema_is_refused_and_left_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("state.db");
        drop(open_for_writing(&file, StateOptions::default()).unwrap());
        Connection::open(&file).unwrap().pragma_update(None, "user_version", 99).unwrap();

        let error = open_for_writing(&file, StateOptions::default()).unwrap_err();

        let message = error.to_string();
        assert!(message.contains("state.db has schema version 99"), "{message}");
        assert!(message.contains("restore a backup"), "{message}");
        assert_eq!(version(&Connection::open(&file).unwrap()).unwrap(), 99);
    }

    #[test]
    fn a_file_that_is_no_database_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("state.db");
        std::fs::write(&file, "this was never a database, whatever its name says".repeat(100)).unwrap();

        let error = open_for_writing(&file, StateOptions::default()).unwrap_err();

        assert!(error.to_string().contains("cannot open the database"), "{error}");
        assert!(error.to_string().contains("state.db"), "{error}");
    }

    #[test]
    fn opening_again_takes_no_step_twice() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("state.db");
        for _ in 0..2 {
            let connection = open_for_writing(&file, StateOptions::default()).unwrap();
            assert_eq!(version(&connection).unwrap(), STEPS.len() as i64);
            let mode: String = connection.pragma_query_value(None, "journal_mode", |row| row.get(0)).unwrap();
            assert_eq!(mode, "wal");
            let synchronous: i64 =
                connection.pragma_query_value(None, "synchronous", |row| row.get(0)).unwrap();
            assert_eq!(synchronous, 2, "2 is FULL");
        }
    }
}
