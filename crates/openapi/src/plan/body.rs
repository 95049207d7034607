//! The body of a planned request: which media type, and the value in the shape that it needs.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{Given, Part, PartContent, PlannedBody};
use crate::document::{Document, Node};
use crate::error::{Error, clip};
use crate::operation::{Body, Content, Operation, Shape, Style};
use crate::style::{self, Escape, Written};

/// The name of the body among parameters.
const BODY: &str = "body";
const FORM: &str = "application/x-www-form-urlencoded";
/// Most schemas looked into for the names of a body's fields.
const SCHEMAS_MAX: usize = 200;

pub(super) fn plan(
    document: &Document,
    operation: &Operation<'_>,
    given: &mut Given<'_>,
    chosen: Option<&str>,
) -> Result<Option<PlannedBody>, Error> {
    let Some(body) = &operation.body else {
        return match chosen {
            None => Ok(None),
            Some(_) => Err(Error::Body("has a Content-Type, but the operation takes none".to_owned())),
        };
    };
    // Some documents forget to say what a body is.
    let untold = Content { media_type: "application/json", shape: Shape::Schema(None), encoding: None };
    let content = if body.content.is_empty() { &untold } else { choose(body, chosen)? };
    let media_type = chosen.map_or(content.media_type, str::trim);
    let whole = own_name(operation, body).and_then(|name| given.take_named(name));
    let value = match whole {
        Some(value) => Some(value.clone()),
        None => gathered(document, content, given),
    };
    let Some(value) = value else {
        if body.required {
            return Err(Error::Body("is missing; give it as `body`".to_owned()));
        }
        return Ok(None);
    };
    check_fields(content, &value)?;
    shaped(document, content, media_type, value).map(Some)
}

/// The name that the body is given by; none when a parameter has that name.
fn own_name<'a>(operation: &Operation<'a>, body: &Body<'a>) -> Option<&'a str> {
    let is_free = |name: &str| !operation.parameters.iter().any(|parameter| parameter.name == name);
    body.name.into_iter().chain([BODY]).find(|name| is_free(name))
}

/// What a body may be given by, for messages.
pub(super) fn names(document: &Document, operation: &Operation<'_>) -> Vec<String> {
    let Some(body) = &operation.body else { return Vec::new() };
    let mut names: Vec<_> = own_name(operation, body).map(str::to_owned).into_iter().collect();
    if let Some(content) = body.content.first() {
        names.extend(fields(document, content));
    }
    names
}

/// Whether values are written as JSON; a wildcard is taken so.
pub(super) fn is_json(media_type: &str) -> bool {
    let kind = essence(media_type);
    kind == "application/json" || kind == "text/json" || kind.ends_with("+json") || kind.contains('*')
}

fn essence(media_type: &str) -> String {
    media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn choose<'a, 'b>(body: &'b Body<'a>, chosen: Option<&str>) -> Result<&'b Content<'a>, Error> {
    let rank = |content: &&Content<'_>| match essence(content.media_type).as_str() {
        kind if is_json(kind) && !kind.contains('*') => 0,
        FORM => 1,
        "multipart/form-data" => 2,
        kind if kind.contains('*') => 3,
        _ => 4,
    };
    let Some(chosen) = chosen else {
        let best = body.content.iter().min_by_key(rank);
        return best.ok_or_else(|| {
            Error::Body("has no media type in the document; correct the document".to_owned())
        });
    };
    let fits = |offered: &str| {
        let offered = essence(offered);
        let wanted = essence(chosen);
        let below = offered.strip_suffix("/*").is_some_and(|family| wanted.split('/').next() == Some(family));
        offered == wanted || offered == "*/*" || below
    };
    body.content.iter().find(|content| fits(content.media_type)).ok_or_else(|| {
        let offered: Vec<_> = body.content.iter().map(|content| content.media_type).take(8).collect();
        Error::Body(format!(
            "cannot be of the type {:?}; the operation takes {}",
            clip(chosen),
            offered.join(", ")
        ))
    })
}

/// Parameters that are left and are fields of the body.
fn gathered(document: &Document, content: &Content<'_>, given: &mut Given<'_>) -> Option<Value> {
    let rest = given.rest();
    if rest.is_empty() {
        return None;
    }
    let known = fields(document, content);
    let all_known = rest.iter().all(|(name, _)| known.contains(name.as_str()));
    // Of a body whose fields nobody described, nobody can say that a name is wrong.
    if !(all_known || known.is_empty() && takes_objects(document, content)) {
        return None;
    }
    given.take_all();
    let fields: Map<String, Value> =
        rest.into_iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    Some(fields.into())
}

/// The names of a body's fields, as far as its schema tells.
fn fields(document: &Document, content: &Content<'_>) -> BTreeSet<String> {
    match &content.shape {
        Shape::Fields(fields) => fields.iter().map(|field| field.name.to_owned()).collect(),
        Shape::Schema(None) => BTreeSet::new(),
        Shape::Schema(Some(schema)) => properties(document, *schema).into_keys().collect(),
    }
}

fn takes_objects(document: &Document, content: &Content<'_>) -> bool {
    let Shape::Schema(Some(schema)) = content.shape else { return false };
    let Ok(schema) = document.follow(schema) else { return false };
    match schema.value.get("type") {
        None => true,
        Some(Value::Array(kinds)) => kinds.iter().any(|kind| kind == "object"),
        Some(kind) => kind == "object",
    }
}

/// Properties of a schema and of those it is made of. What is missing or broken is left out: these are hints.
fn properties<'a>(document: &'a Document, schema: Node<'a>) -> std::collections::BTreeMap<String, Node<'a>> {
    let mut found = std::collections::BTreeMap::new();
    let mut open = vec![schema];
    for _ in 0..SCHEMAS_MAX {
        let Some(schema) = open.pop().and_then(|schema| document.follow(schema).ok()) else {
            if open.is_empty() {
                break;
            }
            continue;
        };
        // Not `entries()`: a property may be called `x-…`.
        let given = schema.get("properties").and_then(|p| p.value.as_object());
        for (name, value) in given.into_iter().flatten() {
            found.entry(name.clone()).or_insert(Node { file: schema.file, value });
        }
        for several in ["allOf", "oneOf", "anyOf"] {
            open.extend(schema.get(several).into_iter().flat_map(Node::items));
        }
    }
    found
}

/// The form fields of 2.0 that must be given.
fn check_fields(content: &Content<'_>, value: &Value) -> Result<(), Error> {
    let Shape::Fields(fields) = &content.shape else { return Ok(()) };
    let Some(map) = value.as_object() else {
        return Err(Error::Body("must be an object: it is a form".to_owned()));
    };
    let absent = |name: &str| map.get(name).is_none_or(Value::is_null);
    match fields.iter().find(|field| field.required && absent(field.name)) {
        None => Ok(()),
        Some(field) => Err(super::wrong(field.name, "is missing; the form of the operation needs it")),
    }
}

fn shaped(
    document: &Document,
    content: &Content<'_>,
    media_type: &str,
    value: Value,
) -> Result<PlannedBody, Error> {
    let kind = essence(media_type);
    // A wildcard cannot be sent.
    let media_type = if kind.contains('*') { "application/json".to_owned() } else { media_type.to_owned() };
    if kind == FORM
        && let Value::Object(map) = &value
    {
        let text = form(content, map)?;
        return Ok(PlannedBody::Value { media_type, value: text.into() });
    }
    if kind == "multipart/form-data" {
        let Value::Object(map) = &value else {
            return Err(Error::Body("must be an object: it is a form".to_owned()));
        };
        return parts(document, content, map).map(PlannedBody::Parts);
    }
    if !is_json(&kind) && style::scalar(&value).is_none() && !is_bytes(&value) && !kind.contains("ndjson") {
        return Err(Error::Body(format!("must be text: it is of the type {}", clip(&kind))));
    }
    Ok(PlannedBody::Value { media_type, value })
}

/// `{"base64": "…"}` stands for bytes.
fn is_bytes(value: &Value) -> bool {
    value.get("base64").is_some_and(Value::is_string)
}

fn form(content: &Content<'_>, map: &Map<String, Value>) -> Result<String, Error> {
    let mut pairs = Vec::new();
    for (name, value) in map.iter().filter(|(_, value)| !value.is_null()) {
        let (mut style, mut explode) = field_style(content, name);
        // Deeper values have no other style that can be read back.
        let nested = |value: &Value| value.is_object() || value.is_array();
        let is_deep = match value {
            Value::Object(_) => true,
            Value::Array(items) => items.iter().any(nested),
            _ => false,
        };
        if is_deep && style == Style::Form {
            (style, explode) = (Style::DeepObject, true);
        }
        pairs.extend(style::pairs(&Written { name, value, style, explode }, Escape::All)?);
    }
    Ok(pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&"))
}

fn field_style(content: &Content<'_>, name: &str) -> (Style, bool) {
    if let Shape::Fields(fields) = &content.shape {
        let field = fields.iter().find(|field| field.name == name);
        return field.map_or((Style::Form, true), |field| (field.style, field.explode));
    }
    let encoding = content.encoding.and_then(|encoding| encoding.get(name));
    let style = match encoding.and_then(|encoding| encoding.text("style")) {
        Some("spaceDelimited") => Style::SpaceDelimited,
        Some("pipeDelimited") => Style::PipeDelimited,
        Some("deepObject") => Style::DeepObject,
        _ => Style::Form,
    };
    let told = encoding.and_then(|encoding| encoding.value.get("explode")).and_then(Value::as_bool);
    (style, told.unwrap_or(style == Style::Form))
}

fn parts(document: &Document, content: &Content<'_>, map: &Map<String, Value>) -> Result<Vec<Part>, Error> {
    let schemas = match &content.shape {
        Shape::Schema(Some(schema)) => properties(document, *schema),
        _ => std::collections::BTreeMap::new(),
    };
    let schema_of = |name: &str| match &content.shape {
        Shape::Fields(fields) => {
            fields.iter().find(|field| field.name == name).and_then(|field| field.schema)
        }
        Shape::Schema(_) => schemas.get(name).copied(),
    };
    let mut parts = Vec::new();
    for (name, value) in map.iter().filter(|(_, value)| !value.is_null()) {
        let is_file = schema_of(name).is_some_and(|schema| holds_bytes(document, schema));
        let encoding = content.encoding.and_then(|encoding| encoding.get(name));
        let told = encoding.and_then(|encoding| encoding.text("contentType"));
        let told = told.and_then(|types| types.split(',').next()).map(|kind| kind.trim().to_owned());
        let items = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        for item in items.iter().filter(|item| !item.is_null()) {
            parts.push(part(name, item, is_file, told.clone())?);
        }
    }
    Ok(parts)
}

fn holds_bytes(document: &Document, schema: Node<'_>) -> bool {
    let Ok(schema) = document.follow(schema) else { return false };
    let item = schema.get("items").and_then(|items| document.follow(items).ok());
    let is_bytes = |schema: Node<'_>| {
        schema.text("format") == Some("binary")
            || schema.text("contentMediaType").is_some_and(|kind| kind == "application/octet-stream")
    };
    is_bytes(schema) || item.is_some_and(is_bytes)
}

/// A file may say its name and type: `{text or base64, filename, mediaType}`.
fn part(name: &str, value: &Value, is_file: bool, told: Option<String>) -> Result<Part, Error> {
    let field = |field: &str| value.get(field).and_then(Value::as_str).map(str::to_owned);
    let described = field("base64").map(PartContent::Base64);
    let described = described.or_else(|| field("text").filter(|_| is_file).map(PartContent::Text));
    let filename = || {
        (is_file || field("filename").is_some()).then(|| field("filename").unwrap_or_else(|| name.to_owned()))
    };
    if let (Some(content), true) = (described, is_file || is_bytes(value)) {
        return Ok(Part {
            name: name.to_owned(),
            filename: filename(),
            media_type: field("mediaType").or(told),
            content,
        });
    }
    match style::scalar(value) {
        Some(text) => {
            let filename = is_file.then(|| name.to_owned());
            Ok(Part { name: name.to_owned(), filename, media_type: told, content: PartContent::Text(text) })
        }
        None if is_file => {
            Err(super::wrong(name, "is a file; give its text, or {base64, filename, mediaType}"))
        }
        None => {
            let media_type = told.or_else(|| Some("application/json".to_owned()));
            let content = PartContent::Text(value.to_string());
            Ok(Part { name: name.to_owned(), filename: None, media_type, content })
        }
    }
}
