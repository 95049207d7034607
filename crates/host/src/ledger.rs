//! The ledger: which action keys were begun, which steps took effect, and what came of them.
//!
//! A key is on disk before its first effect (`started`, with the whole plan), each step after it took effect
//! (`effect`), and the result last (`done`). A key found started after a crash is finished from its plan: the
//! steps look at the real state, so that what was done is not done again.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use model::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::journal::{append_line, blocking, read_lines, rewrite};
use crate::plan::Plan;

/// Keys kept; the oldest finished ones go when the host starts.
const KEPT: usize = 20_000;

/// What the ledger says of one key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LedgerEntry {
    /// The idempotency key.
    pub key: String,
    /// Name of the action.
    pub action: String,
    /// The service touched.
    pub service: String,
    /// When it was begun.
    pub at: Timestamp,
    /// Whether its result is known.
    pub done: bool,
    /// How often its effect was brought about: the largest count over its steps. More than 1 is a fault of
    /// the host.
    pub times_executed: u32,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
enum Line {
    Started { key: String, order: Box<Order> },
    Effect { key: String, step: usize },
    Done { key: String, result: Value },
}

/// What was asked for, and the plan made for it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Order {
    pub action: String,
    pub service: String,
    pub parameters: Value,
    pub actor: String,
    pub at: Timestamp,
    pub plan: Plan,
}

#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub order: Order,
    pub effects: BTreeMap<usize, u32>,
    pub result: Option<Value>,
}

#[derive(Clone)]
pub(crate) struct Ledger {
    inner: Arc<Mutex<Inner>>,
}

struct Inner {
    file: File,
    records: BTreeMap<String, Record>,
}

impl Ledger {
    pub(crate) fn open(path: PathBuf) -> io::Result<Self> {
        let mut records = BTreeMap::new();
        for line in read_lines(&path)? {
            take(&mut records, line);
        }
        let mut by_age: Vec<_> = records.iter().filter(|(_, r)| r.result.is_some()).collect();
        by_age.sort_by_key(|(_, r)| r.order.at);
        let old = by_age.len().saturating_sub(KEPT);
        let gone: Vec<String> = by_age[..old].iter().map(|(key, _)| (*key).clone()).collect();
        for key in gone {
            records.remove(&key);
        }
        let lines: Vec<Line> = records.iter().flat_map(|(key, record)| lines_of(key, record)).collect();
        let file = rewrite(&path, lines.iter())?;
        Ok(Self { inner: Arc::new(Mutex::new(Inner { file, records })) })
    }

    pub(crate) fn find(&self, key: &str) -> Option<Record> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).records.get(key).cloned()
    }

    /// Notes that a key is begun. Gives the record there is when another caller was first.
    pub(crate) async fn start(&self, key: &str, order: Order) -> io::Result<Option<Record>> {
        let (inner, key) = (Arc::clone(&self.inner), key.to_owned());
        blocking(move || {
            let mut inner = inner.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(record) = inner.records.get(&key) {
                return Ok(Some(record.clone()));
            }
            inner.write(Line::Started { key, order: Box::new(order) })?;
            Ok(None)
        })
        .await
    }

    pub(crate) async fn effect(&self, key: &str, step: usize) -> io::Result<()> {
        self.append(Line::Effect { key: key.to_owned(), step }).await
    }

    pub(crate) async fn done(&self, key: &str, result: Value) -> io::Result<()> {
        self.append(Line::Done { key: key.to_owned(), result }).await
    }

    async fn append(&self, line: Line) -> io::Result<()> {
        let inner = Arc::clone(&self.inner);
        blocking(move || inner.lock().unwrap_or_else(PoisonError::into_inner).write(line)).await
    }

    /// Keys that were begun and have no result, oldest first.
    pub(crate) fn unfinished(&self) -> Vec<String> {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let mut open: Vec<_> = inner.records.iter().filter(|(_, r)| r.result.is_none()).collect();
        open.sort_by_key(|(_, r)| r.order.at);
        open.into_iter().map(|(key, _)| key.clone()).collect()
    }

    /// Every key, newest first.
    pub(crate) fn entries(&self, limit: usize) -> Vec<LedgerEntry> {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let mut entries: Vec<_> = inner.records.iter().map(|(key, record)| entry(key, record)).collect();
        entries.sort_by(|a, b| b.at.cmp(&a.at).then_with(|| a.key.cmp(&b.key)));
        entries.truncate(limit);
        entries
    }
}

impl Inner {
    fn write(&mut self, line: Line) -> io::Result<()> {
        append_line(&mut self.file, &line)?;
        take(&mut self.records, line);
        Ok(())
    }
}

fn take(records: &mut BTreeMap<String, Record>, line: Line) {
    match line {
        Line::Started { key, order } => {
            records.entry(key).or_insert(Record { order: *order, effects: BTreeMap::new(), result: None });
        }
        Line::Effect { key, step } => {
            if let Some(record) = records.get_mut(&key) {
                *record.effects.entry(step).or_default() += 1;
            }
        }
        Line::Done { key, result } => {
            if let Some(record) = records.get_mut(&key) {
                record.result.get_or_insert(result);
            }
        }
    }
}

fn lines_of(key: &str, record: &Record) -> Vec<Line> {
    let key = || key.to_owned();
    let mut lines = vec![Line::Started { key: key(), order: Box::new(record.order.clone()) }];
    for (step, times) in &record.effects {
        lines.extend((0..*times).map(|_| Line::Effect { key: key(), step: *step }));
    }
    lines.extend(record.result.clone().map(|result| Line::Done { key: key(), result }));
    lines
}

fn entry(key: &str, record: &Record) -> LedgerEntry {
    // A finished key without any effect found everything as it was asked for: its effect is there once.
    let least = u32::from(record.result.is_some());
    LedgerEntry {
        key: key.to_owned(),
        action: record.order.action.clone(),
        service: record.order.service.clone(),
        at: record.order.at,
        done: record.result.is_some(),
        times_executed: record.effects.values().copied().max().unwrap_or(0).max(least),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn order() -> Order {
        Order {
            action: "process.restart".into(),
            service: "a".into(),
            parameters: json!({"service": "a"}),
            actor: "test".into(),
            at: Timestamp::from_unix_ms(5),
            plan: Plan { steps: vec![], would: "nothing".into(), inverse: None },
        }
    }

    #[tokio::test]
    async fn keys_and_results_survive_reopening() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ledger.jsonl");
        let ledger = Ledger::open(path.clone()).unwrap();
        assert!(ledger.start("k1", order()).await.unwrap().is_none());
        assert!(ledger.start("k1", order()).await.unwrap().is_some(), "the second caller must see the first");
        ledger.effect("k1", 0).await.unwrap();
        ledger.done("k1", json!({"output": 1})).await.unwrap();
        ledger.start("k2", order()).await.unwrap();
        for _ in 0..2 {
            let ledger = Ledger::open(path.clone()).unwrap();
            assert_eq!(ledger.find("k1").unwrap().result, Some(json!({"output": 1})));
            assert_eq!(ledger.unfinished(), ["k2"]);
            let times: Vec<_> =
                ledger.entries(10).iter().map(|e| (e.key.clone(), e.times_executed)).collect();
            assert_eq!(times, [("k1".to_owned(), 1), ("k2".to_owned(), 0)]);
        }
    }
}
