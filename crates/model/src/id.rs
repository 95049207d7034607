//! Typed, prefixed identifiers: `inc_01jd…`. Sortable by the time they were made.
//!
//! An id is derived from an instant and the facts that make the thing what it is, so that working the
//! same input twice yields the same ids and a replay after a crash writes nothing twice.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::time::Timestamp;

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// 26 characters of Crockford base 32 in the layout of a ULID: 48 bits of time, then 80 bits of digest.
fn suffix(at: Timestamp, parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let digest = hash.finalize();
    let mut value = u128::from(at.as_unix_ms().clamp(0, (1 << 48) - 1) as u64);
    for byte in &digest[..10] {
        value = (value << 8) | u128::from(*byte);
    }
    (0..26).rev().map(|i| char::from(ALPHABET[((value >> (i * 5)) & 31) as usize])).collect()
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
        #[serde(transparent)]
        #[schema(value_type = String)]
        pub struct $name(String);

        impl $name {
            /// What every id of this kind starts with, before the underscore.
            pub const PREFIX: &'static str = $prefix;

            /// The id of the thing that these facts make at this instant. Equal input, equal id.
            #[must_use]
            pub fn derive(at: Timestamp, parts: &[&str]) -> Self {
                Self(format!(concat!($prefix, "_{}"), suffix(at, parts)))
            }

            /// Takes text as an id.
            ///
            /// # Errors
            /// The text does not start with this kind's prefix, or is not 26 letters and digits after it.
            pub fn parse(text: &str) -> Result<Self, String> {
                let ok = text.strip_prefix(concat!($prefix, "_")).is_some_and(|rest| {
                    rest.len() == 26 && rest.bytes().all(|b| ALPHABET.contains(&b))
                });
                if ok { Ok(Self(text.to_owned())) } else {
                    Err(format!(concat!("expected an id such as ", $prefix, "_01jd0000000000000000000000, got {:?}"), text))
                }
            }

            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

ids! {
    /// Follows everything that one received batch of signals led to, up to the last audit row.
    CorrelationId = "cor";
    /// A finding.
    FindingId = "fnd";
    /// A question to a person that a run waits for.
    ApprovalId = "apr";
    /// An incident.
    IncidentId = "inc";
    /// A ranked cause of one incident.
    CauseId = "cau";
    /// A piece of evidence.
    EvidenceId = "evd";
    /// A change that people or machines made.
    ChangeId = "chg";
    /// A recommendation.
    RecommendationId = "rec";
    /// A decision.
    DecisionId = "dec";
    /// A run of a workflow.
    RunId = "run";
    /// An outcome.
    OutcomeId = "out";
    /// An audit row.
    AuditId = "aud";
    /// A silence.
    SilenceId = "sil";
    /// A connector: a package that is being made or was made of an OpenAPI document.
    ConnectorId = "con";
    /// An API token (its name, not its secret).
    TokenId = "tok";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_facts_same_id_and_later_sorts_after() {
        let at = Timestamp::from_unix_ms(1_700_000_000_000);
        let a = IncidentId::derive(at, &["checkout", "crash"]);
        assert_eq!(a, IncidentId::derive(at, &["checkout", "crash"]));
        assert_ne!(a, IncidentId::derive(at, &["checkoutc", "rash"]), "parts must not run together");
        assert!(a < IncidentId::derive(at.plus_ms(1), &["a"]));
        assert_eq!(IncidentId::parse(a.as_str()).unwrap(), a);
        assert!(RunId::parse(a.as_str()).is_err());
    }
}
