//! Explanations: what a language model wrote about an incident, after it was checked. Nothing is decided by one.
//!
//! Every sentence cites evidence; what did not was dropped and counted. The text is plain and as untrusted as the
//! telemetry it was made from.

use serde::{Deserialize, Serialize};

use crate::id::{CauseId, IncidentId};
use crate::time::Timestamp;

/// Where an explanation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExplanationState {
    /// It was asked for; the answer is not here.
    Asked,
    /// There is one.
    Ready,
    /// The model is busy or cannot be reached; it is asked again at `retry_at`.
    Deferred,
    /// No explanation came of it; `reason` says why.
    Failed,
}

/// What a claim can cite.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CitationKind {
    /// A piece of evidence of the incident.
    Evidence,
    /// A finding of the incident.
    Finding,
    /// A change.
    Change,
    /// An earlier incident.
    Incident,
    /// A run that worked on the incident.
    Run,
}

/// Something that a claim cites, and how to find it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Citation {
    /// Its short name in what the model was given: `E1`.
    pub label: String,
    /// What it is.
    pub kind: CitationKind,
    /// Its id.
    pub id: String,
    /// One line for people.
    pub title: String,
}

/// A sentence of a model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Claim {
    /// Plain text.
    pub text: String,
    /// Labels of the citations that it rests on; never none.
    pub evidence: Vec<String>,
}

/// What a model thinks may be behind it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ModelHypothesis {
    /// Plain text.
    pub text: String,
    /// The cause of the diagnosis that it speaks of; none for one that the diagnosis does not have.
    pub cause: Option<CauseId>,
    /// Labels of the citations that it rests on; never none.
    pub evidence: Vec<String>,
    /// What the model says of its own certainty, 0 to 1. It is not calibrated.
    pub confidence: f64,
}

/// Claims that were dropped for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DroppedClaims {
    /// Why, for people.
    pub reason: String,
    /// How many.
    pub count: u32,
}

/// What asking cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ModelUsage {
    /// Requests to the model.
    pub turns: u32,
    /// Tokens that it read.
    pub tokens_in: u64,
    /// Tokens that it wrote.
    pub tokens_out: u64,
    /// In the currency of the configured prices.
    pub cost: f64,
    /// From the first request to the last answer, in milliseconds.
    pub took_ms: u64,
    /// Whether tokens were estimated because the model did not tell.
    pub estimated: bool,
}

/// What is left of an answer after the check.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ModelAnswer {
    /// When it came.
    pub at: Timestamp,
    /// Who serves the model: `anthropic`.
    pub provider: String,
    /// The model that wrote it.
    pub model: String,
    /// The question of a person that it answers; none for a plain explanation.
    pub question: Option<String>,
    /// What happened, sentence by sentence.
    pub summary: Vec<Claim>,
    /// What may be behind it.
    pub hypotheses: Vec<ModelHypothesis>,
    /// What to look at next.
    pub next_checks: Vec<Claim>,
    /// What the claims cite.
    pub citations: Vec<Citation>,
    /// Claims that were dropped, by reason.
    pub dropped: Vec<DroppedClaims>,
    /// What it cost.
    pub usage: ModelUsage,
}

impl ModelAnswer {
    /// How many claims were dropped.
    #[must_use]
    pub fn dropped_count(&self) -> u32 {
        self.dropped.iter().map(|drop| drop.count).sum()
    }
}

/// A question and its answer, as a later question is told of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Exchange {
    /// What a person asked; none for a plain explanation.
    pub question: Option<String>,
    /// What was left of the answer.
    pub answer: String,
}

/// What a language model says of an incident, or why it says nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Explanation {
    /// The incident.
    pub incident: IncidentId,
    /// Where it stands.
    pub state: ExplanationState,
    /// Why there is no newer answer, for people.
    pub reason: Option<String>,
    /// The person or token who asked last; none when it was asked for by itself.
    pub asked_by: Option<String>,
    /// What they asked, when it was more than an explanation.
    pub question: Option<String>,
    /// When it was asked for last.
    pub asked_at: Timestamp,
    /// When the model is asked again.
    pub retry_at: Option<Timestamp>,
    /// How often in a row the model could not answer.
    pub attempts: u32,
    /// How often it was asked for by itself.
    pub asked_by_itself: u32,
    /// What it is about: the first cause and how many decisions there were. Asked by itself again when that changes.
    pub basis: String,
    /// Who serves the model.
    pub provider: String,
    /// The model that is asked.
    pub model: String,
    /// Estimated tokens of the evidence that it was given.
    pub pack_tokens: u32,
    /// Pieces that did not fit into it.
    pub left_out: u32,
    /// The newest answer. It stays when a later one fails.
    pub answer: Option<ModelAnswer>,
    /// Everything that this incident cost so far.
    pub spent: ModelUsage,
    /// Earlier questions and answers, oldest first.
    pub memory: Vec<Exchange>,
}
