//! Reading: what it gives, how much is read, and in the files below how each part is read.

mod contents;
mod links;
mod operations;
mod parameters;
mod reader;
mod root;
mod schemas;
mod spot;

use crate::api::Api;
use crate::diagnostic::Diagnostic;

pub(crate) use operations::Setting;
pub(crate) use reader::Reader;
pub(crate) use root::version;
pub(crate) use spot::Spot;

/// What reading a document gave.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The API.
    pub api: Api,
    /// What was noticed, files in the order in which they were met, by line.
    pub diagnostics: Vec<Diagnostic>,
    /// Files that references lead to and that nobody gave yet, sorted.
    pub missing: Vec<String>,
}

/// How much is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Largest file, in bytes.
    pub file_bytes: usize,
    /// All files together, in bytes.
    pub total_bytes: usize,
    /// Most files.
    pub files: usize,
    /// Most values of a file; aliases of YAML count as what they stand for.
    pub values: usize,
    /// Most schemas, those inside others among them.
    pub schemas: usize,
    /// Most diagnostics; one more says how many are left out.
    pub diagnostics: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            file_bytes: 64 * 1024 * 1024,
            total_bytes: 128 * 1024 * 1024,
            files: 4_096,
            values: 4_000_000,
            schemas: 1_000_000,
            diagnostics: 1_000,
        }
    }
}
