//! Calls to other services: round robin over the instances that serve, the next one when one refuses.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use serde_json::Value;

use super::app::App;
use super::trace::{Span, SpanKind, Trace, span_id, unix_nanos};

/// Longest time a call may take.
const TIMEOUT: Duration = Duration::from_millis(1_800);

/// How often the endpoints file is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Knows where the other services are.
pub(super) struct Peers {
    file: PathBuf,
    /// Service -> `service:<name>` (found through the host) or a fixed base URL.
    upstreams: BTreeMap<String, String>,
    turn: AtomicUsize,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    looked: Option<Instant>,
    changed: Option<SystemTime>,
    endpoints: BTreeMap<String, Vec<String>>,
}

/// Why a call gave no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum CallError {
    #[error("no instance of {0} is serving")]
    Nobody(String),
    #[error("{peer} at {address} did not answer: {reason}")]
    NoAnswer { peer: String, address: String, reason: &'static str },
}

impl Peers {
    pub(super) fn new(file: PathBuf, config: &Value) -> Self {
        let upstreams = config["upstreams"].as_object().into_iter().flatten();
        let upstreams = upstreams.filter_map(|(name, at)| Some((name.clone(), at.as_str()?.to_owned())));
        Self { file, upstreams: upstreams.collect(), turn: AtomicUsize::new(0), known: Mutex::default() }
    }

    /// Base URLs to try, in order.
    fn addresses(&self, peer: &str) -> Vec<String> {
        let upstream = self.upstreams.get(peer).map(String::as_str);
        let service = match upstream {
            Some(fixed) if !fixed.starts_with("service:") => return vec![fixed.to_owned()],
            other => other.and_then(|o| o.strip_prefix("service:")).unwrap_or(peer),
        };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.looked.is_none_or(|at| at.elapsed() > LOOK_EVERY) {
            known.looked = Some(Instant::now());
            let changed = std::fs::metadata(&self.file).and_then(|m| m.modified()).ok();
            if changed != known.changed {
                known.changed = changed;
                known.endpoints = self.read().unwrap_or_default();
            }
        }
        let mut found = known.endpoints.get(service).cloned().unwrap_or_default();
        if !found.is_empty() {
            let first = self.turn.fetch_add(1, Ordering::Relaxed) % found.len();
            found.rotate_left(first);
        }
        found
    }

    fn read(&self) -> Option<BTreeMap<String, Vec<String>>> {
        let value: Value = serde_json::from_slice(&std::fs::read(&self.file).ok()?).ok()?;
        let addresses = |list: &Value| {
            let each = list.as_array().into_iter().flatten().filter_map(|e| e["address"].as_str());
            each.map(|a| format!("http://{a}")).collect::<Vec<_>>()
        };
        Some(
            value["services"]
                .as_object()?
                .iter()
                .map(|(name, list)| (name.clone(), addresses(list)))
                .collect(),
        )
    }
}

impl App {
    /// Calls another service and records a client span.
    pub(super) async fn call(
        &self,
        peer: &str,
        method: &str,
        path: &str,
        body: Option<&Value>,
        trace: &Trace,
    ) -> Result<(u16, Value), CallError> {
        let (own, started) = (span_id(&self.random), unix_nanos());
        let (address, result) =
            self.try_each(peer, method, path, body, &format!("00-{}-{own}-01", trace.trace_id)).await;
        let status = result.as_ref().map_or(0, |(status, _)| *status);
        let host = address.strip_prefix("http://").unwrap_or(&address);
        let (host, port) = host.split_once(':').unwrap_or((host, ""));
        let mut attributes = vec![
            ("http.request.method", method.to_owned()),
            ("peer.service", peer.to_owned()),
            ("server.address", host.to_owned()),
            ("server.port", port.to_owned()),
        ];
        match &result {
            Ok(_) => attributes.push(("http.response.status_code", status.to_string())),
            Err(CallError::NoAnswer { reason, .. }) => attributes.push(("error.type", (*reason).to_owned())),
            Err(CallError::Nobody(_)) => attributes.push(("error.type", "no_endpoint".to_owned())),
        }
        self.tracer.record(Span {
            kind: SpanKind::Client,
            name: format!("{method} {peer}"),
            trace_id: trace.trace_id.clone(),
            span_id: own,
            parent: Some(trace.span_id.clone()),
            started,
            ended: unix_nanos(),
            error: result.is_err() || status >= 500,
            attributes,
        });
        result
    }

    async fn try_each(
        &self,
        peer: &str,
        method: &str,
        path: &str,
        body: Option<&Value>,
        traceparent: &str,
    ) -> (String, Result<(u16, Value), CallError>) {
        let mut last = (String::new(), Err(CallError::Nobody(peer.to_owned())));
        for address in self.peers.addresses(peer) {
            let url = format!("{address}{path}");
            let request = if method == "POST" { self.client.post(url) } else { self.client.get(url) };
            let request = request.header("traceparent", traceparent).timeout(TIMEOUT);
            let request = if let Some(body) = body { request.json(body) } else { request };
            let error = match request.send().await {
                Ok(response) => {
                    let status = response.status().as_u16();
                    let body = response.json().await.unwrap_or_default();
                    return (address, Ok((status, body)));
                }
                Err(error) => error,
            };
            let reason = if error.is_connect() {
                "connection_refused"
            } else if error.is_timeout() {
                "timeout"
            } else {
                "connection_lost"
            };
            let no_answer = CallError::NoAnswer { peer: peer.to_owned(), address: address.clone(), reason };
            last = (address, Err(no_answer));
            // Only a refused connection is sure to have done nothing; anything else must not be sent twice.
            if !error.is_connect() {
                break;
            }
        }
        last
    }
}
