//! `call: mcp` of Serverless Workflow 1.0: one request to a server of the Model Context Protocol, over streamable
//! HTTP or standard input and output.
//!
//! Each call opens a session, says who it is, asks, and closes the session
//! (<https://modelcontextprotocol.io/specification/2025-06-18>, lifecycle and transports). The idempotency key goes
//! along as `_meta` of the request.
//!
//! Deliberately absent: what servers may ask of clients (sampling, roots, elicitation), and the transport of 2024
//! over two HTTP connections.

mod stdio;
mod streamable;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use model::{ActionCall, ActionSpec, BlastRadius};
use ports::{ActionFailure, ActionResult, Actuator, FailureKind, Retry};
use reqwest::Url;
use reqwest::header::HeaderMap;
use serde_json::{Map, Value, json};

use super::auth::{self, Authentication};
use super::fields::{Fields, configuration, scalar};
use super::http::{Web, header, place, take_held_back, url};
use super::run::RunFunctions;
use super::{duration_ms, failure};

/// Revisions of the protocol that are spoken here, newest first.
const VERSIONS: [&str; 4] = ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"];
/// What a call asks for when it does not say (DSL reference, "MCP Call").
const DEFAULT_VERSION: &str = "2025-06-18";
const METHODS: [&str; 7] = [
    "tools/list",
    "tools/call",
    "prompts/list",
    "prompts/get",
    "resources/list",
    "resources/read",
    "resources/templates/list",
];
/// Name of the idempotency key in `_meta`.
const KEY: &str = "dev.homeostat/idempotency-key";
/// Longest time that a call may ask for.
const LONGEST: Duration = Duration::from_secs(3_600);

/// The function `mcp`.
pub struct McpFunction {
    web: Arc<Web>,
    programs: Arc<RunFunctions>,
}

impl McpFunction {
    /// The function: HTTP goes through `web`, servers on standard input run as programs under the policy of
    /// `programs`.
    #[must_use]
    pub fn new(web: Arc<Web>, programs: Arc<RunFunctions>) -> Self {
        Self { web, programs }
    }
}

/// A call, read from its parameters.
struct Call {
    version: String,
    method: String,
    parameters: Value,
    client: Value,
    timeout: Duration,
    transport: Transport,
}

enum Transport {
    Http(Box<Http>),
    Stdio(Stdio),
}

struct Http {
    url: Url,
    headers: HeaderMap,
    authentication: Option<Authentication>,
}

struct Stdio {
    command: String,
    arguments: Vec<String>,
    environment: BTreeMap<String, String>,
}

/// A way to send one message and to hear what comes back.
#[async_trait]
trait Wire: Send {
    /// Sends a request; gives its answer.
    async fn ask(
        &mut self,
        id: u64,
        message: &Value,
    ) -> Result<Result<Value, super::rpc::Problem>, ActionFailure>;
    /// Sends what wants no answer.
    async fn tell(&mut self, message: &Value) -> Result<(), ActionFailure>;
    /// The version that both sides speak from here on.
    fn agreed(&mut self, version: &str);
    /// Ends the session. Whoever asked has its answer already.
    async fn close(self: Box<Self>);
}

impl Call {
    fn read(call: &ActionCall, default_timeout: Duration) -> Result<Self, ActionFailure> {
        let fields = Fields::of(&call.parameters, "with")?;
        fields.only(&["protocolVersion", "method", "parameters", "timeout", "transport", "client"])?;
        let method = fields.required("method")?;
        if !METHODS.contains(&method.as_str()) {
            return Err(configuration(format!("with.method must be one of {}", METHODS.join(", "))));
        }
        let version = fields.text("protocolVersion")?.unwrap_or_else(|| DEFAULT_VERSION.to_owned());
        if !VERSIONS.contains(&version.as_str()) {
            let known = VERSIONS.join(", ");
            return Err(configuration(format!("with.protocolVersion must be one of {known}")));
        }
        let timeout = match fields.value("timeout") {
            Some(value) => Duration::from_millis(duration_ms("with.timeout", value)?).min(LONGEST),
            None => default_timeout,
        };
        let client = match fields.object("client")? {
            Some(client) => {
                client.only(&["name", "version"])?;
                json!({"name": client.required("name")?, "version": client.required("version")?})
            }
            None => json!({"name": "homeostat", "version": env!("CARGO_PKG_VERSION")}),
        };
        let mut parameters = object_parameters(&fields)?;
        let meta = parameters.entry("_meta").or_insert_with(|| json!({}));
        if let Some(meta) = meta.as_object_mut() {
            meta.insert(KEY.to_owned(), call.idempotency_key.clone().into());
        }
        let transport = transport(&fields)?;
        Ok(Self { version, method, parameters: parameters.into(), client, timeout, transport })
    }

    fn would(&self) -> String {
        match &self.transport {
            Transport::Http(http) => {
                let proof = http.authentication.as_ref();
                let proof =
                    proof.map(|a| format!(", proving who asks by {}", a.scheme())).unwrap_or_default();
                format!("ask the MCP server at {} for {}{proof}", place(&http.url), self.method)
            }
            Transport::Stdio(stdio) => {
                let command = receive::limits::cut(&stdio.command, 200);
                format!("start the MCP server {command} on this machine and ask it for {}", self.method)
            }
        }
    }
}

/// Parameters: an object, or text that holds one.
pub(super) fn object_parameters(fields: &Fields<'_>) -> Result<Map<String, Value>, ActionFailure> {
    let wrong = || configuration(format!("{} must be an object", fields.place("parameters")));
    match fields.value("parameters") {
        None => Ok(Map::new()),
        Some(Value::Object(map)) => Ok(map.clone()),
        Some(Value::String(text)) => serde_json::from_str(text).map_err(|_| wrong()),
        Some(_) => Err(wrong()),
    }
}

fn transport(fields: &Fields<'_>) -> Result<Transport, ActionFailure> {
    let transport = fields.object("transport")?.ok_or_else(|| configuration("with.transport is missing"))?;
    transport.only(&["http", "stdio", "options"])?;
    match (transport.object("http")?, transport.object("stdio")?) {
        (Some(http), None) => {
            http.only(&["endpoint", "headers"])?;
            let (uri, authentication) = endpoint(&http, "endpoint")?;
            let mut headers = HeaderMap::new();
            if let Some(given) = http.object("headers")? {
                for (name, value) in given.entries() {
                    let text = scalar(value);
                    let text =
                        text.ok_or_else(|| configuration(format!("{} must be text", given.place(name))))?;
                    let (name, value) = header(name, &text)?;
                    headers.append(name, value);
                }
            }
            Ok(Transport::Http(Box::new(Http { url: url(&uri)?, headers, authentication })))
        }
        (None, Some(stdio)) => {
            stdio.only(&["command", "arguments", "environment"])?;
            let mut environment = BTreeMap::new();
            if let Some(given) = stdio.object("environment")? {
                for (name, value) in given.entries() {
                    let text =
                        scalar(value).filter(|text| !text.contains('\0') && !name.contains(['=', '\0']));
                    let text =
                        text.ok_or_else(|| configuration(format!("{} must be text", given.place(name))))?;
                    environment.insert(name.clone(), text);
                }
            }
            let (command, arguments) = (stdio.required("command")?, stdio.texts("arguments")?);
            if command.contains('\0') || arguments.iter().any(|argument| argument.contains('\0')) {
                return Err(configuration(
                    "with.transport.stdio holds a zero byte, which no program can be given",
                ));
            }
            Ok(Transport::Stdio(Stdio { command, arguments, environment }))
        }
        _ => Err(configuration("with.transport must have either `http` or `stdio`")),
    }
}

/// A URI, and the authentication beside it (DSL reference, "Endpoint").
pub(super) fn endpoint(
    fields: &Fields<'_>,
    name: &str,
) -> Result<(String, Option<Authentication>), ActionFailure> {
    if let Some(Value::String(uri)) = fields.value(name) {
        return Ok((uri.clone(), None));
    }
    let endpoint =
        fields.object(name)?.ok_or_else(|| configuration(format!("{} is missing", fields.place(name))))?;
    endpoint.only(&["uri", "authentication"])?;
    Ok((endpoint.required("uri")?, endpoint.value("authentication").map(auth::read).transpose()?))
}

/// The whole conversation, within the time of the call.
async fn converse(mut wire: Box<dyn Wire>, call: &Call) -> Result<Value, ActionFailure> {
    let hello = json!({"protocolVersion": call.version, "capabilities": {}, "clientInfo": call.client});
    let hello = super::rpc::request(1, "initialize", Some(&hello));
    let welcome =
        wire.ask(1, &hello).await?.map_err(|problem| problem.failure("the MCP server's initialize"))?;
    let theirs = welcome["protocolVersion"].as_str().unwrap_or_default();
    if !VERSIONS.contains(&theirs) {
        wire.close().await;
        let text = format!(
            "the MCP server speaks the protocol {:?}, and here are spoken {}; update the one that is older",
            receive::limits::cut(theirs, 40),
            VERSIONS.join(", ")
        );
        return Err(failure(FailureKind::Configuration, Retry::Permanent, text));
    }
    wire.agreed(theirs);
    wire.tell(&super::rpc::notice("notifications/initialized")).await?;
    let asked = super::rpc::request(2, &call.method, Some(&call.parameters));
    let answer = wire.ask(2, &asked).await?;
    wire.close().await;
    answer.map_err(|problem| problem.failure(&call.method))
}

#[async_trait]
impl Actuator for McpFunction {
    fn actions(&self) -> Vec<ActionSpec> {
        vec![ActionSpec {
            name: "mcp".to_owned(),
            summary: "Asks a server of the Model Context Protocol.".to_owned(),
            parameters: json!({
                "type": "object",
                "properties": {
                    "protocolVersion": {"enum": VERSIONS, "default": DEFAULT_VERSION},
                    "method": {"enum": METHODS},
                    "parameters": {"type": ["object", "string"]},
                    "timeout": {"type": ["object", "string"]},
                    "transport": {"type": "object"},
                    "client": {"type": "object"},
                },
                "required": ["method", "transport"],
                "additionalProperties": false,
            }),
            inverse: None,
            blast_radius: BlastRadius::Service,
            repeatable: false,
            deploys: false,
        }]
    }

    async fn execute(&self, call: &ActionCall) -> Result<ActionResult, ActionFailure> {
        let mut read = Call::read(call, self.web.limits().timeout)?;
        let nothing = Transport::Stdio(Stdio {
            command: String::new(),
            arguments: vec![],
            environment: BTreeMap::new(),
        });
        let transport = std::mem::replace(&mut read.transport, nothing);
        let work = async {
            let wire: Box<dyn Wire> = match transport {
                Transport::Http(http) => Box::new(streamable::open(Arc::clone(&self.web), *http, call)),
                Transport::Stdio(stdio) => {
                    let most = self.web.limits().response_bytes_max;
                    Box::new(stdio::open(&self.programs, stdio, &call.idempotency_key, most).await?)
                }
            };
            converse(wire, &read).await
        };
        let output = tokio::time::timeout(read.timeout, work).await.unwrap_or_else(|_| {
            let text = format!(
                "the MCP server gave no whole answer to {} within {} ms; it is not known whether it was done",
                read.method,
                read.timeout.as_millis()
            );
            Err(failure(FailureKind::Timeout, Retry::Exhausted, text))
        })?;
        Ok(ActionResult { output, inverse: None })
    }

    async fn dry_run(&self, call: &ActionCall) -> Result<String, ActionFailure> {
        let mut plain = call.clone();
        let _scheme = take_held_back(&mut plain.parameters, "/transport/http/endpoint");
        let read = Call::read(&plain, self.web.limits().timeout)?;
        match &read.transport {
            Transport::Http(http) => self.web.check(&http.url)?,
            Transport::Stdio(stdio) => self.programs.may_serve(&stdio.command, &stdio.arguments)?,
        }
        Ok(read.would())
    }
}
