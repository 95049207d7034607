//! Makes the same package again and again in one process, and says how much memory the process has after some and after all.
//!
//! Run: `cargo run --release -p typescript --example generations -- FILE [TIMES]`.

use std::io::Write;
use std::path::Path;

use openapi::Bounds;
use typescript::{Options, package};

/// Generations after which memory is told for the first time: what is built once is there by then.
const FIRST: usize = 10;

fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let file = arguments.next().unwrap_or_default();
    let times = arguments.next().and_then(|times| times.parse().ok()).unwrap_or(1_000);
    let text = std::fs::read_to_string(&file)?;
    let mut out = std::io::stdout().lock();
    for nth in 1..=times {
        let mut resolve =
            |uri: &str| std::fs::read_to_string(Path::new(uri)).map_err(|error| error.to_string());
        let outcome = openapi::read(&file, text.clone(), &mut resolve, &Bounds::default());
        let made = outcome.map_err(std::io::Error::other)?;
        let made = package(&made.api, &Options::default());
        if nth == FIRST || nth == times {
            let bytes: usize = made.files.iter().map(|file| file.text.len()).sum();
            let mb = resident_bytes()? as f64 / 1e6;
            writeln!(
                out,
                "after {nth} generations of {} operations ({bytes} bytes): {mb:.1} MB resident",
                made.methods.len()
            )?;
        }
    }
    Ok(())
}

/// Memory that this process has now (proc(5), `VmRSS`).
fn resident_bytes() -> std::io::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kb = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kb.map(|kb| kb * 1_024).ok_or_else(|| std::io::Error::other("the system tells no memory"))
}
