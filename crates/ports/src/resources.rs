//! Texts that workflow documents take from elsewhere.

use async_trait::async_trait;
use serde_json::Value;

use crate::actuator::ActionFailure;

/// Reads external resources (DSL reference, "External Resource").
#[async_trait]
pub trait Resources: Send + Sync {
    /// The text at a URI. `authentication` is a policy as calls have it, with its secrets in place.
    ///
    /// # Errors
    /// There is nothing, it is too large, it may not be read, or its server cannot be reached.
    async fn text(&self, uri: &str, authentication: Option<&Value>) -> Result<String, ActionFailure>;
}
