//! The HTTP API over a real engine, a real store and real telemetry in a temporary folder.
//!
//! Requests go straight into the router; what a socket would add is tested with the binary.

mod access;
mod approvals;
mod audit;
mod connectors;
mod control;
mod detection;
mod explain;
mod guard;
mod health;
mod holds;
mod hostile;
mod ingest;
mod lifecycle;
mod lists;
mod openapi;
mod runs;
mod session;
mod stream;
mod things;
mod tokens;
mod triage;
mod workflows;
mod world;
