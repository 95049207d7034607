//! Why an alert is where it is, in numbers and words.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::AlertId;

/// One piece of evidence for a grouping.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Why {
    /// What it is.
    pub reason: Reason,
    /// How much it speaks for the group, as the natural logarithm of a likelihood ratio; negative against it.
    pub weight: f64,
    /// The alert it is about, when it is about one.
    pub alert: Option<AlertId>,
}

/// What speaks for or against a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// No open group explains it better than a new incident does.
    NewIncident,
    /// It came at the same instant as others on the same thing.
    SameInstant,
    /// It fits the time since the start of the incident and the number of its alerts.
    Timing,
    /// The incident would have to live longer, or to have begun earlier.
    Life,
    /// It started here before and would have to start again.
    StartedBefore,
    /// The same message goes on here.
    Series,
    /// Close in time to an alert on the same thing, on a neighbour, or after the same change.
    Together,
    /// It has nothing to do with any thing of the incident.
    Apart,
    /// People put such alerts together, or took them apart.
    ByHand,
}

impl Why {
    pub(super) fn new(reason: Reason, weight: f64, alert: Option<AlertId>) -> Self {
        Self { reason, weight, alert }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = match self.reason {
            Reason::NewIncident => "no open incident explains it better than a new one",
            Reason::SameInstant => "at the same instant as others on the same thing",
            Reason::Timing => "fits the time since the start and the number of alerts",
            Reason::Life if self.weight < 0.0 => "the incident would have lasted longer than expected",
            Reason::Life => "fits how long such incidents last",
            Reason::StartedBefore => "has started in this incident already",
            Reason::Series => "the same message goes on here",
            Reason::Together => "close in time to an alert on the same or a neighbouring thing",
            Reason::Apart => "nothing of the incident is connected with it",
            Reason::ByHand if self.weight < 0.0 => "people took such alerts apart",
            Reason::ByHand => "people put such alerts together",
        };
        write!(f, "{words} ({:+.1})", self.weight)
    }
}
