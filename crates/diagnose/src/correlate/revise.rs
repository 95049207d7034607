//! Looking again: first places, single moves, moves that send a rival away, and merges of groups.

use std::collections::BTreeSet;

use super::burst::BurstId;
use super::members::Members;
use super::score::{Score, Scorer};
use super::why::Why;
use super::{Correlator, GroupId, Told};

/// Bursts on each side whose groups are candidates when many groups are open.
const AROUND: u64 = 64;

/// Where a burst would go.
struct Best {
    score: f64,
    /// None for a new group.
    group: Option<GroupId>,
    /// A rival that goes elsewhere first.
    away: Option<(BurstId, GroupId)>,
}

impl Correlator {
    fn scorer(&self) -> Scorer<'_> {
        Scorer {
            settings: &self.settings,
            learned: &self.learned,
            links: &self.links,
            bursts: &self.bursts,
            now: self.now_ms as f64 / 1000.0,
        }
    }

    /// Puts a new burst where it fits best.
    pub(super) fn first_place(&mut self, at: BurstId) -> (GroupId, bool, Vec<Why>) {
        let Some(burst) = self.bursts.get(at) else { return (GroupId(0), false, Vec::new()) };
        let scorer = self.scorer();
        let mut best: (Score, Option<GroupId>) = (scorer.alone(burst), None);
        for group in self.candidates(at) {
            let score = scorer.join(at, burst, group, &self.groups[&group]);
            if score.sum() > best.0.sum() {
                best = (score, Some(group));
            }
        }
        let why = best.0.why();
        let group = best.1.unwrap_or_else(|| self.new_group());
        self.put(at, group);
        (group, best.1.is_none(), why)
    }

    /// Groups that a burst may belong to.
    fn candidates(&self, at: BurstId) -> Vec<GroupId> {
        let most = self.settings.max_candidates;
        if self.groups.len() <= most {
            return self.groups.keys().copied().collect();
        }
        let mut found: Vec<GroupId> = Vec::new();
        let mut seen = BTreeSet::new();
        let neighbours = self.bursts.get(at).into_iter().flat_map(|b| b.neighbours.iter().map(|(n, _)| *n));
        let around = (1..=AROUND).flat_map(|d| [at.0.wrapping_sub(d), at.0 + d]).map(BurstId);
        for group in neighbours.chain(around).filter_map(|id| self.bursts.group(id)) {
            if found.len() < most && self.groups.contains_key(&group) && seen.insert(group) {
                found.push(group);
            }
        }
        found.sort_unstable();
        found
    }

    /// Looks again at as many bursts as one arrival pays for.
    pub(super) fn revise(&mut self, told: &mut Vec<Told>) {
        let Some(first) = self.bursts.first() else { return };
        let end = self.bursts.end().saturating_sub(1);
        let oldest = self.now_ms.saturating_sub(self.settings.revise_ms);
        for _ in 0..self.settings.revisits {
            if self.cursor >= end || self.cursor < first.0 {
                self.cursor = first.0;
            }
            let at = BurstId(self.cursor);
            self.cursor += 1;
            if self.cursor >= end && at.0 >= end {
                break;
            }
            if self.bursts.get(at).is_some_and(|b| b.at_ms >= oldest && !b.pinned) {
                self.look_again(at, told);
            }
        }
        self.since_merge += 1;
        if self.since_merge >= self.settings.merge_every {
            self.since_merge = 0;
            self.merge(told);
        }
    }

    fn look_again(&mut self, at: BurstId, told: &mut Vec<Told>) {
        let Some(old) = self.bursts.group(at).filter(|g| self.groups.contains_key(g)) else { return };
        self.lift(at);
        let best = self.best(at);
        let alone = self.groups.get(&old).is_some_and(Members::is_empty);
        let group = match best.group {
            Some(group) => group,
            None if alone => old,
            None => self.new_group(),
        };
        if let Some((rival, to)) = best.away {
            self.lift(rival);
            self.put(at, group);
            self.put(rival, to);
            self.tell_moved(rival, group, told);
        } else {
            self.put(at, group);
        }
        if group != old {
            self.tell_moved(at, old, told);
        }
    }

    fn tell_moved(&self, at: BurstId, from: GroupId, told: &mut Vec<Told>) {
        let Some(burst) = self.bursts.get(at) else { return };
        let Some(group) = burst.group.filter(|group| *group != from) else { return };
        told.extend(burst.ids.iter().map(|alert| Told::Moved { alert: *alert, from, group }));
    }

    /// Where a burst that is in no group fits best.
    fn best(&mut self, at: BurstId) -> Best {
        let Some(burst) = self.bursts.get(at) else { return Best { score: 0.0, group: None, away: None } };
        let mut best = Best { score: self.scorer().alone(burst).sum(), group: None, away: None };
        for group in self.candidates(at) {
            let Some(score) = self.fit(at, group) else { continue };
            let sum = score.sum();
            if sum > best.score {
                best = Best { score: sum, group: Some(group), away: None };
            } else if let Some(rival) = score.rival
                && sum - score.twice > best.score
                && let Some((gain, to)) = self.send_away(at, group, rival)
                && gain > best.score + 0.01
            {
                best = Best { score: gain, group: Some(group), away: Some((rival, to)) };
            }
        }
        best
    }

    /// The score of a burst in a group whose time it fits; none otherwise.
    fn fit(&self, at: BurstId, group: GroupId) -> Option<Score> {
        let (burst, members) = (self.bursts.get(at)?, self.groups.get(&group)?);
        let (start, last) = (members.start_ms()?, members.last_ms()?);
        let far = start.saturating_sub(self.settings.before_ms) > burst.at_ms
            || last < burst.at_ms.saturating_sub(self.settings.quiet_ms);
        (!far).then(|| self.scorer().join(at, burst, group, members))
    }

    /// What it is worth to take the place of a rival that goes to its second best group.
    fn send_away(&mut self, at: BurstId, group: GroupId, rival: BurstId) -> Option<(f64, GroupId)> {
        if self.bursts.get(rival)?.pinned || self.bursts.group(rival)? != group {
            return None;
        }
        self.lift(rival);
        let stay = self.fit(rival, group).map(|s| s.sum());
        let mine = self
            .fit(at, group)
            .map_or_else(|| self.scorer().alone(self.bursts.get(at).expect("open")).sum(), |s| s.sum());
        self.put(at, group);
        let mut to: Option<(f64, GroupId)> = None;
        for other in self.candidates(rival) {
            if other == group {
                continue;
            }
            let Some(score) = self.fit(rival, other) else { continue };
            if to.is_none_or(|(best, _)| score.sum() > best) {
                to = Some((score.sum(), other));
            }
        }
        self.lift(at);
        self.put(rival, group);
        let (theirs, to) = to?;
        Some((mine + theirs - stay?, to))
    }

    /// Merges groups that are likelier one.
    fn merge(&mut self, told: &mut Vec<Told>) {
        self.groups.retain(|_, members| !members.is_empty());
        let mut order: Vec<(usize, GroupId)> = self.groups.iter().map(|(id, m)| (m.len(), *id)).collect();
        order.sort_unstable();
        order.truncate(self.settings.max_candidates);
        for (place, (_, small)) in order.iter().enumerate() {
            if let Some(large) = self.better_as_one(*small, &order[place + 1..]) {
                let Some(members) = self.groups.remove(small) else { continue };
                for at in members.bursts().collect::<Vec<_>>() {
                    self.put(at, large);
                    self.tell_moved(at, *small, told);
                }
            }
        }
    }

    fn better_as_one(&self, small: GroupId, others: &[(usize, GroupId)]) -> Option<GroupId> {
        let members = self.groups.get(&small)?;
        let movable = members.len() <= self.settings.max_merged && !members.is_fixed();
        if !movable || members.bursts().any(|at| self.bursts.get(at).is_some_and(|b| b.pinned)) {
            return None;
        }
        let (start, last) = (members.start_ms()?, members.last_ms()?);
        let scorer = self.scorer();
        let apart = scorer.total(members);
        let (mut gain, mut best) = (0.0, None);
        for (_, other) in others {
            let Some(theirs) = self.groups.get(other) else { continue };
            let (Some(their_start), Some(their_last)) = (theirs.start_ms(), theirs.last_ms()) else {
                continue;
            };
            if their_start.saturating_sub(self.settings.before_ms) > last
                || their_last.saturating_add(self.settings.quiet_ms) < start
            {
                continue;
            }
            let mut one = theirs.clone();
            for at in members.bursts() {
                if let Some(burst) = self.bursts.get(at) {
                    one.insert(at, burst);
                }
            }
            let more = scorer.total(&one) - scorer.total(theirs) - apart
                + self.links.between(members, theirs, &self.bursts, &self.settings);
            if more > gain {
                (gain, best) = (more, Some(*other));
            }
        }
        best
    }
}
