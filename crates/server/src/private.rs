//! Files that only their owner may read.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

/// Writes a file that only its owner may read, replacing what was there at once.
///
/// # Errors
/// The folder cannot be written.
pub(crate) fn write(file: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let temporary = file.with_extension("tmp");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut out = options.open(&temporary)?;
    out.write_all(bytes)?;
    out.sync_all()?;
    std::fs::rename(&temporary, file)
}
