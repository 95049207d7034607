//! Requests and log lines of each service by second: the derived series the screens draw.

use std::collections::BTreeMap;

use model::{Labels, LogLevel, LogRecord, MetricKind, MetricSeries, Point, Span, SpanKind, Timestamp};
use serde::{Deserialize, Serialize};

use crate::bounded::Bounded;
use crate::settings::Settings;
use crate::stats;

/// Durations kept for the quantiles of one second; enough for them to be exact at 2,000 requests a second.
const MAX_DURATIONS: usize = 2_000;
/// The series that are derived here, one of each for a service.
pub const DERIVED: [&str; 6] = [
    "request_rate",
    "request_error_ratio",
    "request_duration_p50_ms",
    "request_duration_p95_ms",
    "log_rate",
    "log_error_rate",
];
/// A service that sent nothing for this long gets no more points.
const IDLE_S: i64 = 300;

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Second {
    requests: u32,
    errors: u32,
    durations_ms: Vec<f32>,
    lines: u32,
    error_lines: u32,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct ServiceSeconds {
    open: BTreeMap<i64, Second>,
    /// Newest second already told.
    closed: i64,
    traced_at: Option<i64>,
    logged_at: Option<i64>,
}

/// See the module.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Seconds(Bounded<ServiceSeconds>);

impl Seconds {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self(Bounded::new(settings.max_services))
    }

    pub(crate) fn span(&mut self, at: Timestamp, span: &Span) {
        if !matches!(span.kind, SpanKind::Server | SpanKind::Consumer) {
            return;
        }
        let (service, second) = self.slot(at, &span.service);
        service.traced_at = service.traced_at.max(Some(second));
        let slot = service.open.entry(second).or_default();
        slot.requests += 1;
        slot.errors += u32::from(span.error);
        if slot.durations_ms.len() < MAX_DURATIONS {
            slot.durations_ms.push((span.duration_us as f64 / 1_000.0) as f32);
        }
    }

    pub(crate) fn log(&mut self, at: Timestamp, log: &LogRecord) {
        let (service, second) = self.slot(at, &log.service);
        service.logged_at = service.logged_at.max(Some(second));
        let slot = service.open.entry(second).or_default();
        slot.lines += 1;
        slot.error_lines += u32::from(log.level >= LogLevel::Error);
    }

    /// The second a signal counts in: its own, or the oldest still open.
    fn slot(&mut self, at: Timestamp, service: &str) -> (&mut ServiceSeconds, i64) {
        let second = at.as_unix_ms().div_euclid(1_000);
        let service = self.0.entry(service, || ServiceSeconds { closed: second - 1, ..Default::default() });
        let second = second.max(service.closed + 1);
        (service, second)
    }

    /// One point per service and closed second; quiet seconds of a live service count as zero.
    pub(crate) fn close(&mut self, now: Timestamp, lateness_ms: u32, derived: &mut Vec<MetricSeries>) {
        let last = (now.as_unix_ms() - i64::from(lateness_ms)).div_euclid(1_000) - 1;
        for (name, service) in self.0.iter_mut() {
            if last <= service.closed {
                continue;
            }
            // After a long pause only the recent past is told.
            for second in (service.closed + 1).max(last - IDLE_S)..=last {
                let slot = service.open.remove(&second).unwrap_or_default();
                let live = |at: Option<i64>| at.is_some_and(|at| second - at <= IDLE_S);
                tell(name, second, &slot, live(service.traced_at), live(service.logged_at), derived);
            }
            service.open.retain(|second, _| *second > last);
            service.closed = last;
        }
    }
}

fn tell(
    service: &str,
    second: i64,
    slot: &Second,
    traced: bool,
    logged: bool,
    derived: &mut Vec<MetricSeries>,
) {
    let at = Timestamp::from_unix_ms(second * 1_000);
    let mut put = |name: &str, value: f64| {
        derived.push(MetricSeries {
            service: service.to_owned(),
            name: name.to_owned(),
            kind: MetricKind::Gauge,
            labels: Labels::new(),
            points: vec![Point { at, value }],
        });
    };
    if traced {
        put("request_rate", f64::from(slot.requests));
    }
    if slot.requests > 0 {
        let mut sorted: Vec<f64> = slot.durations_ms.iter().map(|d| f64::from(*d)).collect();
        sorted.sort_by(f64::total_cmp);
        put("request_error_ratio", f64::from(slot.errors) / f64::from(slot.requests));
        put("request_duration_p50_ms", stats::quantile(&sorted, 0.5));
        put("request_duration_p95_ms", stats::quantile(&sorted, 0.95));
    }
    if logged {
        put("log_rate", f64::from(slot.lines));
        put("log_error_rate", f64::from(slot.error_lines));
    }
}
