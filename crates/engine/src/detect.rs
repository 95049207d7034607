//! Stage "detect": reads the bus in order, keeps telemetry, runs the detectors, tells the loop.
//!
//! Everything here is rebuilt from the bus after a crash: the checkpoint is taken only after telemetry is
//! durable and the loop has committed what it was told, so a replay repeats and never skips.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::prelude::BASE64_STANDARD as BASE64;
use detect::{Detection, Output};
use model::{Alert, Event, LogLevel, LogRecord, MetricSeries, Severity, Signal, Span, Timestamp};
use ports::{Bus, Expected, Logs, Offset, Op, Series, Store, Topic};
use serde_json::json;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

pub use ::detect::{Drift, Member, Report, Settings};

use crate::drive::Message;
use crate::observation::Observations;
use crate::sense::Batch;

const KIND: &str = "checkpoint";
const ID: &str = "detection";
/// Detector ticks come from the times in the batches, so that a replay ticks alike.
const TICK_MS: i64 = 250;
/// After a gap longer than this many ticks the ones in between are skipped.
const MAX_TICKS: i64 = 240;
const READ_BYTES: usize = 4 << 20;
const GRAPH_EVERY_MS: i64 = 1_000;
const REPORT_EVERY_MS: i64 = 5_000;

/// Rates of the pipeline, for status and the live view.
#[derive(Debug, Default)]
pub struct Progress {
    /// Newest offset worked.
    pub offset: AtomicU64,
    /// Signals worked since start.
    pub signals: AtomicU64,
    /// Batches that could not be read back.
    pub corrupt: AtomicU64,
}

/// The newest numbers over all services, for the live view.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Pulse {
    /// When.
    pub at: Timestamp,
    /// Requests a second entering the system (the busiest service).
    pub request_rate: f64,
    /// Share of them that fail, 0 to 1.
    pub error_ratio: f64,
    /// Signals worked a second.
    pub signals_per_s: f64,
}

/// What the stage works with.
pub(crate) struct Detect {
    pub(crate) bus: Arc<dyn Bus>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) series: Arc<dyn Series>,
    pub(crate) logs: Arc<dyn Logs>,
    pub(crate) to_loop: mpsc::Sender<Message>,
    pub(crate) progress: Arc<Progress>,
    pub(crate) pulse: watch::Sender<Pulse>,
    pub(crate) report: watch::Sender<Arc<Report>>,
    pub(crate) settings: Settings,
    pub(crate) checkpoint_every: Duration,
}

struct Position {
    detection: Detection,
    offset: Offset,
    ticked_at: Timestamp,
    graph_at: Timestamp,
    reported_at: Timestamp,
    pulse: Pulse,
    pulse_signals: u64,
}

impl Detect {
    /// Works until cancelled; then takes a last checkpoint.
    pub(crate) async fn run(self, cancel: CancellationToken) {
        let mut backoff = Duration::from_millis(50);
        while !cancel.is_cancelled() {
            match self.work(&cancel).await {
                Ok(()) => return,
                Err(error) => {
                    tracing::error!(%error, retry_in_ms = backoff.as_millis() as u64, "Detect stage failed; resuming from its checkpoint.");
                    tokio::select! { () = tokio::time::sleep(backoff) => {}, () = cancel.cancelled() => return }
                    backoff = (backoff * 2).min(Duration::from_secs(10));
                }
            }
        }
    }

    async fn work(&self, cancel: &CancellationToken) -> ports::Result<()> {
        let mut at = self.resume().await?;
        let mut newest = self.bus.watch(Topic::Signals);
        // The first checkpoint comes after the first work: short lives in a row must make progress too.
        let mut checkpoint: Option<Instant> = None;
        loop {
            let records = self.bus.read(Topic::Signals, at.offset, READ_BYTES).await?;
            if records.is_empty() {
                tokio::select! {
                    changed = newest.changed() => if changed.is_err() { break },
                    () = cancel.cancelled() => break,
                }
            }
            for (offset, bytes) in records {
                match Batch::decode(&bytes) {
                    Ok(batch) => self.process(&mut at, offset, &batch).await?,
                    Err(error) => {
                        self.progress.corrupt.fetch_add(1, Ordering::Relaxed);
                        tracing::error!(%error, offset, "Skipped a batch that cannot be read back.");
                    }
                }
                at.offset = offset;
                self.progress.offset.store(offset, Ordering::Relaxed);
            }
            if checkpoint.is_none_or(|last| last.elapsed() >= self.checkpoint_every) {
                self.save(&at).await?;
                checkpoint = Some(Instant::now());
            }
            if cancel.is_cancelled() {
                break;
            }
        }
        self.save(&at).await
    }

    async fn process(&self, at: &mut Position, offset: Offset, batch: &Batch) -> ports::Result<()> {
        let mut out = Output::default();
        at.tick(batch.received_at, &mut out);
        at.detection.observe(batch.received_at, &batch.correlation_id, &batch.signals, &mut out);
        let mut metrics: Vec<MetricSeries> = Vec::new();
        let mut logs: Vec<LogRecord> = Vec::new();
        for signal in &batch.signals {
            match signal {
                Signal::Metric(series) => metrics.push(series.clone()),
                Signal::Log(record) => logs.push(searchable(record)),
                Signal::Span(span) => logs.push(span_record(span)),
                Signal::Event(event) => logs.push(event_record(event)),
                Signal::Alert(alert) => logs.push(alert_record(alert)),
                Signal::Probe(_) | Signal::Change(_) | Signal::Feedback(_) => {}
            }
        }
        metrics.extend(out.derived.iter().cloned());
        if !metrics.is_empty() {
            self.keep(|| self.series.append(&metrics, offset)).await?;
        }
        if !logs.is_empty() {
            self.keep(|| self.logs.append(&logs, offset)).await?;
        }
        self.progress.signals.fetch_add(batch.signals.len() as u64, Ordering::Relaxed);
        self.publish_pulse(at, batch, &out.derived);
        let mut told = Observations { at: batch.received_at, offset, ..Observations::default() };
        told.take_facts(&batch.signals);
        told.take_metrics(&out.derived);
        told.findings = out.findings;
        if batch.received_at.since_ms(at.graph_at) >= GRAPH_EVERY_MS {
            at.graph_at = batch.received_at;
            told.graph = Some(at.detection.graph(batch.received_at).clone());
        }
        if batch.received_at.since_ms(at.reported_at) >= REPORT_EVERY_MS {
            at.reported_at = batch.received_at;
            self.report.send_replace(Arc::new(at.detection.report()));
        }
        if !told.is_empty() {
            // A closed channel means shutdown; the batch is worked again after the restart.
            let _ = self.to_loop.send(Message::Observed(told)).await;
        }
        Ok(())
    }

    /// Offers a batch until the telemetry store takes it: one that is full makes room by a flush. A store that
    /// refuses new series for good takes the rest of the batch, and the same batch again as nothing new.
    async fn keep<'a, F, W>(&'a self, offer: F) -> ports::Result<()>
    where
        F: Fn() -> W,
        W: Future<Output = ports::Result<()>> + 'a,
    {
        let mut backoff = Duration::from_millis(20);
        loop {
            match offer().await {
                Err(ports::Error::Overloaded(reason)) => {
                    tracing::warn!(reason, "Telemetry store is over capacity; offering the batch again.");
                    tokio::time::sleep(backoff).await;
                    backoff = (backoff * 2).min(Duration::from_secs(2));
                }
                other => return other,
            }
        }
    }

    /// Once a second: the busiest service's newest rate and errors, and the rate of signals.
    fn publish_pulse(&self, at: &mut Position, batch: &Batch, derived: &[MetricSeries]) {
        let newest = |name: &str, service: &str| {
            derived.iter().find(|s| s.name == name && s.service == service).and_then(|s| s.points.last())
        };
        let busiest = derived
            .iter()
            .filter(|s| s.name == "request_rate")
            .filter_map(|s| s.points.last().map(|p| (s.service.as_str(), p.value)))
            .max_by(|a, b| a.1.total_cmp(&b.1));
        if let Some((service, request_rate)) = busiest {
            at.pulse.request_rate = request_rate;
            at.pulse.error_ratio = newest("request_error_ratio", service).map_or(0.0, |p| p.value);
        }
        at.pulse_signals += batch.signals.len() as u64;
        let elapsed_ms = batch.received_at.since_ms(at.pulse.at);
        if elapsed_ms >= 1_000 {
            at.pulse.signals_per_s = at.pulse_signals as f64 * 1_000.0 / elapsed_ms as f64;
            at.pulse.at = batch.received_at;
            at.pulse_signals = 0;
            self.pulse.send_replace(at.pulse);
        }
    }

    async fn resume(&self) -> ports::Result<Position> {
        let saved = self.store.get(KIND, ID).await?;
        let (detection, offset, ticked_at) = match saved {
            None => (Detection::new(self.settings.clone()), 0, Timestamp::ZERO),
            Some(document) => {
                let offset = document.body["offset"].as_u64().unwrap_or(0);
                let ticked_at = Timestamp::from_unix_ms(document.body["ticked_at_ms"].as_i64().unwrap_or(0));
                let bytes = document.body["detection"].as_str().and_then(|text| BASE64.decode(text).ok());
                match Detection::restore(self.settings.clone(), &bytes.unwrap_or_default()) {
                    Ok(detection) => (detection, offset, ticked_at),
                    Err(error) => {
                        tracing::warn!(%error, "Detection state is of another version; learning anew from the bus.");
                        (Detection::new(self.settings.clone()), offset, ticked_at)
                    }
                }
            }
        };
        Ok(Position {
            detection,
            offset,
            ticked_at,
            graph_at: Timestamp::ZERO,
            reported_at: Timestamp::ZERO,
            pulse: Pulse::default(),
            pulse_signals: 0,
        })
    }

    /// Order matters: telemetry durable, then the loop's commits, then the position.
    async fn save(&self, at: &Position) -> ports::Result<()> {
        self.series.flush().await?;
        self.logs.flush().await?;
        let (done, wait) = oneshot::channel();
        if self.to_loop.send(Message::Barrier(done)).await.is_err() || wait.await.is_err() {
            return Ok(()); // The loop is gone: shutdown. The old position stays true.
        }
        let body = json!({
            "offset": at.offset,
            "ticked_at_ms": at.ticked_at.as_unix_ms(),
            "detection": BASE64.encode(at.detection.snapshot()),
        });
        let op = Op::Put { kind: KIND, id: ID.to_owned(), expected: Expected::Any, body, index: Vec::new() };
        self.store.commit(vec![op]).await?;
        self.bus.trim(Topic::Signals, at.offset).await
    }
}

impl Position {
    fn tick(&mut self, now: Timestamp, out: &mut Output) {
        let due = now.since_ms(self.ticked_at) / TICK_MS;
        if due > MAX_TICKS {
            self.ticked_at = now.plus_ms(-MAX_TICKS * TICK_MS);
        }
        while now.since_ms(self.ticked_at) >= TICK_MS {
            self.ticked_at = self.ticked_at.plus_ms(TICK_MS);
            self.detection.tick(self.ticked_at, out);
        }
    }
}

/// The log store searches attributes; the trace is one of them.
fn searchable(record: &LogRecord) -> LogRecord {
    let mut record = record.clone();
    if let Some(trace) = &record.trace_id {
        record.attributes.insert("trace_id".into(), trace.clone());
    }
    record
}

/// An event as a record of the log store, so that it can be searched beside the logs.
fn event_record(event: &Event) -> LogRecord {
    let attributes = [("stream", "event"), ("event_id", &event.id), ("event_source", &event.source)];
    LogRecord {
        service: event.service.clone(),
        at: event.at,
        level: LogLevel::Info,
        body: format!("{} {}", event.kind, event.data),
        attributes: attributes.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect(),
        trace_id: None,
    }
}

/// An alert as a record of the log store, so that it can be searched beside the logs.
fn alert_record(alert: &Alert) -> LogRecord {
    let mut attributes = alert.labels.clone();
    attributes.insert("stream".into(), "alert".into());
    attributes.insert("alert_source".into(), alert.source.clone());
    searchable(&LogRecord {
        service: alert.service.clone(),
        at: alert.at,
        level: match alert.severity {
            _ if alert.resolved => LogLevel::Info,
            Severity::Low => LogLevel::Info,
            Severity::Medium => LogLevel::Warn,
            Severity::High | Severity::Critical => LogLevel::Error,
        },
        body: format!("{}: {}", if alert.resolved { "resolved" } else { "firing" }, alert.summary),
        attributes,
        trace_id: None,
    })
}

/// A span as a record of the log store, so that it can be searched beside the logs.
fn span_record(span: &Span) -> LogRecord {
    let mut attributes = span.attributes.clone();
    attributes.insert("stream".into(), "span".into());
    attributes.insert("span_id".into(), span.span_id.clone());
    attributes.insert("duration_us".into(), span.duration_us.to_string());
    attributes.insert("span_kind".into(), crate::records::name_of(&span.kind));
    if let Some(parent) = &span.parent_span_id {
        attributes.insert("parent_span_id".into(), parent.clone());
    }
    searchable(&LogRecord {
        service: span.service.clone(),
        at: span.started_at,
        level: if span.error { LogLevel::Error } else { LogLevel::Trace },
        body: span.name.clone(),
        attributes,
        trace_id: Some(span.trace_id.clone()),
    })
}
