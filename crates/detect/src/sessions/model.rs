//! What sessions have in common, as counts, and what is held against one.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::session::Session;
use crate::tail::Tail;

/// Nearly all: a count that so many sessions share is what a session has.
const USUAL: f64 = 0.9;
/// Hardly any: what at most so many sessions have is held against one.
const RARE: f64 = 0.025;
/// Below so many sessions, only what none had is rare.
const FEW: f64 = 40.0;
/// Least sessions that tell of a pair of templates, and as a share of all.
const PAIR_LEAST: f64 = 5.0;
const PAIR_SHARE: f64 = 0.05;
/// Sessions that show an order before its reverse is held against one.
const ORDER_LEAST: f64 = 20.0;
/// Far more than ever: the largest count so many times over, and two.
const FAR: u32 = 2;
/// Templates known to a model, and of these the ones that pairs are made of. The first seen are kept.
const TEMPLATES_MAX: usize = 512;
const PAIRED: usize = 64;
/// Counts up to this are told apart; above it, quarters of doublings are.
const EXACT: u32 = 16;
/// Sessions after which older ones count half.
const FULL: f64 = 20_000.0;

/// Something in a session that sessions do not have.
#[derive(Clone, Debug, PartialEq)]
pub enum Evidence {
    /// A template that no session had, or hardly any.
    Template {
        /// Id of the template.
        template: String,
        /// Share of sessions that had it.
        share: f64,
    },
    /// Fewer or more lines of a template than nearly all sessions have.
    Count {
        /// Id of the template.
        template: String,
        /// How many there are; 0 when it is missing.
        count: u32,
        /// How many there usually are, and the share of sessions for which that is so.
        usual: u32,
        /// See `usual`.
        share: f64,
    },
    /// Far more lines of a template than any session had.
    Flood {
        /// Id of the template.
        template: String,
        /// How many there are.
        count: u32,
        /// The most that a session had.
        most: u32,
    },
    /// Two templates come as often as each other in every session, and not in this one.
    Unequal {
        /// The templates.
        templates: [String; 2],
        /// How many there are of each.
        counts: [u32; 2],
    },
    /// Two templates in an order that no session had.
    Order {
        /// The template that came first, and the one that always did.
        templates: [String; 2],
    },
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Known {
    place: u16,
    /// Sessions by count, without those that had none.
    counts: BTreeMap<u32, f32>,
    most: u32,
    /// By when it is there, in seconds after the beginning of the session.
    there_after: Tail,
}

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Pair {
    /// Sessions with either, with as many of both, with the first before the second, and the reverse.
    either: f32,
    same: f32,
    forth: f32,
    back: f32,
}

/// See the module.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct SessionModel {
    sessions: f64,
    templates: BTreeMap<Box<str>, Known>,
    /// By place of two templates, the smaller first.
    pairs: BTreeMap<(u16, u16), Pair>,
}

fn bucket(count: u32) -> u32 {
    if count <= EXACT {
        count
    } else {
        EXACT + ((f64::from(count) / f64::from(EXACT)).log2() * 4.0).ceil() as u32
    }
}

impl Known {
    fn having(&self) -> f64 {
        self.counts.values().map(|n| f64::from(*n)).sum()
    }

    /// Sessions that had this count.
    fn with(&self, count: u32, sessions: f64) -> f64 {
        if count == 0 {
            (sessions - self.having()).max(0.0)
        } else {
            self.counts.get(&bucket(count)).map_or(0.0, |n| f64::from(*n))
        }
    }

    /// The commonest count and how many sessions had it.
    fn usual(&self, sessions: f64) -> (u32, f64) {
        let none = (0, self.with(0, sessions));
        let all = self.counts.iter().map(|(count, n)| (*count, f64::from(*n)));
        all.fold(none, |best, one| if one.1 > best.1 { one } else { best })
    }
}

impl SessionModel {
    /// Sessions learned; older ones count less.
    #[must_use]
    pub fn sessions(&self) -> f64 {
        self.sessions
    }

    /// Templates that sessions had.
    #[must_use]
    pub fn templates(&self) -> usize {
        self.templates.len()
    }

    /// Learns a session that is over.
    pub fn learn(&mut self, session: &Session) {
        self.sessions += 1.0;
        let mut present: Vec<(u16, u32)> = Vec::with_capacity(session.steps.len());
        for step in &session.steps {
            if !self.templates.contains_key(&step.template) {
                if self.templates.len() >= TEMPLATES_MAX {
                    continue;
                }
                let known = Known { place: self.templates.len() as u16, ..Known::default() };
                self.templates.insert(step.template.clone(), known);
            }
            let Some(known) = self.templates.get_mut(&step.template) else { continue };
            *known.counts.entry(bucket(step.count)).or_default() += 1.0;
            known.most = known.most.max(step.count);
            known.there_after.add(step.last_after_ms as f64 / 1_000.0);
            present.push((known.place, step.count));
        }
        self.learn_pairs(&present);
        if self.sessions >= FULL {
            self.fade();
        }
    }

    fn learn_pairs(&mut self, present: &[(u16, u32)]) {
        let paired = self.templates.len().min(PAIRED) as u16;
        for (i, (a, count)) in present.iter().enumerate().filter(|(_, (a, _))| *a < paired) {
            for b in (0..paired).filter(|b| b != a) {
                let other = present.iter().position(|(place, _)| *place == b);
                // A pair of which both are there is counted once, by the one that came first.
                if other.is_some_and(|j| j < i) {
                    continue;
                }
                let pair = self.pairs.entry((*a.min(&b), *a.max(&b))).or_default();
                pair.either += 1.0;
                if let Some(j) = other {
                    pair.same += f32::from(u8::from(present[j].1 == *count));
                    *(if *a < b { &mut pair.forth } else { &mut pair.back }) += 1.0;
                }
            }
        }
    }

    fn fade(&mut self) {
        self.sessions *= 0.5;
        for known in self.templates.values_mut() {
            known.counts.values_mut().for_each(|n| *n *= 0.5);
            known.counts.retain(|_, n| *n > 0.05);
        }
        for pair in self.pairs.values_mut() {
            for n in [&mut pair.either, &mut pair.same, &mut pair.forth, &mut pair.back] {
                *n *= 0.5;
            }
        }
    }

    /// What is held against a session, worst first. `elapsed_ms` is how long ago it began when it may still go on: what usually
    /// comes later than that is not missing yet. None: it is over.
    #[must_use]
    pub fn judge(&self, session: &Session, elapsed_ms: Option<i64>) -> Vec<Evidence> {
        let mut evidence = Vec::new();
        if self.sessions < 1.0 {
            return evidence;
        }
        self.judge_templates(session, &mut evidence);
        self.judge_counts(session, elapsed_ms, &mut evidence);
        self.judge_pairs(session, elapsed_ms, &mut evidence);
        evidence
    }

    fn rare(&self, n: f64, of: f64) -> bool {
        n < 0.5 || (of >= FEW && n <= RARE * of)
    }

    fn judge_templates(&self, session: &Session, evidence: &mut Vec<Evidence>) {
        for step in &session.steps {
            let having = self.templates.get(&step.template).map_or(0.0, Known::having);
            // A full table cannot tell what is new.
            let told = having > 0.0 || self.templates.len() < TEMPLATES_MAX;
            if told && self.rare(having, self.sessions) {
                let template = step.template.to_string();
                evidence.push(Evidence::Template { template, share: having / self.sessions });
            }
        }
    }

    fn judge_counts(&self, session: &Session, elapsed_ms: Option<i64>, evidence: &mut Vec<Evidence>) {
        for (template, known) in &self.templates {
            let count = session.steps.iter().find(|s| s.template == *template).map_or(0, |s| s.count);
            let (usual, n) = known.usual(self.sessions);
            if bucket(count) == usual {
                continue;
            }
            let share = n / self.sessions;
            let yet_to_come = bucket(count) < usual && known.is_yet_to_come(elapsed_ms);
            if share >= USUAL && self.rare(known.with(count, self.sessions), self.sessions) && !yet_to_come {
                let template = template.to_string();
                evidence.push(Evidence::Count { template, count, usual, share });
            } else if count > known.most.saturating_mul(FAR).saturating_add(FAR) && known.most > 0 {
                let template = template.to_string();
                evidence.push(Evidence::Flood { template, count, most: known.most });
            }
        }
    }

    fn judge_pairs(&self, session: &Session, elapsed_ms: Option<i64>, evidence: &mut Vec<Evidence>) {
        let least = PAIR_LEAST.max(PAIR_SHARE * self.sessions);
        let names: BTreeMap<u16, (&str, &Known)> =
            self.templates.iter().map(|(name, known)| (known.place, (&**name, known))).collect();
        let step_of = |name: &str| session.steps.iter().position(|s| &*s.template == name);
        for ((a, b), pair) in &self.pairs {
            let (Some((first, known)), Some((second, other))) = (names.get(a), names.get(b)) else {
                continue;
            };
            let (at, there) = (step_of(first), step_of(second));
            let count = |i: Option<usize>| i.map_or(0, |i| session.steps[i].count);
            let counts = [count(at), count(there)];
            let either = f64::from(pair.either);
            let templates = || [(*first).to_owned(), (*second).to_owned()];
            if counts[0] != counts[1] && either >= least && f64::from(pair.same) >= (1.0 - RARE) * either {
                let fewer = if counts[0] < counts[1] { known } else { other };
                if !fewer.is_yet_to_come(elapsed_ms) {
                    evidence.push(Evidence::Unequal { templates: templates(), counts });
                }
            }
            if let (Some(i), Some(j)) = (at, there) {
                let (this, reverse) = if i < j { (pair.forth, pair.back) } else { (pair.back, pair.forth) };
                if this < 0.5 && f64::from(reverse) >= ORDER_LEAST.max(least) {
                    let [first, second] = templates();
                    let templates = if i < j { [first, second] } else { [second, first] };
                    evidence.push(Evidence::Order { templates });
                }
            }
        }
    }
}

impl Known {
    fn is_yet_to_come(&self, elapsed_ms: Option<i64>) -> bool {
        elapsed_ms.is_some_and(|ms| (ms as f64) / 1_000.0 < self.there_after.edge())
    }
}
