//! The detectors: one file each, behind one trait, registered in one table.
//!
//! A new detector is a file here, its `mod` line and its line in the table.

mod alert;
mod budget_burn;
mod cpu;
mod disk_filling;
mod error_rate;
mod growth;
mod latency;
mod level;
mod log_burst;
mod log_new_pattern;
mod log_precursor;
mod log_sequence;
mod log_value;
mod log_vanished;
mod memory_leak;
mod metric_anomaly;
mod probe_failure;
mod process_exit;
mod restart_loop;
mod service_metrics;

use model::{ObjectiveStatus, Timestamp};
use serde::{Deserialize, Serialize};

use crate::features::Seen;
use crate::findings::{Context, Findings};
use crate::report::Drift;
use crate::settings::Settings;

/// Looks at signals and says findings. State is plain data, so that a snapshot can hold it.
pub(crate) trait Detector {
    /// One signal, in bus order.
    fn see(&mut self, cx: Context<'_>, seen: &Seen<'_>, findings: &mut Findings);

    /// Several times a second, and after batches: what depends on time or on many signals.
    fn judge(&mut self, _cx: Context<'_>, _findings: &mut Findings) {}
}

macro_rules! table {
    ($($file:ident: $detector:ident,)*) => {
        /// All detectors, asked in this order.
        #[derive(Clone, Debug, Serialize, Deserialize)]
        pub(crate) struct Detectors {
            $($file: $file::$detector,)*
        }

        impl Detectors {
            pub(crate) fn new(settings: &Settings) -> Self {
                Self { $($file: $file::$detector::new(settings),)* }
            }

            pub(crate) fn see(&mut self, cx: Context<'_>, seen: &Seen<'_>, findings: &mut Findings) {
                $(self.$file.see(cx, seen, findings);)*
            }

            pub(crate) fn judge(&mut self, cx: Context<'_>, findings: &mut Findings) {
                $(self.$file.judge(cx, findings);)*
            }
        }

        /// The names of all detectors.
        pub(crate) const NAMES: &[&str] = &[$(stringify!($file),)*];
    };
}

impl Detectors {
    /// See [`BudgetBurn::statuses`].
    pub(crate) fn objectives(&self, now: Timestamp, settings: &Settings) -> Vec<ObjectiveStatus> {
        self.budget_burn.statuses(now, settings)
    }

    /// See [`MetricAnomaly::watched`].
    pub(crate) fn watched(&self, limit: usize) -> (usize, Vec<Drift>) {
        self.metric_anomaly.watched(limit)
    }
}

table! {
    alert: Alert,
    budget_burn: BudgetBurn,
    probe_failure: ProbeFailure,
    process_exit: ProcessExit,
    restart_loop: RestartLoop,
    error_rate: ErrorRate,
    latency: Latency,
    cpu: Cpu,
    memory_leak: MemoryLeak,
    disk_filling: DiskFilling,
    log_new_pattern: LogNewPattern,
    log_burst: LogBurst,
    log_vanished: LogVanished,
    log_sequence: LogSequence,
    log_value: LogValue,
    log_precursor: LogPrecursor,
    metric_anomaly: MetricAnomaly,
    service_metrics: ServiceMetrics,
}
