//! `cargo xtask new`: one new file from a template that compiles, and its lines of registration.

use std::fs;

use clap::ValueEnum;

use crate::{place, say};

/// What can be started.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Kind {
    /// A detector: signals in, findings out.
    Detector,
    /// An endpoint of the HTTP API.
    Endpoint,
    /// A runbook: a page with a workflow.
    Runbook,
}

/// Words of a name in the forms that templates want.
struct Words {
    kebab: String,
    snake: String,
    camel: String,
    title: String,
}

/// Makes the file and registers it.
pub(crate) fn run(kind: Kind, name: &str) -> Result<(), String> {
    let words = Words::of(name)?;
    match kind {
        Kind::Detector => detector(&words),
        Kind::Endpoint => endpoint(&words),
        Kind::Runbook => runbook(&words),
    }
}

fn detector(words: &Words) -> Result<(), String> {
    let table = "crates/detect/src/detectors.rs";
    let text = read(table)?;
    let text = add_sorted(&text, "mod ", &format!("mod {};", words.snake))?;
    let text = add_before_end(&text, "table! {", &format!("    {}: {},", words.snake, words.camel))?;
    create(
        &format!("crates/detect/src/detectors/{}.rs", words.snake),
        &words.fill(include_str!("new/detector.rs.txt")),
    )?;
    write(table, &text)?;
    say::out("next: a test of it in crates/detect/tests/detection/, then `cargo nextest run -p detect`");
    Ok(())
}

fn endpoint(words: &Words) -> Result<(), String> {
    let (lib, router) = ("crates/api/src/lib.rs", "crates/api/src/router.rs");
    let modules = add_sorted(&read(lib)?, "pub mod ", &format!("pub mod {};", words.snake))?;
    let routes = read(router)?;
    // Among the ordinary ones: routes further down stand outside the limits on time and size.
    let after = "        .routes(routes!(overview::get))\n";
    let (before, rest) =
        routes.split_once(after).ok_or_else(|| format!("{router} has no line `{}`", after.trim()))?;
    let routes = format!("{before}{after}        .routes(routes!(crate::{}::get))\n{rest}", words.snake);
    create(&format!("crates/api/src/{}.rs", words.snake), &words.fill(include_str!("new/endpoint.rs.txt")))?;
    write(lib, &modules)?;
    write(router, &routes)?;
    say::out(
        "next: `cargo check -p api`, then `cargo xtask generate` writes it into the reference and the dashboard's types",
    );
    Ok(())
}

fn runbook(words: &Words) -> Result<(), String> {
    create(&format!("runbooks/{}.md", words.kebab), &words.fill(include_str!("new/runbook.md.txt")))?;
    say::out(
        "next: say in `handles` what it is for and in crates/manifest/tests/shipped.rs which class gets it; then `cargo nextest run -p manifest`",
    );
    Ok(())
}

impl Words {
    fn of(name: &str) -> Result<Self, String> {
        let kebab = name.replace('_', "-");
        let fits = kebab.starts_with(|c: char| c.is_ascii_lowercase())
            && kebab
                .split('-')
                .all(|w| !w.is_empty() && w.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit()));
        if !fits {
            return Err(format!(
                "{name:?} is no name: small letters, digits and single dashes, a letter first"
            ));
        }
        let large = |word: &str| word[..1].to_ascii_uppercase() + &word[1..];
        Ok(Self {
            snake: kebab.replace('-', "_"),
            camel: kebab.split('-').map(large).collect(),
            title: large(&kebab.replace('-', " ")),
            kebab,
        })
    }

    fn fill(&self, template: &str) -> String {
        template
            .replace("@snake@", &self.snake)
            .replace("@camel@", &self.camel)
            .replace("@kebab@", &self.kebab)
            .replace("@title@", &self.title)
    }
}

/// Adds a line among those with the same beginning, in order.
fn add_sorted(text: &str, beginning: &str, line: &str) -> Result<String, String> {
    let mut lines: Vec<&str> = text.lines().collect();
    let of_kind = |l: &&str| l.starts_with(beginning) && l.ends_with(';');
    if lines.contains(&line) {
        return Err(format!("`{line}` is there already"));
    }
    let place = lines.iter().position(|l| of_kind(l) && *l > line);
    let place = place.or_else(|| lines.iter().rposition(of_kind).map(|p| p + 1));
    lines.insert(place.ok_or_else(|| format!("no line begins with `{beginning}`"))?, line);
    Ok(lines.join("\n") + "\n")
}

/// Adds a line at the end of the block that `opening` opens.
fn add_before_end(text: &str, opening: &str, line: &str) -> Result<String, String> {
    let mut lines: Vec<&str> = text.lines().collect();
    let start = lines.iter().rposition(|l| *l == opening).ok_or_else(|| format!("no line `{opening}`"))?;
    let end =
        lines[start..].iter().position(|l| *l == "}").ok_or_else(|| format!("`{opening}` does not end"))?;
    lines.insert(start + end, line);
    Ok(lines.join("\n") + "\n")
}

fn read(file: &str) -> Result<String, String> {
    fs::read_to_string(place::root().join(file)).map_err(|e| format!("{file}: {e}"))
}

fn write(file: &str, text: &str) -> Result<(), String> {
    fs::write(place::root().join(file), text).map_err(|e| format!("{file}: {e}"))?;
    say::out(format!("registered in {file}"));
    Ok(())
}

/// Never over a file that is there.
fn create(file: &str, text: &str) -> Result<(), String> {
    let path = place::root().join(file);
    if path.exists() {
        return Err(format!("{file} is there already; choose another name"));
    }
    fs::write(path, text).map_err(|e| format!("{file}: {e}"))?;
    say::out(format!("wrote {file}"));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_take_every_form() {
        let words = Words::of("queue-growth").unwrap();
        assert_eq!((words.snake.as_str(), words.camel.as_str()), ("queue_growth", "QueueGrowth"));
        assert_eq!(words.title, "Queue growth");
        for bad in ["", "-a", "a--b", "A", "../x", "1a"] {
            assert!(Words::of(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn registration_keeps_the_order() {
        assert_eq!(
            add_sorted("mod a;\nmod c;\n\nfn x() {}\n", "mod ", "mod b;").unwrap(),
            "mod a;\nmod b;\nmod c;\n\nfn x() {}\n"
        );
        assert_eq!(
            add_sorted("mod a;\nfn x() {}\n", "mod ", "mod b;").unwrap(),
            "mod a;\nmod b;\nfn x() {}\n"
        );
        assert!(add_sorted("mod b;\n", "mod ", "mod b;").unwrap_err().contains("already"));
    }

    #[test]
    fn the_table_gets_its_line_last() {
        let text = "macro {\n}\ntable! {\n    a: A,\n}\n";
        assert_eq!(
            add_before_end(text, "table! {", "    b: B,").unwrap(),
            "macro {\n}\ntable! {\n    a: A,\n    b: B,\n}\n"
        );
    }
}
