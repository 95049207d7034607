//! Bodies: what is sent for a value, and what a value is made of an answer.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use openapi::{Part, PartContent};
use ports::{ActionFailure, FailureKind, Retry};
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::failure::configuration;
use crate::functions::auth::oauth::form;
use crate::functions::fields::scalar;

/// What is sent: its type, and the bytes.
pub(crate) struct Encoded {
    /// With parameters; none when the one that was given stands.
    pub(crate) content_type: Option<String>,
    pub(crate) bytes: Vec<u8>,
}

/// Encodes a body. Without a content type, text is text and everything else JSON; with one, the value must fit it.
///
/// `{base64: …}` is the bytes of a body that is neither JSON nor a form. JSON is always encoded: a text becomes a JSON text, so that what it holds cannot become structure.
pub(crate) fn encode(body: &Value, content_type: Option<&str>) -> Result<Encoded, ActionFailure> {
    let kept = |bytes: Vec<u8>| Ok(Encoded { content_type: None, bytes });
    let Some(given) = content_type else {
        let (kind, bytes) = match body {
            Value::String(text) => ("text/plain; charset=utf-8", text.clone().into_bytes()),
            other => ("application/json", other.to_string().into_bytes()),
        };
        return Ok(Encoded { content_type: Some(kind.to_owned()), bytes });
    };
    let kind = essence(given);
    match (kind.as_str(), body) {
        (kind, body) if is_json(kind) => kept(body.to_string().into_bytes()),
        ("application/x-www-form-urlencoded", Value::Object(fields)) => kept(pairs(fields)?.into_bytes()),
        ("multipart/form-data", Value::Object(fields)) => multipart(&parts(fields)),
        ("application/x-ndjson" | "application/jsonl", Value::Array(lines)) => {
            kept(lines.iter().map(|line| format!("{line}\n")).collect::<String>().into_bytes())
        }
        (_, Value::Object(fields))
            if fields.len() == 1 && fields.get("base64").is_some_and(Value::is_string) =>
        {
            kept(bytes(fields["base64"].as_str().unwrap_or_default())?)
        }
        (_, body) => match scalar(body) {
            Some(text) => kept(text.into_bytes()),
            None => Err(configuration(format!(
                "a body of the type {:?} must be text; only JSON and forms can be made of an object",
                receive::limits::cut(&kind, 80)
            ))),
        },
    }
}

/// `application/x-www-form-urlencoded`; a list repeats its name.
fn pairs(fields: &Map<String, Value>) -> Result<String, ActionFailure> {
    let pairs = flat(fields, "body")?;
    Ok(pairs.iter().map(|(n, v)| format!("{}={}", form(n), form(v))).collect::<Vec<_>>().join("&"))
}

/// Names and values as pairs: a list repeats its name, null is left out.
pub(crate) fn flat(fields: &Map<String, Value>, at: &str) -> Result<Vec<(String, String)>, ActionFailure> {
    let mut pairs = Vec::new();
    for (name, value) in fields.iter().filter(|(_, value)| !value.is_null()) {
        let items = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        for item in items {
            let text = scalar(item).ok_or_else(|| {
                configuration(format!("{at}.{name} must be text, a number, a boolean or a list of these"))
            })?;
            pairs.push((name.clone(), text));
        }
    }
    Ok(pairs)
}

/// The parts of a form out of an object: texts as they are, everything else as JSON, each item of a list by itself.
fn parts(fields: &Map<String, Value>) -> Vec<Part> {
    let mut parts = Vec::new();
    for (name, value) in fields.iter().filter(|(_, value)| !value.is_null()) {
        let items = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        parts.extend(items.iter().map(|item| {
            let (media_type, text) = match scalar(item) {
                Some(text) => (None, text),
                None => (Some("application/json".to_owned()), item.to_string()),
            };
            Part { name: name.clone(), filename: None, media_type, content: PartContent::Text(text) }
        }));
    }
    parts
}

/// RFC 7578. The boundary is derived from the content, so that the same call is the same bytes, and is not in it.
pub(crate) fn multipart(parts: &[Part]) -> Result<Encoded, ActionFailure> {
    let mut encoded = Vec::new();
    for part in parts {
        encoded.push((head(part)?, content(part)?));
    }
    let holds =
        |text: &str| encoded.iter().any(|(_, bytes)| memchr::memmem::find(bytes, text.as_bytes()).is_some());
    let mut boundary = String::new();
    for round in 0_u8..=u8::MAX {
        let mut hash = Sha256::new().chain_update([round]);
        encoded.iter().for_each(|(head, bytes)| {
            hash.update(Sha256::new().chain_update(head).chain_update(bytes).finalize())
        });
        boundary = hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        if !holds(&boundary) {
            break;
        }
    }
    let mut bytes = Vec::new();
    for (head, content) in &encoded {
        bytes.extend_from_slice(format!("--{boundary}\r\n{head}\r\n").as_bytes());
        bytes.extend_from_slice(content);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    Ok(Encoded { content_type: Some(format!("multipart/form-data; boundary={boundary}")), bytes })
}

fn head(part: &Part) -> Result<String, ActionFailure> {
    let texts = [Some(&part.name), part.filename.as_ref(), part.media_type.as_ref()];
    if texts.into_iter().flatten().any(|text| text.bytes().any(|byte| byte.is_ascii_control())) {
        return Err(configuration("the name or type of a form field must not hold line breaks"));
    }
    let quoted = |text: &str| text.replace('"', "%22");
    let mut head = format!("Content-Disposition: form-data; name=\"{}\"", quoted(&part.name));
    if let Some(filename) = &part.filename {
        head.push_str(&format!("; filename=\"{}\"", quoted(filename)));
    }
    head.push_str("\r\n");
    if let Some(media_type) = &part.media_type {
        head.push_str(&format!("Content-Type: {media_type}\r\n"));
    }
    Ok(head)
}

fn content(part: &Part) -> Result<Vec<u8>, ActionFailure> {
    match &part.content {
        PartContent::Text(text) => Ok(text.clone().into_bytes()),
        PartContent::Base64(text) => bytes(text),
    }
}

/// Bytes that a workflow can only hold in base 64.
fn bytes(text: &str) -> Result<Vec<u8>, ActionFailure> {
    STANDARD
        .decode(text)
        .map_err(|_| configuration("`base64` holds no base 64; give what `output: raw` gives"))
}

/// The value of an answer's body: JSON as it is, text as text, everything else in base 64; nothing is null.
pub(crate) fn decode(headers: &HeaderMap, body: &[u8]) -> Result<Value, ActionFailure> {
    if body.is_empty() {
        return Ok(Value::Null);
    }
    if let Some(encoding) = headers.get(CONTENT_ENCODING).filter(|encoding| *encoding != "identity") {
        return Err(useless(format!(
            "the answer is encoded as {encoding:?}, which was not asked for; take the header accept-encoding out"
        )));
    }
    let given = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let kind = given.map(essence);
    match kind.as_deref() {
        Some(kind) if is_json(kind) => serde_json::from_slice(body).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            useless(format!(
                "the answer says that it is JSON and is not (line {line}, column {column}); \
                 use `output: raw` to take it as it is"
            ))
        }),
        Some(kind) if is_text(kind) => Ok(text(given.unwrap_or_default(), body)),
        Some(_) => Ok(encoded(body)),
        None => Ok(std::str::from_utf8(body).map_or_else(|_| encoded(body), Value::from)),
    }
}

/// The bytes of an answer in base 64; nothing is null.
pub(crate) fn raw(body: &[u8]) -> Value {
    if body.is_empty() { Value::Null } else { encoded(body) }
}

fn encoded(body: &[u8]) -> Value {
    STANDARD.encode(body).into()
}

fn text(content_type: &str, body: &[u8]) -> Value {
    let parameters = content_type.split(';').skip(1).filter_map(|parameter| parameter.split_once('='));
    let charset = parameters
        .filter(|(name, _)| name.trim().eq_ignore_ascii_case("charset"))
        .map(|(_, value)| value.trim().trim_matches('"').to_ascii_lowercase())
        .next();
    match charset.as_deref() {
        // Every byte is the character of its number.
        Some("iso-8859-1" | "latin1") => body.iter().map(|byte| char::from(*byte)).collect::<String>().into(),
        None | Some("utf-8" | "utf8" | "us-ascii") => String::from_utf8_lossy(body).into_owned().into(),
        Some(_) => encoded(body),
    }
}

/// The answer came, and is no use.
fn useless(message: String) -> ActionFailure {
    ActionFailure::new(FailureKind::Communication, Retry::Permanent, message).with_status(502)
}

/// A media type without its parameters, in small letters.
pub(crate) fn essence(content_type: &str) -> String {
    content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

pub(crate) fn is_json(kind: &str) -> bool {
    kind == "application/json" || kind == "text/json" || kind.ends_with("+json")
}

fn is_text(kind: &str) -> bool {
    const TEXTS: [&str; 9] = [
        "application/xml",
        "application/yaml",
        "application/x-yaml",
        "application/javascript",
        "application/toml",
        "application/x-www-form-urlencoded",
        "application/x-ndjson",
        "application/jsonl",
        "application/graphql",
    ];
    kind.starts_with("text/") || kind.ends_with("+xml") || kind.ends_with("+yaml") || TEXTS.contains(&kind)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use reqwest::header::HeaderValue;
    use serde_json::json;

    use super::*;

    fn sent(body: Value, content_type: Option<&str>) -> (Option<String>, String) {
        let encoded = encode(&body, content_type).unwrap();
        (encoded.content_type, String::from_utf8(encoded.bytes).unwrap())
    }

    #[test]
    fn a_body_is_encoded_as_its_type_says() {
        let json_type = Some("application/json".to_owned());
        for (body, content_type, expect) in [
            (json!({"a": 1}), None, (json_type.clone(), "{\"a\":1}")),
            (json!([1]), None, (json_type.clone(), "[1]")),
            (json!(5), None, (json_type, "5")),
            (json!("text"), None, (Some("text/plain; charset=utf-8".to_owned()), "text")),
            (json!("{\"admin\": true}"), Some("application/json"), (None, "\"{\\\"admin\\\": true}\"")),
            (json!({"a": 1}), Some("application/merge-patch+json"), (None, "{\"a\":1}")),
            (
                json!({"a b": "c&d", "e": [1, true], "n": null}),
                Some("application/x-www-form-urlencoded; charset=utf-8"),
                (None, "a+b=c%26d&e=1&e=true"),
            ),
            (json!("a=b"), Some("application/x-www-form-urlencoded"), (None, "a=b")),
            (json!("<a/>"), Some("application/xml"), (None, "<a/>")),
            (json!({"base64": "aGk="}), Some("application/octet-stream"), (None, "hi")),
            (json!([{"a": 1}, 2]), Some("application/x-ndjson"), (None, "{\"a\":1}\n2\n")),
        ] {
            assert_eq!(sent(body.clone(), content_type), (expect.0, expect.1.to_owned()), "{body}");
        }
        let Err(error) = encode(&json!({"a": 1}), Some("application/xml")) else { panic!("it was taken") };
        assert!(error.message.contains("must be text"), "{error}");
    }

    #[test]
    fn a_form_of_parts_cannot_be_broken_out_of() {
        let (kind, body) = sent(json!({"a\"b": "x", "list": ["1", {"c": 2}]}), Some("multipart/form-data"));
        let boundary = kind.unwrap().split_once("boundary=").unwrap().1.to_owned();
        assert_eq!(
            body,
            format!(
                "--{boundary}\r\nContent-Disposition: form-data; name=\"a%22b\"\r\n\r\nx\r\n\
                 --{boundary}\r\nContent-Disposition: form-data; name=\"list\"\r\n\r\n1\r\n\
                 --{boundary}\r\nContent-Disposition: form-data; name=\"list\"\r\nContent-Type: application/json\r\n\r\n{{\"c\":2}}\r\n\
                 --{boundary}--\r\n"
            )
        );
        assert!(encode(&json!({"a\r\nb": "x"}), Some("multipart/form-data")).is_err());
    }

    #[test]
    fn an_answer_becomes_what_its_type_says() {
        for (content_type, body, expect) in [
            (Some("application/json; charset=utf-8"), b"{\"a\":1}".as_slice(), json!({"a": 1})),
            (Some("application/problem+json"), b"[1]", json!([1])),
            (Some("application/json"), b"", Value::Null),
            (Some("text/plain"), b"a", json!("a")),
            (Some("text/plain; charset=ISO-8859-1"), b"\xe9", json!("\u{e9}")),
            (Some("text/plain; charset=utf-16"), b"\xe9", json!("6Q==")),
            (Some("application/atom+xml"), b"<a/>", json!("<a/>")),
            (Some("image/png"), b"\x89PNG", json!("iVBORw==")),
            (None, b"plain", json!("plain")),
            (None, b"\xff", json!("/w==")),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(kind) = content_type {
                headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
            }
            assert_eq!(decode(&headers, body), Ok(expect), "{content_type:?}");
        }
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let error = decode(&headers, b"{hidden").unwrap_err();
        assert!(error.message.contains("output: raw") && !error.message.contains("hidden"), "{error}");
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("br"));
        assert!(decode(&headers, b"x").unwrap_err().message.contains("br"));
    }

    proptest! {
        #[test]
        fn any_answer_is_read_without_harm(kind in "[ -~]{0,30}", body in prop::collection::vec(any::<u8>(), 0..64)) {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, HeaderValue::from_str(&kind).unwrap());
            let _anything = decode(&headers, &body);
        }
    }
}
