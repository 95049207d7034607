//! Who calls whom, from spans. A callee is named by `peer.service`, by an address that probes taught us, by a
//! host name, or by joining the client span with the server span it is the parent of.

use std::collections::BTreeMap;

use model::{Edge, ServiceGraph, Span, SpanKind, Timestamp};
use serde::{Deserialize, Serialize};

use crate::bounded::Bounded;
use crate::histogram::LogHistogram;

/// Calls are counted in two halves of this length, so that figures cover 30 to 60 s.
const HALF_MS: i64 = 30_000;
/// Figures are refreshed at most this often.
const REFRESH_MS: i64 = 1_000;
/// Spans waiting for the other end of their call.
const WAITING: usize = 8_192;
const MAX_ADDRESSES: usize = 10_000;

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Half {
    calls: u32,
    errors: u32,
    durations: LogHistogram,
}

impl Half {
    fn new() -> Self {
        Self { calls: 0, errors: 0, durations: LogHistogram::new() }
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Traffic {
    from: String,
    to: String,
    current: Half,
    previous: Option<Half>,
    current_since: Timestamp,
    first_at: Timestamp,
    last_at: Timestamp,
}

/// A client span whose callee is not known yet.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Waiting {
    service: String,
    client: Option<(bool, u64)>,
}

/// See the module.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Calls {
    traffic: Bounded<Traffic>,
    waiting: Bounded<Waiting>,
    addresses: BTreeMap<String, String>,
    declared: BTreeMap<String, Vec<String>>,
    graph: ServiceGraph,
    refreshed_at: Timestamp,
}

impl Calls {
    pub(crate) fn new(max_services: usize) -> Self {
        Self {
            traffic: Bounded::new(max_services.saturating_mul(8)),
            waiting: Bounded::new(WAITING),
            addresses: BTreeMap::new(),
            declared: BTreeMap::new(),
            graph: ServiceGraph::default(),
            refreshed_at: Timestamp::ZERO,
        }
    }

    pub(crate) fn graph(&self) -> &ServiceGraph {
        &self.graph
    }

    pub(crate) fn declare(&mut self, service: &str, depends_on: &[String]) {
        self.declared.insert(service.to_owned(), depends_on.to_vec());
        for callee in depends_on {
            self.graph.declare(service, callee);
        }
    }

    /// Learns which service answers at an address: `http://127.0.0.1:7101/healthz`.
    pub(crate) fn address(&mut self, target: &str, service: &str) {
        let rest = target.split_once("://").map_or(target, |(_, rest)| rest);
        let address = rest.split(['/', '?']).next().unwrap_or(rest);
        let known = self.addresses.get(address).is_some_and(|s| s == service);
        if !known && !service.is_empty() && self.addresses.len() < MAX_ADDRESSES {
            self.addresses.insert(address.to_owned(), service.to_owned());
        }
    }

    pub(crate) fn span(&mut self, at: Timestamp, span: &Span) {
        match span.kind {
            SpanKind::Client | SpanKind::Producer => self.client(at, span),
            SpanKind::Server | SpanKind::Consumer => self.server(at, span),
            SpanKind::Internal => {}
        }
    }

    fn client(&mut self, at: Timestamp, span: &Span) {
        let outcome = (span.error, span.duration_us);
        if let Some(callee) = self.callee(span) {
            self.call(at, &span.service, &callee, outcome);
            return;
        }
        let other = self.waiting.get(span.span_id.as_str()).filter(|w| w.client.is_none());
        if let Some(callee) = other.map(|w| w.service.clone()) {
            self.call(at, &span.service, &callee, outcome);
        } else {
            let waiting = Waiting { service: span.service.clone(), client: Some(outcome) };
            self.waiting.entry(&span.span_id, || waiting);
        }
    }

    fn server(&mut self, at: Timestamp, span: &Span) {
        let Some(parent) = span.parent_span_id.as_deref().filter(|p| !p.is_empty()) else { return };
        let caller = self.waiting.get(parent).and_then(|w| Some((w.service.clone(), w.client?)));
        if let Some((caller, outcome)) = caller {
            self.call(at, &caller, &span.service, outcome);
        } else {
            self.waiting.entry(parent, || Waiting { service: span.service.clone(), client: None });
        }
    }

    fn callee(&self, span: &Span) -> Option<String> {
        if let Some(peer) = span.attributes.get("peer.service").filter(|p| !p.is_empty()) {
            return Some(peer.clone());
        }
        let host = span.attributes.get("server.address").filter(|a| !a.is_empty())?;
        let port = span.attributes.get("server.port");
        let address = port.map_or_else(|| host.clone(), |port| format!("{host}:{port}"));
        if let Some(service) = self.addresses.get(&address) {
            return Some(service.clone());
        }
        // A bare name is most often the service's own; an IP address says nothing.
        let ip = host == "localhost" || host.contains(':') || host.parse::<std::net::IpAddr>().is_ok();
        (!ip).then(|| host.split('.').next().unwrap_or(host).to_owned())
    }

    fn call(&mut self, at: Timestamp, from: &str, to: &str, (error, duration_us): (bool, u64)) {
        if from == to || from.is_empty() || to.is_empty() {
            return;
        }
        let traffic = self.traffic.entry(&format!("{from}\u{1f}{to}"), || Traffic {
            from: from.to_owned(),
            to: to.to_owned(),
            current: Half::new(),
            previous: None,
            current_since: at,
            first_at: at,
            last_at: at,
        });
        traffic.last_at = traffic.last_at.max(at);
        traffic.current.calls = traffic.current.calls.saturating_add(1);
        traffic.current.errors = traffic.current.errors.saturating_add(u32::from(error));
        traffic.current.durations.add(LogHistogram::bucket(duration_us as f64 / 1_000.0));
        if self.graph.edge(from, to).is_none() {
            self.graph.declare(from, to);
        }
    }

    pub(crate) fn refresh(&mut self, now: Timestamp) {
        if now.since_ms(self.refreshed_at) < REFRESH_MS {
            return;
        }
        self.refreshed_at = now;
        // Made anew, so that an edge that gave way to newer ones leaves the graph too.
        self.graph = ServiceGraph::default();
        for (_, traffic) in self.traffic.iter_mut() {
            traffic.turn(now);
            self.graph.put(traffic.edge(now));
        }
        for (service, callees) in &self.declared {
            callees.iter().for_each(|callee| self.graph.declare(service, callee));
        }
    }
}

impl Traffic {
    fn turn(&mut self, now: Timestamp) {
        let age = now.since_ms(self.current_since);
        if age >= HALF_MS {
            let done = std::mem::replace(&mut self.current, Half::new());
            self.previous = (age < 2 * HALF_MS).then_some(done);
            self.current_since = now;
        }
    }

    fn edge(&self, now: Timestamp) -> Edge {
        let (mut calls, mut errors, mut since) =
            (self.current.calls, self.current.errors, self.current_since);
        let mut durations = &self.current.durations;
        if let Some(previous) = &self.previous {
            calls = calls.saturating_add(previous.calls);
            errors = errors.saturating_add(previous.errors);
            since = since.plus_ms(-HALF_MS).max(self.first_at);
            if self.current.calls < previous.calls / 4 {
                durations = &previous.durations;
            }
        }
        let seconds = (now.since_ms(since) as f64 / 1_000.0).max(1.0);
        Edge {
            from: self.from.clone(),
            to: self.to.clone(),
            calls_per_s: f64::from(calls) / seconds,
            error_ratio: f64::from(errors) / f64::from(calls.max(1)),
            p95_ms: durations.quantile(0.95).unwrap_or(0.0),
            last_seen_at: Some(self.last_at),
        }
    }
}
