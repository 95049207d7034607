//! Explaining: a language model is asked about an incident after something was decided about it, beside the loop.
//!
//! What is here is pure: when to ask ([`wanted`]), the exchange with a model as a state machine ([`Asking`]), what is
//! stored. `explain/stage.rs` does it over ports. *Deliberately absent:* any way into the [`Situation`]: the loop reads no
//! explanation, waits for none and decides the same without one.
//!
//! [`Situation`]: crate::situation::Situation

mod stage;

use std::time::Duration;

use diagnose::explain::{
    AnswerFault, Case, Conversation, Pack, Prices, Voice, check, instruction, schema, tokens,
};
use model::{Exchange, Explanation, ExplanationState, Incident, ModelAnswer, ModelUsage, Timestamp};
use ports::explainer::{Message, Speaker};
use ports::{Completion, Explainer, ExplainerFailure, ExplainerFault, Index, Prompt};
use serde::{Deserialize, Serialize};

use crate::command::{AllowedAction, Role, action};
use crate::records::{Record, name_of};

pub(crate) use stage::Stage;
pub use stage::{ExplainRefusal, Explaining};

/// What bounds explaining.
#[derive(Clone, Debug, PartialEq)]
pub struct ExplainLimits {
    /// Whether incidents are explained without being asked for.
    pub automatic: bool,
    /// Most tokens of the evidence that is sent.
    pub pack_tokens: u32,
    /// Most tokens of earlier questions and answers that are sent along.
    pub memory_tokens: u32,
    /// Most tokens of an answer.
    pub answer_tokens: u32,
    /// Most requests for one explanation: the first, and those after an answer that could not be used.
    pub turns: u32,
    /// Most time for one explanation, all requests together.
    pub deadline: Duration,
    /// What tokens cost.
    pub prices: Prices,
    /// Most that may be spent in a day (UTC), in the currency of the prices.
    pub cost_per_day: f64,
    /// Most requests in a day (UTC).
    pub requests_per_day: u32,
    /// Most questions of people in a minute.
    pub asks_per_minute: u32,
}

impl Default for ExplainLimits {
    fn default() -> Self {
        Self {
            automatic: true,
            pack_tokens: 8_000,
            memory_tokens: 8_000,
            answer_tokens: 2_000,
            turns: 2,
            deadline: Duration::from_secs(120),
            prices: Prices::default(),
            cost_per_day: 1.0,
            requests_per_day: 200,
            asks_per_minute: 6,
        }
    }
}

/// How often an incident is explained by itself: its cause may change, its explanations must not go on for ever.
const BY_ITSELF_MAX: u32 = 3;
/// How often in a row a model that cannot answer is asked.
const ATTEMPTS_MAX: u32 = 3;
/// How long it is left alone after the first time, in milliseconds; twice as long after each further one.
const REST_MS: u64 = 30_000;
/// Shortest and longest time that it is left alone, whatever it asks for, in milliseconds.
const RESTS_MS: (u64, u64) = (1_000, 3_600_000);
/// Questions and answers that are remembered.
const MEMORY_MAX: usize = 20;

/// What an incident's explanation is about: a later decision or another cause calls for another explanation.
#[must_use]
pub fn basis(incident: &Incident) -> String {
    let cause = incident.top_cause();
    let cause = cause.map_or_else(String::new, |c| format!("{} of {}, ", c.class.as_str(), c.service));
    format!("{cause}{} decisions", incident.decisions.len())
}

/// Whether an incident is to be explained without being asked for: something was decided about it, which happens only
/// once its causes are stable, and what is there is not about this.
#[must_use]
pub fn wanted(incident: &Incident, before: Option<&Explanation>, limits: &ExplainLimits) -> bool {
    let decided = !incident.decisions.is_empty() && !incident.causes.is_empty();
    let open = |e: &Explanation| {
        !matches!(e.state, ExplanationState::Asked | ExplanationState::Deferred)
            && e.basis != basis(incident)
            && e.asked_by_itself < BY_ITSELF_MAX
    };
    limits.automatic && decided && before.is_none_or(open)
}

/// Why nobody can ask about an incident now.
#[must_use]
pub fn refuse_explain(on: bool, incident: &Incident, before: Option<&Explanation>) -> Option<String> {
    if !on {
        return Some("no model is set up; see [explainer] in the configuration".to_owned());
    }
    if incident.causes.is_empty() {
        return Some("the diagnosis is under way".to_owned());
    }
    let under_way = before.is_some_and(|e| e.state == ExplanationState::Asked);
    under_way.then(|| "the model is asked already".to_owned())
}

/// What can be asked about an incident.
#[must_use]
pub fn explain_action(
    on: bool,
    incident: &Incident,
    before: Option<&Explanation>,
    role: Role,
) -> AllowedAction {
    let title = if before.is_some() { "Ask again" } else { "Explain" };
    let path = format!("/incidents/{}/explain", incident.id);
    action("explain", title, path, role, Role::Operator, refuse_explain(on, incident, before))
}

/// An explanation that was just asked for, keeping what is known from before.
#[must_use]
pub fn asked(
    incident: &Incident,
    before: Option<Explanation>,
    by: Option<String>,
    question: Option<String>,
    model: (&str, &str),
    at: Timestamp,
) -> Explanation {
    let itself = u32::from(by.is_none());
    let fresh = Explanation {
        incident: incident.id.clone(),
        state: ExplanationState::Asked,
        reason: None,
        asked_by: by,
        question,
        asked_at: at,
        retry_at: None,
        attempts: 0,
        asked_by_itself: itself,
        basis: basis(incident),
        provider: model.0.to_owned(),
        model: model.1.to_owned(),
        pack_tokens: 0,
        left_out: 0,
        answer: None,
        spent: ModelUsage::default(),
        memory: Vec::new(),
    };
    match before {
        None => fresh,
        Some(before) => Explanation {
            asked_by_itself: before.asked_by_itself + itself,
            answer: before.answer,
            spent: before.spent,
            memory: before.memory,
            ..fresh
        },
    }
}

/// What came of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Ask again with [`Asking::prompt`]: the answer could not be used and was refused.
    Again,
    /// It is over; the explanation says how.
    Over,
}

/// One explanation in the making: what is sent, and what becomes of what comes back.
pub struct Asking<'a> {
    limits: &'a ExplainLimits,
    explanation: Explanation,
    pack: Pack,
    conversation: Conversation,
    usage: ModelUsage,
}

impl<'a> Asking<'a> {
    /// About this case.
    #[must_use]
    pub fn new(case: &Case<'_>, explanation: Explanation, limits: &'a ExplainLimits) -> Self {
        let pack = Pack::of(case, limits.pack_tokens);
        let question = explanation.question.as_deref();
        // A plain explanation starts afresh: what a model once said must not be what it goes by.
        let memory = if question.is_some() { explanation.memory.as_slice() } else { &[] };
        let conversation = Conversation::about(&pack, memory, limits.memory_tokens, question);
        let mut explanation = explanation;
        explanation.pack_tokens = pack.tokens();
        explanation.left_out = pack.left_out();
        Self { limits, explanation, pack, conversation, usage: ModelUsage::default() }
    }

    /// What to send next.
    #[must_use]
    pub fn prompt(&self) -> Prompt {
        let schema = schema(&self.pack);
        let messages = self.conversation.turns().iter().map(|turn| Message {
            speaker: if turn.voice == Voice::Us { Speaker::Asker } else { Speaker::Model },
            text: turn.text.clone(),
        });
        Prompt {
            instruction: instruction(),
            messages: messages.collect(),
            tokens: self.conversation.tokens().saturating_add(tokens(&schema.to_string())),
            schema,
            answer_tokens_max: self.limits.answer_tokens,
        }
    }

    /// The most that a prompt can cost.
    #[must_use]
    pub fn most(&self, prompt: &Prompt) -> f64 {
        self.limits.prices.cost(prompt.tokens.into(), prompt.answer_tokens_max.into())
    }

    /// What all requests so far cost.
    #[must_use]
    pub fn usage(&self) -> &ModelUsage {
        &self.usage
    }

    /// Takes what came of a prompt.
    pub fn take(
        &mut self,
        prompt: &Prompt,
        came: Result<Completion, ExplainerFailure>,
        took_ms: u64,
        now: Timestamp,
    ) -> Step {
        self.usage.turns += 1;
        self.usage.took_ms += took_ms;
        self.count(prompt, &came);
        let completion = match came {
            Ok(completion) => completion,
            Err(failure) => {
                self.fail(&failure, now);
                return Step::Over;
            }
        };
        match check(&completion.text, &self.pack) {
            Ok(checked) => {
                let model = completion.model.unwrap_or_else(|| self.explanation.model.clone());
                let answer = ModelAnswer {
                    at: now,
                    provider: self.explanation.provider.clone(),
                    model: model.chars().filter(|c| !c.is_control()).take(120).collect(),
                    question: self.explanation.question.clone(),
                    citations: self.cited(&checked),
                    summary: checked.summary,
                    hypotheses: checked.hypotheses,
                    next_checks: checked.next_checks,
                    dropped: checked.dropped,
                    usage: self.usage,
                };
                self.remember(&answer);
                self.explanation.answer = Some(answer);
                self.explanation.state = ExplanationState::Ready;
                self.explanation.reason = None;
                self.explanation.attempts = 0;
                Step::Over
            }
            Err(fault) if self.usage.turns < self.limits.turns => {
                let shown = if fault == AnswerFault::TooLong { "" } else { completion.text.as_str() };
                self.conversation.refuse(shown, &fault.to_string());
                Step::Again
            }
            Err(fault) => {
                self.give_up(&format!("the model's answer cannot be used: {fault}"));
                Step::Over
            }
        }
    }

    /// Ends it without asking (again).
    pub fn give_up(&mut self, reason: &str) {
        self.explanation.state = ExplanationState::Failed;
        self.explanation.reason = Some(reason.to_owned());
    }

    /// Leaves it for later without asking.
    pub fn defer(&mut self, reason: &str, until: Timestamp) {
        self.explanation.state = ExplanationState::Deferred;
        self.explanation.reason = Some(reason.to_owned());
        self.explanation.retry_at = Some(until);
    }

    /// How it stands now.
    #[must_use]
    pub fn into_explanation(self) -> Explanation {
        let mut explanation = self.explanation;
        let (spent, usage) = (&mut explanation.spent, &self.usage);
        spent.turns += usage.turns;
        spent.tokens_in += usage.tokens_in;
        spent.tokens_out += usage.tokens_out;
        spent.cost += usage.cost;
        spent.took_ms += usage.took_ms;
        spent.estimated |= usage.estimated;
        explanation
    }

    fn fail(&mut self, failure: &ExplainerFailure, now: Timestamp) {
        self.explanation.attempts += 1;
        let attempts = self.explanation.attempts;
        if !failure.passes() || attempts >= ATTEMPTS_MAX {
            self.give_up(&failure.message);
            return;
        }
        let own = REST_MS << (attempts - 1);
        let rest = failure.retry_after_ms.unwrap_or(own).clamp(RESTS_MS.0, RESTS_MS.1);
        self.defer(&failure.message, now.plus_ms(i64::try_from(rest).unwrap_or(i64::MAX)));
    }

    /// What is not told is estimated: a request that was sent is never free.
    fn count(&mut self, prompt: &Prompt, came: &Result<Completion, ExplainerFailure>) {
        let (told, guess) = match came {
            Ok(c) => (c.tokens_in.zip(c.tokens_out), (prompt.tokens, tokens(&c.text))),
            Err(f) => {
                let nothing = matches!(
                    f.fault,
                    ExplainerFault::Busy | ExplainerFault::Unreachable | ExplainerFault::Configuration
                );
                let guess = if nothing { (0, 0) } else { (prompt.tokens, prompt.answer_tokens_max) };
                (f.tokens, guess)
            }
        };
        self.usage.estimated |= told.is_none() && guess != (0, 0);
        let (read, wrote) = told.unwrap_or((guess.0.into(), guess.1.into()));
        self.usage.tokens_in += read;
        self.usage.tokens_out += wrote;
        self.usage.cost += self.limits.prices.cost(read, wrote);
    }

    /// Of everything that could be cited, what was.
    fn cited(&self, checked: &diagnose::explain::Checked) -> Vec<model::Citation> {
        let claims = checked.summary.iter().chain(&checked.next_checks).map(|claim| &claim.evidence);
        let all: Vec<&String> =
            claims.chain(checked.hypotheses.iter().map(|h| &h.evidence)).flatten().collect();
        self.pack.citations().iter().filter(|c| all.contains(&&c.label)).cloned().collect()
    }

    fn remember(&mut self, answer: &ModelAnswer) {
        let texts = answer.summary.iter().map(|claim| claim.text.as_str());
        let texts: Vec<_> = texts.chain(answer.hypotheses.iter().map(|h| h.text.as_str())).collect();
        let memory = &mut self.explanation.memory;
        memory.push(Exchange { question: answer.question.clone(), answer: texts.join(" ") });
        let surplus = memory.len().saturating_sub(MEMORY_MAX);
        memory.drain(..surplus);
    }
}

impl Record for Explanation {
    const KIND: &'static str = "explanation";

    fn key(&self) -> String {
        self.incident.to_string()
    }

    fn index(&self) -> Vec<(&'static str, Index)> {
        vec![("state", Index::Text(name_of(&self.state)))]
    }
}

/// What was spent on models in a day (UTC). What a request may cost is added before it is sent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Spending {
    /// The day: `2026-11-21`.
    pub day: String,
    /// Requests.
    pub requests: u32,
    /// In the currency of the prices.
    pub cost: f64,
}

impl Spending {
    /// The day that an instant is in.
    #[must_use]
    pub fn day_of(at: Timestamp) -> String {
        at.to_string().chars().take(10).collect()
    }

    /// Why one more request that may cost so much cannot be made today.
    #[must_use]
    pub fn refuse(&self, most: f64, limits: &ExplainLimits) -> Option<String> {
        if self.requests >= limits.requests_per_day {
            return Some(format!(
                "the {} requests that may be made in a day are used up; see explainer.requests_per_day",
                limits.requests_per_day
            ));
        }
        // Prices of zero spend nothing.
        if most > 0.0 && self.cost + most > limits.cost_per_day {
            return Some(format!(
                "{:.4} of the {} that may be spent in a day is used, and the next request may cost {most:.4}; see \
                 explainer.cost_per_day",
                self.cost, limits.cost_per_day
            ));
        }
        None
    }
}

impl Record for Spending {
    const KIND: &'static str = "model_spending";

    fn key(&self) -> String {
        self.day.clone()
    }

    fn index(&self) -> Vec<(&'static str, Index)> {
        Vec::new()
    }
}

/// Provider and model, as documents name them.
fn names(explainer: &dyn Explainer) -> (&str, &str) {
    (explainer.provider(), explainer.model())
}
