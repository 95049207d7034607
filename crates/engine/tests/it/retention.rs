//! Runs that ended long ago go with all that is stored of them; others stay whole.

use std::sync::Arc;

use engine::Engine;
use engine::command::{Asker, Command};
use engine::operate::RunCommand;
use engine::records::Record;
use engine::runs::StoredDefinition;
use engine::situation::run_journal;
use model::{Run, RunId};
use ports::{Blobs, Query, Store};
use serde_json::json;
use store_embedded::StateStore;

use crate::bed::{Outside, ended, put, start};

const DAY_MS: i64 = 86_400_000;

async fn blobs_of(blobs: &dyn Blobs) -> usize {
    blobs.list(None, 1_000).await.unwrap().items.len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn old_runs_go_whole_and_others_stay_whole() {
    let (folder, outside) = (tempfile::tempdir().unwrap(), Outside::default());
    let store: Arc<dyn Store> = Arc::new(StateStore::open(folder.path()).unwrap());
    let (engine, blobs) = outside.open(folder.path(), Arc::clone(&store)).await;
    let large = json!({"call": "peer.do", "with": {"of": "${ .of }", "step": "large", "bytes": 200_000}});
    put(&engine, "large", &json!([{ "large": large }])).await.unwrap();
    let sleepy = json!([{"large": large}, {"sleep": {"wait": {"days": 400}}}]);
    put(&engine, "sleepy", &sleepy).await.unwrap();
    // More than one page of old runs, one that is still open, and later a young one.
    let mut old = Vec::new();
    for n in 0..230 {
        old.push(start(&engine, "large", &format!("old-{n}")).await.unwrap());
    }
    let open = start(&engine, "sleepy", "open").await.unwrap();
    for id in &old {
        ended(&engine, id).await;
    }
    outside.clock.set_ahead_ms(100 * DAY_MS);
    let young = start(&engine, "large", "young").await.unwrap();
    ended(&engine, &young).await;
    assert_eq!(blobs_of(&*blobs).await, 232, "each run has a large value");

    let before = engine.now().plus_ms(-90 * DAY_MS);
    assert_eq!(engine.forget_runs(before).await.unwrap(), 230);
    assert_eq!(engine.forget_runs(before).await.unwrap(), 0);
    for id in &old {
        assert!(engine.records().get::<Run>(id.as_str()).await.unwrap().is_none());
        assert_eq!(store.journal_length(&run_journal(id)).await.unwrap().length, 0);
    }
    let left = engine.records().all::<Run>(Query::of(Run::KIND), 1_000).await.unwrap();
    let mut ids: Vec<&RunId> = left.iter().map(|run| &run.id).collect();
    ids.sort();
    let mut expected = [&open, &young];
    expected.sort();
    assert_eq!(ids, expected);

    // What ended runs left goes; what the others name stays, however old.
    outside.clock.set_ahead_ms(101 * DAY_MS);
    assert_eq!(engine.collect().await.unwrap().blobs.blobs, 230);
    assert_eq!(blobs_of(&*blobs).await, 2);
    for run in &left {
        engine.stories().story(run, None).await.expect("its journal is whole");
    }
    // And when nobody names them any more, they go too.
    assert_eq!(engine.forget_runs(engine.now()).await.unwrap(), 1);
    assert_eq!(engine.collect().await.unwrap().blobs.blobs, 1);
    let run: Run = engine.records().get(open.as_str()).await.unwrap().expect("an open run stays");
    engine.stories().story(&run, None).await.expect("its journal is whole");
    engine.shutdown().await;
}

async fn definitions(engine: &Engine) -> usize {
    engine.records().all::<StoredDefinition>(Query::of(StoredDefinition::KIND), 1_000).await.unwrap().len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn definitions_that_nothing_names_go() {
    let (folder, outside) = (tempfile::tempdir().unwrap(), Outside::default());
    let store: Arc<dyn Store> = Arc::new(StateStore::open(folder.path()).unwrap());
    let (engine, _) = outside.open(folder.path(), Arc::clone(&store)).await;
    let sleepy = json!([{"sleep": {"wait": {"days": 400}}}]);
    put(&engine, "sleepy", &sleepy).await.unwrap();
    for name in ["kept", "gone"] {
        put(&engine, name, &json!([{"one": {"set": {"of": name}}}])).await.unwrap();
    }
    let open = start(&engine, "sleepy", "open").await.unwrap();
    for name in ["kept", "gone"] {
        let run = start(&engine, name, name).await.unwrap();
        ended(&engine, &run).await;
    }
    let delete = |name: &str| Command::Runs(RunCommand::DeleteWorkflow(format!("test.{name}")));
    for name in ["sleepy", "gone"] {
        engine.ask(Asker::system(), delete(name)).await.unwrap();
    }
    assert_eq!(engine.collect().await.unwrap().definitions, 0, "journals name them");
    assert_eq!(engine.forget_runs(engine.now().plus_ms(1)).await.unwrap(), 2);
    assert_eq!(engine.collect().await.unwrap().definitions, 0, "they were used a moment ago");
    outside.clock.set_ahead_ms(DAY_MS);
    assert_eq!(engine.collect().await.unwrap().definitions, 1);
    assert_eq!(definitions(&engine).await, 2, "what an open run follows stays, and what new runs would");
    assert_eq!(engine.collect().await.unwrap().definitions, 0);
    // One that went is stored again with the next run that follows it.
    put(&engine, "gone", &json!([{"one": {"set": {"of": "gone"}}}])).await.unwrap();
    let run = start(&engine, "gone", "again").await.unwrap();
    ended(&engine, &run).await;
    assert_eq!(definitions(&engine).await, 3);
    engine.shutdown().await;
    drop(engine);
    let (engine, _) = outside.open(folder.path(), store).await;
    for id in [&open, &run] {
        let run: Run = engine.records().get(id.as_str()).await.unwrap().unwrap();
        engine.stories().story(&run, None).await.expect("its journal is whole");
    }
    engine.shutdown().await;
}
