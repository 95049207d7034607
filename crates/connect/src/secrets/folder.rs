//! Secrets in a folder: one file each, named as the secret is.

use std::fs::{File, Metadata};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use model::Secret;
use ports::secrets::{SECRET_BYTES_MAX, is_secret_name};
use ports::{Error, Result, Retry, Secrets};

/// More files than this are not listed.
const NAMES_MAX: usize = 10_000;

/// What others may not do with a file: nothing, but its group may read it, which is how containers are given secrets.
const FILE_FORBIDDEN: u32 = 0o037;
/// What others may not do with the folder: put files into it.
const FOLDER_FORBIDDEN: u32 = 0o022;
/// In such a folder nobody can replace the files of others.
const STICKY: u32 = 0o1000;

/// A folder of secrets. A file that others on the machine can read is refused, and so is everything in a folder into
/// which others can put files.
#[derive(Debug)]
pub struct FolderSecrets {
    folder: PathBuf,
}

impl FolderSecrets {
    /// The folder; it is looked at when a secret is asked for.
    #[must_use]
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }
}

#[async_trait]
impl Secrets for FolderSecrets {
    async fn get(&self, name: &str) -> Result<Option<Secret>> {
        if !is_secret_name(name) {
            return Ok(None);
        }
        let (folder, name) = (self.folder.clone(), name.to_owned());
        in_thread(move || read(&folder, &name)).await
    }

    async fn names(&self) -> Result<Vec<String>> {
        let folder = self.folder.clone();
        in_thread(move || list(&folder)).await
    }
}

async fn in_thread<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Error::failed("reading secrets", Retry::Temporary, error))?
}

fn read(folder: &Path, name: &str) -> Result<Option<Secret>> {
    let path = folder.join(name);
    let file = match std::fs::metadata(&path) {
        // A pipe or a device would block or never end; a folder is no secret.
        Ok(metadata) if !metadata.is_file() => return Ok(None),
        Ok(_) => File::open(&path),
        Err(error) => Err(error),
    };
    let file = match file {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(&path, &error)),
    };
    let metadata = file.metadata().map_err(|error| unreadable(&path, &error))?;
    let holder = std::fs::metadata(folder).map_err(|error| unreadable(folder, &error))?;
    if holder.mode() & STICKY == 0 || holder.uid() != metadata.uid() {
        check_mode(folder, &holder, FOLDER_FORBIDDEN, "chmod 700")?;
    }
    check_mode(&path, &metadata, FILE_FORBIDDEN, "chmod 600")?;
    let mut text = String::new();
    let most = SECRET_BYTES_MAX as u64 + 1;
    file.take(most).read_to_string(&mut text).map_err(|error| unreadable(&path, &error))?;
    super::sized(name, &text).map(Some)
}

fn list(folder: &Path) -> Result<Vec<String>> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unreadable(folder, &error)),
    };
    let is_secret = |path: &Path| std::fs::metadata(path).is_ok_and(|metadata| metadata.is_file());
    let mut names: Vec<String> = entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let name = entry.file_name().into_string().ok()?;
            (is_secret_name(&name) && is_secret(&entry.path())).then_some(name)
        })
        .take(NAMES_MAX)
        .collect();
    names.sort();
    Ok(names)
}

fn check_mode(path: &Path, metadata: &Metadata, forbidden: u32, remedy: &str) -> Result<()> {
    let mode = metadata.mode() & 0o777;
    if mode & forbidden == 0 {
        return Ok(());
    }
    Err(Error::Invalid(format!(
        "others on this machine have access to {path:?} (mode {mode:o}), so nothing in it is secret; \
         run `{remedy} {}` and change the secret",
        path.display()
    )))
}

/// Says what failed without what was read: text that is not UTF-8 is in some errors.
fn unreadable(path: &Path, error: &std::io::Error) -> Error {
    Error::Invalid(format!("the secret {path:?} cannot be read: {}; check its owner and mode", error.kind()))
}
