//! `bench anomaly`: the streaming detector on the series of a folder, scored as the Numenta Anomaly Benchmark
//! does (`nab/`) and by average precision for each labelled series (`ms_cloud/`). One configuration, one pass,
//! each point judged before the next is read.

mod nab;
pub(super) mod precision;
mod read;

use std::path::Path;
use std::time::Instant;

use detect::univariate::{Univariate, Verdict};

use read::Series;

struct Row {
    name: String,
    points: usize,
    anomalies: usize,
    score: f64,
}

/// Runs the detector over every series below `data` and prints the scores; with `json` one object as last line.
///
/// # Errors
/// The folder holds no series, or a file of it cannot be read.
pub(crate) fn run(data: &Path, json: bool) -> Result<(), String> {
    let nab = read::nab(&data.join("nab"))?;
    let cloud = read::cloud(&data.join("ms_cloud"))?;
    if nab.is_empty() && cloud.is_empty() {
        return Err(format!("no series below {}; unpack the anomaly data there", data.display()));
    }
    let began = Instant::now();
    let nab_verdicts: Vec<Vec<Verdict>> = nab.iter().map(judge).collect();
    let cloud_verdicts: Vec<Vec<Verdict>> = cloud.iter().map(judge).collect();
    let seconds = began.elapsed().as_secs_f64().max(1e-9);
    let points: usize = nab.iter().chain(&cloud).map(|s| s.values.len()).sum();

    let files: Vec<nab::File> = nab.iter().zip(&nab_verdicts).map(|(s, v)| nab::File::new(s, v)).collect();
    let scores = nab::PROFILES.map(|profile| nab::score(&files, &profile));
    let rows: Vec<Row> = cloud
        .iter()
        .zip(&cloud_verdicts)
        .filter(|(s, _)| s.anomalous.contains(&true))
        .map(|(series, verdicts)| Row {
            name: series.name.clone(),
            points: series.values.len(),
            anomalies: series.anomalous.iter().filter(|a| **a).count(),
            score: precision::average(verdicts.iter().map(|v| v.distance), &series.anomalous),
        })
        .collect();
    let mean = rows.iter().map(|r| r.score).sum::<f64>() / rows.len().max(1) as f64;
    print_tables(&files, &scores, &rows, mean);
    let normal: Vec<bool> = nab
        .iter()
        .zip(&nab_verdicts)
        .chain(cloud.iter().zip(&cloud_verdicts))
        .flat_map(|(series, verdicts)| outside(series, verdicts))
        .collect();
    let outside = normal.iter().filter(|o| **o).count() as f64 / normal.len().max(1) as f64;
    print(&format!("normal points outside the 99 % band: {:.2} %", 100.0 * outside));
    let per_s = points as f64 / seconds;
    let bytes = Univariate::BYTES;
    note(&format!("{points} points, {per_s:.0} points/s on one core, {bytes} bytes a series"));
    if json {
        let line = serde_json::json!({
            "nab_standard": scores[0].normalised, "nab_low_fp": scores[1].normalised,
            "nab_low_fn": scores[2].normalised, "ms_cloud_auc_pr": mean,
            "points_per_s": per_s, "bytes_per_series": bytes, "outside_99_band": outside,
        });
        print(&line.to_string());
    }
    Ok(())
}

/// For each point that no label calls bad, after the first tenth of the series: whether it was outside its band.
fn outside<'a>(series: &'a Series, verdicts: &'a [Verdict]) -> impl Iterator<Item = bool> + 'a {
    let bad = |i: usize| series.anomalous[i] || series.windows.iter().any(|(a, b)| (*a..=*b).contains(&i));
    let points = series.values.iter().zip(verdicts).enumerate().skip(series.values.len() / 10);
    points
        .filter(move |(i, (value, _))| value.is_finite() && !bad(*i))
        .map(|(_, (value, v))| v.beyond(*value) > 1.0)
}

fn judge(series: &Series) -> Vec<Verdict> {
    let mut detector = Univariate::new();
    series.times_s.iter().zip(&series.values).map(|(at, value)| detector.add(*at, *value)).collect()
}

#[expect(clippy::print_stderr, reason = "notes stay out of the result")]
fn note(line: &str) {
    eprintln!("{line}");
}

#[expect(clippy::print_stdout, reason = "the result of a bench is its standard output")]
fn print(line: &str) {
    println!("{line}");
}

fn print_tables(files: &[nab::File], scores: &[nab::Score], rows: &[Row], mean: f64) {
    print(&format!(
        "{:<58} {:>7} {:>6} {:>6} {:>8}",
        "nab series, standard profile", "windows", "found", "false", "score"
    ));
    for line in nab::by_file(files, &nab::PROFILES[0], scores[0].threshold) {
        print(&format!(
            "{:<58} {:>7} {:>6} {:>6} {:>8.2}",
            line.name, line.windows, line.found, line.false_points, line.score
        ));
    }
    for (profile, score) in nab::PROFILES.iter().zip(scores) {
        print(&format!(
            "nab {:<20} {:>7.2}  (threshold {:.4})",
            profile.name, score.normalised, score.threshold
        ));
    }
    print(&format!("{:<58} {:>7} {:>6} {:>8}", "ms_cloud series", "points", "bad", "auc_pr"));
    for row in rows {
        print(&format!("{:<58} {:>7} {:>6} {:>8.3}", row.name, row.points, row.anomalies, row.score));
    }
    print(&format!("ms_cloud mean auc_pr {mean:.4}"));
}
