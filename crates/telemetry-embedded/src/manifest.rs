//! The manifest: which blocks there are, in order of arrival, and up to which bus offset they reach.
//!
//! One line with a checksum, then JSON, so that a person can read it and a flipped byte is seen.

use ports::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::block::Shape;

/// File name of the manifest.
pub(crate) const NAME: &str = "MANIFEST";

const FORMAT: &str = "homeostat-telemetry-1";

/// What the manifest says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    /// `series` or `logs`.
    pub(crate) kind: String,
    /// Everything that came with this bus offset or before is in the blocks.
    pub(crate) applied: u64,
    pub(crate) next_id: u64,
    /// Nothing older is wanted any more, Unix milliseconds.
    pub(crate) expired_before: i64,
    /// Oldest arrival first: of two samples at one instant the earlier block wins.
    pub(crate) blocks: Vec<Shape>,
}

impl Manifest {
    pub(crate) fn new(kind: &str) -> Self {
        Self { kind: kind.to_owned(), applied: 0, next_id: 1, expired_before: i64::MIN, blocks: Vec::new() }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let body = serde_json::to_string_pretty(self).expect("a manifest is plain numbers and text");
        format!("{FORMAT} {:08x}\n{body}\n", crc32fast::hash(body.as_bytes())).into_bytes()
    }

    pub(crate) fn decode(bytes: &[u8], kind: &str, path: &str) -> Result<Self> {
        let corrupt = |why: &str| Error::Corrupt(format!("{path}: {why}. Restore the folder from a backup"));
        let text = std::str::from_utf8(bytes).map_err(|_| corrupt("it is not text"))?;
        let (head, body) = text.split_once('\n').ok_or_else(|| corrupt("it is cut short"))?;
        let body = body.strip_suffix('\n').ok_or_else(|| corrupt("it is cut short"))?;
        let Some((FORMAT, crc)) = head.split_once(' ') else {
            return Err(corrupt(&format!(
                "it does not begin with {FORMAT}; was it written by a newer release?"
            )));
        };
        if crc != format!("{:08x}", crc32fast::hash(body.as_bytes())) {
            return Err(corrupt("its checksum differs"));
        }
        let manifest: Self = serde_json::from_str(body).map_err(|e| corrupt(&e.to_string()))?;
        if manifest.kind != kind {
            return Err(Error::Invalid(format!("{path} is of a folder of {}, not of {kind}", manifest.kind)));
        }
        Ok(manifest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_flipped_bit_is_seen() {
        let shape = Shape { id: 1, level: 0, from: -5, to: 7, items: 3, bytes: 100 };
        let manifest = Manifest { applied: 9, blocks: vec![shape], ..Manifest::new("series") };
        let bytes = manifest.encode();
        assert_eq!(Manifest::decode(&bytes, "series", "m").unwrap(), manifest);
        assert!(Manifest::decode(&bytes, "logs", "m").unwrap_err().to_string().contains("not of logs"));
        for i in 0..bytes.len() * 8 {
            let mut bad = bytes.clone();
            bad[i / 8] ^= 1 << (i % 8);
            assert!(Manifest::decode(&bad, "series", "m").is_err(), "bit {i}");
        }
    }
}
