//! Data files: runbooks, the service catalog and objectives, read strictly, with file, line and advice in every error.
//!
//! Pure: files come as names and texts, nothing is read from disk here. Users' own files have the same format as
//! the shipped ones in `runbooks/`.

mod catalog;
mod markdown;
pub mod openslo;
mod runbook;
mod runbooks;
mod verify;

pub use catalog::{Catalog, CatalogService};
pub use runbook::{Handles, Runbook};
pub use runbooks::Runbooks;
pub use verify::{Condition, MAX_WINDOW_MS, Operator, VERIFY, Verify};
/// What is wrong with a data file, where, and what to do.
pub use workflow::yaml::ParseError as ManifestError;
