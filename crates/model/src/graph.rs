//! The service graph: who calls whom, as declared and as observed.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

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

    /// Services that `service` calls.
    pub fn callees<'a>(&'a self, service: &str) -> impl Iterator<Item = &'a str> {
        self.edges.get(service).into_iter().flat_map(|m| m.keys().map(String::as_str))
    }

    /// Services that call `service`.
    pub fn callers<'a>(&'a self, service: &'a str) -> impl Iterator<Item = &'a str> {
        self.edges.iter().filter(move |(_, to)| to.contains_key(service)).map(|(from, _)| from.as_str())
    }

    /// The shortest call path from one service to another, both ends included; none when there is none.
    #[must_use]
    pub fn path(&self, from: &str, to: &str) -> Option<Vec<String>> {
        if from == to {
            return Some(vec![from.to_owned()]);
        }
        let mut seen = BTreeSet::from([from]);
        let mut queue = VecDeque::from([vec![from]]);
        while let Some(path) = queue.pop_front() {
            let last = path.last().copied().unwrap_or(from);
            for next in self.callees(last) {
                if next == to {
                    let mut found: Vec<String> = path.iter().map(|s| (*s).to_owned()).collect();
                    found.push(to.to_owned());
                    return Some(found);
                }
                if seen.insert(next) {
                    let mut longer = path.clone();
                    longer.push(next);
                    queue.push_back(longer);
                }
            }
        }
        None
    }

    /// Calls between two services in either direction, in hops; none when they are not connected that way.
    #[must_use]
    pub fn distance(&self, a: &str, b: &str) -> Option<usize> {
        let hops = |p: Option<Vec<String>>| p.map(|p| p.len() - 1);
        match (hops(self.path(a, b)), hops(self.path(b, a))) {
            (Some(x), Some(y)) => Some(x.min(y)),
            (x, y) => x.or(y),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_follow_calls_and_survive_cycles() {
        let mut g = ServiceGraph::default();
        for (a, b) in [("gateway", "checkout"), ("checkout", "payments"), ("payments", "gateway")] {
            g.declare(a, b);
        }
        assert_eq!(g.path("gateway", "payments").unwrap(), ["gateway", "checkout", "payments"]);
        assert_eq!(g.distance("payments", "gateway"), Some(1));
        assert_eq!(g.path("gateway", "unknown"), None);
    }
}
