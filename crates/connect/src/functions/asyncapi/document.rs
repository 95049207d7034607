//! AsyncAPI documents 2.x and 3.x (<https://www.asyncapi.com/docs/reference/specification/v3.0.0>), and what a call of one
//! of their operations comes to: a server, an address, and how messages are written.
//!
//! Read as far as a call needs. Deliberately absent: schemas of payloads, and references to other documents.

use ports::ActionFailure;
use serde_json::{Map, Value};

use crate::functions::fields::configuration;

/// Longest document.
const TEXT_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Most references that are followed for one value.
const REFERENCES_MAX: usize = 32;

/// A document.
#[derive(Debug)]
pub(super) struct Document {
    root: Value,
    is_v2: bool,
}

/// What is asked of a document.
#[derive(Debug, Default)]
pub(super) struct Asked<'a> {
    /// Name of a channel (2.x).
    pub channel: Option<&'a str>,
    /// Name of an operation (3.x; in 2.x an `operationId`).
    pub operation: Option<&'a str>,
    /// Name of a server.
    pub server: Option<&'a str>,
    /// Values of the server's variables.
    pub variables: Map<String, Value>,
    /// A protocol to choose a server by.
    pub protocol: Option<&'a str>,
    /// Whether a message is published; otherwise it is subscribed.
    pub publishes: bool,
}

/// What a call comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    /// Protocol in small letters, without the mark of TLS.
    pub protocol: String,
    /// Whether TLS is asked for.
    pub secure: bool,
    /// Host with its port, and the path of the server, without a slash at the end.
    pub host: String,
    pub path: String,
    /// Address of the channel, with its parameters still in braces.
    pub address: String,
    /// Parameters of the address.
    pub parameters: Vec<Parameter>,
    /// Method of an HTTP binding.
    pub http_method: Option<String>,
    /// Queue group of a NATS binding.
    pub nats_queue: Option<String>,
    pub content_type: String,
    /// Where in a message its correlation id stands (runtime expression `$message.header#/x`).
    pub correlation: Option<String>,
}

/// A parameter of an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Parameter {
    pub name: String,
    pub default: Option<String>,
    /// Where in a message its value stands.
    pub location: Option<String>,
}

impl Document {
    /// Reads JSON or YAML.
    pub(super) fn parse(text: &str) -> Result<Self, ActionFailure> {
        if text.len() > TEXT_BYTES_MAX {
            return Err(configuration(format!("with.document is longer than {TEXT_BYTES_MAX} bytes")));
        }
        let root = read(text)?;
        let version = root["asyncapi"].as_str().unwrap_or_default();
        let is_v2 = version.starts_with("2.");
        if !is_v2 && !version.starts_with("3.") {
            let shown = receive::limits::cut(version, 40);
            return Err(configuration(format!(
                "with.document is no AsyncAPI document of version 2 or 3 (its `asyncapi` is {shown:?})"
            )));
        }
        Ok(Self { root, is_v2 })
    }

    /// What a call comes to.
    pub(super) fn resolve(&self, asked: &Asked<'_>) -> Result<Target, ActionFailure> {
        let found = if self.is_v2 { self.operation_v2(asked)? } else { self.operation_v3(asked)? };
        let server = self.server(asked, &found)?;
        let (protocol, secure) = protocol(server.1["protocol"].as_str().unwrap_or_default());
        let (host, path, tls) = self.place(server.1, &server.0, &asked.variables)?;
        let bindings = self.follow(&found.operation["bindings"])?;
        let message = self.message(&found)?;
        let content_type =
            message["contentType"].as_str().or_else(|| self.root["defaultContentType"].as_str());
        let correlation = self.follow(&message["correlationId"])?["location"].as_str().map(str::to_owned);
        Ok(Target {
            protocol,
            secure: secure || tls,
            host,
            path,
            parameters: self.parameters(found.channel, &found.address)?,
            address: found.address,
            http_method: bindings["http"]["method"].as_str().map(str::to_owned),
            nats_queue: bindings["nats"]["queue"].as_str().map(str::to_owned),
            content_type: content_type.unwrap_or("application/json").to_ascii_lowercase(),
            correlation,
        })
    }

    /// 2.x: a channel and what is done on it, or the operation with an id.
    fn operation_v2(&self, asked: &Asked<'_>) -> Result<Found<'_>, ActionFailure> {
        let verb = if asked.publishes { "publish" } else { "subscribe" };
        let channels = object(&self.root["channels"]);
        let name = match (asked.channel, asked.operation) {
            (Some(name), _) => name,
            (None, Some(id)) => {
                let has = |channel: &Value| channel[verb]["operationId"] == id;
                let found = channels.iter().find(|(_, channel)| self.follow(channel).is_ok_and(has));
                let found = found.map(|(name, _)| name.as_str());
                found.ok_or_else(|| missing("operation to ".to_owned() + verb, id, std::iter::empty()))?
            }
            (None, None) => {
                return Err(configuration("with.channel is missing (the document is AsyncAPI 2)"));
            }
        };
        let channel = channels.get(name).ok_or_else(|| missing("channel", name, channels.keys()))?;
        let channel = self.follow(channel)?;
        let operation = self.follow(&channel[verb])?;
        if operation.is_null() {
            let shown = receive::limits::cut(name, 200);
            return Err(configuration(format!("the channel {shown:?} has no operation to {verb}")));
        }
        let servers = texts(&channel["servers"]);
        Ok(Found { operation, channel, address: name.to_owned(), servers })
    }

    /// 3.x: an operation by its name.
    fn operation_v3(&self, asked: &Asked<'_>) -> Result<Found<'_>, ActionFailure> {
        let Some(name) = asked.operation else {
            return Err(configuration("with.operation is missing (the document is AsyncAPI 3)"));
        };
        let operations = object(&self.root["operations"]);
        let operation = operations.get(name).ok_or_else(|| missing("operation", name, operations.keys()))?;
        let operation = self.follow(operation)?;
        let channel = self.follow(&operation["channel"])?;
        let address = channel["address"].as_str().ok_or_else(|| {
            let shown = receive::limits::cut(name, 200);
            configuration(format!("the channel of the operation {shown:?} has no address"))
        })?;
        let references = channel["servers"].as_array().into_iter().flatten();
        let names = references.filter_map(|server| server["$ref"].as_str()?.strip_prefix("#/servers/"));
        let servers = names.map(unescaped).collect();
        Ok(Found { operation, channel, address: address.to_owned(), servers })
    }

    /// The server that was named, or the first that fits.
    fn server(&self, asked: &Asked<'_>, found: &Found<'_>) -> Result<(String, &Value), ActionFailure> {
        let servers = object(&self.root["servers"]);
        if let Some(name) = asked.server {
            let server = servers.get(name).ok_or_else(|| missing("server", name, servers.keys()))?;
            return Ok((name.to_owned(), self.follow(server)?));
        }
        for (name, server) in servers {
            let server = self.follow(server)?;
            let serves = found.servers.is_empty() || found.servers.contains(name);
            let (speaks, _) = protocol(server["protocol"].as_str().unwrap_or_default());
            if serves && asked.protocol.is_none_or(|wanted| protocol(wanted).0 == speaks) {
                return Ok((name.clone(), server));
            }
        }
        Err(configuration(match asked.protocol {
            Some(protocol) => {
                let shown = receive::limits::cut(protocol, 40);
                format!("no server of the document serves this channel by {shown:?}; name one in with.server")
            }
            None => "no server of the document serves this channel; name one in with.server".to_owned(),
        }))
    }

    /// Host, path and whether TLS is asked for, with variables put in.
    fn place(
        &self,
        server: &Value,
        name: &str,
        given: &Map<String, Value>,
    ) -> Result<(String, String, bool), ActionFailure> {
        let filled = |text: &str| {
            fill(text, |variable| {
                let described = self.follow(&server["variables"][variable])?;
                let value = given.get(variable).or(Some(&described["default"]));
                let value = value.and_then(crate::functions::fields::scalar).ok_or_else(|| {
                    configuration(format!(
                        "with.server.variables.{variable} of the server {name:?} is missing"
                    ))
                })?;
                let allowed = texts(&described["enum"]);
                if !allowed.is_empty() && !allowed.contains(&value) {
                    let allowed = allowed.join(", ");
                    return Err(configuration(format!(
                        "with.server.variables.{variable} must be one of {allowed}"
                    )));
                }
                Ok(value)
            })
        };
        let whole = if self.is_v2 { server["url"].as_str() } else { server["host"].as_str() };
        let whole = whole.ok_or_else(|| configuration(format!("the server {name:?} has no address")))?;
        let whole = filled(whole)?;
        let (scheme, rest) = whole.split_once("://").unwrap_or(("", &whole));
        let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let path = match server["pathname"].as_str() {
            Some(pathname) if !self.is_v2 => filled(pathname)?,
            _ => path.to_owned(),
        };
        if host.is_empty() || host.contains(['@', '?', '#', ' ']) {
            return Err(configuration(format!("the address of the server {name:?} is not that of a host")));
        }
        let secure = matches!(scheme, "https" | "tls" | "wss");
        Ok((host.to_owned(), path.trim_end_matches('/').to_owned(), secure))
    }

    fn parameters(&self, channel: &Value, address: &str) -> Result<Vec<Parameter>, ActionFailure> {
        let named = braces(address).map(|name| {
            let described = self.follow(&channel["parameters"][name])?;
            // 2.x has the default in the schema.
            let schema = self.follow(&described["schema"])?;
            let default = described["default"].as_str().or_else(|| schema["default"].as_str());
            let location = described["location"].as_str();
            Ok(Parameter {
                name: name.to_owned(),
                default: default.map(str::to_owned),
                location: location.map(str::to_owned),
            })
        });
        named.collect()
    }

    /// The first message of the operation; null when it says none.
    fn message<'a>(&'a self, found: &Found<'a>) -> Result<&'a Value, ActionFailure> {
        if self.is_v2 {
            let message = self.follow(&found.operation["message"])?;
            return message["oneOf"].get(0).map_or(Ok(message), |first| self.follow(first));
        }
        // An operation lists those of its channel's messages that it takes; without a list it takes all.
        let first = match found.operation["messages"].get(0) {
            Some(first) => Some(first),
            None => found.channel["messages"].as_object().and_then(|messages| messages.values().next()),
        };
        first.map_or(Ok(&Value::Null), |first| self.follow(first))
    }

    /// The value itself, or what it refers to.
    fn follow<'a>(&'a self, mut value: &'a Value) -> Result<&'a Value, ActionFailure> {
        for _ in 0..REFERENCES_MAX {
            match value["$ref"].as_str() {
                None => return Ok(value),
                Some(reference) => value = self.at(reference)?,
            }
        }
        Err(configuration("with.document has references that lead in a circle"))
    }

    fn at(&self, reference: &str) -> Result<&Value, ActionFailure> {
        let shown = receive::limits::cut(reference, 200);
        let pointer = reference.strip_prefix('#').ok_or_else(|| {
            configuration(format!(
                "with.document refers to {shown:?}; put what is there into the document itself"
            ))
        })?;
        let found = self.root.pointer(pointer);
        found.ok_or_else(|| configuration(format!("with.document refers to {shown:?}, which is not in it")))
    }
}

struct Found<'a> {
    operation: &'a Value,
    channel: &'a Value,
    address: String,
    /// Names of the servers that serve the channel; empty means all.
    servers: Vec<String>,
}

fn read(text: &str) -> Result<Value, ActionFailure> {
    if let Ok(value) = serde_json::from_str(text) {
        return Ok(value);
    }
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: 64,
            max_nodes: 200_000,
            max_events: 600_000,
            max_aliases: 100,
            max_anchors: 100,
        },
        with_snippet: false,
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let told = error.to_string();
        configuration(format!("with.document is neither JSON nor YAML: {}", receive::limits::cut(&told, 300)))
    })
}

/// A protocol in small letters, and whether its name asks for TLS.
fn protocol(name: &str) -> (String, bool) {
    match name.to_ascii_lowercase().as_str() {
        "https" => ("http".to_owned(), true),
        other => (other.to_owned(), false),
    }
}

fn object(value: &Value) -> &Map<String, Value> {
    static NONE: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Map::new);
    value.as_object().unwrap_or(&NONE)
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(|text| text.as_str().map(str::to_owned)).collect()
}

/// A part of a JSON pointer (RFC 6901).
fn unescaped(part: &str) -> String {
    part.replace("~1", "/").replace("~0", "~")
}

fn missing<'a>(
    what: impl std::fmt::Display,
    name: &str,
    known: impl Iterator<Item = &'a String>,
) -> ActionFailure {
    let known: Vec<&str> = known.map(String::as_str).take(20).collect();
    let known = if known.is_empty() { String::new() } else { format!("; it has {}", known.join(", ")) };
    let name = receive::limits::cut(name, 200);
    configuration(format!("with.document has no {what} {name:?}{}", receive::limits::cut(&known, 500)))
}

/// Names in braces.
fn braces(text: &str) -> impl Iterator<Item = &str> {
    text.split('{').skip(1).filter_map(|part| part.split_once('}')).map(|(name, _)| name)
}

/// Puts values in the place of names in braces.
pub(super) fn fill(
    text: &str,
    mut value: impl FnMut(&str) -> Result<String, ActionFailure>,
) -> Result<String, ActionFailure> {
    let mut parts = text.split('{');
    let mut filled = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.split_once('}') {
            Some((name, rest)) => {
                filled.push_str(&value(name)?);
                filled.push_str(rest);
            }
            None => {
                filled.push('{');
                filled.push_str(part);
            }
        }
    }
    Ok(filled)
}

/// What a runtime expression of AsyncAPI (`$message.header#/id`, `$message.payload#/user/id`) finds.
pub(super) fn locate<'a>(
    location: &str,
    payload: &'a Value,
    headers: &'a Map<String, Value>,
) -> Option<&'a Value> {
    if let Some(pointer) = location.strip_prefix("$message.payload#") {
        return payload.pointer(pointer);
    }
    let pointer = location.strip_prefix("$message.header#/")?;
    let (name, rest) =
        pointer.split_once('/').map_or((pointer, ""), |(name, _)| (name, &pointer[name.len()..]));
    let name = unescaped(name);
    let found = headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(&name));
    found.and_then(|(_, value)| value.pointer(rest))
}

#[cfg(test)]
mod tests;
