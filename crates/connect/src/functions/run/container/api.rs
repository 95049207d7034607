//! A client of the Docker Engine API over its unix socket (v1.47, negotiated down to 1.40;
//! <https://docs.docker.com/reference/api/engine/version/v1.47/>). Podman answers the same calls.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use ports::{ActionFailure, FailureKind, Retry};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde::Deserialize;
use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::sync::OnceCell;

use crate::functions::failure;
use crate::http;

/// The newest version this speaks, and the oldest.
const NEWEST: (u32, u32) = (1, 47);
const OLDEST: (u32, u32) = (1, 40);
/// How long a question that the engine answers at once may take.
const ANSWER: Duration = Duration::from_secs(30);
/// Largest answer that is no stream.
const ANSWER_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Longest line of a pull's progress.
const LINE_BYTES_MAX: usize = 1024 * 1024;

/// A container as lists show it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Listed {
    pub id: String,
    pub state: String,
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
}

/// How a container is (`State` of an inspection).
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct State {
    pub status: String,
    pub exit_code: i64,
    #[serde(rename = "OOMKilled")]
    pub oom_killed: bool,
    pub error: String,
    pub finished_at: String,
}

#[derive(Deserialize)]
struct Inspected {
    #[serde(rename = "State")]
    state: State,
}

#[derive(Deserialize)]
struct Created {
    #[serde(rename = "Id")]
    id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Version {
    api_version: String,
    #[serde(default)]
    min_api_version: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Problem {
    message: String,
}

/// The client.
pub(super) struct Api {
    socket: String,
    client: reqwest::Client,
    version: OnceCell<(u32, u32)>,
}

impl Api {
    pub(super) fn new(socket: &str) -> Result<Self, String> {
        // No certificate is ever looked at on a unix socket.
        let client = reqwest::Client::builder().no_proxy().unix_socket(Path::new(socket)).tls_certs_only([]);
        let client = client.build().map_err(|error| format!("HTTP client: {error}"))?;
        Ok(Self { socket: socket.to_owned(), client, version: OnceCell::new() })
    }

    /// The containers with a label (`name` or `name=value`), running or not.
    pub(super) async fn with_label(&self, label: &str) -> Result<Vec<Listed>, ActionFailure> {
        let filters = serde_json::json!({"label": [label]}).to_string();
        let request = self.request(Method::GET, "/containers/json").await?;
        let answer = self.send(request.query(&[("all", "true"), ("filters", &filters)])).await?;
        self.json(answer).await
    }

    pub(super) async fn has_image(&self, image: &str) -> Result<bool, ActionFailure> {
        let request = self.request(Method::GET, &format!("/images/{}/json", path(image))).await?;
        let answer = self.ask(request).await?;
        if answer.status() == StatusCode::NOT_FOUND {
            return Ok(false);
        }
        self.good(answer).await.map(|_| true)
    }

    /// Pulls an image. The engine answers 200 at once and tells in the stream how it ends.
    pub(super) async fn pull(&self, image: &str) -> Result<(), ActionFailure> {
        let name = image.rsplit_once('/').map_or(image, |(_, name)| name);
        // Without a tag the engine would pull every one there is.
        let full = if name.contains([':', '@']) { image.to_owned() } else { format!("{image}:latest") };
        let request = self.request(Method::POST, "/images/create").await?.query(&[("fromImage", &full)]);
        let answer = request.send().await.map_err(|error| self.unreachable(&error))?;
        let mut answer = self.good(answer).await?;
        let mut rest = Vec::new();
        while let Some(piece) = answer.chunk().await.map_err(|error| self.unreachable(&error))? {
            rest.extend_from_slice(&piece);
            while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = rest.drain(..=end).collect();
                pulled(image, &line)?;
            }
            if rest.len() > LINE_BYTES_MAX {
                return Err(unclear("the progress of a pull has a line without end"));
            }
        }
        pulled(image, &rest)
    }

    /// Creates a container; gives its id.
    pub(super) async fn create(&self, name: &str, body: &Value) -> Result<String, ActionFailure> {
        let request = self.request(Method::POST, "/containers/create").await?;
        let answer = self.send(request.query(&[("name", name)]).json(body)).await?;
        self.json::<Created>(answer).await.map(|created| created.id)
    }

    /// Gives a container that is not started yet its whole standard input; it is closed after it.
    pub(super) async fn attach(&self, id: &str) -> Result<reqwest::Upgraded, ActionFailure> {
        let request = self.request(Method::POST, &format!("/containers/{}/attach", path(id))).await?;
        let request = request.query(&[("stream", "true"), ("stdin", "true")]);
        let answer = self.ask(request.header("connection", "Upgrade").header("upgrade", "tcp")).await?;
        if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
            self.good(answer).await?;
            return Err(unclear("it does not attach standard input"));
        }
        answer.upgrade().await.map_err(|error| self.unreachable(&error))
    }

    /// Starts a container; one that runs already goes on.
    pub(super) async fn start(&self, id: &str) -> Result<(), ActionFailure> {
        let request = self.request(Method::POST, &format!("/containers/{}/start", path(id))).await?;
        let answer = self.ask(request).await?;
        if answer.status() == StatusCode::NOT_MODIFIED {
            return Ok(());
        }
        self.good(answer).await.map(|_| ())
    }

    /// Returns when a container does not run any more.
    pub(super) async fn wait(&self, id: &str) -> Result<(), ActionFailure> {
        let request = self.request(Method::POST, &format!("/containers/{}/wait", path(id))).await?;
        let answer = request.send().await.map_err(|error| self.unreachable(&error))?;
        let mut answer = self.good(answer).await?;
        http::body(&mut answer, ANSWER_BYTES_MAX).await.map(|_| ()).map_err(unclear)
    }

    pub(super) async fn inspect(&self, id: &str) -> Result<State, ActionFailure> {
        let request = self.request(Method::GET, &format!("/containers/{}/json", path(id))).await?;
        let answer = self.send(request).await?;
        self.json::<Inspected>(answer).await.map(|inspected| inspected.state)
    }

    /// What a container prints, from its start to its end.
    pub(super) async fn logs(&self, id: &str) -> Result<Response, ActionFailure> {
        let request = self.request(Method::GET, &format!("/containers/{}/logs", path(id))).await?;
        let request = request.query(&[("follow", "true"), ("stdout", "true"), ("stderr", "true")]);
        let answer = request.send().await.map_err(|error| self.unreachable(&error))?;
        self.good(answer).await
    }

    /// SIGTERM, and after the grace SIGKILL.
    pub(super) async fn stop(&self, id: &str, grace_s: u64) -> Result<(), ActionFailure> {
        let request = self.request(Method::POST, &format!("/containers/{}/stop", path(id))).await?;
        let request = request.query(&[("t", grace_s)]).timeout(ANSWER + Duration::from_secs(grace_s));
        let answer = request.send().await.map_err(|error| self.unreachable(&error))?;
        if matches!(answer.status(), StatusCode::NOT_MODIFIED | StatusCode::NOT_FOUND) {
            return Ok(());
        }
        self.good(answer).await.map(|_| ())
    }

    /// Removes a container with its anonymous volumes; one that is gone is no error.
    pub(super) async fn remove(&self, id: &str) -> Result<(), ActionFailure> {
        let request = self.request(Method::DELETE, &format!("/containers/{}", path(id))).await?;
        let answer = self.ask(request.query(&[("force", "true"), ("v", "true")])).await?;
        if answer.status() == StatusCode::NOT_FOUND {
            return Ok(());
        }
        self.good(answer).await.map(|_| ())
    }

    async fn request(&self, method: Method, path: &str) -> Result<RequestBuilder, ActionFailure> {
        let (major, minor) = *self.version.get_or_try_init(|| self.negotiate()).await?;
        Ok(self.client.request(method, format!("http://engine/v{major}.{minor}{path}")))
    }

    async fn negotiate(&self) -> Result<(u32, u32), ActionFailure> {
        let answer = self.send(self.client.get("http://engine/version")).await?;
        let said: Version = self.json(answer).await?;
        let parse = |text: &str| {
            let (major, minor) = text.split_once('.')?;
            Some((major.parse::<u32>().ok()?, minor.parse::<u32>().ok()?))
        };
        let newest = parse(&said.api_version).ok_or_else(|| unclear("it does not say its version"))?;
        let oldest = parse(&said.min_api_version).unwrap_or(OLDEST);
        if newest < OLDEST || oldest > NEWEST {
            let text = format!(
                "the container engine speaks API {} to {}, this speaks {}.{} to {}.{}: update the one that is older",
                said.min_api_version, said.api_version, OLDEST.0, OLDEST.1, NEWEST.0, NEWEST.1
            );
            return Err(failure(FailureKind::Configuration, Retry::Permanent, text));
        }
        Ok(newest.min(NEWEST))
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response, ActionFailure> {
        let answer = self.ask(request).await?;
        self.good(answer).await
    }

    async fn ask(&self, request: RequestBuilder) -> Result<Response, ActionFailure> {
        request.timeout(ANSWER).send().await.map_err(|error| self.unreachable(&error))
    }

    /// An answer with a good status.
    async fn good(&self, mut answer: Response) -> Result<Response, ActionFailure> {
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        let body = tokio::time::timeout(ANSWER, http::body(&mut answer, ANSWER_BYTES_MAX)).await;
        let body = body.ok().and_then(Result::ok).unwrap_or_default();
        let problem: Problem = serde_json::from_slice(&body).unwrap_or_default();
        let told = receive::limits::cut(&problem.message, 1_000);
        let text = format!("the container engine refused ({}): {told}", status.as_u16());
        let retry = if status.is_server_error() { Retry::Temporary } else { Retry::Permanent };
        Err(failure(FailureKind::Runtime, retry, text))
    }

    async fn json<T: serde::de::DeserializeOwned>(&self, mut answer: Response) -> Result<T, ActionFailure> {
        let body = http::body(&mut answer, ANSWER_BYTES_MAX).await.map_err(unclear)?;
        serde_json::from_slice(&body).map_err(|error| unclear(format!("answer not understood: {error}")))
    }

    fn unreachable(&self, error: &reqwest::Error) -> ActionFailure {
        let text = format!(
            "no container engine answers at {} ({}): start one, or set `functions.run.container_socket`",
            self.socket,
            http::reason(error)
        );
        failure(FailureKind::Communication, Retry::Temporary, text)
    }
}

/// Writes all of standard input and closes it.
pub(super) async fn feed(mut to: reqwest::Upgraded, input: &str) -> std::io::Result<()> {
    to.write_all(input.as_bytes()).await?;
    to.shutdown().await
}

fn unclear(text: impl std::fmt::Display) -> ActionFailure {
    failure(FailureKind::Communication, Retry::Temporary, format!("container engine: {text}"))
}

/// One line of a pull's progress.
fn pulled(image: &str, line: &[u8]) -> Result<(), ActionFailure> {
    let line: Value = serde_json::from_slice(line).unwrap_or_default();
    let Some(error) = line["error"].as_str().or_else(|| line["errorDetail"]["message"].as_str()) else {
        return Ok(());
    };
    let text = format!(
        "the image {} could not be pulled: {}",
        receive::limits::cut(image, 200),
        receive::limits::cut(error, 500)
    );
    Err(failure(FailureKind::Runtime, Retry::Permanent, text))
}

/// A name as part of a path. Images keep their slashes, as the API wants them.
fn path(name: &str) -> String {
    let plain =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'/' | b':' | b'@');
    let mut text = String::new();
    for byte in name.bytes() {
        if plain(byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}
