//! Models behind each provider's protocol, against a stand-in on this machine that also misbehaves.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use connect::explain::{Key, Model, ModelSettings, Provider};
use connect::functions::{Egress, Limits, Web};
use futures_util::stream;
use model::Secret;
use ports::explainer::{Message, Speaker};
use ports::{Completion, Explainer, ExplainerFailure, ExplainerFault, Prompt};
use serde_json::{Value, json};
use tokio::net::TcpListener;

const KEY: &str = "sk-very-secret-key-of-a-test";

/// A request, as it came.
#[derive(Clone, Debug)]
struct Seen {
    path: String,
    headers: HeaderMap,
    body: Value,
}

impl Seen {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

type Log = Arc<Mutex<Vec<Seen>>>;

/// A server that answers by what it sees and how many requests came before.
#[expect(clippy::disallowed_methods, reason = "somebody else's server, which ends with the test")]
async fn stand_in(
    answer: impl Fn(&Seen, usize) -> Option<Response> + Send + Sync + 'static,
) -> (String, Log) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let log = Log::default();
    let (answer, remembered) = (Arc::new(answer), Arc::clone(&log));
    let router = axum::Router::new().fallback(move |request: Request| {
        let (answer, log) = (Arc::clone(&answer), Arc::clone(&remembered));
        async move {
            let (parts, body) = request.into_parts();
            let body = to_bytes(body, 1 << 20).await.unwrap();
            let body = serde_json::from_slice(&body).unwrap_or_default();
            let seen = Seen { path: parts.uri.path().to_owned(), headers: parts.headers, body };
            let before = {
                let mut log = log.lock().unwrap();
                log.push(seen.clone());
                log.len() - 1
            };
            match answer(&seen, before) {
                Some(response) => response,
                None => std::future::pending().await,
            }
        }
    });
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, log)
}

fn reply(status: u16, headers: &[(&str, &str)], body: impl Into<Body>) -> Option<Response> {
    let mut response = Response::builder().status(StatusCode::from_u16(status).unwrap());
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    Some(response.body(body.into()).unwrap())
}

fn replied(status: u16, body: &Value) -> Option<Response> {
    reply(status, &[("content-type", "application/json")], body.to_string())
}

fn model(provider: Provider, url: &str, key: Key, limits: Limits) -> Model {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let settings = ModelSettings {
        provider,
        endpoint: Some(url.to_owned()),
        model: "a-model".to_owned(),
        key,
        region: (provider == Provider::Bedrock).then(|| "eu-central-1".to_owned()),
    };
    Model::new(Arc::new(Web::new(limits).unwrap()), settings).unwrap()
}

fn limits() -> Limits {
    Limits { timeout: Duration::from_secs(20), response_bytes_max: 64 * 1024, ..Limits::default() }
}

fn key() -> Key {
    Key::Given(Secret::new(KEY.into()))
}

fn prompt() -> Prompt {
    let say = |speaker, text: &str| Message { speaker, text: text.to_owned() };
    Prompt {
        instruction: "Explain.".to_owned(),
        messages: vec![
            say(Speaker::Asker, "EVIDENCE: {}"),
            say(Speaker::Model, "It failed."),
            say(Speaker::Asker, "Why?"),
        ],
        schema: json!({"type": "object"}),
        answer_tokens_max: 777,
        tokens: 5_000,
    }
}

async fn ask(provider: Provider, url: &str) -> Result<Completion, ExplainerFailure> {
    model(provider, url, key(), limits()).complete(&prompt()).await
}

fn chat(content: &str) -> Value {
    json!({"model": "gpt-x", "choices": [{"finish_reason": "stop", "message": {"content": content}}],
        "usage": {"prompt_tokens": 11, "completion_tokens": 7}})
}

fn said(text: &str, model: Option<&str>, tokens: (u64, u64)) -> Completion {
    Completion {
        text: text.to_owned(),
        model: model.map(ToOwned::to_owned),
        tokens_in: Some(tokens.0),
        tokens_out: Some(tokens.1),
    }
}

#[tokio::test]
async fn openai_gets_the_schema_as_response_format_and_the_key_as_bearer() {
    let (url, log) = stand_in(|_, _| replied(200, &chat("{\"a\":1}"))).await;
    let url = format!("{url}/v1");
    assert_eq!(ask(Provider::Openai, &url).await, Ok(said("{\"a\":1}", Some("gpt-x"), (11, 7))));
    let seen = log.lock().unwrap()[0].clone();
    assert_eq!(
        (seen.path.as_str(), seen.header("authorization")),
        ("/v1/chat/completions", &*format!("Bearer {KEY}"))
    );
    assert_eq!(seen.body["response_format"]["json_schema"]["schema"], json!({"type": "object"}));
    assert_eq!(seen.body["max_tokens"], 777);
    let roles: Vec<_> = seen.body["messages"].as_array().unwrap().iter().map(|m| m["role"].clone()).collect();
    assert_eq!(roles, ["system", "user", "assistant", "user"]);
}

#[tokio::test]
async fn a_server_that_knows_no_schema_gets_it_as_text_from_then_on() {
    let (url, log) = stand_in(|seen, _| match seen.body["response_format"]["type"].as_str() {
        Some("json_schema") => replied(400, &json!({"error": "response_format.type must be json_object"})),
        _ => replied(200, &chat("{}")),
    })
    .await;
    let model = model(Provider::Openai, &url, Key::None, limits());
    for _ in 0..2 {
        assert_eq!(model.complete(&prompt()).await.unwrap().text, "{}");
    }
    let log = log.lock().unwrap();
    let formats: Vec<_> = log.iter().map(|s| s.body["response_format"]["type"].as_str().unwrap()).collect();
    assert_eq!(formats, ["json_schema", "json_object", "json_object"]);
    assert!(log[1].body["messages"][0]["content"].as_str().unwrap().contains(r#"{"type":"object"}"#));
    assert_eq!(log[0].header("authorization"), "", "without a key nothing is sent");
}

#[tokio::test]
async fn anthropic_is_made_to_use_the_tool_and_its_input_is_the_answer() {
    let (url, log) = stand_in(|_, _| {
        replied(200, &json!({"model": "claude-x", "stop_reason": "tool_use",
            "content": [{"type": "text", "text": "Well."}, {"type": "tool_use", "name": "explain", "input": {"a": 1}}],
            "usage": {"input_tokens": 5, "cache_read_input_tokens": 6, "output_tokens": 7}}))
    })
    .await;
    assert_eq!(ask(Provider::Anthropic, &url).await, Ok(said("{\"a\":1}", Some("claude-x"), (11, 7))));
    let seen = log.lock().unwrap()[0].clone();
    assert_eq!((seen.path.as_str(), seen.header("x-api-key")), ("/v1/messages", KEY));
    assert_eq!((seen.header("anthropic-version"), seen.header("authorization")), ("2023-06-01", ""));
    assert_eq!(seen.body["tool_choice"], json!({"type": "tool", "name": "explain"}));
    assert_eq!(seen.body["max_tokens"], 777);
}

#[tokio::test]
async fn ollama_gets_the_schema_as_format_and_room_for_the_whole_prompt() {
    let (url, log) = stand_in(|_, _| {
        replied(
            200,
            &json!({"model": "qwen", "message": {"content": "{}"}, "done_reason": "stop",
            "prompt_eval_count": 11, "eval_count": 7}),
        )
    })
    .await;
    assert_eq!(ask(Provider::Ollama, &url).await, Ok(said("{}", Some("qwen"), (11, 7))));
    let seen = log.lock().unwrap()[0].clone();
    assert_eq!(seen.path, "/api/chat");
    assert_eq!(
        (&seen.body["format"], &seen.body["options"]["num_ctx"]),
        (&json!({"type": "object"}), &json!(8_192))
    );
}

#[tokio::test]
async fn bedrock_is_signed_with_an_access_key_and_else_gets_a_bearer_token() {
    let (url, log) = stand_in(|_, _| {
        replied(
            200,
            &json!({"stopReason": "tool_use", "usage": {"inputTokens": 11, "outputTokens": 7},
            "output": {"message": {"content": [{"toolUse": {"name": "explain", "input": {"a": 1}}}]}}}),
        )
    })
    .await;
    let pair = json!({"access_key_id": "AKIDEXAMPLE", "secret_access_key": KEY, "session_token": "session"});
    for key in [Key::Given(Secret::new(pair)), key()] {
        let model = model(Provider::Bedrock, &url, key, limits());
        assert_eq!(model.complete(&prompt()).await, Ok(said("{\"a\":1}", None, (11, 7))));
    }
    let log = log.lock().unwrap();
    assert_eq!(log[0].path, "/model/a-model/converse");
    let signature = log[0].header("authorization");
    assert!(signature.starts_with("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/"), "{signature}");
    assert!(signature.contains("/eu-central-1/bedrock/aws4_request"), "{signature}");
    assert!(signature.contains("content-type;host;x-amz-date;x-amz-security-token"), "{signature}");
    assert_eq!(log[0].header("x-amz-security-token"), "session");
    assert_eq!(log[1].header("authorization"), format!("Bearer {KEY}"));
    assert_eq!(
        log[0].body["toolConfig"]["tools"][0]["toolSpec"]["inputSchema"]["json"],
        json!({"type": "object"})
    );
}

#[tokio::test]
async fn every_way_to_misbehave_is_a_clear_failure_without_the_key() {
    use ExplainerFault::{Busy, Configuration, CutOff, Declined, Garbled};
    let echo = json!({"error": {"message": format!("the key {KEY} is wrong")}});
    let cut = json!({"choices": [{"finish_reason": "length", "message": {"content": "{\"summ"}}],
        "usage": {"prompt_tokens": 11, "completion_tokens": 777}});
    let no = json!({"choices": [{"finish_reason": "stop", "message": {"content": null, "refusal": "I will not."}}]});
    let filtered = json!({"choices": [{"finish_reason": "content_filter", "message": {"content": ""}}]});
    type Misdeed = Box<dyn Fn() -> Option<Response> + Send + Sync>;
    let json_of = |status: u16, body: Value| -> Misdeed { Box::new(move || replied(status, &body)) };
    let cases: Vec<(Misdeed, ExplainerFault, &str)> = vec![
        (json_of(401, echo), Configuration, "401: the key [secret] is wrong; check the key"),
        (json_of(404, json!({"error": "model not found"})), Configuration, "check `endpoint` and `model`"),
        (json_of(500, json!({})), Busy, "answered 500"),
        (json_of(200, cut), CutOff, "stopped in the middle; raise `answer_tokens`"),
        (json_of(200, no), Declined, "declined"),
        (json_of(200, filtered), Declined, "declined"),
        (json_of(200, json!({"hello": 1})), Garbled, "no answer of openai"),
        (Box::new(|| reply(200, &[], "<html>")), Garbled, "no JSON"),
        (Box::new(|| reply(200, &[], "x".repeat(70_000))), Garbled, "larger than"),
        (Box::new(|| reply(302, &[("location", "http://evil.example/")], "")), Configuration, "redirects"),
    ];
    for (misdeed, fault, part) in cases {
        let (url, log) = stand_in(move |_, _| misdeed()).await;
        let failure = ask(Provider::Openai, &url).await.unwrap_err();
        assert_eq!(failure.fault, fault, "{failure}");
        assert!(failure.message.contains(part), "{failure} should say {part}");
        assert!(!failure.message.contains(KEY), "{failure}");
        assert_eq!(log.lock().unwrap().len(), 1, "it is not asked twice: {failure}");
    }
}

#[tokio::test]
async fn an_answer_that_was_cut_off_still_says_what_it_cost() {
    let (url, _) = stand_in(|_, _| {
        replied(200, &json!({"message": {"content": "{"}, "done_reason": "length", "prompt_eval_count": 9, "eval_count": 4}))
    })
    .await;
    assert_eq!(ask(Provider::Ollama, &url).await.unwrap_err().tokens, Some((9, 4)));
}

#[tokio::test]
async fn a_busy_model_says_when_to_ask_again() {
    for (status, header, ms) in
        [(429, "7", 7_000), (503, "120", 120_000), (529, "Wed, 21 Oct 2015 07:28:00 GMT", 0)]
    {
        let (url, _) = stand_in(move |_, _| reply(status, &[("retry-after", header)], "{}")).await;
        let failure = ask(Provider::Anthropic, &url).await.unwrap_err();
        assert_eq!((failure.fault, failure.retry_after_ms), (ExplainerFault::Busy, Some(ms)));
        assert!(failure.passes());
    }
}

#[tokio::test]
async fn a_model_that_hangs_or_drips_is_given_up_in_time() {
    let drip = || {
        let drops = stream::unfold((), |()| async {
            tokio::time::sleep(Duration::from_millis(20)).await;
            Some((Ok::<_, std::io::Error>(Bytes::from_static(b" ")), ()))
        });
        reply(200, &[], Body::from_stream(drops))
    };
    let (hanging, _) = stand_in(|_, _| None).await;
    let (dripping, _) = stand_in(move |_, _| drip()).await;
    for url in [hanging, dripping] {
        let short = Limits { timeout: Duration::from_millis(400), ..limits() };
        let since = Instant::now();
        let failure = model(Provider::Openai, &url, key(), short).complete(&prompt()).await.unwrap_err();
        assert_eq!(failure.fault, ExplainerFault::Timeout, "{failure}");
        assert!(failure.passes() && since.elapsed() < Duration::from_secs(15));
    }
}

#[tokio::test]
async fn nobody_there_and_a_place_that_is_closed() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gone = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    assert_eq!(ask(Provider::Ollama, &gone).await.unwrap_err().fault, ExplainerFault::Unreachable);
    let (url, log) = stand_in(|_, _| replied(200, &chat("{}"))).await;
    let closed = Limits { egress: Egress::only(["api.example.com"]).unwrap(), ..limits() };
    let failure = model(Provider::Openai, &url, key(), closed).complete(&prompt()).await.unwrap_err();
    assert_eq!(failure.fault, ExplainerFault::Configuration);
    assert!(failure.message.contains("egress"), "{failure}");
    assert!(log.lock().unwrap().is_empty(), "nothing left the house");
}

#[tokio::test]
async fn a_key_in_a_file_is_read_for_each_request() {
    let (url, log) = stand_in(|_, _| replied(200, &chat("{}"))).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    let model = model(Provider::Openai, &url, Key::File(file.clone()), limits());
    let missing = model.complete(&prompt()).await.unwrap_err();
    assert!(missing.message.contains("cannot be read"), "{missing}");
    for text in ["first-key\n", "second-key\n"] {
        std::fs::write(&file, text).unwrap();
        model.complete(&prompt()).await.unwrap();
    }
    let log = log.lock().unwrap();
    let keys: Vec<_> = log.iter().map(|s| s.header("authorization").to_owned()).collect();
    assert_eq!(keys, ["Bearer first-key", "Bearer second-key"]);
}
