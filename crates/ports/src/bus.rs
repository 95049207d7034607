//! The bus: the one front door of signals. What it acknowledged is durable; everything behind it is
//! rebuilt from it after a crash.

use async_trait::async_trait;
use bytes::Bytes;

use crate::error::Result;

/// Position in a topic; the first record has offset 1, 0 is before all.
pub type Offset = u64;

/// A stream of records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Topic {
    /// Batches of signals.
    Signals,
}

impl Topic {
    /// Its name on disk and on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Signals => "signals",
        }
    }
}

/// Carries records in order, durably.
#[async_trait]
pub trait Bus: Send + Sync {
    /// Appends records and returns the offset of the last once all are durable.
    ///
    /// # Errors
    /// `Overloaded` when consumers are too far behind: nothing was taken, try again later.
    async fn publish(&self, topic: Topic, records: Vec<Bytes>) -> Result<Offset>;

    /// Records after an offset, oldest first, up to about `max_bytes` (at least one when there is one).
    /// Offsets have no gaps, except that trimmed records are skipped.
    ///
    /// # Errors
    /// The bus failed.
    async fn read(&self, topic: Topic, after: Offset, max_bytes: usize) -> Result<Vec<(Offset, Bytes)>>;

    /// Tells of new records: the receiver's value is the newest durable offset.
    fn watch(&self, topic: Topic) -> tokio::sync::watch::Receiver<Offset>;

    /// Allows the bus to forget records up to and including an offset.
    ///
    /// # Errors
    /// The bus failed.
    async fn trim(&self, topic: Topic, up_to: Offset) -> Result<()>;
}
