//! Good and bad requests of the last minute by second, with a learned share of bad ones and a test against it.

use std::collections::VecDeque;

use model::Timestamp;
use serde::{Deserialize, Serialize};

use crate::stats;

/// Seconds kept.
const KEPT_S: i64 = 64;
/// A second is learned only when it is this old: what is about to be found must not be learned before.
const LEARN_AFTER_S: i64 = 12;
/// Window lengths tested, in seconds; the last second is still filling.
const WINDOWS_S: [i64; 7] = [1, 2, 3, 5, 10, 20, 60];
/// Chance at which a departure is no longer luck. One service makes about 10,000 partly dependent tests an
/// hour, at a learned share that is already rounded up.
const LUCK: f64 = 1e-7;
/// How much past the learned share remembers, in requests.
const MEMORY: f64 = 20_000.0;
/// No service is better than this: one bad request in two hundred is never news.
const FLOOR: f64 = 0.005;

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Second {
    second: i64,
    total: u32,
    bad: u32,
    learned: bool,
}

/// A departure from the learned share.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Departure {
    pub(crate) total: u32,
    pub(crate) bad: u32,
    pub(crate) chance: f64,
    /// First bad request in the window that showed it.
    pub(crate) started_at: Timestamp,
}

/// See the module.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Proportion {
    seconds: VecDeque<Second>,
    total: f64,
    bad: f64,
}

impl Proportion {
    pub(crate) fn add(&mut self, at: Timestamp, bad: bool) {
        let second = at.as_unix_ms().div_euclid(1_000);
        let position = self.seconds.partition_point(|s| s.second < second);
        let newest = self.seconds.back().map_or(second, |s| s.second);
        if second <= newest - KEPT_S {
            return;
        }
        if self.seconds.get(position).is_none_or(|s| s.second != second) {
            self.seconds.insert(position, Second { second, ..Second::default() });
        }
        let slot = &mut self.seconds[position];
        slot.total = slot.total.saturating_add(1);
        slot.bad = slot.bad.saturating_add(u32::from(bad));
        while self.seconds.front().is_some_and(|s| s.second <= newest.max(second) - KEPT_S) {
            self.seconds.pop_front();
        }
    }

    /// Learns the seconds old enough, unless trouble is on (then they are passed over for good).
    pub(crate) fn learn(&mut self, now: Timestamp, trouble: bool) {
        let before = now.as_unix_ms().div_euclid(1_000) - if trouble { -1 } else { LEARN_AFTER_S };
        for s in self.seconds.iter_mut().filter(|s| !s.learned && s.second < before) {
            s.learned = true;
            if !trouble {
                self.total += f64::from(s.total);
                self.bad += f64::from(s.bad);
            }
        }
        if self.total > MEMORY {
            self.total *= 0.5;
            self.bad *= 0.5;
        }
    }

    /// Lets bygones be bygones: the windows begin anew. What was learned stays.
    pub(crate) fn begin_anew(&mut self) {
        self.seconds.clear();
    }

    /// The share of bad requests taken as normal, rounded up while little is known.
    pub(crate) fn normal(&self) -> f64 {
        ((self.bad + 0.5) / (self.total + 100.0) * 1.25).max(FLOOR)
    }

    /// Counts of the last `window_s` seconds, the filling one included.
    fn counts(&self, now: Timestamp, window_s: i64) -> (u32, u32) {
        let from = now.as_unix_ms().div_euclid(1_000) - window_s;
        self.seconds
            .iter()
            .rev()
            .take_while(|s| s.second > from)
            .fold((0, 0), |(t, b), s| (t + s.total, b + s.bad))
    }

    /// Counts of the shortest window that holds ten requests: how it is now, for clearing.
    pub(crate) fn recent(&self, now: Timestamp) -> (u32, u32) {
        let windows = [3, 5, 10, 30].map(|window_s| self.counts(now, window_s));
        windows.into_iter().find(|(total, _)| *total >= 10).unwrap_or(windows[3])
    }

    /// The strongest departure over all window lengths, if any is beyond luck.
    pub(crate) fn departure(&self, now: Timestamp, bad_at_least: u32) -> Option<Departure> {
        let normal = self.normal();
        let this_second = now.as_unix_ms().div_euclid(1_000);
        let mut best: Option<Departure> = None;
        for window in WINDOWS_S {
            let (mut total, mut bad, mut bad_seconds, mut first) = (0u32, 0u32, 0u32, this_second);
            for s in self.seconds.iter().rev().take_while(|s| s.second > this_second - window) {
                total += s.total;
                bad += s.bad;
                if s.bad > 0 {
                    bad_seconds += 1;
                    first = s.second;
                }
            }
            let ratio = f64::from(bad) / f64::from(total.max(1));
            // One hiccup hits several requests at the same moment: that is one event, not many.
            let spread = bad_seconds >= 2 || bad >= bad_at_least * 3;
            if bad < bad_at_least || !spread || ratio < (2.5 * normal).max(0.03) {
                continue;
            }
            let chance = stats::binomial_tail(total, bad, normal);
            if chance < LUCK && best.is_none_or(|b| chance < b.chance) {
                best = Some(Departure {
                    total,
                    bad,
                    chance,
                    started_at: Timestamp::from_unix_ms(first * 1_000),
                });
            }
        }
        best
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forty_percent_errors_show_within_three_seconds_and_single_ones_never() {
        let mut p = Proportion::default();
        let at = |ms: i64| Timestamp::from_unix_ms(1_700_000_000_000 + ms);
        for i in 0..600i64 {
            p.add(at(i * 200), i % 100 == 7);
            p.learn(at(i * 200), false);
            assert_eq!(p.departure(at(i * 200), 3), None, "at {i}");
        }
        let begin = 600 * 200;
        let found = (0..20i64).find(|i| {
            p.add(at(begin + i * 200), i % 5 < 2);
            p.departure(at(begin + i * 200), 3).is_some()
        });
        assert!(found.is_some_and(|i| i * 200 <= 3_000), "{found:?}");
    }
}
