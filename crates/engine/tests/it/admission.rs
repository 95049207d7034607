//! Which runs may begin: limits of workflows, the order of services, and who waits behind whom.

use std::sync::Arc;

use engine::Engine;
use engine::command::{Asker, Command, Reply};
use engine::operate::RunCommand;
use model::{Run, RunId, RunStatus};
use ports::Store;
use serde_json::{Value, json};
use store_embedded::StateStore;

use crate::bed::{Outside, ended, put_as};

async fn opened(folder: &tempfile::TempDir) -> Engine {
    let store: Arc<dyn Store> = Arc::new(StateStore::open(folder.path()).unwrap());
    Outside::default().open(folder.path(), store).await.0
}

async fn start(engine: &Engine, workflow: &str, service: &str, key: usize) -> RunId {
    let (workflow, input, key) =
        (workflow.to_owned(), json!({"service": service}), format!("{workflow}-{key}"));
    match engine.ask(Asker::system(), Command::StartRun { workflow, input, key }).await.unwrap() {
        Reply::Run(id) => id,
        other => panic!("a start was answered with {other:?}"),
    }
}

async fn end(engine: &Engine, id: &RunId) {
    let cancel = RunCommand::Cancel { run: id.clone(), reason: String::new() };
    engine.ask(Asker::system(), Command::Runs(cancel)).await.unwrap();
    ended(engine, id).await;
}

async fn get(engine: &Engine, id: &RunId) -> Run {
    engine.records().get(id.as_str()).await.unwrap().unwrap()
}

/// Which of the runs have begun.
async fn begun(engine: &Engine, runs: &[RunId]) -> Vec<usize> {
    let mut begun = Vec::new();
    for (n, id) in runs.iter().enumerate() {
        if get(engine, id).await.status == RunStatus::Waiting {
            begun.push(n);
        }
    }
    begun
}

fn limited(limit: u32, by: &str) -> Value {
    json!({"homeostat": {"concurrency": {"limit": limit, "by": by}, "service": "${ .service }"}})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn limits_hold_and_nobody_overtakes() {
    let folder = tempfile::tempdir().unwrap();
    let engine = opened(&folder).await;
    let rest = json!([{"rest": {"wait": {"days": 1}}}]);
    put_as(&engine, "two", limited(2, "workflow"), &rest).await.unwrap();
    put_as(&engine, "each", limited(1, "service"), &rest).await.unwrap();

    let mut runs = Vec::new();
    for (n, service) in ["a", "b", "a", "c", "a"].into_iter().enumerate() {
        runs.push(start(&engine, "test.two", service, n).await);
    }
    assert_eq!(begun(&engine, &runs).await, [0, 1]);
    let why = |run: Run| run.waits_for.unwrap_or_default();
    assert_eq!(why(get(&engine, &runs[2]).await), "its turn: at most 2 at once of test.two");
    assert_eq!(why(get(&engine, &runs[4]).await), "an older run that waits for the same");
    end(&engine, &runs[1]).await;
    assert_eq!(begun(&engine, &runs).await, [0, 2], "the oldest of those that wait");
    end(&engine, &runs[3]).await;
    end(&engine, &runs[0]).await;
    assert_eq!(begun(&engine, &runs).await, [2, 4], "one that was ended while it waited is no obstacle");

    let mut runs = Vec::new();
    for (n, service) in ["a", "a", "b", "a"].into_iter().enumerate() {
        runs.push(start(&engine, "test.each", service, n).await);
    }
    assert_eq!(begun(&engine, &runs).await, [0, 2]);
    assert_eq!(why(get(&engine, &runs[1]).await), "its turn: at most 1 at once of test.each for a");
    engine.shutdown().await;
    drop(engine);

    // Who waits and who has begun is known after a restart.
    let engine = opened(&folder).await;
    assert_eq!(begun(&engine, &runs).await, [0, 2]);
    end(&engine, &runs[0]).await;
    assert_eq!(begun(&engine, &runs).await, [1, 2]);
    end(&engine, &runs[1]).await;
    assert_eq!(begun(&engine, &runs).await, [2, 3]);
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_is_called_does_not_line_up_behind_those_that_wait_for_its_caller() {
    let folder = tempfile::tempdir().unwrap();
    let engine = opened(&folder).await;
    let asks = json!([
        {"first": {"if": "${ .deep != true }", "wait": {"days": 1}}},
        {"again": {"if": "${ .deep != true }", "run": {"workflow": {
            "namespace": "test", "name": "own", "version": "latest", "input": {"service": "${ .service }", "deep": true}}}}}
    ]);
    put_as(&engine, "own", limited(1, "workflow"), &asks).await.unwrap();
    let outer = start(&engine, "test.own", "a", 0).await;
    let behind = start(&engine, "test.own", "a", 1).await;
    assert_eq!(begun(&engine, &[outer.clone(), behind.clone()]).await, [0]);
    // The outer one goes on to call its own workflow, of which the limit is reached and one waits already.
    let skip = engine::runs::Change::Skip { step: Some(0), output: None, reason: "now".to_owned() };
    engine.change(&Asker::system(), &outer, &skip).await.unwrap();
    let run = ended(&engine, &outer).await;
    assert_eq!((run.status, run.error), (RunStatus::Completed, None));
    assert_eq!(begun(&engine, &[behind]).await, [0]);
    engine.shutdown().await;
}
