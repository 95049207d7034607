//! The alerts of one group, kept in the way that scoring asks for them.

use serde::{Deserialize, Serialize};

use super::alert::{Alert, ByFingerprint, Fingerprint, Key, Plain};
use super::burst::{Burst, BurstId, Bursts};

/// The bursts of one group.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Members {
    /// Bursts by time.
    order: Vec<(i64, BurstId)>,
    /// Times of the bursts with an alert that starts once, ms, ascending.
    onsets: Vec<i64>,
    /// Which bursts hold an alert that starts once.
    fired: ByFingerprint<Vec<BurstId>>,
    /// When alerts that repeat happened, ms, ascending.
    series: ByFingerprint<Vec<i64>>,
    /// Bursts that are here for good: how many, their onsets, and the span of their times.
    fixed: usize,
    fixed_onsets: usize,
    fixed_span: Option<(i64, i64)>,
    alerts: usize,
    /// The things that its alerts speak of, and their neighbours.
    places: std::collections::HashMap<Key, u32, std::hash::BuildHasherDefault<Plain>>,
}

/// Times that are kept of one alert that repeats.
const MAX_TIMES: usize = 256;

impl Members {
    pub(super) fn is_empty(&self) -> bool {
        self.order.is_empty() && self.fixed == 0
    }

    /// Whether some of it stays here for good.
    pub(super) fn is_fixed(&self) -> bool {
        self.fixed > 0
    }

    /// Alerts.
    pub(super) fn alerts(&self) -> usize {
        self.alerts
    }

    /// Bursts with an alert that starts once.
    pub(super) fn onsets(&self) -> usize {
        self.onsets.len() + self.fixed_onsets
    }

    /// Things kept.
    pub(super) fn size(&self) -> usize {
        self.order.len()
            + self.onsets.len()
            + self.fired.len()
            + self.places.len()
            + self.series.values().map(Vec::len).sum::<usize>()
    }

    /// Bursts that may still move.
    pub(super) fn bursts(&self) -> impl Iterator<Item = BurstId> + '_ {
        self.order.iter().map(|(_, id)| *id)
    }

    /// How many of them.
    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    /// First alert, ms.
    pub(super) fn start_ms(&self) -> Option<i64> {
        let first = self.order.first().map(|(at, _)| *at);
        match (first, self.fixed_span) {
            (Some(a), Some((b, _))) => Some(a.min(b)),
            (a, b) => a.or(b.map(|(b, _)| b)),
        }
    }

    /// Newest alert, ms.
    pub(super) fn last_ms(&self) -> Option<i64> {
        let last = self.order.last().map(|(at, _)| *at);
        match (last, self.fixed_span) {
            (Some(a), Some((_, b))) => Some(a.max(b)),
            (a, b) => a.or(b.map(|(_, b)| b)),
        }
    }

    /// First alert, seconds; of an empty group none.
    pub(super) fn start(&self) -> f64 {
        self.start_ms().unwrap_or_default() as f64 / 1000.0
    }

    /// Newest alert that starts once, seconds; the start when there is none.
    pub(super) fn last_onset(&self) -> f64 {
        self.onsets.last().copied().or(self.start_ms()).unwrap_or_default() as f64 / 1000.0
    }

    /// The bursts in which an alert that starts once started here.
    pub(super) fn fired(&self, fingerprint: Fingerprint) -> &[BurstId] {
        self.fired.get(&fingerprint).map_or(&[], Vec::as_slice)
    }

    /// When an alert that repeats happened here, ms.
    pub(super) fn series(&self, fingerprint: Fingerprint) -> &[i64] {
        self.series.get(&fingerprint).map_or(&[], Vec::as_slice)
    }

    /// Whether a burst speaks of a thing that this group speaks of, or of a neighbour of one. A burst that
    /// speaks of nothing may be anywhere.
    pub(super) fn touches(&self, burst: &Burst) -> bool {
        let mut places = burst.alerts.iter().flat_map(Alert::places).peekable();
        places.peek().is_none() || self.places.is_empty() || places.any(|key| self.places.contains_key(&key))
    }

    /// Whether a burst is here and may still move.
    pub(super) fn has(&self, id: BurstId, bursts: &Bursts) -> bool {
        bursts.get(id).is_some_and(|burst| self.order.binary_search(&(burst.at_ms, id)).is_ok())
    }

    /// Times before and after a moment at which anything happened here, ms.
    pub(super) fn around(&self, at_ms: i64, id: BurstId) -> (Option<i64>, Option<(i64, BurstId)>) {
        let place = self.order.partition_point(|x| *x < (at_ms, id));
        (place.checked_sub(1).map(|p| self.order[p].0), self.order.get(place).copied())
    }

    pub(super) fn insert(&mut self, id: BurstId, burst: &Burst) {
        let at = burst.at_ms;
        let place = self.order.partition_point(|x| *x < (at, id));
        self.order.insert(place, (at, id));
        if burst.onset {
            let place = self.onsets.partition_point(|x| *x < at);
            self.onsets.insert(place, at);
        }
        self.alerts += burst.alerts.len();
        for key in burst.alerts.iter().flat_map(Alert::places) {
            *self.places.entry(key).or_default() += 1;
        }
        for alert in &burst.alerts {
            if alert.repeats {
                let times = self.series.entry(alert.fingerprint).or_default();
                let place = times.partition_point(|x| *x < at);
                times.insert(place, at);
                if times.len() > MAX_TIMES {
                    times.remove(0);
                }
            } else {
                self.fired.entry(alert.fingerprint).or_default().push(id);
            }
        }
    }

    pub(super) fn remove(&mut self, id: BurstId, burst: &Burst) {
        let at = burst.at_ms;
        let place = self.order.partition_point(|x| *x < (at, id));
        if self.order.get(place) != Some(&(at, id)) {
            return;
        }
        self.order.remove(place);
        if burst.onset {
            let place = self.onsets.partition_point(|x| *x < at);
            self.onsets.remove(place);
        }
        self.alerts -= burst.alerts.len();
        for key in burst.alerts.iter().flat_map(Alert::places) {
            if let Some(count) = self.places.get_mut(&key) {
                *count = count.saturating_sub(1);
                if *count == 0 {
                    self.places.remove(&key);
                }
            }
        }
        for alert in &burst.alerts {
            if alert.repeats {
                self.forget_time(alert.fingerprint, at);
            } else if let Some(bursts) = self.fired.get_mut(&alert.fingerprint) {
                if let Some(place) = bursts.iter().position(|b| *b == id) {
                    bursts.remove(place);
                }
                if bursts.is_empty() {
                    self.fired.remove(&alert.fingerprint);
                }
            }
        }
    }

    fn forget_time(&mut self, fingerprint: Fingerprint, at: i64) {
        if let Some(times) = self.series.get_mut(&fingerprint) {
            let place = times.partition_point(|x| *x < at);
            if times.get(place) == Some(&at) {
                times.remove(place);
            }
            if times.is_empty() {
                self.series.remove(&fingerprint);
            }
        }
    }

    /// Keeps a burst here for good: its place in time and what fired stay known, in bounded room.
    pub(super) fn fix(&mut self, id: BurstId, burst: &Burst, max_fixed: usize) {
        let place = self.order.partition_point(|x| *x < (burst.at_ms, id));
        if self.order.get(place) != Some(&(burst.at_ms, id)) {
            return;
        }
        self.order.remove(place);
        self.fixed += 1;
        let (low, high) = self.fixed_span.unwrap_or((burst.at_ms, burst.at_ms));
        self.fixed_span = Some((low.min(burst.at_ms), high.max(burst.at_ms)));
        if burst.onset && self.onsets.len() > 1 {
            let place = self.onsets.partition_point(|x| *x < burst.at_ms);
            self.onsets.remove(place);
            self.fixed_onsets += 1;
        }
        if self.fired.len() > max_fixed {
            for alert in burst.alerts.iter().filter(|a| !a.repeats) {
                self.fired.remove(&alert.fingerprint);
            }
        }
        if self.places.len() > max_fixed {
            for key in burst.alerts.iter().flat_map(Alert::places) {
                self.places.remove(&key);
            }
        }
        if self.series.len() > max_fixed {
            for alert in burst.alerts.iter().filter(|a| a.repeats) {
                self.series.remove(&alert.fingerprint);
            }
        }
    }
}
