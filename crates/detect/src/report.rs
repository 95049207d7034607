//! What detection knows, for people: how much it watches, and where what it learned holds no longer.

use model::{Labels, ObjectiveStatus};
use serde::{Deserialize, Serialize};

use crate::univariate::Member;

/// Drifting series in a report.
pub(crate) const DRIFTING: usize = 20;

/// A series that is outside its band more often than it should be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Drift {
    /// The service it speaks of.
    pub service: String,
    /// Metric name.
    pub metric: String,
    /// Every other label.
    pub labels: Labels,
    /// Points taken in so far.
    pub points: u32,
    /// Share of the points lately that were outside the 99 % band, 0 to 1.
    pub outside: f64,
    /// Who says what is expected of it.
    pub members: Vec<Member>,
}

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Every detector's name.
    pub detectors: Vec<String>,
    /// Metric series that are watched.
    pub series: usize,
    /// Things that people called normal.
    pub dismissed: usize,
    /// The series that drift most, at most 20.
    pub drifting: Vec<Drift>,
    /// How each objective stands.
    pub objectives: Vec<ObjectiveStatus>,
}
