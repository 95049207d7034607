//! Thinking crates are functions of their input: no I/O, no async, no clock, no randomness.

use super::layers;
use super::{Fault, Repository, is_test_file, lines_without_tests};

const RULE: &str = "purity";
const WHY: &str =
    "what depends only on its input can be replayed, tested at a desk and trusted after a crash";
const NOT_HERE: [&str; 14] = [
    "SystemTime",
    "Instant::now",
    "std::fs",
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "std::env",
    "std::process",
    "std::thread",
    "thread::spawn",
    "tokio::",
    "async fn",
    "rand::",
    "ring::",
];
const NOT_DEPENDED_ON: [&str; 8] =
    ["tokio", "async-trait", "axum", "reqwest", "rusqlite", "rustix", "ring", "futures-util"];

pub(super) fn look(repository: &Repository, faults: &mut Vec<Fault>) -> Result<(), String> {
    let layers = layers::read(repository)?;
    for (name, _) in layers.crates.iter().filter(|(_, layer)| layer.thinks) {
        let folder = format!("crates/{name}/src/");
        for (file, text) in
            repository.with_ending(&[".rs"]).filter(|(f, _)| f.starts_with(&folder) && !is_test_file(f))
        {
            for (line, code) in lines_without_tests(text) {
                let code = code.split("//").next().unwrap_or_default();
                let Some(found) = NOT_HERE.iter().find(|banned| names(code, banned)) else { continue };
                faults.push(Fault {
                    rule: RULE,
                    at: file.clone(),
                    line,
                    what: format!("`{found}` in {name}, which only thinks"),
                    why: WHY,
                    fix: "take it as an argument, or do it in engine or an adapter".to_owned(),
                });
            }
        }
        let Some(package) = repository.packages().find(|p| p["name"] == name.as_str()) else { continue };
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let used = dependency["name"].as_str().unwrap_or_default();
            if dependency["kind"].is_null() && NOT_DEPENDED_ON.contains(&used) {
                faults.push(Fault {
                    rule: RULE,
                    at: format!("crates/{name}/Cargo.toml"),
                    line: 1,
                    what: format!("{name}, which only thinks, depends on {used}"),
                    why: WHY,
                    fix: "take the dependency out; put the doing into engine or an adapter".to_owned(),
                });
            }
        }
    }
    Ok(())
}

/// Whether code names this, as a word of its own: `String::` does not name `ring::`.
fn names(code: &str, banned: &str) -> bool {
    let starts_word = |at: usize| !code[..at].ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
    code.match_indices(banned).any(|(at, _)| starts_word(at))
}

#[cfg(test)]
mod tests {
    use super::names;

    #[test]
    fn a_name_counts_as_a_word_of_its_own() {
        assert!(names("use ring::rand;", "ring::"));
        assert!(!names("String::new()", "ring::"));
        assert!(names("let at = Instant::now();", "Instant::now"));
    }
}
