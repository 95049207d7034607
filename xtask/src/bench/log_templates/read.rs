//! Labelled logs from folders, whatever files they hold: CSV with the columns `Content` and `EventTemplate`.

use std::fs;
use std::path::{Path, PathBuf};

/// One labelled log.
pub(super) struct Labelled {
    /// Its folder and the folder of that.
    pub(super) name: String,
    pub(super) lines: Vec<String>,
    /// The true template of each line.
    pub(super) templates: Vec<String>,
}

/// Every labelled log below a folder, in order. Where a corrected version is there, that one.
///
/// # Errors
/// A file cannot be read.
pub(super) fn labelled(root: &Path) -> Result<Vec<Labelled>, String> {
    let (mut folders, mut logs) = (vec![root.to_owned()], Vec::new());
    while let Some(folder) = folders.pop() {
        let mut files = Vec::new();
        for entry in fs::read_dir(&folder).map_err(|e| format!("{}: {e}", folder.display()))? {
            let path = entry.map_err(|e| e.to_string())?.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.push(path);
            }
        }
        files.sort();
        if let Some(file) = choose(&files) {
            logs.extend(read(file)?);
        }
    }
    logs.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(logs)
}

fn choose(files: &[PathBuf]) -> Option<&PathBuf> {
    let named =
        |part: &str| files.iter().find(|f| f.file_name().is_some_and(|n| n.to_string_lossy().contains(part)));
    named("_structured_corrected").or_else(|| named("_structured"))
}

fn read(file: &Path) -> Result<Option<Labelled>, String> {
    let wrong = |e: csv::Error| format!("{}: {e}", file.display());
    let mut reader = csv::Reader::from_path(file).map_err(wrong)?;
    let headers = reader.byte_headers().map_err(wrong)?.clone();
    let column = |name: &str| headers.iter().position(|h| h == name.as_bytes());
    let (Some(content), Some(template)) = (column("Content"), column("EventTemplate")) else {
        return Ok(None);
    };
    let name = file.parent().map(|folder| {
        let last = folder.components().rev().take(2).map(|c| c.as_os_str().to_string_lossy());
        last.collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>().join("/")
    });
    let mut log = Labelled { name: name.unwrap_or_default(), lines: Vec::new(), templates: Vec::new() };
    for record in reader.byte_records() {
        let record = record.map_err(wrong)?;
        let text = |i: usize| String::from_utf8_lossy(record.get(i).unwrap_or_default()).into_owned();
        log.lines.push(text(content));
        log.templates.push(text(template));
    }
    Ok(Some(log))
}
