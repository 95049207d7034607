//! Pollers and clients of the outside: probes, Prometheus scrapes, log tails, `/proc`, the process host, language
//! models.
//!
//! Everything observed goes through one door, the [`Sink`]; everything that polls is a [`Poll`] kept by
//! [`Pollers`], which knows whether it works. Formats are read by the crate `receive`.
//!
//! Deliberately absent: judgement. A failed probe is an observation, not an error. Whoever builds a client
//! over TLS must have installed a rustls provider first (the server does, at its start).

pub mod cursor;
pub mod documents;
pub mod explain;
pub mod follow;
pub mod functions;
pub mod host;
mod http;
pub mod machine;
pub mod probe;
pub mod process;
pub mod scrape;
pub mod secrets;
pub mod sink;
pub mod supervise;
pub mod tail;

pub use cursor::{Cursors, MemoryCursors, StoreCursors};
pub use host::{HostClient, HostPoller, HostSettings};
pub use http::client;
pub use sink::Sink;
pub use supervise::{Context, Failure, Pace, Poll, PollerState, PollerStatus, Pollers, Round};
