//! Killed without warning, again and again: everything that was acknowledged is there.
//!
//! The test starts its own binary as a child that publishes and commits and says on its standard output what
//! was acknowledged, until it is killed.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use bytes::Bytes;
use model::Timestamp;
use ports::{BlobId, Blobs, Bus, Expected, Index, Op, Query, Store, Topic};
use serde_json::json;
use store_embedded::{BlobFolder, BlobOptions, BusLog, BusOptions, StateStore};

const FOLDER: &str = "STORE_EMBEDDED_CRASH_FOLDER";
const CHILD: &str = "crash::child_that_writes_until_it_is_killed";
const ROUNDS: u64 = 20;
/// Records that a trim leaves.
const KEPT: u64 = 3;
const OPTIONS: BusOptions =
    BusOptions { segment_bytes: 16 << 10, max_backlog_bytes: 1 << 30, cache_bytes: 4 << 10 };

/// Does nothing unless the test below started it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child_that_writes_until_it_is_killed() {
    let Ok(folder) = std::env::var(FOLDER) else { return };
    let bus = Arc::new(BusLog::open(Path::new(&folder), OPTIONS).unwrap());
    let state = Arc::new(StateStore::open(Path::new(&folder)).unwrap());
    let blobs = Arc::new(BlobFolder::open(Path::new(&folder), BlobOptions::default()).unwrap());
    let run = std::process::id();
    let writers: Vec<_> = (0..6)
        .map(|who| tokio::spawn(write_for_ever(Arc::clone(&bus), Arc::clone(&state), format!("{run}-{who}"))))
        .chain((0..3).map(|who| tokio::spawn(keep_for_ever(Arc::clone(&blobs), format!("{run}-{who}")))))
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
        if n.is_multiple_of(5) {
            let trim =
                Op::Trim { journal: who.clone(), expected: Expected::Exactly(n), before: n - KEPT + 1 };
            let commit = state.commit(vec![trim]).await.unwrap();
            acknowledged(&format!("trim {who} {n} {}", commit.positions[0]));
        }
    }
}

/// The bytes of a blob: `who` and `n` say all.
fn blob(who: &str, n: u64) -> Bytes {
    format!("{who}-{n} ").repeat((n * 37 % 900) as usize + 1).into()
}

async fn keep_for_ever(blobs: Arc<BlobFolder>, who: String) {
    for n in 1_u64.. {
        blobs.put(blob(&who, n), Timestamp::from_unix_ms(n as i64)).await.unwrap();
        acknowledged(&format!("blob {who} {n} 0"));
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

/// Everything in the folder, opened again.
struct Opened {
    bus: BusLog,
    state: StateStore,
    blobs: BlobFolder,
}

impl Opened {
    fn again(folder: &Path) -> Self {
        Self {
            bus: BusLog::open(folder, OPTIONS).unwrap(),
            state: StateStore::open(folder).unwrap(),
            blobs: BlobFolder::open(folder, BlobOptions::default()).unwrap(),
        }
    }

    async fn check_there(&self, ack: &Ack) {
        let Ack { kind, who, n, position } = ack;
        match kind.as_str() {
            "bus" => {
                let items = self.bus.read(Topic::Signals, position - 1, 1).await.unwrap();
                let body = String::from_utf8(items[0].1.to_vec()).unwrap();
                let expect = format!("{who}-{n}");
                assert_eq!((items[0].0, body.split(' ').next().unwrap()), (*position, expect.as_str()));
            }
            "state" => {
                let found = self.state.get("thing", &format!("{who}-{n}")).await.unwrap();
                let found = found.expect("an acknowledged document");
                assert_eq!((found.revision, found.body), (1, json!(n)));
                let length = self.state.journal_length(who).await.unwrap();
                assert!(length.length >= *n, "{who} {n}: {length:?}");
                // A later trim may have taken the record, and nothing else may.
                let records = self.state.read_journal(who, n - 1, 1).await.unwrap();
                if length.trimmed < *n {
                    assert_eq!((records[0].sequence, &records[0].body), (*n, &json!(n)));
                }
                assert!(*position <= *self.state.watch().borrow());
            }
            "trim" => {
                let length = self.state.journal_length(who).await.unwrap();
                assert!(length.trimmed >= n - KEPT && length.length >= *n, "{who} {n}: {length:?}");
            }
            _ => {
                let found = self.blobs.get(&BlobId::of(&blob(who, *n))).await.unwrap();
                assert_eq!(found.expect("an acknowledged blob"), blob(who, *n));
            }
        }
    }

    async fn check_whole(&self) {
        let newest = *self.bus.watch(Topic::Signals).borrow();
        let mut after = 0;
        while after < newest {
            for (offset, _) in self.bus.read(Topic::Signals, after, 1 << 20).await.unwrap() {
                assert_eq!(offset, after + 1);
                after = offset;
            }
        }
        // Both ops of each commit, or none: as many documents as journal records were ever written. What is
        // left of each journal has no gap.
        let mut records = 0;
        for journal in self.state.journals("", "", usize::MAX).await.unwrap() {
            let length = self.state.journal_length(&journal).await.unwrap();
            let kept = self.state.read_journal(&journal, 0, usize::MAX).await.unwrap();
            assert!((length.trimmed + 1..=length.length).eq(kept.iter().map(|r| r.sequence)), "{journal}");
            assert!(kept.iter().all(|r| r.body == json!(r.sequence)));
            records += length.length;
        }
        assert_eq!(self.state.count(&Query::of("thing")).await.unwrap(), records);
        // Whatever is listed is whole.
        for blob in self.blobs.list(None, usize::MAX).await.unwrap().items {
            assert!(self.blobs.get(&blob.id).await.unwrap().is_some());
        }
    }
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
        let opened = Opened::again(folder.path());
        for ack in &acks {
            opened.check_there(ack).await;
        }
        opened.check_whole().await;
        assert_eq!(std::fs::read_dir(folder.path().join("blobs/new")).unwrap().count(), 0);
    }
    for kind in ["bus", "state", "trim", "blob"] {
        assert!(acks.iter().any(|ack| ack.kind == kind), "{kind} was never acknowledged");
    }
}
