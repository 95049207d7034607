//! State, blobs and bus in one data folder on the local disk: SQLite for documents, journals and leases, a file
//! for each blob, append-only segment files for the bus.
//!
//! Deliberately absent: telemetry (its own crate) and anything that knows what the documents mean.

mod blobs;
mod bus;
mod folder;
mod leases;
mod state;

pub use blobs::{BlobFolder, BlobOptions};
pub use bus::{BusLog, BusOptions};
pub use folder::OpenError;
pub use state::{StateOptions, StateSize, StateStore, StateWork};
