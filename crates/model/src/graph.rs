//! The service graph: who calls whom, as declared and as observed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// One service calls another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Edge {
    /// The caller.
    pub from: String,
    /// The callee.
    pub to: String,
    /// Calls a second over the last minute; 0 for an edge only declared.
    pub calls_per_s: f64,
    /// Share of failing calls over the last minute, 0 to 1.
    pub error_ratio: f64,
    /// 95th percentile of call duration over the last minute, milliseconds.
    pub p95_ms: f64,
    /// When a call was last seen; none for an edge only declared.
    pub last_seen_at: Option<Timestamp>,
}

/// All edges, keyed by caller and callee.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ServiceGraph {
    edges: BTreeMap<String, BTreeMap<String, Edge>>,
}

impl ServiceGraph {
    /// Adds or replaces an edge. A call of a service to itself is not an edge.
    pub fn put(&mut self, edge: Edge) {
        if edge.from != edge.to {
            self.edges.entry(edge.from.clone()).or_default().insert(edge.to.clone(), edge);
        }
    }

    /// Adds an edge known from a declaration, unless one is known already.
    pub fn declare(&mut self, from: &str, to: &str) {
        if self.edge(from, to).is_none() {
            self.put(Edge {
                from: from.to_owned(),
                to: to.to_owned(),
                calls_per_s: 0.0,
                error_ratio: 0.0,
                p95_ms: 0.0,
                last_seen_at: None,
            });
        }
    }

    /// The edge between two services.
    #[must_use]
    pub fn edge(&self, from: &str, to: &str) -> Option<&Edge> {
        self.edges.get(from)?.get(to)
    }

    /// Every edge, by caller then callee.
    pub fn edges(&self) -> impl Iterator<Item = &Edge> {
        self.edges.values().flat_map(BTreeMap::values)
    }

    /// Edges of the calls that a service makes, by callee.
    pub fn edges_from(&self, service: &str) -> impl Iterator<Item = &Edge> {
        self.edges.get(service).into_iter().flat_map(BTreeMap::values)
    }

    /// Services that `service` calls.
    pub fn callees<'a>(&'a self, service: &str) -> impl Iterator<Item = &'a str> {
        self.edges.get(service).into_iter().flat_map(|m| m.keys().map(String::as_str))
    }

    /// Services that call `service`.
    pub fn callers<'a>(&'a self, service: &'a str) -> impl Iterator<Item = &'a str> {
        self.edges.iter().filter(move |(_, to)| to.contains_key(service)).map(|(from, _)| from.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_declaration_adds_what_was_not_observed() {
        let observed = Edge {
            from: "a".into(),
            to: "b".into(),
            calls_per_s: 5.0,
            error_ratio: 0.0,
            p95_ms: 1.0,
            last_seen_at: Some(Timestamp::ZERO),
        };
        let mut graph = ServiceGraph::default();
        graph.put(observed.clone());
        for (from, to) in [("a", "b"), ("a", "c"), ("b", "b")] {
            graph.declare(from, to);
        }
        assert_eq!(graph.edge("a", "b"), Some(&observed));
        let of_a: Vec<&str> = graph.edges_from("a").map(|edge| edge.to.as_str()).collect();
        assert_eq!((of_a, graph.edges().count()), (vec!["b", "c"], 2));
    }
}
