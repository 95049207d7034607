//! What an operator may tune about detection. Everything else is learned from the signals.

use model::Objective;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Knobs of the whole stack. The defaults suit a team that starts with an empty store.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Seconds after the first signal of a service before learned bands are trusted.
    pub warmup_s: u32,
    /// Seconds without trouble before a finding is cleared.
    pub clear_after_s: u32,
    /// Seconds a departure may last before it is taken as the new normal and learned.
    pub absorb_after_s: u32,
    /// Milliseconds a span or log record may arrive late and still count in its own second.
    pub lateness_ms: u32,
    /// Failed probes in a row that make a finding; a refused connection needs one.
    pub probe_failures: u32,
    /// Milliseconds after an asked-for stop or a start in which failing probes are normal.
    pub startup_grace_ms: u32,
    /// Unexpected exits within `restart_loop_window_s` that make a restart loop.
    pub restart_loop_exits: u32,
    /// Window in which unexpected exits are counted, in seconds.
    pub restart_loop_window_s: u32,
    /// Requests slower than the learned band by less than this many milliseconds are never slow.
    pub latency_slack_ms: f64,
    /// A process below this share of one core is never saturated.
    pub cpu_floor_ratio: f64,
    /// How far ahead a limit must be reached for growth to be a finding, in seconds.
    pub horizon_s: u32,
    /// Share of a data folder in use that counts as full.
    pub disk_full_ratio: f64,
    /// Fewer log lines a second than this are never a burst.
    pub log_burst_min_per_s: u32,
    /// Whether metrics of no known family are watched.
    pub metric_anomaly: bool,
    /// Services remembered.
    pub max_services: usize,
    /// Metric series remembered.
    pub max_series: usize,
    /// Log templates remembered, over all services.
    pub max_templates: usize,
    /// Objectives that are watched. They come from files of their own.
    #[serde(skip)]
    pub objectives: Vec<Objective>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            warmup_s: 10,
            clear_after_s: 3,
            absorb_after_s: 1_800,
            lateness_ms: 1_000,
            probe_failures: 2,
            startup_grace_ms: 5_000,
            restart_loop_exits: 3,
            restart_loop_window_s: 120,
            latency_slack_ms: 75.0,
            cpu_floor_ratio: 0.7,
            horizon_s: 3_600,
            disk_full_ratio: 0.97,
            log_burst_min_per_s: 100,
            metric_anomaly: true,
            max_services: 1_000,
            max_series: 20_000,
            max_templates: 5_000,
            objectives: Vec::new(),
        }
    }
}

impl Settings {
    pub(crate) fn warmup_ms(&self) -> i64 {
        i64::from(self.warmup_s) * 1_000
    }

    pub(crate) fn clear_after_ms(&self) -> i64 {
        i64::from(self.clear_after_s) * 1_000
    }

    pub(crate) fn absorb_after_ms(&self) -> i64 {
        i64::from(self.absorb_after_s) * 1_000
    }
}
