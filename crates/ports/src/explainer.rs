//! Explainers: a language model behind one door. It is asked, it answers with text, and nothing else happens.

use async_trait::async_trait;
use serde_json::Value;

/// Who says a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaker {
    /// Whoever asks.
    Asker,
    /// The model.
    Model,
}

/// A message of a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Who says it.
    pub speaker: Speaker,
    /// What.
    pub text: String,
}

/// What a model is asked.
#[derive(Clone, Debug, PartialEq)]
pub struct Prompt {
    /// How to read what follows and how to answer.
    pub instruction: String,
    /// The conversation, which begins and ends with the asker; voices take turns.
    pub messages: Vec<Message>,
    /// JSON Schema that the answer must fit.
    pub schema: Value,
    /// Most tokens of the answer.
    pub answer_tokens_max: u32,
    /// Estimated tokens of instruction and conversation, for models that must be told how much room to make.
    pub tokens: u32,
}

/// What a model answered. Whether it fits the schema is for the asker to see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    /// The answer.
    pub text: String,
    /// The model that gave it, as it calls itself.
    pub model: Option<String>,
    /// Tokens that it read, when it tells.
    pub tokens_in: Option<u64>,
    /// Tokens that it wrote, when it tells.
    pub tokens_out: Option<u64>,
}

/// What kind of failure it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExplainerFault {
    /// It is not set up as the provider wants it: address, model, key.
    Configuration,
    /// It has too much to do, or is down for a while.
    Busy,
    /// It was not reached.
    Unreachable,
    /// It took longer than it may.
    Timeout,
    /// It does not want to answer this.
    Declined,
    /// Its answer was cut off, because it was longer than it may be.
    CutOff,
    /// Its answer was no use.
    Garbled,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ExplainerFailure {
    /// What kind of failure.
    pub fault: ExplainerFault,
    /// What went wrong and what to do, for people. No secret is in it.
    pub message: String,
    /// How long the other side asks to be left alone, in milliseconds.
    pub retry_after_ms: Option<u64>,
    /// What the attempt read and wrote all the same, when the other side tells: it may cost.
    pub tokens: Option<(u64, u64)>,
}

impl ExplainerFailure {
    /// A failure of this kind.
    #[must_use]
    pub fn new(fault: ExplainerFault, message: impl Into<String>) -> Self {
        Self { fault, message: message.into(), retry_after_ms: None, tokens: None }
    }

    /// Whether the same question may be answered later.
    #[must_use]
    pub fn passes(&self) -> bool {
        matches!(self.fault, ExplainerFault::Busy | ExplainerFault::Unreachable | ExplainerFault::Timeout)
    }
}

/// A language model.
#[async_trait]
pub trait Explainer: Send + Sync {
    /// Who serves it: `anthropic`.
    fn provider(&self) -> &str;

    /// The model that is asked.
    fn model(&self) -> &str;

    /// Asks once, within the time and size that it is set up with.
    ///
    /// # Errors
    /// There is no answer.
    async fn complete(&self, prompt: &Prompt) -> Result<Completion, ExplainerFailure>;
}
