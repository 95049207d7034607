//! Questions to people that runs wait for: the function `approve`.

use std::collections::BTreeMap;

use model::{ApprovalId, Run, RunId, RunPurpose, Timestamp};
use ports::Index;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use workflow::{Event, WorkflowError};

use super::{Runs, Told, refused};
use crate::command::{Asker, Refusal, Role};
use crate::records::{Record, name_of, put};

/// Longest message that is kept, in characters.
const MAX_MESSAGE: usize = 2_000;

/// Where a question stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ApprovalState {
    /// Nobody has answered.
    Pending,
    /// Somebody agreed.
    Approved,
    /// Somebody refused.
    Rejected,
    /// Nobody answered in time.
    Expired,
    /// The run no longer asks.
    Withdrawn,
}

/// A question to a person that a run waits for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Approval {
    /// Its id.
    pub id: ApprovalId,
    /// The run that asks.
    pub run: RunId,
    /// Its workflow.
    pub workflow: String,
    /// The service the run touches.
    pub service: Option<String>,
    /// Idempotency key of the call.
    pub key: String,
    /// JSON pointer of the task.
    pub path: String,
    /// The question.
    pub message: String,
    /// The least role that may answer.
    pub role: Role,
    /// Only these people may answer; everybody with the role when empty.
    pub persons: Vec<String>,
    /// Who may not answer, because they started the run.
    pub not: Option<String>,
    /// When it was asked.
    pub asked_at: Timestamp,
    /// Until when it can be answered.
    pub expires_at: Option<Timestamp>,
    /// Where it stands.
    pub state: ApprovalState,
    /// Who answered.
    pub by: Option<String>,
    /// What they said.
    pub note: Option<String>,
    /// When it was answered.
    pub answered_at: Option<Timestamp>,
}

impl Record for Approval {
    const KIND: &'static str = "approval";

    fn key(&self) -> String {
        self.id.to_string()
    }

    fn index(&self) -> Vec<(&'static str, Index)> {
        vec![
            ("state", Index::Text(name_of(&self.state))),
            ("run", Index::Text(self.run.to_string())),
            ("asked_at", Index::Int(self.asked_at.as_unix_ms())),
        ]
    }
}

impl Approval {
    /// Why somebody may not answer it, for people.
    #[must_use]
    pub fn refuse(&self, asker: &Asker) -> Option<String> {
        self.refuse_state().or_else(|| self.refuse_asker(asker))
    }

    /// Why nobody may answer it any more.
    fn refuse_state(&self) -> Option<String> {
        match self.state {
            ApprovalState::Pending => None,
            ApprovalState::Expired => {
                Some("nobody answered in time; start or retry the run to ask again".into())
            }
            ApprovalState::Withdrawn => Some("the run no longer asks".into()),
            ApprovalState::Approved | ApprovalState::Rejected => {
                let by = self.by.as_deref().unwrap_or("somebody");
                Some(format!("it was {} by {by} already", name_of(&self.state)))
            }
        }
    }

    fn refuse_asker(&self, asker: &Asker) -> Option<String> {
        if asker.role < self.role {
            return Some(format!("needs the role {}", name_of(&self.role)));
        }
        if !self.persons.is_empty() && !self.persons.iter().any(|p| p == asker.name()) {
            return Some(format!("only {} may answer", self.persons.join(", ")));
        }
        (self.not.as_deref() == Some(asker.name()))
            .then(|| "whoever started the run cannot approve it; ask somebody else".to_owned())
    }
}

/// The parameters of `approve`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {
    message: String,
    #[serde(default)]
    role: Option<Role>,
    #[serde(default)]
    persons: Vec<String>,
    /// A duration as the language writes it.
    #[serde(default)]
    timeout: Option<Value>,
    /// Whether the person who started the run may answer.
    #[serde(default)]
    self_approval: bool,
    /// For limits and lists only.
    #[serde(default, rename = "service")]
    _service: Option<Value>,
}

impl Runs {
    pub(crate) fn restore_approvals(&mut self, pending: Vec<Approval>) {
        self.deadlines = pending.iter().filter_map(|a| Some((a.expires_at?, a.id.clone()))).collect();
        self.approvals = pending.into_iter().map(|a| (a.id.clone(), a)).collect::<BTreeMap<_, _>>();
    }

    /// Asks, once for each key.
    pub(super) fn ask_person(
        &mut self,
        id: &RunId,
        key: &str,
        path: &str,
        parameters: Value,
        told: &mut Told,
    ) {
        let approval = ApprovalId::derive(Timestamp::ZERO, &[key]);
        if self.approvals.contains_key(&approval) {
            return;
        }
        let Some(run) = self.get(id) else { return };
        match self.question(run, approval, key, path, parameters) {
            Ok(question) => {
                if let Some(at) = question.expires_at {
                    self.deadlines.insert((at, question.id.clone()));
                }
                told.ops.push(put(&question));
                told.notices.push((id.clone(), format!("Asks: {}", question.message)));
                self.approvals.insert(question.id.clone(), question);
            }
            Err(why) => {
                let error = WorkflowError::configuration(format!("approve: {why}"));
                self.inbox.push_back((id.clone(), refused(key, error, self.now)));
            }
        }
    }

    fn question(
        &self,
        run: &Run,
        id: ApprovalId,
        key: &str,
        path: &str,
        parameters: Value,
    ) -> Result<Approval, String> {
        let wanted: Parameters = serde_json::from_value(parameters).map_err(|e| e.to_string())?;
        let expires_at = match &wanted.timeout {
            Some(timeout) => Some(self.now.plus_ms(workflow::duration_ms(timeout)?)),
            None => None,
        };
        let starter = match &run.purpose {
            RunPurpose::Manual { actor } if !wanted.self_approval => Some(actor.clone()),
            _ => None,
        };
        Ok(Approval {
            id,
            run: run.id.clone(),
            workflow: run.workflow.clone(),
            service: run.service.clone(),
            key: key.to_owned(),
            path: path.to_owned(),
            message: wanted.message.chars().take(MAX_MESSAGE).collect(),
            role: wanted.role.unwrap_or(Role::Approver),
            persons: wanted.persons,
            not: starter,
            asked_at: self.now,
            expires_at,
            state: ApprovalState::Pending,
            by: None,
            note: None,
            answered_at: None,
        })
    }

    /// Takes a person's answer.
    ///
    /// # Errors
    /// There is no such question, or they may not answer it.
    pub(crate) fn answer_approval(
        &mut self,
        id: &ApprovalId,
        asker: &Asker,
        approve: bool,
        note: &str,
        told: &mut Told,
    ) -> Result<RunId, Refusal> {
        let question = self
            .approvals
            .get(id)
            .ok_or_else(|| Refusal::NotFound(format!("no run waits for an answer to {id}")))?;
        if let Some(why) = question.refuse_state() {
            return Err(Refusal::Conflict(why));
        }
        if let Some(why) = question.refuse_asker(asker) {
            return Err(Refusal::Forbidden(why));
        }
        let (run, key, at) = (question.run.clone(), question.key.clone(), self.now);
        let state = if approve { ApprovalState::Approved } else { ApprovalState::Rejected };
        self.close_approval(id, state, Some(asker.name()), note, told);
        let event = if approve {
            let output = json!({"approved": true, "by": asker.name(), "note": note, "at": at.to_string()});
            Event::CallSucceeded { key, output, inverse: None, at }
        } else {
            let why = if note.is_empty() { "without a note" } else { note };
            let error = WorkflowError::rejected(format!("{} refused: {why}", asker.name()));
            Event::CallFailed { key, error, retryable: false, at }
        };
        self.tell(&run, event, told);
        Ok(run)
    }

    pub(super) fn expire_approvals(&mut self, told: &mut Told) {
        while let Some((at, id)) = self.deadlines.first().cloned() {
            if at > self.now {
                break;
            }
            self.deadlines.pop_first();
            let Some(question) = self.approvals.get(&id) else { continue };
            let (run, key, at) = (question.run.clone(), question.key.clone(), self.now);
            let error = WorkflowError::timeout(format!("nobody answered: {}", question.message));
            self.close_approval(&id, ApprovalState::Expired, None, "", told);
            self.tell(&run, Event::CallFailed { key, error, retryable: false, at }, told);
        }
    }

    /// A question whose call was given up. True when the key was that of a question.
    pub(super) fn withdraw_approval(&mut self, key: &str, told: &mut Told) -> bool {
        let id = ApprovalId::derive(Timestamp::ZERO, &[key]);
        let known = self.approvals.contains_key(&id);
        if known {
            self.close_approval(&id, ApprovalState::Withdrawn, None, "", told);
        }
        known
    }

    pub(super) fn withdraw_approvals(&mut self, run: &RunId, told: &mut Told) {
        let ids: Vec<ApprovalId> =
            self.approvals.values().filter(|a| a.run == *run).map(|a| a.id.clone()).collect();
        for id in ids {
            self.close_approval(&id, ApprovalState::Withdrawn, None, "", told);
        }
    }

    fn close_approval(
        &mut self,
        id: &ApprovalId,
        state: ApprovalState,
        by: Option<&str>,
        note: &str,
        told: &mut Told,
    ) {
        let Some(mut question) = self.approvals.remove(id) else { return };
        if let Some(at) = question.expires_at {
            self.deadlines.remove(&(at, id.clone()));
        }
        question.state = state;
        question.by = by.map(str::to_owned);
        question.note = (!note.is_empty()).then(|| note.to_owned());
        question.answered_at = Some(self.now);
        told.ops.push(put(&question));
    }
}
