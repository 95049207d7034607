//! AsyncAPI over HTTP: the address of a channel is a path (AsyncAPI HTTP bindings). Publishing is a request; subscribing
//! is a GET whose answer is a stream of server-sent events or lines of JSON, or one message, asked for again and again.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use ports::{ActionFailure, FailureKind, Retry};
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Response, StatusCode, Url};
use serde_json::Map;

use super::document::Target;
use super::subscription::{InboundMessage, Subscription};
use super::{Call, Outbound, message};
use crate::functions::failure;
use crate::functions::fields::{configuration, scalar};
use crate::functions::http::{
    IDEMPOTENCY_KEY, Opened, Request, Web, header, idempotency_key, place, read_answer, url,
};
use crate::functions::rpc::Events;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// Pause before a question that had no message, or a broken stream, is asked for again.
const PAUSE: Duration = Duration::from_millis(500);
/// Failures in a row after which a subscription is given up.
const FAILURES_MAX: u32 = 5;
/// Messages that wait for us.
const WAITING_MAX: usize = 4_096;

/// Sends a message.
pub(super) async fn publish(
    web: &Web,
    call: Call,
    address: &str,
    outbound: Outbound,
    key: &str,
) -> Result<(), ActionFailure> {
    let Call { target, authentication, .. } = call;
    let method = target.http_method.as_deref().unwrap_or("POST").to_ascii_uppercase();
    let method = ["POST", "PUT", "PATCH", "DELETE", "GET"].into_iter().find(|known| *known == method);
    let method =
        method.ok_or_else(|| configuration("the HTTP binding of the operation names no usual method"))?;
    let mut headers = HeaderMap::new();
    for (name, value) in &outbound.headers {
        let text = scalar(value);
        let text = text.ok_or_else(|| configuration(format!("with.message.headers.{name} must be text")))?;
        let (name, value) = header(name, &text)?;
        headers.append(name, value);
    }
    let kind = HeaderValue::from_str(&target.content_type);
    let kind =
        kind.map_err(|_| configuration("the content type of the message holds characters no header can"))?;
    headers.entry(CONTENT_TYPE).or_insert(kind);
    headers.entry(IDEMPOTENCY_KEY).or_insert_with(|| idempotency_key(key));
    let request = Request {
        method: Method::from_bytes(method.as_bytes()).unwrap_or(Method::POST),
        url: place_of(&target, address)?,
        headers,
        body: message::encode(&target.content_type, &outbound.payload)?,
        authentication,
        follow: false,
    };
    web.exchange(&request).await?.judge(false)
}

/// Begins to listen; the first answer is there when this returns.
pub(super) async fn subscribe(
    web: Arc<Web>,
    call: Call,
    address: &str,
) -> Result<Box<dyn Subscription>, ActionFailure> {
    let Call { target, authentication, .. } = call;
    let accept = "text/event-stream, application/x-ndjson, application/json;q=0.5, */*;q=0.1";
    let headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(accept))]);
    let url = place_of(&target, address)?;
    let request =
        Request { method: Method::GET, url, headers, body: Bytes::new(), authentication, follow: true };
    let mut messages = Messages {
        web,
        request,
        target,
        open: None,
        waiting: VecDeque::new(),
        count: 0,
        given: 0,
        failures: 0,
        ids: VecDeque::new(),
    };
    messages.ask().await?;
    Ok(Box::new(messages))
}

fn place_of(target: &Target, address: &str) -> Result<Url, ActionFailure> {
    let scheme = if target.secure { "https" } else { "http" };
    url(&format!("{scheme}://{}{}/{}", target.host, target.path, address.trim_start_matches('/')))
}

struct Messages {
    web: Arc<Web>,
    request: Request,
    target: Target,
    open: Option<Stream>,
    waiting: VecDeque<InboundMessage>,
    /// How many messages came, and how many of them were given on.
    count: u64,
    given: u64,
    failures: u32,
    /// Ids of events that were not taken yet, with the number of their message.
    ids: VecDeque<(u64, String)>,
}

/// An answer that goes on.
struct Stream {
    response: Response,
    reader: Reader,
}

enum Reader {
    Events(Events),
    Lines(Vec<u8>),
}

impl Messages {
    /// Asks; a whole answer is a message, a stream stays open.
    async fn ask(&mut self) -> Result<(), ActionFailure> {
        let opened = self.web.open(&self.request, &AtomicBool::new(false)).await?;
        let most = self.web.limits().response_bytes_max;
        let kind = opened.response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let kind = kind.unwrap_or_default().to_ascii_lowercase();
        let reader = match kind.split(';').next().unwrap_or_default().trim() {
            "text/event-stream" => Some(Reader::Events(Events::new(most))),
            "application/x-ndjson" | "application/jsonl" | "application/json-seq" => {
                Some(Reader::Lines(Vec::new()))
            }
            _ => None,
        };
        if let (true, Some(reader)) = (opened.response.status().is_success(), reader) {
            let Opened { response, .. } = opened;
            self.open = Some(Stream { response, reader });
            return Ok(());
        }
        let answer = read_answer(opened, most).await?;
        answer.judge(false)?;
        if answer.status != StatusCode::NO_CONTENT && !answer.body.is_empty() {
            let mut headers = Map::new();
            for (name, value) in &answer.headers {
                message::add(
                    &mut headers,
                    name.as_str(),
                    String::from_utf8_lossy(value.as_bytes()).into_owned(),
                );
            }
            let message = message::decode(&self.target, headers, &answer.body);
            self.push(message, None);
        }
        Ok(())
    }

    fn push(&mut self, message: InboundMessage, id: Option<&str>) {
        self.count += 1;
        self.waiting.push_back(message);
        if let Some(id) = id {
            self.ids.push_back((self.count, id.to_owned()));
        }
    }

    /// Reads on; whether the stream goes on.
    async fn read_on(&mut self) -> Result<bool, String> {
        let Some(stream) = &mut self.open else { return Ok(false) };
        let Some(piece) = stream.response.chunk().await.map_err(|error| crate::http::reason(&error))? else {
            return Ok(false);
        };
        let most = self.web.limits().response_bytes_max;
        let (texts, id) = match &mut stream.reader {
            Reader::Events(events) => (events.take(&piece)?, events.last_id().map(str::to_owned)),
            Reader::Lines(rest) => (lines(rest, &piece, most)?, None),
        };
        for text in texts {
            let message = message::decode(&self.target, Map::new(), text.as_bytes());
            self.push(message, id.as_deref());
        }
        Ok(true)
    }

    fn given_up(&self, reason: &str) -> ActionFailure {
        let text = format!("the subscription to {} broke: {reason}", place(&self.request.url));
        failure(FailureKind::Communication, Retry::Exhausted, text).with_status(502)
    }
}

/// Whole lines out of bytes that come cut anywhere.
fn lines(rest: &mut Vec<u8>, piece: &[u8], most: usize) -> Result<Vec<String>, String> {
    let mut whole = Vec::new();
    for part in piece.split_inclusive(|byte| *byte == b'\n') {
        rest.extend_from_slice(part);
        if rest.len() > most {
            return Err(format!("a line is larger than {most} bytes"));
        }
        if rest.ends_with(b"\n") {
            let line = String::from_utf8_lossy(rest).trim().to_owned();
            rest.clear();
            if !line.is_empty() {
                whole.push(line);
            }
        }
    }
    Ok(whole)
}

#[async_trait]
impl Subscription for Messages {
    async fn next(&mut self) -> Result<Option<InboundMessage>, ActionFailure> {
        loop {
            if let Some(message) = self.waiting.pop_front() {
                self.failures = 0;
                self.given += 1;
                return Ok(Some(message));
            }
            match self.read_on().await {
                Ok(true) if self.waiting.len() > WAITING_MAX => {
                    return Err(self.given_up(&format!("more than {WAITING_MAX} messages came at once")));
                }
                Ok(true) => continue,
                Ok(false) => self.open = None,
                Err(reason) => {
                    self.open = None;
                    self.failures += 1;
                    if self.failures >= FAILURES_MAX {
                        return Err(self.given_up(&reason));
                    }
                }
            }
            tokio::time::sleep(PAUSE * (1 + self.failures)).await;
            match self.ask().await {
                Err(refused) if refused.retry == Retry::Permanent || self.failures + 1 >= FAILURES_MAX => {
                    return Err(refused);
                }
                Err(_) => self.failures += 1,
                Ok(()) => {}
            }
        }
    }

    /// A stream that is asked for again goes on after the last event that was taken.
    fn taken(&mut self) {
        let mut newest = None;
        while self.ids.front().is_some_and(|(number, _)| *number <= self.given) {
            newest = self.ids.pop_front();
        }
        if let Some(id) = newest.and_then(|(_, id)| HeaderValue::from_str(&id).ok()) {
            self.request.headers.insert(LAST_EVENT_ID, id);
        }
    }
}
