//! Measures the real workflow engine over the embedded stores: what `cargo xtask bench workflow` prints of ours.
//! Run: `cargo run --release -p testkit --example workflow [-- --json --runs N]`. The folder for temporary files
//! (`TMPDIR`) decides which disk. The last line of standard output is JSON.
//!
//! What a part measures is said where it is measured. Memory and recovery are measured in processes of their own
//! (`--part`): the one that fills a store for the recovery is killed, and another one takes its runs up.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a measurement prints its result and its progress"
)]

mod bed;
mod forty;
#[path = "../../../workflow/tests/conformance/kit.rs"]
mod kit;
mod load;
mod machine;
mod outside;
mod recovery;
mod syncs;
mod waiting;

use std::path::PathBuf;

use serde_json::{Map, Value, json};

/// Whatever went wrong: the measurement ends with it.
pub(crate) type Failed = Box<dyn std::error::Error + Send + Sync>;

/// Runs in flight while throughput is measured.
const IN_FLIGHT: usize = 1_000;
/// The same for latency, and for whether it stays flat.
const FEW_AND_MANY: [usize; 2] = [1_000, 10_000];

/// What the command line says.
struct Arguments {
    json: bool,
    runs: usize,
    /// Only this part, for the parts that have a process of their own, in this folder.
    part: Option<(String, PathBuf)>,
}

fn arguments() -> Result<Arguments, Failed> {
    let mut found = Arguments { json: false, runs: 20, part: None };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut next = || words.next().ok_or_else(|| format!("{word} needs a value"));
        match word.as_str() {
            "--json" => found.json = true,
            "--runs" => found.runs = next()?.parse::<usize>()?.max(1),
            "--part" => found.part = Some((next()?, PathBuf::from(next()?))),
            _ => return Err(format!("{word} is not known: there are --json and --runs N").into()),
        }
    }
    Ok(found)
}

#[tokio::main]
async fn main() -> Result<(), Failed> {
    let arguments = arguments()?;
    if let Some((part, folder)) = arguments.part {
        return match part.as_str() {
            "waiting" => waiting::measure(&folder).await,
            "fill" => recovery::fill(&folder).await,
            "recover" => recovery::recover(&folder).await,
            _ => Err(format!("there is no part {part}").into()),
        };
    }
    let folder = tempfile::tempdir()?;
    let disk = machine::disk_of(folder.path())?;
    let mut found = Map::new();
    found.insert("disk".to_owned(), json!(disk));
    machine::settle_disk()?;
    let (middle, p99) = machine::sync_ms(folder.path())?;
    found.insert("sync_ms".to_owned(), json!(middle));
    found.insert("sync_ms_p99".to_owned(), json!(p99));
    eprintln!("the official conformance kit …");
    let (passed, wrong) = kit::run_all();
    for line in &wrong {
        eprintln!("{line}");
    }
    found.insert("kit_passed".to_owned(), json!(passed));
    found.insert("kit_total".to_owned(), json!(passed + wrong.len()));
    forty::measure(folder.path(), arguments.runs, &mut found).await?;
    load::throughput(folder.path(), IN_FLIGHT, &mut found).await?;
    for in_flight in FEW_AND_MANY {
        machine::settle_disk()?;
        load::latency(folder.path(), in_flight, &mut found).await?;
    }
    eprintln!("runs that wait …");
    found.append(&mut machine::part("waiting", &folder.path().join("waiting"))?);
    found.append(&mut recovery::measure(&folder.path().join("recovery"))?);
    report(found, arguments.json);
    Ok(())
}

fn report(found: Map<String, Value>, json: bool) {
    if !json {
        for (name, value) in &found {
            println!("{name:<32} {value}");
        }
    }
    println!("{}", Value::Object(found));
}
