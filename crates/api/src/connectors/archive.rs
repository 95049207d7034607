//! A package as a zip: a folder of the package's name, files in order, times that tell nothing.

use std::io::{Cursor, Write};

use typescript::Package;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

/// What the folder in the zip is called.
pub(super) fn folder(package: &Package) -> String {
    let name = package.name.trim_start_matches('@');
    let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '-' };
    name.chars().map(plain).collect()
}

/// The bytes of the zip.
///
/// # Errors
/// It cannot be written: it would be larger than the format allows.
pub(super) fn zip(package: &Package) -> Result<Vec<u8>, String> {
    let folder = folder(package);
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    // The oldest time that the format knows: what is in the package does not depend on when it was made.
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(DateTime::default())
        .unix_permissions(0o644);
    for file in &package.files {
        zip.start_file(format!("{folder}/{}", file.path), options).map_err(|error| error.to_string())?;
        zip.write_all(file.text.as_bytes()).map_err(|error| error.to_string())?;
    }
    zip.finish().map(Cursor::into_inner).map_err(|error| error.to_string())
}
