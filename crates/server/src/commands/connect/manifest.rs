//! What a generated folder says of itself: which files are generated, from what, and what they were when they were written.

use std::collections::BTreeMap;

use api::connectors::ConnectorOptions;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Its name in the folder.
pub(super) const FILE: &str = ".homeostat-connect.json";

/// The file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Manifest {
    /// For whoever opens it.
    pub(super) about: String,
    /// The version of Homeostat that wrote it.
    pub(super) homeostat: String,
    /// The document as it was named.
    pub(super) source: String,
    /// What was asked for; holds the next time unless told otherwise.
    pub(super) options: ConnectorOptions,
    /// SHA-256 of every generated file.
    pub(super) files: BTreeMap<String, String>,
    /// SHA-256 of what is just being written. Only there when that was interrupted: the next run completes it.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) pending: BTreeMap<String, String>,
}

impl Manifest {
    pub(super) fn new(source: &str, options: ConnectorOptions) -> Self {
        Self {
            about: "Written by `homeostat connect`, which needs it to tell generated files from yours. Keep it with them."
                .to_owned(),
            homeostat: env!("CARGO_PKG_VERSION").to_owned(),
            source: source.to_owned(),
            options,
            ..Self::default()
        }
    }

    /// As text.
    pub(super) fn text(&self) -> String {
        let text = serde_json::to_string_pretty(self).unwrap_or_default();
        format!("{text}\n")
    }

    /// Whether we wrote this text at this path.
    pub(super) fn wrote(&self, path: &str, hash: &str) -> bool {
        [&self.files, &self.pending].iter().any(|known| known.get(path).is_some_and(|own| own == hash))
    }
}

/// SHA-256 in hexadecimal.
pub(super) fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
