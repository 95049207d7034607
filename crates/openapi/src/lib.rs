//! OpenAPI 2.0, 3.0 and 3.1: documents in, operations and planned requests out.
//!
//! [`Document`] holds what was read, each file brought to one 3.1-like form; [`Operation`] is one thing that can be asked
//! for; [`plan`] turns an operation and parameters into a request. Documents may be spread over files: what is needed and
//! not there is named ([`Error::Missing`]), fetched by the caller, and given with [`Document::add`].
//!
//! Deliberately absent: fetching, sending, validating values against schemas, and any word of our own domain.

mod document;
mod error;
mod normal;
mod operation;
mod plan;
mod style;
mod text;
mod uri;

pub use document::{Document, Node, Version};
pub use error::Error;
pub use operation::{
    Body, Content, Key, Location, Operation, Parameter, Response, Server, Shape, Style, Variable,
};
pub use plan::{Part, PartContent, PlannedBody, RequestPlan, plan};
