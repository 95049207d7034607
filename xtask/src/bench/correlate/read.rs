//! Labelled alerts from CSV files, packed or not, with the columns `epoch_s, source, entity, peer_or_host,
//! signal, kind, fault_id_truth`; and the graph of their system, when `graphs/` has one.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use diagnose::correlate::{Alert, Fingerprint, Key};
use serde::Deserialize;

/// One stream of alerts.
pub(super) struct Stream {
    /// The file without its endings.
    pub(super) name: String,
    /// In the order of their times.
    pub(super) alerts: Vec<Alert>,
    /// The true fault of each.
    pub(super) faults: Vec<u64>,
}

#[derive(Deserialize)]
struct Row {
    epoch_s: f64,
    source: String,
    entity: String,
    peer_or_host: String,
    signal: String,
    kind: String,
    fault_id_truth: String,
}

#[derive(Deserialize)]
struct Graph {
    edges: Vec<Edge>,
}

#[derive(Deserialize)]
struct Edge {
    source: String,
    target: String,
}

/// Neighbours by name of a thing.
type Neighbours = BTreeMap<String, BTreeSet<Key>>;

/// Every stream directly in a folder, by name.
///
/// # Errors
/// A file cannot be read.
pub(super) fn labelled(root: &Path) -> Result<Vec<Stream>, String> {
    let graphs = graphs(&root.join("graphs"))?;
    let mut streams = Vec::new();
    for path in files(root)? {
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        let Some(name) = name.strip_suffix(".csv.gz").or_else(|| name.strip_suffix(".csv")) else { continue };
        let system = graphs.iter().filter(|(system, _)| name.contains(system.as_str()));
        let near = system.max_by_key(|(system, _)| system.len()).map(|(_, near)| near);
        streams.extend(read(&path, name, near.unwrap_or(&Neighbours::new()))?);
    }
    Ok(streams)
}

fn files(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let entries = fs::read_dir(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let mut paths: Vec<PathBuf> = entries.filter_map(|e| Some(e.ok()?.path())).collect();
    paths.sort();
    Ok(paths)
}

fn read(path: &Path, name: &str, near: &Neighbours) -> Result<Option<Stream>, String> {
    let wrong = |e: &dyn std::fmt::Display| format!("{}: {e}", path.display());
    let file = BufReader::new(File::open(path).map_err(|e| wrong(&e))?);
    let packed = path.extension().is_some_and(|e| e == "gz");
    let text: Box<dyn Read> =
        if packed { Box::new(flate2::read::GzDecoder::new(file)) } else { Box::new(file) };
    let mut reader = csv::Reader::from_reader(text);
    let headers = reader.headers().map_err(|e| wrong(&e))?;
    if !headers.iter().any(|h| h == "fault_id_truth") || !headers.iter().any(|h| h == "epoch_s") {
        return Ok(None);
    }
    let mut rows: Vec<Row> = reader.deserialize().collect::<Result<_, _>>().map_err(|e| wrong(&e))?;
    rows.sort_by(|a, b| a.epoch_s.total_cmp(&b.epoch_s));
    let mut numbers = BTreeMap::new();
    let faults = rows.iter().map(|row| {
        let next = numbers.len() as u64;
        *numbers.entry(row.fault_id_truth.clone()).or_insert(next)
    });
    let faults = faults.collect();
    Ok(Some(Stream {
        name: name.to_owned(),
        alerts: rows.iter().map(|row| alert(row, near)).collect(),
        faults,
    }))
}

/// A log alert is told for each line; its count is of the whole fault, so it is not looked at. All others are
/// told once, when they start.
fn alert(row: &Row, near: &Neighbours) -> Alert {
    let repeats = row.source == "log";
    let kind = if repeats { "" } else { &row.kind };
    let fingerprint = Fingerprint::of(&[&row.source, &row.entity, &row.peer_or_host, &row.signal, kind]);
    // Of a metric the second column is the host or the group of metrics: no thing that it speaks of.
    let named = if row.source == "metric" { vec![&row.entity] } else { vec![&row.entity, &row.peer_or_host] };
    let named: Vec<&String> = named.into_iter().filter(|name| !name.is_empty()).collect();
    let keys: Vec<Key> = named.iter().map(|name| Key::of(name)).collect();
    let around = named.iter().filter_map(|name| near.get(*name)).flatten().copied();
    let around: BTreeSet<Key> = around.collect();
    let alert = Alert::new((row.epoch_s * 1000.0).round() as i64, fingerprint, &keys).near(around);
    if repeats { alert.repeating() } else { alert }
}

/// The graph of each system, by the name of its folder: what is part of what, runs where, and calls whom.
fn graphs(folder: &Path) -> Result<BTreeMap<String, Neighbours>, String> {
    let mut found = BTreeMap::new();
    if !folder.is_dir() {
        return Ok(found);
    }
    for system in files(folder)? {
        let name = system.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        let mut near = Neighbours::new();
        for path in files(&system)?.into_iter().filter(|p| p.extension().is_some_and(|e| e == "json")) {
            let text = fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
            let graph: Graph = serde_json::from_str(&text).map_err(|e| format!("{}: {e}", path.display()))?;
            for Edge { source, target } in graph.edges {
                near.entry(source.clone()).or_default().insert(Key::of(&target));
                near.entry(target).or_default().insert(Key::of(&source));
            }
        }
        found.insert(name, near);
    }
    Ok(found)
}
