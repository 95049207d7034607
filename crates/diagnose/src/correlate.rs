//! Correlation: which alerts are one incident, decided as they arrive and revised while incidents are open.
//!
//! A [`Correlator`] is told of alerts and keeps a partition of them into groups. It weighs evidence as
//! log-likelihood ratios: how the alerts of one incident are spread over time since its start, how long
//! incidents live, that an alert which starts once does not start twice for one reason, that the same log
//! pattern goes on, that alerts at the same moment on the same thing, along a call or after one change belong
//! together, and what people merged, split and moved. What incidents of this system look like is learned from
//! groups that are over. Each arrival pays for looking again at a fixed number of earlier alerts, so that a
//! first guess is corrected without a cost that grows.
//!
//! Streaming, bounded, deterministic: no clock, no I/O, no randomness. What it deliberately is not: it knows
//! no names, only hashes of them; it gives no opinion on causes. Method, scores and failure cases:
//! `docs/decisions/0016-correlation.md`.

mod alert;
mod burst;
mod hand;
mod learned;
mod members;
mod revise;
mod score;
mod settings;
mod why;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use self::alert::{Alert, Fingerprint, Key};
use self::burst::{Burst, BurstId, Bursts, SAME_MS};
use self::hand::Links;
use self::learned::Learned;
use self::members::Members;
pub use self::settings::Settings;
pub use self::why::{Reason, Why};

/// Alerts held that are looked through for those of one instant.
const MAX_GATHERED: usize = 256;

/// One alert that a [`Correlator`] took, in the order of arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AlertId(pub u64);

/// One group of alerts: an incident as far as correlation can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct GroupId(pub u64);

/// What became of alerts. Told in order; the last word on an alert is its group.
#[derive(Clone, Debug, PartialEq)]
pub enum Told {
    /// An alert was put into a group for the first time.
    Placed {
        /// The alert.
        alert: AlertId,
        /// Its group.
        group: GroupId,
        /// Whether the group was opened for it.
        opened: bool,
        /// Why, strongest first.
        why: Vec<Why>,
    },
    /// Later evidence, or a person, moved an alert.
    Moved {
        /// The alert.
        alert: AlertId,
        /// The group that it left.
        from: GroupId,
        /// Its group now.
        group: GroupId,
    },
    /// A group is over: nothing joins it and nothing leaves it any more.
    Closed {
        /// The group.
        group: GroupId,
        /// Its alerts, in the order of arrival; without those that a storm fixed where they were.
        alerts: Vec<AlertId>,
    },
}

/// What a [`Correlator`] learned: how incidents look here, and what people put together and took apart.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Memory {
    learned: Learned,
    links: Links,
}

/// How a stream is taken at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Alerts are weighed one by one and looked at again.
    Calm,
    /// More alerts are open than are kept in full: the oldest are fixed where they are.
    Storm,
}

/// Groups alerts as they arrive. See the module.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Correlator {
    settings: Settings,
    /// Alerts not yet weighed: they wait until nothing earlier can arrive within the hold.
    #[serde(with = "held")]
    held: BTreeMap<(i64, u64, u64), Alert>,
    /// Time of the newest alert.
    newest_ms: i64,
    /// Time up to which alerts were weighed.
    now_ms: i64,
    next_alert: u64,
    next_group: u64,
    bursts: Bursts,
    groups: BTreeMap<GroupId, Members>,
    learned: Learned,
    links: Links,
    /// The burst that is looked at again next.
    cursor: u64,
    /// Bursts since merges were tried.
    since_merge: u32,
    storm: bool,
}

impl Correlator {
    /// Knows nothing yet.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            learned: Learned::new(&settings),
            settings,
            held: BTreeMap::new(),
            newest_ms: i64::MIN,
            now_ms: i64::MIN,
            next_alert: 0,
            next_group: 0,
            bursts: Bursts::default(),
            groups: BTreeMap::new(),
            links: Links::default(),
            cursor: 0,
            since_merge: 0,
            storm: false,
        }
    }

    /// Knows what another one had learned.
    #[must_use]
    pub fn with_memory(settings: Settings, memory: Memory) -> Self {
        Self { learned: memory.learned, links: memory.links, ..Self::new(settings) }
    }

    /// What was learned of incidents and from people, to be kept over restarts.
    #[must_use]
    pub fn memory(&self) -> Memory {
        Memory { learned: self.learned.clone(), links: self.links.clone() }
    }

    /// Opens a group with alerts that are known to be one incident; evidence does not move them.
    pub fn seed(&mut self, alerts: Vec<Alert>) -> (GroupId, Vec<AlertId>) {
        let group = self.new_group();
        let mut ids = Vec::with_capacity(alerts.len());
        for alert in alerts {
            let id = AlertId(self.next_alert);
            self.next_alert += 1;
            ids.push(id);
            self.newest_ms = self.newest_ms.max(alert.at_ms);
            self.now_ms = self.now_ms.max(alert.at_ms);
            let mut burst = Burst::new(id, alert);
            burst.pinned = true;
            let at = self.bursts.push(burst, &self.settings);
            self.put(at, group);
            self.settle_oldest();
        }
        (group, ids)
    }

    /// Takes an alert and says what became of those whose time has come.
    ///
    /// Alerts that arrive in another order within [`Settings::hold_ms`] are grouped as if they had come in
    /// order. Those that are later still are weighed at once, by their own time.
    pub fn add(&mut self, alert: Alert) -> (AlertId, Vec<Told>) {
        let id = AlertId(self.next_alert);
        self.next_alert += 1;
        self.newest_ms = self.newest_ms.max(alert.at_ms);
        self.held.insert((alert.at_ms, alert.order(), id.0), alert);
        let mut told = Vec::new();
        self.release(self.newest_ms.saturating_sub(self.settings.hold_ms), &mut told);
        (id, told)
    }

    /// Lets time pass without an alert: what was held is weighed, groups that are quiet close.
    pub fn advance(&mut self, now_ms: i64) -> Vec<Told> {
        let mut told = Vec::new();
        let now_ms = now_ms.clamp(i64::MIN / 4, i64::MAX / 4);
        self.newest_ms = self.newest_ms.max(now_ms);
        self.release(now_ms.saturating_sub(self.settings.hold_ms), &mut told);
        self.now_ms = self.now_ms.max(now_ms.saturating_sub(self.settings.hold_ms));
        self.close_quiet(&mut told);
        told
    }

    /// Weighs what is held without waiting.
    pub fn flush(&mut self) -> Vec<Told> {
        let mut told = Vec::new();
        self.release(i64::MAX, &mut told);
        told
    }

    /// How the stream is taken at the moment.
    #[must_use]
    pub fn mode(&self) -> Mode {
        if self.storm { Mode::Storm } else { Mode::Calm }
    }

    /// Groups that are open, with the number of their alerts.
    pub fn open(&self) -> impl Iterator<Item = (GroupId, usize)> + '_ {
        self.groups.iter().map(|(id, members)| (*id, members.alerts()))
    }

    /// How many things are kept: alerts held, bursts, learned fingerprints, members of groups.
    #[must_use]
    pub fn size(&self) -> usize {
        let members: usize = self.groups.values().map(Members::size).sum();
        self.held.len() + self.bursts.alerts() + self.learned.size() + members + self.links.size()
    }

    fn release(&mut self, until_ms: i64, told: &mut Vec<Told>) {
        while let Some(((at_ms, _, _), _)) = self.held.first_key_value() {
            if *at_ms > until_ms && self.held.len() <= self.settings.max_held {
                break;
            }
            let Some(((_, _, id), alert)) = self.held.pop_first() else { break };
            self.take(AlertId(id), alert, told);
        }
    }

    fn take(&mut self, id: AlertId, alert: Alert, told: &mut Vec<Told>) {
        self.now_ms = self.now_ms.max(alert.at_ms);
        if let Some(burst) = self.bursts.home(&alert) {
            self.join_burst(burst, id, alert, told);
            return;
        }
        self.close_quiet(told);
        let mut burst = Burst::new(id, alert);
        self.gather(&mut burst);
        let ids = burst.ids.clone();
        let at = self.bursts.push(burst, &self.settings);
        let (group, opened, why) = self.first_place(at);
        for (n, alert) in ids.into_iter().enumerate() {
            told.push(Told::Placed { alert, group, opened: opened && n == 0, why: why.clone() });
        }
        self.settle_oldest();
        self.revise(told);
    }

    /// Takes from what is held all that came at the same instant on the same thing.
    fn gather(&mut self, burst: &mut Burst) {
        let until = (burst.at_ms.saturating_add(SAME_MS), u64::MAX, u64::MAX);
        let held: Vec<(i64, u64, u64)> =
            self.held.range(..=until).take(MAX_GATHERED).map(|(key, _)| *key).collect();
        for key in held {
            if self.held.get(&key).is_some_and(|alert| burst.takes(alert))
                && let Some(alert) = self.held.remove(&key)
            {
                burst.add(AlertId(key.2), alert);
            }
        }
    }

    /// An alert at the same instant as others on the same thing goes where they are.
    fn join_burst(&mut self, at: BurstId, id: AlertId, alert: Alert, told: &mut Vec<Told>) {
        let Some(group) = self.bursts.get(at).and_then(|b| b.group) else { return };
        self.lift(at);
        self.bursts.extend(at, id, alert);
        self.bursts.relink(at, &self.settings);
        self.put(at, group);
        let why = vec![Why::new(Reason::SameInstant, self.settings.pair, self.bursts.first_alert(at))];
        told.push(Told::Placed { alert: id, group, opened: false, why });
    }

    fn new_group(&mut self) -> GroupId {
        let id = GroupId(self.next_group);
        self.next_group += 1;
        self.groups.insert(id, Members::default());
        id
    }

    /// Takes a burst out of its group; the group stays, even when it is empty.
    fn lift(&mut self, at: BurstId) -> Option<GroupId> {
        let burst = self.bursts.get_mut(at)?;
        let group = burst.group.take()?;
        if let Some(members) = self.groups.get_mut(&group) {
            members.remove(at, burst);
        }
        Some(group)
    }

    fn put(&mut self, at: BurstId, group: GroupId) {
        let Some(burst) = self.bursts.get_mut(at) else { return };
        burst.group = Some(group);
        self.groups.entry(group).or_default().insert(at, burst);
    }

    /// Closes groups that have been quiet; they teach what incidents look like here.
    fn close_quiet(&mut self, told: &mut Vec<Told>) {
        let before = self.now_ms.saturating_sub(self.settings.quiet_ms);
        let over: Vec<GroupId> = self
            .groups
            .iter()
            .filter(|(_, m)| m.last_ms().is_none_or(|l| l < before))
            .map(|(id, _)| *id)
            .collect();
        for id in over {
            let Some(members) = self.groups.remove(&id) else { continue };
            if members.is_empty() {
                continue;
            }
            self.learned.learn(&members, &self.bursts, &self.settings);
            let mut alerts = Vec::new();
            for burst in members.bursts() {
                alerts.extend(self.bursts.get(burst).into_iter().flat_map(|b| b.ids.iter().copied()));
                self.bursts.settle(burst);
            }
            told.push(Told::Closed { group: id, alerts });
        }
        self.bursts.forget_settled();
        if self.bursts.len() * 2 < self.settings.max_bursts {
            self.storm = false;
        }
    }

    /// Keeps memory bounded: the oldest bursts stay where they are for good.
    fn settle_oldest(&mut self) {
        let most = self.settings.max_bursts;
        while self.bursts.len() > most || self.bursts.alerts() > 4 * most {
            self.storm = true;
            let Some(at) = self.bursts.first() else { return };
            if let Some(burst) = self.bursts.get(at)
                && let Some(group) = burst.group
                && let Some(members) = self.groups.get_mut(&group)
            {
                members.fix(at, burst, self.settings.max_fixed);
            }
            self.bursts.settle(at);
            self.bursts.forget_settled();
        }
    }
}

/// JSON has no keys of three numbers.
mod held {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::Alert;

    type Held = BTreeMap<(i64, u64, u64), Alert>;

    pub(super) fn serialize<S: Serializer>(held: &Held, to: S) -> Result<S::Ok, S::Error> {
        held.iter().collect::<Vec<_>>().serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Held, D::Error> {
        Ok(Vec::deserialize(from)?.into_iter().collect())
    }
}
