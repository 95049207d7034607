//! `cargo xtask generate`: what is written once in code appears in the references and in the dashboard's types.

use std::fs;
use std::process::Command;

use crate::place::Scratch;
use crate::{place, run, say, web};

/// Files printed by `homeostat reference`.
const REFERENCES: [(&str, &str); 5] = [
    ("openapi", "docs/reference/openapi.json"),
    ("configuration", "docs/reference/configuration.md"),
    ("configuration-schema", "docs/reference/configuration.schema.json"),
    ("cli", "docs/reference/cli.md"),
    ("errors", "docs/reference/errors.md"),
];
const OPENAPI: &str = "docs/reference/openapi.json";
const TYPES: &str = "web/src/api/schema.ts";
/// The test that runs the official examples; it writes the page of results when told to, and compares it otherwise.
const CONFORMANCE: [&str; 7] = ["test", "--quiet", "-p", "server", "--test", "it", "conformance"];

/// Writes, or compares with `check`.
pub(crate) fn run(check: bool) -> Result<(), String> {
    run::plainly(&mut run::cargo(&["build", "--quiet", "-p", "server"]))?;
    let mut stale = Vec::new();
    let mut put = |file: &str, text: &str| -> Result<(), String> {
        let path = place::root().join(file);
        let now = fs::read_to_string(&path).unwrap_or_default();
        if now == text {
            return Ok(());
        }
        if check {
            stale.push(difference(file, &now, text));
            return Ok(());
        }
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        }
        say::out(format!("wrote {file}"));
        fs::write(&path, text).map_err(|e| format!("{file}: {e}"))
    };
    let mut openapi = String::new();
    for (what, file) in REFERENCES {
        let text = run::captured(Command::new(place::binary("debug")).args(["reference", what]))?;
        let text = format!("{}\n", text.trim_end());
        put(file, &text)?;
        if file == OPENAPI {
            openapi = text;
        }
    }
    put(TYPES, &types(&openapi)?)?;
    if !check {
        run::plainly(run::cargo(&CONFORMANCE).env("UPDATE_CONFORMANCE", "1"))?;
    }
    if stale.is_empty() {
        say::out(format!("generate: {} files are up to date", REFERENCES.len() + 1));
        return Ok(());
    }
    Err(format!("{}\nrun `cargo xtask generate` and commit what it writes", stale.join("\n")))
}

/// TypeScript types of the API document.
fn types(openapi: &str) -> Result<String, String> {
    web::install()?;
    let scratch = Scratch::new("generate")?;
    let (from, to) = (scratch.path().join("openapi.json"), scratch.path().join("schema.ts"));
    fs::write(&from, openapi).map_err(|e| format!("{}: {e}", from.display()))?;
    let mut command = Command::new(place::web().join("node_modules/.bin/openapi-typescript"));
    // A JSON value without a schema is anything, not an object that must stay empty.
    command.arg(&from).arg("--output").arg(&to).arg("--empty-objects-unknown").current_dir(place::web());
    run::captured(&mut command)?;
    fs::read_to_string(&to).map_err(|e| format!("{}: {e}", to.display()))
}

fn difference(file: &str, now: &str, wanted: &str) -> String {
    if now.is_empty() {
        return format!("{file}:1: is missing");
    }
    let first = now.lines().zip(wanted.lines()).position(|(a, b)| a != b);
    let line = first.unwrap_or_else(|| now.lines().count().min(wanted.lines().count()));
    let at = |text: &str| text.lines().nth(line).unwrap_or("(ends)").trim().to_owned();
    format!("{file}:{}: is out of date\n    has:    {}\n    wanted: {}", line + 1, at(now), at(wanted))
}

#[cfg(test)]
mod tests {
    use super::difference;

    #[test]
    fn the_first_line_that_differs_is_named() {
        assert!(difference("a.md", "x\ny\n", "x\nz\n").starts_with("a.md:2: is out of date\n    has:    y"));
        assert!(difference("a.md", "x\n", "x\nz\n").contains("has:    (ends)"));
        assert!(difference("a.md", "", "x\n").contains("is missing"));
    }
}
