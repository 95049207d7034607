//! Values in log lines off their usual range: numbers far beyond all before, words where there were only ever a few others.
//!
//! A place in a form of lines is watched for itself. Conservative on purpose: a value counts only when it stays off for a
//! minute and for most lines, since what is slow or failing for a moment is said by requests sooner and better.

use std::collections::BTreeMap;

use model::{Band, Direction, FindingKind, LogRecord, Severity, Signal, Subject, Timestamp};
use serde::{Deserialize, Serialize};

use crate::bounded::Bounded;
use crate::detectors::Detector;
use crate::detectors::log_new_pattern::sample;
use crate::features::Seen;
use crate::findings::{Context, Findings, Sighting};
use crate::settings::Settings;
use crate::tail::Tail;
use crate::templates::{Line, values};

const NAME: &str = "log_value";
/// Forms watched, and values of each.
const FORMS: usize = 1_000;
const PLACES: usize = 8;
/// Lines of a form that are looked at in a second; the rest would say the same.
const LINES_A_SECOND: u32 = 20;
/// Values seen before the first word, over so long a time.
const KNOWN: u32 = 1_000;
const KNOWN_MS: i64 = 600_000;
/// Off is a number so many times the 99th percentile and twice the largest so far.
const TIMES: f64 = 10.0;
const TIMES_MOST: f64 = 2.0;
/// A place with at most so many different words names kinds; a word has at most so many bytes.
const WORDS: usize = 8;
const WORD_BYTES: usize = 40;
/// Of the newest values this many, as bits, tell whether it is off: that share of them, for so long.
const NEWEST: u32 = 32;
const OFF_SHARE: u32 = 24;
const HELD_MS: i64 = 60_000;
const STALE_MS: i64 = 120_000;

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Place {
    seen: u32,
    first_at: Timestamp,
    sizes: Tail,
    most: f64,
    /// Words and how often; none when there were too many.
    words: Option<BTreeMap<String, u32>>,
    /// The newest values, a one for each that was off.
    off: u32,
    off_since: Option<Timestamp>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Form {
    second: i64,
    lines: u32,
    places: Vec<Place>,
}

/// See the module.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct LogValue {
    forms: Bounded<Form>,
}

/// The number that a value begins with, in bytes where it has such a unit.
fn number(value: &str) -> Option<f64> {
    let end =
        value.find(|c: char| !c.is_ascii_digit() && !matches!(c, '.' | '-' | '+')).unwrap_or(value.len());
    let unit = match value[end..].trim() {
        "" | "B" => 1.0,
        "KB" => 1e3,
        "MB" => 1e6,
        "GB" => 1e9,
        "TB" => 1e12,
        _ => return None,
    };
    let number: f64 = value[..end].parse().ok()?;
    number.is_finite().then_some(number * unit)
}

impl Place {
    fn new(at: Timestamp) -> Self {
        Self { first_at: at, words: Some(BTreeMap::new()), ..Self::default() }
    }

    /// The largest usual size and whether this value is off; learns it when it is not, or when `learn` says so.
    fn see(&mut self, at: Timestamp, value: &str, learn: bool) -> bool {
        let known = self.seen >= KNOWN && at.since_ms(self.first_at) >= KNOWN_MS;
        let number = number(value);
        let far = number.is_some_and(|n| {
            n.abs() > TIMES * self.sizes.edge() && n.abs() > TIMES_MOST * self.most && self.most > 0.0
        });
        let strange =
            self.words.as_ref().is_some_and(|words| !words.is_empty() && !words.contains_key(value));
        // A place that names kinds is judged by them even when they are numbers, as codes are.
        let is_off = known && if self.words.is_some() { strange } else { far };
        self.off = self.off << 1 | u32::from(is_off);
        if self.off == 0 {
            self.off_since = None;
        } else if is_off && self.off_since.is_none() {
            self.off_since = Some(at);
        }
        if !is_off || learn {
            self.seen = self.seen.saturating_add(1);
            if let Some(n) = number {
                self.sizes.add(n.abs());
                self.most = self.most.max(n.abs());
            }
            self.learn_word(value);
        }
        self.off.count_ones() >= OFF_SHARE
            && self.off_since.is_some_and(|since| at.since_ms(since) >= HELD_MS)
    }

    fn learn_word(&mut self, value: &str) {
        let Some(words) = &mut self.words else { return };
        if value.len() > WORD_BYTES || (words.len() >= WORDS && !words.contains_key(value)) {
            self.words = None;
        } else {
            let seen = words.entry(value.to_owned()).or_default();
            *seen = seen.saturating_add(1);
        }
    }

    fn usual(&self) -> String {
        match &self.words {
            Some(words) => words.keys().map(String::as_str).collect::<Vec<_>>().join(", "),
            None => format!("at most {}", self.most),
        }
    }
}

impl LogValue {
    pub(crate) fn new(_settings: &Settings) -> Self {
        Self { forms: Bounded::new(FORMS) }
    }

    fn line(
        &mut self,
        cx: Context<'_>,
        at: Timestamp,
        log: &LogRecord,
        line: &Line,
        findings: &mut Findings,
    ) {
        let form = self.forms.entry(&format!("{:016x}", line.form), Form::default);
        let second = at.as_unix_ms().div_euclid(1_000);
        if form.second != second {
            (form.second, form.lines) = (second, 0);
        }
        form.lines = form.lines.saturating_add(1);
        if form.lines > LINES_A_SECOND {
            return;
        }
        for (i, value) in values(&log.body).into_iter().take(PLACES).enumerate() {
            if form.places.len() == i {
                form.places.push(Place::new(at));
            }
            let key = format!("{}\u{1f}{i}", line.id);
            let open = findings.open_for_ms(cx, NAME, &key).is_some();
            let learn = open && !findings.holds_learning(cx, NAME, &key);
            let place = &mut form.places[i];
            if !place.see(at, &value, learn) {
                if open && place.off & (NEWEST - 1) == 0 {
                    findings.good(cx, NAME, &key, cx.settings.clear_after_ms());
                }
                continue;
            }
            let number = number(&value).filter(|_| place.words.is_none());
            findings.raise(
                cx,
                Sighting {
                    detector: NAME,
                    key: &key,
                    kind: FindingKind::LogAnomaly,
                    service: &log.service,
                    instance: log.attributes.get("instance").map(String::as_str),
                    subject: Subject::LogTemplate {
                        template_id: line.id.to_string(),
                        template: line.template.to_string(),
                    },
                    severity: Severity::Low,
                    score: 0.8,
                    direction: number.map(|_| Direction::Up),
                    observed: number,
                    expected: number.map(|_| Band { low: 0.0, high: place.most }),
                    started_at: place.off_since.unwrap_or(at),
                    summary: format!(
                        "value {} of `{}` is {}, usually {}",
                        i + 1,
                        sample(&line.template),
                        sample(&value),
                        place.usual()
                    ),
                    samples: vec![sample(&log.body)],
                    time_to_limit_ms: None,
                    stale_after_ms: Some(STALE_MS),
                },
            );
        }
    }
}

impl Detector for LogValue {
    fn see(&mut self, cx: Context<'_>, seen: &Seen<'_>, findings: &mut Findings) {
        let (Signal::Log(log), Some(line)) = (seen.signal, &seen.line) else { return };
        if !seen.late {
            self.line(cx, seen.at, log, line, findings);
        }
    }
}
