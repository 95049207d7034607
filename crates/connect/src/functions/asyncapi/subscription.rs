//! A subscription of one transport, and what comes of it.

use async_trait::async_trait;
use ports::ActionFailure;
use serde_json::{Map, Value, json};

/// A message as a workflow sees it (Serverless Workflow 1.0, "AsyncAPI Inbound Message").
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct InboundMessage {
    /// Its content.
    pub(super) payload: Value,
    /// Its headers: text, or a list of texts for a name that came several times.
    pub(super) headers: Map<String, Value>,
    /// What it belongs to, when its description says where that stands.
    pub(super) correlation_id: Option<String>,
}

impl InboundMessage {
    /// As expressions see it.
    pub(super) fn to_json(&self) -> Value {
        let mut json = json!({"payload": self.payload, "headers": self.headers});
        if let Some(id) = &self.correlation_id {
            json["correlationId"] = id.clone().into();
        }
        json
    }
}

/// A subscription; dropping it ends it. It holds a bounded number of messages that nobody asked for yet.
#[async_trait]
pub(super) trait Subscription: Send {
    /// Waits for the next message; none when the other side ended the subscription.
    ///
    /// # Errors
    /// The subscription broke and could not be made again, or messages were lost; says which.
    async fn next(&mut self) -> Result<Option<InboundMessage>, ActionFailure>;

    /// Says that all messages so far were taken, so that a stream that breaks goes on after them, where the protocol
    /// can do that.
    fn taken(&mut self) {}
}
