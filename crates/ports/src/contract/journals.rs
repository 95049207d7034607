//! What every [`Store`] must do with journals. [`journals_contract!`](crate::journals_contract) makes a test of
//! each function.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::error::Error;
use crate::store::{Expected, JournalLength, JournalPage, JournalPosition, Op, Store};

/// Makes a test of each check. `$open` is an async closure from a place (`&str`) to `Arc<dyn Store>`.
#[macro_export]
macro_rules! journals_contract {
    ($open:expr) => {
        $crate::contract_tests! { journals, $open,
            append_checks_what_it_expects
            journals_have_no_gaps
            journals_are_listed_by_prefix
            a_dropped_journal_starts_anew
            a_trim_takes_the_oldest_and_moves_nothing
            a_trim_checks_what_it_expects
            a_journal_trimmed_whole_goes_on
            lengths_are_exact
            a_failed_commit_leaves_journals_as_they_were
            many_journals_are_read_page_by_page
            pages_keep_their_limits
            named_journals_are_read_page_by_page
            pages_join_while_journals_grow
            trims_survive_reopening
            concurrent_appends_leave_no_gap
            concurrent_trims_and_appends_keep_their_order
        }
    };
}

fn append(journal: &str, expected: Expected, records: &[i64]) -> Op {
    Op::Append { journal: journal.to_owned(), expected, records: records.iter().map(|n| json!(n)).collect() }
}

fn trim(journal: &str, expected: Expected, before: u64) -> Op {
    Op::Trim { journal: journal.to_owned(), expected, before }
}

fn drop_whole(journal: &str, expected: Expected) -> Op {
    Op::Drop { journal: journal.to_owned(), expected }
}

async fn check_conflict(store: &dyn Store, op: Op) {
    let error = store.commit(vec![op.clone()]).await.expect_err("a conflict");
    assert!(matches!(error, Error::Conflict { .. }), "{op:?} gave {error:?}");
}

/// The whole journal: sequences and bodies.
async fn check_bodies(store: &dyn Store, journal: &str, expect: &[(u64, i64)]) {
    let found = store.read_journal(journal, 0, 1000).await.unwrap();
    let found: Vec<_> = found.into_iter().map(|r| (r.sequence, r.body)).collect();
    assert_eq!(found, expect.iter().map(|(n, body)| (*n, json!(body))).collect::<Vec<_>>(), "{journal}");
}

async fn check_length(store: &dyn Store, journal: &str, length: u64, trimmed: u64) {
    assert_eq!(store.journal_length(journal).await.unwrap(), JournalLength { length, trimmed }, "{journal}");
}

/// An append is made only when the journal is as long as expected; it returns the last sequence.
pub async fn append_checks_what_it_expects(open: impl AsyncFn(&str) -> Arc<dyn Store>) {
    let store = open("append").await;
    check_conflict(&*store, append("j", Expected::Exactly(1), &[0])).await;
    assert_eq!(store.commit(vec![append("j", Expected::Absent, &[1, 2])]).await.unwrap().positions, [2]);
    check_conflict(&*store, append("j", Expected::Absent, &[0])).await;
    check_conflict(&*store, append("j", Expected::Exactly(1), &[0])).await;
    let commit = store.commit(vec![append("j", Expected::Exactly(2), &[3])]).await.unwrap();
    assert_eq!((commit.positions, commit.change), (vec![3], 0), "journals are not in the feed");
    assert_eq!(store.commit(vec![append("j", Expected::Any, &[])]).await.unwrap().positions, [3]);
    let records = store.read_journal("j", 0, 10).await.unwrap();
    assert_eq!(records.into_iter().map(|r| r.body).collect::<Vec<_>>(), [json!(1), json!(2), json!(3)]);
    assert_eq!(store.commit(vec![append("empty", Expected::Exactly(0), &[])]).await.unwrap().positions, [0]);
}

/// Sequences start at 1 and have no gaps; reading goes on after any of them.
pub async fn journals_have_no_gaps(open: impl AsyncFn(&str) -> Arc<dyn Store>) {
    let store = open("journals").await;
    for n in 0..10 {
        store
            .commit(vec![append("j", Expected::Exactly(n * 3), &[1, 2, 3]), append("k", Expected::Any, &[9])])
            .await
            .unwrap();
    }
    let sequences =
        |records: Vec<crate::JournalRecord>| records.into_iter().map(|r| r.sequence).collect::<Vec<_>>();
    assert_eq!(sequences(store.read_journal("j", 0, 100).await.unwrap()), (1..=30).collect::<Vec<_>>());
    assert_eq!(sequences(store.read_journal("j", 4, 3).await.unwrap()), [5, 6, 7]);
    assert_eq!(store.read_journal("j", 30, 3).await.unwrap(), []);
    assert_eq!(store.read_journal("j", u64::MAX, 3).await.unwrap(), []);
    assert_eq!(store.read_journal("nobody wrote this", 0, 3).await.unwrap(), []);
}

/// Names with a prefix, sorted, page by page; `_` and `%` are letters like any other.
pub async fn journals_are_listed_by_prefix(open: impl AsyncFn(&str) -> Arc<dyn Store>) {
    let store = open("names").await;
    for name in ["run/b", "run/a", "audit", "run0", "run/ü", "run", "r_n/a", "run/%"] {
        store.commit(vec![append(name, Expected::Absent, &[1])]).await.unwrap();
    }
    let cases: [(&str, &str, usize, &[&str]); 7] = [
        ("run/", "", 10, &["run/%", "run/a", "run/b", "run/ü"]),
        ("run/", "", 2, &["run/%", "run/a"]),
        ("run/", "run/a", 10, &["run/b", "run/ü"]),
        ("r_n", "", 10, &["r_n/a"]),
        ("", "r_n/a", 2, &["run", "run/%"]),
        ("z", "", 10, &[]),
        ("audit", "z", 10, &[]),
    ];
    for (prefix, after, limit, expect) in cases {
        assert_eq!(store.journals(prefix, after, limit).await.unwrap(), expect, "{prefix:?} after {after:?}");
    }
}

/// A dropped journal is gone whole, and starts again at 1; dropping is one op of a commit like any other.
pub async fn a_dropped_journal_starts_anew(open: impl AsyncFn(&str) -> Arc<dyn Store>) {
    let store = open("drop").await;
    store.commit(vec![append("j", Expected::Any, &[1, 2]), append("jj", Expected::Any, &[1])]).await.unwrap();
    check_conflict(&*store, drop_whole("j", Expected::Exactly(1))).await;
    check_conflict(&*store, drop_whole("j", Expected::Absent)).await;
    check_conflict(&*store, drop_whole("nobody wrote this", Expected::Exactly(1))).await;
    check_bodies(&*store, "j", &[(1, 1), (2, 2)]).await;
    let ops = vec![drop_whole("j", Expected::Exactly(2)), drop_whole("nobody wrote this", Expected::Any)];
    let commit = store.commit(ops).await.unwrap();
    assert_eq!((commit.positions, commit.change), (vec![0, 0], 0));
    check_bodies(&*store, "j", &[]).await;
    assert_eq!(store.journal_length("j").await.unwrap(), JournalLength::default());
    assert_eq!(store.journals("", "", 10).await.unwrap(), ["jj"]);
    assert_eq!(store.commit(vec![append("j", Expected::Absent, &[7])]).await.unwrap().positions, [1]);
    check_bodies(&*store, "j", &[(1, 7)]).await;
    check_bodies(&*store, "jj", &[(1, 1)]).await;
    let within = vec![
        append("j", Expected::Exactly(1), &[8]),
        drop_whole("j", Expected::Exactly(2)),
        append("j", Expected::Absent, &[9]),
    ];
    assert_eq!(store.commit(within).await.unwrap().positions, [2, 0, 1]);
    check_bodies(&*store, "j", &[(1, 9)]).await;
}

/// Records before the sequence are gone, the others are where they were, and a trim never goes back.
pub async fn a_trim_takes_the_oldest_and_moves_nothing(open: impl AsyncFn(&str) -> Arc<dyn Store>) {
    let store = open("trim").await;
    let ops = vec![append("j", Expected::Any, &[10, 20, 30, 40, 50]), append("k", Expected::Any, &[1, 2])];
    store.commit(ops).await.unwrap();
    for (before, kept) in [(0, 1), (1, 1), (3, 3), (2, 3), (3, 3), (5, 5)] {
        let commit = store.commit(vec![trim("j", Expected::Any, before)]).await.unwrap();
        assert_eq!((commit.positions, commit.change), (vec![5], 0), "the length, and nothing in the feed");
        let expect: Vec<_> = (kept..=5).map(|n| (n, n as i64 * 10)).collect();
        check_bodies(&*store, "j", &expect).await;
        check_length(&*store, "j", 5, kept - 1).await;
        for after in 0..=6 {
            let found = store.read_journal("j", after, 1).await.unwrap();
            let next = (after + 1).max(kept);
            let expect = if next <= 5 { vec![next] } else { Vec::new() };
            assert_eq!(found.iter().map(|r| r.sequence).collect::<Vec<_>>(), expect, "after {after}");
        }
    }
    check_bodies(&*store, "k", &[(1, 1), (2, 2)]).await;
}

/// A trim is made only when the journal is as long as expected; under `Any` it may find nothing.
pub async fn a_trim_checks_what_it_expects(open: impl AsyncFn(&str) -> Arc<dyn Store>) {
    let store = open("trim expects").await;
    check_conflict(&*store, trim("j", Expected::Exactly(1), 1)).await;
    assert_eq!(store.commit(vec![trim("j", Expected::Any, 9)]).await.unwrap().positions, [0]);
    assert_eq!(store.commit(vec![trim("j", Expected::Absent, 9)]).await.unwrap().positions, [0]);
    assert_eq!(store.journals("", "", 10).await.unwrap(), Vec::<String>::new());
    store.commit(vec![append("j", Expected::Absent, &[1, 2, 3])]).await.unwrap();
    check_conflict(&*store, trim("j", Expected::Absent, 2)).await;
    check_conflict(&*store, trim("j", Expected::Exactly(2), 2)).await;
    check_bodies(&*store, "j", &[(1, 1), (2, 2), (3, 3)]).await;
    store.commit(vec![trim("j", Expected::Exactly(3), 3)]).await.unwrap();
    // What was trimmed still counts.
    check_conflict(&*store, append("j", Expected::Exactly(1), &[4])).await;
    store.commit(vec![append("j", Expected::Exactly(3), &[4])]).await.unwrap();
    check_bodies(&*store, "j", &[(3, 3), (4, 4)]).await;
    let error = store.commit(vec![trim("", Expected::Any, 1)]).await.expect_err("refused");
    assert!(matches!(error, Error::Invalid(_)), "{error:?}");
}

/// It still exists, is as long as before, and the next record has the next sequence.
pub async fn a_journal_trimmed_whole_goes_on(open: impl AsyncFn(&str) -> Arc<dyn Store>) {
    let store = open("trim whole").await;
    store.commit(vec![append("j", Expected::Any, &[1, 2, 3])]).await.unwrap();
    store.commit(vec![trim("j", Expected::Any, u64::MAX)]).await.unwrap();
    check_bodies(&*store, "j", &[]).await;
    check_length(&*store, "j", 3, 3).await;
    assert_eq!(store.journals("", "", 10).await.unwrap(), ["j"]);
    check_conflict(&*store, append("j", Expected::Absent, &[0])).await;
    let within = vec![
        append("j", Expected::Exactly(3), &[4]),
        trim("j", Expected::Exactly(4), 5),
        append("j", Expected::Exactly(4), &[5, 6]),
        trim("j", Expected::Any, 6),
    ];
    assert_eq!(store.commit(within).await.unwrap().positions, [4, 4, 6, 6]);
    check_bodies(&*store, "j", &[(6, 6)]).await;
    check_length(&*store, "j", 6, 5).await;
}

/// Length and what was trimmed, after every kind of change.
pub async fn lengths_are_exact(open: impl AsyncFn(&str) -> Arc<dyn Store>) {
    let store = open("lengths").await;
    check_length(&*store, "j", 0, 0).await;
    store.commit(vec![append("j", Expected::Any, &[])]).await.unwrap();
    check_length(&*store, "j", 0, 0).await;
    let mut length = 0;
    for n in 1..=20_u64 {
        let records: Vec<i64> = (0..n as i64).collect();
        length += n;
        let positions = store.commit(vec![append("j", Expected::Any, &records)]).await.unwrap().positions;
        assert_eq!(positions, [length]);
        store.commit(vec![trim("j", Expected::Any, length)]).await.unwrap();
        check_length(&*store, "j", length, length - 1).await;
        assert_eq!(store.journal_length("j").await.unwrap().kept(), 1);
    }
    check_length(&*store, "i", 0, 0).await;
    check_length(&*store, "jj", 0, 0).await;
}

/// Whatever the ops before the failing one did to journals, new ones and old, is undone; what comes afterwards
/// builds on what was there before.
pub async fn a_failed_commit_leaves_journals_as_they_were(open: impl AsyncFn(&str) -> Arc<dyn Store>) {
    let store = open("undone").await;
    store
        .commit(vec![append("j", Expected::Any, &[1, 2, 3]), append("k", Expected::Any, &[1])])
        .await
        .unwrap();
    for _ in 0..2 {
        let ops = vec![
            append("j", Expected::Exactly(3), &[4]),
            trim("j", Expected::Exactly(4), 4),
            append("new", Expected::Absent, &[1]),
            drop_whole("k", Expected::Exactly(1)),
            append("k", Expected::Absent, &[2, 3]),
            append("j", Expected::Exactly(9), &[0]),
        ];
        let error = store.commit(ops).await.expect_err("a conflict");
        assert!(matches!(error, Error::Conflict { .. }), "{error:?}");
        check_length(&*store, "j", 3, 0).await;
        check_bodies(&*store, "j", &[(1, 1), (2, 2), (3, 3)]).await;
        check_bodies(&*store, "k", &[(1, 1)]).await;
        assert_eq!(store.journals("", "", 10).await.unwrap(), ["j", "k"]);
    }
    let ops = vec![
        append("j", Expected::Exactly(3), &[4]),
        append("new", Expected::Absent, &[1]),
        append("k", Expected::Exactly(1), &[2]),
    ];
    assert_eq!(store.commit(ops).await.unwrap().positions, [4, 1, 2]);
    check_bodies(&*store, "k", &[(1, 1), (2, 2)]).await;
}

type Row = (String, u64, Value);

fn rows(page: &JournalPage) -> Vec<Row> {
    let rows = page.parts.iter().flat_map(|part| part.records.iter().map(|r| (&part.journal, r)));
    rows.map(|(journal, record)| (journal.clone(), record.sequence, record.body.clone())).collect()
}

/// Follows the pages to the end. Which journals is up to `read`.
async fn all(read: impl AsyncFn(&JournalPosition) -> JournalPage, limit_records: usize) -> Vec<Row> {
    let mut all = Vec::new();
    let mut after = JournalPosition::default();
    loop {
        let page = read(&after).await;
        let found = rows(&page);
        assert!(found.len() <= limit_records);
        assert!(page.parts.iter().all(|part| !part.records.is_empty()));
        assert!(page.parts.windows(2).all(|pair| pair[0].journal < pair[1].journal), "each once on a page");
        if let Some(next) = &page.next {
            let last = found.last().expect("a page before others holds something");
            assert_eq!((&next.journal, next.sequence), (&last.0, last.1));
        }
        all.extend(found);
        match page.next {
            Some(next) => after = next,
            None => return all,
        }
    }
}

/// Twelve journals of a few records, some trimmed, `run/'` whole; four of them with other prefixes. Gives the
/// records that can be read of those that begin with `run/`.
async fn write_twelve(store: &dyn Store) -> Vec<Row> {
    let mut expect = Vec::new();
    let names = [
        "run/b", "run/a", "run", "run0", "run/ü", "run/%", "run/a/b", "r_n/a", "run/'", "run/Z", "run/e", "z",
    ];
    for (n, name) in names.into_iter().enumerate() {
        let records: Vec<i64> = (0..=n as i64 % 6).map(|k| k + 100 * n as i64).collect();
        let trimmed = if name == "run/'" { records.len() } else { n % 3 } as u64;
        let ops = vec![append(name, Expected::Absent, &records), trim(name, Expected::Any, trimmed + 1)];
        store.commit(ops).await.unwrap();
        if name.starts_with("run/") {
            let kept = (1_u64..).zip(records).filter(|(sequence, _)| *sequence > trimmed);
            expect.extend(kept.map(|(sequence, body)| (name.to_owned(), sequence, json!(body))));
        }
    }
    expect.sort_by(|a, b| (&a.0, a.1).cmp(&(&b.0, b.1)));
    expect
}

/// Every record of every journal with the prefix, once, by name and sequence, whatever the size of a page.
pub async fn many_journals_are_read_page_by_page(open: impl AsyncFn(&str) -> Arc<dyn Store>) {
    let store = open("many").await;
    let expect = write_twelve(&*store).await;
    for limit in [1, 2, 3, 7, 1000] {
        let read = async |after: &JournalPosition| {
            store.journals_after("run/", after, limit, usize::MAX).await.unwrap()
        };
        assert_eq!(all(read, limit).await, expect, "{limit} a page");
    }
    let exactly = store.journals_after("run/", &JournalPosition::default(), expect.len(), usize::MAX).await;
    assert_eq!(exactly.unwrap().next, None, "no position before nothing");
    for (n, row) in expect.iter().enumerate() {
        let after = JournalPosition { journal: row.0.clone(), sequence: row.1 };
        let page = store.journals_after("run/", &after, 1000, usize::MAX).await.unwrap();
        assert_eq!(rows(&page), expect[n + 1..]);
    }
    for (prefix, journal) in [("none", ""), ("run/", "run0"), ("run/", "zz"), ("", "zz")] {
        let after = JournalPosition { journal: journal.to_owned(), sequence: 0 };
        let page = store.journals_after(prefix, &after, 10, usize::MAX).await.unwrap();
        assert_eq!(page, JournalPage::default(), "{prefix} after {journal}");
    }
    let everything = store.journals_after("", &JournalPosition::default(), 1000, usize::MAX).await.unwrap();
    assert_eq!(everything.parts.len(), store.journals("", "", 100).await.unwrap().len() - 1, "one is empty");
}

/// A page ends with the record that reaches the bytes, so one that is larger than a page still comes through.
pub async fn pages_keep_their_limits(open: impl AsyncFn(&str) -> Arc<dyn Store>) {
    let store = open("page limits").await;
    let large = json!("x".repeat(10_000));
    let ops = ["a", "b", "c"].map(|name| Op::Append {
        journal: name.to_owned(),
        expected: Expected::Any,
        records: vec![large.clone(); 4],
    });
    store.commit(ops.to_vec()).await.unwrap();
    for (limit_bytes, expect) in [(1, 1), (10_000, 1), (25_000, 3), (50_000, 5), (usize::MAX, 12)] {
        let start = JournalPosition::default();
        let page = store.journals_after("", &start, 100, limit_bytes).await.unwrap();
        assert_eq!(rows(&page).len(), expect, "{limit_bytes} bytes");
        assert_eq!(page.next.is_some(), expect < 12);
        let read =
            async |after: &JournalPosition| store.journals_after("", after, 100, limit_bytes).await.unwrap();
        assert_eq!(all(read, 100).await.len(), 12);
    }
    for (limit_records, limit_bytes) in [(0, 1), (1, 0)] {
        let start = JournalPosition::default();
        let error = store.journals_after("", &start, limit_records, limit_bytes).await.expect_err("refused");
        assert!(matches!(error, Error::Invalid(_)), "{error:?}");
        let error = store.journals_named(&[], &start, limit_records, limit_bytes).await.expect_err("refused");
        assert!(matches!(error, Error::Invalid(_)), "{error:?}");
    }
}

/// Only those named, in the order of their names whatever order they are asked in; unknown ones are no error.
pub async fn named_journals_are_read_page_by_page(open: impl AsyncFn(&str) -> Arc<dyn Store>) {
    let store = open("named").await;
    let expect = write_twelve(&*store).await;
    let names = ["run/ü", "run/a", "nobody wrote this", "run/e", "run/a", ""].map(str::to_owned);
    let expect: Vec<_> = expect.into_iter().filter(|row| names.contains(&row.0)).collect();
    assert!(expect.len() > 3);
    for limit in [1, 2, 1000] {
        let read = async |after: &JournalPosition| {
            store.journals_named(&names, after, limit, usize::MAX).await.unwrap()
        };
        assert_eq!(all(read, limit).await, expect, "{limit} a page");
    }
    let none = store.journals_named(&[], &JournalPosition::default(), 10, 10).await.unwrap();
    assert_eq!(none, JournalPage::default());
}

/// Records and journals that come and go between two pages change nothing of the others.
pub async fn pages_join_while_journals_grow(open: impl AsyncFn(&str) -> Arc<dyn Store>) {
    let store = open("grow").await;
    for name in ["a", "b", "c", "d"] {
        store.commit(vec![append(name, Expected::Any, &[1, 2, 3])]).await.unwrap();
    }
    let first = store.journals_after("", &JournalPosition::default(), 4, usize::MAX).await.unwrap();
    let next = first.next.expect("there is more");
    assert_eq!((next.journal.as_str(), next.sequence), ("b", 1));
    let changes = vec![
        append("a", Expected::Any, &[4]),
        trim("b", Expected::Any, 3),
        append("b", Expected::Any, &[4]),
        drop_whole("c", Expected::Any),
        append("cc", Expected::Any, &[1]),
    ];
    store.commit(changes).await.unwrap();
    let rest = rows(&store.journals_after("", &next, 100, usize::MAX).await.unwrap());
    let found: Vec<_> = rest.iter().map(|row| (row.0.as_str(), row.1)).collect();
    assert_eq!(found, [("b", 3), ("b", 4), ("cc", 1), ("d", 1), ("d", 2), ("d", 3)]);
    store.commit(vec![drop_whole("b", Expected::Any)]).await.unwrap();
    let rest = rows(&store.journals_after("", &next, 1, usize::MAX).await.unwrap());
    assert_eq!((rest[0].0.as_str(), rest[0].1), ("cc", 1), "the journal of the position may be gone");
}

/// Lengths, trims and drops are the same after closing and opening.
pub async fn trims_survive_reopening(open: impl AsyncFn(&str) -> Arc<dyn Store>) {
    let store = open("reopen journals").await;
    for name in ["part", "whole", "gone", "all"] {
        store.commit(vec![append(name, Expected::Any, &[1, 2, 3])]).await.unwrap();
    }
    let ops = vec![
        trim("part", Expected::Any, 3),
        trim("whole", Expected::Any, 4),
        drop_whole("gone", Expected::Any),
    ];
    store.commit(ops).await.unwrap();
    drop(store);

    let store = open("reopen journals").await;
    check_length(&*store, "part", 3, 2).await;
    check_length(&*store, "whole", 3, 3).await;
    check_length(&*store, "gone", 0, 0).await;
    check_length(&*store, "all", 3, 0).await;
    check_bodies(&*store, "part", &[(3, 3)]).await;
    check_bodies(&*store, "whole", &[]).await;
    let ops = ["part", "whole", "gone", "all"].map(|name| append(name, Expected::Any, &[4]));
    assert_eq!(store.commit(ops.to_vec()).await.unwrap().positions, [4, 4, 1, 4]);
}

/// Many writers of one journal: each gets its own positions, and none is left out.
pub async fn concurrent_appends_leave_no_gap(open: impl AsyncFn(&str) -> Arc<dyn Store>) {
    let store = open("appends").await;
    let writers: Vec<_> = (0..20_i64)
        .map(|n| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                let commit = store.commit(vec![append("j", Expected::Any, &[n, n])]).await.unwrap();
                (n, commit.positions[0])
            })
        })
        .collect();
    let mut last = BTreeSet::new();
    for writer in writers {
        let (n, position) = writer.await.expect("a writer");
        let records = store.read_journal("j", position - 2, 2).await.unwrap();
        assert!(records.iter().all(|r| r.body == json!(n)), "its records are together and where it was told");
        last.insert(position);
    }
    assert_eq!(last, (1..=20).map(|n| n * 2).collect());
}

/// One appends, one trims what it has seen: sequences keep growing by one, and what was not trimmed is there.
pub async fn concurrent_trims_and_appends_keep_their_order(open: impl AsyncFn(&str) -> Arc<dyn Store>) {
    const LAST: u64 = 60;
    let store = open("both").await;
    let appending = tokio::spawn({
        let store = Arc::clone(&store);
        async move {
            for n in 1..=LAST {
                let ops = vec![append("j", Expected::Exactly(n - 1), &[n as i64])];
                assert_eq!(store.commit(ops).await.unwrap().positions, [n]);
            }
        }
    });
    let mut seen = 0;
    while seen < LAST {
        let records = store.read_journal("j", seen, 1000).await.unwrap();
        for record in records {
            assert_eq!((record.sequence, record.body), (seen + 1, json!(seen + 1)));
            seen += 1;
        }
        // Everything seen but the newest goes.
        store.commit(vec![trim("j", Expected::Any, seen)]).await.unwrap();
    }
    appending.await.expect("a writer");
    check_length(&*store, "j", LAST, LAST - 1).await;
    check_bodies(&*store, "j", &[(LAST, LAST as i64)]).await;
}
