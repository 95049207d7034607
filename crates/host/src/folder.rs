//! The folder of one service: releases, configuration revisions, data, logs and trash.
//!
//! Every switch is one rename, so that a crash leaves either the old or the new state, never a mixture.
//! It knows nothing of processes.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::spec::{ServiceSpec, is_version};

/// Paths of one service.
#[derive(Clone, Debug)]
pub(crate) struct Folder {
    root: PathBuf,
}

impl Folder {
    /// Creates what is missing and installs the releases and the first configuration of the catalog.
    pub(crate) fn open(root: PathBuf, spec: &ServiceSpec) -> io::Result<Self> {
        let folder = Self { root };
        for path in ["releases", "config", "data", "logs", "trash"] {
            fs::create_dir_all(folder.root.join(path))?;
        }
        for name in spec.expendable.iter().chain(&spec.state) {
            fs::create_dir_all(folder.data().join(name))?;
        }
        for release in &spec.releases {
            let dir = folder.root.join("releases").join(&release.version);
            if !dir.join("manifest.json").exists() {
                fs::create_dir_all(&dir)?;
                write_atomic(&dir.join("manifest.json"), &json(&release.manifest)?)?;
            }
        }
        if folder.release().is_none()
            && let Some(first) = spec.releases.first()
        {
            folder.switch_release(&first.version)?;
        }
        if folder.config_revision().is_none() {
            let first = "1".to_owned();
            folder.write_config(&first, &spec.config)?;
            folder.switch_config(&first)?;
        }
        Ok(folder)
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.root.join("data")
    }

    pub(crate) fn logs(&self) -> PathBuf {
        self.root.join("logs")
    }

    pub(crate) fn record(&self) -> PathBuf {
        self.root.join("service.json")
    }

    pub(crate) fn trash(&self) -> PathBuf {
        self.root.join("trash")
    }

    /// The release in place.
    pub(crate) fn release(&self) -> Option<String> {
        link_name(&self.root.join("current"))
    }

    /// Folder of the release in place: the real folder, so that a running process keeps its own release.
    pub(crate) fn release_dir(&self) -> Option<PathBuf> {
        self.release().map(|version| self.root.join("releases").join(version))
    }

    /// Releases that could be put in place, sorted.
    pub(crate) fn releases(&self) -> Vec<String> {
        let ready = |name: &String| self.root.join("releases").join(name).join("manifest.json").exists();
        names(&self.root.join("releases")).into_iter().filter(|n| is_version(n)).filter(ready).collect()
    }

    pub(crate) fn switch_release(&self, version: &str) -> io::Result<()> {
        switch_link(&self.root.join("current"), &Path::new("releases").join(version))
    }

    /// The configuration revision in place.
    pub(crate) fn config_revision(&self) -> Option<String> {
        link_name(&self.root.join("config/current"))?.strip_suffix(".json").map(str::to_owned)
    }

    /// File of the configuration in place.
    pub(crate) fn config_file(&self) -> Option<PathBuf> {
        self.config_revision().map(|revision| self.root.join("config").join(format!("{revision}.json")))
    }

    /// Configuration revisions that could be put in place.
    pub(crate) fn revisions(&self) -> Vec<String> {
        let files = names(&self.root.join("config"));
        files
            .iter()
            .filter_map(|n| n.strip_suffix(".json"))
            .filter(|n| is_version(n))
            .map(str::to_owned)
            .collect()
    }

    pub(crate) fn write_config(&self, revision: &str, values: &Value) -> io::Result<()> {
        write_atomic(&self.root.join("config").join(format!("{revision}.json")), &json(values)?)
    }

    pub(crate) fn switch_config(&self, revision: &str) -> io::Result<()> {
        switch_link(&self.root.join("config/current"), Path::new(&format!("{revision}.json")))
    }

    /// Whether this folder of the data was moved to the trash under `id`.
    pub(crate) fn is_aside(&self, id: &str, name: &str) -> bool {
        self.trash().join(id).join(name).exists()
    }

    /// Moves a folder of the data to the trash, leaving an empty one. One rename: nothing is copied.
    pub(crate) fn move_aside(&self, id: &str, name: &str) -> io::Result<()> {
        let (from, to) = (self.data().join(name), self.trash().join(id).join(name));
        fs::create_dir_all(to.parent().unwrap_or(&to))?;
        if from.exists() {
            fs::rename(&from, &to)?;
        } else {
            fs::create_dir_all(&to)?;
        }
        self.ensure_data(name)
    }

    /// Makes sure that a folder of the data exists.
    pub(crate) fn ensure_data(&self, name: &str) -> io::Result<()> {
        fs::create_dir_all(self.data().join(name))?;
        sync_dir(&self.data())
    }

    /// Brings a folder back from the trash; what is in its place now goes to the trash instead.
    pub(crate) fn bring_back(&self, id: &str, name: &str) -> io::Result<()> {
        let (from, to) = (self.trash().join(id).join(name), self.data().join(name));
        let displaced = self.trash().join(format!("{id}-displaced")).join(name);
        if to.exists() {
            fs::create_dir_all(displaced.parent().unwrap_or(&displaced))?;
            if displaced.exists() {
                fs::remove_dir_all(&displaced)?;
            }
            fs::rename(&to, &displaced)?;
        }
        fs::rename(&from, &to)?;
        sync_dir(&self.data())
    }

    /// Names of what the trash holds.
    pub(crate) fn trash_ids(&self) -> Vec<String> {
        names(&self.trash())
    }

    /// Deletes trash that was not touched for longer than `keep`.
    pub(crate) fn empty_trash(&self, keep: std::time::Duration) -> io::Result<()> {
        for id in self.trash_ids() {
            let path = self.trash().join(id);
            let age = fs::metadata(&path)?.modified()?.elapsed().unwrap_or_default();
            if age > keep {
                fs::remove_dir_all(&path)?;
            }
        }
        Ok(())
    }
}

/// Bytes of the files below `path`. Links are not followed; what vanishes meanwhile counts nothing.
pub(crate) fn size_of(path: &Path) -> u64 {
    let mut total = 0;
    let mut open = vec![path.to_owned()];
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(&dir).into_iter().flatten().flatten() {
            match entry.metadata() {
                Ok(m) if m.is_dir() => open.push(entry.path()),
                Ok(m) => total += m.len(),
                Err(_) => {}
            }
        }
    }
    total
}

/// Writes a file so that after a crash it holds the old or the new content, whole.
pub(crate) fn write_atomic(path: &Path, content: &[u8]) -> io::Result<()> {
    let temporary = path.with_extension("new");
    let mut file = File::create(&temporary)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    sync_dir(path.parent().unwrap_or(Path::new(".")))
}

fn switch_link(link: &Path, target: &Path) -> io::Result<()> {
    let temporary = link.with_extension("new");
    match fs::remove_file(&temporary) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    symlink(target, &temporary)?;
    fs::rename(&temporary, link)?;
    sync_dir(link.parent().unwrap_or(Path::new(".")))
}

fn sync_dir(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

fn link_name(link: &Path) -> Option<String> {
    Some(fs::read_link(link).ok()?.file_name()?.to_str()?.to_owned())
}

fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let mut names: Vec<_> = entries.filter_map(|e| e.file_name().into_string().ok()).collect();
    names.sort();
    names
}

fn json(value: &Value) -> io::Result<Vec<u8>> {
    serde_json::to_vec_pretty(value).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::spec::ReleaseSpec;

    fn open(dir: &Path) -> Folder {
        let mut spec = ServiceSpec::new("a", vec!["/bin/true".into()]);
        spec.releases = ["1.0.0", "1.1.0"]
            .map(|v| ReleaseSpec { version: v.into(), manifest: json!({"version": v}) })
            .to_vec();
        spec.config = json!({"x": 1});
        spec.expendable = vec!["cache".into()];
        Folder::open(dir.join("a"), &spec).unwrap()
    }

    #[test]
    fn the_current_release_survives_reopening() {
        let dir = tempfile::tempdir().unwrap();
        let folder = open(dir.path());
        assert_eq!(
            (folder.release().as_deref(), folder.config_revision().as_deref()),
            (Some("1.0.0"), Some("1"))
        );
        assert_eq!(folder.releases(), ["1.0.0", "1.1.0"]);
        folder.switch_release("1.1.0").unwrap();
        folder.write_config("2", &json!({"x": 2})).unwrap();
        folder.switch_config("2").unwrap();
        let again = open(dir.path());
        assert_eq!(
            (again.release().as_deref(), again.config_revision().as_deref()),
            (Some("1.1.0"), Some("2"))
        );
        assert!(fs::read_to_string(again.config_file().unwrap()).unwrap().contains('2'));
    }

    #[test]
    fn what_is_moved_aside_leaves_the_quota_and_can_come_back() {
        let dir = tempfile::tempdir().unwrap();
        let folder = open(dir.path());
        fs::write(folder.data().join("cache/junk"), vec![1; 1000]).unwrap();
        assert_eq!(size_of(&folder.data()), 1000);
        folder.move_aside("t1", "cache").unwrap();
        assert_eq!((size_of(&folder.data()), folder.is_aside("t1", "cache")), (0, true));
        fs::write(folder.data().join("cache/new"), b"12").unwrap();
        folder.bring_back("t1", "cache").unwrap();
        assert_eq!((size_of(&folder.data()), folder.is_aside("t1", "cache")), (1000, false));
        assert!(
            folder.trash().join("t1-displaced/cache/new").exists(),
            "nothing is ever deleted by an action"
        );
    }
}
