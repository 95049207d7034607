//! Services: the things a team runs.

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// How much depends on a service.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// Nobody outside notices for a while.
    Internal,
    /// People notice.
    #[default]
    Standard,
    /// The business stops: payment, sign-in, core API.
    Critical,
}

/// The state of a service as a whole, worst first when sorted descending.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// Nothing was heard of it yet.
    #[default]
    Unknown,
    /// No firing finding.
    Healthy,
    /// A firing finding; still serving.
    Degraded,
    /// Not serving.
    Down,
}

/// The life of one process or container of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum InstanceState {
    /// Started, not yet known to serve.
    Starting,
    /// Running.
    Running,
    /// Ended on purpose.
    Stopped,
    /// Ended by itself.
    Exited,
}

/// One running copy of a service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Instance {
    /// Unique within the service: `checkout-1`.
    pub name: String,
    /// Operating-system process id, while it runs.
    pub pid: Option<u32>,
    /// Where it listens: `127.0.0.1:7102`.
    pub address: Option<String>,
    /// Its state.
    pub state: InstanceState,
    /// When it was last started.
    pub started_at: Option<Timestamp>,
    /// How often it ended by itself since the host knows it.
    pub exits: u32,
    /// Where it says whether it is well: `http://127.0.0.1:7102/healthz`.
    #[serde(default)]
    pub health_url: Option<String>,
    /// Where it shows its metrics in the Prometheus text format.
    #[serde(default)]
    pub metrics_url: Option<String>,
    /// The file its standard output goes to, on the host.
    #[serde(default)]
    pub log_file: Option<String>,
}

/// A thing that is run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Service {
    /// `service.name` of OpenTelemetry; unique.
    pub name: String,
    /// Who answers for it.
    pub owner: Option<String>,
    /// How much depends on it.
    #[serde(default)]
    pub tier: Tier,
    /// Names of the services it calls, as declared (the observed graph is separate).
    #[serde(default)]
    pub depends_on: Vec<String>,
    /// The release that runs.
    pub version: Option<String>,
    /// The configuration revision that runs.
    pub config_revision: Option<String>,
    /// Its running copies.
    #[serde(default)]
    pub instances: Vec<Instance>,
    /// The host that runs it, when a host is known: the base URL of its control API.
    pub host: Option<String>,
    /// Resident memory at which the host ends an instance, in bytes.
    pub memory_limit_bytes: Option<u64>,
    /// Size of its data folder at which writes fail, in bytes.
    pub disk_limit_bytes: Option<u64>,
    /// The state of the whole.
    #[serde(default)]
    pub health: Health,
}
