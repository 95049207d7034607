//! What a service is, as its owner declares it. Pure data and its rules; nothing here touches the machine.

use std::collections::{BTreeMap, BTreeSet};

use model::Tier;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Why a catalog is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("service {service:?}: {reason}")]
pub struct SpecError {
    /// The service at fault.
    pub service: String,
    /// What is wrong and what to do.
    pub reason: String,
}

/// What the host does when a process ends by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Restart {
    /// Leaves it ended: whoever watches decides (Homeostat does).
    #[default]
    Never,
    /// Starts it again, waiting longer each time it lived only shortly (at most 30 s).
    Always,
}

/// A release that comes with the catalog; the host writes its folder when it is not there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReleaseSpec {
    /// Name of the folder below `releases/`.
    pub version: String,
    /// Content of `manifest.json`.
    #[serde(default)]
    pub manifest: Value,
}

/// One service of the catalog.
///
/// In `command` and `env` the host replaces `{instance}`, `{port}`, `{port:NAME}`, `{data}`, `{release}`
/// and `{config}`, so that programs that know nothing of Homeostat can be run as well.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceSpec {
    /// Unique name: small letters, digits and dashes, at most 40.
    pub name: String,
    /// Who answers for it.
    #[serde(default)]
    pub owner: Option<String>,
    /// How much depends on it.
    #[serde(default)]
    pub tier: Tier,
    /// Names of the services it calls.
    #[serde(default)]
    pub depends_on: Vec<String>,
    /// Program and arguments; no shell is involved.
    pub command: Vec<String>,
    /// Environment of the process, besides PATH, HOME, LANG and the `HOMEOSTAT_*` variables.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// How many copies run at first (1 to 64).
    #[serde(default = "one")]
    pub instances: u32,
    /// First port of the first instance; without it the host picks free ports.
    #[serde(default)]
    pub base_port: Option<u16>,
    /// Names of the ports each instance gets; the first is its address. Empty when it does not listen.
    #[serde(default = "http_port")]
    pub ports: Vec<String>,
    /// Path that answers 2xx when the instance is well.
    #[serde(default)]
    pub health_path: Option<String>,
    /// Path of its Prometheus metrics.
    #[serde(default)]
    pub metrics_path: Option<String>,
    /// Resident memory at which the host ends the instance, in bytes.
    #[serde(default)]
    pub memory_limit_bytes: Option<u64>,
    /// Quota of the data folder, in bytes. The host measures it and tells the process
    /// (`HOMEOSTAT_DATA_LIMIT_BYTES`); it cannot make writes fail by itself.
    #[serde(default)]
    pub disk_limit_bytes: Option<u64>,
    /// Folders inside the data folder whose content may be thrown away at any time.
    #[serde(default)]
    pub expendable: Vec<String>,
    /// Folder inside the data folder that the service can rebuild from nothing.
    #[serde(default)]
    pub state: Option<String>,
    /// What happens when a process ends by itself.
    #[serde(default)]
    pub restart: Restart,
    /// Time between SIGTERM and SIGKILL, in milliseconds.
    #[serde(default = "two_seconds")]
    pub stop_grace_ms: u64,
    /// Time an action waits for a started instance to answer its health path, in milliseconds.
    #[serde(default = "ten_seconds")]
    pub start_timeout_ms: u64,
    /// Releases that come with the catalog; the first one is current at first.
    #[serde(default)]
    pub releases: Vec<ReleaseSpec>,
    /// The first configuration revision.
    #[serde(default)]
    pub config: Value,
}

fn one() -> u32 {
    1
}

fn http_port() -> Vec<String> {
    vec!["http".to_owned()]
}

fn two_seconds() -> u64 {
    2_000
}

fn ten_seconds() -> u64 {
    10_000
}

impl ServiceSpec {
    /// A service with the defaults of the catalog format: one instance with one port, restarted never.
    #[must_use]
    pub fn new(name: impl Into<String>, command: Vec<String>) -> Self {
        Self {
            name: name.into(),
            owner: None,
            tier: Tier::Standard,
            depends_on: Vec::new(),
            command,
            env: BTreeMap::new(),
            instances: one(),
            base_port: None,
            ports: http_port(),
            health_path: None,
            metrics_path: None,
            memory_limit_bytes: None,
            disk_limit_bytes: None,
            expendable: Vec::new(),
            state: None,
            restart: Restart::Never,
            stop_grace_ms: two_seconds(),
            start_timeout_ms: ten_seconds(),
            releases: Vec::new(),
            config: Value::Null,
        }
    }

    fn check(&self) -> Result<(), String> {
        if !is_name(&self.name) {
            return Err("the name must be 1 to 40 small letters, digits and dashes".to_owned());
        }
        if self.command.first().is_none_or(String::is_empty) {
            return Err("the command is empty: give the program and its arguments".to_owned());
        }
        if self.instances > MAX_INSTANCES {
            return Err(format!("{} instances asked for, at most {MAX_INSTANCES}", self.instances));
        }
        if let Some(port) = self.ports.iter().find(|p| !is_name(p)) {
            return Err(format!("port name {port:?} must be small letters, digits and dashes"));
        }
        if let Some(folder) = self.expendable.iter().chain(&self.state).find(|f| !is_inside(f)) {
            return Err(format!("folder {folder:?} must be relative and stay inside the data folder"));
        }
        if let Some(release) = self.releases.iter().find(|r| !is_version(&r.version)) {
            return Err(format!("release {:?} is not a folder name", release.version));
        }
        if self.health_path.iter().chain(&self.metrics_path).any(|p| !is_url_path(p)) {
            return Err("health_path and metrics_path must start with / and hold no spaces".to_owned());
        }
        Ok(())
    }
}

/// Most instances one service may have.
pub(crate) const MAX_INSTANCES: u32 = 64;

/// Checks a whole catalog.
///
/// # Errors
/// The first service that cannot be run as declared, and why.
pub fn check_catalog(catalog: &[ServiceSpec]) -> Result<(), SpecError> {
    let mut names = BTreeSet::new();
    for spec in catalog {
        let refuse = |reason| Err(SpecError { service: spec.name.clone(), reason });
        if let Err(reason) = spec.check() {
            return refuse(reason);
        }
        if !names.insert(&spec.name) {
            return refuse("declared twice: names must be unique".to_owned());
        }
    }
    Ok(())
}

fn is_name(text: &str) -> bool {
    (1..=40).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !text.starts_with('-')
}

/// Whether `text` can be the name of a release or revision: one path component, no tricks.
pub(crate) fn is_version(text: &str) -> bool {
    (1..=80).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._+-".contains(&b))
        && !text.starts_with('.')
}

fn is_inside(folder: &str) -> bool {
    !folder.is_empty() && folder.len() <= 200 && folder.split('/').all(is_version)
}

fn is_url_path(path: &str) -> bool {
    path.starts_with('/') && path.len() <= 200 && path.bytes().all(|b| b.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(change: impl FnOnce(&mut ServiceSpec), expect: Option<&str>) {
        let mut spec = ServiceSpec::new("checkout", vec!["/bin/true".to_owned()]);
        change(&mut spec);
        let got = check_catalog(&[spec]).err().map(|e| e.to_string());
        match expect {
            None => assert_eq!(got, None),
            Some(part) => assert!(got.as_deref().is_some_and(|g| g.contains(part)), "{got:?} lacks {part:?}"),
        }
    }

    #[test]
    fn a_catalog_that_cannot_run_is_refused_with_the_reason() {
        check(|_| {}, None);
        check(|s| s.expendable = vec!["cache/images".into()], None);
        check(|s| s.name = "../up".into(), Some("small letters"));
        check(|s| s.command.clear(), Some("command is empty"));
        check(|s| s.instances = 65, Some("at most 64"));
        check(|s| s.expendable = vec!["../other".into()], Some("inside the data folder"));
        check(|s| s.state = Some("/etc".into()), Some("inside the data folder"));
        check(|s| s.health_path = Some("healthz".into()), Some("must start with /"));
        check(
            |s| s.releases = vec![ReleaseSpec { version: "../1".into(), manifest: Value::Null }],
            Some("not a folder name"),
        );
    }

    #[test]
    fn a_name_may_be_declared_once() {
        let spec = ServiceSpec::new("a", vec!["/bin/true".to_owned()]);
        assert!(check_catalog(&[spec.clone(), spec]).unwrap_err().reason.contains("twice"));
    }

    #[test]
    fn the_smallest_catalog_entry_is_a_name_and_a_command() {
        let spec: ServiceSpec = serde_json::from_str(r#"{"name":"a","command":["/bin/true"]}"#).unwrap();
        assert_eq!(spec, ServiceSpec::new("a", vec!["/bin/true".to_owned()]));
    }
}
