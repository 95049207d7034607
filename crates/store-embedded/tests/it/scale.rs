//! Many documents, and a state that may not grow.

use std::time::{Duration, Instant};

use ports::{Direction, Error, Expected, Filter, Index, JournalPosition, Op, Query, Retry, Store};
use serde_json::json;
use store_embedded::{StateOptions, StateStore};

const COUNT: i64 = 50_000;

fn document(n: i64) -> Op {
    let status = if n % 1000 == 0 { "open" } else { "resolved" };
    Op::Put {
        kind: "incident",
        id: format!("inc_{:08x}", n.wrapping_mul(2_654_435_761) & 0xffff_ffff),
        expected: Expected::Absent,
        body: json!({ "n": n, "title": "payments answers slowly", "status": status }),
        index: vec![
            ("opened_at", Index::Int(n)),
            ("status", Index::Text(status.to_owned())),
            ("severity", Index::Int(n % 4)),
        ],
    }
}

/// The fastest of several: the others also measure what else the machine is doing.
async fn fastest(store: &StateStore, query: &Query) -> Duration {
    let mut times = Vec::new();
    for _ in 0..20 {
        let start = Instant::now();
        let page = store.list(query).await.unwrap();
        times.push(start.elapsed());
        assert_eq!(page.items.len(), query.limit);
    }
    times.into_iter().min().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_costs_the_same_wherever_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let store = StateStore::open(folder.path()).unwrap();
    for start in (0..COUNT).step_by(5000) {
        store.commit((start..start + 5000).map(document).collect()).await.unwrap();
    }
    assert_eq!(store.count(&Query::of("incident")).await.unwrap(), COUNT as u64);

    let newest = Query::of("incident").order("opened_at", Direction::Descending).limit(50);
    // A cursor in the middle: the page that begins at the bound is asked for once, for its `next`.
    let from_middle = newest.clone().filter(Filter::Below("opened_at", Index::Int(COUNT / 2)));
    let next = store.list(&from_middle).await.unwrap().next;
    let open = Filter::In("status", vec![Index::Text("open".to_owned())]);
    let severe = Filter::In("severity", vec![Index::Int(3)]);
    let questions = [
        ("newest", newest.clone()),
        ("from a cursor in the middle", from_middle.cursor(next)),
        ("newest open, one of a thousand", newest.clone().filter(open.clone())),
        ("newest severe, one of four", newest.filter(severe.clone())),
        ("severe by id", Query::of("incident").filter(severe).limit(50)),
        ("ties by id", Query::of("incident").order("severity", Direction::Ascending).limit(50)),
    ];
    for (name, query) in questions {
        let query = if query.filters.contains(&open) { query.limit(40) } else { query };
        let took = fastest(&store, &query).await;
        // Half of what a scan of all documents takes at least, many times what an index takes.
        assert!(took < Duration::from_millis(10), "{name}: {took:?}");
    }
}

/// What a restart does with the runs it finds open, and what it costs in memory: a page at a time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_of_journals_costs_the_same_wherever_it_is() {
    const JOURNALS: usize = 20_000;
    let folder = tempfile::tempdir().unwrap();
    let store = StateStore::open(folder.path()).unwrap();
    let name = |n: usize| format!("run/{n:08}");
    for round in 0..2 {
        for first in (0..JOURNALS).step_by(5000) {
            let append = |n| Op::Append {
                journal: name(n),
                expected: Expected::Exactly(round),
                records: vec![json!({ "n": n, "round": round, "text": "x".repeat(100) })],
            };
            store.commit((first..first + 5000).map(append).collect()).await.unwrap();
        }
    }
    let (mut after, mut records, mut pages) = (JournalPosition::default(), 0, 0);
    loop {
        let page = store.journals_after("run/", &after, 1000, 64 << 10).await.unwrap();
        let found: usize = page.parts.iter().map(|part| part.records.len()).sum();
        assert!((1..=1000).contains(&found) && found <= (64 << 10) / 100 + 1, "{found} records");
        records += found;
        pages += 1;
        let Some(next) = page.next else { break };
        after = next;
    }
    assert_eq!(records, 2 * JOURNALS);
    assert!(pages >= records * 100 / (64 << 10), "{pages}");
    for at in [0, JOURNALS / 2, JOURNALS - 600] {
        let after = JournalPosition { journal: name(at), sequence: 1 };
        let mut fastest = Duration::MAX;
        for _ in 0..10 {
            let start = Instant::now();
            let page = store.journals_after("run/", &after, 1000, usize::MAX).await.unwrap();
            fastest = fastest.min(start.elapsed());
            assert_eq!((page.parts[0].journal.as_str(), page.parts[0].records[0].sequence), (&*name(at), 2));
        }
        // Many times what it takes, half of what reading all 40,000 takes.
        assert!(fastest < Duration::from_millis(60), "from {at}: {fastest:?}");
    }
}

#[tokio::test]
async fn a_full_state_refuses_and_recovers() {
    let folder = tempfile::tempdir().unwrap();
    let store = StateStore::open_with(folder.path(), StateOptions { max_bytes: Some(1 << 20) }).unwrap();
    let op = |n: usize| Op::Put {
        kind: "thing",
        id: format!("{n:04}"),
        expected: Expected::Absent,
        body: json!("x".repeat(20_000)),
        index: vec![("n", Index::Int(n as i64))],
    };
    let mut put = 0;
    let error = loop {
        match store.commit(vec![op(put)]).await {
            Ok(_) => put += 1,
            Err(error) => break error,
        }
        assert!(put < 60, "60 documents of 20 KB are more than 1 MB");
    };
    assert!(matches!(error, Error::Failed { operation: "commit", retry: Retry::Temporary, .. }), "{error:?}");
    // What was acknowledged is there, what was refused is not, and reading goes on.
    assert_eq!(store.count(&Query::of("thing")).await.unwrap(), put as u64);

    let delete = (0..put / 2).map(|n| Op::Delete {
        kind: "thing",
        id: format!("{n:04}"),
        expected: Expected::Exactly(1),
    });
    store.commit(delete.collect()).await.unwrap();
    store.commit(vec![op(put)]).await.expect("there is room again");
}
