//! A data folder: owned by one process at a time, changed only by steps that survive a crash.
//!
//! Knows files and checksums, not what is in them.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use ports::{Error, Result, Retry};
use serde::{Deserialize, Serialize};

/// How long `open` waits for the owner before, which may still end its background work.
const LOCK_PATIENCE: Duration = Duration::from_secs(10);

/// Ends every block file.
pub(crate) const MAGIC: &[u8; 8] = b"hmstblk1";

/// Where some bytes are in a block file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Section {
    pub(crate) offset: u64,
    pub(crate) len: u32,
    pub(crate) crc: u32,
}

/// The folder.
pub(crate) struct Disk {
    dir: PathBuf,
    /// Held, never read: the lock ends with it.
    _lock: File,
    #[cfg(test)]
    pub(crate) fuse: fuse::Fuse,
}

impl Disk {
    /// Takes a folder, making it when it is not there.
    pub(crate) fn open(dir: &Path) -> Result<Self> {
        Self::open_within(dir, LOCK_PATIENCE)
    }

    fn open_within(dir: &Path, patience: Duration) -> Result<Self> {
        fs::create_dir_all(dir).map_err(|e| failed("create the data folder", e))?;
        let path = dir.join("LOCK");
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        let lock = lock.map_err(|e| failed("open the lock of the data folder", e))?;
        let started = Instant::now();
        loop {
            match lock.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if started.elapsed() < patience => {
                    std::thread::sleep(Duration::from_millis(5));
                }
                Err(TryLockError::WouldBlock) => {
                    let message = format!("{} is in use by another process: stop it first", dir.display());
                    return Err(Error::failed("lock the data folder", Retry::Temporary, message));
                }
                Err(TryLockError::Error(e)) => return Err(failed("lock the data folder", e)),
            }
        }
        Ok(Self {
            dir: dir.to_owned(),
            _lock: lock,
            #[cfg(test)]
            fuse: fuse::Fuse::default(),
        })
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// Names of all files.
    pub(crate) fn names(&self) -> io::Result<Vec<String>> {
        let names =
            fs::read_dir(&self.dir)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
        names.collect()
    }

    /// The bytes of a file, none when it is not there.
    pub(crate) fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        match fs::read(self.path(name)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// Makes `name` hold `bytes`, durably; a crash at any moment leaves the bytes before or these.
    pub(crate) fn replace(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let temporary = self.path(&format!("{name}.tmp"));
        self.step()?;
        let mut file = File::create(&temporary)?;
        self.write(&mut file, bytes)?;
        self.step()?;
        file.sync_all()?;
        self.step()?;
        fs::rename(&temporary, self.path(name))?;
        self.sync_folder()
    }

    pub(crate) fn remove(&self, name: &str) -> io::Result<()> {
        self.step()?;
        fs::remove_file(self.path(name))
    }

    /// Starts a block file.
    pub(crate) fn create(&self, name: &str) -> io::Result<BlockWriter<'_>> {
        self.step()?;
        let file = BufWriter::with_capacity(256 << 10, File::create(self.path(name))?);
        Ok(BlockWriter { disk: self, file, offset: 0 })
    }

    fn sync_folder(&self) -> io::Result<()> {
        self.step()?;
        File::open(&self.dir)?.sync_all()
    }

    fn write(&self, out: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
        if let Err(e) = self.step() {
            // What a crash leaves: a part of it.
            out.write_all(&bytes[..bytes.len() / 2])?;
            out.flush()?;
            return Err(e);
        }
        out.write_all(bytes)
    }

    /// Each change of the folder passes here, so that tests can end the process at any of them.
    fn step(&self) -> io::Result<()> {
        #[cfg(test)]
        self.fuse.burn()?;
        Ok(())
    }
}

/// A block file being written: sections, then a footer that says where they are.
pub(crate) struct BlockWriter<'a> {
    disk: &'a Disk,
    file: BufWriter<File>,
    offset: u64,
}

impl BlockWriter<'_> {
    pub(crate) fn section(&mut self, bytes: &[u8]) -> Result<Section> {
        let len = u32::try_from(bytes.len())
            .map_err(|_| Error::Invalid("more than 4 GiB in one part of a block".to_owned()))?;
        let section = Section { offset: self.offset, len, crc: crc32fast::hash(bytes) };
        self.disk.write(&mut self.file, bytes).map_err(|e| failed("write a block", e))?;
        self.offset += u64::from(len);
        Ok(section)
    }

    /// Writes the footer and makes all of it durable. Returns the length of the file.
    pub(crate) fn finish(mut self, footer: &[u8]) -> Result<u64> {
        let packed = zstd::bulk::compress(footer, 3).map_err(|e| failed("compress a footer", e))?;
        let section = self.section(&packed)?;
        let raw_len = u32::try_from(footer.len())
            .map_err(|_| Error::Invalid("the footer of a block exceeds 4 GiB".to_owned()))?;
        let mut trailer = Vec::with_capacity(TRAILER_LEN);
        let crc = footer_crc(&packed, raw_len);
        for part in [raw_len, section.len, crc] {
            trailer.extend_from_slice(&part.to_le_bytes());
        }
        trailer.extend_from_slice(MAGIC);
        self.section(&trailer)?;
        let write = |e| failed("write a block", e);
        self.file.flush().map_err(write)?;
        self.disk.step().map_err(write)?;
        self.file.get_ref().sync_all().map_err(write)?;
        self.disk.sync_folder().map_err(write)?;
        Ok(self.offset)
    }
}

/// Lengths of the footer unpacked and packed, its checksum, the magic.
pub(crate) const TRAILER_LEN: usize = 20;

/// Covers the length of the unpacked footer too, which decides how much memory is taken for it.
pub(crate) fn footer_crc(packed: &[u8], raw_len: u32) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(packed);
    hasher.update(&raw_len.to_le_bytes());
    hasher.finalize()
}

/// A failed call of the file system. A full disk may be emptied, so it is worth trying again.
pub(crate) fn failed(operation: &'static str, source: io::Error) -> Error {
    Error::failed(operation, Retry::Temporary, source)
}

#[cfg(test)]
mod fuse {
    //! Ends a process, as far as its data folder can tell, after so many steps.

    use std::io;
    use std::sync::atomic::{AtomicI64, Ordering};

    pub(crate) struct Fuse(AtomicI64);

    impl Default for Fuse {
        fn default() -> Self {
            Self(AtomicI64::new(i64::MAX))
        }
    }

    impl Fuse {
        /// Lets `steps` more changes happen and none after.
        pub(crate) fn light(&self, steps: i64) {
            self.0.store(steps, Ordering::SeqCst);
        }

        pub(crate) fn burn(&self) -> io::Result<()> {
            if self.0.fetch_sub(1, Ordering::SeqCst) > 0 {
                return Ok(());
            }
            self.0.store(0, Ordering::SeqCst);
            Err(io::Error::other("the process has ended"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_one_owner_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let owner = Disk::open(dir.path()).unwrap();
        match Disk::open_within(dir.path(), Duration::ZERO) {
            Err(Error::Failed { source, .. }) => assert!(source.to_string().contains("in use")),
            other => panic!("{:?}", other.err()),
        }
        drop(owner);
        assert!(Disk::open_within(dir.path(), Duration::ZERO).is_ok());
    }
}
