//! Calibration: correcting confidences by how often such a number held in the past.
//!
//! A binned reliability curve (Zadrozny and Elkan, KDD 2001), each knot smoothed towards what was believed
//! before, so that few outcomes change little; made monotonic by pool adjacent violators (Zadrozny and
//! Elkan, KDD 2002), so that a higher raw confidence never becomes a lower one; and interpolated between
//! bins. Without outcomes it changes nothing.

use serde::{Deserialize, Serialize};

/// Bins of the raw confidence, equally wide.
const BINS: usize = 10;

/// A reliability curve: raw confidence in, calibrated confidence out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// Calibrated value at the middle of each bin, never falling.
    values: Vec<f64>,
    /// Outcomes seen in each bin.
    counts: Vec<u32>,
}

impl Default for Calibration {
    fn default() -> Self {
        Self { values: (0..BINS).map(middle).collect(), counts: vec![0; BINS] }
    }
}

impl Calibration {
    /// Learns a curve from outcomes: raw confidence and whether the fix held.
    ///
    /// `prior_weight` is how many outcomes the belief before is worth, in each bin. 20 is cautious.
    #[must_use]
    pub fn fit(outcomes: impl IntoIterator<Item = (f64, bool)>, prior_weight: f64) -> Self {
        Self::fit_from(&Self::default(), outcomes, prior_weight)
    }

    /// As [`Self::fit`], starting from another curve: the one of all actions is what is believed of one
    /// action before it has outcomes of its own.
    #[must_use]
    pub fn fit_from(
        before: &Self,
        outcomes: impl IntoIterator<Item = (f64, bool)>,
        prior_weight: f64,
    ) -> Self {
        let prior_weight = if prior_weight.is_finite() { prior_weight.max(0.001) } else { 20.0 };
        let mut surprise = [0.0; BINS];
        let mut weights = vec![prior_weight; BINS];
        let mut counts = vec![0_u32; BINS];
        for (raw, held) in outcomes {
            let bin = bin_of(raw);
            counts[bin] = counts[bin].saturating_add(1);
            let residual = f64::from(u8::from(held)) - before.at(raw);
            // An outcome between two knots speaks for both, for the nearer one more.
            let (low, share) = knot(clean(raw));
            for (i, weight) in [(low, 1.0 - share), (low + 1, share)] {
                surprise[i] += weight * residual;
                weights[i] += weight;
            }
        }
        let mut values: Vec<f64> =
            (0..BINS).map(|i| before.at(middle(i)) + surprise[i] / weights[i]).collect();
        pool_adjacent_violators(&mut values, &weights);
        values.iter_mut().for_each(|v| *v = v.clamp(0.0, 1.0));
        Self { values, counts }
    }

    /// The calibrated confidence. Never falls when `raw` rises. What is not a number is 0.
    #[must_use]
    pub fn at(&self, raw: f64) -> f64 {
        let raw = clean(raw);
        let (first, last) = (middle(0), middle(BINS - 1));
        if raw <= first {
            return (self.value(0) - (first - raw)).clamp(0.0, 1.0);
        }
        if raw >= last {
            return (self.value(BINS - 1) + (raw - last)).clamp(0.0, 1.0);
        }
        let (low, share) = knot(raw);
        self.value(low) + share * (self.value(low + 1) - self.value(low))
    }

    /// How many outcomes it was learned from.
    #[must_use]
    pub fn outcomes(&self) -> u32 {
        self.counts.iter().sum()
    }

    /// For a reliability diagram: middle of the bin, calibrated value, outcomes.
    #[must_use]
    pub fn points(&self) -> Vec<(f64, f64, u32)> {
        (0..BINS).map(|i| (middle(i), self.value(i), self.counts.get(i).copied().unwrap_or(0))).collect()
    }

    /// A stored curve may be from another version; a bin it lacks changes nothing.
    fn value(&self, bin: usize) -> f64 {
        self.values.get(bin).copied().filter(|v| v.is_finite()).unwrap_or_else(|| middle(bin))
    }
}

/// Expected calibration error (Naeini et al., AAAI 2015) over ten bins: how far confidences are from what
/// held, weighted by how often they occur. 0 is perfect; 0 when there are no outcomes.
#[must_use]
pub fn expected_calibration_error(outcomes: &[(f64, bool)]) -> f64 {
    let mut bins = [(0.0_f64, 0.0_f64, 0.0_f64); BINS];
    for &(confidence, held) in outcomes {
        let bin = &mut bins[bin_of(confidence)];
        bin.0 += 1.0;
        bin.1 += clean(confidence);
        bin.2 += f64::from(u8::from(held));
    }
    let total = outcomes.len().max(1) as f64;
    bins.iter().filter(|b| b.0 > 0.0).map(|(_, confidence, held)| (confidence - held).abs() / total).sum()
}

/// Brier score: mean squared distance of confidences from outcomes. 0 is perfect, 0.25 is a coin.
#[must_use]
pub fn brier_score(outcomes: &[(f64, bool)]) -> f64 {
    let squares = outcomes.iter().map(|&(c, held)| (clean(c) - f64::from(u8::from(held))).powi(2));
    squares.sum::<f64>() / outcomes.len().max(1) as f64
}

fn clean(raw: f64) -> f64 {
    if raw.is_finite() { raw.clamp(0.0, 1.0) } else { 0.0 }
}

fn middle(bin: usize) -> f64 {
    (bin as f64 + 0.5) / BINS as f64
}

/// The knot (middle of a bin) below a raw confidence, and how far it is on the way to the next, 0 to 1.
fn knot(raw: f64) -> (usize, f64) {
    let place = ((raw - middle(0)) * BINS as f64).clamp(0.0, (BINS - 1) as f64);
    let low = (place.floor() as usize).min(BINS - 2);
    (low, place - low as f64)
}

fn bin_of(raw: f64) -> usize {
    ((clean(raw) * BINS as f64) as usize).min(BINS - 1)
}

/// Makes values rise by averaging neighbours that do not.
fn pool_adjacent_violators(values: &mut [f64], weights: &[f64]) {
    let mut blocks: Vec<(f64, f64, usize)> = Vec::with_capacity(values.len());
    for (&value, &weight) in values.iter().zip(weights) {
        blocks.push((value, weight, 1));
        while let [.., (a, wa, na), (b, wb, nb)] = blocks.as_slice() {
            if a <= b {
                break;
            }
            let pooled = ((a * wa + b * wb) / (wa + wb), wa + wb, na + nb);
            blocks.truncate(blocks.len() - 2);
            blocks.push(pooled);
        }
    }
    let pooled = blocks.into_iter().flat_map(|(value, _, n)| std::iter::repeat_n(value, n));
    values.iter_mut().zip(pooled).for_each(|(value, new)| *value = new);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn without_outcomes_nothing_changes() {
        let curve = Calibration::default();
        for raw in [0.0, 0.03, 0.5, 0.814, 0.97, 1.0] {
            assert!((curve.at(raw) - raw).abs() < 1e-9, "{raw}");
        }
        assert_eq!(curve.at(f64::NAN), 0.0);
        assert_eq!(curve.at(7.0), 1.0);
    }

    #[test]
    fn few_outcomes_change_little_and_many_change_much() {
        let one = Calibration::fit([(0.9, false)], 20.0);
        assert!(0.9 - one.at(0.9) < 0.05);
        let many = Calibration::fit((0..400).map(|i| (0.9, i % 2 == 0)), 20.0);
        assert!((many.at(0.9) - 0.5).abs() < 0.06, "{}", many.at(0.9));
        assert_eq!(many.outcomes(), 400);
    }

    #[test]
    fn success_raises_what_was_too_modest() {
        let curve = Calibration::fit((0..200).map(|_| (0.75, true)), 20.0);
        assert!(curve.at(0.75) > 0.93);
    }

    #[test]
    fn an_action_without_outcomes_believes_the_curve_of_all() {
        let all = Calibration::fit((0..400).map(|i| (0.9, i % 2 == 0)), 20.0);
        let own = Calibration::fit_from(&all, [], 20.0);
        assert!((own.at(0.95) - all.at(0.95)).abs() < 1e-9);
    }

    #[test]
    fn calibration_lowers_the_error_it_is_measured_by() {
        // Says 0.92, holds in 6 of 10.
        let outcomes: Vec<(f64, bool)> = (0..500).map(|i| (0.92, i % 10 < 6)).collect();
        let before = expected_calibration_error(&outcomes);
        let curve = Calibration::fit(outcomes.iter().copied(), 20.0);
        let after: Vec<(f64, bool)> = outcomes.iter().map(|&(c, h)| (curve.at(c), h)).collect();
        assert!((before - 0.32).abs() < 1e-6);
        assert!(expected_calibration_error(&after) < 0.05);
        assert!(brier_score(&after) < brier_score(&outcomes));
        assert_eq!(expected_calibration_error(&[]), 0.0);
    }

    proptest! {
        #[test]
        fn a_higher_raw_confidence_never_becomes_lower(
            outcomes in proptest::collection::vec((-0.2f64..1.2, any::<bool>()), 0..200),
            a in 0.0f64..1.0, b in 0.0f64..1.0, weight in 0.0f64..50.0,
        ) {
            let curve = Calibration::fit(outcomes, weight);
            let (low, high) = if a < b { (a, b) } else { (b, a) };
            prop_assert!(curve.at(low) <= curve.at(high) + 1e-12);
            prop_assert!((0.0..=1.0).contains(&curve.at(a)));
        }
    }
}
