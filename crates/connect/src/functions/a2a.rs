//! `call: a2a` of Serverless Workflow 1.0: one request to an agent, by the Agent2Agent protocol over JSON-RPC
//! (<https://a2a-protocol.org/v0.3.0/specification/>).
//!
//! Where the agent is comes from its card or from the call. Credentials go to the place they were given for: an agent
//! that its card puts at another origin gets none. The message id comes from the idempotency key, so that an agent
//! can tell a repeated message from a second one.
//!
//! Deliberately absent: the bindings to gRPC and to HTTP with JSON.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use async_trait::async_trait;
use model::{A2A_METHODS, ActionCall, ActionSpec, BlastRadius};
use ports::{ActionFailure, ActionResult, Actuator, FailureKind, Retry};
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Method, Url};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::auth::Authentication;
use super::fields::{Fields, configuration};
use super::http::{
    IDEMPOTENCY_KEY, Opened, Request, Web, idempotency_key, place, read_answer, take_held_back, url,
};
use super::mcp::{endpoint, object_parameters};
use super::rpc::{self, Events, Said, said};
use super::{broken, failure};

/// Most results of a stream.
const RESULTS_MAX: usize = 10_000;

/// The function `a2a`.
pub struct A2aFunction {
    web: Arc<Web>,
}

impl A2aFunction {
    /// The function; its requests go through `web`.
    #[must_use]
    pub fn new(web: Arc<Web>) -> Self {
        Self { web }
    }

    async fn call(&self, call: Call) -> Result<Value, ActionFailure> {
        let streams = matches!(call.method.as_str(), "message/stream" | "tasks/resubscribe");
        let (url, authentication) = self.agent(call.agent).await?;
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let accept = if streams { "text/event-stream, application/json" } else { "application/json" };
        headers.insert(ACCEPT, HeaderValue::from_static(accept));
        headers.insert(IDEMPOTENCY_KEY, call.key);
        let parameters = Some(Value::Object(call.parameters)).filter(|p| *p != json!({}));
        let body = rpc::request(1, &call.method, parameters.as_ref()).to_string().into();
        let request = Request { method: Method::POST, url, headers, body, authentication, follow: false };
        let opened = self.web.open(&request, &AtomicBool::new(false)).await?;
        let kind = opened.response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let is_stream = kind.unwrap_or_default().to_ascii_lowercase().starts_with("text/event-stream");
        if is_stream && opened.response.status().is_success() {
            return self.collect(&call.method, opened).await;
        }
        let answer = read_answer(opened, self.web.limits().response_bytes_max).await?;
        answer.judge(false)?;
        let at = place(&answer.url);
        let message =
            serde_json::from_slice(&answer.body).map_err(|_| broken(&at, "the answer is no JSON"))?;
        let result = match said(message, 1).map_err(|reason| broken(&at, &reason))? {
            Said::Answer(result) => result.map_err(|problem| problem.failure(&call.method))?,
            Said::Asked(_) | Said::Other => return Err(broken(&at, "the answer belongs to another request")),
        };
        let mut output = if streams { json!([result]) } else { result };
        answer.hidden.hide_in(&mut output);
        Ok(output)
    }

    /// Where the agent is, and how to prove there who asks.
    async fn agent(&self, agent: Agent) -> Result<(Url, Option<Authentication>), ActionFailure> {
        let Agent { url: at, authentication, card } = agent;
        let card = match card {
            Card::None => return Ok((at, authentication)),
            Card::Text(text) => text.into_bytes(),
            Card::AtUrl => {
                let headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static("application/json"))]);
                let (method, body) = (Method::GET, bytes::Bytes::new());
                let request =
                    Request { method, url: at.clone(), headers, body, authentication, follow: true };
                let answer = self.web.exchange(&request).await?;
                answer.judge(false)?;
                let (url, same) = (interface(&answer.body)?, request.authentication);
                let same = same.filter(|_| url.origin() == at.origin());
                return Ok((url, same));
            }
        };
        let url = interface(&card)?;
        let same = authentication.filter(|_| url.origin() == at.origin());
        Ok((url, same))
    }

    async fn collect(&self, method: &str, opened: Opened) -> Result<Value, ActionFailure> {
        let most = self.web.limits().response_bytes_max;
        let (mut events, at) = (Events::new(most), place(&opened.url));
        let (mut response, mut total, mut results) = (opened.response, 0, Vec::new());
        let mut is_over = false;
        while let Some(piece) =
            response.chunk().await.map_err(|error| broken(&at, &crate::http::reason(&error)))?
        {
            total += piece.len();
            if total > most || results.len() > RESULTS_MAX {
                let text = format!(
                    "{at}: the stream is larger than {most} bytes or {RESULTS_MAX} results; ask for less"
                );
                return Err(failure(FailureKind::Communication, Retry::Permanent, text).with_status(502));
            }
            for data in events.take(&piece).map_err(|reason| broken(&at, &reason))? {
                if data.is_empty() {
                    continue;
                }
                let message = serde_json::from_str(&data).map_err(|_| broken(&at, "an event is no JSON"))?;
                if let Said::Answer(result) = said(message, 1).map_err(|reason| broken(&at, &reason))? {
                    let result = result.map_err(|problem| problem.failure(method))?;
                    is_over = result["final"] == true || result["kind"] == "message";
                    results.push(result);
                }
            }
            // After this an agent says nothing more, whether or not it closes the stream.
            if is_over {
                break;
            }
        }
        if results.is_empty() {
            return Err(broken(&at, "the stream ended without a result"));
        }
        let mut output = Value::from(results);
        opened.hidden.hide_in(&mut output);
        Ok(output)
    }
}

/// A call, read from its parameters.
struct Call {
    method: String,
    parameters: Map<String, Value>,
    agent: Agent,
    key: HeaderValue,
}

/// Who is asked.
struct Agent {
    url: Url,
    authentication: Option<Authentication>,
    card: Card,
}

/// What is known of the agent's card.
enum Card {
    /// The URL is the agent's own.
    None,
    /// The URL is the card's, and this is its text.
    Text(String),
    /// The URL is the card's.
    AtUrl,
}

impl Call {
    fn read(call: &ActionCall) -> Result<Self, ActionFailure> {
        let fields = Fields::of(&call.parameters, "with")?;
        fields.only(&["method", "agentCard", "server", "parameters"])?;
        let method = fields.required("method")?;
        if !A2A_METHODS.contains(&method.as_str()) {
            return Err(configuration(format!("with.method must be one of {}", A2A_METHODS.join(", "))));
        }
        let mut parameters = object_parameters(&fields)?;
        if method.starts_with("message/") {
            let message = parameters.get_mut("message").and_then(Value::as_object_mut);
            let message =
                message.ok_or_else(|| configuration("with.parameters.message must be an object"))?;
            let id = || message_id(&call.idempotency_key).into();
            message.entry("messageId").or_insert_with(id);
            message.entry("role").or_insert_with(|| "user".into());
            message.entry("kind").or_insert_with(|| "message".into());
        }
        // With a card, `server` is ignored (DSL reference, "A2A Call").
        let agent = match fields.object("agentCard")? {
            Some(card) => {
                card.only(&["name", "endpoint", "content"])?;
                let (uri, authentication) = endpoint(&card, "endpoint")?;
                let text = card.text("content")?;
                Agent { url: url(&uri)?, authentication, card: text.map_or(Card::AtUrl, Card::Text) }
            }
            None if fields.value("server").is_some() => {
                let (uri, authentication) = endpoint(&fields, "server")?;
                Agent { url: url(&uri)?, authentication, card: Card::None }
            }
            None => return Err(configuration("with needs `agentCard` or `server`")),
        };
        Ok(Self { method, parameters, agent, key: idempotency_key(&call.idempotency_key) })
    }

    fn would(&self) -> String {
        let proof = self.agent.authentication.as_ref();
        let proof = proof.map(|a| format!(", proving who asks by {}", a.scheme())).unwrap_or_default();
        let whose = if matches!(self.agent.card, Card::None) { "at" } else { "whose card is at" };
        format!("send {} to the agent {whose} {}{proof}", self.method, place(&self.agent.url))
    }
}

/// The place in a card at which the agent speaks JSON-RPC.
fn interface(card: &[u8]) -> Result<Url, ActionFailure> {
    let wrong =
        |text: &str| failure(FailureKind::Communication, Retry::Permanent, format!("the agent card {text}"));
    let card: Value = serde_json::from_slice(card).map_err(|_| wrong("is no JSON"))?;
    let speaks = |transport: &Value| transport.as_str().is_none_or(|name| name == "JSONRPC");
    let own = Some(&card["url"]).filter(|_| speaks(&card["preferredTransport"]));
    let mut others = card["additionalInterfaces"].as_array().into_iter().flatten();
    let other = || others.find(|other| other["transport"] == "JSONRPC").map(|other| &other["url"]);
    let found = own.or_else(other).and_then(Value::as_str);
    url(found.ok_or_else(|| wrong("names no place where the agent speaks JSON-RPC (transport JSONRPC)"))?)
}

/// A UUID of its own for each key (version 8, RFC 9562: its bits are those of a hash).
fn message_id(key: &str) -> String {
    let mut bytes = Sha256::digest(key.as_bytes());
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

#[async_trait]
impl Actuator for A2aFunction {
    fn actions(&self) -> Vec<ActionSpec> {
        vec![ActionSpec {
            name: "a2a".to_owned(),
            summary: "Sends a request to an agent.".to_owned(),
            parameters: json!({
                "type": "object",
                "properties": {
                    "method": {"enum": A2A_METHODS},
                    "agentCard": {"type": "object"},
                    "server": {"type": ["string", "object"]},
                    "parameters": {"type": ["object", "string"]},
                },
                "required": ["method"],
                "additionalProperties": false,
            }),
            inverse: None,
            blast_radius: BlastRadius::Service,
            repeatable: false,
            deploys: false,
        }]
    }

    async fn execute(&self, call: &ActionCall) -> Result<ActionResult, ActionFailure> {
        let read = Call::read(call)?;
        let (limit, method) = (self.web.limits().timeout, read.method.clone());
        let output = tokio::time::timeout(limit, self.call(read)).await.unwrap_or_else(|_| {
            let text = format!(
                "the agent gave no whole answer to {method} within {} s; it is not known whether it was done",
                limit.as_secs_f64()
            );
            Err(failure(FailureKind::Timeout, Retry::Exhausted, text))
        })?;
        Ok(ActionResult { output, inverse: None })
    }

    async fn dry_run(&self, call: &ActionCall) -> Result<String, ActionFailure> {
        let mut plain = call.clone();
        for place in ["/agentCard/endpoint", "/server"] {
            let _scheme = take_held_back(&mut plain.parameters, place);
        }
        let read = Call::read(&plain)?;
        self.web.check(&read.agent.url)?;
        Ok(read.would())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_says_where_the_agent_speaks_json_rpc() {
        let at = |card: Value| interface(card.to_string().as_bytes()).map(|url| url.to_string());
        assert_eq!(at(json!({"url": "https://a.example/rpc"})).unwrap(), "https://a.example/rpc");
        let two = json!({
            "url": "https://a.example/grpc", "preferredTransport": "GRPC",
            "additionalInterfaces": [
                {"url": "https://a.example/rest", "transport": "HTTP+JSON"},
                {"url": "https://a.example/rpc", "transport": "JSONRPC"}
            ]
        });
        assert_eq!(at(two).unwrap(), "https://a.example/rpc");
        for wrong in
            [json!({}), json!([]), json!({"url": "https://a.example/grpc", "preferredTransport": "GRPC"})]
        {
            assert!(at(wrong).unwrap_err().message.contains("JSON-RPC"));
        }
        assert!(at(json!({"url": "file:///etc/passwd"})).is_err());
    }

    #[test]
    fn a_key_has_one_message_id_and_it_is_a_uuid() {
        let id = message_id("run/1");
        assert_eq!(id, message_id("run/1"));
        assert_ne!(id, message_id("run/2"));
        let parts: Vec<_> = id.split('-').map(str::len).collect();
        assert_eq!(parts, [8, 4, 4, 4, 12]);
        assert_eq!(&id[14..15], "8");
    }
}
