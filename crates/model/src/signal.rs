//! Signals: anything observed. Every receiver and poller ends in these types.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::finding::Feedback;
use crate::id::ChangeId;
use crate::incident::Severity;
use crate::time::Timestamp;

/// Labels or attributes: names to values, sorted.
pub type Labels = BTreeMap<String, String>;

/// One observation of any kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Signal {
    /// Samples of one metric series.
    Metric(MetricSeries),
    /// A log record.
    Log(LogRecord),
    /// A span of a trace.
    Span(Span),
    /// The result of one health probe.
    Probe(ProbeResult),
    /// Something happened: a process ended, a job ran, a CloudEvent arrived.
    Event(Event),
    /// People or machines altered something.
    Change(Change),
    /// What another system holds to be wrong.
    Alert(Alert),
    /// A person's word on a finding. Comes from the API alone, never from a sender.
    Feedback(Feedback),
}

impl Signal {
    /// The service it speaks of; empty when the sender did not say.
    #[must_use]
    pub fn service(&self) -> &str {
        match self {
            Self::Metric(m) => &m.service,
            Self::Log(l) => &l.service,
            Self::Span(s) => &s.service,
            Self::Probe(p) => &p.service,
            Self::Event(e) => &e.service,
            Self::Change(c) => &c.service,
            Self::Alert(a) => &a.service,
            Self::Feedback(f) => &f.service,
        }
    }

    /// When it was observed (a series: its newest sample).
    #[must_use]
    pub fn at(&self) -> Timestamp {
        match self {
            Self::Metric(m) => m.points.last().map_or(Timestamp::ZERO, |p| p.at),
            Self::Log(l) => l.at,
            Self::Span(s) => s.started_at.plus_ms((s.duration_us / 1_000) as i64),
            Self::Probe(p) => p.at,
            Self::Event(e) => e.at,
            Self::Change(c) => c.at,
            Self::Alert(a) => a.at,
            Self::Feedback(f) => f.at,
        }
    }
}

/// What the numbers of a series mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MetricKind {
    /// A value that goes up and down.
    Gauge,
    /// A running total that only grows, and starts over when its process does.
    Counter,
}

/// One sample.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Point {
    /// When.
    pub at: Timestamp,
    /// How much, in the unit of the series. May be NaN (a Prometheus stale marker is dropped on receipt).
    pub value: f64,
}

/// Samples of one series, oldest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct MetricSeries {
    /// The service it speaks of.
    pub service: String,
    /// Metric name as sent; Prometheus names carry their unit (`process_resident_memory_bytes`).
    pub name: String,
    /// What the numbers mean.
    pub kind: MetricKind,
    /// Every other label, `instance` included. Never `__name__` or `service`.
    #[serde(default)]
    pub labels: Labels,
    /// Samples, oldest first.
    pub points: Vec<Point>,
}

/// Severity of a log record, after the OpenTelemetry log data model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogLevel {
    /// Finest.
    Trace,
    /// For developers.
    Debug,
    /// Normal.
    Info,
    /// Might matter.
    Warn,
    /// Something failed.
    Error,
    /// The process cannot go on.
    Fatal,
}

/// One log record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct LogRecord {
    /// The service it speaks of.
    pub service: String,
    /// When it was written.
    pub at: Timestamp,
    /// Its severity.
    pub level: LogLevel,
    /// The message.
    pub body: String,
    /// Structured fields, `instance` included.
    #[serde(default)]
    pub attributes: Labels,
    /// Trace it belongs to, 32 hex digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
}

/// Role of a span in a call, after OpenTelemetry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SpanKind {
    /// Inside one service.
    Internal,
    /// Handles a request.
    Server,
    /// Makes a request.
    Client,
    /// Sends a message.
    Producer,
    /// Handles a message.
    Consumer,
}

/// One span.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Span {
    /// The service that made it.
    pub service: String,
    /// Operation, for example `POST /orders`.
    pub name: String,
    /// Its role.
    pub kind: SpanKind,
    /// 32 hex digits.
    pub trace_id: String,
    /// 16 hex digits.
    pub span_id: String,
    /// 16 hex digits; none for a root span.
    pub parent_span_id: Option<String>,
    /// Start.
    pub started_at: Timestamp,
    /// Duration in microseconds.
    pub duration_us: u64,
    /// Whether it failed (span status `Error`).
    pub error: bool,
    /// Attributes; a client span names its callee in `peer.service` or `server.address`.
    #[serde(default)]
    pub attributes: Labels,
}

/// One health probe: HTTP or TCP.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ProbeResult {
    /// The service probed.
    pub service: String,
    /// The instance probed, when one is known.
    pub instance: Option<String>,
    /// What was probed: `http://127.0.0.1:7101/healthz` or `tcp://127.0.0.1:7101`.
    pub target: String,
    /// When the probe ended.
    pub at: Timestamp,
    /// Whether it passed.
    pub ok: bool,
    /// How long it took, in milliseconds.
    pub latency_ms: u64,
    /// `refused`, `timeout`, `status 503`, …; empty when it passed.
    #[serde(default)]
    pub reason: String,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Event {
    /// Unique at its source (CloudEvents `id`); the same source and id is the same event.
    pub id: String,
    /// Who says so (CloudEvents `source`).
    pub source: String,
    /// What kind (CloudEvents `type`): `dev.homeostat.process.exited`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// The service it speaks of; empty when none.
    #[serde(default)]
    pub service: String,
    /// When.
    pub at: Timestamp,
    /// Its content, JSON.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub data: serde_json::Value,
    /// Its other CloudEvents attributes: `subject`, `dataschema`, extensions.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub attributes: std::collections::BTreeMap<String, serde_json::Value>,
}

impl Event {
    /// The CloudEvent in its JSON format (CloudEvents 1.0.2, JSON Event Format).
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        let mut map: serde_json::Map<_, _> = self.attributes.clone().into_iter().collect();
        let texts = [
            ("specversion", "1.0"),
            ("id", &self.id),
            ("source", &self.source),
            ("type", &self.kind),
            ("service", &self.service),
        ];
        for (name, text) in texts.into_iter().filter(|(_, text)| !text.is_empty()) {
            map.insert(name.to_owned(), text.into());
        }
        map.insert("time".to_owned(), self.at.to_string().into());
        map.insert("data".to_owned(), self.data.clone());
        map.into()
    }
}

/// An alert of another system: Alertmanager, Grafana, a cloud.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Alert {
    /// The same for the same alert each time that it is sent, and for no other of its source.
    pub fingerprint: String,
    /// Who says so: `alertmanager`.
    pub source: String,
    /// Its name there: `HighErrorRate`.
    pub name: String,
    /// The service it speaks of; the name of the alert when its labels name none.
    pub service: String,
    /// The instance, when it speaks of one.
    pub instance: Option<String>,
    /// How bad, in our words.
    pub severity: Severity,
    /// One line for people.
    pub summary: String,
    /// Its labels.
    #[serde(default)]
    pub labels: Labels,
    /// Where to look at it there.
    pub url: Option<String>,
    /// When it was seen last: when it was sent, or when it ended.
    pub at: Timestamp,
    /// When the trouble began.
    pub started_at: Timestamp,
    /// Whether the other system holds it to be over.
    pub resolved: bool,
}

/// What was altered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// A new release.
    Deploy,
    /// An older release brought back.
    Rollback,
    /// A configuration edit.
    Config,
    /// More or fewer instances.
    Scale,
    /// Anything else.
    Other,
}

/// An alteration made by people or machines.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Change {
    /// Its id; derived from source and time, so that polling it twice is one change.
    pub id: ChangeId,
    /// The service altered.
    pub service: String,
    /// What was altered.
    pub kind: ChangeKind,
    /// When it took effect.
    pub at: Timestamp,
    /// One line for people.
    pub summary: String,
    /// Version or revision before, where that means something.
    pub from: Option<String>,
    /// Version or revision after.
    pub to: Option<String>,
    /// Who did it; Homeostat's own changes say `homeostat`.
    pub actor: String,
}
