//! `verify` of a service that no host reports: its probes say how it is.

use std::sync::Arc;

use engine::Engine;
use model::{ProbeResult, Run, RunId, Signal};
use ports::Store;
use serde_json::json;
use store_embedded::StateStore;

use crate::bed::{Outside, ended, put, start};

async fn probe(engine: &Engine, ok: bool) {
    let probe = ProbeResult {
        service: "edge".to_owned(),
        instance: None,
        target: "http://edge.example/healthz".to_owned(),
        at: engine.now(),
        ok,
        latency_ms: 1,
        reason: if ok { String::new() } else { "timeout".to_owned() },
    };
    engine.intake().accept("test", vec![Signal::Probe(probe)]).await.unwrap();
}

async fn verifies(engine: &Engine, id: &RunId) {
    let mut feed = engine.records().store().watch();
    loop {
        feed.borrow_and_update();
        let run: Option<Run> = engine.records().get(id.as_str()).await.unwrap();
        if run.is_some_and(|run| run.waits_for.as_deref() == Some("verification")) {
            return;
        }
        feed.changed().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_with_probes_alone_is_verified_by_them() {
    let (folder, outside) = (tempfile::tempdir().unwrap(), Outside::default());
    let store: Arc<dyn Store> = Arc::new(StateStore::open(folder.path()).unwrap());
    let (engine, _) = outside.open(folder.path(), store).await;
    for (name, service) in [("known", "edge"), ("unknown", "egde")] {
        let with = json!({"service": service, "window": {"seconds": 60}, "conditions": ["healthy"]});
        put(&engine, name, &json!([{"check": {"call": "verify", "with": with}}])).await.unwrap();
    }
    let mut ahead = 0;
    let mut later = |seconds: i64| {
        ahead += seconds * 1_000;
        outside.clock.set_ahead_ms(ahead);
    };
    probe(&engine, true).await;
    let holds = start(&engine, "known", "holds").await.unwrap();
    verifies(&engine, &holds).await;
    later(61);
    probe(&engine, true).await;
    let run = ended(&engine, &holds).await;
    assert_eq!((run.error, run.output["verified"].clone()), (None, json!(true)));

    let fails = start(&engine, "known", "fails").await.unwrap();
    verifies(&engine, &fails).await;
    later(66);
    probe(&engine, false).await;
    let error = ended(&engine, &fails).await.error.unwrap();
    assert!(error.contains("the probe of edge fails"), "{error}");

    let nobody = start(&engine, "unknown", "nobody").await.unwrap();
    verifies(&engine, &nobody).await;
    later(66);
    let error = ended(&engine, &nobody).await.error.unwrap();
    assert!(error.contains("service egde is not known"), "{error}");
    engine.shutdown().await;
}
