//! Instance logs: one growing file, rotated by size, readable by one ever growing offset.
//!
//! The current file is `<instance>.log`; a full one is renamed to `<instance>.log.<start>`, where start is
//! the offset of its first byte. A reader that keeps its offset therefore misses nothing over a rotation, as
//! long as it is not slower than the kept files are long. It does not look into the lines.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Writes one instance's log.
#[derive(Debug)]
pub(crate) struct RotatingLog {
    path: PathBuf,
    file: File,
    start: u64,
    length: u64,
    limit_bytes: u64,
    keep: usize,
}

impl RotatingLog {
    /// Opens or creates the log of an instance; `keep` full files are kept besides the current one.
    pub(crate) fn open(path: PathBuf, limit_bytes: u64, keep: usize) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(&path)?;
        let length = file.metadata()?.len();
        let start = start_of_current(&path);
        Ok(Self { path, file, start, length, limit_bytes: limit_bytes.max(1), keep })
    }

    /// Appends whole lines; begins a new file when the current one is full.
    pub(crate) fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        self.file.write_all(lines)?;
        self.length += lines.len() as u64;
        if self.length >= self.limit_bytes { self.rotate() } else { Ok(()) }
    }

    fn rotate(&mut self) -> io::Result<()> {
        fs::rename(&self.path, rotated(&self.path, self.start))?;
        self.start += self.length;
        self.length = 0;
        self.file = OpenOptions::new().create(true).append(true).open(&self.path)?;
        let full = rotated_files(&self.path);
        for (_, path, _) in full.iter().take(full.len().saturating_sub(self.keep)) {
            fs::remove_file(path)?;
        }
        Ok(())
    }
}

/// Reads at most `limit` bytes from offset `from`; gives them and the offset to go on with.
/// An offset that is no longer kept goes on with the oldest byte kept.
pub(crate) fn read(path: &Path, from: u64, limit: usize) -> io::Result<(Vec<u8>, u64)> {
    let mut parts = rotated_files(path);
    let start = start_of_current(path);
    let length = match fs::metadata(path) {
        Ok(meta) => meta.len(),
        Err(e) if e.kind() == io::ErrorKind::NotFound => 0,
        Err(e) => return Err(e),
    };
    parts.push((start, path.to_owned(), length));
    let end = start + length;
    // The list always holds the current file.
    let from = from.max(parts[0].0);
    if from >= end {
        // Beyond the end: the log was removed and begun anew, or nothing new is there.
        return Ok((Vec::new(), end));
    }
    let Some((begin, file, length)) = parts.into_iter().find(|(b, _, l)| from < b + l) else {
        return Ok((Vec::new(), from));
    };
    let from = from.max(begin);
    let mut file = File::open(file)?;
    file.seek(SeekFrom::Start(from - begin))?;
    let mut bytes = Vec::new();
    file.take((limit as u64).min(begin + length - from)).read_to_end(&mut bytes)?;
    let next = from + bytes.len() as u64;
    Ok((bytes, next))
}

fn rotated(path: &Path, start: u64) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{start:020}"));
    PathBuf::from(name)
}

/// Full files, oldest first: (start, path, length).
fn rotated_files(path: &Path) -> Vec<(u64, PathBuf, u64)> {
    let (Some(dir), Some(name)) = (path.parent(), path.file_name().and_then(|n| n.to_str())) else {
        return Vec::new();
    };
    let mut found: Vec<_> = fs::read_dir(dir)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let file = entry.file_name().into_string().ok()?;
            let start = file.strip_prefix(name)?.strip_prefix('.')?.parse().ok()?;
            Some((start, entry.path(), entry.metadata().ok()?.len()))
        })
        .collect();
    found.sort();
    found
}

fn start_of_current(path: &Path) -> u64 {
    rotated_files(path).last().map_or(0, |(start, _, length)| start + length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_misses_nothing_over_rotations_and_reopening() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a-1.log");
        let (mut written, mut seen, mut offset) = (Vec::new(), Vec::new(), 0);
        for round in 0..50 {
            let mut log = RotatingLog::open(path.clone(), 100, 3).unwrap();
            for line in 0..3 {
                let text = format!("round {round} line {line}\n");
                log.write(text.as_bytes()).unwrap();
                written.extend_from_slice(text.as_bytes());
            }
            loop {
                let (bytes, next) = read(&path, offset, 17).unwrap();
                offset = next;
                if bytes.is_empty() {
                    break;
                }
                seen.extend_from_slice(&bytes);
            }
        }
        assert_eq!(String::from_utf8(seen).unwrap(), String::from_utf8(written).unwrap());
        assert_eq!(rotated_files(&path).len(), 3, "old files must go");
    }

    #[test]
    fn a_reader_that_slept_goes_on_with_the_oldest_kept_byte() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a-1.log");
        let mut log = RotatingLog::open(path.clone(), 10, 1).unwrap();
        for n in 0..9 {
            log.write(format!("line {n} ...\n").as_bytes()).unwrap();
        }
        let (bytes, _) = read(&path, 0, 1000).unwrap();
        assert_eq!(bytes, b"line 8 ...\n");
        assert_eq!(read(&path, 1_000_000, 10).unwrap(), (Vec::new(), 9 * 11));
    }
}
