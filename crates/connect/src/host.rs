//! The process host's HTTP API: a client that acts, and pollers that sense.

mod client;
mod logs;
mod poller;
mod targets;

pub use client::HostClient;
pub use poller::{HostPoller, HostSettings, OnServices};
