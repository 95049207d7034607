//! Sessions of log lines unlike those before: steps that are missing, too many, new or in another order.
//!
//! Lines that name the same thing are a session. One odd session is noise; the finding is that clearly more of them than
//! usual depart from what sessions have in common. Judged when a session falls silent, and in a sweep for those that go on.

use std::collections::{BTreeMap, VecDeque};

use model::{FindingKind, LogRecord, Severity, Signal, Subject, Timestamp};
use serde::{Deserialize, Serialize};

use crate::bounded::Bounded;
use crate::detectors::Detector;
use crate::detectors::log_new_pattern::sample;
use crate::features::Seen;
use crate::findings::{Context, Findings, Sighting};
use crate::sessions::{Evidence, Session, SessionModel, identifiers};
use crate::settings::Settings;
use crate::stats::{binomial_tail, score};
use crate::tail::Tail;
use crate::templates::Line;

const NAME: &str = "log_sequence";
/// Kinds of names watched, over all services, and open sessions of each.
const KINDS: usize = 64;
const OPEN: usize = 500;
/// Templates whose text is kept for summaries.
const TEXTS: usize = 256;
/// Sessions learned before the first word, and lines and templates that make sessions worth judging.
const LEARNED: f64 = 200.0;
const LINES: f64 = 2.0;
/// Sessions are closed this often, those that go on are judged this often.
const CLOSE_EVERY_MS: i64 = 5_000;
const SWEEP_EVERY_MS: i64 = 300_000;
/// A session is over when it is silent for four times the usual longest pause, within these bounds.
const PAUSES: f64 = 4.0;
const IDLE_MS: (i64, i64) = (30_000, 3_600_000);
/// Sessions judged within this time count; so many odd ones at least, and so unlikely at the usual rate.
const WINDOW_MS: i64 = 300_000;
const ODD: usize = 5;
const CHANCE: f64 = 1e-6;
const LEAST_RATE: f64 = 0.02;
/// Most odd sessions of one kind that wait to be learned; more would say the same.
const WAITING: usize = 100;
/// How much one session moves the usual rate of odd ones.
const RATE_STEP: f64 = 0.002;

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Open {
    session: Session,
    told: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Watched {
    service: String,
    kind: String,
    model: SessionModel,
    open: Bounded<Open>,
    texts: BTreeMap<String, String>,
    pauses: Tail,
    lines: f64,
    /// Share of odd sessions, in the long run.
    odd_rate: f64,
    judged: VecDeque<(Timestamp, bool)>,
    /// Odd sessions that are learned when they are older than the window: trouble must not be normal at once.
    waiting: VecDeque<(Timestamp, Session)>,
    /// The newest odd session: what is held against it, in words, and the template it is about.
    why: Option<(String, String)>,
    samples: VecDeque<String>,
}

/// See the module.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct LogSequence {
    kinds: Bounded<Watched>,
    closed_at: Timestamp,
    swept_at: Timestamp,
}

impl LogSequence {
    pub(crate) fn new(_settings: &Settings) -> Self {
        Self { kinds: Bounded::new(KINDS), closed_at: Timestamp::ZERO, swept_at: Timestamp::ZERO }
    }

    fn line(&mut self, at: Timestamp, log: &LogRecord, line: &Line) {
        for found in identifiers(&log.body) {
            let key = format!("{}\u{1f}{}", log.service, found.kind);
            let watched = self.kinds.entry(&key, || Watched::new(&log.service, &found.kind));
            watched.open.entry(found.name, Open::default).session.note(&line.id, at.as_unix_ms());
            if watched.texts.len() < TEXTS && !watched.texts.contains_key(&*line.id) {
                watched.texts.insert(line.id.to_string(), sample(&line.template));
            }
        }
    }
}

impl Watched {
    fn new(service: &str, kind: &str) -> Self {
        Self {
            service: service.to_owned(),
            kind: kind.to_owned(),
            model: SessionModel::default(),
            open: Bounded::new(OPEN),
            texts: BTreeMap::new(),
            pauses: Tail::default(),
            lines: 0.0,
            odd_rate: LEAST_RATE,
            judged: VecDeque::new(),
            waiting: VecDeque::new(),
            why: None,
            samples: VecDeque::new(),
        }
    }

    fn ready(&self) -> bool {
        self.model.sessions() >= LEARNED && self.model.templates() >= 2 && self.lines >= LINES
    }

    /// Judges and learns the sessions that fell silent.
    fn close(&mut self, now: Timestamp) {
        let usual = (self.pauses.edge() * PAUSES * 1_000.0) as i64;
        let idle = usual.clamp(IDLE_MS.0, IDLE_MS.1);
        let over = |open: &Open| now.as_unix_ms() - open.session.span_ms().1 >= idle;
        let names: Vec<String> =
            self.open.iter_mut().filter(|(_, open)| over(open)).map(|(name, _)| name.to_owned()).collect();
        for name in names {
            let Some(open) = self.open.remove(&name) else { continue };
            let mut odd = open.told;
            if self.ready() && !open.told {
                let evidence = self.model.judge(&open.session, None);
                odd = !evidence.is_empty();
                self.note(now, &name, &evidence);
            }
            let lines = f64::from(open.session.lines());
            self.lines += (lines - self.lines) / self.model.sessions().clamp(1.0, 500.0);
            self.pauses.add(open.session.longest_gap_ms() as f64 / 1_000.0);
            if !odd {
                self.model.learn(&open.session);
            } else if self.waiting.len() < WAITING {
                self.waiting.push_back((now, open.session));
            }
        }
    }

    /// Judges the sessions that go on: what should be there by now, and what should not.
    fn sweep(&mut self, now: Timestamp) {
        if !self.ready() {
            return;
        }
        let mut odd = Vec::new();
        for (name, open) in self.open.iter_mut().filter(|(_, open)| !open.told) {
            let elapsed = now.as_unix_ms() - open.session.span_ms().0;
            let evidence = self.model.judge(&open.session, Some(elapsed));
            if !evidence.is_empty() {
                open.told = true;
                odd.push((name.to_owned(), evidence));
            }
        }
        for (name, evidence) in odd {
            self.note(now, &name, &evidence);
        }
    }

    fn note(&mut self, now: Timestamp, name: &str, evidence: &[Evidence]) {
        let odd = !evidence.is_empty();
        self.judged.push_back((now, odd));
        while self.judged.len() > 2 * OPEN {
            self.judged.pop_front();
        }
        if let Some(first) = evidence.first() {
            let (template, words) = self.words(first);
            if self.samples.len() == 5 {
                self.samples.pop_front();
            }
            self.samples.push_back(sample(&format!("{name}: {words}")));
            self.why = Some((words, template));
        }
    }

    fn text(&self, template: &str) -> String {
        self.texts.get(template).cloned().unwrap_or_else(|| template.to_owned())
    }

    /// The template that evidence is about, and the evidence in words.
    fn words(&self, evidence: &Evidence) -> (String, String) {
        match evidence {
            Evidence::Template { template, share } => {
                let share = share * 100.0;
                (template.clone(), format!("`{}`, which {share:.1} % of sessions have", self.text(template)))
            }
            Evidence::Count { template, count: 0, share, .. } => {
                let share = share * 100.0;
                (
                    template.clone(),
                    format!("no `{}`, which {share:.0} % of sessions have", self.text(template)),
                )
            }
            Evidence::Count { template, count, usual, .. } => {
                (template.clone(), format!("{count} times `{}`, usually {usual}", self.text(template)))
            }
            Evidence::Flood { template, count, most } => {
                (template.clone(), format!("{count} times `{}`, at most {most} before", self.text(template)))
            }
            Evidence::Unequal { templates: [a, b], counts: [n, m] } => {
                let (a_text, b_text) = (self.text(a), self.text(b));
                (a.clone(), format!("{n} times `{a_text}` and {m} times `{b_text}`, always equal before"))
            }
            Evidence::Order { templates: [a, b] } => {
                let (a_text, b_text) = (self.text(a), self.text(b));
                (a.clone(), format!("`{a_text}` before `{b_text}`, never so before"))
            }
        }
    }

    fn judge(&mut self, cx: Context<'_>, key: &str, findings: &mut Findings) {
        // The usual rate is that of before the window: what is judged must not move what it is measured by.
        let learns = !findings.holds_learning(cx, NAME, key);
        while let Some((at, odd)) = self.judged.front().copied()
            && cx.now.since_ms(at) > WINDOW_MS
        {
            self.judged.pop_front();
            if learns {
                self.odd_rate += (f64::from(u8::from(odd)) - self.odd_rate) * RATE_STEP;
            }
        }
        while self.waiting.front().is_some_and(|(at, _)| cx.now.since_ms(*at) > WINDOW_MS) {
            if let Some((_, session)) = self.waiting.pop_front().filter(|_| learns) {
                self.model.learn(&session);
            }
        }
        let (all, odd) = (self.judged.len(), self.judged.iter().filter(|(_, odd)| *odd).count());
        let chance = binomial_tail(all as u32, odd as u32, self.odd_rate.max(LEAST_RATE));
        let Some((words, template)) = self.why.as_ref().filter(|_| odd >= ODD && chance < CHANCE) else {
            findings.good(cx, NAME, key, cx.settings.clear_after_ms());
            return;
        };
        let started_at = self.judged.iter().find(|(_, odd)| *odd).map_or(cx.now, |(at, _)| *at);
        findings.raise(
            cx,
            Sighting {
                detector: NAME,
                key,
                kind: FindingKind::LogAnomaly,
                service: &self.service,
                instance: None,
                subject: Subject::LogTemplate {
                    template_id: template.clone(),
                    template: self.text(template),
                },
                severity: Severity::Low,
                score: score(chance),
                direction: None,
                observed: Some(odd as f64 / all as f64),
                expected: Some(model::Band { low: 0.0, high: self.odd_rate }),
                started_at,
                summary: format!("{odd} of {all} sessions of {} are unlike those before: {words}", self.kind),
                samples: self.samples.iter().cloned().collect(),
                time_to_limit_ms: None,
                stale_after_ms: Some(WINDOW_MS),
            },
        );
    }
}

impl Detector for LogSequence {
    fn see(&mut self, _cx: Context<'_>, seen: &Seen<'_>, _findings: &mut Findings) {
        if let (Signal::Log(log), Some(line)) = (seen.signal, &seen.line) {
            self.line(seen.at, log, line);
        }
    }

    fn judge(&mut self, cx: Context<'_>, findings: &mut Findings) {
        if cx.now.since_ms(self.closed_at) < CLOSE_EVERY_MS {
            return;
        }
        self.closed_at = cx.now;
        let sweep = cx.now.since_ms(self.swept_at) >= SWEEP_EVERY_MS;
        if sweep {
            self.swept_at = cx.now;
        }
        for (key, watched) in self.kinds.iter_mut() {
            watched.close(cx.now);
            if sweep {
                watched.sweep(cx.now);
            }
            watched.judge(cx, key, findings);
        }
    }
}
