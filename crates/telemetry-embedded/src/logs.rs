//! Log records in a data folder.
//!
//! Records wait in memory as they came; blocks hold them sorted by time in compressed chunks of about two
//! thousand, each with its time range, levels, services and a filter of four-byte pieces, so that most
//! searches read few chunks. Deliberately absent: an inverted index and templates.

mod block;
mod columns;
mod cursor;
mod filter;
mod head;
mod matcher;
mod search;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use async_trait::async_trait;
use model::{LogRecord, Timestamp};
use ports::{Error, LogPage, LogQuery, Logs, Offset, Result};

use crate::block::Block;
use crate::compaction::Limits;
use crate::disk::BlockWriter;
use crate::shelf::{Content, Kind, Live, Shelf};
use head::{Head, Segment};

/// Records of one batch at most: the position in the batch takes 20 bits of a record's sequence.
const MAX_BATCH: usize = 1 << 20;

/// Offsets above this leave no room for the position in the batch.
const MAX_OFFSET: u64 = (1 << 44) - 1;

/// Bounds of a [`LogStore`].
#[derive(Clone, Copy, Debug)]
pub struct LogOptions {
    /// Memory of records not yet flushed, in bytes. At this size a flush starts by itself, at twice this
    /// size `append` says `Overloaded`.
    pub head_bytes: usize,
    /// A search that takes longer gives what it has, perhaps nothing, and a cursor to go on from.
    pub search_budget_ms: u64,
}

impl Default for LogOptions {
    fn default() -> Self {
        Self { head_bytes: 64 << 20, search_budget_ms: 2_000 }
    }
}

/// Keeps log records in a data folder.
pub struct LogStore {
    shelf: Arc<Shelf<Records>>,
    options: LogOptions,
}

impl LogStore {
    /// Opens a data folder, making it when it is not there.
    ///
    /// # Errors
    /// The folder cannot be used, is in use by another process, or its manifest is corrupt. A corrupt block
    /// is reported by the searches that need it.
    pub fn open(dir: impl AsRef<Path>) -> Result<Self> {
        Self::open_with(dir, LogOptions::default())
    }

    /// Opens a data folder with other bounds.
    ///
    /// # Errors
    /// As [`LogStore::open`].
    pub fn open_with(dir: impl AsRef<Path>, options: LogOptions) -> Result<Self> {
        let limits = Limits { max_items: 64_000_000, ..Limits::default() };
        Self::open_limited(dir.as_ref(), options, limits)
    }

    fn open_limited(dir: &Path, options: LogOptions, limits: Limits) -> Result<Self> {
        Ok(Self { shelf: Shelf::open(dir, options.head_bytes, limits)?, options })
    }
}

impl Drop for LogStore {
    fn drop(&mut self) {
        self.shelf.close();
    }
}

#[async_trait]
impl Logs for LogStore {
    async fn append(&self, batch: &[LogRecord], at: Offset) -> Result<()> {
        if batch.len() > MAX_BATCH || at > MAX_OFFSET {
            return Err(Error::Invalid(format!(
                "at most {MAX_BATCH} records in a batch, and offsets up to {MAX_OFFSET}: split the batch"
            )));
        }
        if at <= self.shelf.taken() {
            return Ok(());
        }
        let segment = (!batch.is_empty()).then(|| Arc::new(Segment::new(batch, at << 20)));
        self.shelf.append(at, |(), head| {
            head.segments.extend(segment);
            Ok(())
        })
    }

    fn applied(&self) -> Offset {
        self.shelf.applied()
    }

    async fn flush(&self) -> Result<()> {
        self.shelf.flush().await
    }

    async fn search(&self, query: &LogQuery) -> Result<LogPage> {
        let search = search::Search::new(query)?;
        let budget = Duration::from_millis(self.options.search_budget_ms);
        self.shelf.query(move |shelf| search.page(shelf, budget)).await
    }

    async fn histogram(&self, query: &LogQuery, buckets: usize) -> Result<Vec<u64>> {
        let histogram = search::Histogram::new(query, buckets)?;
        self.shelf.query(move |shelf| histogram.counts(shelf)).await
    }

    async fn expire(&self, before: Timestamp) -> Result<()> {
        self.shelf.expire(before.as_unix_ms()).await
    }
}

/// What a shelf of logs keeps.
pub(crate) struct Records;

impl Kind for Records {
    const NAME: &'static str = "logs";
    type Index = ();
    type Head = Head;
    type Footer = block::Footer;

    fn size(head: &Head) -> usize {
        head.size()
    }

    fn is_empty(head: &Head) -> bool {
        head.segments.is_empty()
    }

    fn load((): &mut (), footer: &[u8]) -> std::result::Result<block::Footer, String> {
        rmp_serde::from_slice(footer).map_err(|e| e.to_string())
    }

    fn write(head: &Head, out: &mut BlockWriter<'_>) -> Result<Content<block::Footer>> {
        block::write(head, out)
    }

    fn merge(
        blocks: &[Arc<Block<block::Footer>>],
        keep_from: i64,
        out: &mut BlockWriter<'_>,
        stop: &AtomicBool,
    ) -> Result<Option<Content<block::Footer>>> {
        block::merge(blocks, keep_from, out, stop)
    }

    fn forget(_: &mut Live<Self>) {}
}
