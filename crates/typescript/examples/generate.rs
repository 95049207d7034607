//! Makes packages of documents and says how long it took.
//!
//! Run: `cargo run --release -p typescript --example generate -- [--options JSON] FILE FOLDER [FILE FOLDER]…`

use std::io::Write;
use std::path::Path;
use std::time::Instant;

use openapi::Bounds;
use typescript::{Options, package};

fn main() -> std::io::Result<()> {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut options = Options::default();
    if arguments.first().is_some_and(|first| first == "--options") && arguments.len() > 1 {
        options = serde_json::from_str(&arguments[1])?;
        arguments.drain(..2);
    }
    let mut out = std::io::stdout().lock();
    for pair in arguments.chunks_exact(2) {
        let (file, folder) = (&pair[0], Path::new(&pair[1]));
        let text = std::fs::read_to_string(file)?;
        let began = Instant::now();
        let mut resolve =
            |uri: &str| std::fs::read_to_string(Path::new(uri)).map_err(|error| error.to_string());
        let outcome = match openapi::read(file, text, &mut resolve, &Bounds::default()) {
            Ok(outcome) => outcome,
            Err(why) => {
                writeln!(out, "{file}: refused: {why}")?;
                continue;
            }
        };
        let read_ms = began.elapsed().as_secs_f64() * 1e3;
        let made = package(&outcome.api, &options);
        let all_ms = began.elapsed().as_secs_f64() * 1e3;
        let bytes: usize = made.files.iter().map(|file| file.text.len()).sum();
        for file in &made.files {
            let path = folder.join(&file.path);
            std::fs::create_dir_all(path.parent().unwrap_or(folder))?;
            std::fs::write(path, &file.text)?;
        }
        writeln!(
            out,
            "{file}: {} as {}, {} files, {bytes} bytes, {} operations, {} methods, {} notes; read {read_ms:.1} ms, all {all_ms:.1} ms",
            made.name,
            made.class,
            made.files.len(),
            outcome.api.operations.len(),
            made.methods.len(),
            made.notes.len(),
        )?;
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default();
    writeln!(out, "{peak}")
}
