//! When a workflow runs by itself (DSL reference, "Schedule"): as a pure type that a driver asks for the next time and
//! hands events to. What a driver keeps between events is data. No clock here, no timers.

use std::collections::VecDeque;

use model::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::cron::Cron;
use crate::definition::Stop;
use crate::expression::truthy;
use crate::filter::{EventFilter, Gathered};

/// Most incomplete sets of events that are kept; the oldest goes first.
pub const MAX_GATHERED: usize = 1_000;
/// Most events of one set.
const MAX_EVENTS: usize = 1_000;

/// When a workflow runs by itself. At least one of its parts is there; each counts for itself.
#[derive(Clone, Debug, Default)]
pub struct Schedule {
    /// At every multiple of this many milliseconds of Unix time.
    pub every_ms: Option<i64>,
    /// At these times.
    pub cron: Option<Cron>,
    /// So many milliseconds after it ended. The first run begins at once.
    pub after_ms: Option<i64>,
    /// When these events came.
    pub on: Option<Trigger>,
}

impl Schedule {
    /// The next time after an instant that `every` and `cron` ask for. It depends on nothing but the instant, so
    /// a driver that was away asks from where it was, or from now to leave out what it missed.
    #[must_use]
    pub fn next_after(&self, at: Timestamp) -> Option<Timestamp> {
        let every = self.every_ms.filter(|ms| *ms > 0).map(|ms| {
            let passed = at.as_unix_ms().rem_euclid(ms);
            at.plus_ms(ms - passed)
        });
        let cron = self.cron.as_ref().and_then(|c| c.next_after(at));
        every.into_iter().chain(cron).min()
    }

    /// When it runs again after a run that ended.
    #[must_use]
    pub fn after_end(&self, ended_at: Timestamp) -> Option<Timestamp> {
        self.after_ms.map(|ms| ended_at.plus_ms(ms))
    }
}

/// Events that start a workflow.
#[derive(Clone, Debug)]
pub struct Trigger {
    pub(crate) filters: Vec<EventFilter>,
    pub(crate) until: Vec<EventFilter>,
    pub(crate) stop: Stop,
}

/// Events that came and are not enough yet. Plain data; a driver stores it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Waiting {
    sets: VecDeque<Set>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Set {
    gathered: Gathered,
    events: Vec<Value>,
}

impl Trigger {
    /// The filters of all events it looks at; none at all means every event.
    #[must_use]
    pub fn filters(&self) -> Vec<EventFilter> {
        if self.filters.is_empty() { Vec::new() } else { [&self.filters[..], &self.until].concat() }
    }

    /// Takes an event (a CloudEvent in its JSON format). When that makes a set complete, gives the input of the run
    /// to start: the list of its events.
    ///
    /// Events of `all` belong together when their correlations agree: each agreement has a set of its own.
    pub fn take(&self, waiting: &mut Waiting, event: &Value) -> Option<Value> {
        if matches!(self.stop, Stop::First) {
            let wanted = self.filters.is_empty() || self.filters.iter().any(|f| crate::matches(f, event));
            return wanted.then(|| json!([event]));
        }
        for at in 0..waiting.sets.len() {
            match self.offer(&mut waiting.sets[at], event) {
                Offer::No => {}
                Offer::Taken => return None,
                Offer::Complete => return waiting.sets.remove(at).map(|s| Value::Array(s.events)),
            }
        }
        let mut set =
            Set { gathered: Gathered::new(self.filters.len() + self.until.len()), events: Vec::new() };
        match self.offer(&mut set, event) {
            Offer::No => None,
            Offer::Taken => {
                if waiting.sets.len() >= MAX_GATHERED {
                    waiting.sets.pop_front();
                }
                waiting.sets.push_back(set);
                None
            }
            Offer::Complete => Some(Value::Array(set.events)),
        }
    }

    fn offer(&self, set: &mut Set, event: &Value) -> Offer {
        let own = self.filters.len();
        if let Stop::Consumed { all } = self.stop
            // What ends it before anything came starts nothing.
            && !set.events.is_empty()
            && set.gathered.claim(&self.until, own, true, event)
        {
            let over = !all || set.gathered.full(own);
            return if over { Offer::Complete } else { Offer::Taken };
        }
        let once = matches!(self.stop, Stop::All);
        if own > 0 && !set.gathered.claim(&self.filters, 0, once, event) {
            return Offer::No;
        }
        set.events.push(event.clone());
        let complete = match &self.stop {
            Stop::All => set.gathered.full(0),
            Stop::Until(condition) => {
                let events = Value::Array(set.events.clone());
                condition.evaluate(&events, &|_| Value::Null).is_ok_and(|v| truthy(&v))
            }
            _ => false,
        };
        if complete || set.events.len() >= MAX_EVENTS { Offer::Complete } else { Offer::Taken }
    }
}

enum Offer {
    No,
    Taken,
    Complete,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Definition;

    fn schedule(yaml: &str) -> Schedule {
        let head = "document: {dsl: '1.0.3', namespace: test, name: test, version: '1.0.0'}";
        let text = format!("{head}\nschedule: {yaml}\ndo: []");
        Definition::parse("s.yaml", &text).expect(yaml).schedule().cloned().expect("it has one")
    }

    fn event(kind: &str, room: &str, n: i64) -> Value {
        json!({"id": n.to_string(), "source": "s", "type": kind, "room": room, "data": n})
    }

    #[test]
    fn times_come_from_every_cron_and_after() {
        let at = Timestamp::parse("2026-11-21T10:07:30Z").expect("a time");
        for (yaml, next, after) in [
            ("{every: PT5M}", Some("2026-11-21T10:10:00.000Z"), None),
            ("{cron: '0 11 * * *'}", Some("2026-11-21T11:00:00.000Z"), None),
            ("{every: {hours: 2}, cron: '0 11 * * *'}", Some("2026-11-21T11:00:00.000Z"), None),
            ("{after: PT10S}", None, Some("2026-11-21T10:07:40.000Z")),
            ("{on: {any: []}}", None, None),
        ] {
            let schedule = schedule(yaml);
            let shown = |t: Option<Timestamp>| t.map(|t| t.to_string());
            assert_eq!(shown(schedule.next_after(at)).as_deref(), next, "{yaml}");
            assert_eq!(shown(schedule.after_end(at)).as_deref(), after, "{yaml}");
        }
    }

    /// Which events start a run, by their numbers.
    fn started(on: &str, events: &[(&str, &str)]) -> Vec<Vec<i64>> {
        let trigger = schedule(&format!("{{on: {on}}}")).on.expect("it has events");
        let mut waiting = Waiting::default();
        let mut started = Vec::new();
        for (n, (kind, room)) in events.iter().enumerate() {
            if let Some(input) = trigger.take(&mut waiting, &event(kind, room, n as i64)) {
                let numbers = input.as_array().expect("a list").iter().filter_map(|e| e["data"].as_i64());
                started.push(numbers.collect());
            }
            waiting = serde_json::from_value(serde_json::to_value(&waiting).expect("data")).expect("data");
        }
        started
    }

    #[test]
    fn events_start_runs() {
        let correlated = "{all: [{with: {type: a}, correlate: {room: {from: .room}}}, {with: {type: b}, correlate: {room: {from: .room}}}]}";
        for (on, events, expect) in [
            ("{one: {with: {type: a}}}", vec![("b", "1"), ("a", "1"), ("a", "2")], vec![vec![1], vec![2]]),
            ("{any: []}", vec![("b", "1"), ("a", "1")], vec![vec![0], vec![1]]),
            (
                "{all: [{with: {type: a}}, {with: {type: b}}]}",
                vec![("a", "1"), ("a", "1"), ("b", "1"), ("b", "2")],
                vec![vec![0, 2], vec![1, 3]],
            ),
            (
                correlated,
                vec![("a", "1"), ("a", "2"), ("b", "2"), ("b", "3"), ("b", "1")],
                vec![vec![1, 2], vec![0, 4]],
            ),
            (
                "{any: [{with: {type: a}}], until: 'length == 2'}",
                vec![("a", "1"), ("b", "1"), ("a", "1"), ("a", "1")],
                vec![vec![0, 2]],
            ),
            (
                "{any: [{with: {type: a}}], until: {one: {with: {type: x}}}}",
                vec![("x", "1"), ("a", "1"), ("a", "1"), ("x", "1"), ("a", "1")],
                vec![vec![1, 2]],
            ),
        ] {
            assert_eq!(started(on, &events), expect, "{on}");
        }
    }

    #[test]
    fn sets_that_never_complete_are_bounded() {
        let trigger = schedule("{on: {all: [{with: {type: a}, correlate: {r: {from: .room}}}, {with: {type: b}, correlate: {r: {from: .room}}}]}}").on;
        let trigger = trigger.expect("it has events");
        let mut waiting = Waiting::default();
        for n in 0..=MAX_GATHERED as i64 {
            assert_eq!(trigger.take(&mut waiting, &event("a", &n.to_string(), n)), None);
        }
        assert_eq!(waiting.sets.len(), MAX_GATHERED);
        assert_eq!(trigger.take(&mut waiting, &event("b", "0", 0)), None, "the oldest is gone");
        assert!(trigger.take(&mut waiting, &event("b", "7", 0)).is_some());
    }
}
