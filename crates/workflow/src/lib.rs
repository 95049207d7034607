//! Workflows: CNCF Serverless Workflow documents and the state machine that runs them.
//!
//! Pure and synchronous. A document is read strictly into a [`Definition`]; a run is a fold of [`Event`]s into a
//! [`State`], and each event gives [`Effect`]s for a driver to carry out. The journal of events is the truth:
//! after a crash the driver folds it again and carries out [`pending_effects`], which have the same idempotency
//! keys as before. This crate does no I/O, reads no clock and draws no random number.
//!
//! ```text
//! driver: journal(event) -> apply(definition, &mut state, &event) -> effects -> carried out -> event …
//! ```

mod cron;
mod definition;
mod document;
mod driver;
mod duration;
mod error;
mod event;
mod expression;
mod filter;
mod graph;
mod machine;
mod operations;
mod plan;
mod revise;
mod schedule;
mod schema;
mod snapshot;
mod state;
mod trail;
mod view;
pub mod yaml;

pub use cron::Cron;
pub use definition::{Definition, Document};
pub use document::{Resource, ResourceKind, Resources};
pub use driver::document_schema;
pub use duration::milliseconds as duration_ms;
pub use error::WorkflowError;
pub use event::{Change, Effect, Event, RevisionNote};
pub use expression::{
    Expression, MAX_EXPRESSION_BYTES, MAX_EXPRESSION_DEPTH, MAX_OUTPUTS, MAX_STEPS, MAX_VALUES, Template,
    truthy,
};
pub use filter::{EventFilter, cloud_event, matches};
pub use graph::{END, Graph, GraphEdge, GraphNode, Part, START, Way};
pub use machine::{MAX_CONSUMED, MAX_QUEUED, MAX_RUN_STEPS, apply, apply_telling, replay, start};
pub use operations::{Concurrency, ConcurrencyBy, Operations};
pub use plan::{Otherwise, Plan, PlannedCall, PlannedUndo, plan};
pub use revise::{Revised, Revision, retry_point, revise};
pub use schedule::{MAX_GATHERED, Schedule, Trigger, Waiting};
pub use schema::Schema;
pub use snapshot::Snapshot;
pub use state::{State, pending_effects};
pub use trail::{History, JournalLine, StepView, Trail, View, journal_lines, trail};
pub use view::{APPROVE, Summary, WaitsFor, summary};
