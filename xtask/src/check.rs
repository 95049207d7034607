//! `cargo xtask check`: the laws of the house as a program. Each rule is one file and says why it is there.

mod dependencies;
mod errors;
mod layers;
mod links;
mod modules;
mod purity;
mod size;

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{allow, place, run, say};

/// A broken rule.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) rule: &'static str,
    /// File, from the root.
    pub(crate) at: String,
    /// Line, from 1.
    pub(crate) line: usize,
    pub(crate) what: String,
    pub(crate) why: &'static str,
    pub(crate) fix: String,
}

/// What the rules look at.
pub(crate) struct Repository {
    /// `cargo metadata`.
    pub(crate) metadata: Value,
    /// Files that somebody wrote, by path from the root, with their text (empty when it is no text).
    pub(crate) files: BTreeMap<String, String>,
}

type Rule = (&'static str, fn(&Repository, &mut Vec<Fault>) -> Result<(), String>);

const RULES: [Rule; 10] = [
    ("layers", layers::look),
    ("purity", purity::look),
    ("size", size::look),
    ("module-docs", modules::look_at_docs),
    ("forgotten-files", modules::look_for_forgotten),
    ("links", links::look),
    ("recipes", links::look_at_recipes),
    ("dependencies", dependencies::look),
    ("banned-crates", dependencies::look_for_banned),
    ("error-pages", errors::look),
];

/// Checks everything; fails when a rule is broken.
pub(crate) fn run() -> Result<(), String> {
    match broken()? {
        0 => Ok(()),
        n => Err(format!("{n} broken: see above")),
    }
}

/// Checks everything and prints it; how much is broken.
pub(crate) fn broken() -> Result<usize, String> {
    let repository = Repository::read()?;
    let mut faults = Vec::new();
    for (_, look) in RULES {
        look(&repository, &mut faults)?;
    }
    let mut faults = allow::apply(faults)?;
    faults.sort_by(|a, b| (a.rule, &a.at, a.line).cmp(&(b.rule, &b.at, b.line)));
    for fault in &faults {
        say::out(format!("{}:{}: {}: {}", fault.at, fault.line, fault.rule, fault.what));
        say::out(format!("    why: {}", fault.why));
        say::out(format!("    do:  {}", fault.fix));
    }
    let denied = deny()?;
    let kept = RULES.iter().filter(|(name, _)| faults.iter().all(|f| f.rule != *name)).count();
    say::out(format!("check: {kept} of {} rules hold, {} faults", RULES.len(), faults.len() + denied));
    Ok(faults.len() + denied)
}

/// `cargo deny`, where it is installed.
fn deny() -> Result<usize, String> {
    if !run::exists("cargo-deny", "--version") {
        say::note(
            "cargo-deny is not installed: licences and advisories are not checked (cargo install cargo-deny)",
        );
        return Ok(0);
    }
    Ok(usize::from(!run::shown(&mut run::cargo(&["deny", "check"]))?.ok))
}

impl Repository {
    fn read() -> Result<Self, String> {
        let text = run::captured(&mut run::cargo(&["metadata", "--format-version", "1", "--no-deps"]))?;
        let metadata = serde_json::from_str(&text).map_err(|e| format!("cargo metadata: {e}"))?;
        let root = place::root();
        let files = place::files_below("")
            .into_iter()
            .map(|name| {
                let text = std::fs::read_to_string(root.join(&name)).unwrap_or_default();
                (name, text)
            })
            .collect();
        Ok(Self { metadata, files })
    }

    /// Packages of the workspace.
    pub(crate) fn packages(&self) -> impl Iterator<Item = &Value> {
        self.metadata["packages"].as_array().into_iter().flatten()
    }

    /// Files with one of these endings.
    pub(crate) fn with_ending(&self, endings: &[&str]) -> impl Iterator<Item = (&String, &String)> {
        self.files.iter().filter(move |(name, _)| endings.iter().any(|e| name.ends_with(e)))
    }

    /// Text of a file; a fault of its own when it is missing.
    pub(crate) fn text(&self, name: &str) -> Result<&str, String> {
        self.files.get(name).map(String::as_str).ok_or_else(|| format!("{name} is missing"))
    }
}

/// Whether a Rust file holds tests only: its own folder of tests, a contract suite, or a test module's file.
pub(crate) fn is_test_file(name: &str) -> bool {
    let stem = name.rsplit('/').next().unwrap_or_default().trim_end_matches(".rs");
    ["/tests/", "/contract/", "/benches/"].iter().any(|part| name.contains(part))
        || stem == "tests"
        || stem.ends_with("_tests")
}

/// The lines of a Rust file outside its `#[cfg(test)]` modules, with their numbers. Relies on rustfmt: such a
/// module opens with a line of its own and ends with `}` in the first column.
pub(crate) fn lines_without_tests(text: &str) -> Vec<(usize, &str)> {
    let mut kept: Vec<(usize, &str)> = Vec::new();
    let mut inside = false;
    let mut marked = false;
    for (number, line) in text.lines().enumerate() {
        if inside {
            inside = line != "}";
            continue;
        }
        if marked && line.starts_with("mod ") && line.ends_with('{') {
            (inside, marked) = (true, false);
            kept.pop();
            continue;
        }
        marked = line == "#[cfg(test)]";
        kept.push((number + 1, line));
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_modules_do_not_count() {
        let text = "//! A.\nfn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() {\n    }\n}\nfn c() {}\n";
        let kept = lines_without_tests(text);
        assert_eq!(kept, [(1, "//! A."), (2, "fn a() {}"), (8, "fn c() {}")]);
    }

    #[test]
    fn a_test_module_in_its_own_file_is_kept_as_one_line() {
        let text = "#[cfg(test)]\nmod tests;\nfn a() {}\n";
        assert_eq!(lines_without_tests(text).len(), 3);
    }

    #[test]
    fn files_of_tests_are_known_by_their_place_or_name() {
        assert!(is_test_file("crates/a/tests/it/main.rs"));
        assert!(is_test_file("crates/a/src/bus/tests.rs"));
        assert!(is_test_file("crates/a/src/tail/reader_tests.rs"));
        assert!(is_test_file("crates/ports/src/contract/store.rs"));
        assert!(!is_test_file("xtask/src/test.rs"));
    }
}
