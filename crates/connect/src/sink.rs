//! Where observations go.

use async_trait::async_trait;
use model::Signal;

/// Takes signals. The engine's intake is one.
#[async_trait]
pub trait Sink: Send + Sync {
    /// Takes all signals durably, or none. `source` names the poller: `probe/checkout/checkout-1`.
    ///
    /// # Errors
    /// `Overloaded` when there is no room: the caller waits and offers the same signals again.
    async fn accept(&self, source: &str, signals: Vec<Signal>) -> Result<(), ports::Error>;
}
