//! A document and the files it is made of, and following references in it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::error::{Error, clip};
use crate::{normal, text, uri};

/// Most files of one document.
const FILES_MAX: usize = 4_096;
/// Most bytes of all files together.
const BYTES_MAX: usize = 128 * 1024 * 1024;
/// Most references that lead to each other.
const CHAIN_MAX: usize = 32;

/// Version of the specification that a document follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// Swagger 2.0.
    V2,
    /// OpenAPI 3.0.
    V3_0,
    /// OpenAPI 3.1.
    V3_1,
}

/// A document, brought to the form of 3.1 as far as single values go: see `normal.rs`. What 2.0 says in another shape
/// (body and form parameters) is brought together in [`crate::Operation`].
#[derive(Debug)]
pub struct Document {
    root: String,
    version: Version,
    files: BTreeMap<String, Value>,
    bytes: usize,
}

/// A place in a document: a value, and the file whose references it is read with.
#[derive(Clone, Copy, Debug)]
pub struct Node<'a> {
    /// URI of the file.
    pub file: &'a str,
    /// The value.
    pub value: &'a Value,
}

impl<'a> Node<'a> {
    /// A field, null ones left out; references are not followed.
    #[must_use]
    pub fn get(self, name: &str) -> Option<Self> {
        self.value.get(name).filter(|value| !value.is_null()).map(|value| Self { file: self.file, value })
    }

    /// A field that is text.
    #[must_use]
    pub fn text(self, name: &str) -> Option<&'a str> {
        self.value.get(name)?.as_str()
    }

    /// A field that is a truth; false when absent.
    #[must_use]
    pub fn flag(self, name: &str) -> bool {
        self.value.get(name).and_then(Value::as_bool).unwrap_or(false)
    }

    /// Names and values of an object; extensions (`x-…`) are left out.
    pub fn entries(self) -> impl Iterator<Item = (&'a str, Self)> {
        let entries = self.value.as_object().into_iter().flatten();
        entries
            .filter(|(name, value)| !name.starts_with("x-") && !value.is_null())
            .map(move |(name, value)| (name.as_str(), Self { file: self.file, value }))
    }

    /// The items of a list.
    pub fn items(self) -> impl Iterator<Item = Self> {
        let items = self.value.as_array().into_iter().flatten();
        items.map(move |value| Self { file: self.file, value })
    }
}

impl Document {
    /// Reads the first file of a document. `uri` is where it is; other files and relative servers are taken from there.
    ///
    /// # Errors
    /// It cannot be read, or is no OpenAPI document of a version that is read.
    pub fn read(uri: &str, text: &str) -> Result<Self, Error> {
        let mut value = text::read(uri, text)?;
        let version = version(uri, &value)?;
        normal::normalise(&mut value, version, true);
        let files = BTreeMap::from([(uri.to_owned(), value)]);
        Ok(Self { root: uri.to_owned(), version, files, bytes: text.len() })
    }

    /// Adds a file that was missing.
    ///
    /// # Errors
    /// It cannot be read, or there are too many.
    pub fn add(&mut self, uri: &str, text: &str) -> Result<(), Error> {
        if self.files.len() >= FILES_MAX || self.bytes + text.len() > BYTES_MAX {
            let message = format!("the document has more than {FILES_MAX} files or {BYTES_MAX} bytes");
            return Err(Error::NotReadable { document: uri.to_owned(), message });
        }
        let mut value = match text::read(uri, text) {
            // Some documents keep their descriptions in files of prose.
            Err(_) if !is_data(uri) => Value::String(text.to_owned()),
            read => read?,
        };
        let whole = value.get("swagger").is_some() || value.get("openapi").is_some();
        normal::normalise(&mut value, self.version, whole);
        self.bytes += text.len();
        self.files.insert(uri.to_owned(), value);
        Ok(())
    }

    /// The version of the first file.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    /// Where the first file is.
    #[must_use]
    pub fn uri(&self) -> &str {
        &self.root
    }

    /// How many files it is made of.
    #[must_use]
    pub fn files(&self) -> usize {
        self.files.len()
    }

    /// Bytes of text that its files had.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The first file.
    #[must_use]
    pub fn root(&self) -> Node<'_> {
        // It is put in when the document is made and never taken out.
        let (file, value) = self.files.get_key_value(&self.root).expect("the first file is there");
        Node { file, value }
    }

    /// Every file that some file refers to and that is not there, sorted. A single operation seldom needs all.
    #[must_use]
    pub fn missing(&self) -> Vec<String> {
        let mut missing = BTreeSet::new();
        for (file, value) in &self.files {
            for reference in references(value) {
                let (document, _) = reference.split_once('#').unwrap_or((reference, ""));
                if document.is_empty() {
                    continue;
                }
                let other = uri::join(file, document);
                if !self.files.contains_key(&other) && self.named_schema(reference).is_none() {
                    missing.insert(other);
                }
            }
        }
        missing.into_iter().collect()
    }

    /// The place itself, or where its reference leads.
    ///
    /// # Errors
    /// A reference leads nowhere, in a circle, or to a file that is not there.
    pub fn follow<'a>(&'a self, node: Node<'a>) -> Result<Node<'a>, Error> {
        let mut node = node;
        for _ in 0..CHAIN_MAX {
            let Some(reference) = node.text("$ref") else { return Ok(node) };
            node = self.target(node.file, reference)?;
        }
        Err(broken(node.file, node.text("$ref").unwrap_or_default(), "leads in a circle"))
    }

    fn target<'a>(&'a self, file: &'a str, reference: &str) -> Result<Node<'a>, Error> {
        let (document, fragment) = reference.split_once('#').unwrap_or((reference, ""));
        let held = if document.is_empty() {
            self.files.get_key_value(file)
        } else {
            self.files.get_key_value(&uri::join(file, document))
        };
        let Some((file, value)) = held else {
            if let Some(found) = self.named_schema(reference) {
                return Ok(found);
            }
            return Err(Error::Missing { documents: vec![uri::join(file, document)] });
        };
        let pointer = uri::decode(fragment);
        let found = at(value, &pointer).or_else(|| anchor(value, &pointer));
        let found = found.or_else(|| self.named_schema(&pointer).map(|node| node.value));
        let value = found.ok_or_else(|| broken(file, reference, "leads nowhere"))?;
        Ok(Node { file, value })
    }

    /// Old documents say `Pet` for `#/definitions/Pet`.
    fn named_schema(&self, reference: &str) -> Option<Node<'_>> {
        if reference.contains(['/', '#']) {
            return None;
        }
        self.root().get("components")?.get("schemas")?.get(reference)
    }
}

/// Whether a file should be JSON or YAML, by its name.
fn is_data(uri: &str) -> bool {
    let path = uri.split(['?', '#']).next().unwrap_or_default();
    let name = path.rsplit('/').next().unwrap_or_default();
    name.rsplit_once('.').is_none_or(|(_, ending)| matches!(ending, "json" | "yaml" | "yml"))
}

fn version(uri: &str, value: &Value) -> Result<Version, Error> {
    // `swagger: 2.0` without quotes is a number in YAML.
    let said = |name: &str| match value.get(name) {
        Some(Value::String(text)) => Some(text.clone()),
        Some(Value::Number(number)) => Some(number.to_string()),
        _ => None,
    };
    let version = match (said("openapi"), said("swagger")) {
        (Some(version), _) | (None, Some(version)) => version,
        (None, None) => return Err(Error::NotOpenApi { document: clip(uri) }),
    };
    match version.get(..3).unwrap_or(&version) {
        "2.0" | "2" => Ok(Version::V2),
        "3.0" | "3" => Ok(Version::V3_0),
        "3.1" | "3.2" => Ok(Version::V3_1),
        _ => Err(Error::Version { document: clip(uri), version: clip(&version) }),
    }
}

/// A JSON pointer; in files of 2.0 the old places lead to the new ones.
fn at<'a>(value: &'a Value, pointer: &str) -> Option<&'a Value> {
    if pointer.is_empty() {
        return Some(value);
    }
    value.pointer(pointer).or_else(|| {
        normal::MOVED.iter().find_map(|(old, new)| {
            let rest = pointer.strip_prefix('/')?.strip_prefix(old)?.strip_prefix('/')?;
            value.pointer(&format!("/components/{new}/{rest}"))
        })
    })
}

/// `#name` of JSON Schema: the value with this `$anchor`.
fn anchor<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    if name.is_empty() || name.starts_with('/') {
        return None;
    }
    let mut open = vec![value];
    while let Some(value) = open.pop() {
        match value {
            Value::Object(fields) => {
                if fields.get("$anchor").and_then(Value::as_str) == Some(name) {
                    return Some(value);
                }
                open.extend(fields.values());
            }
            Value::Array(items) => open.extend(items),
            _ => {}
        }
    }
    None
}

fn references(value: &Value) -> impl Iterator<Item = &str> {
    let mut found = Vec::new();
    let mut open = vec![value];
    while let Some(value) = open.pop() {
        match value {
            Value::Object(fields) => {
                found.extend(fields.get("$ref").and_then(Value::as_str));
                let data = |name: &str| normal::is_data(name);
                open.extend(fields.iter().filter(|(name, _)| !data(name)).map(|(_, value)| value));
            }
            Value::Array(items) => open.extend(items),
            _ => {}
        }
    }
    found.into_iter()
}

fn broken(document: &str, reference: &str, why: &'static str) -> Error {
    Error::Reference { document: clip(document), reference: clip(reference), why }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(value: Value) -> Document {
        Document::read("https://h/api/root.yaml", &value.to_string()).unwrap()
    }

    #[test]
    fn versions_are_told_apart() {
        for (value, expect) in [
            (json!({"swagger": "2.0"}), Some(Version::V2)),
            (json!({"swagger": 2.0}), Some(Version::V2)),
            (json!({"openapi": "3.0.3"}), Some(Version::V3_0)),
            (json!({"openapi": "3.1.0"}), Some(Version::V3_1)),
            (json!({"openapi": "4.0.0"}), None),
            (json!({"info": {}}), None),
            (json!([1]), None),
        ] {
            assert_eq!(Document::read("x", &value.to_string()).ok().map(|d| d.version()), expect, "{value}");
        }
    }

    #[test]
    fn references_lead_through_files() {
        let mut document = read(json!({
            "swagger": "2.0",
            "definitions": {"A~b/c": {"type": "string"}, "Loop": {"$ref": "#/definitions/Loop"}, "Pet": {"type": "object"}},
            "there": {"$ref": "#/definitions/A~0b~1c"},
            "encoded": {"$ref": "#/definitions/A%7E0b~1c"},
            "other": {"$ref": "parts/x.yaml#/deep/0"},
            "bare": {"$ref": "Pet"},
            "nowhere": {"$ref": "#/definitions/None"},
        }));
        let go = |document: &Document, name: &str| {
            let node = document.root().get(name).unwrap();
            document.follow(node).map(|node| node.value.clone())
        };
        assert_eq!(go(&document, "there"), Ok(json!({"type": "string"})));
        assert_eq!(go(&document, "encoded"), Ok(json!({"type": "string"})));
        assert_eq!(go(&document, "bare"), Ok(json!({"type": "object"})));
        assert!(go(&document, "nowhere").unwrap_err().to_string().contains("leads nowhere"));
        let looped = document.root().get("components").unwrap().get("schemas").unwrap().get("Loop").unwrap();
        assert!(document.follow(looped).unwrap_err().to_string().contains("in a circle"));
        let missing = vec!["https://h/api/parts/x.yaml".to_owned()];
        assert_eq!(document.missing(), missing);
        assert_eq!(go(&document, "other"), Err(Error::Missing { documents: missing.clone() }));
        document.add(&missing[0], "deep:\n- $ref: ../root.yaml#/definitions/Pet\n").unwrap();
        assert_eq!(go(&document, "other"), Ok(json!({"type": "object"})));
        assert!(document.missing().is_empty());
        document.add("https://h/api/prose.md", "# Title\n\n| a | b: [\n").unwrap();
        assert!(document.add("https://h/api/broken.yaml", "a: [").is_err());
    }

    #[test]
    fn what_stands_in_examples_is_no_reference() {
        let document = read(json!({
            "openapi": "3.1.0",
            "a": {"example": {"$ref": "x.yaml"}, "properties": {"example": {"$ref": "y.yaml"}, "$ref": {"type": "string"}}},
        }));
        assert_eq!(document.missing(), Vec::<String>::new());
    }

    #[test]
    fn anchors_are_found() {
        let document = read(
            json!({"openapi": "3.1.0", "a": {"$ref": "#pet"}, "b": [{"$anchor": "pet", "type": "object"}]}),
        );
        let node = document.follow(document.root().get("a").unwrap()).unwrap();
        assert_eq!(node.text("type"), Some("object"));
    }
}
