//! What was noticed while a document was read.

use std::fmt;

use crate::api::Location;

/// Something that was noticed in a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Of which kind it is: `duplicate-operation-id`. Stable.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub suggestion: Option<String>,
    /// Where.
    pub location: Location,
}

/// How bad something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing; nothing is lost.
    Note,
    /// Wrong, and understood anyway.
    Warning,
    /// A part of the document could not be understood and is left out.
    Error,
}

impl Severity {
    /// `note`, `warning`, `error`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} [{}]: {}", self.location, self.severity.name(), self.code, self.message)?;
        match &self.suggestion {
            None => Ok(()),
            Some(suggestion) => write!(f, "; {suggestion}"),
        }
    }
}

impl std::error::Error for Diagnostic {}
