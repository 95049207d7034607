//! Journals: what a commit does to them, and how they are read.
//!
//! Records lie in the order of their arrival, which keeps appends to many journals next to each other on
//! disk; an index finds those of one journal. How long a journal is follows from its newest record, so an
//! append writes nothing else.

use std::collections::{BTreeSet, HashMap};

use ports::{
    Error, Expected, JournalLength, JournalPage, JournalPart, JournalPosition, JournalRecord, Result,
};
use rusqlite::{CachedStatement, Connection, OptionalExtension, params};

use super::apply::{check_expected, execute};
use super::{Changes, failed, read, signed, unsigned};

/// Most journals of each generation that the writer remembers; about 5 MB.
const REMEMBERED: usize = 1 << 15;

/// Where a journal is and how long.
#[derive(Clone, Copy)]
struct Head {
    /// Key of its row; its records carry it.
    key: i64,
    length: JournalLength,
}

/// What the writer remembers of the journals it wrote to lately, so that an append looks nothing up.
///
/// Two generations: when the young one is full it becomes the old one, and what was not used for that long
/// is forgotten.
#[derive(Default)]
pub(super) struct Heads {
    young: HashMap<String, Head>,
    old: HashMap<String, Head>,
    /// Whether the write under way changed a journal, so that rolling it back makes what is remembered wrong.
    changed: bool,
}

impl Heads {
    /// A write begins.
    pub(super) fn begin(&mut self) {
        self.changed = false;
    }

    /// The write under way is undone.
    pub(super) fn roll_back(&mut self) {
        if self.changed {
            self.forget();
        }
    }

    /// Whatever was written may be undone.
    pub(super) fn forget(&mut self) {
        self.young.clear();
        self.old.clear();
        self.changed = false;
    }

    fn find(&mut self, c: &Connection, name: &str) -> rusqlite::Result<Option<Head>> {
        if let Some(head) = self.young.get(name) {
            return Ok(Some(*head));
        }
        let found = match self.old.remove(name) {
            Some(head) => Some(head),
            None => head(c, name)?,
        };
        if let Some(head) = found {
            self.remember(name, head);
        }
        Ok(found)
    }

    /// The head of a journal that was just written to.
    fn written(&mut self, name: &str, head: Head) {
        self.changed = true;
        match self.young.get_mut(name) {
            Some(known) => *known = head,
            None => self.remember(name, head),
        }
    }

    fn dropped(&mut self, name: &str) {
        self.changed = true;
        self.young.remove(name);
        self.old.remove(name);
    }

    fn remember(&mut self, name: &str, head: Head) {
        if self.young.len() >= REMEMBERED {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(name.to_owned(), head);
    }
}

/// Appends records; gives the journal's length.
pub(super) fn append(
    changes: &mut Changes<'_>,
    journal: &str,
    expected: Expected,
    records: &[String],
) -> Result<u64> {
    let failed = failed("append to a journal");
    let c = changes.connection;
    let found = expect(changes, journal, expected)?;
    let mut length = found.map(|head| head.length).unwrap_or_default();
    if records.is_empty() {
        return Ok(length.length);
    }
    let key = match found {
        Some(head) => head.key,
        None => {
            execute(c, "INSERT INTO journal (name, trimmed) VALUES (?1, 0)", [journal]).map_err(&failed)?;
            c.last_insert_rowid()
        }
    };
    let sql = "INSERT INTO journal_record (journal, sequence, body) VALUES (?1, ?2, ?3)";
    let mut insert = c.prepare_cached(sql).map_err(&failed)?;
    for body in records {
        length.length += 1;
        insert.execute(params![key, signed(length.length), body]).map_err(&failed)?;
    }
    changes.heads.written(journal, Head { key, length });
    Ok(length.length)
}

/// Removes records before a sequence; gives the journal's length.
pub(super) fn trim(changes: &mut Changes<'_>, journal: &str, expected: Expected, before: u64) -> Result<u64> {
    let failed = failed("trim a journal");
    let c = changes.connection;
    let Some(Head { key, mut length }) = expect(changes, journal, expected)? else { return Ok(0) };
    let trimmed = before.saturating_sub(1).min(length.length);
    if trimmed > length.trimmed {
        length.trimmed = trimmed;
        let sql = "DELETE FROM journal_record WHERE journal = ?1 AND sequence <= ?2";
        execute(c, sql, params![key, signed(trimmed)]).map_err(&failed)?;
        let sql = "UPDATE journal SET trimmed = ?2 WHERE key = ?1";
        execute(c, sql, params![key, signed(trimmed)]).map_err(&failed)?;
        changes.heads.written(journal, Head { key, length });
    }
    Ok(length.length)
}

/// Removes a journal and its records.
pub(super) fn drop_whole(changes: &mut Changes<'_>, journal: &str, expected: Expected) -> Result<u64> {
    let failed = failed("drop a journal");
    let c = changes.connection;
    if let Some(Head { key, .. }) = expect(changes, journal, expected)? {
        execute(c, "DELETE FROM journal_record WHERE journal = ?1", [key]).map_err(&failed)?;
        execute(c, "DELETE FROM journal WHERE key = ?1", [key]).map_err(&failed)?;
        changes.heads.dropped(journal);
    }
    Ok(0)
}

/// The head of a journal, when it is as long as expected.
fn expect(changes: &mut Changes<'_>, journal: &str, expected: Expected) -> Result<Option<Head>> {
    let found = changes.heads.find(changes.connection, journal).map_err(failed("look a journal up"))?;
    let length = found.map_or(0, |head| head.length.length);
    check_expected(expected, length, || format!("journal {journal}"))?;
    Ok(found)
}

fn head(c: &Connection, name: &str) -> rusqlite::Result<Option<Head>> {
    let sql =
        "SELECT j.key, j.trimmed, (SELECT max(r.sequence) FROM journal_record r WHERE r.journal = j.key)
               FROM journal j WHERE j.name = ?1";
    c.prepare_cached(sql)?
        .query_row([name], |row| {
            let trimmed = unsigned(row.get(1)?);
            let newest = row.get::<_, Option<i64>>(2)?.map(unsigned);
            let length = JournalLength { length: newest.unwrap_or(trimmed), trimmed };
            Ok(Head { key: row.get(0)?, length })
        })
        .optional()
}

/// How long a journal is.
pub(super) fn length(c: &Connection, name: &str) -> Result<JournalLength> {
    let found = head(c, name).map_err(failed("measure a journal"))?;
    Ok(found.map(|head| head.length).unwrap_or_default())
}

/// Records of a journal after a position.
pub(super) fn records(c: &Connection, name: &str, after: u64, limit: usize) -> Result<Vec<JournalRecord>> {
    let failed = failed("read a journal");
    let Some(key) = key(c, name).map_err(&failed)? else { return Ok(Vec::new()) };
    let mut select = select_records(c).map_err(&failed)?;
    let mut rows = select.query(params![key, signed(after)]).map_err(&failed)?;
    let mut records = Vec::new();
    while records.len() < limit
        && let Some(row) = rows.next().map_err(&failed)?
    {
        records.push(record(row, name)?.0);
    }
    Ok(records)
}

/// Names of journals with a prefix, after a name.
pub(super) fn names(c: &Connection, prefix: &str, after: &str, limit: usize) -> Result<Vec<String>> {
    let failed = failed("list journals");
    // Names with a prefix are neighbours, so reading stops at the first without it.
    let sql = "SELECT name FROM journal WHERE name >= max(?1, ?2) AND name <> ?2 ORDER BY name";
    let mut select = c.prepare_cached(sql).map_err(&failed)?;
    let mut rows = select.query(params![prefix, after]).map_err(&failed)?;
    let mut names = Vec::new();
    while names.len() < limit
        && let Some(row) = rows.next().map_err(&failed)?
    {
        let name: String = row.get(0).map_err(&failed)?;
        if !name.starts_with(prefix) {
            break;
        }
        names.push(name);
    }
    Ok(names)
}

/// A page of the records of many journals, while it fills.
pub(super) struct Page {
    after: JournalPosition,
    limit_records: usize,
    limit_bytes: usize,
    records: usize,
    bytes: usize,
    page: JournalPage,
}

impl Page {
    /// An empty page that begins after a position.
    pub(super) fn new(after: &JournalPosition, limit_records: usize, limit_bytes: usize) -> Result<Self> {
        if limit_records == 0 || limit_bytes == 0 {
            let why = "a page of journals needs room: limits of records and bytes begin at 1";
            return Err(Error::Invalid(why.to_owned()));
        }
        let (after, page) = (after.clone(), JournalPage::default());
        Ok(Self { after, limit_records, limit_bytes, records: 0, bytes: 0, page })
    }

    /// Fills it from the journals with a prefix.
    pub(super) fn of_prefix(mut self, c: &Connection, prefix: &str) -> Result<JournalPage> {
        let failed = failed("read journals");
        let mut records = select_records(c).map_err(&failed)?;
        let sql = "SELECT key, name FROM journal WHERE name >= max(?1, ?2) ORDER BY name";
        let mut journals = c.prepare_cached(sql).map_err(&failed)?;
        let mut rows = journals.query(params![prefix, self.after.journal]).map_err(&failed)?;
        while let Some(row) = rows.next().map_err(&failed)? {
            let (key, name): (i64, String) = (row.get(0).map_err(&failed)?, row.get(1).map_err(&failed)?);
            if !name.starts_with(prefix) || !self.take(&mut records, key, name)? {
                break;
            }
        }
        Ok(self.page)
    }

    /// Fills it from the journals with these names.
    pub(super) fn of_names(mut self, c: &Connection, names: &BTreeSet<String>) -> Result<JournalPage> {
        let failed = failed("read journals");
        let mut records = select_records(c).map_err(&failed)?;
        for name in names {
            if let Some(key) = key(c, name).map_err(&failed)?
                && !self.take(&mut records, key, name.clone())?
            {
                break;
            }
        }
        Ok(self.page)
    }

    /// Takes what it can of a journal; false when the page is full and there is more.
    fn take(&mut self, select: &mut CachedStatement<'_>, key: i64, name: String) -> Result<bool> {
        let failed = failed("read journals");
        let after = if name == self.after.journal { self.after.sequence } else { 0 };
        let mut rows = select.query(params![key, signed(after)]).map_err(&failed)?;
        let mut part = JournalPart { journal: name, records: Vec::new() };
        let mut more = false;
        while let Some(row) = rows.next().map_err(&failed)? {
            if self.records == self.limit_records || self.bytes >= self.limit_bytes {
                more = true;
                break;
            }
            let (record, bytes) = record(row, &part.journal)?;
            part.records.push(record);
            self.records += 1;
            self.bytes += bytes;
        }
        if !part.records.is_empty() {
            self.page.parts.push(part);
        }
        if more {
            self.page.next = self.page.parts.last().and_then(|part| {
                let last = part.records.last()?;
                Some(JournalPosition { journal: part.journal.clone(), sequence: last.sequence })
            });
        }
        Ok(!more)
    }
}

fn key(c: &Connection, name: &str) -> rusqlite::Result<Option<i64>> {
    c.prepare_cached("SELECT key FROM journal WHERE name = ?1")?
        .query_row([name], |row| row.get(0))
        .optional()
}

/// Records of the journal with a key, after a sequence. Whoever reads stops where enough was read: the rows
/// come one by one, nothing is sorted.
fn select_records(c: &Connection) -> rusqlite::Result<CachedStatement<'_>> {
    c.prepare_cached(
        "SELECT sequence, body FROM journal_record WHERE journal = ?1 AND sequence > ?2 ORDER BY sequence",
    )
}

/// The record in a row, and the length of its text.
fn record(row: &rusqlite::Row<'_>, journal: &str) -> Result<(JournalRecord, usize)> {
    let failed = failed("read a journal");
    let sequence = unsigned(row.get(0).map_err(&failed)?);
    let text = row.get_ref(1).and_then(|text| Ok(text.as_str()?)).map_err(&failed)?;
    let body = read::parse(text, || format!("record {sequence} of journal {journal}"))?;
    Ok((JournalRecord { sequence, body }, text.len()))
}
