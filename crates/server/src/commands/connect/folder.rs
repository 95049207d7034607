//! A generated folder on disk: what is in it, and writing a package into it so that a kill at any moment leaves what the
//! next run completes. Each file is written beside and renamed; before the first, the manifest names all of them.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Component, Path, PathBuf};

use typescript::Package;

use super::manifest::{FILE, Manifest, hash};
use super::plan::{Conflicts, Hashes, Plan, manifests, plan};

/// Where files are before they are renamed; on the same file system.
const BESIDE: &str = ".homeostat-connect.tmp";

/// A folder that a package is in or will be.
pub(super) struct Folder {
    path: PathBuf,
    /// What is known of the last time.
    pub(super) last: Manifest,
}

impl Folder {
    /// Looks what is known of a folder.
    ///
    /// # Errors
    /// It is no folder; its manifest cannot be read.
    pub(super) fn open(path: &Path) -> Result<Self, String> {
        let shown = path.display();
        match fs::metadata(path) {
            Ok(metadata) if !metadata.is_dir() => {
                return Err(format!("{shown} is a file; name a folder with -o"));
            }
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(format!("cannot read the folder {shown}: {error}"));
            }
            _ => {}
        }
        let manifest = path.join(FILE);
        let last = match fs::read(&manifest) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| {
                format!(
                    "{} is not what homeostat wrote ({error}); restore it, or remove it and run with --force",
                    manifest.display()
                )
            })?,
            Err(error) if error.kind() == ErrorKind::NotFound => Manifest::default(),
            Err(error) => return Err(format!("cannot read {}: {error}", manifest.display())),
        };
        Ok(Self { path: path.to_owned(), last })
    }

    /// What is to be done so that it holds this package.
    ///
    /// # Errors
    /// A file cannot be read.
    pub(super) fn plan(&self, package: &Package, conflicts: Conflicts) -> Result<Plan, String> {
        let (new, there) = self.looked(package)?;
        Ok(plan(&self.last, &new, &there, conflicts))
    }

    fn looked(&self, package: &Package) -> Result<(Hashes, Hashes), String> {
        let new: Hashes =
            package.files.iter().map(|file| (file.path.clone(), hash(file.text.as_bytes()))).collect();
        let mut there = Hashes::new();
        for path in new.keys().chain(self.last.files.keys()).chain(self.last.pending.keys()) {
            match fs::read(self.inside(path)?) {
                Ok(bytes) => drop(there.insert(path.clone(), hash(&bytes))),
                Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {}
                Err(error) if error.kind() == ErrorKind::IsADirectory => {
                    return Err(format!(
                        "{path} is a folder where a file of the package must be; move it away"
                    ));
                }
                Err(error) => return Err(format!("cannot read {path}: {error}")),
            }
        }
        Ok((new, there))
    }

    /// A path of a package or of a manifest, which may have been edited: never outside of the folder.
    fn inside(&self, path: &str) -> Result<PathBuf, String> {
        let plain = Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
        if plain && !path.is_empty() {
            Ok(self.path.join(path))
        } else {
            Err(format!("{path:?} in {FILE} leads out of the folder; correct it or remove the file"))
        }
    }

    /// Writes the package. `told` hears how many files are done.
    ///
    /// # Errors
    /// The folder cannot be written to, or another process writes to it.
    pub(super) fn write(
        &self,
        package: &Package,
        plan: &Plan,
        manifest: Manifest,
        told: &dyn Fn(usize),
    ) -> Result<(), String> {
        let failed =
            |what: &Path, error: &std::io::Error| format!("cannot write {}: {error}", what.display());
        fs::create_dir_all(&self.path).map_err(|error| failed(&self.path, &error))?;
        let lock = File::open(&self.path).map_err(|error| failed(&self.path, &error))?;
        if lock.try_lock().is_err() {
            return Err(format!(
                "another `homeostat connect` writes to {}; wait until it is done",
                self.path.display()
            ));
        }
        let beside = self.path.join(BESIDE);
        // What an interrupted run left.
        let _ = fs::remove_dir_all(&beside);
        fs::create_dir(&beside).map_err(|error| failed(&beside, &error))?;
        let (new, there) = self.looked(package)?;
        let (before, pending, after) = manifests(&self.last, &new, &there, plan);
        let writes = plan.create.len() + plan.update.len() + plan.delete.len();
        if writes > 0 {
            let begun = Manifest { files: before, pending, ..manifest.clone() };
            self.put(&beside, FILE, &begun.text())?;
        }
        let mut done = 0;
        let changes = |path: &String| plan.create.contains(path) || plan.update.contains(path);
        for file in package.files.iter().filter(|file| changes(&file.path)) {
            self.put(&beside, &file.path, &file.text)?;
            done += 1;
            told(done);
        }
        for path in &plan.delete {
            let file = self.inside(path)?;
            fs::remove_file(&file).map_err(|error| failed(&file, &error))?;
            self.prune(&file);
        }
        let text = Manifest { files: after, ..manifest }.text();
        if fs::read_to_string(self.path.join(FILE)).ok().as_ref() != Some(&text) {
            self.put(&beside, FILE, &text)?;
        }
        fs::remove_dir_all(&beside).map_err(|error| failed(&beside, &error))
    }

    /// Writes one file whole or not at all.
    fn put(&self, beside: &Path, path: &str, text: &str) -> Result<(), String> {
        let target = self.inside(path)?;
        let failed = |error: std::io::Error| format!("cannot write {}: {error}", target.display());
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent).map_err(failed)?;
        }
        let draft = beside.join("draft");
        let mut file = File::create(&draft).map_err(failed)?;
        file.write_all(text.as_bytes()).map_err(failed)?;
        // The others can be made again; without this one nobody knows which they are.
        if path == FILE {
            file.sync_all().map_err(failed)?;
        }
        drop(file);
        fs::rename(&draft, &target).map_err(failed)
    }

    /// Removes folders that a removed file leaves empty.
    fn prune(&self, file: &Path) {
        let parents = file.ancestors().skip(1).take_while(|parent| *parent != self.path);
        for parent in parents {
            // One that holds anything stays.
            if fs::remove_dir(parent).is_err() {
                return;
            }
        }
    }
}
