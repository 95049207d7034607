//! Every Rust file says what it is, and every Rust file is part of a crate.

use std::collections::BTreeSet;

use super::{Fault, Repository};
use crate::place;

pub(super) fn look_at_docs(repository: &Repository, faults: &mut Vec<Fault>) -> Result<(), String> {
    for (name, text) in repository.with_ending(&[".rs"]) {
        if !text.starts_with("//! ") {
            faults.push(Fault {
                rule: "module-docs",
                at: name.clone(),
                line: 1,
                what: "does not open with `//!`".to_owned(),
                why: "the first line tells a reader whether this is the file they look for",
                fix: "say in one sentence what the file is, and what it deliberately is not".to_owned(),
            });
        }
    }
    Ok(())
}

pub(super) fn look_for_forgotten(repository: &Repository, faults: &mut Vec<Fault>) -> Result<(), String> {
    let root = place::root();
    let mut reached = BTreeSet::new();
    for package in repository.packages() {
        for target in package["targets"].as_array().into_iter().flatten() {
            let source = std::path::Path::new(target["src_path"].as_str().unwrap_or_default());
            if let Ok(inside) = source.strip_prefix(&root) {
                let name = inside.to_string_lossy().replace('\\', "/");
                let folder = name.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned();
                reach(repository, name, &folder, &mut reached);
            }
        }
    }
    for (name, _) in repository.with_ending(&[".rs"]).filter(|(name, _)| !reached.contains(*name)) {
        faults.push(Fault {
            rule: "forgotten-files",
            at: name.clone(),
            line: 1,
            what: "is part of no crate: no `mod` leads to it".to_owned(),
            why: "code that is never compiled rots and misleads",
            fix: "declare it with `mod`, or delete it".to_owned(),
        });
    }
    Ok(())
}

/// Follows `mod name;` from a file. `folder` is where its children are.
fn reach(repository: &Repository, name: String, folder: &str, reached: &mut BTreeSet<String>) {
    let Some(text) = repository.files.get(&name) else { return };
    // `#[path]` speaks from the folder of the file itself.
    let own = name.rsplit_once('/').map_or("", |(own, _)| own).to_owned();
    if !reached.insert(name) {
        return;
    }
    let mut path = None;
    // Modules written in the file: their names are folders for what is declared inside. rustfmt closes each with
    // `}` under its first letter.
    let mut inside: Vec<(usize, &str)> = Vec::new();
    for full in text.lines() {
        let line = full.trim();
        let indent = full.len() - full.trim_start().len();
        if line == "}" && inside.last().is_some_and(|(at, _)| *at == indent) {
            inside.pop();
        }
        if let Some(name) = declared(line, " {") {
            inside.push((indent, name));
        }
        if let Some(given) = line.strip_prefix("#[path = \"").and_then(|r| r.strip_suffix("\"]")) {
            path = Some(given.to_owned());
            continue;
        }
        let Some(child) = declared(line, ";") else {
            if !line.starts_with('#') {
                path = None;
            }
            continue;
        };
        let folder = inside.iter().fold(folder.to_owned(), |folder, (_, name)| format!("{folder}/{name}"));
        let (file, below) = match path.take() {
            Some(given) => {
                let file = flat(&format!("{own}/{given}"));
                let below = file.rsplit_once('/').map_or("", |(below, _)| below).to_owned();
                (file, below)
            }
            None => (format!("{folder}/{child}.rs"), format!("{folder}/{child}")),
        };
        reach(repository, file, &below, reached);
    }
}

/// `pub(crate) mod name;` declares `name`; with another end, `mod name {` does.
fn declared<'a>(line: &'a str, end: &str) -> Option<&'a str> {
    let rest = line.strip_suffix(end)?;
    let (visibility, name) = rest.rsplit_once("mod ")?;
    let fits = visibility.is_empty() || (visibility.starts_with("pub") && visibility.ends_with(' '));
    (fits && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')).then_some(name)
}

/// Takes `..` out of a path.
fn flat(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declarations_of_modules_are_known() {
        for (line, expect) in [
            ("mod a;", Some("a")),
            ("pub mod a_b;", Some("a_b")),
            ("pub(crate) mod a;", Some("a")),
            ("mod a {", None),
            ("use crate::mod_a;", None),
            ("let modest = 1;", None),
        ] {
            assert_eq!(declared(line, ";"), expect, "{line}");
        }
        assert_eq!(declared("pub(crate) mod a {", " {"), Some("a"));
    }

    #[test]
    fn parents_in_paths_are_resolved() {
        assert_eq!(flat("crates/a/examples/../src/b.rs"), "crates/a/src/b.rs");
    }
}
