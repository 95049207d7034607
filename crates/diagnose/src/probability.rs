//! From strengths of hypotheses to probabilities that sum to less than 1.

/// Sharpens strengths (0 to 1) and leaves room for "something else": the less the best hypothesis can
/// show, the more room. Order is kept; the sum is below 1.
pub(crate) fn probabilities(strengths: &[f64]) -> Vec<f64> {
    let clean: Vec<f64> =
        strengths.iter().map(|s| if s.is_finite() { s.clamp(0.0, 1.0) } else { 0.0 }).collect();
    let best = clean.iter().copied().fold(0.0, f64::max);
    let room = (1.0 - best).max(0.15).powi(2);
    let total: f64 = clean.iter().map(|s| s * s).sum::<f64>() + room;
    // Six digits: sums of rounded numbers must not pass 1, so round down.
    clean.iter().map(|s| (s * s / total * 1e6).floor() / 1e6).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_lone_strong_cause_is_near_certain_and_a_lone_weak_one_is_not() {
        assert!(probabilities(&[0.95])[0] > 0.95);
        assert!(probabilities(&[0.4])[0] < 0.5);
        let even = probabilities(&[0.9, 0.9]);
        assert!((even[0] - even[1]).abs() < 1e-9 && even[0] < 0.5);
    }

    proptest! {
        #[test]
        fn sums_stay_below_one_and_order_is_kept(strengths in proptest::collection::vec(-0.5f64..1.5, 0..50)) {
            let p = probabilities(&strengths);
            prop_assert!(p.iter().sum::<f64>() <= 1.0);
            for (a, b) in strengths.iter().zip(&p) {
                for (c, d) in strengths.iter().zip(&p) {
                    prop_assert!(a <= c || b >= d, "a stronger hypothesis must not be less probable");
                }
            }
        }
    }
}
