//! Secrets in environment variables: `HOMEOSTAT_SECRET_GITHUB` is the secret `GITHUB`.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;

use async_trait::async_trait;
use model::Secret;
use ports::secrets::is_secret_name;
use ports::{Result, Secrets};

/// What the name of each variable starts with.
const PREFIX: &str = "HOMEOSTAT_SECRET_";

/// The secrets among environment variables, taken once: nobody changes the environment of a running process.
///
/// A secret is found by the rest of the variable's name, or as shells write names: `github-token` is also looked for as
/// `GITHUB_TOKEN`.
pub struct EnvironmentSecrets {
    held: BTreeMap<String, String>,
}

impl fmt::Debug for EnvironmentSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.held.keys()).finish()
    }
}

impl EnvironmentSecrets {
    /// The secrets among these variables (`std::env::vars_os()`). Names no secret can have, and values that are not
    /// UTF-8, are told in the log and left out.
    pub fn new(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let mut held = BTreeMap::new();
        for (variable, text) in variables {
            let Some(name) = variable.to_str().and_then(|v| v.strip_prefix(PREFIX)) else { continue };
            match text.into_string() {
                Ok(text) if is_secret_name(name) => drop(held.insert(name.to_owned(), text)),
                _ => tracing::warn!(
                    secret = name,
                    "An environment variable is no secret: its name may hold letters, digits, `.`, `_` and `-`, \
                     its value must be UTF-8."
                ),
            }
        }
        Self { held }
    }
}

#[async_trait]
impl Secrets for EnvironmentSecrets {
    async fn get(&self, name: &str) -> Result<Option<Secret>> {
        if !is_secret_name(name) {
            return Ok(None);
        }
        let shell = || name.to_ascii_uppercase().replace(['-', '.'], "_");
        let text = self.held.get(name).or_else(|| self.held.get(&shell()));
        text.map(|text| super::sized(name, text)).transpose()
    }

    async fn names(&self) -> Result<Vec<String>> {
        Ok(self.held.keys().cloned().collect())
    }
}
