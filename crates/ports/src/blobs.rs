//! Blobs: values too large for a document or a record, kept under the hash of their bytes.
//!
//! A blob never changes, so it needs no revision: writing it again is the same blob. Who refers to it writes
//! it first and commits the reference afterwards; what a crash leaves without a reference is collected.
//! Deliberately absent: names, folders, and who refers to what.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use async_trait::async_trait;
use bytes::Bytes;
use model::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};

/// The SHA-256 (FIPS 180-4) of a blob's bytes; 64 hexadecimal digits in lower case as text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct BlobId([u8; 32]);

impl BlobId {
    /// The id of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }
}

impl fmt::Display for BlobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for BlobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BlobId({self})")
    }
}

impl From<BlobId> for String {
    fn from(id: BlobId) -> Self {
        id.to_string()
    }
}

impl FromStr for BlobId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let digits = text.as_bytes();
        let mut id = [0; 32];
        if digits.len() != 64 {
            return Err(not_an_id());
        }
        for (byte, pair) in id.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        Ok(Self(id))
    }
}

impl TryFrom<String> for BlobId {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

fn digit(letter: u8) -> Result<u8> {
    match letter {
        b'0'..=b'9' => Ok(letter - b'0'),
        b'a'..=b'f' => Ok(letter - b'a' + 10),
        _ => Err(not_an_id()),
    }
}

fn not_an_id() -> Error {
    Error::Invalid("a blob id is 64 hexadecimal digits in lower case".to_owned())
}

/// What is known of a blob without reading it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredBlob {
    /// Its id.
    pub id: BlobId,
    /// Its size.
    pub bytes: u64,
    /// When it was last put, in the time of whoever put it.
    pub put_at: Timestamp,
}

/// A page of blobs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BlobPage {
    /// The blobs, by id.
    pub items: Vec<StoredBlob>,
    /// Pass as `after` for the next page; none at the end.
    pub next: Option<BlobId>,
}

/// What a collection removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Collected {
    /// How many blobs.
    pub blobs: u64,
    /// Their size together.
    pub bytes: u64,
}

/// Keeps blobs.
#[async_trait]
pub trait Blobs: Send + Sync {
    /// Keeps bytes, durably when this returns, and gives their id. Bytes that are there already are not
    /// written again; they count as put at `now` from then on.
    ///
    /// # Errors
    /// `Invalid` for more than [`Blobs::max_bytes`].
    async fn put(&self, bytes: Bytes, now: Timestamp) -> Result<BlobId>;

    /// The bytes of a blob, whole and verified against its id.
    ///
    /// # Errors
    /// `Corrupt` when what is stored is not what was put; putting the same bytes again mends it.
    async fn get(&self, id: &BlobId) -> Result<Option<Bytes>>;

    /// Whether there is a blob with this id; its bytes are not verified.
    ///
    /// # Errors
    /// The store failed.
    async fn exists(&self, id: &BlobId) -> Result<bool>;

    /// Removes a blob; nothing happens when it is not there.
    ///
    /// # Errors
    /// The store failed.
    async fn delete(&self, id: &BlobId) -> Result<()>;

    /// A page of the blobs after an id, by id.
    ///
    /// # Errors
    /// `Invalid` for a limit of 0.
    async fn list(&self, after: Option<&BlobId>, limit: usize) -> Result<BlobPage>;

    /// Removes every blob that was last put before an instant and is not in `keep`. The instant leaves time
    /// between putting a blob and committing the reference to it: one that is put again while this runs
    /// stays.
    ///
    /// # Errors
    /// The store failed; what was removed until then is gone.
    async fn collect(&self, keep: &BTreeSet<BlobId>, before: Timestamp) -> Result<Collected>;

    /// Size of the largest blob that is taken.
    fn max_bytes(&self) -> u64;
}
