//! The engine as others see it: open it over ports, feed it, read it, ask it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use model::{
    AuditEntry, AuditRow, Change as ServiceChange, Decision, Explanation, Finding, FindingState, Incident,
    Outcome, Run, RunId, Service, Tier, Timestamp, Track,
};
use ports::{
    Actuator, Blobs, Bus, Clock, Explainer, Filter, Index, Logs, Query, Resources, Secrets, Series, Store,
    Subscriber, Topic,
};
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use workflow::yaml::ParseError;

use ::decide::triage::{Matcher, Subject, Triage};
use ::detect::{Report, Settings};

use crate::act::manual_run_id;
use crate::command::{Asker, Command, Refusal, Reply};
use crate::detect::{Detect, Progress, Pulse};
use crate::documents::Documents;
use crate::drive::{Drive, Message, Overlook};
use crate::explain::{ExplainLimits, ExplainRefusal, Explaining, Stage, refuse_explain};
use crate::functions::Functions;
use crate::grouping::{CorrelationMemory, MAX_SILENCES, Rehearsal, Silence, rehearse};
use crate::operate::RunCommand;
use crate::records::{EventsSeen, Grants, Record, Records, StopSwitch};
use crate::runs::{Approval, ApprovalState, Change, Holds, Pinned, ScheduleState, WorkflowDocument};
use crate::sense::Intake;
use crate::situation::{Rules, Situation, Stored};
use crate::stories::Stories;

/// The outside, as the engine needs it.
pub struct Ports {
    /// Documents and journals.
    pub store: Arc<dyn Store>,
    /// Signals.
    pub bus: Arc<dyn Bus>,
    /// Metrics.
    pub series: Arc<dyn Series>,
    /// Logs.
    pub logs: Arc<dyn Logs>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Values too large for a record.
    pub blobs: Arc<dyn Blobs>,
    /// Secrets that workflows may use.
    pub secrets: Arc<dyn Secrets>,
    /// Functions that workflows may call beyond the actions of hosts.
    pub functions: Vec<Arc<dyn Actuator>>,
    /// Reads what workflow documents take from elsewhere; none when nothing here can.
    pub resources: Option<Arc<dyn Resources>>,
    /// Gives workflows messages of other systems; none when nothing here can.
    pub subscriber: Option<Arc<dyn Subscriber>>,
    /// A language model that explains incidents; none unless one is set up.
    pub explainer: Option<Arc<dyn Explainer>>,
    /// What carries out actions, by the name of the host (the source that reports its services).
    pub actuators: BTreeMap<String, Arc<dyn Actuator>>,
}

/// What the engine is told at start.
pub struct Options {
    /// Policy, runbooks, patience, autonomy.
    pub rules: Rules,
    /// Detector settings.
    pub detection: Settings,
    /// What bounds explaining.
    pub explain: ExplainLimits,
    /// How often positions are saved.
    pub checkpoint_every: Duration,
}

/// A running engine. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    intake: Intake,
    records: Records,
    stories: Stories,
    functions: Arc<Functions>,
    documents: Arc<Documents>,
    actuators: BTreeMap<String, Arc<dyn Actuator>>,
    series: Arc<dyn Series>,
    logs: Arc<dyn Logs>,
    bus: Arc<dyn Bus>,
    clock: Arc<dyn Clock>,
    rules: Rules,
    explaining: Option<Arc<Explaining>>,
    to_loop: mpsc::Sender<Message>,
    overlook: watch::Receiver<Overlook>,
    pulse: watch::Receiver<Pulse>,
    report: watch::Receiver<Arc<Report>>,
    detection: Settings,
    progress: Arc<Progress>,
    cancel: CancellationToken,
    tasks: TaskTracker,
}

/// Room for messages before the detect stage waits for the loop.
pub(crate) const INBOX: usize = 1_024;
const HEARTBEAT: Duration = Duration::from_millis(250);
const HOUR_MS: i64 = 3_600_000;
/// Findings that a rehearsal looks at.
const MAX_REHEARSED: usize = 10_000;
/// How often a change of a run is tried again because the run went on.
const CHANGE_ATTEMPTS: usize = 5;
/// Runs whose journals are read together while runs are resumed.
const READ_TOGETHER: usize = 1_000;
/// Most runs that are resumed.
const MAX_RUNS: usize = 1_000_000;

impl Engine {
    /// Rebuilds the state, resumes every run and starts to work.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn open(ports: Ports, options: Options) -> ports::Result<Self> {
        let now = ports.clock.now();
        let records = Records::new(Arc::clone(&ports.store));
        let stories = Stories::new(records.clone(), Arc::clone(&ports.blobs));
        let stored = load(&records, &stories, now).await?;
        let mut rules = options.rules;
        for spec in ports.actuators.values().flat_map(|a| a.actions()) {
            rules.actions.insert(spec.name.clone(), spec);
        }
        let (situation, resumed) = Situation::resume(rules.clone(), stored, now);
        let (to_loop, inbox) = mpsc::channel(INBOX);
        let (overlook, overlook_seen) = watch::channel(Overlook::default());
        let (pulse, pulse_seen) = watch::channel(Pulse::default());
        let (report, report_seen) = watch::channel(Arc::default());
        let cancel = CancellationToken::new();
        let tasks = TaskTracker::new();
        let node = now.as_unix_ms().to_string();
        let intake = Intake::new(Arc::clone(&ports.bus), Arc::clone(&ports.clock), node);
        let documents = Arc::new(Documents::new(ports.resources, Arc::clone(&ports.secrets)));
        let functions =
            Arc::new(Functions::new(ports.functions, ports.secrets, ports.subscriber, intake.clone()));
        let explaining = ports.explainer.map(|model| Arc::new(Explaining::new(model, options.explain)));
        let engine = Self {
            intake,
            records,
            stories,
            functions: Arc::clone(&functions),
            documents,
            actuators: ports.actuators.clone(),
            series: Arc::clone(&ports.series),
            logs: Arc::clone(&ports.logs),
            bus: Arc::clone(&ports.bus),
            clock: Arc::clone(&ports.clock),
            rules,
            explaining,
            to_loop: to_loop.clone(),
            overlook: overlook_seen,
            pulse: pulse_seen,
            report: report_seen,
            detection: options.detection.clone(),
            progress: Arc::default(),
            cancel: cancel.clone(),
            tasks: tasks.clone(),
        };
        let drive = Drive {
            situation,
            store: Arc::clone(&ports.store),
            series: Arc::clone(&ports.series),
            clock: ports.clock,
            blobs: ports.blobs,
            actuators: ports.actuators,
            functions,
            subscriptions: BTreeMap::new(),
            shown: 0,
            inbox,
            to_loop: to_loop.downgrade(),
            overlook,
        };
        let loop_cancel = CancellationToken::new();
        let detect = Detect {
            bus: ports.bus,
            store: ports.store,
            series: ports.series,
            logs: ports.logs,
            to_loop,
            progress: Arc::clone(&engine.progress),
            pulse,
            report,
            settings: options.detection,
            checkpoint_every: options.checkpoint_every,
        };
        tasks.spawn(drive.run(resumed, loop_cancel.clone()));
        tasks.spawn({
            let cancel = cancel.clone();
            async move {
                // The loop outlives the detect stage, whose last checkpoint needs it.
                detect.run(cancel).await;
                loop_cancel.cancel();
            }
        });
        if let Some(stage) = engine.stage() {
            tasks.spawn(stage.run(cancel.clone()));
        }
        tasks.spawn(heartbeat(engine.intake.clone(), cancel));
        tasks.close();
        Ok(engine)
    }

    /// The task that explains incidents, when there is a model.
    fn stage(&self) -> Option<Stage> {
        Some(Stage {
            explaining: Arc::clone(self.explaining.as_ref()?),
            records: self.records.clone(),
            clock: Arc::clone(&self.clock),
            overlook: self.overlook.clone(),
            to_loop: self.to_loop.clone(),
        })
    }

    /// The model that explains incidents; none when none is set up.
    #[must_use]
    pub fn explaining(&self) -> Option<&Explaining> {
        self.explaining.as_deref()
    }

    /// Asks the model about an incident, with a question or for an explanation. The answer comes later, into the
    /// document of the incident's explanation.
    ///
    /// # Errors
    /// There is no model or no such incident, it cannot be asked now, or too much was asked.
    pub async fn explain(
        &self,
        asker: Asker,
        incident: &str,
        question: Option<String>,
    ) -> Result<Explanation, ExplainRefusal> {
        let found = self.records.get::<Incident>(incident).await?;
        let found = found.ok_or_else(|| Refusal::NotFound(format!("there is no incident {incident}")))?;
        let Some(explaining) = &self.explaining else {
            let reason = refuse_explain(false, &found, None).unwrap_or_default();
            return Err(Refusal::Conflict(reason).into());
        };
        let now = self.clock.now();
        let explanation = explaining.ask(&self.records, &asker, &found, question, now).await?;
        let entry = AuditEntry {
            at: now,
            actor: asker.actor,
            action: "explanation.asked".to_owned(),
            subject: found.id.to_string(),
            details: serde_json::json!({"provider": explanation.provider, "model": explanation.model,
                "question": explanation.question}),
            correlation_id: Some(found.correlation_id),
        };
        self.ask(Asker::system(), Command::Audit(entry)).await?;
        Ok(explanation)
    }

    /// Takes signals.
    #[must_use]
    pub fn intake(&self) -> &Intake {
        &self.intake
    }

    /// Reads records.
    #[must_use]
    pub fn records(&self) -> &Records {
        &self.records
    }

    /// Reads metrics.
    #[must_use]
    pub fn series(&self) -> &Arc<dyn Series> {
        &self.series
    }

    /// Reads logs.
    #[must_use]
    pub fn logs(&self) -> &Arc<dyn Logs> {
        &self.logs
    }

    /// The policy, the runbooks and the actions in force.
    #[must_use]
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Findings that fire now and that a condition means, newest first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn firing(&self, matcher: &Matcher) -> ports::Result<Vec<Finding>> {
        let state = Index::Text(crate::records::name_of(&FindingState::Firing));
        let query = Query::of(Finding::KIND)
            .filter(Filter::In("state", vec![state]))
            .order("last_seen_at", ports::Direction::Descending);
        let findings = self.records.all::<Finding>(query, MAX_REHEARSED).await?;
        let services = self.records.all::<Service>(Query::of(Service::KIND), 100_000).await?;
        let services: BTreeMap<&str, &Service> = services.iter().map(|s| (s.name.as_str(), s)).collect();
        let now = self.clock.now();
        let means = |finding: &Finding| {
            let service = services.get(finding.service.as_str());
            let tier = service.map_or(Tier::Standard, |s| s.tier);
            let owner = service.and_then(|s| s.owner.as_deref()).unwrap_or_default();
            matcher.holds(Subject { finding, tier, owner }, now)
        };
        Ok(findings.into_iter().filter(means).collect())
    }

    /// Where the findings since then would go under these rules: nothing is changed.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn rehearse(&self, triage: Arc<Triage>, since: Timestamp) -> ports::Result<Rehearsal> {
        let query =
            Query::of(Finding::KIND).filter(Filter::AtLeast("last_seen_at", Index::Int(since.as_unix_ms())));
        let mut findings = self.records.all::<Finding>(query, MAX_REHEARSED).await?;
        findings.sort_by(|a, b| (a.detected_at, &a.id).cmp(&(b.detected_at, &b.id)));
        let services = self.records.all::<Service>(Query::of(Service::KIND), 100_000).await?;
        let (rules, graph) = (self.rules.clone(), self.overlook.borrow().graph.clone());
        let work = tokio::task::spawn_blocking(move || rehearse(&rules, triage, services, &graph, &findings));
        work.await.map_err(|error| ports::Error::failed("rehearse", ports::Retry::Temporary, error))
    }

    /// Now, by the engine's clock.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Graph, stop switch and grants.
    #[must_use]
    pub fn overlook(&self) -> Overlook {
        self.overlook.borrow().clone()
    }

    /// The newest numbers over all services.
    #[must_use]
    pub fn pulse(&self) -> Pulse {
        *self.pulse.borrow()
    }

    /// What detection watches and where it drifts, as of a few seconds ago.
    #[must_use]
    pub fn detection(&self) -> Arc<Report> {
        Arc::clone(&self.report.borrow())
    }

    /// The settings that detection works under.
    #[must_use]
    pub fn detection_settings(&self) -> &Settings {
        &self.detection
    }

    /// How far the detect stage is behind the bus, in batches, and how many signals it worked.
    #[must_use]
    pub fn lag(&self) -> (u64, u64) {
        let newest = *self.bus.watch(Topic::Signals).borrow();
        let worked = self.progress.offset.load(Ordering::Relaxed);
        (newest.saturating_sub(worked), self.progress.signals.load(Ordering::Relaxed))
    }

    /// Batches that could not be read back since start.
    #[must_use]
    pub fn corrupt_batches(&self) -> u64 {
        self.progress.corrupt.load(Ordering::Relaxed)
    }

    /// Asks the loop; answered once the answer is durable.
    ///
    /// # Errors
    /// It cannot be done, or the engine is stopping.
    pub async fn ask(&self, asker: Asker, command: Command) -> Result<Reply, Refusal> {
        if let Command::StartRun { key, .. } = &command {
            // The loop remembers runs that are not over; the store remembers the others.
            let id = manual_run_id(key);
            match self.records.get::<Run>(id.as_str()).await {
                Ok(Some(_)) => return Ok(Reply::Run(id)),
                Ok(None) => {}
                // Starting it all the same could start it twice.
                Err(error) => {
                    return Err(Refusal::Conflict(format!(
                        "it is not known whether this key was used ({error}); try again"
                    )));
                }
            }
        }
        let (reply, answer) = oneshot::channel();
        self.to_loop.send(Message::Asked(asker, command, reply)).await.map_err(|_| Refusal::Stopping)?;
        answer.await.map_err(|_| Refusal::Stopping)?
    }

    /// Tells of runs from their journals.
    #[must_use]
    pub fn stories(&self) -> &Stories {
        &self.stories
    }

    /// Changes the course of a run: reads its journal, then asks the loop; again when the run went on meanwhile.
    ///
    /// # Errors
    /// There is no such run, its journal cannot be read, or the change is refused.
    pub async fn change(&self, asker: &Asker, run: &RunId, change: &Change) -> Result<Reply, Refusal> {
        let mut last = Refusal::Moved;
        for _ in 0..CHANGE_ATTEMPTS {
            let loaded = self
                .stories
                .load(run.as_str())
                .await
                .map_err(|error| Refusal::Conflict(format!("its journal cannot be read: {error}")))?
                .ok_or_else(|| Refusal::NotFound(format!("there is no run {run}")))?;
            let command = Command::Runs(RunCommand::Change(Box::new(loaded), change.clone()));
            match self.ask(asker.clone(), command).await {
                Err(Refusal::Moved) => last = Refusal::Moved,
                other => return other,
            }
        }
        Err(last)
    }

    /// Reads a workflow document and fetches what it takes from elsewhere, with the secrets that it names: only
    /// for somebody who may store workflows.
    ///
    /// # Errors
    /// It is no workflow, or something it takes from elsewhere cannot be had; line and column say where.
    pub async fn read_workflow(&self, file: &str, source: &str) -> Result<Pinned, ParseError> {
        self.documents.read(file, source).await
    }

    /// What a planned call would do, one sentence; it does nothing.
    pub async fn would(&self, planned: &workflow::PlannedCall) -> String {
        let (function, parameters) = (planned.function.as_str(), &planned.parameters);
        let text = |name: &str| parameters[name].as_str().unwrap_or_default();
        match function {
            crate::runs::APPROVE => return format!("ask a person: {}", text("message")),
            crate::runs::NOTIFY => return format!("tell people: {}", text("message")),
            crate::runs::RUN_WORKFLOW => {
                return format!("run the workflow {}.{}", text("namespace"), text("name"));
            }
            manifest::VERIFY => return format!("watch {} and say whether it holds", text("service")),
            _ => {}
        }
        let offers = |a: &&Arc<dyn Actuator>| a.actions().iter().any(|s| s.name == function);
        let found = self.functions.get(function).or_else(|| self.actuators.values().find(offers).cloned());
        let Some(actuator) = found else {
            return format!("nothing here offers {function}; the call would fail");
        };
        let call = model::ActionCall {
            action: function.to_owned(),
            parameters: parameters.clone(),
            idempotency_key: "plan".to_owned(),
        };
        match actuator.dry_run(&call).await {
            Ok(would) => would,
            // What it was asked about is not what it will be asked to do.
            Err(_) if !planned.depends_on.is_empty() => {
                format!("call {function}; with what exactly depends on {}", planned.depends_on.join(", "))
            }
            Err(failure) => format!("fail: {}", failure.message),
        }
    }

    /// Whether the loop runs. It ends with `shutdown`, and when it finds its state broken.
    #[must_use]
    pub fn is_running(&self) -> bool {
        !self.to_loop.is_closed()
    }

    /// Stops: takes a last checkpoint, leaves runs to be resumed.
    pub async fn shutdown(&self) {
        self.cancel.cancel();
        self.tasks.wait().await;
    }
}

/// An empty batch when nothing else came: detectors see silence through it, also in a replay.
async fn heartbeat(intake: Intake, cancel: CancellationToken) {
    let mut tick = tokio::time::interval(HEARTBEAT);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    let mut seen = 0;
    loop {
        tokio::select! { _ = tick.tick() => {}, () = cancel.cancelled() => return }
        if intake.batches() == seen
            && let Err(error) = intake.accept("heartbeat", Vec::new()).await
        {
            tracing::warn!(%error, "Heartbeat was not taken.");
        }
        seen = intake.batches();
    }
}

async fn load(records: &Records, stories: &Stories, now: Timestamp) -> ports::Result<Stored> {
    let since = Index::Int(now.as_unix_ms() - HOUR_MS);
    let open = |name: &str| Index::Text(name.to_owned());
    let live = ["open", "acknowledged", "mitigating", "verifying"].map(open).to_vec();
    let incidents =
        records.all::<Incident>(Query::of(Incident::KIND).filter(Filter::In("status", live)), 10_000).await?;
    let past = records
        .all::<Incident>(
            Query::of(Incident::KIND)
                .filter(Filter::In("status", vec![open("resolved")]))
                .order("opened_at", ports::Direction::Descending),
            500,
        )
        .await?;
    let mut findings = records
        .all::<Finding>(
            Query::of(Finding::KIND).filter(Filter::AtLeast("last_seen_at", since.clone())),
            50_000,
        )
        .await?;
    findings.extend(
        records
            .all::<Finding>(
                Query::of(Finding::KIND).filter(Filter::In("state", vec![open("firing")])),
                50_000,
            )
            .await?,
    );
    for id in incidents.iter().flat_map(|i| &i.findings) {
        if !findings.iter().any(|f| &f.id == id) {
            findings.extend(records.get::<Finding>(id.as_str()).await?);
        }
    }
    let mut decisions = Vec::new();
    for incident in &incidents {
        let id = Index::Text(incident.id.to_string());
        let query = Query::of(Decision::KIND).filter(Filter::In("incident", vec![id]));
        decisions.extend(records.all::<Decision>(query, 1_000).await?);
    }
    let working = ["pending", "running", "waiting", "suspended"].map(open).to_vec();
    let open_runs =
        records.all::<Run>(Query::of(Run::KIND).filter(Filter::In("status", working)), MAX_RUNS).await?;
    let mut runs = Vec::with_capacity(open_runs.len());
    let mut open_runs = open_runs.into_iter();
    loop {
        let some: Vec<Run> = open_runs.by_ref().take(READ_TOGETHER).collect();
        if some.is_empty() {
            break;
        }
        runs.append(&mut stories.fold(some).await?);
    }
    let pending = Filter::In("state", vec![open(&crate::records::name_of(&ApprovalState::Pending))]);
    let recent = Query::of(Run::KIND).filter(Filter::AtLeast("started_at", since.clone()));
    Ok(Stored {
        services: records.all::<Service>(Query::of(Service::KIND), 100_000).await?,
        changes: records
            .all::<ServiceChange>(Query::of(ServiceChange::KIND).filter(Filter::AtLeast("at", since)), 10_000)
            .await?,
        findings,
        incidents,
        past,
        decisions,
        tracks: records.all::<Track>(Query::of(Track::KIND), 10_000).await?,
        outcomes: records
            .all::<Outcome>(Query::of(Outcome::KIND).order("at", ports::Direction::Descending), 5_000)
            .await?,
        grants: records.get::<Grants>("all").await?,
        stop: records.get::<StopSwitch>("all").await?,
        runs,
        workflows: records.all(Query::of(WorkflowDocument::KIND), 100_000).await?,
        approvals: records.all(Query::of(Approval::KIND).filter(pending), 100_000).await?,
        holds: records.get::<Holds>("all").await?,
        schedules: records.all(Query::of(ScheduleState::KIND), 100_000).await?,
        silences: records
            .all(
                Query::of(Silence::KIND).filter(Filter::AtLeast("ends_at", Index::Int(now.as_unix_ms()))),
                MAX_SILENCES,
            )
            .await?,
        correlation: records.get::<CorrelationMemory>("all").await?,
        events_seen: records.get::<EventsSeen>("all").await?.unwrap_or_default().offset,
        recent_runs: records.all::<Run>(recent, 10_000).await?,
        audit_head: records.get::<AuditRow>("all").await?,
    })
}
