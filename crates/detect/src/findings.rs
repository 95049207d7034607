//! The life of findings: opened, upheld, cleared after some good seconds. Detectors judge; this keeps books.

use std::collections::{BTreeMap, VecDeque};

use model::{
    Band, Change, ChangeId, CorrelationId, Direction, Feedback, Finding, FindingId, FindingKind,
    FindingState, Judgement, Severity, Subject, Timestamp,
};
use serde::{Deserialize, Serialize};

use crate::settings::Settings;

/// An update of an open finding is said at most this often.
const UPDATE_EVERY_MS: i64 = 1_000;
/// A change of the same service is named when it is at most this much older than the finding.
const CHANGE_WITHIN_MS: i64 = 180_000;
/// Services whose newest change is remembered.
const MAX_CHANGES: usize = 2_000;
/// Findings open at once; a storm beyond that adds nothing.
const MAX_OPEN: usize = 5_000;
/// Findings that are over and may still be judged, and judgements that are kept.
const MAX_RECENT: usize = 5_000;
const MAX_DISMISSED: usize = 5_000;
/// For how long what a person called normal is not said.
const DISMISSED_FOR_MS: i64 = 30 * 86_400_000;
/// Further out than what was called normal by this share of it is something else.
const WORSE: f64 = 0.1;

/// What every judgement is made in: the time, the batch, the knobs.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    pub(crate) now: Timestamp,
    pub(crate) correlation: &'a CorrelationId,
    pub(crate) settings: &'a Settings,
}

/// A detector's word that something is wrong now.
pub(crate) struct Sighting<'a> {
    pub(crate) detector: &'static str,
    /// Unique within the detector: the thing judged.
    pub(crate) key: &'a str,
    pub(crate) kind: FindingKind,
    pub(crate) service: &'a str,
    pub(crate) instance: Option<&'a str>,
    pub(crate) subject: Subject,
    pub(crate) severity: Severity,
    pub(crate) score: f64,
    pub(crate) direction: Option<Direction>,
    pub(crate) observed: Option<f64>,
    pub(crate) expected: Option<Band>,
    pub(crate) started_at: Timestamp,
    pub(crate) summary: String,
    pub(crate) samples: Vec<String>,
    pub(crate) time_to_limit_ms: Option<u64>,
    /// Cleared when nothing is said of it for this long; none: only ever by a good word.
    pub(crate) stale_after_ms: Option<i64>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Open {
    finding: Finding,
    good_since: Option<Timestamp>,
    touched_at: Timestamp,
    said_at: Timestamp,
    unsaid: bool,
    stale_after_ms: Option<i64>,
}

/// What a person called normal.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Dismissed {
    observed: Option<f64>,
    direction: Option<Direction>,
    at: Timestamp,
}

impl Dismissed {
    /// Whether this is the same again and no further out.
    fn covers(&self, now: Timestamp, sighting: &Sighting<'_>) -> bool {
        let far = match (self.observed, sighting.observed) {
            (Some(normal), Some(now)) => {
                let slack = WORSE * normal.abs();
                match self.direction {
                    Some(Direction::Down) => now >= normal - slack,
                    _ => now <= normal + slack,
                }
            }
            _ => true,
        };
        far && self.direction == sighting.direction && now.since_ms(self.at) < DISMISSED_FOR_MS
    }
}

/// What is judged: a detector and its key.
type Place = (String, String);

/// Open findings by detector and key.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Findings {
    open: BTreeMap<Place, Open>,
    /// Findings that are over, newest last, with how far out they were.
    #[serde(default)]
    recent: VecDeque<(FindingId, Place, Option<f64>, Option<Direction>)>,
    #[serde(default)]
    dismissed: BTreeMap<Place, Dismissed>,
    changes: BTreeMap<String, (Timestamp, ChangeId)>,
    #[serde(skip)]
    said: Vec<Finding>,
}

impl Findings {
    /// What was opened, updated or cleared since the last call.
    pub(crate) fn take(&mut self) -> Vec<Finding> {
        std::mem::take(&mut self.said)
    }

    /// Remembers the newest change of a service.
    pub(crate) fn note_change(&mut self, change: &Change) {
        if self.changes.len() >= MAX_CHANGES && !self.changes.contains_key(&change.service) {
            let oldest = self.changes.iter().min_by_key(|(_, (at, _))| *at).map(|(s, _)| s.clone());
            oldest.and_then(|s| self.changes.remove(&s));
        }
        self.changes.insert(change.service.clone(), (change.at, change.id.clone()));
    }

    /// For how long a finding has been open; none when it is not.
    pub(crate) fn open_for_ms(&self, cx: Context<'_>, detector: &str, key: &str) -> Option<i64> {
        // Few findings are open at once; the usual answer costs nothing.
        if self.open.is_empty() {
            return None;
        }
        let open = self.open.get(&(detector.to_owned(), key.to_owned()))?;
        Some(cx.now.since_ms(open.finding.detected_at))
    }

    /// Whether learning must pause: open, and not for so long that it is the new normal.
    pub(crate) fn holds_learning(&self, cx: Context<'_>, detector: &str, key: &str) -> bool {
        self.open_for_ms(cx, detector, key).is_some_and(|ms| ms < cx.settings.absorb_after_ms())
    }

    /// Learns a person's word. What is called normal is cleared, and not said again while it is no further out.
    pub(crate) fn judge(&mut self, now: Timestamp, feedback: &Feedback) {
        let open = self.open.iter().find(|(_, o)| o.finding.id == feedback.finding);
        let known = match open {
            Some((place, o)) => Some((place.clone(), o.finding.observed, o.finding.direction)),
            None => {
                let recent = self.recent.iter().rev().find(|(id, ..)| *id == feedback.finding);
                recent.map(|(_, place, observed, direction)| (place.clone(), *observed, *direction))
            }
        };
        let Some((place, observed, direction)) = known else { return };
        if feedback.judgement == Judgement::Anomaly {
            self.dismissed.remove(&place);
            return;
        }
        if self.open.get(&place).is_some_and(|o| !o.finding.kind.is_learned()) {
            return;
        }
        if self.dismissed.len() >= MAX_DISMISSED && !self.dismissed.contains_key(&place) {
            let oldest = self.dismissed.iter().min_by_key(|(_, d)| d.at).map(|(place, _)| place.clone());
            oldest.and_then(|place| self.dismissed.remove(&place));
        }
        self.dismissed.insert(place.clone(), Dismissed { observed, direction, at: now });
        self.close(&place, now);
    }

    /// How many things people called normal.
    pub(crate) fn dismissed(&self) -> usize {
        self.dismissed.len()
    }

    fn close(&mut self, place: &Place, now: Timestamp) -> bool {
        let Some(open) = self.open.remove(place) else { return false };
        if open.finding.kind.is_learned() {
            let Finding { id, observed, direction, .. } = &open.finding;
            self.recent.push_back((id.clone(), place.clone(), *observed, *direction));
            if self.recent.len() > MAX_RECENT {
                self.recent.pop_front();
            }
        }
        open.clear(now, &mut self.said);
        true
    }

    /// Opens a finding, or upholds the one that is open.
    pub(crate) fn raise(&mut self, cx: Context<'_>, sighting: Sighting<'_>) {
        let place = (sighting.detector.to_owned(), sighting.key.to_owned());
        if self.dismissed.get(&place).is_some_and(|d| d.covers(cx.now, &sighting)) {
            return;
        }
        if let Some(open) = self.open.get_mut(&place) {
            uphold(cx, open, sighting);
            if cx.now.since_ms(open.said_at) >= UPDATE_EVERY_MS {
                open.say(cx.now, &mut self.said);
            }
            return;
        }
        if self.open.len() >= MAX_OPEN {
            return;
        }
        let change = self
            .changes
            .get(sighting.service)
            .filter(|(at, _)| (0..CHANGE_WITHIN_MS).contains(&(cx.now.since_ms(*at))));
        let finding = Finding {
            id: FindingId::derive(cx.now, &[sighting.detector, sighting.service, sighting.key]),
            kind: sighting.kind,
            detector: sighting.detector.to_owned(),
            service: sighting.service.to_owned(),
            instance: sighting.instance.map(str::to_owned),
            subject: sighting.subject,
            state: FindingState::Firing,
            severity: sighting.severity,
            score: sighting.score.clamp(0.0, 1.0),
            direction: sighting.direction,
            observed: sighting.observed.filter(|v| v.is_finite()),
            expected: sighting.expected,
            started_at: sighting.started_at.min(cx.now),
            detected_at: cx.now,
            last_seen_at: cx.now,
            summary: sighting.summary,
            samples: sighting.samples,
            time_to_limit_ms: sighting.time_to_limit_ms,
            quieted: None,
            change: change.map(|(_, id)| id.clone()),
            correlation_id: cx.correlation.clone(),
        };
        let mut open = Open {
            finding,
            good_since: None,
            touched_at: cx.now,
            said_at: cx.now,
            unsaid: true,
            stale_after_ms: sighting.stale_after_ms,
        };
        open.say(cx.now, &mut self.said);
        self.open.insert(place, open);
    }

    /// A good word: after `hold_ms` of them without a bad one the finding is cleared.
    /// True when that happened now.
    pub(crate) fn good(&mut self, cx: Context<'_>, detector: &str, key: &str, hold_ms: i64) -> bool {
        if self.open.is_empty() {
            return false;
        }
        let place = (detector.to_owned(), key.to_owned());
        let Some(open) = self.open.get_mut(&place) else { return false };
        open.touched_at = cx.now;
        let since = *open.good_since.get_or_insert(cx.now);
        cx.now.since_ms(since) >= hold_ms && self.close(&place, cx.now)
    }

    /// Clears everything.
    pub(crate) fn clear_all(&mut self, now: Timestamp) {
        let all: Vec<Place> = self.open.keys().cloned().collect();
        for place in all {
            self.close(&place, now);
        }
    }

    /// Clears what nothing was said of for too long, and says updates that waited.
    pub(crate) fn tick(&mut self, cx: Context<'_>) {
        let stale = |o: &Open| o.stale_after_ms.is_some_and(|ms| cx.now.since_ms(o.touched_at) >= ms);
        let gone: Vec<_> = self.open.iter().filter(|(_, o)| stale(o)).map(|(k, _)| k.clone()).collect();
        for place in gone {
            self.close(&place, cx.now);
        }
        for open in self.open.values_mut().filter(|o| o.unsaid) {
            if cx.now.since_ms(open.said_at) >= UPDATE_EVERY_MS {
                open.say(cx.now, &mut self.said);
            }
        }
    }
}

impl Open {
    fn say(&mut self, now: Timestamp, said: &mut Vec<Finding>) {
        self.said_at = now;
        self.unsaid = false;
        said.push(self.finding.clone());
    }

    fn clear(mut self, now: Timestamp, said: &mut Vec<Finding>) {
        self.finding.state = FindingState::Cleared;
        self.finding.last_seen_at = now;
        self.finding.time_to_limit_ms = None;
        said.push(self.finding);
    }
}

fn uphold(cx: Context<'_>, open: &mut Open, sighting: Sighting<'_>) {
    open.good_since = None;
    open.touched_at = cx.now;
    open.unsaid = true;
    let finding = &mut open.finding;
    finding.last_seen_at = cx.now;
    // Severity and score say how bad it got, so that a wavering value does not flap them.
    finding.severity = finding.severity.max(sighting.severity);
    finding.score = finding.score.max(sighting.score.clamp(0.0, 1.0));
    finding.observed = sighting.observed.filter(|v| v.is_finite()).or(finding.observed);
    finding.time_to_limit_ms = sighting.time_to_limit_ms;
    finding.summary = sighting.summary;
    for sample in sighting.samples {
        if finding.samples.len() < 5 && !finding.samples.contains(&sample) {
            finding.samples.push(sample);
        }
    }
}
