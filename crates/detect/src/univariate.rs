//! A streaming anomaly detector for any single series: constant work and memory for each point, no look-ahead,
//! no training. Not calibrated for a unit: everything is relative to the series' own past.
//!
//! Several features look at a point from different sides: how far it is from where the series just was, from its
//! long-run level, from the same time of earlier days, and how restless the series has become. Each feature is
//! compared with the largest it ever was in normal life. Extreme value theory makes such records rare in a
//! steady series (the n-th point is one with a chance of 1/n) and a record by a wide margin rarer still,
//! whatever the distribution, so that one threshold serves all series.

use serde::{Deserialize, Serialize};

/// What is said of one point, when it arrives.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Verdict {
    /// How much this point begins something that was not there before, 0 to 1. After an alarm the series is given
    /// time: what goes on is not said again unless it gets much worse.
    pub alarm: f64,
    /// How far this point is from the one before and from the robust level, in the unit of the series, whatever
    /// was said before: for ranking the points of one series.
    pub distance: f64,
}

/// Tuned on public data, the same for every series.
struct Knobs {
    // Spans of exponential means, in points: of where the series just was, of its level lately and in the long
    // run, and of how restless it is.
    fast: f64,
    middle: f64,
    slow: f64,
    restless: f64,
    // A record counts for this many points; one point raises it at most by this factor.
    forget: f64,
    growth: f64,
    // How much wider a margin a record needs while few points are known.
    young: f64,
    // Points without a further alarm after one, unless it is so many times stronger.
    rest: f64,
    again: f64,
    // What a record of each feature is worth.
    weights: [f64; FEATURES],
}

const KNOBS: Knobs = Knobs {
    fast: 3.0,
    middle: 30.0,
    slow: 1_900.0,
    restless: 50.0,
    forget: 2_700.0,
    growth: 4.25,
    young: 2.75,
    rest: 80.0,
    again: 4.4,
    weights: [0.75, 0.9, 3.5, 0.3, 0.25, 0.5],
};

fn knobs() -> &'static Knobs {
    &KNOBS
}

const FEATURES: usize = 6;
/// Bins of a day.
const BINS: usize = 96;
const DAY_S: i64 = 86_400;
/// Points before the first word.
const WARMUP: u32 = 30;
/// Span of the robust level in points, what is far out in mean distances, and until when nothing is.
const LEVEL_SPAN: f64 = 2_000.0;
const OUTLIER: f64 = 3.0;
const YOUNG: u32 = 20;
/// An alarm from here on begins the rest after it.
const WORTH_RESTING: f64 = 0.2;
/// The restlessness is a logarithm; a rise below this is no record, however steady the past.
const RESTLESS: usize = 5;
const LEAST_RESTLESS: f64 = 0.1;

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Record {
    up: f64,
    down: f64,
}

/// See the module.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Univariate {
    points: u32,
    last: f64,
    fast: f64,
    middle: f64,
    slow: f64,
    /// Mean size of a step, lately and in the long run.
    step_now: f64,
    step_usual: f64,
    /// Mean distance from the long-run level.
    spread: f64,
    records: [Record; FEATURES],
    /// Mean by time of day, and for how many days.
    day: Vec<f32>,
    day_seen: Vec<u8>,
    /// Mean distance from the same time of earlier days, lately.
    seasonal_gap: f64,
    /// Level and mean distance from it, blind to what lies far out.
    level: f64,
    deviation: f64,
    quiet_until: u32,
    said: f64,
}

impl Default for Univariate {
    fn default() -> Self {
        Self::new()
    }
}

fn blend(old: f64, new: f64, points: u32, span: f64) -> f64 {
    // The plain mean while young, exponential forgetting later.
    old + (new - old) * (2.0 / (span + 1.0)).max(1.0 / f64::from(points.max(1)))
}

impl Univariate {
    /// Memory of one series, in bytes.
    pub const BYTES: usize = size_of::<Self>() + BINS * 5;

    /// Knows nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            points: 0,
            last: 0.0,
            fast: 0.0,
            middle: 0.0,
            slow: 0.0,
            step_now: 0.0,
            step_usual: 0.0,
            spread: 0.0,
            records: [Record::default(); FEATURES],
            day: vec![0.0; BINS],
            day_seen: vec![0; BINS],
            seasonal_gap: 0.0,
            level: 0.0,
            deviation: 0.0,
            quiet_until: 0,
            said: 0.0,
        }
    }

    /// Takes in a point and judges it. A value that is no finite number is passed over.
    pub fn add(&mut self, at_s: i64, value: f64) -> Verdict {
        // Beyond this the means, kept in single precision where many are kept, would no longer be finite.
        if !value.is_finite() || value.abs() > 1e30 {
            return Verdict::default();
        }
        self.points = self.points.saturating_add(1);
        if self.points == 1 {
            (self.last, self.fast, self.middle, self.slow, self.level) = (value, value, value, value, value);
        }
        let bin = (at_s.rem_euclid(DAY_S) * BINS as i64 / DAY_S) as usize;
        let distance = (value - self.last).abs() + (value - self.level).abs();
        let features = self.features(bin, value);
        let alarm = self.judge(&features);
        self.learn(bin, value);
        Verdict { alarm, distance }
    }

    /// Points taken in so far.
    #[must_use]
    pub fn points(&self) -> u32 {
        self.points
    }

    /// The robust level and the mean distance from it.
    #[must_use]
    pub fn level(&self) -> (f64, f64) {
        (self.level, self.deviation)
    }

    fn features(&mut self, bin: usize, value: f64) -> [f64; FEATURES] {
        let k = knobs();
        let step = (value - self.last).abs();
        self.step_now = blend(self.step_now, step, self.points, k.restless);
        let middle = blend(self.middle, value, self.points, k.middle);
        let tiny = 1e-6 * (self.slow.abs() + self.spread) + 1e-12;
        let seasonal =
            if self.day_seen[bin] > 0 { value - f64::from(self.day[bin]) } else { value - self.fast };
        self.seasonal_gap = blend(self.seasonal_gap, seasonal, self.points, k.middle);
        let trust = if self.day_seen[bin] > 0 { 1.0 } else { 0.0 };
        [
            value - self.fast,
            value - self.slow,
            middle - self.slow,
            seasonal * trust,
            self.seasonal_gap * trust,
            ((self.step_now + tiny) / (self.step_usual + tiny)).ln(),
        ]
    }

    fn judge(&mut self, features: &[f64; FEATURES]) -> f64 {
        let k = knobs();
        let young = 1.0 + k.young / f64::from(self.points).sqrt();
        let floor = 1e-3 * (self.spread + 1e-3 * self.slow.abs()) + 1e-12;
        let keep = 1.0 - 1.0 / k.forget;
        let mut alarm = 0.0f64;
        for (i, (x, record)) in features.iter().zip(&mut self.records).enumerate() {
            let (this, other) =
                if *x >= 0.0 { (&mut record.up, record.down) } else { (&mut record.down, record.up) };
            let size = x.abs();
            let before = this.max(0.5 * other).max(if i == RESTLESS { LEAST_RESTLESS } else { floor });
            let ratio = size / (before * young);
            alarm = alarm.max((ratio - 1.0) * k.weights[i]);
            *this = (*this * keep).max(if self.points < WARMUP { size } else { size.min(before * k.growth) });
        }
        if self.points < WARMUP {
            return 0.0;
        }
        let quiet = self.points < self.quiet_until;
        if quiet && alarm < self.said * k.again {
            return 0.0;
        }
        if alarm > WORTH_RESTING {
            self.quiet_until = self.points.saturating_add(k.rest as u32);
            self.said = alarm;
        }
        alarm.max(0.0) / (1.0 + alarm.max(0.0))
    }

    fn learn(&mut self, bin: usize, value: f64) {
        let k = knobs();
        let n = self.points;
        let mean = f64::from(self.day[bin]);
        let seen = u32::from(self.day_seen[bin]).min(40) + 1;
        self.day_seen[bin] = seen as u8;
        self.day[bin] = (mean + (value - mean) / f64::from(seen.min(12))) as f32;
        self.step_usual = blend(self.step_usual, (value - self.last).abs(), n, k.slow);
        self.spread = blend(self.spread, (value - self.slow).abs(), n, k.slow);
        self.fast = blend(self.fast, value, n, k.fast);
        self.middle = blend(self.middle, value, n, k.middle);
        self.slow = blend(self.slow, value, n, k.slow);
        // A point far out counts as one at the edge: trouble must not shift the level it is measured from.
        let reach = if n > YOUNG { OUTLIER * self.deviation } else { f64::INFINITY };
        let off = (value - self.level).clamp(-reach, reach);
        self.deviation = blend(self.deviation, off.abs(), n, LEVEL_SPAN);
        self.level = blend(self.level, self.level + off, n, LEVEL_SPAN);
        self.last = value;
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
                detector.add(*i as i64 * 300, value).alarm > 0.3
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

    proptest! {
        #[test]
        fn hostile_values_give_finite_words(points in prop::collection::vec((any::<i64>(), any::<f64>()), 0..200)) {
            let mut detector = Univariate::new();
            for (at, value) in points {
                let verdict = detector.add(at, value);
                prop_assert!((0.0..=1.0).contains(&verdict.alarm) && verdict.distance.is_finite());
            }
        }
    }
}
