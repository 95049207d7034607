//! What a `run` task asks for, read strictly out of its evaluated parameters.

use std::collections::BTreeMap;
use std::path::Path;

use ports::{ActionFailure, FailureKind, Retry};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::policy::{Rules, RunKind, RunPolicy};
use crate::functions::{ExternalResources, failure, without_values};

/// Longest script.
const CODE_BYTES_MAX: usize = 1024 * 1024;

/// What a task asks for.
#[derive(Debug)]
pub(super) struct Task {
    pub program: Program,
    pub stdin: Option<String>,
    pub arguments: Vec<String>,
    pub environment: BTreeMap<String, String>,
    pub returns: Return,
    /// Whether somebody waits for its end.
    pub wait: bool,
}

/// What is run.
#[derive(Debug)]
pub(super) enum Program {
    Shell {
        command: String,
    },
    /// `source` says where the script is while it was not read.
    Script {
        kind: RunKind,
        code: String,
        source: Option<Value>,
    },
    Container(Box<Container>),
}

/// What the output is (DSL reference, "Run").
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Return {
    #[default]
    Stdout,
    Stderr,
    Code,
    All,
    None,
}

/// A container to run (DSL reference, "Container Process").
#[derive(Debug)]
pub(super) struct Container {
    pub image: String,
    pub name: Option<String>,
    pub command: Option<String>,
    pub arguments: Vec<String>,
    pub environment: BTreeMap<String, String>,
    pub stdin: Option<String>,
    /// Port of the host, port of the container.
    pub ports: Vec<(u16, String)>,
    /// Folder of the host, folder of the container with what may follow (`:ro`).
    pub volumes: Vec<(String, String)>,
    pub pull: Pull,
    pub cleanup: Cleanup,
}

/// When the image is pulled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Pull {
    #[default]
    IfNotPresent,
    Always,
    Never,
}

/// When the container is removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Cleanup {
    Always,
    #[default]
    Never,
    /// This long after its end, in milliseconds.
    Eventually(u64),
}

/// What stands beside the fields of each kind.
#[derive(Deserialize)]
struct Outer {
    #[serde(default, rename = "return")]
    returns: Return,
    #[serde(default = "yes", rename = "await")]
    wait: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Shell {
    command: String,
    stdin: Option<Value>,
    #[serde(default)]
    arguments: Vec<Value>,
    #[serde(default)]
    environment: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Script {
    language: String,
    code: Option<String>,
    source: Option<Value>,
    stdin: Option<Value>,
    #[serde(default)]
    arguments: Vec<Value>,
    #[serde(default)]
    environment: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct ContainerFields {
    image: String,
    name: Option<String>,
    command: Option<String>,
    #[serde(default)]
    ports: Map<String, Value>,
    #[serde(default)]
    volumes: Map<String, Value>,
    #[serde(default)]
    environment: Map<String, Value>,
    stdin: Option<Value>,
    #[serde(default)]
    arguments: Vec<Value>,
    lifetime: Option<Lifetime>,
    #[serde(default)]
    pull_policy: Pull,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Lifetime {
    cleanup: String,
    /// Milliseconds, ISO 8601 text or the DSL's object.
    after: Option<Value>,
}

fn yes() -> bool {
    true
}

fn wrong(text: impl Into<String>) -> ActionFailure {
    failure(FailureKind::Validation, Retry::Permanent, text)
}

impl Task {
    /// Reads the evaluated parameters of a task: the fields of its kind, with `return` and `await` among them.
    pub(super) fn parse(action: &str, parameters: &Value) -> Result<Self, ActionFailure> {
        let Outer { returns, wait } = fields(action, parameters)?;
        let mut own = parameters.clone();
        if let Some(own) = own.as_object_mut() {
            own.remove("return");
            own.remove("await");
        }
        let (program, stdin, arguments, environment) = match action {
            "run.shell" => {
                let s: Shell = fields(action, &own)?;
                (Program::Shell { command: s.command }, s.stdin, s.arguments, s.environment)
            }
            "run.script" => {
                let s: Script = fields(action, &own)?;
                let kind = language(&s.language)?;
                let (code, source) = match (s.code, s.source) {
                    (Some(code), None) => (bounded(code)?, None),
                    (None, Some(source)) => (String::new(), Some(source)),
                    _ => return Err(wrong("a script needs either `code` or `source`")),
                };
                (Program::Script { kind, code, source }, s.stdin, s.arguments, s.environment)
            }
            "run.container" => {
                let container = Program::Container(Box::new(container(fields(action, &own)?)?));
                (container, None, Vec::new(), Map::new())
            }
            other => {
                return Err(wrong(format!(
                    "no action {other:?}; there are run.shell, run.script and run.container"
                )));
            }
        };
        let (stdin, arguments) = (stdin.map(input), words(arguments)?);
        Ok(Self { program, stdin, arguments, environment: variables(environment)?, returns, wait })
    }

    /// Whether the policy lets it run.
    pub(super) fn check(&self, rules: &Rules) -> Result<(), ActionFailure> {
        match &self.program {
            Program::Shell { command } => rules.may_command(command),
            Program::Script { kind, .. } => rules.may_run(*kind),
            Program::Container(container) => {
                rules.may_image(&container.image)?;
                container.volumes.iter().try_for_each(|(folder, _)| rules.may_volume(folder))
            }
        }
    }

    /// Reads the script when it is elsewhere; once, and only after the policy was asked.
    pub(super) async fn load(&mut self, resources: &ExternalResources) -> Result<(), ActionFailure> {
        if let Program::Script { code, source, .. } = &mut self.program
            && let Some(source) = source.take()
        {
            *code = bounded(resources.of("script.source", &source).await?)?;
        }
        Ok(())
    }

    /// Name and text of the file that must be there for it.
    pub(super) fn source(&self) -> Option<(&'static str, &str)> {
        match &self.program {
            Program::Script { kind: RunKind::Python, code, .. } => Some(("script.py", code)),
            Program::Script { code, .. } => Some(("script.js", code)),
            _ => None,
        }
    }

    /// Program and arguments of a process.
    pub(super) fn command(&self, policy: &RunPolicy, file: Option<&Path>) -> Vec<String> {
        let file = file.map(|file| file.display().to_string());
        let mut words: Vec<String> = match &self.program {
            // The name of the shell comes before what the command sees as $1.
            Program::Shell { command } => vec!["/bin/sh".into(), "-c".into(), command.clone(), "sh".into()],
            // -B: compiled files beside the script would help nobody.
            Program::Script { kind: RunKind::Python, .. } => vec![policy.python.clone(), "-B".into()],
            Program::Script { .. } => vec![policy.javascript.clone()],
            Program::Container(_) => Vec::new(),
        };
        words.extend(file);
        words.extend(self.arguments.iter().cloned());
        words
    }

    /// What it would do, for people. Values are left out: they may be secret.
    pub(super) fn would(&self) -> String {
        let waiting = if self.wait { "" } else { ", without waiting for its end" };
        let words = match self.arguments.len() {
            0 => String::new(),
            1 => " with 1 argument".to_owned(),
            n => format!(" with {n} arguments"),
        };
        match &self.program {
            Program::Shell { command } => {
                let command = receive::limits::cut(command.trim(), 200);
                format!("run the shell command `{command}`{words}{waiting}")
            }
            Program::Script { kind, code, .. } => {
                let name = if *kind == RunKind::Python { "Python" } else { "JavaScript" };
                format!("run a {name} script of {} bytes{words}{waiting}", code.len())
            }
            Program::Container(container) => {
                let pull = match container.pull {
                    Pull::Always => ", pulled first",
                    Pull::IfNotPresent => ", pulled if it is not there",
                    Pull::Never => "",
                };
                format!(
                    "run a container of the image {}{pull}{waiting}",
                    receive::limits::cut(&container.image, 200)
                )
            }
        }
    }
}

/// What is wrong is named, the value that is wrong is not: it may be secret.
fn fields<'de, T: Deserialize<'de>>(action: &str, parameters: &'de Value) -> Result<T, ActionFailure> {
    T::deserialize(parameters).map_err(|error| wrong(format!("{action}: {}", without_values(&error))))
}

fn language(name: &str) -> Result<RunKind, ActionFailure> {
    match name.to_ascii_lowercase().as_str() {
        "js" | "javascript" => Ok(RunKind::Javascript),
        "python" => Ok(RunKind::Python),
        other => {
            Err(wrong(format!("no scripts in {other:?}; there are `js` (or `javascript`) and `python`")))
        }
    }
}

fn bounded(code: String) -> Result<String, ActionFailure> {
    if code.len() > CODE_BYTES_MAX {
        return Err(wrong(format!(
            "a script has at most {CODE_BYTES_MAX} bytes, this one has {}",
            code.len()
        )));
    }
    Ok(code)
}

/// Text as it is; anything else as JSON.
fn input(value: Value) -> String {
    match value {
        Value::String(text) => text,
        other => other.to_string(),
    }
}

fn scalar(what: &str, value: Value) -> Result<String, ActionFailure> {
    let text = match value {
        Value::String(text) => text,
        Value::Number(_) | Value::Bool(_) => value.to_string(),
        _ => {
            return Err(wrong(format!(
                "{what} must be text, a number or a boolean; write objects with `tojson`"
            )));
        }
    };
    if text.contains('\0') {
        return Err(wrong(format!("{what} holds a zero byte, which no program can be given")));
    }
    Ok(text)
}

fn words(values: Vec<Value>) -> Result<Vec<String>, ActionFailure> {
    values.into_iter().enumerate().map(|(n, value)| scalar(&format!("argument {}", n + 1), value)).collect()
}

fn variables(values: Map<String, Value>) -> Result<BTreeMap<String, String>, ActionFailure> {
    let named = |(name, value): (String, Value)| {
        if name.is_empty() || name.contains(['=', '\0']) {
            return Err(wrong(format!("{name:?} cannot be the name of an environment variable")));
        }
        let value = scalar(&format!("the environment variable {name}"), value)?;
        Ok((name, value))
    };
    values.into_iter().map(named).collect()
}

fn container(fields: ContainerFields) -> Result<Container, ActionFailure> {
    let port = |(host, inner): (String, Value)| {
        let number = host.parse().map_err(|_| wrong(format!("{host:?} is no port of the host")))?;
        let inner = scalar("a port of the container", inner)?;
        let (digits, protocol) = inner.split_once('/').unwrap_or((&inner, "tcp"));
        if digits.parse::<u16>().is_err() || !matches!(protocol, "tcp" | "udp" | "sctp") {
            return Err(wrong(format!("{inner:?} is no port of a container: write 80 or 53/udp")));
        }
        Ok((number, format!("{digits}/{protocol}")))
    };
    let volume = |(host, inner): (String, Value)| {
        let inner = scalar("a folder of the container", inner)?;
        if host.contains(':') || !inner.starts_with('/') {
            return Err(wrong(format!("the volume {host:?} must lead to an absolute path in the container")));
        }
        Ok((host, inner))
    };
    Ok(Container {
        image: fields.image,
        name: fields.name,
        command: fields.command,
        arguments: words(fields.arguments)?,
        environment: variables(fields.environment)?,
        stdin: fields.stdin.map(input),
        ports: fields.ports.into_iter().map(port).collect::<Result<_, _>>()?,
        volumes: fields.volumes.into_iter().map(volume).collect::<Result<_, _>>()?,
        pull: fields.pull_policy,
        cleanup: cleanup(fields.lifetime)?,
    })
}

fn cleanup(lifetime: Option<Lifetime>) -> Result<Cleanup, ActionFailure> {
    let Some(lifetime) = lifetime else { return Ok(Cleanup::default()) };
    match (lifetime.cleanup.as_str(), lifetime.after) {
        ("always", None) => Ok(Cleanup::Always),
        ("never", None) => Ok(Cleanup::Never),
        ("eventually", Some(after)) => {
            crate::functions::duration_ms("lifetime.after", &after).map(Cleanup::Eventually)
        }
        ("eventually", None) => Err(wrong("`lifetime.after` is needed when `cleanup` is `eventually`")),
        ("always" | "never", Some(_)) => Err(wrong("`lifetime.after` is only for `cleanup: eventually`")),
        (other, _) => {
            Err(wrong(format!("no `lifetime.cleanup` {other:?}; there are always, never and eventually")))
        }
    }
}

fn schema(mut properties: Value, required: &[&str]) -> Value {
    properties["return"] = json!({"enum": ["stdout", "stderr", "code", "all", "none"], "default": "stdout"});
    properties["await"] = json!({"type": "boolean", "default": true});
    json!({"type": "object", "required": required, "additionalProperties": false, "properties": properties})
}

fn common(mut own: Value) -> Value {
    own["stdin"] = json!({});
    own["arguments"] = json!({"type": "array"});
    own["environment"] = json!({"type": "object"});
    own
}

pub(super) fn shell_schema() -> Value {
    schema(common(json!({"command": {"type": "string"}})), &["command"])
}

pub(super) fn script_schema() -> Value {
    let own = json!({
        "language": {"enum": ["js", "javascript", "python"]},
        "code": {"type": "string"},
        "source": {"type": "object"}
    });
    schema(common(own), &["language"])
}

pub(super) fn container_schema() -> Value {
    let own = json!({
        "image": {"type": "string"},
        "name": {"type": "string"},
        "command": {"type": "string"},
        "ports": {"type": "object"},
        "volumes": {"type": "object"},
        "lifetime": {"type": "object"},
        "pullPolicy": {"enum": ["ifNotPresent", "always", "never"], "default": "ifNotPresent"}
    });
    schema(common(own), &["image"])
}
