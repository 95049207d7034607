//! The service graph with numbered nodes, for bounded walks in both directions. Knows nothing of findings.

use std::collections::{HashMap, VecDeque};

use model::ServiceGraph;

/// Numbered services and their calls.
pub(crate) struct Topology<'a> {
    index: HashMap<&'a str, usize>,
    callees: Vec<Vec<usize>>,
    callers: Vec<Vec<usize>>,
}

/// Hops from one node to every other; [`FAR`] when there is no way within the bound.
pub(crate) type Distances = Vec<usize>;

/// No way within the bound.
pub(crate) const FAR: usize = usize::MAX;

impl<'a> Topology<'a> {
    /// Numbers every service of the graph, and `more` that the graph may not know.
    pub(crate) fn new(graph: &'a ServiceGraph, more: impl IntoIterator<Item = &'a str>) -> Self {
        let mut topology = Self { index: HashMap::new(), callees: Vec::new(), callers: Vec::new() };
        for edge in graph.edges() {
            let from = topology.node(&edge.from);
            let to = topology.node(&edge.to);
            topology.callees[from].push(to);
            topology.callers[to].push(from);
        }
        for name in more {
            topology.node(name);
        }
        topology
    }

    fn node(&mut self, name: &'a str) -> usize {
        if let Some(&known) = self.index.get(name) {
            return known;
        }
        let new = self.callees.len();
        self.index.insert(name, new);
        self.callees.push(Vec::new());
        self.callers.push(Vec::new());
        new
    }

    /// The number of a service.
    pub(crate) fn find(&self, name: &str) -> Option<usize> {
        self.index.get(name).copied()
    }

    /// Hops along calls, from caller to callee.
    pub(crate) fn down(&self, from: usize, max_hops: usize) -> Distances {
        walk(&self.callees, from, max_hops)
    }

    /// Hops against calls, from callee to caller.
    pub(crate) fn up(&self, from: usize, max_hops: usize) -> Distances {
        walk(&self.callers, from, max_hops)
    }

    /// Whether nobody calls it.
    pub(crate) fn is_entrance(&self, node: usize) -> bool {
        self.callers[node].is_empty()
    }
}

fn walk(next: &[Vec<usize>], from: usize, max_hops: usize) -> Distances {
    let mut distances = vec![FAR; next.len()];
    distances[from] = 0;
    let mut queue = VecDeque::from([from]);
    while let Some(node) = queue.pop_front() {
        if distances[node] == max_hops {
            continue;
        }
        for &neighbour in &next[node] {
            if distances[neighbour] == FAR {
                distances[neighbour] = distances[node] + 1;
                queue.push_back(neighbour);
            }
        }
    }
    distances
}
