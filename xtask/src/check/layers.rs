//! Arrows between crates go one way: `layers.toml` against `cargo metadata`.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::{Fault, Repository};

const FILE: &str = "layers.toml";
const RULE: &str = "layers";
const EMPTY_NAMES: [&str; 6] = ["common", "util", "utils", "shared", "core", "helpers"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Layers {
    longest_chain: usize,
    most_crates: usize,
    pub(super) crates: BTreeMap<String, Layer>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Layer {
    /// What it is for, and what it must not know.
    is: String,
    /// Crates of the workspace that it may use.
    #[serde(default)]
    uses: BTreeSet<String>,
    /// Crates that only its tests may use.
    #[serde(default)]
    tests_use: BTreeSet<String>,
    /// Pure: no I/O, no async, no clock, no randomness.
    #[serde(default)]
    pub(super) thinks: bool,
}

pub(super) fn read(repository: &Repository) -> Result<Layers, String> {
    toml::from_str(repository.text(FILE)?).map_err(|e| format!("{FILE}: {e}"))
}

pub(super) fn look(repository: &Repository, faults: &mut Vec<Fault>) -> Result<(), String> {
    let layers = read(repository)?;
    let text = repository.text(FILE)?;
    let mut add = |name: &str, what: String, why: &'static str, fix: String| {
        let header = format!("[crates.{name}]");
        let line = text.lines().position(|l| l == header).map_or(1, |l| l + 1);
        faults.push(Fault { rule: RULE, at: FILE.to_owned(), line, what, why, fix });
    };
    let graph = graph(repository);
    for (name, arrows) in &graph {
        if EMPTY_NAMES.contains(&name.as_str()) {
            let fix = "name it after what it does, or put its parts where they are used".to_owned();
            add(
                name,
                format!("no crate may be called {name}"),
                "a crate without a purpose collects everything",
                fix,
            );
        }
        let Some(layer) = layers.crates.get(name) else {
            let fix = format!("add [crates.{name}] with `is` and `uses`");
            add(
                name,
                format!("the crate {name} is not in the map"),
                "the map of crates is how people find their way",
                fix,
            );
            continue;
        };
        for (used, in_tests) in arrows {
            let allowed =
                layer.uses.contains(used) || (*in_tests && layer.tests_use.contains(used)) || used == name;
            if !allowed {
                let what = format!("{name} -> {used} is not an allowed arrow; {name} is: {}", layer.is);
                let fix = format!(
                    "turn the arrow round (a trait in ports, a type in model), or argue for it in {FILE}"
                );
                add(name, what, "arrows that go both ways make one big crate of two", fix);
            }
        }
    }
    for name in layers.crates.keys().filter(|name| !graph.contains_key(*name)) {
        add(
            name,
            format!("there is no crate {name}"),
            "a map that is wrong is worse than none",
            "take it out".to_owned(),
        );
    }
    if graph.len() > layers.most_crates {
        let what = format!("{} crates, at most {}", graph.len(), layers.most_crates);
        add(
            "",
            what,
            "each crate costs a reader a place to look",
            "merge crates that always change together".to_owned(),
        );
    }
    let chain = longest(&graph);
    if chain.len() > layers.longest_chain {
        let what = format!(
            "{} crates in a row, at most {}: {}",
            chain.len(),
            layers.longest_chain,
            chain.join(" -> ")
        );
        add(
            "",
            what,
            "a long chain builds one after the other and is read so too",
            "cut an arrow of the chain".to_owned(),
        );
    }
    Ok(())
}

/// Arrows of each crate: to whom, and whether for tests only.
type Graph = BTreeMap<String, BTreeMap<String, bool>>;

fn graph(repository: &Repository) -> Graph {
    let names: BTreeSet<&str> = repository.packages().filter_map(|p| p["name"].as_str()).collect();
    let mut graph = Graph::new();
    for package in repository.packages() {
        let arrows = graph.entry(package["name"].as_str().unwrap_or_default().to_owned()).or_default();
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let Some(name) = dependency["name"].as_str().filter(|n| names.contains(n)) else { continue };
            let in_tests = dependency["kind"] == "dev";
            // An arrow for both counts as a real one.
            let arrow = arrows.entry(name.to_owned()).or_insert(in_tests);
            *arrow = *arrow && in_tests;
        }
    }
    graph
}

fn longest(graph: &Graph) -> Vec<String> {
    fn from(name: &str, graph: &Graph, known: &mut BTreeMap<String, Vec<String>>) -> Vec<String> {
        if let Some(chain) = known.get(name) {
            return chain.clone();
        }
        let real = graph.get(name).into_iter().flatten().filter(|(_, in_tests)| !**in_tests);
        let below = real.map(|(next, _)| from(next, graph, known)).max_by_key(Vec::len).unwrap_or_default();
        let chain: Vec<String> = std::iter::once(name.to_owned()).chain(below).collect();
        known.insert(name.to_owned(), chain.clone());
        chain
    }
    let mut known = BTreeMap::new();
    graph.keys().map(|name| from(name, graph, &mut known)).max_by_key(Vec::len).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph_of(arrows: &[(&str, &[(&str, bool)])]) -> Graph {
        let arrows = arrows.iter().map(|(from, to)| {
            ((*from).to_owned(), to.iter().map(|(name, in_tests)| ((*name).to_owned(), *in_tests)).collect())
        });
        arrows.collect()
    }

    #[test]
    fn the_longest_chain_follows_real_arrows_only() {
        let graph = graph_of(&[
            ("server", &[("api", false), ("model", false)]),
            ("api", &[("model", false), ("testkit", true)]),
            ("testkit", &[("server", true), ("model", false)]),
            ("model", &[]),
        ]);
        assert_eq!(longest(&graph), ["server", "api", "model"]);
    }
}
