//! A store that fails when it is told to: for tests of what uses a store.
//!
//! Which commit fails and how is data, so a test that found something finds it again. Reads always work, until
//! a crash: from then on nothing is answered any more, as to a process that has died, and the store inside is
//! let go, so that it can be opened again.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;

use crate::error::{Error, Result, Retry};
use crate::store::{
    Commit, Document, DocumentChange, DocumentPage, JournalLength, JournalPage, JournalPosition,
    JournalRecord, Op, Query, Store,
};

/// What happens to a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing is written; the caller is told so, and that trying again helps.
    Refused,
    /// Everything is written, but the caller is told that it failed and that trying again helps.
    AnswerLost,
    /// It is written and answered as always, after this time.
    Delayed(Duration),
    /// The process dies before anything is written.
    CrashBefore,
    /// The process dies when everything is written and nobody has been told.
    CrashAfter,
}

/// Which commits fail, and how. Commits are counted from 1, from when the store was wrapped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FaultPlan {
    faults: BTreeMap<u64, Fault>,
}

/// How many of a thousand commits meet each fault.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FaultRates {
    /// [`Fault::Refused`].
    pub refused: u64,
    /// [`Fault::AnswerLost`].
    pub answer_lost: u64,
    /// [`Fault::Delayed`], by 1 to 50 ms.
    pub delayed: u64,
    /// [`Fault::CrashBefore`] or [`Fault::CrashAfter`]; the plan ends with the first.
    pub crash: u64,
}

impl FaultPlan {
    /// These commits fail, and no others.
    #[must_use]
    pub fn of(faults: impl IntoIterator<Item = (u64, Fault)>) -> Self {
        Self { faults: faults.into_iter().collect() }
    }

    /// A plan for the first `commits` commits; the same seed gives the same plan.
    #[must_use]
    pub fn seeded(seed: u64, commits: u64, rates: FaultRates) -> Self {
        let mut random = Random(seed);
        let mut plan = Self::default();
        for commit in 1..=commits {
            let fault = fault(random.below(1000), rates, &mut random);
            if let Some(fault) = fault {
                plan.faults.insert(commit, fault);
            }
            if matches!(fault, Some(Fault::CrashBefore | Fault::CrashAfter)) {
                break;
            }
        }
        plan
    }

    /// The plan, in the order of the commits.
    pub fn faults(&self) -> impl Iterator<Item = (u64, Fault)> {
        self.faults.iter().map(|(commit, fault)| (*commit, *fault))
    }
}

fn fault(mut dice: u64, rates: FaultRates, random: &mut Random) -> Option<Fault> {
    let rates = [rates.refused, rates.answer_lost, rates.delayed, rates.crash];
    for (which, rate) in rates.into_iter().enumerate() {
        if dice < rate {
            let more = random.below(50);
            return Some(match which {
                0 => Fault::Refused,
                1 => Fault::AnswerLost,
                2 => Fault::Delayed(Duration::from_millis(1 + more)),
                _ if more < 25 => Fault::CrashBefore,
                _ => Fault::CrashAfter,
            });
        }
        dice -= rate;
    }
    None
}

/// SplitMix64 (Steele, Lea and Flood 2014): small, and the same everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }
}

struct Inside {
    /// None after a crash.
    store: Option<Arc<dyn Store>>,
    commits: u64,
}

/// A store in front of another that carries a plan of faults out.
pub struct FaultyStore {
    inside: Mutex<Inside>,
    plan: FaultPlan,
    newest: watch::Receiver<u64>,
    crashed: watch::Sender<bool>,
}

impl FaultyStore {
    /// Puts a plan in front of a store. The caller keeps no handle to the store when it wants to open it again
    /// after a crash.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, plan: FaultPlan) -> Self {
        let newest = store.watch();
        let inside = Mutex::new(Inside { store: Some(store), commits: 0 });
        Self { inside, plan, newest, crashed: watch::Sender::new(false) }
    }

    /// How many commits were asked for.
    #[must_use]
    pub fn commits(&self) -> u64 {
        self.inside().commits
    }

    /// Whether the plan has come to a crash.
    #[must_use]
    pub fn is_crashed(&self) -> bool {
        *self.crashed.borrow()
    }

    /// Waits for the crash. Then the test ends whatever uses this store, as the system would have, and opens the
    /// store again.
    pub async fn crash(&self) {
        // The sender is a part of `self`.
        let _ = self.crashed.subscribe().wait_for(|crashed| *crashed).await;
    }

    /// The lock is held for bookkeeping only, never over an await.
    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next_commit(&self) -> Option<Fault> {
        let mut inside = self.inside();
        inside.commits += 1;
        self.plan.faults.get(&inside.commits).copied()
    }

    /// The store inside; a dead process never gets further than here.
    async fn alive(&self) -> Arc<dyn Store> {
        let store = self.inside().store.clone();
        match store {
            Some(store) => store,
            None => std::future::pending().await,
        }
    }

    /// The process dies; `store` is the handle of the commit under way.
    async fn die<T>(&self, store: Arc<dyn Store>) -> T {
        drop(store);
        self.inside().store = None;
        self.crashed.send_replace(true);
        std::future::pending().await
    }

    /// An answer, unless the process died while it was waited for.
    async fn answer<T>(&self, answer: T) -> T {
        if self.is_crashed() { std::future::pending().await } else { answer }
    }
}

fn lost(why: &'static str) -> Error {
    Error::failed("commit", Retry::Temporary, why)
}

#[async_trait]
impl Store for FaultyStore {
    async fn commit(&self, ops: Vec<Op>) -> Result<Commit> {
        let store = self.alive().await;
        let answer = match self.next_commit() {
            None => store.commit(ops).await,
            Some(Fault::Delayed(time)) => {
                tokio::time::sleep(time).await;
                store.commit(ops).await
            }
            Some(Fault::Refused) => Err(lost("refused by the plan of faults; nothing was written")),
            Some(Fault::AnswerLost) => {
                store.commit(ops).await.and(Err(lost("lost by the plan of faults; all was written")))
            }
            Some(Fault::CrashBefore) => self.die(store).await,
            Some(Fault::CrashAfter) => {
                let _ = store.commit(ops).await;
                self.die(store).await
            }
        };
        self.answer(answer).await
    }

    async fn get(&self, kind: &'static str, id: &str) -> Result<Option<Document>> {
        let answer = self.alive().await.get(kind, id).await;
        self.answer(answer).await
    }

    async fn list(&self, query: &Query) -> Result<DocumentPage> {
        let answer = self.alive().await.list(query).await;
        self.answer(answer).await
    }

    async fn count(&self, query: &Query) -> Result<u64> {
        let answer = self.alive().await.count(query).await;
        self.answer(answer).await
    }

    async fn changes(&self, after: u64, limit: usize) -> Result<Vec<DocumentChange>> {
        let answer = self.alive().await.changes(after, limit).await;
        self.answer(answer).await
    }

    fn watch(&self) -> watch::Receiver<u64> {
        self.newest.clone()
    }

    async fn read_journal(&self, journal: &str, after: u64, limit: usize) -> Result<Vec<JournalRecord>> {
        let answer = self.alive().await.read_journal(journal, after, limit).await;
        self.answer(answer).await
    }

    async fn journals(&self, prefix: &str, after: &str, limit: usize) -> Result<Vec<String>> {
        let answer = self.alive().await.journals(prefix, after, limit).await;
        self.answer(answer).await
    }

    async fn journal_length(&self, journal: &str) -> Result<JournalLength> {
        let answer = self.alive().await.journal_length(journal).await;
        self.answer(answer).await
    }

    async fn journals_after(
        &self,
        prefix: &str,
        after: &JournalPosition,
        limit_records: usize,
        limit_bytes: usize,
    ) -> Result<JournalPage> {
        let answer = self.alive().await.journals_after(prefix, after, limit_records, limit_bytes).await;
        self.answer(answer).await
    }

    async fn journals_named(
        &self,
        names: &[String],
        after: &JournalPosition,
        limit_records: usize,
        limit_bytes: usize,
    ) -> Result<JournalPage> {
        let answer = self.alive().await.journals_named(names, after, limit_records, limit_bytes).await;
        self.answer(answer).await
    }
}
