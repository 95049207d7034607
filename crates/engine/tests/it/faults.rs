//! A store whose commits are refused, delayed, or done without an answer; processes that die before or after a
//! commit; clocks that jump both ways. No run may be lost, stuck or done twice.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use engine::Engine;
use engine::command::Refusal;
use model::{Run, RunId, RunStatus};
use ports::contract::faults::{Fault, FaultPlan, FaultRates, FaultyStore};
use serde_json::{Value, json};
use store_embedded::StateStore;

use crate::bed::{Outside, ended, put, start};

/// Runs of each workflow in one story.
const RUNS: usize = 3;
const HOUR_MS: i64 = 3_600_000;

struct Workflow {
    name: &'static str,
    ends: RunStatus,
    steps: &'static [&'static str],
    tasks: Value,
}

fn step(name: &str) -> Value {
    json!({"call": "peer.do", "with": {"of": "${ .of }", "step": name}, "output": {"as": "$input"}})
}

fn workflows() -> Vec<Workflow> {
    let pause = || json!({"wait": {"milliseconds": 20}});
    let fork = json!({"fork": {"branches": [
        {"left": step("left")},
        {"right": {"do": [{"pause": pause()}, {"one": step("right")}]}},
    ]}, "output": {"as": "$input"}});
    let wanted = json!({"type": "https://example.com/wanted", "status": 400, "title": "Wanted"});
    let refused = json!({"call": "peer.refuse"});
    let retry = json!({"retry": {"delay": {"milliseconds": 10}, "limit": {"attempt": {"count": 2}}}, "do": [{"else": step("else")}]});
    let heard = json!({"fork": {"branches": [
        {"listener": {"do": [
            {"hear": {"listen": {"to": {"one": {"with": {"type": "test.go", "subject": "${ $workflow.input.of }"}}}}, "output": {"as": "$input"}}},
            {"heard": step("heard")},
        ]}},
        {"teller": {"do": [
            {"pause": pause()},
            {"tell": {"emit": {"event": {"with": {"source": "https://example.com/test", "type": "test.go", "subject": "${ .of }"}}}, "output": {"as": "$input"}}},
        ]}},
    ]}, "output": {"as": "$input"}});
    let child = json!({"run": {"workflow": {"namespace": "test", "name": "child", "version": "1.0.0", "input": {"of": "${ .of }"}}}, "output": {"as": "$input"}});
    vec![
        Workflow {
            name: "child",
            ends: RunStatus::Completed,
            steps: &["inside"],
            tasks: json!([{"inside": step("inside")}]),
        },
        Workflow {
            name: "mixed",
            ends: RunStatus::Completed,
            steps: &["one", "left", "right", "else", "heard", "inside", "end"],
            tasks: json!([
                {"one": step("one")}, {"apart": fork},
                {"try": {"try": [{"refused": refused}], "catch": retry, "output": {"as": "$input"}}},
                {"heard": heard}, {"child": child}, {"pause": pause()}, {"behind": step("end")},
            ]),
        },
        Workflow {
            name: "undone",
            ends: RunStatus::Faulted,
            steps: &["one", "two", "undo one", "undo two"],
            tasks: json!([
                {"one": step("one")}, {"pause": pause()}, {"two": step("two")}, {"fail": {"raise": {"error": wanted}}},
            ]),
        },
    ]
}

/// One life of the engine, on threads of its own, so that all of it is gone afterwards; true when every run ended.
fn live(folder: &Path, outside: &Outside, plan: FaultPlan, ahead_ms: [i64; 2], keys: &str) -> bool {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let store = Arc::new(FaultyStore::new(Arc::new(StateStore::open(folder).unwrap()), plan));
    let alive = runtime.block_on(async {
        let story = async {
            outside.clock.set_ahead_ms(ahead_ms[0]);
            let (engine, _) = outside.open(folder, Arc::clone(&store) as Arc<dyn ports::Store>).await;
            let ids = begin(&engine, keys).await.expect("only a crash keeps runs from starting");
            outside.clock.set_ahead_ms(ahead_ms[1]);
            judge(&engine, outside, &ids).await;
            engine.shutdown().await;
        };
        tokio::select! {
            told = tokio::time::timeout(Duration::from_secs(60), story) => {
                told.expect("a run is stuck");
                true
            }
            () = store.crash() => false,
        }
    });
    drop(store);
    runtime.shutdown_timeout(Duration::from_secs(10));
    alive
}

/// Stores the workflows and starts the runs; in a later life the same are found again.
async fn begin(engine: &Engine, keys: &str) -> Result<BTreeMap<RunId, usize>, Refusal> {
    let mut ids = BTreeMap::new();
    for (which, workflow) in workflows().iter().enumerate() {
        put(engine, workflow.name, &workflow.tasks).await?;
        // The child is called, and not started by itself.
        for n in (0..RUNS).filter(|_| which > 0) {
            ids.insert(start(engine, workflow.name, &format!("{keys}-{}-{n}", workflow.name)).await?, which);
        }
    }
    Ok(ids)
}

async fn judge(engine: &Engine, outside: &Outside, ids: &BTreeMap<RunId, usize>) {
    let workflows = workflows();
    for (id, which) in ids {
        let run: Run = ended(engine, id).await;
        let workflow = &workflows[*which];
        assert_eq!(run.status, workflow.ends, "{id}: {:?}", run.error);
        let story = engine.stories().story(&run, None).await.expect("a journal can be read");
        assert!(story.view.steps.iter().all(|s| s.step.ended_at.is_some()), "a step of {id} did not end");
        let of = run.input["of"].as_str().unwrap().to_owned();
        let done = outside.peer.done.lock().unwrap();
        for step in workflow.steps {
            let times = done.get(&(of.clone(), (*step).to_owned())).copied().unwrap_or(0);
            assert_eq!(times, 1, "{step} of {of} was done {times} times");
        }
    }
}

#[test]
fn every_commit_may_lose_its_answer() {
    for commit in 1..=24 {
        let folder = tempfile::tempdir().unwrap();
        let plan = FaultPlan::of([(commit, Fault::AnswerLost), (commit + 2, Fault::Refused)]);
        let ended = live(folder.path(), &Outside::default(), plan, [0, 0], "lost");
        assert!(ended, "nothing crashed");
    }
}

#[test]
fn crashes_failing_commits_and_jumping_clocks_lose_and_double_nothing() {
    let rates = FaultRates { refused: 40, answer_lost: 40, delayed: 100, crash: 40 };
    let mut crashes = 0;
    for seed in 0..12 {
        let (folder, outside) = (tempfile::tempdir().unwrap(), Outside::default());
        let keys = format!("seed{seed}");
        // Clocks jump back and forth by an hour between lives and within them, and end where every wait is over.
        for life in 0.. {
            let plan = if life < 6 {
                FaultPlan::seeded(seed * 100 + life, 1_000, rates)
            } else {
                FaultPlan::default()
            };
            let jump = |at: u64| if (seed + life + at).is_multiple_of(3) { HOUR_MS } else { 0 };
            if live(folder.path(), &outside, plan, [jump(0), 2 * HOUR_MS], &keys) {
                break;
            }
            crashes += 1;
        }
    }
    assert!(crashes > 20, "there were only {crashes} crashes");
}
