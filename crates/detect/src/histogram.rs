//! Durations on a logarithmic scale with forgetting. Not exact: a bucket is a quarter of an octave wide.

use serde::{Deserialize, Serialize};

/// Buckets: 0.05 ms to 14 minutes, four an octave.
const BUCKETS: usize = 96;
const LOWEST_MS: f64 = 0.05;

/// How often durations were seen, as decaying weights.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct LogHistogram {
    weights: Vec<f32>,
    total: f32,
}

impl LogHistogram {
    pub(crate) fn new() -> Self {
        Self { weights: vec![0.0; BUCKETS], total: 0.0 }
    }

    pub(crate) fn bucket(ms: f64) -> u8 {
        // NaN and everything below the lowest edge land in bucket 0.
        ((ms / LOWEST_MS).log2() * 4.0).clamp(0.0, (BUCKETS - 1) as f64) as u8
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
            self.weights.iter_mut().for_each(|w| *w *= 0.5);
            self.total *= 0.5;
        }
    }

    pub(crate) fn total(&self) -> f64 {
        f64::from(self.total)
    }

    /// Duration below which a share of the weight lies, in milliseconds; none when empty.
    pub(crate) fn quantile_ms(&self, share: f64) -> Option<f64> {
        let mut rest = share * f64::from(self.weights.iter().sum::<f32>());
        if self.total <= 0.0 {
            return None;
        }
        for (i, w) in self.weights.iter().enumerate() {
            let w = f64::from(*w);
            if w > 0.0 && rest <= w {
                return Some(LOWEST_MS * 2f64.powf((i as f64 + rest / w) / 4.0));
            }
            rest -= w;
        }
        Some(LOWEST_MS * 2f64.powf(BUCKETS as f64 / 4.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_within_a_bucket() {
        let mut h = LogHistogram::new();
        assert_eq!(h.quantile_ms(0.5), None);
        for ms in 1..=100 {
            h.add(LogHistogram::bucket(f64::from(ms)));
        }
        for share in [0.1, 0.5, 0.95] {
            let q = h.quantile_ms(share).unwrap();
            assert!((q / (share * 100.0)).log2().abs() < 0.25, "{share}: {q}");
        }
        for hostile in [f64::NAN, f64::INFINITY, -1.0, 0.0] {
            h.add(LogHistogram::bucket(hostile));
        }
    }
}
