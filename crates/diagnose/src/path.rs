//! The way from a cause to where it shows, and what of it could be verified: calls, departures, order in time.

use model::{EvidenceId, PathStep, Timestamp};

use crate::evidence::Evidences;
use crate::rank::{Hypothesis, Scene};

impl<'a> Scene<'_, 'a> {
    /// The longest way along which the trouble travelled, from the symptom to the cause.
    pub(crate) fn path(&self, h: &Hypothesis<'a>, victims: &[&str]) -> Option<Vec<String>> {
        let topology = self.input.world.topology;
        let node = topology.find(h.service)?;
        if h.place.is_none() {
            let caller = self.places.iter().find(|p| p.node.is_some_and(|p| topology.calls(p, node)));
            if let Some(caller) = caller {
                return Some(vec![caller.name.to_owned(), h.service.to_owned()]);
            }
            let noticed = self.input.symptoms.iter().map(|s| s.service).filter(|s| *s != h.service);
            return noticed.filter_map(|s| topology.path(s, h.service)).min_by_key(Vec::len);
        }
        // One walk finds the farthest victim; only its path is spelt out.
        let up = topology.up(Some(node), self.input.world.settings.max_hops);
        let reached = victims.iter().filter_map(|v| Some((up.to(topology.find(v))?, *v)));
        let farthest = reached.max_by(|a, b| a.0.cmp(&b.0).then(b.1.cmp(a.1)))?;
        topology.path(farthest.1, h.service)
    }

    /// Each service on the way, the cause first, with what supports it; and whether all of it is supported: every
    /// one departed, and none of them clearly before the cause.
    pub(crate) fn steps(
        &self,
        cause: &str,
        way: &[String],
        evidences: &mut Evidences<'a>,
    ) -> (Vec<PathStep>, bool) {
        let own = [cause.to_owned()];
        let way = if way.is_empty() { &own[..] } else { way };
        let start = self.departed_at(cause);
        let steps: Vec<PathStep> =
            way.iter().rev().map(|service| self.step(service, start, evidences)).collect();
        let jitter_ms = self.input.world.settings.jitter_ms;
        let holds = |step: &PathStep| step.departed && step.after_ms.is_none_or(|ms| ms >= -jitter_ms);
        let verified = steps.iter().all(holds);
        (steps, verified)
    }

    fn step(&self, service: &str, start: Option<Timestamp>, evidences: &mut Evidences<'a>) -> PathStep {
        let at = self.departed_at(service);
        let suspect = self.blame.suspect(service);
        let mut evidence: Vec<EvidenceId> = Vec::new();
        if let Some(place) = self.places.iter().find(|p| p.name == service) {
            evidence.extend(evidences.findings(place).into_iter().take(1));
        }
        if let Some(suspect) = suspect.filter(|s| self.blame.is_sure && s.main.onset.is_some()) {
            evidence.push(evidences.departure(&suspect.main));
        }
        PathStep {
            service: service.to_owned(),
            departed: at.is_some(),
            after_ms: at.zip(start).map(|(at, start)| at.since_ms(start)),
            covers: suspect.and_then(|s| s.covers).map(|share| crate::rank::round(share.min(1.0))),
            evidence,
        }
    }

    /// When a service departed: by its findings, else by its metrics.
    fn departed_at(&self, service: &str) -> Option<Timestamp> {
        let found = self.places.iter().find(|p| p.name == service && p.is_troubled()).map(|p| p.start);
        found.or_else(|| self.blame.suspect(service)?.main.onset)
    }
}
