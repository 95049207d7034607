//! Containers on an engine, each at most once for its key: the key is a label of the container, so that after a
//! crash the same one is found again and its run goes on.

mod api;
mod output;

use std::time::Duration;

use model::Timestamp;
use ports::{ActionFailure, FailureKind, Retry};
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;

use self::api::{Api, Listed, State, feed};
use self::output::Output;
use super::ledger::Ours;
use super::policy::Rules;
use super::task::{Cleanup, Container, Pull};
use super::{ProcessResult, id};
use crate::functions::failure;

/// Label with the digest of the idempotency key.
const KEY: &str = "dev.homeostat.key";
/// Label that says how long the container is kept after its end, in milliseconds.
const KEEP_MS: &str = "dev.homeostat.keep_ms";
/// How long a container that should be removed at once may stay for somebody to finish with it.
const LEFT_MS: u64 = 600_000;

/// A container engine.
pub(super) struct Engine {
    api: Api,
}

/// What a container is asked for with.
pub(super) struct Asked<'a> {
    pub key: &'a str,
    pub container: &'a Container,
    pub rules: &'a Rules,
}

impl Engine {
    /// Nothing is called yet.
    pub(super) fn new(socket: &str) -> Result<Self, String> {
        Ok(Self { api: Api::new(socket)? })
    }

    /// Brings the container to a start, unless this happened before; gives its id.
    pub(super) async fn start(&self, asked: &Asked<'_>, ours: &mut Ours) -> Result<String, ActionFailure> {
        let found = self.api.with_label(&format!("{KEY}={}", id(asked.key))).await?.into_iter().next();
        let id = match (found, ours.outside()) {
            (Some(Listed { id, state, .. }), _) if state == "created" => {
                ours.note_outside(&id).await?;
                id
            }
            (Some(found), _) if asked.container.stdin.is_some() => {
                self.api.stop(&found.id, 0).await?;
                let text = "Homeostat ended while it gave the container its standard input, and it is not known whether \
                            that was whole: the container was stopped and is not run again for this call";
                return Err(failure(FailureKind::Runtime, Retry::Permanent, text));
            }
            (Some(found), _) => return Ok(found.id),
            (None, Some(_)) => {
                let text = "the container of this call is gone, and it is not known what it did; it is not run again for \
                            this call: look at what it changes, then retry the step";
                return Err(failure(FailureKind::Runtime, Retry::Permanent, text));
            }
            (None, None) => {
                let id = self.create(asked).await?;
                ours.note_outside(&id).await?;
                id
            }
        };
        let input = match &asked.container.stdin {
            Some(input) => Some((self.api.attach(&id).await?, input.clone())),
            None => None,
        };
        self.api.start(&id).await?;
        if let Some((pipe, input)) = input {
            // A container that does not read must not keep us from watching it; its end breaks the pipe.
            tokio::spawn(async move { feed(pipe, &input).await });
        }
        Ok(id)
    }

    /// Waits for the end of a container that was started, and ends it when it breaks a limit.
    pub(super) async fn finish(
        &self,
        id: &str,
        rules: &Rules,
        stop: &CancellationToken,
    ) -> Result<ProcessResult, ActionFailure> {
        let policy = &rules.policy;
        let runtime = |text: String| failure(FailureKind::Runtime, Retry::Permanent, text);
        let over = tokio::select! {
            over = self.follow(id, policy.output_bytes) => over.map(|output| (output, None))?,
            () = tokio::time::sleep(rules.wall()) => {
                let text = format!(
                    "the container took longer than {} ms and was stopped; the limit is `functions.run.wall_ms`",
                    policy.wall_ms
                );
                (None, Some(failure(FailureKind::Timeout, Retry::Permanent, text)))
            }
            () = stop.cancelled() => {
                (None, Some(runtime("the container was stopped, because nobody waited for it any more".into())))
            }
        };
        let output = match over {
            (Some(output), _) => output,
            (None, why) => {
                self.api.stop(id, policy.grace_ms.div_ceil(1_000)).await?;
                let flooded = || {
                    runtime(format!(
                        "the container printed more than {} bytes and was stopped; print less, or raise \
                         `functions.run.output_bytes`",
                        policy.output_bytes
                    ))
                };
                return Err(why.unwrap_or_else(flooded));
            }
        };
        let state = self.api.inspect(id).await?;
        if state.oom_killed {
            return Err(runtime(format!(
                "the container used more than {} bytes of memory and was ended; the limit is \
                 `functions.run.memory_bytes`",
                policy.memory_bytes
            )));
        }
        if !state.error.is_empty() {
            let told = receive::limits::cut(&state.error, 1_000);
            return Err(runtime(format!("the container failed: {told}")));
        }
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Ok(ProcessResult { code: state.exit_code, stdout: text(output.stdout), stderr: text(output.stderr) })
    }

    /// Removes a container whose result is noted, when it is to be removed at once.
    pub(super) async fn clean(&self, id: &str, cleanup: Cleanup) {
        if cleanup == Cleanup::Always
            && let Err(failure) = self.api.remove(id).await
        {
            tracing::warn!(
                container = id,
                error = failure.message,
                "A container was not removed; it is tried again."
            );
        }
    }

    /// Removes containers of ours that ended longer ago than they are to be kept. Says how many.
    pub(super) async fn remove_expired(&self, now: Timestamp) -> Result<usize, ActionFailure> {
        let mut removed = 0;
        for listed in self.api.with_label(KEEP_MS).await? {
            let keep_ms: Option<u64> = listed.labels.get(KEEP_MS).and_then(|ms| ms.parse().ok());
            let Some(keep_ms) = keep_ms.filter(|_| listed.state == "exited" || listed.state == "dead") else {
                continue;
            };
            let state: State = self.api.inspect(&listed.id).await?;
            let Ok(finished) = Timestamp::parse(&state.finished_at) else { continue };
            // Removed at once is the work of whoever waits for it; here is what a crash left.
            let keep_ms = if keep_ms == 0 { LEFT_MS } else { keep_ms };
            if now >= finished.plus_ms(i64::try_from(keep_ms).unwrap_or(i64::MAX)) {
                self.api.remove(&listed.id).await?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    async fn create(&self, asked: &Asked<'_>) -> Result<String, ActionFailure> {
        let image = &asked.container.image;
        let pull = match asked.container.pull {
            Pull::Always => true,
            Pull::IfNotPresent => !self.api.has_image(image).await?,
            Pull::Never => false,
        };
        if pull {
            let limit = asked.rules.wall();
            tokio::time::timeout(limit, self.api.pull(image)).await.unwrap_or_else(|_| {
                let text = format!("pulling the image took longer than {} ms", limit.as_millis());
                Err(failure(FailureKind::Timeout, Retry::Temporary, text))
            })?;
        }
        let name = asked.container.name.clone().unwrap_or_else(|| format!("homeostat-{}", id(asked.key)));
        self.api.create(&name, &body(asked)).await
    }

    /// What it prints until its end; none when that is too much.
    async fn follow(&self, id: &str, most: usize) -> Result<Option<Output>, ActionFailure> {
        let mut output = Output::new(most);
        let mut logs = self.api.logs(id).await?;
        loop {
            match logs.chunk().await {
                Ok(Some(piece)) => {
                    if output.take(&piece).is_err() {
                        return Ok(None);
                    }
                }
                Ok(None) => break,
                Err(error) => {
                    let text = format!("container engine: {}", crate::http::reason(&error));
                    return Err(failure(FailureKind::Communication, Retry::Temporary, text));
                }
            }
        }
        self.api.wait(id).await?;
        Ok(Some(output))
    }
}

/// What is sent to create it.
fn body(asked: &Asked<'_>) -> Value {
    let Asked { key, container, rules } = asked;
    let policy = &rules.policy;
    let environment: Vec<String> = container.environment.iter().map(|(k, v)| format!("{k}={v}")).collect();
    let (mut exposed, mut bound) = (Map::new(), Map::new());
    for (host, inner) in &container.ports {
        exposed.insert(inner.clone(), json!({}));
        let place = json!({"HostIp": "127.0.0.1", "HostPort": host.to_string()});
        match bound.get_mut(inner).and_then(Value::as_array_mut) {
            Some(places) => places.push(place),
            None => drop(bound.insert(inner.clone(), json!([place]))),
        }
    }
    let binds: Vec<String> =
        container.volumes.iter().map(|(host, inner)| format!("{host}:{inner}")).collect();
    let mut labels = json!({KEY: id(key)});
    match container.cleanup {
        Cleanup::Always => labels[KEEP_MS] = json!("0"),
        Cleanup::Eventually(ms) => labels[KEEP_MS] = json!(ms.max(1).to_string()),
        Cleanup::Never => {}
    }
    let has_input = container.stdin.is_some();
    let mut body = json!({
        "Image": container.image,
        "Env": environment,
        "Labels": labels,
        "ExposedPorts": exposed,
        "AttachStdin": has_input,
        "OpenStdin": has_input,
        "StdinOnce": has_input,
        "Tty": false,
        "HostConfig": {
            "Binds": binds,
            "PortBindings": bound,
            "Memory": policy.memory_bytes,
            "MemorySwap": policy.memory_bytes,
            "PidsLimit": policy.processes,
            "Ulimits": [
                {"Name": "nofile", "Soft": policy.open_files, "Hard": policy.open_files},
                {"Name": "fsize", "Soft": policy.file_bytes, "Hard": policy.file_bytes},
                {"Name": "core", "Soft": 0, "Hard": 0}
            ],
            "SecurityOpt": ["no-new-privileges"],
            "RestartPolicy": {"Name": "no"}
        }
    });
    if let Some(command) = &container.command {
        // A command is a shell's, as with `run: shell`, and stands in the place of what the image would run.
        body["Entrypoint"] = json!(["sh", "-c", command, "sh"]);
    }
    if container.command.is_some() || !container.arguments.is_empty() {
        body["Cmd"] = json!(container.arguments);
    }
    body
}

/// How often containers are looked for whose time is over.
pub(super) const SWEEP: Duration = Duration::from_secs(60);
