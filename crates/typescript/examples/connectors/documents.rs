//! Documents in a folder, whatever they are called, and packages on disk.

use std::fs;
use std::path::{Path, PathBuf};

use openapi::Bounds;
use openapi::api::Api;
use typescript::Package;

/// A document to make a package of.
pub(crate) struct Document {
    pub(crate) name: String,
    pub(crate) path: PathBuf,
}

/// The documents below a folder: those that its `index.tsv` names in the column `file`, else every file that is one.
///
/// # Errors
/// A folder cannot be read.
pub(crate) fn below(folder: &Path) -> Result<Vec<Document>, String> {
    let files = files(folder)?;
    if let Some(index) = files.iter().find(|file| file.file_name().is_some_and(|name| name == "index.tsv")) {
        let text = fs::read_to_string(index).map_err(|error| format!("{}: {error}", index.display()))?;
        let mut lines = text.lines().map(|line| line.split('\t').collect::<Vec<_>>());
        let head = lines.next().unwrap_or_default();
        let column = |name: &str| head.iter().position(|known| *known == name);
        if let (Some(file), name) = (column("file"), column("slug")) {
            let found = lines.filter_map(|line| {
                let wanted = Path::new(line.get(file)?);
                // The index may name a folder that the archive does not have.
                let ends: Vec<PathBuf> = vec![wanted.to_owned(), wanted.components().skip(1).collect()];
                let path = ends.iter().find_map(|end| files.iter().find(|file| file.ends_with(end)))?;
                let name = name
                    .and_then(|name| line.get(name))
                    .map_or_else(|| wanted.display().to_string(), |n| (*n).to_owned());
                Some(Document { name, path: path.clone() })
            });
            return Ok(found.collect());
        }
    }
    let documents = files.into_iter().filter(|file| is_document(file));
    Ok(documents
        .map(|path| Document {
            name: path.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
            path,
        })
        .collect())
}

fn files(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let (mut open, mut found) = (vec![folder.to_owned()], Vec::new());
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))? {
            let path = entry.map_err(|error| error.to_string())?.path();
            if path.is_dir() { open.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    Ok(found)
}

/// Whether a file is the beginning of a description: it says so at its top level.
fn is_document(file: &Path) -> bool {
    let known = file.extension().is_some_and(|e| matches!(e.to_str(), Some("json" | "yaml" | "yml")));
    known
        && fs::read_to_string(file).is_ok_and(|text| {
            let quoted = ["\"openapi\"", "\"swagger\""].iter().any(|key| text.contains(key))
                && text.contains("\"paths\"");
            let plain = text.lines().any(|line| line.starts_with("openapi:") || line.starts_with("swagger:"));
            quoted || plain
        })
}

/// Reads a document with its other files.
///
/// # Errors
/// It is no document.
pub(crate) fn read(document: &Document) -> Result<Api, String> {
    let text = fs::read_to_string(&document.path).map_err(|error| error.to_string())?;
    let mut resolve = |uri: &str| fs::read_to_string(uri).map_err(|error| error.to_string());
    let outcome = openapi::read(&document.path.to_string_lossy(), text, &mut resolve, &Bounds::default());
    outcome.map(|outcome| outcome.api).map_err(|why| why.to_string())
}

/// Writes a package.
///
/// # Errors
/// The disk does not take it.
pub(crate) fn write(package: &Package, folder: &Path) -> Result<(), String> {
    for file in &package.files {
        let path = folder.join(&file.path);
        let parent = path.parent().unwrap_or(folder);
        fs::create_dir_all(parent)
            .and_then(|()| fs::write(&path, &file.text))
            .map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(())
}
