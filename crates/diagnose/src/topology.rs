//! Who calls whom with numbered services, for bounded walks in both directions. Knows nothing of findings.
//!
//! Made once and asked often: it costs one look at every call, a question costs only what it reaches.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

use model::{Service, ServiceGraph};

/// Services and their calls, observed and declared. A service without calls is not in it.
#[derive(Clone, Debug, Default)]
pub struct Topology {
    names: Vec<String>,
    index: HashMap<String, u32>,
    /// By name, so that of two ways of one length the same is found every time.
    callees: Vec<Vec<u32>>,
    callers: Vec<Vec<u32>>,
}

/// A service of a topology.
pub(crate) type Node = u32;

/// Hops from one service to the others.
pub(crate) struct Distances(Vec<u32>);

const FAR: u32 = u32::MAX;

impl Topology {
    /// Joins the calls that were observed with those that services declare.
    #[must_use]
    pub fn new(observed: &ServiceGraph, services: &BTreeMap<String, Service>) -> Self {
        let seen = observed.edges().map(|edge| (edge.from.as_str(), edge.to.as_str()));
        let declared = services.values().flat_map(|service| {
            let callees = service.depends_on.iter().filter(|callee| **callee != service.name);
            callees.map(|callee| (service.name.as_str(), callee.as_str()))
        });
        let declared = declared.filter(|(from, to)| observed.edge(from, to).is_none());
        let mut index: HashMap<&str, u32> = HashMap::new();
        let mut this = Self::default();
        for (from, to) in seen.chain(declared) {
            let mut node = |name| {
                let next = u32::try_from(index.len()).unwrap_or(FAR);
                *index.entry(name).or_insert(next) as usize
            };
            let (from, to) = (node(from), node(to));
            let count = index.len();
            this.callees.resize_with(count, Vec::new);
            this.callers.resize_with(count, Vec::new);
            this.callees[from].push(to as u32);
            this.callers[to].push(from as u32);
        }
        this.names = vec![String::new(); index.len()];
        for (name, node) in &index {
            (*name).clone_into(&mut this.names[*node as usize]);
        }
        this.index = index.into_iter().map(|(name, node)| (name.to_owned(), node)).collect();
        for callees in &mut this.callees {
            callees.sort_unstable_by(|a, b| this.names[*a as usize].cmp(&this.names[*b as usize]));
        }
        this
    }

    /// Whether calls of one service lead to another, over any number of hops.
    #[must_use]
    pub fn reaches(&self, from: &str, to: &str) -> bool {
        from == to || self.down(self.find(from), usize::MAX).to(self.find(to)).is_some()
    }

    /// These services and those that their calls lead to, nearest first, at most so many; by name where equally near.
    #[must_use]
    pub fn below<'s>(&self, services: impl Iterator<Item = &'s str>, most: usize) -> Vec<String> {
        let mut found: Vec<String> = services.map(str::to_owned).collect();
        let mut seen: HashSet<Node> = found.iter().filter_map(|name| self.find(name)).collect();
        let mut queue: VecDeque<Node> = found.iter().filter_map(|name| self.find(name)).collect();
        while let Some(node) = queue.pop_front().filter(|_| found.len() < most) {
            for &callee in &self.callees[node as usize] {
                if seen.insert(callee) {
                    found.push(self.names[callee as usize].clone());
                    queue.push_back(callee);
                }
            }
        }
        found.truncate(most);
        found
    }

    /// Whom a service calls and who calls it, at most so many.
    pub(crate) fn neighbours(&self, service: &str, most: usize) -> impl Iterator<Item = &str> {
        let node = self.find(service);
        let of = |lists: &'_ [Vec<u32>]| node.map(|n| lists[n as usize].clone()).unwrap_or_default();
        of(&self.callees)
            .into_iter()
            .chain(of(&self.callers))
            .take(most)
            .map(|n| self.names[n as usize].as_str())
    }

    /// The shortest way of calls from one service to another, both included.
    pub(crate) fn path(&self, from: &str, to: &str) -> Option<Vec<String>> {
        let (from, to) = (self.find(from)?, self.find(to)?);
        let mut before: Vec<Node> = vec![FAR; self.names.len()];
        before[from as usize] = from;
        let mut queue = VecDeque::from([from]);
        while before[to as usize] == FAR {
            let node = queue.pop_front()?;
            for &next in &self.callees[node as usize] {
                if before[next as usize] == FAR {
                    before[next as usize] = node;
                    queue.push_back(next);
                }
            }
        }
        let mut way = vec![to];
        while let Some(&node) = way.last().filter(|node| **node != from) {
            way.push(before[node as usize]);
        }
        Some(way.iter().rev().map(|node| self.names[*node as usize].clone()).collect())
    }

    /// The number of a service; none when no call of it or to it is known.
    pub(crate) fn find(&self, name: &str) -> Option<Node> {
        self.index.get(name).copied()
    }

    /// Whether one service calls another itself.
    pub(crate) fn calls(&self, from: Node, to: Node) -> bool {
        self.callees[from as usize].contains(&to)
    }

    /// The services that one calls itself, by name.
    pub(crate) fn callees(&self, node: Node) -> &[Node] {
        &self.callees[node as usize]
    }

    /// Hops along calls, from caller to callee.
    pub(crate) fn down(&self, from: Option<Node>, max_hops: usize) -> Distances {
        walk(&self.callees, from, max_hops)
    }

    /// Hops against calls, from callee to caller.
    pub(crate) fn up(&self, from: Option<Node>, max_hops: usize) -> Distances {
        walk(&self.callers, from, max_hops)
    }

    /// Whether nobody calls it.
    pub(crate) fn is_entrance(&self, node: Node) -> bool {
        self.callers[node as usize].is_empty()
    }

    /// Nobody calls it, but it calls others: people come in here.
    pub(crate) fn is_front(&self, node: Node) -> bool {
        self.is_entrance(node) && !self.callees[node as usize].is_empty()
    }
}

impl Distances {
    /// Hops to a service; none when there is no way within the bound.
    pub(crate) fn to(&self, node: Option<Node>) -> Option<usize> {
        let hops = *self.0.get(node? as usize)?;
        (hops != FAR).then_some(hops as usize)
    }
}

fn walk(next: &[Vec<Node>], from: Option<Node>, max_hops: usize) -> Distances {
    let Some(from) = from else { return Distances(Vec::new()) };
    let mut distances = vec![FAR; next.len()];
    distances[from as usize] = 0;
    let mut queue = VecDeque::from([from]);
    while let Some(node) = queue.pop_front() {
        let hops = distances[node as usize];
        if hops as usize >= max_hops {
            // What waits is as far away or farther.
            break;
        }
        for &neighbour in &next[node as usize] {
            if distances[neighbour as usize] == FAR {
                distances[neighbour as usize] = hops + 1;
                queue.push_back(neighbour);
            }
        }
    }
    Distances(distances)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topology(calls: &[(&str, &str)]) -> Topology {
        let mut graph = ServiceGraph::default();
        for (from, to) in calls {
            graph.declare(from, to);
        }
        Topology::new(&graph, &BTreeMap::new())
    }

    #[test]
    fn paths_follow_calls_and_survive_cycles() {
        let t = topology(&[("gateway", "checkout"), ("checkout", "payments"), ("payments", "gateway")]);
        assert_eq!(t.path("gateway", "payments").unwrap(), ["gateway", "checkout", "payments"]);
        assert_eq!(t.path("gateway", "gateway").unwrap(), ["gateway"]);
        assert_eq!(t.path("gateway", "unknown"), None);
        assert!(t.reaches("payments", "checkout") && t.reaches("unknown", "unknown"));
        assert!(!t.reaches("gateway", "unknown") && !t.reaches("unknown", "gateway"));
    }

    #[test]
    fn below_are_the_services_that_calls_lead_to_nearest_first() {
        let t = topology(&[("a", "c"), ("a", "b"), ("b", "d"), ("d", "a"), ("x", "y")]);
        assert_eq!(t.below(["a", "alone"].into_iter(), 9), ["a", "alone", "b", "c", "d"]);
        assert_eq!(t.below(["a"].into_iter(), 2), ["a", "b"]);
    }

    #[test]
    fn of_two_ways_of_one_length_the_first_by_name_is_taken() {
        let t = topology(&[("a", "z"), ("a", "b"), ("z", "end"), ("b", "end")]);
        assert_eq!(t.path("a", "end").unwrap(), ["a", "b", "end"]);
    }

    #[test]
    fn walks_end_at_the_bound() {
        let t = topology(&[("a", "b"), ("b", "c"), ("c", "d")]);
        let down = t.down(t.find("a"), 2);
        assert_eq!(["a", "b", "c", "d"].map(|n| down.to(t.find(n))), [Some(0), Some(1), Some(2), None]);
        let up = t.up(t.find("d"), 1);
        assert_eq!(["a", "b", "c", "d"].map(|n| up.to(t.find(n))), [None, None, Some(1), Some(0)]);
        assert_eq!(t.down(None, 9).to(t.find("a")), None);
    }
}
