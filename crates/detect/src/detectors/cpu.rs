//! A process that keeps the processor far busier than it usually does. Blips of one sample are no trouble.

use std::collections::VecDeque;

use model::{Band, Direction, FindingKind, MetricSeries, Severity, Signal, Subject, Timestamp};
use serde::{Deserialize, Serialize};

use crate::bounded::Bounded;
use crate::detectors::Detector;
use crate::features::Seen;
use crate::findings::{Context, Findings, Sighting};
use crate::settings::Settings;

const NAME: &str = "cpu";
const METRIC: &str = "process_cpu_ratio";
/// Levels are learned this late, so that trouble is found before it is learned.
const LEARN_AFTER_MS: i64 = 12_000;
/// A new process may be busy with its start.
const START_MS: i64 = 3_000;
/// The learned level halves in about 140 samples without a new high.
const FORGET: f64 = 0.995;
/// Samples looked back on.
const RECENT: usize = 4;
const STALE_MS: i64 = 15_000;

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Process {
    first_at: Timestamp,
    /// The newest samples, oldest first.
    recent: VecDeque<(Timestamp, f64)>,
    pending: VecDeque<(Timestamp, f64)>,
    /// Highest level held over two samples, forgetting.
    usual: f64,
}

/// See the module.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Cpu {
    processes: Bounded<Process>,
}

impl Cpu {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self { processes: Bounded::new(settings.max_series) }
    }

    fn sample(
        &mut self,
        cx: Context<'_>,
        key: &str,
        series: &MetricSeries,
        (at, ratio): (Timestamp, f64),
        findings: &mut Findings,
    ) {
        let process = self.processes.entry(key, || Process {
            first_at: at,
            recent: VecDeque::new(),
            pending: VecDeque::new(),
            usual: 0.0,
        });
        if process.recent.back().is_some_and(|(last, _)| at <= *last)
            || at.since_ms(process.first_at) < START_MS
        {
            return;
        }
        process.recent.push_back((at, ratio));
        if process.recent.len() > RECENT {
            process.recent.pop_front();
        }
        let held = process.recent.iter().rev().take(2).map(|(_, v)| *v).fold(f64::INFINITY, f64::min);
        process.learn((at, held), findings.holds_learning(cx, NAME, key));
        let limit = (1.6 * process.usual + 0.15).max(cx.settings.cpu_floor_ratio);
        // More than a core is no blip; the closer to ordinary, the longer it must last.
        let needed = match held {
            h if h > (1.4 * limit).max(1.0) => 2,
            h if h > (1.2 * limit).max(0.9) => 3,
            _ => RECENT,
        };
        let above = process.recent.iter().rev().take_while(|(_, v)| *v > limit).count();
        if above < needed {
            // A single lower sample is no proof of calm: only the held level is.
            if ratio <= limit {
                findings.good(cx, NAME, key, cx.settings.clear_after_ms());
            }
            return;
        }
        let started = process.recent.iter().rev().nth(above - 1).map_or(at, |(t, _)| *t);
        findings.raise(
            cx,
            Sighting {
                detector: NAME,
                key,
                kind: FindingKind::CpuSaturation,
                service: &series.service,
                instance: series.labels.get("instance").map(String::as_str),
                subject: Subject::Metric { name: METRIC.to_owned(), labels: series.labels.clone() },
                severity: if held >= 0.9 { Severity::High } else { Severity::Medium },
                score: (1.0 - 0.1 * limit / held.max(limit)).clamp(0.0, 0.999),
                direction: Some(Direction::Up),
                observed: Some(ratio),
                expected: Some(Band { low: 0.0, high: limit }),
                started_at: started,
                summary: format!(
                    "{} uses {:.0} % of a core, usually at most {:.0} %",
                    series.labels.get("instance").unwrap_or(&series.service),
                    ratio * 100.0,
                    limit * 100.0,
                ),
                samples: Vec::new(),
                time_to_limit_ms: None,
                stale_after_ms: Some(STALE_MS),
            },
        );
    }
}

impl Process {
    fn learn(&mut self, held: (Timestamp, f64), trouble: bool) {
        if trouble {
            self.pending.clear();
            return;
        }
        if held.1.is_finite() {
            self.pending.push_back(held);
        }
        while self.pending.len() > 256
            || self.pending.front().is_some_and(|(at, _)| held.0.since_ms(*at) >= LEARN_AFTER_MS)
        {
            let Some((_, level)) = self.pending.pop_front() else { break };
            self.usual = (self.usual * FORGET).max(level);
        }
    }
}

impl Detector for Cpu {
    fn see(&mut self, cx: Context<'_>, seen: &Seen<'_>, findings: &mut Findings) {
        let (Signal::Metric(series), Some((key, points))) = (seen.signal, &seen.series) else { return };
        if series.name == METRIC && !seen.late {
            for point in points {
                self.sample(cx, key, series, (point.at, point.value), findings);
            }
        }
    }
}
