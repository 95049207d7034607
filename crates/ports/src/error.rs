//! What can go wrong in an adapter, and whether trying again helps.

/// Whether trying again helps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// Never: the request itself is wrong.
    Permanent,
    /// Yes, after a moment.
    Temporary,
    /// Perhaps, but not at once and not unasked: it was tried again as often as is sensible, or nobody knows whether it
    /// was done and doing it twice may do harm.
    Exhausted,
}

/// An adapter's failure.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A write expected another revision or sequence than what is there. Read again and decide anew.
    #[error("conflict on {what}: expected {expected}, found {found}")]
    Conflict {
        /// What was written: `incident/inc_…`.
        what: String,
        /// What the writer expected.
        expected: String,
        /// What is there.
        found: String,
    },
    /// The request itself is wrong.
    #[error("{0}")]
    Invalid(String),
    /// The adapter is full or slower than what is asked of it; nothing was taken.
    #[error("over capacity: {0}")]
    Overloaded(String),
    /// The outside failed.
    #[error("{operation} failed")]
    Failed {
        /// What was tried.
        operation: &'static str,
        /// Whether trying again helps.
        retry: Retry,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// What is stored cannot be read back.
    #[error("corrupt data: {0}")]
    Corrupt(String),
}

impl Error {
    /// A failure of the outside.
    pub fn failed(
        operation: &'static str,
        retry: Retry,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Failed { operation, retry, source: source.into() }
    }

    /// Whether trying again helps.
    #[must_use]
    pub fn retry(&self) -> Retry {
        match self {
            Self::Failed { retry, .. } => *retry,
            Self::Overloaded(_) => Retry::Temporary,
            Self::Conflict { .. } | Self::Invalid(_) | Self::Corrupt(_) => Retry::Permanent,
        }
    }
}

/// Result of a port.
pub type Result<T, E = Error> = std::result::Result<T, E>;
