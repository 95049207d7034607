//! Files of a document, and which of them may be read.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Where files may be.
#[derive(Clone, Debug)]
pub(super) enum Folder {
    /// Below this folder, links followed.
    Below(PathBuf),
    /// Anywhere.
    Any,
}

impl Folder {
    /// Reads a file by the URI that a reference made of it.
    pub(super) fn read(&self, uri: &str, bytes_max: usize, advice: &str) -> Result<String, String> {
        let path = located(uri)?;
        if let Self::Below(folder) = self {
            let folder = folder.canonicalize().map_err(|error| said(&error))?;
            // After links were followed: none may lead outside.
            let real = path.canonicalize().map_err(|error| said(&error))?;
            if !real.starts_with(&folder) {
                return Err(format!("it is outside of the document's folder; {advice}"));
            }
        }
        if !path.metadata().map_err(|error| said(&error))?.is_file() {
            return Err("it is no file".to_owned());
        }
        read(&path, bytes_max)
    }
}

/// The folder that a file is in.
pub(super) fn parent(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => PathBuf::from("."),
        Some(parent) => parent.to_owned(),
        None => PathBuf::from("."),
    }
}

/// Reads a file whole, within bounds.
pub(super) fn read(path: &Path, bytes_max: usize) -> Result<String, String> {
    let opened = File::open(path).map_err(|error| said(&error))?;
    if opened.metadata().is_ok_and(|metadata| metadata.is_dir()) {
        return Err("it is a folder; name the document in it".to_owned());
    }
    let mut bytes = Vec::new();
    opened.take(bytes_max as u64 + 1).read_to_end(&mut bytes).map_err(|error| said(&error))?;
    if bytes.len() > bytes_max {
        return Err(format!("it has more than {bytes_max} bytes, which is the most that is read; split it"));
    }
    String::from_utf8(bytes).map_err(|_| "it is not UTF-8; save it as UTF-8".to_owned())
}

/// The path that a URI means: as it is written, or with its escapes taken back when nothing has that name.
fn located(uri: &str) -> Result<PathBuf, String> {
    let plain = uri.strip_prefix("file://").unwrap_or(uri);
    if let Some((scheme, _)) = plain.split_once("://") {
        return Err(format!("addresses with {scheme}: are not read"));
    }
    let path = PathBuf::from(plain);
    if path.exists() || !plain.contains('%') {
        return Ok(path);
    }
    let mut bytes = Vec::with_capacity(plain.len());
    let mut rest = plain;
    while let Some((before, after)) = rest.split_once('%') {
        bytes.extend_from_slice(before.as_bytes());
        match after.get(..2).and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(b'%');
                rest = after;
            }
        }
    }
    bytes.extend_from_slice(rest.as_bytes());
    Ok(String::from_utf8(bytes).map_or(path, PathBuf::from))
}

fn said(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
        std::io::ErrorKind::PermissionDenied => "it may not be read by this user".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_outside_of_the_folder_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        std::fs::create_dir_all(root.join("api/parts")).unwrap();
        for (path, text) in [("secret.yaml", "s"), ("api/parts/x y.yaml", "x"), ("api/root.yaml", "r")] {
            std::fs::write(root.join(path), text).unwrap();
        }
        std::os::unix::fs::symlink(root.join("secret.yaml"), root.join("api/link.yaml")).unwrap();
        let below = Folder::Below(root.join("api"));
        let at = |path: &str| root.join(path).display().to_string();
        assert_eq!(below.read(&at("api/parts/x%20y.yaml"), 10, "").unwrap(), "x");
        assert_eq!(below.read(&format!("file://{}", at("api/root.yaml")), 10, "").unwrap(), "r");
        for path in ["secret.yaml", "api/../secret.yaml", "api/link.yaml"] {
            let refused = below.read(&at(path), 10, "add --allow-files").unwrap_err();
            assert_eq!(refused, "it is outside of the document's folder; add --allow-files", "{path}");
        }
        assert_eq!(Folder::Any.read(&at("api/link.yaml"), 10, "").unwrap(), "s");
        for (path, expect) in [("api/none.yaml", "no such file"), ("api/parts", "is no file")] {
            assert!(below.read(&at(path), 10, "").unwrap_err().contains(expect), "{path}");
        }
        assert!(below.read(&at("api/root.yaml"), 0, "").unwrap_err().contains("more than 0 bytes"));
        assert!(below.read("ftp://h/x.yaml", 10, "").unwrap_err().contains("ftp:"));
    }
}
