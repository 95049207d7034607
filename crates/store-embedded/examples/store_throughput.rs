//! Measures what is durable per second, and how long one caller waits for it.
//!
//! `cargo run --release -p store-embedded --example store_throughput [FOLDER]`; the folder decides which disk.

#![allow(clippy::print_stdout, reason = "this program's output is its purpose")]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use ports::{Bus, Direction, Expected, Index, Op, Query, Store, Topic};
use serde_json::json;
use store_embedded::{BusLog, BusOptions, StateStore};

const TIME: Duration = Duration::from_secs(3);

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let parent = std::env::args().nth(1).map_or_else(std::env::temp_dir, PathBuf::from);
    let folder = tempfile::tempdir_in(parent)?;
    let state = Arc::new(StateStore::open(folder.path())?);
    let bus = Arc::new(BusLog::open(
        folder.path(),
        BusOptions { max_backlog_bytes: 16 << 30, ..BusOptions::default() },
    )?);
    println!("{:<44} {:>10} {:>9} {:>9}", "", "per second", "p50 us", "p99 us");
    for callers in [1, 64] {
        let state = Arc::clone(&state);
        measure(&format!("commits, {callers} at a time"), callers, 1, move |who, n| {
            let state = Arc::clone(&state);
            async move {
                state.commit(commit(who, n)).await.expect("a commit");
            }
        })
        .await;
    }
    for (callers, records, bytes) in
        [(1, 1, 300), (64, 1, 300), (1, 100, 300), (16, 100, 300), (4, 1, 100_000)]
    {
        let bus = Arc::clone(&bus);
        let record = Bytes::from(vec![0x5a; bytes]);
        let name = format!("records of {bytes} B, {records} a batch, {callers} at a time");
        measure(&name, callers, records, move |_, _| {
            let (bus, batch) = (Arc::clone(&bus), vec![record.clone(); records]);
            async move {
                bus.publish(Topic::Signals, batch).await.expect("a publication");
            }
        })
        .await;
    }
    reads(&state, &bus).await?;
    Ok(())
}

fn commit(who: usize, n: u64) -> Vec<Op> {
    let body =
        json!({ "title": "payments answers slowly", "status": "open", "n": n, "note": "x".repeat(400) });
    vec![
        Op::Put {
            kind: "incident",
            id: format!("inc_{who}_{n}"),
            expected: Expected::Absent,
            body,
            index: vec![("opened_at", Index::Int(n as i64)), ("status", Index::Text("open".to_owned()))],
        },
        Op::Append {
            journal: format!("run/{who}"),
            expected: Expected::Any,
            records: vec![json!({ "n": n })],
        },
    ]
}

async fn measure<F, Fut>(name: &str, callers: usize, each: usize, call: F)
where
    F: Fn(usize, u64) -> Fut + Clone + Send + 'static,
    Fut: Future<Output = ()> + Send,
{
    let start = Instant::now();
    let tasks: Vec<_> = (0..callers)
        .map(|who| {
            let call = call.clone();
            tokio::spawn(async move {
                let mut waits = Vec::new();
                while start.elapsed() < TIME {
                    let asked = Instant::now();
                    call(who + callers * 1000, waits.len() as u64).await;
                    waits.push(asked.elapsed());
                }
                waits
            })
        })
        .collect();
    let mut waits = Vec::new();
    for task in tasks {
        waits.extend(task.await.expect("a caller"));
    }
    report(name, waits.len() * each, start.elapsed(), waits);
}

async fn reads(state: &StateStore, bus: &BusLog) -> Result<(), Box<dyn std::error::Error>> {
    let start = Instant::now();
    let (mut after, mut count, mut waits) = (0, 0, Vec::new());
    while start.elapsed() < TIME {
        let asked = Instant::now();
        let items = bus.read(Topic::Signals, after, 1 << 20).await?;
        waits.push(asked.elapsed());
        count += items.len();
        let Some((last, _)) = items.last() else { break };
        after = *last;
    }
    report("records read from disk, 1 MiB at a time", count, start.elapsed(), waits);
    let query = Query::of("incident").order("opened_at", Direction::Descending).limit(50);
    let (start, mut waits, mut cursor) = (Instant::now(), Vec::new(), None);
    while start.elapsed() < TIME {
        let asked = Instant::now();
        cursor = state.list(&query.clone().cursor(cursor)).await?.next;
        waits.push(asked.elapsed());
    }
    let total = state.count(&Query::of("incident")).await?;
    report(&format!("pages of 50 among {total} documents"), waits.len(), start.elapsed(), waits);
    Ok(())
}

fn report(name: &str, count: usize, took: Duration, mut waits: Vec<Duration>) {
    waits.sort();
    let at = |part: usize| waits.get(waits.len() * part / 100).map_or(0, Duration::as_micros);
    println!("{name:<44} {:>10.0} {:>9} {:>9}", count as f64 / took.as_secs_f64(), at(50), at(99));
}
