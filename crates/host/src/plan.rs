//! What an action will do, decided before anything is touched: a list of steps.
//!
//! A step says what shall be true and is safe to carry out again: it looks first. `execute.rs` carries
//! them out; the planners in `actions/` make them from a snapshot and are pure.

use std::collections::BTreeMap;

use model::Inverse;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::record::{InstanceRecord, Switch, SwitchKind};
use crate::spec::ServiceSpec;

/// The whole of what an action will do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Plan {
    /// In order; the first that fails ends the attempt.
    pub steps: Vec<Step>,
    /// One line for people.
    pub would: String,
    /// What undoes it, from the state before.
    pub inverse: Option<Inverse>,
}

/// Something that shall be true.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub(crate) enum Step {
    /// The instance is wanted and runs.
    Start { instance: String },
    /// The instance is not wanted and does not run.
    Stop { instance: String },
    /// The instance was started anew since it had been started `starts` times, or since an earlier step of
    /// this plan altered what it runs with.
    Restart { instance: String, starts: u64 },
    /// The instance exists and runs.
    Add { instance: String },
    /// The instance does not exist.
    Remove { instance: String },
    /// The number of instances is a change worth telling.
    Scaled { from: usize, to: usize },
    /// The configuration revision exists.
    WriteConfig { revision: String, values: Value },
    /// The release or configuration is in place. `undoes` names the switch (by its key) this one undoes.
    Switch { kind: SwitchKind, from: Option<String>, to: String, undoes: Option<String>, rollback: bool },
    /// The folder of the data lies in the trash, an empty one in its place; with `halt`, nothing runs
    /// meanwhile.
    MoveAside { trash: String, folder: String, halt: bool },
    /// The folder of the data is back from the trash.
    BringBack { trash: String, folder: String, halt: bool },
}

/// What a planner knows of a service.
#[derive(Clone, Debug)]
pub(crate) struct Snapshot {
    pub spec: ServiceSpec,
    pub instances: Vec<InstanceRecord>,
    /// Instances whose process runs.
    pub running: Vec<String>,
    pub release: Option<String>,
    pub releases: Vec<String>,
    pub config_revision: Option<String>,
    pub revisions: Vec<String>,
    pub history: Vec<Switch>,
    /// Folders in the trash, by its id.
    pub trash: BTreeMap<String, Vec<String>>,
}

impl Snapshot {
    /// Restarts of every wanted instance, one after the other.
    pub(crate) fn restarts(&self) -> Vec<Step> {
        let wanted = self.instances.iter().filter(|i| i.wanted);
        wanted.map(|i| Step::Restart { instance: i.name.clone(), starts: i.starts }).collect()
    }

    pub(crate) fn instance(&self, name: &str) -> Option<&InstanceRecord> {
        self.instances.iter().find(|i| i.name == name)
    }
}
