//! A finding as correlation sees it.

use model::{Direction, Finding, Subject};

use crate::correlate::{Alert, Fingerprint, Key};
use crate::input::World;

/// Neighbours in the service graph that an alert carries.
const MAX_NEAR: usize = 8;
/// An alert counts at its start, at most so long before it was told: groups are looked at again for about a minute.
const MAX_BEFORE_MS: i64 = 60_000;

/// What makes two findings the same finding at another time: who says what of which thing, and which way it went.
#[must_use]
pub fn fingerprint(finding: &Finding) -> Fingerprint {
    let subject = match &finding.subject {
        Subject::Metric { name, .. } | Subject::Objective { name } => name.clone(),
        Subject::LogTemplate { template_id, .. } => template_id.clone(),
        Subject::Probe { target } => target.clone(),
        Subject::Process { instance } => instance.clone(),
        Subject::Alert { source, name, .. } => format!("{source}\u{1f}{name}"),
    };
    let direction = match finding.direction {
        Some(Direction::Up) => "up",
        Some(Direction::Down) => "down",
        None => "",
    };
    let instance = finding.instance.as_deref().unwrap_or_default();
    Fingerprint::of(&[&finding.detector, &finding.service, instance, &subject, direction])
}

/// A finding as an alert that starts once.
#[must_use]
pub fn alert(finding: &Finding, world: &World<'_>) -> Alert {
    let at_ms = finding.started_at.max(finding.detected_at.plus_ms(-MAX_BEFORE_MS)).as_unix_ms();
    let place = |kind: &str, name: &str| Key::of(&format!("{kind}/{name}"));
    let mut keys = vec![place("service", &finding.service)];
    keys.extend(finding.instance.as_deref().map(|instance| place("instance", instance)));
    keys.extend(world.host(&finding.service).map(|host| place("host", host)));
    let near = world.topology.neighbours(&finding.service, MAX_NEAR).map(|name| place("service", name));
    let alert = Alert::new(at_ms, fingerprint(finding), &keys).near(near);
    match &finding.change {
        Some(change) => alert.after(place("change", change.as_str())),
        None => alert,
    }
}
