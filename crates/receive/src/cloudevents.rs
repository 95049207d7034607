//! CloudEvents 1.0 over HTTP: structured, batched and binary mode.
//!
//! Specification: <https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md>, HTTP binding
//! `bindings/http-protocol-binding.md`. A batch is taken whole or not at all, because the binding has no
//! partial answer. Events that tell of a deployment become changes: CDEvents (<https://cdevents.dev>)
//! `service.deployed`, `service.upgraded`, `service.rolledback`, and our own `dev.homeostat.change`.

use base64::Engine;
use model::{Change, ChangeId, ChangeKind, Event, Signal, Timestamp};
use serde_json::{Map, Value};

use crate::{Malformed, limits};

/// Type of our own change event. Its data: `{"service","kind","summary","from"?,"to"?,"actor"?}`, `kind`
/// being one of `deploy`, `rollback`, `config`, `scale`, `other`.
pub const CHANGE_TYPE: &str = "dev.homeostat.change";

const ADVICE: &str = "send a CloudEvent 1.0: specversion, id, source and type are required";

/// Reads what a POST carries, its mode told by `Content-Type` and the `ce-*` headers. Header names are in
/// lower case. `now` stands in for a missing `time`.
///
/// # Errors
/// It is no CloudEvent, or a batch with an event that is none; nothing was taken.
pub fn receive<'a>(
    content_type: Option<&str>,
    headers: impl IntoIterator<Item = (&'a str, &'a str)>,
    body: &[u8],
    now: Timestamp,
) -> Result<Vec<Signal>, Malformed> {
    let media = content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    let media = media.to_ascii_lowercase();
    if media.starts_with("application/cloudevents-batch") {
        return json_only(&media, "application/cloudevents-batch+json").and_then(|()| batch(body, now));
    }
    if media.starts_with("application/cloudevents") {
        return json_only(&media, "application/cloudevents+json")
            .and_then(|()| structured(body, now))
            .map(|signal| vec![signal]);
    }
    binary(content_type, headers, body, now).map(|signal| vec![signal])
}

fn json_only(media: &str, wanted: &str) -> Result<(), Malformed> {
    if media == wanted || !media.contains('+') {
        return Ok(());
    }
    Err(Malformed::new("header content-type", format!("event format {media}"), format!("send {wanted}")))
}

/// Structured mode: the whole event is one JSON object.
///
/// # Errors
/// It is no CloudEvent.
pub fn structured(body: &[u8], now: Timestamp) -> Result<Signal, Malformed> {
    match parse_json(body, "")? {
        Value::Object(event) => signal(event, "", now),
        _ => Err(Malformed::new("/", "expected an object", ADVICE)),
    }
}

/// Batched mode: a JSON array of events. An empty batch is allowed.
///
/// # Errors
/// It is no array, or an event in it is none.
pub fn batch(body: &[u8], now: Timestamp) -> Result<Vec<Signal>, Malformed> {
    let Value::Array(events) = parse_json(body, "")? else {
        return Err(Malformed::new("/", "expected an array of events", ADVICE));
    };
    if events.len() > limits::EVENTS_MAX {
        let reason = format!("more than {} events", limits::EVENTS_MAX);
        return Err(Malformed::new("/", reason, "send smaller batches"));
    }
    events
        .into_iter()
        .enumerate()
        .map(|(i, event)| match event {
            Value::Object(event) => signal(event, &format!("/{i}"), now),
            _ => Err(Malformed::new(format!("/{i}"), "expected an object", ADVICE)),
        })
        .collect()
}

/// Binary mode: attributes are `ce-*` headers, the body is the data. Header names are in lower case.
///
/// # Errors
/// A required header is missing or wrong, or the body is not what its `Content-Type` says.
pub fn binary<'a>(
    content_type: Option<&str>,
    headers: impl IntoIterator<Item = (&'a str, &'a str)>,
    body: &[u8],
    now: Timestamp,
) -> Result<Signal, Malformed> {
    let mut event = Map::new();
    for (name, value) in headers {
        if let Some(attribute) = name.strip_prefix("ce-") {
            event.insert(attribute.to_owned(), Value::String(percent_decoded(value)));
        }
    }
    if event.is_empty() {
        return Err(Malformed::new(
            "header content-type",
            "neither a structured event nor ce-* headers",
            "send application/cloudevents+json, application/cloudevents-batch+json, or ce-* headers",
        ));
    }
    if !body.is_empty() {
        let media = content_type.unwrap_or("application/json").to_ascii_lowercase();
        let data = if is_json(&media) {
            parse_json(body, "body ")?
        } else {
            match std::str::from_utf8(body) {
                Ok(text) => Value::String(text.to_owned()),
                Err(_) => Value::String(base64::engine::general_purpose::STANDARD.encode(body)),
            }
        };
        event.insert("data".to_owned(), data);
    }
    signal(event, "header ce-", now)
}

/// `place` is the JSON pointer of the event, or `header ce-` in binary mode.
fn signal(mut event: Map<String, Value>, place: &str, now: Timestamp) -> Result<Signal, Malformed> {
    let at = |name: &str| {
        if place.ends_with('-') { format!("{place}{name}") } else { format!("{place}/{name}") }
    };
    let version = required(&event, "specversion", &at)?;
    if version != "1.0" {
        let reason = format!("specversion {version:?} is not known");
        return Err(Malformed::new(at("specversion"), reason, "send specversion \"1.0\""));
    }
    let id = required(&event, "id", &at)?;
    let source = required(&event, "source", &at)?;
    let kind = required(&event, "type", &at)?;
    let given_at = match event.get("time") {
        None | Some(Value::Null) => None,
        Some(Value::String(time)) => Some(Timestamp::parse(time).map_err(|error| {
            Malformed::new(at("time"), error.to_string(), "send RFC 3339, for example 2026-11-21T09:30:00Z")
        })?),
        Some(_) => return Err(Malformed::new(at("time"), "expected a string", "send RFC 3339")),
    };
    let data = data(&mut event, &at)?;
    let service = text(event.get("service")).or_else(|| text(data.get("service"))).unwrap_or_default();
    if service.len() > limits::NAME_BYTES_MAX {
        return Err(Malformed::new(at("service"), "service name is too long", ADVICE));
    }
    for known in ["specversion", "id", "source", "type", "time", "service"] {
        event.remove(known);
    }
    event.retain(|_, value| !value.is_null());
    let attributes = event.into_iter().collect();
    let event = Event { id, source, kind, service, at: given_at.unwrap_or(now), data, attributes };
    Ok(change(&event, given_at).map_or(Signal::Event(event), Signal::Change))
}

fn required(
    event: &Map<String, Value>,
    name: &'static str,
    at: &impl Fn(&str) -> String,
) -> Result<String, Malformed> {
    match event.get(name) {
        Some(Value::String(text)) if !text.is_empty() && text.len() <= limits::NAME_BYTES_MAX * 4 => {
            Ok(text.clone())
        }
        None | Some(Value::Null) => Err(Malformed::new(at(name), format!("{name} is missing"), ADVICE)),
        Some(_) => Err(Malformed::new(
            at(name),
            format!("{name} must be text of 1 to {} bytes", limits::NAME_BYTES_MAX * 4),
            ADVICE,
        )),
    }
}

/// The data of an event: `data` as it is, or `data_base64` decoded, and read when it holds JSON.
fn data(event: &mut Map<String, Value>, at: &impl Fn(&str) -> String) -> Result<Value, Malformed> {
    let media = text(event.get("datacontenttype")).unwrap_or_default().to_ascii_lowercase();
    match (event.remove("data"), event.remove("data_base64")) {
        (Some(_), Some(_)) => {
            Err(Malformed::new(at("data_base64"), "both data and data_base64", "send one of the two"))
        }
        (Some(data), None) => Ok(data),
        (None, None) => Ok(Value::Null),
        (None, Some(Value::String(encoded))) => {
            let bytes = base64::engine::general_purpose::STANDARD
                .decode(&encoded)
                .map_err(|error| Malformed::new(at("data_base64"), error.to_string(), "send base64"))?;
            if is_json(&media) {
                return parse_json(&bytes, &format!("{} ", at("data_base64")));
            }
            // Bytes that are no text stay as they came.
            Ok(Value::String(String::from_utf8(bytes).unwrap_or(encoded)))
        }
        (None, Some(_)) => Err(Malformed::new(at("data_base64"), "expected a string", "send base64")),
    }
}

fn is_json(media: &str) -> bool {
    let media = media.split(';').next().unwrap_or_default().trim();
    media.ends_with("/json") || media.ends_with("+json")
}

fn parse_json(body: &[u8], place: &str) -> Result<Value, Malformed> {
    if body.len() > limits::EVENT_BYTES_MAX * 16 {
        let reason = format!("{} bytes of JSON", body.len());
        return Err(Malformed::new(format!("{place}/"), reason, "send smaller batches"));
    }
    serde_json::from_slice(body).map_err(|error| {
        Malformed::new(
            format!("{place}line {} column {}", error.line(), error.column()),
            error.to_string(),
            "send valid JSON in UTF-8",
        )
    })
}

/// The change that an event tells of, when it tells of one.
fn change(event: &Event, given_at: Option<Timestamp>) -> Option<Change> {
    let known = if event.kind == CHANGE_TYPE { own_change(event) } else { cd_event(event) };
    let (service, kind, summary, from, to, actor) = known?;
    // Without a time of its own, a change sent twice must still be one change: its id leaves the time out.
    let id = ChangeId::derive(given_at.unwrap_or(Timestamp::ZERO), &[&event.source, &event.id]);
    Some(Change { id, service, kind, at: event.at, summary, from, to, actor })
}

type ChangeParts = (String, ChangeKind, String, Option<String>, Option<String>, String);

fn own_change(event: &Event) -> Option<ChangeParts> {
    let data = &event.data;
    let kind =
        data.get("kind").map_or(Some(ChangeKind::Other), |k| serde_json::from_value(k.clone()).ok())?;
    let (from, to) = (text(data.get("from")), text(data.get("to")));
    let summary = text(data.get("summary")).unwrap_or_else(|| summary(kind, &event.service, to.as_deref()));
    let actor = text(data.get("actor")).unwrap_or_else(|| event.source.clone());
    Some((event.service.clone(), kind, summary, from, to, actor)).filter(|parts| !parts.0.is_empty())
}

/// `dev.cdevents.service.deployed.0.2.0`: data is `{context, subject: {id, content: {environment,
/// artifactId}}}`. The subject's id is the service.
fn cd_event(event: &Event) -> Option<ChangeParts> {
    let predicate = event.kind.strip_prefix("dev.cdevents.service.")?.split('.').next()?;
    let kind = match predicate {
        "deployed" | "upgraded" => ChangeKind::Deploy,
        "rolledback" => ChangeKind::Rollback,
        _ => return None,
    };
    let subject = event.data.get("subject")?;
    let service = text(subject.get("id")).filter(|id| id.len() <= limits::NAME_BYTES_MAX)?;
    let artifact = text(subject.pointer("/content/artifactId"));
    let version = artifact.map(|purl| purl_version(&purl).unwrap_or(purl));
    Some((
        service.clone(),
        kind,
        summary(kind, &service, version.as_deref()),
        None,
        version,
        event.source.clone(),
    ))
}

/// The version of a package URL: `pkg:oci/shop@sha256%3Aabc?tag=1.2` says its tag, else what follows `@`.
fn purl_version(purl: &str) -> Option<String> {
    let (path, query) = purl.split_once('?').unwrap_or((purl, ""));
    let tag = query.split('&').find_map(|pair| pair.strip_prefix("tag="));
    let version = tag.or_else(|| path.rsplit_once('@').map(|(_, version)| version))?;
    Some(percent_decoded(version)).filter(|v| !v.is_empty())
}

fn summary(kind: ChangeKind, service: &str, to: Option<&str>) -> String {
    let verb = match kind {
        ChangeKind::Deploy => "deployed",
        ChangeKind::Rollback => "rolled back",
        ChangeKind::Config => "configuration changed",
        ChangeKind::Scale => "scaled",
        ChangeKind::Other => "changed",
    };
    let to = to.map(|to| format!(" to {to}")).unwrap_or_default();
    format!("{service}: {verb}{to}")
}

fn text(value: Option<&Value>) -> Option<String> {
    value.and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
}

/// Header values and package URLs carry other than plain ASCII percent-encoded; a stray `%` stays.
fn percent_decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let digit = |i: usize| bytes.get(i).and_then(|b| char::from(*b).to_digit(16)).map(|d| d as u8);
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut i = 0;
    while i < bytes.len() {
        match (bytes[i], digit(i + 1), digit(i + 2)) {
            (b'%', Some(high), Some(low)) => {
                decoded.push(high << 4 | low);
                i += 3;
            }
            (byte, ..) => {
                decoded.push(byte);
                i += 1;
            }
        }
    }
    String::from_utf8(decoded).unwrap_or_else(|_| text.to_owned())
}
