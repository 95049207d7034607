//! The adjusted Rand index: how far two groupings of the same things agree beyond chance.

use std::collections::HashMap;

/// 1 when both groupings are the same, about 0 when they agree as chance would have it (Hubert and Arabie,
/// Comparing partitions, 1985).
pub(super) fn adjusted_rand(truth: &[u64], found: &[u64]) -> f64 {
    let (mut both, mut rows, mut columns) = (HashMap::new(), HashMap::new(), HashMap::new());
    for (t, f) in truth.iter().zip(found) {
        *both.entry((t, f)).or_insert(0_u64) += 1;
        *rows.entry(t).or_insert(0_u64) += 1;
        *columns.entry(f).or_insert(0_u64) += 1;
    }
    let pairs = |count: u64| (count * count.saturating_sub(1) / 2) as f64;
    let together: f64 = both.values().map(|c| pairs(*c)).sum();
    let (rows, columns): (f64, f64) =
        (rows.values().map(|c| pairs(*c)).sum(), columns.values().map(|c| pairs(*c)).sum());
    let all = pairs(truth.len() as u64);
    if all == 0.0 {
        return 1.0;
    }
    let (chance, most) = (rows * columns / all, f64::midpoint(rows, columns));
    if (most - chance).abs() < f64::EPSILON { 1.0 } else { (together - chance) / (most - chance) }
}

#[cfg(test)]
mod tests {
    use super::adjusted_rand;

    #[test]
    fn names_of_groups_do_not_matter_and_chance_gives_nothing() {
        assert!((adjusted_rand(&[1, 1, 2, 2], &[7, 7, 3, 3]) - 1.0).abs() < 1e-12);
        // The example of scikit-learn's documentation.
        assert!((adjusted_rand(&[0, 0, 1, 2], &[0, 0, 1, 1]) - 0.571_428).abs() < 1e-5);
        assert!((adjusted_rand(&[0, 0, 1, 1], &[0, 1, 0, 1]) + 0.5).abs() < 1e-12);
        assert!(adjusted_rand(&[0, 0, 1, 1], &[0, 0, 0, 0]).abs() < 1e-12);
    }
}
