//! Steady growth towards a limit, for memory and disks. Looks at several time scales at once; each coarser scale
//! keeps the lowest value of four finer points, which is blind to sawtooth. Not a detector by itself.

use std::collections::VecDeque;

use model::Timestamp;
use serde::{Deserialize, Serialize};

use crate::stats;

/// Points a scale looks back on, and the fewest it judges by.
const POINTS: usize = 12;
const POINTS_AT_LEAST: usize = 6;
/// Scales, each four times as coarse as the one before: seconds to an hour at one sample a second.
const SCALES: usize = 5;
/// A limit further away than this many looks back is not foreseeable. Over seconds little else grows that fast;
/// over minutes a collector's first tooth looks the same until half the way is gone.
const LOOK_AHEAD: [f64; SCALES] = [4.0, 2.0, 2.0, 2.0, 2.0];
/// A window that grew by less than this share of the limit may be anything.
const LEAST_SHARE: f64 = 0.06;
/// A fall to this share of the value is a restart or a big sweep.
const FALL: f64 = 0.6;

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Scale {
    filling: Option<(i64, f64, u32)>,
    points: VecDeque<(i64, f64)>,
}

/// What growth leads to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Forecast {
    pub(super) per_s: f64,
    pub(super) time_to_limit_ms: u64,
    pub(super) started_at: Timestamp,
    pub(super) confidence: f64,
}

/// The history of one value at several scales.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Growth {
    scales: Vec<Scale>,
    last: Option<(i64, f64)>,
    /// When the value was first heard of.
    born_ms: i64,
    /// Highest value it ever fell from; growth up to there is a sawtooth.
    tooth: f64,
}

impl Growth {
    /// Takes in a sample; an old or meaningless one is passed over. True when the value fell sharply.
    pub(super) fn add(&mut self, at: Timestamp, value: f64) -> bool {
        let at = at.as_unix_ms();
        if !value.is_finite() || value < 0.0 || self.last.is_some_and(|(last, _)| at <= last) {
            return false;
        }
        let before = self.last.replace((at, value));
        let Some((_, before)) = before else {
            self.born_ms = at;
            self.scales = vec![Scale::default(); SCALES];
            self.push(0, at, value);
            return false;
        };
        if value < before * 0.95 {
            self.tooth = (self.tooth * 0.98).max(before);
        }
        let fell = value < before * FALL;
        if fell {
            self.scales = vec![Scale::default(); SCALES];
        }
        self.push(0, at, value);
        fell
    }

    /// Forgets how high it ever was: what it fell from was trouble, not a tooth.
    pub(super) fn forget_tooth(&mut self) {
        self.tooth = 0.0;
    }

    fn push(&mut self, scale: usize, at: i64, value: f64) {
        let Some(this) = self.scales.get_mut(scale) else { return };
        this.points.push_back((at, value));
        if this.points.len() > POINTS {
            this.points.pop_front();
        }
        let Some(next) = self.scales.get_mut(scale + 1) else { return };
        let (at, low, count) = next.filling.map_or((at, value, 1), |(_, low, n)| (at, low.min(value), n + 1));
        next.filling = (count < 4).then_some((at, low, count));
        if count == 4 {
            self.push(scale + 1, at, low);
        }
    }

    /// The nearest time at which the limit is reached, when growth is steady enough to say so.
    pub(super) fn forecast(&self, limit: f64, horizon_s: u32, warmup_ms: i64) -> Option<Forecast> {
        let (now, value) = self.last?;
        if now - self.born_ms < warmup_ms || value < self.tooth * 1.1 || !limit.is_finite() || limit <= 0.0 {
            return None;
        }
        self.scales
            .iter()
            .zip(LOOK_AHEAD)
            .find_map(|(s, ahead)| judge(s, ahead, value, limit, f64::from(horizon_s)))
    }
}

fn judge(scale: &Scale, ahead: f64, value: f64, limit: f64, horizon_s: f64) -> Option<Forecast> {
    let points: Vec<(i64, f64)> = scale.points.iter().copied().collect();
    if points.len() < POINTS_AT_LEAST {
        return None;
    }
    // The newest half of the look-back, or all of it: a leak may have begun in between.
    let newest = &points[points.len() - POINTS_AT_LEAST..];
    [newest, &points].into_iter().find_map(|window| {
        let (first, last) = (window.first()?, window.last()?);
        let span_s = (last.0 - first.0) as f64 / 1_000.0;
        let grown = last.1 - first.1;
        let per_s = stats::theil_sen_per_s(window)?;
        let left_s = (limit - value).max(0.0) / per_s;
        if per_s <= 0.0 || grown < LEAST_SHARE * limit || left_s > (ahead * span_s).min(horizon_s) {
            return None;
        }
        let rises = window.windows(2).filter(|w| w[1].1 > w[0].1).count();
        if rises + window.len() / 8 + 1 < window.len() {
            return None;
        }
        // Growth that flattens is warm-up; growth in one step is a load, not a leak.
        let (early, late) = window.split_at(window.len() / 2);
        let lately_per_s = stats::theil_sen_per_s(late)?;
        if lately_per_s < 0.55 * stats::theil_sen_per_s(early)?.max(0.3 * per_s) {
            return None;
        }
        let mut off: Vec<f64> =
            window.iter().map(|p| (p.1 - first.1 - per_s * (p.0 - first.0) as f64 / 1_000.0).abs()).collect();
        off.sort_by(f64::total_cmp);
        let looseness = stats::quantile(&off, 0.5) / grown;
        // A window that reaches back to before the growth began makes it seem slower than it is now.
        let now_per_s = per_s.max(lately_per_s);
        (looseness < 0.2).then(|| Forecast {
            per_s: now_per_s,
            time_to_limit_ms: (left_s * per_s / now_per_s * 1_000.0) as u64,
            started_at: Timestamp::from_unix_ms(first.0),
            confidence: 0.97 - looseness,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MB: f64 = 1e6;

    /// Seconds until growth is foreseen, at one sample a second.
    fn check(value: impl Fn(f64) -> f64, limit: f64, expect: impl Fn(Option<i64>) -> bool) {
        let mut growth = Growth::default();
        let seen = (0..7_200i64).find(|s| {
            growth.add(Timestamp::from_unix_ms(1_700_000_000_000 + s * 1_000), value(*s as f64));
            growth.forecast(limit, 3_600, 10_000).is_some()
        });
        assert!(expect(seen), "{seen:?}");
    }

    #[test]
    fn the_time_left_follows_the_growth_of_now() {
        let mut growth = Growth::default();
        let value = |s: f64| 2.0 * MB + s * 100.0 + (s - 30.0).max(0.0) * 6.0 * MB;
        let first = (0..60i64).find_map(|s| {
            growth.add(Timestamp::from_unix_ms(1_700_000_000_000 + s * 1_000), value(s as f64));
            let forecast = growth.forecast(64.0 * MB, 3_600, 10_000)?;
            Some((forecast, (64.0 * MB - value(s as f64)) / (6.0 * MB)))
        });
        let (forecast, left_s) = first.unwrap();
        let said_s = forecast.time_to_limit_ms as f64 / 1_000.0;
        assert!((said_s - left_s).abs() < 0.3 * left_s, "said {said_s} s, {left_s} s are left");
    }

    #[test]
    fn leaks_are_foreseen_and_ordinary_memory_is_not() {
        let limit = 256.0 * MB;
        let leak = |s: f64| 30.0 * MB + if s > 60.0 { (s - 60.0) * 12.0 * MB } else { 0.0 };
        check(leak, limit, |s| s.is_some_and(|s| s <= 68));
        check(|s| 30.0 * MB + s * 0.1 * MB, limit, |s| s.is_some_and(|s| s < 1_800));
        // Warm-up that flattens, sawtooth of a collector, and a plain level.
        check(|s| 30.0 * MB + 80.0 * MB * (1.0 - (-s / 60.0).exp()), limit, |s| s.is_none());
        check(|s| 40.0 * MB + (s % 45.0) * 1.5 * MB, limit, |s| s.is_none());
        check(|s| 200.0 * MB + (s * 0.7).sin() * MB, limit, |s| s.is_none());
    }
}
