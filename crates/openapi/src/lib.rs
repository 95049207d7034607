//! OpenAPI 2.0, 3.0, 3.1 and 3.2: documents in, one model of operations and schemas and planned requests out.
//!
//! [`api::Api`] is what a document of any version says, in one form. Documents may be spread over files: what is needed and
//! not there is named, fetched by the caller, and given. What is wrong with a document is a list of [`Diagnostic`]s with
//! line and column; only what is no OpenAPI at all is refused.
//!
//! Deliberately absent: fetching, sending, and any word of our own domain.

#[allow(dead_code, reason = "its reader is made in the next change")]
pub mod api;
mod diagnostic;
mod document;
mod error;
mod normal;
mod operation;
mod plan;
mod read;
#[allow(dead_code, reason = "the reader of `api` is made in the next change")]
mod source;
mod style;
mod text;
#[allow(dead_code, reason = "the reader of `api` is made in the next change")]
mod tree;
mod uri;

pub use diagnostic::{Diagnostic, Severity};
pub use document::{Document, Node, Version};
pub use error::Error;
pub use operation::{
    Body, Content, Key, Location, Operation, Parameter, Response, Server, Shape, Style, Variable,
};
pub use plan::{Part, PartContent, PlannedBody, RequestPlan, plan};
pub use read::{Bounds, Outcome};
