//! Pseudo-random numbers for the shop: SplitMix64 (Steele, Lea, Flood 2014). Not for secrets.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// A generator that may be shared.
#[derive(Debug)]
pub(crate) struct Random(AtomicU64);

impl Random {
    /// Seeded by time and process.
    pub(crate) fn new() -> Self {
        let nanos = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos() as u64;
        Self(AtomicU64::new(nanos ^ (u64::from(std::process::id()) << 32)))
    }

    /// Any number.
    pub(crate) fn next(&self) -> u64 {
        let mut z =
            self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed).wrapping_add(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 to below 1.
    pub(crate) fn ratio(&self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// From `low` to below `high`.
    pub(crate) fn between(&self, low: u64, high: u64) -> u64 {
        low + self.next() % (high - low).max(1)
    }

    /// Time to the next arrival of a Poisson process with this many arrivals a second, in seconds.
    pub(crate) fn arrival_s(&self, per_s: f64) -> f64 {
        -(1.0 - self.ratio()).ln() / per_s
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrivals_come_at_the_asked_rate() {
        let random = Random::new();
        let mean = (0..20_000).map(|_| random.arrival_s(25.0)).sum::<f64>() / 20_000.0;
        assert!((mean - 0.04).abs() < 0.004, "{mean}");
        assert!((0..1000).all(|_| (3..9).contains(&random.between(3, 9))));
    }
}
