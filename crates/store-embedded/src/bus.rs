//! The bus: one append-only log for each topic, in segment files under `bus/<topic>/`.
//!
//! What was published is on disk when `publish` returns. The newest records are also kept in memory, so a
//! consumer that keeps up never reads the disk. What a consumer has finished is not known here: it says so
//! by `trim`, and reads after its own offset when it starts again.

mod log;
mod media;
mod segment;
mod tail;
mod write;

use std::path::Path;

use async_trait::async_trait;
use bytes::Bytes;
use ports::{Bus, Offset, Result, Topic};
use tokio::sync::watch;

use crate::folder::{self, FolderLock, OpenError};
use log::Log;

/// The file whose lock says that the bus is open.
const LOCK: &str = "bus.lock";

/// How the bus is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BusOptions {
    /// A segment file that has reached this size is closed and the next one begun.
    pub segment_bytes: u64,
    /// Records that are not trimmed may take this much; then publishing is refused as `Overloaded`.
    pub max_backlog_bytes: u64,
    /// The newest records that are kept in memory as well may take this much.
    pub cache_bytes: usize,
}

impl Default for BusOptions {
    fn default() -> Self {
        Self { segment_bytes: 64 << 20, max_backlog_bytes: 1 << 30, cache_bytes: 16 << 20 }
    }
}

/// The bus in a data folder.
///
/// Dropping it waits until everything queued is written, and then frees the folder.
pub struct BusLog {
    // Fields drop in this order: the writer finishes before the folder is free for others.
    signals: Log,
    _lock: FolderLock,
}

impl BusLog {
    /// Opens the bus in a data folder, creating both when missing. A torn tail, which a crash in the middle
    /// of a write leaves, is cut off: nothing in it was acknowledged.
    ///
    /// # Errors
    /// The folder is in use or cannot be written, or acknowledged records of the newest segment are damaged.
    pub fn open(folder: &Path, options: BusOptions) -> Result<Self, OpenError> {
        Self::open_on(folder, options, || Box::new(media::Disk))
    }

    fn open_on(
        folder: &Path,
        options: BusOptions,
        media: impl Fn() -> Box<dyn media::Media>,
    ) -> Result<Self, OpenError> {
        let lock = folder::claim(folder, LOCK)?;
        let topic = |topic: Topic| Log::open(&folder.join("bus").join(topic.as_str()), options, media());
        Ok(Self { signals: topic(Topic::Signals)?, _lock: lock })
    }

    fn log(&self, topic: Topic) -> &Log {
        match topic {
            Topic::Signals => &self.signals,
        }
    }
}

#[async_trait]
impl Bus for BusLog {
    async fn publish(&self, topic: Topic, records: Vec<Bytes>) -> Result<Offset> {
        self.log(topic).publish(records).await
    }

    async fn read(&self, topic: Topic, after: Offset, max_bytes: usize) -> Result<Vec<(Offset, Bytes)>> {
        self.log(topic).read(after, max_bytes).await
    }

    fn watch(&self, topic: Topic) -> watch::Receiver<Offset> {
        self.log(topic).watch()
    }

    async fn trim(&self, topic: Topic, up_to: Offset) -> Result<()> {
        self.log(topic).trim(up_to).await
    }
}

#[cfg(test)]
mod tests;
