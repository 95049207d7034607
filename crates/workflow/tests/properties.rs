//! What holds for every workflow and every order of events.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use model::{Inverse, RunId, Timestamp};
use proptest::prelude::*;
use serde_json::{Value, json};
use workflow::{
    Definition, Effect, Event, History, State, WorkflowError, apply, pending_effects, replay, start, summary,
    trail,
};

const T0: i64 = 1_700_000_000_000;

/// A random task, with unique names by position.
#[derive(Clone, Debug)]
enum Tree {
    Call,
    Set,
    Wait,
    Raise,
    Emit,
    Run,
    Listen,
    Each(Vec<Tree>),
    Do(Vec<Tree>, bool),
    Fork(Vec<Tree>, bool),
    Try { body: Vec<Tree>, retries: u8, handler: Option<Vec<Tree>> },
    Loop(Vec<Tree>),
    Timed(Box<Tree>),
    Skipped(Box<Tree>),
}

fn tree() -> impl Strategy<Value = Tree> {
    let leaf = prop_oneof![5 => Just(Tree::Call), 1 => Just(Tree::Set), 1 => Just(Tree::Wait), 1 => Just(Tree::Raise),
        1 => Just(Tree::Emit), 1 => Just(Tree::Run), 1 => Just(Tree::Listen)];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let list = prop::collection::vec(inner.clone(), 1..4);
        prop_oneof![
            (list.clone(), any::<bool>()).prop_map(|(l, c)| Tree::Do(l, c)),
            (list.clone(), any::<bool>()).prop_map(|(l, c)| Tree::Fork(l, c)),
            (list.clone(), 0..3_u8, prop::option::of(list.clone()))
                .prop_map(|(body, retries, handler)| Tree::Try { body, retries, handler }),
            list.clone().prop_map(Tree::Loop),
            list.prop_map(Tree::Each),
            inner.clone().prop_map(|t| Tree::Timed(Box::new(t))),
            inner.prop_map(|t| Tree::Skipped(Box::new(t))),
        ]
    })
}

fn list_json(list: &[Tree]) -> Value {
    list.iter().enumerate().map(|(i, t)| json!({format!("t{i}"): task_json(t)})).collect()
}

fn task_json(tree: &Tree) -> Value {
    match tree {
        Tree::Call => json!({"call": "act", "with": {"n": "${ .n // 0 }"}, "output": {"as": "$input"}}),
        Tree::Set => json!({"set": {"n": "${ (.n // 0) + 1 }"}}),
        Tree::Wait => json!({"wait": {"seconds": 1}}),
        Tree::Raise => json!({"raise": {"error": {"type": "https://example.com/e", "status": 500}}}),
        Tree::Emit => {
            json!({"emit": {"event": {"with": {"source": "https://example.com", "type": "told", "data": "${ . }"}}}})
        }
        Tree::Run => {
            json!({"run": {"workflow": {"namespace": "test", "name": "other", "version": "1.0.0", "input": {"n": "${ .n }"}}},
            "output": {"as": "$input"}})
        }
        Tree::Listen => {
            json!({"listen": {"to": {"one": {"with": {"type": "go"}}}}, "output": {"as": "$input"}})
        }
        Tree::Each(list) => {
            json!({"listen": {"to": {"any": [{"with": {"type": "go"}}], "until": "length > 1"}},
            "foreach": {"item": "event", "do": list_json(list)}, "output": {"as": "$input"}})
        }
        Tree::Do(list, compensate) => json!({"do": list_json(list), "metadata": {"compensate": compensate}}),
        Tree::Fork(list, compete) => json!({"fork": {"branches": list_json(list), "compete": compete}}),
        Tree::Try { body, retries, handler } => {
            let mut catch = json!({});
            if *retries > 0 {
                catch["retry"] = json!({"delay": {"seconds": 1}, "limit": {"attempt": {"count": retries}},
                    "jitter": {"from": {"milliseconds": 0}, "to": {"milliseconds": 500}}});
            }
            if let Some(handler) = handler {
                catch["do"] = list_json(handler);
            }
            json!({"try": list_json(body), "catch": catch})
        }
        Tree::Loop(list) => {
            let count = json!({"count": {"set": {"n": "${ (.n // 0) + 1 }"}}});
            let mut tasks = vec![count];
            tasks.extend(list_json(list).as_array().cloned().unwrap_or_default());
            json!({"for": {"in": "[1, 2]"}, "do": tasks})
        }
        Tree::Timed(inner) => {
            let mut task = task_json(inner);
            task["timeout"] = json!({"after": {"milliseconds": 1500}});
            task
        }
        Tree::Skipped(inner) => {
            let mut task = task_json(inner);
            task["if"] = json!("(.n // 0) > 1");
            task
        }
    }
}

fn definition(list: &[Tree]) -> Definition {
    let document = json!({
        "document": {"dsl": "1.0.3", "namespace": "test", "name": "random", "version": "1.0.0"},
        "do": list_json(list),
    });
    // JSON is YAML.
    Definition::parse("random.yaml", &document.to_string()).unwrap_or_else(|e| panic!("{e}\n{document}"))
}

/// What the world does next, drawn at random: an answer to one open call, or the next timer.
#[derive(Clone, Copy, Debug)]
struct Chance {
    pick: u16,
    kind: u8,
}

fn chance() -> impl Strategy<Value = Chance> {
    (any::<u16>(), 0..20_u8).prop_map(|(pick, kind)| Chance { pick, kind })
}

/// A driver that plays random answers.
struct Driver {
    open: BTreeMap<String, (Value, bool)>,
    timers: BTreeMap<String, i64>,
    listens: BTreeSet<String>,
    sent: usize,
    abandoned: BTreeSet<String>,
    now: i64,
    ended: usize,
    /// Content that was asked for under each key, ever.
    asked: BTreeMap<String, String>,
    chances: VecDeque<Chance>,
}

impl Driver {
    fn new(chances: Vec<Chance>) -> Self {
        Self {
            open: BTreeMap::new(),
            timers: BTreeMap::new(),
            listens: BTreeSet::new(),
            sent: 0,
            abandoned: BTreeSet::new(),
            now: T0,
            ended: 0,
            asked: BTreeMap::new(),
            chances: chances.into(),
        }
    }

    fn take(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Call { key, function, parameters, path, compensation } => {
                    let content = format!("{function} {parameters} {path} {compensation}");
                    let before = self.asked.entry(key.clone()).or_insert_with(|| content.clone());
                    assert_eq!(*before, content, "the key {key} was used for something else");
                    assert!(key.is_ascii() && key.len() < 500);
                    self.open.insert(key, (parameters, compensation));
                }
                Effect::Timer { id, at } => {
                    let before = self.timers.insert(id.clone(), at.as_unix_ms());
                    assert!(before.is_none_or(|b| b == at.as_unix_ms()), "the timer {id} was set anew");
                }
                Effect::Abandon { key } => {
                    assert!(self.open.contains_key(&key), "only open calls are abandoned");
                    self.abandoned.insert(key);
                }
                Effect::Finished { .. } | Effect::Failed { .. } | Effect::Cancelled { .. } => self.ended += 1,
                Effect::Listen { id, .. } => assert!(self.listens.insert(id), "listening begins once"),
                Effect::Unlisten { id } => assert!(self.listens.remove(&id), "listening ends once"),
                Effect::Lifecycle { .. } => {}
            }
        }
    }

    /// The next event, or none when the run waits for nothing.
    fn next(&mut self) -> Option<Event> {
        let chance = self.chances.pop_front().unwrap_or(Chance { pick: 0, kind: 0 });
        let open: Vec<String> = self.open.keys().cloned().collect();
        self.now += i64::from(chance.kind) * 100;
        let at = Timestamp::from_unix_ms(self.now);
        if chance.kind == 19 && chance.pick.is_multiple_of(4) {
            return Some(Event::CancelRequested { by: "ann".into(), at });
        }
        if let Some(id) =
            self.listens.iter().nth((usize::from(chance.pick) + self.sent) % self.listens.len().max(1))
            && (matches!(chance.kind, 13 | 14) || open.is_empty() && self.timers.is_empty())
        {
            self.sent += 1;
            let event = json!({"specversion": "1.0", "id": self.sent.to_string(), "source": "https://example.com",
                "type": "go", "data": {"n": self.sent}});
            return Some(Event::EventReceived { id: id.clone(), event, at });
        }
        if open.is_empty() || chance.kind >= 15 {
            let due = self.timers.iter().min_by_key(|(_, at)| **at).map(|(id, at)| (id.clone(), *at));
            if let Some((id, due)) = due {
                self.timers.remove(&id);
                self.now = self.now.max(due);
                return Some(Event::TimerFired { id, at: Timestamp::from_unix_ms(self.now) });
            }
        }
        let key = open.get(usize::from(chance.pick) % open.len().max(1))?.clone();
        let (parameters, compensation) = self.open.remove(&key)?;
        Some(match chance.kind {
            0..=8 => {
                let inverse = Inverse { action: "undo".into(), parameters };
                let inverse = (!compensation && chance.pick.is_multiple_of(2)).then_some(inverse);
                Event::CallSucceeded { key, output: json!({"n": chance.pick % 3}), inverse, at }
            }
            _ => {
                let retryable = chance.pick.is_multiple_of(2);
                Event::CallFailed { key, error: WorkflowError::communication(503, "no"), retryable, at }
            }
        })
    }
}

fn run_id() -> RunId {
    RunId::derive(Timestamp::from_unix_ms(T0), &["random"])
}

/// Runs to the end; gives the journal and the state after each event.
fn play(definition: &Definition, chances: Vec<Chance>) -> (Vec<Event>, Vec<State>, Driver) {
    let mut driver = Driver::new(chances);
    let at = Timestamp::from_unix_ms(T0);
    let (mut state, first, effects) = start(definition, &run_id(), json!({"n": 0}), at, 7);
    driver.take(effects);
    let (mut events, mut states) = (vec![first], vec![state.clone()]);
    while !state.is_over() {
        assert!(events.len() < 50_000, "the run does not end");
        let event =
            driver.next().unwrap_or_else(|| panic!("the run is stuck: {:?}", summary(definition, &state)));
        let effects = apply(definition, &mut state, &event);
        driver.take(effects);
        events.push(event);
        states.push(state.clone());
    }
    (events, states, driver)
}

/// What the driver of a restarted process would work on.
fn open_of(effects: &[Effect]) -> BTreeMap<String, String> {
    effects
        .iter()
        .filter_map(|e| match e {
            Effect::Call { key, function, parameters, path, compensation } => {
                Some((key.clone(), format!("{function} {parameters} {path} {compensation}")))
            }
            _ => None,
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Random trees of forks, tries, loops and timeouts end, whatever the world answers; nothing is left open,
    /// nothing is asked twice under one key with other content, and the end is told once.
    #[test]
    fn every_run_ends(list in prop::collection::vec(tree(), 1..4), chances in prop::collection::vec(chance(), 0..120)) {
        let definition = definition(&list);
        let (events, _, driver) = play(&definition, chances);
        prop_assert_eq!(driver.ended, 1);
        prop_assert!(driver.open.is_empty(), "unanswered calls: {:?}", driver.open.keys());
        let shown = trail(&History::new(run_id().as_str(), &definition, &events), usize::MAX);
        prop_assert!(shown.status.is_over());
        for step in &shown.steps {
            prop_assert!(step.step.ended_at.is_some(), "{:?}", step);
        }
    }

    /// Folding the journal gives the live state after every event; a process that crashed anywhere and took up
    /// what was pending comes to the same end.
    #[test]
    fn a_crash_changes_nothing(list in prop::collection::vec(tree(), 1..4), chances in prop::collection::vec(chance(), 0..60)) {
        let definition = definition(&list);
        let (events, states, driver) = play(&definition, chances);
        for cut in 1..=events.len() {
            let mut resumed = replay(&definition, &run_id(), &events[..cut]);
            prop_assert_eq!(&resumed, &states[cut - 1], "replay differs after {} events", cut);
            let pending = pending_effects(&resumed);
            for (key, content) in open_of(&pending) {
                prop_assert_eq!(Some(&content), driver.asked.get(&key), "a pending call differs from the one that was asked");
            }
            if cut % 7 == 0 {
                let stored: State = serde_json::from_str(&serde_json::to_string(&resumed).expect("it is data")).expect("it was data");
                prop_assert_eq!(&stored, &resumed);
                resumed = stored;
                for event in &events[cut..] {
                    apply(&definition, &mut resumed, event);
                }
                prop_assert_eq!(&resumed, states.last().expect("there is a first state"));
            }
        }
    }

    /// Answers may come twice and timers late.
    #[test]
    fn delivery_may_repeat(list in prop::collection::vec(tree(), 1..3), chances in prop::collection::vec(chance(), 0..40)) {
        let definition = definition(&list);
        let (events, states, _) = play(&definition, chances);
        let mut state = State::new(run_id().as_str());
        let mut seen: Vec<&Event> = Vec::new();
        for event in &events {
            apply(&definition, &mut state, event);
            seen.push(event);
            let earlier = seen[seen.len() / 2];
            // A call that failed and may be asked again under its key is open again: that answer is a new one.
            if !matches!(earlier, Event::CallFailed { .. } | Event::CancelRequested { .. }) {
                let now = state.clone();
                let effects = apply(&definition, &mut state, earlier);
                prop_assert!(effects.is_empty(), "{:?} gave {:?}", earlier, effects);
                prop_assert_eq!(&now, &state);
            }
        }
        prop_assert_eq!(&state, states.last().expect("there is a first state"));
    }
}
