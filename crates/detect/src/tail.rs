//! The 99th percentile of a positive quantity, from counts in geometric steps: 2 % wide, of fixed size.

use serde::{Deserialize, Serialize};

const EDGE: f64 = 0.99;
/// Steps of a doubling, and the smallest value told from zero, as a power of two.
const STEPS: f64 = 8.0;
const LOW: f64 = -20.0;
const BINS: usize = 320;
/// What counts seen before a refresh are worth after it.
const FADE: f32 = 0.25;

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Tail {
    /// The first bin that is kept, and counts from there on.
    first: usize,
    counts: Vec<f32>,
    zeros: f32,
}

impl Tail {
    pub(crate) fn add(&mut self, value: f64) {
        let place = (value.max(0.0).log2() - LOW) * STEPS;
        if !place.is_finite() || place < 0.0 {
            self.zeros += 1.0;
            return;
        }
        let bin = (place as usize).min(BINS - 1);
        if self.counts.is_empty() {
            self.first = bin;
        }
        if bin < self.first {
            let missing = self.first - bin;
            self.counts.splice(0..0, std::iter::repeat_n(0.0, missing));
            self.first = bin;
        }
        if bin >= self.first + self.counts.len() {
            self.counts.resize(bin - self.first + 1, 0.0);
        }
        self.counts[bin - self.first] += 1.0;
    }

    /// The 99th percentile, or the middle of the highest step when nearly all were zero; 0 when nothing else was seen.
    pub(crate) fn edge(&self) -> f64 {
        let all: f32 = self.counts.iter().sum::<f32>() + self.zeros;
        let mut above = f64::from(all) * (1.0 - EDGE);
        for (i, count) in self.counts.iter().enumerate().rev() {
            if f64::from(*count) > above {
                let into = 1.0 - above / f64::from(*count);
                return (((self.first + i) as f64 + into) / STEPS + LOW).exp2();
            }
            above -= f64::from(*count);
        }
        let highest = self.counts.iter().rposition(|c| *c > 0.0);
        highest.map_or(0.0, |i| (((self.first + i) as f64 + 0.5) / STEPS + LOW).exp2())
    }

    /// The quantity is measured in another unit from now on.
    pub(crate) fn scale(&mut self, factor: f64) {
        let steps = (factor.max(1e-9).log2() * STEPS).round();
        if !self.counts.is_empty() && steps.is_finite() {
            let first = (self.first as f64 + steps).max(0.0) as usize;
            self.first = first.min(BINS.saturating_sub(self.counts.len()));
        }
    }

    /// What was seen so far counts less from now on.
    pub(crate) fn fade(&mut self) {
        self.zeros *= FADE;
        self.counts.iter_mut().for_each(|c| *c *= FADE);
        while self.counts.first().is_some_and(|c| *c < 1e-3) {
            self.counts.remove(0);
            self.first += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_edge_is_the_percentile_in_any_unit() {
        let mut tail = Tail::default();
        (1..=10_000).for_each(|i| tail.add(f64::from(i)));
        assert!((tail.edge() / 9_900.0 - 1.0).abs() < 0.05, "{}", tail.edge());
        tail.scale(0.5);
        assert!((tail.edge() / 4_950.0 - 1.0).abs() < 0.1, "{}", tail.edge());
        let mut rare = Tail::default();
        assert_eq!(rare.edge(), 0.0);
        (0..1_000).for_each(|_| rare.add(0.0));
        rare.add(3.0);
        assert!((2.5..3.5).contains(&rare.edge()));
    }
}
