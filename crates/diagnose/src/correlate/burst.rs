//! Alerts at one instant on one thing: they are weighed, and move, together.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::alert::Alert;
use super::{AlertId, GroupId, Settings};

/// Number of a burst, in the order of arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) struct BurstId(pub(super) u64);

/// Alerts this close that share a thing came out of one request or one evaluation, ms.
pub(super) const SAME_MS: i64 = 30;
/// Earlier bursts that are looked at for neighbours.
const MAX_BACK: usize = 12;
/// Alerts this far apart are no neighbours, ms.
const NEAR_MS: i64 = 2_000;
/// Alerts of one burst; more are another one.
const MAX_ALERTS: usize = 256;
/// Alerts of a burst that are compared with those of another.
const MAX_COMPARED: usize = 16;

/// Alerts at one instant.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Burst {
    /// When, ms.
    pub(super) at_ms: i64,
    pub(super) ids: Vec<AlertId>,
    pub(super) alerts: Vec<Alert>,
    /// Its group; none while it is being moved.
    pub(super) group: Option<GroupId>,
    /// Neighbours in time and place, and what being together with them is worth.
    pub(super) neighbours: Vec<(BurstId, f64)>,
    /// Whether any of its alerts starts only once.
    pub(super) onset: bool,
    /// Placed by a person: evidence does not move it.
    pub(super) pinned: bool,
    /// Its group is over.
    settled: bool,
}

impl Burst {
    pub(super) fn new(id: AlertId, alert: Alert) -> Self {
        Self {
            at_ms: alert.at_ms,
            ids: vec![id],
            onset: !alert.repeats,
            alerts: vec![alert],
            group: None,
            neighbours: Vec::new(),
            pinned: false,
            settled: false,
        }
    }

    pub(super) fn add(&mut self, id: AlertId, alert: Alert) {
        self.onset |= !alert.repeats;
        self.ids.push(id);
        self.alerts.push(alert);
    }

    /// Whether an alert came at the same instant, and on the same thing or at the very same time.
    pub(super) fn takes(&self, alert: &Alert) -> bool {
        let apart = alert.at_ms.saturating_sub(self.at_ms);
        (0..=SAME_MS).contains(&apart)
            && self.alerts.len() < MAX_ALERTS
            && (apart <= 1 || self.alerts.iter().take(MAX_COMPARED).any(|a| a.shares_key(alert)))
    }

    /// When, in seconds.
    pub(super) fn at(&self) -> f64 {
        self.at_ms as f64 / 1000.0
    }

    /// What being in one incident with another burst is worth: more the closer they are in time.
    fn bond(&self, other: &Self, settings: &Settings) -> f64 {
        let mut best: f64 = 0.0;
        for mine in self.alerts.iter().take(MAX_COMPARED) {
            for theirs in other.alerts.iter().take(MAX_COMPARED) {
                let place = if mine.shares_key(theirs) {
                    1.0
                } else if mine.is_near(theirs) {
                    settings.near
                } else {
                    0.0
                };
                best = best.max(place);
            }
        }
        let apart = (self.at_ms - other.at_ms).abs() as f64 / 1000.0;
        let close = settings.pair * best * (1.0 + settings.pair_s / (0.03 + apart)).ln();
        close + self.same_change(other) * settings.change
    }

    fn same_change(&self, other: &Self) -> f64 {
        let shared = self
            .alerts
            .iter()
            .any(|a| a.change.is_some_and(|change| other.alerts.iter().any(|b| b.change == Some(change))));
        f64::from(shared)
    }
}

/// The bursts that are still open, oldest first.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Bursts {
    first: u64,
    list: VecDeque<Burst>,
    alerts: usize,
}

impl Bursts {
    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    /// Alerts in all of them.
    pub(super) fn alerts(&self) -> usize {
        self.alerts
    }

    /// Adds an alert to one of them.
    pub(super) fn extend(&mut self, id: BurstId, alert: AlertId, what: Alert) {
        if let Some(burst) = self.get_mut(id) {
            burst.add(alert, what);
            self.alerts += 1;
        }
    }

    pub(super) fn first(&self) -> Option<BurstId> {
        (!self.list.is_empty()).then_some(BurstId(self.first))
    }

    pub(super) fn end(&self) -> u64 {
        self.first + self.list.len() as u64
    }

    pub(super) fn get(&self, id: BurstId) -> Option<&Burst> {
        self.list.get(usize::try_from(id.0.checked_sub(self.first)?).ok()?)
    }

    pub(super) fn get_mut(&mut self, id: BurstId) -> Option<&mut Burst> {
        self.list.get_mut(usize::try_from(id.0.checked_sub(self.first)?).ok()?)
    }

    pub(super) fn group(&self, id: BurstId) -> Option<GroupId> {
        self.get(id)?.group
    }

    pub(super) fn first_alert(&self, id: BurstId) -> Option<AlertId> {
        self.get(id)?.ids.first().copied()
    }

    /// The burst that holds an alert.
    pub(super) fn find(&self, alert: AlertId) -> Option<BurstId> {
        let at = self.list.iter().position(|b| b.ids.contains(&alert))?;
        Some(BurstId(self.first + at as u64))
    }

    /// The newest burst that an alert is part of.
    pub(super) fn home(&self, alert: &Alert) -> Option<BurstId> {
        for (back, burst) in self.list.iter().rev().take(64).enumerate() {
            let apart = alert.at_ms.saturating_sub(burst.at_ms);
            if apart > SAME_MS {
                return None;
            }
            if !burst.settled && burst.group.is_some() && burst.takes(alert) {
                return Some(BurstId(self.end() - 1 - back as u64));
            }
        }
        None
    }

    pub(super) fn push(&mut self, burst: Burst, settings: &Settings) -> BurstId {
        let id = BurstId(self.end());
        self.alerts += burst.alerts.len();
        self.list.push_back(burst);
        self.relink(id, settings);
        id
    }

    /// Finds the neighbours of a burst again, both ways.
    pub(super) fn relink(&mut self, id: BurstId, settings: &Settings) {
        let Some(burst) = self.get(id) else { return };
        let mut found = Vec::new();
        let from = id.0.saturating_sub(MAX_BACK as u64).max(self.first);
        for other in (from..id.0).rev() {
            let Some(earlier) = self.get(BurstId(other)) else { continue };
            if earlier.settled || (burst.at_ms - earlier.at_ms).abs() > NEAR_MS {
                continue;
            }
            let bond = burst.bond(earlier, settings);
            if bond > 0.1 {
                found.push((BurstId(other), bond));
            }
        }
        for (other, bond) in &found {
            if let Some(earlier) = self.get_mut(*other) {
                earlier.neighbours.retain(|(n, _)| *n != id);
                earlier.neighbours.push((id, *bond));
            }
        }
        if let Some(burst) = self.get_mut(id) {
            burst.neighbours.retain(|(n, _)| n.0 > id.0);
            burst.neighbours.extend(found);
        }
    }

    /// Nothing about a burst changes any more.
    pub(super) fn settle(&mut self, id: BurstId) {
        if let Some(burst) = self.get_mut(id) {
            burst.settled = true;
            burst.neighbours = Vec::new();
        }
    }

    /// Lets go of settled bursts at the front.
    pub(super) fn forget_settled(&mut self) {
        while self.list.front().is_some_and(|b| b.settled) {
            self.alerts -= self.list.pop_front().map_or(0, |b| b.alerts.len());
            self.first += 1;
        }
    }
}
