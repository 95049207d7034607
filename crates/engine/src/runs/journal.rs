//! The journal of a run as it is stored: which definition it follows, then its events.
//!
//! A definition is stored once, under the hash of its text; the journal names it. Another one follows where the
//! run was taken to another version. What is too large for a record is a blob that the record names.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::RunId;
use ports::JournalRecord;
use serde_json::{Value, json};
use workflow::{Definition, Event, History, State};

use super::library::{Pinned, StoredDefinition};

/// Type of the record that names a definition.
const DEFINITION: &str = "definition";

/// Name of the journal of a run.
pub(super) fn name(run: &RunId) -> String {
    crate::situation::run_journal(run)
}

/// The record that says which definition the events after it follow.
pub(super) fn head(pinned: &Pinned) -> Value {
    json!({"type": DEFINITION, "sha256": pinned.sha256})
}

pub(super) fn event(event: &Event) -> Value {
    serde_json::to_value(event).expect("an event is plain data")
}

/// Why a journal cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// A record is neither a definition nor an event.
    #[error("record {sequence} cannot be read: {reason}")]
    Record {
        /// Its place.
        sequence: u64,
        /// Why.
        reason: String,
    },
    /// It does not begin with a definition.
    #[error("it does not begin with a definition")]
    Headless,
    /// A definition it names is not there, or cannot be read.
    #[error("its definition {sha256} cannot be used: {reason}")]
    Definition {
        /// Which.
        sha256: String,
        /// Why.
        reason: String,
    },
}

/// A journal, read.
#[derive(Clone, Debug)]
pub struct Journal {
    /// The definition it begins with, then one for each migration.
    pub definitions: Vec<Arc<Pinned>>,
    /// Its events, oldest first.
    pub events: Vec<Event>,
    /// Sequence of the record of each event.
    pub sequences: Vec<u64>,
    /// How many records were ever appended.
    pub length: u64,
}

/// Hashes of the definitions that records name, in order.
#[must_use]
pub fn definition_hashes(records: &[JournalRecord]) -> Vec<String> {
    let heads = records.iter().filter(|r| r.body["type"] == DEFINITION);
    heads.filter_map(|r| r.body["sha256"].as_str().map(str::to_owned)).collect()
}

/// Reads a journal. `pinned` gives the definitions it names; `length` is that of the journal.
///
/// # Errors
/// A record cannot be read, or a definition is missing.
pub fn read(
    records: &[JournalRecord],
    length: u64,
    pinned: &BTreeMap<String, Arc<Pinned>>,
) -> Result<Journal, JournalError> {
    let mut journal = Journal { definitions: Vec::new(), events: Vec::new(), sequences: Vec::new(), length };
    for record in records {
        if record.body["type"] == DEFINITION {
            let sha256 = record.body["sha256"].as_str().unwrap_or_default();
            let found = pinned.get(sha256).ok_or_else(|| JournalError::Definition {
                sha256: sha256.to_owned(),
                reason: "it is not in the store".to_owned(),
            })?;
            journal.definitions.push(Arc::clone(found));
            continue;
        }
        let event = serde::Deserialize::deserialize(&record.body).map_err(|e: serde_json::Error| {
            JournalError::Record { sequence: record.sequence, reason: e.to_string() }
        })?;
        journal.events.push(event);
        journal.sequences.push(record.sequence);
    }
    if journal.definitions.is_empty() { Err(JournalError::Headless) } else { Ok(journal) }
}

/// Reads a stored definition.
///
/// # Errors
/// Its text is no workflow for this version.
pub fn pin(stored: &StoredDefinition) -> Result<Pinned, JournalError> {
    Pinned::parse(&stored.file, &stored.source, stored.resources.clone())
        .map_err(|e| JournalError::Definition { sha256: stored.sha256.clone(), reason: e.to_string() })
}

impl Journal {
    /// As the workflow crate folds it. `run` is the id of the run.
    #[must_use]
    pub fn history<'a>(&'a self, run: &'a str) -> History<'a> {
        let mut definitions = self.definitions.iter().map(|p| &*p.definition);
        let first: &Definition = definitions.next().expect("a journal that was read has a definition");
        definitions.fold(History::new(run, first, &self.events), History::migrated_to)
    }

    /// How many events the first `records` records hold.
    #[must_use]
    pub fn events_upto(&self, records: u64) -> usize {
        self.sequences.partition_point(|s| *s <= records)
    }

    /// What is needed of it to go on.
    ///
    /// # Errors
    /// It names no definition.
    pub fn fold(&self, run: &str) -> Result<Folded, String> {
        let last = self.definitions.last().ok_or("it names no definition")?;
        let mut state = State::new(run);
        for (definition, event) in self.history(run).steps() {
            // What it led to was carried out, or is asked for again.
            let _effects = workflow::apply(definition, &mut state, event);
        }
        Ok(Folded {
            pinned: Arc::clone(last),
            definitions: self.definitions.iter().map(|d| d.sha256.clone()).collect(),
            state,
            events: self.events.len() as u64,
            length: self.length,
        })
    }
}

/// A journal, folded: all that a run which is not over needs of it.
#[derive(Clone, Debug)]
pub struct Folded {
    /// The definition it ends with.
    pub(super) pinned: Arc<Pinned>,
    /// Hashes of all its definitions.
    pub(super) definitions: Vec<String>,
    pub(super) state: State,
    /// How many events it has.
    pub(super) events: u64,
    /// How many records were ever appended.
    pub(super) length: u64,
}
