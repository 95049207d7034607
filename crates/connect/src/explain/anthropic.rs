//! The Messages API of Anthropic (docs.anthropic.com/en/api/messages). The schema is the input of the one tool that
//! the model must use, which works with every model that has tools.

use ports::explainer::Speaker;
use ports::{Completion, ExplainerFailure, Prompt};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};

use super::{Draft, End, Model, Read, count, text};

/// Version of the API that requests are written for.
const VERSION: &str = "2023-06-01";
/// The tool through which a model answers.
pub(super) const TOOL: &str = "explain";

pub(super) fn draft(model: &Model, prompt: &Prompt) -> Result<Draft, ExplainerFailure> {
    let messages: Vec<Value> = prompt
        .messages
        .iter()
        .map(|message| {
            let role = if message.speaker == Speaker::Asker { "user" } else { "assistant" };
            json!({"role": role, "content": message.text})
        })
        .collect();
    let body = json!({
        "model": model.model,
        "max_tokens": prompt.answer_tokens_max,
        "system": prompt.instruction,
        "messages": messages,
        "tools": [{
            "name": TOOL,
            "description": "Gives the explanation of the incident.",
            "input_schema": prompt.schema,
        }],
        "tool_choice": {"type": "tool", "name": TOOL},
    });
    let mut headers = HeaderMap::new();
    headers.insert(HeaderName::from_static("anthropic-version"), HeaderValue::from_static(VERSION));
    Ok(Draft { url: model.below("v1/messages")?, headers, body })
}

pub(super) fn read(body: &Value) -> Option<Read> {
    let parts = body["content"].as_array()?;
    let used = parts.iter().find(|part| part["type"] == "tool_use").map(|part| part["input"].to_string());
    let said = || parts.iter().filter_map(|part| part["text"].as_str()).collect::<String>();
    let end = match body["stop_reason"].as_str() {
        Some("refusal") => End::Declined,
        Some("max_tokens" | "model_context_window_exceeded") => End::CutOff,
        _ => End::Done,
    };
    let cached = |name: &str| count(body, &format!("/usage/{name}")).unwrap_or_default();
    let completion = Completion {
        text: used.unwrap_or_else(said),
        model: text(body, "/model"),
        tokens_in: count(body, "/usage/input_tokens")
            .map(|n| n + cached("cache_read_input_tokens") + cached("cache_creation_input_tokens")),
        tokens_out: count(body, "/usage/output_tokens"),
    };
    Some(Read { completion, end })
}
