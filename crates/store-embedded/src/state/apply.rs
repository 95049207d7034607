//! What a commit does to the tables, inside the writer's transaction. Journals are in `journals`.

use std::collections::BTreeMap;

use ports::{Commit, Error, Expected, Index, Op, Result};
use rusqlite::types::{ToSql, ToSqlOutput, Value as Sql, ValueRef};
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::Value;

use super::{Changes, failed, journals, signed, unsigned};

/// Most index fields of one document.
const MAX_FIELDS: usize = 8;

/// An op whose bodies are text already.
pub(super) enum Encoded {
    Put {
        kind: &'static str,
        id: String,
        expected: Expected,
        body: String,
        index: Vec<(&'static str, Index)>,
    },
    Delete {
        kind: &'static str,
        id: String,
        expected: Expected,
    },
    Append {
        journal: String,
        expected: Expected,
        records: Vec<String>,
    },
    Trim {
        journal: String,
        expected: Expected,
        before: u64,
    },
    Drop {
        journal: String,
        expected: Expected,
    },
}

impl Encoded {
    /// How many changes it makes, about.
    pub(super) fn changes(&self) -> usize {
        match self {
            Self::Put { .. } | Self::Delete { .. } | Self::Trim { .. } | Self::Drop { .. } => 1,
            Self::Append { records, .. } => records.len(),
        }
    }
}

/// Checks what can be checked without the database, and turns bodies into text.
pub(super) fn encode(ops: Vec<Op>) -> Result<Vec<Encoded>> {
    ops.into_iter().map(encode_op).collect()
}

fn encode_op(op: Op) -> Result<Encoded> {
    Ok(match op {
        Op::Put { kind, id, expected, body, index } => {
            check_name("document id", &id)?;
            check_index(kind, &id, &index)?;
            Encoded::Put { kind, id, expected, body: text(&body)?, index }
        }
        Op::Delete { kind, id, expected } => Encoded::Delete { kind, id, expected },
        Op::Append { journal, expected, records } => {
            check_name("journal name", &journal)?;
            let records = records.iter().map(text).collect::<Result<_>>()?;
            Encoded::Append { journal, expected, records }
        }
        Op::Trim { journal, expected, before } => {
            check_name("journal name", &journal)?;
            Encoded::Trim { journal, expected, before }
        }
        Op::Drop { journal, expected } => Encoded::Drop { journal, expected },
    })
}

fn check_name(what: &str, name: &str) -> Result<()> {
    if name.is_empty() { Err(Error::Invalid(format!("a {what} must not be empty"))) } else { Ok(()) }
}

fn check_index(kind: &str, id: &str, index: &[(&'static str, Index)]) -> Result<()> {
    if index.len() > MAX_FIELDS {
        let found = index.len();
        return Err(Error::Invalid(format!(
            "{kind}/{id} declares {found} index fields; at most {MAX_FIELDS} are allowed"
        )));
    }
    for (n, (field, _)) in index.iter().enumerate() {
        if index[..n].iter().any(|(other, _)| other == field) {
            return Err(Error::Invalid(format!("{kind}/{id} declares the index field {field} twice")));
        }
    }
    Ok(())
}

fn text(body: &Value) -> Result<String> {
    serde_json::to_string(body).map_err(|e| Error::Invalid(format!("a body cannot be written as JSON: {e}")))
}

/// Makes all changes of one commit. On an error the caller rolls back to before the first.
pub(super) fn commit(changes: &mut Changes<'_>, ops: &[Encoded]) -> Result<Commit> {
    let before = changes.newest;
    let mut positions = Vec::with_capacity(ops.len());
    for op in ops {
        positions.push(match op {
            Encoded::Put { kind, id, expected, body, index } => {
                put(changes, kind, id, *expected, body, index)?
            }
            Encoded::Delete { kind, id, expected } => delete(changes, kind, id, *expected)?,
            Encoded::Append { journal, expected, records } => {
                journals::append(changes, journal, *expected, records)?
            }
            Encoded::Trim { journal, expected, before } => {
                journals::trim(changes, journal, *expected, *before)?
            }
            Encoded::Drop { journal, expected } => journals::drop_whole(changes, journal, *expected)?,
        });
    }
    let change = if changes.newest == before { 0 } else { changes.newest };
    Ok(Commit { positions, change })
}

/// Position of the newest change of the feed.
pub(super) fn newest_change(connection: &Connection) -> rusqlite::Result<u64> {
    // Rows of the feed only ever make way for newer ones, so the largest is the newest ever given.
    let newest: Option<i64> =
        connection.query_row("SELECT max(sequence) FROM change", [], |row| row.get(0))?;
    Ok(unsigned(newest.unwrap_or_default()))
}

fn put(
    changes: &mut Changes<'_>,
    kind: &str,
    id: &str,
    expected: Expected,
    body: &str,
    index: &[(&'static str, Index)],
) -> Result<u64> {
    let failed = failed("put a document");
    let c = changes.connection;
    let found = revision(c, kind, id).map_err(&failed)?;
    let old = found.map_or(0, |(_, revision)| revision);
    check_expected(expected, old, || format!("{kind}/{id}"))?;
    let new = old + 1;
    let key = match found {
        Some((key, _)) => {
            execute(
                c,
                "UPDATE document SET revision = ?2, body = ?3 WHERE key = ?1",
                params![key, signed(new), body],
            )
            .map_err(&failed)?;
            key
        }
        None => {
            let sql = "INSERT INTO document (kind, id, revision, body) VALUES (?1, ?2, ?3, ?4)";
            execute(c, sql, params![kind, id, signed(new), body]).map_err(&failed)?;
            c.last_insert_rowid()
        }
    };
    let had = if found.is_some() { fields(c, key).map_err(&failed)? } else { BTreeMap::new() };
    index_document(c, key, kind, id, index, had).map_err(&failed)?;
    note_change(changes, kind, id, Some(new)).map_err(&failed)?;
    Ok(new)
}

fn delete(changes: &mut Changes<'_>, kind: &str, id: &str, expected: Expected) -> Result<u64> {
    let failed = failed("delete a document");
    let c = changes.connection;
    let found = revision(c, kind, id).map_err(&failed)?;
    check_expected(expected, found.map_or(0, |(_, revision)| revision), || format!("{kind}/{id}"))?;
    if let Some((key, _)) = found {
        execute(c, "DELETE FROM document WHERE key = ?1", params![key]).map_err(&failed)?;
        execute(c, "DELETE FROM document_field WHERE document = ?1", params![key]).map_err(&failed)?;
        note_change(changes, kind, id, None).map_err(&failed)?;
    }
    Ok(0)
}

/// Whether what a writer expects is there. `found` is 0 for what is not there: no document and no journal has that revision or length.
pub(super) fn check_expected(expected: Expected, found: u64, what: impl FnOnce() -> String) -> Result<()> {
    let (met, expected) = match expected {
        Expected::Any => return Ok(()),
        Expected::Absent => (found == 0, "nothing".to_owned()),
        Expected::Exactly(n) => (found == n, n.to_string()),
    };
    if met {
        return Ok(());
    }
    let found = if found == 0 { "nothing".to_owned() } else { found.to_string() };
    Err(Error::Conflict { what: what(), expected, found })
}

fn revision(c: &Connection, kind: &str, id: &str) -> rusqlite::Result<Option<(i64, u64)>> {
    c.prepare_cached("SELECT key, revision FROM document WHERE kind = ?1 AND id = ?2")?
        .query_row(params![kind, id], |row| Ok((row.get(0)?, unsigned(row.get(1)?))))
        .optional()
}

fn fields(c: &Connection, key: i64) -> rusqlite::Result<BTreeMap<String, Sql>> {
    c.prepare_cached("SELECT field, value FROM document_field WHERE document = ?1")?
        .query_map([key], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}

/// Writes only the fields that differ: most writes of a document move one or two of them.
fn index_document(
    c: &Connection,
    key: i64,
    kind: &str,
    id: &str,
    index: &[(&'static str, Index)],
    mut had: BTreeMap<String, Sql>,
) -> rusqlite::Result<()> {
    for (field, value) in index {
        let value = IndexValue(value);
        if had.remove(*field).is_some_and(|old| value == old) {
            continue;
        }
        let sql =
            "REPLACE INTO document_field (document, field, kind, value, id) VALUES (?1, ?2, ?3, ?4, ?5)";
        execute(c, sql, params![key, field, kind, value, id])?;
    }
    for field in had.keys() {
        execute(c, "DELETE FROM document_field WHERE document = ?1 AND field = ?2", params![key, field])?;
    }
    Ok(())
}

fn note_change(
    changes: &mut Changes<'_>,
    kind: &str,
    id: &str,
    revision: Option<u64>,
) -> rusqlite::Result<()> {
    let sequence = changes.newest + 1;
    let sql = "REPLACE INTO change (sequence, kind, id, revision) VALUES (?1, ?2, ?3, ?4)";
    execute(changes.connection, sql, params![signed(sequence), kind, id, revision.map(signed)])?;
    changes.newest = sequence;
    Ok(())
}

pub(super) fn execute(c: &Connection, sql: &str, params: impl rusqlite::Params) -> rusqlite::Result<()> {
    c.prepare_cached(sql)?.execute(params).map(drop)
}

/// An index value as SQLite sees it. Integers sort before text there, as in [`Index`].
pub(super) struct IndexValue<'a>(pub(super) &'a Index);

impl ToSql for IndexValue<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self.0 {
            Index::Int(n) => ValueRef::Integer(*n),
            Index::Text(text) => ValueRef::Text(text.as_bytes()),
        }))
    }
}

impl PartialEq<Sql> for IndexValue<'_> {
    fn eq(&self, other: &Sql) -> bool {
        match (self.0, other) {
            (Index::Int(a), Sql::Integer(b)) => a == b,
            (Index::Text(a), Sql::Text(b)) => a == b,
            _ => false,
        }
    }
}
