//! A request out of an operation and parameters.
//!
//! Parameters are given by name. Where two have the same name, `path.id` and `query.id` tell them apart; `server.region`
//! sets a variable of the server. The body is `body` (in 2.0 also the name that the parameter has); fields of a body can
//! also be given like parameters. `Content-Type` and `Accept` choose among the media types that the operation has.

mod body;

use serde_json::{Map, Value};

use crate::api::{Api, ApiKeyIn, In, Media, Operation, Parameter, Piece, Scheme, Server, Status};
use crate::error::{Error, clip};
use crate::style::{self, Escape, Written};
use crate::uri;

/// Names told when one is not known.
const KNOWN_MAX: usize = 20;

/// A request, ready to be sent.
#[derive(Clone, Debug, PartialEq)]
pub struct RequestPlan {
    /// Method, in capital letters.
    pub method: String,
    /// The URL. It is as whole as the server in the document is: without a host when nothing tells one.
    pub url: String,
    /// Headers, `Accept` and `Cookie` among them; not those of the body.
    pub headers: Vec<(String, String)>,
    /// What is sent.
    pub body: Option<PlannedBody>,
}

/// What is sent.
#[derive(Clone, Debug, PartialEq)]
pub enum PlannedBody {
    /// A value, written as its media type says. Text of types other than JSON is written as it is.
    Value {
        /// `application/json`.
        media_type: String,
        /// The value.
        value: Value,
    },
    /// The parts of a form (`multipart/form-data`).
    Parts(Vec<Part>),
}

/// A part of a form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The name of its field.
    pub name: String,
    /// The name of the file, when it is one.
    pub filename: Option<String>,
    /// Its media type, when one is said.
    pub media_type: Option<String>,
    /// What it holds.
    pub content: PartContent,
}

/// What a part holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PartContent {
    /// Text.
    Text(String),
    /// Bytes, in base 64.
    Base64(String),
}

/// Plans the request for an operation with these parameters.
///
/// # Errors
/// A parameter is missing, unknown or cannot be written; the body is; no server can be told.
pub fn plan(api: &Api, operation: &Operation, parameters: &Map<String, Value>) -> Result<RequestPlan, Error> {
    let mut given = Given::new(parameters);
    let base = server(operation, &mut given)?;
    let path = path(operation, &mut given)?;
    let mut query: Vec<String> = operation.fixed_query().map(str::to_owned).into_iter().collect();
    let mut headers = Vec::new();
    let mut cookies = Vec::new();
    for parameter in &operation.parameters {
        if chooses(parameter) {
            continue;
        }
        let Some(value) = given.take(operation, parameter)? else { continue };
        match parameter.place {
            In::Path => {}
            In::Query => query.extend(joined(pairs(parameter, value)?)),
            In::QueryString => query.push(query_string(parameter, value)?),
            In::Header => headers.push((parameter.name.clone(), header(parameter, value)?)),
            In::Cookie => cookies.extend(joined(pairs(parameter, value)?)),
        }
    }
    for (name, place) in keys(api, operation) {
        let Some(value) = given.take_named(name) else { continue };
        let text = style::scalar(value).ok_or_else(|| wrong(name, "must be text"))?;
        match place {
            ApiKeyIn::Query => query.push(format!("{}={}", Escape::All.text(name), Escape::All.text(&text))),
            ApiKeyIn::Cookie => cookies.push(format!("{name}={}", Escape::All.text(&text))),
            ApiKeyIn::Header => headers.push((name.to_owned(), text)),
        }
    }
    if !cookies.is_empty() {
        headers.push(("Cookie".to_owned(), cookies.join("; ")));
    }
    let chosen = given.take_header("Content-Type")?;
    if let Some(accept) = accept(operation, given.take_header("Accept")?) {
        headers.push(("Accept".to_owned(), accept));
    }
    let body = body::plan(api, operation, &mut given, chosen.as_deref())?;
    given.nothing_left(api, operation)?;
    let mut url = format!("{}{}", base.trim_end_matches('/'), path);
    if !query.is_empty() {
        url.push('?');
        url.push_str(&query.join("&"));
    }
    Ok(RequestPlan { method: operation.method.to_ascii_uppercase(), url, headers, body })
}

/// The keys that the security schemes of an operation ask for: names and places, each once.
fn keys<'a>(api: &'a Api, operation: &Operation) -> Vec<(&'a str, ApiKeyIn)> {
    let mut keys = Vec::new();
    for (index, _) in operation.security.iter().flat_map(|requirement| &requirement.schemes) {
        let Some(scheme) = api.security_schemes.get(*index) else { continue };
        if let Scheme::ApiKey { name, place } = &scheme.scheme
            && !keys.contains(&(name.as_str(), *place))
        {
            keys.push((name.as_str(), *place));
        }
    }
    keys
}

/// Fields as a form has them; what no form can hold is left out.
pub(crate) fn form(map: &Map<String, Value>) -> String {
    body::form(&[], map).unwrap_or_default()
}

/// The parameters that were given, and which have been used.
pub(crate) struct Given<'a> {
    map: &'a Map<String, Value>,
    used: Vec<&'a str>,
}

impl<'a> Given<'a> {
    fn new(map: &'a Map<String, Value>) -> Self {
        Self { map, used: Vec::new() }
    }

    /// A value by its name; null is the same as absent.
    pub(crate) fn take_named(&mut self, name: &str) -> Option<&'a Value> {
        let (name, value) = self.map.get_key_value(name)?;
        self.used.push(name);
        Some(value).filter(|value| !value.is_null())
    }

    /// A header, however its name is written.
    fn take_header(&mut self, name: &str) -> Result<Option<String>, Error> {
        let Some(key) = self.map.keys().find(|key| key.eq_ignore_ascii_case(name)) else { return Ok(None) };
        if self.used.contains(&key.as_str()) {
            return Ok(None);
        }
        match self.take_named(key) {
            None => Ok(None),
            Some(value) => style::scalar(value).map(Some).ok_or_else(|| wrong(name, "must be text")),
        }
    }

    /// The value of a parameter: by its name with its place before it, else by its name alone. A name that several have
    /// is for those that must be given; if none must, for the first.
    fn take(&mut self, operation: &Operation, parameter: &Parameter) -> Result<Option<&'a Value>, Error> {
        let place = match parameter.place {
            In::Path => "path",
            In::Query | In::QueryString => "query",
            In::Header => "header",
            In::Cookie => "cookie",
        };
        if let Some(value) = self.take_named(&format!("{place}.{}", parameter.name)) {
            return Ok(Some(value));
        }
        let same: Vec<_> = operation.parameters.iter().filter(|other| other.name == parameter.name).collect();
        let is_first = same.first().is_some_and(|first| first.place == parameter.place);
        let takes_plain =
            same.len() == 1 || parameter.required || (is_first && !same.iter().any(|other| other.required));
        let plain = if takes_plain { self.take_named(&parameter.name) } else { None };
        if plain.is_none() && parameter.required {
            return Err(wrong(
                &parameter.name,
                &format!("is missing; the operation needs it in the {place}"),
            ));
        }
        Ok(plain)
    }

    /// What has not been used yet.
    pub(crate) fn rest(&self) -> Vec<(&'a String, &'a Value)> {
        self.map
            .iter()
            .filter(|(name, value)| !self.used.contains(&name.as_str()) && !value.is_null())
            .collect()
    }

    /// Counts all as used.
    pub(crate) fn take_all(&mut self) {
        self.used = self.map.keys().map(String::as_str).collect();
    }

    fn nothing_left(&self, api: &Api, operation: &Operation) -> Result<(), Error> {
        match self.rest().first() {
            None => Ok(()),
            Some((name, _)) => {
                let own = operation.parameters.iter().map(|parameter| parameter.name.clone());
                let keys = keys(api, operation).into_iter().map(|(name, _)| name.to_owned());
                let known = own.chain(keys).chain(body::names(api, operation));
                Err(Error::UnknownParameter { name: clip(name), known: known.take(KNOWN_MAX).collect() })
            }
        }
    }
}

/// Whether it only says what the media types do; OpenAPI 3 says that such parameters are ignored.
fn chooses(parameter: &Parameter) -> bool {
    parameter.place == In::Header
        && ["accept", "content-type"].iter().any(|name| parameter.name.eq_ignore_ascii_case(name))
}

fn wrong(name: &str, why: &str) -> Error {
    Error::Parameter { name: clip(name), why: why.to_owned() }
}

fn joined(pairs: Vec<(String, String)>) -> impl Iterator<Item = String> {
    pairs.into_iter().map(|(name, value)| format!("{name}={value}"))
}

fn pairs(parameter: &Parameter, value: &Value) -> Result<Vec<(String, String)>, Error> {
    let escape = if parameter.allow_reserved { Escape::Little } else { Escape::All };
    if parameter.content.is_some() {
        return Ok(vec![(Escape::All.text(&parameter.name), escape.text(&as_content(value)))]);
    }
    style::pairs(&written(parameter, value), escape)
}

fn header(parameter: &Parameter, value: &Value) -> Result<String, Error> {
    if parameter.content.is_some() {
        return Ok(as_content(value));
    }
    style::one(&written(parameter, value), Escape::Nothing)
}

fn written<'a>(parameter: &'a Parameter, value: &'a Value) -> Written<'a> {
    Written { name: &parameter.name, value, style: parameter.style, explode: parameter.explode }
}

/// A parameter with a media type is JSON; a text may be that already.
fn as_content(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The whole query out of one value, as its media type has it.
fn query_string(parameter: &Parameter, value: &Value) -> Result<String, Error> {
    let is_form = parameter.content.as_deref().is_some_and(|kind| Media::of(kind) == Media::Form);
    match value {
        Value::Object(map) if is_form => body::form(&[], map),
        Value::String(text) => Ok(Escape::Little.text(text).replace("%26", "&")),
        value => Ok(Escape::All.text(&value.to_string())),
    }
}

/// The media types of good answers, JSON first.
fn accept(operation: &Operation, chosen: Option<String>) -> Option<String> {
    if chosen.is_some() {
        return chosen;
    }
    let good = |status: Status| status.is_success() || status == Status::Default;
    let responses = operation.responses.iter().filter(|response| good(response.status));
    let mut types: Vec<&str> = Vec::new();
    for content in responses.flat_map(|response| &response.contents) {
        if !types.contains(&content.media_type.as_str()) {
            types.push(&content.media_type);
        }
    }
    types.sort_by_key(|media_type| Media::of(media_type) != Media::Json);
    types.truncate(8);
    (!types.is_empty()).then(|| types.join(", "))
}

/// The path with its parameters.
fn path(operation: &Operation, given: &mut Given<'_>) -> Result<String, Error> {
    let mut out = String::new();
    for piece in operation.pieces() {
        match piece {
            Piece::Text(text) => out.push_str(text.split('#').next().unwrap_or_default()),
            Piece::Parameter { index, slashes } => {
                out.push_str(&path_value(operation, &operation.parameters[index], slashes, given)?);
            }
        }
    }
    // Whoever reads the URL takes such a step out, and the one before it: another operation would be called.
    if out.split('/').any(|part| matches!(uri::decode(part).as_str(), "." | "..")) {
        return Err(wrong(&operation.path, "would become a path with a step `.` or `..`; give other values"));
    }
    Ok(if out.starts_with('/') { out } else { format!("/{out}") })
}

fn path_value(
    operation: &Operation,
    parameter: &Parameter,
    slashes: bool,
    given: &mut Given<'_>,
) -> Result<String, Error> {
    let escape = if slashes { Escape::Little } else { Escape::All };
    let name = &parameter.name;
    let missing = || wrong(name, "is missing; the operation needs it in the path");
    let value = given.take(operation, parameter)?.ok_or_else(missing)?;
    let text = match parameter.content {
        Some(_) => escape.text(&as_content(value)),
        None => style::one(&written(parameter, value), escape)?,
    };
    if text.is_empty() {
        return Err(wrong(name, "is empty; the path would be that of another operation"));
    }
    Ok(if slashes { text.replace('?', "%3F") } else { text })
}

/// The URL of the first server, its variables put in, taken from where the document is.
fn server(operation: &Operation, given: &mut Given<'_>) -> Result<String, Error> {
    let Some(server) = operation.servers.first() else { return Ok(String::new()) };
    let mut url = server.url.clone();
    for variable in &server.variables {
        let name = &variable.name;
        let told = match given.take_named(&format!("server.{name}")) {
            Some(value) => {
                Some(style::scalar(value).ok_or_else(|| wrong(&format!("server.{name}"), "must be text"))?)
            }
            None => variable.default.clone(),
        };
        let place = format!("{{{name}}}");
        if !url.contains(&place) {
            continue;
        }
        let Some(told) = told else {
            return Err(wrong(&format!("server.{name}"), "is missing; the server has no default for it"));
        };
        if !variable.values.is_empty() && !variable.values.contains(&told) {
            let why = format!("must be one of {}", variable.values.join(", "));
            return Err(wrong(&format!("server.{name}"), &clip(&why)));
        }
        url = url.replace(&place, &told);
    }
    whole(server, &url)
}

fn whole(server: &Server, url: &str) -> Result<String, Error> {
    if url.contains('{') {
        let why =
            "has a variable that it does not describe; name the server in the document whole".to_owned();
        return Err(Error::Server { server: clip(&server.url), why });
    }
    let end = url.find(['?', '#']).unwrap_or(url.len());
    Ok(uri::join(&server.base, &url[..end]))
}
