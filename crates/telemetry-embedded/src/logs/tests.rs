//! The log store in a temporary folder: the contract, a plain model, crashes at every step, damage.

use std::fs;
use std::path::Path;

use model::{LogLevel, TimeRange};
use ports::Order;
use proptest::prelude::*;

use super::*;

mod contract {
    use super::*;

    fn open() -> impl AsyncFn(&str) -> Arc<dyn Logs> {
        let dir = tempfile::tempdir().unwrap();
        async move |place: &str| Arc::new(LogStore::open(dir.path().join(place)).unwrap()) as Arc<dyn Logs>
    }

    ports::logs_contract!(open());
}

/// The contract again, when every search is out of time at once and goes on by cursor.
mod contract_without_time {
    use super::*;

    fn open() -> impl AsyncFn(&str) -> Arc<dyn Logs> {
        let dir = tempfile::tempdir().unwrap();
        let options = LogOptions { search_budget_ms: 0, ..LogOptions::default() };
        async move |place: &str| {
            Arc::new(LogStore::open_with(dir.path().join(place), options).unwrap()) as Arc<dyn Logs>
        }
    }

    ports::contract_tests! { logs, open(),
        replay_after_a_crash_loses_and_doubles_nothing
        words_are_substrings_whatever_their_case
        conditions_must_all_hold
        equal_instants_keep_their_order_of_arrival
        histograms_count
    }
}

/// Merges soon, so that small tests merge often.
const LIMITS: Limits =
    Limits { fanout: 3, max_span_ms: 200, max_bytes: 1 << 20, max_items: 100_000, max_blocks: 12 };

fn open_with_budget(dir: &Path, search_budget_ms: u64) -> LogStore {
    LogStore::open_limited(dir, LogOptions { search_budget_ms, ..LogOptions::default() }, LIMITS).unwrap()
}

fn open(dir: &Path) -> LogStore {
    open_with_budget(dir, 2_000)
}

fn record(ms: i64, body: &str) -> LogRecord {
    LogRecord {
        service: "shop".to_owned(),
        at: Timestamp::from_unix_ms(ms),
        level: LogLevel::Info,
        body: body.to_owned(),
        attributes: [("instance".to_owned(), format!("shop-{}", ms % 2))].into(),
        trace_id: None,
    }
}

fn range(from: i64, to: i64) -> TimeRange {
    TimeRange { from: Timestamp::from_unix_ms(from), to: Timestamp::from_unix_ms(to) }
}

fn everything() -> LogQuery {
    LogQuery {
        service: None,
        level: None,
        text: String::new(),
        attributes: Vec::new(),
        range: range(i64::MIN, i64::MAX),
        order: Order::OldestFirst,
        cursor: None,
        limit: 1_000,
    }
}

async fn pages(store: &LogStore, query: &LogQuery) -> Result<Vec<LogRecord>> {
    let mut query = query.clone();
    let mut found = Vec::new();
    loop {
        let page = store.search(&query).await?;
        found.extend(page.items);
        let Some(next) = page.next else { return Ok(found) };
        assert_ne!(query.cursor.as_ref(), Some(&next), "a page goes on");
        query.cursor = Some(next);
    }
}

fn blocks_in(dir: &Path) -> Vec<std::path::PathBuf> {
    let files = fs::read_dir(dir).unwrap().map(|e| e.unwrap().path());
    let mut blocks: Vec<_> = files.filter(|p| p.extension().is_some_and(|e| e == "block")).collect();
    blocks.sort();
    blocks
}

#[derive(Clone, Debug)]
enum Step {
    Append(Vec<LogRecord>),
    Flush,
    Merge,
    /// Drops the store without a flush and replays from `applied`.
    Crash,
    Search(LogQuery),
}

const SERVICES: [&str; 3] = ["shop", "pay", ""];
const ATTRIBUTES: [(&str, &str); 3] = [("instance", "a-1"), ("instance", "a-2"), ("stream", "span")];

fn records() -> impl Strategy<Value = LogRecord> {
    let attributes = prop::sample::subsequence(&ATTRIBUTES[1..], 0..=2);
    (0..3usize, -50..50i64, 0..6usize, "[aAbB é]{0,12}", attributes).prop_map(
        |(service, ms, level, body, a)| LogRecord {
            service: SERVICES[service].to_owned(),
            level: columns::LEVELS[level],
            attributes: a.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect(),
            trace_id: body.get(..1).map(str::to_owned),
            ..record(ms, &body)
        },
    )
}

fn queries() -> impl Strategy<Value = LogQuery> {
    let attributes = prop::sample::subsequence(&ATTRIBUTES[..], 0..=1);
    let conditions = (prop::option::of(0..3usize), prop::option::of(0..6usize), "[aAbB é]{0,5}", attributes);
    (conditions, -60..60i64, 0..120i64, any::<bool>(), 1..20usize).prop_map(
        |((service, level, text, attributes), from, len, newest, limit)| LogQuery {
            service: service.map(|i| SERVICES[i].to_owned()),
            level: level.map(|i| columns::LEVELS[i]),
            text,
            attributes: attributes.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect(),
            range: range(from, from + len),
            order: if newest { Order::NewestFirst } else { Order::OldestFirst },
            cursor: None,
            limit,
        },
    )
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => prop::collection::vec(records(), 0..30).prop_map(Step::Append),
        3 => Just(Step::Flush),
        1 => Just(Step::Merge),
        1 => Just(Step::Crash),
        4 => queries().prop_map(Step::Search),
    ];
    prop::collection::vec(step, 1..40)
}

/// What a search should give, all pages together.
fn expected(log: &[Vec<LogRecord>], query: &LogQuery) -> Vec<LogRecord> {
    let words: Vec<String> = query.text.split_whitespace().map(str::to_ascii_lowercase).collect();
    let matches = |r: &&LogRecord| {
        query.range.contains(r.at)
            && query.service.as_ref().is_none_or(|s| *s == r.service)
            && query.level.is_none_or(|level| r.level >= level)
            && words.iter().all(|w| r.body.to_ascii_lowercase().contains(w))
            && query.attributes.iter().all(|(n, v)| r.attributes.get(n) == Some(v))
    };
    let mut found: Vec<LogRecord> = log.iter().flatten().filter(matches).cloned().collect();
    match query.order {
        Order::OldestFirst => found.sort_by_key(|r| r.at),
        Order::NewestFirst => found.sort_by_key(|r| std::cmp::Reverse(r.at)),
    }
    found
}

async fn replay(store: &LogStore, log: &[Vec<LogRecord>]) {
    for (batch, offset) in log.iter().zip(1..) {
        if offset > store.applied() {
            store.append(batch, offset).await.unwrap();
        }
    }
}

async fn run(steps: Vec<Step>, budget_ms: u64) {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open_with_budget(dir.path(), budget_ms);
    let mut log: Vec<Vec<LogRecord>> = Vec::new();
    for step in steps.into_iter().chain([Step::Crash, Step::Search(everything())]) {
        match step {
            Step::Append(batch) => {
                log.push(batch);
                store.append(&log[log.len() - 1], log.len() as u64).await.unwrap();
            }
            Step::Flush => {
                store.flush().await.unwrap();
                assert_eq!(store.applied(), log.len() as u64);
            }
            Step::Merge => store.shelf.merge_now().unwrap(),
            Step::Crash => {
                drop(store);
                store = open_with_budget(dir.path(), budget_ms);
                replay(&store, &log).await;
            }
            Step::Search(query) => {
                let expected = expected(&log, &query);
                assert_eq!(pages(&store, &query).await.unwrap(), expected, "{query:?}");
                let counts = store.histogram(&query, 7).await.unwrap();
                assert_eq!(counts.iter().sum::<u64>(), expected.len() as u64);
            }
        }
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn it_behaves_like_a_plain_model(steps in steps(), without_time: bool) {
        runtime().block_on(run(steps, if without_time { 0 } else { 2_000 }));
    }
}

/// Flushes and merges while the process ends after every possible number of steps on disk.
#[tokio::test]
async fn a_crash_at_any_step_loses_nothing() {
    let log: Vec<Vec<LogRecord>> = (1..=8).map(|i| vec![record(i, "a"), record(10 - i, "b")]).collect();
    let query = everything();
    for steps in 0.. {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path());
        store.shelf.disk.fuse.light(steps);
        let mut ended = false;
        for (batch, offset) in log.iter().zip(1..) {
            store.append(batch, offset).await.unwrap();
            ended |= store.shelf.flush_now().is_err();
        }
        ended |= store.shelf.merge_now().is_err();
        assert_eq!(
            pages(&store, &query).await.unwrap(),
            expected(&log, &query),
            "{steps} steps, still alive"
        );
        drop(store);
        let store = open(dir.path());
        assert_eq!(blocks_in(dir.path()).len(), store.shelf.read().blocks.len(), "leftovers are removed");
        let applied = store.applied() as usize;
        assert_eq!(pages(&store, &query).await.unwrap(), expected(&log[..applied], &query), "{steps} steps");
        replay(&store, &log).await;
        assert_eq!(pages(&store, &query).await.unwrap(), expected(&log, &query), "{steps} steps, replayed");
        if !ended {
            assert!(steps > 50 && applied == 8, "the fuse did burn before");
            break;
        }
    }
}

#[tokio::test]
async fn a_flipped_byte_is_reported_and_the_other_block_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let store = LogStore::open(dir.path()).unwrap();
    for (start, offset) in [(0, 1), (10_000, 2)] {
        let batch: Vec<LogRecord> =
            (0..500).map(|i| record(start + i, &format!("line {i} of many"))).collect();
        store.append(&batch, offset).await.unwrap();
        store.flush().await.unwrap();
    }
    drop(store);
    let blocks = blocks_in(dir.path());
    let good = fs::read(&blocks[0]).unwrap();
    for place in (0..good.len()).step_by(61).chain(good.len() - 20..good.len()) {
        let mut bad = good.clone();
        bad[place] ^= 0x10;
        fs::write(&blocks[0], &bad).unwrap();
        let store = LogStore::open(dir.path()).unwrap();
        // Words and attributes, so that filter, entries, bodies and fields are all read.
        let query = LogQuery {
            text: "line many".to_owned(),
            attributes: vec![("instance".to_owned(), "shop-1".to_owned())],
            ..everything()
        };
        let refused = pages(&store, &query).await;
        match refused {
            Err(Error::Corrupt(why)) => assert!(why.contains(&*blocks[0].to_string_lossy()), "{why}"),
            other => panic!("byte {place}: {other:?}"),
        }
        let other = LogQuery { range: range(10_000, 11_000), ..query };
        assert_eq!(pages(&store, &other).await.unwrap().len(), 250, "byte {place}");
    }
    fs::remove_file(&blocks[0]).unwrap();
    let store = LogStore::open(dir.path()).unwrap();
    assert_eq!(pages(&store, &everything()).await.unwrap().len(), 500, "without the file, life goes on");
}

#[tokio::test]
async fn a_full_head_flushes_itself_and_never_grows_without_bound() {
    let dir = tempfile::tempdir().unwrap();
    let options = LogOptions { head_bytes: 64 << 10, ..LogOptions::default() };
    let store = LogStore::open_with(dir.path(), options).unwrap();
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    let mut offset = 0;
    while store.applied() == 0 || offset < 50 {
        assert!(std::time::Instant::now() < deadline, "no flush came");
        let batch: Vec<LogRecord> = (0..50).map(|i| record(offset as i64, &format!("{i}"))).collect();
        match store.append(&batch, offset + 1).await {
            Ok(()) => offset += 1,
            Err(Error::Overloaded(_)) => tokio::task::yield_now().await,
            Err(e) => panic!("{e}"),
        }
        assert!(Records::size(&store.shelf.read().active) < 192 << 10);
    }
    assert_eq!(pages(&store, &everything()).await.unwrap().len(), offset as usize * 50);
}

#[tokio::test]
async fn a_search_out_of_time_goes_on_by_cursor() {
    let dir = tempfile::tempdir().unwrap();
    let store = open_with_budget(dir.path(), 0);
    for offset in 1..=5u64 {
        let batch: Vec<LogRecord> =
            (0..3_000).map(|i| record(offset as i64 * 10_000 + i, &format!("line {i}"))).collect();
        store.append(&batch, offset).await.unwrap();
        store.shelf.flush_now().unwrap();
    }
    let rare = LogQuery { text: "line 2999".to_owned(), order: Order::NewestFirst, ..everything() };
    let first = store.search(&rare).await.unwrap();
    assert!(first.items.len() <= 1 && first.next.is_some(), "it does not search everything at once");
    let found: Vec<i64> = pages(&store, &rare).await.unwrap().iter().map(|r| r.at.as_unix_ms()).collect();
    assert_eq!(found, [52_999, 42_999, 32_999, 22_999, 12_999]);
}

#[tokio::test]
async fn a_page_of_the_newest_reads_no_old_chunks() {
    let dir = tempfile::tempdir().unwrap();
    let store = LogStore::open(dir.path()).unwrap();
    for offset in 1..=2u64 {
        let batch: Vec<LogRecord> = (0..5_000).map(|i| record(offset as i64 * 10_000 + i, "x")).collect();
        store.append(&batch, offset).await.unwrap();
        store.flush().await.unwrap();
    }
    drop(store);
    // Damage what must not be read: the chunks of the old block (its footer stays whole).
    let old = &blocks_in(dir.path())[0];
    let mut bytes = fs::read(old).unwrap();
    bytes[..500].fill(0);
    fs::write(old, bytes).unwrap();
    let store = LogStore::open(dir.path()).unwrap();
    let newest = LogQuery { order: Order::NewestFirst, limit: 100, ..everything() };
    assert_eq!(store.search(&newest).await.unwrap().items[0].at.as_unix_ms(), 24_999);
    assert!(matches!(pages(&store, &newest).await, Err(Error::Corrupt(_))));
    // A histogram that asks for time alone needs no chunk that lies within one bucket.
    assert_eq!(
        store.histogram(&LogQuery { range: range(0, 100_000), ..everything() }, 1).await.unwrap(),
        [10_000]
    );
}

#[tokio::test]
async fn batches_too_large_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let store = LogStore::open(dir.path()).unwrap();
    assert!(matches!(store.append(&[], MAX_OFFSET + 1).await, Err(Error::Invalid(_))));
    store.append(&[record(1, "x")], MAX_OFFSET).await.unwrap();
    assert_eq!(pages(&store, &everything()).await.unwrap().len(), 1);
}
