//! How bad it is: severity for the services, impact for the business. Policies decide on both.

use std::collections::BTreeMap;

use model::{Finding, FindingKind, FindingState, Impact, Service, Severity, Tier};

use crate::place::{Place, is_far_from_limit};
use crate::topology::Topology;

/// The worst finding that still fires counts; when all cleared, the worst of all.
///
/// Weighted by tier: nobody is woken for an internal service alone; a critical one that hurts a large
/// share of traffic is critical.
pub(crate) fn severity(places: &[Place<'_>], services: &BTreeMap<String, Service>, share: f64) -> Severity {
    let findings = || places.iter().flat_map(|p| p.findings.iter());
    let worst = |f: &mut dyn Iterator<Item = &&Finding>| f.map(|f| f.severity).max();
    let firing = worst(&mut findings().filter(|f| f.state == FindingState::Firing));
    let Some(base) = firing.or_else(|| worst(&mut findings())) else { return Severity::Low };
    match worst_tier(places, services) {
        Tier::Internal if base == Severity::Critical && share < 0.05 => Severity::High,
        Tier::Critical if base == Severity::High && share >= 0.5 => Severity::Critical,
        _ => base,
    }
}

/// High from half of the traffic on, medium from a twentieth on; a critical service in trouble counts one
/// step more, once it hurts anybody.
pub(crate) fn impact(places: &[Place<'_>], services: &BTreeMap<String, Service>, share: f64) -> Impact {
    let base = match share {
        s if s >= 0.5 => Impact::High,
        s if s >= 0.05 => Impact::Medium,
        _ => Impact::Low,
    };
    match (worst_tier(places, services), base) {
        (Tier::Critical, Impact::Low) if share > 0.0 => Impact::Medium,
        (Tier::Critical, Impact::Medium) => Impact::High,
        _ => base,
    }
}

/// Share of all requests that enter the system which fail or are slow, 0 to 1, as far as findings tell.
pub(crate) fn share(places: &[Place<'_>], topology: &Topology, rates: &BTreeMap<&str, f64>) -> f64 {
    let troubled = |name: &str| places.binary_search_by(|p| p.name.cmp(name)).is_ok();
    let entering = |name: &str| match topology.find(name) {
        Some(node) => topology.is_entrance(node),
        None => troubled(name),
    };
    let rate = |name: &str| rates.get(name).copied().filter(|r| r.is_finite() && *r > 0.0);
    let total: f64 = rates.iter().filter(|(n, _)| entering(n)).filter_map(|(n, _)| rate(n)).sum();
    let shares = places.iter().map(|p| {
        let weight = match rate(p.name) {
            Some(rate) if total > 0.0 => (rate / total).min(1.0),
            // Nothing is known of its traffic: services with callers get a part of it.
            _ if total > 0.0 => 0.1,
            _ if p.node.is_some_and(|node| topology.is_front(node)) => 1.0,
            _ => 0.1,
        };
        weight * hurt(p)
    });
    shares.fold(0.0, f64::max)
}

/// Share of a service's requests that fail or are slow, 0 to 1.
fn hurt(place: &Place<'_>) -> f64 {
    let kinds = place.kinds.iter().map(|(kind, finding)| match kind {
        FindingKind::ErrorRate => finding.observed.filter(|o| (0.0..=1.0).contains(o)).unwrap_or(0.5),
        FindingKind::ProcessExit | FindingKind::RestartLoop | FindingKind::ProbeFailure => 1.0,
        FindingKind::Latency => 0.3,
        FindingKind::CpuSaturation | FindingKind::LogBurst => 0.0,
        FindingKind::DiskFilling if !is_far_from_limit(finding) => 0.3,
        _ => 0.0,
    });
    kinds.fold(0.0, f64::max)
}

fn worst_tier(places: &[Place<'_>], services: &BTreeMap<String, Service>) -> Tier {
    let tiers = places.iter().filter_map(|p| services.get(p.name)).map(|s| s.tier);
    tiers.max().unwrap_or_default()
}
