//! Warnings and errors of a pattern never seen before, coming often enough to be more than one odd request.

use std::collections::VecDeque;

use model::{FindingKind, LogLevel, LogRecord, Severity, Signal, Subject, Timestamp};
use serde::{Deserialize, Serialize};

use crate::bounded::Bounded;
use crate::detectors::Detector;
use crate::features::Seen;
use crate::findings::{Context, Findings, Sighting};
use crate::settings::Settings;
use crate::templates::Line;

const NAME: &str = "log_new_pattern";
/// Lines of a new pattern must come within this time.
const WITHIN_MS: i64 = 10_000;
/// A pattern seen this often without ever being a finding is part of normal life.
const KNOWN_AFTER: u32 = 20;
/// Not seen again for this long, it is over.
const QUIET_MS: i64 = 10_000;
const MAX_SAMPLE_BYTES: usize = 400;

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Pattern {
    seen: u32,
    known: bool,
    recent: VecDeque<Timestamp>,
    samples: Vec<String>,
}

/// See the module.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct LogNewPattern {
    patterns: Bounded<Pattern>,
    first_at: Bounded<Timestamp>,
}

/// Lines within ten seconds that make a finding. One odd request writes a line or two at each error rate below
/// 0.5 %; a process that says it must die is heard at once.
fn needed(level: LogLevel) -> usize {
    match level {
        LogLevel::Fatal => 1,
        LogLevel::Error => 6,
        _ => 10,
    }
}

/// A line short enough to keep.
pub(super) fn sample(body: &str) -> String {
    let mut end = body.len().min(MAX_SAMPLE_BYTES);
    while !body.is_char_boundary(end) {
        end -= 1;
    }
    body[..end].to_owned()
}

impl LogNewPattern {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self { patterns: Bounded::new(settings.max_templates), first_at: Bounded::new(settings.max_services) }
    }

    fn line(
        &mut self,
        cx: Context<'_>,
        seen: &Seen<'_>,
        log: &LogRecord,
        line: &Line,
        findings: &mut Findings,
    ) {
        let pattern = self.patterns.entry(&line.id, Pattern::default);
        let first_at = *self.first_at.entry(&log.service, || seen.at);
        let open = findings.open_for_ms(cx, NAME, &line.id).is_some();
        pattern.seen = pattern.seen.saturating_add(1);
        // What a service says while it starts, and what is read from a backlog, is its vocabulary.
        let warming = cx.now.since_ms(first_at) < cx.settings.warmup_ms();
        if warming || seen.late || (pattern.seen > KNOWN_AFTER && !open) {
            pattern.known = true;
        }
        if pattern.known && !open {
            return;
        }
        pattern.recent.push_back(seen.at);
        pattern.recent.retain(|at| seen.at.since_ms(*at) <= WITHIN_MS);
        while pattern.recent.len() > 32 {
            pattern.recent.pop_front();
        }
        if pattern.samples.len() < 5 {
            pattern.samples.push(sample(&log.body));
        }
        if pattern.recent.len() < needed(log.level) && !open {
            return;
        }
        pattern.known = true;
        findings.raise(
            cx,
            Sighting {
                detector: NAME,
                key: &line.id,
                kind: FindingKind::LogNewPattern,
                service: &log.service,
                instance: log.attributes.get("instance").map(String::as_str),
                subject: Subject::LogTemplate {
                    template_id: line.id.to_string(),
                    template: line.template.to_string(),
                },
                severity: match log.level {
                    LogLevel::Fatal => Severity::High,
                    LogLevel::Error => Severity::Medium,
                    _ => Severity::Low,
                },
                score: if log.level >= LogLevel::Error { 0.9 } else { 0.7 },
                direction: None,
                observed: Some(pattern.recent.len() as f64),
                expected: None,
                started_at: pattern.recent.front().copied().unwrap_or(seen.at),
                summary: format!("new log pattern, {} lines: {}", pattern.seen, line.template),
                samples: std::mem::take(&mut pattern.samples),
                time_to_limit_ms: None,
                stale_after_ms: Some(QUIET_MS),
            },
        );
    }
}

impl Detector for LogNewPattern {
    fn see(&mut self, cx: Context<'_>, seen: &Seen<'_>, findings: &mut Findings) {
        let (Signal::Log(log), Some(line)) = (seen.signal, &seen.line) else { return };
        if log.level >= LogLevel::Warn {
            self.line(cx, seen, log, line, findings);
        } else {
            self.first_at.entry(&log.service, || seen.at);
        }
    }
}
