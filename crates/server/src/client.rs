//! Talks to a running server for the commands. Finds the one started last on this machine by itself.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::cli::Output;

/// Where the server is, written by `up` and `demo` for the other commands; readable by its owner only.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Context {
    /// Base URL.
    pub(crate) url: String,
    /// An operator's token of this machine.
    pub(crate) token: String,
}

/// Why a command failed; the text says what to do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    /// No server is known.
    #[error(
        "no server is known; start one with `homeostat up` or `homeostat demo`, or give --url and --token"
    )]
    Nowhere,
    /// No connection can be made from here.
    #[error("cannot make connections: {0}")]
    Unusable(String),
    /// The server does not answer.
    #[error("{url} does not answer ({reason}); is it running? `homeostat up` starts it")]
    Unreachable {
        /// Its URL.
        url: String,
        /// Why.
        reason: String,
    },
    /// The server refused.
    #[error("{title}: {detail} (code {code}; see docs/errors/{code}.md)")]
    Refused {
        /// What the code means.
        title: String,
        /// This time.
        detail: String,
        /// Stable name.
        code: String,
    },
    /// A run was waited for and did not do what it should.
    #[error("{run} is {status}, not completed; `homeostat workflow show {run}` shows its steps")]
    NotCompleted {
        /// Its id.
        run: String,
        /// What it is.
        status: String,
    },
    /// A language model was asked and there is no answer.
    #[error("there is no explanation: {0}")]
    Unexplained(String),
    /// What was given cannot be used.
    #[error("{0}")]
    Usage(String),
    /// The answer is not what it should be.
    #[error("{0} answered something that is no JSON; is it a Homeostat server?")]
    Garbled(String),
}

/// A connection to a server.
pub(crate) struct Client {
    http: reqwest::Client,
    url: String,
    token: String,
}

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// The file with the context.
#[must_use]
pub(crate) fn context_file() -> Option<PathBuf> {
    let base = std::env::var_os("XDG_STATE_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/state")))?;
    Some(base.join("homeostat/context.json"))
}

/// Where the server was started last, if that is known.
#[must_use]
pub(crate) fn recall() -> Option<Context> {
    serde_json::from_slice(&std::fs::read(context_file()?).ok()?).ok()
}

/// Remembers where the server is. Failing is no reason not to serve; the caller logs it.
///
/// # Errors
/// The file cannot be written.
pub(crate) fn remember(context: &Context) -> std::io::Result<()> {
    let Some(file) = context_file() else { return Ok(()) };
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    crate::private::write(&file, &serde_json::to_vec(context).unwrap_or_default())
}

impl Client {
    /// To the server that the flags, the environment or the context name.
    ///
    /// # Errors
    /// None is known.
    pub(crate) fn new(output: &Output) -> Result<Self, ClientError> {
        let context = recall();
        let (url, token) = match (&output.url, context) {
            (Some(url), context) => {
                let known = context.filter(|c| c.url == url.trim_end_matches('/')).map(|c| c.token);
                (url.clone(), output.token.clone().or(known).unwrap_or_default())
            }
            (None, Some(context)) => (context.url, output.token.clone().unwrap_or(context.token)),
            (None, None) => return Err(ClientError::Nowhere),
        };
        Self::to(&url, &token)
    }

    /// To this server.
    ///
    /// # Errors
    /// No TLS provider is usable.
    pub(crate) fn to(url: &str, token: &str) -> Result<Self, ClientError> {
        let http = connect::client(true).map_err(|failure| ClientError::Unusable(failure.reason))?;
        Ok(Self { http, url: url.trim_end_matches('/').to_owned(), token: token.to_owned() })
    }

    /// Its base URL.
    #[must_use]
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Reads.
    ///
    /// # Errors
    /// The server does not answer or refuses.
    pub(crate) async fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<Value, ClientError> {
        self.send(self.http.get(self.at(path)).query(query)).await
    }

    /// Does.
    ///
    /// # Errors
    /// The server does not answer or refuses.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Result<Value, ClientError> {
        self.send(self.http.post(self.at(path)).json(body)).await
    }

    /// Does, once for each key.
    ///
    /// # Errors
    /// The server does not answer or refuses.
    pub(crate) async fn post_once(&self, path: &str, body: &Value, key: &str) -> Result<Value, ClientError> {
        self.send(self.http.post(self.at(path)).header("idempotency-key", key).json(body)).await
    }

    /// Puts.
    ///
    /// # Errors
    /// The server does not answer or refuses.
    pub(crate) async fn put(&self, path: &str, body: &Value) -> Result<Value, ClientError> {
        self.send(self.http.put(self.at(path)).json(body)).await
    }

    /// Removes.
    ///
    /// # Errors
    /// The server does not answer or refuses.
    pub(crate) async fn delete(&self, path: &str) -> Result<Value, ClientError> {
        self.send(self.http.delete(self.at(path))).await
    }

    fn at(&self, path: &str) -> String {
        format!("{}/api/v1{path}", self.url)
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Result<Value, ClientError> {
        let unreachable = |error: reqwest::Error| ClientError::Unreachable {
            url: self.url.clone(),
            reason: reason(&error),
        };
        let response =
            request.timeout(PATIENCE).bearer_auth(&self.token).send().await.map_err(unreachable)?;
        let status = response.status();
        let bytes = response.bytes().await.map_err(unreachable)?;
        if bytes.is_empty() && status.is_success() {
            return Ok(Value::Null);
        }
        let body: Value =
            serde_json::from_slice(&bytes).map_err(|_| ClientError::Garbled(self.url.clone()))?;
        if status.is_success() {
            return Ok(body);
        }
        let text = |key: &str| body[key].as_str().unwrap_or_default().to_owned();
        Err(ClientError::Refused { title: text("title"), detail: text("detail"), code: text("code") })
    }
}

/// A name as one segment of a path (RFC 3986), whatever it holds.
#[must_use]
pub(crate) fn segment(name: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~:".contains(&b);
    let byte = |b: u8| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") };
    name.bytes().map(byte).collect()
}

/// The innermost reason, without the URL around it.
fn reason(error: &reqwest::Error) -> String {
    let mut inner: &dyn std::error::Error = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}
