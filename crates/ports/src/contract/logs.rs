//! What every adapter of [`Logs`] must do, sentence by sentence of its docs.
//!
//! Deliberately absent: speed, and what is on disk.

use std::sync::Arc;

use model::{LogLevel, LogRecord, TimeRange, Timestamp};

use crate::{Error, LogPage, LogQuery, Logs, Offset, Order};

/// Makes a test of each check. `$open` is an async closure from a place (`&str`) to `Arc<dyn Logs>`. A place
/// opened again, after the handle before was dropped, holds the same data; without a flush that is a crash.
#[macro_export]
macro_rules! logs_contract {
    ($open:expr) => {
        $crate::contract_tests! { logs, $open,
            records_are_seen_at_once_and_whole
            flush_makes_durable_and_moves_applied
            replay_after_a_crash_loses_and_doubles_nothing
            words_are_substrings_whatever_their_case
            conditions_must_all_hold
            ranges_are_half_open
            equal_instants_keep_their_order_of_arrival
            pages_are_exact
            wrong_queries_are_refused
            histograms_count
            expiry_removes_the_old_and_keeps_the_rest
        }
    };
}

fn at(ms: i64) -> Timestamp {
    Timestamp::from_unix_ms(ms)
}

fn record(ms: i64, body: &str) -> LogRecord {
    LogRecord {
        service: "shop".to_owned(),
        at: at(ms),
        level: LogLevel::Info,
        body: body.to_owned(),
        attributes: model::Labels::new(),
        trace_id: None,
    }
}

fn everything() -> LogQuery {
    LogQuery {
        service: None,
        level: None,
        text: String::new(),
        attributes: Vec::new(),
        range: TimeRange { from: at(i64::MIN), to: at(i64::MAX) },
        order: Order::OldestFirst,
        cursor: None,
        limit: 1_000,
    }
}

async fn append(store: &dyn Logs, batch: &[LogRecord], offset: Offset) {
    store.append(batch, offset).await.expect("the batch is taken");
}

async fn flush(store: &dyn Logs) {
    store.flush().await.expect("flushing works");
}

async fn search(store: &dyn Logs, query: &LogQuery) -> LogPage {
    store.search(query).await.expect("the search works")
}

/// All pages of a query together, in pages of `limit`.
async fn pages(store: &dyn Logs, query: &LogQuery, limit: usize) -> Vec<LogRecord> {
    let mut query = LogQuery { limit, ..query.clone() };
    let mut found = Vec::new();
    loop {
        let page = search(store, &query).await;
        assert!(page.items.len() <= limit, "a page holds at most {limit}");
        found.extend(page.items);
        let Some(next) = page.next else { return found };
        query.cursor = Some(next);
    }
}

async fn bodies(store: &dyn Logs, query: &LogQuery) -> Vec<String> {
    pages(store, query, query.limit).await.into_iter().map(|r| r.body).collect()
}

/// Searches see records before a flush, after it, and both together, with every field.
pub async fn records_are_seen_at_once_and_whole(open: impl AsyncFn(&str) -> Arc<dyn Logs>) {
    let store = open("place").await;
    assert!(bodies(&*store, &everything()).await.is_empty(), "a new place is empty");
    let mut odd = record(-5, "zwölf\n\0 \u{fffd}");
    odd.attributes.insert(String::new(), "é".to_owned());
    odd.trace_id = Some("4bf92f3577b34da6a3ce929d0e0e4736".to_owned());
    odd.level = LogLevel::Fatal;
    let plain = LogRecord { service: String::new(), ..record(5, "") };
    let written = [odd, plain];
    append(&*store, &written, 1).await;
    assert_eq!(pages(&*store, &everything(), 10).await, written, "before a flush");
    flush(&*store).await;
    assert_eq!(pages(&*store, &everything(), 10).await, written, "after a flush");
    append(&*store, &[record(7, "seven")], 2).await;
    assert_eq!(pages(&*store, &everything(), 10).await.len(), 3, "both at once");
}

/// What is flushed survives, `applied` says so, and batches at or before it are ignored.
pub async fn flush_makes_durable_and_moves_applied(open: impl AsyncFn(&str) -> Arc<dyn Logs>) {
    let store = open("place").await;
    assert_eq!(store.applied(), 0, "nothing is applied in a new place");
    flush(&*store).await;
    append(&*store, &[record(1, "one")], 7).await;
    append(&*store, &[], 9).await;
    assert!(store.applied() <= 9);
    flush(&*store).await;
    assert_eq!(store.applied(), 9, "a batch without records counts too");
    drop(store);
    let store = open("place").await;
    assert_eq!(store.applied(), 9, "applied survives");
    append(&*store, &[record(2, "two")], 9).await;
    append(&*store, &[record(2, "two")], 8).await;
    assert_eq!(bodies(&*store, &everything()).await, ["one"], "batches at or before applied are ignored");
    append(&*store, &[record(2, "two")], 10).await;
    assert_eq!(bodies(&*store, &everything()).await, ["one", "two"], "later ones are not");
}

/// A crash loses nothing that is replayed after `applied`, and doubles nothing; equal records are each kept.
pub async fn replay_after_a_crash_loses_and_doubles_nothing(open: impl AsyncFn(&str) -> Arc<dyn Logs>) {
    let batch = |offset: Offset| {
        let ms = offset as i64 / 3;
        // Records that are equal are records of their own.
        [record(ms, &format!("{offset}")), record(ms, "same"), record(ms, "same")]
    };
    let mut store = open("place").await;
    let mut newest = 0;
    for round in 0..4 {
        for offset in store.applied() + 1..=newest {
            append(&*store, &batch(offset), offset).await;
        }
        for offset in newest + 1..=newest + 5 {
            append(&*store, &batch(offset), offset).await;
        }
        newest += 5;
        if round % 2 == 0 {
            flush(&*store).await;
            append(&*store, &batch(newest + 1), newest + 1).await;
            newest += 1;
        }
        drop(store);
        store = open("place").await;
        assert!(store.applied() <= newest, "applied is never ahead of what came");
    }
    for offset in store.applied() + 1..=newest {
        append(&*store, &batch(offset), offset).await;
    }
    let expected: Vec<LogRecord> = (1..=newest).flat_map(batch).collect();
    assert_eq!(pages(&*store, &everything(), 7).await, expected);
}

/// Each word as a substring of the body, ASCII case ignored.
pub async fn words_are_substrings_whatever_their_case(open: impl AsyncFn(&str) -> Arc<dyn Logs>) {
    let store = open("place").await;
    let written = [
        record(1, "GET /orders/17 took 230 ms: upstream Timeout"),
        record(2, "payment refused; card ÄPFEL"),
        record(3, "timeouttimeout"),
        record(4, ""),
        record(5, "time out"),
    ];
    append(&*store, &written, 1).await;
    for flushed in [false, true] {
        if flushed {
            flush(&*store).await;
        }
        let cases: [(&str, &[i64]); 14] = [
            ("", &[1, 2, 3, 4, 5]),
            (" \t\n ", &[1, 2, 3, 4, 5]),
            ("timeout", &[1, 3]),
            ("TIMEOUT", &[1, 3]),
            ("imeou", &[1, 3]),
            ("  ms   upstream  ", &[1]),
            ("upstream ms", &[1]),
            ("timeout timeout", &[1, 3]),
            ("time", &[1, 3, 5]),
            ("out time", &[1, 3, 5]),
            ("ÄPFEL", &[2]),
            ("äpfel", &[]),
            ("23", &[1]),
            ("timeout refused", &[]),
        ];
        for (text, expected) in cases {
            let query = LogQuery { text: text.to_owned(), ..everything() };
            let found: Vec<i64> = pages(&*store, &query, 2).await.iter().map(|r| r.at.as_unix_ms()).collect();
            assert_eq!(found, expected, "{text:?}, flushed: {flushed}");
        }
    }
}

/// Service, lowest level and attributes, alone and together.
pub async fn conditions_must_all_hold(open: impl AsyncFn(&str) -> Arc<dyn Logs>) {
    let store = open("place").await;
    let with = |ms: i64, service: &str, level: LogLevel, attributes: &[(&str, &str)]| LogRecord {
        service: service.to_owned(),
        level,
        attributes: attributes.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect(),
        ..record(ms, "text")
    };
    let written = [
        with(1, "shop", LogLevel::Trace, &[("instance", "shop-1"), ("stream", "stdout")]),
        with(2, "shop", LogLevel::Warn, &[("instance", "shop-2")]),
        with(3, "shop", LogLevel::Error, &[("instance", "shop-1")]),
        with(4, "pay", LogLevel::Error, &[("instance", "shop-1")]),
        with(5, "pay", LogLevel::Fatal, &[]),
    ];
    append(&*store, &written, 1).await;
    let pair = |n: &str, v: &str| (n.to_owned(), v.to_owned());
    let base = everything();
    for flushed in [false, true] {
        if flushed {
            flush(&*store).await;
        }
        let service = |s: &str| LogQuery { service: Some(s.to_owned()), ..base.clone() };
        let level = |l: LogLevel| LogQuery { level: Some(l), ..base.clone() };
        let attributes = |a: Vec<(String, String)>| LogQuery { attributes: a, ..base.clone() };
        let cases: Vec<(LogQuery, &[i64])> = vec![
            (service("shop"), &[1, 2, 3]),
            (service("sho"), &[]),
            (service("SHOP"), &[]),
            (level(LogLevel::Trace), &[1, 2, 3, 4, 5]),
            (level(LogLevel::Warn), &[2, 3, 4, 5]),
            (level(LogLevel::Fatal), &[5]),
            (attributes(vec![pair("instance", "shop-1")]), &[1, 3, 4]),
            (attributes(vec![pair("instance", "shop")]), &[]),
            (attributes(vec![pair("instance", "shop-1"), pair("stream", "stdout")]), &[1]),
            (attributes(vec![pair("instance", "shop-1"), pair("instance", "shop-2")]), &[]),
            (attributes(vec![pair("none", "")]), &[]),
            (LogQuery { level: Some(LogLevel::Error), ..service("shop") }, &[3]),
            (LogQuery { text: "TEXT".to_owned(), level: Some(LogLevel::Error), ..service("pay") }, &[4, 5]),
        ];
        for (query, expected) in cases {
            let found: Vec<i64> =
                pages(&*store, &query, 100).await.iter().map(|r| r.at.as_unix_ms()).collect();
            assert_eq!(found, expected, "{query:?}, flushed: {flushed}");
        }
    }
}

/// `from` is inside, `to` is not.
pub async fn ranges_are_half_open(open: impl AsyncFn(&str) -> Arc<dyn Logs>) {
    let store = open("place").await;
    append(&*store, &[record(10, "a"), record(20, "b")], 1).await;
    flush(&*store).await;
    append(&*store, &[record(30, "c")], 2).await;
    let cases: [(i64, i64, &[&str]); 6] = [
        (10, 20, &["a"]),
        (10, 21, &["a", "b"]),
        (11, 30, &["b"]),
        (30, 31, &["c"]),
        (20, 20, &[]),
        (30, 10, &[]),
    ];
    for (from, to, expected) in cases {
        let query = LogQuery { range: TimeRange { from: at(from), to: at(to) }, ..everything() };
        assert_eq!(bodies(&*store, &query).await, expected, "from {from} to {to}");
    }
}

/// Records of one instant come in order of arrival, in both orders of time.
pub async fn equal_instants_keep_their_order_of_arrival(open: impl AsyncFn(&str) -> Arc<dyn Logs>) {
    let store = open("place").await;
    append(&*store, &[record(2, "a"), record(1, "b"), record(2, "c")], 1).await;
    flush(&*store).await;
    append(&*store, &[record(1, "d"), record(2, "e")], 2).await;
    flush(&*store).await;
    append(&*store, &[record(2, "f"), record(1, "g")], 3).await;
    let newest = LogQuery { order: Order::NewestFirst, ..everything() };
    for limit in [1, 2, 3, 1_000] {
        let limited = |query: &LogQuery| LogQuery { limit, ..query.clone() };
        let oldest_first = bodies(&*store, &limited(&everything())).await;
        assert_eq!(oldest_first, ["b", "d", "g", "a", "c", "e", "f"], "pages of {limit}");
        let newest_first = bodies(&*store, &limited(&newest)).await;
        assert_eq!(newest_first, ["a", "c", "e", "f", "b", "d", "g"], "pages of {limit}, newest first");
    }
}

/// Pages of any size make the whole, while records arrive, after flushes and a reopening.
pub async fn pages_are_exact(open: impl AsyncFn(&str) -> Arc<dyn Logs>) {
    let mut store = open("place").await;
    let mut offset = 0;
    for round in 0..6i64 {
        // Rounds overlap in time, and many records share an instant.
        let batch: Vec<LogRecord> =
            (0..50).map(|i| record(round * 3 + i / 10, &format!("{round}-{i}"))).collect();
        offset += 1;
        append(&*store, &batch, offset).await;
        if round != 4 {
            flush(&*store).await;
        }
    }
    for order in [Order::OldestFirst, Order::NewestFirst] {
        let query = LogQuery { order, ..everything() };
        let whole = search(&*store, &query).await;
        assert_eq!(whole.items.len(), 300);
        assert!(whole.next.is_none(), "none at the end");
        for limit in [1, 7, 100, 300] {
            assert_eq!(pages(&*store, &query, limit).await, whole.items, "{order:?} in pages of {limit}");
        }
    }
    // Between two pages records arrive, everything is flushed, and the place is closed and opened.
    let query = LogQuery { order: Order::NewestFirst, limit: 120, ..everything() };
    let whole = pages(&*store, &query, 1_000).await;
    let first = search(&*store, &query).await;
    append(&*store, &[record(1_000, "newer")], offset + 1).await;
    flush(&*store).await;
    drop(store);
    store = open("place").await;
    let second = search(&*store, &LogQuery { cursor: first.next, ..query.clone() }).await;
    let third = search(&*store, &LogQuery { cursor: second.next, ..query }).await;
    assert!(third.next.is_none());
    let paged: Vec<LogRecord> = [first.items, second.items, third.items].concat();
    assert_eq!(paged, whole, "nothing twice, nothing missed");
}

/// Limits out of range and cursors of other queries are `Invalid`.
pub async fn wrong_queries_are_refused(open: impl AsyncFn(&str) -> Arc<dyn Logs>) {
    let store = open("place").await;
    let batch: Vec<LogRecord> = (0..10).map(|i| record(i, "text")).collect();
    append(&*store, &batch, 1).await;
    let query = LogQuery { limit: 3, ..everything() };
    let cursor = search(&*store, &query).await.next;
    assert!(cursor.is_some());
    let next = LogQuery { cursor, ..query.clone() };
    assert_eq!(
        search(&*store, &LogQuery { limit: 4, ..next.clone() }).await.items.len(),
        4,
        "another limit is fine"
    );
    let range = TimeRange { from: at(0), to: at(9) };
    let wrong = [
        LogQuery { limit: 0, ..query.clone() },
        LogQuery { limit: 1_001, ..query.clone() },
        LogQuery { cursor: Some(String::new()), ..query.clone() },
        LogQuery { cursor: Some("ünsinn".to_owned()), ..query.clone() },
        LogQuery { text: "text".to_owned(), ..next.clone() },
        LogQuery { service: Some("shop".to_owned()), ..next.clone() },
        LogQuery { level: Some(LogLevel::Info), ..next.clone() },
        LogQuery { attributes: vec![(String::new(), String::new())], ..next.clone() },
        LogQuery { range, ..next.clone() },
        LogQuery { order: Order::NewestFirst, ..next.clone() },
    ];
    for query in wrong {
        let refused = store.search(&query).await;
        assert!(matches!(refused, Err(Error::Invalid(_))), "{query:?}: {refused:?}");
    }
}

/// Counts in equal parts of the range; cursor, order and limit are ignored.
pub async fn histograms_count(open: impl AsyncFn(&str) -> Arc<dyn Logs>) {
    let store = open("place").await;
    let mut batch: Vec<LogRecord> = (0..100).map(|i| record(i, "text")).collect();
    batch[50].level = LogLevel::Error;
    batch[99].level = LogLevel::Error;
    append(&*store, &batch[..80], 1).await;
    flush(&*store).await;
    append(&*store, &batch[80..], 2).await;
    let over =
        |from: i64, to: i64| LogQuery { range: TimeRange { from: at(from), to: at(to) }, ..everything() };
    let errors = LogQuery { level: Some(LogLevel::Error), ..over(0, 100) };
    let none = LogQuery { text: "none".to_owned(), ..over(0, 100) };
    let ignored =
        LogQuery { cursor: Some("x".to_owned()), limit: 0, order: Order::NewestFirst, ..over(0, 100) };
    let cases: Vec<(LogQuery, Vec<u64>)> = vec![
        (over(0, 100), vec![25; 4]),
        (over(0, 100), vec![100]),
        (over(75, 115), vec![10, 10, 5, 0]),
        (over(-100, 100), vec![0, 100]),
        (over(40, 40), vec![0, 0]),
        (over(40, 30), vec![0, 0, 0]),
        (errors, vec![0, 0, 1, 1]),
        (none, vec![0, 0]),
        (ignored, vec![50, 50]),
    ];
    for (query, expected) in cases {
        let counts = store.histogram(&query, expected.len()).await.expect("the histogram works");
        assert_eq!(counts, expected, "{query:?}");
    }
    let uneven = store.histogram(&over(0, 100), 1_000).await.expect("the histogram works");
    assert_eq!(uneven.iter().sum::<u64>(), 100);
    for buckets in [0, 1_001] {
        let refused = store.histogram(&over(0, 100), buckets).await;
        assert!(matches!(refused, Err(Error::Invalid(_))), "{buckets}: {refused:?}");
    }
}

/// What is older may go and what is wholly older goes for good; the rest stays.
pub async fn expiry_removes_the_old_and_keeps_the_rest(open: impl AsyncFn(&str) -> Arc<dyn Logs>) {
    let store = open("place").await;
    append(&*store, &[record(1, "a"), record(2, "b")], 1).await;
    flush(&*store).await;
    append(&*store, &[record(100, "c"), record(101, "d")], 2).await;
    flush(&*store).await;
    store.expire(at(100)).await.expect("expiry works");
    let found = bodies(&*store, &everything()).await;
    assert!(found.ends_with(&["c".to_owned(), "d".to_owned()]), "what is not older stays: {found:?}");
    store.expire(at(102)).await.expect("expiry works");
    assert!(bodies(&*store, &everything()).await.is_empty(), "what is wholly older goes");
    drop(store);
    let store = open("place").await;
    assert!(bodies(&*store, &everything()).await.is_empty(), "and does not come back");
    assert_eq!(store.applied(), 2);
}
