//! Labelled failures from folders, whatever services they hold. Three layouts are known:
//!
//! * `SERVICE_FAULT/N/normal.csv` and `anomalous.csv` (RCD); a column is `SERVICE_METRIC`;
//! * `SERVICE_FAULT/N/` with one CSV for all and `inject_time.txt` (RCAEval);
//! * `SCENARIO/graph.csv`, `SCENARIO/noissue/metrics.csv` and `…/issue_N/{metrics.csv,target.json}` (PetShop).

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use model::{Point, Timestamp};
use serde_json::Value;

/// A series by service and name, before and since.
pub(super) type AllSeries = BTreeMap<(String, String), (Vec<Point>, Vec<Point>)>;
type Table = BTreeMap<(String, String), Vec<Point>>;

/// Whether the calls between services are known.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Kind {
    Plain,
    Calls,
}

/// A labelled failure.
pub(super) struct Case {
    pub(super) name: String,
    /// What it counts for: the fault, or the scenario and the metric of the symptom.
    pub(super) group: String,
    pub(super) kind: Kind,
    pub(super) series: AllSeries,
    /// Caller and callee.
    pub(super) calls: Vec<(String, String)>,
    /// Service and series where trouble was noticed.
    pub(super) symptom: Option<(String, String)>,
    pub(super) cause: String,
}

/// A system without an issue: its calls, its metrics, and where issues of it were noticed.
pub(super) struct Scenario {
    pub(super) calls: Vec<(String, String)>,
    pub(super) usual: BTreeMap<(String, String), Vec<Point>>,
    pub(super) symptoms: Vec<(String, String)>,
}

/// Everything found.
#[derive(Default)]
pub(super) struct Found {
    pub(super) cases: Vec<Case>,
    pub(super) scenarios: Vec<Scenario>,
}

/// Every labelled failure below a folder, in order.
///
/// # Errors
/// A file cannot be read.
pub(super) fn cases(root: &Path) -> Result<Found, String> {
    let (mut folders, mut found) = (vec![root.to_owned()], Found::default());
    let mut scenarios = Vec::new();
    while let Some(folder) = folders.pop() {
        let mut inside: Vec<PathBuf> = Vec::new();
        for entry in fs::read_dir(&folder).map_err(|e| format!("{}: {e}", folder.display()))? {
            inside.push(entry.map_err(|e| e.to_string())?.path());
        }
        inside.sort();
        let has = |name: &str| folder.join(name).is_file();
        if has("graph.csv") {
            scenarios.push(folder);
        } else if has("normal.csv") && has("anomalous.csv") {
            let (before, after) = (plain(&folder.join("normal.csv"))?, plain(&folder.join("anomalous.csv"))?);
            found.cases.extend(plain_case(&folder, join(before, after)));
        } else if has("inject_time.txt") {
            found.cases.extend(injected(&folder, &inside)?);
        } else {
            folders.extend(inside.into_iter().filter(|path| path.is_dir()));
        }
    }
    scenarios.sort();
    with_calls(&scenarios, &mut found)?;
    found.cases.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

fn name_of(folder: &Path, parts: usize) -> String {
    let all: Vec<_> = folder.components().map(|c| c.as_os_str().to_string_lossy()).collect();
    all[all.len().saturating_sub(parts)..].join("/")
}

fn plain_case(folder: &Path, series: AllSeries) -> Option<Case> {
    let labelled = folder.parent()?.file_name()?.to_string_lossy().into_owned();
    let (cause, fault) = labelled.rsplit_once(['_', '-'])?;
    Some(Case {
        name: name_of(folder, 3),
        group: fault.to_owned(),
        kind: Kind::Plain,
        series,
        calls: Vec::new(),
        symptom: None,
        cause: cause.to_owned(),
    })
}

/// One table with columns `SERVICE_METRIC`; times in seconds in a column `time`.
fn plain(file: &Path) -> Result<Table, String> {
    let wrong = |e: csv::Error| format!("{}: {e}", file.display());
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_path(file).map_err(wrong)?;
    let columns: Vec<Option<(String, String)>> =
        reader.headers().map_err(wrong)?.iter().map(column).collect();
    let time = reader.headers().map_err(wrong)?.iter().position(|h| h == "time");
    let mut table = Table::new();
    for (n, record) in reader.records().enumerate() {
        let record = record.map_err(wrong)?;
        let value = |i: usize| record.get(i).and_then(|text| text.trim().parse::<f64>().ok());
        let at = instant(time.and_then(value).unwrap_or(n as f64));
        for (i, key) in columns.iter().enumerate().filter(|(i, _)| Some(*i) != time) {
            if let Some(key) = key {
                let points = table.entry(key.clone()).or_default();
                points.push(Point { at, value: value(i).unwrap_or(f64::NAN) });
            }
        }
    }
    Ok(table)
}

fn column(name: &str) -> Option<(String, String)> {
    let (service, metric) = name.split_once('_')?;
    Some((service.to_owned(), metric.to_owned()))
}

fn injected(folder: &Path, inside: &[PathBuf]) -> Result<Option<Case>, String> {
    let file = folder.join("inject_time.txt");
    let text = fs::read_to_string(&file).map_err(|e| format!("{}: {e}", file.display()))?;
    let at: f64 = text.trim().parse().map_err(|e| format!("{}: {e}", file.display()))?;
    let names = ["simple_metrics.csv", "metrics.csv", "simple_data.csv", "data.csv"];
    let data =
        names.iter().find_map(|name| inside.iter().find(|p| p.file_name().is_some_and(|f| f == *name)));
    let Some(data) = data else { return Ok(None) };
    let mut series = AllSeries::new();
    for (key, points) in plain(data)? {
        let (before, after) = points.into_iter().partition(|p| p.at < instant(at));
        series.insert(key, (before, after));
    }
    Ok(plain_case(folder, series))
}

fn join(before: Table, mut after: Table) -> AllSeries {
    let both = before.into_iter().filter_map(|(key, before)| {
        let after = after.remove(&key)?;
        Some((key, (before, after)))
    });
    both.collect()
}

fn instant(seconds: f64) -> Timestamp {
    Timestamp::from_unix_ms((seconds * 1_000.0) as i64)
}

fn with_calls(folders: &[PathBuf], found: &mut Found) -> Result<(), String> {
    let mut usual = Vec::new();
    for folder in folders {
        let file = folder.join("noissue/metrics.csv");
        usual.push(if file.is_file() { Some(stacked(&file)?) } else { None });
    }
    for (i, folder) in folders.iter().enumerate() {
        let calls = graph(&folder.join("graph.csv"))?;
        let mut symptoms: Vec<(String, String)> = Vec::new();
        let mut folders = vec![folder.clone()];
        while let Some(inner) = folders.pop() {
            for entry in fs::read_dir(&inner).map_err(|e| format!("{}: {e}", inner.display()))? {
                let path = entry.map_err(|e| e.to_string())?.path();
                if path.join("target.json").is_file() {
                    let after = stacked(&path.join("metrics.csv"))?;
                    // A scenario that comes without its own usual data is compared with the most similar one.
                    let alike = |t: &&Table| after.keys().filter(|key| t.contains_key(key)).count();
                    let Some(before) = usual[i].as_ref().or_else(|| usual.iter().flatten().max_by_key(alike))
                    else {
                        continue;
                    };
                    let case = issue(&path, folder, before, after, &calls)?;
                    symptoms.extend(case.symptom.clone());
                    found.cases.push(case);
                } else if path.is_dir() {
                    folders.push(path);
                }
            }
        }
        symptoms.sort();
        symptoms.dedup();
        if let Some(usual) = &usual[i] {
            found.scenarios.push(Scenario { calls, usual: usual.clone(), symptoms });
        }
    }
    Ok(())
}

fn issue(
    path: &Path,
    scenario: &Path,
    before: &Table,
    after: Table,
    calls: &[(String, String)],
) -> Result<Case, String> {
    let file = path.join("target.json");
    let text = fs::read_to_string(&file).map_err(|e| format!("{}: {e}", file.display()))?;
    let target: Value = serde_json::from_str(&text).map_err(|e| format!("{}: {e}", file.display()))?;
    let word = |at: &str| target.pointer(at).and_then(Value::as_str).map(str::to_owned);
    let missing = || format!("{}: target or root_cause is missing", file.display());
    let node = word("/target/node").ok_or_else(missing)?;
    let metric = word("/target/metric").ok_or_else(missing)?;
    let statistic = word("/target/agg").unwrap_or_else(|| "Average".to_owned());
    let series = after.into_iter().map(|(key, after)| {
        let before = before.get(&key).cloned().unwrap_or_default();
        (key, (before, after))
    });
    Ok(Case {
        name: name_of(path, 3),
        group: format!("{} {metric}", name_of(scenario, 1)),
        kind: Kind::Calls,
        series: series.collect(),
        calls: calls.to_vec(),
        symptom: Some((node, format!("{metric} {statistic}"))),
        cause: word("/root_cause/node").ok_or_else(missing)?,
    })
}

/// Three rows of head: service, metric, statistic; then an empty one with the name of the first column.
fn stacked(file: &Path) -> Result<Table, String> {
    let wrong = |e: csv::Error| format!("{}: {e}", file.display());
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).from_path(file).map_err(wrong)?;
    let rows: Vec<csv::StringRecord> = reader.records().collect::<Result<_, _>>().map_err(wrong)?;
    let [services, metrics, statistics, rest @ ..] = rows.as_slice() else {
        return Err(format!("{}: three rows of head are missing", file.display()));
    };
    let mut table = Table::new();
    for i in 1..services.len() {
        let of = |row: &csv::StringRecord| row.get(i).unwrap_or_default().to_owned();
        let points = rest.iter().filter_map(|row| {
            let at = instant(row.get(0)?.trim().parse().ok()?);
            let value = row.get(i).and_then(|text| text.trim().parse().ok()).unwrap_or(f64::NAN);
            Some(Point { at, value })
        });
        table.insert((of(services), format!("{} {}", of(metrics), of(statistics))), points.collect());
    }
    Ok(table)
}

/// A square table: who calls (row) whom (column).
fn graph(file: &Path) -> Result<Vec<(String, String)>, String> {
    let wrong = |e: csv::Error| format!("{}: {e}", file.display());
    let mut reader = csv::Reader::from_path(file).map_err(wrong)?;
    let names: Vec<String> = reader.headers().map_err(wrong)?.iter().map(str::to_owned).collect();
    let mut calls = Vec::new();
    for record in reader.records() {
        let record = record.map_err(wrong)?;
        for (i, cell) in record.iter().enumerate().skip(1) {
            if cell.trim().parse::<f64>().is_ok_and(|calls| calls > 0.0) {
                calls.push((record[0].to_owned(), names[i].clone()));
            }
        }
    }
    Ok(calls)
}

impl Case {
    /// A made-up case: `services` in layers of ten, each calling two of the next; the last one got slow.
    pub(super) fn large(services: usize, metrics: usize, before: usize, after: usize) -> Self {
        let name = |i: usize| format!("s{i}");
        let mut noise: u64 = 1;
        let mut random = move || {
            noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (noise >> 33) as f64 / (1u64 << 31) as f64
        };
        let mut series = AllSeries::new();
        for i in 0..services {
            for m in 0..metrics {
                let metric = match m {
                    0 => "request_duration_ms".to_owned(),
                    1 => "request_rate".to_owned(),
                    2 => "request_error_ratio".to_owned(),
                    _ => format!("gauge_{m}"),
                };
                let slow = if m == 0 && i % 10 == 9 { 300.0 } else { 0.0 };
                let level = if m == 2 { 0.0 } else { 100.0 };
                let mut point = |n: usize, more: f64| Point {
                    at: instant(n as f64 * 10.0),
                    value: level + more + if m == 2 { 0.0 } else { 10.0 * random() },
                };
                let usual: Vec<Point> = (0..before).map(|n| point(n, 0.0)).collect();
                let since: Vec<Point> = (before..before + after).map(|n| point(n, slow)).collect();
                series.insert((name(i), metric), (usual, since));
            }
        }
        let below = |i: usize| (i / 10 + 1) * 10;
        let calls = (0..services.saturating_sub(10))
            .flat_map(|i| [(name(i), name(below(i) + i % 10)), (name(i), name(below(i) + (i + 3) % 10))])
            .collect();
        Self {
            name: "large".to_owned(),
            group: String::new(),
            kind: Kind::Calls,
            series,
            calls,
            symptom: Some((name(9), "request_duration_ms".to_owned())),
            cause: name(services - 1),
        }
    }
}
