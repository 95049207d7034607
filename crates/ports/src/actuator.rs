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

/// Why an action failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ActionFailure {
    /// What went wrong and what to do, for people.
    pub message: String,
    /// Whether calling again with the same key helps.
    pub retry: Retry,
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
