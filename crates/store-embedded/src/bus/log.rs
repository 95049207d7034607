//! One topic's log: opening it, and the calls of its users. Writing is in `write`.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::{self, JoinHandle};

use bytes::Bytes;
use ports::{Error, Offset, Result, Retry};
use tokio::sync::{oneshot, watch};

use super::BusOptions;
use super::media::Media;
use super::segment::{self, FRAME, MAX_RECORD, Unreadable};
use super::tail::{Found, Segment, Tail};
use super::write::{Appender, Batch};
use crate::folder::{self, OpenError};

/// What the users of a log and its writer share.
pub(super) struct Shared {
    tail: Mutex<Tail>,
    pub(super) newest: watch::Sender<Offset>,
}

impl Shared {
    /// The lock is held for bookkeeping only, never over I/O.
    pub(super) fn tail(&self) -> MutexGuard<'_, Tail> {
        self.tail.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One topic's log.
pub(super) struct Log {
    folder: PathBuf,
    options: BusOptions,
    shared: Arc<Shared>,
    queue: Option<mpsc::Sender<Batch>>,
    writer: Option<JoinHandle<()>>,
}

impl Log {
    /// Opens the log in a folder of its own and starts its writer.
    pub(super) fn open(folder: &Path, options: BusOptions, media: Box<dyn Media>) -> Result<Self, OpenError> {
        folder::create_private(folder)?;
        let mut segments = list(folder)?;
        let (appender, newest) = open_newest(folder, options, &mut segments, media)?;
        let shared = Arc::new(Shared {
            tail: Mutex::new(Tail::new(segments, newest, options)),
            newest: watch::Sender::new(newest),
        });
        let (queue, batches) = mpsc::channel();
        let writer = thread::Builder::new().name("bus-writer".to_owned()).spawn({
            let shared = Arc::clone(&shared);
            move || appender.write_until_closed(&batches, &shared)
        });
        let writer = writer.map_err(OpenError::io("start a writer for", folder))?;
        Ok(Self { folder: folder.to_owned(), options, shared, queue: Some(queue), writer: Some(writer) })
    }

    pub(super) async fn publish(&self, records: Vec<Bytes>) -> Result<Offset> {
        if records.is_empty() {
            return Ok(self.shared.tail().newest());
        }
        if let Some(large) = records.iter().map(Bytes::len).find(|length| *length > MAX_RECORD) {
            return Err(Error::Invalid(format!(
                "a record has {large} bytes; at most {MAX_RECORD} are allowed"
            )));
        }
        let bytes = records.iter().map(|r| FRAME + r.len() as u64).sum();
        let most = self.options.max_backlog_bytes;
        if bytes > most {
            return Err(Error::Invalid(format!(
                "{bytes} bytes of records can never fit into a backlog of {most}"
            )));
        }
        self.shared.tail().reserve(bytes).map_err(|backlog| {
            Error::Overloaded(format!("{backlog} bytes of signals wait to be processed; at most {most} may"))
        })?;
        let (answer, outcome) = oneshot::channel();
        let gone = || Error::failed("publish", Retry::Permanent, "the bus writer has stopped");
        let queue = self.queue.as_ref().ok_or_else(gone)?;
        queue.send(Batch { records, bytes, answer }).map_err(|_| gone())?;
        outcome.await.map_err(|_| gone())?
    }

    pub(super) async fn read(&self, after: Offset, max_bytes: usize) -> Result<Vec<(Offset, Bytes)>> {
        loop {
            let found = self.shared.tail().find(after, max_bytes);
            let stretch = match found {
                Found::Records(records) => return Ok(records),
                Found::OnDisk(stretch) => stretch,
            };
            let path = stretch.path.clone();
            let read = tokio::task::spawn_blocking(move || segment::read(&stretch)).await;
            match read.map_err(|e| Error::failed("read the bus", Retry::Temporary, e))? {
                Ok(records) => {
                    self.shared.tail().learned(records.next);
                    return Ok(records.items);
                }
                Err(Unreadable::Io(e)) if e.kind() == io::ErrorKind::NotFound && self.trimmed_away(&path) => {
                }
                Err(Unreadable::Io(e)) => return Err(Error::failed("read the bus", Retry::Temporary, e)),
                Err(Unreadable::Damaged { byte, why }) => {
                    return Err(Error::Corrupt(format!("{} at byte {byte}: {why}", path.display())));
                }
            }
        }
    }

    /// Whether a file is missing because everything in it was trimmed meanwhile.
    fn trimmed_away(&self, path: &Path) -> bool {
        match self.shared.tail().find(0, 0) {
            Found::Records(_) => true,
            Found::OnDisk(oldest) => oldest.path.as_path() > path,
        }
    }

    pub(super) fn watch(&self) -> watch::Receiver<Offset> {
        self.shared.newest.subscribe()
    }

    pub(super) async fn trim(&self, up_to: Offset) -> Result<()> {
        let unwanted = self.shared.tail().trim(up_to);
        if unwanted.is_empty() {
            return Ok(());
        }
        let (shared, folder) = (Arc::clone(&self.shared), self.folder.clone());
        let remove = move || {
            // Oldest first, so that what is left has no gap when this is interrupted.
            for (first, path) in unwanted {
                match std::fs::remove_file(path) {
                    Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
                    _ => shared.tail().removed(first),
                }
            }
            folder::sync_names(&folder)
        };
        let removed = tokio::task::spawn_blocking(remove).await;
        let failed = |e: io::Error| Error::failed("trim the bus", Retry::Temporary, e);
        removed.map_err(|e| failed(io::Error::other(e)))?.map_err(failed)
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(writer) = self.writer.take() {
            // It only panics when an invariant is broken, and then it has said so already.
            let _ = writer.join();
        }
    }
}

/// The segments in a folder, oldest first. Other files are left alone.
fn list(folder: &Path) -> Result<VecDeque<Segment>, OpenError> {
    let mut segments = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(OpenError::io("list", folder))? {
        let entry = entry.map_err(OpenError::io("list", folder))?;
        if let Some(first) = entry.file_name().to_str().and_then(segment::first_of) {
            let length = entry.metadata().map_err(OpenError::io("examine", &entry.path()))?.len();
            segments.push(Segment::new(first, entry.path(), length));
        }
    }
    segments.sort_by_key(|s| s.first);
    Ok(segments.into())
}

/// Opens the newest segment for writing, begins one when there is none, and cuts a torn tail off.
fn open_newest(
    folder: &Path,
    options: BusOptions,
    segments: &mut VecDeque<Segment>,
    media: Box<dyn Media>,
) -> Result<(Appender, Offset), OpenError> {
    let begin = |first, media| {
        Appender::begin(folder, first, options.segment_bytes, media)
            .map_err(OpenError::io("begin a segment in", folder))
    };
    let Some(mut newest) = segments.pop_back() else {
        let (appender, segment) = begin(1, media)?;
        segments.push_back(segment);
        return Ok((appender, 0));
    };
    let scan = segment::scan(&newest.path, newest.first).map_err(|unreadable| match unreadable {
        Unreadable::Io(e) => OpenError::io("read", &newest.path)(e),
        Unreadable::Damaged { byte, why } => OpenError::Corrupt { file: newest.path.clone(), byte, why },
    })?;
    let Some(scan) = scan else {
        let before = newest.first - 1;
        let (appender, segment) = begin(newest.first, media)?;
        segments.push_back(segment);
        return Ok((appender, before));
    };
    let last = newest.first + scan.frames.len() as u64 - 1;
    if scan.end < newest.end {
        let (file, bytes) = (newest.path.display().to_string(), newest.end - scan.end);
        tracing::warn!(file, bytes, "cut a torn write off the bus: the last run ended in the middle of it");
    }
    newest.end = scan.end;
    for (offset, byte) in (newest.first..).zip(&scan.frames) {
        newest.mark(offset, *byte, Tail::mark_spacing(options));
    }
    let appender = Appender::resume(folder, &newest, scan.salt, last + 1, options.segment_bytes, media)
        .map_err(OpenError::io("write to", &newest.path))?;
    segments.push_back(newest);
    Ok((appender, last))
}
