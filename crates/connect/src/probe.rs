//! Health probes over HTTP and TCP. A failed probe is a signal, not an error of the poller.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use model::{ProbeResult, Signal};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::http;
use crate::supervise::{Context, Failure, Poll, Round};

/// What to probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeTarget {
    /// The service it belongs to.
    pub service: String,
    /// The instance, when one is known.
    pub instance: Option<String>,
    /// `http://…`, `https://…` or `tcp://host:port`.
    pub url: String,
}

/// Probes one target. Every probe makes a connection of its own, because a kept one can outlive the
/// listener that it was made through.
pub struct Probe {
    target: ProbeTarget,
    timeout: Duration,
    client: reqwest::Client,
    source: String,
}

impl Probe {
    /// A prober. `client` comes from [`crate::client`] with `keep_connections` false; probes share it.
    #[must_use]
    pub fn new(target: ProbeTarget, timeout: Duration, client: reqwest::Client) -> Self {
        let instance = target.instance.as_deref().unwrap_or("-");
        let source = format!("probe/{}/{instance}", target.service);
        Self { target, timeout, client, source }
    }

    /// Probes once; the error is the reason: `refused`, `timeout`, `status 503`, …
    ///
    /// # Errors
    /// The probe did not pass.
    pub async fn check(&self) -> Result<(), String> {
        let attempt = async {
            match self.target.url.strip_prefix("tcp://") {
                Some(address) => self.tcp(address).await,
                None => self.http().await,
            }
        };
        timeout(self.timeout, attempt).await.unwrap_or_else(|_| Err("timeout".to_owned()))
    }

    async fn tcp(&self, address: &str) -> Result<(), String> {
        let connected = TcpStream::connect(address).await;
        connected.map(drop).map_err(|error| match http::io_reason(&error) {
            Some(word) => word.to_owned(),
            None => "unreachable".to_owned(),
        })
    }

    /// The status line is the answer: 2xx and 3xx pass, as they do for Kubernetes. The body is not read.
    async fn http(&self) -> Result<(), String> {
        let response =
            self.client.get(&self.target.url).send().await.map_err(|error| http::reason(&error))?;
        let status = response.status();
        if status.is_success() || status.is_redirection() {
            Ok(())
        } else {
            Err(format!("status {}", status.as_u16()))
        }
    }
}

#[async_trait]
impl Poll for Probe {
    async fn poll(&mut self, context: &Context) -> Result<Round, Failure> {
        let started = Instant::now();
        let outcome = self.check().await;
        let result = ProbeResult {
            service: self.target.service.clone(),
            instance: self.target.instance.clone(),
            target: self.target.url.clone(),
            at: context.now(),
            ok: outcome.is_ok(),
            latency_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
            reason: outcome.err().unwrap_or_default(),
        };
        context.deliver(&self.source, vec![Signal::Probe(result)]).await?;
        Ok(Round::Done)
    }
}
