//! Stage "act": runs of workflows, journaled before their effects count.
//!
//! The journal of a run begins with the text of its definition, so a run never changes under way when a
//! file does; then come its events. What is not in the journal has not happened.

use std::sync::Arc;

use model::{
    ActionCall, CorrelationId, Decision, Incident, IncidentId, IncidentStatus, Inverse, OutcomeKind,
    Recommendation, Run, RunId, RunPurpose, RunStatus, TimelineKind, Timestamp,
};
use ports::{Expected, Op};
use serde_json::{Value, json};
use workflow::{Definition, Effect, Event, Trail, WorkflowError};

use crate::command::{Asker, Refusal, Reply, refuse_cancel};
use crate::learn::Lesson;
use crate::records::{name_of, put};
use crate::situation::{Acted, Dispatch, Effects, Situation, run_journal};

/// A run that is not over.
pub(crate) struct ActiveRun {
    pub(crate) run: Run,
    definition: Arc<Definition>,
    trail: Trail,
    records: u64,
}

/// What came of a call.
#[derive(Clone, Debug, PartialEq)]
pub enum CallAnswer {
    /// It was done.
    Done {
        /// Its output.
        output: Value,
        /// What undoes it.
        inverse: Option<Inverse>,
    },
    /// It was not done.
    Failed {
        /// Why, for people.
        message: String,
        /// Whether calling again may help.
        retryable: bool,
    },
}

impl CallAnswer {
    /// Nothing offers this function.
    #[must_use]
    pub fn unknown_function(name: &str) -> Self {
        Self::Failed {
            message: format!("nothing here offers the action {name}; connect a host that does"),
            retryable: false,
        }
    }
}

/// What a new run is made of.
struct Order {
    id: RunId,
    runbook: String,
    service: Option<String>,
    purpose: RunPurpose,
    input: Value,
    correlation_id: CorrelationId,
}

impl Situation {
    /// The run that works on an incident.
    pub(crate) fn run_of(&self, incident: &IncidentId) -> Option<&RunId> {
        self.runs
            .values()
            .find(|r| matches!(&r.run.purpose, RunPurpose::Incident { incident: i, .. } if i == incident))
            .map(|r| &r.run.id)
    }

    /// Takes what came of a call.
    #[must_use]
    pub fn answer(&mut self, now: Timestamp, run: &RunId, key: &str, answer: CallAnswer) -> Effects {
        self.now = now;
        let mut effects = Effects::default();
        self.take_answer(run, key, answer, &mut effects);
        self.finish(&mut effects);
        effects
    }

    pub(crate) fn take_answer(&mut self, run: &RunId, key: &str, answer: CallAnswer, effects: &mut Effects) {
        let at = self.now;
        let event = match answer {
            CallAnswer::Done { output, inverse } => {
                self.remember_act(run, key);
                Event::CallSucceeded { key: key.to_owned(), output, inverse, at }
            }
            CallAnswer::Failed { message, retryable } => Event::CallFailed {
                key: key.to_owned(),
                error: WorkflowError::communication(502, message),
                retryable,
                at,
            },
        };
        self.feed(run, event, effects);
    }

    /// Starts the workflow that a decision recommends.
    pub(crate) fn start_for(
        &mut self,
        incident: &Incident,
        decision: &Decision,
        recommendation: &Recommendation,
        effects: &mut Effects,
    ) -> Option<RunId> {
        let id = RunId::derive(self.now, &[decision.id.as_str()]);
        let order = Order {
            id: id.clone(),
            runbook: recommendation.runbook.clone(),
            service: Some(recommendation.service.clone()),
            purpose: RunPurpose::Incident {
                incident: incident.id.clone(),
                decision: decision.id.clone(),
                class: recommendation.class,
                confidence: decision.confidence.raw,
            },
            input: recommendation.input.clone(),
            correlation_id: incident.correlation_id.clone(),
        };
        if let Some(open) = self.incidents.get_mut(&incident.id) {
            open.incident.status = IncidentStatus::Mitigating;
            open.incident.runs.push(id.clone());
            open.verified_at = None;
            open.fixed_by = None;
        }
        let text = format!("Started {} on {}", recommendation.runbook, recommendation.service);
        self.note(&incident.id, TimelineKind::Run, text, Some(id.to_string()));
        self.start(order, effects).then_some(id)
    }

    pub(crate) fn start_by_hand(
        &mut self,
        runbook: &str,
        input: Value,
        key: &str,
        asker: &Asker,
        effects: &mut Effects,
    ) -> Result<Reply, Refusal> {
        let id = manual_run_id(key);
        if self.runs.contains_key(&id) {
            return Ok(Reply::Run(id));
        }
        if self.rules.runbooks.get(runbook).is_none() {
            return Err(Refusal::NotFound(format!("there is no runbook {runbook:?}")));
        }
        if !input.is_object() {
            return Err(Refusal::Invalid("the input of a workflow must be a JSON object".into()));
        }
        let order = Order {
            id: id.clone(),
            runbook: runbook.to_owned(),
            service: input["service"].as_str().map(ToOwned::to_owned),
            purpose: RunPurpose::Manual { actor: asker.name().to_owned() },
            input: self.with_defaults(input),
            correlation_id: CorrelationId::derive(self.now, &["manual", key]),
        };
        self.audit_asked(asker, "run.requested", id.as_str(), json!({"runbook": runbook}), effects);
        self.start(order, effects);
        Ok(Reply::Run(id))
    }

    fn with_defaults(&self, mut input: Value) -> Value {
        if let Some(fields) = input.as_object_mut() {
            fields.entry("verify_s").or_insert_with(|| json!(self.rules.patience.verify_s));
        }
        input
    }

    pub(crate) fn cancel_run(
        &mut self,
        id: &RunId,
        asker: &Asker,
        effects: &mut Effects,
    ) -> Result<Reply, Refusal> {
        let active =
            self.runs.get(id).ok_or_else(|| Refusal::NotFound(format!("no run {id} is under way")))?;
        if let Some(reason) = refuse_cancel(&active.run) {
            return Err(Refusal::Conflict(reason));
        }
        self.audit_asked(asker, "run.cancelled", id.as_str(), json!({}), effects);
        self.feed(id, Event::CancelRequested { by: asker.name().to_owned(), at: self.now }, effects);
        Ok(Reply::Done)
    }

    /// False when the workflow could not even begin; the run is then recorded as failed.
    fn start(&mut self, order: Order, effects: &mut Effects) -> bool {
        let Some(runbook) = self.rules.runbooks.get(&order.runbook) else { return false };
        let definition = Arc::clone(&runbook.definition);
        let pinned = json!({"definition": runbook.workflow, "file": runbook.name});
        let run = Run {
            id: order.id.clone(),
            workflow: order.runbook,
            version: definition.document().version.clone(),
            service: order.service,
            purpose: order.purpose,
            status: RunStatus::Pending,
            input: order.input.clone(),
            output: Value::Null,
            steps: Vec::new(),
            error: None,
            started_at: self.now,
            ended_at: None,
            correlation_id: order.correlation_id.clone(),
        };
        tracing::info!(run.id = %run.id, workflow = run.workflow, service.name = run.service, "Started run.");
        let details = json!({"workflow": run.workflow, "service": run.service, "input": run.input});
        self.audit_own("run.started", run.id.as_str(), details, Some(order.correlation_id), effects);
        effects.ops.push(Op::Append {
            journal: run_journal(&run.id),
            expected: Expected::Absent,
            records: vec![pinned],
        });
        let trail = Trail::new(run.id.as_str());
        self.runs.insert(run.id.clone(), ActiveRun { run, definition, trail, records: 1 });
        let seed = self.now.as_unix_ms().unsigned_abs();
        self.feed(&order.id, Event::Started { input: order.input, seed, at: self.now }, effects);
        true
    }

    /// Journals an event, applies it, and takes what it leads to.
    fn feed(&mut self, id: &RunId, event: Event, effects: &mut Effects) {
        let Some(active) = self.runs.get_mut(id) else { return };
        let led_to = active.trail.apply(&active.definition, &event);
        let record = serde_json::to_value(&event).expect("an event is plain data");
        effects.ops.push(Op::Append {
            journal: run_journal(id),
            expected: Expected::Exactly(active.records),
            records: vec![record],
        });
        active.records += 1;
        self.carry(id, led_to, effects);
        self.show_run(id, effects);
    }

    fn carry(&mut self, id: &RunId, led_to: Vec<Effect>, effects: &mut Effects) {
        for effect in led_to {
            match effect {
                Effect::Call { key, function, parameters, .. } if function == manifest::VERIFY => {
                    self.begin_verification(id, &key, &parameters, effects);
                }
                Effect::Call { key, function, parameters, .. } => {
                    let host =
                        parameters["service"].as_str().and_then(|s| self.services.get(s)?.host.clone());
                    let call = ActionCall { action: function, parameters, idempotency_key: key };
                    effects.calls.push(Dispatch { run: id.clone(), call, host });
                }
                Effect::Timer { id: timer, at } => {
                    self.timers.insert((at, id.clone(), timer));
                }
                Effect::Abandon { key } => {
                    if self.watches.remove(&(id.clone(), key.clone())).is_some() {
                        let message = "no longer asked for".to_owned();
                        self.take_answer(id, &key, CallAnswer::Failed { message, retryable: false }, effects);
                    }
                }
                Effect::Listen { id: listening, .. } => {
                    let error = WorkflowError::configuration("no events are delivered to runbooks");
                    let failed = Event::ListenFailed { id: listening, error, at: self.now };
                    self.feed(id, failed, effects);
                }
                // The record of the run tells of these; there is nothing to carry out.
                Effect::Lifecycle { .. }
                | Effect::Unlisten { .. }
                | Effect::Finished { .. }
                | Effect::Failed { .. }
                | Effect::Cancelled { .. } => {}
            }
        }
    }

    fn begin_verification(&mut self, id: &RunId, key: &str, parameters: &Value, effects: &mut Effects) {
        match manifest::Verify::parse(parameters) {
            Ok(verify) => {
                self.start_watch(id, key, verify);
                self.set_incident_status(id, IncidentStatus::Verifying);
            }
            Err(reason) => {
                let answer = CallAnswer::Failed { message: format!("verify: {reason}"), retryable: false };
                self.take_answer(id, key, answer, effects);
            }
        }
    }

    fn set_incident_status(&mut self, run: &RunId, status: IncidentStatus) {
        let Some(active) = self.runs.get(run) else { return };
        let RunPurpose::Incident { incident, .. } = &active.run.purpose else { return };
        if let Some(open) = self.incidents.get_mut(incident)
            && open.incident.status != status
        {
            open.incident.status = status;
            self.dirty.insert(incident.clone());
        }
    }

    /// Brings the record of a run up to its state; ends it when it is over.
    fn show_run(&mut self, id: &RunId, effects: &mut Effects) {
        let Some(active) = self.runs.get_mut(id) else { return };
        let view = active.trail.view(&active.definition);
        active.run.status = view.status;
        active.run.steps = view.steps.into_iter().map(|s| s.step).collect();
        active.run.output = view.output;
        active.run.error = view.error;
        if view.status.is_over() {
            active.run.ended_at = Some(self.now);
        }
        effects.ops.push(put(&active.run));
        if view.status.is_over()
            && let Some(active) = self.runs.remove(id)
        {
            self.timers.retain(|(_, run, _)| run != id);
            self.watches.retain(|(run, _), _| run != id);
            self.end_run(active.run, effects);
        }
    }

    fn end_run(&mut self, run: Run, effects: &mut Effects) {
        let status = name_of(&run.status);
        tracing::info!(run.id = %run.id, workflow = run.workflow, status, error = run.error, "Run ended.");
        let details = json!({"status": run.status, "error": run.error});
        self.audit_own("run.ended", run.id.as_str(), details, Some(run.correlation_id.clone()), effects);
        let RunPurpose::Incident { incident, class, confidence, .. } = run.purpose.clone() else { return };
        let kind = match run.status {
            RunStatus::Completed => OutcomeKind::Held,
            RunStatus::Cancelled => OutcomeKind::Overridden,
            _ if run.steps.iter().any(|s| s.compensation && s.status == model::StepStatus::Completed) => {
                OutcomeKind::Undone
            }
            _ => OutcomeKind::Failed,
        };
        let text = match (kind, &run.error) {
            (OutcomeKind::Held, _) => format!("Verified: {} held", run.workflow),
            (OutcomeKind::Undone, error) => {
                format!(
                    "{} did not hold and was undone: {}",
                    run.workflow,
                    error.as_deref().unwrap_or("no reason")
                )
            }
            (_, error) => format!("{} {status}: {}", run.workflow, error.as_deref().unwrap_or("no reason")),
        };
        self.note(&incident, TimelineKind::Verification, text, Some(run.id.to_string()));
        if let Some(open) = self.incidents.get_mut(&incident) {
            if kind == OutcomeKind::Held {
                open.verified_at = Some(self.now);
                open.fixed_by = Some(run.workflow.clone());
                open.incident.status = IncidentStatus::Verifying;
            } else {
                open.tried.push((class, run.workflow.clone()));
                open.incident.status = Self::idle_status(&open.incident);
                // What the failed attempt showed may change the diagnosis.
                open.stale = true;
                open.top_since = self.now;
            }
            self.dirty.insert(incident.clone());
        }
        let lesson = Lesson {
            run: Some(run.id),
            incident,
            service: run.service.unwrap_or_default(),
            class,
            runbook: run.workflow,
            confidence,
        };
        self.learn(lesson, kind, effects);
    }

    /// Fires timers that are due.
    pub(crate) fn fire_timers(&mut self, effects: &mut Effects) {
        while let Some((at, run, timer)) = self.timers.first().cloned() {
            if at > self.now {
                break;
            }
            self.timers.pop_first();
            self.feed(&run, Event::TimerFired { id: timer, at: self.now }, effects);
        }
    }

    /// Takes up a run where its journal ends.
    pub(crate) fn resume_run(&mut self, run: Run, journal: &[Value], effects: &mut Effects) {
        let id = run.id.clone();
        match fold(&run, journal) {
            Ok((definition, trail)) => {
                let active = ActiveRun { run, definition, trail, records: journal.len() as u64 };
                let pending = workflow::pending_effects(active.trail.state());
                tracing::info!(run.id = %id, events = active.records - 1, pending = pending.len(), "Resumed run.");
                self.runs.insert(id.clone(), active);
                self.carry(&id, pending, effects);
                self.show_run(&id, effects);
            }
            Err(reason) => {
                let mut run = run;
                tracing::error!(run.id = %id, reason, "A run cannot be resumed; a person must look.");
                run.status = RunStatus::Faulted;
                run.error = Some(format!("cannot be resumed: {reason}"));
                run.ended_at = Some(self.now);
                effects.ops.push(put(&run));
                self.end_run(run, effects);
            }
        }
    }

    fn remember_act(&mut self, id: &RunId, key: &str) {
        let Some(active) = self.runs.get(id) else { return };
        let called =
            workflow::pending_effects(active.trail.state()).into_iter().find_map(|effect| match effect {
                Effect::Call { key: k, function, parameters, .. } if k == key => Some((function, parameters)),
                _ => None,
            });
        let Some((action, parameters)) = called.filter(|(action, _)| action != manifest::VERIFY) else {
            return;
        };
        let service = parameters["service"].as_str().unwrap_or_default().to_owned();
        self.acted.push_back(Acted { at: self.now, service, action });
    }

    /// What a stored run did, for cooldowns and limits after a restart. No host has said yet what it offers.
    pub(crate) fn remember_acts(&mut self, run: &Run) {
        for step in &run.steps {
            let Some(action) = step.call.as_ref().filter(|c| *c != manifest::VERIFY) else { continue };
            if let Some(at) = step.ended_at.filter(|_| step.error.is_none()) {
                let service = step.input["service"].as_str().unwrap_or_default().to_owned();
                self.acted.push_back(Acted { at, service, action: action.clone() });
            }
        }
    }
}

/// The id of a run that a person starts: the key alone makes it, so that a repeated request finds it.
#[must_use]
pub fn manual_run_id(key: &str) -> RunId {
    RunId::derive(Timestamp::ZERO, &["manual", key])
}

/// The definition and the trail that a journal tells.
fn fold(run: &Run, journal: &[Value]) -> Result<(Arc<Definition>, Trail), String> {
    let (head, events) = journal.split_first().ok_or("its journal is empty")?;
    let source = head["definition"].as_str().ok_or("its journal does not begin with a definition")?;
    let file = head["file"].as_str().unwrap_or_default();
    let definition = Definition::parse(file, source).map_err(|e| e.to_string())?;
    let mut trail = Trail::new(run.id.as_str());
    for event in events {
        let event: Event = serde_json::from_value(event.clone()).map_err(|e| e.to_string())?;
        let _effects = trail.apply(&definition, &event);
    }
    Ok((Arc::new(definition), trail))
}

/// The definition that a journal begins with, as JSON.
///
/// # Errors
/// The journal does not begin with a definition that can be read.
pub fn definition_in(journal_head: &Value) -> Result<Value, String> {
    let source = journal_head["definition"].as_str().ok_or("the journal does not begin with a definition")?;
    let definition = Definition::parse("journal", source).map_err(|e| e.to_string())?;
    Ok(definition.to_json().clone())
}
