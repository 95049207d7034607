//! The ranking: from the findings of one incident to causes with probabilities and evidence.
//!
//! 1. Findings are put to their services ([`Place`]).
//! 2. The class table says which failure classes each service's findings speak for, and how strongly.
//! 3. What a callee explains is taken off its callers; what a class brings along is taken off other
//!    classes of the same service.
//! 4. What metrics say of amounts ([`Blame`]) confirms or weakens it, and names services that said nothing.
//! 5. Structure, deviation, timing, change and history scale what is left.
//! 6. Strengths become probabilities; the best must stand out to be conclusive.

use std::collections::BTreeSet;

use model::{
    Cause, CauseId, CauseScores, FailureClass, FaultKind, Finding, FindingKind, Impact, Severity, Timestamp,
};

use crate::blame::Blame;
use crate::classes::{self, RULES, Rule};
use crate::evidence::Evidences;
use crate::impact;
use crate::input::{Diagnosis, Input, PastIncident};
use crate::place::{self, Place, Suspicion, excess, places};
use crate::probability::probabilities;
use crate::suspects;
use crate::words;

/// Ranks the causes of one incident.
///
/// Without findings there are no causes and nothing is conclusive.
#[must_use]
pub fn diagnose(input: &Input<'_>) -> Diagnosis {
    let scene = Scene::new(input);
    let mut hypotheses = scene.hypotheses();
    if hypotheses.is_empty() {
        return nothing();
    }
    let strengths: Vec<f64> = hypotheses.iter().map(|h| h.strength).collect();
    for (hypothesis, probability) in hypotheses.iter_mut().zip(probabilities(&strengths)) {
        hypothesis.probability = probability;
    }
    hypotheses.sort_by(|a, b| {
        b.probability.total_cmp(&a.probability).then_with(|| (a.service, a.class).cmp(&(b.service, b.class)))
    });
    hypotheses.truncate(input.world.settings.max_causes);
    scene.report(&hypotheses)
}

fn nothing() -> Diagnosis {
    Diagnosis {
        causes: Vec::new(),
        evidence: Vec::new(),
        conclusive: false,
        title: "Nothing abnormal is known".to_owned(),
        severity: Severity::Low,
        impact: Impact::Low,
        services: Vec::new(),
        why: vec!["no finding speaks for a cause, and no metric departed far enough".to_owned()],
    }
}

/// One service and class, and what speaks for it.
pub(crate) struct Hypothesis<'a> {
    pub(crate) service: &'a str,
    /// Index of its place; none for a service without findings that only its callers or its metrics speak of.
    pub(crate) place: Option<usize>,
    pub(crate) class: FailureClass,
    pub(crate) fault: FaultKind,
    pub(crate) scores: CauseScores,
    pub(crate) strength: f64,
    pub(crate) probability: f64,
    pub(crate) suspicion: Option<Suspicion<'a>>,
    pub(crate) past: Option<&'a PastIncident>,
    /// Kinds that made the rule hold.
    pub(crate) kinds: Vec<FindingKind>,
    pub(crate) why: String,
}

/// A class that the findings of one service speak for.
struct Judged {
    class: FailureClass,
    weight: f64,
    kinds: Vec<FindingKind>,
    by_change: bool,
}

pub(crate) struct Scene<'i, 'a> {
    pub(crate) input: &'i Input<'a>,
    pub(crate) places: Vec<Place<'a>>,
    /// `links[cause][victim]`: how far the one explains the other, leaving their weights aside.
    links: Vec<Vec<f64>>,
    judged: Vec<Vec<Judged>>,
    suspicions: Vec<Option<Suspicion<'a>>>,
    /// What metrics say of who is at fault.
    pub(crate) blame: Blame<'a>,
    pub(crate) started_at: Timestamp,
}

impl<'i, 'a> Scene<'i, 'a> {
    fn new(input: &'i Input<'a>) -> Self {
        let world = &input.world;
        let places = places(&input.findings, world);
        let links = links(&places, input);
        let suspicions: Vec<_> = places.iter().map(|p| suspicion(p, input)).collect();
        let judged = places.iter().zip(&suspicions).map(|(p, s)| judge(p, s.as_ref())).collect();
        let blame = suspects::blame(input);
        let departed = || blame.suspects.first().and_then(|s| s.main.onset);
        let started_at = places.iter().map(|p| p.start).min().or_else(departed).unwrap_or(input.at);
        Self { input, places, links, judged, suspicions, blame, started_at }
    }

    fn hypotheses(&self) -> Vec<Hypothesis<'a>> {
        let explained: Vec<Option<(usize, f64)>> =
            (0..self.places.len()).map(|i| self.explainer(i)).collect();
        let mut all: Vec<Hypothesis<'a>> = Vec::new();
        for (i, judged) in self.judged.iter().enumerate() {
            for (rank, one) in judged.iter().enumerate() {
                let confirmed = self.confirmed(i, &one.kinds, one.by_change);
                let mut own = one.weight * self.left_over(one, explained[i]) * confirmed;
                if rank > 0 && one.kinds.iter().all(|&k| classes::explains(judged[0].class, k)) {
                    own *= 0.25;
                }
                if explained[i].is_none() && rank == 0 {
                    own *= self.certainty(i, one);
                }
                all.push(self.hypothesis(i, one, own, explained[i]));
            }
        }
        all.extend(self.silent_suspects(&explained));
        all.extend(self.blamed(&all));
        all
    }

    /// The place that explains best why this one is in trouble: a callee, or a busy neighbour.
    fn explainer(&self, victim: usize) -> Option<(usize, f64)> {
        let others = (0..self.places.len()).filter(|&j| j != victim && self.may_precede(j, victim));
        let explained = others.filter_map(|j| {
            let link = self.link(j, victim)?;
            let weight = self.judged[j].first().map_or(0.0, |one| one.weight);
            Some((j, link * weight))
        });
        explained.filter(|(_, e)| *e > 0.1).max_by(|a, b| a.1.total_cmp(&b.1))
    }

    fn link(&self, cause: usize, victim: usize) -> Option<f64> {
        Some(self.links[cause][victim]).filter(|link| *link > 0.0)
    }

    /// Whether one place may be the reason of another: not clearly later, and in a cycle of calls the one
    /// with the stronger case of its own, then the earlier. A strict order, so that two never excuse each other.
    fn may_precede(&self, cause: usize, victim: usize) -> bool {
        let (a, b) = (&self.places[cause], &self.places[victim]);
        if !a.is_troubled() || a.start.since_ms(b.start) > self.input.world.settings.jitter_ms {
            return false;
        }
        if self.link(victim, cause).is_none() {
            return true;
        }
        let case = |i: usize| self.judged[i].first().map_or(0.0, |one| one.weight);
        case(cause)
            .total_cmp(&case(victim))
            .then_with(|| b.start.cmp(&a.start))
            .then_with(|| a.deviation.total_cmp(&b.deviation))
            .then_with(|| b.name.cmp(a.name))
            .is_gt()
    }

    /// What is left of a class at a service once a callee explains its findings.
    fn left_over(&self, one: &Judged, explained: Option<(usize, f64)>) -> f64 {
        let Some((_, by)) = explained else { return 1.0 };
        let own = one.kinds.iter().map(|&k| classes::own_share(k)).fold(0.0, f64::max);
        let own = if one.by_change { own.max(0.35) } else { own };
        1.0 - by * (1.0 - own)
    }

    /// Slow answers or errors alone may come from a callee that says nothing: then less is certain.
    fn certainty(&self, i: usize, one: &Judged) -> f64 {
        let only_carried = one.kinds.iter().all(|&k| classes::own_share(k) < 0.35);
        if !only_carried || one.by_change {
            return 1.0;
        }
        match self.silent_callee(i) {
            Some(_) => 0.6,
            None => 1.0,
        }
    }

    /// A callee without findings whose calls fail or are slow, as this caller sees it.
    fn silent_callee(&self, i: usize) -> Option<&'a str> {
        let place = &self.places[i];
        let edges = self.input.world.observed.edges_from(place.name).filter(|e| e.last_seen_at.is_some());
        let silent = edges.filter(|e| self.places.iter().all(|p| p.name != e.to || !p.is_troubled()));
        let slow = place.kinds.get(&FindingKind::Latency).and_then(|f| f.observed);
        let failing = place.kinds.contains_key(&FindingKind::ErrorRate)
            || place.kinds.contains_key(&FindingKind::LogNewPattern);
        let bad = silent.filter(|e| {
            (failing && e.error_ratio >= 0.05) || slow.is_some_and(|ms| ms > 0.0 && e.p95_ms >= 0.5 * ms)
        });
        bad.max_by(|a, b| a.error_ratio.total_cmp(&b.error_ratio).then(a.p95_ms.total_cmp(&b.p95_ms)))
            .map(|e| e.to.as_str())
    }

    /// Services that say nothing themselves but whose callers' calls to them fail or are slow.
    fn silent_suspects(&self, explained: &[Option<(usize, f64)>]) -> Vec<Hypothesis<'a>> {
        let roots = (0..self.places.len()).filter(|&i| explained[i].is_none());
        let mut seen = BTreeSet::new();
        roots
            .filter_map(|i| {
                let service = self.silent_callee(i).filter(|s| seen.insert(*s))?;
                let strong = self.judged[i].first().is_some_and(|one| one.by_change || one.weight > 0.9);
                let own: f64 = if strong { 0.15 } else { 0.45 };
                Some(Hypothesis {
                    service,
                    place: None,
                    class: FailureClass::Unknown,
                    fault: FaultKind::Dependency,
                    scores: CauseScores { structure: own, ..CauseScores::default() },
                    strength: own.powf(1.5),
                    probability: 0.0,
                    suspicion: None,
                    past: None,
                    kinds: Vec::new(),
                    why: format!(
                        "calls from {} to it fail or are slow; it says nothing",
                        self.places[i].name
                    ),
                })
            })
            .collect()
    }

    fn hypothesis(
        &self,
        i: usize,
        one: &Judged,
        own: f64,
        explained: Option<(usize, f64)>,
    ) -> Hypothesis<'a> {
        let place = &self.places[i];
        let start = place.start_of(&one.kinds);
        let suspicion = self.suspicions[i].filter(|_| one.by_change);
        let (past, history) = self.history(place, one.class);
        let coverage = self.coverage(i);
        let scores = CauseScores {
            structure: round(0.6 * own + 0.4 * coverage * own.min(1.0)),
            deviation: round(self.deviation(place)),
            timing: round(self.timing(start)),
            change: round(suspicion.map_or(0.0, |s| s.strength)),
            history: round(history),
        };
        let quality = 0.5 * coverage + 0.3 * scores.timing + 0.2 * scores.deviation;
        let bonus = 0.05 * scores.change + 0.08 * history;
        let undone = place::own_work(place.name, start, &self.input.world);
        let penalty = if undone.is_some() { 0.6 } else { 1.0 };
        let strength = own.clamp(0.0, 1.0).powf(1.5) * (0.6 + 0.4 * quality + bonus).min(1.1) * penalty;
        let mut why = one.kinds.iter().map(|&k| words::kind(k)).collect::<Vec<_>>().join(", ");
        if let Some((by, _)) = explained {
            why.push_str(&format!("; mostly explained by {}", self.places[by].name));
        }
        if let Some(change) = undone {
            why.push_str(&format!(
                "; Homeostat itself did this just before: {}",
                words::clip(&change.summary, 80)
            ));
        }
        Hypothesis {
            service: place.name,
            place: Some(i),
            class: one.class,
            fault: classes::fault_kind(one.class, &one.kinds, place.surge),
            scores,
            strength: strength.min(1.0),
            probability: 0.0,
            suspicion,
            past,
            kinds: one.kinds.clone(),
            why,
        }
    }

    /// Share of the other troubled services that this one explains; 1 when there are none.
    fn coverage(&self, i: usize) -> f64 {
        let others: Vec<usize> = (0..self.places.len()).filter(|&j| j != i).collect();
        let counted: Vec<usize> = others.into_iter().filter(|&j| self.places[j].is_troubled()).collect();
        if counted.is_empty() {
            return 1.0;
        }
        let covered: f64 =
            counted.iter().filter_map(|&j| self.link(i, j).filter(|_| self.may_precede(i, j))).sum();
        (covered / counted.len() as f64 / 0.9).min(1.0)
    }

    fn timing(&self, start: Timestamp) -> f64 {
        let troubled = self.places.iter().filter(|p| p.is_troubled()).map(|p| p.start);
        let first = troubled.min().unwrap_or(self.started_at);
        let late_ms = (start.since_ms(first) - 2_000).max(0) as f64;
        (-late_ms / (2.0 * self.input.world.settings.jitter_ms.max(1) as f64)).exp()
    }

    /// The past incident that looks most alike and whose fix held, and how much, 0 to 1.
    fn history(&self, place: &Place<'_>, class: FailureClass) -> (Option<&'a PastIncident>, f64) {
        let alike = |p: &PastIncident| {
            let mine: BTreeSet<FindingKind> = place.kinds.keys().copied().collect();
            let theirs: BTreeSet<FindingKind> = p.kinds.iter().copied().collect();
            let union = mine.union(&theirs).count().max(1) as f64;
            let shared = mine.intersection(&theirs).count() as f64 / union;
            (if p.service == place.name { 0.5 } else { 0.1 }) + 0.5 * shared
        };
        let held = self.input.past.iter().filter(|p| p.held && p.class == class);
        let best = held
            .map(|p| (p, alike(p)))
            .filter(|(_, a)| *a >= 0.4)
            .max_by(|a, b| a.1.total_cmp(&b.1).then_with(|| a.0.incident.cmp(&b.0.incident)));
        best.map_or((None, 0.0), |(p, a)| (Some(p), a))
    }

    fn report(&self, hypotheses: &[Hypothesis<'a>]) -> Diagnosis {
        let settings = self.input.world.settings;
        let mut evidences = Evidences::new(self.input, self.started_at);
        let causes: Vec<Cause> =
            hypotheses.iter().enumerate().map(|(i, h)| self.cause(i, h, &mut evidences)).collect();
        let best = &causes[0];
        let lead = best.probability - causes.get(1).map_or(0.0, |c| c.probability);
        let conclusive = best.class != FailureClass::Unknown
            && best.probability >= settings.conclusive_probability
            && lead >= settings.conclusive_lead;
        let mut services: Vec<String> = self.places.iter().map(|p| p.name.to_owned()).collect();
        if services.is_empty() {
            services.push(best.service.clone());
        }
        services.sort_by_key(|s| *s != best.service);
        let names: Vec<&str> = services.iter().map(String::as_str).collect();
        let title = if conclusive {
            best.title.clone()
        } else {
            format!("Trouble at {}; the cause is not clear yet", words::list(&names))
        };
        let share = impact::share(&self.places, self.input.world.topology, self.input.request_rates);
        Diagnosis {
            conclusive,
            title,
            severity: impact::severity(&self.places, self.input.world.services, share),
            impact: impact::impact(&self.places, self.input.world.services, share),
            why: self.why(hypotheses, lead, conclusive),
            services,
            evidence: evidences.into_items(),
            causes,
        }
    }

    fn cause(&self, i: usize, h: &Hypothesis<'a>, evidences: &mut Evidences<'a>) -> Cause {
        let place = h.place.map(|p| &self.places[p]);
        let main = place.and_then(|p| h.kinds.iter().find_map(|k| p.kinds.get(k).copied()));
        let victims: Vec<&str> = h.place.map(|p| self.victims(p)).unwrap_or_default();
        let mut cited = place.map(|p| evidences.findings(p)).unwrap_or_default();
        if let Some(s) = h.suspicion {
            cited.push(evidences.change(s.change, place.map_or(self.started_at, |p| p.start)));
        }
        let way = self.path(h, &victims).unwrap_or_default();
        if !way.is_empty() {
            cited.push(evidences.structure(h.service, way.clone()));
        }
        if let Some(suspect) = self.blame.suspect(h.service).filter(|s| self.blame.is_sure && s.blame > 0.0) {
            cited.push(evidences.departure(&suspect.main));
        }
        if i == 0 {
            cited.extend(evidences.timing(&self.places));
        }
        cited.extend(h.past.map(|p| evidences.past(p)));
        let (path, path_verified) = self.steps(h.service, &way, evidences);
        let id_parts = [self.input.incident.as_str(), h.service, h.class.as_str()];
        Cause {
            id: CauseId::derive(self.started_at, &id_parts),
            rank: i as u32 + 1,
            service: h.service.to_owned(),
            instance: place.and_then(|p| self.instance(p, &h.kinds)),
            class: h.class,
            title: words::title(h.service, h.class, &victims, main),
            fault: h.fault,
            path,
            path_verified,
            probability: h.probability,
            scores: h.scores,
            evidence: cited,
            change: h.suspicion.map(|s| s.change.id.clone()),
        }
    }

    fn victims(&self, cause: usize) -> Vec<&'a str> {
        let others = (0..self.places.len()).filter(|&j| j != cause && self.places[j].is_troubled());
        let hurt = others.filter(|&j| self.link(cause, j).is_some() && self.may_precede(cause, j));
        hurt.map(|j| self.places[j].name).collect()
    }

    /// The instance that stands out: the only one, or the one most findings of these kinds name.
    fn instance(&self, place: &Place<'_>, kinds: &[FindingKind]) -> Option<String> {
        let relevant = |f: &&&Finding| kinds.contains(&place::kind_of(f));
        let of = |f: &Finding| f.instance.clone().or_else(|| instance_label(f));
        let named: Vec<String> = place.findings.iter().filter(relevant).filter_map(|f| of(f)).collect();
        let mut counts: std::collections::BTreeMap<&str, usize> = std::collections::BTreeMap::new();
        for name in &named {
            *counts.entry(name).or_default() += 1;
        }
        if let Some((name, count)) = counts.iter().max_by_key(|(_, n)| **n) {
            return (*count * 5 >= named.len() * 3).then(|| (*name).to_owned());
        }
        let service = self.input.world.services.get(place.name)?;
        match service.instances.as_slice() {
            [only] => Some(only.name.clone()),
            _ => None,
        }
    }

    fn why(&self, hypotheses: &[Hypothesis<'a>], lead: f64, conclusive: bool) -> Vec<String> {
        let mut lines: Vec<String> = hypotheses
            .iter()
            .map(|h| {
                format!(
                    "{} {} ({:.0} %): {}",
                    h.service,
                    words::happened(h.class),
                    h.probability * 100.0,
                    h.why
                )
            })
            .collect();
        let settings = self.input.world.settings;
        let best = &hypotheses[0];
        lines.push(if conclusive {
            format!(
                "conclusive: {:.0} % and {:.0} % ahead of the next",
                best.probability * 100.0,
                lead * 100.0
            )
        } else if best.class == FailureClass::Unknown {
            "inconclusive: nothing shows what kind of failure it is".to_owned()
        } else {
            format!(
                "inconclusive: the best has {:.0} % with a lead of {:.0} %; {:.0} % and {:.0} % are needed",
                best.probability * 100.0,
                lead * 100.0,
                settings.conclusive_probability * 100.0,
                settings.conclusive_lead * 100.0
            )
        });
        lines
    }
}

fn links(places: &[Place<'_>], input: &Input<'_>) -> Vec<Vec<f64>> {
    let world = &input.world;
    let hosts: Vec<Option<&str>> = places.iter().map(|p| world.host(p.name)).collect();
    let mut links = vec![vec![0.0; places.len()]; places.len()];
    for (v, victim) in places.iter().enumerate() {
        let down = world.topology.down(victim.node, world.settings.max_hops);
        for (c, cause) in places.iter().enumerate().filter(|(c, _)| *c != v) {
            let called = down
                .to(cause.node)
                .map_or(0.0, |hops| cause.explains(victim) * 0.95_f64.powi(hops as i32 - 1));
            let same_host = hosts[c].zip(hosts[v]).is_some_and(|(a, b)| a == b);
            let near = if same_host && is_noisy_neighbour(cause, victim) { 0.6 } else { 0.0 };
            links[c][v] = f64::max(called, near);
        }
    }
    links
}

/// A busy processor slows others on the same machine, mildly.
fn is_noisy_neighbour(cause: &Place<'_>, victim: &Place<'_>) -> bool {
    cause.kinds.contains_key(&FindingKind::CpuSaturation)
        && victim.kinds.get(&FindingKind::Latency).is_some_and(|f| excess(f) < 4.0)
}

fn suspicion<'a>(place: &Place<'a>, input: &Input<'a>) -> Option<Suspicion<'a>> {
    let broken = [
        FindingKind::ErrorRate,
        FindingKind::LogNewPattern,
        FindingKind::RestartLoop,
        FindingKind::ProcessExit,
        FindingKind::ProbeFailure,
        FindingKind::Latency,
    ];
    place::suspicion(place.name, place.start_of(&broken), &input.world)
}

/// The classes that the findings of one service speak for, the one that fits best first.
fn judge(place: &Place<'_>, suspicion: Option<&Suspicion<'_>>) -> Vec<Judged> {
    let mut best: Vec<Judged> = Vec::new();
    for rule in RULES {
        let Some(judged) = apply(rule, place, suspicion) else { continue };
        match best.iter_mut().find(|b| b.class == judged.class) {
            Some(known) if known.weight >= judged.weight => {}
            Some(known) => *known = judged,
            None => best.push(judged),
        }
    }
    let total = place.kinds.len().max(1) as f64;
    let fit = |one: &Judged| {
        let covered = place.kinds.keys().filter(|&&k| classes::explains(one.class, k)).count() as f64;
        one.weight + 0.1 * covered / total
    };
    best.sort_by(|a, b| fit(b).total_cmp(&fit(a)).then_with(|| a.class.cmp(&b.class)));
    best.retain(|one| one.weight >= 0.25);
    best
}

fn apply(rule: &Rule, place: &Place<'_>, suspicion: Option<&Suspicion<'_>>) -> Option<Judged> {
    let kinds: Vec<FindingKind> = rule.any.iter().copied().filter(|k| place.kinds.contains_key(k)).collect();
    if kinds.is_empty() || rule.unless.iter().any(|k| place.kinds.contains_key(k)) {
        return None;
    }
    if rule.probe.is_some_and(|wanted| Some(wanted) != place.probe) {
        return None;
    }
    let mut weight = rule.weight;
    if let Some(after) = rule.after {
        weight *= suspicion.filter(|s| s.after == after)?.strength;
    }
    // More load than usual explains slowness and a busy processor without any fault.
    if place.surge && matches!(rule.class, FailureClass::CpuSpin | FailureClass::SlowDependency) {
        weight *= 0.5;
    }
    Some(Judged { class: rule.class, weight, kinds, by_change: rule.after.is_some() })
}

fn instance_label(finding: &Finding) -> Option<String> {
    match &finding.subject {
        model::Subject::Metric { labels, .. } => labels.get("instance").cloned(),
        model::Subject::Process { instance } => Some(instance.clone()),
        _ => None,
    }
}

pub(crate) fn round(value: f64) -> f64 {
    (value.clamp(0.0, 1.0) * 1000.0).round() / 1000.0
}
