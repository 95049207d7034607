//! The key of a model: read anew for each request, so that a rotated one is the next one, and never shown.

use std::path::PathBuf;
use std::sync::Arc;

use model::Secret;
use model::secret::Revealed;
use ports::{ExplainerFailure, Secrets};
use reqwest::header::HeaderValue;
use serde_json::Value;

use super::wrong;
use crate::functions::Authentication;

/// Largest file with a key, in bytes.
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// Where the key of a model is.
pub enum Key {
    /// There is none: a server of one's own.
    None,
    /// Its text, taken from the environment at start.
    Given(Secret),
    /// In a file.
    File(PathBuf),
    /// Among the secrets that workflows use.
    Named(Arc<dyn Secrets>, String),
}

/// A key as it is now.
pub(super) struct Held(Secret);

impl Key {
    /// The key as it is now; what is wrong otherwise, without any of it.
    pub(super) async fn read(&self) -> Result<Option<Held>, String> {
        match self {
            Self::None => Ok(None),
            Self::Given(secret) => Ok(Some(Held(secret.clone()))),
            Self::File(path) => {
                let failed = |why: String| format!("the file with the key, {}, {why}", path.display());
                let size =
                    tokio::fs::metadata(path).await.map_err(|e| failed(format!("cannot be read: {e}")))?;
                if !size.is_file() || size.len() > FILE_BYTES_MAX {
                    return Err(failed("is no small file".to_owned()));
                }
                let text = tokio::fs::read_to_string(path).await;
                let text = text.map_err(|e| failed(format!("cannot be read: {}", e.kind())))?;
                Ok(Some(Held(ports::secrets::read_secret(text.trim()))))
            }
            Self::Named(secrets, name) => {
                let found = secrets.get(name).await.map_err(|e| format!("the secret {name:?}: {e}"))?;
                let found = found.ok_or_else(|| format!("there is no secret {name:?}; create it"))?;
                Ok(Some(Held(found)))
            }
        }
    }
}

impl Held {
    #[cfg(test)]
    pub(super) fn of(secret: Secret) -> Self {
        Self(secret)
    }

    pub(super) fn is_object(&self) -> bool {
        self.0.expose().is_object()
    }

    /// The key, when it is text.
    pub(super) fn text(&self) -> Result<&str, ExplainerFailure> {
        let text = self.0.expose().as_str().map(str::trim).filter(|text| !text.is_empty());
        text.ok_or_else(|| wrong("the key is empty or no text"))
    }

    /// A field of a key that is an object.
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        self.0.expose().get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
    }

    pub(super) fn bearer(&self) -> Result<Authentication, ExplainerFailure> {
        let text = self.text()?;
        header(text)?;
        Ok(Authentication::Bearer(text.to_owned()))
    }

    pub(super) fn revealed(&self) -> Revealed {
        Revealed::of([self.0.expose()])
    }
}

/// The value of a header that is not shown by anything that prints headers.
pub(super) fn header(text: &str) -> Result<HeaderValue, ExplainerFailure> {
    let mut value =
        HeaderValue::from_str(text).map_err(|_| wrong("the key holds characters that no header can"))?;
    value.set_sensitive(true);
    Ok(value)
}
