//! One session: what came, in which order, and when.

use serde::{Deserialize, Serialize};

/// Templates told apart in one session; what comes beyond is counted as one more.
const TEMPLATES_MAX: usize = 256;

/// What is known of one template in a session.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Step {
    pub(super) template: Box<str>,
    pub(super) count: u32,
    /// Time of the last one, in milliseconds after the beginning of the session.
    pub(super) last_after_ms: i64,
}

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Session {
    /// In the order of first appearance.
    pub(super) steps: Vec<Step>,
    pub(super) lines: u32,
    began_ms: i64,
    last_ms: i64,
    longest_gap_ms: i64,
}

impl Session {
    /// Takes in a line: its template, and its time in milliseconds (any epoch; 0 for all when times are not known).
    pub fn note(&mut self, template: &str, at_ms: i64) {
        if self.lines == 0 {
            (self.began_ms, self.last_ms) = (at_ms, at_ms);
        }
        let after = at_ms.saturating_sub(self.began_ms).max(0);
        self.longest_gap_ms = self.longest_gap_ms.max(at_ms.saturating_sub(self.last_ms));
        self.last_ms = self.last_ms.max(at_ms);
        self.lines = self.lines.saturating_add(1);
        if let Some(step) = self.steps.iter_mut().find(|s| &*s.template == template) {
            step.count = step.count.saturating_add(1);
            step.last_after_ms = step.last_after_ms.max(after);
        } else if self.steps.len() < TEMPLATES_MAX {
            self.steps.push(Step { template: template.into(), count: 1, last_after_ms: after });
        }
    }

    /// Lines taken in.
    #[must_use]
    pub fn lines(&self) -> u32 {
        self.lines
    }

    /// Time of the first line and of the last one.
    #[must_use]
    pub fn span_ms(&self) -> (i64, i64) {
        (self.began_ms, self.last_ms)
    }

    /// The longest time between two lines that followed each other.
    #[must_use]
    pub fn longest_gap_ms(&self) -> i64 {
        self.longest_gap_ms
    }
}
