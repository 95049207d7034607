//! Reads complete lines of a file that grows, is rotated (renamed and made anew) or truncated.
//!
//! Reading changes nothing: the next position is given with the lines, and takes effect through
//! [`Reader::resume`] once they are delivered. A file is known by device and inode, and by a hash of its
//! first bytes, because a truncated file that grew again keeps its inode.

use std::fs::{self, File, Metadata};
use std::io;
use std::ops::Range;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// Most bytes of one batch, and of one line before it is split off as cut.
const CHUNK_BYTES: usize = 1024 * 1024;
/// How much of a file that was never read before is read.
const FIRST_READ_BYTES: u64 = 16 * 1024 * 1024;
/// Bytes at the start of a file that tell it from another.
const HEAD_BYTES: u64 = 256;

/// How far a file was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Position {
    device: u64,
    inode: u64,
    /// First byte not yet delivered: the start of a line, unless `in_line`.
    offset: u64,
    /// FNV-1a of the first `head_bytes` bytes.
    head: u64,
    head_bytes: u64,
    /// Whether the rest of an overlong line has to be skipped.
    in_line: bool,
}

/// A batch of complete lines.
#[derive(Debug)]
pub(super) struct Chunk {
    bytes: Vec<u8>,
    ranges: Vec<Range<usize>>,
    /// Where to go on once the lines are delivered; none when nothing changed.
    pub(super) next: Option<Position>,
    /// Whether to read again at once.
    pub(super) more: bool,
}

impl Chunk {
    pub(super) fn lines(&self) -> impl Iterator<Item = &[u8]> {
        self.ranges.iter().map(|range| &self.bytes[range.clone()])
    }
}

/// Follows one path.
#[derive(Debug)]
pub(super) struct Reader {
    path: PathBuf,
    position: Option<Position>,
    /// The file of the position, kept open so that a rotated and removed one can be read to its end.
    open: Option<File>,
    /// The end of a rotated file was seen once; its writer gets one more round to finish.
    ended: bool,
}

impl Reader {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, position: None, open: None, ended: false }
    }

    /// Goes on from a position; none begins anew.
    pub(super) fn resume(&mut self, position: Option<Position>) {
        self.position = position;
    }

    /// Reads the next complete lines.
    pub(super) fn read(&mut self) -> io::Result<Chunk> {
        let (file, mut position) = self.locate()?;
        let meta = file.metadata()?;
        if meta.len() < position.offset || head(&file, position.head_bytes)? != position.head {
            // Truncated, or another file in its place: all of it is new.
            position = start_of(&meta, 0);
        }
        let wanted = meta.len().saturating_sub(position.offset).min(CHUNK_BYTES as u64) as usize;
        let bytes = read_at(&file, position.offset, wanted)?;
        let mut chunk = split(bytes, position.clone());
        if chunk.ranges.is_empty() && chunk.next.is_none() {
            let rest = std::mem::take(&mut chunk.bytes);
            if let Some(chunk) = self.past_end(&meta, &position, rest)? {
                self.open = Some(file);
                return Ok(chunk);
            }
        } else {
            self.ended = false;
        }
        if let Some(next) = &mut chunk.next {
            next.head_bytes = next.offset.min(HEAD_BYTES);
            next.head = head(&file, next.head_bytes)?;
            chunk.more = next.offset < meta.len();
        } else if Some(&position) != self.position.as_ref() {
            chunk.next = Some(position);
        }
        self.open = Some(file);
        Ok(chunk)
    }

    /// The file of the position, wherever it was renamed to; without one, or when it is gone, the path's.
    fn locate(&mut self) -> io::Result<(File, Position)> {
        if let Some(position) = &self.position {
            let is_it = |meta: &Metadata| (meta.dev(), meta.ino()) == (position.device, position.inode);
            if let Some(file) = self.open.take()
                && is_it(&file.metadata()?)
            {
                return Ok((file, position.clone()));
            }
            let rotated = rotated(&self.path).into_iter().map(|(path, _)| path);
            for path in std::iter::once(self.path.clone()).chain(rotated) {
                if let Ok(file) = File::open(path)
                    && is_it(&file.metadata()?)
                {
                    return Ok((file, position.clone()));
                }
            }
            tracing::warn!(tail.path = %self.path.display(), "log file is gone; lines at its end may be lost");
        }
        let file = File::open(&self.path)?;
        let meta = file.metadata()?;
        // A file never read before is read from its start, or its last part, from the next line on.
        let skipped = match self.position {
            None => meta.len().saturating_sub(FIRST_READ_BYTES),
            Some(_) => 0,
        };
        let mut position = start_of(&meta, skipped);
        position.in_line = skipped > 0;
        Ok((file, position))
    }

    /// At the end of a file: stays there while it is the path's own, else goes on to the file after it. An
    /// unfinished last line of a rotated file will never be finished: it is a line.
    fn past_end(&mut self, meta: &Metadata, position: &Position, rest: Vec<u8>) -> io::Result<Option<Chunk>> {
        let Ok(current) = fs::metadata(&self.path) else { return Ok(None) };
        if (current.dev(), current.ino()) == (position.device, position.inode) {
            return Ok(None);
        }
        if !std::mem::replace(&mut self.ended, true) {
            return Ok(None);
        }
        self.ended = false;
        let newer = rotated(&self.path).into_iter().map(|(_, meta)| meta);
        let after = newer.filter(|other| age(other) > age(meta)).min_by_key(age).unwrap_or(current);
        let half_line = (!rest.is_empty() && !position.in_line).then_some(0..rest.len());
        let ranges = half_line.into_iter().collect();
        Ok(Some(Chunk { ranges, bytes: rest, next: Some(start_of(&after, 0)), more: true }))
    }
}

/// Cuts bytes read at a position into complete lines.
fn split(bytes: Vec<u8>, mut next: Position) -> Chunk {
    let mut ranges = Vec::new();
    let mut start = 0;
    for (end, _) in bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n') {
        if !std::mem::take(&mut next.in_line) && end > start {
            ranges.push(start..end);
        }
        start = end + 1;
    }
    if start == 0 && (bytes.len() >= CHUNK_BYTES || next.in_line) && !bytes.is_empty() {
        // A line longer than a batch: its beginning is a line, cut by the parser; the rest is skipped.
        if !std::mem::replace(&mut next.in_line, true) {
            ranges.push(0..bytes.len());
        }
        start = bytes.len();
    }
    next.offset += start as u64;
    Chunk { next: (start > 0).then_some(next), bytes, ranges, more: false }
}

fn start_of(meta: &Metadata, offset: u64) -> Position {
    let (device, inode) = (meta.dev(), meta.ino());
    Position { device, inode, offset, head: FNV_OFFSET, head_bytes: 0, in_line: false }
}

/// Order in which files were last written.
fn age(meta: &Metadata) -> (i64, i64, u64) {
    (meta.mtime(), meta.mtime_nsec(), meta.ino())
}

/// Files that a rotation made of the path: `app.log.1`, `app.log-20261121`, `app.log.4096`; not packed ones.
fn rotated(path: &Path) -> Vec<(PathBuf, Metadata)> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name().and_then(|name| name.to_str())) else {
        return Vec::new();
    };
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let is_rotated = |entry: &fs::DirEntry| {
        let file_name = entry.file_name();
        let rest = file_name.to_str().and_then(|other| other.strip_prefix(name));
        rest.and_then(|rest| rest.strip_prefix(['.', '-'])).is_some_and(|suffix| {
            !suffix.is_empty()
                && suffix.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'-' | b'_' | b'.' | b'T'))
        })
    };
    entries
        .flatten()
        .filter(is_rotated)
        .filter_map(|entry| Some((entry.path(), entry.metadata().ok().filter(Metadata::is_file)?)))
        .collect()
}

fn read_at(file: &File, offset: u64, length: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    let mut filled = 0;
    while filled < length {
        match file.read_at(&mut bytes[filled..], offset + filled as u64) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;

/// FNV-1a (<http://www.isthe.com/chongo/tech/comp/fnv/>): stable over releases, as a saved value must be.
fn head(file: &File, length: u64) -> io::Result<u64> {
    let bytes = read_at(file, 0, length as usize)?;
    Ok(bytes.iter().fold(FNV_OFFSET, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3)))
}

#[cfg(test)]
#[path = "reader_tests.rs"]
mod tests;
