//! Log records, kept with retention.

use async_trait::async_trait;
use model::{LogLevel, LogRecord, TimeRange, Timestamp};

use crate::bus::Offset;
use crate::error::Result;

/// Which end a search starts from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// Newest first.
    #[default]
    NewestFirst,
    /// Oldest first.
    OldestFirst,
}

/// A log search. All conditions must hold.
#[derive(Clone, Debug)]
pub struct LogQuery {
    /// Service name.
    pub service: Option<String>,
    /// Lowest level.
    pub level: Option<LogLevel>,
    /// Words the body must contain, ASCII case ignored; each word as a substring.
    pub text: String,
    /// Attribute names and values that must be equal.
    pub attributes: Vec<(String, String)>,
    /// When.
    pub range: TimeRange,
    /// Which end first.
    pub order: Order,
    /// Where the page before ended: its `next`.
    pub cursor: Option<String>,
    /// At most this many, 1 to 1000.
    pub limit: usize,
}

/// A page of log records.
#[derive(Clone, Debug, Default)]
pub struct LogPage {
    /// The records, in the order asked for. Equal instants keep their order of arrival, in both orders. A page
    /// may hold fewer than `limit`, even none, and still not be the last.
    pub items: Vec<LogRecord>,
    /// Pass as `cursor` for the next page; none at the end. Opaque.
    pub next: Option<String>,
}

/// Keeps log records. Replays the bus after a crash, as [`crate::Series`] does.
#[async_trait]
pub trait Logs: Send + Sync {
    /// Takes records that came with bus offset `at`. Offsets grow. Seen by searches at once.
    ///
    /// # Errors
    /// The store failed.
    async fn append(&self, batch: &[LogRecord], at: Offset) -> Result<()>;

    /// The newest offset that will survive a crash, together with everything before it.
    fn applied(&self) -> Offset;

    /// Makes everything taken so far durable; `applied` moves to the newest offset.
    ///
    /// # Errors
    /// The store failed; what was durable before still is.
    async fn flush(&self) -> Result<()>;

    /// A page of matching records.
    ///
    /// # Errors
    /// `Invalid` for a cursor of another query or a limit out of range.
    async fn search(&self, query: &LogQuery) -> Result<LogPage>;

    /// Counts of matching records in `buckets` equal parts of the range; cursor, order, limit ignored.
    ///
    /// # Errors
    /// `Invalid` for no buckets or more than 1000.
    async fn histogram(&self, query: &LogQuery, buckets: usize) -> Result<Vec<u64>>;

    /// Removes records before an instant (whole blocks at a time).
    ///
    /// # Errors
    /// The store failed.
    async fn expire(&self, before: Timestamp) -> Result<()>;
}
