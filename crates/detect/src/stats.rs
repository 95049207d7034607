//! Tail probabilities of counts, and robust estimates on short slices.

/// Natural logarithm of n!, by Stirling's series beyond a short table (error below 1e-10).
fn ln_factorial(n: u32) -> f64 {
    if n < 12 {
        return (2..=n).map(|i| f64::from(i).ln()).sum();
    }
    let x = f64::from(n) + 1.0;
    (x - 0.5) * x.ln() - x + 0.918_938_533_204_672_8 + 1.0 / (12.0 * x) - 1.0 / (360.0 * x.powi(3))
}

/// Probability of at least `k` successes in `n` trials of probability `p`; 1 when `k` is not above the mean,
/// where no one asks.
pub(crate) fn binomial_tail(n: u32, k: u32, p: f64) -> f64 {
    let p = p.clamp(1e-12, 1.0 - 1e-12);
    if k == 0 || f64::from(k) <= f64::from(n) * p {
        return 1.0;
    }
    if k > n {
        return 0.0;
    }
    let ln_term = ln_factorial(n) - ln_factorial(k) - ln_factorial(n - k)
        + f64::from(k) * p.ln()
        + f64::from(n - k) * (1.0 - p).ln();
    let (mut term, mut sum) = (ln_term.exp(), 0.0);
    let odds = p / (1.0 - p);
    for i in k..=n {
        sum += term;
        if term < sum * 1e-12 {
            break;
        }
        term *= f64::from(n - i) / f64::from(i + 1) * odds;
    }
    sum.min(1.0)
}

/// Value at a share of the sorted order, 0 to 1, without interpolation; 0 for an empty slice.
pub(crate) fn quantile(sorted: &[f64], share: f64) -> f64 {
    if sorted.is_empty() {
        return 0.0;
    }
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted[rank.clamp(1, sorted.len()) - 1]
}

/// Median of the slopes between all pairs of points (Theil 1950, Sen 1968), in units a second; none when
/// fewer than two instants differ. For short slices: the work is quadratic.
pub(crate) fn theil_sen_per_s(points: &[(i64, f64)]) -> Option<f64> {
    let mut slopes = Vec::with_capacity(points.len() * points.len() / 2);
    for (i, a) in points.iter().enumerate() {
        for b in &points[i + 1..] {
            if b.0 > a.0 {
                slopes.push((b.1 - a.1) / ((b.0 - a.0) as f64 / 1_000.0));
            }
        }
    }
    slopes.sort_by(f64::total_cmp);
    (!slopes.is_empty()).then(|| quantile(&slopes, 0.5))
}

/// A probability that something is wrong from the chance of seeing it when all is well.
pub(crate) fn score(chance: f64) -> f64 {
    (1.0 - chance.max(0.0).sqrt()).clamp(0.0, 0.9999)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tails_agree_with_tables() {
        let close = |a: f64, b: f64| assert!((a / b - 1.0).abs() < 1e-6, "{a} is not {b}");
        close(binomial_tail(10, 3, 0.1), 0.070_190_826_4);
        close(binomial_tail(100, 8, 0.02), 0.000_931_939_978_6);
        assert_eq!(binomial_tail(5, 6, 0.5), 0.0);
        assert_eq!(binomial_tail(0, 0, 0.5), 1.0);
    }

    #[test]
    fn one_wild_point_does_not_bend_the_slope() {
        let mut points: Vec<(i64, f64)> = (0..10).map(|i| (i * 1_000, 5.0 * i as f64)).collect();
        points[4].1 = 1e9;
        assert_eq!(theil_sen_per_s(&points), Some(5.0));
        assert_eq!(theil_sen_per_s(&[(0, 1.0), (0, 2.0)]), None);
    }
}
