//! Where secrets come from: the environment and a folder of files. The first that holds a name wins.
//!
//! Deliberately absent: writing secrets, and any cache: a rotated file is the next call's secret.

mod environment;
mod folder;

use std::sync::Arc;

use async_trait::async_trait;
use model::Secret;
use ports::{Result, Secrets};

pub use environment::EnvironmentSecrets;
pub use folder::FolderSecrets;

/// Several stores as one, in order.
pub struct LayeredSecrets(Vec<Arc<dyn Secrets>>);

impl LayeredSecrets {
    /// The stores, the one that is asked first before the others.
    #[must_use]
    pub fn new(stores: Vec<Arc<dyn Secrets>>) -> Self {
        Self(stores)
    }
}

#[async_trait]
impl Secrets for LayeredSecrets {
    async fn get(&self, name: &str) -> Result<Option<Secret>> {
        for store in &self.0 {
            if let Some(secret) = store.get(name).await? {
                return Ok(Some(secret));
            }
        }
        Ok(None)
    }

    async fn names(&self) -> Result<Vec<String>> {
        let mut names = Vec::new();
        for store in &self.0 {
            names.extend(store.names().await?);
        }
        names.sort();
        names.dedup();
        Ok(names)
    }
}

/// A secret out of its text, if it is not too large.
fn sized(name: &str, text: &str) -> Result<Secret> {
    let limit = ports::secrets::SECRET_BYTES_MAX;
    if text.len() > limit {
        return Err(ports::Error::Invalid(format!(
            "the secret {name:?} is larger than {limit} bytes; keep what is not secret elsewhere"
        )));
    }
    Ok(ports::secrets::read_secret(text))
}
