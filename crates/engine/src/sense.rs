//! The front door: a batch of signals becomes durable here, and only then is it acknowledged.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use model::{CorrelationId, Signal, Timestamp};
use ports::{Bus, Clock, Offset, Topic};
use serde::{Deserialize, Serialize};

/// Signals received together, as they travel on the bus.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Batch {
    /// Follows everything that these signals lead to.
    pub correlation_id: CorrelationId,
    /// Who brought them: `otlp`, `probe`, `host http://127.0.0.1:7200`.
    pub source: String,
    /// When they were received.
    pub received_at: Timestamp,
    /// The signals.
    pub signals: Vec<Signal>,
}

impl Batch {
    /// Its bytes on the bus: MessagePack with field names.
    ///
    /// # Errors
    /// A value has no MessagePack form; cannot happen for the types of `model`.
    pub fn encode(&self) -> ports::Result<Bytes> {
        rmp_serde::to_vec_named(self).map(Bytes::from).map_err(|e| ports::Error::Invalid(e.to_string()))
    }

    /// Reads what `encode` wrote.
    ///
    /// # Errors
    /// `Corrupt`: the bytes are not a batch.
    pub fn decode(bytes: &[u8]) -> ports::Result<Self> {
        rmp_serde::from_slice(bytes).map_err(|e| ports::Error::Corrupt(format!("signal batch: {e}")))
    }
}

/// What a sender gets back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Follows everything that these signals lead to.
    pub correlation_id: CorrelationId,
    /// Where they are on the bus.
    pub offset: Offset,
}

/// Takes signals.
#[derive(Clone)]
pub struct Intake {
    bus: Arc<dyn Bus>,
    clock: Arc<dyn Clock>,
    node: String,
    accepted: Arc<AtomicU64>,
    batches: Arc<AtomicU64>,
}

impl Intake {
    /// An intake of one process; `node` must differ between processes, also between two lives of one.
    #[must_use]
    pub fn new(bus: Arc<dyn Bus>, clock: Arc<dyn Clock>, node: String) -> Self {
        Self { bus, clock, node, accepted: Arc::default(), batches: Arc::default() }
    }

    /// Makes signals durable. When this returns `Ok`, they survive any crash.
    ///
    /// # Errors
    /// `Overloaded`: nothing was taken, try again later. Anything else: it is not known, send again.
    pub async fn accept(&self, source: &str, signals: Vec<Signal>) -> ports::Result<Receipt> {
        let received_at = self.clock.now();
        let number = self.batches.fetch_add(1, Ordering::Relaxed);
        let correlation_id = CorrelationId::derive(received_at, &[source, &self.node, &number.to_string()]);
        let count = signals.len() as u64;
        let batch =
            Batch { correlation_id: correlation_id.clone(), source: source.to_owned(), received_at, signals };
        let offset = self.bus.publish(Topic::Signals, vec![batch.encode()?]).await?;
        self.accepted.fetch_add(count, Ordering::Relaxed);
        Ok(Receipt { correlation_id, offset })
    }

    /// Batches taken since the process started, empty ones included.
    #[must_use]
    pub fn batches(&self) -> u64 {
        self.batches.load(Ordering::Relaxed)
    }

    /// Signals taken since the process started.
    #[must_use]
    pub fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed)
    }
}
