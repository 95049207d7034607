//! `call: openapi` of Serverless Workflow 1.0: an operation of an OpenAPI document, by its id.
//!
//! The document is given as an endpoint, or inline: as an object, as text, or as `content` beside the endpoint that it
//! came from. What the request looks like is planned by the crate `openapi`.

mod documents;

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use model::{ActionCall, ActionSpec, BlastRadius};
use openapi::{PlannedBody, RequestPlan};
use ports::{ActionFailure, ActionResult, Actuator};
use reqwest::Method;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use serde_json::{Map, Value, json};

use self::documents::{Documents, Source};
use super::auth;
use super::fields::{Fields, configuration};
use super::http::{
    Encoded, IDEMPOTENCY_KEY, Output, Request, Web, encode, header, idempotency_key, multipart, sentence,
    take_held_back, url,
};

/// The function `openapi`.
pub struct OpenApiFunction {
    web: Arc<Web>,
    documents: Documents,
}

impl OpenApiFunction {
    /// The function; its requests, and those for documents, go through `web`.
    #[must_use]
    pub fn new(web: Arc<Web>) -> Self {
        Self { documents: Documents::new(Arc::clone(&web)), web }
    }

    async fn request(&self, parameters: &Value, key: &str) -> Result<(Request, Output), ActionFailure> {
        let fields = Fields::of(parameters, "with")?;
        fields.only(&["document", "operationId", "parameters", "authentication", "output", "redirect"])?;
        let document = fields.value("document").ok_or_else(|| configuration("with.document is missing"))?;
        let source = Source::read(document)?;
        let operation = fields.required("operationId")?;
        let none = Map::new();
        let given = match fields.value("parameters") {
            None => &none,
            Some(given) => {
                given.as_object().ok_or_else(|| configuration("with.parameters must be an object"))?
            }
        };
        let authentication = fields.value("authentication").map(auth::read).transpose()?;
        let output = Output::read(&fields)?;
        let follow = fields.flag("redirect")?;
        let plan = self.documents.plan(source, &operation, given).await?;
        let mut request = request(plan, key)?;
        if authentication.is_some() && request.headers.contains_key(AUTHORIZATION) {
            return Err(configuration(
                "the call has `authentication` and a parameter Authorization; take one out",
            ));
        }
        request.authentication = authentication;
        request.follow = follow;
        Ok((request, output))
    }
}

fn request(plan: RequestPlan, key: &str) -> Result<Request, ActionFailure> {
    if plan.url.starts_with('/') || !plan.url.contains("://") {
        return Err(configuration(
            "the OpenAPI document names no host, and was given without the address it is from; \
             name a server in it, or give `document.endpoint`",
        ));
    }
    let url = url(&plan.url)?;
    let method = Method::from_bytes(plan.method.as_bytes())
        .ok()
        .filter(|method| !matches!(*method, Method::CONNECT | Method::TRACE))
        .ok_or_else(|| configuration(format!("operations with the method {} are not called", plan.method)))?;
    let mut headers = HeaderMap::new();
    for (name, text) in &plan.headers {
        let (name, value) = header(name, text)?;
        headers.append(name, value);
    }
    let mut body = Bytes::new();
    if let Some(planned) = plan.body {
        let (media_type, Encoded { content_type, bytes }) = match planned {
            PlannedBody::Value { media_type, value } => {
                let encoded = encode(&value, Some(&media_type))?;
                (media_type, encoded)
            }
            PlannedBody::Parts(parts) => (String::new(), multipart(&parts)?),
        };
        let media_type = HeaderValue::from_str(&content_type.unwrap_or(media_type)).map_err(|_| {
            configuration("the media type of the body is no header value; correct the document")
        })?;
        headers.insert(CONTENT_TYPE, media_type);
        body = bytes.into();
    }
    if !method.is_safe() && !headers.contains_key(IDEMPOTENCY_KEY) {
        headers.insert(IDEMPOTENCY_KEY, idempotency_key(key));
    }
    Ok(Request { method, url, headers, body, authentication: None, follow: false })
}

#[async_trait]
impl Actuator for OpenApiFunction {
    fn actions(&self) -> Vec<ActionSpec> {
        vec![ActionSpec {
            name: "openapi".to_owned(),
            summary: "Calls an operation that an OpenAPI document describes.".to_owned(),
            parameters: json!({
                "type": "object",
                "properties": {
                    "document": {},
                    "operationId": {"type": "string"},
                    "parameters": {"type": "object"},
                    "authentication": {"type": "object"},
                    "output": {"enum": ["content", "response", "raw"], "default": "content"},
                    "redirect": {"type": "boolean", "default": false},
                },
                "required": ["document", "operationId"],
                "additionalProperties": false,
            }),
            inverse: None,
            blast_radius: BlastRadius::Service,
            repeatable: false,
            deploys: false,
        }]
    }

    async fn execute(&self, call: &ActionCall) -> Result<ActionResult, ActionFailure> {
        let (request, output) = self.request(&call.parameters, &call.idempotency_key).await?;
        let answer = self.web.exchange(&request).await?;
        answer.judge(request.follow)?;
        Ok(ActionResult { output: output.of(&answer)?, inverse: None })
    }

    async fn dry_run(&self, call: &ActionCall) -> Result<String, ActionFailure> {
        let mut parameters = call.parameters.clone();
        if take_held_back(&mut parameters, "/document/endpoint").is_some() {
            let operation = parameters.get("operationId").and_then(Value::as_str).unwrap_or_default();
            return Ok(format!(
                "call the operation {operation:?} of a document that can only be read with its secrets; what is sent \
                 is not known before"
            ));
        }
        let scheme = take_held_back(&mut parameters, "");
        let (request, _) = self.request(&parameters, &call.idempotency_key).await?;
        self.web.check(&request.url)?;
        Ok(sentence(&request, scheme.as_deref()))
    }
}
