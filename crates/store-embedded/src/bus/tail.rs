//! What is known in memory about a log: its segments, where some of the frames are, and its newest records.
//!
//! Plain bookkeeping, without files and threads.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;

use bytes::Bytes;
use ports::Offset;

use super::BusOptions;
use super::segment::{FRAME, HEADER, Stretch};

/// A segment file.
pub(super) struct Segment {
    /// Offset of its first record.
    pub(super) first: Offset,
    /// The file.
    pub(super) path: PathBuf,
    /// Length of its durable part.
    pub(super) end: u64,
    /// Where some of its frames start, by offset: a read enters at the nearest one before.
    pub(super) marks: BTreeMap<Offset, u64>,
}

impl Segment {
    pub(super) fn new(first: Offset, path: PathBuf, end: u64) -> Self {
        Self { first, path, end, marks: BTreeMap::new() }
    }

    /// The nearest known frame at or before an offset.
    fn entry(&self, offset: Offset) -> (Offset, u64) {
        let mark = self.marks.range(..=offset).next_back();
        mark.map_or((self.first, HEADER), |(offset, byte)| (*offset, *byte))
    }

    /// Remembers where a frame starts, unless one shortly before it is known.
    pub(super) fn mark(&mut self, offset: Offset, byte: u64, spacing: u64) {
        let (_, known) = self.entry(offset);
        if byte >= known + spacing {
            self.marks.insert(offset, byte);
        }
    }
}

/// Everything known about one log.
pub(super) struct Tail {
    /// Oldest first. The last one is written to; there is always one.
    segments: VecDeque<Segment>,
    /// The newest durable offset.
    newest: Offset,
    /// Records up to here are no longer wanted.
    trimmed: Offset,
    /// Bytes that wait to be written.
    queued: u64,
    /// The newest records, without gaps.
    cache: VecDeque<Bytes>,
    cached: usize,
    options: BusOptions,
}

impl Tail {
    pub(super) fn new(segments: VecDeque<Segment>, newest: Offset, options: BusOptions) -> Self {
        let oldest = segments.front().map_or(1, |s| s.first);
        let trimmed = oldest.saturating_sub(1);
        Self { segments, newest, trimmed, queued: 0, cache: VecDeque::new(), cached: 0, options }
    }

    /// Bytes between marks. The backlog is known this exactly.
    pub(super) fn mark_spacing(options: BusOptions) -> u64 {
        (options.max_backlog_bytes / 32).clamp(1, 256 << 10)
    }

    /// Bytes of records that are not trimmed, waiting ones included; never too low.
    pub(super) fn backlog(&self) -> u64 {
        if self.trimmed >= self.newest {
            return self.queued;
        }
        let at = self.position_of(self.trimmed + 1);
        let whole: u64 = self.segments.range(at..).map(|s| s.end - HEADER).sum();
        let (_, byte) = self.segments[at].entry(self.trimmed + 1);
        whole - (byte - HEADER) + self.queued
    }

    /// Reserves room for records that are about to be queued; says how full it is when there is none.
    pub(super) fn reserve(&mut self, bytes: u64) -> Result<(), u64> {
        let backlog = self.backlog();
        if backlog + bytes > self.options.max_backlog_bytes {
            return Err(backlog);
        }
        self.queued += bytes;
        Ok(())
    }

    /// Gives back what was reserved: the records are written now, or never will be.
    pub(super) fn unreserve(&mut self, bytes: u64) {
        self.queued -= bytes;
    }

    /// A new segment was begun.
    pub(super) fn begun(&mut self, segment: Segment) {
        self.segments.push_back(segment);
    }

    /// Records became durable at the end of the last segment.
    pub(super) fn appended(&mut self, records: impl IntoIterator<Item = Bytes>) {
        let spacing = Self::mark_spacing(self.options);
        let last = self.segments.back_mut().expect("a log always has the segment it writes to");
        for record in records {
            self.newest += 1;
            last.mark(self.newest, last.end, spacing);
            last.end += FRAME + record.len() as u64;
            self.cached += record.len();
            self.cache.push_back(record);
            while self.cached > self.options.cache_bytes {
                self.cached -= self.cache.pop_front().map_or(0, |oldest| oldest.len());
            }
        }
    }

    /// A read has learned where a frame is.
    pub(super) fn learned(&mut self, (offset, byte): (Offset, u64)) {
        let spacing = Self::mark_spacing(self.options);
        let at = self.position_of(offset);
        if let Some(segment) = self.segments.get_mut(at).filter(|s| s.first < offset && byte < s.end) {
            segment.mark(offset, byte, spacing);
        }
    }

    /// The newest durable offset.
    pub(super) fn newest(&self) -> Offset {
        self.newest
    }

    /// Records after an offset: none, from memory, or where to find them.
    pub(super) fn find(&self, after: Offset, max_bytes: usize) -> Found {
        let after = after.max(self.trimmed);
        if after >= self.newest {
            return Found::Records(Vec::new());
        }
        let wanted = after + 1;
        let oldest_cached = self.newest + 1 - self.cache.len() as u64;
        if wanted >= oldest_cached {
            return Found::Records(self.cached_from(wanted, (wanted - oldest_cached) as usize, max_bytes));
        }
        let segment = &self.segments[self.position_of(wanted)];
        let (offset, byte) = segment.entry(wanted);
        Found::OnDisk(Stretch {
            path: segment.path.clone(),
            byte,
            offset,
            end: segment.end,
            wanted,
            max_bytes,
        })
    }

    fn cached_from(&self, first: Offset, at: usize, max_bytes: usize) -> Vec<(Offset, Bytes)> {
        let mut taken = 0;
        let mut items = Vec::new();
        for (offset, record) in (first..).zip(self.cache.range(at..)) {
            if taken >= max_bytes && !items.is_empty() {
                break;
            }
            taken += record.len();
            items.push((offset, record.clone()));
        }
        items
    }

    /// Forgets records up to an offset; names the segments, oldest first, of which nothing is wanted.
    pub(super) fn trim(&mut self, up_to: Offset) -> Vec<(Offset, PathBuf)> {
        // Never beyond what exists: records to come are wanted.
        self.trimmed = self.trimmed.max(up_to.min(self.newest));
        while self.newest - (self.cache.len() as u64) < self.trimmed {
            self.cached -= self.cache.pop_front().map_or(0, |oldest| oldest.len());
        }
        let next_firsts = self.segments.iter().skip(1).map(|s| s.first);
        let unwanted = self.segments.iter().zip(next_firsts).take_while(|(_, next)| next - 1 <= self.trimmed);
        unwanted.map(|(segment, _)| (segment.first, segment.path.clone())).collect()
    }

    /// The oldest segment's file was removed.
    pub(super) fn removed(&mut self, first: Offset) {
        if self.segments.len() > 1 && self.segments[0].first == first {
            self.segments.pop_front();
        }
    }

    /// Index of the segment that holds an offset, or would.
    fn position_of(&self, offset: Offset) -> usize {
        self.segments.partition_point(|s| s.first <= offset).saturating_sub(1)
    }
}

/// Where records are.
pub(super) enum Found {
    /// Here.
    Records(Vec<(Offset, Bytes)>),
    /// In a file.
    OnDisk(Stretch),
}
