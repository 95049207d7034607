//! Mermaid flowcharts. Names and conditions come from documents: nothing in them may become syntax.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::{Graph, GraphNode, Way};
use crate::yaml::clip;

pub(super) fn write(graph: &Graph) -> String {
    let mut children: BTreeMap<Option<&str>, Vec<usize>> = BTreeMap::new();
    for (i, node) in graph.nodes.iter().enumerate() {
        children.entry(node.parent.as_deref()).or_default().push(i);
    }
    let mut out = String::from("flowchart TD\n");
    nodes(graph, &children, None, 1, &mut out);
    let number: BTreeMap<&str, usize> =
        graph.nodes.iter().enumerate().map(|(i, n)| (n.id.as_str(), i)).collect();
    for edge in &graph.edges {
        let arrow = match edge.way {
            Way::Retry | Way::Loop => "-.->",
            Way::Catch => "==>",
            _ => "-->",
        };
        let label = edge.label.as_ref().map_or_else(String::new, |l| format!("|\"{}\"|", escape(l)));
        let (from, to) = (number[edge.from.as_str()], number[edge.to.as_str()]);
        let _infallible = writeln!(out, "  n{from} {arrow}{label} n{to}");
    }
    out
}

fn nodes(
    graph: &Graph,
    children: &BTreeMap<Option<&str>, Vec<usize>>,
    parent: Option<&str>,
    depth: usize,
    out: &mut String,
) {
    let indent = "  ".repeat(depth);
    for i in children.get(&parent).into_iter().flatten() {
        let node = &graph.nodes[*i];
        if children.contains_key(&Some(node.id.as_str())) {
            let _infallible = writeln!(out, "{indent}subgraph n{i}[\"{}\"]", label(node));
            // Documents nest at most some tens of levels (`yaml::read`).
            nodes(graph, children, Some(&node.id), depth + 1, out);
            let _infallible = writeln!(out, "{indent}end");
        } else {
            let (open, close) = shape(&node.kind);
            let _infallible = writeln!(out, "{indent}n{i}{open}\"{}\"{close}", label(node));
        }
    }
}

fn shape(kind: &str) -> (&'static str, &'static str) {
    match kind {
        "start" | "end" => ("((", "))"),
        "call" | "run" => ("[[", "]]"),
        "switch" => ("{", "}"),
        "wait" | "listen" => ("([", "])"),
        "raise" => ("{{", "}}"),
        "emit" => (">", "]"),
        _ => ("[", "]"),
    }
}

fn label(node: &GraphNode) -> String {
    if node.kind == node.id {
        return node.name.clone();
    }
    let mut text = escape(&node.name);
    let what = match &node.call {
        Some(call) if *call != node.kind => format!("{} {call}", node.kind),
        _ => node.kind.clone(),
    };
    let _infallible = write!(text, "<br/>{}", escape(&what));
    for (prefix, part) in [("", &node.detail), ("if ", &node.condition)] {
        if let Some(part) = part {
            let _infallible = write!(text, "<br/>{}", escape(&format!("{prefix}{part}")));
        }
    }
    text
}

/// Text inside quotes, as Mermaid entities where a character could end the text or be markup.
fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for c in clip(text).chars() {
        match c {
            '"' | '<' | '>' | '&' | '#' | ';' | '`' | '\\' | '|' | '{' | '}' | '[' | ']' | '(' | ')'
            | '*' | '_' => {
                let _infallible = write!(escaped, "#{};", u32::from(c));
            }
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}
