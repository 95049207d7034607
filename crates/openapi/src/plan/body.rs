//! The body of a planned request: which media type, and the value in the shape that it needs.

use serde_json::{Map, Value};

use super::{Given, Part, PartContent, PlannedBody};
use crate::api::{Api, Body, Content, Encoding, Media, Operation, Style};
use crate::error::{Error, clip};
use crate::style::{self, Escape, Written};

/// The name of the body among parameters.
const BODY: &str = "body";
const FORM: &str = "application/x-www-form-urlencoded";

pub(super) fn plan(
    api: &Api,
    operation: &Operation,
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
    let untold = Content {
        media_type: "application/json".to_owned(),
        media: Media::Json,
        schema: None,
        item_schema: None,
        encodings: Vec::new(),
        examples: Vec::new(),
    };
    let content = if body.contents.is_empty() { &untold } else { choose(body, chosen)? };
    let media_type = chosen.map_or(content.media_type.as_str(), str::trim);
    let whole = own_name(operation, body).and_then(|name| given.take_named(name));
    let value = match whole {
        Some(value) => Some(value.clone()),
        None => gathered(api, content, given),
    };
    let Some(value) = value else {
        if body.required {
            return Err(Error::Body("is missing; give it as `body`".to_owned()));
        }
        return Ok(None);
    };
    check_fields(api, content, &value)?;
    shaped(api, content, media_type, value).map(Some)
}

/// The name that the body is given by; none when a parameter has that name.
fn own_name<'a>(operation: &Operation, body: &'a Body) -> Option<&'a str> {
    let is_free = |name: &str| !operation.parameters.iter().any(|parameter| parameter.name == name);
    body.name.as_deref().into_iter().chain([BODY]).find(|name| is_free(name))
}

/// What a body may be given by, for messages.
pub(super) fn names(api: &Api, operation: &Operation) -> Vec<String> {
    let Some(body) = &operation.body else { return Vec::new() };
    let mut names: Vec<_> = own_name(operation, body).map(str::to_owned).into_iter().collect();
    if let Some(content) = body.contents.first() {
        names.extend(fields(api, content));
    }
    names
}

fn essence(media_type: &str) -> String {
    media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn choose<'b>(body: &'b Body, chosen: Option<&str>) -> Result<&'b Content, Error> {
    let rank = |content: &&Content| match content.media {
        _ if content.media_type.contains('*') => 3,
        Media::Json => 0,
        Media::Form => 1,
        Media::Multipart => 2,
        _ => 4,
    };
    let Some(chosen) = chosen else {
        let best = body.contents.iter().min_by_key(rank);
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
    body.contents.iter().find(|content| fits(&content.media_type)).ok_or_else(|| {
        let offered: Vec<_> =
            body.contents.iter().map(|content| content.media_type.as_str()).take(8).collect();
        Error::Body(format!(
            "cannot be of the type {:?}; the operation takes {}",
            clip(chosen),
            offered.join(", ")
        ))
    })
}

/// Parameters that are left and are fields of the body.
fn gathered(api: &Api, content: &Content, given: &mut Given<'_>) -> Option<Value> {
    let rest = given.rest();
    if rest.is_empty() {
        return None;
    }
    let known = fields(api, content);
    let all_known = rest.iter().all(|(name, _)| known.contains(name));
    // Of a body whose fields nobody described, nobody can say that a name is wrong.
    if !(all_known || known.is_empty() && takes_objects(api, content)) {
        return None;
    }
    given.take_all();
    let fields: Map<String, Value> =
        rest.into_iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    Some(fields.into())
}

/// The names of a body's fields, as far as its schema tells.
fn fields(api: &Api, content: &Content) -> Vec<String> {
    let properties = content.schema.map(|schema| api.possible_properties(schema)).unwrap_or_default();
    properties.into_iter().map(|property| property.name.into()).collect()
}

fn takes_objects(api: &Api, content: &Content) -> bool {
    content.schema.is_some_and(|schema| api.takes_objects(schema))
}

/// The fields of a form that must be given.
fn check_fields(api: &Api, content: &Content, value: &Value) -> Result<(), Error> {
    let is_form = matches!(content.media, Media::Form | Media::Multipart);
    let (Some(schema), true, Some(map)) = (content.schema, is_form, value.as_object()) else { return Ok(()) };
    let absent = |name: &str| map.get(name).is_none_or(Value::is_null);
    match api.properties(schema).iter().find(|field| field.required && absent(&field.name)) {
        None => Ok(()),
        Some(field) => Err(super::wrong(&field.name, "is missing; the form of the operation needs it")),
    }
}

fn shaped(api: &Api, content: &Content, media_type: &str, value: Value) -> Result<PlannedBody, Error> {
    let kind = essence(media_type);
    // A wildcard cannot be sent.
    let media_type = match kind.split_once("/*") {
        Some(("image", _)) => "image/png",
        Some(("text", _)) => "text/plain",
        Some(("audio" | "video" | "font" | "model", _)) => "application/octet-stream",
        Some(_) => "application/json",
        None => media_type,
    };
    let media_type = media_type.to_owned();
    if kind == FORM
        && let Value::Object(map) = &value
    {
        let text = form(&content.encodings, map)?;
        return Ok(PlannedBody::Value { media_type, value: text.into() });
    }
    if kind == "multipart/form-data" {
        let Value::Object(map) = &value else {
            return Err(Error::Body("must be an object: it is a form".to_owned()));
        };
        return parts(api, content, map).map(PlannedBody::Parts);
    }
    if Media::of(&kind) != Media::Json
        && style::scalar(&value).is_none()
        && !is_bytes(&value)
        && !kind.contains("ndjson")
    {
        return Err(Error::Body(format!("must be text: it is of the type {}", clip(&kind))));
    }
    Ok(PlannedBody::Value { media_type, value })
}

/// `{"base64": "…"}` stands for bytes.
fn is_bytes(value: &Value) -> bool {
    value.get("base64").is_some_and(Value::is_string)
}

/// Fields of a form, as a query has them.
pub(super) fn form(encodings: &[(Box<str>, Encoding)], map: &Map<String, Value>) -> Result<String, Error> {
    let mut pairs = Vec::new();
    for (name, value) in map.iter().filter(|(_, value)| !value.is_null()) {
        let (mut style, mut explode) = field_style(encodings, name);
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

fn field_style(encodings: &[(Box<str>, Encoding)], name: &str) -> (Style, bool) {
    let encoding = encodings.iter().find(|(known, _)| &**known == name).map(|(_, encoding)| encoding);
    let style = encoding.and_then(|encoding| encoding.style).unwrap_or(Style::Form);
    let told = encoding.and_then(|encoding| encoding.explode);
    (style, told.unwrap_or(style == Style::Form))
}

fn parts(api: &Api, content: &Content, map: &Map<String, Value>) -> Result<Vec<Part>, Error> {
    let properties = content.schema.map(|schema| api.possible_properties(schema)).unwrap_or_default();
    let mut parts = Vec::new();
    for (name, value) in map.iter().filter(|(_, value)| !value.is_null()) {
        let property = properties.iter().find(|property| *property.name == **name);
        let is_file = property.is_some_and(|property| api.holds_bytes(property.schema));
        let encoding =
            content.encodings.iter().find(|(known, _)| **known == **name).map(|(_, encoding)| encoding);
        let told = encoding.and_then(|encoding| encoding.content_type.as_deref());
        let told = told.and_then(|types| types.split(',').next()).map(|kind| kind.trim().to_owned());
        let items = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        for item in items.iter().filter(|item| !item.is_null()) {
            parts.push(part(name, item, is_file, told.clone())?);
        }
    }
    Ok(parts)
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
