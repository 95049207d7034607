//! What runs did: read from their journals, at any record.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use model::{Run, RunId};
use ports::{Blobs, JournalPosition, JournalRecord};
use workflow::{Event, JournalLine, View};

use crate::overflow;
use crate::records::Records;
use crate::runs::{
    Folded, Journal, JournalError, Loaded, Pinned, StoredDefinition, definition_hashes, pin, read_journal,
};
use crate::situation::run_journal;

/// Definitions kept ready.
const MAX_CACHED: usize = 512;
/// Records read at once.
const PAGE: usize = 1_000;
/// Records of many journals read at once, and their size.
const PAGE_RECORDS: usize = 10_000;
const PAGE_BYTES: usize = 4 << 20;

/// Why the story of a run cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum StoryError {
    /// The store or the blobs could not be read.
    #[error(transparent)]
    Store(#[from] ports::Error),
    /// The journal does not make sense.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// A run as it was after some record of its journal.
#[derive(Clone, Debug)]
pub struct Story {
    /// Its steps and where it stood.
    pub view: View,
    /// How many records its journal has.
    pub records: u64,
    /// The record it is told up to.
    pub at: u64,
    /// The definition it follows.
    pub pinned: Arc<Pinned>,
}

/// Reads journals of runs.
#[derive(Clone)]
pub struct Stories {
    records: Records,
    blobs: Arc<dyn Blobs>,
    definitions: Arc<Mutex<BTreeMap<String, Arc<Pinned>>>>,
}

impl Stories {
    pub(crate) fn new(records: Records, blobs: Arc<dyn Blobs>) -> Self {
        Self { records, blobs, definitions: Arc::default() }
    }

    /// Where large values of journals are.
    pub(crate) fn blobs(&self) -> &dyn Blobs {
        self.blobs.as_ref()
    }

    /// The run as it is, or as it was after the first `at` records of its journal.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub async fn story(&self, run: &Run, at: Option<u64>) -> Result<Story, StoryError> {
        let journal = self.journal(&run.id).await?;
        let at = at.map_or(journal.length, |at| at.min(journal.length));
        let history = journal.history(run.id.as_str());
        let view = workflow::trail(&history, journal.events_upto(at));
        let pinned = Arc::clone(journal.definitions.last().ok_or(JournalError::Headless)?);
        Ok(Story { view, records: journal.length, at, pinned })
    }

    /// One line for each event of the journal of a run, with the sequence of its record, and the event.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub async fn lines(&self, run: &RunId) -> Result<Vec<(JournalLine, Event)>, StoryError> {
        let journal = self.journal(run).await?;
        let mut lines = workflow::journal_lines(&journal.history(run.as_str()));
        for (line, sequence) in lines.iter_mut().zip(&journal.sequences) {
            line.sequence = usize::try_from(*sequence).unwrap_or(usize::MAX);
        }
        Ok(lines.into_iter().zip(journal.events).collect())
    }

    /// A record of the journal of a run as it is stored, large values in their place.
    ///
    /// # Errors
    /// The journal or a blob cannot be read.
    pub async fn records(
        &self,
        run: &RunId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<JournalRecord>, StoryError> {
        let page = self.records.store().read_journal(&run_journal(run), after, limit).await?;
        let mut records = Vec::with_capacity(page.len());
        for record in page {
            records.push(overflow::inline(record, self.blobs.as_ref()).await?);
        }
        Ok(records)
    }

    pub(crate) async fn load(&self, run: &str) -> Result<Option<Loaded>, StoryError> {
        let Some(run) = self.records.get::<Run>(run).await? else { return Ok(None) };
        let journal = self.journal(&run.id).await?;
        Ok(Some(Loaded { run, journal }))
    }

    pub(crate) async fn journal(&self, run: &RunId) -> Result<Journal, StoryError> {
        let (mut records, mut after) = (Vec::new(), 0);
        loop {
            let page = self.records(run, after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = last.sequence;
            let whole = page.len() < PAGE;
            records.extend(page);
            if whole {
                break;
            }
        }
        self.read(&records, after).await
    }

    async fn read(&self, records: &[JournalRecord], length: u64) -> Result<Journal, StoryError> {
        let mut pinned = BTreeMap::new();
        for sha256 in definition_hashes(records) {
            if let Some(found) = self.definition(&sha256).await? {
                pinned.insert(sha256, found);
            }
        }
        Ok(read_journal(records, length, &pinned)?)
    }

    /// What runs need of their journals to go on; or for one that cannot be read, why.
    ///
    /// # Errors
    /// The store failed.
    pub(crate) async fn fold(&self, runs: Vec<Run>) -> ports::Result<Vec<(Run, Result<Folded, String>)>> {
        let names: Vec<String> = runs.iter().map(|run| run_journal(&run.id)).collect();
        let mut journals: BTreeMap<String, Vec<JournalRecord>> = BTreeMap::new();
        let mut after = JournalPosition::default();
        loop {
            let store = self.records.store();
            let page = store.journals_named(&names, &after, PAGE_RECORDS, PAGE_BYTES).await?;
            for part in page.parts {
                journals.entry(part.journal).or_default().extend(part.records);
            }
            match page.next {
                Some(next) => after = next,
                None => break,
            }
        }
        let mut folded = Vec::with_capacity(runs.len());
        for (run, name) in runs.into_iter().zip(names) {
            let records = journals.remove(&name).unwrap_or_default();
            let read = match self.fold_one(&run, records).await {
                // A failure of the store says nothing about the run.
                Err(StoryError::Store(error)) if !matches!(error, ports::Error::Corrupt(_)) => {
                    return Err(error);
                }
                read => read.map_err(|e| e.to_string()),
            };
            folded.push((run, read));
        }
        Ok(folded)
    }

    async fn fold_one(&self, run: &Run, stored: Vec<JournalRecord>) -> Result<Folded, StoryError> {
        let mut records = Vec::with_capacity(stored.len());
        for record in stored {
            records.push(overflow::inline(record, self.blobs.as_ref()).await?);
        }
        let length = records.last().map_or(0, |last| last.sequence);
        let journal = self.read(&records, length).await?;
        Ok(journal.fold(run.id.as_str()).map_err(|_| JournalError::Headless)?)
    }

    async fn definition(&self, sha256: &str) -> Result<Option<Arc<Pinned>>, StoryError> {
        let known = || self.definitions.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = known().get(sha256) {
            return Ok(Some(Arc::clone(found)));
        }
        let Some(stored) = self.records.get::<StoredDefinition>(sha256).await? else { return Ok(None) };
        let pinned = Arc::new(pin(&stored)?);
        let mut known = known();
        if known.len() >= MAX_CACHED {
            known.pop_first();
        }
        known.insert(sha256.to_owned(), Arc::clone(&pinned));
        Ok(Some(pinned))
    }
}
