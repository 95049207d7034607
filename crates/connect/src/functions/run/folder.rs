//! The folders that programs run in: one for each, reachable by its user alone, gone afterwards.
//!
//! ```text
//! <root>/            ours, others may only pass through
//!   <id>/            ours: report of the guard
//!     work/          the program's: its working folder
//! ```

use std::fs::{self, DirBuilder, Metadata, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

/// Passing through, not listing.
const PASS: u32 = 0o711;

/// Makes the root of all folders, and removes what a process before this one left in it.
///
/// # Errors
/// It cannot be made, or it belongs to somebody else.
pub(super) fn open_root(root: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(PASS).create(root)?;
    let found = fs::symlink_metadata(root)?;
    if !found.is_dir() || found.uid() != rustix::process::geteuid().as_raw() {
        let text = format!("{} belongs to somebody else; name another folder", root.display());
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, text));
    }
    fs::set_permissions(root, Permissions::from_mode(PASS))?;
    for left in fs::read_dir(root)? {
        remove(&left?.path())?;
    }
    Ok(())
}

/// A folder of one program, removed when dropped.
pub(super) struct Folder {
    path: PathBuf,
}

impl Folder {
    /// Makes a fresh one, its working folder owned by `owner` (user and group).
    pub(super) fn create(root: &Path, id: &str, owner: Option<(u32, u32)>) -> io::Result<Self> {
        let path = root.join(id);
        DirBuilder::new().mode(PASS).create(&path)?;
        let folder = Self { path };
        DirBuilder::new().mode(0o700).create(folder.work())?;
        if let Some((user, group)) = owner {
            chown(folder.work(), Some(user), Some(group))?;
        }
        Ok(folder)
    }

    /// Where the program runs.
    pub(super) fn work(&self) -> PathBuf {
        self.path.join("work")
    }

    /// Where the guard says how it ended.
    pub(super) fn report(&self) -> PathBuf {
        self.path.join("report.json")
    }

    /// Puts a file beside the working folder that the program can read and not change.
    pub(super) fn put(&self, name: &str, content: &str) -> io::Result<PathBuf> {
        let path = self.path.join(name);
        fs::write(&path, content)?;
        fs::set_permissions(&path, Permissions::from_mode(0o444))?;
        Ok(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = remove(&self.path) {
            tracing::warn!(folder = %self.path.display(), %error, "A folder of a program was not removed.");
        }
    }
}

/// Removes a file or a folder that a hostile program filled: of any depth, with any permissions, with links to
/// anywhere. Folders are moved up before they are emptied, so that depth costs neither stack nor descriptors.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    let Some(found) = look(path)? else { return Ok(()) };
    if !found.is_dir() {
        return fs::remove_file(path);
    }
    let mut moved = 0_u64;
    loop {
        open_up(path)?;
        let mut empty = true;
        for entry in fs::read_dir(path)? {
            empty = false;
            flatten(path, &entry?.path(), &mut moved)?;
        }
        if empty {
            return fs::remove_dir(path);
        }
    }
}

/// Removes what is at `path`; folders inside it move up to `top` first.
fn flatten(top: &Path, path: &Path, moved: &mut u64) -> io::Result<()> {
    let Some(found) = look(path)? else { return Ok(()) };
    if !found.is_dir() {
        return fs::remove_file(path);
    }
    open_up(path)?;
    for entry in fs::read_dir(path)? {
        let inner = entry?.path();
        match look(&inner)? {
            Some(found) if found.is_dir() => {
                open_up(&inner)?;
                *moved += 1;
                let mut to = top.join(format!(".{moved}"));
                // What the program made may have this name.
                while look(&to)?.is_some() {
                    *moved += 1;
                    to = top.join(format!(".{moved}"));
                }
                fs::rename(&inner, &to)?;
            }
            Some(_) => fs::remove_file(&inner)?,
            None => {}
        }
    }
    fs::remove_dir(path)
}

fn look(path: &Path) -> io::Result<Option<Metadata>> {
    match fs::symlink_metadata(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        other => other.map(Some),
    }
}

/// Whoever owns a folder may close it to itself; we open it again to empty it.
fn open_up(folder: &Path) -> io::Result<()> {
    fs::set_permissions(folder, Permissions::from_mode(0o700))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_hostile_program_left_is_removed_and_what_it_points_to_stays() {
        let dir = tempfile::tempdir().unwrap();
        let outside = dir.path().join("outside");
        fs::create_dir(&outside).unwrap();
        fs::write(outside.join("precious"), "1").unwrap();
        let root = dir.path().join("root");
        open_root(&root).unwrap();
        let folder = Folder::create(&root, "a", None).unwrap();
        let work = folder.work();
        std::os::unix::fs::symlink(&outside, work.join("link")).unwrap();
        fs::create_dir(work.join(".1")).unwrap();
        // Deeper than descriptors or path lengths allow; made by moving folders into each other.
        let mut inner = work.join("seed");
        fs::create_dir(&inner).unwrap();
        for n in 0..1_200 {
            let outer = work.join(format!("d{n}"));
            fs::create_dir(&outer).unwrap();
            fs::rename(&inner, outer.join("in")).unwrap();
            inner = outer;
        }
        fs::create_dir_all(work.join("closed/shut")).unwrap();
        fs::set_permissions(work.join("closed/shut"), Permissions::from_mode(0o000)).unwrap();
        fs::set_permissions(work.join("closed"), Permissions::from_mode(0o000)).unwrap();
        drop(folder);
        assert!(!root.join("a").exists());
        assert!(outside.join("precious").exists());
    }

    #[test]
    fn what_a_crash_left_is_removed_at_the_next_start() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("root");
        open_root(&root).unwrap();
        std::mem::forget(Folder::create(&root, "left", None).unwrap());
        assert!(root.join("left").exists());
        open_root(&root).unwrap();
        assert_eq!(fs::read_dir(&root).unwrap().count(), 0);
    }
}
