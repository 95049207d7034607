//! What workflows call: each function is an actuator. Every request of theirs goes through one place, [`Web`], which
//! knows the limits, where it may go, and how to prove who asks.
//!
//! Deliberately absent: expressions, and secrets by name. Parameters come evaluated and with secrets in place.

mod auth;
mod fields;
mod http;
mod limits;
mod openapi;

pub use http::{HttpFunction, Web};
pub use limits::{Egress, Limits};
pub use openapi::OpenApiFunction;
