//! Messages between JSON and what is on the wire.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use ports::ActionFailure;
use serde_json::{Map, Value};

use super::document::{Target, locate};
use super::subscription::InboundMessage;
use crate::functions::fields::configuration;

/// How a payload is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Json,
    Text,
    Bytes,
}

fn form(content_type: &str) -> Form {
    let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match kind.as_str() {
        "" | "application/json" => Form::Json,
        kind if kind.ends_with("+json") => Form::Json,
        kind if kind.starts_with("text/") || kind.ends_with("xml") => Form::Text,
        _ => Form::Bytes,
    }
}

/// A payload as bytes.
pub(super) fn encode(content_type: &str, payload: &Value) -> Result<Bytes, ActionFailure> {
    let text = || payload.as_str().map(str::to_owned);
    let bytes = match form(content_type) {
        _ if payload.is_null() => Some(Vec::new()),
        Form::Json => Some(payload.to_string().into_bytes()),
        Form::Text => text().map(String::into_bytes),
        Form::Bytes => text().and_then(|text| STANDARD.decode(text).ok()),
    };
    let wanted = if form(content_type) == Form::Text { "text" } else { "text in base64" };
    let bytes = bytes.ok_or_else(|| {
        let kind = receive::limits::cut(content_type, 80);
        configuration(format!("with.message.payload must be {wanted}, because the message is {kind}"))
    })?;
    Ok(bytes.into())
}

/// A message out of what came: payload in the form that its own headers or the document say; what is not in that
/// form is text, and what is no text is base64.
pub(super) fn decode(target: &Target, headers: Map<String, Value>, bytes: &[u8]) -> InboundMessage {
    let own = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    let kind = own.and_then(|(_, kind)| kind.as_str()).unwrap_or(&target.content_type);
    let parsed = match form(kind) {
        _ if bytes.is_empty() => Some(Value::Null),
        Form::Json => serde_json::from_slice(bytes).ok(),
        Form::Text => None,
        Form::Bytes => Some(Value::String(STANDARD.encode(bytes))),
    };
    let plain = || match std::str::from_utf8(bytes) {
        Ok(text) => Value::String(text.to_owned()),
        Err(_) => Value::String(STANDARD.encode(bytes)),
    };
    let payload = parsed.unwrap_or_else(plain);
    let located = target.correlation.as_deref().and_then(|at| locate(at, &payload, &headers));
    let correlation_id = located.and_then(crate::functions::fields::scalar);
    InboundMessage { payload, headers, correlation_id }
}

/// Adds a value to headers; a name that comes several times has a list.
pub(super) fn add(headers: &mut Map<String, Value>, name: &str, value: String) {
    match headers.get_mut(name) {
        Some(Value::Array(values)) => values.push(value.into()),
        Some(first) => *first = Value::Array(vec![first.take(), value.into()]),
        None => drop(headers.insert(name.to_owned(), value.into())),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn target(content_type: &str) -> Target {
        Target {
            protocol: "nats".into(),
            secure: false,
            host: String::new(),
            path: String::new(),
            address: String::new(),
            parameters: Vec::new(),
            http_method: None,
            nats_queue: None,
            content_type: content_type.into(),
            correlation: Some("$message.header#/turn".into()),
        }
    }

    #[test]
    fn payloads_go_there_and_back_in_the_form_of_the_message() {
        for (kind, payload) in [
            ("application/json", json!({"a": [1, null]})),
            ("application/cloudevents+json", json!("text")),
            ("text/plain; charset=utf-8", json!("café")),
            ("application/octet-stream", json!("AAH/")),
            ("application/json", Value::Null),
        ] {
            let bytes = encode(kind, &payload).unwrap();
            assert_eq!(decode(&target(kind), Map::new(), &bytes).payload, payload, "{kind}");
        }
        for (kind, payload) in [("text/plain", json!({})), ("image/png", json!("not base64!"))] {
            assert!(encode(kind, &payload).unwrap_err().message.contains("payload must be text"));
        }
    }

    #[test]
    fn what_is_not_in_its_form_is_kept_as_it_is() {
        assert_eq!(decode(&target("application/json"), Map::new(), b"{oops").payload, json!("{oops"));
        assert_eq!(decode(&target("application/json"), Map::new(), b"\xff\x00").payload, json!("/wA="));
    }

    #[test]
    fn headers_that_come_twice_are_lists_and_one_of_them_correlates() {
        let mut headers = Map::new();
        for (name, value) in [("Turn", "7"), ("x", "1"), ("x", "2"), ("x", "3")] {
            add(&mut headers, name, value.to_owned());
        }
        let message = decode(&target("text/plain"), headers, b"hi");
        assert_eq!(
            message.to_json(),
            json!({
                "payload": "hi", "headers": {"Turn": "7", "x": ["1", "2", "3"]}, "correlationId": "7"
            })
        );
    }
}
