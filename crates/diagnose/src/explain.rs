//! Explaining an incident with a language model: what it is given, and what is left of what it answers.
//!
//! [`Pack`] puts the evidence of an incident into bounded text in which everything that came from outside stands
//! in a quote that it cannot close. [`instruction`] and [`schema`] say how to answer. [`check`] keeps what cites the
//! pack and drops the rest. [`Conversation`] is what is sent, within a number of tokens.
//!
//! Deliberately absent: asking a model (`ports::Explainer`), and any way back: the diagnosis and what is decided
//! never see an explanation. Why it is like this: `docs/decisions/0019-explainer.md`.

mod budget;
mod check;
mod conversation;
mod mask;
mod pack;
mod quote;

pub use budget::{Prices, tokens};
pub use check::{AnswerFault, Checked, check};
pub use conversation::{Conversation, Turn, Voice, instruction, schema};
pub use pack::{Case, Pack};
