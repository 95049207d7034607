//! The traits to the outside. Every adapter implements them, every adapter passes the same contract suite.
//!
//! Deliberately absent: any word of SQL, of a file system or of a wire. What is here must be as natural
//! over PostgreSQL and NATS as over the embedded data folder.

pub mod actuator;
pub mod blobs;
pub mod bus;
pub mod clock;
#[cfg(feature = "contract")]
pub mod contract;
pub mod error;
pub mod explainer;
pub mod leases;
pub mod logs;
pub mod resources;
pub mod secrets;
pub mod series;
pub mod store;
pub mod subscriber;

pub use actuator::{ActionFailure, ActionResult, Actuator, FailureKind};
pub use blobs::{BlobId, BlobPage, Blobs, Collected, StoredBlob};
pub use bus::{Bus, Offset, Topic};
pub use clock::{Clock, SystemClock};
pub use error::{Error, Result, Retry};
pub use explainer::{Completion, Explainer, ExplainerFailure, ExplainerFault, Prompt};
pub use leases::{Lease, Leases};
pub use logs::{LogPage, LogQuery, Logs, Order};
pub use resources::Resources;
pub use secrets::Secrets;
pub use series::{LabelMatch, Selector, Series, SeriesData};
pub use store::{
    Commit, Direction, Document, DocumentChange, DocumentPage, Expected, Filter, Index, JournalLength,
    JournalPage, JournalPart, JournalPosition, JournalRecord, Op, Query, Store,
};
pub use subscriber::Subscriber;
