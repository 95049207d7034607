//! What every adapter of [`Series`] must do, sentence by sentence of its docs.
//!
//! Deliberately absent: speed, limits on the number of series, and what is on disk.

use std::sync::Arc;

use model::{Labels, MetricKind, MetricSeries, Point, TimeRange, Timestamp};

use crate::{Error, LabelMatch, Offset, Selector, Series, SeriesData};

/// Makes a test of each check. `$open` is an async closure from a place (`&str`) to `Arc<dyn Series>`. A place
/// opened again, after the handle before was dropped, holds the same data; without a flush that is a crash.
#[macro_export]
macro_rules! series_contract {
    ($open:expr) => {
        $crate::contract_tests! { series, $open,
            samples_are_seen_at_once
            flush_makes_durable_and_moves_applied
            replay_after_a_crash_loses_and_doubles_nothing
            the_first_sample_at_an_instant_wins
            samples_come_back_oldest_first
            every_value_comes_back
            series_are_sorted_and_keep_their_kind
            selectors_select
            ranges_are_half_open
            more_than_max_points_is_invalid
            lists_have_no_samples_and_a_limit
            expiry_removes_the_old_and_keeps_the_rest
        }
    };
}

fn at(ms: i64) -> Timestamp {
    Timestamp::from_unix_ms(ms)
}

fn series(service: &str, name: &str, labels: &[(&str, &str)], points: &[(i64, f64)]) -> MetricSeries {
    MetricSeries {
        service: service.to_owned(),
        name: name.to_owned(),
        kind: MetricKind::Gauge,
        labels: labels.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect::<Labels>(),
        points: points.iter().map(|(ms, value)| Point { at: at(*ms), value: *value }).collect(),
    }
}

fn ever() -> TimeRange {
    TimeRange { from: at(i64::MIN), to: at(i64::MAX) }
}

fn points(data: &SeriesData) -> Vec<(i64, f64)> {
    data.points.iter().map(|p| (p.at.as_unix_ms(), p.value)).collect()
}

async fn query(store: &dyn Series, selector: &Selector, range: TimeRange) -> Vec<SeriesData> {
    store.query(selector, range, 1_000_000).await.expect("the query works")
}

async fn everything(store: &dyn Series) -> Vec<SeriesData> {
    query(store, &Selector::default(), ever()).await
}

/// Samples of the only series.
async fn only(store: &dyn Series) -> Vec<(i64, f64)> {
    let found = everything(store).await;
    assert!(found.len() <= 1, "one series was written, {} are found", found.len());
    found.first().map_or(Vec::new(), points)
}

async fn append(store: &dyn Series, batch: &[MetricSeries], offset: Offset) {
    store.append(batch, offset).await.expect("the batch is taken");
}

async fn flush(store: &dyn Series) {
    store.flush().await.expect("flushing works");
}

/// Queries see samples before a flush, after it, and both together.
pub async fn samples_are_seen_at_once(open: impl AsyncFn(&str) -> Arc<dyn Series>) {
    let store = open("place").await;
    assert!(everything(&*store).await.is_empty(), "a new place is empty");
    append(&*store, &[series("a", "m", &[], &[(1, 1.0), (2, 2.0)])], 1).await;
    assert_eq!(only(&*store).await, [(1, 1.0), (2, 2.0)], "before a flush");
    flush(&*store).await;
    assert_eq!(only(&*store).await, [(1, 1.0), (2, 2.0)], "after a flush");
    append(&*store, &[series("a", "m", &[], &[(3, 3.0)])], 2).await;
    assert_eq!(only(&*store).await, [(1, 1.0), (2, 2.0), (3, 3.0)], "both at once");
}

/// What is flushed survives, `applied` says so, and batches at or before it are ignored.
pub async fn flush_makes_durable_and_moves_applied(open: impl AsyncFn(&str) -> Arc<dyn Series>) {
    let store = open("place").await;
    assert_eq!(store.applied(), 0, "nothing is applied in a new place");
    flush(&*store).await;
    append(&*store, &[series("a", "m", &[], &[(1, 1.0)])], 7).await;
    append(&*store, &[], 9).await;
    assert!(store.applied() <= 9);
    flush(&*store).await;
    assert_eq!(store.applied(), 9, "a batch without samples counts too");
    drop(store);
    let store = open("place").await;
    assert_eq!(store.applied(), 9, "applied survives");
    assert_eq!(only(&*store).await, [(1, 1.0)], "what was flushed survives");
    append(&*store, &[series("a", "m", &[], &[(2, 2.0)])], 9).await;
    append(&*store, &[series("a", "m", &[], &[(3, 3.0)])], 8).await;
    assert_eq!(only(&*store).await, [(1, 1.0)], "batches at or before applied are ignored");
    append(&*store, &[series("a", "m", &[], &[(2, 2.0)])], 10).await;
    assert_eq!(only(&*store).await, [(1, 1.0), (2, 2.0)], "later ones are not");
}

/// A crash loses nothing that is replayed after `applied`, and doubles nothing.
pub async fn replay_after_a_crash_loses_and_doubles_nothing(open: impl AsyncFn(&str) -> Arc<dyn Series>) {
    let batch = |offset: Offset| {
        let ms = offset as i64;
        // The instant 1000 is in every batch: the first one's value must stay.
        [series("a", "m", &[], &[(ms, ms as f64), (1_000, ms as f64)]), series("a", "n", &[], &[(ms, 0.5)])]
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
    let found = everything(&*store).await;
    let mut expected: Vec<(i64, f64)> = (1..=newest as i64).map(|ms| (ms, ms as f64)).collect();
    expected.push((1_000, 1.0));
    assert_eq!(points(&found[0]), expected);
    assert_eq!(found[1].points.len(), newest as usize);
}

/// Of two samples of one series at one instant the first wins, wherever the two are.
pub async fn the_first_sample_at_an_instant_wins(open: impl AsyncFn(&str) -> Arc<dyn Series>) {
    let store = open("place").await;
    append(&*store, &[series("a", "m", &[], &[(1, 1.0), (1, 2.0)])], 1).await;
    append(&*store, &[series("a", "m", &[], &[(1, 3.0)]), series("a", "m", &[], &[(1, 4.0), (2, 5.0)])], 2)
        .await;
    assert_eq!(only(&*store).await, [(1, 1.0), (2, 5.0)], "in memory");
    flush(&*store).await;
    append(&*store, &[series("a", "m", &[], &[(1, 6.0), (2, 7.0), (3, 8.0)])], 3).await;
    assert_eq!(only(&*store).await, [(1, 1.0), (2, 5.0), (3, 8.0)], "across a flush");
    flush(&*store).await;
    drop(store);
    let store = open("place").await;
    append(&*store, &[series("a", "m", &[], &[(3, 9.0)])], 4).await;
    assert_eq!(only(&*store).await, [(1, 1.0), (2, 5.0), (3, 8.0)], "across flushes and a reopening");
}

/// Samples may come in any order; they are returned oldest first.
pub async fn samples_come_back_oldest_first(open: impl AsyncFn(&str) -> Arc<dyn Series>) {
    let store = open("place").await;
    append(&*store, &[series("a", "m", &[], &[(5, 5.0), (1, 1.0), (9, 9.0)])], 1).await;
    append(&*store, &[series("a", "m", &[], &[(7, 7.0), (-3, -3.0)])], 2).await;
    flush(&*store).await;
    append(&*store, &[series("a", "m", &[], &[(8, 8.0), (2, 2.0)])], 3).await;
    let expected = [-3, 1, 2, 5, 7, 8, 9].map(|ms| (ms, ms as f64));
    assert_eq!(only(&*store).await, expected);
}

/// Every `f64` comes back: NaN, infinities, negative zero.
pub async fn every_value_comes_back(open: impl AsyncFn(&str) -> Arc<dyn Series>) {
    let store = open("place").await;
    let values = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0, f64::MIN_POSITIVE / 2.0, f64::MAX, 0.1];
    let written: Vec<(i64, f64)> = (0..500).map(|i| (i, values[i as usize % values.len()])).collect();
    append(&*store, &[series("a", "m", &[], &written)], 1).await;
    flush(&*store).await;
    let found = only(&*store).await;
    assert_eq!(found.len(), written.len());
    for (found, written) in found.iter().zip(&written) {
        assert_eq!(found.0, written.0);
        let same = found.1.to_bits() == written.1.to_bits() || (found.1.is_nan() && written.1.is_nan());
        assert!(same, "{} came back as {}", written.1, found.1);
    }
}

/// Series are sorted by name, service and labels, and keep kind and labels.
pub async fn series_are_sorted_and_keep_their_kind(open: impl AsyncFn(&str) -> Arc<dyn Series>) {
    let store = open("place").await;
    let counter = MetricSeries { kind: MetricKind::Counter, ..series("b", "m", &[], &[(1, 1.0)]) };
    let batch = [
        series("a", "z", &[], &[(1, 1.0)]),
        series("b", "m", &[("x", "2")], &[(1, 1.0)]),
        series("b", "m", &[("x", "1"), ("y", "1")], &[(1, 1.0)]),
        counter,
        series("a", "m", &[("é", "ü \" \n")], &[(1, 1.0)]),
    ];
    append(&*store, &batch, 1).await;
    let expected = [
        ("m", "a", vec![("é", "ü \" \n")]),
        ("m", "b", vec![]),
        ("m", "b", vec![("x", "1"), ("y", "1")]),
        ("m", "b", vec![("x", "2")]),
        ("z", "a", vec![]),
    ];
    let agree = |found: &[SeriesData]| {
        let found: Vec<_> = found
            .iter()
            .map(|s| {
                let labels: Vec<_> = s.labels.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
                (s.name.as_str(), s.service.as_str(), labels)
            })
            .collect();
        assert_eq!(found, expected);
    };
    agree(&everything(&*store).await);
    flush(&*store).await;
    drop(store);
    let store = open("place").await;
    let found = everything(&*store).await;
    agree(&found);
    let kinds: Vec<_> = found.iter().map(|s| s.kind == MetricKind::Counter).collect();
    assert_eq!(kinds, [false, true, false, false, false]);
}

/// Conditions on labels, with `service` and `__name__` as labels.
pub async fn selectors_select(open: impl AsyncFn(&str) -> Arc<dyn Series>) {
    let store = open("place").await;
    let batch = [
        series("a", "m", &[], &[(1, 1.0)]),
        series("a", "m", &[("x", "1")], &[(1, 2.0)]),
        series("b", "m", &[("x", "2")], &[(1, 3.0)]),
        series("b", "n", &[("x", "2"), ("y", "1")], &[(1, 4.0)]),
    ];
    append(&*store, &batch[..2], 1).await;
    flush(&*store).await;
    append(&*store, &batch[2..], 2).await;
    let equal = |n: &str, v: &str| LabelMatch::Equal(n.to_owned(), v.to_owned());
    let differs = |n: &str, v: &str| LabelMatch::NotEqual(n.to_owned(), v.to_owned());
    let cases: Vec<(Option<&str>, Vec<LabelMatch>, &[f64])> = vec![
        (None, vec![], &[1.0, 2.0, 3.0, 4.0]),
        (Some("m"), vec![], &[1.0, 2.0, 3.0]),
        (Some("none"), vec![], &[]),
        (None, vec![equal("x", "2")], &[3.0, 4.0]),
        (Some("m"), vec![equal("x", "2")], &[3.0]),
        (None, vec![equal("x", "2"), equal("y", "1")], &[4.0]),
        (None, vec![equal("x", "")], &[1.0]),
        (None, vec![equal("none", "")], &[1.0, 2.0, 3.0, 4.0]),
        (None, vec![equal("none", "1")], &[]),
        (None, vec![differs("x", "2")], &[1.0, 2.0]),
        (None, vec![differs("x", "")], &[2.0, 3.0, 4.0]),
        (None, vec![differs("x", "1"), equal("service", "a")], &[1.0]),
        (None, vec![equal("service", "b"), differs("__name__", "m")], &[4.0]),
        (Some("m"), vec![equal("__name__", "n")], &[]),
        (None, vec![equal("service", "")], &[]),
    ];
    for (name, labels, expected) in cases {
        let selector = Selector { name: name.map(str::to_owned), labels };
        let found: Vec<f64> =
            query(&*store, &selector, ever()).await.iter().flat_map(|s| &s.points).map(|p| p.value).collect();
        assert_eq!(found, expected, "{selector:?}");
        let listed = store.list(&selector, 100).await.expect("listing works");
        assert_eq!(listed.len(), expected.len(), "list {selector:?}");
    }
}

/// `from` is inside, `to` is not; series without samples in the range are absent.
pub async fn ranges_are_half_open(open: impl AsyncFn(&str) -> Arc<dyn Series>) {
    let store = open("place").await;
    append(
        &*store,
        &[series("a", "m", &[], &[(10, 1.0), (20, 2.0)]), series("a", "n", &[], &[(30, 3.0)])],
        1,
    )
    .await;
    flush(&*store).await;
    append(&*store, &[series("a", "n", &[], &[(40, 4.0)])], 2).await;
    let cases: [(i64, i64, &[&[f64]]); 7] = [
        (10, 20, &[&[1.0]]),
        (10, 21, &[&[1.0, 2.0]]),
        (11, 20, &[]),
        (20, 41, &[&[2.0], &[3.0, 4.0]]),
        (31, 40, &[]),
        (20, 20, &[]),
        (20, 10, &[]),
    ];
    for (from, to, expected) in cases {
        let range = TimeRange { from: at(from), to: at(to) };
        let found = query(&*store, &Selector::default(), range).await;
        let found: Vec<Vec<f64>> = found.iter().map(|s| s.points.iter().map(|p| p.value).collect()).collect();
        assert_eq!(found, expected, "from {from} to {to}: series without samples are absent");
    }
}

/// More than `max_points` samples are refused, and exactly as many are not.
pub async fn more_than_max_points_is_invalid(open: impl AsyncFn(&str) -> Arc<dyn Series>) {
    let store = open("place").await;
    let ten: Vec<(i64, f64)> = (0..10).map(|i| (i, 1.0)).collect();
    append(&*store, &[series("a", "m", &[], &ten)], 1).await;
    for flushed in [false, true] {
        if flushed {
            flush(&*store).await;
        }
        append(&*store, &[series("a", "n", &[], &ten)], if flushed { 3 } else { 2 }).await;
        let all = Selector::default();
        assert!(store.query(&all, ever(), 20).await.is_ok(), "exactly as many is fine");
        for max in [19, 10, 0] {
            let refused = store.query(&all, ever(), max).await;
            assert!(matches!(refused, Err(Error::Invalid(_))), "{max}: {refused:?}");
        }
        let narrow = TimeRange { from: at(0), to: at(5) };
        assert!(store.query(&all, narrow, 10).await.is_ok(), "only samples in the range count");
    }
}

/// `list` gives series without samples, sorted, at most `limit`.
pub async fn lists_have_no_samples_and_a_limit(open: impl AsyncFn(&str) -> Arc<dyn Series>) {
    let store = open("place").await;
    for (offset, name) in (1..).zip(["c", "a", "b"]) {
        append(&*store, &[series("s", name, &[("l", "v")], &[(1, 1.0)])], offset).await;
        if offset == 2 {
            flush(&*store).await;
        }
    }
    let all = Selector::default();
    let listed = store.list(&all, 10).await.expect("listing works");
    assert!(listed.iter().all(|s| s.points.is_empty() && s.service == "s" && s.labels.contains_key("l")));
    let names: Vec<_> = listed.iter().map(|s| s.name.as_str()).collect();
    assert_eq!(names, ["a", "b", "c"]);
    assert_eq!(store.list(&all, 2).await.expect("listing works").len(), 2);
    assert!(store.list(&all, 0).await.expect("listing works").is_empty());
}

/// What is older may go and what is wholly older goes for good; the rest stays.
pub async fn expiry_removes_the_old_and_keeps_the_rest(open: impl AsyncFn(&str) -> Arc<dyn Series>) {
    let store = open("place").await;
    append(&*store, &[series("a", "m", &[], &[(1, 1.0), (2, 2.0)])], 1).await;
    flush(&*store).await;
    append(&*store, &[series("a", "m", &[], &[(100, 3.0), (101, 4.0)])], 2).await;
    flush(&*store).await;
    store.expire(at(100)).await.expect("expiry works");
    let found = only(&*store).await;
    assert!(found.ends_with(&[(100, 3.0), (101, 4.0)]), "what is not older stays: {found:?}");
    store.expire(at(102)).await.expect("expiry works");
    assert!(only(&*store).await.is_empty(), "what is wholly older goes");
    drop(store);
    let store = open("place").await;
    assert!(only(&*store).await.is_empty(), "and does not come back");
    assert_eq!(store.applied(), 2);
    append(&*store, &[series("a", "m", &[], &[(200, 5.0)])], 3).await;
    assert_eq!(only(&*store).await, [(200, 5.0)]);
}
