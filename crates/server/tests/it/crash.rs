//! SIGKILL at random moments during faults: nothing acknowledged is lost, no action is doubled, no run is stuck.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::process::{HOST_TOKEN, INGEST_TOKEN, Server, World, delete, free_port, get, post, wait_for};

/// How often the server is killed while each fault is there; more by hand with `HOMEOSTAT_CRASH_KILLS`.
const KILLS: u32 = 20;
const SERVICE: &str = "crash-test";
const FAULTS: [&str; 10] = [
    "crash",
    "bad-release",
    "hang",
    "bad-config",
    "slow-dependency",
    "disk-full",
    "memory-leak",
    "crash-loop",
    "cpu-spin",
    "log-flood",
];

#[test]
fn nothing_acknowledged_is_lost_and_nothing_is_done_twice() {
    let kills = std::env::var("HOMEOSTAT_CRASH_KILLS").ok().and_then(|v| v.parse().ok()).unwrap_or(KILLS);
    let dir = tempfile::tempdir().unwrap();
    let port = free_port();
    let world = World::start(&dir.path().join("world"), &format!("http://127.0.0.1:{port}"));
    let mut server = Server::new(dir.path(), port, &configuration(&world.url));
    server.start();
    server.wait_ready();
    let sender = Sender::start(server.url());
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for fault in FAULTS {
        let url = format!("{}/v1/faults/{fault}", world.url);
        wait_for(&format!("{fault} to be injected"), Duration::from_secs(60), || {
            (post(&url, HOST_TOKEN, &json!({})) == Some(201)).then_some(())
        });
        for _ in 0..kills {
            std::thread::sleep(Duration::from_millis(30 + random.below(600)));
            server.kill();
            server.start();
            server.wait_ready();
        }
        settle(&server);
        // Kills may have made a repair fail, and a person was called: this is the person.
        delete(&url, HOST_TOKEN);
    }
    let acknowledged = sender.stop();
    assert!(acknowledged.len() > 1_000, "only {} signals were acknowledged", acknowledged.len());
    check_signals(&server, &acknowledged);
    check_effects(&world, &server);
    let audit = server.get("/api/v1/audit/verify");
    assert_eq!(audit["ok"], true, "the audit chain is broken: {audit}");
    let line = format!(
        "{} kills, {} acknowledged signals, {} audit rows: nothing lost, nothing doubled\n",
        kills * FAULTS.len() as u32,
        acknowledged.len(),
        audit["rows"]
    );
    std::io::Write::write_all(&mut std::io::stderr(), line.as_bytes()).unwrap();
}

fn configuration(world: &str) -> String {
    format!(
        "ingest_tokens = [{{ name = \"world\", token_env = \"TEST_INGEST_TOKEN\" }}]\n\
         hosts = [{{ url = \"{world}\", token_env = \"TEST_HOST_TOKEN\" }}]\n\
         [rules]\nautonomy = \"auto\"\npolicies = [\"shipped:default.yaml\", \"shipped:demo.yaml\"]\n\
         [loop]\nsettle_ms = 400\nquiet_ms = 1500\ninconclusive_ms = 10000\nverify_s = 2\nlinger_ms = 10000\ncheckpoint_ms = 700\n"
    )
}

/// Sends numbered log records without pause and remembers which were acknowledged.
struct Sender {
    stop: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<BTreeSet<u64>>,
}

impl Sender {
    fn start(url: String) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut acknowledged = BTreeSet::new();
            let mut number = 0_u64;
            while !ended.load(Ordering::Relaxed) {
                number += 1;
                let body = record(number);
                if post(&format!("{url}/v1/logs"), INGEST_TOKEN, &body) == Some(200) {
                    acknowledged.insert(number);
                } else {
                    std::thread::sleep(Duration::from_millis(20));
                }
            }
            acknowledged
        });
        Self { stop, thread }
    }

    fn stop(self) -> BTreeSet<u64> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

fn record(number: u64) -> Value {
    json!({"resourceLogs": [{
        "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": SERVICE}}]},
        "scopeLogs": [{"logRecords": [{
            "severityNumber": 9, "body": {"stringValue": "proof"},
            "attributes": [{"key": "number", "value": {"intValue": number.to_string()}}],
        }]}],
    }]})
}

/// Waits until everything received is worked, no run is under way and no incident waits for the machine.
fn settle(server: &Server) {
    wait_for("the backlog to be worked", Duration::from_secs(120), || {
        let text = get(&format!("{}/metrics", server.url()), &server.token());
        let lag = text.as_str()?.lines().find_map(|l| l.strip_prefix("homeostat_bus_lag_batches "))?;
        (lag.parse::<f64>().ok()? <= 1.0).then_some(())
    });
    wait_for("every run to end", Duration::from_secs(180), || {
        let busy = ["pending", "running", "waiting", "suspended"].iter().any(|status| {
            let page = server.get(&format!("/api/v1/runs?status={status}&limit=1"));
            !page["items"].as_array().unwrap().is_empty()
        });
        let open = server.get("/api/v1/incidents?status=active&limit=100");
        let waiting = open["items"].as_array().unwrap().iter().any(|i| i["needs_person"].is_null());
        (!busy && !waiting).then_some(())
    });
}

fn check_signals(server: &Server, acknowledged: &BTreeSet<u64>) {
    let mut seen: BTreeMap<u64, u32> = BTreeMap::new();
    let mut cursor = String::new();
    let range = "from=2020-01-01T00:00:00Z&to=2100-01-01T00:00:00Z";
    loop {
        let path = format!("/api/v1/logs?service={SERVICE}&{range}&order=oldest&limit=1000{cursor}");
        let page = server.get(&path);
        for item in page["items"].as_array().unwrap() {
            let number = item["attributes"]["number"].as_str().unwrap().parse().unwrap();
            *seen.entry(number).or_default() += 1;
        }
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    let lost: Vec<_> = acknowledged.iter().filter(|n| !seen.contains_key(n)).collect();
    assert!(lost.is_empty(), "{} acknowledged signals were lost: {lost:?}", lost.len());
    let doubled: Vec<_> = seen.iter().filter(|(_, count)| **count > 1).collect();
    assert!(doubled.is_empty(), "signals are stored twice: {doubled:?}");
}

fn check_effects(world: &World, server: &Server) {
    let ledger = get(&format!("{}/v1/ledger", world.url), HOST_TOKEN);
    let entries = ledger.as_array().or_else(|| ledger["items"].as_array()).expect("the ledger is a list");
    assert!(!entries.is_empty(), "no action was carried out: the test proves nothing");
    for entry in entries {
        assert_eq!(entry["times_executed"], 1, "an action was doubled or left half done: {entry}");
    }
    let runs = server.get("/api/v1/runs?limit=1000");
    let mut keys: BTreeMap<&str, u32> = BTreeMap::new();
    for entry in entries {
        *keys.entry(entry["key"].as_str().unwrap()).or_default() += 1;
    }
    assert!(keys.values().all(|count| *count == 1), "a key stands twice in the ledger");
    let ended = runs["items"].as_array().unwrap().iter().all(|r| !r["ended_at"].is_null());
    assert!(ended, "a run is stuck");
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % limit
    }
}
