//! Actuators: what carries out actions.

use async_trait::async_trait;
use model::{ActionCall, ActionSpec, Inverse};
use serde_json::Value;

use crate::error::Retry;

/// What an action gave.
#[derive(Clone, Debug, PartialEq)]
pub struct ActionResult {
    /// Its output, JSON.
    pub output: Value,
    /// What undoes it, with the state captured before; none when nothing was changed or nothing can undo it.
    pub inverse: Option<Inverse>,
}

/// What kind of failure it was: the standard error types of Serverless Workflow 1.0 that a call can end with
/// (DSL reference, "Standard Error Types").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// What was asked for cannot be asked for like this, or is not set up here.
    Configuration,
    /// The data does not fit what the other side described.
    Validation,
    /// The other side does not know who asks.
    Authentication,
    /// Whoever asks may not: the other side says so, or a policy here.
    Authorization,
    /// It took longer than it may.
    Timeout,
    /// The other side was not reached, or its answer was no use.
    Communication,
    /// It was carried out and went wrong.
    Runtime,
}

impl FailureKind {
    /// Its name, the last part of the standard type's URI.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Configuration => "configuration",
            Self::Validation => "validation",
            Self::Authentication => "authentication",
            Self::Authorization => "authorization",
            Self::Timeout => "timeout",
            Self::Communication => "communication",
            Self::Runtime => "runtime",
        }
    }

    /// The status that stands for it when the other side gave none.
    #[must_use]
    pub fn default_status(self) -> u16 {
        match self {
            Self::Configuration | Self::Validation => 400,
            Self::Authentication => 401,
            Self::Authorization => 403,
            Self::Timeout => 408,
            Self::Communication | Self::Runtime => 500,
        }
    }
}

/// Why an action failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ActionFailure {
    /// What kind of failure.
    pub kind: FailureKind,
    /// Status after HTTP: what the other side said, or what stands for the kind.
    pub status: u16,
    /// What went wrong and what to do, for people. No secret is in it.
    pub message: String,
    /// Whether calling again with the same key helps.
    pub retry: Retry,
}

impl ActionFailure {
    /// A failure with the status that stands for its kind.
    #[must_use]
    pub fn new(kind: FailureKind, retry: Retry, message: impl Into<String>) -> Self {
        Self { kind, status: kind.default_status(), message: message.into(), retry }
    }

    /// With the status that the other side gave.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }
}

/// Carries out the actions of one integration.
#[async_trait]
pub trait Actuator: Send + Sync {
    /// What it can do.
    fn actions(&self) -> Vec<ActionSpec>;

    /// Does it, once for each idempotency key: a second call with the same key gives the first result.
    ///
    /// # Errors
    /// It was not done, or it is not known whether it was done (then calling again with the same key is safe).
    async fn execute(&self, call: &ActionCall) -> Result<ActionResult, ActionFailure>;

    /// Says what it would do, changing nothing.
    ///
    /// # Errors
    /// It could not be done.
    async fn dry_run(&self, call: &ActionCall) -> Result<String, ActionFailure>;
}
