//! Metric series in a data folder.
//!
//! Samples wait in columns in memory, one for each series; blocks hold them compressed by pco, a few
//! thousand to a chunk. Labels are indexed in memory. Absent: aggregation and rates, which are the caller's.

mod block;
mod codec;
mod head;
mod labels;
mod query;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use async_trait::async_trait;
use model::{MetricSeries, TimeRange, Timestamp};
use ports::{Error, Offset, Result, Selector, Series, SeriesData};

use crate::block::Block;
use crate::compaction::Limits;
use crate::disk::BlockWriter;
use crate::shelf::{Content, Kind, Live, Shelf};
use head::Head;
use labels::Index;

/// Bounds of a [`SeriesStore`].
#[derive(Clone, Copy, Debug)]
pub struct SeriesOptions {
    /// Series kept at most; samples of further ones are refused. Series whose samples have expired no longer count.
    pub max_series: usize,
    /// Memory of samples not yet flushed, in bytes. At this size a flush starts by itself, at twice this
    /// size `append` says `Overloaded`.
    pub head_bytes: usize,
}

impl Default for SeriesOptions {
    fn default() -> Self {
        Self { max_series: 1_000_000, head_bytes: 64 << 20 }
    }
}

/// Keeps metric series in a data folder.
pub struct SeriesStore {
    shelf: Arc<Shelf<Samples>>,
    options: SeriesOptions,
}

impl SeriesStore {
    /// Opens a data folder, making it when it is not there.
    ///
    /// # Errors
    /// The folder cannot be used, is in use by another process, or its manifest is corrupt. A corrupt block
    /// is reported by the queries that need it.
    pub fn open(dir: impl AsRef<Path>) -> Result<Self> {
        Self::open_with(dir, SeriesOptions::default())
    }

    /// Opens a data folder with other bounds.
    ///
    /// # Errors
    /// As [`SeriesStore::open`].
    pub fn open_with(dir: impl AsRef<Path>, options: SeriesOptions) -> Result<Self> {
        Self::open_limited(dir.as_ref(), options, Limits::default())
    }

    fn open_limited(dir: &Path, options: SeriesOptions, limits: Limits) -> Result<Self> {
        Ok(Self { shelf: Shelf::open(dir, options.head_bytes, limits)?, options })
    }

    /// How many series there are now.
    #[must_use]
    pub fn series_count(&self) -> usize {
        self.shelf.read().index.len()
    }

    /// How many times, since this was opened, a new series was refused because there were too many.
    #[must_use]
    pub fn refused_count(&self) -> u64 {
        self.shelf.read().index.refused
    }
}

impl Drop for SeriesStore {
    fn drop(&mut self) {
        self.shelf.close();
    }
}

#[async_trait]
impl Series for SeriesStore {
    /// Beyond `max_series` the samples of new series are refused: the batch counts as taken, samples of known
    /// series are kept, and the error says how many series were refused. Trying again does nothing.
    async fn append(&self, batch: &[MetricSeries], at: Offset) -> Result<()> {
        let max = self.options.max_series;
        self.shelf.append(at, |index, head| {
            let refused = batch.iter().filter(|series| !head.take(index, series, max)).count();
            if refused == 0 {
                return Ok(());
            }
            index.refused += refused as u64;
            Err(Error::Overloaded(format!(
                "{refused} new series were refused, there are {max} already. Remove labels with many values \
                 (ids, paths, addresses) at the sender, or raise max_series"
            )))
        })
    }

    fn applied(&self) -> Offset {
        self.shelf.applied()
    }

    async fn flush(&self) -> Result<()> {
        self.shelf.flush().await
    }

    async fn query(
        &self,
        selector: &Selector,
        range: TimeRange,
        max_points: usize,
    ) -> Result<Vec<SeriesData>> {
        let selector = selector.clone();
        self.shelf.query(move |shelf| query::samples(shelf, &selector, range, max_points)).await
    }

    async fn list(&self, selector: &Selector, limit: usize) -> Result<Vec<SeriesData>> {
        let selector = selector.clone();
        self.shelf.query(move |shelf| Ok(query::list(shelf, &selector, limit))).await
    }

    async fn expire(&self, before: Timestamp) -> Result<()> {
        self.shelf.expire(before.as_unix_ms()).await
    }
}

/// What a shelf of series keeps.
pub(crate) struct Samples;

impl Kind for Samples {
    const NAME: &'static str = "series";
    type Index = Index;
    type Head = Head;
    type Footer = block::Footer;

    fn size(head: &Head) -> usize {
        head.size()
    }

    fn is_empty(head: &Head) -> bool {
        head.is_empty()
    }

    fn load(index: &mut Index, footer: &[u8]) -> std::result::Result<block::Footer, String> {
        block::load(index, footer)
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

    fn forget(live: &mut Live<Self>) {
        let mut used: std::collections::HashSet<u32> = live.active.ids().collect();
        used.extend(live.frozen.iter().flat_map(|frozen| frozen.head.ids()));
        for footer in live.blocks.iter().filter_map(|block| block.footer().ok()) {
            used.extend(footer.series.iter().map(|s| s.id));
        }
        live.index.retain(&used);
    }
}
