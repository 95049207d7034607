//! The series store in a temporary folder: the contract, a plain model, crashes at every step, damage.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use model::{MetricKind, Point};
use ports::{LabelMatch, SeriesData};
use proptest::prelude::*;

use super::*;

mod contract {
    use super::*;

    fn open() -> impl AsyncFn(&str) -> Arc<dyn Series> {
        let dir = tempfile::tempdir().unwrap();
        async move |place: &str| {
            Arc::new(SeriesStore::open(dir.path().join(place)).unwrap()) as Arc<dyn Series>
        }
    }

    ports::series_contract!(open());
}

/// Merges soon, so that small tests merge often.
const LIMITS: Limits =
    Limits { fanout: 3, max_span_ms: 500, max_bytes: 1 << 20, max_items: 100_000, max_blocks: 12 };

fn open(dir: &Path) -> SeriesStore {
    SeriesStore::open_limited(dir, SeriesOptions::default(), LIMITS).unwrap()
}

fn series(name: &str, points: &[(i64, f64)]) -> MetricSeries {
    MetricSeries {
        service: "shop".to_owned(),
        name: name.to_owned(),
        kind: MetricKind::Gauge,
        labels: [("instance".to_owned(), format!("{name}-1"))].into(),
        points: points
            .iter()
            .map(|(ms, value)| Point { at: Timestamp::from_unix_ms(*ms), value: *value })
            .collect(),
    }
}

fn range(from: i64, to: i64) -> TimeRange {
    TimeRange { from: Timestamp::from_unix_ms(from), to: Timestamp::from_unix_ms(to) }
}

async fn all(store: &SeriesStore) -> Result<Vec<SeriesData>> {
    store.query(&Selector::default(), range(i64::MIN, i64::MAX), usize::MAX).await
}

fn count(found: &[SeriesData]) -> usize {
    found.iter().map(|s| s.points.len()).sum()
}

fn blocks_in(dir: &Path) -> Vec<std::path::PathBuf> {
    let files = fs::read_dir(dir).unwrap().map(|e| e.unwrap().path());
    let mut blocks: Vec<_> = files.filter(|p| p.extension().is_some_and(|e| e == "block")).collect();
    blocks.sort();
    blocks
}

/// One batch: series number, instant, value, many times.
type Batch = Vec<(u8, i64, i8)>;

#[derive(Clone, Debug)]
enum Step {
    Append(Batch),
    Flush,
    Merge,
    /// Drops the store without a flush and replays from `applied`.
    Crash,
    /// A query of a range.
    Query(i64, i64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let batch = prop::collection::vec((0..4u8, -300..300i64, any::<i8>()), 0..40);
    let step = prop_oneof![
        4 => batch.prop_map(Step::Append),
        3 => Just(Step::Flush),
        1 => Just(Step::Merge),
        1 => Just(Step::Crash),
        2 => (-320..320i64, 0..400i64).prop_map(|(from, len)| Step::Query(from, from + len)),
    ];
    prop::collection::vec(step, 1..40)
}

fn signals(batch: &Batch) -> Vec<MetricSeries> {
    batch.iter().map(|(n, ms, value)| series(&format!("m{n}"), &[(*ms, f64::from(*value))])).collect()
}

/// What should be there: the first sample of each instant.
fn expected(log: &[Batch], from: i64, to: i64) -> Vec<(String, Vec<(i64, f64)>)> {
    let mut samples: BTreeMap<String, BTreeMap<i64, f64>> = BTreeMap::new();
    for (n, ms, value) in log.iter().flatten().filter(|(_, ms, _)| (from..to).contains(ms)) {
        samples.entry(format!("m{n}")).or_default().entry(*ms).or_insert(f64::from(*value));
    }
    samples.into_iter().map(|(name, points)| (name, points.into_iter().collect())).collect()
}

fn plain(found: &[SeriesData]) -> Vec<(String, Vec<(i64, f64)>)> {
    let points = |s: &SeriesData| s.points.iter().map(|p| (p.at.as_unix_ms(), p.value)).collect();
    found.iter().map(|s| (s.name.clone(), points(s))).collect()
}

async fn replay(store: &SeriesStore, log: &[Batch]) {
    for (batch, offset) in log.iter().zip(1..) {
        if offset > store.applied() {
            store.append(&signals(batch), offset).await.unwrap();
        }
    }
}

async fn run(steps: Vec<Step>) {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    let mut log: Vec<Batch> = Vec::new();
    for step in steps.into_iter().chain([Step::Crash, Step::Query(-300, 300)]) {
        match step {
            Step::Append(batch) => {
                log.push(batch);
                store.append(&signals(&log[log.len() - 1]), log.len() as u64).await.unwrap();
            }
            Step::Flush => {
                store.flush().await.unwrap();
                assert_eq!(store.applied(), log.len() as u64);
            }
            Step::Merge => {
                store.shelf.merge_now().unwrap();
                assert!(store.shelf.read().blocks.len() <= LIMITS.max_blocks);
            }
            Step::Crash => {
                drop(store);
                store = open(dir.path());
                replay(&store, &log).await;
            }
            Step::Query(from, to) => {
                let found = store.query(&Selector::default(), range(from, to), usize::MAX).await.unwrap();
                assert_eq!(plain(&found), expected(&log, from, to));
            }
        }
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn it_behaves_like_a_plain_model(steps in steps()) {
        runtime().block_on(run(steps));
    }
}

/// Flushes and merges while the process ends after every possible number of steps on disk.
#[tokio::test]
async fn a_crash_at_any_step_loses_nothing() {
    let batch = |i: i64| vec![(0u8, i, 1i8), (1, i * 2, 2), (0, 100 - i, 3)];
    let log: Vec<Batch> = (1..=8).map(batch).collect();
    for steps in 0.. {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path());
        store.shelf.disk.fuse.light(steps);
        let mut ended = false;
        for (batch, offset) in log.iter().zip(1..) {
            store.append(&signals(batch), offset).await.unwrap();
            ended |= store.shelf.flush_now().is_err();
            assert_eq!(plain(&all(&store).await.unwrap()), expected(&log[..offset as usize], -300, 300));
        }
        ended |= store.shelf.merge_now().is_err();
        assert_eq!(
            plain(&all(&store).await.unwrap()),
            expected(&log, -300, 300),
            "{steps} steps, still alive"
        );
        drop(store);
        let store = open(dir.path());
        if !ended {
            assert_eq!(store.applied(), 8);
        }
        assert_eq!(blocks_in(dir.path()).len(), store.shelf.read().blocks.len(), "leftovers are removed");
        let applied = store.applied() as usize;
        assert_eq!(plain(&all(&store).await.unwrap()), expected(&log[..applied], -300, 300), "{steps} steps");
        replay(&store, &log).await;
        assert_eq!(plain(&all(&store).await.unwrap()), expected(&log, -300, 300), "{steps} steps, replayed");
        if !ended {
            assert!(steps > 50, "the fuse did burn before");
            break;
        }
    }
}

#[tokio::test]
async fn a_failed_flush_keeps_everything_and_the_next_one_writes_it() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    for (offset, steps) in (1..).zip(0..8) {
        store.append(&[series("m", &[(offset as i64, 1.0)])], offset).await.unwrap();
        store.shelf.disk.fuse.light(steps);
        assert!(store.flush().await.is_err());
        assert_eq!(count(&all(&store).await.unwrap()), offset as usize);
    }
    store.shelf.disk.fuse.light(i64::MAX);
    store.flush().await.unwrap();
    assert_eq!(store.applied(), 8);
    drop(store);
    assert_eq!(count(&all(&open(dir.path())).await.unwrap()), 8);
}

/// Two blocks, the first from 0 to 999, the second from 10,000 to 10,999.
async fn two_blocks(dir: &Path) -> Vec<std::path::PathBuf> {
    let store = SeriesStore::open(dir).unwrap();
    for (start, offset) in [(0, 1), (10_000, 2)] {
        let points: Vec<(i64, f64)> = (0..1_000).map(|i| (start + i, (i * i % 77) as f64)).collect();
        store.append(&[series("m", &points)], offset).await.unwrap();
        store.flush().await.unwrap();
    }
    blocks_in(dir)
}

#[tokio::test]
async fn a_flipped_byte_is_reported_and_the_other_block_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let blocks = two_blocks(dir.path()).await;
    let good = fs::read(&blocks[0]).unwrap();
    for place in (0..good.len()).step_by(7).chain(good.len() - 20..good.len()) {
        let mut bad = good.clone();
        bad[place] ^= 0x10;
        fs::write(&blocks[0], &bad).unwrap();
        let store = SeriesStore::open(dir.path()).unwrap();
        let selector = Selector { name: Some("m".to_owned()), labels: Vec::new() };
        let refused = store.query(&selector, range(0, 1_000), 10_000).await;
        let Err(Error::Corrupt(why)) = refused else { panic!("byte {place}: {refused:?}") };
        assert!(why.contains(&*blocks[0].to_string_lossy()) && why.contains("delete it"), "{why}");
        let found = store.query(&selector, range(10_000, 11_000), 10_000).await.unwrap();
        assert_eq!(count(&found), 1_000, "byte {place}");
    }
    fs::write(&blocks[0], &good[..good.len() / 2]).unwrap();
    let store = SeriesStore::open(dir.path()).unwrap();
    assert!(matches!(all(&store).await, Err(Error::Corrupt(_))), "a file cut short");
    drop(store);
    fs::remove_file(&blocks[0]).unwrap();
    let store = SeriesStore::open(dir.path()).unwrap();
    assert_eq!(count(&all(&store).await.unwrap()), 1_000, "without the file, life goes on");
}

#[tokio::test]
async fn merges_go_around_a_damaged_block() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    for offset in 1..=7u64 {
        let points: Vec<(i64, f64)> = (0..40).map(|i| (offset as i64 * 40 + i, 1.0)).collect();
        store.append(&[series("m", &points)], offset).await.unwrap();
        store.shelf.flush_now().unwrap();
    }
    let victim = &blocks_in(dir.path())[1];
    let mut bytes = fs::read(victim).unwrap();
    bytes[3] ^= 1;
    fs::write(victim, &bytes).unwrap();
    store.shelf.merge_now().unwrap();
    assert!(store.shelf.read().blocks.len() <= 5);
    let after = store.query(&Selector::default(), range(120, 1_000), 1_000).await.unwrap();
    assert_eq!(count(&after), 200);
}

#[tokio::test]
async fn the_manifest_must_be_whole() {
    let dir = tempfile::tempdir().unwrap();
    two_blocks(dir.path()).await;
    let path = dir.path().join("MANIFEST");
    let good = fs::read(&path).unwrap();
    fs::write(&path, &good[..good.len() - 9]).unwrap();
    assert!(matches!(SeriesStore::open(dir.path()), Err(Error::Corrupt(why)) if why.contains("MANIFEST")));
    fs::remove_file(&path).unwrap();
    assert!(matches!(SeriesStore::open(dir.path()), Err(Error::Corrupt(why)) if why.contains("missing")));
    assert_eq!(blocks_in(dir.path()).len(), 2, "no block is removed while the manifest is in doubt");
    fs::write(&path, good).unwrap();
    fs::write(dir.path().join("notes.txt"), "mine").unwrap();
    fs::write(dir.path().join("000000000077.block"), "left by a crash").unwrap();
    fs::write(dir.path().join("MANIFEST.tmp"), "left by a crash").unwrap();
    let store = SeriesStore::open(dir.path()).unwrap();
    assert_eq!(count(&all(&store).await.unwrap()), 2_000);
    assert_eq!(blocks_in(dir.path()).len(), 2);
    assert!(!dir.path().join("MANIFEST.tmp").exists());
    assert!(dir.path().join("notes.txt").exists(), "files of others stay");
}

#[tokio::test]
async fn new_series_beyond_the_limit_are_refused_and_the_rest_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let options = SeriesOptions { max_series: 2, ..SeriesOptions::default() };
    let store = SeriesStore::open_with(dir.path(), options).unwrap();
    let batch = ["a", "b", "c", "d"].map(|name| series(name, &[(1, 1.0)]));
    let refused = store.append(&batch, 1).await;
    assert!(matches!(&refused, Err(Error::Overloaded(why)) if why.contains("2 new series")), "{refused:?}");
    assert_eq!((store.series_count(), store.refused_count()), (2, 2));
    assert!(store.append(&batch, 1).await.is_ok(), "trying again changes nothing");
    store.append(&[series("a", &[(2, 2.0)])], 2).await.unwrap();
    assert_eq!(count(&all(&store).await.unwrap()), 3);
    store.flush().await.unwrap();
    assert_eq!(store.applied(), 2);
    // What has expired makes room.
    store.expire(Timestamp::from_unix_ms(10)).await.unwrap();
    assert_eq!(store.series_count(), 0);
    store.append(&[series("c", &[(20, 1.0)])], 3).await.unwrap();
    let labels = vec![LabelMatch::Equal("instance".to_owned(), "c-1".to_owned())];
    let found = store.list(&Selector { name: None, labels }, 9).await.unwrap();
    assert_eq!(found.len(), 1);
}

#[tokio::test]
async fn a_full_head_flushes_itself_and_never_grows_without_bound() {
    let dir = tempfile::tempdir().unwrap();
    let options = SeriesOptions { head_bytes: 64 << 10, ..SeriesOptions::default() };
    let store = SeriesStore::open_with(dir.path(), options).unwrap();
    let mut ms = 0;
    let mut offset = 0;
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while store.applied() == 0 || offset < 50 {
        assert!(std::time::Instant::now() < deadline, "no flush came");
        let points: Vec<(i64, f64)> = (ms..ms + 500).map(|ms| (ms, 1.0)).collect();
        match store.append(&[series("m", &points)], offset + 1).await {
            Ok(()) => (ms, offset) = (ms + 500, offset + 1),
            Err(Error::Overloaded(_)) => tokio::task::yield_now().await,
            Err(e) => panic!("{e}"),
        }
        assert!(Samples::size(&store.shelf.read().active) < (128 << 10) + 16 * 500);
    }
    assert_eq!(count(&all(&store).await.unwrap()), ms as usize);
    // When the disk fails, memory fills to its bound and then batches are refused, not lost.
    store.shelf.disk.fuse.light(0);
    let mut refused = false;
    for _ in 0..40 {
        let points: Vec<(i64, f64)> = (ms..ms + 500).map(|ms| (ms, 1.0)).collect();
        match store.append(&[series("m", &points)], offset + 1).await {
            Ok(()) => (ms, offset) = (ms + 500, offset + 1),
            Err(e) => {
                assert!(matches!(e, Error::Overloaded(_)));
                refused = true;
            }
        }
    }
    assert!(refused);
    store.shelf.disk.fuse.light(i64::MAX);
    store.flush().await.unwrap();
    assert_eq!((store.applied(), count(&all(&store).await.unwrap())), (offset, ms as usize));
}

#[tokio::test]
async fn a_sender_going_backwards_is_no_slower_to_take() {
    let dir = tempfile::tempdir().unwrap();
    let store = SeriesStore::open(dir.path()).unwrap();
    let points: Vec<(i64, f64)> = (0..200_000).rev().map(|ms| (ms, ms as f64)).collect();
    let started = std::time::Instant::now();
    store.append(&[series("m", &points)], 1).await.unwrap();
    assert!(started.elapsed() < std::time::Duration::from_secs(10), "{:?}", started.elapsed());
    store.flush().await.unwrap();
    assert_eq!(count(&all(&store).await.unwrap()), 200_000);
}

#[tokio::test]
async fn the_number_of_files_stays_bounded() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    for offset in 1..=200u64 {
        let ms = offset as i64 * 10;
        // One hostile sample a batch, far in the past or the future.
        let hostile = if offset % 2 == 0 { i64::MIN + ms } else { i64::MAX - ms };
        store.append(&[series("m", &[(ms, 1.0)]), series("x", &[(hostile, 1.0)])], offset).await.unwrap();
        store.shelf.flush_now().unwrap();
        store.shelf.merge_now().unwrap();
        assert!(blocks_in(dir.path()).len() <= LIMITS.max_blocks, "{offset}");
    }
    assert_eq!(count(&all(&store).await.unwrap()), 400);
    store.expire(Timestamp::from_unix_ms(1_000)).await.unwrap();
    store.shelf.merge_now().unwrap();
    let stale = store.query(&Selector::default(), range(i64::MIN, -1), 1_000).await.unwrap();
    assert_eq!(count(&stale), 0, "blocks that reach far behind shed what has expired");
    assert!(count(&all(&store).await.unwrap()) >= 200);
}

#[tokio::test]
async fn a_folder_is_of_one_kind() {
    let dir = tempfile::tempdir().unwrap();
    drop(crate::LogStore::open(dir.path()).unwrap());
    assert!(matches!(SeriesStore::open(dir.path()), Err(Error::Invalid(_))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn queries_flushes_and_appends_go_on_together() {
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(open(dir.path()));
    let writer = tokio::spawn({
        let store = Arc::clone(&store);
        async move {
            for offset in 1..=300u64 {
                store.append(&[series("m", &[(offset as i64, 1.0)])], offset).await.unwrap();
                if offset % 5 == 0 {
                    store.flush().await.unwrap();
                }
            }
        }
    });
    let mut seen = 0;
    while !writer.is_finished() {
        let found = all(&store).await.unwrap();
        let points = found.first().map_or(&[][..], |s| &s.points);
        assert!(points.len() >= seen, "nothing seen is lost");
        assert!(points.iter().zip(1..).all(|(p, ms)| p.at.as_unix_ms() == ms), "no gaps, nothing twice");
        seen = points.len();
    }
    writer.await.unwrap();
    assert_eq!(count(&all(&store).await.unwrap()), 300);
}
