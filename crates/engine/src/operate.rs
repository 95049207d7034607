//! What people ask of runs and workflows, and when they may: used to draw buttons and to refuse.

use std::sync::Arc;

use model::{ApprovalId, Run, RunId, RunStatus};
use serde_json::json;

use crate::command::{AllowedAction, Asker, Refusal, Reply, Role, action};
use crate::records::put;
use crate::retention::Gone;
use crate::runs::{Approval, Change, Hold, Loaded, Pinned, Scope, Told, WorkflowDocument};
use crate::situation::{Effects, Situation};

/// A request about runs or workflows.
#[derive(Clone, Debug)]
pub enum RunCommand {
    /// Hold a run before its next call.
    Pause {
        /// The run.
        run: RunId,
        /// Why.
        reason: String,
    },
    /// Let a held run go on.
    Resume(RunId),
    /// End a run; what it did is undone.
    Cancel {
        /// The run.
        run: RunId,
        /// Why.
        reason: String,
    },
    /// Change the course of a run.
    Change(Box<Loaded>, Change),
    /// Hold every run of a scope.
    Hold {
        /// What.
        scope: Scope,
        /// Why.
        reason: String,
    },
    /// Lift a hold.
    Lift(Scope),
    /// Answer a question that a run waits for.
    Answer {
        /// The question.
        approval: ApprovalId,
        /// Yes or no.
        approve: bool,
        /// Why.
        note: String,
    },
    /// Store a version of a workflow.
    PutWorkflow(Arc<Pinned>),
    /// Remove every version of a workflow that somebody wrote.
    DeleteWorkflow(String),
    /// Remove runs that ended long ago.
    Forget(Vec<Gone>),
    /// Remove definitions, by hash, that no journal was found to name.
    ForgetDefinitions(Vec<String>),
    /// Let the schedule of a workflow start runs, or not.
    SetSchedule {
        /// The workflow.
        workflow: String,
        /// Whether it may.
        enabled: bool,
    },
}

impl RunCommand {
    /// The least role that may ask for it.
    #[must_use]
    pub fn needs(&self) -> Role {
        match self {
            // The question itself says who may answer.
            Self::Answer { .. } => Role::Viewer,
            Self::PutWorkflow(_)
            | Self::DeleteWorkflow(_)
            | Self::Forget(_)
            | Self::ForgetDefinitions(_)
            | Self::SetSchedule { .. } => Role::Admin,
            _ => Role::Operator,
        }
    }
}

impl Situation {
    pub(crate) fn command_runs(
        &mut self,
        command: RunCommand,
        asker: &Asker,
        effects: &mut Effects,
    ) -> Result<Reply, Refusal> {
        let mut told = Told::default();
        let by = asker.name().to_owned();
        let reply = match command {
            RunCommand::Pause { run, reason } => {
                self.runs.pause(&run, &by, &mut told)?;
                self.audit_asked(asker, "run.paused", run.as_str(), json!({"reason": reason}), effects);
                Reply::Done
            }
            RunCommand::Resume(run) => {
                self.runs.resume_held(&run, &by, &mut told)?;
                self.audit_asked(asker, "run.resumed", run.as_str(), json!({}), effects);
                Reply::Done
            }
            RunCommand::Cancel { run, reason } => {
                self.runs.cancel(&run, &by, &mut told)?;
                self.audit_asked(asker, "run.cancelled", run.as_str(), json!({"reason": reason}), effects);
                Reply::Done
            }
            RunCommand::Change(loaded, change) => {
                let id = loaded.run.id.clone();
                self.runs.change(*loaded, &change, &by, &mut told)?;
                let (what, details) = change.details();
                self.audit_asked(asker, what, id.as_str(), details, effects);
                Reply::Run(id)
            }
            RunCommand::Hold { scope, reason } => {
                let details = json!({"reason": reason});
                self.audit_asked(asker, "runs.held", &scope.words(), details, effects);
                self.runs.set_hold(Hold { scope, by, at: self.now, reason }, true, &mut told);
                Reply::Done
            }
            RunCommand::Lift(scope) => {
                self.audit_asked(asker, "runs.freed", &scope.words(), json!({}), effects);
                let hold = Hold { scope, by, at: self.now, reason: String::new() };
                self.runs.set_hold(hold, false, &mut told);
                Reply::Done
            }
            RunCommand::Answer { approval, approve, note } => {
                let run = self.runs.answer_approval(&approval, asker, approve, &note, &mut told)?;
                let what = if approve { "approval.approved" } else { "approval.rejected" };
                let details = json!({"run": run, "note": note});
                self.audit_asked(asker, what, approval.as_str(), details, effects);
                Reply::Done
            }
            RunCommand::PutWorkflow(pinned) => self.put_workflow(pinned, asker, effects)?,
            RunCommand::DeleteWorkflow(name) => self.delete_workflow(&name, asker, effects)?,
            RunCommand::Forget(gone) => {
                let removed = self.runs.forget(gone, &mut told);
                if removed > 0 {
                    let details = json!({"runs": removed});
                    self.audit_asked(asker, "runs.removed", "runs that ended long ago", details, effects);
                }
                Reply::Done
            }
            RunCommand::ForgetDefinitions(hashes) => {
                Reply::Removed(self.runs.forget_definitions(hashes, &mut told))
            }
            RunCommand::SetSchedule { workflow, enabled } => {
                self.runs.set_schedule(&workflow, enabled, &mut told)?;
                let details = json!({"enabled": enabled});
                self.audit_asked(asker, "schedule.set", &workflow, details, effects);
                Reply::Done
            }
        };
        self.hear(told, effects);
        Ok(reply)
    }

    fn put_workflow(
        &mut self,
        pinned: Arc<Pinned>,
        asker: &Asker,
        effects: &mut Effects,
    ) -> Result<Reply, Refusal> {
        let document = pinned.definition.document();
        let name = format!("{}.{}", document.namespace, document.name);
        let version = document.version.clone();
        if let Some(why) = self.runs.library.fixed(&name) {
            return Err(Refusal::Conflict(why));
        }
        let key = format!("{name}:{version}");
        if let Some(known) = self.runs.library.exact(&name, &version) {
            if known.sha256 == pinned.sha256 {
                return Ok(Reply::Workflow { name, version });
            }
            let why = format!("version {version} of {name} is there with another text; raise `version`");
            return Err(Refusal::Conflict(why));
        }
        let stored = WorkflowDocument {
            name: name.clone(),
            version: version.clone(),
            source: pinned.source.clone(),
            resources: pinned.resources.clone(),
            by: asker.name().to_owned(),
            at: self.now,
        };
        effects.ops.push(put(&stored));
        self.audit_asked(asker, "workflow.stored", &key, json!({"sha256": pinned.sha256}), effects);
        Arc::make_mut(&mut self.runs.library).add(pinned);
        self.runs.reschedule(&name);
        Ok(Reply::Workflow { name, version })
    }

    fn delete_workflow(
        &mut self,
        name: &str,
        asker: &Asker,
        effects: &mut Effects,
    ) -> Result<Reply, Refusal> {
        let versions = self.runs.library.versions(name);
        if versions.is_empty() {
            return Err(Refusal::NotFound(format!("nobody wrote a workflow {name}")));
        }
        for version in &versions {
            effects.ops.push(ports::Op::Delete {
                kind: <WorkflowDocument as crate::records::Record>::KIND,
                id: format!("{name}:{version}"),
                expected: ports::Expected::Any,
            });
        }
        self.audit_asked(asker, "workflow.deleted", name, json!({"versions": versions}), effects);
        Arc::make_mut(&mut self.runs.library).remove(name);
        self.runs.reschedule(name);
        Ok(Reply::Done)
    }
}

/// Why a run cannot be held.
#[must_use]
pub fn refuse_pause(run: &Run) -> Option<String> {
    match (&run.held_by, run.status) {
        (_, status) if status.is_over() => Some("it is over".to_owned()),
        (_, RunStatus::Pending) => Some("it has not begun; cancel it, or hold its workflow".to_owned()),
        (Some(holder), _) if !holder.starts_with("hold:") => Some(format!("it is held by {holder} already")),
        _ => None,
    }
}

/// Why a run cannot be let go on.
#[must_use]
pub fn refuse_resume(run: &Run) -> Option<String> {
    match &run.held_by {
        _ if run.status.is_over() => Some("it is over".to_owned()),
        None => Some("it is not held".to_owned()),
        Some(_) => None,
    }
}

/// Why a run cannot be cancelled.
#[must_use]
pub fn refuse_cancel(run: &Run) -> Option<String> {
    run.status.is_over().then(|| "it is over".to_owned())
}

/// Why the course of a run cannot be changed.
#[must_use]
pub fn refuse_change(run: &Run) -> Option<String> {
    (run.status == RunStatus::Pending).then(|| "it has not begun".to_owned())
}

/// Why a run cannot be retried without naming a step.
#[must_use]
pub fn refuse_retry(run: &Run) -> Option<String> {
    let completed = run.status == RunStatus::Completed;
    completed.then(|| "it completed: what failed in it was got over; name the step to do it again".to_owned())
}

/// What can be done about a run.
#[must_use]
pub fn run_actions(run: &Run, role: Role) -> Vec<AllowedAction> {
    let offer = |name: &str, title: &str, refused| {
        action(name, title, format!("/runs/{}/{name}", run.id), role, Role::Operator, refused)
    };
    let failed = refuse_change(run)
        .or_else(|| refuse_retry(run))
        .or_else(|| (run.steps_failed == 0).then(|| "no step of it failed".to_owned()));
    vec![
        offer("pause", "Pause", refuse_pause(run)),
        offer("resume", "Resume", refuse_resume(run)),
        offer("cancel", "Cancel and undo", refuse_cancel(run)),
        offer("retry", "Retry from the failed step", failed),
        offer("migrate", "Follow another version", refuse_change(run)),
    ]
}

/// What can be done about a step of a run.
#[must_use]
pub fn step_actions(run: &Run, step: &workflow::StepView, role: Role) -> Vec<AllowedAction> {
    let left = match step {
        s if s.revised => Some("the run went back to before it".to_owned()),
        s if s.step.compensation => Some("it undoes another step".to_owned()),
        _ => refuse_change(run),
    };
    let offer = |name: &str, title: &str| {
        action(name, title, format!("/runs/{}/{name}", run.id), role, Role::Operator, left.clone())
    };
    vec![offer("retry", "Retry from here"), offer("skip", "Skip with a reason")]
}

/// What can be done about a question.
#[must_use]
pub fn approval_actions(approval: &Approval, asker: &Asker) -> Vec<AllowedAction> {
    let offer = |name: &str, title: &str| {
        let path = format!("/approvals/{}/{name}", approval.id);
        action(name, title, path, asker.role, approval.role, approval.refuse(asker))
    };
    vec![offer("approve", "Approve"), offer("reject", "Reject")]
}
