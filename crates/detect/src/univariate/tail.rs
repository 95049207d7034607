//! How rare it is in the life of a series to be so far from what was expected, counted and not assumed: no shape
//! of a distribution is taken for granted, and few points never make a small probability.

use serde::{Deserialize, Serialize};

use super::blend;
use crate::histogram::LogHistogram;

/// Points that are remembered.
const MEMORY: f32 = 5_000.0;
/// Points that the scale remembers, and what counts as far out for it, in scales.
const SPAN: f64 = 2_000.0;
const REACH: f64 = 3.0;
const YOUNG: u32 = 20;
/// How much wider the band is at the first point; less with each that follows.
const UNSURE: f64 = 30.0;
/// A normal point is outside the band this seldom, on either side.
const OUTSIDE: f64 = 0.005;

/// Distances from the expectation, above and below, in units of their mean.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Tail {
    scale: f64,
    above: LogHistogram,
    below: LogHistogram,
}

impl Tail {
    /// Memory beside the struct itself, in bytes.
    pub(super) const HEAP: usize = 2 * LogHistogram::BYTES;

    pub(super) fn new() -> Self {
        Self { scale: 0.0, above: LogHistogram::new(), below: LogHistogram::new() }
    }

    fn total(&self) -> f64 {
        self.above.total() + self.below.total()
    }

    fn unit(&self, expected: f64) -> f64 {
        self.scale + 1e-9 * expected.abs() + 1e-12
    }

    /// Share of life that was at least so far out on this side; never 0.
    pub(super) fn probability(&self, expected: f64, off: f64) -> f64 {
        let side = if off >= 0.0 { &self.above } else { &self.below };
        (side.weight_from(off.abs() / self.unit(expected)) + 0.5) / (self.total() + 1.0)
    }

    /// How far below and above the expectation 99 % of life lies, in the unit of the series.
    pub(super) fn band(&self, expected: f64, points: u32) -> (f64, f64) {
        let wider = 1.0 + UNSURE / f64::from(points.max(1));
        let total = self.total();
        let reach = |side: &LogHistogram| {
            let beyond = OUTSIDE * total;
            let share = if side.total() > beyond { 1.0 - beyond / side.total() } else { 0.0 };
            side.quantile(share).unwrap_or(1.0).max(1.0) * self.unit(expected) * wider
        };
        (reach(&self.below), reach(&self.above))
    }

    pub(super) fn learn(&mut self, expected: f64, off: f64, points: u32) {
        // The first distances make the unit.
        if points > YOUNG {
            let bucket = LogHistogram::bucket(off.abs() / self.unit(expected));
            if off >= 0.0 {
                self.above.add(bucket)
            } else {
                self.below.add(bucket)
            }
            if self.total() > f64::from(MEMORY) {
                self.above.halve();
                self.below.halve();
            }
        }
        // What is usual belongs to the scale, however far out: a series that is mostly still has bursts in its life.
        let (below, above) = self.band(expected, points);
        let reach = if points > YOUNG { below.max(above).max(REACH * self.scale) } else { f64::INFINITY };
        self.scale = blend(self.scale, off.abs().min(reach), points, SPAN);
    }
}
