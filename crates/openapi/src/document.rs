//! A document and the files it is made of, and reading them into an API.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::api::{Api, At, Files, Location, Version};
use crate::diagnostic::{Diagnostic, Severity};
use crate::error::clip;
use crate::read::{self, Bounds, Outcome, Reader, Setting, Spot};
use crate::tree::{FaultKind, Tree};
use crate::{source, words};

/// Most rounds of files that lead to files.
const ROUNDS_MAX: usize = 64;

/// The files of a document as they were read, before they are brought together. For callers who fetch files one after
/// the other; others use [`read`](fn@crate::read).
#[derive(Debug)]
pub struct Document {
    version: Version,
    files: Files,
    unavailable: BTreeMap<String, String>,
    bytes: usize,
    bounds: Bounds,
    /// What was noticed before anything was read.
    first: Vec<Diagnostic>,
}

/// Reads a document. `uri` is where it is; other files and relative servers are taken from there. `resolve` gives the text
/// of another file, or says why not: what it describes then counts as anything.
///
/// # Errors
/// It is neither JSON nor YAML, or no OpenAPI document at all.
pub fn read(
    uri: &str,
    text: impl Into<String>,
    resolve: &mut dyn FnMut(&str) -> Result<String, String>,
    bounds: &Bounds,
) -> Result<Outcome, Diagnostic> {
    let mut document = Document::read(uri, text, bounds)?;
    for _ in 0..ROUNDS_MAX {
        let outcome = document.api();
        if outcome.missing.is_empty() {
            return Ok(outcome);
        }
        for uri in &outcome.missing {
            match resolve(uri) {
                // What cannot be read is noted as what cannot be had.
                Ok(text) => document.add(uri, text).unwrap_or(()),
                Err(why) => document.lack(uri, why),
            }
        }
    }
    Ok(document.api())
}

impl Document {
    /// Reads the first file of a document.
    ///
    /// # Errors
    /// It is neither JSON nor YAML, or no OpenAPI document at all.
    pub fn read(uri: &str, text: impl Into<String>, bounds: &Bounds) -> Result<Self, Diagnostic> {
        let text = text.into();
        let bytes = text.len();
        let tree = tree(uri, text, bounds)?;
        let mut files = Files::default();
        files.trees.push(Arc::new(tree));
        let mut first = Vec::new();
        let version = version(&files, &mut first)?;
        Ok(Self { version, files, unavailable: BTreeMap::new(), bytes, bounds: *bounds, first })
    }

    /// Adds a file that was missing. One that cannot be read counts as one that cannot be had ([`Document::lack`]).
    ///
    /// # Errors
    /// It cannot be read, or there are too many.
    pub fn add(&mut self, uri: &str, text: impl Into<String>) -> Result<(), Diagnostic> {
        let text = text.into();
        let Bounds { files, total_bytes, .. } = self.bounds;
        let read = if self.files.len() >= files || self.bytes + text.len() > total_bytes {
            let message = format!("the document has more than {files} files or {total_bytes} bytes");
            Err(refusal(uri, message, "give it in fewer", (1, 1)))
        } else if is_prose(uri) {
            // Some documents keep their descriptions in files.
            self.bytes += text.len();
            Ok(Tree::prose(uri, text))
        } else {
            self.bytes += text.len();
            tree(uri, text, &self.bounds)
        };
        match read {
            Ok(tree) => {
                self.files.trees.push(Arc::new(tree));
                Ok(())
            }
            Err(wrong) => {
                let (line, column) = (wrong.location.line, wrong.location.column);
                self.lack(uri, format!("{} (line {line}, column {column})", wrong.message));
                Err(wrong)
            }
        }
    }

    /// Says that a file cannot be had, and why.
    pub fn lack(&mut self, uri: &str, why: impl Into<String>) {
        self.unavailable.insert(uri.to_owned(), why.into());
    }

    /// The version of the first file.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    /// How many files it is made of.
    #[must_use]
    pub fn files(&self) -> usize {
        self.files.len()
    }

    /// Bytes of text that its files have.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Brings the files together. What is in files that are not there counts as anything; they are named in
    /// [`Outcome::missing`].
    #[must_use]
    pub fn api(&self) -> Outcome {
        let mut reader = Reader::new(&self.files, &self.unavailable, self.version, self.bounds);
        reader.announce_schemas();
        let info = reader.info();
        let servers = reader.root_servers();
        let security_schemes = reader.security_schemes();
        let root = reader.root();
        let security = reader.requirements(root, &security_schemes).unwrap_or_default();
        let setting = Setting { servers: &servers, schemes: &security_schemes, security: &security };
        let operations = reader.operations(&setting);
        let webhooks = reader.webhooks(&setting);
        let tags = reader.tags(&operations);
        let extensions = reader.extensions(root);
        reader.read_schemas();
        reader.cut_circles();
        reader.finish_discriminators();
        let mut diagnostics = self.first.clone();
        diagnostics.extend(self.overlooked());
        diagnostics.extend(reader.diagnostics());
        let wanted: BTreeSet<_> = reader.missing.keys().cloned().collect();
        let missing = wanted.into_iter().filter(|uri| !self.unavailable.contains_key(uri)).collect();
        let parts = reader.into_parts();
        let api = Api {
            version: self.version,
            info,
            servers,
            tags,
            operations,
            webhooks,
            security_schemes,
            extensions,
            schemas: parts.schemas,
            named: parts.named,
            missing_schemas: parts.missing_schemas,
            missing_paths: parts.missing_paths,
            files: self.files.clone(),
        };
        Outcome { api, diagnostics, missing }
    }

    /// What was overlooked in the texts.
    fn overlooked(&self) -> Vec<Diagnostic> {
        let mut found = Vec::new();
        for (file, tree) in self.files.trees.iter().enumerate() {
            for fault in tree.faults() {
                let (code, severity, message, suggestion) = match fault.kind {
                    FaultKind::DuplicateKey => (
                        "duplicate-key",
                        Severity::Warning,
                        "a key is there twice; the last counts",
                        "take one out",
                    ),
                    FaultKind::KeyNotText => {
                        ("key-not-text", Severity::Warning, "a key is a list or an object", "use a text")
                    }
                    FaultKind::AliasInItself => {
                        ("alias-circle", Severity::Error, "an alias stands in what it names", "use a `$ref`")
                    }
                    FaultKind::NotStrictJson => (
                        "not-strict-json",
                        Severity::Warning,
                        "this is not JSON (it is read as YAML)",
                        "look for a comma too many or a comment",
                    ),
                };
                found.push(Diagnostic {
                    code,
                    severity,
                    message: message.to_owned(),
                    suggestion: Some(suggestion.to_owned()),
                    location: self.files.position(file as u32, fault.offset),
                });
            }
        }
        found.truncate(self.bounds.diagnostics);
        found
    }
}

/// The values of a text.
fn tree(uri: &str, text: String, bounds: &Bounds) -> Result<Tree, Diagnostic> {
    if text.len() > bounds.file_bytes {
        let message = format!("the file has {} bytes; at most {} are read", text.len(), bounds.file_bytes);
        return Err(refusal(uri, message, "split it", (1, 1)));
    }
    source::read(uri, text, bounds.values).map_err(|(wrong, text)| {
        let place = Tree::prose(uri, text).position(wrong.offset as u32);
        let message = format!("the file is neither JSON nor YAML: {}", clip(&wrong.why));
        refusal(uri, message, "correct this place", place)
    })
}

fn refusal(uri: &str, message: String, suggestion: &str, (line, column): (u32, u32)) -> Diagnostic {
    Diagnostic {
        code: "not-readable",
        severity: Severity::Error,
        message,
        suggestion: Some(suggestion.to_owned()),
        location: Location { file: uri.to_owned(), line, column, pointer: String::new() },
    }
}

/// The version that the first file follows. One that does not say is told by its looks.
fn version(files: &Files, noticed: &mut Vec<Diagnostic>) -> Result<Version, Diagnostic> {
    let root = Spot { file: 0, node: files.trees[0].root() };
    let say = |code, severity, message: String, suggestion: &str| Diagnostic {
        code,
        severity,
        message,
        suggestion: Some(suggestion.to_owned()),
        location: files.location(At { file: 0, node: 0 }),
    };
    let usable = root.get(words::PATHS).is_some_and(|paths| paths.node.is_object());
    let message = match read::version(root) {
        Some(Ok(version)) => return Ok(version),
        Some(Err(said)) => format!("the version {:?} is not known", clip(&said)),
        None => "the document names no version".to_owned(),
    };
    let suggestion = "write `openapi: 3.1.0`, or what it follows";
    if !usable {
        let message = format!("{message}, and it has no paths: it is no OpenAPI document");
        return Err(say("not-openapi", Severity::Error, message, "check the address"));
    }
    noticed.push(say(
        "version-unknown",
        Severity::Warning,
        format!("{message}; it is told by its looks"),
        suggestion,
    ));
    let old = root.get(words::DEFINITIONS).is_some() || root.get(words::HOST).is_some();
    Ok(if old { Version::V2 } else { Version::V3_1 })
}

/// Whether a file is for people, by its name.
fn is_prose(uri: &str) -> bool {
    let path = uri.split(['?', '#']).next().unwrap_or_default();
    let name = path.rsplit('/').next().unwrap_or_default();
    name.rsplit_once('.').is_some_and(|(_, ending)| matches!(ending, "md" | "markdown" | "txt" | "html"))
}
