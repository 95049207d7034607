//! Messages of other systems: what a workflow that listens to a channel is given.

use async_trait::async_trait;
use serde_json::Value;
use tokio::sync::mpsc;

use crate::actuator::ActionFailure;

/// Receives messages for workflows.
#[async_trait]
pub trait Subscriber: Send + Sync {
    /// Gives every message of a channel to `messages`, as `{payload, headers, correlationId}`, until the channel
    /// ends or `messages` is closed. A message may come twice. `parameters` are those of an `asyncapi` call.
    ///
    /// # Errors
    /// The channel cannot be listened to, or broke off.
    async fn subscribe(&self, parameters: &Value, messages: mpsc::Sender<Value>)
    -> Result<(), ActionFailure>;
}
