//! Secrets: what workflows and integrations may use and nobody may see.

use async_trait::async_trait;
use model::Secret;

use crate::error::Result;

/// Longest name of a secret, in bytes.
pub const SECRET_NAME_BYTES_MAX: usize = 128;
/// Largest secret, in bytes.
pub const SECRET_BYTES_MAX: usize = 64 * 1024;

/// Where secrets are kept. What is kept is text; text that is a JSON object is an object, so that one secret can hold
/// a user name and a password, and all else is text as it stands, numbers too.
#[async_trait]
pub trait Secrets: Send + Sync {
    /// The secret of this name, as it is now; none when there is none.
    ///
    /// # Errors
    /// It is there but must not or cannot be read. No error holds any of it.
    async fn get(&self, name: &str) -> Result<Option<Secret>>;

    /// The names of all secrets, sorted.
    ///
    /// # Errors
    /// They cannot be listed.
    async fn names(&self) -> Result<Vec<String>>;
}

/// Whether a secret can have this name: letters, digits, `.`, `_` and `-`, not starting with a dot, so that it is a
/// name in any store and a path in none.
#[must_use]
pub fn is_secret_name(name: &str) -> bool {
    let known = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    !name.is_empty()
        && name.len() <= SECRET_NAME_BYTES_MAX
        && !name.starts_with('.')
        && name.bytes().all(known)
}

/// What text in a store means; see [`Secrets`]. One line break at the end, which editors write, does not belong to it.
#[must_use]
pub fn read_secret(text: &str) -> Secret {
    let text = text.strip_suffix('\n').map_or(text, |text| text.strip_suffix('\r').unwrap_or(text));
    let object = text.trim_start().starts_with('{').then(|| serde_json::from_str(text).ok()).flatten();
    Secret::new(object.unwrap_or_else(|| text.into()))
}
