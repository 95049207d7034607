//! The tables, how they change from release to release, and how connections are set up.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::StateOptions;
use crate::folder::OpenError;

/// Marks the file as ours (`PRAGMA application_id`): "HoSt".
const APPLICATION_ID: i64 = 0x486f_5374;

/// `PRAGMA auto_vacuum`: free pages stay in the file until they are given back, a few at a time.
const INCREMENTAL: i64 = 2;

/// Each step brings the schema one version further; the version is the number of steps taken. A step that
/// was released never changes.
const STEPS: &[&str] = &[INITIAL, TRIMS];

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

/// Journals can be trimmed. Their length is no longer written with each append: it is the sequence of their
/// newest record, or what was trimmed when none is left.
const TRIMS: &str = "
ALTER TABLE journal RENAME COLUMN length TO trimmed;
UPDATE journal SET trimmed = 0;
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
    give_back_pages(&connection, file);
    Ok(connection)
}

/// Opens one more connection, which moves the log into the database and does nothing else.
pub(super) fn open_for_moving_the_log(file: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(
        file,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    connection.execute_batch("PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0;")?;
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

/// synchronous=FULL is what makes "committed" mean "on disk"; in WAL mode it costs one fdatasync a commit.
/// Moving the log is up to `log`, so commits leave it alone. The log keeps its file when it is begun anew: a
/// sync of blocks that are there costs half of one that also has to make a longer file durable.
fn set_up_writer(connection: &Connection, options: StateOptions) -> rusqlite::Result<()> {
    connection.execute_batch(
        "PRAGMA busy_timeout = 5000;
         PRAGMA auto_vacuum = INCREMENTAL;
         PRAGMA journal_mode = WAL;
         PRAGMA synchronous = FULL;
         PRAGMA wal_autocheckpoint = 0;
         PRAGMA journal_size_limit = 67108864;
         PRAGMA cache_size = -32000;
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

/// Files of the first version cannot give free pages back until they are written anew, once. That needs as much
/// room again as they take; when there is none, all else works.
fn give_back_pages(connection: &Connection, file: &Path) {
    let mode = || connection.pragma_query_value(None, "auto_vacuum", |row| row.get::<_, i64>(0));
    let done = mode().and_then(|mode| {
        if mode == INCREMENTAL {
            Ok(())
        } else {
            connection.execute_batch("PRAGMA auto_vacuum = INCREMENTAL; VACUUM;")
        }
    });
    if let Err(error) = done {
        tracing::warn!(cause = %error, file = %file.display(), "the state cannot give free space back; \
            it is tried again at the next start");
    }
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
    use model::Timestamp;
    use ports::{Direction, Expected, Leases, Op, Query, Store};
    use serde_json::json;

    use super::*;
    use crate::StateStore;

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

    /// A data folder as the first version left it: written by its schema and its statements.
    fn write_first_version(file: &Path) {
        let connection = Connection::open(file).unwrap();
        connection.execute_batch("PRAGMA journal_mode = WAL;").unwrap();
        connection.execute_batch(INITIAL).unwrap();
        connection.pragma_update(None, "application_id", APPLICATION_ID).unwrap();
        connection.pragma_update(None, "user_version", 1).unwrap();
        connection
            .execute_batch(
                "INSERT INTO journal (name, length) VALUES ('run/a', 2), ('run/b', 300);
                 INSERT INTO journal_record (journal, sequence, body) VALUES (1, 1, '10'), (2, 1, '1'), (1, 2, '20');
                 INSERT INTO journal_record (journal, sequence, body)
                     WITH RECURSIVE n (x) AS (SELECT 2 UNION ALL SELECT x + 1 FROM n WHERE x < 300)
                     SELECT 2, x, x FROM n;
                 INSERT INTO document (kind, id, revision, body) VALUES ('thing', 'a', 7, '{\"n\":1}');
                 INSERT INTO document_field VALUES (1, 'n', 'thing', 1, 'a');
                 INSERT INTO change VALUES (41, 'thing', 'gone', NULL), (42, 'thing', 'a', 7);
                 INSERT INTO lease VALUES ('engine', 'me', 3, 9);",
            )
            .unwrap();
    }

    #[tokio::test]
    async fn a_folder_of_the_first_version_is_brought_up_to_date() {
        let folder = tempfile::tempdir().unwrap();
        write_first_version(&folder.path().join("state.db"));
        for _ in 0..2 {
            let state = StateStore::open(folder.path()).unwrap();
            let found = state.get("thing", "a").await.unwrap().expect("there");
            assert_eq!((found.revision, found.body), (7, json!({ "n": 1 })));
            let by_field = Query::of("thing").order("n", Direction::Ascending);
            assert_eq!(state.list(&by_field).await.unwrap().items.len(), 1);
            assert_eq!(*state.watch().borrow(), 42);
            assert_eq!(state.changes(0, 10).await.unwrap().len(), 2);
            let lengths = [("run/a", 2), ("run/b", 300)];
            for (journal, length) in lengths {
                let found = state.journal_length(journal).await.unwrap();
                assert_eq!((found.length, found.trimmed), (length, 0));
            }
            let records = state.read_journal("run/b", 0, 1000).await.unwrap();
            assert!((1..=300).eq(records.iter().map(|r| r.sequence)));
            assert!(records.iter().all(|r| r.body == json!(r.sequence)));
            assert_eq!(state.read_journal("run/a", 1, 10).await.unwrap()[0].body, json!(20));
        }
        let state = StateStore::open(folder.path()).unwrap();
        let append = Op::Append {
            journal: "run/a".to_owned(),
            expected: Expected::Exactly(2),
            records: vec![json!(30)],
        };
        let put = Op::Put {
            kind: "thing",
            id: "a".to_owned(),
            expected: Expected::Exactly(7),
            body: json!(0),
            index: Vec::new(),
        };
        let commit = state.commit(vec![append, put]).await.unwrap();
        assert_eq!((commit.positions, commit.change), (vec![3, 8], 43));
        let lease =
            state.acquire("engine", "other", 1, Timestamp::from_unix_ms(9)).await.unwrap().expect("expired");
        assert_eq!(lease.fence, 4);
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
            let vacuum: i64 = connection.pragma_query_value(None, "auto_vacuum", |row| row.get(0)).unwrap();
            assert_eq!(vacuum, INCREMENTAL);
        }
    }
}
