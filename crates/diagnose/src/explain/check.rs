//! What is left of an answer: strict in form, plain in text, and nothing that does not cite the pack.

use std::collections::BTreeMap;

use model::{Claim, DroppedClaims, ModelHypothesis};
use serde::Deserialize;

use super::pack::Pack;
use super::quote::{plain, visible};

/// Largest answer that is read, in bytes.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// Sentences of a summary.
pub(crate) const SENTENCES_MAX: usize = 6;
/// Hypotheses.
pub(crate) const HYPOTHESES_MAX: usize = 5;
/// Things to look at next.
pub(crate) const CHECKS_MAX: usize = 5;
/// Labels that one claim may cite.
pub(crate) const CITED_MAX: usize = 8;
/// Longest text of a claim, in characters.
pub(crate) const TEXT_CHARS_MAX: usize = 600;
/// How much of a parser's complaint is told, in characters: it can repeat what the model wrote.
const COMPLAINT_CHARS_MAX: usize = 160;

/// Why an answer cannot be used as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AnswerFault {
    /// Larger than is read.
    TooLong,
    /// Not JSON of the form that was asked for.
    Malformed(String),
    /// Every claim was dropped; why, by reason.
    Unfounded(Vec<DroppedClaims>),
}

impl std::fmt::Display for AnswerFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::TooLong => write!(f, "it is larger than {ANSWER_BYTES_MAX} bytes"),
            Self::Malformed(why) => write!(f, "it is not of the form that was asked for: {why}"),
            Self::Unfounded(drops) if drops.is_empty() => f.write_str("it says nothing"),
            Self::Unfounded(drops) => {
                let list: Vec<_> = drops.iter().map(|d| format!("{} {}", d.count, d.reason)).collect();
                write!(f, "nothing in it could be kept: {}", list.join(", "))
            }
        }
    }
}

/// An answer after the check: at least one claim is in it.
#[derive(Clone, Debug, PartialEq)]
pub struct Checked {
    /// What happened.
    pub summary: Vec<Claim>,
    /// What may be behind it.
    pub hypotheses: Vec<ModelHypothesis>,
    /// What to look at next.
    pub next_checks: Vec<Claim>,
    /// What was dropped, by reason.
    pub dropped: Vec<DroppedClaims>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    summary: Vec<Said>,
    hypotheses: Vec<Guess>,
    next_checks: Vec<Said>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    text: String,
    evidence: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Guess {
    text: String,
    cause: Option<String>,
    evidence: Vec<String>,
    confidence: f64,
}

/// Keeps what of an answer cites the pack.
///
/// # Errors
/// It cannot be read, or nothing of it can be kept.
pub fn check(answer: &str, pack: &Pack) -> Result<Checked, AnswerFault> {
    if answer.len() > ANSWER_BYTES_MAX {
        return Err(AnswerFault::TooLong);
    }
    let read: Answer = serde_json::from_str(unfenced(answer))
        .map_err(|error| AnswerFault::Malformed(plain(&error.to_string(), COMPLAINT_CHARS_MAX)))?;
    let mut sieve = Sieve { pack, dropped: BTreeMap::new() };
    let summary = sieve.claims(read.summary, SENTENCES_MAX);
    let mut hypotheses = Vec::new();
    for guess in read.hypotheses {
        if let Some(kept) = sieve.hypothesis(guess, hypotheses.len()) {
            hypotheses.push(kept);
        }
    }
    let next_checks = sieve.claims(read.next_checks, CHECKS_MAX);
    let dropped: Vec<DroppedClaims> = sieve
        .dropped
        .into_iter()
        .map(|(why, count)| DroppedClaims { reason: why.reason().to_owned(), count })
        .collect();
    // Things to look at explain nothing by themselves.
    if summary.is_empty() && hypotheses.is_empty() {
        return Err(AnswerFault::Unfounded(dropped));
    }
    Ok(Checked { summary, hypotheses, next_checks, dropped })
}

/// The JSON inside a fence of Markdown, which models put around it where a server does not keep them from it.
fn unfenced(answer: &str) -> &str {
    let text = answer.trim();
    let inner = text.strip_prefix("```json").or_else(|| text.strip_prefix("```"));
    inner.and_then(|inner| inner.strip_suffix("```")).unwrap_or(text).trim()
}

/// Why a claim is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Why {
    Uncited,
    Invented,
    UnknownCause,
    Link,
    Markup,
    Empty,
    TooLong,
    TooMany,
    Uncertain,
}

impl Why {
    fn reason(self) -> &'static str {
        match self {
            Self::Uncited => "without evidence",
            Self::Invented => "citing evidence that it was not given",
            Self::UnknownCause => "about a cause that is not in the diagnosis",
            Self::Link => "with a link that is not in the evidence",
            Self::Markup => "with markup",
            Self::Empty => "without text",
            Self::TooLong => "too long",
            Self::TooMany => "beyond how many may be",
            Self::Uncertain => "with a confidence that is not between 0 and 1",
        }
    }
}

struct Sieve<'a> {
    pack: &'a Pack,
    dropped: BTreeMap<Why, u32>,
}

impl Sieve<'_> {
    fn claims(&mut self, said: Vec<Said>, most: usize) -> Vec<Claim> {
        let mut kept = Vec::new();
        for one in said {
            match self.claim(&one.text, one.evidence, kept.len() >= most) {
                Ok((text, evidence)) => kept.push(Claim { text, evidence }),
                Err(why) => self.drop(why),
            }
        }
        kept
    }

    fn hypothesis(&mut self, guess: Guess, before: usize) -> Option<ModelHypothesis> {
        let checked = self.claim(&guess.text, guess.evidence, before >= HYPOTHESES_MAX).and_then(|kept| {
            let cause = match &guess.cause {
                Some(label) => Some(self.pack.cause(label).ok_or(Why::UnknownCause)?.clone()),
                None => None,
            };
            if (0.0..=1.0).contains(&guess.confidence) { Ok((kept, cause)) } else { Err(Why::Uncertain) }
        });
        match checked {
            Ok(((text, evidence), cause)) => {
                Some(ModelHypothesis { text, cause, evidence, confidence: guess.confidence })
            }
            Err(why) => {
                self.drop(why);
                None
            }
        }
    }

    fn claim(
        &self,
        text: &str,
        mut evidence: Vec<String>,
        too_many: bool,
    ) -> Result<(String, Vec<String>), Why> {
        let mut seen = std::collections::BTreeSet::new();
        evidence.retain(|label| seen.insert(label.clone()));
        if evidence.is_empty() {
            return Err(Why::Uncited);
        }
        // One invented label is a claim that was not read off the evidence.
        if !evidence.iter().all(|label| self.pack.cites(label)) {
            return Err(Why::Invented);
        }
        if too_many || evidence.len() > CITED_MAX {
            return Err(Why::TooMany);
        }
        Ok((self.text(text)?, evidence))
    }

    /// The text as it may be shown. It is kept whole or dropped: half a sentence can say the opposite.
    fn text(&self, text: &str) -> Result<String, Why> {
        if text.chars().take(TEXT_CHARS_MAX + 1).count() > TEXT_CHARS_MAX {
            return Err(Why::TooLong);
        }
        let shown = visible(text, TEXT_CHARS_MAX);
        let bare: String = shown.chars().filter(|c| !matches!(c, '‹' | '›')).collect();
        let bare = bare.trim();
        if bare.is_empty() {
            return Err(Why::Empty);
        }
        if has_markup(bare) {
            return Err(Why::Markup);
        }
        if links(bare).any(|link| !self.pack.text().contains(link)) {
            return Err(Why::Link);
        }
        Ok(bare.to_owned())
    }

    fn drop(&mut self, why: Why) {
        *self.dropped.entry(why).or_default() += 1;
    }
}

/// Whether a text holds what a browser or a terminal of Markdown would take for more than text.
fn has_markup(text: &str) -> bool {
    let tag = text.match_indices('<').any(|(at, _)| {
        text[at + 1..].starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?'))
    });
    tag || ["](", "```", "**", "__", "$("].iter().any(|mark| text.contains(mark)) || text.starts_with('#')
}

/// Everything in a text that leads somewhere: addresses with a scheme, `www.`, addresses of e-mail, names with a path.
fn links(text: &str) -> impl Iterator<Item = &str> {
    let edge = |c: char| c.is_whitespace() || "\"'`()[]{}<>,;|".contains(c);
    text.split(edge).map(|word| word.trim_end_matches(['.', '!', '?', ':', '…'])).filter(|word| {
        let lower = word.to_ascii_lowercase();
        let scheme = ["javascript:", "data:", "mailto:", "file:", "tel:"];
        lower.contains("://")
            || lower.starts_with("www.")
            || scheme.iter().any(|s| lower.starts_with(s) && lower.len() > s.len())
            || is_address(&lower)
            || is_place(&lower)
    })
}

fn is_address(word: &str) -> bool {
    word.split_once('@').is_some_and(|(who, host)| !who.is_empty() && host.contains('.'))
}

/// `example.com/path`, `example.com:8080`: a name with a path or a port that some programs make a link of.
fn is_place(word: &str) -> bool {
    let Some(end) = word.find(['/', ':']) else { return false };
    let (host, rest) = word.split_at(end);
    let last = host.rsplit('.').next().unwrap_or_default();
    host.contains('.')
        && last.len() >= 2
        && last.bytes().all(|b| b.is_ascii_alphabetic())
        && rest.len() > 1
        && !host.starts_with('.')
}
