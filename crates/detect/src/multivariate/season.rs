//! After how many points life repeats.

/// Seasons looked for, in points: the shortest, and the longest as a share of the history.
const SHORTEST: usize = 100;
const LONGEST: f64 = 0.34;
/// Least correlation with a season before that counts, and how near the best the shortest must be.
const LEAST: f64 = 0.2;
const NEAR: f64 = 0.85;
/// Parts of the history that are told apart when the season is looked for: what repeats faster is smoothed away.
const PARTS: usize = 400;
/// Most points that are correlated when it is measured.
const POINTS: usize = 4_000;

/// The season of a history of points, from the autocorrelation of all metrics together: the shortest lag of at least 100
/// points at which their smoothed course repeats about as well as at any. None when it does not. For histories at
/// hand, as in a replay; live metrics carry times and their season is the day.
#[must_use]
pub fn season(history: &[Vec<f64>]) -> Option<usize> {
    let wide = history.len().div_ceil(PARTS).max(1);
    let coarse = Course::new(history, wide)?;
    let longest = (coarse.points as f64 * LONGEST) as usize;
    let first = SHORTEST.div_ceil(wide).max(2);
    if longest <= first + 1 {
        return None;
    }
    let all: Vec<f64> = (0..longest).map(|lag| coarse.repeats(lag)).collect();
    let peaks = (first..longest).filter(|lag| {
        let reach = (lag / 10).max(2);
        let around = &all[lag.saturating_sub(reach)..(lag + reach + 1).min(longest)];
        all[*lag] >= LEAST * all[0] && around.iter().all(|other| *other <= all[*lag])
    });
    let peaks: Vec<usize> = peaks.collect();
    let best = peaks.iter().map(|lag| all[*lag]).fold(0.0, f64::max);
    let about = peaks.into_iter().find(|lag| all[*lag] >= NEAR * best)? * wide;
    // Measured again in finer steps around what was found.
    let step = history.len().div_ceil(POINTS).max(1);
    let fine = Course::new(history, step)?;
    let lags = (about - wide).div_ceil(step)..=(about + wide) / step;
    let lags = lags.filter(|lag| *lag < fine.points);
    lags.map(|lag| (fine.repeats(lag), lag)).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, lag)| lag * step)
}

/// Metrics that move, in means of several points.
struct Course {
    columns: Vec<Vec<f64>>,
    points: usize,
}

impl Course {
    fn new(history: &[Vec<f64>], stride: usize) -> Option<Self> {
        let metrics = history.first()?.len();
        let columns: Vec<_> = (0..metrics).filter_map(|m| column(history, m, stride)).collect();
        (!columns.is_empty()).then(|| Self { columns, points: history.len() / stride })
    }

    /// How well the metrics repeat after so many steps.
    fn repeats(&self, lag: usize) -> f64 {
        let products = self.columns.iter().map(|c| c.iter().zip(&c[lag..]).map(|(a, b)| a * b).sum::<f64>());
        products.sum::<f64>() / (self.points - lag) as f64 / self.columns.len() as f64
    }
}

/// A metric in deviations from its mean, in means of `stride` points; none when it never moves.
fn column(history: &[Vec<f64>], metric: usize, stride: usize) -> Option<Vec<f64>> {
    let of = |row: &Vec<f64>| row.get(metric).copied().filter(|v| v.is_finite()).unwrap_or(0.0);
    let means: Vec<f64> =
        history.chunks_exact(stride).map(|rows| rows.iter().map(of).sum::<f64>() / stride as f64).collect();
    let n = means.len() as f64;
    let level = means.iter().sum::<f64>() / n;
    let deviation = (means.iter().map(|v| (v - level).powi(2)).sum::<f64>() / n).sqrt();
    (deviation > 1e-9 * level.abs() && deviation > 0.0)
        .then(|| means.iter().map(|v| ((v - level) / deviation).clamp(-3.0, 3.0)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wave_is_found_and_noise_is_none() {
        // SplitMix64.
        let noise = |i: usize| {
            let mut z = (i as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            ((z ^ (z >> 31)) % 1_000) as usize
        };
        let wave: Vec<Vec<f64>> = (0..9_000)
            .map(|i| vec![(i as f64 / 288.0 * std::f64::consts::TAU).sin() + noise(i) as f64 / 3_000.0, 1.0])
            .collect();
        assert!(season(&wave).is_some_and(|s| (285..=291).contains(&s)), "{:?}", season(&wave));
        let flat: Vec<Vec<f64>> = (0..2_000).map(|i| vec![noise(i) as f64]).collect();
        assert_eq!(season(&flat), None);
        assert_eq!(season(&[]), None);
    }
}
