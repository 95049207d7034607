//! The data folder: private to its owner, open in one process at a time.
//!
//! What the files inside mean is not known here.

use std::fs::{DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Only the owner may look inside: state holds tokens and everything the product knows.
pub(crate) const FOLDER_MODE: u32 = 0o700;

/// Why a data folder could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process, or another part of this one, has it open.
    #[error("data folder {folder} is in use by another process; stop that one or choose another folder")]
    InUse {
        /// The folder.
        folder: PathBuf,
    },
    /// A newer release wrote it.
    #[error(
        "{file} has schema version {found}, this release knows versions up to {known}: \
         start the newer release again, or restore a backup made before the upgrade"
    )]
    NewerSchema {
        /// The database file.
        file: PathBuf,
        /// The version it has.
        found: i64,
        /// The newest version this release can read.
        known: i64,
    },
    /// The file system refused.
    #[error("cannot {operation} {path}: {source}")]
    Io {
        /// What was tried: `create`.
        operation: &'static str,
        /// On what.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The database refused.
    #[error("cannot open the database {file}: {source}")]
    Database {
        /// The database file.
        file: PathBuf,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A file cannot be read back.
    #[error("corrupt data: {file} at byte {byte}: {why}")]
    Corrupt {
        /// The file.
        file: PathBuf,
        /// Where in it.
        byte: u64,
        /// What is wrong there.
        why: String,
    },
}

impl OpenError {
    /// For `map_err`: the file system refused `operation` on `path`.
    pub(crate) fn io(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { operation, path, source }
    }
}

/// Keeps other processes out of a folder for as long as it lives.
#[derive(Debug)]
pub(crate) struct FolderLock {
    _file: File,
}

/// Creates the folder when it is missing, makes it private and locks `lock_name` inside it.
pub(crate) fn claim(folder: &Path, lock_name: &str) -> Result<FolderLock, OpenError> {
    create_private(folder)?;
    let path = folder.join(lock_name);
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(&path)
        .map_err(OpenError::io("open", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(FolderLock { _file: file }),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse { folder: folder.to_owned() }),
        Err(TryLockError::Error(source)) => Err(OpenError::io("lock", &path)(source)),
    }
}

/// Creates a folder that only its owner may enter; an existing one is made so.
pub(crate) fn create_private(folder: &Path) -> Result<(), OpenError> {
    let created = DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(folder);
    created.map_err(OpenError::io("create", folder))?;
    let mode = folder.metadata().map_err(OpenError::io("examine", folder))?.permissions().mode();
    if mode & 0o777 != FOLDER_MODE {
        std::fs::set_permissions(folder, Permissions::from_mode(FOLDER_MODE))
            .map_err(OpenError::io("make private", folder))?;
    }
    Ok(())
}

/// Makes the names in a folder durable: a new file's name is not, by syncing the file alone.
pub(crate) fn sync_names(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
