//! Every dependency has a reason in `docs/dependencies.md`, and some never come in.

use std::collections::BTreeSet;

use super::{Fault, Repository};
use crate::run;

const FILE: &str = "docs/dependencies.md";
const WHY: &str = "each dependency is code we answer for; the reason is what lets someone remove it again";
/// Never in the tree: a second TLS provider (with its C build), and OpenSSL.
const BANNED: [&str; 3] = ["aws-lc-sys", "openssl-sys", "native-tls"];

pub(super) fn look(repository: &Repository, faults: &mut Vec<Fault>) -> Result<(), String> {
    let reasons = repository.text(FILE)?;
    let (rust, npm) =
        reasons.split_once("## npm").ok_or_else(|| format!("{FILE} has no section `## npm`"))?;
    let cargo: toml::Table =
        toml::from_str(repository.text("Cargo.toml")?).map_err(|e| format!("Cargo.toml: {e}"))?;
    let wanted = cargo["workspace"]["dependencies"].as_table().into_iter().flatten();
    let external: BTreeSet<String> =
        wanted.filter(|(_, spec)| spec.get("path").is_none()).map(|(name, _)| name.clone()).collect();
    compare("Cargo.toml", &external, rust, 0, faults);
    let used: BTreeSet<&str> = repository
        .packages()
        .flat_map(|p| p["dependencies"].as_array().into_iter().flatten())
        .filter_map(|d| d["name"].as_str())
        .collect();
    for name in external.iter().filter(|name| !used.contains(name.as_str())) {
        let (at, fix) =
            ("Cargo.toml".to_owned(), "take it out of the table and of docs/dependencies.md".to_owned());
        let text = repository.text("Cargo.toml")?;
        let line = text.lines().position(|l| l.starts_with(&format!("{name} "))).map_or(1, |l| l + 1);
        faults.push(Fault {
            rule: "dependencies",
            at,
            line,
            what: format!("no crate uses {name}"),
            why: WHY,
            fix,
        });
    }
    let package: serde_json::Value = serde_json::from_str(repository.text("web/package.json")?)
        .map_err(|e| format!("web/package.json: {e}"))?;
    let packages =
        ["dependencies", "devDependencies"].iter().filter_map(|k| package[*k].as_object()).flatten();
    let packages: BTreeSet<String> = packages.map(|(name, _)| name.clone()).collect();
    compare("web/package.json", &packages, npm, rust.lines().count(), faults);
    Ok(())
}

fn compare(source: &str, wanted: &BTreeSet<String>, section: &str, offset: usize, faults: &mut Vec<Fault>) {
    let mut add = |line: usize, what: String, fix: &str| {
        faults.push(Fault {
            rule: "dependencies",
            at: FILE.to_owned(),
            line,
            what,
            why: WHY,
            fix: fix.to_owned(),
        });
    };
    let mut explained = BTreeSet::new();
    for (number, line) in section.lines().enumerate() {
        let Some((name, reason)) = row(line) else { continue };
        if !wanted.contains(name) {
            add(offset + number + 1, format!("{name} is not in {source}"), "take the line out");
        } else if reason.len() < 12 {
            add(
                offset + number + 1,
                format!("{name} has no real reason"),
                "say what it does for us and why this one",
            );
        }
        explained.insert(name);
    }
    for name in wanted.iter().filter(|n| !explained.contains(n.as_str())) {
        add(
            1,
            format!("{name} of {source} has no line"),
            "add `| name | reason |`, or remove the dependency",
        );
    }
}

/// A row of a table that starts with a name in backticks.
fn row(line: &str) -> Option<(&str, &str)> {
    let (name, reason) = line.strip_prefix("| `")?.split_once("` |")?;
    Some((name, reason.trim().trim_end_matches('|').trim()))
}

pub(super) fn look_for_banned(_: &Repository, faults: &mut Vec<Fault>) -> Result<(), String> {
    let arguments =
        ["tree", "--workspace", "--edges", "all", "--target", "all", "--prefix", "none", "--quiet"];
    let tree = run::captured(&mut run::cargo(&arguments))?;
    for banned in BANNED {
        if tree.lines().any(|l| l.split(' ').next() == Some(banned)) {
            faults.push(Fault {
                rule: "banned-crates",
                at: "Cargo.toml".to_owned(),
                line: 1,
                what: format!("{banned} is in the dependency tree"),
                why: "one TLS stack (rustls with ring) builds everywhere without cmake, and is audited once",
                fix: format!("find who brings it with `cargo tree -i {banned}` and switch off that feature"),
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::row;

    #[test]
    fn rows_of_the_table_are_read() {
        assert_eq!(row("| `axum` | HTTP server. |"), Some(("axum", "HTTP server.")));
        assert_eq!(row("| crate | reason |"), None);
    }
}
