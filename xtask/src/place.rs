//! Where things are: the repository, the build output, the binary. Also walks and hashes files.

use std::fs;
use std::path::{Path, PathBuf};

/// Folders that hold nothing written by hand.
const SKIPPED: [&str; 7] =
    ["target", "node_modules", ".git", "dist", "test-results", "playwright-report", ".vite"];

/// The folder of the workspace.
pub(crate) fn root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own).to_owned()
}

/// The folder of the dashboard.
pub(crate) fn web() -> PathBuf {
    root().join("web")
}

/// Where cargo puts what it builds.
pub(crate) fn target() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(dir) => root().join(dir),
        None => root().join("target"),
    }
}

/// The folder for what is fetched once and may be thrown away: `homeostat` in the user's cache folder, by the XDG Base
/// Directory Specification.
///
/// # Errors
/// The user has no home.
pub(crate) fn cache() -> Result<PathBuf, String> {
    let given = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|p| p.is_absolute());
    let caches = given.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")));
    let caches = caches.ok_or("there is no folder for caches: set HOME or XDG_CACHE_HOME")?;
    Ok(caches.join("homeostat"))
}

/// The binary of a profile folder: `debug` or `release`.
pub(crate) fn binary(profile: &str) -> PathBuf {
    target().join(profile).join("homeostat")
}

/// Every file below a folder that somebody wrote, as sorted paths with `/` relative to the root.
pub(crate) fn files_below(folder: &str) -> Vec<String> {
    let mut found = Vec::new();
    walk(&root().join(folder), &mut found);
    let root = root();
    let mut names: Vec<String> = found
        .iter()
        .filter_map(|path| Some(path.strip_prefix(&root).ok()?.to_string_lossy().replace('\\', "/")))
        .collect();
    names.sort();
    names
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let Ok(kind) = entry.file_type() else { continue };
        let name = entry.file_name();
        if kind.is_dir() {
            if !SKIPPED.iter().any(|s| name == *s) {
                walk(&entry.path(), found);
            }
        } else if kind.is_file() {
            found.push(entry.path());
        }
    }
}

/// A hash of names and contents: equal input, equal text. FNV-1a; it guards against forgetting, not against malice.
pub(crate) fn fingerprint(files: &[String]) -> String {
    let root = root();
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut feed = |bytes: &[u8]| {
        for byte in bytes.iter().chain(&[0]) {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    };
    feed(root.to_string_lossy().as_bytes());
    for file in files {
        feed(file.as_bytes());
        feed(&fs::read(root.join(file)).unwrap_or_default());
    }
    format!("{hash:016x}")
}

/// Reads a stamp that [`write_stamp`] wrote; empty when there is none.
pub(crate) fn read_stamp(name: &str) -> String {
    fs::read_to_string(target().join("xtask").join(name)).unwrap_or_default()
}

/// Remembers what was built.
pub(crate) fn write_stamp(name: &str, text: &str) -> Result<(), String> {
    let folder = target().join("xtask");
    fs::create_dir_all(&folder)
        .and_then(|()| fs::write(folder.join(name), text))
        .map_err(|e| format!("cannot write {}: {e}", folder.join(name).display()))
}

/// A folder of its own below the system's temporary folder; removed when dropped.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new(purpose: &str) -> Result<Self, String> {
        let nanos = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(0, |d| d.subsec_nanos());
        let path = std::env::temp_dir().join(format!("homeostat-{purpose}-{}-{nanos}", std::process::id()));
        fs::create_dir_all(&path).map_err(|e| format!("cannot make {}: {e}", path.display()))?;
        Ok(Self(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed stays in the temporary folder; nothing depends on it.
        let _ = fs::remove_dir_all(&self.0);
    }
}
