//! MCP over streamable HTTP (revision 2025-06-18, "Transports"): every message is a POST; an answer is JSON or a stream
//! of server-sent events in which the server may say and ask other things first.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use async_trait::async_trait;
use model::ActionCall;
use ports::{ActionFailure, FailureKind, Retry};
use reqwest::Method;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderName, HeaderValue};
use serde_json::Value;

use super::{Http, Wire};
use crate::functions::failure;
use crate::functions::http::{IDEMPOTENCY_KEY, Opened, Request, Web, idempotency_key, place, read_answer};
use crate::functions::rpc::{Events, Problem, Said, said};

const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");
const VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
/// How long the end of a session may take. It is a courtesy.
const CLOSE: Duration = Duration::from_secs(2);

/// A session.
struct Streamable {
    web: Arc<Web>,
    request: Request,
}

/// Opens a session when the first message is sent.
pub(super) fn open(web: Arc<Web>, http: Http, call: &ActionCall) -> impl Wire + 'static {
    let Http { url, mut headers, authentication } = http;
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(ACCEPT, HeaderValue::from_static("application/json, text/event-stream"));
    headers.insert(IDEMPOTENCY_KEY, idempotency_key(&call.idempotency_key));
    let body = bytes::Bytes::new();
    Streamable {
        web,
        request: Request { method: Method::POST, url, headers, body, authentication, follow: false },
    }
}

impl Streamable {
    async fn post(&mut self, message: &Value) -> Result<Opened, ActionFailure> {
        self.request.body = message.to_string().into();
        let opened = self.web.open(&self.request, &AtomicBool::new(false)).await?;
        if opened.response.status().is_success() {
            return Ok(opened);
        }
        let answer = read_answer(opened, self.web.limits().response_bytes_max).await?;
        answer.judge(false)?;
        Err(self.broken("its answer cannot be read"))
    }

    /// Reads events until the one that answers.
    async fn stream(&mut self, id: u64, opened: Opened) -> Result<Result<Value, Problem>, ActionFailure> {
        let most = self.web.limits().response_bytes_max;
        let (mut events, mut response, mut total) = (Events::new(most), opened.response, 0);
        while let Some(piece) =
            response.chunk().await.map_err(|error| self.broken(&crate::http::reason(&error)))?
        {
            total += piece.len();
            if total > most {
                return Err(self.too_large(most));
            }
            for data in events.take(&piece).map_err(|reason| self.broken(&reason))? {
                // A stream may begin with an event without data, from which it could be taken up again.
                if data.is_empty() {
                    continue;
                }
                let message = serde_json::from_str(&data).map_err(|_| self.broken("an event is no JSON"))?;
                match said(message, id).map_err(|reason| self.broken(&reason))? {
                    Said::Answer(mut answer) => {
                        if let Ok(result) = &mut answer {
                            opened.hidden.hide_in(result);
                        }
                        return Ok(answer);
                    }
                    Said::Asked(reply) => self.tell(&reply).await?,
                    Said::Other => {}
                }
            }
        }
        Err(self.broken("the stream ended before the answer"))
    }

    fn broken(&self, reason: &str) -> ActionFailure {
        let text = format!(
            "the MCP server at {}: {reason}; it is not known whether it was done",
            place(&self.request.url)
        );
        failure(FailureKind::Communication, Retry::Exhausted, text).with_status(502)
    }

    fn too_large(&self, most: usize) -> ActionFailure {
        let text = format!(
            "the MCP server at {}: answer larger than {most} bytes; ask for less",
            place(&self.request.url)
        );
        failure(FailureKind::Communication, Retry::Permanent, text).with_status(502)
    }
}

#[async_trait]
impl Wire for Streamable {
    async fn ask(&mut self, id: u64, message: &Value) -> Result<Result<Value, Problem>, ActionFailure> {
        let opened = self.post(message).await?;
        if let Some(session) = opened.response.headers().get(SESSION) {
            let mut session = session.clone();
            session.set_sensitive(true);
            self.request.headers.insert(SESSION, session);
        }
        let kind = opened.response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let kind = kind.unwrap_or_default().to_ascii_lowercase();
        if kind.starts_with("text/event-stream") {
            return self.stream(id, opened).await;
        }
        let answer = read_answer(opened, self.web.limits().response_bytes_max).await?;
        let message =
            serde_json::from_slice(&answer.body).map_err(|_| self.broken("the answer is no JSON"))?;
        match said(message, id).map_err(|reason| self.broken(&reason))? {
            Said::Answer(mut said) => {
                if let Ok(result) = &mut said {
                    answer.hidden.hide_in(result);
                }
                Ok(said)
            }
            Said::Asked(_) | Said::Other => Err(self.broken("the answer belongs to another request")),
        }
    }

    async fn tell(&mut self, message: &Value) -> Result<(), ActionFailure> {
        self.post(message).await.map(|_| ())
    }

    fn agreed(&mut self, version: &str) {
        if let Ok(version) = HeaderValue::from_str(version) {
            self.request.headers.insert(VERSION, version);
        }
    }

    async fn close(mut self: Box<Self>) {
        if self.request.headers.contains_key(SESSION) {
            self.request.method = Method::DELETE;
            self.request.body = bytes::Bytes::new();
            let sent = AtomicBool::new(false);
            // Servers may refuse this, and the answer of the call does not depend on it.
            let _ = tokio::time::timeout(CLOSE, self.web.open(&self.request, &sent)).await;
        }
    }
}
