//! What every [`Store`] must do with documents and commits. [`store_contract!`](crate::store_contract) makes a
//! test of each function. Journals have a suite of their own.
//!
//! Each takes a way to open the store at a place: the same place again is the same data, a new place is
//! empty. A check closes a store by dropping every handle.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::error::Error;
use crate::store::{Direction, DocumentPage, Expected, Filter, Index, Op, Query, Store};

/// Makes a test of each check. `$open` is an async closure from a place (`&str`) to `Arc<dyn Store>`.
#[macro_export]
macro_rules! store_contract {
    ($open:expr) => {
        $crate::contract_tests! { store, $open,
            bodies_read_back_as_written
            revisions_grow_by_one
            put_checks_what_it_expects
            delete_checks_what_it_expects
            a_commit_is_whole_or_not_at_all
            ops_of_one_commit_see_each_other
            index_fields_are_limited_and_unique
            lists_keep_their_order
            filters_hold
            filters_and_orders_combine
            fields_follow_their_document
            cursors_visit_every_document_once
            cursors_of_another_query_are_refused
            limits_are_checked
            kinds_are_apart
            the_feed_tells_every_change
            watchers_are_told
            everything_survives_reopening
            the_feed_goes_on_after_reopening
            concurrent_writers_lose_nothing
        }
    };
}

fn put(id: &str, expected: Expected, body: Value, index: Vec<(&'static str, Index)>) -> Op {
    Op::Put { kind: "thing", id: id.to_owned(), expected, body, index }
}

fn plain(id: &str) -> Op {
    put(id, Expected::Any, json!({ "id": id }), Vec::new())
}

fn delete(id: &str, expected: Expected) -> Op {
    Op::Delete { kind: "thing", id: id.to_owned(), expected }
}

fn append(journal: &str, expected: Expected, records: &[i64]) -> Op {
    Op::Append { journal: journal.to_owned(), expected, records: records.iter().map(|n| json!(n)).collect() }
}

fn text(value: &str) -> Index {
    Index::Text(value.to_owned())
}

async fn check_conflict(store: &dyn Store, op: Op) {
    let error = store.commit(vec![op.clone()]).await.expect_err("a conflict");
    assert!(matches!(error, Error::Conflict { .. }), "{op:?} gave {error:?}");
}

async fn ids(store: &dyn Store, query: &Query) -> Vec<String> {
    store.list(query).await.expect("a page").items.into_iter().map(|d| d.id).collect()
}

async fn check_list(store: &dyn Store, query: &Query, expect: &[&str]) {
    assert_eq!(ids(store, query).await, expect, "{query:?}");
}

/// Follows the cursors to the end.
async fn pages(store: &dyn Store, query: &Query) -> Vec<DocumentPage> {
    let mut pages: Vec<DocumentPage> = Vec::new();
    loop {
        let cursor = pages.last().and_then(|page| page.next.clone());
        let page = store.list(&query.clone().cursor(cursor)).await.expect("a page");
        let more = page.next.is_some();
        assert!(page.items.len() <= query.limit);
        assert!(!more || page.items.len() == query.limit, "only the last page may be short");
        pages.push(page);
        if !more {
            return pages;
        }
    }
}

/// Bodies, ids and index values come back exactly, whatever they are.
pub async fn bodies_read_back_as_written(open: impl AsyncFn(&str) -> Arc<dyn Store>) {
    let store = open("bodies").await;
    let bodies = [
        Value::Null,
        json!({}),
        json!([1, [2, [3]]]),
        json!({ "z": 1, "a": { "ü": "\u{0}\u{7f}\u{10ffff}\"\\", "": null } }),
        json!([i64::MIN, u64::MAX, 0.5, -1e300, true]),
        json!("x".repeat(3 << 20)),
    ];
    for (n, body) in bodies.iter().enumerate() {
        let id = format!("'; drop table document; -- \u{0} {n} ü");
        store.commit(vec![put(&id, Expected::Absent, body.clone(), vec![("f", text(&id))])]).await.unwrap();
        let found = store.get("thing", &id).await.unwrap().expect("it was put");
        assert_eq!((found.kind.as_str(), found.id.as_str(), found.revision), ("thing", id.as_str(), 1));
        assert_eq!(&found.body, body);
        check_list(&*store, &Query::of("thing").filter(Filter::In("f", vec![text(&id)])), &[id.as_str()])
            .await;
    }
    assert_eq!(store.get("thing", "nobody put this").await.unwrap(), None);
}

/// Each write of a document gives the next revision, from 1; also after it was removed.
pub async fn revisions_grow_by_one(open: impl AsyncFn(&str) -> Arc<dyn Store>) {
    let store = open("revisions").await;
    for expect in 1..=3 {
        assert_eq!(store.commit(vec![plain("a")]).await.unwrap().positions, [expect]);
        assert_eq!(store.get("thing", "a").await.unwrap().expect("there").revision, expect);
    }
    assert_eq!(store.commit(vec![delete("a", Expected::Any)]).await.unwrap().positions, [0]);
    assert_eq!(store.get("thing", "a").await.unwrap(), None);
    assert_eq!(store.commit(vec![plain("a")]).await.unwrap().positions, [1]);
}

/// A put is made only when what it expects is there, and a conflict changes nothing.
pub async fn put_checks_what_it_expects(open: impl AsyncFn(&str) -> Arc<dyn Store>) {
    let store = open("put").await;
    let op = |expected, n: i64| put("a", expected, json!(n), Vec::new());
    check_conflict(&*store, op(Expected::Exactly(1), 0)).await;
    store.commit(vec![op(Expected::Absent, 1)]).await.unwrap();
    check_conflict(&*store, op(Expected::Absent, 0)).await;
    check_conflict(&*store, op(Expected::Exactly(2), 0)).await;
    store.commit(vec![op(Expected::Exactly(1), 2)]).await.unwrap();
    check_conflict(&*store, op(Expected::Exactly(1), 0)).await;
    store.commit(vec![op(Expected::Any, 3)]).await.unwrap();
    let found = store.get("thing", "a").await.unwrap().expect("there");
    assert_eq!((found.revision, found.body), (3, json!(3)));

    let error = store.commit(vec![op(Expected::Exactly(7), 0)]).await.expect_err("a conflict");
    let Error::Conflict { what, expected, found } = &error else { panic!("{error:?}") };
    assert_eq!((what.as_str(), expected.as_str(), found.as_str()), ("thing/a", "7", "3"));
}

/// A delete is made only when what it expects is there; under `Any` it may find nothing.
pub async fn delete_checks_what_it_expects(open: impl AsyncFn(&str) -> Arc<dyn Store>) {
    let store = open("delete").await;
    check_conflict(&*store, delete("a", Expected::Exactly(1))).await;
    let nothing = store.commit(vec![delete("a", Expected::Any)]).await.unwrap();
    assert_eq!((nothing.positions, nothing.change), (vec![0], 0), "nothing was there, nothing changed");
    store.commit(vec![plain("a")]).await.unwrap();
    check_conflict(&*store, delete("a", Expected::Exactly(2))).await;
    check_conflict(&*store, delete("a", Expected::Absent)).await;
    assert!(store.get("thing", "a").await.unwrap().is_some());
    store.commit(vec![delete("a", Expected::Exactly(1))]).await.unwrap();
    assert_eq!(store.get("thing", "a").await.unwrap(), None);
}

/// One failing op takes the whole commit with it, whatever came before and after it.
pub async fn a_commit_is_whole_or_not_at_all(open: impl AsyncFn(&str) -> Arc<dyn Store>) {
    let store = open("atomic").await;
    let first =
        store.commit(vec![put("kept", Expected::Any, json!(1), vec![("n", Index::Int(1))])]).await.unwrap();
    let ops = vec![
        put("new", Expected::Any, json!(0), vec![("n", Index::Int(1))]),
        put("kept", Expected::Any, json!(2), vec![("n", Index::Int(2))]),
        append("j", Expected::Any, &[1]),
        delete("gone", Expected::Exactly(1)),
        plain("after"),
    ];
    let error = store.commit(ops).await.expect_err("a conflict");
    assert!(matches!(&error, Error::Conflict { what, .. } if what == "thing/gone"), "{error:?}");
    check_list(&*store, &Query::of("thing"), &["kept"]).await;
    check_list(&*store, &Query::of("thing").filter(Filter::In("n", vec![Index::Int(1)])), &["kept"]).await;
    assert_eq!(store.get("thing", "kept").await.unwrap().expect("there").body, json!(1));
    assert_eq!(store.read_journal("j", 0, 10).await.unwrap(), []);
    assert_eq!(store.journals("", "", 10).await.unwrap(), Vec::<String>::new());
    assert_eq!(store.changes(0, 10).await.unwrap().len(), 1);
    assert_eq!(*store.watch().borrow(), first.change);
    assert_eq!(store.commit(Vec::new()).await.unwrap(), crate::store::Commit::default());
}

/// Within a commit each op finds what the ones before it left.
pub async fn ops_of_one_commit_see_each_other(open: impl AsyncFn(&str) -> Arc<dyn Store>) {
    let store = open("within").await;
    let ops = vec![
        put("a", Expected::Absent, json!(1), Vec::new()),
        put("a", Expected::Exactly(1), json!(2), Vec::new()),
        delete("a", Expected::Exactly(2)),
        put("a", Expected::Absent, json!(3), Vec::new()),
        append("j", Expected::Absent, &[1]),
        append("j", Expected::Exactly(1), &[2, 3]),
    ];
    assert_eq!(store.commit(ops).await.unwrap().positions, [1, 2, 0, 1, 1, 3]);
    assert_eq!(store.get("thing", "a").await.unwrap().expect("there").body, json!(3));
}

/// Up to 8 index fields, each once; ids and journal names are not empty.
pub async fn index_fields_are_limited_and_unique(open: impl AsyncFn(&str) -> Arc<dyn Store>) {
    const FIELDS: [&str; 9] = ["a", "b", "c", "d", "e", "f", "g", "h", "i"];
    let store = open("fields").await;
    let with = |count: usize| FIELDS[..count].iter().map(|f| (*f, Index::Int(1))).collect::<Vec<_>>();
    store.commit(vec![put("eight", Expected::Any, json!(0), with(8))]).await.unwrap();
    for wrong in [with(9), vec![("a", Index::Int(1)), ("a", Index::Int(2))]] {
        let error =
            store.commit(vec![put("wrong", Expected::Any, json!(0), wrong)]).await.expect_err("refused");
        assert!(matches!(error, Error::Invalid(_)), "{error:?}");
    }
    for unnamed in [put("", Expected::Any, json!(0), Vec::new()), append("", Expected::Any, &[1])] {
        let error = store.commit(vec![unnamed]).await.expect_err("refused");
        assert!(matches!(error, Error::Invalid(_)), "{error:?}");
    }
    check_list(&*store, &Query::of("thing"), &["eight"]).await;
}

/// Seven documents: `n` has ties and a negative value and one document lacks it, `s` is text.
async fn put_seven(store: &dyn Store) {
    let rows = [
        ("d", Some(2), "x"),
        ("a", Some(2), "y"),
        ("e", Some(10), "x"),
        ("b", Some(-3), "Z"),
        ("c", Some(2), "ü"),
        ("f", None, "x"),
        ("B", Some(10), ""),
    ];
    for (id, n, s) in rows {
        let mut index = vec![("s", text(s))];
        index.extend(n.map(|n| ("n", Index::Int(n))));
        store.commit(vec![put(id, Expected::Any, json!(id), index)]).await.unwrap();
    }
}

/// By id, or by a field and then by id; descending is ascending from its other end. Integers sort as
/// numbers, text by its bytes. A document without the field is not in the list.
pub async fn lists_keep_their_order(open: impl AsyncFn(&str) -> Arc<dyn Store>) {
    let store = open("order").await;
    put_seven(&*store).await;
    let by_id = ["B", "a", "b", "c", "d", "e", "f"];
    let by_n = ["b", "a", "c", "d", "B", "e"];
    let by_s = ["B", "b", "d", "e", "f", "a", "c"];
    let reversed = |ids: &[&'static str]| ids.iter().rev().copied().collect::<Vec<_>>();
    check_list(&*store, &Query::of("thing"), &by_id).await;
    let descending = Query { direction: Direction::Descending, ..Query::of("thing") };
    check_list(&*store, &descending, &reversed(&by_id)).await;
    for (field, expect) in [("n", &by_n[..]), ("s", &by_s[..]), ("unknown", &[])] {
        check_list(&*store, &Query::of("thing").order(field, Direction::Ascending), expect).await;
        check_list(&*store, &Query::of("thing").order(field, Direction::Descending), &reversed(expect)).await;
    }
}

/// `In`, `AtLeast` (inclusive) and `Below` (exclusive), alone and together; `count` agrees.
pub async fn filters_hold(open: impl AsyncFn(&str) -> Arc<dyn Store>) {
    let store = open("filters").await;
    put_seven(&*store).await;
    let int = Index::Int;
    let cases: Vec<(Vec<Filter>, &[&str])> = vec![
        (vec![], &["B", "a", "b", "c", "d", "e", "f"]),
        (vec![Filter::In("n", vec![int(2)])], &["a", "c", "d"]),
        (vec![Filter::In("n", vec![int(10), int(-3), int(10), int(99)])], &["B", "b", "e"]),
        (vec![Filter::In("n", vec![])], &[]),
        (vec![Filter::In("n", vec![text("2")])], &[]),
        (vec![Filter::AtLeast("n", int(2))], &["B", "a", "c", "d", "e"]),
        (vec![Filter::Below("n", int(2))], &["b"]),
        (vec![Filter::AtLeast("n", int(2)), Filter::Below("n", int(10))], &["a", "c", "d"]),
        (vec![Filter::Below("s", text("x"))], &["B", "b"]),
        (vec![Filter::In("n", vec![int(2), int(10)]), Filter::In("s", vec![text("x")])], &["d", "e"]),
        (vec![Filter::In("n", vec![int(2)]), Filter::In("n", vec![int(10)])], &[]),
        (vec![Filter::In("unknown", vec![int(2)])], &[]),
    ];
    for (filters, expect) in cases {
        let query = Query { filters, ..Query::of("thing") };
        check_list(&*store, &query, expect).await;
        assert_eq!(store.count(&query).await.unwrap(), expect.len() as u64, "{query:?}");
        let odd = query.limit(1).order("n", Direction::Descending);
        assert_eq!(store.count(&odd).await.unwrap(), expect.len() as u64, "order and limit are ignored");
    }
}

/// Every filter works in every order, page by page.
pub async fn filters_and_orders_combine(open: impl AsyncFn(&str) -> Arc<dyn Store>) {
    let store = open("combined").await;
    let documents: Vec<(String, i64, i64)> =
        (0..60).map(|n| (format!("id{n:02}"), n * 7 % 11, n % 3)).collect();
    let ops = documents.iter().map(|(id, a, b)| {
        put(id, Expected::Any, json!(id), vec![("a", Index::Int(*a)), ("b", Index::Int(*b))])
    });
    store.commit(ops.collect()).await.unwrap();
    let filter_sets = [
        vec![Filter::AtLeast("a", Index::Int(3)), Filter::In("b", vec![Index::Int(0), Index::Int(2)])],
        vec![Filter::Below("a", Index::Int(8)), Filter::AtLeast("b", Index::Int(1))],
        vec![Filter::In("a", vec![Index::Int(4), Index::Int(5)])],
    ];
    for filters in filter_sets {
        for order_by in [None, Some("a"), Some("b")] {
            for direction in [Direction::Ascending, Direction::Descending] {
                let query =
                    Query { filters: filters.clone(), order_by, direction, limit: 4, ..Query::of("thing") };
                let expect = expected(&documents, &query);
                let found = pages(&*store, &query).await.into_iter().flat_map(|page| page.items);
                assert_eq!(found.map(|d| d.id).collect::<Vec<_>>(), expect, "{query:?}");
            }
        }
    }
}

fn expected(documents: &[(String, i64, i64)], query: &Query) -> Vec<String> {
    let value = |(_, a, b): &(String, i64, i64), field| Index::Int(if field == "a" { *a } else { *b });
    let holds = |document: &&(String, i64, i64)| {
        query.filters.iter().all(|filter| match filter {
            Filter::In(field, values) => values.contains(&value(document, *field)),
            Filter::AtLeast(field, bound) => value(document, *field) >= *bound,
            Filter::Below(field, bound) => value(document, *field) < *bound,
        })
    };
    let mut matching: Vec<_> = documents.iter().filter(holds).collect();
    matching.sort_by_key(|document| (query.order_by.map(|field| value(document, field)), document.0.clone()));
    if query.direction == Direction::Descending {
        matching.reverse();
    }
    matching.into_iter().map(|(id, _, _)| id.clone()).collect()
}

/// A put replaces all index fields, a delete removes them.
pub async fn fields_follow_their_document(open: impl AsyncFn(&str) -> Arc<dyn Store>) {
    let store = open("follow").await;
    let status = |s: &str| Query::of("thing").filter(Filter::In("status", vec![text(s)]));
    let with = |index| put("a", Expected::Any, json!(0), index);
    store.commit(vec![with(vec![("status", text("open")), ("n", Index::Int(1))])]).await.unwrap();
    check_list(&*store, &status("open"), &["a"]).await;
    store.commit(vec![with(vec![("status", text("resolved"))])]).await.unwrap();
    check_list(&*store, &status("open"), &[]).await;
    check_list(&*store, &status("resolved"), &["a"]).await;
    check_list(&*store, &Query::of("thing").order("n", Direction::Ascending), &[]).await;
    store.commit(vec![with(vec![("status", Index::Int(1))])]).await.unwrap();
    check_list(&*store, &status("resolved"), &[]).await;
    store.commit(vec![delete("a", Expected::Any)]).await.unwrap();
    assert_eq!(store.count(&Query::of("thing")).await.unwrap(), 0);
    check_list(&*store, &Query::of("thing").order("status", Direction::Ascending), &[]).await;
}

/// Pages join without overlap or hole, also when documents come and go between them.
pub async fn cursors_visit_every_document_once(open: impl AsyncFn(&str) -> Arc<dyn Store>) {
    let store = open("cursors").await;
    let doc = |n: i64, rank: i64| {
        put(&format!("{n:03}"), Expected::Any, json!(n), vec![("rank", Index::Int(rank))])
    };
    store.commit((0..100).map(|n| doc(n, n % 4)).collect()).await.unwrap();
    for limit in [1, 7, 25, 100] {
        for direction in [Direction::Ascending, Direction::Descending] {
            let query = Query::of("thing").order("rank", direction).limit(limit);
            let found: Vec<_> = pages(&*store, &query).await.into_iter().flat_map(|p| p.items).collect();
            let unique: BTreeSet<_> = found.iter().map(|d| d.id.clone()).collect();
            assert_eq!((found.len(), unique.len()), (100, 100), "{query:?}");
        }
    }
    let query = Query::of("thing").order("rank", Direction::Ascending).limit(10);
    let first = store.list(&query).await.unwrap();
    let last = &first.items[9].id;
    // The document at the cursor goes, one comes before it, one right behind it.
    let changed = vec![
        delete(last, Expected::Any),
        doc(500, -1),
        put("036a", Expected::Any, json!(0), vec![("rank", Index::Int(0))]),
    ];
    store.commit(changed).await.unwrap();
    let second = store.list(&query.cursor(first.next)).await.unwrap();
    let found: Vec<_> = second.items.iter().map(|d| d.id.as_str()).collect();
    assert_eq!(found[..3], ["036a", "040", "044"], "the page goes on where the last one ended");
}

/// A cursor is refused by any other question, and so is noise.
pub async fn cursors_of_another_query_are_refused(open: impl AsyncFn(&str) -> Arc<dyn Store>) {
    let store = open("foreign").await;
    put_seven(&*store).await;
    let query = Query::of("thing").order("n", Direction::Ascending).limit(2);
    let cursor = store.list(&query).await.unwrap().next;
    assert!(cursor.is_some());
    store.list(&query.clone().limit(5).cursor(cursor.clone())).await.expect("another limit is fine");
    let others = [
        Query::of("other").order("n", Direction::Ascending),
        Query::of("thing").order("s", Direction::Ascending),
        Query::of("thing").order("n", Direction::Descending),
        Query::of("thing"),
        query.clone().filter(Filter::AtLeast("n", Index::Int(0))),
    ];
    for other in others {
        let error = store.list(&other.cursor(cursor.clone())).await.expect_err("refused");
        assert!(matches!(error, Error::Invalid(_)), "{error:?}");
    }
    for noise in ["", "x", "ü", "0000", "' OR 1=1 --"] {
        let error = store.list(&query.clone().cursor(Some(noise.to_owned()))).await.expect_err("refused");
        assert!(matches!(error, Error::Invalid(_)), "{error:?}");
    }
}

/// 1 to 1000.
pub async fn limits_are_checked(open: impl AsyncFn(&str) -> Arc<dyn Store>) {
    let store = open("limits").await;
    for limit in [0, 1001, usize::MAX] {
        let error = store.list(&Query::of("thing").limit(limit)).await.expect_err("refused");
        assert!(matches!(error, Error::Invalid(_)), "{error:?}");
    }
    store.commit((0..1001).map(|n| plain(&format!("{n:04}"))).collect()).await.unwrap();
    let page = store.list(&Query::of("thing").limit(1000)).await.unwrap();
    assert_eq!((page.items.len(), page.next.is_some()), (1000, true));
    let rest = store.list(&Query::of("thing").limit(1).cursor(page.next)).await.unwrap();
    assert_eq!((rest.items.len(), rest.next), (1, None), "no cursor to an empty page");
}

/// The same id under two kinds is two documents.
pub async fn kinds_are_apart(open: impl AsyncFn(&str) -> Arc<dyn Store>) {
    let store = open("kinds").await;
    let other = |expected| Op::Put {
        kind: "other",
        id: "a".to_owned(),
        expected,
        body: json!("other"),
        index: vec![("n", Index::Int(1))],
    };
    store.commit(vec![put("a", Expected::Absent, json!("thing"), vec![("n", Index::Int(1))])]).await.unwrap();
    store.commit(vec![other(Expected::Absent)]).await.unwrap();
    store.commit(vec![delete("a", Expected::Exactly(1))]).await.unwrap();
    assert_eq!(store.get("other", "a").await.unwrap().expect("there").body, json!("other"));
    for query in [Query::of("thing"), Query::of("thing").order("n", Direction::Ascending)] {
        assert_eq!(store.list(&query).await.unwrap().items, []);
        assert_eq!(store.count(&query).await.unwrap(), 0);
    }
}

/// Positions grow; the newest change of every document is there, removals too; nothing comes twice.
pub async fn the_feed_tells_every_change(open: impl AsyncFn(&str) -> Arc<dyn Store>) {
    let store = open("feed").await;
    assert_eq!(store.changes(0, 10).await.unwrap(), []);
    let first =
        store.commit(vec![plain("a"), plain("b"), append("j", Expected::Any, &[1])]).await.unwrap().change;
    let second = store.commit(vec![plain("a")]).await.unwrap().change;
    let third = store.commit(vec![delete("b", Expected::Any), plain("c")]).await.unwrap().change;
    assert!(0 < first && first < second && second < third);
    let feed = store.changes(0, 100).await.unwrap();
    assert!(feed.windows(2).all(|pair| pair[0].sequence < pair[1].sequence), "{feed:?}");
    assert_eq!(feed.last().expect("changes").sequence, third);
    let newest = |id: &str| feed.iter().rev().find(|c| c.id == id).expect("in the feed").revision;
    assert_eq!((newest("a"), newest("b"), newest("c")), (Some(2), None, Some(1)));
    let ids = |changes: Vec<crate::DocumentChange>| changes.into_iter().map(|c| c.id).collect::<Vec<_>>();
    assert_eq!(ids(store.changes(second, 100).await.unwrap()), ["b", "c"]);
    assert_eq!(ids(store.changes(second, 1).await.unwrap()), ["b"]);
    assert_eq!(store.changes(third, 100).await.unwrap(), []);
    assert_eq!(store.changes(u64::MAX, 100).await.unwrap(), []);
}

/// A watcher sees the newest position, also of changes made before it looked.
pub async fn watchers_are_told(open: impl AsyncFn(&str) -> Arc<dyn Store>) {
    let store = open("watch").await;
    let mut watcher = store.watch();
    assert_eq!(*watcher.borrow_and_update(), 0);
    let change = store.commit(vec![plain("a")]).await.unwrap().change;
    watcher.wait_for(|newest| *newest >= change).await.expect("the store is open");
    assert_eq!(*store.watch().borrow(), change);
    store.commit(vec![append("j", Expected::Any, &[1])]).await.unwrap();
    assert_eq!(*store.watch().borrow(), change, "journals are not in the feed");
}

/// Documents, revisions, index fields, cursors and journals are the same after closing and opening.
pub async fn everything_survives_reopening(open: impl AsyncFn(&str) -> Arc<dyn Store>) {
    let store = open("reopen").await;
    put_seven(&*store).await;
    store
        .commit(vec![plain("a"), delete("b", Expected::Any), append("j", Expected::Any, &[1, 2])])
        .await
        .unwrap();
    let query = Query::of("thing").order("n", Direction::Ascending).limit(2);
    let first = store.list(&query).await.unwrap();
    let rest = query.clone().cursor(first.next.clone());
    let before = (store.list(&Query::of("thing")).await.unwrap().items, ids(&*store, &rest).await);
    drop(store);

    let store = open("reopen").await;
    assert_eq!((store.list(&Query::of("thing")).await.unwrap().items, ids(&*store, &rest).await), before);
    assert_eq!(store.read_journal("j", 0, 10).await.unwrap().len(), 2);
    check_conflict(&*store, append("j", Expected::Exactly(1), &[0])).await;
    check_conflict(&*store, put("a", Expected::Exactly(1), json!(0), Vec::new())).await;
    store.commit(vec![put("a", Expected::Exactly(2), json!(0), Vec::new())]).await.unwrap();
}

/// Positions of the feed are never given twice, also when the newest change was a removal.
pub async fn the_feed_goes_on_after_reopening(open: impl AsyncFn(&str) -> Arc<dyn Store>) {
    let mut newest = 0;
    for round in 1..=3 {
        let store = open("feed goes on").await;
        assert_eq!(*store.watch().borrow(), newest);
        newest = store.commit(vec![plain("a"), plain("b")]).await.unwrap().change;
        let removed = store.commit(vec![delete("b", Expected::Any)]).await.unwrap().change;
        assert!(removed > newest, "round {round}");
        newest = removed;
    }
}

/// Many writers that read, add one and write with the revision they read: every addition counts.
pub async fn concurrent_writers_lose_nothing(open: impl AsyncFn(&str) -> Arc<dyn Store>) {
    const WRITERS: u64 = 8;
    const EACH: u64 = 20;
    let store = open("writers").await;
    store.commit(vec![put("counter", Expected::Absent, json!(0), Vec::new())]).await.unwrap();
    let writers: Vec<_> =
        (0..WRITERS).map(|_| tokio::spawn(add_one_often(Arc::clone(&store), EACH))).collect();
    for writer in writers {
        writer.await.expect("a writer");
    }
    let counter = store.get("thing", "counter").await.unwrap().expect("there");
    assert_eq!((counter.body, counter.revision), (json!(WRITERS * EACH), WRITERS * EACH + 1));
}

async fn add_one_often(store: Arc<dyn Store>, times: u64) {
    let mut done = 0;
    while done < times {
        let found = store.get("thing", "counter").await.unwrap().expect("there");
        let next = found.body.as_u64().expect("a number") + 1;
        let ops = vec![
            put("counter", Expected::Exactly(found.revision), json!(next), Vec::new()),
            // Fails never, so it must be there as often as the counter was moved.
            append("additions", Expected::Exactly(next - 1), &[1]),
        ];
        match store.commit(ops).await {
            Ok(_) => done += 1,
            Err(Error::Conflict { .. }) => {}
            Err(error) => panic!("{error:?}"),
        }
    }
}
