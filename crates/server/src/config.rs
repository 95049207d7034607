//! Configuration: one TOML file, environment overrides, everything documented here.
//!
//! The reference in `docs/reference/configuration.md` is generated from these types. Unknown keys are
//! refused: a typo must not silently mean the default.

mod explainer;

use std::num::{NonZeroU64, NonZeroUsize};
use std::path::{Path, PathBuf};

use api::Environment;
use connect::functions::run::RunPolicy;
use connect::functions::{Egress, Limits};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(crate) use explainer::Explainer;

/// Everything that can be configured.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    /// The HTTP server.
    pub(crate) server: Server,
    /// Where state is kept.
    pub(crate) data: Data,
    /// How long telemetry is kept.
    pub(crate) retention: Retention,
    /// How patient the loop is.
    #[serde(rename = "loop")]
    pub(crate) patience: Loop,
    /// The detectors. What is normal is learned; these are the bounds of it.
    pub(crate) detect: detect::Settings,
    /// What it decides by.
    pub(crate) rules: Rules,
    /// Runs of workflows.
    pub(crate) workflows: Workflows,
    /// What workflows may reach and run.
    pub(crate) functions: Functions,
    /// Packages made of OpenAPI documents.
    pub(crate) connectors: Connectors,
    /// A language model that explains incidents.
    pub(crate) explainer: Explainer,
    /// Business hours, change freezes and maintenance windows (UTC).
    pub(crate) calendar: engine::calendar::Calendar,
    /// Its own log.
    pub(crate) log: Log,
    /// Tokens that may send signals, provided through the environment.
    pub(crate) ingest_tokens: Vec<IngestToken>,
    /// Figures of this machine.
    pub(crate) machine: Machine,
    /// Process hosts to poll and to act through (`homeostat host`).
    pub(crate) hosts: Vec<Host>,
    /// Health probes besides those found through hosts.
    pub(crate) probes: Vec<Probe>,
    /// Prometheus targets to scrape besides those found through hosts.
    pub(crate) scrapes: Vec<Scrape>,
    /// Log files to follow besides those found through hosts.
    pub(crate) tails: Vec<Tail>,
}

/// The HTTP server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Server {
    /// Address to listen on. Loopback until you decide otherwise.
    pub(crate) listen: String,
    /// Host names and addresses under which browsers and programs reach this server, besides loopback and
    /// the address at which a connection comes in: a name in DNS, the address of a proxy or of a container's
    /// machine.
    pub(crate) allowed_hosts: Vec<String>,
    /// Largest body that receivers take, after decompression, in bytes.
    pub(crate) max_body_bytes: usize,
    /// Most connections at once; more wait. Each live view of the dashboard takes one.
    pub(crate) max_connections: NonZeroUsize,
    /// Milliseconds for the head of a request to arrive, and for an idle connection to be kept. Behind a
    /// proxy, more than the proxy keeps its own.
    pub(crate) idle_timeout_ms: NonZeroU64,
    /// `development`, `staging` or `production`; shown in the dashboard.
    #[schemars(with = "String")]
    pub(crate) environment: Environment,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:7070".into(),
            allowed_hosts: Vec::new(),
            max_body_bytes: 16 << 20,
            max_connections: NonZeroUsize::new(512).expect("not zero"),
            idle_timeout_ms: NonZeroU64::new(30_000).expect("not zero"),
            environment: Environment::Development,
        }
    }
}

/// Where state is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Data {
    /// The data folder; made when missing, readable by its owner only.
    pub(crate) dir: PathBuf,
}

impl Default for Data {
    fn default() -> Self {
        Self { dir: "homeostat-data".into() }
    }
}

/// How long telemetry is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Retention {
    /// Days that metrics are kept.
    pub(crate) metrics_days: u32,
    /// Days that logs and spans are kept.
    pub(crate) logs_days: u32,
}

impl Default for Retention {
    fn default() -> Self {
        Self { metrics_days: 90, logs_days: 90 }
    }
}

/// Runs of workflows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Workflows {
    /// Most runs at once that touch one service; without it only the limits of workflows themselves hold.
    pub(crate) runs_per_service: Option<u32>,
    /// Start with every run held, to look first; `homeostat workflow resume --all` lets them go on.
    pub(crate) start_held: bool,
    /// Folder with one file for each secret that workflows may use, besides `HOMEOSTAT_SECRET_<NAME>` variables.
    pub(crate) secrets_dir: Option<PathBuf>,
    /// Days that runs are kept after their end, with their journals; 0 keeps them for ever. A key that started a run
    /// which was removed starts another one.
    pub(crate) retention_days: u32,
}

impl Default for Workflows {
    fn default() -> Self {
        Self { runs_per_service: None, start_held: false, secrets_dir: None, retention_days: 90 }
    }
}

/// What workflows may reach and run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Functions {
    /// Folder that `file:` addresses of external resources mean: scripts, `.proto` files, AsyncAPI documents, schemas.
    pub(crate) resources_dir: Option<PathBuf>,
    /// Folder in which programs of workflows run; `programs` in the data folder when not set. What is in it is
    /// removed at start. The user that programs run as must be able to pass through its path.
    pub(crate) programs_dir: Option<PathBuf>,
    /// Every request that workflows make.
    pub(crate) http: HttpFunctions,
    /// Programs that workflows may run on this machine. Nothing until you allow it.
    pub(crate) run: RunPolicy,
}

/// Packages made of OpenAPI documents.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Connectors {
    /// Hosts that documents are fetched from, besides this machine: `api.example.com`, `*.example.com`. None until you
    /// name them; proxy and authorities are those of `functions.http`.
    pub(crate) allow_hosts: Vec<String>,
}

/// Every request that workflows make.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct HttpFunctions {
    /// Milliseconds that a call may take as a whole: tokens, redirects, reading the answer.
    pub(crate) timeout_ms: NonZeroU64,
    /// Largest answer after decompression, in bytes.
    pub(crate) max_response_bytes: NonZeroUsize,
    /// The only places requests may go to: `api.example.com`, `*.example.com`, `10.0.0.0/8`, `10.1.2.3:8080`.
    /// Empty means everywhere but to the metadata services of clouds.
    pub(crate) egress: Vec<String>,
    /// A proxy that all requests go through, such as `http://proxy:3128`.
    pub(crate) proxy: Option<String>,
    /// Files with certificates (PEM) of authorities that are trusted besides those of the machine.
    pub(crate) authorities: Vec<PathBuf>,
}

impl Default for HttpFunctions {
    fn default() -> Self {
        Self {
            timeout_ms: NonZeroU64::new(60_000).expect("not zero"),
            max_response_bytes: NonZeroUsize::new(8 << 20).expect("not zero"),
            egress: Vec::new(),
            proxy: None,
            authorities: Vec::new(),
        }
    }
}

impl HttpFunctions {
    /// The bounds of every request.
    ///
    /// # Errors
    /// A place or a file is wrong; the text says which option to change.
    pub(crate) fn limits(&self) -> Result<Limits, String> {
        let egress = if self.egress.is_empty() { Ok(Egress::open()) } else { Egress::only(&self.egress) };
        let read = |file: &PathBuf| {
            std::fs::read_to_string(file)
                .map_err(|e| format!("functions.http.authorities: {}: {e}", file.display()))
        };
        Ok(Limits {
            timeout: std::time::Duration::from_millis(self.timeout_ms.get()),
            response_bytes_max: self.max_response_bytes.get(),
            egress: egress.map_err(|e| format!("functions.http.egress: {e}"))?,
            proxy: self.proxy.clone(),
            authorities: self.authorities.iter().map(read).collect::<Result<_, _>>()?,
            ..Limits::default()
        })
    }
}

/// How patient the loop is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Loop {
    /// Milliseconds that the first cause must stay the same before anything is decided.
    pub(crate) settle_ms: u32,
    /// Milliseconds without a firing finding before an incident is resolved.
    pub(crate) quiet_ms: u32,
    /// Milliseconds that a diagnosis may stay inconclusive before a person is called.
    pub(crate) inconclusive_ms: u32,
    /// Seconds that telemetry is watched after a fix.
    pub(crate) verify_s: u32,
    /// Milliseconds after a verified fix in which its findings may still fire.
    pub(crate) linger_ms: u32,
    /// Milliseconds between checkpoints of the detectors.
    pub(crate) checkpoint_ms: u32,
}

impl Default for Loop {
    fn default() -> Self {
        Self {
            settle_ms: 1_500,
            quiet_ms: 10_000,
            inconclusive_ms: 60_000,
            verify_s: 30,
            linger_ms: 60_000,
            checkpoint_ms: 15_000,
        }
    }
}

/// What it decides by.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Rules {
    /// Policy files, in order; later ones override earlier ones. None means the shipped default policy.
    pub(crate) policies: Vec<PathBuf>,
    /// Triage files: what is muted, inhibited, put together, kept apart, and what comes first. Asked in order.
    pub(crate) triage: Vec<PathBuf>,
    /// OpenSLO files: what services promise. Budgets that are spent too fast are findings.
    pub(crate) objectives: Vec<PathBuf>,
    /// Folder of runbooks (`*.md`) besides the shipped ones; a name in both means yours.
    pub(crate) runbooks: Option<PathBuf>,
    /// How far automation may go before anyone has said so in the dashboard.
    pub(crate) autonomy: Level,
}

/// How far automation may go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Level {
    /// Look only.
    Observe,
    /// Say what it would do.
    #[default]
    Propose,
    /// Do it once a person agreed.
    Approve,
    /// Do it.
    Auto,
}

/// Its own log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Log {
    /// What is logged: a level, or directives such as `info,engine=debug`.
    pub(crate) filter: String,
    /// How its lines look.
    pub(crate) format: LogFormat,
}

impl Default for Log {
    fn default() -> Self {
        Self { filter: "info".into(), format: LogFormat::Text }
    }
}

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// For machines.
    Json,
}

/// Figures of this machine: processor, memory, load, as service `host`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Machine {
    /// Milliseconds between readings; 0 reads none.
    pub(crate) interval_ms: u64,
}

impl Default for Machine {
    fn default() -> Self {
        Self { interval_ms: 5_000 }
    }
}

/// A token that may send signals and nothing else.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct IngestToken {
    /// What it is for.
    pub(crate) name: String,
    /// Name of the environment variable that holds it; at least 16 characters.
    pub(crate) token_env: String,
}

/// A process host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Host {
    /// Base URL of its control API.
    pub(crate) url: String,
    /// Name of the environment variable that holds its token.
    pub(crate) token_env: String,
}

/// A health probe.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Probe {
    /// The service it speaks of.
    pub(crate) service: String,
    /// `http://…`, `https://…` or `tcp://host:port`.
    pub(crate) target: String,
    /// Milliseconds between probes.
    #[serde(default = "every_30_s")]
    pub(crate) interval_ms: u64,
    /// Milliseconds until a probe counts as failed.
    #[serde(default = "after_3_s")]
    pub(crate) timeout_ms: u64,
}

/// A Prometheus target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scrape {
    /// The service it speaks of.
    pub(crate) service: String,
    /// Where it shows its metrics.
    pub(crate) url: String,
    /// Milliseconds between scrapes.
    #[serde(default = "every_15_s")]
    pub(crate) interval_ms: u64,
}

/// A log file to follow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tail {
    /// The service it speaks of.
    pub(crate) service: String,
    /// The file.
    pub(crate) file: PathBuf,
}

fn every_30_s() -> u64 {
    30_000
}

fn every_15_s() -> u64 {
    15_000
}

fn after_3_s() -> u64 {
    3_000
}

/// Why the configuration is refused; the text says where and what to do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration {file}: {reason}; check the path given with --config")]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Why.
        reason: std::io::Error,
    },
    /// The file is not what it should be.
    #[error("{file}:{line}:{column}: {message}; every option is in docs/reference/configuration.md")]
    Wrong {
        /// The file.
        file: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// What is wrong.
        message: String,
    },
    /// An environment variable is not what it should be.
    #[error("environment variable {name}: {message}; every option is in docs/reference/configuration.md")]
    Environment {
        /// The variable.
        name: String,
        /// What is wrong.
        message: String,
    },
}

/// Sections whose scalar options can be set by `HOMEOSTAT_<SECTION>_<OPTION>`.
const SECTIONS: [&str; 10] =
    ["server", "data", "retention", "loop", "detect", "rules", "workflows", "explainer", "log", "machine"];

impl Config {
    /// Reads a file (none: defaults only) and applies the environment.
    ///
    /// # Errors
    /// The file or a variable is wrong; the text says where and what to do.
    pub(crate) fn load(
        file: Option<&Path>,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let text = match file {
            None => String::new(),
            Some(path) => std::fs::read_to_string(path)
                .map_err(|reason| ConfigError::Unreadable { file: path.to_owned(), reason })?,
        };
        Self::parse(file.unwrap_or_else(|| Path::new("configuration")), &text, environment)
    }

    /// Reads configuration text and applies the environment.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub(crate) fn parse(
        file: &Path,
        text: &str,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let config: Self = toml::from_str(text).map_err(|error| wrong(file, text, &error))?;
        let mut table: toml::Table = toml::from_str(text).map_err(|error| wrong(file, text, &error))?;
        let known = toml::Table::try_from(Self::default()).unwrap_or_default();
        let mut last = None;
        let mut set: Vec<(String, String)> = environment.collect();
        set.sort();
        for (name, value) in set {
            let Some((section, option)) = option_of(&name) else { continue };
            let parsed = match known.get(section).and_then(|s| s.get(&option)) {
                Some(toml::Value::String(_)) => toml::Value::String(value),
                Some(_) => parse_scalar(&value).ok_or_else(|| ConfigError::Environment {
                    name: name.clone(),
                    message: format!("{value:?} is no TOML value"),
                })?,
                None if section == "rules" && option == "runbooks" => toml::Value::String(value),
                None => {
                    let message = format!("there is no option {section}.{option}");
                    return Err(ConfigError::Environment { name, message });
                }
            };
            let entry = table.entry(section).or_insert_with(|| toml::Value::Table(toml::Table::new()));
            if let toml::Value::Table(options) = entry {
                options.insert(option, parsed);
            }
            let checked: Result<Self, _> = table.clone().try_into();
            last = Some(
                checked.map_err(|e| ConfigError::Environment { name, message: e.message().to_owned() })?,
            );
        }
        Ok(last.unwrap_or(config))
    }
}

fn option_of(name: &str) -> Option<(&'static str, String)> {
    let rest = name.strip_prefix("HOMEOSTAT_")?.to_ascii_lowercase();
    SECTIONS
        .iter()
        .find_map(|section| Some((*section, rest.strip_prefix(section)?.strip_prefix('_')?.to_owned())))
}

fn parse_scalar(text: &str) -> Option<toml::Value> {
    toml::from_str::<toml::Table>(&format!("v = {text}")).ok()?.remove("v")
}

fn wrong(file: &Path, text: &str, error: &toml::de::Error) -> ConfigError {
    let start = error.span().map_or(0, |s| s.start.min(text.len()));
    let before = &text.as_bytes()[..start];
    let line = before.iter().filter(|b| **b == b'\n').count() + 1;
    let column = start - before.iter().rposition(|b| *b == b'\n').map_or(0, |p| p + 1) + 1;
    ConfigError::Wrong { file: file.to_owned(), line, column, message: error.message().trim().to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str, environment: &[(&str, &str)]) -> Result<Config, String> {
        let environment = environment.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        Config::parse(Path::new("homeostat.toml"), text, environment).map_err(|e| e.to_string())
    }

    #[test]
    fn nothing_given_means_defaults() {
        assert_eq!(load("", &[]).unwrap(), Config::default());
    }

    #[test]
    fn a_typo_is_refused_with_line_and_column() {
        let error = load("[server]\nlistne = \"127.0.0.1:1\"\n", &[]).unwrap_err();
        assert!(error.starts_with("homeostat.toml:2:1: unknown field `listne`"), "{error}");
        assert!(error.contains("listen"), "the known names help: {error}");
    }

    #[test]
    fn the_environment_overrides_the_file() {
        let config = load(
            "[server]\nlisten = \"127.0.0.1:1\"\n",
            &[
                ("HOMEOSTAT_SERVER_LISTEN", "127.0.0.1:2"),
                ("HOMEOSTAT_LOOP_VERIFY_S", "5"),
                ("HOME", "/root"),
            ],
        )
        .unwrap();
        assert_eq!(config.server.listen, "127.0.0.1:2");
        assert_eq!(config.patience.verify_s, 5);
    }

    #[test]
    fn a_wrong_variable_is_named() {
        let error = load("", &[("HOMEOSTAT_LOOP_VERIFY_S", "soon")]).unwrap_err();
        assert!(error.contains("HOMEOSTAT_LOOP_VERIFY_S"), "{error}");
        let error = load("", &[("HOMEOSTAT_SERVER_COLOUR", "red")]).unwrap_err();
        assert!(error.contains("no option server.colour"), "{error}");
    }
}
