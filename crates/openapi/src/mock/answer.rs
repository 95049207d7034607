//! The answer that a document describes.

use serde_json::Value;

use super::incoming::fits;
use super::{Fault, MockAnswer, MockRequest, problem};
use crate::api::{Api, Content, Header, Media, Operation, Response, SchemaId, Status};
use crate::check::{Checker, Way};
use crate::sample::sample;
use crate::style;

/// Events and lines of a stream.
const STREAM: usize = 3;
/// Headers that come from sending, or lead elsewhere: an invented one would be followed.
const NOT_INVENTED: [&str; 8] = [
    "content-type",
    "content-length",
    "content-encoding",
    "transfer-encoding",
    "connection",
    "link",
    "retry-after",
    "set-cookie",
];

pub(super) fn answer(api: &Api, operation: &Operation, request: &MockRequest) -> MockAnswer {
    let wish = Wish::of(request);
    let Some((status, response)) = choose(operation, wish.code) else {
        if wish.code.is_some() {
            return problem(
                404,
                "The operation has no answer with the status that is preferred.",
                Vec::new(),
            );
        }
        // A document without answers: that it was done is all there is to say.
        return empty(204);
    };
    let mut headers = Vec::new();
    for header in &response.headers {
        headers.extend(written(api, header));
    }
    if response.contents.is_empty()
        || request.method.eq_ignore_ascii_case("head")
        || matches!(status, 204 | 304)
    {
        return MockAnswer { headers, ..empty(status) };
    }
    let Some(content) = negotiated(&response.contents, wish.accept.as_deref()) else {
        let offered: Vec<_> = response.contents.iter().map(|content| content.media_type.as_str()).collect();
        let message = format!("the operation answers with {}", offered.join(", "));
        let fault = Fault { place: "header", name: "accept".to_owned(), message };
        return problem(406, "The answer has none of the media types that are accepted.", vec![fault]);
    };
    let (media_type, body) = written_body(api, content, wish.example.as_deref());
    headers.push(("content-type".to_owned(), media_type));
    MockAnswer { status, headers, body, operation: None, faults: Vec::new() }
}

fn empty(status: u16) -> MockAnswer {
    MockAnswer { status, headers: Vec::new(), body: Vec::new(), operation: None, faults: Vec::new() }
}

/// What the caller would like.
#[derive(Default)]
struct Wish {
    code: Option<u16>,
    example: Option<String>,
    accept: Option<String>,
}

impl Wish {
    fn of(request: &MockRequest) -> Self {
        let mut wish = Self::default();
        for (name, value) in &request.headers {
            if name.eq_ignore_ascii_case("accept") {
                wish.accept = Some(value.clone());
            }
            if !name.eq_ignore_ascii_case("prefer") {
                continue;
            }
            for (name, value) in value.split([',', ';', ' ']).filter_map(|part| part.trim().split_once('=')) {
                match name {
                    "code" => wish.code = value.parse().ok(),
                    "example" => wish.example = Some(value.trim_matches('"').to_owned()),
                    _ => {}
                }
            }
        }
        wish
    }
}

/// The response of a status; of good ones the first.
fn choose(operation: &Operation, code: Option<u16>) -> Option<(u16, &Response)> {
    let of = |wanted: Status| operation.responses.iter().find(|response| response.status == wanted);
    if let Some(code) = code {
        let range = Status::Range(u8::try_from(code / 100).unwrap_or_default());
        let found = of(Status::Exact(code)).or_else(|| of(range)).or_else(|| of(Status::Default))?;
        return Some((code, found));
    }
    let good = operation.responses.iter().find(|response| response.status.is_success());
    let found = good.or_else(|| of(Status::Default)).or_else(|| operation.responses.first())?;
    let status = match found.status {
        Status::Exact(code) => code,
        Status::Range(hundred) => u16::from(hundred) * 100,
        Status::Default => 200,
    };
    Some((status, found))
}

fn negotiated<'a>(contents: &'a [Content], accept: Option<&str>) -> Option<&'a Content> {
    let first = || contents.iter().find(|content| content.media == Media::Json).or(contents.first());
    let Some(accept) = accept else { return first() };
    let wanted: Vec<&str> = accept.split(',').map(str::trim).filter(|kind| !kind.is_empty()).collect();
    if wanted.is_empty() || wanted.iter().any(|kind| kind.starts_with("*/*")) && wanted.len() == 1 {
        return first();
    }
    let takes =
        |content: &Content, kind: &str| fits(kind, &content.media_type) || fits(&content.media_type, kind);
    wanted.iter().find_map(|kind| contents.iter().find(|content| takes(content, kind)))
}

fn written(api: &Api, header: &Header) -> Option<(String, String)> {
    let name = header.name.to_ascii_lowercase();
    if NOT_INVENTED.contains(&name.as_str()) {
        return None;
    }
    let value = match sample(api, header.schema, Way::Response) {
        Value::Array(items) => items.iter().filter_map(style::scalar).collect::<Vec<_>>().join(","),
        other => style::scalar(&other)?,
    };
    // What came as an example may be of several lines.
    let plain = value.bytes().all(|byte| (b' '..0x7f).contains(&byte));
    (plain && header.content.is_none()).then_some((name, value))
}

/// The bytes of a body and the media type to send them with.
fn written_body(api: &Api, content: &Content, example: Option<&str>) -> (String, Vec<u8>) {
    let value = value(api, content, content.schema, example);
    let text = |value: &Value| style::scalar(value).unwrap_or_else(|| value.to_string());
    let media_type = if content.media_type.contains('*') {
        if value.is_string() { "text/plain".to_owned() } else { "application/json".to_owned() }
    } else {
        content.media_type.clone()
    };
    let item = || match content.item_schema {
        Some(item) => sample(api, item, Way::Response),
        None => value.clone(),
    };
    let body = match content.media {
        Media::Json if media_type == "text/plain" => text(&value),
        Media::Json => value.to_string(),
        Media::EventStream => match item() {
            // An example may be the stream itself.
            Value::String(stream) if stream.contains("data:") => stream,
            item => (0..STREAM).map(|_| format!("data: {}\n\n", text(&item))).collect(),
        },
        Media::JsonLines => {
            let item = item();
            (0..STREAM).map(|_| format!("{item}\n")).collect()
        }
        Media::Form => match &value {
            Value::Object(map) => crate::plan::form(map),
            value => text(value),
        },
        Media::Xml if !value.is_string() => format!("<?xml version=\"1.0\"?>\n{}\n", xml("root", &value, 0)),
        Media::Xml | Media::Text | Media::Binary | Media::Multipart => text(&value),
    };
    (media_type, body.into_bytes())
}

/// An example of a content: the one that is asked for, the first that fits its schema, or one that is made.
fn value(api: &Api, content: &Content, schema: Option<SchemaId>, example: Option<&str>) -> Value {
    let named = |wanted: &str| content.examples.iter().find(|known| known.name.as_deref() == Some(wanted));
    if let Some(wanted) = example.and_then(named) {
        return wanted.value.value();
    }
    let checker = Checker::new(api, Way::Response);
    let mut given = content.examples.iter().map(|known| known.value.value());
    match schema {
        None => given.next().unwrap_or_else(|| match content.media {
            Media::Json => Value::Object(serde_json::Map::new()),
            _ => "text".into(),
        }),
        Some(schema) => given
            .find(|value| checker.allows(schema, value))
            .unwrap_or_else(|| sample(api, schema, Way::Response)),
    }
}

/// A value as elements; attributes and names of their own are not made.
fn xml(name: &str, value: &Value, depth: usize) -> String {
    let plain = |name: &str| {
        name.chars().map(|c| if c.is_alphanumeric() || c == '_' { c } else { '_' }).collect::<String>()
    };
    let name = plain(name);
    let inner = match value {
        Value::Object(map) if depth < 32 => {
            map.iter().map(|(name, value)| xml(name, value, depth + 1)).collect()
        }
        Value::Array(items) if depth < 32 => items.iter().map(|item| xml("item", item, depth + 1)).collect(),
        other => style::scalar(other).unwrap_or_default().replace('&', "&amp;").replace('<', "&lt;"),
    };
    format!("<{name}>{inner}</{name}>")
}
