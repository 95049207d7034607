//! Language models that explain incidents: OpenAI-compatible servers, Anthropic, Amazon Bedrock and Ollama behind
//! `ports::Explainer`.
//!
//! Each provider says how a prompt becomes a request and an answer becomes text; [`Model`] does the rest once for
//! all: the key, sending within the bounds and egress rules of [`Web`], what a failure means. One request a question:
//! whether and when to ask again is the engine's. Streaming is not used: nothing can be checked before it is whole.

mod anthropic;
mod bedrock;
mod key;
mod ollama;
mod openai;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use ports::{ActionFailure, Completion, Explainer, ExplainerFailure, ExplainerFault, FailureKind, Prompt};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Url};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::functions::{Answer, Request, Web, excerpt, place, retry_after_ms, url};

pub use key::Key;

/// Who serves a model, that is: which protocol it speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Provider {
    /// Chat completions as OpenAI has them, which vLLM, llama.cpp, LM Studio, LiteLLM and many services speak.
    #[default]
    Openai,
    /// The Messages API of Anthropic.
    Anthropic,
    /// The Converse API of Amazon Bedrock.
    Bedrock,
    /// The chat API of Ollama.
    Ollama,
}

impl Provider {
    /// Its name in the configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Openai => "openai",
            Self::Anthropic => "anthropic",
            Self::Bedrock => "bedrock",
            Self::Ollama => "ollama",
        }
    }

    /// Where it is when nobody says otherwise; Bedrock has an address for each region.
    const fn endpoint(self) -> Option<&'static str> {
        match self {
            Self::Openai => Some("https://api.openai.com/v1"),
            Self::Anthropic => Some("https://api.anthropic.com"),
            Self::Bedrock => None,
            Self::Ollama => Some("http://127.0.0.1:11434"),
        }
    }
}

/// How a model is reached.
pub struct ModelSettings {
    /// Which protocol.
    pub provider: Provider,
    /// Base address; the provider's own when none is given.
    pub endpoint: Option<String>,
    /// The model, as the provider calls it.
    pub model: String,
    /// What proves who asks.
    pub key: Key,
    /// Region of Bedrock.
    pub region: Option<String>,
}

/// A language model, reached over HTTP.
pub struct Model {
    web: Arc<Web>,
    provider: Provider,
    endpoint: Url,
    model: String,
    key: Key,
    region: String,
    /// The server takes no schema; learned from its first refusal of one.
    without_schema: AtomicBool,
}

/// A request as a provider wants it.
struct Draft {
    url: Url,
    headers: HeaderMap,
    body: Value,
}

/// What a provider's answer says.
struct Read {
    completion: Completion,
    end: End,
}

/// Why a model stopped.
enum End {
    Done,
    CutOff,
    Declined,
}

impl Model {
    /// One that is reached through `web`.
    ///
    /// # Errors
    /// The endpoint, the model or the region is missing or wrong; the text names the option.
    pub fn new(web: Arc<Web>, settings: ModelSettings) -> Result<Self, String> {
        let ModelSettings { provider, endpoint, model, key, region } = settings;
        if model.trim().is_empty() {
            return Err(format!("`model` is missing; name the model that {} serves", provider.as_str()));
        }
        let region = region.unwrap_or_default();
        let endpoint = match (endpoint, provider) {
            (Some(endpoint), _) => endpoint,
            (None, Provider::Bedrock) if bedrock::is_region(&region) => bedrock::endpoint(&region),
            (None, Provider::Bedrock) => {
                return Err("`region` is missing or is none; write one such as \"eu-central-1\"".to_owned());
            }
            (None, provider) => provider.endpoint().unwrap_or_default().to_owned(),
        };
        if provider == Provider::Bedrock && !bedrock::is_region(&region) {
            return Err("`region` is missing or is none; it is part of the signature".to_owned());
        }
        let mut endpoint = url(&endpoint).map_err(|e| format!("`endpoint`: {}", e.message))?;
        if !endpoint.path().ends_with('/') {
            let path = format!("{}/", endpoint.path());
            endpoint.set_path(&path);
        }
        Ok(Self { web, provider, endpoint, model, key, region, without_schema: AtomicBool::new(false) })
    }

    /// An address below the endpoint.
    fn below(&self, path: &str) -> Result<Url, ExplainerFailure> {
        self.endpoint.join(path).map_err(|_| wrong("`endpoint` is no address that paths can be added to"))
    }

    fn draft(&self, prompt: &Prompt, with_schema: bool) -> Result<Draft, ExplainerFailure> {
        match self.provider {
            Provider::Openai => openai::draft(self, prompt, with_schema),
            Provider::Anthropic => anthropic::draft(self, prompt),
            Provider::Bedrock => bedrock::draft(self, prompt),
            Provider::Ollama => ollama::draft(self, prompt),
        }
    }

    fn read(&self, body: &Value) -> Option<Read> {
        match self.provider {
            Provider::Openai => openai::read(body),
            Provider::Anthropic => anthropic::read(body),
            Provider::Bedrock => bedrock::read(body),
            Provider::Ollama => ollama::read(body),
        }
    }

    async fn send(&self, draft: &Draft) -> Result<Answer, ExplainerFailure> {
        let body = Bytes::from(draft.body.to_string());
        let mut headers = draft.headers.clone();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let key = self.key.read().await.map_err(|why| wrong(&why))?;
        let mut authentication = None;
        if let Some(key) = &key {
            match self.provider {
                Provider::Anthropic => {
                    headers.insert(HeaderName::from_static("x-api-key"), key::header(key.text()?)?);
                }
                Provider::Bedrock if key.is_object() => {
                    bedrock::sign(&mut headers, &draft.url, &body, &self.region, key)?;
                }
                _ => authentication = Some(key.bearer()?),
            }
        }
        let request = Request {
            method: Method::POST,
            url: draft.url.clone(),
            headers,
            body,
            authentication,
            follow: false,
        };
        let answer = self.web.exchange(&request).await;
        answer.map_err(|failure| hide(key.as_ref(), broken(&failure)))
    }

    /// What an answer that is no success means.
    fn refused(&self, answer: &Answer) -> ExplainerFailure {
        let code = answer.status.as_u16();
        let said = excerpt(&answer.body);
        let said = if said.is_empty() { String::new() } else { format!(": {said}") };
        let (fault, advice) = match code {
            401 | 403 => (ExplainerFault::Configuration, "; check the key of [explainer]"),
            404 => (ExplainerFault::Configuration, "; check `endpoint` and `model` of [explainer]"),
            408 | 425 | 429 | 500 | 502..=504 | 507..=599 => (ExplainerFault::Busy, ""),
            300..=399 => (ExplainerFault::Configuration, "; it redirects, correct `endpoint` of [explainer]"),
            _ => (ExplainerFault::Configuration, ""),
        };
        let message = format!("{} answered {code}{said}{advice}", place(&answer.url));
        let mut failure = ExplainerFailure::new(fault, message);
        failure.retry_after_ms = retry_after_ms(&answer.headers);
        failure
    }

    fn take(&self, answer: &Answer) -> Result<Completion, ExplainerFailure> {
        let garbled = |what: &str| {
            let message = format!("{} {what}", place(&answer.url));
            ExplainerFailure::new(ExplainerFault::Garbled, message)
        };
        let body: Value = serde_json::from_slice(&answer.body)
            .map_err(|_| garbled("answered with something that is no JSON"))?;
        let read = self.read(&body).ok_or_else(|| {
            garbled(&format!("answered with JSON that is no answer of {}", self.provider.as_str()))
        })?;
        let tokens = read.completion.tokens_in.zip(read.completion.tokens_out);
        let (fault, what) = match read.end {
            End::Done => return Ok(read.completion),
            End::CutOff => {
                (ExplainerFault::CutOff, "stopped in the middle; raise `answer_tokens` of [explainer]")
            }
            End::Declined => (ExplainerFault::Declined, "declined to answer"),
        };
        let failure = ExplainerFailure::new(fault, format!("the model {what}"));
        Err(ExplainerFailure { tokens, ..failure })
    }
}

#[async_trait]
impl Explainer for Model {
    fn provider(&self) -> &str {
        self.provider.as_str()
    }

    fn model(&self) -> &str {
        &self.model
    }

    async fn complete(&self, prompt: &Prompt) -> Result<Completion, ExplainerFailure> {
        let with_schema = !self.without_schema.load(Ordering::Relaxed);
        let mut answer = self.send(&self.draft(prompt, with_schema)?).await?;
        if self.provider == Provider::Openai && with_schema && openai::knows_no_schema(&answer) {
            self.without_schema.store(true, Ordering::Relaxed);
            answer = self.send(&self.draft(prompt, false)?).await?;
        }
        if !answer.status.is_success() {
            let key = self.key.read().await.ok().flatten();
            return Err(hide(key.as_ref(), self.refused(&answer)));
        }
        self.take(&answer)
    }
}

/// It is not set up rightly.
fn wrong(why: &str) -> ExplainerFailure {
    ExplainerFailure::new(ExplainerFault::Configuration, why)
}

/// No answer came.
fn broken(failure: &ActionFailure) -> ExplainerFailure {
    let fault = match failure.kind {
        FailureKind::Timeout => ExplainerFault::Timeout,
        FailureKind::Communication if failure.message.contains("answer larger") => ExplainerFault::Garbled,
        FailureKind::Communication | FailureKind::Runtime => ExplainerFault::Unreachable,
        _ => ExplainerFault::Configuration,
    };
    ExplainerFailure::new(fault, failure.message.clone())
}

fn hide(key: Option<&key::Held>, mut failure: ExplainerFailure) -> ExplainerFailure {
    if let Some(key) = key {
        failure.message = key.revealed().hide(&failure.message);
    }
    failure
}

/// A number of tokens, wherever the provider puts it.
fn count(body: &Value, pointer: &str) -> Option<u64> {
    body.pointer(pointer).and_then(Value::as_u64)
}

/// Text, wherever the provider puts it.
fn text(body: &Value, pointer: &str) -> Option<String> {
    body.pointer(pointer).and_then(Value::as_str).map(ToOwned::to_owned)
}
