//! Measures the store as a workflow engine uses it: writers whose commits each append one small record to many
//! journals, now and then with a document, and then the reading of all journals that a restart does.
//!
//! `cargo run --release -p store-embedded --example steps [FOLDER [JOURNALS]]`; the folder decides which disk.
//! Beside wall time it tells what does not depend on what else the machine is doing: processor time (of the one
//! thread that writes, which is what bounds it, and of all) and bytes handed to the disk for each append.

#![allow(clippy::print_stdout, reason = "this program's output is its purpose")]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ports::{Expected, Index, JournalPosition, Op, Store};
use serde_json::{Value, json};
use store_embedded::StateStore;

const TIME: Duration = Duration::from_secs(4);

/// Records of a run before it ends and another takes its place.
const STEPS: u64 = 10;

/// What the document of a run says in turn.
const STATUS: [&str; 2] = ["running", "waiting"];

#[derive(Clone, Copy)]
struct Load {
    writers: usize,
    /// Appends of one commit, each to another journal.
    appends: usize,
    /// Documents of one commit.
    puts: usize,
    /// Runs in flight of one writer.
    active: usize,
}

impl Load {
    fn name(self) -> String {
        let Self { writers, appends, puts, active } = self;
        format!("{writers} x {appends} appends, {puts} puts, {} in flight", active * writers)
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let parent = std::env::args().nth(1).map_or_else(std::env::temp_dir, PathBuf::from);
    let journals = std::env::args().nth(2).map_or(Ok(100_000), |n| n.parse())?;
    println!(
        "{:<46} {:>9} {:>9} {:>8} {:>8} {:>8} {:>9} {:>8} {:>8} {:>8}",
        "", "appends/s", "commits/s", "p50 ms", "p99 ms", "max ms", "writer us", "all us", "disk B", "syncs"
    );
    println!("{:<46} {:>9} {:>9} {:>8} {:>8} {:>8} {:>27}", "", "", "", "", "", "", "(for each append)");
    let load = |writers, appends, puts, active| Load { writers, appends, puts, active };
    let loads = [
        load(1, 1, 0, 1_000),
        load(1, 500, 0, 2_000),
        load(1, 500, 0, 20_000),
        load(1, 500, 50, 20_000),
        load(4, 500, 0, 5_000),
        load(64, 1, 0, 100),
        load(64, 10, 1, 1_000),
        load(1, 1_000, 0, 20_000),
        load(1, 0, 200, 2_000),
    ];
    for load in loads {
        let folder = tempfile::tempdir_in(&parent)?;
        measure(Arc::new(StateStore::open(folder.path())?), load).await;
    }
    let folder = tempfile::tempdir_in(&parent)?;
    recover(&StateStore::open(folder.path())?, journals).await?;
    Ok(())
}

/// About 300 bytes, as an event of a run is.
fn record(n: u64) -> Value {
    json!({
        "type": "call_succeeded", "at": "2026-11-21T12:00:00.123Z", "path": "/do/3/reserve", "attempt": 1,
        "output": { "order": n, "items": [{ "sku": "sku_00417", "count": 2 }, { "sku": "sku_00023", "count": 1 }],
            "warehouse": "north", "reserved_until": "2026-11-21T12:10:00Z", "note": "two parcels, one carrier" },
    })
}

/// A writer's runs in flight: each takes one step at a time, and after its last another begins.
struct Runs {
    writer: usize,
    runs: Vec<(u64, u64)>,
    begun: u64,
    at: usize,
    /// Made before, so that making them is not measured.
    records: Vec<Value>,
}

impl Runs {
    fn new(writer: usize, active: usize) -> Self {
        let runs = (0..active as u64).map(|n| (n, n % STEPS)).collect();
        Self { writer, runs, begun: active as u64, at: 0, records: (0..=STEPS).map(record).collect() }
    }

    fn commit(&mut self, load: Load) -> Vec<Op> {
        let mut ops = Vec::with_capacity(load.appends + load.puts);
        for n in 0..load.appends {
            // Runs wait for things of different length: not always the same neighbours step together.
            self.at = (self.at + 1 + n % 7) % self.runs.len();
            let run = &mut self.runs[self.at];
            run.1 += 1;
            ops.push(Op::Append {
                journal: format!("run/run_{:012x}_{}", run.0, self.writer),
                expected: Expected::Any,
                records: vec![self.records[run.1 as usize].clone()],
            });
            if run.1 >= STEPS {
                *run = (self.begun, 0);
                self.begun += 1;
            }
        }
        for _ in 0..load.puts {
            self.at = (self.at + 1) % self.runs.len();
            let (run, step) = self.runs[self.at];
            ops.push(Op::Put {
                kind: "run",
                id: format!("run_{run:012x}_{}", self.writer),
                expected: Expected::Any,
                body: self.records[step as usize].clone(),
                index: vec![
                    ("started_at", Index::Int(run as i64)),
                    ("status", Index::Text(STATUS[step as usize % 2].to_owned())),
                    ("workflow", Index::Text("order".to_owned())),
                ],
            });
        }
        ops
    }
}

async fn measure(store: Arc<StateStore>, load: Load) {
    let work = store.work();
    let cpu = (processor("state-writer"), processor(""));
    let (disk, start) = (disk_bytes(), Instant::now());
    let tasks: Vec<_> = (0..load.writers)
        .map(|writer| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                let (mut waits, mut runs) = (Vec::new(), Runs::new(writer, load.active));
                while start.elapsed() < TIME {
                    let ops = runs.commit(load);
                    let asked = Instant::now();
                    store.commit(ops).await.expect("a commit");
                    waits.push(asked.elapsed());
                }
                waits
            })
        })
        .collect();
    let mut waits = Vec::new();
    for task in tasks {
        waits.extend(task.await.expect("a writer"));
    }
    let took = start.elapsed().as_secs_f64();
    waits.sort();
    let commits = waits.len();
    let appends = commits * load.appends.max(load.puts); // of documents, when there are no appends
    let at = |part: usize| waits[(commits * part / 100).min(commits - 1)].as_secs_f64() * 1e3;
    println!(
        "{:<46} {:>9.0} {:>9.0} {:>8.2} {:>8.2} {:>8.2} {:>9.2} {:>8.2} {:>8.0} {:>8}",
        load.name(),
        appends as f64 / took,
        commits as f64 / took,
        at(50),
        at(99),
        at(100),
        processor("state-writer").saturating_sub(cpu.0).as_secs_f64() * 1e6 / appends as f64,
        processor("").saturating_sub(cpu.1).as_secs_f64() * 1e6 / appends as f64,
        (disk_bytes() - disk) as f64 / appends as f64,
        store.work().groups - work.groups,
    );
}

/// Writes journals of a few records each, and reads all of them as a restart does.
async fn recover(store: &StateStore, journals: u64) -> Result<(), Box<dyn std::error::Error>> {
    const EACH: u64 = 5;
    for _ in 0..EACH {
        for first in (0..journals).step_by(5_000) {
            let append = |run| Op::Append {
                journal: format!("run/run_{run:012x}"),
                expected: Expected::Any,
                records: vec![record(run)],
            };
            store.commit((first..journals.min(first + 5_000)).map(append).collect()).await?;
        }
    }
    let names: Vec<_> = (0..journals).map(|run| format!("run/run_{run:012x}")).collect();
    for (what, by_name) in [("with their prefix", false), ("by name, 1000 a call", true)] {
        let (start, cpu) = (Instant::now(), processor(""));
        let mut records = 0;
        let asked: Vec<&[String]> = if by_name { names.chunks(1_000).collect() } else { vec![&[]] };
        for names in asked {
            let mut after = JournalPosition::default();
            loop {
                let page = if by_name {
                    store.journals_named(names, &after, 10_000, 4 << 20).await?
                } else {
                    store.journals_after("run/", &after, 10_000, 4 << 20).await?
                };
                records += page.parts.iter().map(|part| part.records.len()).sum::<usize>();
                match page.next {
                    Some(next) => after = next,
                    None => break,
                }
            }
        }
        assert_eq!(records as u64, journals * EACH);
        let took = start.elapsed().as_secs_f64();
        let cpu = processor("").saturating_sub(cpu).as_secs_f64();
        println!("{journals} journals of {EACH} records read {what}: {took:.2} s, processor {cpu:.2} s");
    }
    let size = store.size().await?;
    println!("{size:?}, peak memory {} MB", peak_memory_mb());
    Ok(())
}

/// Most memory this process has had so far (`/proc/self/status`).
fn peak_memory_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|kb| kb.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or_default() / 1024
}

/// Processor time so far of this process's threads with a name (`/proc/self/task`); of all, when it is empty.
fn processor(name: &str) -> Duration {
    let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let of = |task: std::fs::DirEntry| {
        let read = |file: &str| std::fs::read_to_string(task.path().join(file)).unwrap_or_default();
        let ours = name.is_empty() || read("comm").trim() == name;
        let nanos = read("schedstat").split(' ').next().and_then(|n| n.parse().ok()).unwrap_or_default();
        if ours { nanos } else { 0 }
    };
    Duration::from_nanos(tasks.map(of).sum())
}

/// Bytes this process has had written to a disk so far (`/proc/self/io`).
fn disk_bytes() -> u64 {
    let io = std::fs::read_to_string("/proc/self/io").unwrap_or_default();
    let line = io.lines().find_map(|line| line.strip_prefix("write_bytes: "));
    line.and_then(|bytes| bytes.parse().ok()).unwrap_or_default()
}
