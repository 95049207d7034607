//! The audit log: everything that people and the machine did, chained by hashes.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::id::CorrelationId;
use crate::time::Timestamp;

/// Who did something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "type", content = "name", rename_all = "snake_case")]
pub enum Actor {
    /// Homeostat itself.
    System,
    /// A signed-in person.
    User(String),
    /// An API token, by name.
    Token(String),
    /// Someone who did not prove who they are (a failed sign-in).
    Anonymous,
}

/// What was done, before it is chained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AuditEntry {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: Actor,
    /// Dotted verb: `run.started`, `token.created`, `session.refused`.
    pub action: String,
    /// What it was done to: an id or a name.
    pub subject: String,
    /// More, JSON. Never a secret.
    #[schema(value_type = Object)]
    pub details: serde_json::Value,
    /// What it belongs to.
    pub correlation_id: Option<CorrelationId>,
}

/// A row of the chain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AuditRow {
    /// Position, from 1, without gaps.
    pub sequence: u64,
    /// What was done.
    #[serde(flatten)]
    pub entry: AuditEntry,
    /// Hash of the row before; 64 zeros for the first.
    pub previous_hash: String,
    /// SHA-256 over `sequence`, `previous_hash` and the canonical JSON of the entry, hex.
    pub hash: String,
}

impl AuditRow {
    /// The hash before the first row.
    pub const GENESIS: &'static str = "0000000000000000000000000000000000000000000000000000000000000000";

    /// Chains an entry to the row before it.
    #[must_use]
    pub fn chain(sequence: u64, previous_hash: &str, entry: AuditEntry) -> Self {
        let hash = Self::digest(sequence, previous_hash, &entry);
        Self { sequence, entry, previous_hash: previous_hash.to_owned(), hash }
    }

    /// Whether the row is what was written, and follows `previous_hash`.
    #[must_use]
    pub fn follows(&self, previous_hash: &str) -> bool {
        self.previous_hash == previous_hash
            && self.hash == Self::digest(self.sequence, previous_hash, &self.entry)
    }

    fn digest(sequence: u64, previous_hash: &str, entry: &AuditEntry) -> String {
        let mut hash = Sha256::new();
        hash.update(sequence.to_be_bytes());
        hash.update(previous_hash.as_bytes());
        hash.update(serde_json::to_vec(entry).unwrap_or_default());
        hash.finalize().iter().map(|b| format!("{b:02x}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_edit_breaks_the_chain() {
        let entry = AuditEntry {
            at: Timestamp::from_unix_ms(1),
            actor: Actor::User("admin".into()),
            action: "run.started".into(),
            subject: "run_x".into(),
            details: serde_json::json!({"service": "checkout"}),
            correlation_id: None,
        };
        let row = AuditRow::chain(1, AuditRow::GENESIS, entry);
        assert!(row.follows(AuditRow::GENESIS));
        let json = serde_json::to_string(&row).unwrap();
        let back: AuditRow = serde_json::from_str(&json).unwrap();
        assert!(back.follows(AuditRow::GENESIS), "the chain must survive a round trip through storage");
        let mut edited = row.clone();
        edited.entry.subject = "run_y".into();
        assert!(!edited.follows(AuditRow::GENESIS));
    }
}
