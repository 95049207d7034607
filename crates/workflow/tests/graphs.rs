//! Official examples as diagrams, compared with `tests/graphs/*.mmd`. After a change that is meant, write what the
//! failure prints into the file.

use std::path::Path;

use serde_json::json;
use workflow::{Definition, Graph, Way};

fn file(folder: &str, name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(folder).join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

#[track_caller]
fn check(example: &str) {
    let definition = Definition::parse(example, &file("official/examples", &format!("{example}.yaml")))
        .unwrap_or_else(|e| panic!("{e}"));
    let graph = Graph::of(&definition);
    let drawn = graph.to_mermaid();
    assert_eq!(drawn, file("graphs", &format!("{example}.mmd")), "\n{drawn}");
    let ids: Vec<&str> = graph.nodes.iter().map(|n| n.id.as_str()).collect();
    for edge in &graph.edges {
        assert!(ids.contains(&edge.from.as_str()) && ids.contains(&edge.to.as_str()), "{edge:?}");
    }
    for (path, ..) in definition.tasks() {
        assert!(ids.contains(&path), "{path} is not drawn");
    }
    let stored: Graph =
        serde_json::from_value(serde_json::to_value(&graph).expect("it is data")).expect("it was");
    assert_eq!(stored, graph);
}

#[test]
fn a_switch_shows_its_cases() {
    check("switch-then-string");
}

#[test]
fn branches_stand_side_by_side() {
    check("fork");
}

#[test]
fn a_catch_shows_what_it_catches() {
    check("try-catch-retry-inline");
    check("try-catch");
}

#[test]
fn what_is_listened_to_and_what_is_done_with_it() {
    check("listen-to-any-forever-foreach");
    check("listen-to-all");
}

#[test]
fn an_emitted_event_and_a_handler() {
    check("try-catch-then");
}

#[test]
fn calls_and_conditions() {
    check("star-wars-homeworld");
    check("conditional-task");
}

#[test]
fn nothing_in_a_document_becomes_syntax() {
    let document = json!({
        "document": {"dsl": "1.0.3", "namespace": "test", "name": "hostile", "version": "1.0.0"},
        "do": [
            {"a\"]; click n1 \"javascript:alert(1)\"": {"wait": {"seconds": 1}, "if": ". == \"<img src=x>\""}},
            {"end of it`|": {"switch": [{"x\"| n0": {"when": "\"|]\" == .", "then": "end"}}]}},
        ],
    });
    let definition = Definition::parse("hostile", &document.to_string()).unwrap_or_else(|e| panic!("{e}"));
    let graph = Graph::of(&definition);
    let drawn = graph.to_mermaid();
    for line in drawn.lines().skip(1) {
        assert!(line.matches('"').count() <= 2, "{line}");
        assert!(!line.contains("javascript:alert(") && !line.contains("<img"), "{line}");
    }
    assert!(graph.edges.iter().any(|e| e.way == Way::Case && e.to == workflow::END), "{:?}", graph.edges);
}
