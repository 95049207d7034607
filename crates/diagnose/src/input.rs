//! What diagnosis is told and what it answers. Types only.

use std::collections::BTreeMap;

use model::{
    Cause, Change, Evidence, FailureClass, Finding, FindingKind, Impact, IncidentId, Service, ServiceGraph,
    Severity, Timestamp,
};
use serde::{Deserialize, Serialize};

use crate::topology::Topology;
use crate::windows::{Symptom, Window};

/// Numbers that tune grouping and ranking. The defaults fit services that are probed every few seconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// A finding joins an incident at most this long after the incident's newest sign of trouble, ms.
    pub join_window_ms: i64,
    /// Trouble is followed along at most this many calls.
    pub max_hops: usize,
    /// How strong a link must be for a finding to join, 0 to 1.
    pub join_threshold: f64,
    /// A change is suspected fully when trouble starts within this time after it, ms.
    pub change_fresh_ms: i64,
    /// After that the suspicion falls by a factor e in each such time, ms.
    pub change_decay_ms: i64,
    /// A change older than this before the start of trouble is not suspected, ms.
    pub change_window_ms: i64,
    /// Starts this close count as together: estimates of detectors differ by so much, ms.
    pub jitter_ms: i64,
    /// Probability that the best cause needs for the diagnosis to be conclusive.
    pub conclusive_probability: f64,
    /// Lead over the second cause that the best needs for the diagnosis to be conclusive.
    pub conclusive_lead: f64,
    /// How much of the time before the start a chart or a log search shows, ms.
    pub evidence_before_ms: i64,
    /// How many causes are reported at most.
    pub max_causes: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            join_window_ms: 120_000,
            max_hops: 4,
            join_threshold: 0.5,
            change_fresh_ms: 60_000,
            change_decay_ms: 120_000,
            change_window_ms: 900_000,
            jitter_ms: 15_000,
            conclusive_probability: 0.6,
            conclusive_lead: 0.25,
            evidence_before_ms: 120_000,
            max_causes: 5,
        }
    }
}

/// What is known of the system around an incident, all of it borrowed: thousands of services cost nothing
/// until something is asked about them.
#[derive(Clone, Copy, Debug)]
pub struct World<'a> {
    /// Who calls whom, as observed and as declared.
    pub topology: &'a Topology,
    /// The calls that were observed, with their figures.
    pub observed: &'a ServiceGraph,
    /// The services as known now, by name. May lack services that findings name.
    pub services: &'a BTreeMap<String, Service>,
    /// Recent changes, in any order; in the two parts that a ring buffer has.
    pub changes: (&'a [Change], &'a [Change]),
    /// Tuning.
    pub settings: &'a Settings,
}

impl<'a> World<'a> {
    /// Every recent change.
    pub(crate) fn changes(&self) -> impl Iterator<Item = &'a Change> + use<'a> {
        self.changes.0.iter().chain(self.changes.1)
    }

    /// The machine that a service runs on, by the host that runs it.
    pub(crate) fn host(&self, service: &str) -> Option<&'a str> {
        self.services.get(service)?.host.as_deref()
    }
}

/// An incident that is over, as far as it helps to recognise the next one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PastIncident {
    /// That incident.
    pub incident: IncidentId,
    /// The service at fault.
    pub service: String,
    /// What it turned out to be.
    pub class: FailureClass,
    /// Kinds of findings the service at fault had.
    pub kinds: Vec<FindingKind>,
    /// The runbook that fixed it, or who did.
    pub fixed_by: String,
    /// Whether that fix held. One that did not hold is no precedent.
    pub held: bool,
}

/// Everything a diagnosis may look at.
#[derive(Clone, Debug)]
pub struct Input<'a> {
    /// Now. Only ranges of evidence depend on it.
    pub at: Timestamp,
    /// The incident.
    pub incident: &'a IncidentId,
    /// Its findings, in any order, cleared ones included.
    pub findings: Vec<&'a Finding>,
    /// The system around it.
    pub world: World<'a>,
    /// What metrics did around the start, those of services that say nothing included. May be empty: then findings
    /// alone decide.
    pub windows: &'a [Window<'a>],
    /// Where trouble was noticed besides the findings: an objective that is missed, a person's word. May be empty.
    pub symptoms: &'a [Symptom<'a>],
    /// Incidents that are over.
    pub past: &'a [PastIncident],
    /// Requests a second by service, as usual (before the trouble). May be empty; then shares of traffic
    /// are guessed from the graph.
    pub request_rates: &'a BTreeMap<&'a str, f64>,
}

/// What is thought of one incident.
#[derive(Clone, Debug, PartialEq)]
pub struct Diagnosis {
    /// Ranked hypotheses, most probable first. Probabilities sum to at most 1.
    pub causes: Vec<Cause>,
    /// What the causes cite.
    pub evidence: Vec<Evidence>,
    /// False when no cause stands out, or the best has no known class.
    pub conclusive: bool,
    /// One line for people.
    pub title: String,
    /// How bad for the services.
    pub severity: Severity,
    /// How bad for the business.
    pub impact: Impact,
    /// Services with findings, the one at fault first.
    pub services: Vec<String>,
    /// How the ranking came about, one line each.
    pub why: Vec<String>,
}
