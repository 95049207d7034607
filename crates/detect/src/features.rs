//! What several detectors and the screens need, computed once from raw signals: rates and durations by second,
//! templates of log lines, rates of counters, and who calls whom. Judges nothing.

mod counters;
mod graph;
mod seconds;

pub use seconds::DERIVED;

use model::{MetricKind, MetricSeries, Point, ServiceGraph, Signal, Timestamp};
use serde::{Deserialize, Serialize};

use crate::settings::Settings;
use crate::templates::{Line, Templates};
use counters::Counters;
use graph::Calls;
use seconds::Seconds;

/// A signal that happened longer ago than this says nothing of now: a backlog is being read.
const LATE_MS: i64 = 10_000;

/// A signal with what was computed of it.
pub(crate) struct Seen<'a> {
    pub(crate) signal: &'a Signal,
    /// When it happened, never in the future.
    pub(crate) at: Timestamp,
    /// Whether it comes from a backlog.
    pub(crate) late: bool,
    /// The template, for log records.
    pub(crate) line: Option<Line>,
    /// Key and values of the series, for metrics, finite and never in the future; a counter as its rate a second.
    pub(crate) series: Option<(String, Vec<Point>)>,
}

/// See the module.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Features {
    seconds: Seconds,
    templates: Templates,
    counters: Counters,
    calls: Calls,
}

impl Features {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            seconds: Seconds::new(settings),
            templates: Templates::new(settings.max_services),
            counters: Counters::new(settings.max_series),
            calls: Calls::new(settings.max_services),
        }
    }

    /// Takes in one signal.
    pub(crate) fn see<'a>(&mut self, now: Timestamp, signal: &'a Signal) -> Seen<'a> {
        let at = signal.at().clamp(Timestamp::ZERO, now);
        let late = now.since_ms(at) > LATE_MS;
        let mut seen = Seen { signal, at, late, line: None, series: None };
        match signal {
            Signal::Log(log) => {
                seen.line = Some(self.templates.mine(&log.service, &log.body));
                if !late {
                    self.seconds.log(at, log);
                }
            }
            Signal::Span(span) => {
                if !late {
                    self.seconds.span(at, span);
                    self.calls.span(at, span);
                }
            }
            Signal::Metric(series) => seen.series = Some(self.series(now, series)),
            Signal::Probe(probe) => self.calls.address(&probe.target, &probe.service),
            Signal::Event(_) | Signal::Change(_) | Signal::Alert(_) | Signal::Feedback(_) => {}
        }
        seen
    }

    /// Derived series of every second that closed by `now`.
    pub(crate) fn close(&mut self, now: Timestamp, lateness_ms: u32, derived: &mut Vec<MetricSeries>) {
        self.seconds.close(now, lateness_ms, derived);
        self.calls.refresh(now);
    }

    pub(crate) fn declare(&mut self, service: &str, depends_on: &[String]) {
        self.calls.declare(service, depends_on);
    }

    pub(crate) fn graph(&self) -> &ServiceGraph {
        self.calls.graph()
    }

    fn series(&mut self, now: Timestamp, series: &MetricSeries) -> (String, Vec<Point>) {
        let mut key = format!("{}\u{1f}{}", series.service, series.name);
        for (name, value) in &series.labels {
            key.extend(["\u{1f}", name, "=", value]);
        }
        let finite = series.points.iter().filter(|p| p.value.is_finite());
        let finite = finite.map(|p| Point { at: p.at.clamp(Timestamp::ZERO, now), value: p.value });
        let points = match series.kind {
            MetricKind::Gauge => finite.collect(),
            MetricKind::Counter => self.counters.rates(&key, finite),
        };
        (key, points)
    }
}
