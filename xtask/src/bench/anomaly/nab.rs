//! The score of the Numenta Anomaly Benchmark (Lavin and Ahmad 2015, <https://arxiv.org/abs/1510.03336>), written
//! anew after its description and scorer: a window pays for its earliest detection, a point outside any window
//! costs the more the further it lies behind one, the first 15 % are free, and one threshold serves all series.

use detect::univariate::Verdict;

use super::read::Series;

/// What right and wrong words are worth.
pub(super) struct Profile {
    pub(super) name: &'static str,
    false_positive: f64,
    false_negative: f64,
}

/// The three profiles of the benchmark.
pub(super) const PROFILES: [Profile; 3] = [
    Profile { name: "standard", false_positive: 0.11, false_negative: 1.0 },
    Profile { name: "reward_low_FP_rate", false_positive: 0.22, false_negative: 1.0 },
    Profile { name: "reward_low_FN_rate", false_positive: 0.11, false_negative: 2.0 },
];

/// The free start: this share of the series, of at most so many points.
const PROBATION: f64 = 0.15;
const PROBATION_OF_AT_MOST: f64 = 5_000.0;

struct Row {
    score: f64,
    /// Worth of speaking here: in a window a gain (of at most 1), outside a cost (of at most -1).
    worth: f64,
    window: Option<usize>,
}

/// A series with what the detector said of it, after the free start.
pub(super) struct File {
    name: String,
    rows: Vec<Row>,
    windows: usize,
    /// Windows with a point after the free start; only they can be missed.
    counted: Vec<bool>,
}

/// A corpus's result under one profile.
pub(super) struct Score {
    /// 0 for a silent detector, 100 for a perfect one.
    pub(super) normalised: f64,
    pub(super) threshold: f64,
}

/// One line of the table.
pub(super) struct FileScore<'a> {
    pub(super) name: &'a str,
    pub(super) windows: usize,
    pub(super) found: usize,
    pub(super) false_points: usize,
    pub(super) score: f64,
}

/// From just below 1 at -1 over 0 at 0 to -1 behind.
fn sigmoid(position: f64) -> f64 {
    if position > 3.0 { -1.0 } else { 2.0 / (1.0 + (5.0 * position).exp()) - 1.0 }
}

impl File {
    pub(super) fn new(series: &Series, verdicts: &[Verdict]) -> Self {
        let n = series.values.len();
        let probation = (PROBATION * n as f64).floor().min(PROBATION * PROBATION_OF_AT_MOST);
        let most = sigmoid(-1.0);
        let mut counted = vec![false; series.windows.len()];
        let mut rows = Vec::with_capacity(n);
        for (i, verdict) in verdicts.iter().enumerate() {
            let window = series.windows.iter().position(|(from, to)| (*from..=*to).contains(&i));
            let worth = if let Some(w) = window {
                let (from, to) = series.windows[w];
                sigmoid(-((to - i + 1) as f64) / (to - from + 1) as f64) / most
            } else {
                let behind = series.windows.iter().rev().find(|(_, to)| *to < i);
                behind.map_or(-1.0, |(from, to)| sigmoid((i - to) as f64 / (to - from) as f64))
            };
            if i as f64 >= probation {
                if let Some(w) = window {
                    counted[w] = true;
                }
                rows.push(Row { score: verdict.alarm, worth, window });
            }
        }
        Self { name: series.name.clone(), rows, windows: series.windows.len(), counted }
    }
}

/// The score at the best single threshold for the corpus.
pub(super) fn score(files: &[File], profile: &Profile) -> Score {
    let mut rows: Vec<(usize, &Row)> =
        files.iter().enumerate().flat_map(|(i, f)| f.rows.iter().map(move |r| (i, r))).collect();
    rows.sort_by(|a, b| b.1.score.total_cmp(&a.1.score));
    let mut best: Vec<Vec<f64>> =
        files.iter().map(|f| vec![-profile.false_negative; f.counted.len()]).collect();
    let counted = files.iter().flat_map(|f| &f.counted).filter(|c| **c).count() as f64;
    let silent = -profile.false_negative * counted;
    let (mut total, mut top, mut threshold) = (silent, silent, f64::INFINITY);
    for (i, (file, row)) in rows.iter().enumerate() {
        if let Some(w) = row.window {
            let known = &mut best[*file][w];
            total += (row.worth - *known).max(0.0);
            *known = known.max(row.worth);
        } else {
            total += row.worth * profile.false_positive;
        }
        let last_of_equal = rows.get(i + 1).is_none_or(|next| next.1.score != row.score);
        if last_of_equal && total > top {
            (top, threshold) = (total, row.score);
        }
    }
    let perfect = files.iter().map(|f| f.windows).sum::<usize>() as f64;
    Score { normalised: 100.0 * (top - silent) / (perfect - silent), threshold }
}

/// What each series gave at a threshold.
pub(super) fn by_file<'a>(files: &'a [File], profile: &Profile, threshold: f64) -> Vec<FileScore<'a>> {
    let line = |file: &'a File| {
        let mut best = vec![-profile.false_negative; file.windows];
        let (mut cost, mut false_points) = (0.0, 0);
        for row in file.rows.iter().filter(|r| r.score >= threshold) {
            match row.window {
                Some(w) => best[w] = best[w].max(row.worth),
                None => {
                    cost += row.worth * profile.false_positive;
                    false_points += 1;
                }
            }
        }
        let gains = best.iter().zip(&file.counted).filter(|(_, c)| **c).map(|(b, _)| b).sum::<f64>();
        let found = best.iter().filter(|b| **b > 0.0).count();
        FileScore { name: &file.name, windows: file.windows, found, false_points, score: gains + cost }
    };
    files.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(n: usize, windows: Vec<(usize, usize)>) -> Series {
        Series {
            name: "s".to_owned(),
            times_s: (0..n as i64).collect(),
            values: vec![0.0; n],
            anomalous: vec![false; n],
            windows,
        }
    }

    fn check(said_at: &[usize], expect: std::ops::RangeInclusive<f64>) {
        let verdicts: Vec<Verdict> = (0..1_000)
            .map(|i| Verdict { alarm: f64::from(u8::from(said_at.contains(&i))), ..Verdict::default() })
            .collect();
        let file = File::new(&series(1_000, vec![(400, 499), (700, 799)]), &verdicts);
        let got = score(&[file], &PROFILES[0]).normalised;
        assert!(expect.contains(&got), "{said_at:?}: {got}");
    }

    #[test]
    fn early_words_pay_and_false_ones_cost() {
        check(&[400, 700], 99.9..=100.0);
        check(&[400], 49.9..=50.1);
        check(&[], 0.0..=0.0);
        check(&[450, 700], 95.0..=99.0);
        // One false word far from any window costs 0.11 of the four points between silence and perfection.
        check(&[300, 400, 700], 97.2..=97.3);
        check(&[10, 400, 700], 99.9..=100.0);
    }
}
