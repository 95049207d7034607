//! What every [`Leases`] must do. [`leases_contract!`](crate::leases_contract) makes a test of each function.

use std::sync::Arc;

use model::Timestamp;

use crate::leases::Leases;

/// Makes a test of each check. `$open` is an async closure from a place (`&str`) to `Arc<dyn Leases>`.
#[macro_export]
macro_rules! leases_contract {
    ($open:expr) => {
        $crate::contract_tests! { leases, $open,
            one_holder_at_a_time
            renewing_keeps_the_fence
            every_new_holder_has_a_higher_fence
            only_the_holder_releases
            leases_are_apart
            fences_survive_reopening
            one_of_many_wins
        }
    };
}

fn at(ms: i64) -> Timestamp {
    Timestamp::from_unix_ms(1_700_000_000_000 + ms)
}

async fn fence(leases: &dyn Leases, holder: &str, now_ms: i64) -> Option<u64> {
    let lease = leases.acquire("engine", holder, 100, at(now_ms)).await.unwrap()?;
    assert_eq!((lease.name.as_str(), lease.holder.as_str()), ("engine", holder));
    assert_eq!(lease.expires_at, at(now_ms + 100));
    Some(lease.fence)
}

/// Until it expires, nobody else gets it; from that instant on, anybody does.
pub async fn one_holder_at_a_time(open: impl AsyncFn(&str) -> Arc<dyn Leases>) {
    let leases = open("one").await;
    assert!(fence(&*leases, "a", 0).await.is_some());
    assert_eq!(fence(&*leases, "b", 0).await, None);
    assert_eq!(fence(&*leases, "b", 99).await, None);
    assert!(fence(&*leases, "b", 100).await.is_some());
    assert_eq!(fence(&*leases, "a", 101).await, None);
}

/// Taking one's own lease again moves its end, not its fence; also after it expired, when nobody came between.
pub async fn renewing_keeps_the_fence(open: impl AsyncFn(&str) -> Arc<dyn Leases>) {
    let leases = open("renew").await;
    let first = fence(&*leases, "a", 0).await;
    assert_eq!(fence(&*leases, "a", 90).await, first);
    assert_eq!(fence(&*leases, "b", 150).await, None, "it was renewed");
    assert_eq!(fence(&*leases, "a", 1000).await, first);
}

/// Also when a former holder comes back.
pub async fn every_new_holder_has_a_higher_fence(open: impl AsyncFn(&str) -> Arc<dyn Leases>) {
    let leases = open("fences").await;
    let mut last = 0;
    for (n, holder) in (0..).zip(["a", "b", "a", "c", "a"]) {
        let fence = fence(&*leases, holder, n * 100).await.expect("the one before has expired");
        assert!(fence > last, "{holder} got {fence} after {last}");
        last = fence;
    }
}

/// A release by someone else does nothing; after a real one the fence still grows.
pub async fn only_the_holder_releases(open: impl AsyncFn(&str) -> Arc<dyn Leases>) {
    let leases = open("release").await;
    leases.release("engine", "a").await.expect("nothing to release is no error");
    let first = fence(&*leases, "a", 0).await.expect("free");
    leases.release("engine", "b").await.unwrap();
    assert_eq!(fence(&*leases, "b", 1).await, None);
    leases.release("engine", "a").await.unwrap();
    let second = fence(&*leases, "b", 2).await.expect("released");
    assert!(second > first);
    leases.release("engine", "b").await.unwrap();
    assert!(fence(&*leases, "b", 3).await.expect("released") >= second);
}

/// One name does not touch another.
pub async fn leases_are_apart(open: impl AsyncFn(&str) -> Arc<dyn Leases>) {
    let leases = open("apart").await;
    assert!(leases.acquire("x", "a", 100, at(0)).await.unwrap().is_some());
    assert!(leases.acquire("y", "b", 100, at(0)).await.unwrap().is_some());
    leases.release("y", "b").await.unwrap();
    assert_eq!(leases.acquire("x", "b", 100, at(1)).await.unwrap(), None);
    let forever = leases.acquire("z", "a", u64::MAX, at(0)).await.unwrap().expect("free");
    assert!(forever.expires_at > at(i64::from(u32::MAX)), "a huge time to live does not wrap around");
}

/// Holders and fences are the same after closing and opening.
pub async fn fences_survive_reopening(open: impl AsyncFn(&str) -> Arc<dyn Leases>) {
    let leases = open("reopen").await;
    fence(&*leases, "a", 0).await.expect("free");
    let second = fence(&*leases, "b", 100).await.expect("expired");
    drop(leases);
    let leases = open("reopen").await;
    assert_eq!(fence(&*leases, "a", 150).await, None);
    assert_eq!(fence(&*leases, "b", 150).await, Some(second));
    leases.release("engine", "b").await.unwrap();
    drop(leases);
    let leases = open("reopen").await;
    assert!(fence(&*leases, "a", 160).await.expect("released") > second);
}

/// Of many that ask at once exactly one gets it.
pub async fn one_of_many_wins(open: impl AsyncFn(&str) -> Arc<dyn Leases>) {
    let leases = open("many").await;
    for round in 0..5 {
        let asking: Vec<_> = (0..10)
            .map(|n| {
                let leases = Arc::clone(&leases);
                tokio::spawn(async move { fence(&*leases, &format!("holder {n}"), round * 100).await })
            })
            .collect();
        let mut won = 0;
        for one in asking {
            won += usize::from(one.await.expect("an answer").is_some());
        }
        assert_eq!(won, 1, "round {round}");
        // The same holder may win again and keeps its fence; the clock moves on either way.
    }
}
