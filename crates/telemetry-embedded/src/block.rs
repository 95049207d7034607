//! An immutable block file, open for reading. Its footer is in memory, everything else is read when asked for.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use ports::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::disk::{self, MAGIC, Section, TRAILER_LEN};

/// What the manifest says of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Shape {
    pub(crate) id: u64,
    /// How many merges are behind it.
    pub(crate) level: u32,
    /// Oldest instant inside, Unix milliseconds.
    pub(crate) from: i64,
    /// Newest instant inside.
    pub(crate) to: i64,
    /// Samples or records.
    pub(crate) items: u64,
    pub(crate) bytes: u64,
}

impl Shape {
    pub(crate) fn file_name(id: u64) -> String {
        format!("{id:012}.block")
    }

    /// Whether anything of it may be in a half-open range.
    pub(crate) const fn overlaps(&self, range: model::TimeRange) -> bool {
        self.from < range.to.as_unix_ms() && self.to >= range.from.as_unix_ms()
    }
}

/// A block with its footer `F`.
pub(crate) struct Block<F> {
    pub(crate) shape: Shape,
    path: PathBuf,
    file: File,
    footer: std::result::Result<F, String>,
    /// Something in it could not be read back; merges leave it alone.
    damaged: AtomicBool,
}

impl<F> Block<F> {
    /// Opens a block just written, whose footer is known.
    pub(crate) fn written(path: PathBuf, shape: Shape, footer: F) -> Result<Self> {
        let file = File::open(&path).map_err(|e| disk::failed("open a block", e))?;
        Ok(Self { shape, path, file, footer: Ok(footer), damaged: AtomicBool::new(false) })
    }

    /// Opens a block of the manifest. A damaged footer does not fail this, but every use of the block.
    pub(crate) fn open(
        path: PathBuf,
        shape: Shape,
        load: impl FnOnce(&[u8]) -> std::result::Result<F, String>,
    ) -> io::Result<Self> {
        let file = File::open(&path)?;
        let footer = read_footer(&file).and_then(|bytes| load(&bytes));
        let damaged = AtomicBool::new(footer.is_err());
        Ok(Self { shape, path, file, footer, damaged })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn is_damaged(&self) -> bool {
        self.damaged.load(Ordering::Relaxed)
    }

    pub(crate) fn footer(&self) -> Result<&F> {
        self.footer.as_ref().map_err(|why| self.corrupt(why))
    }

    /// Reads a section and checks it.
    pub(crate) fn read(&self, section: Section) -> Result<Vec<u8>> {
        let mut bytes = vec![0; section.len as usize];
        match self.file.read_exact_at(&mut bytes, section.offset) {
            Ok(()) => {}
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => {
                return Err(self.corrupt("the file is too short"));
            }
            Err(e) => return Err(disk::failed("read a block", e)),
        }
        if crc32fast::hash(&bytes) == section.crc {
            return Ok(bytes);
        }
        Err(self.corrupt(&format!("the checksum of {} bytes at {} differs", section.len, section.offset)))
    }

    pub(crate) fn corrupt(&self, why: &str) -> Error {
        self.damaged.store(true, Ordering::Relaxed);
        Error::Corrupt(format!(
            "{}: {why}. Restore the file from a backup, or delete it and restart to go on without what is in it",
            self.path.display()
        ))
    }
}

fn read_footer(file: &File) -> std::result::Result<Vec<u8>, String> {
    let text = |e: io::Error| e.to_string();
    let len = file.metadata().map_err(text)?.len();
    let start = len.checked_sub(TRAILER_LEN as u64).ok_or("the file is too short")?;
    let mut trailer = [0; TRAILER_LEN];
    file.read_exact_at(&mut trailer, start).map_err(text)?;
    if &trailer[12..] != MAGIC {
        return Err("it does not end like a block".to_owned());
    }
    let part = |i: usize| u32::from_le_bytes([trailer[i], trailer[i + 1], trailer[i + 2], trailer[i + 3]]);
    let (raw_len, packed_len, crc) = (part(0), part(4), part(8));
    let start = start.checked_sub(u64::from(packed_len)).ok_or("the length of the footer is wrong")?;
    let mut packed = vec![0; packed_len as usize];
    file.read_exact_at(&mut packed, start).map_err(text)?;
    if disk::footer_crc(&packed, raw_len) != crc {
        return Err("the checksum of the footer differs".to_owned());
    }
    zstd::bulk::decompress(&packed, raw_len as usize).map_err(text)
}
