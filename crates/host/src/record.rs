//! What the host remembers of a service over its own restarts, and nothing else.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Content of `service.json`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct ServiceRecord {
    pub instances: Vec<InstanceRecord>,
    /// Switches of release and configuration, oldest first.
    pub history: Vec<Switch>,
}

/// One instance, whether it runs or not.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct InstanceRecord {
    pub name: String,
    /// Whether it is meant to run.
    pub wanted: bool,
    /// How often it ended by itself.
    pub exits: u32,
    /// How often it was started.
    pub starts: u64,
    /// Its ports by name, kept over restarts.
    pub ports: BTreeMap<String, u16>,
    /// Its last process: pid and start time in clock ticks, which together name one process for good.
    pub process: Option<(u32, u64)>,
}

/// What a switch put in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SwitchKind {
    Release,
    Config,
}

/// One switch of release or configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Switch {
    /// Idempotency key of the action that did it.
    pub key: String,
    pub kind: SwitchKind,
    pub from: Option<String>,
    pub to: String,
    /// Whether a rollback undid it, or it is itself a rollback: never undone again.
    pub settled: bool,
}

/// Switches kept for each service.
pub(crate) const HISTORY_KEPT: usize = 200;
