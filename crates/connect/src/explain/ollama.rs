//! The chat API of Ollama (docs.ollama.com/api/chat). The schema is its `format`. Room for the whole prompt is asked
//! for: otherwise Ollama cuts off the beginning of a longer one without a word.

use ports::explainer::Speaker;
use ports::{Completion, ExplainerFailure, Prompt};
use reqwest::header::HeaderMap;
use serde_json::{Value, json};

use super::{Draft, End, Model, Read, count, text};

/// Room is asked for in steps of this, so that the model is not loaded anew for each prompt.
const ROOM_STEP: u32 = 4_096;

pub(super) fn draft(model: &Model, prompt: &Prompt) -> Result<Draft, ExplainerFailure> {
    let mut messages = vec![json!({"role": "system", "content": prompt.instruction})];
    messages.extend(prompt.messages.iter().map(|message| {
        let role = if message.speaker == Speaker::Asker { "user" } else { "assistant" };
        json!({"role": role, "content": message.text})
    }));
    let room = prompt.tokens.saturating_add(prompt.answer_tokens_max).div_ceil(ROOM_STEP) * ROOM_STEP;
    let body = json!({
        "model": model.model,
        "messages": messages,
        "format": prompt.schema,
        "stream": false,
        "options": {"num_ctx": room, "num_predict": prompt.answer_tokens_max, "temperature": 0},
    });
    Ok(Draft { url: model.below("api/chat")?, headers: HeaderMap::new(), body })
}

pub(super) fn read(body: &Value) -> Option<Read> {
    let content = text(body, "/message/content")?;
    let end = if body["done_reason"] == "length" { End::CutOff } else { End::Done };
    let completion = Completion {
        text: content,
        model: text(body, "/model"),
        tokens_in: count(body, "/prompt_eval_count"),
        tokens_out: count(body, "/eval_count"),
    };
    Some(Read { completion, end })
}
