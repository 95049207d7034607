//! Log tails: every line at least once, whatever the sink or the process does.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use connect::tail::{Tail, TailTarget};
use connect::{Cursors, MemoryCursors, Pace, PollerState};
use model::Signal;

use super::peers::{World, until, world};

const FAST: Pace = Pace {
    interval: Duration::from_millis(2),
    backoff_max: Duration::from_millis(4),
    quarantine_after: 1_000,
    quarantine: Duration::from_millis(4),
    jittered_start: false,
};

fn follow(world: &World, path: &Path, cursors: &MemoryCursors, save_every: Duration) {
    let target =
        TailTarget { service: "shop".to_owned(), instance: Some("shop-1".to_owned()), path: path.to_owned() };
    world.pollers.start("tail", FAST, Tail::new(target, Arc::new(cursors.clone()), save_every));
}

fn append(path: &Path, lines: impl Iterator<Item = u32>) {
    let text: String = lines.map(|n| format!("{{\"level\":\"info\",\"msg\":\"line {n}\"}}\n")).collect();
    let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

fn bodies(world: &World) -> Vec<String> {
    let body = |signal: &Signal| match signal {
        Signal::Log(log) => log.body.clone(),
        other => panic!("not a log: {other:?}"),
    };
    world.sink.signals.lock().unwrap().iter().map(body).collect()
}

fn expected(lines: std::ops::Range<u32>) -> Vec<String> {
    lines.map(|n| format!("line {n}")).collect()
}

#[tokio::test]
async fn a_burst_of_lines_arrives_in_order() {
    let (world, folder) = (world(), tempfile::tempdir().unwrap());
    let (path, cursors) = (folder.path().join("shop-1.log"), MemoryCursors::default());
    follow(&world, &path, &cursors, Duration::from_secs(1));
    until("it says that there is no file", || {
        matches!(&world.pollers.status()[0].state, PollerState::Degraded { reason } if reason == "no such file")
    })
    .await;
    let started = Instant::now();
    append(&path, 0..50_000);
    until("all lines", || world.sink.count(|_| true) >= 50_000).await;
    assert!(started.elapsed() < Duration::from_secs(10), "a flood of 2,000 lines/s must be no burden");
    assert_eq!(bodies(&world), expected(0..50_000));
    world.pollers.shutdown().await;
}

#[tokio::test]
async fn a_restart_goes_on_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let (path, cursors) = (folder.path().join("shop-1.log"), MemoryCursors::default());
    append(&path, 0..10);
    let first = world();
    follow(&first, &path, &cursors, Duration::from_secs(3_600));
    until("ten lines", || first.sink.count(|_| true) == 10).await;
    append(&path, 10..15);
    first.pollers.shutdown().await;
    assert_eq!(bodies(&first), expected(0..15), "what was written before the end is read at the end");
    append(&path, 15..20);
    let second = world();
    follow(&second, &path, &cursors, Duration::ZERO);
    until("the rest", || second.sink.count(|_| true) >= 5).await;
    second.pollers.shutdown().await;
    assert_eq!(bodies(&second), expected(15..20));
}

#[tokio::test]
async fn the_cursor_never_runs_ahead_of_the_sink() {
    let (world, folder) = (world(), tempfile::tempdir().unwrap());
    let (path, cursors) = (folder.path().join("shop-1.log"), MemoryCursors::default());
    world.sink.invalid.store(u64::MAX, Ordering::SeqCst);
    append(&path, 0..3);
    follow(&world, &path, &cursors, Duration::ZERO);
    until("refused twice", || world.pollers.status()[0].refused >= 6).await;
    let cursor = format!("tail/shop/shop-1:{}", path.display());
    assert_eq!(cursors.load(&cursor).await.unwrap(), None, "nothing was taken, nothing is saved");
    world.sink.invalid.store(0, Ordering::SeqCst);
    until("taken in the end", || world.sink.count(|_| true) == 3).await;
    until("well again", || world.pollers.status()[0].state == PollerState::Running).await;
    world.pollers.shutdown().await;
    assert_eq!(bodies(&world), expected(0..3));
    assert!(cursors.load(&cursor).await.unwrap().is_some());
}
