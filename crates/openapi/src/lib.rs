//! OpenAPI 2.0, 3.0, 3.1 and 3.2: documents in, one model of operations and schemas and planned requests out.
//!
//! [`api::Api`] is what a document of any version says, in one form. Documents may be spread over files: what is needed and
//! not there is named, fetched by the caller, and given. What is wrong with a document is a list of [`Diagnostic`]s with
//! line and column; only what is no OpenAPI at all is refused.
//!
//! Deliberately absent: fetching, sending, and any word of our own domain.

pub mod api;
mod check;
mod diagnostic;
mod diff;
mod document;
mod error;
mod mock;
mod plan;
mod read;
mod sample;
mod source;
mod style;
mod tree;
mod uri;
mod words;

pub use check::{Violation, Way, check};
pub use diagnostic::{Diagnostic, Severity};
pub use diff::{Change, Diff, Impact, Step, diff};
pub use document::{Document, read};
pub use error::Error;
pub use mock::{Fault, Mock, MockAnswer, MockRequest, check_request};
pub use plan::{Part, PartContent, PlannedBody, RequestPlan, plan};
pub use read::{Bounds, Outcome};
pub use sample::sample;
