//! What people may do to the course of a run: retry, skip, migrate, hold. A document, a script of what happens,
//! and the transcript that must come of it.

use model::{Inverse, StepStatus, Timestamp};
use serde_json::{Value, json};
use workflow::{
    Change, Definition, Effect, Event, History, Revision, Snapshot, State, StepView, WaitsFor, WorkflowError,
    apply, journal_lines, pending_effects, retry_point, revise, summary, trail,
};

const T0: i64 = 1_700_000_000_000;
const RUN: &str = "run_1";

fn parse_version(version: &str, body: &str) -> Definition {
    let yaml =
        format!("document: {{dsl: '1.0.3', namespace: test, name: test, version: '{version}'}}\n{body}");
    Definition::parse("test.yaml", &yaml).unwrap_or_else(|e| panic!("{e}\n{yaml}"))
}

/// A run with its journal, its open calls and timers, and a transcript.
struct World {
    definitions: Vec<Definition>,
    state: State,
    events: Vec<Event>,
    open: Vec<(String, String)>,
    abandoned: Vec<(String, String)>,
    timers: Vec<(i64, String)>,
    now: i64,
    lines: Vec<String>,
}

impl World {
    fn new(body: &str) -> Self {
        let mut world = Self {
            definitions: vec![parse_version("1.0.0", body)],
            state: State::new(RUN),
            events: vec![],
            open: vec![],
            abandoned: vec![],
            timers: vec![],
            now: T0,
            lines: vec![],
        };
        world.happen(Event::Started { input: json!({"n": 1}), at: world.at(), seed: 7 });
        world
    }

    fn at(&self) -> Timestamp {
        Timestamp::from_unix_ms(self.now)
    }

    fn history(&self) -> History<'_> {
        let (first, later) = self.definitions.split_first().expect("there is a definition");
        later.iter().fold(History::new(RUN, first, &self.events), History::migrated_to)
    }

    fn take(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Call { key, function, parameters, compensation, .. } => {
                    let undo = if compensation { " (undo)" } else { "" };
                    let short = key.rsplit('/').next().unwrap_or_default();
                    self.lines.push(format!("call {function} {parameters} {short}{undo}"));
                    self.open.push((function, key));
                }
                Effect::Timer { id, at } => {
                    let purpose = id.rsplit(':').next().unwrap_or_default();
                    self.lines.push(format!("{purpose} {}", at.as_unix_ms() - self.now));
                    self.timers.push((at.as_unix_ms(), id));
                }
                Effect::Abandon { key } => {
                    let place =
                        self.open.iter().position(|(_, k)| *k == key).expect("open calls are abandoned");
                    let call = self.open.remove(place);
                    self.lines.push(format!("abandon {}", call.0));
                    self.abandoned.push(call);
                }
                Effect::Lifecycle { change: Change::Revised, path, .. } => {
                    self.lines.push(format!("revised {path}").trim_end().to_owned());
                }
                Effect::Listen { id, .. } => self.lines.push(format!("listen {id}")),
                Effect::Unlisten { id } => self.lines.push(format!("unlisten {id}")),
                Effect::Finished { output } => self.lines.push(format!("finished {output}")),
                Effect::Failed { error } => self.lines.push(format!("failed {}", error.status)),
                Effect::Cancelled { by } => self.lines.push(format!("cancelled by {by}")),
                _ => {}
            }
        }
    }

    fn happen(&mut self, event: Event) {
        let definition = self.definitions.last().expect("there is a definition");
        let effects = apply(definition, &mut self.state, &event);
        self.events.push(event);
        self.take(effects);
    }

    fn key(&mut self, function: &str) -> String {
        let place = self.open.iter().position(|(f, _)| f == function);
        self.open.remove(place.unwrap_or_else(|| panic!("no open call of {function}: {:?}", self.open))).1
    }

    fn ok(&mut self, function: &str, output: Value) -> &mut Self {
        let key = self.key(function);
        self.happen(Event::CallSucceeded { key, output, inverse: None, at: self.at() });
        self
    }

    /// It succeeds and can be undone by `<function>.back`.
    fn undoable(&mut self, function: &str) -> &mut Self {
        let key = self.key(function);
        self.succeed_undoable(function, key)
    }

    fn succeed_undoable(&mut self, function: &str, key: String) -> &mut Self {
        let inverse = Some(Inverse { action: format!("{function}.back"), parameters: json!({}) });
        self.happen(Event::CallSucceeded { key, output: json!({"by": function}), inverse, at: self.at() });
        self
    }

    fn late(&mut self, function: &str) -> &mut Self {
        let place = self.abandoned.iter().position(|(f, _)| f == function).expect("it was abandoned");
        let (_, key) = self.abandoned.remove(place);
        self.succeed_undoable(function, key)
    }

    fn fail(&mut self, function: &str, retryable: bool) -> &mut Self {
        let key = self.key(function);
        let error = WorkflowError::communication(503, "no");
        self.happen(Event::CallFailed { key, error, retryable, at: self.at() });
        self
    }

    fn pass(&mut self, ms: i64) -> &mut Self {
        let until = self.now + ms;
        while let Some(place) =
            (0..self.timers.len()).filter(|i| self.timers[*i].0 <= until).min_by_key(|i| self.timers[*i].0)
        {
            let (due, id) = self.timers.remove(place);
            self.now = self.now.max(due);
            self.happen(Event::TimerFired { id, at: self.at() });
        }
        self.now = until;
        self
    }

    fn cancel(&mut self) -> &mut Self {
        self.happen(Event::CancelRequested { by: "ann".into(), at: self.at() });
        self
    }

    fn pause(&mut self) -> &mut Self {
        self.happen(Event::PauseRequested { by: "ann".into(), at: self.at() });
        self
    }

    fn resume(&mut self) -> &mut Self {
        self.happen(Event::ResumeRequested { by: "ann".into(), at: self.at() });
        self
    }

    fn revise(&mut self, revision: Revision<'_>) -> Result<(), String> {
        let to = match &revision {
            Revision::Migrate { to } => Some((*to).clone()),
            _ => None,
        };
        let revised = revise(&self.history(), revision, "ann", self.at())?;
        self.definitions.extend(to);
        let before = self.state.clone();
        self.happen(revised.event.clone());
        assert_eq!(self.state, revised.state, "applying the event gives the state that was promised");
        let definition = self.definitions.last().expect("there is a definition");
        let mut again = before;
        assert_eq!(apply(definition, &mut again, &revised.event), revised.effects);
        let mut fresh = State::new(RUN);
        let _ = apply(definition, &mut fresh, &revised.event);
        assert_eq!(fresh, self.state, "folding may begin at a revision");
        Ok(())
    }

    fn retry(&mut self, step: usize) -> &mut Self {
        self.revise(Revision::Retry { step, input: None }).unwrap_or_else(|e| panic!("{e}"));
        self
    }

    fn steps(&self) -> Vec<StepView> {
        trail(&self.history(), usize::MAX).steps
    }

    /// Number of the newest step of this name.
    fn n(&self, name: &str) -> usize {
        self.steps().iter().rev().find(|s| s.step.name == name).unwrap_or_else(|| panic!("no step {name}")).n
    }

    /// The transcript since the last look.
    #[track_caller]
    fn expect(&mut self, lines: &[&str]) -> &mut Self {
        let told: Vec<String> = std::mem::take(&mut self.lines);
        assert_eq!(told, lines);
        let stored: State = serde_json::from_str::<Snapshot>(
            &serde_json::to_string(&Snapshot::of(&self.state)).expect("a state is plain data"),
        )
        .expect("a stored state can be read")
        .into_state();
        assert_eq!(stored, self.state, "a snapshot restores exactly");
        let events = serde_json::to_string(&self.events).expect("events are plain data");
        let events: Vec<Event> = serde_json::from_str(&events).expect("stored events can be read");
        assert_eq!(events, self.events, "the journal survives JSON");
        self
    }

    #[track_caller]
    fn refused(&mut self, revision: Revision<'_>, part: &str) {
        let events = self.events.len();
        let why = self.revise(revision).expect_err("it is refused");
        assert!(why.contains(part), "{why}");
        assert_eq!(self.events.len(), events);
    }

    fn told(&self) -> Vec<String> {
        let mark = |s: &StepView| if s.revised { " (left)" } else { "" };
        self.steps().iter().map(|s| format!("{} {:?}{}", s.step.name, s.step.status, mark(s))).collect()
    }
}

const THREE: &str = "
do:
  - first: {call: one, with: {n: '${ .n }'}, output: {as: '$input'}}
  - second: {call: two, with: {n: '${ .n }'}}
  - third: {call: three}
";

#[test]
fn a_failed_step_is_retried_from_there() {
    let mut world = World::new(THREE);
    world.ok("one", json!({})).fail("two", false);
    world.expect(&["call one {\"n\":1} first#0", "call two {\"n\":1} second#0", "failed 503"]);
    assert_eq!(retry_point(&world.history()), Some(1));
    world.retry(1).expect(&["revised /do/1/second", "call two {\"n\":1} second#1"]);
    world.fail("two", false).expect(&["failed 503"]);
    world.retry(2).expect(&["revised /do/1/second", "call two {\"n\":1} second#2"]);
    world.ok("two", json!({})).ok("three", json!(3)).expect(&["call three {} third#0", "finished 3"]);
    assert_eq!(
        world.told(),
        [
            "first Completed",
            "second Faulted (left)",
            "second Faulted (left)",
            "second Completed",
            "third Completed"
        ]
    );
    assert_eq!(world.steps()[2].note.as_deref(), Some("retried by ann"));
    assert_eq!(summary(&world.definitions[0], &world.state).steps_failed, 0);
}

#[test]
fn the_input_can_be_edited_as_it_is_shown() {
    let mut world = World::new(THREE);
    world.ok("one", json!({})).fail("two", false).expect(&[
        "call one {\"n\":1} first#0",
        "call two {\"n\":1} second#0",
        "failed 503",
    ]);
    world.revise(Revision::Retry { step: 1, input: Some(json!({"n": 9})) }).expect("it can be retried");
    world.expect(&["revised /do/1/second", "call two {\"n\":9} second#1"]);
    assert_eq!(world.steps()[2].step.input, json!({"n": 9}));
    assert_eq!(world.steps()[2].note.as_deref(), Some("retried by ann with other input"));
    let body = "
do:
  - all: {for: {in: .list}, input: {from: '{list: [.n]}'}, do: [{each: {call: one, with: {item: '${ $item }'}}}]}
";
    let mut world = World::new(body);
    world.fail("one", false).expect(&["call one {\"item\":1} each#0", "failed 503"]);
    world.revise(Revision::Retry { step: 0, input: Some(json!({"list": [5]})) }).expect("it can be retried");
    world.expect(&["revised /do/0/all", "call one {\"item\":5} each#1"]);
}

#[test]
fn what_may_have_been_done_is_asked_again_under_its_key() {
    let mut world = World::new(THREE);
    world.fail("one", true).expect(&["call one {\"n\":1} first#0", "failed 503"]);
    world.retry(0).expect(&["revised /do/0/first", "call one {\"n\":1} first#0"]);
    world.fail("one", true).expect(&["failed 503"]);
    world.revise(Revision::Retry { step: 1, input: Some(json!({"n": 2})) }).expect("it can be retried");
    world.expect(&["revised /do/0/first", "call one {\"n\":2} first#1"]);
    // Also when a catch dealt with it.
    let body = "
do:
  - careful: {try: [{act: {call: act}}], catch: {}}
";
    let mut world = World::new(body);
    world.fail("act", true).expect(&["call act {} act#0", "finished {\"n\":1}"]);
    let act = world.n("act");
    world.retry(act).expect(&["revised /do/0/careful/try/0/act", "call act {} act#0"]);
    world.ok("act", json!(1)).expect(&["finished 1"]);
    world.retry(act).expect(&["revised /do/0/careful/try/0/act", "call act {} act#1"]);
}

#[test]
fn a_completed_run_goes_back_and_what_it_did_is_undone_when_it_fails() {
    let mut world = World::new(THREE);
    world.undoable("one").undoable("two").undoable("three");
    world.lines.clear();
    world.retry(1).expect(&["revised /do/1/second", "call two {\"n\":1} second#1"]);
    world.undoable("two").fail("three", false);
    world.expect(&["call three {} third#1", "call two.back {} undo (undo)"]);
    world.ok("two.back", json!({})).expect(&["call three.back {} undo (undo)"]);
    world.ok("three.back", json!({})).expect(&["call two.back {} undo (undo)"]);
    world.ok("two.back", json!({})).expect(&["call one.back {} undo (undo)"]);
    world.ok("one.back", json!({})).expect(&["failed 503"]);
    assert!(world.told().contains(&"second Compensated (left)".to_owned()), "{:?}", world.told());
}

#[test]
fn what_was_undone_is_done_again_first() {
    let mut world = World::new(THREE);
    world.undoable("one").fail("two", false);
    world
        .refused(Revision::Retry { step: 1, input: None }, "`one.back` is undoing an earlier step right now");
    world.ok("one.back", json!({}));
    world.lines.clear();
    world.refused(
        Revision::Retry { step: 1, input: None },
        "what step 0 (`first`) did was undone after this step began; retry from step 0",
    );
    assert_eq!(retry_point(&world.history()), Some(0));
    world.retry(0).expect(&["revised /do/0/first", "call one {\"n\":1} first#1"]);
    world.undoable("one").fail("two", false);
    world.expect(&["call two {\"n\":1} second#1", "call one.back {} undo (undo)"]);
    world.ok("one.back", json!({})).expect(&["failed 503"]);
}

#[test]
fn a_stuck_call_is_given_up_and_its_late_answer_is_undone() {
    let mut world = World::new(THREE);
    world.undoable("one").expect(&["call one {\"n\":1} first#0", "call two {\"n\":1} second#0"]);
    world.retry(1).expect(&["revised /do/1/second", "abandon two", "call two {\"n\":1} second#1"]);
    world.late("two").expect(&[]);
    world.fail("two", false).expect(&["call two.back {} undo (undo)"]);
    world.ok("two.back", json!({})).ok("one.back", json!({}));
    world.expect(&["call one.back {} undo (undo)", "failed 503"]);
    // The run does not end before the call that was given up is answered.
    let mut world = World::new("do: [{only: {call: one}}]");
    world.retry(0).ok("one", json!(1));
    world.expect(&["call one {} only#0", "revised /do/0/only", "abandon one", "call one {} only#1"]);
    assert!(!world.state.is_over());
    world.late("one").expect(&["finished 1"]);
}

#[test]
fn a_skipped_step_gives_what_it_is_told_to() {
    let mut world = World::new(
        "
do:
  - first: {call: one, export: {as: '{got: .}'}}
  - second: {set: {was: '${ . }', got: '${ $context.got }'}}
",
    );
    world.fail("one", false).expect(&["call one {} first#0", "failed 503"]);
    let skip = |output| Revision::Skip { step: 0, output, reason: "done by hand".into() };
    world.revise(skip(Some(json!({"by": "hand"})))).expect("it can be skipped");
    world.expect(&["revised /do/0/first", "finished {\"was\":{\"by\":\"hand\"},\"got\":{\"by\":\"hand\"}}"]);
    assert_eq!(world.told(), ["first Faulted (left)", "first Skipped", "second Completed"]);
    assert_eq!(world.steps()[1].note.as_deref(), Some("skipped by ann: done by hand"));
    assert_eq!(world.steps()[1].step.output, json!({"by": "hand"}));
    // Without an output it hands on what it was given; steps that were left can be chosen too.
    world.revise(skip(None)).expect("it can be skipped again");
    world.expect(&["revised /do/0/first", "finished {\"was\":{\"n\":1},\"got\":null}"]);
    // A whole branch of the course can be gone back to.
    let mut world = World::new("do: [{both: {fork: {branches: [{a: {call: one}}, {b: {call: two}}]}}}]");
    world.ok("one", json!(1)).expect(&["call one {} a#0", "call two {} b#0"]);
    let both = world.n("both");
    world
        .revise(Revision::Skip { step: both, output: Some(json!(0)), reason: String::new() })
        .expect("it can be");
    world.expect(&["revised /do/0/both", "abandon two"]);
    world.late("two").expect(&["finished 0"]);
}

const SIDES: &str = "
do:
  - both:
      fork:
        branches:
          - left: {do: [{l1: {call: one}}, {l2: {call: two}}]}
          - right: {do: [{r1: {call: three}}, {r2: {call: four}}]}
";

#[test]
fn answers_that_still_hold_are_not_asked_for_again() {
    let mut world = World::new(SIDES);
    world.ok("one", json!(1)).ok("three", json!(3)).fail("two", false);
    world.lines.clear();
    let (l2, _) = (world.n("l2"), world.n("r1"));
    world.retry(l2).expect(&[
        "revised /do/0/both/fork/branches/0/left/do/1/l2",
        "call two {} l2#1",
        "call four {} r2#1",
    ]);
    world.ok("two", json!(2)).ok("four", json!(4)).expect(&[]);
    world.late("four").expect(&["finished [2,4]"]);
}

#[test]
fn a_call_beside_the_step_that_has_no_answer_stays_as_it_is() {
    let mut world = World::new(SIDES);
    world.ok("one", json!(1));
    world.lines.clear();
    let l2 = world.n("l2");
    world.retry(l2).expect(&[
        "revised /do/0/both/fork/branches/0/left/do/1/l2",
        "abandon two",
        "call two {} l2#1",
    ]);
    world.ok("three", json!(3)).ok("four", json!(4)).ok("two", json!(2));
    world.late("two").expect(&["call four {} r2#0", "finished [2,4]"]);
}

#[test]
fn a_call_beside_the_step_that_failed_or_was_undone_is_made_again() {
    for undone in [false, true] {
        let mut world = World::new(SIDES);
        world.ok("one", json!(1));
        if undone {
            world.undoable("three").fail("two", false);
            let key = world.abandoned.pop().expect("four was given up").1;
            let error = WorkflowError::communication(503, "no");
            world.happen(Event::CallFailed { key, error, retryable: false, at: world.at() });
            world.ok("three.back", json!({}));
        } else {
            world.fail("three", false);
            let key = world.abandoned.pop().expect("two was given up").1;
            let error = WorkflowError::communication(503, "no");
            world.happen(Event::CallFailed { key, error, retryable: false, at: world.at() });
        }
        assert!(world.state.is_over());
        world.lines.clear();
        let l2 = world.n("l2");
        world.retry(l2).expect(&[
            "revised /do/0/both/fork/branches/0/left/do/1/l2",
            "call three {} r1#1",
            "call two {} l2#1",
        ]);
        world.ok("two", json!(2)).ok("three", json!(3)).ok("four", json!(4));
        assert_eq!(world.lines.last().map(String::as_str), Some("finished [2,4]"));
    }
}

#[test]
fn events_that_came_since_are_heard_again() {
    let body = "
do:
  - both:
      fork:
        branches:
          - ear: {do: [{hear: {listen: {to: {one: {with: {type: go}}}}}}, {told: {call: told, with: {of: '${ .[0].n }'}}}]}
          - hand: {do: [{act: {call: act}}, {more: {call: more}}]}
";
    let mut world = World::new(body);
    let id = world.lines.iter().find_map(|l| l.strip_prefix("listen ")).expect("it listens").to_owned();
    let event =
        json!({"specversion": "1.0", "id": "1", "source": "https://a", "type": "go", "data": {"n": 5}});
    world.ok("act", json!(1));
    world.happen(Event::EventReceived { id: id.clone(), event, at: world.at() });
    world.ok("told", json!({})).fail("more", false);
    world.lines.clear();
    let more = world.n("more");
    world.retry(more);
    let path = "/do/0/both/fork/branches/1/hand/do/1/more";
    world.expect(&[
        &format!("revised {path}"),
        &format!("listen {id}"),
        "call more {} more#1",
        &format!("unlisten {id}"),
        "call told {\"of\":5} told#1",
    ]);
    // The step that listens itself listens anew.
    let hear = world.n("hear");
    world.retry(hear);
    assert_eq!(world.lines.iter().filter(|l| l.starts_with("listen ")).count(), 1, "{:?}", world.lines);
}

#[test]
fn timers_have_the_time_left_that_they_had() {
    let body = "
timeout: {after: {seconds: 60}}
do:
  - rest: {wait: {seconds: 5}}
  - slow: {call: slow, timeout: {after: {seconds: 2}}}
";
    let mut world = World::new(body);
    world.pass(5000).pass(2000).expect(&[
        "timeout 60000",
        "wait 5000",
        "timeout 2000",
        "call slow {} slow#0",
        "abandon slow",
    ]);
    world.pass(600_000).expect(&[]);
    // An hour later the run still has 55 of its 60 seconds.
    let slow = world.n("slow");
    world.retry(slow).expect(&["revised /do/1/slow", "timeout 55000", "timeout 2000", "call slow {} slow#1"]);
    world.ok("slow", json!(1)).late("slow").expect(&["finished 1"]);
    let rest = world.n("rest");
    world.retry(rest).expect(&["revised /do/0/rest", "timeout 60000", "wait 5000"]);
}

#[test]
fn a_held_run_stays_held() {
    let mut world = World::new(THREE);
    world.pause().ok("one", json!({})).expect(&["call one {\"n\":1} first#0"]);
    world.retry(0).expect(&["revised /do/0/first"]);
    world.resume().expect(&["call one {\"n\":1} first#1"]);
    // The call that was held back had its key, so this is the next one.
    world.ok("one", json!({})).expect(&["call two {\"n\":1} second#1"]);
}

#[test]
fn inverses_that_were_held_back_are_not_lost() {
    let mut world = World::new(THREE);
    world.undoable("one").pause().fail("two", false);
    world.lines.clear();
    assert_eq!(summary(&world.definitions[0], &world.state).waits_for, Some(WaitsFor::Resume));
    world.retry(1).resume().expect(&["revised /do/1/second", "call two {\"n\":1} second#1"]);
    world.fail("two", false).ok("one.back", json!({}));
    world.expect(&["call one.back {} undo (undo)", "failed 503"]);
    assert_eq!(
        world.told(),
        [
            "first Compensated",
            "second Faulted (left)",
            "undo first Cancelled (left)",
            "second Faulted",
            "undo first Completed"
        ]
    );
}

#[test]
fn a_cancelled_run_runs_again() {
    let mut world = World::new(THREE);
    world.ok("one", json!({})).cancel();
    let key = world.abandoned.pop().expect("it was given up").1;
    let error = WorkflowError::communication(503, "no");
    world.happen(Event::CallFailed { key, error, retryable: false, at: world.at() });
    world.lines.clear();
    assert_eq!(retry_point(&world.history()), Some(1));
    world.retry(1).expect(&["revised /do/1/second", "call two {\"n\":1} second#1"]);
    world.ok("two", json!({})).ok("three", json!(3)).expect(&["call three {} third#0", "finished 3"]);
}

#[test]
fn refusals_say_what_to_do() {
    let mut world = World::new(THREE);
    world.refused(Revision::Retry { step: 5, input: None }, "the run has no step 5; its newest is 0");
    world.undoable("one").fail("two", false).ok("one.back", json!({}));
    let undo = world.n("undo first");
    world.refused(Revision::Retry { step: undo, input: None }, "undoes an earlier step and cannot be chosen");
    let part = Event::Snapshot { at: world.at(), snapshot: Box::new(Snapshot::of(&world.state)) };
    let events = [part];
    let history = History::new(RUN, &world.definitions[0], &events);
    let why = revise(&history, Revision::Retry { step: 0, input: None }, "ann", world.at()).expect_err("no");
    assert!(why.contains("give the whole journal"), "{why}");
}

#[test]
fn a_run_goes_on_by_another_version() {
    let mut world = World::new(THREE);
    world.ok("one", json!({})).expect(&["call one {\"n\":1} first#0", "call two {\"n\":1} second#0"]);
    let newer = "
do:
  - first: {call: another}
  - second: {call: two, output: {as: '{new: .}'}}
  - extra: {call: extra}
";
    let newer = parse_version("2.0.0", newer);
    world.revise(Revision::Migrate { to: &newer }).expect("the task under way is there");
    world.expect(&["revised"]);
    world.ok("two", json!(2)).fail("extra", false).expect(&["call extra {} extra#0", "failed 503"]);
    // Back to a step of the older version, which goes on by the newer one.
    world.retry(1).expect(&["revised /do/1/second", "call two {} second#1"]);
    world.ok("two", json!(2)).ok("extra", json!(3)).expect(&["call extra {} extra#1", "finished 3"]);
    let history = world.history();
    let lines: Vec<String> = journal_lines(&history).into_iter().map(|l| l.summary).collect();
    assert_eq!(
        lines,
        [
            "began; calls one",
            "one succeeded; calls two",
            "taken from version 1.0.0 to 2.0.0 by ann",
            "two succeeded; calls extra",
            "extra failed: Communication Error: no; the run failed: Communication Error: no",
            "step second: retried by ann; calls two",
            "two succeeded; calls extra",
            "extra succeeded; the run completed",
        ]
    );
}

#[test]
fn what_is_under_way_needs_a_counterpart() {
    let mut world = World::new(SIDES);
    for (other, part) in [
        (
            "do: [{other: {call: one}}]",
            "`both` (/do/0/both) is under way and version 2.0.0 has no counterpart",
        ),
        ("do: [{both: {call: one}}]", "the task there is a `call`, not a `fork`"),
        ("do: [{both: {fork: {branches: [{left: {call: one}}]}}}]", "the fork there has 1 branches"),
        (
            "do: [{both: {fork: {branches: [{left: {do: [{l1: {call: x}}]}}, {right: {do: [{r1: {call: three}}]}}]}}}]",
            "the task there calls `x`, not `one`",
        ),
    ] {
        let newer = parse_version("2.0.0", other);
        world.refused(Revision::Migrate { to: &newer }, part);
    }
    assert!(!pending_effects(&world.state).is_empty());
}

#[test]
fn waits_go_by_the_clock_and_timeouts_stand_still_while_held() {
    let body = "
do:
  - both:
      fork:
        branches:
          - rest: {wait: {seconds: 5}}
          - slow: {call: slow, timeout: {after: {seconds: 10}}}
  - after: {call: after}
";
    let mut world = World::new(body);
    world.pass(2000).pause().pass(60_000).expect(&["wait 5000", "timeout 10000", "call slow {} slow#0"]);
    assert_eq!(summary(&world.definitions[0], &world.state).status, model::RunStatus::Suspended);
    // The wait is over at once, the timeout has the eight seconds it had.
    world.resume().expect(&["timeout 8000"]);
    let rest = world.steps().into_iter().find(|s| s.step.name == "rest").expect("it began");
    assert_eq!(rest.step.status, StepStatus::Completed);
    world.pass(7999).expect(&[]);
    world.pass(1).expect(&["abandon slow"]);
    assert_eq!(
        world.steps()[2].step.error.as_deref(),
        Some("Timeout: task `slow` did not end within 10000 ms")
    );
}

#[test]
fn attempts_and_limits_while_held() {
    let body = "
do:
  - careful:
      try: [{act: {call: act}}]
      catch: {retry: {delay: {seconds: 1}, limit: {duration: {seconds: 3}}}}
";
    let mut world = World::new(body);
    world.fail("act", false).pause().pass(60_000).expect(&["call act {} act#0", "retry 1000"]);
    world.resume().expect(&["call act {} act#1"]);
    // The minute it was held does not count towards the three seconds.
    world.fail("act", false).expect(&["retry 1000"]);
    world.pass(1000).pass(2000).expect(&["call act {} act#2"]);
    world.fail("act", false).expect(&["failed 503"]);
}
