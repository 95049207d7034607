//! The loop's whole state and its one entry point: a message goes in, effects come out.
//!
//! Pure: no I/O, no clock, no async. The driver (`drive.rs`) commits the effects' writes before it lets
//! anything happen outside, and rebuilds a `Situation` from documents and journals after a crash.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use decide::triage::Triage;
use decide::{Calibration, Policy};
use diagnose::PastIncident;
use manifest::Runbooks;
use model::{
    ActionCall, ActionSpec, AuditRow, Change, Decision, DecisionId, FailureClass, Finding, FindingId,
    Incident, IncidentId, IncidentStatus, RunId, Service, ServiceGraph, Timestamp, Track,
};
use ports::Op;

use crate::command::{Asker, Command, Refusal, Reply};
use crate::drive::Overlook;
use crate::grouping::{CorrelationMemory, Places, Silence};
use crate::observation::{Observations, Vital};
use crate::records::{EventsSeen, Grants, StopSwitch, put};
use crate::runs::{
    Approval, Folded, Holds, Library, Limits, Runs, ScheduleState, Subscribe, Told, WorkflowDocument,
};
use crate::verify::Watch;
use crate::windows::{Measured, ReadWindows};

/// How patient the loop is. Milliseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patience {
    /// How long the first cause must stay the same before something is decided.
    pub settle_ms: i64,
    /// How long no finding may fire before an incident is resolved.
    pub quiet_ms: i64,
    /// How long a diagnosis may stay inconclusive before a person is called.
    pub inconclusive_ms: i64,
    /// How long telemetry is watched after a fix, in seconds: the workflow input `verify_s`.
    pub verify_s: u64,
    /// How long after a verified fix its findings may still fire before it counts as not held.
    pub linger_ms: i64,
}

impl Default for Patience {
    fn default() -> Self {
        Self { settle_ms: 1_500, quiet_ms: 10_000, inconclusive_ms: 60_000, verify_s: 30, linger_ms: 60_000 }
    }
}

/// What is known of one service besides its record.
#[derive(Clone, Debug, Default)]
pub(crate) struct Vitals {
    /// Newest probe of each instance.
    pub(crate) probes: BTreeMap<String, (bool, Timestamp)>,
    /// Newest end that nobody asked for.
    pub(crate) exited_at: Option<Timestamp>,
    /// Newest value of each service-level metric.
    pub(crate) metrics: BTreeMap<String, (f64, Timestamp)>,
}

/// An action that was carried out, for cooldowns and limits.
#[derive(Clone, Debug)]
pub(crate) struct Acted {
    pub(crate) at: Timestamp,
    pub(crate) service: String,
    pub(crate) action: String,
}

/// An incident that is not over, with what only the loop needs.
#[derive(Clone, Debug)]
pub(crate) struct Open {
    pub(crate) incident: Incident,
    /// Findings changed since the last diagnosis.
    pub(crate) stale: bool,
    pub(crate) diagnosed_at: Timestamp,
    /// Since when the first cause names this service and class.
    pub(crate) top: Option<(String, FailureClass)>,
    pub(crate) top_since: Timestamp,
    /// When the last of its findings cleared.
    pub(crate) quiet_since: Option<Timestamp>,
    /// When a run was verified; findings that fire long after show that it did not hold.
    pub(crate) verified_at: Option<Timestamp>,
    /// The runbook whose fix was verified.
    pub(crate) fixed_by: Option<String>,
    /// When only time stands in the way of a decision: when to decide again.
    pub(crate) retry_at: Option<Timestamp>,
    /// Runbooks that did not help, with the class they were for.
    pub(crate) tried: Vec<(FailureClass, String)>,
    /// What metrics did around the start, as last read.
    pub(crate) measured: Vec<Measured>,
    /// When metrics were last asked for, and how many findings there were.
    pub(crate) read_at: Option<Timestamp>,
    pub(crate) read_findings: usize,
}

impl Open {
    pub(crate) fn new(incident: Incident, now: Timestamp) -> Self {
        Self {
            incident,
            stale: true,
            diagnosed_at: Timestamp::ZERO,
            top: None,
            top_since: now,
            quiet_since: None,
            verified_at: None,
            fixed_by: None,
            retry_at: None,
            tried: Vec::new(),
            measured: Vec::new(),
            read_at: None,
            read_findings: 0,
        }
    }

    /// What was verified does not explain what fires now: diagnose and decide anew.
    pub(crate) fn doubt(&mut self, now: Timestamp) {
        self.verified_at = None;
        self.fixed_by = None;
        self.stale = true;
        self.top_since = now;
    }
}

/// A call that the driver must make once the writes are durable.
#[derive(Clone, Debug, PartialEq)]
pub struct Dispatch {
    /// The run that waits for it.
    pub run: RunId,
    /// What to call.
    pub call: ActionCall,
    /// The host that runs the service it touches.
    pub host: Option<String>,
    /// What stands for secrets in the parameters holds this.
    pub nonce: String,
}

/// What a message led to.
#[derive(Debug, Default)]
pub struct Effects {
    /// Writes, in order, to be committed as one.
    pub ops: Vec<Op>,
    /// Calls to make after the commit.
    pub calls: Vec<Dispatch>,
    /// Subscriptions to begin after the commit.
    pub subscribes: Vec<Subscribe>,
    /// Subscriptions to end: run, listening.
    pub unsubscribes: Vec<(RunId, String)>,
    /// Metrics to read; each is answered with [`Situation::measured`].
    pub reads: Vec<ReadWindows>,
}

impl Effects {
    /// Adds what another message led to.
    pub fn merge(&mut self, other: Self) {
        self.ops.extend(other.ops);
        self.calls.extend(other.calls);
        self.subscribes.extend(other.subscribes);
        self.unsubscribes.extend(other.unsubscribes);
        self.reads.extend(other.reads);
    }
}

/// What was stored, as far as the loop needs it.
#[derive(Clone, Debug, Default)]
pub struct Stored {
    /// Services.
    pub services: Vec<Service>,
    /// Changes of the last hour.
    pub changes: Vec<Change>,
    /// Findings that fire, or did in the last hour.
    pub findings: Vec<Finding>,
    /// Incidents not over.
    pub incidents: Vec<Incident>,
    /// Incidents lately over, newest first.
    pub past: Vec<Incident>,
    /// Decisions of the open incidents.
    pub decisions: Vec<Decision>,
    /// Records of runbooks.
    pub tracks: Vec<Track>,
    /// Outcomes, for calibration.
    pub outcomes: Vec<model::Outcome>,
    /// Grants of autonomy; none before the first were set.
    pub grants: Option<Grants>,
    /// The stop switch.
    pub stop: Option<StopSwitch>,
    /// Runs not over, with their journals folded; or why a journal cannot be read.
    pub runs: Vec<(model::Run, Result<Folded, String>)>,
    /// Workflows that people wrote.
    pub workflows: Vec<WorkflowDocument>,
    /// Questions that wait for an answer.
    pub approvals: Vec<Approval>,
    /// Holds in force.
    pub holds: Option<Holds>,
    /// Where schedules stand.
    pub schedules: Vec<ScheduleState>,
    /// Position in the bus of the newest events that runs were given.
    pub events_seen: u64,
    /// Runs over within the last hour, for cooldowns.
    pub recent_runs: Vec<model::Run>,
    /// Silences that are not over.
    pub silences: Vec<Silence>,
    /// What correlation learned.
    pub correlation: Option<CorrelationMemory>,
    /// The newest audit row.
    pub audit_head: Option<AuditRow>,
}

/// What the loop decides by: files, not state.
#[derive(Clone)]
pub struct Rules {
    /// The policy.
    pub policy: Arc<Policy>,
    /// What happens to findings before anything is decided.
    pub triage: Arc<Triage>,
    /// The runbooks.
    pub runbooks: Arc<Runbooks>,
    /// What the actuators can do, by name.
    pub actions: BTreeMap<String, ActionSpec>,
    /// Tuning of grouping and ranking.
    pub diagnosis: diagnose::Settings,
    /// Business hours, freezes and maintenance windows.
    pub calendar: crate::calendar::Calendar,
    /// The loop's patience.
    pub patience: Patience,
    /// Autonomy while nobody has set any.
    pub default_grants: Grants,
    /// What limits runs.
    pub limits: Limits,
}

/// The loop's state.
pub struct Situation {
    pub(crate) rules: Rules,
    pub(crate) services: BTreeMap<String, Service>,
    pub(crate) observed: ServiceGraph,
    pub(crate) changes: VecDeque<Change>,
    pub(crate) findings: BTreeMap<FindingId, Finding>,
    pub(crate) belongs: BTreeMap<FindingId, IncidentId>,
    pub(crate) incidents: BTreeMap<IncidentId, Open>,
    pub(crate) past: VecDeque<PastIncident>,
    pub(crate) recent_incidents: VecDeque<(Timestamp, String, FailureClass)>,
    pub(crate) decisions: BTreeMap<DecisionId, Decision>,
    pub(crate) runs: Runs,
    /// Position in the bus of the newest events that runs were given.
    pub(crate) events_seen: u64,
    pub(crate) outlook: u64,
    pub(crate) watches: BTreeMap<(RunId, String), Watch>,
    pub(crate) tracks: BTreeMap<(FailureClass, String), Track>,
    pub(crate) judged: VecDeque<(f64, bool)>,
    pub(crate) calibration: Calibration,
    pub(crate) grants: Grants,
    pub(crate) stop: StopSwitch,
    pub(crate) acted: VecDeque<Acted>,
    pub(crate) vitals: BTreeMap<String, Vitals>,
    pub(crate) places: Places,
    pub(crate) dirty: BTreeSet<IncidentId>,
    pub(crate) audit_head: Option<AuditRow>,
    pub(crate) audit_grew: bool,
    pub(crate) now: Timestamp,
}

const REMEMBER_MS: i64 = 3_600_000;
const MAX_CHANGES: usize = 1_000;
const MAX_PAST: usize = 500;

impl Situation {
    /// Rebuilds the state; returns the effects that must be dispatched again (same keys as before).
    #[must_use]
    pub fn resume(rules: Rules, stored: Stored, now: Timestamp) -> (Self, Effects) {
        let (library, limits) = (Arc::new(Library::new(&rules.runbooks)), rules.limits.clone());
        let mut this = Self {
            grants: stored.grants.unwrap_or_else(|| rules.default_grants.clone()),
            rules,
            services: stored.services.into_iter().map(|s| (s.name.clone(), s)).collect(),
            observed: ServiceGraph::default(),
            changes: stored.changes.into_iter().collect(),
            findings: BTreeMap::new(),
            belongs: BTreeMap::new(),
            incidents: BTreeMap::new(),
            past: stored.past.iter().rev().filter_map(crate::diagnose::past_of).collect(),
            recent_incidents: stored
                .past
                .iter()
                .filter_map(|i| i.top_cause().map(|c| (i.opened_at, c.service.clone(), c.class)))
                .collect(),
            decisions: stored.decisions.into_iter().map(|d| (d.id.clone(), d)).collect(),
            runs: Runs::new(library, limits, now),
            events_seen: stored.events_seen,
            outlook: 1,
            watches: BTreeMap::new(),
            tracks: stored.tracks.into_iter().map(|t| ((t.class, t.runbook.clone()), t)).collect(),
            judged: VecDeque::new(),
            calibration: Calibration::default(),
            stop: stored.stop.unwrap_or_default(),
            acted: VecDeque::new(),
            vitals: BTreeMap::new(),
            places: Places::new(stored.correlation, stored.silences),
            dirty: BTreeSet::new(),
            audit_head: stored.audit_head,
            audit_grew: false,
            now,
        };
        for incident in stored.past.iter().chain(&stored.incidents) {
            for finding in &incident.findings {
                this.belongs.insert(finding.clone(), incident.id.clone());
            }
        }
        this.findings = stored.findings.into_iter().map(|f| (f.id.clone(), f)).collect();
        for incident in stored.incidents {
            let mut open = Open::new(incident, now);
            open.tried = this.tried_of(&open.incident, &stored.recent_runs);
            if let Some(run) = verified_run(&open.incident, &stored.recent_runs) {
                open.verified_at = run.ended_at;
                open.fixed_by = Some(run.workflow.clone());
            }
            open.top = open.incident.top_cause().map(|c| (c.service.clone(), c.class));
            // What waited for time alone is decided again: how long it was to wait is not stored.
            open.retry_at = this.waits_for_time(&open.incident).then_some(now);
            this.incidents.insert(open.incident.id.clone(), open);
        }
        this.resume_alerts();
        this.relearn(&stored.outcomes);
        for run in &stored.recent_runs {
            this.remember_acts(run);
        }
        let mut effects = Effects::default();
        let mut told = Told::default();
        this.runs.restore(stored.workflows, stored.approvals, stored.holds, stored.schedules);
        this.runs.set_graph(this.graph());
        this.runs.resume(stored.runs, &mut told);
        this.hear(told, &mut effects);
        this.finish(&mut effects);
        (this, effects)
    }

    /// Takes what the detect stage saw.
    #[must_use]
    pub fn observe(&mut self, now: Timestamp, seen: Observations) -> Effects {
        self.set_now(now);
        let mut effects = Effects::default();
        for vital in seen.vitals {
            self.note_vital(vital);
        }
        for change in seen.changes {
            self.note_change(change, &mut effects);
        }
        if let Some(graph) = seen.graph {
            self.observed = graph;
            self.outlook += 1;
            self.runs.set_graph(self.graph());
        }
        effects.ops.extend(seen.feedback.iter().map(put));
        self.take_findings(seen.findings, &mut effects);
        self.take_events(seen.offset, &seen.events, &mut effects);
        self.advance(&mut effects);
        self.finish(&mut effects);
        effects
    }

    /// Lets time pass.
    #[must_use]
    pub fn tick(&mut self, now: Timestamp) -> Effects {
        self.set_now(now);
        let (mut effects, mut told) = (Effects::default(), Told::default());
        self.runs.tick(&mut told);
        self.hear(told, &mut effects);
        self.check_watches(&mut effects);
        self.weigh_on(&mut effects);
        self.look_at_quieted(&mut effects);
        self.advance(&mut effects);
        self.forget();
        self.finish(&mut effects);
        effects
    }

    /// Does what a person asks, or says why not.
    ///
    /// # Errors
    /// It cannot be done; nothing was changed.
    pub fn command(
        &mut self,
        now: Timestamp,
        asker: &Asker,
        command: Command,
    ) -> Result<(Reply, Effects), Refusal> {
        self.set_now(now);
        let mut effects = Effects::default();
        // A line in the audit log is no reason to look at incidents: what happens elsewhere must not move a decision.
        if let Command::Audit(entry) = command {
            self.audit(entry, &mut effects);
            self.finish(&mut effects);
            return Ok((Reply::Done, effects));
        }
        let reply = match command {
            Command::Acknowledge(id) => self.acknowledge(&id, asker, &mut effects)?,
            Command::Resolve(id, note) => self.resolve_by_hand(&id, &note, asker, &mut effects)?,
            Command::Regroup(request) => self.regroup(request, asker, &mut effects)?,
            Command::AddSilence(silence) => self.add_silence(silence, asker, &mut effects)?,
            Command::EndSilence(id) => self.end_silence(&id, asker, &mut effects)?,
            Command::Approve(id) => self.approve(&id, asker, &mut effects)?,
            Command::Reject(id, reason) => self.reject(&id, &reason, asker, &mut effects)?,
            Command::StartRun { workflow, input, key } => {
                self.start_by_hand(&workflow, input, &key, asker, &mut effects)?
            }
            Command::Runs(command) => self.command_runs(command, asker, &mut effects)?,
            Command::SetGrants(items) => self.set_grants(items, asker, &mut effects),
            Command::SetStop(engaged, reason) => self.set_stop(engaged, reason, asker, &mut effects),
            Command::Audit(_) => Reply::Done,
            Command::Services(source, services) => {
                let reply = self.set_services(&source, services, &mut effects);
                self.runs.set_graph(self.graph());
                reply
            }
        };
        self.outlook += 1;
        self.advance(&mut effects);
        self.finish(&mut effects);
        Ok((reply, effects))
    }

    /// Grows whenever what others look at without asking may have changed.
    #[must_use]
    pub fn outlook(&self) -> u64 {
        self.outlook
    }

    pub(crate) fn set_now(&mut self, now: Timestamp) {
        self.now = now;
        self.runs.set_now(now);
    }

    /// Gives events to runs, each once: a batch that is worked again after a crash gives none.
    fn take_events(&mut self, offset: u64, events: &[serde_json::Value], effects: &mut Effects) {
        if events.is_empty() || offset <= self.events_seen {
            return;
        }
        self.events_seen = offset;
        let mut told = Told::default();
        for event in events {
            self.runs.receive(event, &mut told);
        }
        effects.ops.push(put(&EventsSeen { offset }));
        self.hear(told, effects);
    }

    /// The service graph: what was observed, and what services declare.
    #[must_use]
    pub fn graph(&self) -> ServiceGraph {
        let mut graph = self.observed.clone();
        for service in self.services.values() {
            for callee in &service.depends_on {
                graph.declare(&service.name, callee);
            }
        }
        graph
    }

    /// Takes what the actuators can do; it may grow when a host answers for the first time.
    pub fn set_actions(&mut self, specs: impl Iterator<Item = ActionSpec>) {
        self.rules.actions.extend(specs.map(|spec| (spec.name.clone(), spec)));
    }

    /// What others may look at without asking.
    #[must_use]
    pub fn overlook(&self) -> Overlook {
        Overlook {
            graph: self.graph(),
            stop: self.stop.clone(),
            grants: self.grants.clone(),
            library: Arc::clone(&self.runs.library),
            holds: self.runs.holds().items.clone(),
            schedules: self.runs.schedules().cloned().collect(),
            store_failing: None,
        }
    }

    /// When something of a run is due next.
    #[must_use]
    pub fn next_due(&self) -> Option<Timestamp> {
        self.runs.next_due()
    }

    /// The stop switch.
    #[must_use]
    pub fn stop_switch(&self) -> &StopSwitch {
        &self.stop
    }

    /// Grants in force.
    #[must_use]
    pub fn grants(&self) -> &Grants {
        &self.grants
    }

    fn advance(&mut self, effects: &mut Effects) {
        let ids: Vec<IncidentId> = self.incidents.keys().cloned().collect();
        for id in ids {
            self.want_windows(&id, effects);
            self.rediagnose(&id, effects);
            if !self.settle(&id, effects) {
                self.decide_if_due(&id, effects);
            }
        }
        self.refresh_health(effects);
    }

    /// Writes every incident that changed, once.
    pub(crate) fn finish(&mut self, effects: &mut Effects) {
        let mut told = Told::default();
        self.runs.show(&mut told);
        effects.ops.append(&mut told.ops);
        if std::mem::take(&mut self.audit_grew) {
            effects.ops.extend(self.audit_head.as_ref().map(put));
        }
        for id in std::mem::take(&mut self.dirty) {
            if let Some(open) = self.incidents.get(&id) {
                effects.ops.push(put(&open.incident));
                if open.incident.status == IncidentStatus::Resolved {
                    self.incidents.remove(&id);
                    self.decisions.retain(|_, d| d.incident != id);
                }
            }
        }
    }

    fn note_vital(&mut self, vital: Vital) {
        match vital {
            Vital::Probe { service, instance, ok, at } => {
                self.vitals.entry(service).or_default().probes.insert(instance, (ok, at));
            }
            Vital::Exit { service, expected, at, .. } => {
                if !expected {
                    self.vitals.entry(service).or_default().exited_at = Some(at);
                }
            }
            Vital::Metric { service, name, value, at } => {
                self.vitals.entry(service).or_default().metrics.insert(name, (value, at));
            }
        }
    }

    fn note_change(&mut self, change: Change, effects: &mut Effects) {
        if self.changes.iter().any(|c| c.id == change.id) {
            return;
        }
        effects.ops.push(put(&change));
        self.changes.push_back(change);
        if self.changes.len() > MAX_CHANGES {
            self.changes.pop_front();
        }
        for open in self.incidents.values_mut() {
            open.stale = true;
        }
    }

    fn forget(&mut self) {
        let old = self.now.plus_ms(-REMEMBER_MS);
        self.changes.retain(|c| c.at >= old);
        self.acted.retain(|a| a.at >= old);
        self.recent_incidents.retain(|(at, _, _)| *at >= old);
        let incidents = &self.incidents;
        let belongs = &self.belongs;
        self.findings.retain(|id, f| {
            f.state == model::FindingState::Firing
                || f.last_seen_at >= old
                || belongs.get(id).is_some_and(|i| incidents.contains_key(i))
        });
        let findings = &self.findings;
        self.belongs.retain(|id, _| findings.contains_key(id));
        self.places.alerts.keep(|id| findings.contains_key(id));
        while self.past.len() > MAX_PAST {
            self.past.pop_front();
        }
    }
}

/// The newest run of an incident, when it was verified.
fn verified_run<'a>(incident: &Incident, runs: &'a [model::Run]) -> Option<&'a model::Run> {
    let newest = incident.runs.last()?;
    runs.iter().find(|r| r.id == *newest && r.status == model::RunStatus::Completed)
}

/// Name of the journal of a run.
#[must_use]
pub fn run_journal(run: &RunId) -> String {
    format!("run/{run}")
}
