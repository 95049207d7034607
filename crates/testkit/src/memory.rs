//! What was stored: documents and journals in memory, with the expectations of a real store.

use std::collections::BTreeMap;
use std::sync::Arc;

use engine::audit::AUDIT;
use engine::grouping::{CorrelationMemory, Silence};
use engine::records::{EventsSeen, Grants, Record, StopSwitch};
use engine::runs::{
    Approval, ApprovalState, Holds, Journal, StoredDefinition, definition_hashes, pin, read_journal,
};
use engine::situation::{Stored, run_journal};
use model::{
    AuditRow, Change, Decision, Finding, FindingState, Incident, IncidentStatus, Outcome, Run, RunId,
    Service, Timestamp, Track,
};
use ports::{Expected, JournalRecord, Op};
use serde_json::Value;

const HOUR_MS: i64 = 3_600_000;

/// Documents and journals.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    documents: BTreeMap<(&'static str, String), (u64, Value)>,
    journals: BTreeMap<String, Kept>,
}

/// A journal: what is left of it, and how many records went.
#[derive(Clone, Debug, Default)]
struct Kept {
    trimmed: u64,
    records: Vec<Value>,
}

impl Kept {
    fn length(&self) -> u64 {
        self.trimmed + self.records.len() as u64
    }
}

impl Memory {
    /// Makes all changes or, when an expectation fails, none.
    ///
    /// # Errors
    /// The first expectation that failed, for people.
    pub fn commit(&mut self, ops: &[Op]) -> Result<(), String> {
        let mut next = self.clone_touched(ops);
        for op in ops {
            next.apply(op)?;
        }
        self.documents.extend(next.documents);
        self.journals.extend(next.journals);
        Ok(())
    }

    /// Only what the operations touch, so that a failed commit leaves nothing behind.
    fn clone_touched(&self, ops: &[Op]) -> Self {
        let mut part = Self::default();
        for op in ops {
            match op {
                Op::Put { kind, id, .. } | Op::Delete { kind, id, .. } => {
                    let key = (*kind, id.clone());
                    if let Some(document) = self.documents.get(&key) {
                        part.documents.insert(key, document.clone());
                    }
                }
                Op::Append { journal, .. } | Op::Trim { journal, .. } | Op::Drop { journal, .. } => {
                    if let Some(records) = self.journals.get(journal) {
                        part.journals.entry(journal.clone()).or_insert_with(|| records.clone());
                    }
                }
            }
        }
        part
    }

    fn apply(&mut self, op: &Op) -> Result<(), String> {
        match op {
            Op::Put { kind, id, expected, body, .. } => {
                let entry = self.documents.entry((kind, id.clone())).or_insert((0, Value::Null));
                check(*expected, entry.0, &format!("{kind}/{id}"))?;
                *entry = (entry.0 + 1, body.clone());
            }
            Op::Delete { kind, id, .. } => {
                return Err(format!("the loop deletes {kind}/{id}; it never should"));
            }
            Op::Append { journal, expected, records } => {
                let entry = self.journals.entry(journal.clone()).or_default();
                check(*expected, entry.length(), journal)?;
                entry.records.extend(records.iter().cloned());
            }
            Op::Trim { journal, expected, before } => {
                let entry = self.journals.entry(journal.clone()).or_default();
                check(*expected, entry.length(), journal)?;
                let gone = before.saturating_sub(entry.trimmed + 1).min(entry.records.len() as u64);
                entry.records.drain(..gone as usize);
                entry.trimmed += gone;
            }
            Op::Drop { journal, .. } => return Err(format!("the loop drops {journal}; it never should")),
        }
        Ok(())
    }

    /// Every record of a type.
    ///
    /// # Panics
    /// A document is not of its type: the loop wrote something it cannot read.
    #[must_use]
    pub fn all<R: Record>(&self) -> Vec<R> {
        self.documents
            .range((R::KIND, String::new())..)
            .take_while(|((kind, _), _)| *kind == R::KIND)
            .map(|(_, (_, body))| {
                serde_json::from_value(body.clone()).expect("what the loop wrote it can read")
            })
            .collect()
    }

    /// The audit chain.
    ///
    /// # Panics
    /// As [`Memory::all`].
    #[must_use]
    pub fn audit(&self) -> Vec<AuditRow> {
        let rows = self.journals.get(AUDIT).into_iter().flat_map(|j| &j.records);
        rows.map(|row| serde_json::from_value(row.clone()).expect("what the loop wrote it can read"))
            .collect()
    }

    /// The journal of a run.
    ///
    /// # Errors
    /// It cannot be read, as the engine would say.
    pub fn journal(&self, run: &RunId) -> Result<Journal, String> {
        let kept = self.journals.get(&run_journal(run)).cloned().unwrap_or_default();
        let length = kept.length();
        let records: Vec<JournalRecord> = (kept.trimmed + 1..)
            .zip(kept.records)
            .map(|(sequence, body)| JournalRecord { sequence, body })
            .collect();
        let mut pinned = BTreeMap::new();
        for stored in self.all::<StoredDefinition>() {
            if definition_hashes(&records).contains(&stored.sha256) {
                pinned.insert(stored.sha256.clone(), Arc::new(pin(&stored).map_err(|e| e.to_string())?));
            }
        }
        read_journal(&records, length, &pinned).map_err(|e| e.to_string())
    }

    /// What a new life of the loop is given, as the engine loads it from its store.
    #[must_use]
    pub fn stored(&self, now: Timestamp) -> Stored {
        let since = now.plus_ms(-HOUR_MS);
        let (mut past, incidents): (Vec<Incident>, Vec<Incident>) =
            self.all::<Incident>().into_iter().partition(|i| i.status == IncidentStatus::Resolved);
        past.sort_by_key(|i| std::cmp::Reverse(i.opened_at));
        let open_findings: Vec<_> = incidents.iter().flat_map(|i| i.findings.clone()).collect();
        let findings = self.all::<Finding>().into_iter().filter(|f| {
            f.state == FindingState::Firing || f.last_seen_at >= since || open_findings.contains(&f.id)
        });
        let decisions =
            self.all::<Decision>().into_iter().filter(|d| incidents.iter().any(|i| i.id == d.incident));
        let mut outcomes = self.all::<Outcome>();
        outcomes.sort_by_key(|o| std::cmp::Reverse(o.at));
        let runs = self.all::<Run>().into_iter().filter(|r| !r.status.is_over()).map(|run| {
            let folded = self.journal(&run.id).and_then(|journal| journal.fold(run.id.as_str()));
            (run, folded)
        });
        Stored {
            services: self.all::<Service>(),
            changes: self.all::<Change>().into_iter().filter(|c| c.at >= since).collect(),
            findings: findings.collect(),
            decisions: decisions.collect(),
            incidents,
            past,
            tracks: self.all::<Track>(),
            outcomes,
            grants: self.all::<Grants>().pop(),
            stop: self.all::<StopSwitch>().pop(),
            runs: runs.collect(),
            workflows: self.all(),
            approvals: self
                .all::<Approval>()
                .into_iter()
                .filter(|a| a.state == ApprovalState::Pending)
                .collect(),
            holds: self.all::<Holds>().pop(),
            schedules: self.all(),
            silences: self.all::<Silence>().into_iter().filter(|s| s.ends_at > now).collect(),
            correlation: self.all::<CorrelationMemory>().pop(),
            events_seen: self.all::<EventsSeen>().pop().unwrap_or_default().offset,
            recent_runs: self.all::<Run>().into_iter().filter(|r| r.started_at >= since).collect(),
            audit_head: self.all::<AuditRow>().pop(),
        }
    }
}

fn check(expected: Expected, have: u64, what: &str) -> Result<(), String> {
    let holds = match expected {
        Expected::Any => true,
        Expected::Absent => have == 0,
        Expected::Exactly(count) => have == count,
    };
    if holds { Ok(()) } else { Err(format!("{what}: expected {expected:?}, there are {have}")) }
}
