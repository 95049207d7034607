//! Killed without warning, again and again: everything that was acknowledged is there.
//!
//! The test starts its own binary as a child that publishes and commits and says on its standard output what
//! was acknowledged, until it is killed.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use bytes::Bytes;
use ports::{Bus, Expected, Index, Op, Query, Store, Topic};
use serde_json::json;
use store_embedded::{BusLog, BusOptions, StateStore};

const FOLDER: &str = "STORE_EMBEDDED_CRASH_FOLDER";
const CHILD: &str = "crash::child_that_writes_until_it_is_killed";
const ROUNDS: u64 = 20;
const OPTIONS: BusOptions =
    BusOptions { segment_bytes: 16 << 10, max_backlog_bytes: 1 << 30, cache_bytes: 4 << 10 };

/// Does nothing unless the test below started it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child_that_writes_until_it_is_killed() {
    let Ok(folder) = std::env::var(FOLDER) else { return };
    let bus = Arc::new(BusLog::open(Path::new(&folder), OPTIONS).unwrap());
    let state = Arc::new(StateStore::open(Path::new(&folder)).unwrap());
    let run = std::process::id();
    let writers: Vec<_> = (0..6)
        .map(|who| tokio::spawn(write_for_ever(Arc::clone(&bus), Arc::clone(&state), format!("{run}-{who}"))))
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
}

async fn write_for_ever(bus: Arc<BusLog>, state: Arc<StateStore>, who: String) {
    for n in 1_u64.. {
        let body = format!("{who}-{n} {}", "x".repeat((n * 37 % 900) as usize));
        let offset = bus.publish(Topic::Signals, vec![Bytes::from(body)]).await.unwrap();
        acknowledged(&format!("bus {who} {n} {offset}"));
        let put = Op::Put {
            kind: "thing",
            id: format!("{who}-{n}"),
            expected: Expected::Absent,
            body: json!(n),
            index: vec![("who", Index::Text(who.clone()))],
        };
        let records = vec![json!(n)];
        let append = Op::Append { journal: who.clone(), expected: Expected::Exactly(n - 1), records };
        let commit = state.commit(vec![put, append]).await.unwrap();
        acknowledged(&format!("state {who} {n} {}", commit.change));
    }
}

fn acknowledged(line: &str) {
    let mut out = std::io::stdout().lock();
    // One write a line, so that the kill leaves no half of one among the whole.
    let _ = out.write_all(format!("\nack {line}.\n").as_bytes());
    let _ = out.flush();
}

/// Starts the child, kills it after some acknowledgements, and returns all it gave.
fn run_and_kill(folder: &Path, after: u64) -> Vec<String> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", CHILD, "--nocapture"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = Vec::new();
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        if let Some(ack) = line.unwrap().strip_prefix("ack ").and_then(|ack| ack.strip_suffix('.')) {
            lines.push(ack.to_owned());
            if lines.len() as u64 == after {
                child.kill().unwrap();
            }
        }
    }
    child.wait().unwrap();
    assert!(lines.len() as u64 >= after, "the child ended by itself");
    lines
}

struct Ack {
    kind: String,
    who: String,
    n: u64,
    position: u64,
}

fn parse(line: &str) -> Ack {
    let words: Vec<_> = line.split(' ').collect();
    let [kind, who, n, position] = words[..] else { panic!("{line:?}") };
    Ack {
        kind: kind.to_owned(),
        who: who.to_owned(),
        n: n.parse().unwrap(),
        position: position.parse().unwrap(),
    }
}

async fn check_there(bus: &BusLog, state: &StateStore, ack: &Ack) {
    let Ack { kind, who, n, position } = ack;
    if kind == "bus" {
        let items = bus.read(Topic::Signals, position - 1, 1).await.unwrap();
        let body = String::from_utf8(items[0].1.to_vec()).unwrap();
        assert_eq!((items[0].0, body.split(' ').next().unwrap()), (*position, format!("{who}-{n}").as_str()));
    } else {
        let found =
            state.get("thing", &format!("{who}-{n}")).await.unwrap().expect("an acknowledged document");
        assert_eq!((found.revision, found.body), (1, json!(n)));
        let records = state.read_journal(who, n - 1, 1).await.unwrap();
        assert_eq!((records[0].sequence, &records[0].body), (*n, &json!(n)));
        assert!(*position <= *state.watch().borrow());
    }
}

async fn check_whole(bus: &BusLog, state: &StateStore) {
    let newest = *bus.watch(Topic::Signals).borrow();
    let mut after = 0;
    while after < newest {
        for (offset, _) in bus.read(Topic::Signals, after, 1 << 20).await.unwrap() {
            assert_eq!(offset, after + 1);
            after = offset;
        }
    }
    // Both ops of each commit, or none: as many documents as journal records.
    let mut records = 0;
    for journal in state.journals("", "", usize::MAX).await.unwrap() {
        records += state.read_journal(&journal, 0, usize::MAX).await.unwrap().len();
    }
    assert_eq!(state.count(&Query::of("thing")).await.unwrap(), records as u64);
}

#[tokio::test]
async fn what_was_acknowledged_survives_being_killed() {
    let folder = tempfile::tempdir().unwrap();
    let mut acks = Vec::new();
    let mut seed = u64::from(std::process::id());
    for _ in 0..ROUNDS {
        // Any spread will do; the exact moment is up to the scheduler anyway.
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let given = run_and_kill(folder.path(), 1 + (seed >> 33) % 150);
        acks.extend(given.iter().map(|line| parse(line)));
        let bus = BusLog::open(folder.path(), OPTIONS).unwrap();
        let state = StateStore::open(folder.path()).unwrap();
        for ack in &acks {
            check_there(&bus, &state, ack).await;
        }
        check_whole(&bus, &state).await;
    }
    assert!(acks.len() as u64 >= ROUNDS);
}
