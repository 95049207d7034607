//! Samples not yet flushed: a column of instants and a column of values for each series.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use model::{MetricKind, MetricSeries};

use super::labels::{Index, Key};

/// Memory of a series besides its samples, about.
const COLUMN_BYTES: usize = 256;

/// The samples of one series.
pub(crate) struct Column {
    pub(crate) key: Arc<Key>,
    pub(crate) kind: MetricKind,
    times: Vec<i64>,
    values: Vec<f64>,
    /// Samples older than one before them. A tree, so that a sender going backwards costs no more than one
    /// going forwards.
    late: BTreeMap<i64, f64>,
}

impl Column {
    /// Takes a sample unless there is one of this instant. Says whether it did.
    fn take(&mut self, at: i64, value: f64) -> bool {
        if self.times.last().is_none_or(|last| *last < at) {
            self.times.push(at);
            self.values.push(value);
            return true;
        }
        if self.times.binary_search(&at).is_ok() || self.late.contains_key(&at) {
            return false;
        }
        self.late.insert(at, value);
        true
    }

    /// Appends the samples from `from` to `to`, both inside. They may not be sorted, but no instant is there twice.
    pub(crate) fn copy(&self, from: i64, to: i64, times: &mut Vec<i64>, values: &mut Vec<f64>) {
        if from > to {
            return;
        }
        for (at, value) in self.late.range(from..=to) {
            times.push(*at);
            values.push(*value);
        }
        let start = self.times.partition_point(|at| *at < from);
        let end = self.times.partition_point(|at| *at <= to);
        times.extend_from_slice(&self.times[start..end]);
        values.extend_from_slice(&self.values[start..end]);
    }
}

/// All columns.
#[derive(Default)]
pub(crate) struct Head {
    columns: HashMap<u32, Column>,
    samples: usize,
}

impl Head {
    /// Takes the samples of a series. False when it is a new one and there are `max` already.
    pub(crate) fn take(&mut self, index: &mut Index, series: &MetricSeries, max: usize) -> bool {
        if series.points.is_empty() {
            return true;
        }
        let labels = series.labels.iter().map(|(n, v)| (n.as_str(), v.as_str()));
        let Some(entry) = index.intern(&series.service, &series.name, labels, series.kind, max) else {
            return false;
        };
        let column = self.columns.entry(entry.id).or_insert_with(|| Column {
            key: entry.key,
            kind: entry.kind,
            times: Vec::new(),
            values: Vec::new(),
            late: BTreeMap::new(),
        });
        column.kind = series.kind;
        for point in &series.points {
            self.samples += usize::from(column.take(point.at.as_unix_ms(), point.value));
        }
        true
    }

    pub(crate) fn column(&self, id: u32) -> Option<&Column> {
        self.columns.get(&id)
    }

    pub(crate) fn columns(&self) -> impl Iterator<Item = (u32, &Column)> {
        self.columns.iter().map(|(id, column)| (*id, column))
    }

    pub(crate) fn ids(&self) -> impl Iterator<Item = u32> {
        self.columns.keys().copied()
    }

    pub(crate) fn size(&self) -> usize {
        self.samples * 16 + self.columns.len() * COLUMN_BYTES
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.columns.is_empty()
    }
}
