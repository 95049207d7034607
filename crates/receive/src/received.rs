//! What every receiver answers with: signals, what it refused of a batch, or why nothing was read.

use std::collections::BTreeMap;
use std::fmt;

use model::Signal;

use crate::limits;

/// Input that cannot be read. Nothing of it was taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed input at {at}: {reason}; {advice}")]
pub struct Malformed {
    /// Where: a JSON pointer (`/resourceSpans/0/scopeSpans`), `byte 17`, `line 3` or `header ce-id`.
    pub at: String,
    /// What is wrong there.
    pub reason: String,
    /// What the sender should do.
    pub advice: String,
}

impl Malformed {
    /// Input that cannot be read.
    pub fn new(at: impl Into<String>, reason: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { at: at.into(), reason: reason.into(), advice: advice.into() }
    }
}

/// Who is being read: put on every signal of a source that does not name itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The service.
    pub service: String,
    /// The instance, when one is known: becomes the label or attribute `instance`.
    pub instance: Option<String>,
}

/// Parts of a batch that were refused, with the reasons and how often each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rejected {
    count: u64,
    reasons: BTreeMap<String, u64>,
}

impl Rejected {
    /// How many parts were refused: data points, log records or spans.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Counts refused parts. Only the first few reasons are kept, so that a hostile batch stays small.
    pub fn add(&mut self, count: u64, reason: impl Into<String>) {
        if count == 0 {
            return;
        }
        self.count += count;
        let reason = reason.into();
        if self.reasons.len() < 8 || self.reasons.contains_key(&reason) {
            *self.reasons.entry(reason).or_default() += count;
        }
    }
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (reason, count)) in self.reasons.iter().enumerate() {
            let separator = if i == 0 { "" } else { "; " };
            write!(f, "{separator}{count} x {reason}")?;
        }
        let named: u64 = self.reasons.values().sum();
        if named < self.count {
            write!(f, "; {} x other reasons", self.count - named)?;
        }
        Ok(())
    }
}

/// Signals of one batch, and what was refused of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Received {
    /// What was taken.
    pub signals: Vec<Signal>,
    /// What was not.
    pub rejected: Rejected,
    /// Bytes of text and numbers taken so far, to bound what a small request can unpack to.
    size_bytes: usize,
}

impl Received {
    /// Takes a signal of about `size_bytes`, or counts it as refused when the batch grew too large.
    pub(crate) fn push(&mut self, signal: Signal, size_bytes: usize) {
        if self.size_bytes.saturating_add(size_bytes) > limits::UNPACKED_BYTES_MAX {
            self.rejected.add(
                1,
                format!(
                    "the request unpacks to more than {} MiB; send smaller batches",
                    limits::UNPACKED_BYTES_MAX >> 20
                ),
            );
        } else {
            self.size_bytes += size_bytes;
            self.signals.push(signal);
        }
    }
}
