//! Blobs: one file each under `blobs/`, named by the hash of its bytes (`blobs/ab/cd…`).
//!
//! A file is written beside its place, synced and then moved there, so a crash leaves it whole or not at all;
//! what it leaves half written lies in `blobs/new` and goes with the next start. When a blob was last put is
//! the modification time of its file.

mod files;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use model::Timestamp;
use ports::{BlobId, BlobPage, Blobs, Collected, Error, Result, Retry};
use tokio::sync::Semaphore;

use crate::folder::{self, OpenError};
use files::Files;

/// The file whose lock says that the blobs are open.
const LOCK: &str = "blobs.lock";

/// The folder of the blobs inside the data folder.
const FOLDER: &str = "blobs";

/// Blobs that are read or written at one time. Each waits for the disk, so more than processors.
const AT_ONCE: usize = 16;

/// How blobs are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlobOptions {
    /// Size of the largest blob that is taken. A blob is held in memory while it is read or written.
    pub max_bytes: u64,
}

impl Default for BlobOptions {
    fn default() -> Self {
        Self { max_bytes: 64 << 20 }
    }
}

/// Blobs in a data folder.
pub struct BlobFolder {
    files: Arc<Files>,
    permits: Arc<Semaphore>,
    options: BlobOptions,
}

impl BlobFolder {
    /// Opens the blobs in a data folder, creating both when missing, and removes what a crash left half
    /// written.
    ///
    /// # Errors
    /// The folder is in use or cannot be written.
    pub fn open(folder: &Path, options: BlobOptions) -> Result<Self, OpenError> {
        let lock = folder::claim(folder, LOCK)?;
        let files = Arc::new(Files::open(&folder.join(FOLDER), lock)?);
        folder::sync_names(folder).map_err(OpenError::io("sync", folder))?;
        Ok(Self { files, permits: Arc::new(Semaphore::new(AT_ONCE)), options })
    }

    /// Runs `work` on a blocking thread. It runs to its end also when its caller goes away.
    async fn run<T, F>(&self, operation: &'static str, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Files) -> Result<T> + Send + 'static,
    {
        let stopped = |e: &dyn std::fmt::Display| Error::failed(operation, Retry::Temporary, e.to_string());
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(|e| stopped(&e))?;
        let files = Arc::clone(&self.files);
        let work = move || {
            let _permit = permit;
            work(&files)
        };
        tokio::task::spawn_blocking(work).await.map_err(|e| stopped(&e))?
    }
}

#[async_trait]
impl Blobs for BlobFolder {
    async fn put(&self, bytes: Bytes, now: Timestamp) -> Result<BlobId> {
        let (found, most) = (bytes.len() as u64, self.options.max_bytes);
        if found > most {
            return Err(Error::Invalid(format!("a blob has {found} bytes; at most {most} are allowed")));
        }
        self.run("put a blob", move |files| files.put(&bytes, now)).await
    }

    async fn get(&self, id: &BlobId) -> Result<Option<Bytes>> {
        let id = *id;
        self.run("read a blob", move |files| files.get(&id)).await
    }

    async fn exists(&self, id: &BlobId) -> Result<bool> {
        let id = *id;
        self.run("look for a blob", move |files| files.exists(&id)).await
    }

    async fn delete(&self, id: &BlobId) -> Result<()> {
        let id = *id;
        self.run("delete a blob", move |files| files.delete(&id)).await
    }

    async fn list(&self, after: Option<&BlobId>, limit: usize) -> Result<BlobPage> {
        if limit == 0 {
            return Err(Error::Invalid("limit is 0; a page of blobs holds at least 1".to_owned()));
        }
        let after = after.copied();
        self.run("list blobs", move |files| files.list(after.as_ref(), limit)).await
    }

    async fn collect(&self, keep: &BTreeSet<BlobId>, before: Timestamp) -> Result<Collected> {
        let keep = keep.clone();
        self.run("collect blobs", move |files| files.collect(&keep, before)).await
    }

    fn max_bytes(&self) -> u64 {
        self.options.max_bytes
    }
}
