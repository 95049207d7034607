//! What runs do: a document, a script of what happens, and the transcript that must come of it.

#[path = "runs/events.rs"]
mod events;

use model::{Inverse, RunId, Timestamp};
use serde_json::{Value, json};
use workflow::{
    Change, Definition, Effect, Event, EventFilter, History, State, WorkflowError, apply, matches,
    pending_effects, start, trail,
};

const T0: i64 = 1_700_000_000_000;

/// What the script can say.
enum Say {
    /// The oldest open call of this function succeeds.
    Ok(&'static str, Value),
    /// It succeeds and can be undone by this action.
    Undoable(&'static str, &'static str),
    /// It fails for good with this status.
    Fail(&'static str, u16),
    /// It fails, and nobody knows whether it was done.
    Unknown(&'static str, u16),
    /// Time passes; due timers go off in order.
    Pass(i64),
    Cancel,
    Pause,
    Resume,
    /// An event comes: to every listening whose filters it passes.
    Event(Value),
    /// Whatever is listened to is not allowed.
    Refuse,
}

fn parse(body: &str) -> Definition {
    let yaml = format!("document: {{dsl: '1.0.3', namespace: test, name: test, version: '1.0.0'}}\n{body}");
    Definition::parse("test.yaml", &yaml).unwrap_or_else(|e| panic!("{e}\n{yaml}"))
}

struct World {
    definition: Definition,
    state: State,
    events: Vec<Event>,
    open: Vec<(String, String)>,
    timers: Vec<(i64, String)>,
    listens: Vec<(String, Vec<EventFilter>)>,
    now: i64,
    lines: Vec<String>,
}

impl World {
    fn new(body: &str, input: Value) -> Self {
        let definition = parse(body);
        let run = RunId::derive(Timestamp::from_unix_ms(T0), &["test"]);
        let (state, event, effects) = start(&definition, &run, input, Timestamp::from_unix_ms(T0), 42);
        let mut world = Self {
            definition,
            state,
            events: vec![event],
            open: vec![],
            timers: vec![],
            listens: vec![],
            now: T0,
            lines: vec![],
        };
        world.take(effects);
        world
    }

    fn take(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Call { key, function, parameters, compensation, .. } => {
                    let undo = if compensation { " (undo)" } else { "" };
                    self.lines.push(format!("call {function} {parameters}{undo}"));
                    self.open.push((function, key));
                }
                Effect::Timer { id, at } => {
                    let at = at.as_unix_ms();
                    let purpose = id.rsplit(':').next().unwrap_or_default();
                    self.lines.push(format!("{purpose} {}", at - self.now));
                    self.timers.push((at, id));
                }
                Effect::Abandon { key } => {
                    let function = self.open.iter().find(|(_, k)| *k == key).map(|(f, _)| f.clone());
                    self.lines.push(format!("abandon {}", function.expect("only open calls are abandoned")));
                }
                Effect::Lifecycle { change: Change::Compensating, path, .. } => {
                    self.lines.push(format!("compensating {path}").trim_end().to_owned());
                }
                Effect::Lifecycle { .. } => {}
                Effect::Listen { id, filters, subscription, .. } => {
                    let what = subscription.map_or(String::new(), |s| format!(" {s}"));
                    self.lines.push(format!("listen {}{what}", filters.len()));
                    self.listens.push((id, filters));
                }
                Effect::Unlisten { id } => {
                    self.lines.push("unlisten".to_owned());
                    self.listens.retain(|(i, _)| *i != id);
                }
                Effect::Finished { output } => self.lines.push(format!("finished {output}")),
                Effect::Failed { error } => {
                    let kind = error.kind.rsplit('/').next().unwrap_or_default().to_owned();
                    self.lines.push(format!(
                        "failed {kind} {} {}",
                        error.status,
                        error.instance.unwrap_or_default()
                    ));
                }
                Effect::Cancelled { by } => self.lines.push(format!("cancelled by {by}")),
            }
        }
    }

    fn happen(&mut self, event: Event) {
        let effects = apply(&self.definition, &mut self.state, &event);
        self.events.push(event);
        self.take(effects);
    }

    fn at(&self) -> Timestamp {
        Timestamp::from_unix_ms(self.now)
    }

    fn key(&mut self, function: &str) -> String {
        let place = self.open.iter().position(|(f, _)| f == function);
        self.open.remove(place.unwrap_or_else(|| panic!("no open call of {function}: {:?}", self.open))).1
    }

    fn say(&mut self, say: Say) {
        let at = self.at();
        let by = "ann".to_owned();
        match say {
            Say::Ok(function, output) => {
                let key = self.key(function);
                self.happen(Event::CallSucceeded { key, output, inverse: None, at });
            }
            Say::Undoable(function, action) => {
                let key = self.key(function);
                let inverse =
                    Some(Inverse { action: action.to_owned(), parameters: json!({"of": function}) });
                self.happen(Event::CallSucceeded { key, output: json!({}), inverse, at });
            }
            Say::Fail(function, status) | Say::Unknown(function, status) => {
                let retryable = matches!(say, Say::Unknown(..));
                let key = self.key(function);
                let error = WorkflowError::communication(status, "no");
                self.happen(Event::CallFailed { key, error, retryable, at });
            }
            Say::Pass(ms) => {
                let until = self.now + ms;
                while let Some(place) = (0..self.timers.len())
                    .filter(|i| self.timers[*i].0 <= until)
                    .min_by_key(|i| self.timers[*i].0)
                {
                    let (due, id) = self.timers.remove(place);
                    self.now = self.now.max(due);
                    let at = self.at();
                    self.happen(Event::TimerFired { id, at });
                }
                self.now = until;
            }
            Say::Event(event) => {
                for (id, filters) in self.listens.clone() {
                    if filters.is_empty() || filters.iter().any(|f| matches(f, &event)) {
                        self.happen(Event::EventReceived { id, event: event.clone(), at });
                    }
                }
            }
            Say::Refuse => {
                let (id, _) = self.listens.remove(0);
                let error = WorkflowError::authorization("no");
                self.happen(Event::ListenFailed { id, error, at });
            }
            Say::Cancel => self.happen(Event::CancelRequested { by, at }),
            Say::Pause => self.happen(Event::PauseRequested { by, at }),
            Say::Resume => self.happen(Event::ResumeRequested { by, at }),
        }
    }
}

/// Runs the script and compares every call, timer and ending. Also: replay of the journal gives the same state
/// and the same open effects, and the state survives JSON.
#[track_caller]
fn check(body: &str, input: Value, script: Vec<Say>, expect: &[&str]) {
    let mut world = World::new(body, input);
    for say in script {
        world.say(say);
    }
    let lines: Vec<&str> = world.lines.iter().map(String::as_str).collect();
    assert_eq!(lines, expect);
    let run = RunId::derive(Timestamp::from_unix_ms(T0), &["test"]);
    let replayed = workflow::replay(&world.definition, &run, &world.events);
    assert_eq!(replayed, world.state, "replay gives the same state");
    let stored: State = serde_json::from_str(&serde_json::to_string(&world.state).unwrap()).unwrap();
    assert_eq!(stored, world.state, "the state survives JSON");
    assert_eq!(pending_effects(&stored), pending_effects(&world.state));
    let shown = trail(&History::new(run.as_str(), &world.definition, &world.events), usize::MAX);
    assert_eq!(shown.status.is_over(), world.state.is_over());
    if world.state.is_over() {
        for step in &shown.steps {
            assert!(step.step.ended_at.is_some(), "{step:?} did not end with its run");
        }
    }
}

const COLORS: &str = "
do:
  - setRed: {set: {colors: '${ .colors + [\"red\"] }'}, then: setGreen}
  - setBlue: {set: {colors: '${ .colors + [\"blue\"] }'}, then: end}
  - setGreen: {set: {colors: '${ .colors + [\"green\"] }'}, then: setBlue}
";

#[test]
fn tasks_follow_each_other_and_directives() {
    check(COLORS, json!({}), vec![], &["finished {\"colors\":[\"red\",\"green\",\"blue\"]}"]);
}

#[test]
fn a_call_gets_its_parameters_and_gives_its_output() {
    let body = "
input: {from: .in}
do:
  - restart: {call: process.restart, with: {service: '${ .service }', n: 1}, output: {as: .pid}, export: {as: '{pid: $output}'}}
  - after: {set: {was: '${ . }', context: '${ $context.pid }', input: '${ $input }', name: '${ $task.name }', ref: '${ $task.reference }'}}
output: {as: '. + {id: ($workflow.id | .[0:4]), started: $workflow.startedAt.epoch.seconds}'}
";
    check(
        body,
        json!({"in": {"service": "shop"}}),
        vec![Say::Ok("process.restart", json!({"pid": 7}))],
        &[
            "call process.restart {\"service\":\"shop\",\"n\":1}",
            "finished {\"was\":7,\"context\":7,\"input\":7,\"name\":\"after\",\"ref\":\"/do/1/after\",\"id\":\"run_\",\"started\":1700000000}",
        ],
    );
}

const COLOR_SWITCH: &str = "
do:
  - pick:
      switch:
        - red: {when: .color == \"red\", then: setRed}
        - other: {when: '${ .color == \"blue\" }', then: exit}
      then: end
  - setRed: {set: {is: red}, then: end}
";

#[test]
fn switch_takes_the_first_case_that_holds() {
    check(COLOR_SWITCH, json!({"color": "red"}), vec![], &["finished {\"is\":\"red\"}"]);
    check(COLOR_SWITCH, json!({"color": "blue"}), vec![], &["finished {\"color\":\"blue\"}"]);
    check(COLOR_SWITCH, json!({"color": "grey"}), vec![], &["finished {\"color\":\"grey\"}"]);
}

#[test]
fn a_condition_that_does_not_hold_skips() {
    let body = "
do:
  - maybe: {if: .yes, call: f}
  - end: {set: {done: true, was: '${ . }'}}
"
    .replace("- end:", "- last:");
    check(&body, json!({"yes": false}), vec![], &["finished {\"done\":true,\"was\":{\"yes\":false}}"]);
    check(
        &body,
        json!({"yes": 1}),
        vec![Say::Ok("f", json!(5))],
        &["call f {}", "finished {\"done\":true,\"was\":5}"],
    );
}

#[test]
fn wait_and_timeouts() {
    let body = "
timeout: {after: {seconds: 60}}
do:
  - rest: {wait: '${ .pause }'}
  - slow: {call: slow, timeout: {after: PT2S}}
";
    check(
        body,
        json!({"pause": {"seconds": 5}}),
        vec![Say::Pass(5000), Say::Pass(2000), Say::Fail("slow", 500)],
        &[
            "timeout 60000",
            "wait 5000",
            "timeout 2000",
            "call slow {}",
            "abandon slow",
            "failed timeout 408 /do/1/slow",
        ],
    );
    check(
        body,
        json!({"pause": "PT2M"}),
        vec![Say::Pass(60_000)],
        &["timeout 60000", "wait 120000", "failed timeout 408 /"],
    );
}

const RETRY: &str = "
do:
  - attempt:
      try:
        - act: {call: act, with: {n: 1}}
      catch:
        errors: {with: {status: 503}}
        retry:
          delay: {seconds: 1}
          backoff: {exponential: {}}
          limit: {attempt: {count: 2}}
        do:
          - note: {set: {caught: '${ $error.status }'}}
";

#[test]
fn errors_are_filtered_retried_and_handled() {
    check(
        RETRY,
        json!({}),
        vec![
            Say::Unknown("act", 503),
            Say::Pass(1000),
            Say::Unknown("act", 503),
            Say::Pass(2000),
            Say::Ok("act", json!("yes")),
        ],
        &[
            "call act {\"n\":1}",
            "retry 1000",
            "call act {\"n\":1}",
            "retry 2000",
            "call act {\"n\":1}",
            "finished \"yes\"",
        ],
    );
    check(
        RETRY,
        json!({}),
        vec![
            Say::Fail("act", 503),
            Say::Pass(1000),
            Say::Fail("act", 503),
            Say::Pass(2000),
            Say::Fail("act", 503),
        ],
        &[
            "call act {\"n\":1}",
            "retry 1000",
            "call act {\"n\":1}",
            "retry 2000",
            "call act {\"n\":1}",
            "finished {\"caught\":503}",
        ],
    );
    check(
        RETRY,
        json!({}),
        vec![Say::Fail("act", 404)],
        &["call act {\"n\":1}", "failed communication 404 /do/0/attempt/try/0/act"],
    );
}

#[test]
fn a_key_is_kept_until_the_answer_is_known() {
    let keys = |script: Vec<Say>| {
        let mut world = World::new(RETRY, json!({}));
        let mut keys = Vec::new();
        for say in script {
            keys.extend(world.open.iter().map(|(_, k)| k.clone()));
            world.say(say);
        }
        keys.extend(world.open.iter().map(|(_, k)| k.clone()));
        keys.dedup();
        keys
    };
    assert_eq!(
        keys(vec![Say::Unknown("act", 503), Say::Pass(1000)]).len(),
        1,
        "nobody knows whether it was done"
    );
    assert_eq!(keys(vec![Say::Fail("act", 503), Say::Pass(1000)]).len(), 2, "it was not done: a new call");
    let key = &keys(vec![])[0];
    assert!(key.starts_with("run_") && key.ends_with("/do/0/attempt/try/0/act#0"), "{key}");
}

#[test]
fn a_loop_never_asks_for_two_items_under_one_key() {
    let body = "
do:
  - all:
      for: {in: .list}
      do:
        - careful:
            try: [{act: {call: act, with: {item: '${ $item }'}}}]
            catch: {}
";
    for list in [json!([1, 2]), json!([1, 1])] {
        let mut world = World::new(body, json!({"list": list}));
        let first = world.open[0].1.clone();
        world.say(Say::Unknown("act", 503));
        assert_ne!(world.open[0].1, first, "the second item is not the first one again");
    }
}

const JITTER: &str = "
do:
  - attempt:
      try: [{act: {call: act}}]
      catch: {retry: {delay: {seconds: 1}, backoff: {linear: {}}, jitter: {from: {milliseconds: 100}, to: {milliseconds: 300}}, limit: {duration: {seconds: 3}}}}
";

#[test]
fn jitter_comes_from_the_seed_and_duration_limits_retries() {
    let mut world = World::new(JITTER, json!({}));
    world.say(Say::Fail("act", 500));
    let delay: i64 = world.lines[1].strip_prefix("retry ").unwrap().parse().unwrap();
    assert!((1100..=1300).contains(&delay), "{delay}");
    world.say(Say::Pass(delay));
    world.say(Say::Fail("act", 500));
    assert!(world.lines.last().unwrap().starts_with("failed communication 500"), "{:?}", world.lines);
}

#[test]
fn branches_run_side_by_side_and_keep_their_order() {
    let body = "
do:
  - both:
      fork:
        branches:
          - left: {call: left}
          - right: {call: right}
";
    check(
        body,
        json!({}),
        vec![Say::Ok("right", json!("r")), Say::Ok("left", json!("l"))],
        &["call left {}", "call right {}", "finished [\"l\",\"r\"]"],
    );
    check(
        body,
        json!({}),
        vec![Say::Fail("right", 500), Say::Undoable("left", "left.back"), Say::Ok("left.back", json!({}))],
        &[
            "call left {}",
            "call right {}",
            "abandon left",
            "call left.back {\"of\":\"left\"} (undo)",
            "failed communication 500 /do/0/both/fork/branches/1/right",
        ],
    );
}

const RACE: &str = "
do:
  - race:
      fork:
        compete: true
        branches:
          - left: {call: left}
          - right: {call: right}
";

#[test]
fn a_race_has_one_winner_and_waits_for_what_it_asked() {
    check(
        RACE,
        json!({}),
        vec![Say::Ok("right", json!("r")), Say::Fail("left", 499)],
        &["call left {}", "call right {}", "abandon left", "finished \"r\""],
    );
    check(
        RACE,
        json!({}),
        vec![Say::Fail("right", 500), Say::Ok("left", json!("l"))],
        &["call left {}", "call right {}", "finished \"l\""],
    );
    check(
        RACE,
        json!({}),
        vec![Say::Fail("right", 500), Say::Fail("left", 500)],
        &["call left {}", "call right {}", "failed communication 500 /do/0/race/fork/branches/0/left"],
    );
    let sets = "
do:
  - race: {fork: {compete: true, branches: [{a: {set: {c: [1]}}}, {b: {set: {c: [2]}}}]}}
";
    check(sets, json!({}), vec![], &["finished {\"c\":[1]}"]);
}

#[test]
fn loops_see_item_and_index() {
    let body = "
do:
  - loop:
      for: {each: color, in: .colors}
      while: $color != \"stop\"
      do:
        - mark: {set: {processed: '${ { colors: (.processed.colors + [ $color ]), indexes: (.processed.indexes + [ $index ])} }'}}
";
    check(
        body,
        json!({"colors": ["red", "green", "blue"]}),
        vec![],
        &["finished {\"processed\":{\"colors\":[\"red\",\"green\",\"blue\"],\"indexes\":[0,1,2]}}"],
    );
    check(
        body,
        json!({"colors": ["red", "stop", "blue"]}),
        vec![],
        &["finished {\"processed\":{\"colors\":[\"red\"],\"indexes\":[0]}}"],
    );
    check(body, json!({"colors": 5}), vec![], &["failed expression 400 /do/0/loop"]);
}

#[test]
fn a_raised_error_says_where() {
    let body = "
use: {errors: {broken: {type: 'https://example.com/errors/broken', status: 418, title: Broken, detail: '${ .why }'}}}
do:
  - stop: {raise: {error: broken}}
";
    check(body, json!({"why": "so"}), vec![], &["failed broken 418 /do/0/stop"]);
}

const TWO_THEN_FAIL: &str = "
do:
  - first: {call: one}
  - second: {call: two}
  - verify: {call: verify}
";

#[test]
fn a_failed_run_undoes_in_reverse_order_whatever_the_inverses_do() {
    check(
        TWO_THEN_FAIL,
        json!({}),
        vec![
            Say::Undoable("one", "one.back"),
            Say::Undoable("two", "two.back"),
            Say::Fail("verify", 422),
            Say::Fail("two.back", 500),
            Say::Ok("one.back", json!({})),
        ],
        &[
            "call one {}",
            "call two {}",
            "call verify {}",
            "compensating",
            "call two.back {\"of\":\"two\"} (undo)",
            "call one.back {\"of\":\"one\"} (undo)",
            "failed communication 422 /do/2/verify",
        ],
    );
}

#[test]
fn a_cancelled_run_waits_for_the_open_call_and_undoes_it_too() {
    check(
        TWO_THEN_FAIL,
        json!({}),
        vec![
            Say::Undoable("one", "one.back"),
            Say::Cancel,
            Say::Undoable("two", "two.back"),
            Say::Ok("two.back", json!({})),
            Say::Ok("one.back", json!({})),
        ],
        &[
            "call one {}",
            "call two {}",
            "abandon two",
            "compensating",
            "call two.back {\"of\":\"two\"} (undo)",
            "call one.back {\"of\":\"one\"} (undo)",
            "cancelled by ann",
        ],
    );
}

#[test]
fn a_task_can_undo_what_was_done_inside_before_its_error_goes_on() {
    let body = "
do:
  - before: {call: zero}
  - either:
      try:
        - group:
            metadata: {compensate: true}
            do:
              - first: {call: one}
              - check: {call: verify}
      catch:
        do:
          - other: {call: other}
";
    check(
        body,
        json!({}),
        vec![
            Say::Undoable("zero", "zero.back"),
            Say::Undoable("one", "one.back"),
            Say::Fail("verify", 422),
            Say::Ok("one.back", json!({})),
            Say::Ok("other", json!("fine")),
        ],
        &[
            "call zero {}",
            "call one {}",
            "call verify {}",
            "compensating /do/1/either/try/0/group",
            "call one.back {\"of\":\"one\"} (undo)",
            "call other {}",
            "finished \"fine\"",
        ],
    );
}

#[test]
fn a_paused_run_asks_for_nothing_new() {
    check(
        TWO_THEN_FAIL,
        json!({}),
        vec![
            Say::Pause,
            Say::Ok("one", json!({})),
            Say::Resume,
            Say::Ok("two", json!({})),
            Say::Ok("verify", json!({})),
        ],
        &["call one {}", "call two {}", "call verify {}", "finished {}"],
    );
    check(
        TWO_THEN_FAIL,
        json!({}),
        vec![Say::Pause, Say::Undoable("one", "one.back"), Say::Cancel, Say::Ok("one.back", json!({}))],
        &["call one {}", "compensating", "call one.back {\"of\":\"one\"} (undo)", "cancelled by ann"],
    );
}

#[test]
fn schemas_are_checked() {
    let body = "
input: {schema: {document: {type: object, required: [service]}}}
do:
  - f: {call: f, output: {schema: {document: {type: number}}}}
";
    check(body, json!({}), vec![], &["failed validation 400 /"]);
    check(
        body,
        json!({"service": "a"}),
        vec![Say::Ok("f", json!("text"))],
        &["call f {}", "failed validation 400 /do/0/f"],
    );
}

#[test]
fn a_loop_without_end_fails_its_run() {
    let body = "
do:
  - again: {set: {n: '${ .n + 1 }'}, then: again}
";
    check(body, json!({}), vec![], &["failed runtime 500 /"]);
}

#[test]
fn a_second_answer_changes_nothing() {
    let mut world = World::new(TWO_THEN_FAIL, json!({}));
    let key = world.open[0].1.clone();
    let event =
        Event::CallSucceeded { key, output: json!(1), inverse: None, at: Timestamp::from_unix_ms(T0) };
    world.happen(event.clone());
    let before = world.state.clone();
    world.happen(event);
    world.happen(Event::TimerFired { id: "nosuch".into(), at: Timestamp::from_unix_ms(T0) });
    assert_eq!(world.state, before);
}

#[test]
fn the_view_tells_the_story() {
    let mut world = World::new(TWO_THEN_FAIL, json!({}));
    world.say(Say::Undoable("one", "one.back"));
    world.say(Say::Fail("two", 500));
    world.say(Say::Ok("one.back", json!({})));
    let run = RunId::derive(Timestamp::from_unix_ms(T0), &["test"]);
    let history = History::new(run.as_str(), &world.definition, &world.events);
    let shown = trail(&history, usize::MAX);
    let told: Vec<String> = shown
        .steps
        .iter()
        .map(|s| format!("{} {:?} {}", s.step.name, s.step.status, s.step.compensation))
        .collect();
    assert_eq!(told, ["first Compensated false", "second Faulted false", "undo first Completed true"]);
    assert_eq!(shown.error.as_deref(), Some("Communication Error: no"));
    // As it was when only `one` had answered.
    let earlier = trail(&history, 2);
    let told: Vec<String> = earlier
        .steps
        .iter()
        .map(|s| format!("{} {:?} {}", s.step.name, s.step.status, s.step.input))
        .collect();
    assert_eq!(told, ["first Completed {}", "second Running {}"]);
}
