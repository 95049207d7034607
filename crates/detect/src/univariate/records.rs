//! When something new begins. Several features look at a point from different sides: how far it is from where the
//! series just was, from its long-run level, from the same time of earlier days and weeks, how restless the series has
//! become. Each is compared with the largest it ever was in normal life. Extreme value theory makes such records
//! rare in a steady series (the n-th point is one with a chance of 1/n) and a record by a wide margin rarer still,
//! whatever the distribution, so that one threshold serves all series.

use serde::{Deserialize, Serialize};

use super::blend;
use super::expectation::Expected;

/// Tuned on public data, the same for every series; see the decision on metric anomalies.
struct Knobs {
    // Spans of exponential means, in points: of where the series just was, of its level for a while, for longer and
    // in the long run, and of how restless it is.
    fast: f64,
    middle: f64,
    long: f64,
    slow: f64,
    restless: f64,
    // A record counts for so many points; the memories vote. One point raises it at most by this factor, or to this
    // share of its own size: a spike that comes back may be said again, one that goes on coming back may not.
    forget: [f64; MEMORIES],
    growth: f64,
    least: f64,
    // How much wider a margin a record needs while few points are known.
    young: f64,
    // Points without a further alarm after one, unless it is so many times stronger.
    rest: f64,
    again: f64,
    // What a record of each feature is worth.
    weights: [f64; FEATURES],
}

const KNOBS: Knobs = Knobs {
    fast: 3.5,
    middle: 40.0,
    long: 75.0,
    slow: 2_700.0,
    restless: 50.0,
    forget: [1_000.0, 3_000.0, 8_000.0],
    growth: 2.0,
    least: 0.3,
    young: 3.5,
    rest: 75.0,
    again: 4.8,
    weights: [0.7, 0.7, 4.0, 0.2, 0.35, 0.4, 0.5, 0.25, 0.45, 0.1],
};

const MEMORIES: usize = 3;
const FEATURES: usize = 10;
/// Points before the first word.
const WARMUP: u32 = 30;
/// An alarm from here on, as odds, begins the rest after it.
const WORTH_RESTING: f64 = 0.15;
/// The restlessness is a logarithm; a rise below this is no record, however steady the past.
const RESTLESS: usize = 8;
const LEAST_RESTLESS: f64 = 0.1;

/// Features that compare with earlier days, and with earlier weeks.
const OF_DAYS: std::ops::Range<usize> = 4..6;
const OF_WEEKS: std::ops::Range<usize> = 6..8;

/// Whether a feature has a normal life to compare with: a season has after two rounds.
fn may_speak(feature: usize, seen: [u8; 2]) -> bool {
    !(OF_DAYS.contains(&feature) && seen[0] < 2 || OF_WEEKS.contains(&feature) && seen[1] < 2)
}

/// Largest values of a feature, above and below.
type Record = [f64; 2];

/// See the module.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Records {
    last: f64,
    fast: f64,
    middle: f64,
    long: f64,
    slow: f64,
    /// Mean size of a step, lately and in the long run.
    step_now: f64,
    step_usual: f64,
    /// Mean distance from the long-run level.
    spread: f64,
    /// Mean distance from the same time of earlier days and weeks, lately.
    away: [f64; 2],
    best: [[Record; FEATURES]; MEMORIES],
    quiet_until: u32,
    said: f64,
}

impl Records {
    pub(super) fn new() -> Self {
        Self {
            last: 0.0,
            fast: 0.0,
            middle: 0.0,
            long: 0.0,
            slow: 0.0,
            step_now: 0.0,
            step_usual: 0.0,
            spread: 0.0,
            away: [0.0; 2],
            best: [[[0.0; 2]; FEATURES]; MEMORIES],
            quiet_until: 0,
            said: 0.0,
        }
    }

    /// Everything is where the first point is.
    pub(super) fn begin(&mut self, value: f64) {
        (self.last, self.fast, self.middle, self.long, self.slow) = (value, value, value, value, value);
    }

    /// How large the step to this value is.
    pub(super) fn step(&self, value: f64) -> f64 {
        (value - self.last).abs()
    }

    /// How much this point begins something new, 0 to 1; learns it. `points` counts it.
    pub(super) fn add(&mut self, value: f64, expected: &Expected, points: u32) -> f64 {
        let features = self.features(value, expected, points);
        let odds = self.compare(&features, expected.seen, points);
        let alarm = self.speak(odds, points);
        self.learn(value, points);
        alarm
    }

    fn features(&mut self, value: f64, expected: &Expected, points: u32) -> [f64; FEATURES] {
        let step = self.step(value);
        self.step_now = blend(self.step_now, step, points, KNOBS.restless);
        self.middle = blend(self.middle, value, points, KNOBS.middle);
        self.long = blend(self.long, value, points, KNOBS.long);
        let season: [f64; 2] = std::array::from_fn(|i| match expected.seen[i] {
            0 => value - self.fast,
            _ => value - expected.seasons()[i],
        });
        for (away, off) in self.away.iter_mut().zip(season) {
            *away = blend(*away, off, points, KNOBS.middle);
        }
        let known = |of: [f64; 2], i: usize| if expected.seen[i] > 0 { of[i] } else { 0.0 };
        let tiny = 1e-6 * (self.slow.abs() + self.spread) + 1e-12;
        [
            value - self.fast,
            value - self.slow,
            self.middle - self.slow,
            self.long - self.slow,
            known(season, 0),
            known(self.away, 0),
            known(season, 1),
            known(self.away, 1),
            ((self.step_now + tiny) / (self.step_usual + tiny)).ln(),
            value - self.last,
        ]
    }

    /// By how much the point breaks records: the mean over the memories, as odds.
    fn compare(&mut self, features: &[f64; FEATURES], seen: [u8; 2], points: u32) -> f64 {
        let margin = 1.0 + KNOBS.young / f64::from(points).sqrt();
        let floor = 1e-3 * (self.spread + 1e-3 * self.slow.abs()) + 1e-12;
        let mut votes = 0.0;
        for (best, forget) in self.best.iter_mut().zip(KNOBS.forget) {
            let keep = 1.0 - 1.0 / forget;
            let mut alarm = 0.0f64;
            for (i, (x, record)) in features.iter().zip(best).enumerate() {
                let (this, other) = if *x >= 0.0 { (0, 1) } else { (1, 0) };
                let size = x.abs();
                let least = if i == RESTLESS { LEAST_RESTLESS } else { floor };
                let before = record[this].max(0.5 * record[other]).max(least);
                if may_speak(i, seen) {
                    alarm = alarm.max((size / (before * margin) - 1.0) * KNOBS.weights[i]);
                }
                let raised = if points < WARMUP {
                    size
                } else {
                    size.min(before * KNOBS.growth).max(KNOBS.least * size)
                };
                record[this] = (record[this] * keep).max(raised);
            }
            votes += alarm / (1.0 + alarm);
        }
        let share = (votes / MEMORIES as f64).min(1.0 - 1e-9);
        share / (1.0 - share)
    }

    /// What goes on is not said again unless it gets much worse.
    fn speak(&mut self, odds: f64, points: u32) -> f64 {
        if points < WARMUP || (points < self.quiet_until && odds < self.said * KNOBS.again) {
            return 0.0;
        }
        if odds > WORTH_RESTING {
            self.quiet_until = points.saturating_add(KNOBS.rest as u32);
            self.said = odds;
        }
        odds / (1.0 + odds)
    }

    fn learn(&mut self, value: f64, points: u32) {
        self.step_usual = blend(self.step_usual, self.step(value), points, KNOBS.slow);
        self.spread = blend(self.spread, (value - self.slow).abs(), points, KNOBS.slow);
        self.fast = blend(self.fast, value, points, KNOBS.fast);
        self.slow = blend(self.slow, value, points, KNOBS.slow);
        self.last = value;
    }
}
