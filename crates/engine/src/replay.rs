//! Yesterday again: what is stored of signals through a fresh detection stack, under other settings.
//!
//! Metrics, log records and spans are kept and can be replayed. Probes, events and changes are not, so what depends on
//! them is not in a replay.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use detect::{DERIVED, Replay, Settings};
use model::{Finding, LogLevel, LogRecord, MetricSeries, Signal, Span, SpanKind, TimeRange, Timestamp};
use ports::{LogQuery, Order, Selector};

use crate::handle::Engine;

/// What is read at once.
const SLICE_MS: i64 = 300_000;
const SLICE_POINTS: usize = 2_000_000;
const SLICE_LOGS: usize = 500_000;
const PAGE: usize = 1_000;

/// What a replay gave.
#[derive(Clone, Debug)]
pub struct Replayed {
    /// What would have been said, in the order of detection.
    pub findings: Vec<Finding>,
    /// Signals that were worked.
    pub signals: usize,
    /// What was worked: shorter than asked when time ran out.
    pub range: TimeRange,
}

impl Engine {
    /// Works what is stored of a range under other settings, a slice after another, for at most `patience`. Dropping
    /// the future ends it after its slice.
    ///
    /// # Errors
    /// `Invalid`: five minutes hold more than two million samples. Otherwise telemetry cannot be read.
    pub async fn replay(
        &self,
        settings: Settings,
        range: TimeRange,
        patience: Duration,
    ) -> ports::Result<Replayed> {
        let began = Instant::now();
        let mut replay = Replay::new(settings);
        let (mut signals, mut from) = (0, range.from);
        while from < range.to && began.elapsed() < patience {
            let slice = TimeRange { from, to: range.to.min(from.plus_ms(SLICE_MS)) };
            let batch = self.stored(slice).await?;
            signals += batch.len();
            let work = move || {
                replay.feed(&batch);
                replay
            };
            replay = tokio::task::spawn_blocking(work)
                .await
                .map_err(|e| ports::Error::failed("replay", ports::Retry::Permanent, e))?;
            from = slice.to;
        }
        Ok(Replayed { findings: replay.findings(), signals, range: TimeRange { from: range.from, to: from } })
    }

    /// What is stored of a slice, by time.
    async fn stored(&self, range: TimeRange) -> ports::Result<Vec<Signal>> {
        let mut signals = Vec::new();
        let found = self.series().query(&Selector::default(), range, SLICE_POINTS).await?;
        for series in found.into_iter().filter(|s| !DERIVED.contains(&s.name.as_str())) {
            signals.extend(series.points.iter().map(|point| {
                Signal::Metric(MetricSeries {
                    service: series.service.clone(),
                    name: series.name.clone(),
                    kind: series.kind,
                    labels: series.labels.clone(),
                    points: vec![*point],
                })
            }));
        }
        let mut cursor = None;
        let mut count = 0;
        while count < SLICE_LOGS {
            let page = self.logs().search(&everything(range, cursor)).await?;
            count += page.items.len();
            signals.extend(page.items.into_iter().filter_map(signal));
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        signals.sort_by_key(Signal::at);
        Ok(signals)
    }
}

fn everything(range: TimeRange, cursor: Option<String>) -> LogQuery {
    LogQuery {
        service: None,
        level: None,
        text: String::new(),
        attributes: Vec::new(),
        range,
        order: Order::OldestFirst,
        cursor,
        limit: PAGE,
    }
}

/// What a stored record was before the detect stage stored it: a log record, or a span.
fn signal(record: LogRecord) -> Option<Signal> {
    match record.attributes.get("stream").map(String::as_str) {
        Some("event") => None,
        Some("span") if record.attributes.contains_key("span_id") => span(record).map(Signal::Span),
        _ => Some(Signal::Log(record)),
    }
}

fn span(record: LogRecord) -> Option<Span> {
    let text = |name: &str| record.attributes.get(name).cloned();
    let kind: SpanKind = serde_json::from_value(serde_json::Value::String(text("span_kind")?)).ok()?;
    Some(Span {
        span_id: text("span_id")?,
        parent_span_id: text("parent_span_id"),
        duration_us: text("duration_us")?.parse().ok()?,
        kind,
        error: record.level == LogLevel::Error,
        service: record.service,
        name: record.body,
        trace_id: record.trace_id.unwrap_or_default(),
        started_at: record.at,
        attributes: record.attributes,
    })
}

/// Findings that say the same of the same thing at the same time, under two settings.
#[derive(Clone, Debug, Default)]
pub struct Compared {
    /// Said by the first alone.
    pub only_before: Vec<Finding>,
    /// Said by the second alone.
    pub only_after: Vec<Finding>,
    /// Said by both, as the second says it.
    pub both: Vec<Finding>,
}

/// Pairs findings of the same detector, service and subject whose times overlap within a minute.
#[must_use]
pub fn compare(before: Vec<Finding>, after: Vec<Finding>) -> Compared {
    const NEAR_MS: i64 = 60_000;
    let key = |f: &Finding| (f.detector.clone(), f.service.clone(), format!("{:?}", f.subject));
    let near = |a: &Finding, b: &Finding| {
        let gap = |x: Timestamp, y: Timestamp| x.since_ms(y);
        gap(a.started_at, b.last_seen_at) < NEAR_MS && gap(b.started_at, a.last_seen_at) < NEAR_MS
    };
    let mut open: BTreeMap<_, Vec<Finding>> = BTreeMap::new();
    for finding in before {
        open.entry(key(&finding)).or_default().push(finding);
    }
    let mut compared = Compared::default();
    for finding in after {
        let known = open.get_mut(&key(&finding));
        let twin = known.and_then(|k| k.iter().position(|b| near(b, &finding)).map(|i| k.remove(i)));
        if twin.is_some() { &mut compared.both } else { &mut compared.only_after }.push(finding);
    }
    compared.only_before = open.into_values().flatten().collect();
    compared.only_before.sort_by_key(|f| f.detected_at);
    compared
}
