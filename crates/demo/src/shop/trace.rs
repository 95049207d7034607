//! Spans over OTLP/HTTP JSON, and W3C trace context. Never in the way: a full queue drops and counts.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tokio::sync::{Notify, mpsc};

use crate::random::Random;

const QUEUE: usize = 4_096;
const BATCH_EVERY: Duration = Duration::from_millis(250);

/// Where a request stands in its trace.
#[derive(Clone, Debug)]
pub(super) struct Trace {
    pub trace_id: String,
    /// The span of this service's handling.
    pub span_id: String,
    /// The caller's span.
    pub parent: Option<String>,
}

impl Trace {
    /// Goes on with the trace of a `traceparent` header (W3C Trace Context, version 00), or begins one.
    pub(super) fn from_header(header: Option<&str>, random: &Random) -> Self {
        let span_id = span_id(random);
        let parts: Vec<&str> = header.unwrap_or_default().split('-').collect();
        let is_hex =
            |text: &str, len: usize| text.len() == len && text.bytes().all(|b| b.is_ascii_hexdigit());
        match parts[..] {
            ["00", trace, parent, _] if is_hex(trace, 32) && is_hex(parent, 16) => {
                Self { trace_id: trace.to_owned(), span_id, parent: Some(parent.to_owned()) }
            }
            _ => Self::root(random),
        }
    }

    /// Begins a trace.
    pub(super) fn root(random: &Random) -> Self {
        let trace_id = format!("{:016x}{:016x}", random.next(), random.next());
        Self { trace_id, span_id: span_id(random), parent: None }
    }
}

/// A new span id.
pub(super) fn span_id(random: &Random) -> String {
    format!("{:016x}", random.next().max(1))
}

#[derive(Clone, Copy)]
pub(super) enum SpanKind {
    Internal = 1,
    Server = 2,
    Client = 3,
}

/// One finished span.
pub(super) struct Span {
    pub kind: SpanKind,
    pub name: String,
    pub trace_id: String,
    pub span_id: String,
    pub parent: Option<String>,
    pub started: u64,
    pub ended: u64,
    pub error: bool,
    pub attributes: Vec<(&'static str, String)>,
}

/// Takes spans and sends them in batches.
pub(super) struct Tracer {
    queue: Option<mpsc::Sender<Span>>,
    dropped: Arc<AtomicU64>,
    flush: Arc<Notify>,
    flushed: Arc<Notify>,
}

impl Tracer {
    /// Sends to `<url>/v1/traces`; with an empty URL spans go nowhere.
    pub(super) fn start(
        client: reqwest::Client,
        url: &str,
        token: &str,
        service: &str,
        instance: &str,
        version: &str,
    ) -> Self {
        let (dropped, flush, flushed) = (Arc::default(), Arc::new(Notify::new()), Arc::new(Notify::new()));
        if url.is_empty() {
            return Self { queue: None, dropped, flush, flushed };
        }
        let (queue, spans) = mpsc::channel(QUEUE);
        let text = |key: &str, value: &str| json!({"key": key, "value": {"stringValue": value}});
        let resource = json!({"attributes": [
            text("service.name", service), text("service.instance.id", instance), text("service.version", version),
            text("deployment.environment.name", "demo"),
        ]});
        let url = format!("{}/v1/traces", url.trim_end_matches('/'));
        let sender = Sender { client, url, token: token.to_owned(), resource, dropped: Arc::clone(&dropped) };
        tokio::spawn(sender.run(spans, Arc::clone(&flush), Arc::clone(&flushed)));
        Self { queue: Some(queue), dropped, flush, flushed }
    }

    /// Takes a span, or drops it when the queue is full.
    pub(super) fn record(&self, span: Span) {
        if let Some(queue) = &self.queue
            && queue.try_send(span).is_err()
        {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Spans that were lost because nobody took them.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Sends what is queued, within a moment.
    pub(super) async fn flush(&self) {
        if self.queue.is_some() {
            self.flush.notify_one();
            let _ = tokio::time::timeout(Duration::from_millis(200), self.flushed.notified()).await;
        }
    }
}

struct Sender {
    client: reqwest::Client,
    url: String,
    token: String,
    resource: Value,
    dropped: Arc<AtomicU64>,
}

impl Sender {
    async fn run(self, mut spans: mpsc::Receiver<Span>, flush: Arc<Notify>, flushed: Arc<Notify>) {
        let mut batch = Vec::new();
        loop {
            let last = tokio::select! {
                () = tokio::time::sleep(BATCH_EVERY) => false,
                () = flush.notified() => true,
            };
            while let Ok(span) = spans.try_recv() {
                batch.push(as_json(&span));
            }
            if !batch.is_empty() {
                let count = batch.len() as u64;
                if !self.send(std::mem::take(&mut batch)).await {
                    self.dropped.fetch_add(count, Ordering::Relaxed);
                }
            }
            if last {
                flushed.notify_one();
            }
        }
    }

    async fn send(&self, spans: Vec<Value>) -> bool {
        let body = json!({"resourceSpans": [{"resource": self.resource, "scopeSpans": [{"scope": {"name": "shop"}, "spans": spans}]}]});
        let request =
            self.client.post(&self.url).bearer_auth(&self.token).timeout(Duration::from_secs(2)).json(&body);
        request.send().await.is_ok_and(|r| r.status().is_success())
    }
}

fn as_json(span: &Span) -> Value {
    let value = |key: &str, text: &str| match (key, text.parse::<u64>()) {
        ("http.response.status_code" | "server.port", Ok(_)) => json!({"intValue": text}),
        _ => json!({"stringValue": text}),
    };
    let attributes: Vec<Value> =
        span.attributes.iter().map(|(k, v)| json!({"key": k, "value": value(k, v)})).collect();
    json!({
        "traceId": span.trace_id, "spanId": span.span_id, "parentSpanId": span.parent.as_deref().unwrap_or_default(),
        "name": span.name, "kind": span.kind as u8,
        "startTimeUnixNano": span.started.to_string(), "endTimeUnixNano": span.ended.to_string(),
        "attributes": attributes, "status": {"code": if span.error { 2 } else { 0 }},
    })
}

/// Now, in nanoseconds of Unix time.
pub(super) fn unix_nanos() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_goes_on_and_nonsense_begins_a_new_one() {
        let random = Random::new();
        let header = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let trace = Trace::from_header(Some(header), &random);
        assert_eq!(trace.trace_id, "0af7651916cd43dd8448eb211c80319c");
        assert_eq!(trace.parent.as_deref(), Some("b7ad6b7169203331"));
        for nonsense in
            [None, Some(""), Some("00-x-y-01"), Some("00-0af7651916cd43dd8448eb211c80319c-b7ad-01")]
        {
            let trace = Trace::from_header(nonsense, &random);
            assert_eq!((trace.trace_id.len(), trace.span_id.len(), trace.parent), (32, 16, None));
        }
    }
}
