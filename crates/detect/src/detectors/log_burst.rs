//! Far more log lines than usual: of a service as a whole, or of one pattern of errors.

use std::collections::VecDeque;

use model::{Band, Direction, FindingKind, Labels, LogLevel, Severity, Signal, Subject, Timestamp};
use serde::{Deserialize, Serialize};

use crate::bounded::Bounded;
use crate::detectors::Detector;
use crate::detectors::log_new_pattern::sample;
use crate::features::Seen;
use crate::findings::{Context, Findings, Sighting};
use crate::settings::Settings;

const NAME: &str = "log_burst";
/// Seconds are learned this late, so that trouble is found before it is learned.
const LEARN_AFTER_S: i64 = 12;
/// The learned peak halves in about two minutes without a new high.
const FORGET: f64 = 0.995;
/// How far above the learned peak a burst is.
const TIMES: f64 = 4.0;
/// A pattern of errors bursts from this many lines a second on, held for three seconds.
const PATTERN_MIN_PER_S: f64 = 10.0;
const PATTERN_HELD_S: usize = 3;
const STALE_MS: i64 = 10_000;

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Lines {
    first_at: Timestamp,
    /// Lines by second, the newest last.
    seconds: VecDeque<(i64, u32)>,
    /// Highest lines a second of normal life, forgetting.
    usual_peak: f64,
    service: String,
    instance: Option<String>,
    /// Id and text, for a pattern; none for a service as a whole.
    template: Option<(String, String)>,
    changed: bool,
    samples: VecDeque<String>,
}

/// See the module.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct LogBurst {
    services: Bounded<Lines>,
    patterns: Bounded<Lines>,
}

impl LogBurst {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self { services: Bounded::new(settings.max_services), patterns: Bounded::new(settings.max_templates) }
    }
}

impl Lines {
    fn new(first_at: Timestamp, service: &str) -> Self {
        Self {
            first_at,
            seconds: VecDeque::new(),
            usual_peak: 0.0,
            service: service.to_owned(),
            instance: None,
            template: None,
            changed: false,
            samples: VecDeque::new(),
        }
    }

    fn add(&mut self, at: Timestamp) {
        self.changed = true;
        let second = at.as_unix_ms().div_euclid(1_000);
        let position = self.seconds.partition_point(|(s, _)| *s < second);
        match self.seconds.get_mut(position) {
            Some((s, count)) if *s == second => *count = count.saturating_add(1),
            _ => self.seconds.insert(position, (second, 1)),
        }
    }

    fn learn(&mut self, now: Timestamp, trouble: bool) {
        let before = now.as_unix_ms().div_euclid(1_000) - LEARN_AFTER_S;
        if trouble {
            // Only what the judgement needs stays; nothing of it is learned.
            self.seconds.retain(|(second, _)| *second >= before + LEARN_AFTER_S - 3);
            return;
        }
        while let Some((second, count)) = self.seconds.front().copied()
            && second < before
        {
            self.seconds.pop_front();
            self.usual_peak = (self.usual_peak * FORGET).max(f64::from(count));
        }
    }

    /// Lines in the `n` newest seconds including the filling one, newest first.
    fn newest(&self, now: Timestamp, n: usize) -> Vec<u32> {
        let this = now.as_unix_ms().div_euclid(1_000);
        let count = |second: i64| {
            self.seconds.iter().rev().find(|(s, _)| *s == second).map_or(0, |(_, count)| *count)
        };
        (0..n).map(|i| count(this - i as i64)).collect()
    }

    /// Lines a second when they burst, and the limit they broke.
    fn burst(&self, cx: Context<'_>) -> (Option<f64>, f64) {
        if self.template.is_some() {
            let limit = (TIMES * self.usual_peak).max(PATTERN_MIN_PER_S);
            let newest = self.newest(cx.now, PATTERN_HELD_S + 1);
            let held = newest[1..].iter().copied().min().unwrap_or(0);
            return ((f64::from(held) > limit).then_some(f64::from(held)), limit);
        }
        let limit = (TIMES * self.usual_peak).max(f64::from(cx.settings.log_burst_min_per_s));
        let newest = self.newest(cx.now, 3);
        let highest = f64::from(newest[0].max(newest[1]));
        let held = f64::from(newest[1].min(newest[2]).max(newest[0].min(newest[1])));
        ((highest > 2.0 * limit || held > limit).then_some(highest), limit)
    }

    fn judge(&mut self, cx: Context<'_>, key: &str, findings: &mut Findings) {
        let open = findings.open_for_ms(cx, NAME, key).is_some();
        if !self.changed && !open {
            return;
        }
        self.changed = false;
        self.learn(cx.now, findings.holds_learning(cx, NAME, key));
        if cx.now.since_ms(self.first_at) < cx.settings.warmup_ms() {
            return;
        }
        let (burst, limit) = self.burst(cx);
        let Some(per_s) = burst else {
            findings.good(cx, NAME, key, cx.settings.clear_after_ms());
            return;
        };
        let subject = match &self.template {
            Some((id, text)) => Subject::LogTemplate { template_id: id.clone(), template: text.clone() },
            None => Subject::Metric { name: "log_rate".to_owned(), labels: Labels::new() },
        };
        let what = self.template.as_ref().map(|(_, text)| format!(" of {text}")).unwrap_or_default();
        findings.raise(
            cx,
            Sighting {
                detector: NAME,
                key,
                kind: FindingKind::LogBurst,
                service: &self.service,
                instance: self.instance.as_deref(),
                subject,
                severity: Severity::Medium,
                score: (1.0 - 0.1 * limit / per_s.max(limit)).clamp(0.0, 0.999),
                direction: Some(Direction::Up),
                observed: Some(per_s),
                expected: Some(Band { low: 0.0, high: limit }),
                started_at: cx.now.plus_ms(-1_000),
                summary: format!("{per_s:.0} log lines a second{what}, usually at most {:.0}", limit / TIMES),
                samples: self.samples.drain(..).collect(),
                time_to_limit_ms: None,
                stale_after_ms: Some(STALE_MS),
            },
        );
    }
}

impl Detector for LogBurst {
    fn see(&mut self, _cx: Context<'_>, seen: &Seen<'_>, _findings: &mut Findings) {
        let (Signal::Log(log), Some(line)) = (seen.signal, &seen.line) else { return };
        if seen.late {
            return;
        }
        let lines = self.services.entry(&log.service, || Lines::new(seen.at, &log.service));
        lines.add(seen.at);
        lines.instance = log.attributes.get("instance").cloned();
        if lines.samples.len() == 5 {
            lines.samples.pop_front();
        }
        lines.samples.push_back(sample(&log.body));
        if log.level >= LogLevel::Warn {
            let lines = self.patterns.entry(&line.id, || Lines::new(seen.at, &log.service));
            lines.add(seen.at);
            lines.template = Some((line.id.to_string(), line.template.to_string()));
            lines.samples.clear();
            lines.samples.push_back(sample(&log.body));
        }
    }

    fn judge(&mut self, cx: Context<'_>, findings: &mut Findings) {
        for (service, lines) in self.services.iter_mut() {
            lines.judge(cx, service, findings);
        }
        for (id, lines) in self.patterns.iter_mut() {
            lines.judge(cx, id, findings);
        }
    }
}
