//! What people decide: it holds at once, and it is learned for pairs of fingerprints.

use serde::{Deserialize, Serialize};

use super::alert::{ByFingerprint, Fingerprint};
use super::burst::{Burst, BurstId, Bursts};
use super::members::Members;
use super::{AlertId, Correlator, GroupId, Settings, Told};

/// Pairs that one fingerprint keeps, and fingerprints that keep any.
const MAX_PAIRS: usize = 16;
const MAX_FINGERPRINTS: usize = 4_096;
/// Alerts of a group that one correction is about: those that are nearest in time.
const MAX_ABOUT: usize = 8;
/// Corrections of one pair count at most so often.
const MAX_COUNT: i32 = 4;

/// Pairs of fingerprints that people put together (above zero) or took apart (below).
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Links {
    pairs: ByFingerprint<Vec<(Fingerprint, i32)>>,
}

impl Links {
    pub(super) fn size(&self) -> usize {
        self.pairs.values().map(Vec::len).sum()
    }

    fn teach(&mut self, a: Fingerprint, b: Fingerprint, by: i32) {
        for (a, b) in [(a, b), (b, a)] {
            if self.pairs.len() >= MAX_FINGERPRINTS && !self.pairs.contains_key(&a) {
                continue;
            }
            let list = self.pairs.entry(a).or_default();
            if let Some((_, count)) = list.iter_mut().find(|(other, _)| *other == b) {
                *count = (*count + by).clamp(-MAX_COUNT, MAX_COUNT);
            } else {
                if list.len() >= MAX_PAIRS {
                    list.remove(0);
                }
                list.push((b, by));
            }
        }
    }

    /// What people decided about alerts like these and those of a group: the strongest word each way.
    pub(super) fn weigh(&self, burst: &Burst, members: &Members, weight: f64) -> f64 {
        if self.pairs.is_empty() {
            return 0.0;
        }
        let (mut most, mut least) = (0, 0);
        for alert in &burst.alerts {
            for (other, count) in self.pairs.get(&alert.fingerprint).into_iter().flatten() {
                if !members.fired(*other).is_empty() || !members.series(*other).is_empty() {
                    most = most.max(*count);
                    least = least.min(*count);
                }
            }
        }
        weight * f64::from(most + least)
    }

    /// The same for two groups.
    pub(super) fn between(&self, a: &Members, b: &Members, bursts: &Bursts, settings: &Settings) -> f64 {
        if self.pairs.is_empty() {
            return 0.0;
        }
        let each = a.bursts().filter_map(|id| bursts.get(id)).map(|x| self.weigh(x, b, settings.by_hand));
        each.fold(0.0, |sum: f64, x| if x.abs() > sum.abs() { x } else { sum })
    }
}

impl Correlator {
    /// How often people put two such alerts together (above zero) or took them apart (below), -4 to 4.
    #[must_use]
    pub fn tie(&self, a: Fingerprint, b: Fingerprint) -> i32 {
        let pairs = self.links.pairs.get(&a).into_iter().flatten();
        pairs.filter(|(other, _)| *other == b).map(|(_, count)| *count).sum()
    }

    /// A person put two such alerts together, or took them apart.
    pub fn teach(&mut self, a: Fingerprint, b: Fingerprint, together: bool) {
        if a != b {
            self.links.teach(a, b, if together { 1 } else { -1 });
        }
    }

    /// A person says that two groups are one. Everything of `from` goes to `into` and stays there.
    pub fn merge_groups(&mut self, from: GroupId, into: GroupId) -> Vec<Told> {
        if from == into || !self.groups.contains_key(&into) {
            return Vec::new();
        }
        let alerts: Vec<AlertId> = self.alerts_of(from);
        let told = self.move_alerts(&alerts, into);
        self.groups.remove(&from);
        told
    }

    /// A person says that these alerts are an incident of their own. Gives its group.
    pub fn split_group(&mut self, alerts: &[AlertId]) -> (GroupId, Vec<Told>) {
        let group = self.new_group();
        (group, self.move_alerts(alerts, group))
    }

    /// A person moves alerts to a group. They stay there; pairs of such alerts are judged accordingly from now on.
    ///
    /// Alerts of groups that are over stay where they are.
    pub fn move_alerts(&mut self, alerts: &[AlertId], to: GroupId) -> Vec<Told> {
        let mut told = Vec::new();
        let mut moved: Vec<(BurstId, GroupId)> = Vec::new();
        for alert in alerts {
            let Some(at) = self.bursts.find(*alert) else { continue };
            let Some(from) = self.bursts.group(at).filter(|from| *from != to) else { continue };
            if !moved.iter().any(|(known, _)| *known == at) && self.groups.contains_key(&from) {
                moved.push((at, from));
            }
        }
        for (at, _) in &moved {
            self.lift(*at);
        }
        for (at, from) in &moved {
            self.learn_move(*at, *from, to);
        }
        for (at, from) in moved {
            self.put(at, to);
            let Some(burst) = self.bursts.get_mut(at) else { continue };
            burst.pinned = true;
            told.extend(burst.ids.iter().map(|alert| Told::Moved { alert: *alert, from, group: to }));
        }
        self.groups.retain(|id, members| *id == to || !members.is_empty());
        told
    }

    /// Alerts of an open group, in the order of arrival.
    #[must_use]
    pub fn alerts_of(&self, group: GroupId) -> Vec<AlertId> {
        let bursts = self.groups.get(&group).into_iter().flat_map(|m| m.bursts());
        let mut alerts: Vec<AlertId> =
            bursts.filter_map(|id| self.bursts.get(id)).flat_map(|b| b.ids.iter().copied()).collect();
        alerts.sort_unstable();
        alerts
    }

    fn learn_move(&mut self, at: BurstId, from: GroupId, to: GroupId) {
        let Some(burst) = self.bursts.get(at) else { return };
        let mine: Vec<Fingerprint> = burst.alerts.iter().take(MAX_ABOUT).map(|a| a.fingerprint).collect();
        for (group, by) in [(from, -1), (to, 1)] {
            for theirs in self.nearest(at, group) {
                for own in mine.iter().filter(|own| **own != theirs) {
                    self.links.teach(*own, theirs, by);
                }
            }
        }
    }

    /// Fingerprints of the alerts of a group that are nearest in time to a burst.
    fn nearest(&self, at: BurstId, group: GroupId) -> Vec<Fingerprint> {
        let (Some(burst), Some(members)) = (self.bursts.get(at), self.groups.get(&group)) else {
            return Vec::new();
        };
        let mut near: Vec<(i64, BurstId)> = members
            .bursts()
            .filter_map(|id| Some(((self.bursts.get(id)?.at_ms - burst.at_ms).abs(), id)))
            .collect();
        near.sort_unstable();
        let alerts = near.iter().filter_map(|(_, id)| self.bursts.get(*id)).flat_map(|b| &b.alerts);
        alerts.take(MAX_ABOUT).map(|a| a.fingerprint).collect()
    }
}
