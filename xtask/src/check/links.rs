//! Links and paths in documents lead somewhere.

use super::{Fault, Repository};
use crate::place;

/// Top folders and files that a path in a recipe may start with.
const TOP: [&str; 9] =
    ["crates/", "web/", "docs/", "policies/", "runbooks/", "xtask/", "bench/", ".ci/", "scenarios/"];

pub(super) fn look(repository: &Repository, faults: &mut Vec<Fault>) -> Result<(), String> {
    for (name, text) in repository.with_ending(&[".md"]) {
        let folder = name.rsplit_once('/').map_or("", |(folder, _)| folder);
        for (line, link) in links(text) {
            let target = link.split('#').next().unwrap_or_default();
            let is_elsewhere =
                target.contains("://") || target.starts_with("mailto:") || target.starts_with('/');
            if target.is_empty() || is_elsewhere || place::root().join(folder).join(target).exists() {
                continue;
            }
            faults.push(Fault {
                rule: "links",
                at: name.clone(),
                line,
                what: format!("the link to {link} leads nowhere"),
                why: "a dead link tells a newcomer that nobody reads this",
                fix: "correct the path (relative to this file), or take the link out".to_owned(),
            });
        }
    }
    Ok(())
}

pub(super) fn look_at_recipes(repository: &Repository, faults: &mut Vec<Fault>) -> Result<(), String> {
    for name in ["CONTRIBUTING.md", "ARCHITECTURE.md"] {
        for (number, line) in repository.text(name)?.lines().enumerate() {
            for path in line.split('`').skip(1).step_by(2) {
                if !TOP.iter().any(|t| path.starts_with(t)) || path.contains(' ') {
                    continue;
                }
                // `<name>` stands for what one makes: then the folder before it must be there.
                let fixed = match path.find(['<', '*', '{', '…']) {
                    Some(at) => path[..at].rsplit_once('/').map_or("", |(folder, _)| folder),
                    None => path.split("::").next().unwrap_or_default(),
                };
                if place::root().join(fixed).exists() {
                    continue;
                }
                faults.push(Fault {
                    rule: "recipes",
                    at: name.to_owned(),
                    line: number + 1,
                    what: format!("`{path}` does not exist"),
                    why: "a recipe with a wrong path costs its reader an hour",
                    fix: "write where it is now".to_owned(),
                });
            }
        }
    }
    Ok(())
}

/// Targets of `[text](target)` outside code, with their lines.
fn links(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut fenced = false;
    for (number, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
            continue;
        }
        if fenced {
            continue;
        }
        // Every second part between backticks is code; but a link may have code as its text.
        let plain: String =
            line.split('`').enumerate().map(|(i, part)| if i % 2 == 0 { part } else { "code" }).collect();
        let mut rest = plain.as_str();
        while let Some(start) = rest.find("](") {
            rest = &rest[start + 2..];
            let Some(end) = rest.find(')') else { break };
            let target = rest[..end].split(' ').next().unwrap_or_default();
            found.push((number + 1, target.to_owned()));
            rest = &rest[end..];
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::links;

    #[test]
    fn links_are_found_outside_code_only() {
        let text = "See [a](x.md#part) and [`b`](y.md \"title\").\n```\n[no](z.md)\n```\n`[no](w.md)` [c](v)";
        let found: Vec<_> = links(text);
        let expect = [(1, "x.md#part"), (1, "y.md"), (5, "v")];
        assert_eq!(found, expect.map(|(line, link)| (line, link.to_owned())));
    }
}
