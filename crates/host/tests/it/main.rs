//! A real host with real children. The test binary is its own child and its own host: the test `role` plays
//! the role named in `TEST_ROLE`, and passes at once when there is none.

mod roles;

use std::path::Path;
use std::time::{Duration, Instant};

use host::{Host, HostOptions, Problem, ReleaseSpec, Restart, ServiceSpec};
use model::{InstanceState, Service, Signal};
use serde_json::{Value, json};
use tempfile::TempDir;

#[test]
fn role() {
    roles::play();
}

fn spec(name: &str, role: &str) -> ServiceSpec {
    let exe = std::env::current_exe().unwrap().display().to_string();
    let mut spec = ServiceSpec::new(name, vec![exe, "role".into(), "--exact".into(), "--nocapture".into()]);
    spec.env.insert("TEST_ROLE".into(), role.into());
    spec.health_path = Some("/healthz".into());
    spec.releases =
        ["1.0.0", "1.1.0"].map(|v| ReleaseSpec { version: v.into(), manifest: json!({}) }).to_vec();
    spec.config = json!({"n": 1});
    spec.expendable = vec!["cache".into()];
    spec.state = Some("state".into());
    spec
}

fn options(dir: &Path, catalog: Vec<ServiceSpec>) -> HostOptions {
    let mut options = HostOptions::new(dir.to_owned(), catalog, "0123456789abcdef".into());
    options.log_limit_bytes = 2_000;
    options
}

async fn start(catalog: Vec<ServiceSpec>) -> (TempDir, Host) {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::start(options(dir.path(), catalog), ([127, 0, 0, 1], 1).into()).await.unwrap();
    (dir, host)
}

async fn run(
    host: &Host,
    key: &str,
    action: &str,
    mut parameters: Value,
) -> Result<host::ActionReply, Problem> {
    parameters["service"] = json!("a");
    host.execute(action, &parameters, key, "tester").await
}

/// Waits for a condition; says what was waited for when it does not come.
async fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < Duration::from_secs(15), "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn service(host: &Host) -> Service {
    host.service("a").unwrap()
}

fn pids(host: &Host) -> Vec<u32> {
    service(host).instances.iter().filter_map(|i| i.pid).collect()
}

fn is_alive(pid: u32) -> bool {
    // A zombie has ended; only nobody asked yet.
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|s| !s.contains(") Z "))
}

fn events(host: &Host, kind: &str) -> Vec<Value> {
    let all = host.signals_after(0, 1000);
    all.into_iter()
        .filter_map(|s| match s.signal {
            Signal::Event(e) if e.kind.ends_with(kind) => Some(e.data),
            _ => None,
        })
        .collect()
}

/// What the child says over HTTP.
async fn ask(host: &Host, path: &str) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let address = service(host).instances[0].address.clone().unwrap();
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    stream.write_all(format!("GET {path} HTTP/1.1\r\n\r\n").as_bytes()).await.unwrap();
    let mut text = String::new();
    let _ = stream.read_to_string(&mut text).await;
    text
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn start_stop_restart_and_scale_with_their_inverses() {
    let (_dir, host) = start(vec![spec("a", "serve")]).await;
    let first = pids(&host);
    let before = service(&host);
    assert_eq!(before.instances[0].state, InstanceState::Running);

    let restarted = run(&host, "k1", "process.restart", json!({})).await.unwrap();
    let second = pids(&host);
    assert!(!restarted.replayed && first != second && !is_alive(first[0]) && is_alive(second[0]));
    assert_eq!(service(&host).instances[0].address, before.instances[0].address, "the port must stay");
    assert_eq!(service(&host).instances[0].exits, 0, "an end that was asked for is no exit");

    let stopped = run(&host, "k2", "process.stop", json!({})).await.unwrap();
    assert_eq!((pids(&host), service(&host).instances[0].state), (vec![], InstanceState::Stopped));
    let inverse = stopped.inverse.unwrap();
    host.execute(&inverse.action, &inverse.parameters, "k3", "tester").await.unwrap();
    assert_eq!(pids(&host).len(), 1);

    let scaled = run(&host, "k4", "process.scale", json!({"instances": 3})).await.unwrap();
    assert_eq!(pids(&host).len(), 3);
    let endpoints = std::fs::read_to_string(_dir.path().join("endpoints.json")).unwrap();
    assert!(endpoints.contains("a-3"));
    let inverse = scaled.inverse.unwrap();
    host.execute(&inverse.action, &inverse.parameters, "k5", "tester").await.unwrap();
    assert_eq!((pids(&host).len(), service(&host).instances.len()), (1, 1));

    let expected: Vec<bool> =
        events(&host, "exited").iter().map(|e| e["expected"].as_bool().unwrap()).collect();
    assert_eq!(expected, [true; 4]);
    host.shutdown().await;
    assert_eq!(pids(&host).len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn releases_and_configurations_reach_the_child_and_are_rolled_back() {
    let (_dir, host) = start(vec![spec("a", "serve")]).await;
    assert!(ask(&host, "/").await.contains("release 1.0.0 config {\"n\":1}"));
    let deployed = run(&host, "k1", "deploy.release", json!({"release": "1.1.0"})).await.unwrap();
    assert!(ask(&host, "/").await.contains("release 1.1.0"));
    assert_eq!(deployed.inverse.unwrap().parameters, json!({"service": "a", "release": "1.0.0"}));
    run(&host, "k2", "deploy.config", json!({"values": {"n": 2}})).await.unwrap();
    assert!(ask(&host, "/").await.contains("config {\"n\":2}"));

    run(&host, "k3", "deploy.rollback", json!({})).await.unwrap();
    assert!(
        ask(&host, "/").await.contains("release 1.1.0 config {\"n\":1}"),
        "the newest change is undone first"
    );
    let back = run(&host, "k4", "deploy.rollback", json!({})).await.unwrap();
    assert!(ask(&host, "/").await.contains("release 1.0.0 config {\"n\":1}"));
    assert_eq!(
        run(&host, "k5", "deploy.rollback", json!({})).await.unwrap_err().code,
        "nothing_to_roll_back"
    );
    let inverse = back.inverse.unwrap();
    host.execute(&inverse.action, &inverse.parameters, "k6", "tester").await.unwrap();
    assert!(ask(&host, "/").await.contains("release 1.1.0"));

    let changes: Vec<_> = host
        .signals_after(0, 100)
        .into_iter()
        .filter_map(|s| match s.signal {
            Signal::Change(c) => Some((format!("{:?}", c.kind), c.to.unwrap(), c.actor)),
            _ => None,
        })
        .collect();
    let kinds: Vec<_> = changes.iter().map(|(kind, to, _)| format!("{kind} {to}")).collect();
    assert_eq!(kinds, ["Deploy 1.1.0", "Config 2", "Rollback 1", "Rollback 1.0.0", "Deploy 1.1.0"]);
    assert!(changes.iter().all(|(_, _, actor)| actor == "tester"));
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn data_is_moved_never_deleted_and_can_be_brought_back() {
    let (_dir, host) = start(vec![spec("a", "serve")]).await;
    let data = host.data_folder("a").unwrap();
    std::fs::write(data.join("cache/junk"), b"junk").unwrap();
    std::fs::write(data.join("state/poison"), b"poison").unwrap();
    let pid = pids(&host);
    let reclaimed = run(&host, "k1", "data.reclaim", json!({})).await.unwrap();
    assert!(!data.join("cache/junk").exists() && data.join("cache").is_dir());
    assert_eq!(pids(&host), pid, "reclaiming restarts nothing");
    let reset = run(&host, "k2", "data.reset", json!({})).await.unwrap();
    assert!(!data.join("state/poison").exists() && pids(&host) != pid);
    for (key, inverse) in [("k3", reclaimed.inverse.unwrap()), ("k4", reset.inverse.unwrap())] {
        host.execute(&inverse.action, &inverse.parameters, key, "tester").await.unwrap();
    }
    assert!(data.join("cache/junk").exists() && data.join("state/poison").exists());
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_key_does_the_work_once_also_for_two_callers_at_once_and_over_a_restart_of_the_host() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = vec![spec("a", "serve"), spec("b", "serve")];
    let host = Host::start(options(dir.path(), catalog.clone()), ([127, 0, 0, 1], 1).into()).await.unwrap();
    let (one, two) = tokio::join!(
        run(&host, "k1", "process.restart", json!({})),
        run(&host, "k1", "process.restart", json!({}))
    );
    let (one, two) = (one.unwrap(), two.unwrap());
    assert_eq!((one.output.clone(), one.replayed != two.replayed), (two.output, true));
    let starts = |host: &Host| events(host, "started").iter().filter(|e| e["instance"] == "a-1").count();
    assert_eq!(starts(&host), 2, "one start, one restart");
    host.shutdown().await;
    drop(host);

    let give_up = Instant::now() + Duration::from_secs(10);
    let again = loop {
        match Host::start(options(dir.path(), catalog.clone()), ([127, 0, 0, 1], 1).into()).await {
            Ok(host) => break host,
            Err(error) => assert!(Instant::now() < give_up, "the folder was never free: {error}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    let count = starts(&again);
    let third = run(&again, "k1", "process.restart", json!({})).await.unwrap();
    assert!(third.replayed && third.output == one.output && starts(&again) == count);
    let other = again.execute("process.restart", &json!({"service": "b"}), "k1", "tester").await.unwrap_err();
    assert_eq!((other.status, other.detail.contains("new key")), (422, true));
    assert_eq!(again.ledger(10).iter().map(|e| e.times_executed).collect::<Vec<_>>(), [1]);
    again.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_over_its_memory_limit_is_ended() {
    let mut greedy = spec("a", "grow");
    greedy.memory_limit_bytes = Some(64 << 20);
    let (_dir, host) = start(vec![greedy]).await;
    let exit = until("the end of the greedy one", || events(&host, "exited").pop()).await;
    assert_eq!(
        (&exit["reason"], &exit["signal"], &exit["expected"]),
        (&json!("memory_limit"), &json!(9), &json!(false))
    );
    let instance = service(&host).instances.remove(0);
    assert_eq!((instance.state, instance.exits, instance.pid), (InstanceState::Exited, 1, None));
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_ends_is_started_again_only_when_the_catalog_says_so() {
    let mut always = spec("a", "abort");
    always.restart = Restart::Always;
    (always.health_path, always.start_timeout_ms) = (None, 100);
    let mut never = always.clone();
    (never.name, never.restart) = ("b".into(), Restart::Never);
    let (_dir, host) = start(vec![always, never]).await;
    until("three ends", || (service(&host).instances[0].exits >= 3).then_some(())).await;
    assert_eq!(host.service("b").unwrap().instances[0].exits, 1);
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn logs_rotate_events_are_taken_and_figures_are_measured() {
    let (dir, host) = start(vec![spec("a", "chatter")]).await;
    let log = service(&host).instances[0].log_file.clone().unwrap();
    let rotated = || std::fs::read_dir(dir.path().join("services/a/logs")).unwrap().count();
    until("a rotated log", || (rotated() >= 2).then_some(())).await;
    assert!(std::path::Path::new(&log).exists());
    let job = until("the event", || events(&host, "job.finished").pop()).await;
    assert_eq!((&job["job"], &job["instance"]), (&json!("settle"), &json!("a-1")));
    let names = until("cpu figures", || {
        let names: Vec<String> =
            host.metrics().into_iter().map(|m| format!("{} {}", m.service, m.name)).collect();
        names.iter().any(|n| n == "a process_cpu_ratio").then_some(names)
    })
    .await;
    for name in [
        "a process_resident_memory_bytes",
        "a data_folder_bytes",
        "a process_open_files",
        "host host_cpu_ratio",
        "host host_memory_used_bytes",
        "host host_load1",
    ] {
        assert!(names.iter().any(|n| n == name), "{name} is missing of {names:?}");
    }
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killing_the_host_ends_its_children_and_the_next_host_finishes_what_was_begun() {
    let dir = tempfile::tempdir().unwrap();
    let exe = std::env::current_exe().unwrap();
    let mut child = std::process::Command::new(exe)
        .args(["role", "--exact", "--nocapture"])
        .env("TEST_ROLE", "host")
        .env("TEST_DIR", dir.path())
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    // The role begins a deploy of a, and tells the process of b when it is under way.
    let begun = dir.path().join("begun");
    until("the host under way", || begun.exists().then_some(())).await;
    let pid: u32 = std::fs::read_to_string(begun).unwrap().parse().unwrap();
    assert!(is_alive(pid));
    child.kill().unwrap();
    child.wait().unwrap();
    until("the end of the orphan", || (!is_alive(pid)).then_some(())).await;

    let host =
        Host::start(options(dir.path(), vec![spec("a", "serve")]), ([127, 0, 0, 1], 1).into()).await.unwrap();
    let entry = host.ledger(10).remove(0);
    assert_eq!((entry.key.as_str(), entry.done, entry.times_executed), ("crashed", true, 1));
    assert!(ask(&host, "/").await.contains("release 1.1.0"));
    let reply = run(&host, "crashed", "deploy.release", json!({"release": "1.1.0"})).await.unwrap();
    assert!(reply.replayed);
    let deploys =
        host.signals_after(0, 100).into_iter().filter(|s| matches!(s.signal, Signal::Change(_))).count();
    assert_eq!(deploys, 1);
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_http_api_wants_the_token_and_a_key_and_polls_long() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let dir = tempfile::tempdir().unwrap();
    let options = options(dir.path(), vec![spec("a", "serve")]);
    let (tell, told) = tokio::sync::oneshot::channel();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running =
        tokio::spawn(host::run(options, move |at| tell.send(at).unwrap(), async { _ = stopped.await }));
    let base = format!("http://{}/v1", told.await.unwrap());
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let get = |path: &str| client.get(format!("{base}{path}")).bearer_auth("0123456789abcdef").send();

    let refused = client.get(format!("{base}/services")).send().await.unwrap();
    assert_eq!(
        (refused.status().as_u16(), refused.headers()["content-type"].to_str().unwrap()),
        (401, "application/problem+json")
    );
    let services: Vec<Service> = get("/services").await.unwrap().json().await.unwrap();
    assert_eq!(services[0].instances.len(), 1);

    let seen: Value = get("/signals").await.unwrap().json().await.unwrap();
    let next = seen["next"].as_u64().unwrap();
    let path = format!("/signals?after={next}&wait_ms=15000");
    let act = |key: Option<&str>| {
        let request = client.post(format!("{base}/actions/process.restart")).bearer_auth("0123456789abcdef");
        let request = if let Some(key) = key { request.header("idempotency-key", key) } else { request };
        request.json(&json!({"service": "a"})).send()
    };
    assert_eq!(act(None).await.unwrap().status(), 400);
    let (polled, acted) = tokio::join!(get(&path), act(Some("k")));
    assert_eq!(acted.unwrap().json::<Value>().await.unwrap()["replayed"], json!(false));
    let polled: Value = polled.unwrap().json().await.unwrap();
    assert_eq!(polled["items"][0]["sequence"], json!(next + 1));
    assert!(
        polled["items"][0]["signal"]["event"]["type"].as_str().unwrap().starts_with("dev.homeostat.process.")
    );

    let dry: Value = client
        .post(format!("{base}/actions/process.scale/dry-run"))
        .bearer_auth("0123456789abcdef")
        .json(&json!({"service": "a", "instances": 2}))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(dry["would"], "go from 1 to 2 instances");
    let logs = get(&format!("/logs?file={}&limit=10", services[0].instances[0].log_file.as_deref().unwrap()))
        .await
        .unwrap();
    assert!(logs.headers()["x-next-offset"].to_str().unwrap().parse::<u64>().unwrap() > 0);
    assert_eq!(get("/logs?file=/etc/passwd").await.unwrap().status(), 404);
    assert_eq!(get("/ledger").await.unwrap().json::<Value>().await.unwrap()[0]["key"], "k");
    stop.send(()).unwrap();
    running.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_host_open_to_others_or_without_a_real_token_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let mut open = options(dir.path(), vec![]);
    open.listen = ([0, 0, 0, 0], 0).into();
    assert!(matches!(host::bind(&open).await, Err(host::HostError::NotLoopback(_))));
    let mut weak = options(dir.path(), vec![]);
    weak.token = "short".into();
    assert!(matches!(host::bind(&weak).await, Err(host::HostError::WeakToken)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_s_program_is_run_and_stopped_as_well() {
    let mut sleep = ServiceSpec::new("a", vec!["/bin/sleep".into(), "1000".into()]);
    sleep.ports.clear();
    let (_dir, host) = start(vec![sleep]).await;
    let pid = pids(&host)[0];
    run(&host, "k", "process.stop", json!({"instance": "a-1"})).await.unwrap();
    assert!(!is_alive(pid));
    let exit = events(&host, "exited").pop().unwrap();
    assert_eq!((&exit["signal"], &exit["expected"]), (&json!(15), &json!(true)));
    host.shutdown().await;
}
