//! Reads documents and says what they hold, how long it took and what was noticed.
//!
//! Run: `cargo run --release -p openapi --example measure -- FILE…`; with `--quiet` without diagnostics.

use std::io::Write;
use std::path::Path;
use std::time::Instant;

use openapi::{Bounds, Outcome};

fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let quiet = arguments.iter().any(|argument| argument == "--quiet");
    let mut out = std::io::stdout().lock();
    for file in arguments.iter().filter(|argument| !argument.starts_with("--")) {
        let text = std::fs::read_to_string(file)?;
        let bytes = text.len();
        let began = Instant::now();
        let mut resolve =
            |uri: &str| std::fs::read_to_string(Path::new(uri)).map_err(|error| error.to_string());
        let outcome = openapi::read(file, text, &mut resolve, &Bounds::default());
        let ms = began.elapsed().as_secs_f64() * 1e3;
        match outcome {
            Err(why) => writeln!(out, "{file}: refused: {why}")?,
            Ok(Outcome { api, diagnostics, missing }) => {
                writeln!(
                    out,
                    "{file}: {bytes} bytes, {} files, {:.1} ms, {} operations, {} webhooks, {} schemas ({} named), \
                     {} diagnostics, {} missing",
                    api.files(),
                    ms,
                    api.operations.len(),
                    api.webhooks.len(),
                    api.schemas().len(),
                    api.named().len(),
                    diagnostics.len(),
                    missing.len(),
                )?;
                for diagnostic in diagnostics.iter().filter(|_| !quiet) {
                    writeln!(out, "  {diagnostic}")?;
                }
            }
        }
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default();
    writeln!(out, "{peak}")
}
