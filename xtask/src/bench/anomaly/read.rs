//! Labelled series from folders, whatever files they hold. Reads the CSV of the two public sets, no other.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use model::Timestamp;

/// One labelled series.
pub(super) struct Series {
    pub(super) name: String,
    pub(super) times_s: Vec<i64>,
    pub(super) values: Vec<f64>,
    /// Label of each point; all false where the set labels windows.
    pub(super) anomalous: Vec<bool>,
    /// First and last index of each labelled window, in order.
    pub(super) windows: Vec<(usize, usize)>,
}

/// The series of a NAB checkout: `data/**.csv` and `labels/combined_windows.json`.
pub(super) fn nab(root: &Path) -> Result<Vec<Series>, String> {
    let labels = root.join("labels/combined_windows.json");
    if !labels.exists() {
        return Ok(Vec::new());
    }
    let text = fs::read_to_string(&labels).map_err(|e| format!("{}: {e}", labels.display()))?;
    let windows: BTreeMap<String, Vec<(String, String)>> =
        serde_json::from_str(&text).map_err(|e| format!("{}: {e}", labels.display()))?;
    let data = root.join("data");
    let mut all = Vec::new();
    for path in csv_files(&data)? {
        let mut series = csv(&path, &data)?;
        for (from, to) in windows.get(&series.name).into_iter().flatten() {
            let at =
                |text: &str| seconds(text).ok_or_else(|| format!("{}: not a time: {text}", labels.display()));
            let (from, to) = (at(from)?, at(to)?);
            // A window counts for the points in it, whether or not one lies on its edge.
            let first = series.times_s.iter().position(|t| (from..=to).contains(t));
            let last = series.times_s.iter().rposition(|t| (from..=to).contains(t));
            series.windows.extend(first.zip(last));
        }
        all.push(series);
    }
    Ok(all)
}

/// The series of the Microsoft cloud monitoring set: every CSV with a column of labels.
pub(super) fn cloud(root: &Path) -> Result<Vec<Series>, String> {
    if !root.exists() {
        return Ok(Vec::new());
    }
    csv_files(root)?.iter().map(|path| csv(path, root)).collect()
}

/// Every file ending in `.csv` below a folder, in order.
fn csv_files(root: &Path) -> Result<Vec<PathBuf>, String> {
    let (mut folders, mut found) = (vec![root.to_owned()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(|e| format!("{}: {e}", folder.display()))? {
            let path = entry.map_err(|e| e.to_string())?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "csv") {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Lines of `time,value[,label]` after a heading.
fn csv(path: &Path, root: &Path) -> Result<Series, String> {
    let text = fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
    let name = path.strip_prefix(root).unwrap_or(path).to_string_lossy().into_owned();
    let mut series =
        Series { name, times_s: Vec::new(), values: Vec::new(), anomalous: Vec::new(), windows: Vec::new() };
    for (i, line) in text.lines().enumerate().skip(1).filter(|(_, l)| !l.trim().is_empty()) {
        let mut cells = line.split(',').map(|c| c.trim().trim_matches('"'));
        let at = cells.next().and_then(seconds);
        // A gap in the data is a gap for the detector too.
        let value = cells.next().and_then(|v| if v.is_empty() { Some(f64::NAN) } else { v.parse().ok() });
        let (Some(at), Some(value)) = (at, value) else {
            return Err(format!("{}:{}: expected time,value[,label], got {line:?}", path.display(), i + 1));
        };
        series.times_s.push(at);
        series.values.push(value);
        series.anomalous.push(cells.next().is_some_and(|l| l.starts_with('1')));
    }
    Ok(series)
}

/// Seconds of Unix time from `2014-04-01 00:00:00[.000000]` or RFC 3339; without a zone it is UTC.
fn seconds(text: &str) -> Option<i64> {
    let whole = text.trim_end_matches('Z').split('.').next()?.replace(' ', "T");
    Timestamp::parse(&format!("{whole}Z")).ok().map(|t| t.as_unix_ms().div_euclid(1_000))
}
