//! Every error code has a page, and every page a code.

use std::collections::BTreeSet;

use super::{Fault, Repository};

const CODES: &str = "crates/api/src/problem.rs";
const PAGES: &str = "docs/errors/";
const WHY: &str = "an error answer links to its page; the page says what to do";

pub(super) fn look(repository: &Repository, faults: &mut Vec<Fault>) -> Result<(), String> {
    let mut codes = BTreeSet::new();
    for (number, line) in repository.text(CODES)?.lines().enumerate() {
        let Some(code) = code_of(line) else { continue };
        codes.insert(code);
        let page = format!("{PAGES}{code}.md");
        let text = repository.files.get(&page);
        if !text.is_some_and(|t| t.contains("**Cause.**") && t.contains("**What to do.**")) {
            faults.push(Fault {
                rule: "error-pages",
                at: CODES.to_owned(),
                line: number + 1,
                what: format!("{code} has no page {page} with a cause and what to do"),
                why: WHY,
                fix: "write it after the others".to_owned(),
            });
        }
    }
    if codes.is_empty() {
        return Err(format!("{CODES} has no codes that this check can read"));
    }
    for (page, _) in repository.with_ending(&[".md"]).filter(|(name, _)| name.starts_with(PAGES)) {
        let code = page.trim_start_matches(PAGES).trim_end_matches(".md");
        if !codes.contains(code) {
            faults.push(Fault {
                rule: "error-pages",
                at: page.clone(),
                line: 1,
                what: format!("there is no code {code}"),
                why: WHY,
                fix: "delete the page, or add the code".to_owned(),
            });
        }
    }
    Ok(())
}

/// `Forbidden = "forbidden", FORBIDDEN, "…";` is a code.
fn code_of(line: &str) -> Option<&str> {
    let (name, rest) = line.trim().split_once(" = \"")?;
    let (code, rest) = rest.split_once("\", ")?;
    let is_code =
        name.chars().all(char::is_alphanumeric) && rest.starts_with(|c: char| c.is_ascii_uppercase());
    (is_code && rest.ends_with(';')).then_some(code)
}

#[cfg(test)]
mod tests {
    use super::code_of;

    #[test]
    fn codes_are_told_from_other_lines() {
        assert_eq!(code_of("    NotFound = \"not_found\", NOT_FOUND, \"Not found\";"), Some("not_found"));
        assert_eq!(code_of("    #[serde(rename = \"type\")]"), None);
    }
}
