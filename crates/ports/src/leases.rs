//! Leases: who may do a thing right now. Each new holder gets a higher fence.

use async_trait::async_trait;
use model::Timestamp;

use crate::error::Result;

/// The right to do a thing until a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// What may be done: `engine`.
    pub name: String,
    /// Who may.
    pub holder: String,
    /// Grows with every change of holder; a writer with a lower fence is outdated.
    pub fence: u64,
    /// Until when.
    pub expires_at: Timestamp,
}

/// Grants leases.
#[async_trait]
pub trait Leases: Send + Sync {
    /// Takes or renews a lease. None while someone else holds it.
    ///
    /// A holder that takes its own lease again keeps its fence.
    ///
    /// # Errors
    /// The store failed.
    async fn acquire(&self, name: &str, holder: &str, ttl_ms: u64, now: Timestamp) -> Result<Option<Lease>>;

    /// Gives a lease back; nothing happens when someone else holds it.
    ///
    /// # Errors
    /// The store failed.
    async fn release(&self, name: &str, holder: &str) -> Result<()>;
}
