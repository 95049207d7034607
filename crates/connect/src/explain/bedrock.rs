//! The Converse API of Amazon Bedrock (docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html).
//! The schema is the input of the one tool that the model must use. Who asks is proved by a signature
//! (Signature Version 4) when the key is an object with `access_key_id` and `secret_access_key`, else by the key
//! itself as a bearer token (a Bedrock API key).

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PercentEncodingMode, SignableBody, SignableRequest, SigningSettings, sign as sign_request,
};
use aws_sigv4::sign::v4;
use ports::explainer::Speaker;
use ports::{Completion, ExplainerFailure, Prompt};
use reqwest::Url;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};

use super::anthropic::TOOL;
use super::key::Held;
use super::{Draft, End, Model, Read, count, wrong};

/// The name of the service in signatures.
const SERVICE: &str = "bedrock";

/// Where Bedrock is in a region.
pub(super) fn endpoint(region: &str) -> String {
    format!("https://bedrock-runtime.{region}.amazonaws.com")
}

/// Whether it can be the name of a region: it becomes part of a host name.
pub(super) fn is_region(text: &str) -> bool {
    let known = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (4..=32).contains(&text.len()) && text.contains('-') && text.bytes().all(known)
}

pub(super) fn draft(model: &Model, prompt: &Prompt) -> Result<Draft, ExplainerFailure> {
    let messages: Vec<Value> = prompt
        .messages
        .iter()
        .map(|message| {
            let role = if message.speaker == Speaker::Asker { "user" } else { "assistant" };
            json!({"role": role, "content": [{"text": message.text}]})
        })
        .collect();
    let tool = json!({"toolSpec": {
        "name": TOOL,
        "description": "Gives the explanation of the incident.",
        "inputSchema": {"json": prompt.schema},
    }});
    let body = json!({
        "system": [{"text": prompt.instruction}],
        "messages": messages,
        "inferenceConfig": {"maxTokens": prompt.answer_tokens_max},
        "toolConfig": {"tools": [tool], "toolChoice": {"any": {}}},
    });
    // Names of models hold `:` and, as ARNs, `/`; both belong into one part of the path.
    let mut url = model.endpoint.clone();
    url.path_segments_mut()
        .map_err(|()| wrong("`endpoint` is no address that paths can be added to"))?
        .pop_if_empty()
        .push("model")
        .push(&model.model)
        .push("converse");
    let path = url.path().replace(':', "%3A");
    url.set_path(&path);
    Ok(Draft { url, headers: HeaderMap::new(), body })
}

/// Adds the headers of a signature.
pub(super) fn sign(
    headers: &mut HeaderMap,
    url: &Url,
    body: &[u8],
    region: &str,
    key: &Held,
) -> Result<(), ExplainerFailure> {
    sign_at(SystemTime::now(), headers, url, body, region, key)
}

fn sign_at(
    at: SystemTime,
    headers: &mut HeaderMap,
    url: &Url,
    body: &[u8],
    region: &str,
    key: &Held,
) -> Result<(), ExplainerFailure> {
    let (Some(id), Some(secret)) = (key.field("access_key_id"), key.field("secret_access_key")) else {
        let need = "the key must be a Bedrock API key, or an object with `access_key_id`, `secret_access_key` and, for \
                    temporary ones, `session_token`";
        return Err(wrong(need));
    };
    let session = key.field("session_token").map(ToOwned::to_owned);
    let identity = Credentials::new(id, secret, session, None, "configuration").into();
    let mut settings = SigningSettings::default();
    settings.percent_encoding_mode = PercentEncodingMode::Double;
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name(SERVICE)
        .time(at)
        .settings(settings)
        .build()
        .map_err(|_| wrong("the request cannot be signed with this key"))?
        .into();
    let content = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let signed = [("content-type", content)];
    let request = SignableRequest::new("POST", url.as_str(), signed.into_iter(), SignableBody::Bytes(body))
        .and_then(|request| sign_request(request, &parameters))
        .map_err(|_| wrong("the request cannot be signed with this key"))?;
    let (instructions, _) = request.into_parts();
    for (name, value) in instructions.headers() {
        let name =
            HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong("a signed header is no header"))?;
        let mut value =
            HeaderValue::from_str(value).map_err(|_| wrong("the key holds characters that no header can"))?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    Ok(())
}

pub(super) fn read(body: &Value) -> Option<Read> {
    let parts = body.pointer("/output/message/content")?.as_array()?;
    let used = parts.iter().find_map(|part| part.pointer("/toolUse/input")).map(ToString::to_string);
    let said = || parts.iter().filter_map(|part| part["text"].as_str()).collect::<String>();
    let end = match body["stopReason"].as_str() {
        Some("guardrail_intervened" | "content_filtered") => End::Declined,
        Some("max_tokens" | "model_context_window_exceeded") => End::CutOff,
        _ => End::Done,
    };
    let completion = Completion {
        text: used.unwrap_or_else(said),
        model: None,
        tokens_in: count(body, "/usage/inputTokens"),
        tokens_out: count(body, "/usage/outputTokens"),
    };
    Some(Read { completion, end })
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use model::Secret;

    use super::*;

    /// Computed step by step after the vendor's description with HMAC and SHA-256 of Python's standard library.
    #[test]
    fn a_signature_is_what_the_vendors_description_gives() {
        let key = Held::of(Secret::new(
            json!({"access_key_id": "AKIDEXAMPLE", "secret_access_key": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"}),
        ));
        let url = Url::parse(
            "https://bedrock-runtime.us-east-1.amazonaws.com/model/anthropic.claude-v2%3A1/converse",
        )
        .unwrap();
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        sign_at(
            UNIX_EPOCH + Duration::from_secs(1_440_938_160),
            &mut headers,
            &url,
            b"{}",
            "us-east-1",
            &key,
        )
        .unwrap();
        assert_eq!(headers["x-amz-date"], "20150830T123600Z");
        assert_eq!(
            headers["authorization"],
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/bedrock/aws4_request, \
             SignedHeaders=content-type;host;x-amz-date, Signature=bbed9c3e84fb8b72cc9e7f290769bff49e34377e22a35007cb0001e211d71c7b"
        );
    }

    #[test]
    fn what_is_no_region_is_no_part_of_a_host_name() {
        for (text, expect) in [("eu-central-1", true), ("", false), ("evil.example/", false), ("EU-1", false)]
        {
            assert_eq!(is_region(text), expect, "{text}");
        }
    }
}
