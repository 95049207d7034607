//! Stage "act": what the loop asks of its runs, and what their ends mean to incidents.

use model::{
    CorrelationId, Decision, Incident, IncidentId, IncidentStatus, Inverse, OutcomeKind, Recommendation, Run,
    RunId, RunPurpose, RunStatus, TimelineKind, Timestamp,
};
use serde_json::{Value, json};
use workflow::{Definition, WorkflowError};

use crate::command::{Asker, Refusal, Reply};
use crate::learn::Lesson;
use crate::records::name_of;
use crate::runs::{Order, Told, touched};
use crate::situation::{Acted, Effects, Situation};

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
    /// It was not done, or it is not known whether it was.
    Failed {
        /// Why.
        error: WorkflowError,
        /// Whether calling again with the same key may help.
        retryable: bool,
    },
}

impl CallAnswer {
    /// Nothing offers this function.
    #[must_use]
    pub fn unknown_function(name: &str) -> Self {
        let detail = format!("nothing here offers the action {name}; connect a host that does");
        Self::Failed { error: WorkflowError::configuration(detail), retryable: false }
    }
}

impl CallAnswer {
    /// Without the secrets that were in the call.
    pub(crate) fn hiding(mut self, revealed: &model::secret::Revealed) -> Self {
        match &mut self {
            Self::Done { output, inverse } => {
                revealed.hide_in(output);
                if let Some(inverse) = inverse {
                    revealed.hide_in(&mut inverse.parameters);
                }
            }
            Self::Failed { error, .. } => {
                error.detail = error.detail.take().map(|detail| revealed.hide(&detail));
            }
        }
        self
    }
}

impl Situation {
    /// The run that works on an incident.
    pub(crate) fn run_of(&self, incident: &IncidentId) -> Option<&RunId> {
        self.runs
            .iter()
            .find(|r| matches!(&r.purpose, RunPurpose::Incident { incident: i, .. } if i == incident))
            .map(|r| &r.id)
    }

    /// Takes what came of calls: run, key, answer.
    #[must_use]
    pub fn answer(
        &mut self,
        now: Timestamp,
        answers: impl IntoIterator<Item = (RunId, String, CallAnswer)>,
    ) -> Effects {
        self.set_now(now);
        let mut effects = Effects::default();
        for (run, key, answer) in answers {
            self.take_answer(&run, &key, answer, &mut effects);
        }
        self.finish(&mut effects);
        effects
    }

    /// Takes a message of a subscription, or why there is none.
    #[must_use]
    pub fn message(
        &mut self,
        now: Timestamp,
        run: &RunId,
        listening: &str,
        message: Result<Value, WorkflowError>,
    ) -> Effects {
        self.set_now(now);
        let (mut effects, mut told) = (Effects::default(), Told::default());
        self.runs.message(run, listening, message, &mut told);
        self.hear(told, &mut effects);
        self.finish(&mut effects);
        effects
    }

    pub(crate) fn take_answer(&mut self, run: &RunId, key: &str, answer: CallAnswer, effects: &mut Effects) {
        let mut told = Told::default();
        self.runs.answer(run, key, answer, &mut told);
        self.hear(told, effects);
    }

    /// Takes what the runs told.
    pub(crate) fn hear(&mut self, mut told: Told, effects: &mut Effects) {
        effects.ops.append(&mut told.ops);
        // A schedule that started a run, or whose run ended, says another time.
        let by_itself = |r: &Run| matches!(r.purpose, RunPurpose::Schedule { .. } | RunPurpose::Event { .. });
        if told.started.iter().chain(&told.ended).any(by_itself) {
            self.outlook += 1;
        }
        for mut dispatch in told.calls {
            let service = dispatch.call.parameters["service"].as_str();
            dispatch.host = service.and_then(|s| self.services.get(s)?.host.clone());
            effects.calls.push(dispatch);
        }
        effects.subscribes.append(&mut told.subscribes);
        effects.unsubscribes.append(&mut told.unsubscribes);
        self.acted.extend(told.acted);
        for (action, subject, details, correlation) in told.audits {
            self.audit_own(action, &subject, details, Some(correlation), effects);
        }
        for (run, text) in told.notices {
            self.notice(&run, text);
        }
        for (run, key) in told.released {
            if self.watches.remove(&(run.clone(), key.clone())).is_some() {
                let error = WorkflowError::runtime("no longer asked for");
                self.take_answer(&run, &key, CallAnswer::Failed { error, retryable: false }, effects);
            }
        }
        for run in told.ended {
            self.watches.retain(|(r, _), _| *r != run.id);
            self.run_ended(run, effects);
        }
        for (run, key, parameters) in told.verify {
            self.begin_verification(&run, &key, &parameters, effects);
        }
    }

    /// What a run tells people goes to the timeline of its incident.
    fn notice(&mut self, run: &RunId, text: String) {
        tracing::info!(run.id = %run, text, "Run tells people.");
        let incident = self.runs.get(run).and_then(|r| match &r.purpose {
            RunPurpose::Incident { incident, .. } => Some(incident.clone()),
            _ => None,
        });
        if let Some(incident) = incident {
            self.note(&incident, TimelineKind::Run, text, Some(run.to_string()));
        }
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
            workflow: recommendation.runbook.clone(),
            pinned: self.runs.library.get(&recommendation.runbook)?,
            service: Some(recommendation.service.clone()),
            purpose: RunPurpose::Incident {
                incident: incident.id.clone(),
                decision: decision.id.clone(),
                class: recommendation.class,
                confidence: decision.confidence.raw,
            },
            input: recommendation.input.clone(),
            correlation_id: incident.correlation_id.clone(),
            depth: 0,
        };
        if let Some(open) = self.incidents.get_mut(&incident.id) {
            open.incident.status = IncidentStatus::Mitigating;
            open.incident.runs.push(id.clone());
            open.verified_at = None;
            open.fixed_by = None;
        }
        let text = format!("Started {} on {}", recommendation.runbook, recommendation.service);
        self.note(&incident.id, TimelineKind::Run, text, Some(id.to_string()));
        let mut told = Told::default();
        self.runs.start(order, &mut told);
        self.hear(told, effects);
        Some(id)
    }

    pub(crate) fn start_by_hand(
        &mut self,
        workflow: &str,
        input: Value,
        key: &str,
        asker: &Asker,
        effects: &mut Effects,
    ) -> Result<Reply, Refusal> {
        let id = manual_run_id(key);
        if self.runs.get(&id).is_some() {
            return Ok(Reply::Run(id));
        }
        let (name, pinned) = self.runs.library.find(workflow).ok_or_else(|| {
            let advice = match self.runs.library.suggest(workflow) {
                Some(name) => format!("did you mean `{name}`?"),
                None => "`homeostat workflow list` shows what there is".to_owned(),
            };
            Refusal::NotFound(format!("there is no workflow or runbook {workflow:?}; {advice}"))
        })?;
        if !input.is_object() {
            return Err(Refusal::Invalid("the input of a workflow must be a JSON object".into()));
        }
        let input = self.with_patience(&pinned.definition, input);
        let order = Order {
            id: id.clone(),
            workflow: name,
            service: touched(&pinned, &input),
            pinned,
            purpose: RunPurpose::Manual { actor: asker.name().to_owned() },
            input,
            correlation_id: CorrelationId::derive(self.now, &["manual", key]),
            depth: 0,
        };
        self.audit_asked(asker, "run.requested", id.as_str(), json!({"workflow": workflow}), effects);
        let mut told = Told::default();
        self.runs.start(order, &mut told);
        self.hear(told, effects);
        Ok(Reply::Run(id))
    }

    /// How long is watched here after a repair, for a workflow that asks for it and was not told otherwise.
    fn with_patience(&self, definition: &Definition, input: Value) -> Value {
        let mut input = definition.with_defaults(input);
        if definition.takes("verify_s")
            && let Some(fields) = input.as_object_mut()
        {
            fields.entry("verify_s").or_insert_with(|| json!(self.rules.patience.verify_s));
        }
        input
    }

    fn begin_verification(&mut self, id: &RunId, key: &str, parameters: &Value, effects: &mut Effects) {
        match manifest::Verify::parse(parameters) {
            Ok(verify) => {
                self.start_watch(id, key, verify);
                self.set_incident_status(id, IncidentStatus::Verifying);
            }
            Err(reason) => {
                let error = WorkflowError::configuration(format!("verify: {reason}"));
                self.take_answer(id, key, CallAnswer::Failed { error, retryable: false }, effects);
            }
        }
    }

    fn set_incident_status(&mut self, run: &RunId, status: IncidentStatus) {
        let Some(run) = self.runs.get(run) else { return };
        let RunPurpose::Incident { incident, .. } = &run.purpose else { return };
        if let Some(open) = self.incidents.get_mut(incident)
            && open.incident.status != status
        {
            open.incident.status = status;
            self.dirty.insert(incident.clone());
        }
    }

    /// What the end of a run means to its incident, and what there is to learn from it.
    fn run_ended(&mut self, run: Run, effects: &mut Effects) {
        let status = name_of(&run.status);
        let RunPurpose::Incident { incident, class, confidence, .. } = run.purpose.clone() else { return };
        let kind = match run.status {
            RunStatus::Completed => OutcomeKind::Held,
            RunStatus::Cancelled => OutcomeKind::Overridden,
            _ if run.undone => OutcomeKind::Undone,
            _ => OutcomeKind::Failed,
        };
        let why = run.error.as_deref().unwrap_or("no reason");
        let text = match kind {
            OutcomeKind::Held => format!("Verified: {} held", run.workflow),
            OutcomeKind::Undone => format!("{} did not hold and was undone: {why}", run.workflow),
            _ => format!("{} {status}: {why}", run.workflow),
        };
        self.note(&incident, TimelineKind::Verification, text, Some(run.id.to_string()));
        // A run that a person revised after its incident was over teaches nothing about it.
        let Some(open) = self.incidents.get_mut(&incident) else { return };
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

    /// What stored runs did, for cooldowns and limits after a restart.
    pub(crate) fn remember_acts(&mut self, run: &Run) {
        self.acted.extend(run.acts.iter().map(|act| Acted {
            at: act.at,
            service: act.service.clone(),
            action: act.action.clone(),
        }));
    }
}

/// The id of a run that a person starts: the key alone makes it, so that a repeated request finds it.
#[must_use]
pub fn manual_run_id(key: &str) -> RunId {
    RunId::derive(Timestamp::ZERO, &["manual", key])
}
