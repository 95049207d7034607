//! The host journal: every event and change in order, durable before anyone is told.
//!
//! One JSON line for each signal in `signals.jsonl`. The newest [`KEPT`] are served; older ones go when the
//! host starts. Metrics and logs are not kept here: they are read from their sources.

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use model::Signal;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::folder::write_atomic;

/// How many signals are kept.
pub(crate) const KEPT: usize = 20_000;

/// A signal with its place in the journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JournaledSignal {
    /// Its place, from 1, without gaps.
    pub sequence: u64,
    /// What was seen or altered.
    pub signal: Signal,
}

#[derive(Clone)]
pub(crate) struct Journal {
    shared: Arc<Shared>,
}

struct Shared {
    inner: Mutex<Inner>,
    newest: watch::Sender<u64>,
}

struct Inner {
    path: PathBuf,
    file: File,
    lines: u64,
    kept: VecDeque<JournaledSignal>,
    next: u64,
}

impl Journal {
    /// Opens the journal; a last line torn by a crash was never acknowledged and is dropped.
    pub(crate) fn open(path: PathBuf) -> io::Result<Self> {
        let mut kept: VecDeque<JournaledSignal> = read_lines(&path)?.into();
        kept.drain(..kept.len().saturating_sub(KEPT));
        let file = rewrite(&path, kept.iter())?;
        let next = kept.back().map_or(1, |s| s.sequence + 1);
        let lines = kept.len() as u64;
        let inner = Mutex::new(Inner { path, file, lines, kept, next });
        Ok(Self { shared: Arc::new(Shared { inner, newest: watch::Sender::new(next - 1) }) })
    }

    /// Appends a signal; durable when it returns. `make` gets the sequence it will have.
    pub(crate) async fn append(&self, make: impl FnOnce(u64) -> Signal + Send + 'static) -> io::Result<()> {
        let shared = Arc::clone(&self.shared);
        blocking(move || {
            let mut inner = shared.inner.lock().unwrap_or_else(PoisonError::into_inner);
            let entry = JournaledSignal { sequence: inner.next, signal: make(inner.next) };
            append_line(&mut inner.file, &entry)?;
            inner.next += 1;
            inner.lines += 1;
            inner.kept.push_back(entry);
            if inner.kept.len() > KEPT {
                inner.kept.pop_front();
            }
            if inner.lines > 3 * KEPT as u64 {
                inner.file = rewrite(&inner.path, inner.kept.iter())?;
                inner.lines = inner.kept.len() as u64;
            }
            shared.newest.send_replace(inner.next - 1);
            Ok(())
        })
        .await
    }

    /// At most `limit` signals after sequence `after`, oldest first.
    pub(crate) fn after(&self, after: u64, limit: usize) -> Vec<JournaledSignal> {
        let inner = self.shared.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let first = inner.kept.front().map_or(inner.next, |s| s.sequence);
        let skip = usize::try_from((after + 1).saturating_sub(first)).unwrap_or(usize::MAX);
        inner.kept.iter().skip(skip.min(inner.kept.len())).take(limit).cloned().collect()
    }

    /// Whether a change with this id is in the journal already.
    pub(crate) fn has_change(&self, id: &model::ChangeId) -> bool {
        let inner = self.shared.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.kept.iter().rev().any(|s| matches!(&s.signal, Signal::Change(c) if c.id == *id))
    }

    /// Tells the newest sequence, and when it grows.
    pub(crate) fn newest(&self) -> watch::Receiver<u64> {
        self.shared.newest.subscribe()
    }
}

/// Runs blocking file work away from the async threads.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|e| Err(io::Error::other(e)))
}

/// Appends one JSON line and waits until it is on disk.
pub(crate) fn append_line(file: &mut File, entry: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(entry).map_err(io::Error::other)?;
    line.push(b'\n');
    file.write_all(&line)?;
    file.sync_data()
}

/// Reads JSON lines up to the first that is torn.
pub(crate) fn read_lines<T: for<'de> Deserialize<'de>>(path: &Path) -> io::Result<Vec<T>> {
    let bytes = match fs::read(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other?,
    };
    let lines = bytes.split_inclusive(|b| *b == b'\n').filter(|l| l.ends_with(b"\n"));
    Ok(lines.map_while(|line| serde_json::from_slice(line).ok()).collect())
}

/// Writes the file anew and opens it for appending.
pub(crate) fn rewrite<'a, T: Serialize + 'a>(
    path: &Path,
    entries: impl Iterator<Item = &'a T>,
) -> io::Result<File> {
    let mut content = Vec::new();
    for entry in entries {
        serde_json::to_writer(&mut content, entry).map_err(io::Error::other)?;
        content.push(b'\n');
    }
    write_atomic(path, &content)?;
    OpenOptions::new().append(true).open(path)
}

#[cfg(test)]
mod tests {
    use model::{Event, Timestamp};

    use super::*;

    fn event(sequence: u64) -> Signal {
        Signal::Event(Event {
            id: sequence.to_string(),
            source: "host".into(),
            kind: "test".into(),
            service: "a".into(),
            at: Timestamp::from_unix_ms(1),
            data: serde_json::json!({"n": sequence}),
            attributes: Default::default(),
        })
    }

    #[tokio::test]
    async fn a_torn_line_is_dropped_and_sequences_go_on() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("signals.jsonl");
        let journal = Journal::open(path.clone()).unwrap();
        for _ in 0..3 {
            journal.append(event).await.unwrap();
        }
        drop(journal);
        OpenOptions::new().append(true).open(&path).unwrap().write_all(b"{\"sequence\":4,\"sig").unwrap();
        let journal = Journal::open(path).unwrap();
        journal.append(event).await.unwrap();
        let sequences: Vec<_> = journal.after(1, 10).iter().map(|s| s.sequence).collect();
        assert_eq!(sequences, [2, 3, 4]);
        assert_eq!(journal.after(0, 1).len(), 1);
        assert!(journal.after(4, 10).is_empty() && journal.after(u64::MAX - 1, 10).is_empty());
        assert_eq!(*journal.newest().borrow(), 4);
    }
}
