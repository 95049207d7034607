//! No file grows past what one can hold in mind.

use super::{Fault, Repository, is_test_file, lines_without_tests};

const RULE: &str = "size";
const MOST: usize = 600;
/// Written by a program.
const GENERATED: [&str; 1] = ["web/src/api/schema.ts"];

pub(super) fn look(repository: &Repository, faults: &mut Vec<Fault>) -> Result<(), String> {
    for (name, text) in repository.with_ending(&[".rs", ".ts", ".tsx"]) {
        let is_test = is_test_file(name)
            || [".test.ts", ".test.tsx", ".spec.ts"].iter().any(|e| name.ends_with(e))
            || name.starts_with("web/e2e/");
        if is_test || GENERATED.contains(&name.as_str()) {
            continue;
        }
        let lines =
            if name.ends_with(".rs") { lines_without_tests(text).len() } else { text.lines().count() };
        if lines > MOST {
            faults.push(Fault {
                rule: RULE,
                at: name.clone(),
                line: 1,
                what: format!("{lines} lines without tests, at most {MOST}"),
                why: "a file that cannot be read at one sitting is not read",
                fix: "split it by purpose into `name.rs` and `name/`; aim at 300 lines".to_owned(),
            });
        }
    }
    Ok(())
}
