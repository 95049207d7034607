//! Sizes on a logarithmic scale with forgetting: durations in milliseconds, distances in units of their mean. Not
//! exact: a bucket is a quarter of an octave wide.

use serde::{Deserialize, Serialize};

/// Buckets: 0.05 to 840,000, four an octave.
const BUCKETS: usize = 96;
const LOWEST: f64 = 0.05;

/// How often sizes were seen, as decaying weights.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct LogHistogram {
    weights: Vec<f32>,
    total: f32,
}

impl LogHistogram {
    /// Memory of the weights, in bytes.
    pub(crate) const BYTES: usize = BUCKETS * size_of::<f32>();

    pub(crate) fn new() -> Self {
        Self { weights: vec![0.0; BUCKETS], total: 0.0 }
    }

    pub(crate) fn bucket(size: f64) -> u8 {
        place(size) as u8
    }

    pub(crate) fn add(&mut self, bucket: u8) {
        if let Some(w) = self.weights.get_mut(usize::from(bucket)) {
            *w += 1.0;
            self.total += 1.0;
        }
    }

    /// Keeps the weight below `cap`, so that the last `cap` values or so decide.
    pub(crate) fn forget_beyond(&mut self, cap: f32) {
        if self.total > cap {
            self.halve();
        }
    }

    /// Halves the weight of all that was seen.
    pub(crate) fn halve(&mut self) {
        self.weights.iter_mut().for_each(|w| *w *= 0.5);
        self.total *= 0.5;
    }

    /// Weight of what was at least so large, within a bucket in proportion.
    pub(crate) fn weight_from(&self, size: f64) -> f64 {
        let place = place(size);
        let bucket = place as usize;
        let above: f32 = self.weights[bucket + 1..].iter().sum();
        f64::from(above) + f64::from(self.weights[bucket]) * (1.0 - place.fract())
    }

    pub(crate) fn total(&self) -> f64 {
        f64::from(self.total)
    }

    /// Size below which a share of the weight lies; none when empty.
    pub(crate) fn quantile(&self, share: f64) -> Option<f64> {
        let mut rest = share * f64::from(self.weights.iter().sum::<f32>());
        if self.total <= 0.0 {
            return None;
        }
        for (i, w) in self.weights.iter().enumerate() {
            let w = f64::from(*w);
            if w > 0.0 && rest <= w {
                return Some(LOWEST * 2f64.powf((i as f64 + rest / w) / 4.0));
            }
            rest -= w;
        }
        Some(LOWEST * 2f64.powf(BUCKETS as f64 / 4.0))
    }
}

/// Where a size lies among the buckets. NaN and everything below the lowest edge lie at 0.
fn place(size: f64) -> f64 {
    ((size / LOWEST).log2() * 4.0).max(0.0).min((BUCKETS - 1) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_within_a_bucket() {
        let mut h = LogHistogram::new();
        assert_eq!(h.quantile(0.5), None);
        for ms in 1..=100 {
            h.add(LogHistogram::bucket(f64::from(ms)));
        }
        for share in [0.1, 0.5, 0.95] {
            let q = h.quantile(share).unwrap();
            assert!((q / (share * 100.0)).log2().abs() < 0.25, "{share}: {q}");
        }
        for hostile in [f64::NAN, f64::INFINITY, -1.0, 0.0] {
            h.add(LogHistogram::bucket(hostile));
        }
    }
}
