//! `call: grpc` of Serverless Workflow 1.0: unary methods and server streams, described by the text of a `.proto`.
//!
//! Messages are dynamic and follow the JSON mapping of proto3. The wire is HTTP/2 as gRPC puts it
//! (<https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>), through the same [`Web`] as all requests.
//! Port 443, and no port, mean TLS; every other port means clear text, which is what gRPC servers speak inside
//! a network.
//!
//! Deliberately absent: streams of the client, compression, reflection, and imports of other files than Google's
//! well-known types.

mod frames;
mod proto;
mod status;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use async_trait::async_trait;
use model::{ActionCall, ActionSpec, BlastRadius};
use ports::{ActionFailure, ActionResult, Actuator, FailureKind, Retry};
use prost_reflect::MethodDescriptor;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, TE};
use reqwest::{Method, Url};
use serde_json::{Value, json};

use super::auth;
use super::fields::{Fields, configuration};
use super::http::{IDEMPOTENCY_KEY, Opened, Request, Web, idempotency_key, place, take_held_back, url};
use super::{ExternalResources, broken, failure};
use frames::Frames;
use proto::Protos;
use status::Status;

/// Deadline of a call (PROTOCOL-HTTP2, "Timeout").
const TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");
/// Most messages of a stream.
const MESSAGES_MAX: usize = 10_000;

/// The function `grpc`.
pub struct GrpcFunction {
    web: Arc<Web>,
    resources: Arc<ExternalResources>,
    protos: Protos,
}

impl GrpcFunction {
    /// The function; its requests go through `web`, which must be one that speaks HTTP/2 ([`Web::http2`]).
    #[must_use]
    pub fn new(web: Arc<Web>, resources: Arc<ExternalResources>) -> Self {
        Self { web, resources, protos: Protos::default() }
    }

    async fn read(&self, call: &ActionCall) -> Result<Call, ActionFailure> {
        let fields = Fields::of(&call.parameters, "with")?;
        fields.only(&["proto", "service", "method", "arguments"])?;
        let proto = fields.value("proto").ok_or_else(|| configuration("with.proto is missing"))?;
        let text = self.resources.of("proto", proto).await?;
        let service = fields.object("service")?.ok_or_else(|| configuration("with.service is missing"))?;
        service.only(&["name", "host", "port", "authentication"])?;
        let (name, method) = (service.required("name")?, fields.required("method")?);
        let method = self.protos.method(&text, &name, &method).await?;
        if method.is_client_streaming() {
            let text =
                format!("{} takes a stream of messages, which `call: grpc` cannot send", method.full_name());
            return Err(configuration(text));
        }
        let none = Value::Object(serde_json::Map::new());
        let message = proto::encode(&method.input(), fields.value("arguments").unwrap_or(&none))?;
        let authentication = service.value("authentication").map(auth::read).transpose()?;
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        headers.insert(TE, HeaderValue::from_static("trailers"));
        headers.insert(IDEMPOTENCY_KEY, idempotency_key(&call.idempotency_key));
        let limit_ms = self.web.limits().timeout.as_millis().min(99_999_999);
        if let Ok(value) = HeaderValue::from_str(&format!("{limit_ms}m")) {
            headers.insert(TIMEOUT, value);
        }
        let url = address(&service, &method)?;
        let body = frames::frame(&message).into();
        let request = Request { method: Method::POST, url, headers, body, authentication, follow: false };
        Ok(Call { request, method })
    }

    async fn call(&self, call: &Call) -> Result<Value, ActionFailure> {
        let sent = AtomicBool::new(false);
        let work = async { self.collect(call, self.web.open(&call.request, &sent).await?).await };
        let limit = self.web.limits().timeout;
        tokio::time::timeout(limit, work).await.unwrap_or_else(|_| {
            let text = format!(
                "{} gave no whole answer within {} s; it is not known whether it was done",
                place(&call.request.url),
                limit.as_secs_f64()
            );
            Err(failure(FailureKind::Timeout, Retry::Exhausted, text))
        })
    }

    async fn collect(&self, call: &Call, opened: Opened) -> Result<Value, ActionFailure> {
        let Opened { response, hidden, .. } = opened;
        let at = place(&call.request.url);
        let failed = |status: Status| {
            let mut failure = status.failure(&at);
            failure.message = hidden.hide(&failure.message);
            failure
        };
        if let Some(status) = Status::of_answer(response.status(), response.headers()) {
            return Err(failed(status));
        }
        // A status in the head means that there is no message (PROTOCOL-HTTP2, "Trailers-Only").
        let early = Status::of_trailers(response.headers());
        let mut frames = Frames::new(response, self.web.limits().response_bytes_max);
        let mut messages = Vec::new();
        while let Some(message) = frames.next().await.map_err(|reason| broken(&at, &reason))? {
            if messages.len() == MESSAGES_MAX {
                let text = format!("{at} sent more than {MESSAGES_MAX} messages; ask for less");
                return Err(failure(FailureKind::Communication, Retry::Permanent, text));
            }
            messages
                .push(proto::decode(&call.method.output(), &message).map_err(|reason| broken(&at, &reason))?);
        }
        let status = frames.trailers().and_then(Status::of_trailers).or(early);
        match status.ok_or_else(|| broken(&at, "the answer broke off before its status"))? {
            status if !status.is_ok() => Err(failed(status)),
            _ if call.method.is_server_streaming() => Ok(messages.into()),
            _ => match messages.pop() {
                Some(message) if messages.is_empty() => Ok(message),
                _ => Err(broken(&at, "a method without stream must answer with exactly one message")),
            },
        }
        .map(|mut output| {
            hidden.hide_in(&mut output);
            output
        })
    }
}

/// A call, read from its parameters.
struct Call {
    request: Request,
    method: MethodDescriptor,
}

fn address(service: &Fields<'_>, method: &MethodDescriptor) -> Result<Url, ActionFailure> {
    let host = service.required("host")?;
    let port = match service.value("port") {
        None => 443,
        Some(port) => port
            .as_u64()
            .and_then(|port| u16::try_from(port).ok())
            .ok_or_else(|| configuration("with.service.port must be a number from 0 to 65535"))?,
    };
    let scheme = if port == 443 { "https" } else { "http" };
    let url =
        url(&format!("{scheme}://{host}:{port}/{}/{}", method.parent_service().full_name(), method.name()))?;
    // A host that holds more than a host would lead somewhere else than it says.
    if url.host_str() != Some(host.to_ascii_lowercase().as_str()) {
        return Err(configuration("with.service.host must be a host alone, without scheme, port or path"));
    }
    Ok(url)
}

#[async_trait]
impl Actuator for GrpcFunction {
    fn actions(&self) -> Vec<ActionSpec> {
        vec![ActionSpec {
            name: "grpc".to_owned(),
            summary: "Calls a gRPC method.".to_owned(),
            parameters: json!({
                "type": "object",
                "properties": {
                    "proto": {"type": "object"},
                    "service": {
                        "type": "object",
                        "properties": {
                            "name": {"type": "string"},
                            "host": {"type": "string"},
                            "port": {"type": "integer", "minimum": 0, "maximum": 65535},
                            "authentication": {"type": "object"},
                        },
                        "required": ["name", "host"],
                        "additionalProperties": false,
                    },
                    "method": {"type": "string"},
                    "arguments": {"type": "object"},
                },
                "required": ["proto", "service", "method"],
                "additionalProperties": false,
            }),
            inverse: None,
            blast_radius: BlastRadius::Service,
            repeatable: false,
            deploys: false,
        }]
    }

    async fn execute(&self, call: &ActionCall) -> Result<ActionResult, ActionFailure> {
        let call = self.read(call).await?;
        Ok(ActionResult { output: self.call(&call).await?, inverse: None })
    }

    async fn dry_run(&self, call: &ActionCall) -> Result<String, ActionFailure> {
        let mut plain = call.clone();
        let scheme = take_held_back(&mut plain.parameters, "/service");
        let call = self.read(&plain).await?;
        self.web.check(&call.request.url)?;
        let stream = if call.method.is_server_streaming() { ", and collect its stream" } else { "" };
        let scheme =
            scheme.as_deref().or(call.request.authentication.as_ref().map(auth::Authentication::scheme));
        let proof = scheme.map(|scheme| format!(", proving who asks by {scheme}")).unwrap_or_default();
        Ok(format!("call gRPC {}{stream}{proof}", place(&call.request.url)))
    }
}
