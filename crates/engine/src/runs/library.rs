//! The workflows that can be started: shipped runbooks, and documents people wrote, each in every version.

use std::collections::BTreeMap;
use std::sync::Arc;

use manifest::Runbooks;
use model::Timestamp;
use ports::Index;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use workflow::yaml::ParseError;
use workflow::{Definition, Resources};

use crate::records::Record;

/// A definition as runs are pinned to it.
#[derive(Clone, Debug)]
pub struct Pinned {
    /// SHA-256 of its text and of what it takes from elsewhere, hexadecimal.
    pub sha256: String,
    /// What errors call it.
    pub file: String,
    /// Its text, YAML.
    pub source: String,
    /// What it takes from elsewhere, by URI, as it was when the document was stored.
    pub resources: Resources,
    /// The text, read.
    pub definition: Arc<Definition>,
}

impl Pinned {
    /// Pins a definition that was read from this text and these resources.
    #[must_use]
    pub fn new(file: &str, source: &str, resources: Resources, definition: Arc<Definition>) -> Self {
        let mut hash = Sha256::new_with_prefix(source.as_bytes());
        for (uri, text) in &resources {
            for part in [uri, text] {
                hash.update((part.len() as u64).to_be_bytes());
                hash.update(part.as_bytes());
            }
        }
        let sha256 = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Self { sha256, file: file.to_owned(), source: source.to_owned(), resources, definition }
    }

    /// Reads a text and what it takes from elsewhere.
    ///
    /// # Errors
    /// It is not a workflow, or a resource is not among those given; file, line and column say where.
    pub fn parse(file: &str, source: &str, resources: Resources) -> Result<Self, ParseError> {
        let definition = Definition::parse_with(file, source, 1, &resources)?;
        Ok(Self::new(file, source, resources, Arc::new(definition)))
    }

    /// What is kept in the store.
    #[must_use]
    pub fn stored(&self) -> StoredDefinition {
        StoredDefinition {
            sha256: self.sha256.clone(),
            file: self.file.clone(),
            source: self.source.clone(),
            resources: self.resources.clone(),
        }
    }
}

/// The text of a definition, kept once for all runs that are pinned to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredDefinition {
    /// SHA-256 of its text and of what it takes from elsewhere, hexadecimal.
    pub sha256: String,
    /// What errors call it.
    pub file: String,
    /// Its text, YAML.
    pub source: String,
    /// What it takes from elsewhere, by URI.
    #[serde(default, skip_serializing_if = "Resources::is_empty")]
    pub resources: Resources,
}

impl Record for StoredDefinition {
    const KIND: &'static str = "definition";

    fn key(&self) -> String {
        self.sha256.clone()
    }

    fn index(&self) -> Vec<(&'static str, Index)> {
        Vec::new()
    }
}

/// One version of a workflow that somebody wrote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct WorkflowDocument {
    /// `namespace.name`.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its text, YAML.
    pub source: String,
    /// What it takes from elsewhere, by URI, as it was then.
    #[serde(default, skip_serializing_if = "Resources::is_empty")]
    pub resources: Resources,
    /// Who stored it.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

impl Record for WorkflowDocument {
    const KIND: &'static str = "workflow";

    fn key(&self) -> String {
        format!("{}:{}", self.name, self.version)
    }

    fn index(&self) -> Vec<(&'static str, Index)> {
        vec![("name", Index::Text(self.name.clone())), ("at", Index::Int(self.at.as_unix_ms()))]
    }
}

/// The workflows that can be started.
#[derive(Clone, Debug, Default)]
pub struct Library {
    shipped: BTreeMap<String, Arc<Pinned>>,
    /// What their pages say, by runbook name.
    pages: BTreeMap<String, RunbookPage>,
    /// By `namespace.name`, then by version in the order of semantic versions.
    written: BTreeMap<String, BTreeMap<Version, Arc<Pinned>>>,
}

/// What the page of a runbook says beside its workflow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunbookPage {
    /// Title for people.
    pub title: String,
    /// One line for people.
    pub summary: String,
    /// Whether it is from the folder of the people here, not shipped.
    pub own: bool,
}

/// A semantic version, in its order (semver.org 2.0.0, section 11; build data is left out).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Version(Vec<u64>, Pre);

/// A release comes after its pre-releases.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Pre {
    Before(Vec<Part>),
    Release,
}

/// Numbers come before words.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Number(u64),
    Word(String),
}

impl Version {
    fn of(text: &str) -> Self {
        let text = text.split('+').next().unwrap_or_default();
        let (core, pre) = match text.split_once('-') {
            Some((core, pre)) => (core, Some(pre)),
            None => (text, None),
        };
        let part = |p: &str| p.parse().map_or_else(|_| Part::Word(p.to_owned()), Part::Number);
        let pre = pre.map_or(Pre::Release, |p| Pre::Before(p.split('.').map(part).collect()));
        Self(core.split('.').map(|n| n.parse().unwrap_or(0)).collect(), pre)
    }
}

/// A workflow's name and, after a colon, its version when one is meant.
#[must_use]
pub fn split_name(text: &str) -> (&str, Option<&str>) {
    text.split_once(':').map_or((text, None), |(name, version)| (name, Some(version)))
}

fn name_of(definition: &Definition) -> String {
    format!("{}.{}", definition.document().namespace, definition.document().name)
}

impl Library {
    /// With the runbooks: those shipped and those of the folder beside them.
    #[must_use]
    pub fn new(runbooks: &Runbooks) -> Self {
        let shipped = runbooks
            .iter()
            .map(|r| {
                (r.name.clone(), {
                    let definition = Arc::clone(&r.definition);
                    Arc::new(Pinned::new(&r.name, &r.workflow, Resources::new(), definition))
                })
            })
            .collect();
        let page = |r: &manifest::Runbook| RunbookPage {
            title: r.title.clone(),
            summary: r.summary.clone(),
            own: runbooks.is_own(&r.name),
        };
        let pages = runbooks.iter().map(|r| (r.name.clone(), page(r))).collect();
        Self { shipped, pages, written: BTreeMap::new() }
    }

    /// The page of a runbook; none for a workflow that somebody stored.
    #[must_use]
    pub fn page(&self, name: &str) -> Option<&RunbookPage> {
        self.pages.get(name)
    }

    /// Adds a version that somebody wrote.
    pub fn add(&mut self, pinned: Arc<Pinned>) {
        let versions = self.written.entry(name_of(&pinned.definition)).or_default();
        versions.insert(Version::of(&pinned.definition.document().version), pinned);
    }

    /// Removes every version that somebody wrote.
    pub fn remove(&mut self, name: &str) {
        self.written.remove(name);
    }

    /// A workflow by the name of its runbook, or by `namespace.name` with or without `:version`.
    #[must_use]
    pub fn get(&self, text: &str) -> Option<Arc<Pinned>> {
        self.find(text).map(|(_, pinned)| pinned)
    }

    /// The same, with the name that lists, holds and limits know it by, however it was asked for.
    #[must_use]
    pub fn find(&self, text: &str) -> Option<(String, Arc<Pinned>)> {
        if let Some(pinned) = self.shipped.get(text) {
            return Some((text.to_owned(), Arc::clone(pinned)));
        }
        let (name, version) = split_name(text);
        if let Some(versions) = self.written.get(name) {
            let found = match version {
                None | Some("latest") => versions.values().next_back(),
                Some(version) => versions.get(&Version::of(version)),
            };
            if let Some(pinned) = found {
                return Some((name.to_owned(), Arc::clone(pinned)));
            }
        }
        let fits = |(_, p): &(&String, &Arc<Pinned>)| {
            name_of(&p.definition) == name
                && version.is_none_or(|v| v == "latest" || v == p.definition.document().version)
        };
        self.shipped.iter().find(fits).map(|(id, pinned)| (id.clone(), Arc::clone(pinned)))
    }

    /// The name that is most like one that is not there.
    #[must_use]
    pub fn suggest(&self, text: &str) -> Option<&str> {
        let (name, _) = split_name(text);
        workflow::yaml::suggest(name, self.shipped().chain(self.written()).map(|(name, _)| name))
    }

    /// One version that somebody wrote.
    #[must_use]
    pub fn exact(&self, name: &str, version: &str) -> Option<&Arc<Pinned>> {
        self.written.get(name)?.values().find(|p| p.definition.document().version == version)
    }

    /// The versions of a workflow that somebody wrote, oldest first.
    #[must_use]
    pub fn versions(&self, name: &str) -> Vec<String> {
        let all = self.written.get(name).into_iter().flat_map(BTreeMap::values);
        all.map(|p| p.definition.document().version.clone()).collect()
    }

    /// The newest version of every workflow somebody wrote.
    pub fn written(&self) -> impl Iterator<Item = (&str, &Arc<Pinned>)> {
        self.written.iter().filter_map(|(name, v)| Some((name.as_str(), v.values().next_back()?)))
    }

    /// Why a workflow of this name cannot be stored or changed, if it cannot.
    #[must_use]
    pub fn fixed(&self, name: &str) -> Option<String> {
        let page = |(id, p): (&String, &Arc<Pinned>)| {
            (id == name || name_of(&p.definition) == name).then(|| self.pages.get(id)).flatten()
        };
        self.shipped.iter().find_map(page).map(|page| match page.own {
            true => format!("{name} is a page in the folder of runbooks; change its file and start again"),
            false => format!("{name} is shipped and cannot be changed; choose another namespace or name"),
        })
    }

    /// The runbooks, by name.
    pub fn shipped(&self) -> impl Iterator<Item = (&str, &Arc<Pinned>)> {
        self.shipped.iter().map(|(name, pinned)| (name.as_str(), pinned))
    }

    /// The workflow that a `run.workflow` call names: `namespace`, `name`, `version`.
    #[must_use]
    pub fn called(&self, parameters: &Value) -> Option<(String, Arc<Pinned>)> {
        let (namespace, name) = (parameters["namespace"].as_str()?, parameters["name"].as_str()?);
        let text = match parameters["version"].as_str() {
            Some(version) => format!("{namespace}.{name}:{version}"),
            None => format!("{namespace}.{name}"),
        };
        self.find(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workflow(version: &str) -> Arc<Pinned> {
        let source = format!(
            "document: {{dsl: '1.0.3', namespace: a, name: b, version: '{version}'}}\ndo: [x: {{set: {{y: 1}}}}]\n"
        );
        Arc::new(Pinned::parse("test", &source, Resources::new()).expect("it is a workflow"))
    }

    #[test]
    fn the_newest_version_is_found_by_the_order_of_semantic_versions() {
        let mut library = Library::default();
        for version in ["1.9.0", "1.10.0", "1.10.0-rc.1", "1.10.0-rc.10", "1.2.3"] {
            library.add(workflow(version));
        }
        let found = |text: &str| library.get(text).map(|p| p.definition.document().version.clone());
        assert_eq!(found("a.b").as_deref(), Some("1.10.0"));
        assert_eq!(found("a.b:latest").as_deref(), Some("1.10.0"));
        assert_eq!(found("a.b:1.2.3").as_deref(), Some("1.2.3"));
        assert_eq!(found("a.b:9.9.9"), None);
        assert_eq!(found("a.c"), None);
        let name = library.find("a.b:1.2.3").map(|(name, _)| name);
        assert_eq!(name.as_deref(), Some("a.b"), "a run is listed under one name, whatever it was asked by");
        assert_eq!((library.suggest("a.bb:1.2.3"), library.suggest("restart")), (Some("a.b"), None));
        library.remove("a.b");
        assert!(library.get("a.b").is_none());
    }

    #[test]
    fn a_page_says_whose_it_is_and_what_it_does() {
        let text = include_str!("../../../../runbooks/restart-service.md");
        // It names another page of the gallery, which is not loaded here.
        let text: String = text.lines().filter(|l| !l.contains("after:")).map(|l| format!("{l}\n")).collect();
        let own = ["mine".to_owned()].into();
        let pages = [("restart-service.md", text.as_str()), ("mine.md", text.as_str())];
        let library = Library::new(&Runbooks::load(&pages).unwrap().with_own(own));
        let page = |name: &str| library.page(name).map(|p| (p.own, p.title.as_str()));
        assert_eq!(page("mine"), Some((true, "Restart the service")));
        assert_eq!(page("restart-service"), Some((false, "Restart the service")));
        assert!(library.fixed("mine").unwrap().contains("change its file"));
        assert!(library.fixed("restart-service").unwrap().contains("is shipped"));
        assert_eq!(library.fixed("test.other"), None);
    }
}
