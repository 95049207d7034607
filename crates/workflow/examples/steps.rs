//! Time of one transition, on this machine: `cargo run --release -p workflow --example steps`.
//!
//! One number a line: nanoseconds per `apply`, the mean over whole runs, with calls that answer at once.

#![allow(clippy::print_stdout, reason = "this program's output is its purpose")]

use std::collections::VecDeque;
use std::hint::black_box;
use std::time::{Duration, Instant};

use model::{Inverse, Timestamp};
use serde_json::{Value, json};
use workflow::{Definition, Effect, Event, Snapshot, State, WorkflowError, apply};

const ENOUGH: Duration = Duration::from_millis(700);

fn main() {
    let calls = list(40, |i| json!({"call": "act", "with": {"n": i, "service": "shop"}}));
    let computed =
        list(40, |_| json!({"call": "act", "with": {"n": "${ .n + 1 }"}, "output": {"as": "$input"}}));
    let sets = list(40, |_| json!({"set": {"n": "${ .n + 1 }"}}));
    let constants = list(40, |i| json!({"set": {"n": i}}));
    let branches = list(8, |_| json!({"do": list(5, |_| json!({"call": "act"}))}));
    let forks = json!([{"all": {"fork": {"branches": [
        {"a": {"fork": {"branches": branches}}}, {"b": {"fork": {"branches": branches}}},
    ]}}}]);
    let retries = list(
        10,
        |_| json!({"try": [{"act": {"call": "flaky"}}], "catch": {"retry": {"delay": {"seconds": 1}, "limit": {"attempt": {"count": 5}}}}}),
    );
    let loops = json!([{"each": {"for": {"in": "[range(40)]"}, "do": [{"act": {"call": "act", "with": {"n": "${ $item }"}}}]}}]);
    for (name, tasks) in [
        ("40 calls, constant parameters", calls),
        ("40 calls, computed parameters", computed),
        ("40 sets, constant", constants),
        ("40 sets, computed", sets),
        ("fork of forks, 80 calls", forks),
        ("10 tries, 3 attempts each", retries),
        ("loop of 40 calls", loops),
    ] {
        measure(name, &tasks);
    }
    waiting();
}

fn list(count: usize, task: impl Fn(usize) -> Value) -> Value {
    (0..count).map(|i| json!({format!("t{i}"): task(i)})).collect()
}

fn parse(tasks: &Value) -> Definition {
    let document = json!({
        "document": {"dsl": "1.0.3", "namespace": "bench", "name": "steps", "version": "1.0.0"}, "do": tasks,
    });
    Definition::parse("steps", &document.to_string()).unwrap_or_else(|e| panic!("{e}"))
}

fn measure(name: &str, tasks: &Value) {
    let definition = parse(tasks);
    let (mut events, mut steps, mut runs, started) = (0_u32, 0_usize, 0_u32, Instant::now());
    while started.elapsed() < ENOUGH {
        let (applied, begun) = run(&definition);
        (events, steps, runs) = (events + applied, steps + begun, runs + 1);
    }
    let took = started.elapsed().as_nanos();
    println!(
        "{name:32} {:>7} ns per event, {:>7} ns per step ({} events, {} steps a run)",
        took / u128::from(events),
        took / (steps.max(1) as u128),
        events / runs,
        steps / runs as usize,
    );
}

/// Runs to the end; gives how many events it took and how many tasks ended.
fn run(definition: &Definition) -> (u32, usize) {
    let at = Timestamp::from_unix_ms(1_700_000_000_000);
    let mut state = State::new("run_bench");
    let mut queue = VecDeque::from([Event::Started { input: json!({"n": 0}), at, seed: 1 }]);
    let (mut events, mut failures) = (0, 0);
    while let Some(event) = queue.pop_front() {
        events += 1;
        for effect in apply(definition, &mut state, &event) {
            match effect {
                Effect::Call { key, function, .. } if function == "flaky" && failures % 3 != 2 => {
                    failures += 1;
                    let error = WorkflowError::communication(503, "no");
                    queue.push_back(Event::CallFailed { key, error, retryable: true, at });
                }
                Effect::Call { key, parameters, .. } => {
                    failures += 1;
                    let inverse = Some(Inverse { action: "undo".into(), parameters });
                    queue.push_back(Event::CallSucceeded { key, output: json!({"pid": 7}), inverse, at });
                }
                Effect::Timer { id, at } => queue.push_back(Event::TimerFired { id, at }),
                _ => {}
            }
        }
    }
    assert!(state.is_over(), "the run ended");
    let steps = workflow::summary(definition, black_box(&state)).steps_done;
    (events, steps)
}

/// What a run that waits takes in a snapshot.
fn waiting() {
    for done in [0, 10, 40] {
        let mut tasks = list(done, |_| json!({"call": "act", "output": {"as": "$input"}}));
        if let Some(tasks) = tasks.as_array_mut() {
            tasks.push(json!({"rest": {"wait": {"seconds": 60}}}));
        }
        let definition = parse(&tasks);
        let at = Timestamp::from_unix_ms(1_700_000_000_000);
        let mut state = State::new("run_01jd0000000000000000000000");
        let input = json!({"service": "shop", "reason": "a kilobyte of input ".repeat(50)});
        let mut queue = VecDeque::from([Event::Started { input, at, seed: 1 }]);
        while let Some(event) = queue.pop_front() {
            for effect in apply(&definition, &mut state, &event) {
                if let Effect::Call { key, .. } = effect {
                    queue.push_back(Event::CallSucceeded { key, output: json!({}), inverse: None, at });
                }
            }
        }
        let bytes = serde_json::to_vec(&Snapshot::of(&state)).map_or(0, |b| b.len());
        println!("a run that waits after {done:2} steps with 1 kB of input: {bytes} bytes");
    }
}
