//! Slow requests. Each operation has a learned band of durations on a logarithmic scale; requests above it are
//! counted by service, and a binomial test says when they are too many.

use std::collections::{BTreeMap, VecDeque};

use model::{Band, Direction, FindingKind, Labels, Severity, Signal, Span, SpanKind, Subject, Timestamp};
use serde::{Deserialize, Serialize};

use crate::bounded::Bounded;
use crate::detectors::Detector;
use crate::features::Seen;
use crate::findings::{Context, Findings, Sighting};
use crate::histogram::LogHistogram;
use crate::proportion::Proportion;
use crate::settings::Settings;
use crate::stats;

const NAME: &str = "latency";
/// Fewer slow requests in a window are never a finding.
const SLOW_AT_LEAST: u32 = 3;
/// A band needs this many durations.
const KNOWN: f64 = 20.0;
/// Durations are learned this late, so that trouble is found before it is learned.
const LEARN_AFTER_MS: i64 = 12_000;
const MAX_PENDING: usize = 4_000;
/// Durations that decide the band.
const MEMORY: f32 = 4_000.0;
/// Operations with a band of their own; further ones share one.
const MAX_OPERATIONS: usize = 48;
const STALE_MS: i64 = 30_000;
/// The newest durations, for the figure in the finding.
const RECENT: usize = 64;
/// The newest requests by instance, and the instances told apart.
const RECENT_BY_INSTANCE: usize = 256;
const MAX_INSTANCES: usize = 64;

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Operation {
    durations: LogHistogram,
    /// Requests above this are slow, in milliseconds; none while too little is known.
    limit_ms: Option<f64>,
}

impl Operation {
    fn new() -> Self {
        Self { durations: LogHistogram::new(), limit_ms: None }
    }

    /// Three and a half robust deviations above the median of the logarithms, and never a trifle.
    fn set_limit(&mut self, slack_ms: f64) {
        let (Some(median), Some(p95)) = (self.durations.quantile(0.5), self.durations.quantile(0.95)) else {
            return;
        };
        if self.durations.total() >= KNOWN {
            let deviation = ((p95 / median).ln() / 1.645).clamp(0.1, 1.0);
            let limit = (median * (3.5 * deviation).exp()).max(p95 * 1.5).max(median + slack_ms);
            self.limit_ms = Some(limit);
        }
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Requests {
    first_at: Timestamp,
    changed: bool,
    slow: Proportion,
    all: Operation,
    operations: BTreeMap<String, Operation>,
    pending: VecDeque<(Timestamp, String, u8)>,
    recent_ms: VecDeque<f32>,
    last_slow: String,
    by_instance: ByInstance,
}

/// Which instance served the newest requests, and which of these were slow.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct ByInstance {
    names: Vec<String>,
    recent: VecDeque<(Timestamp, u8, bool)>,
}

impl ByInstance {
    fn add(&mut self, at: Timestamp, span: &Span, slow: bool) {
        let Some(name) = span.attributes.get("instance") else { return };
        let place = self.names.iter().position(|n| n == name).unwrap_or_else(|| {
            if self.names.len() == MAX_INSTANCES {
                // Instances come and go; beginning anew costs a few requests of hindsight.
                self.names.clear();
                self.recent.clear();
            }
            self.names.push(name.clone());
            self.names.len() - 1
        });
        if self.recent.len() == RECENT_BY_INSTANCE {
            self.recent.pop_front();
        }
        self.recent.push_back((at, u8::try_from(place).unwrap_or(u8::MAX), slow));
    }

    /// The one instance that is slow while its twins are not; none when there are no twins.
    fn stands_out(&self, since: Timestamp) -> Option<&str> {
        let mut counts = vec![(0_u32, 0_u32); self.names.len()];
        for (_, place, slow) in self.recent.iter().filter(|(at, ..)| *at >= since) {
            if let Some((total, bad)) = counts.get_mut(usize::from(*place)) {
                *total += 1;
                *bad += u32::from(*slow);
            }
        }
        let (worst, (total, bad)) = counts.iter().enumerate().max_by_key(|(_, (_, bad))| *bad)?;
        let sum = counts.iter().fold((0, 0), |sum, c| (sum.0 + c.0, sum.1 + c.1));
        let (other_total, other_bad) = (sum.0 - total, sum.1 - bad);
        let share = |bad: u32, total: u32| f64::from(bad) / f64::from(total.max(1));
        let stands = *bad >= SLOW_AT_LEAST
            && other_total >= SLOW_AT_LEAST
            && share(other_bad, other_total) * 4.0 < share(*bad, *total);
        if stands { self.names.get(worst).map(String::as_str) } else { None }
    }
}

/// See the module.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Latency {
    services: Bounded<Requests>,
}

impl Latency {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self { services: Bounded::new(settings.max_services) }
    }
}

impl Requests {
    fn new(first_at: Timestamp) -> Self {
        Self {
            first_at,
            changed: false,
            slow: Proportion::default(),
            all: Operation::new(),
            operations: BTreeMap::new(),
            pending: VecDeque::new(),
            recent_ms: VecDeque::new(),
            last_slow: String::new(),
            by_instance: ByInstance::default(),
        }
    }

    fn see(&mut self, at: Timestamp, span: &Span, warm: bool) {
        let ms = span.duration_us as f64 / 1_000.0;
        let own = self.operations.get(&span.name).and_then(|o| o.limit_ms);
        if let Some(limit) = own.or(self.all.limit_ms) {
            let slow = ms > limit;
            self.slow.add(at, slow);
            self.by_instance.add(at, span, slow);
            if slow {
                self.last_slow.clone_from(&span.name);
            }
        }
        if self.recent_ms.len() == RECENT {
            self.recent_ms.pop_front();
        }
        self.recent_ms.push_back(ms as f32);
        let bucket = LogHistogram::bucket(ms);
        if !warm {
            self.learn(&span.name, bucket);
        } else if self.pending.len() < MAX_PENDING {
            self.pending.push_back((at, span.name.clone(), bucket));
        }
        self.changed = true;
    }

    fn learn(&mut self, name: &str, bucket: u8) {
        self.all.durations.add(bucket);
        if let Some(operation) = self.operations.get_mut(name) {
            operation.durations.add(bucket);
        } else if self.operations.len() < MAX_OPERATIONS {
            self.operations.entry(name.to_owned()).or_insert_with(Operation::new).durations.add(bucket);
        }
    }

    /// Learns what is old enough; in trouble everything that waits is dropped.
    fn settle(&mut self, now: Timestamp, slack_ms: f64, trouble: bool) {
        self.slow.learn(now, trouble);
        if trouble {
            self.pending.clear();
            return;
        }
        while let Some((at, ..)) = self.pending.front()
            && now.since_ms(*at) >= LEARN_AFTER_MS
            && let Some((_, name, bucket)) = self.pending.pop_front()
        {
            self.learn(&name, bucket);
        }
        for operation in self.operations.values_mut().chain([&mut self.all]) {
            operation.durations.forget_beyond(MEMORY);
            operation.set_limit(slack_ms);
        }
    }

    fn p95_ms(&self) -> f64 {
        let mut sorted: Vec<f64> = self.recent_ms.iter().map(|ms| f64::from(*ms)).collect();
        sorted.sort_by(f64::total_cmp);
        stats::quantile(&sorted, 0.95)
    }
}

impl Detector for Latency {
    fn see(&mut self, cx: Context<'_>, seen: &Seen<'_>, _findings: &mut Findings) {
        let Signal::Span(span) = seen.signal else { return };
        if seen.late || !matches!(span.kind, SpanKind::Server | SpanKind::Consumer) {
            return;
        }
        let requests = self.services.entry(&span.service, || Requests::new(seen.at));
        let warm = cx.now.since_ms(requests.first_at) >= cx.settings.warmup_ms();
        requests.see(seen.at, span, warm);
    }

    fn judge(&mut self, cx: Context<'_>, findings: &mut Findings) {
        for (service, requests) in self.services.iter_mut() {
            let open = findings.open_for_ms(cx, NAME, service).is_some();
            if !requests.changed && !open {
                continue;
            }
            requests.changed = false;
            requests.settle(cx.now, cx.settings.latency_slack_ms, findings.holds_learning(cx, NAME, service));
            if cx.now.since_ms(requests.first_at) < cx.settings.warmup_ms() {
                continue;
            }
            let normal = requests.slow.normal();
            let departure = requests.slow.departure(cx.now, SLOW_AT_LEAST);
            let (total, slow) = requests.slow.recent(cx.now);
            if open && f64::from(slow) <= f64::from(total) * (2.0 * normal).max(0.02) {
                if total > 0 && findings.good(cx, NAME, service, cx.settings.clear_after_ms()) {
                    requests.slow.begin_anew();
                }
                continue;
            }
            let Some(departure) = departure else { continue };
            let own = requests.operations.get(&requests.last_slow).and_then(|o| o.limit_ms);
            let limit_ms = own.or(requests.all.limit_ms).unwrap_or(0.0);
            let p95_ms = requests.p95_ms();
            let share = f64::from(departure.bad) / f64::from(departure.total.max(1));
            findings.raise(
                cx,
                Sighting {
                    detector: NAME,
                    key: service,
                    kind: FindingKind::Latency,
                    service,
                    instance: requests.by_instance.stands_out(departure.started_at),
                    subject: Subject::Metric {
                        name: "request_duration_p95_ms".to_owned(),
                        labels: Labels::new(),
                    },
                    severity: if share >= 0.5 { Severity::High } else { Severity::Medium },
                    score: stats::score(departure.chance),
                    direction: Some(Direction::Up),
                    observed: Some(p95_ms),
                    expected: Some(Band { low: 0.0, high: limit_ms }),
                    started_at: departure.started_at,
                    summary: format!(
                        "p95 latency {p95_ms:.0} ms, {} of {} requests slower than {limit_ms:.0} ms, last {}",
                        departure.bad, departure.total, requests.last_slow,
                    ),
                    samples: Vec::new(),
                    time_to_limit_ms: None,
                    stale_after_ms: Some(STALE_MS),
                },
            );
        }
    }
}
