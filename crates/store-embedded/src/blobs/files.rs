//! The files of the blobs. Everything here waits for the disk.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use model::Timestamp;
use ports::{BlobId, BlobPage, Collected, Error, Result, Retry, StoredBlob};

use crate::folder::{self, FolderLock, OpenError};

/// Where files are written before they are moved to their place.
const NEW: &str = "new";

/// Groups: blobs whose ids begin with the same two digits lie in one folder and share a lock.
const GROUPS: usize = 256;

/// The folder of the blobs.
pub(super) struct Files {
    folder: PathBuf,
    next: AtomicU64,
    /// Held while a blob is put or removed: between finding one that is too old and removing it, nobody may
    /// put it again and believe it to be there.
    locks: [Mutex<()>; GROUPS],
    _lock: FolderLock,
}

impl Files {
    pub(super) fn open(folder: &Path, lock: FolderLock) -> Result<Self, OpenError> {
        let new = folder.join(NEW);
        folder::create_private(folder)?;
        folder::create_private(&new)?;
        for half_written in fs::read_dir(&new).map_err(OpenError::io("read", &new))? {
            let path = half_written.map_err(OpenError::io("read", &new))?.path();
            fs::remove_file(&path).map_err(OpenError::io("remove", &path))?;
        }
        folder::sync_names(folder).map_err(OpenError::io("sync", folder))?;
        Ok(Self {
            folder: folder.to_owned(),
            next: AtomicU64::new(0),
            locks: std::array::from_fn(|_| Mutex::new(())),
            _lock: lock,
        })
    }

    pub(super) fn put(&self, bytes: &[u8], now: Timestamp) -> Result<BlobId> {
        let id = BlobId::of(bytes);
        let _held = self.hold(&id);
        let failed = failed("put a blob");
        let put_at = match self.metadata(&id).map_err(&failed)? {
            Some(found) if self.is_whole(&id, bytes).map_err(&failed)? => {
                if put_at(&found) < now {
                    let file = OpenOptions::new().write(true).open(self.path(&id)).map_err(&failed)?;
                    file.set_modified(instant(now)).map_err(&failed)?;
                }
                // Whoever wrote it may have been killed before its name was durable.
                folder::sync_names(&self.group(&id)).map_err(&failed)?;
                return Ok(id);
            }
            Some(damaged) => put_at(&damaged).max(now),
            None => now,
        };
        self.write(&id, bytes, put_at).map_err(&failed)?;
        Ok(id)
    }

    pub(super) fn get(&self, id: &BlobId) -> Result<Option<Bytes>> {
        let mut bytes = Vec::new();
        match File::open(self.path(id)).and_then(|mut file| file.read_to_end(&mut bytes)) {
            Ok(_) => {}
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(failed("read a blob")(e)),
        }
        if BlobId::of(&bytes) != *id {
            return Err(Error::Corrupt(format!(
                "blob {id} is not what was put: its bytes have another hash"
            )));
        }
        Ok(Some(bytes.into()))
    }

    pub(super) fn exists(&self, id: &BlobId) -> Result<bool> {
        Ok(self.metadata(id).map_err(failed("look for a blob"))?.is_some())
    }

    pub(super) fn delete(&self, id: &BlobId) -> Result<()> {
        let _held = self.hold(id);
        self.remove(id).map_err(failed("delete a blob"))
    }

    pub(super) fn list(&self, after: Option<&BlobId>, limit: usize) -> Result<BlobPage> {
        let failed = failed("list blobs");
        let mut page = BlobPage::default();
        for group in self.groups(after).map_err(&failed)? {
            for id in self.ids(&group).map_err(&failed)? {
                if after.is_some_and(|after| id <= *after) {
                    continue;
                }
                // What was removed since is not in the list.
                let Some(found) = self.metadata(&id).map_err(&failed)? else { continue };
                if page.items.len() == limit {
                    page.next = page.items.last().map(|last| last.id);
                    return Ok(page);
                }
                page.items.push(StoredBlob { id, bytes: found.len(), put_at: put_at(&found) });
            }
        }
        Ok(page)
    }

    pub(super) fn collect(&self, keep: &BTreeSet<BlobId>, before: Timestamp) -> Result<Collected> {
        let failed = failed("collect blobs");
        let mut collected = Collected::default();
        for group in self.groups(None).map_err(&failed)? {
            for id in self.ids(&group).map_err(&failed)? {
                if keep.contains(&id) {
                    continue;
                }
                let _held = self.hold(&id);
                if let Some(found) = self.metadata(&id).map_err(&failed)?
                    && put_at(&found) < before
                {
                    self.remove(&id).map_err(&failed)?;
                    collected.blobs += 1;
                    collected.bytes += found.len();
                }
            }
        }
        Ok(collected)
    }

    fn hold(&self, id: &BlobId) -> MutexGuard<'_, ()> {
        let group = usize::from_str_radix(&id.to_string()[..2], 16).unwrap_or_default();
        self.locks[group].lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn path(&self, id: &BlobId) -> PathBuf {
        self.group(id).join(&id.to_string()[2..])
    }

    fn group(&self, id: &BlobId) -> PathBuf {
        self.folder.join(&id.to_string()[..2])
    }

    fn metadata(&self, id: &BlobId) -> io::Result<Option<Metadata>> {
        none_when_missing(fs::metadata(self.path(id)))
    }

    /// Whether the file of a blob holds these bytes.
    fn is_whole(&self, id: &BlobId, bytes: &[u8]) -> io::Result<bool> {
        let found = none_when_missing(fs::read(self.path(id)))?;
        Ok(found.is_some_and(|found| found == bytes))
    }

    /// Durable when it returns: first the bytes, then the name.
    fn write(&self, id: &BlobId, bytes: &[u8], put_at: Timestamp) -> io::Result<()> {
        let (path, group) = (self.path(id), self.group(id));
        match DirBuilder::new().mode(folder::FOLDER_MODE).create(&group) {
            Ok(()) => folder::sync_names(&self.folder).inspect_err(|_| {
                // Not there is better than there and not durable: then the next one tries again.
                let _ = fs::remove_dir(&group);
            })?,
            Err(e) if e.kind() == ErrorKind::AlreadyExists => {}
            Err(e) => return Err(e),
        }
        let new = self.folder.join(NEW).join(self.next.fetch_add(1, Ordering::Relaxed).to_string());
        let written = write_file(&new, bytes, put_at).and_then(|()| fs::rename(&new, &path));
        if written.is_err() {
            // Frees the space now when it can; the next start tries again.
            let _ = fs::remove_file(&new);
        }
        written?;
        folder::sync_names(&group)
    }

    fn remove(&self, id: &BlobId) -> io::Result<()> {
        none_when_missing(fs::remove_file(self.path(id))).map(drop)
    }

    /// The folders that may hold ids after one, in order. Whatever else lies here is none of ours.
    fn groups(&self, after: Option<&BlobId>) -> io::Result<BTreeSet<String>> {
        let first = after.map(|id| id.to_string()[..2].to_owned()).unwrap_or_default();
        let mut groups = BTreeSet::new();
        for entry in fs::read_dir(&self.folder)? {
            let name = entry?.file_name().into_string().unwrap_or_default();
            if name.len() == 2 && name >= first {
                groups.insert(name);
            }
        }
        Ok(groups)
    }

    fn ids(&self, group: &str) -> io::Result<BTreeSet<BlobId>> {
        let mut ids = BTreeSet::new();
        for entry in fs::read_dir(self.folder.join(group))? {
            let rest = entry?.file_name().into_string().unwrap_or_default();
            ids.extend(format!("{group}{rest}").parse::<BlobId>());
        }
        Ok(ids)
    }
}

fn write_file(path: &Path, bytes: &[u8], put_at: Timestamp) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.set_modified(instant(put_at))?;
    file.sync_all()
}

fn none_when_missing<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e),
    }
}

fn failed(operation: &'static str) -> impl Fn(io::Error) -> Error {
    move |source| Error::failed(operation, Retry::Temporary, source)
}

fn instant(at: Timestamp) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(u64::try_from(at.as_unix_ms()).unwrap_or_default())
}

fn put_at(found: &Metadata) -> Timestamp {
    let since = found.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
    Timestamp::from_unix_ms(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
