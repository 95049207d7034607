//! The world as a child process, and its control over HTTP.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use api::demo::{DemoView, DemoWorld, Fault};
use api::{Code, DemoControl, Problem};
use async_trait::async_trait;
use demo::world::{FaultState, Health, Traffic, WorldOptions};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::cli::World;
use crate::output::line;

/// Environment variables through which secrets reach the world; never through arguments, which everyone sees.
const TOKEN: &str = "HOMEOSTAT_WORLD_TOKEN";
const OTLP_TOKEN: &str = "HOMEOSTAT_OTLP_TOKEN";
const READY_WITHIN: Duration = Duration::from_secs(30);

/// A secret: 160 random bits.
#[must_use]
pub(crate) fn secret(prefix: &str) -> String {
    use ring::rand::{SecureRandom, SystemRandom};
    let mut bytes = [0_u8; 20];
    SystemRandom::new().fill(&mut bytes).expect("the operating system has randomness");
    let digits: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
    format!("{prefix}{digits}")
}

/// One service of the shop; ends with its host.
///
/// # Errors
/// It cannot serve.
pub(crate) fn shop(service: &str) -> Result<(), String> {
    demo::shop::run(service).map_err(|e| e.to_string())
}

/// The world itself; ends with the process that started it, or on a signal.
///
/// # Errors
/// It cannot start.
pub(crate) async fn serve(world: World) -> Result<(), String> {
    host::child::exit_with_parent();
    let variable = |name: &str| std::env::var(name).map_err(|_| format!("the variable {name} is not set"));
    let mut options = WorldOptions::new(world.dir, variable(TOKEN)?).map_err(|e| e.to_string())?;
    options.listen = world.listen.parse::<SocketAddr>().map_err(|e| format!("--listen: {e}"))?;
    options.otlp_url = world.otlp_url;
    options.otlp_token = variable(OTLP_TOKEN)?;
    let ready = |address: SocketAddr| line(json!({"address": address.to_string()}));
    demo::world::run(options, ready, crate::commands::up::told_to_stop()).await.map_err(|e| {
        let cause = std::error::Error::source(&e).map(|s| format!(": {s}")).unwrap_or_default();
        format!("{e}{cause}")
    })
}

/// A world that runs as a child of this process.
pub(crate) struct WorldProcess {
    child: Child,
    control: Arc<Control>,
}

/// Control of a world over HTTP.
pub(crate) struct Control {
    http: reqwest::Client,
    url: String,
    token: String,
}

impl WorldProcess {
    /// Starts a world; returns once all its services were started.
    ///
    /// # Errors
    /// It does not start.
    pub(crate) async fn start(dir: &Path, otlp_url: &str, otlp_token: &str) -> Result<Self, String> {
        let program =
            std::env::current_exe().map_err(|e| format!("the path of this program is not known: {e}"))?;
        let token = secret("");
        let mut child = Command::new(program)
            .args(["world", "--listen", "127.0.0.1:0", "--otlp-url", otlp_url, "--dir"])
            .arg(dir)
            .env(TOKEN, &token)
            .env(OTLP_TOKEN, otlp_token)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|e| format!("cannot start the demo world: {e}"))?;
        let out = child.stdout.take().ok_or("the demo world has no output")?;
        let mut lines = BufReader::new(out).lines();
        let first = tokio::time::timeout(READY_WITHIN, lines.next_line()).await;
        let announced = match first {
            Ok(Ok(Some(text))) => serde_json::from_str::<Value>(&text).ok(),
            _ => None,
        };
        let address = announced
            .as_ref()
            .and_then(|v| v["address"].as_str())
            .ok_or("the demo world did not start; its reason is above")?;
        let http = connect::client(true).map_err(|failure| failure.reason)?;
        let control = Arc::new(Control { http, url: format!("http://{address}"), token });
        Ok(Self { child, control })
    }

    /// Base URL of its API.
    pub(crate) fn url(&self) -> &str {
        &self.control.url
    }

    /// Token of its API.
    pub(crate) fn token(&self) -> &str {
        &self.control.token
    }

    /// Its control.
    pub(crate) fn control(&self) -> Arc<Control> {
        Arc::clone(&self.control)
    }

    /// Ends it: closes its input, which it takes as the end of its parent; then waits.
    pub(crate) async fn stop(mut self) {
        drop(self.child.stdin.take());
        if tokio::time::timeout(Duration::from_secs(10), self.child.wait()).await.is_err() {
            // It ended already, or cannot be ended; either way nothing is left to do.
            let _ = self.child.kill().await;
        }
    }
}

impl Control {
    /// The faults and whether they are in effect.
    pub(crate) async fn faults(&self) -> Result<Vec<FaultState>, Problem> {
        let answer = self.send(self.http.get(self.at("/v1/faults"))).await?;
        serde_json::from_value(answer).map_err(|e| unreachable_world(&e.to_string()))
    }

    /// How a service is doing, looked at from outside.
    pub(crate) async fn health(&self, service: &str) -> Result<Health, Problem> {
        let answer = self.send(self.http.get(self.at(&format!("/v1/health/{service}")))).await?;
        serde_json::from_value(answer).map_err(|e| unreachable_world(&e.to_string()))
    }

    /// What the customers asked for and got.
    pub(crate) async fn traffic(&self) -> Result<Traffic, Problem> {
        let answer = self.send(self.http.get(self.at("/v1/traffic"))).await?;
        serde_json::from_value(answer).map_err(|e| unreachable_world(&e.to_string()))
    }

    fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Result<Value, Problem> {
        let request = request.timeout(Duration::from_secs(20));
        let response =
            request.bearer_auth(&self.token).send().await.map_err(|e| unreachable_world(&e.to_string()))?;
        let status = response.status();
        let bytes = response.bytes().await.map_err(|e| unreachable_world(&e.to_string()))?;
        let body: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        if status.is_success() {
            return Ok(body);
        }
        let detail = body["detail"].as_str().unwrap_or("the demo world refused").to_owned();
        let code = match status.as_u16() {
            404 => Code::NotFound,
            409 => Code::Conflict,
            400 | 422 => Code::InvalidRequest,
            _ => Code::Unavailable,
        };
        Err(Problem::new(code, detail))
    }
}

fn unreachable_world(reason: &str) -> Problem {
    Problem::new(Code::Unavailable, format!("the demo world does not answer: {reason}"))
}

#[async_trait]
impl DemoControl for Control {
    async fn view(&self) -> Result<DemoView, Problem> {
        let faults = self
            .faults()
            .await?
            .into_iter()
            .map(|f| Fault {
                name: f.name,
                title: f.title,
                summary: f.summary,
                service: f.service,
                services: f.services,
                active: f.active,
                injected_at: f.injected_at,
            })
            .collect();
        Ok(DemoView { faults, world: DemoWorld { running: true } })
    }

    async fn inject(&self, fault: &str, service: Option<&str>) -> Result<(), Problem> {
        let request =
            self.http.post(self.at(&format!("/v1/faults/{fault}"))).json(&json!({"service": service}));
        self.send(request).await.map(drop)
    }

    async fn clear(&self, fault: &str) -> Result<(), Problem> {
        self.send(self.http.delete(self.at(&format!("/v1/faults/{fault}")))).await.map(drop)
    }
}
