//! Calls of the process host. It implements [`ports::Actuator`]; it never repeats a call by itself.

use std::fmt;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use model::{ActionCall, ActionSpec, Inverse, MetricSeries, Service, Signal};
use ports::{ActionFailure, ActionResult, Actuator, FailureKind, Retry};
use reqwest::header::{AUTHORIZATION, HeaderValue};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::http;
use crate::supervise::Failure;

/// Largest answer that is read.
const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;
/// How long a reading may take.
const READ_TIMEOUT: Duration = Duration::from_secs(5);

/// A client of one process host.
pub struct HostClient {
    base_url: String,
    authorization: HeaderValue,
    http: reqwest::Client,
    action_timeout: Duration,
    actions: RwLock<Vec<ActionSpec>>,
}

impl fmt::Debug for HostClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostClient").field("base_url", &self.base_url).finish_non_exhaustive()
    }
}

/// A page of the host's signals.
#[derive(Debug, Deserialize)]
pub(super) struct SignalPage {
    pub(super) items: Vec<SequencedSignal>,
    pub(super) next: u64,
}

/// A signal with its place in the host's journal.
#[derive(Debug, Deserialize)]
pub(super) struct SequencedSignal {
    pub(super) signal: Signal,
}

#[derive(Deserialize)]
struct Executed {
    #[serde(default)]
    output: Value,
    #[serde(default)]
    inverse: Option<Inverse>,
}

#[derive(Deserialize)]
struct DryRun {
    would: String,
}

/// The parts of an RFC 9457 problem that people are told.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Problem {
    title: String,
    detail: String,
}

/// A failed call: its reason, and the status when the host answered.
struct CallError {
    reason: String,
    status: Option<u16>,
}

impl CallError {
    /// A host that answered 4xx will answer so again; all else may pass.
    fn retry(&self) -> Retry {
        match self.status {
            Some(408 | 425 | 429) | None => Retry::Temporary,
            Some(400..=499) => Retry::Permanent,
            Some(_) => Retry::Temporary,
        }
    }
}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        Self::new(error.retry(), error.reason)
    }
}

impl From<CallError> for ActionFailure {
    fn from(error: CallError) -> Self {
        let kind = match error.status {
            Some(401) => FailureKind::Authentication,
            Some(403) => FailureKind::Authorization,
            Some(408 | 504) => FailureKind::Timeout,
            Some(400 | 404 | 422) => FailureKind::Validation,
            _ => FailureKind::Communication,
        };
        let (retry, status) = (error.retry(), error.status.unwrap_or(kind.default_status()));
        Self::new(kind, retry, error.reason).with_status(status)
    }
}

impl HostClient {
    /// A client of the host at `base_url` (`http://127.0.0.1:7070`). Nothing is called yet: the actions are
    /// known after [`Self::load_actions`], which a [`super::HostPoller`] also does.
    ///
    /// # Errors
    /// The token cannot be sent in a header, or no HTTP client can be made.
    pub fn new(base_url: &str, token: &str, action_timeout: Duration) -> Result<Self, Failure> {
        let mut authorization = HeaderValue::from_str(&format!("Bearer {token}"))
            .map_err(|_| Failure::new(Retry::Permanent, "the host token holds characters no header can"))?;
        authorization.set_sensitive(true);
        Ok(Self {
            base_url: base_url.trim_end_matches('/').to_owned(),
            authorization,
            http: http::client(true)?,
            action_timeout,
            actions: RwLock::default(),
        })
    }

    /// Where the host is.
    #[must_use]
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// Asks the host what it can do, and keeps the answer for [`Actuator::actions`].
    ///
    /// # Errors
    /// The host did not answer.
    pub async fn load_actions(&self) -> Result<Vec<ActionSpec>, Failure> {
        let actions: Vec<ActionSpec> = self.get("/v1/actions", &[], READ_TIMEOUT).await?;
        self.actions.write().unwrap_or_else(PoisonError::into_inner).clone_from(&actions);
        Ok(actions)
    }

    /// The services that the host runs.
    ///
    /// # Errors
    /// The host did not answer.
    pub async fn services(&self) -> Result<Vec<Service>, Failure> {
        Ok(self.get("/v1/services", &[], READ_TIMEOUT).await?)
    }

    /// Metrics of all instances and of the machine, sampled now.
    ///
    /// # Errors
    /// The host did not answer.
    pub async fn metrics(&self) -> Result<Vec<MetricSeries>, Failure> {
        Ok(self.get("/v1/metrics", &[], READ_TIMEOUT).await?)
    }

    pub(super) async fn signals(
        &self,
        after: u64,
        wait: Duration,
        limit: usize,
    ) -> Result<SignalPage, Failure> {
        let query = [
            ("after", after.to_string()),
            ("wait_ms", wait.as_millis().to_string()),
            ("limit", limit.to_string()),
        ];
        Ok(self.get("/v1/signals", &query, wait + READ_TIMEOUT).await?)
    }

    /// Bytes of a log file from an offset, and the offset after them.
    pub(super) async fn logs(&self, file: &str, from: u64, limit: usize) -> Result<(Vec<u8>, u64), Failure> {
        let query = [("file", file.to_owned()), ("from", from.to_string()), ("limit", limit.to_string())];
        let request = self.http.get(format!("{}/v1/logs", self.base_url)).query(&query);
        let (response, body) = self.exchange(request, READ_TIMEOUT).await?;
        let next =
            response.headers().get("x-next-offset").and_then(|value| value.to_str().ok()?.parse().ok());
        let next = next.ok_or_else(|| Failure::temporary("process host: answer without X-Next-Offset"))?;
        Ok((body, next))
    }

    async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, String)],
        timeout: Duration,
    ) -> Result<T, CallError> {
        let request = self.http.get(format!("{}{path}", self.base_url)).query(query);
        self.send(request, timeout).await
    }

    async fn post<T: DeserializeOwned>(&self, call: &ActionCall, suffix: &str) -> Result<T, ActionFailure> {
        // The name becomes part of a path; a name that could leave it is no action of any host.
        let known = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
        if call.action.is_empty() || call.action.starts_with('.') || !call.action.bytes().all(known) {
            let message = format!("{:?} is no action name; use one that GET /v1/actions lists", call.action);
            return Err(ActionFailure::new(FailureKind::Configuration, Retry::Permanent, message));
        }
        let key = HeaderValue::from_str(&call.idempotency_key).map_err(|_| {
            let message = "the idempotency key holds characters no header can";
            ActionFailure::new(FailureKind::Configuration, Retry::Permanent, message)
        })?;
        let url = format!("{}/v1/actions/{}{suffix}", self.base_url, call.action);
        let request = self.http.post(url).header("idempotency-key", key).json(&call.parameters);
        Ok(self.send(request, self.action_timeout).await?)
    }

    async fn send<T: DeserializeOwned>(
        &self,
        request: reqwest::RequestBuilder,
        timeout: Duration,
    ) -> Result<T, CallError> {
        let (_, body) = self.exchange(request, timeout).await?;
        serde_json::from_slice(&body).map_err(|error| unclear(&format!("answer not understood: {error}")))
    }

    /// Sends a request; gives the answer and its body when the status is good.
    async fn exchange(
        &self,
        request: reqwest::RequestBuilder,
        timeout: Duration,
    ) -> Result<(reqwest::Response, Vec<u8>), CallError> {
        let exchange = async {
            let request = request.header(AUTHORIZATION, self.authorization.clone());
            let mut response = request.send().await.map_err(|error| unclear(&http::reason(&error)))?;
            let status = response.status();
            let body = http::body(&mut response, BODY_BYTES_MAX).await;
            if status.is_success() {
                return Ok((response, body.map_err(|reason| unclear(&reason))?));
            }
            Err(refused(status.as_u16(), &body.unwrap_or_default()))
        };
        tokio::time::timeout(timeout, exchange).await.unwrap_or_else(|_| Err(unclear("timeout")))
    }
}

/// No answer, or none that can be read: what was asked may have been done or not.
fn unclear(reason: &str) -> CallError {
    CallError { reason: format!("process host: {reason}"), status: None }
}

fn refused(status: u16, body: &[u8]) -> CallError {
    let problem: Problem = serde_json::from_slice(body).unwrap_or_default();
    let told = if problem.detail.is_empty() { problem.title } else { problem.detail };
    let told = receive::limits::cut(&told, 1_000).into_owned();
    let reason = match (status, told.is_empty()) {
        (_, false) => told,
        (401 | 403, true) => "the process host does not accept the token".to_owned(),
        (status, true) => format!("process host: status {status}"),
    };
    CallError { reason, status: Some(status) }
}

#[async_trait]
impl Actuator for HostClient {
    fn actions(&self) -> Vec<ActionSpec> {
        self.actions.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn execute(&self, call: &ActionCall) -> Result<ActionResult, ActionFailure> {
        let done: Executed = self.post(call, "").await?;
        Ok(ActionResult { output: done.output, inverse: done.inverse })
    }

    async fn dry_run(&self, call: &ActionCall) -> Result<String, ActionFailure> {
        Ok(self.post::<DryRun>(call, "/dry-run").await?.would)
    }
}
