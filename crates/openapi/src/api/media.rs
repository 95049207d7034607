//! Media types and what they hold.

use super::{Data, Header, SchemaId, Style};

/// A media type and what it holds.
#[derive(Clone, Debug)]
pub struct Content {
    /// As written: `application/json; charset=utf-8`. Ranges (`text/*`) are possible.
    pub media_type: String,
    /// What family it is of.
    pub media: Media,
    /// What it holds; none when the document does not say. For streams ([`Media::EventStream`], [`Media::JsonLines`]) this is
    /// one item when [`Content::item_schema`] is none.
    pub schema: Option<SchemaId>,
    /// What each item of a stream holds (3.2).
    pub item_schema: Option<SchemaId>,
    /// How fields of forms are written, where the document says so.
    pub encodings: Vec<(Box<str>, Encoding)>,
    /// Examples.
    pub examples: Vec<Example>,
}

/// Families of media types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Media {
    /// `application/json`, `…+json`, and ranges that include it.
    Json,
    /// `application/x-www-form-urlencoded`.
    Form,
    /// `multipart/…`.
    Multipart,
    /// `text/event-stream`.
    EventStream,
    /// A JSON value a line: `application/x-ndjson`, `application/jsonl`, `application/json-seq`, ….
    JsonLines,
    /// XML, kept as text.
    Xml,
    /// Other text: `text/…`, YAML, JavaScript, ….
    Text,
    /// Bytes.
    Binary,
}

/// How a field of a form is written.
#[derive(Clone, Debug)]
pub struct Encoding {
    /// Media types it may have, as written (`image/png, image/jpeg`).
    pub content_type: Option<String>,
    /// How lists and objects are written.
    pub style: Option<Style>,
    /// Whether each item of a list is written with the name.
    pub explode: Option<bool>,
    /// Whether characters with a meaning in URLs stay as they are.
    pub allow_reserved: bool,
    /// Headers of its part.
    pub headers: Vec<Header>,
}

/// An example.
#[derive(Clone, Debug)]
pub struct Example {
    /// Its key; none when it stands alone.
    pub name: Option<Box<str>>,
    /// One line.
    pub summary: Option<Box<str>>,
    /// Markdown.
    pub description: Option<Box<str>>,
    /// The value.
    pub value: Data,
}

impl Media {
    /// The family of a media type.
    #[must_use]
    pub fn of(media_type: &str) -> Self {
        let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match essence.as_str() {
            "application/json" | "text/json" | "*/*" | "application/*" | "*" => Self::Json,
            "application/x-www-form-urlencoded" => Self::Form,
            "text/event-stream" => Self::EventStream,
            "application/x-ndjson"
            | "application/ndjson"
            | "application/jsonl"
            | "application/x-jsonl"
            | "application/jsonlines"
            | "application/x-jsonlines"
            | "application/json-lines"
            | "application/json-seq"
            | "application/stream+json"
            | "application/x-json-stream" => Self::JsonLines,
            "application/xml" | "text/xml" => Self::Xml,
            "application/yaml"
            | "application/x-yaml"
            | "application/javascript"
            | "application/graphql"
            | "application/toml"
            | "application/sql"
            | "application/jwt"
            | "application/x-pem-file" => Self::Text,
            other if other.ends_with("+json") => Self::Json,
            other if other.ends_with("+json-seq") => Self::JsonLines,
            other if other.ends_with("+xml") => Self::Xml,
            other if other.ends_with("+yaml") => Self::Text,
            other if other.starts_with("multipart/") => Self::Multipart,
            other if other.starts_with("text/") => Self::Text,
            _ => Self::Binary,
        }
    }
}
