//! Files of labelled data, gzip or plain, whatever folders they are in.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Every file below a folder, in order of path.
///
/// # Errors
/// A folder cannot be read.
pub(super) fn files(root: &Path) -> Result<Vec<PathBuf>, String> {
    let (mut folders, mut found) = (vec![root.to_owned()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(|e| format!("{}: {e}", folder.display()))? {
            let path = entry.map_err(|e| e.to_string())?.path();
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    Ok(found)
}

/// The name of a file without `.gz`.
pub(super) fn name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    name.strip_suffix(".gz").map_or(name.clone(), str::to_owned)
}

/// The name of the folder that a file is in.
pub(super) fn folder(path: &Path) -> String {
    path.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy().into_owned()
}

/// The text of a file; bytes that are no UTF-8 are replaced.
///
/// # Errors
/// The file cannot be read or unpacked.
pub(super) fn text(path: &Path) -> Result<String, String> {
    let wrong = |e: std::io::Error| format!("{}: {e}", path.display());
    let bytes = fs::read(path).map_err(wrong)?;
    let packed = path.extension().is_some_and(|e| e == "gz");
    let mut plain = Vec::new();
    if packed {
        flate2::read::MultiGzDecoder::new(bytes.as_slice()).read_to_end(&mut plain).map_err(wrong)?;
    }
    Ok(String::from_utf8_lossy(if packed { &plain } else { &bytes }).into_owned())
}
