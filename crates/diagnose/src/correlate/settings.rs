//! Numbers of correlation: one set for every system. Where they come from: `docs/decisions/0016-correlation.md`.

use serde::{Deserialize, Serialize};

/// Weights are log-likelihood ratios (natural logarithm), times are in the unit of their name.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// How long an alert waits for earlier ones that arrive later, ms.
    pub hold_ms: i64,
    /// A group without an alert for so long is over, ms.
    pub quiet_ms: i64,
    /// Logarithm of how many incidents start a second, less the price of one more.
    pub birth: f64,
    /// An alert that starts once, a second time in one group.
    pub twice: f64,
    /// Of several such alerts in one burst the weight grows with this power of their number.
    pub twice_power: f64,
    /// The weight of such alerts in one burst is at most that of so many.
    pub twice_max: f64,
    /// Alerts close in time on one thing belong together.
    pub pair: f64,
    /// How close, s.
    pub pair_s: f64,
    /// Alerts on things that call each other, or are part of each other, count this much of it, 0 to 1.
    pub near: f64,
    /// Alerts on things that have nothing to do with any thing of a group.
    pub apart: f64,
    /// Alerts after one change.
    pub change: f64,
    /// Alerts thin out after the start of an incident with this power of time (Omori's law, Utsu 1961).
    pub decay: f64,
    /// Its offset, s.
    pub decay_s: f64,
    /// How many incidents a fingerprint must be seen in before its own delay counts as much as that of all.
    pub delay_prior: f64,
    /// The delays of n alerts in one burst count as n to the power of 1 minus this.
    pub dependent: f64,
    /// Shape of how many alerts an incident has, as a gamma distribution.
    pub size_shape: f64,
    /// Its rate.
    pub size_rate: f64,
    /// An alert that repeats goes on in its group.
    pub series: f64,
    /// How soon, s.
    pub series_s: f64,
    /// How much its usual pace counts when it paused.
    pub series_pace: f64,
    /// A repeating alert that is new to a group.
    pub series_new: f64,
    /// How many incidents the first belief of how often a repeating alert takes part is worth.
    pub series_prior: f64,
    /// Alerts follow each other: weight of the one just before, 1/s.
    pub follow: f64,
    /// How soon, s.
    pub follow_s: f64,
    /// One correction by a person, for the pair of fingerprints that it was about.
    pub by_hand: f64,
    /// An alert joins a group that began at most so long after it, ms.
    pub before_ms: i64,
    /// Bursts looked at again for each new one.
    pub revisits: usize,
    /// Merges are tried after so many bursts.
    pub merge_every: u32,
    /// Groups with more bursts are not merged into another.
    pub max_merged: usize,
    /// How far back bursts are looked at again, ms.
    pub revise_ms: i64,
    /// Alerts that are held at most.
    pub max_held: usize,
    /// Bursts that are open at most; older ones stay where they are.
    pub max_bursts: usize,
    /// Fingerprints that a group remembers of bursts that stay.
    pub max_fixed: usize,
    /// Fingerprints that are remembered of groups that are over.
    pub max_learned: usize,
    /// Groups that are weighed for one alert.
    pub max_candidates: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            hold_ms: 1_000,
            quiet_ms: 64_000,
            birth: -11.85,
            twice: -4.63,
            twice_power: 0.4,
            twice_max: 4.0,
            pair: 0.43,
            pair_s: 0.078,
            near: 0.3,
            apart: -3.0,
            change: 3.0,
            decay: 1.03,
            decay_s: 1.5,
            delay_prior: 3.0,
            dependent: 0.79,
            size_shape: 4.2,
            size_rate: 0.015,
            series: 0.68,
            series_s: 0.81,
            series_pace: 1.0,
            series_new: 5.0,
            series_prior: 8.5,
            follow: 0.06,
            follow_s: 2.0,
            by_hand: 3.0,
            before_ms: 40_000,
            revisits: 10,
            merge_every: 40,
            max_merged: 300,
            revise_ms: 700_000,
            max_held: 4_096,
            max_bursts: 4_096,
            max_fixed: 4_096,
            max_learned: 20_000,
            max_candidates: 32,
        }
    }
}
