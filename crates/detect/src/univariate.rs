//! A streaming anomaly detector for any single series: constant work and memory for each point, no look-ahead,
//! no training. Not calibrated for a unit: everything is relative to the series' own past.
//!
//! Three parts: what the point should be (`expectation`), how rare it is to be so far from it (`tail`), and whether
//! something new begins (`records`).

mod expectation;
mod records;
mod tail;

use serde::{Deserialize, Serialize};

use self::expectation::Expectation;
use self::records::Records;
use self::tail::Tail;

pub use self::expectation::Member;

/// Beyond this the means, kept in single precision where many are kept, would no longer be finite.
const LARGEST: f64 = 1e30;

/// Points that count as lately.
const LATELY: f64 = 200.0;

/// What is said of one point, when it arrives.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Verdict {
    /// How much this point begins something that was not there before, 0 to 1. After an alarm the series is given
    /// time: what goes on is not said again unless it gets much worse.
    pub alarm: f64,
    /// How far this point is from what was expected, or from the one before, whichever is more, in the unit of the
    /// series, whatever was said before: for ranking the points of one series.
    pub distance: f64,
    /// What the point should have been.
    pub expected: f64,
    /// The band in which 99 % of this series' life lies, in its unit; wider while few points are known.
    pub low: f64,
    /// See `low`.
    pub high: f64,
    /// Share of the series' life that was at least as far out on this side: 0.01 is one point in a hundred. With few
    /// points it is never small.
    pub tail: f64,
}

impl Verdict {
    /// How far out of the band a value is: 1 at its edge, 0 at what was expected.
    #[must_use]
    pub fn beyond(&self, value: f64) -> f64 {
        let reach = if value >= self.expected { self.high - self.expected } else { self.expected - self.low };
        (value - self.expected).abs() / reach.max(f64::MIN_POSITIVE)
    }
}

/// See the module.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Univariate {
    points: u32,
    expectation: Expectation,
    tail: Tail,
    records: Records,
    /// Share of the points lately that were outside the band.
    outside: f64,
}

impl Default for Univariate {
    fn default() -> Self {
        Self::new()
    }
}

/// The plain mean while young, exponential forgetting later.
fn blend(old: f64, new: f64, points: u32, span: f64) -> f64 {
    old + (new - old) * (2.0 / (span + 1.0)).max(1.0 / f64::from(points.max(1)))
}

impl Univariate {
    /// Memory of one series, in bytes.
    pub const BYTES: usize = size_of::<Self>() + Expectation::HEAP + Tail::HEAP;

    /// Knows nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            points: 0,
            expectation: Expectation::new(),
            tail: Tail::new(),
            records: Records::new(),
            outside: 0.0,
        }
    }

    /// Takes in a point and judges it. A value that is no finite number is passed over.
    pub fn add(&mut self, at_s: i64, value: f64) -> Verdict {
        if !value.is_finite() || value.abs() > LARGEST {
            return Verdict::default();
        }
        if self.points == 0 {
            self.expectation.begin(value);
            self.records.begin(value);
        }
        self.points = self.points.saturating_add(1);
        let expected = self.expectation.at(at_s);
        let off = value - expected.value;
        let (below, above) = self.tail.band(expected.value, self.points);
        let verdict = Verdict {
            distance: self.records.step(value).max(off.abs()),
            expected: expected.value,
            low: expected.value - below,
            high: expected.value + above,
            tail: self.tail.probability(expected.value, off),
            alarm: self.records.add(value, &expected, self.points),
        };
        let out = f64::from(u8::from(verdict.beyond(value) > 1.0));
        self.outside = blend(self.outside, out, self.points, LATELY);
        self.tail.learn(expected.value, off, self.points);
        self.expectation.learn(at_s, value, &expected, self.points);
        verdict
    }

    /// What a value would be at a time, without learning from it: for judging while learning is paused. The alarm is 0.
    #[must_use]
    pub fn judge(&self, at_s: i64, value: f64) -> Verdict {
        let expected = self.expectation.at(at_s).value;
        let (below, above) = self.tail.band(expected, self.points);
        let off = if value.is_finite() { value - expected } else { 0.0 };
        let tail = self.tail.probability(expected, off);
        Verdict {
            alarm: 0.0,
            distance: off.abs(),
            expected,
            low: expected - below,
            high: expected + above,
            tail,
        }
    }

    /// Points taken in so far.
    #[must_use]
    pub fn points(&self) -> u32 {
        self.points
    }

    /// Share of the points lately that were outside the band, 0 to 1; 0.01 when the series is as it was. More is drift:
    /// what was learned holds no longer.
    #[must_use]
    pub fn outside(&self) -> f64 {
        self.outside
    }

    /// Who says what is expected, with how much say.
    #[must_use]
    pub fn members(&self) -> [Member; 3] {
        self.expectation.members()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A day of 288 points with a wave, some noise, and one change from point `from` on.
    fn alarms(from: usize, change: impl Fn(f64) -> f64) -> Vec<usize> {
        let mut detector = Univariate::new();
        let value = |i: usize| {
            let noise = ((i as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as f64 / (1u64 << 24) as f64;
            100.0 + 20.0 * (i as f64 / 288.0 * std::f64::consts::TAU).sin() + 4.0 * noise
        };
        (0..4_000)
            .filter(|i| {
                let value = if *i >= from { change(value(*i)) } else { value(*i) };
                detector.add(*i as i64 * 300, value).alarm > 0.15
            })
            .collect()
    }

    #[test]
    fn a_departure_is_said_once_when_it_begins() {
        assert_eq!(alarms(usize::MAX, |v| v), Vec::<usize>::new());
        for change in [|v: f64| v + 150.0, |v: f64| v - 150.0, |_: f64| 0.0] {
            let said = alarms(3_000, change);
            assert!(said.first().is_some_and(|i| (3_000..3_005).contains(i)) && said.len() <= 3, "{said:?}");
        }
    }

    /// Deterministic noise of a shape, from a uniform number in (0, 1).
    fn noise(i: u64) -> f64 {
        let mut x = i.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((x ^ (x >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Share of points outside the band after the first thousand of 20,000, five minutes apart.
    fn outside(value: impl Fn(i64, f64) -> f64) -> f64 {
        let mut detector = Univariate::new();
        let out = (0..20_000i64)
            .filter(|i| {
                let value = value(i * 300, noise(*i as u64));
                let verdict = detector.add(i * 300, value);
                *i >= 1_000 && !(verdict.low..=verdict.high).contains(&value)
            })
            .count();
        out as f64 / 19_000.0
    }

    #[test]
    fn one_point_in_a_hundred_is_outside_the_band_whatever_the_noise() {
        let day = |at: i64| (at as f64 / 86_400.0 * std::f64::consts::TAU).sin();
        let normal = |u: f64| (0..12).map(|i| noise((u * 1e15) as u64 + i)).sum::<f64>() - 6.0;
        let check = |name: &str, share: f64| assert!((0.0003..0.02).contains(&share), "{name}: {share}");
        check("uniform", outside(|_, u| u));
        check("normal", outside(|_, u| normal(u)));
        check("exponential", outside(|_, u| -u.ln()));
        check("heavy tail", outside(|_, u| u.powf(-0.4)));
        check(
            "counts, mostly none",
            outside(|_, u| if u < 0.95 { 0.0 } else { (-20.0 * (1.0 - u).ln()).floor() }),
        );
        check("a day", outside(|at, u| 50.0 + 30.0 * day(at) + 4.0 * normal(u)));
    }

    #[test]
    fn a_quiet_weekend_is_expected_after_some_months() {
        let mut detector = Univariate::new();
        let weekend = |at: i64| (at / 86_400 + 4) % 7 >= 5;
        let mut last = Verdict::default();
        for i in 0..7 * 288 * 12i64 {
            let (at, low) = (i * 300, if weekend(i * 300) { 20.0 } else { 100.0 });
            last = detector.add(at, low + 6.0 * noise(i as u64));
        }
        let week = detector.members().into_iter().find(|m| m.name == "week").unwrap();
        assert!(week.weight > 0.8, "{week:?}");
        // The same value on a working day is far out.
        let next_working_noon = 7 * 86_400 * 12 + 4 * 86_400 + 43_200;
        assert!((next_working_noon / 86_400 + 4) % 7 < 5);
        let judged = detector.judge(next_working_noon, 20.0);
        assert!(judged.beyond(20.0) > 2.0 && judged.tail < 0.005, "{judged:?} {last:?}");
        assert!(detector.judge(next_working_noon, 103.0).beyond(103.0) < 1.0);
    }

    #[test]
    fn a_level_that_stays_becomes_the_normal_one() {
        let mut detector = Univariate::new();
        let value = |i: i64| noise(i as u64) + if i < 1_000 { 10.0 } else { 40.0 };
        let said: Vec<i64> = (0..3_000).filter(|i| detector.add(i * 300, value(*i)).alarm > 0.15).collect();
        assert_eq!(said, [1_000], "once, when it begins");
        assert!((detector.judge(3_000 * 300, 40.5).expected - 40.5).abs() < 2.0);
    }

    fn series() -> impl Strategy<Value = Vec<f64>> {
        prop::collection::vec(
            (0.0..100.0f64, 0..40u8).prop_map(|(v, spike)| if spike == 0 { v * 9.0 } else { v }),
            50..400,
        )
    }

    proptest! {
        #[test]
        fn the_unit_does_not_matter(points in series(), power in -10..10i32) {
            let factor = 2f64.powi(power);
            let (mut one, mut other) = (Univariate::new(), Univariate::new());
            for (i, value) in points.iter().enumerate() {
                let (a, b) = (one.add(i as i64 * 300, *value), other.add(i as i64 * 300, value * factor));
                prop_assert!((a.alarm - b.alarm).abs() < 1e-6 && (a.tail - b.tail).abs() < 1e-6);
                prop_assert!((a.high * factor - b.high).abs() <= 1e-4 * b.high.abs().max(factor));
            }
        }

        #[test]
        fn a_detector_that_was_stored_goes_on_the_same(points in series(), cut in 0..50usize) {
            let mut whole = Univariate::new();
            let mut parts = Univariate::new();
            for (i, value) in points.iter().enumerate() {
                if i == cut {
                    parts = rmp_serde::from_slice(&rmp_serde::to_vec_named(&parts).unwrap()).unwrap();
                }
                prop_assert_eq!(whole.add(i as i64 * 300, *value), parts.add(i as i64 * 300, *value));
            }
        }

        #[test]
        fn hostile_values_give_finite_words(points in prop::collection::vec((any::<i64>(), any::<f64>()), 0..200)) {
            let mut detector = Univariate::new();
            for (at, value) in points {
                let verdict = detector.add(at, value);
                prop_assert!((0.0..=1.0).contains(&verdict.alarm) && verdict.distance.is_finite());
                prop_assert!((0.0..=1.0).contains(&verdict.tail) && verdict.low <= verdict.high);
                prop_assert!(verdict.expected.is_finite() && !verdict.beyond(value).is_nan() || !value.is_finite());
            }
        }
    }
}
