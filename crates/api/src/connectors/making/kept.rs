//! The connectors that are being made or were made last, and who waits.

use std::collections::VecDeque;
use std::sync::Arc;

use model::{ConnectorId, Timestamp};
use typescript::Package;

use super::{Found, WAITING_BYTES_MAX, WAITING_MAX};
use crate::connectors::options::ConnectorOptions;
use crate::connectors::views::{Connector, ConnectorDiagnostic, ConnectorState, ConnectorSummary};

/// Connectors that are kept, and the bytes of their packages.
const KEPT_MAX: usize = 16;
const KEPT_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Ids that are remembered after their package is gone.
const GONE_MAX: usize = 1_000;

/// What is kept.
#[derive(Default)]
pub(super) struct Kept {
    /// Oldest first.
    every: VecDeque<Entry>,
    gone: VecDeque<String>,
    waiting: usize,
    waiting_bytes: usize,
    begun: u64,
}

struct Entry {
    connector: Connector,
    package: Option<Arc<Package>>,
    bytes: usize,
}

impl Entry {
    fn is_over(&self) -> bool {
        matches!(self.connector.summary.state, ConnectorState::Ready | ConnectorState::Failed)
    }
}

impl Kept {
    /// Takes a place in the queue, if there is one.
    pub(super) fn enter(&mut self, bytes: usize) -> bool {
        // One is worked on, the others wait. A single large one is always taken.
        let full = self.waiting > WAITING_MAX
            || (self.waiting > 0 && self.waiting_bytes + bytes > WAITING_BYTES_MAX);
        if !full {
            self.waiting += 1;
            self.waiting_bytes += bytes;
        }
        !full
    }

    /// Gives a place back.
    pub(super) fn leave(&mut self, bytes: usize) {
        self.waiting -= 1;
        self.waiting_bytes -= bytes;
    }

    /// A new connector.
    pub(super) fn begin(&mut self, options: ConnectorOptions, by: String, now: Timestamp) -> Connector {
        self.begun += 1;
        let id = ConnectorId::derive(now, &[&by, &self.begun.to_string()]).to_string();
        let summary = ConnectorSummary {
            id,
            title: String::new(),
            version: String::new(),
            package: String::new(),
            state: ConnectorState::Reading,
            stage: "waiting for its turn".to_owned(),
            progress: 0.0,
            error: None,
            operations: 0,
            schemas: 0,
            took_ms: 0,
            created_at: now,
            by,
        };
        let connector = Connector { summary, diagnostics: Vec::new(), files: Vec::new(), options };
        self.every.push_back(Entry { connector: connector.clone(), package: None, bytes: 0 });
        self.tidy();
        connector
    }

    /// Changes one that is being made; what is over stays as it is.
    pub(super) fn change<T>(&mut self, id: &str, change: impl FnOnce(&mut Connector) -> T) -> Option<T> {
        let entry = self.every.iter_mut().find(|entry| entry.connector.summary.id == id)?;
        if entry.is_over() { None } else { Some(change(&mut entry.connector)) }
    }

    /// The package of one is there.
    pub(super) fn ready(
        &mut self,
        id: &str,
        package: Package,
        bytes: usize,
        diagnostics: Vec<ConnectorDiagnostic>,
        took_ms: u64,
    ) {
        let kept = self.change(id, |connector| {
            let summary = &mut connector.summary;
            summary.state = ConnectorState::Ready;
            summary.stage = "ready".to_owned();
            summary.progress = 1.0;
            summary.package.clone_from(&package.name);
            summary.took_ms = took_ms;
            connector.diagnostics = diagnostics;
            connector.files = package.files.iter().map(Into::into).collect();
        });
        if kept.is_none() {
            return;
        }
        if let Some(entry) = self.every.iter_mut().find(|entry| entry.connector.summary.id == id) {
            (entry.package, entry.bytes) = (Some(Arc::new(package)), bytes);
        }
        self.tidy();
    }

    /// Lets the oldest go while there are too many; those that are being made stay.
    fn tidy(&mut self) {
        let too_many = |every: &VecDeque<Entry>| {
            every.len() > KEPT_MAX || every.iter().map(|entry| entry.bytes).sum::<usize>() > KEPT_BYTES_MAX
        };
        while too_many(&self.every) {
            // The newest stays, however large it is.
            let last = self.every.len() - 1;
            let Some(oldest) = self.every.iter().take(last).position(Entry::is_over) else { return };
            if let Some(entry) = self.every.remove(oldest) {
                self.gone.push_back(entry.connector.summary.id);
            }
            if self.gone.len() > GONE_MAX {
                self.gone.pop_front();
            }
        }
    }

    pub(super) fn list(&self) -> Vec<ConnectorSummary> {
        self.every.iter().rev().map(|entry| entry.connector.summary.clone()).collect()
    }

    pub(super) fn get(&self, id: &str) -> Option<Connector> {
        self.entry(id).map(|entry| entry.connector.clone())
    }

    pub(super) fn is_gone(&self, id: &str) -> bool {
        self.gone.iter().any(|gone| gone == id)
    }

    pub(super) fn package(&self, id: &str) -> Option<Found> {
        let entry = self.entry(id)?;
        Some(match (&entry.package, &entry.connector.summary.error) {
            (Some(package), _) => Found::Ready(Arc::clone(package)),
            (None, Some(why)) => Found::Failed(why.clone()),
            (None, None) => Found::Making,
        })
    }

    fn entry(&self, id: &str) -> Option<&Entry> {
        self.every.iter().find(|entry| entry.connector.summary.id == id)
    }
}
