//! Average precision: the area under the precision-recall curve in steps, ties taken together.

/// From scores and labels of the same points; 0 when nothing is labelled.
pub(in crate::bench) fn average(scores: impl Iterator<Item = f64>, labels: &[bool]) -> f64 {
    let mut points: Vec<(f64, bool)> = scores.zip(labels.iter().copied()).collect();
    points.sort_by(|a, b| b.0.total_cmp(&a.0));
    let all = labels.iter().filter(|l| **l).count() as f64;
    let (mut hits, mut seen, mut area, mut hits_before) = (0.0, 0.0, 0.0, 0.0);
    for (i, (score, bad)) in points.iter().enumerate() {
        seen += 1.0;
        hits += f64::from(u8::from(*bad));
        if points.get(i + 1).is_none_or(|next| next.0 != *score) {
            area += (hits - hits_before) / all.max(1.0) * hits / seen;
            hits_before = hits;
        }
    }
    area
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_areas() {
        let check = |scores: [f64; 4], expect: f64| {
            let got = average(scores.into_iter(), &[true, false, true, false]);
            assert!((got - expect).abs() < 1e-9, "{scores:?}: {got}");
        };
        check([4.0, 1.0, 3.0, 2.0], 1.0);
        check([4.0, 3.0, 2.0, 1.0], 0.5 + 0.5 * 2.0 / 3.0);
        check([1.0, 1.0, 1.0, 1.0], 0.5);
    }
}
