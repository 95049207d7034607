//! A driver in a hostile world, played out deterministically: a store whose commits fail, a process that dies
//! between commit and dispatch, answers that come twice, late or never, clocks that jump both ways, people who
//! hold, cancel, retry and skip. The peer honours keys. Nothing may be lost, stuck or done twice.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use model::{Inverse, Timestamp};
use serde_json::{Value, json};
use workflow::{
    Definition, Effect, Event, History, Revision, Snapshot, State, WorkflowError, apply, pending_effects,
    replay, revise, summary, trail,
};

const T0: i64 = 1_700_000_000_000;
const RUN: &str = "run_sim";
const SEEDS: u64 = 3_000;

/// SplitMix64 (Steele, Lea, Flood 2014).
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.next() % n.max(1) as u64).expect("it is below a usize")
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
}

/// A random workflow in which every call is a change of the world.
fn tasks(chance: &mut Chance, depth: usize) -> Value {
    let count = 1 + chance.below(3);
    (0..count).map(|i| json!({format!("t{i}"): task(chance, depth)})).collect()
}

fn task(chance: &mut Chance, depth: usize) -> Value {
    let kinds = if depth == 0 { 7 } else { 14 };
    let mut task = match chance.below(kinds) {
        0 | 1 => json!({"call": "change", "with": {"n": "${ .n // 0 }"}, "output": {"as": "$input"}}),
        2 => json!({"set": {"n": "${ (.n // 0) + 1 }"}}),
        3 => json!({"wait": {"seconds": 1}}),
        4 => json!({"emit": {"event": {"with": {"source": "https://example.com", "type": "told"}}}}),
        5 => json!({"listen": {"to": {"one": {"with": {"type": "go"}}}}, "output": {"as": "$input"}}),
        6 => {
            json!({"run": {"workflow": {"namespace": "test", "name": "other", "version": "1.0.0", "input": {"n": "${ .n }"}}}})
        }
        7 => json!({
            "listen": {"to": {"any": [{"with": {"type": "go"}}], "until": "length > 1"}},
            "foreach": {"item": "event", "do": tasks(chance, depth - 1)},
            "output": {"as": "$input"},
        }),
        8 => json!({"do": tasks(chance, depth - 1), "metadata": {"compensate": chance.one_in(3)}}),
        9 | 10 => json!({"fork": {"branches": tasks(chance, depth - 1), "compete": chance.one_in(3)}}),
        11 | 12 => {
            let mut catch = json!({});
            if chance.one_in(2) {
                catch["retry"] = json!({"delay": {"seconds": 1}, "limit": {"attempt": {"count": 2}}});
            }
            if chance.one_in(2) {
                catch["do"] = tasks(chance, depth - 1);
            }
            json!({"try": tasks(chance, depth - 1), "catch": catch})
        }
        _ => json!({"for": {"in": "[1, 2]"}, "do": tasks(chance, depth - 1)}),
    };
    if chance.one_in(6) {
        task["timeout"] = json!({"after": {"milliseconds": 1500}});
    }
    task
}

fn definition(chance: &mut Chance) -> Definition {
    let document = json!({
        "document": {"dsl": "1.0.3", "namespace": "test", "name": "random", "version": "1.0.0"},
        "do": tasks(chance, 2),
    });
    Definition::parse("random.yaml", &document.to_string()).unwrap_or_else(|e| panic!("{e}\n{document}"))
}

/// The world outside: does what it is asked once for each key, and remembers.
#[derive(Default)]
struct Peer {
    /// What was asked under each key, and what was answered.
    done: BTreeMap<String, (String, bool)>,
    /// How often each change was really made.
    made: BTreeMap<String, usize>,
}

impl Peer {
    /// Makes the change unless it was made, and tells whether it is.
    fn ask(&mut self, key: &str, content: String, works: bool) -> bool {
        let known = self.done.entry(key.to_owned()).or_insert_with(|| (content.clone(), works));
        assert_eq!(known.0, content, "{key} was used for something else");
        // What failed for good may be asked again; what was done stays done.
        if !known.1 && works {
            known.1 = true;
        }
        if known.1 {
            *self.made.entry(key.to_owned()).or_default() = 1;
        }
        known.1
    }
}

/// A driver whose memory is lost when the process dies; only the journal survives.
struct World<'d> {
    definition: &'d Definition,
    chance: Chance,
    journal: Vec<Event>,
    state: State,
    peer: Peer,
    /// Answers under way.
    inbox: VecDeque<Event>,
    timers: BTreeMap<String, i64>,
    /// What is listened to.
    listens: BTreeSet<String>,
    /// How many events the world sent.
    sent: usize,
    /// Keys that were asked for and have no answer in the journal, and whether they undo something.
    open: BTreeMap<String, bool>,
    now: i64,
    revisions: usize,
}

impl<'d> World<'d> {
    fn new(definition: &'d Definition, chance: Chance) -> Self {
        Self {
            definition,
            chance,
            journal: vec![],
            state: State::new(RUN),
            peer: Peer::default(),
            inbox: VecDeque::new(),
            timers: BTreeMap::new(),
            listens: BTreeSet::new(),
            sent: 0,
            open: BTreeMap::new(),
            now: T0,
            revisions: 0,
        }
    }

    fn at(&self) -> Timestamp {
        Timestamp::from_unix_ms(self.now)
    }

    /// Applies an event, commits it, dispatches what it leads to; any of these may go wrong.
    fn handle(&mut self, event: Event) {
        let mut next = self.state.clone();
        let effects = apply(self.definition, &mut next, &event);
        // The commit fails: nothing happened, the event comes again.
        if self.chance.one_in(12) {
            // What holds a state is true of that state only; whoever wants it asks again.
            if !matches!(event, Event::Revised { .. } | Event::Snapshot { .. }) {
                self.inbox.push_back(event);
            }
            return;
        }
        if let Event::CallSucceeded { key, .. } | Event::CallFailed { key, .. } = &event {
            self.open.remove(key);
        }
        self.journal.push(event);
        self.state = next;
        // Dead between commit and dispatch.
        if self.chance.one_in(25) {
            self.restart();
        } else {
            self.dispatch(effects);
        }
    }

    fn restart(&mut self) {
        self.inbox.clear();
        self.timers.clear();
        self.listens.clear();
        let folded = replay_run(self.definition, &self.journal);
        assert_eq!(folded, self.state, "folding the journal gives the live state");
        let whole = self.journal.iter().rposition(Event::is_whole).unwrap_or(0);
        let mut later = State::new(RUN);
        for event in &self.journal[whole..] {
            let _ = apply(self.definition, &mut later, event);
        }
        assert_eq!(later, self.state, "so does folding from the newest snapshot");
        let stored = serde_json::to_string(&Snapshot::of(&self.state)).expect("a state is plain data");
        self.state = serde_json::from_str::<Snapshot>(&stored).expect("it was one").into_state();
        assert_eq!(self.state, folded, "a snapshot restores exactly");
        let pending = pending_effects(&self.state);
        assert_eq!(pending, pending_effects(&folded));
        self.dispatch(pending);
    }

    fn dispatch(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Call { key, function, parameters, path, compensation } => {
                    self.open.insert(key.clone(), compensation);
                    self.call(&key, &function, &parameters, &path, compensation);
                }
                Effect::Timer { id, at } => {
                    self.timers.insert(id, at.as_unix_ms());
                }
                Effect::Listen { id, .. } => {
                    self.listens.insert(id);
                }
                Effect::Unlisten { id } => {
                    self.listens.remove(&id);
                }
                _ => {}
            }
        }
    }

    /// Asks the peer; its answer may get lost on the way, be doubled, or be late.
    fn call(&mut self, key: &str, function: &str, parameters: &Value, path: &str, compensation: bool) {
        let works = compensation || !self.chance.one_in(5);
        let done = self.peer.ask(key, format!("{function} {parameters} {path}"), works);
        let at = self.at();
        let key = key.to_owned();
        let answer = match (done, self.chance.one_in(8)) {
            (true, false) => {
                let inverse = Inverse { action: "undo".into(), parameters: json!({"of": key}) };
                let inverse = (!compensation).then_some(inverse);
                Event::CallSucceeded { key, output: json!({}), inverse, at }
            }
            // It was done or not; the connection broke before anybody learned it.
            (true, true) if !compensation => Event::CallFailed {
                key,
                error: WorkflowError::communication(503, "broke"),
                retryable: true,
                at,
            },
            (true, true) => Event::CallSucceeded { key, output: json!({}), inverse: None, at },
            (false, _) => Event::CallFailed {
                key,
                error: WorkflowError::communication(500, "no"),
                retryable: false,
                at,
            },
        };
        if self.chance.one_in(6) {
            self.inbox.push_back(answer.clone());
        }
        let place = self.chance.below(self.inbox.len() + 1);
        self.inbox.insert(place, answer);
    }

    fn turn(&mut self) {
        // Clocks jump both ways.
        self.now += match self.chance.below(20) {
            0 => -5_000,
            1 => 60_000,
            _ => 100,
        };
        let by = "ann".to_owned();
        match self.chance.below(60) {
            0 => return self.handle(Event::PauseRequested { by, at: self.at() }),
            1 | 2 => return self.handle(Event::ResumeRequested { by, at: self.at() }),
            3 if self.chance.one_in(3) => return self.handle(Event::CancelRequested { by, at: self.at() }),
            4 | 5 => return self.person(),
            7..=12 => {
                if let Some(event) = self.event() {
                    return self.handle(event);
                }
            }
            6 => {
                let snapshot = Box::new(Snapshot::of(&self.state));
                return self.handle(Event::Snapshot { at: self.at(), snapshot });
            }
            _ => {}
        }
        if let Some(event) = self.inbox.pop_front() {
            return self.handle(event);
        }
        let due = self.timers.iter().min_by_key(|(_, at)| **at).map(|(id, at)| (id.clone(), *at));
        if let Some((id, due)) = due {
            self.timers.remove(&id);
            self.now = self.now.max(due);
            return self.handle(Event::TimerFired { id, at: self.at() });
        }
        if let Some(event) = self.event() {
            return self.handle(event);
        }
        // Held and nothing under way, or everything that was committed got lost with a failed commit.
        self.handle(Event::ResumeRequested { by: "ann".into(), at: self.at() });
    }

    /// An event for something that listens; some come twice.
    fn event(&mut self) -> Option<Event> {
        let place = self.chance.below(self.listens.len());
        let id = self.listens.iter().nth(place)?.clone();
        self.sent += usize::from(!self.chance.one_in(5));
        let event = json!({
            "specversion": "1.0", "id": self.sent.to_string(), "source": "https://example.com", "type": "go",
            "data": {"n": self.sent},
        });
        Some(Event::EventReceived { id, event, at: self.at() })
    }

    /// Somebody retries or skips a step at random.
    fn person(&mut self) {
        if self.revisions >= 4 {
            return;
        }
        let history = History::new(RUN, self.definition, &self.journal);
        let steps = trail(&history, usize::MAX).steps.len();
        let step = self.chance.below(steps + 1);
        let revision = match self.chance.below(3) {
            0 => Revision::Skip { step, output: None, reason: "by hand".into() },
            1 => Revision::Retry { step, input: Some(json!({"n": 40})) },
            _ => Revision::Retry { step, input: None },
        };
        match revise(&history, revision, "ann", self.at()) {
            Ok(revised) => {
                self.revisions += 1;
                assert!(!revised.state.is_over() || !revised.effects.is_empty());
                self.handle(revised.event);
            }
            Err(why) => assert!(why.len() > 20 && !why.ends_with('.'), "a refusal is a sentence: {why}"),
        }
    }

    fn play(&mut self) {
        self.handle(Event::Started { input: json!({"n": 0}), at: self.at(), seed: 7 });
        for _ in 0..5_000 {
            if self.journal.is_empty() {
                let event = self.inbox.pop_front().expect("the first commit failed");
                self.handle(event);
                continue;
            }
            if self.state.is_over() {
                // People may still go back to a step of a run that is over.
                if self.revisions < 2 && self.chance.one_in(2) {
                    self.person();
                }
                if self.state.is_over() {
                    return;
                }
            }
            self.turn();
        }
        panic!("the run is stuck: {:?}", summary(self.definition, &self.state));
    }

    fn judge(&self) {
        assert!(self.open.is_empty(), "calls without an answer: {:?}", self.open);
        assert!(self.peer.made.values().all(|n| *n == 1));
        // Every inverse that was asked for belongs to a change that was made, and was asked for once.
        let mut undone = BTreeSet::new();
        for event in &self.journal {
            if let Event::CallSucceeded { key, .. } = event
                && let Some(original) = key.strip_suffix("/undo")
            {
                assert!(self.peer.made.contains_key(original), "{key} undoes what was not done");
                undone.insert(original.to_owned());
            }
        }
        let shown = summary(self.definition, &self.state);
        if shown.error.is_some() {
            // What failed or was cancelled has undone everything it knows of.
            for (key, (_, done)) in &self.peer.done {
                let answered = self
                    .journal
                    .iter()
                    .any(|e| matches!(e, Event::CallSucceeded { key: k, inverse: Some(_), .. } if k == key));
                if *done && answered {
                    assert!(undone.contains(key), "{key} was done and never undone");
                }
            }
        }
        let steps = trail(&History::new(RUN, self.definition, &self.journal), usize::MAX).steps;
        for step in &steps {
            assert!(step.step.ended_at.is_some(), "{step:?} did not end with its run");
        }
        let failed =
            steps.iter().filter(|s| !s.revised && s.step.status == model::StepStatus::Faulted).count();
        assert_eq!(shown.steps_failed, failed, "the summary counts what the trail shows: {steps:?}");
    }
}

fn replay_run(definition: &Definition, events: &[Event]) -> State {
    let mut state = State::new(RUN);
    for event in events {
        let _ = apply(definition, &mut state, event);
    }
    state
}

#[test]
fn nothing_is_lost_stuck_or_done_twice() {
    let mut revised = 0;
    for seed in 0..SEEDS {
        let mut chance = Chance(seed);
        let definition = definition(&mut chance);
        let outcome = std::panic::catch_unwind(|| {
            let mut world = World::new(&definition, Chance(seed ^ 0x5eed));
            world.play();
            world.judge();
            world.revisions
        });
        match outcome {
            Ok(revisions) => revised += revisions,
            // What went wrong stands above; this tells how to see it again.
            Err(_) => panic!("seed {seed}: {}", definition.to_json()["do"]),
        }
    }
    assert!(revised > 500, "people were seldom let to do anything: {revised}");
}

/// The function `replay` needs an id of its own type; what it gives is the same fold.
#[test]
fn replay_is_the_fold() {
    let definition = definition(&mut Chance(1));
    let id = model::RunId::derive(Timestamp::from_unix_ms(T0), &["sim"]);
    let events = [Event::Started { input: json!({}), at: Timestamp::from_unix_ms(T0), seed: 1 }];
    let mut state = State::new(id.as_str());
    let _ = apply(&definition, &mut state, &events[0]);
    assert_eq!(replay(&definition, &id, &events), state);
}
