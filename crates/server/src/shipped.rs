//! Policies, runbooks and sample documents that come with the binary, and those of the user beside them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use decide::Policy;
use decide::triage::Triage;
use manifest::Runbooks;
use rust_embed::RustEmbed;

#[derive(RustEmbed)]
#[folder = "../../policies"]
struct Policies;

#[derive(RustEmbed)]
#[folder = "../../connectors/samples"]
struct Samples;

#[derive(RustEmbed)]
#[folder = "../../runbooks"]
struct Books;

/// The shipped default policy, or the files given (`shipped:<name>` names a shipped one).
///
/// # Errors
/// A file cannot be read or is refused; the text says where and what to do.
pub(crate) fn policy(files: &[PathBuf]) -> Result<Policy, String> {
    let default = [PathBuf::from("shipped:default.yaml")];
    let files = if files.is_empty() { &default } else { files };
    let mut texts = Vec::new();
    for file in files {
        let name = file.to_string_lossy().into_owned();
        let text = match name.strip_prefix("shipped:") {
            Some(shipped) => embedded::<Policies>(shipped).ok_or_else(|| {
                format!("there is no shipped policy {shipped:?}; shipped are {}", names::<Policies>())
            })?,
            None => {
                std::fs::read_to_string(file).map_err(|e| format!("cannot read the policy {name}: {e}"))?
            }
        };
        texts.push((name.trim_start_matches("shipped:").to_owned(), text));
    }
    Policy::parse(&texts).map_err(|e| e.to_string())
}

/// The rules of triage files; none are shipped.
///
/// # Errors
/// A file cannot be read or is refused; the text says where and what to do.
pub(crate) fn triage(files: &[PathBuf]) -> Result<Triage, String> {
    Triage::parse(&texts(files, "triage file")?).map_err(|e| e.to_string())
}

/// The objectives of OpenSLO files; none are shipped.
///
/// # Errors
/// A file cannot be read or is refused; the text says where and what to do.
pub(crate) fn objectives(files: &[PathBuf]) -> Result<Vec<model::Objective>, String> {
    manifest::openslo::objectives(&texts(files, "OpenSLO file")?).map_err(|e| e.to_string())
}

/// Names and texts of files.
fn texts(files: &[PathBuf], what: &str) -> Result<Vec<(String, String)>, String> {
    let read = |file: &PathBuf| {
        let name = file.to_string_lossy().into_owned();
        let text = std::fs::read_to_string(file);
        text.map(|text| (name.clone(), text)).map_err(|e| format!("cannot read the {what} {name}: {e}"))
    };
    files.iter().map(read).collect()
}

/// OpenAPI documents to try, by name.
pub(crate) fn samples() -> Vec<(String, String)> {
    let named = Samples::iter().filter_map(|file| {
        let name = file.strip_suffix(".yaml")?;
        Some((name.to_owned(), embedded::<Samples>(&file)?))
    });
    let mut all: Vec<_> = named.collect();
    all.sort();
    all
}

/// The shipped runbooks and those of the folder; a file of the same name replaces the shipped one.
///
/// # Errors
/// A file cannot be read or is refused.
pub(crate) fn runbooks(folder: Option<&Path>) -> Result<Runbooks, String> {
    let mut files: BTreeMap<String, String> = Books::iter()
        .filter(|n| n.ends_with(".md"))
        .filter_map(|name| Some((name.to_string(), embedded::<Books>(&name)?)))
        .collect();
    let mut own = BTreeSet::new();
    if let Some(folder) = folder {
        let entries = std::fs::read_dir(folder)
            .map_err(|e| format!("cannot read the runbooks folder {}: {e}", folder.display()))?;
        for entry in entries.flatten() {
            let path = entry.path();
            if path.extension().is_some_and(|e| e == "md") {
                let text = std::fs::read_to_string(&path)
                    .map_err(|e| format!("cannot read the runbook {}: {e}", path.display()))?;
                let name = entry.file_name().to_string_lossy().into_owned();
                own.insert(name.trim_end_matches(".md").to_owned());
                files.insert(name, text);
            }
        }
    }
    let files: Vec<(String, String)> = files.into_iter().collect();
    Runbooks::load(&files)
        .map(|runbooks| runbooks.with_own(own))
        .map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
}

fn embedded<E: RustEmbed>(name: &str) -> Option<String> {
    E::get(name).and_then(|file| String::from_utf8(file.data.into_owned()).ok())
}

fn names<E: RustEmbed>() -> String {
    E::iter().collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_the_folder_are_told_from_those_shipped() {
        let folder = tempfile::tempdir().unwrap();
        let page = embedded::<Books>("restart-service.md").unwrap();
        for name in ["restart-service.md", "mine.md"] {
            std::fs::write(folder.path().join(name), &page).unwrap();
        }
        let all = runbooks(Some(folder.path())).unwrap();
        let own: Vec<&str> = all.iter().map(|r| r.name.as_str()).filter(|name| all.is_own(name)).collect();
        assert_eq!(own, ["mine", "restart-service"]);
        assert!(all.get("reclaim-disk").is_some(), "the shipped ones are there too");
    }
}
