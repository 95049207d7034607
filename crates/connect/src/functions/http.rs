//! `call: http` of Serverless Workflow 1.0: any HTTP request, evaluated, as an action.

mod content;
mod exchange;
mod failure;
mod sender;

use std::fmt::Write as _;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use model::secret::readable;
use model::{ActionCall, ActionSpec, BlastRadius};
use ports::{ActionFailure, ActionResult, Actuator};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Url};
use serde_json::{Map, Value, json};

use super::auth::{self, Authentication};
use super::fields::{Fields, configuration, scalar};

pub(crate) use content::{Encoded, encode, flat, multipart};
pub use exchange::Web;
pub(crate) use exchange::read as read_answer;
pub(crate) use exchange::{Answer, IDEMPOTENCY_KEY, Opened, Request, idempotency_key, random_id, url};
pub(crate) use failure::{excerpt, place, retry_after_ms};
pub(crate) use sender::Sender;

/// Headers that the client sets itself; another value would make a message that peers read differently than we do.
const OURS: [&str; 8] =
    ["connection", "content-length", "host", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"];
/// Query parameters whose values a dry run does not show.
const KEEP_HIDDEN: [&str; 8] = ["auth", "code", "key", "pass", "pwd", "secret", "sig", "token"];

/// The function `http`.
pub struct HttpFunction {
    web: Arc<Web>,
}

impl HttpFunction {
    /// The function; its requests go through `web`.
    #[must_use]
    pub fn new(web: Arc<Web>) -> Self {
        Self { web }
    }
}

/// What a call gives back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Output {
    Content,
    Response,
    Raw,
}

impl Output {
    pub(crate) fn read(fields: &Fields<'_>) -> Result<Self, ActionFailure> {
        match fields.text("output")?.as_deref() {
            None | Some("content") => Ok(Self::Content),
            Some("response") => Ok(Self::Response),
            Some("raw") => Ok(Self::Raw),
            Some(_) => {
                Err(configuration(format!("{} must be content, response or raw", fields.place("output"))))
            }
        }
    }

    /// The output of a call, credentials taken out.
    pub(crate) fn of(self, answer: &Answer) -> Result<Value, ActionFailure> {
        let mut output = match self {
            Self::Raw => content::raw(&answer.body),
            Self::Content => content::decode(&answer.headers, &answer.body)?,
            Self::Response => json!({
                "request": {
                    "method": answer.method.as_str().to_ascii_lowercase(),
                    "uri": answer.url.as_str(),
                    "headers": shown_headers(&answer.request_headers),
                },
                "statusCode": answer.status.as_u16(),
                "headers": shown_headers(&answer.headers),
                "content": content::decode(&answer.headers, &answer.body)?,
            }),
        };
        answer.hidden.hide_in(&mut output);
        Ok(output)
    }
}

/// Headers as an object; a name that comes several times has its values in one text, as RFC 9110, 5.3 allows.
fn shown_headers(headers: &HeaderMap) -> Value {
    let mut map = Map::new();
    for name in headers.keys() {
        let values: Vec<_> =
            headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
        let text = if name == AUTHORIZATION { "[secret]".to_owned() } else { values.join(", ") };
        map.insert(name.as_str().to_owned(), text.into());
    }
    map.into()
}

/// A call, read from its parameters.
struct Call {
    request: Request,
    output: Output,
}

fn read(call: &ActionCall) -> Result<Call, ActionFailure> {
    let fields = Fields::of(&call.parameters, "with")?;
    fields.only(&["method", "endpoint", "headers", "body", "query", "output", "redirect"])?;
    let method = method(&fields.required("method")?)?;
    let (uri, authentication) = endpoint(&fields)?;
    let mut url = url(&uri)?;
    if let Some(query) = fields.object("query")? {
        let pairs = query.entries().map(|(n, v)| (n.clone(), v.clone())).collect();
        append_query(&mut url, &flat(&pairs, "with.query")?);
    }
    let mut headers = headers(&fields)?;
    let authentication = authentication.map(auth::read).transpose()?;
    if authentication.is_some() && headers.contains_key(AUTHORIZATION) {
        return Err(configuration(
            "the call has `authentication` and a header authorization; take one of them out",
        ));
    }
    let body = body(&fields, &mut headers)?;
    if !method.is_safe() && !headers.contains_key(IDEMPOTENCY_KEY) {
        headers.insert(IDEMPOTENCY_KEY, idempotency_key(&call.idempotency_key));
    }
    let follow = fields.flag("redirect")?;
    let request = Request { method, url, headers, body, authentication, follow };
    Ok(Call { request, output: Output::read(&fields)? })
}

fn method(text: &str) -> Result<Method, ActionFailure> {
    let method = Method::from_bytes(text.to_ascii_uppercase().as_bytes()).ok();
    method.filter(|method| !matches!(*method, Method::CONNECT | Method::TRACE)).ok_or_else(|| {
        configuration("with.method must be an HTTP method such as get, post, put, patch, delete or head")
    })
}

/// The URI, and the authentication beside it.
fn endpoint<'a>(fields: &Fields<'a>) -> Result<(String, Option<&'a Value>), ActionFailure> {
    match fields.value("endpoint") {
        Some(Value::String(uri)) => Ok((uri.clone(), None)),
        Some(Value::Object(_)) => {
            let endpoint =
                fields.object("endpoint")?.ok_or_else(|| configuration("with.endpoint is missing"))?;
            endpoint.only(&["uri", "authentication"])?;
            Ok((endpoint.required("uri")?, endpoint.value("authentication")))
        }
        Some(_) => {
            Err(configuration("with.endpoint must be a URI, or an object with `uri` and `authentication`"))
        }
        None => Err(configuration("with.endpoint is missing")),
    }
}

/// Adds to what the URL has, and leaves a URL without query alone when there is nothing to add.
pub(crate) fn append_query(url: &mut Url, pairs: &[(String, String)]) {
    if !pairs.is_empty() {
        url.query_pairs_mut().extend_pairs(pairs);
    }
}

fn headers(fields: &Fields<'_>) -> Result<HeaderMap, ActionFailure> {
    let mut headers = HeaderMap::new();
    let Some(given) = fields.object("headers")? else { return Ok(headers) };
    for (name, value) in given.entries() {
        let items = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        for item in items {
            let text = scalar(item).ok_or_else(|| {
                configuration(format!("{} must be text or a list of texts", given.place(name)))
            })?;
            let (name, value) = header(name, &text)?;
            headers.append(name, value);
        }
    }
    Ok(headers)
}

/// A header that a caller may set.
pub(crate) fn header(name: &str, text: &str) -> Result<(HeaderName, HeaderValue), ActionFailure> {
    let shown = receive::limits::cut(name, 80);
    let known = HeaderName::from_bytes(name.as_bytes())
        .map_err(|_| configuration(format!("{shown:?} is no name of a header")))?;
    if OURS.contains(&known.as_str()) {
        return Err(configuration(format!("the header {shown} is set by Homeostat; take it out")));
    }
    let value = HeaderValue::from_bytes(text.as_bytes()).map_err(|_| {
        configuration(format!("the header {shown} must not hold line breaks or control characters"))
    })?;
    Ok((known, value))
}

fn body(fields: &Fields<'_>, headers: &mut HeaderMap) -> Result<Bytes, ActionFailure> {
    let Some(body) = fields.value("body") else { return Ok(Bytes::new()) };
    let given = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let encoded = encode(body, given)?;
    if let Some(kind) = encoded.content_type.and_then(|kind| HeaderValue::from_str(&kind).ok()) {
        headers.insert(CONTENT_TYPE, kind);
    }
    Ok(encoded.bytes.into())
}

#[async_trait]
impl Actuator for HttpFunction {
    fn actions(&self) -> Vec<ActionSpec> {
        vec![ActionSpec {
            name: "http".to_owned(),
            summary: "Makes an HTTP request.".to_owned(),
            parameters: json!({
                "type": "object",
                "properties": {
                    "method": {"type": "string"},
                    "endpoint": {"oneOf": [{"type": "string"}, {
                        "type": "object",
                        "properties": {"uri": {"type": "string"}, "authentication": {"type": "object"}},
                        "required": ["uri"],
                        "additionalProperties": false,
                    }]},
                    "headers": {"type": "object"},
                    "query": {"type": "object"},
                    "body": {},
                    "output": {"enum": ["content", "response", "raw"], "default": "content"},
                    "redirect": {"type": "boolean", "default": false},
                },
                "required": ["method", "endpoint"],
                "additionalProperties": false,
            }),
            inverse: None,
            blast_radius: BlastRadius::Service,
            repeatable: false,
            deploys: false,
        }]
    }

    async fn execute(&self, call: &ActionCall) -> Result<ActionResult, ActionFailure> {
        let Call { request, output } = read(call)?;
        let answer = self.web.exchange(&request).await?;
        answer.judge(request.follow)?;
        Ok(ActionResult { output: output.of(&answer)?, inverse: None })
    }

    async fn dry_run(&self, call: &ActionCall) -> Result<String, ActionFailure> {
        let mut plain = call.clone();
        let scheme = take_held_back(&mut plain.parameters, "/endpoint");
        let Call { request, .. } = read(&plain)?;
        self.web.check(&request.url)?;
        Ok(sentence(&request, scheme.as_deref()))
    }
}

/// Takes an authentication out of the object at a place (a JSON pointer) when it still holds placeholders of secrets:
/// what it will be is not known yet. Gives its scheme.
pub(crate) fn take_held_back(parameters: &mut Value, at: &str) -> Option<String> {
    let place = parameters.pointer_mut(at)?.as_object_mut()?;
    let text = place.get("authentication")?.to_string();
    if readable(&text) == text {
        return None;
    }
    place.remove("authentication")?.as_object()?.keys().next().cloned()
}

/// What would be sent, in words. Secrets are named, not shown.
pub(crate) fn sentence(request: &Request, scheme: Option<&str>) -> String {
    let mut text = format!("send {} {}", request.method, shown_url(&request.url));
    let names: Vec<_> = request.headers.keys().map(HeaderName::as_str).collect();
    if !names.is_empty() {
        let _infallible = write!(text, " with the headers {}", names.join(", "));
    }
    if !request.body.is_empty() {
        let kind =
            request.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("unknown");
        let kind = kind.split(';').next().unwrap_or_default();
        let _infallible = write!(text, " and {} bytes of {kind}", request.body.len());
    }
    if let Some(scheme) = scheme.or(request.authentication.as_ref().map(Authentication::scheme)) {
        let _infallible = write!(text, ", proving who asks by {scheme}");
    }
    if request.follow {
        text.push_str(", following redirects");
    }
    text
}

fn shown_url(url: &Url) -> String {
    let mut text = readable(&format!("{}{}", url.origin().ascii_serialization(), url.path())).into_owned();
    for (n, (name, value)) in url.query_pairs().enumerate() {
        let lower = name.to_ascii_lowercase();
        let value =
            if KEEP_HIDDEN.iter().any(|part| lower.contains(part)) { "[secret]".into() } else { value };
        let mark = if n == 0 { '?' } else { '&' };
        let _infallible = write!(text, "{mark}{name}={}", readable(&value));
    }
    receive::limits::cut(&text, 1_000).into_owned()
}
