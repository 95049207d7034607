//! A block of series: chunks of samples one after another, series sorted by name, service and labels.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use model::MetricKind;
use ports::{Error, Result};
use serde::{Deserialize, Serialize};

use super::codec;
use super::head::Head;
use super::labels::{Index, Key};
use crate::block::Block;
use crate::disk::{BlockWriter, Section};
use crate::shelf::Content;

/// Samples in a chunk at most: enough to compress well, few enough to decode for one point.
const CHUNK_SAMPLES: usize = 4_096;

/// Samples of one series, next to each other in the file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chunk {
    pub(crate) section: Section,
    pub(crate) count: u32,
    /// Oldest instant.
    pub(crate) from: i64,
    /// Newest instant.
    pub(crate) to: i64,
}

/// A series of a block.
pub(crate) struct BlockSeries {
    pub(crate) id: u32,
    key: Arc<Key>,
    kind: MetricKind,
    first_chunk: u32,
    end_chunk: u32,
}

/// The index of a block.
pub(crate) struct Footer {
    /// Sorted by id.
    pub(crate) series: Vec<BlockSeries>,
    chunks: Vec<Chunk>,
}

impl Footer {
    /// Chunks of a series, in order of time.
    pub(crate) fn chunks(&self, id: u32) -> &[Chunk] {
        match self.series.binary_search_by_key(&id, |s| s.id) {
            Ok(i) => &self.chunks[self.series[i].first_chunk as usize..self.series[i].end_chunk as usize],
            Err(_) => &[],
        }
    }
}

/// Footer as stored. Chunks follow each other from the start of the file, so offsets need not be kept.
#[derive(Serialize, Deserialize)]
struct StoredFooter {
    symbols: Vec<String>,
    /// Symbols of name, service, label names and values by turns; whether it is a counter; how many chunks.
    series: Vec<(Vec<u32>, bool, u32)>,
    /// Length, checksum, count, oldest instant, and how much newer the newest is.
    chunks: Vec<(u32, u32, u32, i64, u64)>,
}

/// Reads the samples of a chunk.
pub(crate) fn read(
    block: &Block<Footer>,
    chunk: &Chunk,
    times: &mut Vec<i64>,
    values: &mut Vec<f64>,
) -> Result<()> {
    let bytes = block.read(chunk.section)?;
    codec::decode(&bytes, chunk.count as usize, times, values).map_err(|e| block.corrupt(&e.to_string()))
}

/// Brings samples, in order of arrival, into order of time; of those at one instant the first stays.
pub(crate) fn settle(times: &mut Vec<i64>, values: &mut Vec<f64>) {
    if times.is_sorted_by(|a, b| a < b) {
        return;
    }
    let mut samples: Vec<(i64, f64)> = times.iter().copied().zip(values.iter().copied()).collect();
    // A stable sort: those at one instant stay in order of arrival.
    samples.sort_by_key(|s| s.0);
    samples.dedup_by_key(|s| s.0);
    times.clear();
    values.clear();
    times.extend(samples.iter().map(|s| s.0));
    values.extend(samples.iter().map(|s| s.1));
}

pub(crate) fn write(head: &Head, out: &mut BlockWriter<'_>) -> Result<Content<Footer>> {
    let mut columns: Vec<_> = head.columns().collect();
    columns.sort_unstable_by(|a, b| a.1.key.cmp(&b.1.key));
    let mut writer = SeriesWriter::new(out);
    let (mut times, mut values) = (Vec::new(), Vec::new());
    for (id, column) in columns {
        times.clear();
        values.clear();
        column.copy(i64::MIN, i64::MAX, &mut times, &mut values);
        settle(&mut times, &mut values);
        writer.put(id, &column.key, column.kind, &times, &values)?;
    }
    writer.finish()
}

pub(crate) fn merge(
    blocks: &[Arc<Block<Footer>>],
    keep_from: i64,
    out: &mut BlockWriter<'_>,
    stop: &AtomicBool,
) -> Result<Option<Content<Footer>>> {
    let mut all: HashMap<u32, (Arc<Key>, MetricKind)> = HashMap::new();
    for block in blocks {
        // The newest kind holds.
        all.extend(block.footer()?.series.iter().map(|s| (s.id, (Arc::clone(&s.key), s.kind))));
    }
    let mut all: Vec<_> = all.into_iter().collect();
    all.sort_unstable_by(|a, b| a.1.0.cmp(&b.1.0));
    let mut writer = SeriesWriter::new(out);
    let (mut times, mut values) = (Vec::new(), Vec::new());
    for (id, (key, kind)) in all {
        if stop.load(Ordering::Relaxed) {
            return Ok(None);
        }
        times.clear();
        values.clear();
        for block in blocks {
            for chunk in block.footer()?.chunks(id).iter().filter(|c| c.to >= keep_from) {
                read(block, chunk, &mut times, &mut values)?;
            }
        }
        settle(&mut times, &mut values);
        let start = times.partition_point(|at| *at < keep_from);
        writer.put(id, &key, kind, &times[start..], &values[start..])?;
    }
    let content = writer.finish()?;
    Ok((content.items > 0).then_some(content))
}

pub(crate) fn load(index: &mut Index, footer: &[u8]) -> std::result::Result<Footer, String> {
    let stored: StoredFooter = rmp_serde::from_slice(footer).map_err(|e| e.to_string())?;
    let symbol = |i: &u32| stored.symbols.get(*i as usize).map(String::as_str).ok_or("a symbol is missing");
    let mut loaded = Footer { series: Vec::with_capacity(stored.series.len()), chunks: Vec::new() };
    let mut offset = 0;
    for (len, crc, count, from, span) in &stored.chunks {
        let section = Section { offset, len: *len, crc: *crc };
        offset += u64::from(*len);
        let to = from.checked_add_unsigned(*span).ok_or("an instant is too large")?;
        loaded.chunks.push(Chunk { section, count: *count, from: *from, to });
    }
    let mut end_chunk = 0u32;
    for (symbols, counter, chunks) in &stored.series {
        let texts: Vec<&str> = symbols.iter().map(symbol).collect::<std::result::Result<_, _>>()?;
        let [name, service, labels @ ..] = texts.as_slice() else {
            return Err("a series has no name".to_owned());
        };
        let labels = labels.as_chunks::<2>().0.iter().map(|[n, v]| (*n, *v));
        let kind = if *counter { MetricKind::Counter } else { MetricKind::Gauge };
        let entry =
            index.intern(service, name, labels, kind, usize::MAX).ok_or("there are too many series")?;
        let first_chunk = end_chunk;
        end_chunk = first_chunk.checked_add(*chunks).ok_or("there are too many chunks")?;
        loaded.series.push(BlockSeries { id: entry.id, key: entry.key, kind, first_chunk, end_chunk });
    }
    if end_chunk as usize != loaded.chunks.len() {
        return Err("series and chunks differ".to_owned());
    }
    loaded.series.sort_unstable_by_key(|s| s.id);
    Ok(loaded)
}

/// Writes series by series.
struct SeriesWriter<'a, 'b> {
    out: &'a mut BlockWriter<'b>,
    symbols: HashMap<Arc<str>, u32>,
    stored: StoredFooter,
    footer: Footer,
    items: u64,
    from: i64,
    to: i64,
}

impl<'a, 'b> SeriesWriter<'a, 'b> {
    fn new(out: &'a mut BlockWriter<'b>) -> Self {
        let stored = StoredFooter { symbols: Vec::new(), series: Vec::new(), chunks: Vec::new() };
        let footer = Footer { series: Vec::new(), chunks: Vec::new() };
        Self { out, symbols: HashMap::new(), stored, footer, items: 0, from: i64::MAX, to: i64::MIN }
    }

    fn put(
        &mut self,
        id: u32,
        key: &Arc<Key>,
        kind: MetricKind,
        times: &[i64],
        values: &[f64],
    ) -> Result<()> {
        let (Some(oldest), Some(newest)) = (times.first(), times.last()) else { return Ok(()) };
        let first_chunk = self.footer.chunks.len();
        for (times, values) in times.chunks(CHUNK_SAMPLES).zip(values.chunks(CHUNK_SAMPLES)) {
            let section = self.out.section(&codec::encode(times, values))?;
            let (from, to) = (times[0], times[times.len() - 1]);
            let count = times.len() as u32;
            self.stored.chunks.push((section.len, section.crc, count, from, to.abs_diff(from)));
            self.footer.chunks.push(Chunk { section, count, from, to });
        }
        let (first_chunk, end_chunk) = (first_chunk as u32, self.footer.chunks.len() as u32);
        let mut symbols = vec![self.symbol(&key.name), self.symbol(&key.service)];
        symbols.extend(key.labels.iter().flat_map(|(n, v)| [self.symbol(n), self.symbol(v)]));
        self.stored.series.push((symbols, kind == MetricKind::Counter, end_chunk - first_chunk));
        self.footer.series.push(BlockSeries { id, key: Arc::clone(key), kind, first_chunk, end_chunk });
        self.items += times.len() as u64;
        self.from = self.from.min(*oldest);
        self.to = self.to.max(*newest);
        Ok(())
    }

    fn symbol(&mut self, text: &Arc<str>) -> u32 {
        if let Some(symbol) = self.symbols.get(text) {
            return *symbol;
        }
        let symbol = self.stored.symbols.len() as u32;
        self.stored.symbols.push(text.to_string());
        self.symbols.insert(Arc::clone(text), symbol);
        symbol
    }

    fn finish(mut self) -> Result<Content<Footer>> {
        let encoded = rmp_serde::to_vec(&self.stored).map_err(|e| Error::Invalid(e.to_string()))?;
        self.footer.series.sort_unstable_by_key(|s| s.id);
        Ok(Content { footer: self.footer, encoded, from: self.from, to: self.to, items: self.items })
    }
}
