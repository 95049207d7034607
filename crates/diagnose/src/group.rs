//! Where a finding belongs: into an open incident, or into a new one.
//!
//! Every open incident is asked for the strongest link to the finding: the same service, a caller that
//! suffers, a callee that explains, a shared change, a shared machine, lost traffic. The strongest link
//! above the threshold wins. Two services that merely have a caller in common are not linked, so two
//! faults at once stay two incidents wherever the graph separates them.

use model::{Change, ChangeId, ChangeKind, Direction, Finding, FindingKind, FindingState, IncidentId};

use crate::classes::{self, is_own};
use crate::input::World;
use crate::place::{self, Place, excess, is_traffic, kind_of, places};
use crate::topology::Distances;
use crate::words;

/// An incident that is not over.
#[derive(Clone, Debug)]
pub struct OpenIncident<'a> {
    /// Its id.
    pub id: &'a IncidentId,
    /// Its findings, in any order, cleared ones included.
    pub findings: Vec<&'a Finding>,
}

/// Where a finding belongs.
#[derive(Clone, Debug, PartialEq)]
pub enum Grouping {
    /// Into this incident.
    Join {
        /// The incident.
        incident: IncidentId,
        /// Why, one line.
        why: String,
    },
    /// Into a new incident.
    Open {
        /// Why, one line.
        why: String,
    },
}

/// How strongly a finding is linked to an incident, and why.
struct Link {
    strength: f64,
    why: String,
}

impl Link {
    fn new(strength: f64, why: String) -> Option<Self> {
        (strength > 0.0).then_some(Self { strength, why })
    }
}

/// Where does a finding belong?
///
/// Of several incidents the one with the strongest link wins; of equals, the one that started last.
#[must_use]
pub fn group(finding: &Finding, open: &[OpenIncident<'_>], world: &World<'_>) -> Grouping {
    let newcomer = Newcomer::new(finding, world);
    let mut best: Option<(Link, &OpenIncident<'_>)> = None;
    let mut nearest: Option<String> = None;
    for incident in open {
        let Some(link) = link(&newcomer, incident) else { continue };
        if link.strength < world.settings.join_threshold {
            nearest.get_or_insert(link.why);
            continue;
        }
        let key = |l: &Link, o: &OpenIncident<'_>| (l.strength, start(o), o.id.clone());
        if best.as_ref().is_none_or(|(l, o)| key(&link, incident) > key(l, o)) {
            best = Some((link, incident));
        }
    }
    match (best, nearest) {
        (Some((link, incident)), _) => Grouping::Join { incident: incident.id.clone(), why: link.why },
        (None, Some(why)) => Grouping::Open { why: format!("only weakly linked to an open incident: {why}") },
        (None, None) if open.is_empty() => Grouping::Open { why: "no other incident is open".to_owned() },
        (None, None) => Grouping::Open {
            why: format!("no open incident is connected with {} in calls, time or changes", finding.service),
        },
    }
}

fn start(incident: &OpenIncident<'_>) -> model::Timestamp {
    incident.findings.iter().map(|f| f.started_at).min().unwrap_or_default()
}

struct Newcomer<'a> {
    finding: &'a Finding,
    kind: FindingKind,
    place: Place<'a>,
    down: Distances,
    up: Distances,
    /// How much its own fresh change explains it, 0 to 1.
    changed: f64,
    world: &'a World<'a>,
}

impl<'a> Newcomer<'a> {
    fn new(finding: &'a Finding, world: &'a World<'a>) -> Self {
        let place = places(&[finding], world).pop().expect("one finding makes one place");
        Self {
            finding,
            kind: kind_of(finding),
            down: world.topology.down(place.node, world.settings.max_hops),
            up: world.topology.up(place.node, world.settings.max_hops),
            changed: place::suspicion(&finding.service, finding.started_at, world)
                .map_or(0.0, |s| s.strength),
            place,
            world,
        }
    }
}

fn link(new: &Newcomer<'_>, incident: &OpenIncident<'_>) -> Option<Link> {
    let last_seen = incident.findings.iter().map(|f| f.last_seen_at).max()?;
    let firing = incident.findings.iter().any(|f| f.state == FindingState::Firing);
    let gap_ms = new.finding.started_at.since_ms(last_seen);
    if !firing && gap_ms > new.world.settings.join_window_ms {
        return None;
    }
    if let Some(link) = shared_change(new, incident) {
        return Some(link);
    }
    let members = places(&incident.findings, new.world);
    if let Some(home) = members.iter().find(|p| p.name == new.finding.service) {
        return same_service(new, home, &members, firing);
    }
    if is_traffic(new.finding) {
        return lost_traffic(new, &members);
    }
    let links = members.iter().flat_map(|p| [suffers(new, p), causes(new, p, &members), neighbour(new, p)]);
    links.flatten().max_by(|a, b| a.strength.total_cmp(&b.strength))
}

fn same_service(new: &Newcomer<'_>, home: &Place<'_>, members: &[Place<'_>], firing: bool) -> Option<Link> {
    let service = &new.finding.service;
    if home.findings.iter().any(|f| kind_of(f) == new.kind) {
        return Link::new(1.0, format!("{service} shows {} again", words::kind(new.kind)));
    }
    let explained_by = members
        .iter()
        .find(|other| other.name != home.name && reaches(new, home, other) && other.explains(home) >= 0.6);
    let only_carried = !home.kinds.keys().any(|&k| is_own(k));
    // A victim of somebody else that now shows a fault which nobody can hand on has a second, own fault.
    if let (Some(other), true) = (explained_by, only_carried)
        && classes::own_share(new.kind) >= 0.8
    {
        let why = format!("{service} suffers from {}, but this fault is its own", other.name);
        return Link::new(0.3, why);
    }
    if let (Some(other), true) = (explained_by, only_carried)
        && new.changed > 0.8
    {
        return Link::new(0.4, format!("{service} suffers from {}, but was changed itself", other.name));
    }
    let strength = if firing { 0.96 } else { 0.7 };
    Link::new(strength, format!("{service} is in the incident already"))
}

fn reaches(new: &Newcomer<'_>, from: &Place<'_>, to: &Place<'_>) -> bool {
    new.world.topology.down(from.node, new.world.settings.max_hops).to(to.node).is_some()
}

/// The newcomer calls a troubled service and suffers from it.
fn suffers(new: &Newcomer<'_>, member: &Place<'_>) -> Option<Link> {
    let hops = hops(&new.down, member)?;
    // A service that was changed just now needs nobody else to explain its trouble.
    let doubt = 1.0 - 0.6 * new.changed;
    let strength = member.explains(&new.place) * decay(hops) * doubt;
    let what = words::kind(new.kind);
    Link::new(
        strength,
        format!("{} calls {}{}; {what} travel up", new.finding.service, member.name, far(hops)),
    )
}

/// The newcomer is called by a service that suffers, and explains why.
fn causes(new: &Newcomer<'_>, member: &Place<'_>, members: &[Place<'_>]) -> Option<Link> {
    let hops = hops(&new.up, member)?;
    if member.kinds.keys().any(|&k| classes::own_share(k) >= 0.8) {
        let why = format!("{} calls {}, but has a fault of its own", member.name, new.finding.service);
        return Link::new(0.3, why);
    }
    let explained = members.iter().any(|other| {
        other.name != member.name
            && other.explains(member) >= 0.6
            && reaches(new, member, other)
            && !reaches(new, other, &new.place)
    });
    if explained {
        return Link::new(0.3, format!("{} is explained by another service already", member.name));
    }
    let changed = place::suspicion(member.name, member.start, new.world).map_or(0.0, |s| s.strength);
    let strength = new.place.explains(member) * decay(hops) * (1.0 - 0.6 * changed);
    let why = format!("{} calls {}{} and suffers from it", member.name, new.finding.service, far(hops));
    Link::new(strength, why)
}

/// A busy processor slows others on the same machine, mildly.
fn neighbour(new: &Newcomer<'_>, member: &Place<'_>) -> Option<Link> {
    let busy = |p: &Place<'_>| p.kinds.contains_key(&FindingKind::CpuSaturation);
    let machine = |p: &Place<'_>| p.name == MACHINE;
    let mild = |p: &Place<'_>| p.kinds.get(&FindingKind::Latency).is_some_and(|f| excess(f) < 4.0);
    let same =
        new.world.host(&new.finding.service).zip(new.world.host(member.name)).is_some_and(|(a, b)| a == b);
    let (a, b) = (&new.place, member);
    let linked = (same && ((busy(a) && mild(b)) || (mild(a) && busy(b))))
        || (machine(a) && busy(b))
        || (busy(a) && machine(b));
    if !linked {
        return None;
    }
    Link::new(0.55, format!("{} and {} share a machine whose processor is busy", a.name, b.name))
}

/// The service name that metrics of the machine itself carry.
const MACHINE: &str = "host";

/// Who fails sends less to those it calls, and gets less from those who wait for it.
fn lost_traffic(new: &Newcomer<'_>, members: &[Place<'_>]) -> Option<Link> {
    let down = new.finding.direction == Some(Direction::Down);
    let near = members
        .iter()
        .filter(|p| p.is_troubled())
        .find(|p| new.up.to(p.node).is_some() || (down && new.down.to(p.node).is_some()))?;
    let word = if down { "loses" } else { "gets more" };
    Link::new(0.75, format!("{} {word} traffic while {} is in trouble", new.finding.service, near.name))
}

/// One change put both out of order.
fn shared_change(new: &Newcomer<'_>, incident: &OpenIncident<'_>) -> Option<Link> {
    let find = |id: &ChangeId| new.world.changes().find(|c| c.id == *id);
    let mine = find(new.finding.change.as_ref()?)?;
    let theirs = incident.findings.iter().filter_map(|f| find(f.change.as_ref()?));
    let shared = theirs.into_iter().find(|theirs| is_shared(mine, theirs))?;
    Link::new(0.8, format!("both follow one change: {}", words::clip(&shared.summary, 120)))
}

fn is_shared(a: &Change, b: &Change) -> bool {
    let same_rollout = a.service != b.service
        && matches!(a.kind, ChangeKind::Deploy | ChangeKind::Config)
        && a.kind == b.kind
        && a.actor == b.actor
        && a.to.is_some()
        && a.to == b.to
        && a.at.since_ms(b.at).abs() < 60_000;
    same_rollout || (a.id == b.id && a.service != b.service)
}

fn hops(distances: &Distances, member: &Place<'_>) -> Option<usize> {
    distances.to(member.node).filter(|hops| *hops > 0)
}

fn decay(hops: usize) -> f64 {
    0.93_f64.powi(hops as i32 - 1)
}

fn far(hops: usize) -> String {
    if hops > 1 { format!(" ({hops} calls away)") } else { String::new() }
}
