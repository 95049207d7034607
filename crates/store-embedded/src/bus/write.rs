//! The writer of a log: one thread that puts all waiting batches into one write and one sync, and answers all.
//!
//! A write that fails is cut off the file again before the next one, so a full disk leaves no trace.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc;

use bytes::Bytes;
use ports::{Error, Offset, Result, Retry};
use tokio::sync::oneshot;

use super::log::Shared;
use super::media::{Media, SegmentFile};
use super::segment::{self, HEADER};
use super::tail::Segment;
use crate::folder;

/// Bytes after which a group is written without looking for more.
const GROUP_BYTES: u64 = 8 << 20;

/// A buffer that grew beyond this for one large group is given back.
const BUFFER_KEPT: usize = 16 << 20;

/// Records that one caller published together.
pub(super) struct Batch {
    pub(super) records: Vec<Bytes>,
    /// What they take in the file.
    pub(super) bytes: u64,
    pub(super) answer: oneshot::Sender<Result<Offset>>,
}

/// The end of a log, where records are added.
pub(super) struct Appender {
    media: Box<dyn Media>,
    folder: PathBuf,
    segment_bytes: u64,
    file: Box<dyn SegmentFile>,
    salt: u64,
    /// Length of the file's durable part.
    end: u64,
    /// Offset of the next record.
    next: Offset,
    /// Whether there may be something behind `end` that has to be cut off.
    torn: bool,
    buffer: Vec<u8>,
}

impl Appender {
    /// Begins a new segment.
    pub(super) fn begin(
        folder: &Path,
        first: Offset,
        segment_bytes: u64,
        media: Box<dyn Media>,
    ) -> io::Result<(Self, Segment)> {
        let (file, salt, segment) = begin_segment(folder, first, &*media)?;
        let appender = Self {
            media,
            folder: folder.to_owned(),
            segment_bytes,
            file,
            salt,
            end: HEADER,
            next: first,
            torn: false,
            buffer: Vec::new(),
        };
        Ok((appender, segment))
    }

    /// Goes on at the end of an existing segment.
    pub(super) fn resume(
        folder: &Path,
        segment: &Segment,
        salt: u64,
        next: Offset,
        segment_bytes: u64,
        media: Box<dyn Media>,
    ) -> io::Result<Self> {
        let file = media.open(&segment.path)?;
        // This cuts a torn tail off, and syncs: a process that was killed may have left records that are
        // in the system's memory only, and from now on they count as durable.
        file.cut(segment.end)?;
        Ok(Self {
            media,
            folder: folder.to_owned(),
            segment_bytes,
            file,
            salt,
            end: segment.end,
            next,
            torn: false,
            buffer: Vec::new(),
        })
    }

    /// Writes what comes until the log is dropped.
    pub(super) fn write_until_closed(mut self, batches: &mpsc::Receiver<Batch>, shared: &Shared) {
        while let Ok(first) = batches.recv() {
            let mut bytes = first.bytes;
            let mut group = vec![first];
            while bytes < GROUP_BYTES
                && let Ok(batch) = batches.try_recv()
            {
                bytes += batch.bytes;
                group.push(batch);
            }
            match self.write(&group, shared) {
                Ok(()) => self.acknowledge(group, bytes, shared),
                Err(error) => refuse(group, bytes, &error, shared),
            }
        }
    }

    fn write(&mut self, group: &[Batch], shared: &Shared) -> io::Result<()> {
        if self.torn {
            self.file.cut(self.end)?;
            self.torn = false;
        }
        if self.end >= self.segment_bytes {
            let (file, salt, segment) = begin_segment(&self.folder, self.next, &*self.media)?;
            (self.file, self.salt, self.end) = (file, salt, HEADER);
            shared.tail().begun(segment);
        }
        self.buffer.clear();
        for (offset, record) in (self.next..).zip(group.iter().flat_map(|batch| &batch.records)) {
            segment::push_frame(&mut self.buffer, self.salt, offset, record, offset == self.next);
        }
        let written = self.file.write_at(&self.buffer, self.end).and_then(|()| self.file.sync());
        if written.is_err() {
            // Tried at once, to free the space; when it fails, again before the next write.
            self.torn = self.file.cut(self.end).is_err();
        } else {
            self.end += self.buffer.len() as u64;
        }
        self.buffer.shrink_to(BUFFER_KEPT);
        written
    }

    fn acknowledge(&mut self, group: Vec<Batch>, bytes: u64, shared: &Shared) {
        let mut answers = Vec::with_capacity(group.len());
        let mut tail = shared.tail();
        tail.unreserve(bytes);
        for batch in group {
            self.next += batch.records.len() as u64;
            tail.appended(batch.records);
            answers.push((batch.answer, self.next - 1));
        }
        drop(tail);
        shared.newest.send_replace(self.next - 1);
        for (answer, last) in answers {
            // A publisher that went away no longer wants to know.
            let _ = answer.send(Ok(last));
        }
    }
}

fn refuse(group: Vec<Batch>, bytes: u64, error: &io::Error, shared: &Shared) {
    shared.tail().unreserve(bytes);
    tracing::warn!(cause = %error, batches = group.len(), "the bus could not write");
    for batch in group {
        let cause = io::Error::new(error.kind(), error.to_string());
        let _ = batch.answer.send(Err(Error::failed("publish", Retry::Temporary, cause)));
    }
}

/// Begins a segment file. Its header and its name are durable before the first frame is written.
fn begin_segment(
    folder: &Path,
    first: Offset,
    media: &dyn Media,
) -> io::Result<(Box<dyn SegmentFile>, u64, Segment)> {
    let path = folder.join(segment::file_name(first));
    let file = media.create(&path)?;
    let (header, salt) = segment::new_header();
    file.write_at(&header, 0)?;
    file.sync()?;
    folder::sync_names(folder)?;
    Ok((file, salt, Segment::new(first, path, HEADER)))
}
