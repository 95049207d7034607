//! Records not yet flushed: the batches as they came. A search shares them instead of copying.

use std::sync::Arc;

use model::LogRecord;

/// Memory of a record besides its text, and of each attribute, about.
const RECORD_BYTES: usize = 160;
const ATTRIBUTE_BYTES: usize = 64;

/// One batch.
pub(crate) struct Segment {
    /// Oldest instant.
    pub(crate) from: i64,
    /// Newest instant.
    pub(crate) to: i64,
    /// Records with their sequence, which grows in order of arrival.
    pub(crate) records: Vec<(u64, LogRecord)>,
    bytes: usize,
}

impl Segment {
    /// `first` is the sequence of the first record.
    pub(crate) fn new(batch: &[LogRecord], first: u64) -> Self {
        let times = || batch.iter().map(|r| r.at.as_unix_ms());
        Self {
            from: times().min().unwrap_or(i64::MAX),
            to: times().max().unwrap_or(i64::MIN),
            bytes: batch.iter().map(size).sum(),
            records: (first..).zip(batch.iter().cloned()).collect(),
        }
    }
}

fn size(record: &LogRecord) -> usize {
    let attributes: usize = record.attributes.iter().map(|(n, v)| n.len() + v.len() + ATTRIBUTE_BYTES).sum();
    let trace = record.trace_id.as_ref().map_or(0, String::len);
    RECORD_BYTES + record.service.len() + record.body.len() + trace + attributes
}

/// All batches, in order of arrival.
#[derive(Default)]
pub(crate) struct Head {
    pub(crate) segments: Segments,
}

/// Batches with their size.
#[derive(Default)]
pub(crate) struct Segments {
    list: Vec<Arc<Segment>>,
    bytes: usize,
}

impl Segments {
    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub(crate) fn iter(&self) -> std::slice::Iter<'_, Arc<Segment>> {
        self.list.iter()
    }
}

impl Extend<Arc<Segment>> for Segments {
    fn extend<I: IntoIterator<Item = Arc<Segment>>>(&mut self, segments: I) {
        for segment in segments {
            self.bytes += segment.bytes;
            self.list.push(segment);
        }
    }
}

impl Head {
    pub(crate) fn size(&self) -> usize {
        self.segments.bytes
    }
}
