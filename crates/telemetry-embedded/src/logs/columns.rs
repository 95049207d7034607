//! A chunk of log records as three columns, each compressed by itself, so that a search reads times and
//! levels first, bodies only for what is left, and the rest only for what it returns.

use model::{Labels, LogLevel, LogRecord};

use crate::wire::{Malformed, Reader, put_bytes, put_signed, put_varint};

/// Between two bodies in the blob. No UTF-8 text holds this byte, so no word is found across bodies.
pub(crate) const BETWEEN: u8 = 0xff;

pub(crate) const LEVELS: [LogLevel; 6] =
    [LogLevel::Trace, LogLevel::Debug, LogLevel::Info, LogLevel::Warn, LogLevel::Error, LogLevel::Fatal];

/// Columns being filled, uncompressed. Records come sorted by instant, then sequence.
#[derive(Default)]
pub(crate) struct Columns {
    pub(crate) count: u32,
    last: (i64, u64),
    entries: Vec<u8>,
    lengths: Vec<u8>,
    /// All bodies, each followed by [`BETWEEN`].
    pub(crate) blob: Vec<u8>,
    pub(crate) fields: Vec<u8>,
}

impl Columns {
    /// `service` is its number in the block.
    pub(crate) fn push(&mut self, sequence: u64, service: u32, record: &LogRecord) {
        let at = record.at.as_unix_ms();
        put_signed(&mut self.entries, at.wrapping_sub(self.last.0));
        put_signed(&mut self.entries, sequence.wrapping_sub(self.last.1) as i64);
        put_varint(&mut self.entries, u64::from(service) * 8 + record.level as u64);
        put_varint(&mut self.lengths, record.body.len() as u64);
        self.blob.extend_from_slice(record.body.as_bytes());
        self.blob.push(BETWEEN);
        match &record.trace_id {
            None => self.fields.push(0),
            Some(id) => {
                self.fields.push(1);
                put_bytes(&mut self.fields, id.as_bytes());
            }
        }
        put_varint(&mut self.fields, record.attributes.len() as u64);
        for (name, value) in &record.attributes {
            put_bytes(&mut self.fields, name.as_bytes());
            put_bytes(&mut self.fields, value.as_bytes());
        }
        self.last = (at, sequence);
        self.count += 1;
    }

    pub(crate) fn bytes(&self) -> usize {
        self.entries.len() + self.lengths.len() + self.blob.len() + self.fields.len()
    }

    /// Entries and bodies as bytes; the fields are bytes already.
    pub(crate) fn bodies(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.lengths.len() + self.blob.len());
        out.extend_from_slice(&self.lengths);
        out.extend_from_slice(&self.blob);
        out
    }

    pub(crate) fn entries(&self) -> &[u8] {
        &self.entries
    }

    pub(crate) fn clear(&mut self) {
        self.count = 0;
        self.last = (0, 0);
        self.entries.clear();
        self.lengths.clear();
        self.blob.clear();
        self.fields.clear();
    }
}

/// Time, order, level and service of a record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) at: i64,
    pub(crate) sequence: u64,
    /// Its number in [`LEVELS`].
    pub(crate) level: u8,
    /// Its number in the block.
    pub(crate) service: u32,
}

pub(crate) fn read_entries(bytes: &[u8], count: u32) -> Result<Vec<Entry>, Malformed> {
    let mut reader = Reader::new(bytes);
    let (mut at, mut sequence) = (0i64, 0u64);
    let mut entries = Vec::new();
    for _ in 0..count {
        at = at.wrapping_add(reader.signed()?);
        sequence = sequence.wrapping_add(reader.signed()? as u64);
        let packed = reader.varint()?;
        let level = (packed % 8) as u8;
        if usize::from(level) >= LEVELS.len() {
            return Err(Malformed("a level is unknown"));
        }
        let service = u32::try_from(packed / 8).map_err(|_| Malformed("a service is unknown"))?;
        entries.push(Entry { at, sequence, level, service });
    }
    Ok(entries)
}

/// Bodies of a chunk.
pub(crate) struct Bodies {
    bytes: Vec<u8>,
    /// Where each body starts, and where one after the last would.
    pub(crate) starts: Vec<usize>,
}

impl Bodies {
    pub(crate) fn read(bytes: Vec<u8>, count: u32) -> Result<Self, Malformed> {
        let mut reader = Reader::new(&bytes);
        let mut lengths = Vec::new();
        for _ in 0..count {
            lengths.push(reader.count()?);
        }
        let mut start = reader.position();
        let mut starts = vec![start];
        for length in lengths {
            start += length + 1;
            starts.push(start);
        }
        if start == bytes.len() { Ok(Self { bytes, starts }) } else { Err(Malformed("bodies end too early")) }
    }

    pub(crate) fn get(&self, i: usize) -> &[u8] {
        &self.bytes[self.starts[i]..self.starts[i + 1] - 1]
    }

    /// All bytes, of which bodies begin at `starts`.
    pub(crate) fn all(&self) -> &[u8] {
        &self.bytes
    }
}

/// Trace ids and attributes of a chunk.
pub(crate) struct Fields {
    bytes: Vec<u8>,
    starts: Vec<usize>,
}

/// Trace id and attributes of one record.
pub(crate) struct RecordFields<'a> {
    pub(crate) trace_id: Option<&'a str>,
    pub(crate) attributes: Vec<(&'a str, &'a str)>,
}

impl RecordFields<'_> {
    pub(crate) fn labels(&self) -> Labels {
        self.attributes.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect()
    }
}

impl Fields {
    pub(crate) fn read(bytes: Vec<u8>, count: u32) -> Result<Self, Malformed> {
        let mut reader = Reader::new(&bytes);
        let mut starts = Vec::new();
        for _ in 0..count {
            starts.push(reader.position());
            // Only as far as finding the next record takes; whether it is text shows when it is read.
            if reader.varint()? != 0 {
                reader.bytes()?;
            }
            for _ in 0..reader.count()? {
                reader.bytes()?;
                reader.bytes()?;
            }
        }
        Ok(Self { bytes, starts })
    }

    pub(crate) fn get(&self, i: usize) -> Result<RecordFields<'_>, Malformed> {
        let mut attributes = Vec::new();
        let mut reader = Reader::new(&self.bytes[self.starts[i]..]);
        let trace_id = read_fields(&mut reader, |name, value| attributes.push((name, value)))?;
        Ok(RecordFields { trace_id, attributes })
    }
}

fn read_fields<'a>(
    reader: &mut Reader<'a>,
    mut attribute: impl FnMut(&'a str, &'a str),
) -> Result<Option<&'a str>, Malformed> {
    let trace_id = if reader.varint()? == 0 { None } else { Some(reader.text()?) };
    for _ in 0..reader.count()? {
        let name = reader.text()?;
        attribute(name, reader.text()?);
    }
    Ok(trace_id)
}

#[cfg(test)]
mod tests {
    use model::Timestamp;
    use proptest::prelude::*;

    use super::*;

    pub(crate) fn record() -> impl Strategy<Value = LogRecord> {
        let attributes = prop::collection::btree_map(".{0,4}", ".{0,9}", 0..4);
        (".{0,3}", any::<i64>(), 0..6usize, ".{0,30}", attributes, prop::option::of(".{0,5}")).prop_map(
            |(service, at, level, body, attributes, trace_id)| LogRecord {
                service,
                at: Timestamp::from_unix_ms(at),
                level: LEVELS[level],
                body,
                attributes,
                trace_id,
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn records_come_back(records in prop::collection::vec((any::<u64>(), record()), 0..40)) {
            let mut columns = Columns::default();
            for (i, (sequence, record)) in records.iter().enumerate() {
                columns.push(*sequence, i as u32, record);
            }
            let count = columns.count;
            let entries = read_entries(columns.entries(), count).unwrap();
            let bodies = Bodies::read(columns.bodies(), count).unwrap();
            let fields = Fields::read(columns.fields.clone(), count).unwrap();
            for (i, (sequence, record)) in records.iter().enumerate() {
                let (entry, own) = (entries[i], fields.get(i).unwrap());
                prop_assert_eq!((entry.at, entry.sequence), (record.at.as_unix_ms(), *sequence));
                prop_assert_eq!((LEVELS[usize::from(entry.level)], entry.service), (record.level, i as u32));
                prop_assert_eq!(bodies.get(i), record.body.as_bytes());
                prop_assert_eq!(own.labels(), record.attributes.clone());
                prop_assert_eq!(own.trace_id, record.trace_id.as_deref());
            }
        }

        #[test]
        fn hostile_bytes_are_refused_or_read(bytes in any::<Vec<u8>>(), count in 0u32..50) {
            let _ = read_entries(&bytes, count);
            let _ = Bodies::read(bytes.clone(), count);
            if let Ok(fields) = Fields::read(bytes, count) {
                (0..count as usize).for_each(|i| drop(fields.get(i)));
            }
        }
    }
}
