//! `cargo xtask bench connectors`: packages of real documents, judged by the TypeScript compiler under every strict setting and
//! by a call of each operation against the package's own mock; beside the fastest peer that makes a client.
//!
//! Arguments: the folder with the documents, a folder for tools and output, `--json`.

mod documents;
mod judge;
mod peer;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde_json::{Value, json};

use documents::Document;
use judge::{Tools, Verdict};

/// What became of a document.
struct Row {
    name: String,
    /// Operations in the document, methods in the package.
    operations: (usize, usize),
    seconds: f64,
    verdict: Verdict,
    /// Seconds of the peer, where it made a client.
    peer: Option<f64>,
}

fn main() -> Result<(), String> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let json = arguments.iter().any(|argument| argument == "--json");
    let mut folders = arguments.iter().filter(|argument| !argument.starts_with("--")).map(PathBuf::from);
    let (Some(data), Some(cache)) = (folders.next(), folders.next()) else {
        return Err("give the folder with the documents and one for tools and output".to_owned());
    };
    let documents = documents::below(&data)?;
    if documents.is_empty() {
        return Err(format!("no OpenAPI documents below {}", data.display()));
    }
    note(&format!(
        "{} documents; installing the compiler and the peer into {}",
        documents.len(),
        cache.display()
    ));
    let tools = Tools::install(&cache)?;
    let mut rows = Vec::new();
    for (index, document) in documents.iter().enumerate() {
        let row = measure(document, &tools, &cache.join("packages").join(index.to_string()));
        note(&format!("{:>3} of {}  {}", index + 1, documents.len(), line(&row)));
        rows.push(row);
    }
    report(&rows, json)
}

fn measure(document: &Document, tools: &Tools, folder: &Path) -> Row {
    let name = document.name.clone();
    let _ = std::fs::remove_dir_all(folder);
    let peer = peer::seconds(tools, &document.path, &folder.join("peer"));
    let began = Instant::now();
    let made = documents::read(document).and_then(|api| {
        let package = typescript::package(&api, &typescript::Options::default());
        documents::write(&package, &folder.join("package"))?;
        // One method for each operation; a second one where it also streams.
        let mut covered: Vec<_> = package.methods.iter().map(|m| (&m.http_method, &m.path)).collect();
        covered.dedup();
        Ok((api.operations.len(), covered.len()))
    });
    let seconds = began.elapsed().as_secs_f64();
    match made {
        Ok(operations) => {
            let verdict = judge::judge(tools, &folder.join("package"));
            let _ = std::fs::remove_dir_all(folder);
            Row { name, operations, seconds, verdict, peer }
        }
        Err(why) => Row { name, operations: (0, 0), seconds, verdict: Verdict::not_made(why), peer },
    }
}

fn line(row: &Row) -> String {
    let Row { name, operations, seconds, verdict, peer } = row;
    let peer = peer.map_or_else(|| "failed".to_owned(), |seconds| format!("{seconds:.2} s"));
    format!(
        "{name:<34} {:>5}/{:<5} {seconds:>6.3} s  strict {:<3} trips {:>4}/{:<4} peer {peer}  {}",
        operations.1,
        operations.0,
        if verdict.strict { "yes" } else { "no" },
        verdict.trips.0,
        verdict.trips.1,
        verdict.why,
    )
}

fn report(rows: &[Row], json: bool) -> Result<(), String> {
    let count = rows.len() as f64;
    let share = |holds: &dyn Fn(&Row) -> bool| rows.iter().filter(|row| holds(row)).count() as f64 / count;
    let sum = |of: &dyn Fn(&Row) -> usize| rows.iter().map(of).sum::<usize>() as f64;
    let mut seconds: Vec<f64> = rows.iter().map(|row| row.seconds).collect();
    seconds.sort_by(f64::total_cmp);
    let both: Vec<(f64, f64)> = rows.iter().filter_map(|row| Some((row.peer?, row.seconds))).collect();
    let (peer, own) = both.iter().fold((0.0, 0.0), |sum, each| (sum.0 + each.0, sum.1 + each.1));
    let documents: Vec<Value> = rows
        .iter()
        .map(|row| {
            json!({
                "name": row.name, "operations": row.operations.0, "methods": row.operations.1, "seconds": row.seconds,
                "strict": row.verdict.strict, "trips": row.verdict.trips.1, "trips_right": row.verdict.trips.0,
                "peer_seconds": row.peer, "why": row.verdict.why,
            })
        })
        .collect();
    let all = json!({
        "specs": rows.len(),
        "generated_share": share(&|row| row.verdict.made),
        "strict_share": share(&|row| row.verdict.strict),
        "operations_share": sum(&|row| row.operations.1) / sum(&|row| row.operations.0).max(1.0),
        "roundtrip_share": sum(&|row| row.verdict.trips.0) / sum(&|row| row.operations.1.max(row.verdict.trips.1)).max(1.0),
        "seconds_p50": seconds[seconds.len() / 2],
        "seconds_max": seconds[seconds.len() - 1],
        "speedup_vs_fastest_client_peer": peer / own.max(1e-9),
        "peer": "openapi-typescript-codegen",
        "peer_generated_share": both.len() as f64 / count,
        "peak_mb": peak_mb(),
        "documents": documents,
    });
    let mut out = std::io::stdout().lock();
    let say = |out: &mut dyn Write, text: &str| writeln!(out, "{text}").map_err(|error| error.to_string());
    for row in rows {
        say(&mut out, &line(row))?;
    }
    for key in [
        "specs",
        "generated_share",
        "strict_share",
        "operations_share",
        "roundtrip_share",
        "seconds_p50",
        "seconds_max",
        "speedup_vs_fastest_client_peer",
        "peak_mb",
    ] {
        say(&mut out, &format!("{key:<32} {}", all[key]))?;
    }
    if json { say(&mut out, &all.to_string()) } else { Ok(()) }
}

/// The most memory that this process has had, in MB: reading and making, not compiling.
fn peak_mb() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM"))?;
    Some(line.split_whitespace().nth(1)?.parse::<f64>().ok()? / 1024.0)
}

fn note(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
