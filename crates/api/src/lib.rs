//! The HTTP API: one file a resource, `router.rs` is the table of contents.
//!
//! Handlers translate; they decide nothing. What may be done and when is the engine's
//! (`engine::command`), who may ask is `auth`.

mod access;
pub mod app;
pub mod approvals;
pub mod audit;
pub mod auth;
pub mod autonomy;
pub mod bulk;
pub mod changes;
pub mod connectors;
pub mod decisions;
pub mod demo;
pub mod detection;
pub mod explanations;
pub mod holds;
pub mod incidents;
pub mod ingest;
pub mod metrics;
pub mod overview;
pub mod page;
pub mod policy;
pub mod problem;
pub mod router;
pub mod runbooks;
pub mod runs;
pub mod schedules;
pub mod security;
pub mod services;
pub mod session;
pub mod silences;
pub mod status;
pub mod stream;
pub mod telemetry;
pub mod tokens;
pub mod triage;
pub mod workflows;

pub use app::{App, ComponentState, ComponentStatus, DemoControl, Environment};
pub use problem::{Code, Problem};
pub use router::{openapi, router};
