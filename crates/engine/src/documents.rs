//! Reads workflow documents together with what they take from elsewhere: functions of catalogs and schemas.
//!
//! A document is read once, when it is stored; its resources are stored with it, and every run is pinned to both.
//! What changes elsewhere later changes no workflow here.

use std::sync::Arc;

use futures_util::future::try_join_all;
use ports::{Resources, Secrets};
use serde_json::Value;
use workflow::yaml::ParseError;
use workflow::{Definition, Resource};

use crate::runs::Pinned;

/// How deep functions may call functions that are elsewhere.
const DEPTH_MAX: usize = 8;
/// Most resources of a document, and how many are asked for at a time.
const RESOURCES_MAX: usize = 64;
const AT_A_TIME: usize = 8;
/// Most bytes of all resources of a document.
const BYTES_MAX: usize = 2 << 20;

/// Reads documents.
pub(crate) struct Documents {
    resources: Option<Arc<dyn Resources>>,
    secrets: Arc<dyn Secrets>,
}

impl Documents {
    pub(crate) fn new(resources: Option<Arc<dyn Resources>>, secrets: Arc<dyn Secrets>) -> Self {
        Self { resources, secrets }
    }

    /// Reads a document and fetches what it takes from elsewhere.
    ///
    /// # Errors
    /// It is no workflow, or something it takes from elsewhere cannot be had; line and column say where.
    pub(crate) async fn read(&self, file: &str, source: &str) -> Result<Pinned, ParseError> {
        let mut given = workflow::Resources::new();
        for _ in 0..=DEPTH_MAX {
            let missing = Definition::missing(file, source, 1, &given)?;
            let Some(first) = missing.first() else { return Pinned::parse(file, source, given) };
            if given.len() + missing.len() > RESOURCES_MAX {
                let why = format!("it takes more than {RESOURCES_MAX} texts from elsewhere");
                return Err(at(file, first, &why));
            }
            for some in missing.chunks(AT_A_TIME) {
                let texts = some.iter().map(|resource| self.fetch(file, resource));
                for (resource, text) in some.iter().zip(try_join_all(texts).await?) {
                    given.insert(resource.uri.clone(), text);
                }
            }
            if given.values().map(String::len).sum::<usize>() > BYTES_MAX {
                let why = format!("what it takes from elsewhere has more than {BYTES_MAX} bytes");
                return Err(at(file, first, &why));
            }
        }
        let message = format!("functions from elsewhere call each other more than {DEPTH_MAX} deep");
        Err(ParseError { file: file.to_owned(), line: 1, column: 1, message })
    }

    async fn fetch(&self, file: &str, resource: &Resource) -> Result<String, ParseError> {
        let failed = |why: &dyn std::fmt::Display| {
            at(file, resource, &format!("{} cannot be had: {why}", resource.uri))
        };
        let resources = self.resources.as_ref().ok_or_else(|| failed(&"nothing here fetches anything"))?;
        let authentication = match &resource.authentication {
            Some(policy) => Some(self.revealed(policy).await.map_err(|why| failed(&why))?),
            None => None,
        };
        let text = resources.text(&resource.uri, authentication.as_ref()).await;
        text.map_err(|failure| failed(&failure.message))
    }

    /// A policy with the secret it names in its place.
    async fn revealed(&self, policy: &Value) -> Result<Value, String> {
        let mut policy = policy.clone();
        for (_, properties) in policy.as_object_mut().into_iter().flatten() {
            let Some(place) = properties.get_mut("use") else { continue };
            let name = place.as_str().unwrap_or_default().to_owned();
            match self.secrets.get(&name).await {
                Ok(Some(secret)) => *place = secret.expose().clone(),
                Ok(None) => return Err(format!("there is no secret {name}")),
                Err(error) => return Err(format!("the secret {name} cannot be read: {error}")),
            }
        }
        Ok(policy)
    }
}

fn at(file: &str, resource: &Resource, message: &str) -> ParseError {
    let (line, column) = (resource.line, resource.column);
    ParseError { file: file.to_owned(), line, column, message: message.to_owned() }
}
