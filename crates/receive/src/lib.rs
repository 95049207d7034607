//! Formats: bytes of any sender in, [`model::Signal`]s out.
//!
//! Pure: no I/O, no clock (`now` is an input), no state between calls. Every function is safe on
//! arbitrary bytes and bounded in what it makes of them ([`limits`]). What cannot be read is an error
//! that says where, why and what to do ([`Malformed`]), or a counted part of a batch ([`Rejected`]).
//!
//! Deliberately absent: HTTP, compression, authentication (the API crate does them) and anything that
//! needs memory, such as adding up delta counters.

pub mod alertmanager;
pub mod cloudevents;
pub mod limits;
pub mod logline;
pub mod otlp;
pub mod prometheus;
mod received;

pub use received::{Malformed, Origin, Received, Rejected};
