//! Good and bad over time, for error budgets: minutes of the last hours and hours of the last weeks.
//!
//! After the multi-window, multi-burn-rate method of Google's Site Reliability Workbook, chapter 5. Buckets hold what
//! counts after budgeting, so that every window is a sum.

use std::collections::VecDeque;

use model::{Budgeting, Timestamp};
use serde::{Deserialize, Serialize};

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 3_600_000;
/// Minutes kept: windows up to this long are exact to a minute.
const MINUTES: usize = 360;
/// Hours kept: the longest window is 92 days.
const HOURS: usize = 92 * 24;
/// Longest window of an objective, milliseconds.
pub const MAX_WINDOW_MS: i64 = HOURS as i64 * HOUR_MS;

/// More events at once than any system has are a mistake of the sender.
const MOST: f64 = 1e15;

/// What counts, and how much of it was bad.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Count {
    pub(crate) bad: f64,
    pub(crate) total: f64,
}

impl Count {
    fn add(&mut self, other: Self) {
        self.bad += other.bad;
        self.total += other.total;
    }

    /// Share of bad; none when nothing counted.
    pub(crate) fn ratio(self) -> Option<f64> {
        (self.total > 0.0).then(|| (self.bad / self.total).clamp(0.0, 1.0))
    }
}

/// A ring of buckets of one length.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Ring {
    /// Number of the newest bucket since 1970.
    newest: i64,
    /// Oldest first; the last is the newest.
    buckets: VecDeque<Count>,
}

impl Ring {
    fn add(&mut self, bucket: i64, count: Count, keep: usize) {
        if self.buckets.is_empty() || bucket - self.newest >= keep as i64 {
            self.buckets.clear();
            self.buckets.push_back(Count::default());
            self.newest = bucket;
        }
        while self.newest < bucket {
            self.newest += 1;
            self.buckets.push_back(Count::default());
            if self.buckets.len() > keep {
                self.buckets.pop_front();
            }
        }
        // Late, and perhaps older than anything kept.
        let back = usize::try_from(self.newest - bucket).unwrap_or(usize::MAX);
        if let Some(at) = self.buckets.len().checked_sub(back.saturating_add(1)) {
            self.buckets[at].add(count);
        }
    }

    /// The sum of buckets `from..=to`.
    fn sum(&self, from: i64, to: i64) -> Count {
        let oldest = self.newest - self.buckets.len() as i64 + 1;
        let mut sum = Count::default();
        for (i, bucket) in self.buckets.iter().enumerate() {
            if (from..=to).contains(&(oldest + i as i64)) {
                sum.add(*bucket);
            }
        }
        sum
    }

    fn oldest(&self) -> Option<i64> {
        (!self.buckets.is_empty()).then(|| self.newest - self.buckets.len() as i64 + 1)
    }
}

/// The spending of one objective's budget.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Budget {
    minutes: Ring,
    hours: Ring,
    /// The slice under way: its number, and its events.
    slice: Option<(i64, Count)>,
}

impl Budget {
    /// Takes events in.
    pub(crate) fn see(&mut self, at: Timestamp, count: Count, budgeting: Budgeting) {
        // What is good and what is all may come apart: a count with less than nothing bad takes back.
        if !(count.total.abs() < MOST && count.bad.abs() < MOST) {
            return;
        }
        let at_ms = at.as_unix_ms();
        let slice_ms = match budgeting {
            Budgeting::Occurrences => return self.spend(at_ms, count),
            Budgeting::Timeslices { slice_ms, .. } | Budgeting::RatioTimeslices { slice_ms } => {
                slice_ms.max(1_000)
            }
        };
        let number = at_ms.div_euclid(slice_ms);
        match &mut self.slice {
            // What is late counts in the slice under way.
            Some((current, sum)) if number <= *current => sum.add(count),
            _ => {
                if let Some((over, sum)) = self.slice.replace((number, count)) {
                    self.spend(over * slice_ms, judged(sum, budgeting));
                }
            }
        }
    }

    fn spend(&mut self, at_ms: i64, count: Count) {
        self.minutes.add(at_ms.div_euclid(MINUTE_MS), count, MINUTES);
        self.hours.add(at_ms.div_euclid(HOUR_MS), count, HOURS);
    }

    /// What counted over the `window_ms` before `now`.
    pub(crate) fn over(&self, now: Timestamp, window_ms: i64) -> Count {
        let (now_ms, from_ms) = (now.as_unix_ms(), now.as_unix_ms().saturating_sub(window_ms));
        if window_ms <= MINUTES as i64 * MINUTE_MS {
            return self.minutes.sum(from_ms.div_euclid(MINUTE_MS) + 1, now_ms.div_euclid(MINUTE_MS));
        }
        self.hours.sum(from_ms.div_euclid(HOUR_MS) + 1, now_ms.div_euclid(HOUR_MS))
    }

    /// How long it is known, milliseconds.
    pub(crate) fn known_ms(&self, now: Timestamp) -> i64 {
        self.hours.oldest().map_or(0, |hour| now.as_unix_ms() - hour * HOUR_MS)
    }
}

/// What a slice that is over counts as.
fn judged(sum: Count, budgeting: Budgeting) -> Count {
    let bad = sum.ratio().unwrap_or(0.0);
    match budgeting {
        Budgeting::Timeslices { target, .. } => Count { bad: f64::from(1.0 - bad < target), total: 1.0 },
        _ => Count { bad, total: 1.0 },
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_unix_ms(1_000 * HOUR_MS + minutes * MINUTE_MS)
    }

    fn of(bad: f64, total: f64) -> Count {
        Count { bad, total }
    }

    #[test]
    fn windows_hold_what_lies_in_them() {
        let mut budget = Budget::default();
        for minute in 0..120 {
            budget.see(at(minute), of(f64::from(minute >= 115), 10.0), Budgeting::Occurrences);
        }
        assert_eq!(budget.over(at(119), 5 * MINUTE_MS), of(5.0, 50.0));
        assert_eq!(budget.over(at(119), 60 * MINUTE_MS), of(5.0, 600.0));
        assert_eq!(budget.over(at(119), 30 * 24 * HOUR_MS), of(5.0, 1_200.0));
        assert_eq!(budget.over(at(500), 60 * MINUTE_MS).ratio(), None, "nothing happened since");
    }

    #[test]
    fn slices_count_alike_however_many_events_they_have() {
        let slices = Budgeting::Timeslices { slice_ms: MINUTE_MS, target: 0.9 };
        let mut budget = Budget::default();
        for (minute, bad, total) in [(0, 0.0, 1_000.0), (1, 2.0, 4.0), (2, 0.0, 1_000.0), (3, 0.0, 1.0)] {
            budget.see(at(minute), of(bad, total), slices);
        }
        assert_eq!(budget.over(at(3), HOUR_MS), of(1.0, 3.0), "the slice under way does not count yet");
        let mut ratio = Budget::default();
        for (minute, bad, total) in [(0, 0.0, 1_000.0), (1, 2.0, 4.0), (2, 0.0, 9.0)] {
            ratio.see(at(minute), of(bad, total), Budgeting::RatioTimeslices { slice_ms: MINUTE_MS });
        }
        assert_eq!(ratio.over(at(3), HOUR_MS), of(0.5, 2.0));
    }

    proptest! {
        #[test]
        fn any_events_in_any_order_stay_bounded(
            events in prop::collection::vec((-1_000_000_i64..10_000_000, any::<f64>(), any::<f64>()), 0..200),
        ) {
            let mut budget = Budget::default();
            for (minute, bad, total) in events {
                budget.see(at(minute), of(bad, total), Budgeting::Occurrences);
                for window in [0, MINUTE_MS, 6 * HOUR_MS, MAX_WINDOW_MS] {
                    let ratio = budget.over(at(minute), window).ratio();
                    prop_assert!(ratio.is_none_or(|r| (0.0..=1.0).contains(&r)), "{ratio:?}");
                }
            }
            prop_assert!(budget.minutes.buckets.len() <= MINUTES && budget.hours.buckets.len() <= HOURS);
        }

        #[test]
        fn a_restored_budget_goes_on_as_if_nothing_had_happened(minutes in prop::collection::vec(0_i64..3_000, 1..60)) {
            let mut whole = Budget::default();
            let mut parts = Budget::default();
            for minute in minutes {
                whole.see(at(minute), of(1.0, 3.0), Budgeting::Occurrences);
                parts.see(at(minute), of(1.0, 3.0), Budgeting::Occurrences);
                parts = rmp_serde::from_slice(&rmp_serde::to_vec_named(&parts).unwrap()).unwrap();
            }
            prop_assert_eq!(whole.over(at(3_000), MAX_WINDOW_MS), parts.over(at(3_000), MAX_WINDOW_MS));
        }
    }
}
