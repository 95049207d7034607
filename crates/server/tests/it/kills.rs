//! SIGKILL at random moments while runs of every kind are under way: no run is lost or stuck, nothing is done twice at
//! a peer that honours the key, every journal can be read.

mod peer;
mod workflows;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::process::{Server, free_port, http, wait_for};
use peer::Peer;
use workflows::{INSIDE, MIX, Mixed};

/// How often the server is killed; more by hand with `HOMEOSTAT_RUN_KILLS`.
const KILLS: u32 = 60;
/// Runs that are under way at most.
const UNDER_WAY: usize = 40;
const OPEN: [&str; 4] = ["pending", "running", "waiting", "suspended"];

#[test]
fn no_run_is_lost_or_stuck_and_nothing_is_done_twice() {
    let kills = std::env::var("HOMEOSTAT_RUN_KILLS").ok().and_then(|v| v.parse().ok()).unwrap_or(KILLS);
    let dir = tempfile::tempdir().unwrap();
    let peer = Peer::start();
    let mut server = Server::new(dir.path(), free_port(), "");
    server.start();
    server.wait_ready();
    store_workflows(&server, &peer.url());
    let starter = Starter::start(server.url(), server.token(), &peer);
    let mut random = Random(0x51_7c_c1_b7_27_22_0a_95);
    let (began, mut while_starting) = (Instant::now(), 0);
    for _ in 0..kills {
        // Half of the kills wait for a server that serves; the others hit it wherever it is, also while it takes
        // its runs up.
        if random.below(2) == 0 {
            server.wait_ready();
            std::thread::sleep(Duration::from_millis(random.below(250)));
        } else {
            std::thread::sleep(Duration::from_millis(random.below(60)));
            while_starting += u32::from(!server.is_ready());
        }
        server.kill();
        server.start();
    }
    server.wait_ready();
    let killing = began.elapsed();
    let started = starter.stop();
    wait_for("every run to end", Duration::from_secs(120), || (under_way(&server) == 0).then_some(()));
    let journals = check_runs(&server, &started);
    let done = check_effects(&peer, &started);
    let audit = server.get("/api/v1/audit/verify");
    assert_eq!(audit["ok"], true, "the audit chain is broken: {audit}");
    assert!(started.len() > kills as usize, "only {} runs were started", started.len());
    let report = json!({
        "kills": kills, "killed_while_starting": while_starting, "seconds": killing.as_secs(),
        "runs": started.len(), "lost": 0, "stuck": 0, "doubled": 0, "effects": done,
        "asked_again": peer.asked_again(), "journal_records": journals, "audit_rows": audit["rows"],
    });
    writeln!(std::io::stderr(), "{report}").unwrap();
}

fn store_workflows(server: &Server, peer: &str) {
    for mixed in MIX.iter().chain([&INSIDE]) {
        let url = format!("{}/api/v1/workflows/kills.{}", server.url(), mixed.name);
        let source = json!({"source": mixed.document(peer)});
        let response = http()
            .put(url)
            .header("authorization", format!("Bearer {}", server.token()))
            .header("content-type", "application/json")
            .send(source.to_string());
        let mut response = response.unwrap();
        let text = response.body_mut().read_to_string().unwrap();
        assert_eq!(response.status(), 200, "{}: {text}", mixed.name);
    }
}

fn under_way(server: &Server) -> usize {
    let count = |status| server.get(&format!("/api/v1/runs?status={status}&limit=1000"));
    OPEN.iter().map(|status| count(status)["items"].as_array().unwrap().len()).sum()
}

/// Runs that were acknowledged: their id in our words, what they are, and the id the server gave.
type Started = BTreeMap<String, (&'static Mixed, String)>;

/// Starts runs without pause, each until it is acknowledged.
struct Starter {
    stop: Arc<AtomicBool>,
    started: Arc<Mutex<Started>>,
    thread: JoinHandle<()>,
}

impl Starter {
    fn start(url: String, token: String, peer: &Peer) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let started: Arc<Mutex<Started>> = Arc::default();
        let next = AtomicU32::new(0);
        let (ended, seen, over) = (Arc::clone(&stop), Arc::clone(&started), peer.over());
        let thread = std::thread::spawn(move || {
            while !ended.load(Ordering::Relaxed) {
                let n = next.fetch_add(1, Ordering::Relaxed);
                let mixed = &MIX[n as usize % MIX.len()];
                let id = format!("{}-{n}", mixed.name);
                let run = acknowledged(&url, &token, mixed, &id);
                seen.lock().unwrap_or_else(PoisonError::into_inner).insert(id, (mixed, run));
                // The last step of each run tells the peer.
                while n as usize + 1 >= over.load(Ordering::Relaxed) + UNDER_WAY
                    && !ended.load(Ordering::Relaxed)
                {
                    std::thread::sleep(Duration::from_millis(5));
                }
            }
        });
        Self { stop, started, thread }
    }

    fn stop(self) -> Started {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap();
        std::mem::take(&mut self.started.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Asks with the same key until the server says that the run is there.
fn acknowledged(url: &str, token: &str, mixed: &Mixed, id: &str) -> String {
    let body = json!({"workflow": format!("kills.{}", mixed.name), "input": {"id": id}}).to_string();
    wait_for("a run to be acknowledged", Duration::from_secs(60), || {
        let response = http()
            .post(format!("{url}/api/v1/runs"))
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", "application/json")
            .header("idempotency-key", id)
            .send(&body);
        let mut response = response.ok()?;
        let text = response.body_mut().read_to_string().ok()?;
        assert!(response.status() == 201 || response.status().is_server_error(), "{id} was refused: {text}");
        let answer: Value = serde_json::from_str(&text).ok()?;
        Some(answer["id"].as_str()?.to_owned())
    })
}

/// Every acknowledged run is there and ended as it should, and its journal tells the same; gives how many records
/// all journals have.
fn check_runs(server: &Server, started: &Started) -> u64 {
    let mut records = 0;
    for (id, (mixed, run)) in started {
        let found = server.get(&format!("/api/v1/runs/{run}"));
        assert_eq!(found["status"], mixed.ends, "{id} ended otherwise: {found}");
        assert!(!found["ended_at"].is_null(), "{id} is stuck");
        assert!(!found["steps"].as_array().unwrap().is_empty(), "the journal of {id} tells of no step");
        let journal = server.get(&format!("/api/v1/runs/{run}/journal?limit=1000"));
        assert!(journal["items"].as_array().unwrap().len() > 1, "the journal of {id} is empty");
        records += found["records"].as_u64().unwrap();
    }
    records
}

/// Each effect was done once, and nothing else was; gives how many.
fn check_effects(peer: &Peer, started: &Started) -> usize {
    let mut done = peer.done();
    let mut count = 0;
    for (id, (mixed, _)) in started {
        let mut found = done.remove(id.as_str()).unwrap_or_default();
        for step in mixed.effects {
            let times = found.remove(*step).unwrap_or(0);
            assert_eq!(times, 1, "{step} of {id} was done {times} times");
            count += 1;
        }
        assert!(found.is_empty(), "{id} did what it should not: {found:?}");
    }
    assert!(done.is_empty(), "the peer knows of runs that nobody started: {done:?}");
    count
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
