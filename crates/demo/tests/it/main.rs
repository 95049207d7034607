//! The world as real processes: each fault is made, its symptom is seen from outside, the remedy is applied
//! through the process host, and the service is well again. The test binary is also the shop: the test `role`
//! runs the service that the host started it for.

use std::sync::Arc;
use std::time::{Duration, Instant};

use demo::world::{World, WorldOptions};
use model::{Instance, InstanceState, Signal};
use serde_json::{Value, json};
use tempfile::TempDir;

#[test]
fn role() {
    if let Ok(service) = std::env::var("HOMEOSTAT_SERVICE") {
        demo::shop::run(&service).unwrap();
        std::process::exit(0);
    }
}

fn options(dir: &TempDir) -> WorldOptions {
    let mut options = WorldOptions::new(dir.path().to_owned(), "0123456789abcdef".into()).unwrap();
    let exe = options.shop_command[0].clone();
    options.shop_command = vec![exe, "role".into(), "--exact".into(), "--nocapture".into()];
    options
}

async fn world() -> (TempDir, Arc<World>) {
    let dir = tempfile::tempdir().unwrap();
    let world = World::start(&options(&dir), ([127, 0, 0, 1], 1).into()).await.unwrap();
    for service in demo::shop::SERVICES {
        well(&world, service).await;
    }
    (dir, world)
}

async fn well(world: &World, service: &str) {
    let begun = Instant::now();
    loop {
        let health = world.health(service).await.unwrap();
        if health.healthy {
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(25), "{service} does not get well: {health:?}");
    }
}

/// The first check that fails within a bounded time.
async fn ill(world: &World, service: &str, check: &str) {
    let begun = Instant::now();
    loop {
        let health = world.health(service).await.unwrap();
        if health.checks.iter().any(|c| !c.ok && c.name.starts_with(check)) {
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(25), "{service} shows nothing of {check}: {health:?}");
    }
}

async fn act(world: &World, action: &str, parameters: Value) -> Value {
    let key = format!("{action}-{parameters}-{:?}", Instant::now());
    world.host().execute(action, &parameters, &key, "tester").await.unwrap().output
}

async fn is_active(world: &World, fault: &str) -> bool {
    world.faults().await.into_iter().find(|f| f.name == fault).unwrap().active
}

fn instance(world: &World, service: &str) -> Instance {
    world.host().service(service).unwrap().instances.remove(0)
}

async fn until(what: &str, mut look: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !look() {
        assert!(begun.elapsed() < Duration::from_secs(25), "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Makes the fault, sees it, applies a cure that must not help, applies the one that must.
async fn story(world: &World, fault: &str, service: &str, symptom: &str, useless: Option<&str>, cure: &str) {
    let made = world.inject(fault, Some(service)).await.unwrap();
    assert!(made.active && made.injected_at.is_some() && made.service == service);
    assert_eq!(world.inject(fault, Some(service)).await.unwrap_err().code, "fault_active");
    ill(world, service, symptom).await;
    assert!(is_active(world, fault).await);
    if let Some(useless) = useless {
        act(world, useless, json!({"service": service})).await;
        assert!(is_active(world, fault).await, "{useless} must not cure {fault}");
        ill(world, service, symptom).await;
    }
    act(world, cure, json!({"service": service})).await;
    well(world, service).await;
    assert!(!is_active(world, fault).await, "{cure} must cure {fault}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_healthy_world_serves_its_customers_and_is_light() {
    let (_dir, world) = world().await;
    let before = world.traffic();
    let mut cpu = std::collections::BTreeMap::new();
    until("two hundred requests", || {
        let series = world.host().metrics().into_iter().filter(|m| m.name == "process_cpu_ratio");
        cpu.extend(series.map(|m| ((m.labels["instance"].clone(), m.points[0].at), m.points[0].value)));
        world.traffic().requests >= before.requests + 200
    })
    .await;
    let instants: std::collections::BTreeSet<_> = cpu.keys().map(|(_, at)| *at).collect();
    let cores = cpu.values().sum::<f64>() / instants.len() as f64;
    assert!(cores < 0.15, "the services use {cores:.3} cores together");
    assert_eq!(world.traffic().failures, 0);
    assert!(world.faults().await.iter().all(|f| !f.active));
    assert!(
        world
            .host()
            .signals_after(0, 100)
            .iter()
            .any(|s| matches!(&s.signal, Signal::Event(e) if e.kind.ends_with("job.finished")))
    );
    world.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn faults_of_single_processes_are_real_and_a_restart_cures_them() {
    let (_dir, world) = world().await;
    let (one, two, three) = tokio::join!(
        async {
            story(&world, "hang", "catalog", "requests", None, "process.restart").await;
            assert!(world.traffic().failures > 0, "customers must notice a hang");
        },
        async {
            story(&world, "crash", "checkout", "process", None, "process.restart").await;
            story(&world, "bad-release", "checkout", "requests", Some("process.restart"), "deploy.rollback")
                .await;
        },
        story(&world, "log-flood", "payments", "logs", None, "process.restart"),
    );
    let ((), (), ()) = (one, two, three);
    let deploy = world.host().signals_after(0, 5000).into_iter().find_map(|s| match s.signal {
        Signal::Change(c) if c.to.as_deref() == Some("1.1.0") => Some(c.actor),
        _ => None,
    });
    assert_eq!(deploy.as_deref(), Some("deploy-bot"));
    story(&world, "bad-config", "gateway", "requests", Some("process.restart"), "deploy.rollback").await;
    world.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_payments_sit_in_one_instance_and_replacing_it_cures_them() {
    let (_dir, world) = world().await;
    let made = world.inject("slow-dependency", None).await.unwrap();
    let slow = made.instance.unwrap();
    ill(&world, "payments", &format!("requests {slow}")).await;
    ill(&world, "gateway", "requests").await;
    act(&world, "process.scale", json!({"service": "payments", "instances": 3})).await;
    assert!(is_active(&world, "slow-dependency").await, "more instances alone do not cure the slow one");
    act(&world, "process.stop", json!({"service": "payments", "instance": slow})).await;
    assert!(!is_active(&world, "slow-dependency").await);
    well(&world, "payments").await;
    well(&world, "gateway").await;
    world.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leaks_end_at_the_limit_and_full_disks_need_space() {
    let (_dir, world) = world().await;
    let leak = async {
        world.inject("memory-leak", None).await.unwrap();
        until("the end at the memory limit", || instance(&world, "catalog").state == InstanceState::Exited)
            .await;
        let reason = world.host().signals_after(0, 5000).into_iter().rev().find_map(|s| match s.signal {
            Signal::Event(e) if e.service == "catalog" && e.kind.ends_with("exited") => {
                e.data["reason"].as_str().map(str::to_owned)
            }
            _ => None,
        });
        assert_eq!(reason.as_deref(), Some("memory_limit"));
        act(&world, "process.restart", json!({"service": "catalog"})).await;
        assert!(!is_active(&world, "memory-leak").await);
        well(&world, "catalog").await;
    };
    let disk = async {
        story(&world, "disk-full", "checkout", "disk", Some("process.restart"), "data.reclaim").await;
        world.inject("disk-full", None).await.unwrap();
        let address = instance(&world, "checkout").address.unwrap();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let begun = Instant::now();
        loop {
            let order =
                client.post(format!("http://{address}/orders")).json(&json!({"customer": 1, "cents": 100}));
            if order.send().await.unwrap().status() == 507 {
                break;
            }
            assert!(begun.elapsed() < Duration::from_secs(25), "the quota must be reached");
        }
        world.clear("disk-full").await.unwrap();
        well(&world, "checkout").await;
    };
    let _: ((), ()) = tokio::join!(leak, disk);
    world.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_loop_outlives_restarts_and_a_spin_burns_a_core() {
    let (_dir, world) = world().await;
    world.inject("crash-loop", None).await.unwrap();
    for round in 0..2 {
        act(&world, "process.restart", json!({"service": "worker"})).await;
        assert_eq!(
            instance(&world, "worker").state,
            InstanceState::Running,
            "round {round}: it starts well enough"
        );
        until("the next abort", || instance(&world, "worker").state == InstanceState::Exited).await;
        assert!(is_active(&world, "crash-loop").await);
    }
    act(&world, "data.reset", json!({"service": "worker"})).await;
    well(&world, "worker").await;
    assert!(!is_active(&world, "crash-loop").await);
    story(&world, "cpu-spin", "worker", "cpu", None, "process.restart").await;
    world.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::disallowed_methods, reason = "the collector of this test ends with it")]
async fn the_world_answers_over_http_and_spans_arrive() {
    use axum::routing::post;
    let (tell, mut told) = tokio::sync::mpsc::channel::<(String, Value)>(64);
    let collector = axum::Router::new().route(
        "/v1/traces",
        post(move |headers: axum::http::HeaderMap, axum::Json(body): axum::Json<Value>| {
            let tell = tell.clone();
            async move {
                let token = headers["authorization"].to_str().unwrap_or_default().to_owned();
                let _ = tell.try_send((token, body));
            }
        }),
    );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let otlp = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, collector).await });

    let dir = tempfile::tempdir().unwrap();
    let mut options = options(&dir);
    (options.otlp_url, options.otlp_token) = (otlp, "secret".into());
    let (ready, at) = tokio::sync::oneshot::channel();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running =
        tokio::spawn(demo::world::run(options, move |a| ready.send(a).unwrap(), async { _ = stopped.await }));
    let base = format!("http://{}/v1", at.await.unwrap());
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let get = async |path: &str| -> (u16, Value) {
        let answer =
            client.get(format!("{base}{path}")).bearer_auth("0123456789abcdef").send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    };
    assert_eq!(client.get(format!("{base}/faults")).send().await.unwrap().status(), 401);
    assert_eq!(get("/faults").await.1.as_array().unwrap().len(), 10);
    assert_eq!(get("/services").await.1.as_array().unwrap().len(), 5);
    assert_eq!(get("/health/nobody").await.0, 404);
    assert!(get("/health/catalog").await.1["checks"].is_array());
    assert!(get("/traffic").await.1["target_rate"].as_f64().unwrap() > 0.0);
    let inject = |name: &str, body: Value| {
        client.post(format!("{base}/faults/{name}")).bearer_auth("0123456789abcdef").json(&body).send()
    };
    assert_eq!(inject("nonsense", json!({})).await.unwrap().status(), 404);
    assert_eq!(inject("crash-loop", json!({"service": "gateway"})).await.unwrap().status(), 422);
    assert_eq!(inject("hang", json!({})).await.unwrap().status(), 201);
    let cleared: Value = client
        .delete(format!("{base}/faults/hang"))
        .bearer_auth("0123456789abcdef")
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(cleared["active"], json!(false));

    // An order crosses three services in one trace; its client spans name their peers.
    let mut spans: Vec<(String, Value)> = Vec::new();
    let begun = Instant::now();
    loop {
        let (token, body) =
            tokio::time::timeout(Duration::from_secs(20), told.recv()).await.unwrap().unwrap();
        assert_eq!(token, "Bearer secret");
        for resource in body["resourceSpans"].as_array().unwrap() {
            let service = resource["resource"]["attributes"][0]["value"]["stringValue"].as_str().unwrap();
            let each = resource["scopeSpans"][0]["spans"].as_array().unwrap();
            spans.extend(each.iter().map(|s| (service.to_owned(), s.clone())));
        }
        let charge = spans.iter().find(|(service, span)| service == "payments" && span["kind"] == 2);
        let whole = charge.is_some_and(|(_, charge)| {
            let services = |kind: u64| {
                spans.iter().filter(|(_, s)| s["traceId"] == charge["traceId"] && s["kind"] == kind).count()
            };
            let has_parent =
                spans.iter().any(|(s, parent)| s == "checkout" && parent["spanId"] == charge["parentSpanId"]);
            has_parent && services(2) == 3 && services(3) == 2
        });
        if whole {
            break;
        }
        assert!(
            begun.elapsed() < Duration::from_secs(25),
            "no whole trace of an order among {} spans",
            spans.len()
        );
    }
    stop.send(()).unwrap();
    running.await.unwrap().unwrap();
}
