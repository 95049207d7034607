//! Operations: what can be asked for, whole.

use super::{At, Content, Example, Extensions, ExternalDocs, Requirement, SchemaId, Server};

/// One thing that can be asked for.
#[derive(Clone, Debug)]
pub struct Operation {
    /// Its `operationId`, as written. Not unique in every document; a diagnostic says so.
    pub id: Option<String>,
    /// Method, in small letters.
    pub method: String,
    /// Path with `{parameters}`, as written; begins with `/` unless the document forgot it.
    pub path: String,
    /// Names of tags.
    pub tags: Vec<String>,
    /// One line.
    pub summary: Option<String>,
    /// Markdown.
    pub description: Option<String>,
    /// Where more is written.
    pub external_docs: Option<ExternalDocs>,
    /// Whether it should not be used any more.
    pub deprecated: bool,
    /// Its parameters, then those of the path that it does not have itself; then names in the path that the document
    /// does not describe.
    pub parameters: Vec<Parameter>,
    /// What is sent.
    pub body: Option<Body>,
    /// What may come back, in order; a status is there once.
    pub responses: Vec<Response>,
    /// Alternatives of what must be proven; empty: nothing.
    pub security: Vec<Requirement>,
    /// Where requests go, the first unless told otherwise; never empty.
    pub servers: Vec<Server>,
    /// What the API calls at its user because of it.
    pub callbacks: Vec<Callback>,
    /// Extensions (`x-…`), those of its path after its own.
    pub extensions: Extensions,
    /// Files that parts of it are in and that could not be had.
    pub missing: Vec<String>,
    /// Where it stands.
    pub at: At,
}

/// What an API calls at its users, unasked.
#[derive(Clone, Debug)]
pub struct Webhook {
    /// Its name.
    pub name: String,
    /// What is called; usually one `post`. `path` is the name.
    pub operations: Vec<Operation>,
}

/// What an API calls at its user because of an operation.
#[derive(Clone, Debug)]
pub struct Callback {
    /// Its name.
    pub name: String,
    /// What the URL is made of: a runtime expression.
    pub expression: String,
    /// What is called.
    pub operations: Vec<Operation>,
}

/// A parameter.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub place: In,
    /// Whether it must be given; always in a path.
    pub required: bool,
    /// Whether it should not be used any more.
    pub deprecated: bool,
    /// Markdown.
    pub description: Option<String>,
    /// What it holds.
    pub schema: SchemaId,
    /// How it is written.
    pub style: Style,
    /// Whether each item of a list is written with the name.
    pub explode: bool,
    /// Whether characters with a meaning in URLs stay as they are.
    pub allow_reserved: bool,
    /// The media type that its value is written as; then style and explode say nothing.
    pub content: Option<String>,
    /// Examples.
    pub examples: Vec<Example>,
    /// Whether the document describes it, or its path only names it.
    pub described: bool,
    /// Extensions (`x-…`).
    pub extensions: Extensions,
    /// Where it stands.
    pub at: At,
}

/// Where a parameter stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum In {
    /// In the path.
    Path,
    /// In the query.
    Query,
    /// In a header.
    Header,
    /// In a cookie.
    Cookie,
    /// It is the whole query (3.2), written as [`Parameter::content`] says.
    QueryString,
}

/// How lists and objects are written (OpenAPI 3.1, "Style Values"; the last is of 2.0).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Style {
    /// `a,b`.
    Simple,
    /// `.a.b`.
    Label,
    /// `;x=a;x=b`.
    Matrix,
    /// `x=a&x=b`.
    Form,
    /// `x=a b`.
    SpaceDelimited,
    /// `x=a|b`.
    PipeDelimited,
    /// `x[a]=b`.
    DeepObject,
    /// `x=a` and `b` with a tab between them.
    TabDelimited,
}

/// What is sent.
#[derive(Clone, Debug)]
pub struct Body {
    /// Whether it must be given.
    pub required: bool,
    /// The name it has as a parameter in 2.0.
    pub name: Option<String>,
    /// Markdown.
    pub description: Option<String>,
    /// It is one of these, in order; fields of forms of 2.0 are properties of an object here.
    pub contents: Vec<Content>,
    /// Where it stands.
    pub at: At,
}

/// What may come back.
#[derive(Clone, Debug)]
pub struct Response {
    /// When.
    pub status: Status,
    /// One line, or Markdown; may be empty.
    pub description: String,
    /// Headers that it has.
    pub headers: Vec<Header>,
    /// It is one of these; empty when nothing comes back.
    pub contents: Vec<Content>,
    /// Extensions (`x-…`).
    pub extensions: Extensions,
    /// Where it stands.
    pub at: At,
}

/// Which answers a response is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Status {
    /// This status.
    Exact(u16),
    /// All statuses of a hundred: 4 is `4XX`.
    Range(u8),
    /// All that no other is about.
    Default,
}

/// A header of an answer, or of a part of a form.
#[derive(Clone, Debug)]
pub struct Header {
    /// Its name.
    pub name: String,
    /// Whether it is always there.
    pub required: bool,
    /// Whether it should not be used any more.
    pub deprecated: bool,
    /// Markdown.
    pub description: Option<String>,
    /// What it holds.
    pub schema: SchemaId,
    /// Whether objects are written `a=b`.
    pub explode: bool,
    /// The media type that its value is written as.
    pub content: Option<String>,
}

/// A piece of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// Text.
    Text(&'a str),
    /// A parameter.
    Parameter {
        /// Its place in [`Operation::parameters`].
        index: usize,
        /// Whether its value may hold `/` (`{name=shelves/*}`, `{path+}`).
        slashes: bool,
    },
}

impl Status {
    /// Whether it is one of success: 2xx.
    #[must_use]
    pub fn is_success(self) -> bool {
        matches!(self, Self::Exact(200..=299) | Self::Range(2))
    }
}

impl Operation {
    /// The path without a fixed query, in pieces. Every name in it has a parameter.
    #[must_use]
    pub fn pieces(&self) -> Vec<Piece<'_>> {
        let mut pieces = Vec::new();
        let mut rest = self.path.split_once('?').map_or(self.path.as_str(), |(path, _)| path);
        while let Some((before, inner, after)) = next_name(rest) {
            let (name, slashes) = plain_name(inner);
            let found = self
                .parameters
                .iter()
                .position(|known| known.place == In::Path && (known.name == name || known.name == inner));
            let Some(index) = found else {
                pieces.push(Piece::Text(&rest[..rest.len() - after.len()]));
                rest = after;
                continue;
            };
            if !before.is_empty() {
                pieces.push(Piece::Text(before));
            }
            pieces.push(Piece::Parameter { index, slashes });
            rest = after;
        }
        if !rest.is_empty() {
            pieces.push(Piece::Text(rest));
        }
        pieces
    }

    /// The query that stands in the path itself (`/items?view=full`); some documents have it.
    #[must_use]
    pub fn fixed_query(&self) -> Option<&str> {
        let (_, query) = self.path.split_once('?')?;
        let query = query.split_once('#').map_or(query, |(query, _)| query);
        (!query.is_empty()).then_some(query)
    }
}

/// What is before the next braces, in them and after them.
pub(crate) fn next_name(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once('{')?;
    let (inner, after) = rest.split_once('}')?;
    Some((before, inner, after))
}

/// The name in braces without what some documents write beside it, and whether its value may hold `/`.
pub(crate) fn plain_name(inner: &str) -> (&str, bool) {
    let (name, pattern) = inner.split_once('=').map_or((inner, ""), |(name, pattern)| (name, pattern));
    let (name, many) = match name.strip_suffix(['+', '*']) {
        Some(name) => (name, true),
        None => (name, false),
    };
    (name.trim(), many || pattern.contains('/') || pattern.contains("**"))
}
