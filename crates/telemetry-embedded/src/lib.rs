//! Metric series and log records in a data folder of their own: no server, no write-ahead log.
//!
//! Both stores have one shape. Batches come from the bus with an offset and live in memory (the *head*)
//! until a flush writes them to an immutable *block* file and names the block, together with the offset,
//! in the manifest. After a crash the caller replays the bus after `applied()`. Small blocks are merged in
//! the background. Deliberately absent: rollups, a query language, replication.
//!
//! - `disk`, `block`, `manifest`: bytes on disk, each covered by a checksum.
//! - `shelf`: the life of heads and blocks (append, flush, merge, expire), the same for both stores.
//! - `series`, `logs`: what is in a block, and how it is searched.

mod block;
mod compaction;
mod disk;
mod logs;
mod manifest;
mod series;
mod shelf;
mod wire;

pub use logs::{LogOptions, LogStore};
pub use series::{SeriesOptions, SeriesStore};
