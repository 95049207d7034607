//! The store that fails when it is told to, over the real one.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ports::contract::faults::{Fault, FaultPlan, FaultRates, FaultyStore};
use ports::{Error, Expected, Op, Retry, Store};
use serde_json::json;
use store_embedded::StateStore;

fn faulty(folder: &Path, plan: FaultPlan) -> Arc<FaultyStore> {
    Arc::new(FaultyStore::new(Arc::new(StateStore::open(folder).unwrap()), plan))
}

fn append(n: u64) -> Vec<Op> {
    vec![Op::Append { journal: "j".to_owned(), expected: Expected::Exactly(n), records: vec![json!(n)] }]
}

async fn length(store: &dyn Store) -> u64 {
    store.journal_length("j").await.unwrap().length
}

#[track_caller]
fn check_failed(result: Result<ports::Commit, Error>) {
    assert!(matches!(result, Err(Error::Failed { retry: Retry::Temporary, .. })), "{result:?}");
}

#[tokio::test]
async fn a_refused_commit_writes_nothing_and_a_lost_answer_hides_one() {
    let folder = tempfile::tempdir().unwrap();
    let store = faulty(folder.path(), FaultPlan::of([(2, Fault::Refused), (4, Fault::AnswerLost)]));
    store.commit(append(0)).await.unwrap();
    check_failed(store.commit(append(1)).await);
    assert_eq!(length(&*store).await, 1);
    store.commit(append(1)).await.unwrap();
    check_failed(store.commit(append(2)).await);
    assert_eq!(length(&*store).await, 3);
    assert!(matches!(store.commit(append(2)).await, Err(Error::Conflict { .. })), "it was written");
    assert_eq!((store.commits(), store.is_crashed()), (5, false));
}

/// Writes until the crash at the third commit, which leaves `expect` records, and opens the folder again.
async fn check_crash(fault: Fault, expect: u64) {
    let folder = tempfile::tempdir().unwrap();
    let store = faulty(folder.path(), FaultPlan::of([(3, fault)]));
    let writer = tokio::spawn({
        let store = Arc::clone(&store);
        async move {
            for n in 0.. {
                store.commit(append(n)).await.unwrap();
            }
        }
    });
    store.crash().await;
    assert!(store.is_crashed());
    let reader = tokio::spawn({
        let store = Arc::clone(&store);
        async move { length(&*store).await }
    });
    let again = StateStore::open(folder.path()).expect("the dead process holds nothing");
    assert_eq!(length(&again).await, expect);
    assert!(!writer.is_finished() && !reader.is_finished(), "nobody is answered by a dead process");
    writer.abort();
    reader.abort();
}

#[tokio::test]
async fn a_crash_before_the_commit_leaves_nothing_of_it() {
    check_crash(Fault::CrashBefore, 2).await;
}

#[tokio::test]
async fn a_crash_after_the_commit_leaves_it_whole() {
    check_crash(Fault::CrashAfter, 3).await;
}

#[tokio::test]
async fn a_delayed_commit_takes_its_time() {
    let time = Duration::from_millis(20);
    let folder = tempfile::tempdir().unwrap();
    let store = faulty(folder.path(), FaultPlan::of([(1, Fault::Delayed(time))]));
    let start = Instant::now();
    store.commit(append(0)).await.unwrap();
    assert!(start.elapsed() >= time);
    assert_eq!(length(&*store).await, 1);
}

#[test]
fn a_seed_is_a_plan() {
    let rates = FaultRates { refused: 100, answer_lost: 100, delayed: 100, crash: 10 };
    let plan = |seed| FaultPlan::seeded(seed, 10_000, rates);
    assert_eq!(plan(7), plan(7));
    assert_ne!(plan(7), plan(8));
    let faults: Vec<_> = (0..50).flat_map(|seed| plan(seed).faults().collect::<Vec<_>>()).collect();
    let share = |which: fn(&Fault) -> bool| faults.iter().filter(|(_, fault)| which(fault)).count();
    let crashes = share(|f| matches!(f, Fault::CrashBefore | Fault::CrashAfter));
    assert_eq!(crashes, 50, "each plan ends with its first crash");
    for which in [
        |f: &Fault| *f == Fault::Refused,
        |f: &Fault| *f == Fault::AnswerLost,
        |f: &Fault| matches!(f, Fault::Delayed(_)),
    ] {
        assert!((300..800).contains(&share(which)), "{}: about ten times as many as crashes", share(which));
    }
    assert!(share(|f| *f == Fault::CrashBefore) > 10 && share(|f| *f == Fault::CrashAfter) > 10);
    let none = FaultPlan::seeded(7, 10_000, FaultRates::default());
    assert_eq!(none.faults().count(), 0);
}
