//! Objectives (service level objectives): what a service promises, how it is measured, and how fast is too fast.

use serde::{Deserialize, Serialize};

use crate::incident::Severity;

/// A promise over a window of time. Read from OpenSLO files.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Objective {
    /// Unique: `checkout-availability`; with a number where one document promises several things.
    pub name: String,
    /// For people.
    pub title: String,
    /// The service that promises it.
    pub service: String,
    /// Share of good, above 0 and below 1: 0.999.
    pub target: f64,
    /// The window, in milliseconds; rolling.
    pub window_ms: i64,
    /// What is measured.
    pub indicator: Indicator,
    /// What counts.
    pub budgeting: Budgeting,
    /// When the budget is spent too fast.
    pub burns: Vec<Burn>,
}

/// What is good, and how it is known.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Indicator {
    /// Good or bad of all.
    Ratio {
        /// What is good, or what is bad.
        part: Selector,
        /// Whether `part` is the good one.
        good: bool,
        /// All.
        total: Selector,
    },
    /// A value that must keep a limit.
    Threshold {
        /// The value.
        value: Selector,
        /// How it is compared.
        keeps: Comparison,
        /// With what.
        limit: f64,
    },
    /// Requests that the service answered, from its spans: good when they did not fail and, with a limit, were no slower.
    Requests {
        /// Slowest good answer, in milliseconds.
        within_ms: Option<f64>,
    },
}

/// How a value is compared with a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Comparison {
    /// Below.
    Lt,
    /// At most.
    Lte,
    /// Above.
    Gt,
    /// At least.
    Gte,
}

impl Comparison {
    /// Whether a value keeps a limit. NaN keeps none.
    #[must_use]
    pub fn keeps(self, value: f64, limit: f64) -> bool {
        match self {
            Self::Lt => value < limit,
            Self::Lte => value <= limit,
            Self::Gt => value > limit,
            Self::Gte => value >= limit,
        }
    }
}

/// Metric series, by name and labels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Selector {
    /// Metric name.
    pub metric: String,
    /// Conditions on labels; all must hold. The label `service` is the service of the series.
    pub matchers: Vec<Matcher>,
}

/// A condition on one label. A label that is missing is empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Matcher {
    /// The label.
    pub label: String,
    /// Its value, or a regular expression that matches the whole of it.
    pub value: String,
    /// Whether `value` is a regular expression.
    pub regex: bool,
    /// Whether it must not match.
    pub not: bool,
}

/// What is counted against the budget.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Budgeting {
    /// Each event.
    Occurrences,
    /// Each slice of time, which is good when this share of its events is.
    Timeslices {
        /// The slice, in milliseconds.
        slice_ms: i64,
        /// Share of good events that makes it good.
        target: f64,
    },
    /// The share of good of each slice of time, all slices alike.
    RatioTimeslices {
        /// The slice, in milliseconds.
        slice_ms: i64,
    },
}

/// Spending the budget so many times faster than it lasts, over a long and a short window at once: the long one shows
/// that it matters, the short one that it goes on (Google, The Site Reliability Workbook, chapter 5).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Burn {
    /// How many times faster than would use the budget up exactly at the end of the window.
    pub rate: f64,
    /// The long window, in milliseconds.
    pub long_ms: i64,
    /// The short window, in milliseconds.
    pub short_ms: i64,
    /// How bad it is.
    pub severity: Severity,
}

/// How an objective stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ObjectiveStatus {
    /// The objective.
    pub objective: Objective,
    /// Share of good over the window as far as it is known; none without events.
    pub met: Option<f64>,
    /// Share of the budget that is left: 1 untouched, 0 used up, below 0 overdrawn; none without events.
    pub budget_left: Option<f64>,
    /// Milliseconds of the window that are known.
    pub known_ms: i64,
    /// How fast the budget is spent over the windows of `burns`: long and short, in the same order; none without events.
    pub burning: Vec<(Option<f64>, Option<f64>)>,
}
