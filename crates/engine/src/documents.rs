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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Mutex;

    use async_trait::async_trait;
    use model::secret::Secret;
    use ports::{ActionFailure, FailureKind, Retry};
    use serde_json::json;

    use super::*;

    /// Texts by URI, and what was asked with which authentication.
    struct Texts(BTreeMap<String, String>, Mutex<Vec<(String, Option<Value>)>>);

    #[async_trait]
    impl Resources for Texts {
        async fn text(&self, uri: &str, authentication: Option<&Value>) -> Result<String, ActionFailure> {
            self.1.lock().unwrap().push((uri.to_owned(), authentication.cloned()));
            let gone = || ActionFailure::new(FailureKind::Communication, Retry::Permanent, "404");
            self.0.get(uri).cloned().ok_or_else(gone)
        }
    }

    struct Key;

    #[async_trait]
    impl Secrets for Key {
        async fn get(&self, name: &str) -> ports::Result<Option<Secret>> {
            Ok((name == "key").then(|| Secret::new(json!("hidden"))))
        }

        async fn names(&self) -> ports::Result<Vec<String>> {
            Ok(vec!["key".to_owned()])
        }
    }

    const HEAD: &str = "document: {dsl: '1.0.3', namespace: test, name: test, version: '1.0.0'}\n";

    fn documents(texts: &[(&str, &str)]) -> (Documents, Arc<Texts>) {
        let texts = texts.iter().map(|(uri, text)| ((*uri).to_owned(), (*text).to_owned())).collect();
        let texts = Arc::new(Texts(texts, Mutex::default()));
        (Documents::new(Some(Arc::clone(&texts) as Arc<dyn Resources>), Arc::new(Key)), texts)
    }

    #[tokio::test]
    async fn what_a_document_takes_from_elsewhere_is_fetched_with_its_secret_and_pinned() {
        let source = format!(
            "{HEAD}use:\n  secrets: [key]\n  catalogs: {{c: {{endpoint: {{uri: 'https://c.example', authentication: {{bearer: {{use: key}}}}}}}}}}\n\
             do: [{{a: {{call: 'f:1.0.0@c'}}}}, {{b: {{call: 'f:1.0.0@c'}}}}]\n"
        );
        let f = "https://c.example/functions/f/1.0.0/function.yaml";
        let (documents, texts) = documents(&[
            (f, "call: 'https://d.example/g.yaml'\n"),
            ("https://d.example/g.yaml", "set: {n: 1}\n"),
        ]);
        let pinned = documents.read("w", &source).await.expect("everything is there");
        assert_eq!(pinned.resources.len(), 2);
        let asked = texts.1.lock().unwrap().clone();
        assert_eq!(asked.len(), 2, "each once: {asked:?}");
        assert_eq!(asked[0], (f.to_owned(), Some(json!({"bearer": {"use": "hidden"}}))));
        assert_eq!(asked[1].1, None, "another server learns nothing");

        // What is stored reads the same again without asking anybody, and is another workflow when a function is.
        let stored = pinned.stored();
        let again = Pinned::parse(&stored.file, &stored.source, stored.resources.clone()).expect("it reads");
        assert_eq!(again.sha256, pinned.sha256);
        let mut other = stored.resources;
        other.insert("https://d.example/g.yaml".to_owned(), "set: {n: 2}\n".to_owned());
        let other = Pinned::parse(&stored.file, &stored.source, other).expect("it reads");
        assert_ne!(other.sha256, pinned.sha256);
        assert!(!serde_json::to_string(&again.stored()).unwrap().contains("hidden"));
    }

    #[tokio::test]
    async fn what_cannot_be_had_says_where_it_is_asked_for() {
        let one = |call: &str| format!("{HEAD}do:\n  - a: {{call: '{call}'}}\n");
        let endless = "do: [{a: {call: 'https://c.example/NEXT.yaml'}}]\n";
        let chain: Vec<(String, String)> = (0..12)
            .map(|n| (format!("https://c.example/{n}.yaml"), endless.replace("NEXT", &(n + 1).to_string())))
            .collect();
        let chain: Vec<(&str, &str)> = chain.iter().map(|(u, t)| (u.as_str(), t.as_str())).collect();
        let large = format!("set: {{n: '{}'}}\n", "x".repeat(3 << 20));
        let many: String =
            (0..65).map(|n| format!("  - t{n}: {{call: 'https://c.example/m{n}.yaml'}}\n")).collect();
        for (texts, source, word) in [
            (
                &[][..],
                one("https://c.example/gone.yaml"),
                "w:3:15: https://c.example/gone.yaml cannot be had: 404",
            ),
            (&chain[..], one("https://c.example/0.yaml"), "more than 8 deep"),
            (&[("https://c.example/l.yaml", large.as_str())][..], one("https://c.example/l.yaml"), "bytes"),
            (&[][..], format!("{HEAD}do:\n{many}"), "more than 64 texts"),
        ] {
            let error = documents(texts).0.read("w", &source).await.expect_err(word).to_string();
            assert!(error.contains(word), "{error}");
        }
        let nobody = Documents::new(None, Arc::new(()));
        let error = nobody.read("w", &one("https://c.example/0.yaml")).await.expect_err("nothing fetches");
        assert!(error.to_string().contains("nothing here fetches anything"), "{error}");
        assert!(nobody.read("w", &format!("{HEAD}do: [{{a: {{set: {{n: 1}}}}}}]")).await.is_ok());
    }
}
