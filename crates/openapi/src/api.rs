//! What an API offers, read from a document of any version: the one model that everything else works on.
//!
//! Differences of versions are gone here: nothing tells 2.0 from 3.2 but [`Api::version`]. Everything is in the document's
//! order. References are followed: parameters, responses and bodies are whole; schemas are in one table and refer to each
//! other by [`SchemaId`], so that circles are no circles of pointers.
//!
//! Deliberately absent: names for a programming language, and anything that would have to be guessed from outside the
//! document.

mod media;
mod operation;
mod parts;
mod place;
mod schema;
mod security;

use std::collections::BTreeSet;

use serde_json::Value;

use crate::error::{Error, clip};

pub use media::{Content, Encoding, Example, Media};
pub use operation::{
    Body, Callback, Header, In, Operation, Parameter, Piece, Response, Status, Style, Webhook,
};
pub(crate) use operation::{next_name, plain_name};
pub(crate) use place::Files;
pub use place::{At, Data, Location};
pub use schema::{
    Additional, Array, Discriminator, Enum, EnumValue, Kind, Limits, More, Object, Property, ScalarType,
    Schema, SchemaId, Union,
};
pub use security::{ApiKeyIn, Flow, FlowKind, Requirement, Scheme, SecurityScheme};

/// Ids that are named when one is not there.
const SIMILAR_MAX: usize = 5;

/// Extensions (`x-…`) of some part of a document, names as written, in order.
pub type Extensions = Vec<(Box<str>, Data)>;

/// The version of the specification that a document follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// Swagger 2.0.
    V2,
    /// OpenAPI 3.0.
    V3_0,
    /// OpenAPI 3.1.
    V3_1,
    /// OpenAPI 3.2.
    V3_2,
}

/// An API.
#[derive(Clone, Debug)]
pub struct Api {
    /// What the document follows.
    pub version: Version,
    /// Title, version, licence, and who made it.
    pub info: Info,
    /// Where requests go unless an operation says otherwise; never empty.
    pub servers: Vec<Server>,
    /// Groups of operations: those the document describes, then those that operations name.
    pub tags: Vec<Tag>,
    /// What can be asked for: paths in their order, methods of a path in the document's order.
    pub operations: Vec<Operation>,
    /// What the API calls at its users.
    pub webhooks: Vec<Webhook>,
    /// How callers prove who they are.
    pub security_schemes: Vec<SecurityScheme>,
    /// Extensions of the document itself.
    pub extensions: Extensions,
    pub(crate) schemas: Vec<Schema>,
    pub(crate) named: Vec<SchemaId>,
    pub(crate) files: place::Files,
    pub(crate) missing_schemas: Vec<(SchemaId, Box<str>)>,
    pub(crate) missing_paths: Vec<String>,
}

/// What a document says of its API as a whole.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Info {
    /// Its name; empty when the document has none.
    pub title: String,
    /// Its version; empty when the document has none.
    pub version: String,
    /// One line.
    pub summary: Option<String>,
    /// Markdown.
    pub description: Option<String>,
    /// Where its terms of service are.
    pub terms_of_service: Option<String>,
    /// Name, URL and address of who answers for it.
    pub contact: Option<Contact>,
    /// The licence of the API.
    pub license: Option<License>,
    /// Where more is written about it.
    pub external_docs: Option<ExternalDocs>,
    /// Extensions of `info`.
    pub extensions: Extensions,
}

/// Who answers for an API.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contact {
    /// A name.
    pub name: Option<String>,
    /// A page.
    pub url: Option<String>,
    /// An address.
    pub email: Option<String>,
}

/// A licence.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct License {
    /// Its name.
    pub name: Option<String>,
    /// Its SPDX expression.
    pub identifier: Option<String>,
    /// Its text.
    pub url: Option<String>,
}

/// Where more is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExternalDocs {
    /// The page.
    pub url: String,
    /// What is there.
    pub description: Option<String>,
}

/// A group of operations.
#[derive(Clone, Debug, PartialEq)]
pub struct Tag {
    /// As operations name it.
    pub name: String,
    /// As people name it (`summary` of 3.2, `x-displayName` before).
    pub title: Option<String>,
    /// Markdown.
    pub description: Option<String>,
    /// Where more is written.
    pub external_docs: Option<ExternalDocs>,
    /// The name of the tag it belongs to (3.2).
    pub parent: Option<String>,
    /// Whether the document describes it, or an operation only names it.
    pub described: bool,
}

/// Where requests go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// A URL with `{variables}`. It may be relative, to [`Server::base`].
    pub url: String,
    /// The URI of the file it stands in.
    pub base: String,
    /// Its name (3.2).
    pub name: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// What stands in its braces.
    pub variables: Vec<Variable>,
}

/// A variable of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// What it is when nothing is said; documents forget it.
    pub default: Option<String>,
    /// What it may be; anything when empty.
    pub values: Vec<String>,
    /// What it means.
    pub description: Option<String>,
}

impl Api {
    /// A schema. Ids of another `Api` give another schema, or panic.
    #[must_use]
    pub fn schema(&self, id: SchemaId) -> &Schema {
        &self.schemas[id.index()]
    }

    /// All schemas with their ids, those inside others among them. Each is after no particular other.
    pub fn schemas(&self) -> impl ExactSizeIterator<Item = (SchemaId, &Schema)> {
        self.schemas.iter().enumerate().map(|(index, schema)| (SchemaId::new(index), schema))
    }

    /// The schemas that have a name ([`Schema::name`]): components of the document in its order, then what references
    /// lead to elsewhere, as found. Each name is there once.
    #[must_use]
    pub fn named(&self) -> &[SchemaId] {
        &self.named
    }

    /// The schema behind references ([`Kind::Reference`]); of a circle of references, some schema in it.
    #[must_use]
    pub fn resolve(&self, id: SchemaId) -> SchemaId {
        let mut id = id;
        // No chain is longer than there are schemas.
        for _ in 0..self.schemas.len() {
            match self.schema(id).kind {
                Kind::Reference(next) => id = next,
                _ => break,
            }
        }
        id
    }

    /// The operation with this id; `get /pets/{id}` names one by method and path.
    ///
    /// # Errors
    /// There is none or more than one.
    pub fn operation(&self, id: &str) -> Result<&Operation, Error> {
        let matching: Vec<_> =
            self.operations.iter().filter(|known| known.id.as_deref() == Some(id)).collect();
        if let [_, _, ..] = matching.as_slice() {
            let places = matching.iter().take(SIMILAR_MAX).map(|o| format!("`{} {}`", o.method, o.path));
            return Err(Error::AmbiguousOperation { id: clip(id), places: places.collect() });
        }
        let by_place = || {
            let (method, path) = id.trim().split_once(' ')?;
            self.operations.iter().find(|o| o.method.eq_ignore_ascii_case(method) && o.path == path.trim())
        };
        let found = matching.first().copied().or_else(by_place);
        found.ok_or_else(|| Error::UnknownOperation { id: clip(id), similar: self.similar(id) })
    }

    fn similar(&self, id: &str) -> Vec<String> {
        let wanted = id.to_ascii_lowercase();
        let ids = || self.operations.iter().filter_map(|operation| operation.id.as_deref());
        let close = ids().filter(|known| {
            let known = known.to_ascii_lowercase();
            known.contains(&wanted)
                || wanted.contains(&known)
                || (wanted.len() > 3 && known.starts_with(wanted.get(..4).unwrap_or(&wanted)))
        });
        let mut similar: Vec<_> = close.take(SIMILAR_MAX).map(clip).collect();
        if similar.is_empty() {
            similar = ids().take(SIMILAR_MAX).map(clip).collect();
        }
        if similar.is_empty() {
            let places = self.operations.iter().take(SIMILAR_MAX);
            similar = places.map(|o| format!("`{} {}`", o.method, clip(&o.path))).collect();
        }
        similar
    }

    /// Files that are needed to plan a call of an operation and could not be had, sorted. With none of an operation, those
    /// that paths are in.
    #[must_use]
    pub fn missing_for(&self, operation: Option<&Operation>) -> Vec<String> {
        let Some(operation) = operation else { return self.missing_paths.clone() };
        let mut missing: BTreeSet<String> = operation.missing.iter().cloned().collect();
        if self.missing_schemas.is_empty() {
            return missing.into_iter().collect();
        }
        let mut roots: Vec<SchemaId> =
            operation.parameters.iter().map(|parameter| parameter.schema).collect();
        for content in operation.body.iter().flat_map(|body| &body.contents) {
            roots.extend(content.schema);
        }
        for id in self.parts_of(&roots) {
            let lacking = self.missing_schemas.iter().filter(|(known, _)| *known == id);
            missing.extend(lacking.map(|(_, uri)| uri.to_string()));
        }
        missing.into_iter().collect()
    }

    /// Where something stands.
    #[must_use]
    pub fn location(&self, at: At) -> Location {
        self.files.location(at)
    }

    /// The address of the document.
    #[must_use]
    pub fn uri(&self) -> &str {
        self.files.uri(0)
    }

    /// How many files it is made of.
    #[must_use]
    pub fn files(&self) -> usize {
        self.files.len()
    }
}

/// An extension by its name (`x-…`).
#[must_use]
pub fn extension(extensions: &Extensions, name: &str) -> Option<Value> {
    extensions.iter().find(|(known, _)| &**known == name).map(|(_, data)| data.value())
}
