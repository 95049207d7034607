//! State: documents and journals, written together in one atomic commit.
//!
//! A *document* is a typed, versioned JSON body with a kind, an id, a revision that grows by one with
//! each write, and a few declared index fields by which it can be listed. A *journal* is an append-only
//! sequence of records, which can be trimmed from its old end. One commit changes any number of both, or
//! nothing.

use async_trait::async_trait;
use serde_json::Value;

use crate::error::Result;

/// What a writer expects to find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Anything.
    Any,
    /// Nothing: the document does not exist, nothing was appended to the journal.
    Absent,
    /// Exactly this revision (documents) or this length (journals, see [`JournalLength::length`]).
    Exactly(u64),
}

/// A value of a declared index field. Fields sort as text or as integers, by their kind.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Index {
    /// An integer; milliseconds for instants.
    Int(i64),
    /// Text.
    Text(String),
}

/// One change of a commit.
#[derive(Clone, Debug)]
pub enum Op {
    /// Creates or replaces a document.
    Put {
        /// Kind: `incident`.
        kind: &'static str,
        /// Id, unique within the kind.
        id: String,
        /// What must be there for the commit to happen.
        expected: Expected,
        /// The body.
        body: Value,
        /// Declared fields it can be listed by; at most 8, each once.
        index: Vec<(&'static str, Index)>,
    },
    /// Removes a document. Removing what is not there is no error under `Expected::Any`.
    Delete {
        /// Kind.
        kind: &'static str,
        /// Id.
        id: String,
        /// What must be there for the commit to happen.
        expected: Expected,
    },
    /// Appends records to a journal.
    Append {
        /// Journal name: `run/run_…`, `audit`.
        journal: String,
        /// How long the journal must be for the commit to happen.
        expected: Expected,
        /// The records, JSON, oldest first.
        records: Vec<Value>,
    },
    /// Removes the oldest records of a journal. The others keep their sequences and the journal keeps its
    /// length. It takes time for each record removed: a caller that removes very many does it in steps.
    Trim {
        /// Journal name.
        journal: String,
        /// How long the journal must be for the commit to happen.
        expected: Expected,
        /// Records before this sequence go; those that went before stay gone.
        before: u64,
    },
    /// Removes a journal whole; its name may be used again, from sequence 1. Removing what is not there is no
    /// error under `Expected::Any`.
    Drop {
        /// Journal name.
        journal: String,
        /// How long the journal must be for the commit to happen.
        expected: Expected,
    },
}

/// A stored document.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// Kind.
    pub kind: String,
    /// Id.
    pub id: String,
    /// Grows by one with each write of this document, from 1; from 1 again when it was removed between.
    pub revision: u64,
    /// The body.
    pub body: Value,
}

/// A condition on an index field.
#[derive(Clone, Debug, PartialEq)]
pub enum Filter {
    /// The field equals one of these.
    In(&'static str, Vec<Index>),
    /// The field is at least this.
    AtLeast(&'static str, Index),
    /// The field is less than this.
    Below(&'static str, Index),
}

/// Which way a list goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Direction {
    /// Smallest first.
    #[default]
    Ascending,
    /// Largest first; ids too.
    Descending,
}

/// A question for documents of one kind. Ids break ties, so the order is total and a cursor is exact.
#[derive(Clone, Debug)]
pub struct Query {
    /// Kind.
    pub kind: &'static str,
    /// All must hold.
    pub filters: Vec<Filter>,
    /// Index field to order by; none orders by id. Documents without the field are not in the list.
    pub order_by: Option<&'static str>,
    /// Which way.
    pub direction: Direction,
    /// Where the page before ended: its `next`.
    pub cursor: Option<String>,
    /// At most this many, 1 to 1000.
    pub limit: usize,
}

impl Query {
    /// All documents of a kind, by id, up to 100 a page.
    #[must_use]
    pub fn of(kind: &'static str) -> Self {
        Self {
            kind,
            filters: Vec::new(),
            order_by: None,
            direction: Direction::Ascending,
            cursor: None,
            limit: 100,
        }
    }

    /// With one more condition.
    #[must_use]
    pub fn filter(mut self, filter: Filter) -> Self {
        self.filters.push(filter);
        self
    }

    /// In another order.
    #[must_use]
    pub fn order(mut self, field: &'static str, direction: Direction) -> Self {
        self.order_by = Some(field);
        self.direction = direction;
        self
    }

    /// With at most `limit` a page.
    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    /// From where the page before ended.
    #[must_use]
    pub fn cursor(mut self, cursor: Option<String>) -> Self {
        self.cursor = cursor;
        self
    }
}

/// A page of documents.
#[derive(Clone, Debug, Default)]
pub struct DocumentPage {
    /// The documents.
    pub items: Vec<Document>,
    /// Pass as `cursor` for the next page; none at the end. Opaque.
    pub next: Option<String>,
}

/// One line of the change feed.
#[derive(Clone, Debug, PartialEq)]
pub struct DocumentChange {
    /// Position in the feed; grows with each write, without repetition.
    pub sequence: u64,
    /// Kind.
    pub kind: String,
    /// Id.
    pub id: String,
    /// New revision; none when it was removed.
    pub revision: Option<u64>,
}

/// A journal record.
#[derive(Clone, Debug, PartialEq)]
pub struct JournalRecord {
    /// Position in its journal, from 1, without gaps.
    pub sequence: u64,
    /// The record.
    pub body: Value,
}

/// How long a journal is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JournalLength {
    /// How many records were ever appended, which is the sequence of the newest. Trims do not change it.
    pub length: u64,
    /// How many of them, the oldest, were trimmed: what comes after this sequence can be read.
    pub trimmed: u64,
}

impl JournalLength {
    /// How many records can be read.
    #[must_use]
    pub const fn kept(self) -> u64 {
        self.length - self.trimmed
    }
}

/// A place in many journals, in the order of their names (by bytes) and then of their records.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct JournalPosition {
    /// Journal name; empty is before all.
    pub journal: String,
    /// Sequence of a record in it; 0 is before its first.
    pub sequence: u64,
}

/// Records of one journal on a page of many.
#[derive(Clone, Debug, PartialEq)]
pub struct JournalPart {
    /// Journal name.
    pub journal: String,
    /// Its records, oldest first, at least one.
    pub records: Vec<JournalRecord>,
}

/// A page of the records of many journals.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct JournalPage {
    /// The journals in the order of their names. The last may go on on the next page.
    pub parts: Vec<JournalPart>,
    /// Pass as `after` for the next page; none at the end.
    pub next: Option<JournalPosition>,
}

/// What a commit wrote.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Commit {
    /// For each op in order: the new revision (put), 0 (delete, drop) or the journal's length (append, trim).
    pub positions: Vec<u64>,
    /// Position of the commit's last document change in the feed; 0 when it changed no document.
    pub change: u64,
}

/// Documents and journals.
#[async_trait]
pub trait Store: Send + Sync {
    /// Makes all changes, durably and at once, or none.
    ///
    /// # Errors
    /// `Conflict` names the first op whose expectation failed. `Invalid` for an empty id or journal name, or
    /// index fields beyond what is allowed.
    async fn commit(&self, ops: Vec<Op>) -> Result<Commit>;

    /// One document.
    ///
    /// # Errors
    /// The store failed.
    async fn get(&self, kind: &'static str, id: &str) -> Result<Option<Document>>;

    /// A page of documents.
    ///
    /// # Errors
    /// `Invalid` for a cursor of another query or a limit out of range.
    async fn list(&self, query: &Query) -> Result<DocumentPage>;

    /// How many documents match; order, cursor and limit are ignored.
    ///
    /// # Errors
    /// The store failed.
    async fn count(&self, query: &Query) -> Result<u64>;

    /// Changes after a position of the feed, oldest first, at most `limit`. A document written often may
    /// show only its newest change.
    ///
    /// # Errors
    /// The store failed.
    async fn changes(&self, after: u64, limit: usize) -> Result<Vec<DocumentChange>>;

    /// Tells of new changes: the receiver's value is the newest position of the feed.
    fn watch(&self) -> tokio::sync::watch::Receiver<u64>;

    /// Records of a journal after a position, oldest first, at most `limit`.
    ///
    /// # Errors
    /// The store failed.
    async fn read_journal(&self, journal: &str, after: u64, limit: usize) -> Result<Vec<JournalRecord>>;

    /// Names of the journals with a prefix, sorted, after `after`, at most `limit`.
    ///
    /// # Errors
    /// The store failed.
    async fn journals(&self, prefix: &str, after: &str, limit: usize) -> Result<Vec<String>>;

    /// How long a journal is; zeros when it does not exist.
    ///
    /// # Errors
    /// The store failed.
    async fn journal_length(&self, journal: &str) -> Result<JournalLength>;

    /// Records of all journals with a prefix, after a position: what a fold of many journals reads, page by
    /// page. A page ends at `limit_records`, or with the record that makes its JSON reach `limit_bytes`: it
    /// holds at least one record when there is one.
    ///
    /// # Errors
    /// `Invalid` for a limit of 0.
    async fn journals_after(
        &self,
        prefix: &str,
        after: &JournalPosition,
        limit_records: usize,
        limit_bytes: usize,
    ) -> Result<JournalPage>;

    /// Like [`Store::journals_after`], of the journals with these names, for when others share their prefix
    /// that are not wanted. Names in any order, twice is once; those without a journal are passed over.
    ///
    /// # Errors
    /// `Invalid` for a limit of 0.
    async fn journals_named(
        &self,
        names: &[String],
        after: &JournalPosition,
        limit_records: usize,
        limit_bytes: usize,
    ) -> Result<JournalPage>;
}
