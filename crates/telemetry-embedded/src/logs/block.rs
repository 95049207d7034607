//! A block of log records: chunks sorted by instant, then by arrival.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use model::{LogRecord, Timestamp};
use ports::{Error, Result, Retry};
use serde::{Deserialize, Serialize};

use super::columns::{self, Bodies, Columns, Entry, Fields, LEVELS};
use super::filter::FilterBuilder;
use super::head::Head;
use super::matcher::level_number;
use crate::block::Block;
use crate::disk::{BlockWriter, Section};
use crate::shelf::Content;

/// A chunk is full with so many records or so many bytes, whichever comes first.
const CHUNK_RECORDS: u32 = 2_048;
const CHUNK_BYTES: usize = 1 << 20;

/// A column of a chunk: where it is and how long it is uncompressed.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Column {
    section: Section,
    raw_len: u32,
}

/// Where the parts of a chunk are, and what it may hold.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Chunk {
    pub(crate) count: u32,
    /// Oldest instant.
    pub(crate) from: i64,
    /// Newest instant.
    pub(crate) to: i64,
    /// Bit `n` is set when level `n` is there.
    pub(crate) levels: u8,
    /// Numbers of its services, sorted.
    pub(crate) services: Vec<u32>,
    pub(crate) filter: Section,
    entries: Column,
    bodies: Column,
    fields: Column,
}

/// The index of a block.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Footer {
    pub(crate) services: Vec<String>,
    pub(crate) chunks: Vec<Chunk>,
}

impl Chunk {
    pub(crate) fn entries(&self, block: &Block<Footer>) -> Result<Vec<Entry>> {
        let bytes = unpack(block, &self.entries)?;
        columns::read_entries(&bytes, self.count).map_err(|e| block.corrupt(&e.to_string()))
    }

    pub(crate) fn bodies(&self, block: &Block<Footer>) -> Result<Bodies> {
        Bodies::read(unpack(block, &self.bodies)?, self.count).map_err(|e| block.corrupt(&e.to_string()))
    }

    pub(crate) fn fields(&self, block: &Block<Footer>) -> Result<Fields> {
        Fields::read(unpack(block, &self.fields)?, self.count).map_err(|e| block.corrupt(&e.to_string()))
    }
}

fn unpack(block: &Block<Footer>, column: &Column) -> Result<Vec<u8>> {
    let packed = block.read(column.section)?;
    zstd::bulk::decompress(&packed, column.raw_len as usize).map_err(|e| block.corrupt(&e.to_string()))
}

/// Puts a record of a chunk together again.
pub(crate) fn record(
    block: &Block<Footer>,
    entry: &Entry,
    body: &[u8],
    fields: &Fields,
    i: usize,
) -> Result<LogRecord> {
    let service = block.footer()?.services.get(entry.service as usize);
    let body = std::str::from_utf8(body).map_err(|_| block.corrupt("a body is not UTF-8"))?;
    let fields = fields.get(i).map_err(|e| block.corrupt(&e.to_string()))?;
    Ok(LogRecord {
        service: service.ok_or_else(|| block.corrupt("a service is unknown"))?.clone(),
        at: Timestamp::from_unix_ms(entry.at),
        level: LEVELS[usize::from(entry.level)],
        body: body.to_owned(),
        attributes: fields.labels(),
        trace_id: fields.trace_id.map(str::to_owned),
    })
}

pub(crate) fn write(head: &Head, out: &mut BlockWriter<'_>) -> Result<Content<Footer>> {
    let mut records: Vec<&(u64, LogRecord)> = head.segments.iter().flat_map(|s| &s.records).collect();
    records.sort_unstable_by_key(|(sequence, record)| (record.at, *sequence));
    let mut writer = RecordWriter::new(out)?;
    for (sequence, record) in records {
        writer.push(*sequence, record)?;
    }
    writer.finish()
}

pub(crate) fn merge(
    blocks: &[Arc<Block<Footer>>],
    keep_from: i64,
    out: &mut BlockWriter<'_>,
    stop: &AtomicBool,
) -> Result<Option<Content<Footer>>> {
    let mut sources = blocks.iter().map(|b| Source::new(b, keep_from)).collect::<Result<Vec<_>>>()?;
    let mut heap = BinaryHeap::new();
    for (i, source) in sources.iter_mut().enumerate() {
        heap.extend(source.advance()?.map(|place| Reverse((place, i))));
    }
    let mut writer = RecordWriter::new(out)?;
    while let Some(Reverse((_, i))) = heap.pop() {
        if stop.load(Ordering::Relaxed) {
            return Ok(None);
        }
        if let Some((sequence, record)) = sources[i].current.take() {
            writer.push(sequence, &record)?;
        }
        heap.extend(sources[i].advance()?.map(|place| Reverse((place, i))));
    }
    let content = writer.finish()?;
    Ok((content.items > 0).then_some(content))
}

/// Records of a block being merged, oldest first; one chunk in memory.
struct Source<'a> {
    block: &'a Block<Footer>,
    chunks: std::slice::Iter<'a, Chunk>,
    keep_from: i64,
    records: std::vec::IntoIter<(u64, LogRecord)>,
    current: Option<(u64, LogRecord)>,
}

impl<'a> Source<'a> {
    fn new(block: &'a Block<Footer>, keep_from: i64) -> Result<Self> {
        let chunks = block.footer()?.chunks.iter();
        Ok(Self { block, chunks, keep_from, records: Vec::new().into_iter(), current: None })
    }

    /// Goes to the next record and says where it belongs.
    fn advance(&mut self) -> Result<Option<(i64, u64)>> {
        loop {
            self.current = self.records.next();
            if let Some((sequence, record)) = &self.current {
                let at = record.at.as_unix_ms();
                if at < self.keep_from {
                    continue;
                }
                return Ok(Some((at, *sequence)));
            }
            let Some(chunk) = self.chunks.next() else { return Ok(None) };
            if chunk.to >= self.keep_from {
                self.records = read_chunk(self.block, chunk)?.into_iter();
            }
        }
    }
}

fn read_chunk(block: &Block<Footer>, chunk: &Chunk) -> Result<Vec<(u64, LogRecord)>> {
    let (entries, bodies, fields) = (chunk.entries(block)?, chunk.bodies(block)?, chunk.fields(block)?);
    let records = entries.iter().enumerate();
    records.map(|(i, e)| Ok((e.sequence, record(block, e, bodies.get(i), &fields, i)?))).collect()
}

/// Writes record by record, sorted.
struct RecordWriter<'a, 'b> {
    out: &'a mut BlockWriter<'b>,
    compressor: zstd::bulk::Compressor<'static>,
    numbers: HashMap<String, u32>,
    footer: Footer,
    columns: Columns,
    filter: FilterBuilder,
    /// Of the chunk being filled.
    from: i64,
    to: i64,
    levels: u8,
    services: Vec<u32>,
    items: u64,
    oldest: i64,
    newest: i64,
}

impl<'a, 'b> RecordWriter<'a, 'b> {
    fn new(out: &'a mut BlockWriter<'b>) -> Result<Self> {
        Ok(Self {
            out,
            compressor: zstd::bulk::Compressor::new(3).map_err(compression)?,
            numbers: HashMap::new(),
            footer: Footer::default(),
            columns: Columns::default(),
            filter: FilterBuilder::new(),
            from: i64::MAX,
            to: i64::MIN,
            levels: 0,
            services: Vec::new(),
            items: 0,
            oldest: i64::MAX,
            newest: i64::MIN,
        })
    }

    fn push(&mut self, sequence: u64, record: &LogRecord) -> Result<()> {
        let service = self.service(&record.service);
        self.columns.push(sequence, service, record);
        for (name, value) in &record.attributes {
            self.filter.attribute(name, value);
        }
        let at = record.at.as_unix_ms();
        self.from = self.from.min(at);
        self.to = self.to.max(at);
        self.levels |= 1 << level_number(record.level);
        if let Err(i) = self.services.binary_search(&service) {
            self.services.insert(i, service);
        }
        if self.columns.count >= CHUNK_RECORDS || self.columns.bytes() >= CHUNK_BYTES {
            self.end_chunk()?;
        }
        Ok(())
    }

    fn service(&mut self, name: &str) -> u32 {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        let number = self.footer.services.len() as u32;
        self.footer.services.push(name.to_owned());
        self.numbers.insert(name.to_owned(), number);
        number
    }

    fn end_chunk(&mut self) -> Result<()> {
        if self.columns.count == 0 {
            return Ok(());
        }
        let entries = self.column(|columns| columns.entries().to_vec())?;
        let bodies = self.column(Columns::bodies)?;
        let fields = self.column(|columns| columns.fields.clone())?;
        self.columns.blob.make_ascii_lowercase();
        for body in self.columns.blob.split(|byte| *byte == columns::BETWEEN) {
            self.filter.body(body);
        }
        let filter = self.out.section(&self.filter.finish())?;
        self.footer.chunks.push(Chunk {
            count: self.columns.count,
            from: self.from,
            to: self.to,
            levels: self.levels,
            services: std::mem::take(&mut self.services),
            filter,
            entries,
            bodies,
            fields,
        });
        self.items += u64::from(self.columns.count);
        self.oldest = self.oldest.min(self.from);
        self.newest = self.newest.max(self.to);
        self.columns.clear();
        (self.from, self.to, self.levels) = (i64::MAX, i64::MIN, 0);
        Ok(())
    }

    fn column(&mut self, bytes: impl FnOnce(&Columns) -> Vec<u8>) -> Result<Column> {
        let raw = bytes(&self.columns);
        let packed = self.compressor.compress(&raw).map_err(compression)?;
        let raw_len =
            u32::try_from(raw.len()).map_err(|_| Error::Invalid("a log record exceeds 4 GiB".to_owned()))?;
        Ok(Column { section: self.out.section(&packed)?, raw_len })
    }

    fn finish(mut self) -> Result<Content<Footer>> {
        self.end_chunk()?;
        let encoded = rmp_serde::to_vec(&self.footer).map_err(|e| Error::Invalid(e.to_string()))?;
        Ok(Content { footer: self.footer, encoded, from: self.oldest, to: self.newest, items: self.items })
    }
}

fn compression(source: std::io::Error) -> Error {
    Error::failed("compress log records", Retry::Permanent, source)
}
