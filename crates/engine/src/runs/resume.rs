//! Runs taken up after a restart: where their journals end, with what is stored besides.

use std::sync::Arc;

use model::{Run, RunId, RunPurpose, RunStatus};

use super::{Active, Approval, Folded, Holds, Pinned, Runs, ScheduleState, Told, WorkflowDocument, carry};
use crate::records::put;

impl Runs {
    /// Takes what is stored besides the runs.
    pub(crate) fn restore(
        &mut self,
        workflows: Vec<WorkflowDocument>,
        approvals: Vec<Approval>,
        holds: Option<Holds>,
        schedules: Vec<ScheduleState>,
    ) {
        for document in workflows {
            match Pinned::parse(&document.name, &document.source, document.resources) {
                Ok(pinned) => Arc::make_mut(&mut self.library).add(Arc::new(pinned)),
                Err(error) => {
                    tracing::error!(workflow = document.name, version = document.version, %error, "A stored workflow cannot be read.");
                }
            }
        }
        self.restore_approvals(approvals);
        self.holds = holds.unwrap_or_default();
        self.restore_schedules(schedules);
    }

    /// Takes up runs where their journals end. No host has said yet what it offers.
    pub(crate) fn resume(&mut self, mut stored: Vec<(Run, Result<Folded, String>)>, told: &mut Told) {
        // Those that wait are lined up as they came.
        stored.sort_by_key(|(run, _)| run.started_at);
        let mut ids = Vec::with_capacity(stored.len());
        for (run, folded) in stored {
            ids.push(run.id.clone());
            self.take_up(run, folded, told);
        }
        // Runs that call runs find each other only once all are there.
        if self.limits.start_held {
            self.hold_everything(told);
            self.deferred = ids;
        } else {
            self.ask_again(&ids, told);
        }
        self.admit(told);
        self.drain(told);
    }

    /// Asks for what runs had asked for before a restart.
    pub(super) fn ask_again(&mut self, ids: &[RunId], told: &mut Told) {
        for id in ids {
            let Some(active) = self.active.get(id).filter(|a| a.begun) else { continue };
            let pending = workflow::pending_effects(&active.state);
            self.carry(id, pending, told);
            self.look(id, told);
        }
    }

    fn take_up(&mut self, run: Run, folded: Result<Folded, String>, told: &mut Told) {
        let id = run.id.clone();
        match folded {
            Ok(folded) => {
                self.stored.extend(folded.definitions);
                let begun = folded.events > 0;
                let depth = self.depth_of(&run);
                let mut active = Active {
                    run,
                    pinned: folded.pinned,
                    state: folded.state,
                    records: folded.length,
                    stored_at: folded.length - folded.events,
                    begun,
                    depth,
                    timers: Vec::new(),
                };
                let seen = active.run.clone();
                active.refresh();
                if active.run != seen {
                    self.stale.insert(id.clone());
                }
                self.keep(id, active);
            }
            Err(reason) => {
                tracing::error!(run.id = %id, reason, "A run cannot be resumed; a person must look.");
                let error = format!("cannot be resumed: {reason}");
                let ended = Run {
                    status: RunStatus::Faulted,
                    error: Some(error),
                    ended_at: Some(self.now),
                    waits_for: None,
                    ..run
                };
                told.ops.push(put(&ended));
                if let RunPurpose::Subflow { run: parent, key } = &ended.purpose {
                    self.inbox.push_back((parent.clone(), carry::subflow_answer(&ended, key, self.now)));
                }
                told.ended.push(ended);
            }
        }
    }

    /// Takes a run that was read from its journal.
    fn keep(&mut self, id: RunId, active: Active) {
        let begun = active.begun.then(|| self.queue.count(&active.run));
        self.active.insert(id.clone(), active);
        if begun.is_none() {
            self.line_up(&id);
        }
    }

    pub(super) fn depth_of(&self, run: &Run) -> u32 {
        match &run.purpose {
            RunPurpose::Subflow { run: parent, .. } => self.active.get(parent).map_or(1, |p| p.depth + 1),
            _ => 0,
        }
    }
}
