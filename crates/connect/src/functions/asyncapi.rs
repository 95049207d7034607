//! `call: asyncapi` of Serverless Workflow 1.0, over HTTP and NATS: publishing a message, and subscribing.
//!
//! A document says where (`asyncapi/document.rs`); a transport does it. A published message carries the idempotency
//! key as header `Idempotency-Key`, over NATS also as `Nats-Msg-Id`, by which JetStream drops repetitions.
//! Over HTTP, subscribing reads server-sent events, lines of JSON, or one answer after the other.
//!
//! Subscribing is a port of its own ([`ports::Subscriber`]), because messages come one by one and the engine decides
//! with each whether to go on. Deliberately absent: other protocols, and validation of payloads.

mod document;
mod http;
mod message;
mod nats;
mod subscription;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use model::{ActionCall, ActionSpec, BlastRadius};
use ports::{ActionFailure, ActionResult, Actuator, FailureKind, Retry, Subscriber};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;

use super::auth::{self, Authentication};
use super::fields::{Fields, configuration};
use super::http::{Web, take_held_back};
use super::{ExternalResources, failure};
use document::{Asked, Document, Target, fill, locate};
use subscription::Subscription;

/// The function's name.
const NAME: &str = "asyncapi";
/// Documents that are kept read.
const KEPT: usize = 32;

/// The function `asyncapi`.
pub struct AsyncApiFunction {
    web: Arc<Web>,
    resources: Arc<ExternalResources>,
    documents: Mutex<VecDeque<([u8; 32], Arc<Document>)>>,
}

/// A call, read from its parameters.
struct Call {
    target: Target,
    authentication: Option<Authentication>,
}

/// A message to publish.
struct Outbound {
    payload: Value,
    headers: Map<String, Value>,
}

impl AsyncApiFunction {
    /// The function; its requests go through `web`, and what is not HTTP keeps to the same limits.
    #[must_use]
    pub fn new(web: Arc<Web>, resources: Arc<ExternalResources>) -> Self {
        Self { web, resources, documents: Mutex::default() }
    }

    /// What a call comes to; `message` says whether it publishes one.
    async fn read(&self, fields: &Fields<'_>, publishes: bool) -> Result<Call, ActionFailure> {
        fields.only(&[
            "document",
            "channel",
            "operation",
            "server",
            "protocol",
            "message",
            "authentication",
        ])?;
        let document = fields.value("document").ok_or_else(|| configuration("with.document is missing"))?;
        let document = self.document(&self.resources.of("document", document).await?)?;
        let (channel, operation) = (fields.text("channel")?, fields.text("operation")?);
        let server = fields.object("server")?;
        let (mut name, mut variables) = (None, Map::new());
        if let Some(server) = server {
            server.only(&["name", "variables"])?;
            name = Some(server.required("name")?);
            let given = server.object("variables")?;
            variables =
                given.map(|g| g.entries().map(|(n, v)| (n.clone(), v.clone())).collect()).unwrap_or_default();
        }
        let protocol = fields.text("protocol")?;
        let asked = Asked {
            channel: channel.as_deref(),
            operation: operation.as_deref(),
            server: name.as_deref(),
            variables,
            protocol: protocol.as_deref(),
            publishes,
        };
        let target = document.resolve(&asked)?;
        if !matches!(target.protocol.as_str(), "http" | "nats") {
            let shown = receive::limits::cut(&target.protocol, 40);
            return Err(configuration(format!(
                "the server speaks {shown:?}; `call: asyncapi` speaks http and nats here: choose another server or protocol"
            )));
        }
        let authentication = fields.value("authentication").map(auth::read).transpose()?;
        Ok(Call { target, authentication })
    }

    fn document(&self, text: &str) -> Result<Arc<Document>, ActionFailure> {
        let digest: [u8; 32] = Sha256::digest(text.as_bytes()).into();
        let mut kept = self.documents.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, document)) = kept.iter().find(|(known, _)| *known == digest) {
            return Ok(Arc::clone(document));
        }
        let document = Arc::new(Document::parse(text)?);
        if kept.len() >= KEPT {
            kept.pop_front();
        }
        kept.push_back((digest, Arc::clone(&document)));
        Ok(document)
    }

    async fn publish(&self, call: Call, message: Outbound, key: &str) -> Result<(), ActionFailure> {
        let address = address(&call.target, Some(&message))?;
        let limit = self.web.limits().timeout;
        let is_http = call.target.protocol == "http";
        let work = async {
            if is_http {
                http::publish(&self.web, call, &address, message, key).await
            } else {
                nats::publish(&self.web, call, &address, message, key).await
            }
        };
        tokio::time::timeout(limit, work).await.unwrap_or_else(|_| {
            let text = format!(
                "publishing took longer than {} s; it is not known whether the message is out",
                limit.as_secs_f64()
            );
            Err(failure(FailureKind::Timeout, Retry::Exhausted, text))
        })
    }

    async fn open(&self, call: Call) -> Result<Box<dyn Subscription>, ActionFailure> {
        let address = address(&call.target, None)?;
        if call.target.protocol == "http" {
            return http::subscribe(Arc::clone(&self.web), call, &address).await;
        }
        nats::subscribe(&self.web, call, &address).await
    }
}

fn outbound(with: &Fields<'_>) -> Result<Outbound, ActionFailure> {
    let message = with.object("message")?;
    let message = message
        .ok_or_else(|| configuration("with.message is missing; a subscription is listened to, not called"))?;
    message.only(&["payload", "headers"])?;
    let headers = message.object("headers")?;
    let headers =
        headers.map(|h| h.entries().map(|(n, v)| (n.clone(), v.clone())).collect()).unwrap_or_default();
    Ok(Outbound { payload: message.value("payload").cloned().unwrap_or_default(), headers })
}

/// The address with its parameters put in: where the message says, or as the document says by default.
fn address(target: &Target, message: Option<&Outbound>) -> Result<String, ActionFailure> {
    fill(&target.address, |name| {
        let parameter = target.parameters.iter().find(|parameter| parameter.name == name);
        let located = parameter.and_then(|parameter| {
            let message = message?;
            locate(parameter.location.as_deref()?, &message.payload, &message.headers)
        });
        let value = located.and_then(super::fields::scalar);
        value.or_else(|| parameter?.default.clone()).ok_or_else(|| {
            let shown = receive::limits::cut(name, 80);
            configuration(format!(
                "the channel's parameter {shown:?} has no value: give it a default in the document, or a location that \
                 is in the message"
            ))
        })
    })
}

#[async_trait]
impl Actuator for AsyncApiFunction {
    fn actions(&self) -> Vec<ActionSpec> {
        vec![ActionSpec {
            name: NAME.to_owned(),
            summary: "Publishes a message.".to_owned(),
            parameters: json!({
                "type": "object",
                "properties": {
                    "document": {"type": "object"},
                    "channel": {"type": "string"},
                    "operation": {"type": "string"},
                    "server": {"type": "object"},
                    "protocol": {"type": "string"},
                    "message": {"type": "object"},
                    "authentication": {"type": "object"},
                },
                "required": ["document", "message"],
                "additionalProperties": false,
            }),
            inverse: None,
            blast_radius: BlastRadius::Service,
            repeatable: false,
            deploys: false,
        }]
    }

    async fn execute(&self, call: &ActionCall) -> Result<ActionResult, ActionFailure> {
        let fields = Fields::of(&call.parameters, "with")?;
        let message = outbound(&fields)?;
        let read = self.read(&fields, true).await?;
        self.publish(read, message, &call.idempotency_key).await?;
        Ok(ActionResult { output: Value::Null, inverse: None })
    }

    async fn dry_run(&self, call: &ActionCall) -> Result<String, ActionFailure> {
        let mut plain = call.parameters.clone();
        let scheme = take_held_back(&mut plain, "");
        let fields = Fields::of(&plain, "with")?;
        outbound(&fields)?;
        let read = self.read(&fields, true).await?;
        let scheme = scheme.as_deref().or(read.authentication.as_ref().map(Authentication::scheme));
        let proof = scheme.map(|scheme| format!(", proving who asks by {scheme}")).unwrap_or_default();
        let Target { protocol, host, address, .. } = &read.target;
        let place = receive::limits::cut(address, 200);
        Ok(format!("publish a message to {place} at {host} over {protocol}{proof}"))
    }
}

#[async_trait]
impl Subscriber for AsyncApiFunction {
    async fn subscribe(
        &self,
        parameters: &Value,
        messages: mpsc::Sender<Value>,
    ) -> Result<(), ActionFailure> {
        let fields = Fields::of(parameters, "with")?;
        if fields.value("message").is_some() {
            return Err(configuration("with.message is published, not subscribed; use with.subscription"));
        }
        let call = self.read(&fields, false).await?;
        // Whoever listens may stop at any moment, also while nothing comes.
        let mut subscription = tokio::select! {
            opened = self.open(call) => opened?,
            () = messages.closed() => return Ok(()),
        };
        loop {
            let next = tokio::select! {
                next = subscription.next() => next?,
                () = messages.closed() => return Ok(()),
            };
            let Some(message) = next else { return Ok(()) };
            if messages.send(message.to_json()).await.is_err() {
                return Ok(());
            }
            subscription.taken();
        }
    }
}
