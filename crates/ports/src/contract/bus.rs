//! What every [`Bus`] must do. [`bus_contract!`](crate::bus_contract) makes a test of each function;
//! [`a_full_bus_takes_nothing`] and [`a_torn_tail_is_cut_off`] need more than a way to open it, and are
//! called by the adapter's own tests.

use std::sync::Arc;

use bytes::Bytes;

use crate::bus::{Bus, Offset, Topic};
use crate::error::Error;

/// Makes a test of each check. `$open` is an async closure from a place (`&str`) to `Arc<dyn Bus>`.
#[macro_export]
macro_rules! bus_contract {
    ($open:expr) => {
        $crate::contract_tests! { bus, $open,
            offsets_start_at_one_and_have_no_gaps
            records_read_back_as_published
            reads_give_about_as_much_as_asked
            watchers_are_told_of_records
            records_survive_reopening
            trimming_forgets_no_more_than_allowed
            concurrent_publishers_keep_their_order
        }
    };
}

const TOPIC: Topic = Topic::Signals;

fn record(n: u64) -> Bytes {
    Bytes::from(format!("record {n}"))
}

fn records(range: std::ops::RangeInclusive<u64>) -> Vec<Bytes> {
    range.map(record).collect()
}

/// Everything after an offset.
async fn rest(bus: &dyn Bus, mut after: Offset) -> Vec<(Offset, Bytes)> {
    let mut all = Vec::new();
    loop {
        let items = bus.read(TOPIC, after, 1 << 20).await.unwrap();
        let Some((last, _)) = items.last() else { return all };
        after = *last;
        all.extend(items);
    }
}

fn numbered(range: std::ops::RangeInclusive<u64>) -> Vec<(Offset, Bytes)> {
    range.map(|n| (n, record(n))).collect()
}

/// `publish` returns the offset of its last record; reading starts after any offset.
pub async fn offsets_start_at_one_and_have_no_gaps(open: impl AsyncFn(&str) -> Arc<dyn Bus>) {
    let bus = open("offsets").await;
    assert_eq!(rest(&*bus, 0).await, []);
    assert_eq!(bus.publish(TOPIC, Vec::new()).await.unwrap(), 0, "nothing published, nothing there");
    assert_eq!(bus.publish(TOPIC, records(1..=1)).await.unwrap(), 1);
    assert_eq!(bus.publish(TOPIC, records(2..=5)).await.unwrap(), 5);
    assert_eq!(bus.publish(TOPIC, Vec::new()).await.unwrap(), 5);
    for after in 0..5 {
        assert_eq!(rest(&*bus, after).await, numbered(after + 1..=5));
    }
    for after in [5, 6, u64::MAX] {
        assert_eq!(bus.read(TOPIC, after, 100).await.unwrap(), []);
    }
}

/// Any bytes, none included, large ones too.
pub async fn records_read_back_as_published(open: impl AsyncFn(&str) -> Arc<dyn Bus>) {
    let bus = open("bytes").await;
    let published: Vec<Bytes> = vec![
        Bytes::new(),
        Bytes::from_static(&[0; 100]),
        Bytes::from((0..=255).collect::<Vec<u8>>()),
        Bytes::from(vec![0xa5; 5 << 20]),
        Bytes::new(),
    ];
    assert_eq!(bus.publish(TOPIC, published.clone()).await.unwrap(), 5);
    let found: Vec<_> = rest(&*bus, 0).await.into_iter().map(|(_, bytes)| bytes).collect();
    assert!(found == published, "records differ");
}

/// At least one record when there is one, and not far beyond `max_bytes`.
pub async fn reads_give_about_as_much_as_asked(open: impl AsyncFn(&str) -> Arc<dyn Bus>) {
    let bus = open("amounts").await;
    bus.publish(TOPIC, vec![Bytes::from(vec![7; 1000]); 50]).await.unwrap();
    assert_eq!(bus.read(TOPIC, 0, 0).await.unwrap().len(), 1);
    let some = bus.read(TOPIC, 10, 10_000).await.unwrap();
    assert_eq!(some[0].0, 11);
    assert!((1..=11).contains(&some.len()), "{} records of 1000 bytes for 10000", some.len());
    assert!(bus.read(TOPIC, 0, usize::MAX).await.unwrap().len() <= 50);
}

/// A watcher sees the newest offset, and what it sees can be read.
pub async fn watchers_are_told_of_records(open: impl AsyncFn(&str) -> Arc<dyn Bus>) {
    let bus = open("watch").await;
    let mut watcher = bus.watch(TOPIC);
    assert_eq!(*watcher.borrow_and_update(), 0);
    let consumer = tokio::spawn({
        let bus = Arc::clone(&bus);
        async move {
            let mut seen = 0;
            while seen < 100 {
                let newest = *watcher.wait_for(|newest| *newest > seen).await.expect("the bus is open");
                while seen < newest {
                    let items = bus.read(TOPIC, seen, 1 << 20).await.unwrap();
                    seen = items.last().unwrap_or_else(|| panic!("told of {newest}, nothing after {seen}")).0;
                }
            }
        }
    });
    for n in 1..=100 {
        bus.publish(TOPIC, records(n..=n)).await.unwrap();
    }
    consumer.await.expect("the consumer saw all");
    assert_eq!(*bus.watch(TOPIC).borrow(), 100, "a new watcher starts at the newest");
}

/// Records and offsets are the same after closing and opening, and go on from there.
pub async fn records_survive_reopening(open: impl AsyncFn(&str) -> Arc<dyn Bus>) {
    let mut last = 0;
    for _ in 0..4 {
        let bus = open("reopen").await;
        assert_eq!(*bus.watch(TOPIC).borrow(), last);
        assert_eq!(rest(&*bus, 0).await, numbered(1..=last));
        assert_eq!(bus.publish(TOPIC, records(last + 1..=last + 10)).await.unwrap(), last + 10);
        last += 10;
        assert_eq!(rest(&*bus, 3).await, numbered(4..=last));
    }
}

/// What is behind the trimmed offset stays, and offsets go on; also after opening again.
pub async fn trimming_forgets_no_more_than_allowed(open: impl AsyncFn(&str) -> Arc<dyn Bus>) {
    let bus = open("trim").await;
    bus.publish(TOPIC, records(1..=100)).await.unwrap();
    bus.trim(TOPIC, 0).await.unwrap();
    assert_eq!(rest(&*bus, 0).await, numbered(1..=100));
    bus.trim(TOPIC, 40).await.unwrap();
    let kept = rest(&*bus, 0).await;
    let first = kept[0].0;
    assert!(first <= 41);
    assert_eq!(kept, numbered(first..=100), "trimmed records may be skipped, nothing else");
    assert_eq!(rest(&*bus, 40).await, numbered(41..=100));
    // Backwards, and beyond what exists: records to come are not trimmed.
    bus.trim(TOPIC, 10).await.unwrap();
    bus.trim(TOPIC, u64::MAX).await.unwrap();
    assert_eq!(bus.publish(TOPIC, records(101..=101)).await.unwrap(), 101);
    assert_eq!(rest(&*bus, 100).await, numbered(101..=101));
    drop(bus);
    let bus = open("trim").await;
    assert_eq!(rest(&*bus, 100).await, numbered(101..=101));
    assert_eq!(bus.publish(TOPIC, records(102..=102)).await.unwrap(), 102);
}

/// Each batch stays together, and one publisher's batches stay in its order.
pub async fn concurrent_publishers_keep_their_order(open: impl AsyncFn(&str) -> Arc<dyn Bus>) {
    let bus = open("publishers").await;
    let publishers: Vec<_> = (0..8_u8)
        .map(|who| {
            let bus = Arc::clone(&bus);
            tokio::spawn(async move {
                for n in 0..25_u8 {
                    let batch = (0..3).map(|part| Bytes::copy_from_slice(&[who, n, part])).collect();
                    let last = bus.publish(TOPIC, batch).await.unwrap();
                    let items = bus.read(TOPIC, last - 1, 1).await.unwrap();
                    assert_eq!(
                        items[0],
                        (last, Bytes::copy_from_slice(&[who, n, 2])),
                        "its last record is there"
                    );
                }
            })
        })
        .collect();
    for publisher in publishers {
        publisher.await.expect("a publisher");
    }
    let all = rest(&*bus, 0).await;
    assert_eq!(all.len(), 8 * 25 * 3);
    let mut next = [0_u8; 8];
    for batch in all.chunks(3) {
        let who = batch[0].1[0];
        let n = next[usize::from(who)];
        for (part, (_, bytes)) in (0..).zip(batch) {
            assert_eq!(bytes[..], [who, n, part]);
        }
        next[usize::from(who)] += 1;
    }
}

/// When consumers are too far behind, nothing of a batch is taken, and trimming makes room again.
/// `open` gives a bus that keeps at most 64 KiB of backlog.
pub async fn a_full_bus_takes_nothing(open: impl AsyncFn(&str) -> Arc<dyn Bus>) {
    let bus = open("full").await;
    let batch = vec![Bytes::from(vec![1; 1000]); 4];
    let mut last = 0;
    let error = loop {
        match bus.publish(TOPIC, batch.clone()).await {
            Ok(offset) => last = offset,
            Err(error) => break error,
        }
        assert!(last < 100, "100 KB are more than 64 KiB");
    };
    assert!(matches!(error, Error::Overloaded(_)), "{error:?}");
    assert!(last >= 40, "most of the room can be used: {last}");
    assert_eq!(*bus.watch(TOPIC).borrow(), last);
    assert_eq!(rest(&*bus, 0).await.len() as u64, last);
    bus.trim(TOPIC, last).await.unwrap();
    assert_eq!(bus.publish(TOPIC, batch).await.unwrap(), last + 4, "the refused batch left no gap");
}

/// What a crash in the middle of a write leaves is not read, and publishing goes on after what was
/// acknowledged. `tear` adds such a leftover to the closed bus at a place; it is given different numbers
/// to tear differently.
pub async fn a_torn_tail_is_cut_off(
    open: impl AsyncFn(&str) -> Arc<dyn Bus>,
    tear: impl AsyncFn(&str, usize),
) {
    let mut last = 0;
    for way in 0..40 {
        let bus = open("torn").await;
        assert_eq!(rest(&*bus, 0).await, numbered(1..=last), "torn in way {way}");
        bus.publish(TOPIC, records(last + 1..=last + 3)).await.unwrap();
        last += 3;
        drop(bus);
        tear("torn", way).await;
    }
}
