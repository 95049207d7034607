//! Running totals to rates a second. A total that shrinks started over; that step is skipped.

use model::Point;
use serde::{Deserialize, Serialize};

use crate::bounded::Bounded;

/// The newest total of every counter.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Counters(Bounded<Point>);

impl Counters {
    pub(crate) fn new(max_series: usize) -> Self {
        Self(Bounded::new(max_series))
    }

    /// Rates between consecutive totals; nothing for the first, and nothing for one not newer than the last.
    pub(crate) fn rates(&mut self, key: &str, points: impl Iterator<Item = Point>) -> Vec<Point> {
        let mut rates = Vec::new();
        for point in points {
            let mut fresh = false;
            let last = self.0.entry(key, || {
                fresh = true;
                point
            });
            let elapsed_ms = point.at.since_ms(last.at);
            if fresh || elapsed_ms <= 0 {
                continue;
            }
            let grown = point.value - last.value;
            if grown >= 0.0 {
                rates.push(Point { at: point.at, value: grown * 1_000.0 / elapsed_ms as f64 });
            }
            *last = point;
        }
        rates
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Timestamp;

    #[test]
    fn a_restart_and_old_points_make_no_rate() {
        let mut c = Counters::new(4);
        let totals = [(0, 100.0), (1_000, 110.0), (500, 300.0), (2_000, 3.0), (4_000, 7.0)];
        let points = totals.map(|(ms, value)| Point { at: Timestamp::from_unix_ms(ms), value });
        let rates: Vec<_> =
            c.rates("k", points.into_iter()).iter().map(|p| (p.at.as_unix_ms(), p.value)).collect();
        assert_eq!(rates, [(1_000, 10.0), (4_000, 2.0)]);
    }
}
