//! Stage "learn": what came of a run moves the confidence of the next decision.

use model::{FailureClass, IncidentId, Outcome, OutcomeId, OutcomeKind, RunId, Track};

use crate::records::put;
use crate::situation::{Effects, Situation};

/// Outcomes that calibration looks at.
const MAX_JUDGED: usize = 5_000;

/// What an outcome is about.
pub(crate) struct Lesson {
    pub(crate) run: Option<RunId>,
    pub(crate) incident: IncidentId,
    pub(crate) service: String,
    pub(crate) class: FailureClass,
    pub(crate) runbook: String,
    pub(crate) confidence: f64,
}

impl Situation {
    /// Notes an outcome, the runbook's record and the calibration that follows from it.
    pub(crate) fn learn(&mut self, lesson: Lesson, kind: OutcomeKind, effects: &mut Effects) {
        let subject = lesson.run.as_ref().map_or_else(|| lesson.incident.to_string(), ToString::to_string);
        let outcome = Outcome {
            id: OutcomeId::derive(self.now, &[&subject, &lesson.runbook]),
            run: lesson.run,
            incident: lesson.incident,
            service: lesson.service,
            class: lesson.class,
            runbook: lesson.runbook,
            kind,
            confidence: lesson.confidence,
            at: self.now,
        };
        let track = self.tracks.entry((outcome.class, outcome.runbook.clone())).or_insert_with(|| Track {
            class: outcome.class,
            runbook: outcome.runbook.clone(),
            held: 0,
            failed: 0,
            consecutive_failures: 0,
            updated_at: outcome.at,
        });
        if kind == OutcomeKind::Held {
            track.held += 1;
            track.consecutive_failures = 0;
        } else {
            track.failed += 1;
            // A person's refusal says that the proposal was wrong, not that the machinery is broken.
            track.consecutive_failures += u32::from(kind != OutcomeKind::Overridden);
        }
        track.updated_at = outcome.at;
        effects.ops.push(put(track));
        effects.ops.push(put(&outcome));
        self.judge(&outcome);
        self.recalibrate();
    }

    /// Takes stored outcomes, newest first.
    pub(crate) fn relearn(&mut self, outcomes: &[Outcome]) {
        for outcome in outcomes.iter().rev() {
            self.judge(outcome);
        }
        self.recalibrate();
    }

    fn judge(&mut self, outcome: &Outcome) {
        self.judged.push_back((outcome.confidence, outcome.kind == OutcomeKind::Held));
        if self.judged.len() > MAX_JUDGED {
            self.judged.pop_front();
        }
    }

    fn recalibrate(&mut self) {
        self.calibration = decide::Calibration::fit(
            self.judged.iter().copied(),
            self.rules.policy.tuning().calibration_prior_weight,
        );
    }
}
