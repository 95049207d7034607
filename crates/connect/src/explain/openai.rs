//! Chat completions (platform.openai.com/docs/api-reference/chat), as OpenAI and many others serve them. The schema
//! goes along as `response_format`; a server that does not know it gets the schema as text.

use ports::explainer::Speaker;
use ports::{Completion, ExplainerFailure, Prompt};
use reqwest::header::HeaderMap;
use serde_json::{Value, json};

use super::{Draft, End, Model, Read, count, text};
use crate::functions::{Answer, excerpt};

pub(super) fn draft(model: &Model, prompt: &Prompt, with_schema: bool) -> Result<Draft, ExplainerFailure> {
    let instruction = if with_schema {
        prompt.instruction.clone()
    } else {
        format!("{}\n\nThe JSON Schema of the answer:\n{}", prompt.instruction, prompt.schema)
    };
    let mut messages = vec![json!({"role": "system", "content": instruction})];
    messages.extend(prompt.messages.iter().map(|message| {
        let role = if message.speaker == Speaker::Asker { "user" } else { "assistant" };
        json!({"role": role, "content": message.text})
    }));
    let format = if with_schema {
        json!({"type": "json_schema", "json_schema": {"name": "explanation", "strict": true, "schema": prompt.schema}})
    } else {
        json!({"type": "json_object"})
    };
    let mut body = json!({
        "model": model.model, "messages": messages, "response_format": format, "stream": false,
    });
    // OpenAI's newer models refuse the older name, everybody else knows only that one.
    let own = model.endpoint.host_str() == Some("api.openai.com");
    let cap = if own { "max_completion_tokens" } else { "max_tokens" };
    body[cap] = prompt.answer_tokens_max.into();
    Ok(Draft { url: model.below("chat/completions")?, headers: HeaderMap::new(), body })
}

/// Whether it was the schema that the server did not want.
pub(super) fn knows_no_schema(answer: &Answer) -> bool {
    let said = || excerpt(&answer.body).to_ascii_lowercase();
    matches!(answer.status.as_u16(), 400 | 415 | 422 | 501)
        && ["response_format", "json_schema", "schema", "guided"].iter().any(|word| said().contains(word))
}

pub(super) fn read(body: &Value) -> Option<Read> {
    let choice = body.pointer("/choices/0")?;
    let content = match choice.pointer("/message/content") {
        // Some servers give parts.
        Some(Value::Array(parts)) => parts.iter().filter_map(|part| part["text"].as_str()).collect(),
        Some(Value::String(text)) => text.clone(),
        _ => String::new(),
    };
    let declined = text(choice, "/message/refusal").is_some_and(|refusal| !refusal.is_empty());
    let end = match choice["finish_reason"].as_str() {
        Some("content_filter") => End::Declined,
        _ if declined => End::Declined,
        Some("length") => End::CutOff,
        _ => End::Done,
    };
    let completion = Completion {
        text: content,
        model: text(body, "/model"),
        tokens_in: count(body, "/usage/prompt_tokens"),
        tokens_out: count(body, "/usage/completion_tokens"),
    };
    Some(Read { completion, end })
}
