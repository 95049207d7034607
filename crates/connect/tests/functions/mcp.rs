//! MCP servers of ours, over streamable HTTP and standard input and output, good ones and bad ones.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use connect::functions::run::{RunKind, RunPolicy};
use connect::functions::{Limits, McpFunction, Web};
use futures_util::{StreamExt, stream};
use ports::{Actuator, FailureKind, Retry};
use serde_json::{Value, json};

use super::world::{World, call, policy, running, until};

/// What was sent to the server: method, session, version, key, message.
#[derive(Clone, Debug, PartialEq)]
struct Seen {
    method: String,
    session: Option<String>,
    version: Option<String>,
    message: Value,
}

#[derive(Clone)]
struct Server {
    seen: Arc<Mutex<Vec<Seen>>>,
    /// How it answers.
    way: &'static str,
}

/// Follows the specification of 2025-06-18, "Transports" and "Lifecycle", and is strict about it.
async fn serve(State(server): State<Server>, method: Method, headers: HeaderMap, body: Bytes) -> Response {
    let header = |name: &str| headers.get(name).map(|value| value.to_str().unwrap().to_owned());
    let message: Value = serde_json::from_slice(&body).unwrap_or_default();
    server.seen.lock().unwrap().push(Seen {
        method: method.to_string(),
        session: header("mcp-session-id"),
        version: header("mcp-protocol-version"),
        message: message.clone(),
    });
    if method == Method::DELETE {
        return StatusCode::NO_CONTENT.into_response();
    }
    if header("authorization").as_deref() != Some("Bearer hidden-token") {
        return (StatusCode::UNAUTHORIZED, "who is hidden-token?").into_response();
    }
    if header("accept").as_deref() != Some("application/json, text/event-stream") {
        return StatusCode::NOT_ACCEPTABLE.into_response();
    }
    let asked = message["method"].as_str().unwrap_or_default();
    if asked == "initialize" {
        let version = if server.way == "old" {
            json!("2020-01-01")
        } else {
            message["params"]["protocolVersion"].clone()
        };
        let result = json!({"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": {"name": "t", "version": "1"}});
        let answer = json!({"jsonrpc": "2.0", "id": message["id"], "result": result});
        return ([("content-type", "application/json"), ("mcp-session-id", "s-1")], answer.to_string())
            .into_response();
    }
    if header("mcp-session-id").as_deref() != Some("s-1") || header("mcp-protocol-version").is_none() {
        return StatusCode::BAD_REQUEST.into_response();
    }
    if message.get("id").is_none() || message.get("method").is_none() {
        return StatusCode::ACCEPTED.into_response();
    }
    answer(server.way, &message)
}

fn answer(way: &str, message: &Value) -> Response {
    let json = |body: String| ([("content-type", "application/json")], body).into_response();
    let events = |body: Body| ([("content-type", "text/event-stream")], body).into_response();
    let good = json!({"jsonrpc": "2.0", "id": message["id"], "result": {
        "content": [{"type": "text", "text": message["params"]["arguments"]["say"]}], "isError": false
    }});
    match way {
        "stream" => {
            let noise = json!({"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progress": 1}});
            let ping = json!({"jsonrpc": "2.0", "id": "p1", "method": "ping"});
            let wish = json!({"jsonrpc": "2.0", "id": 9, "method": "sampling/createMessage", "params": {}});
            let body = format!("id: 1\ndata:\n\n: hi\n\ndata: {noise}\n\ndata: {ping}\n\ndata: {wish}\n\nevent: message\ndata: {good}\n\n");
            // Never ends: the answer is enough.
            events(Body::from_stream(stream::iter([Ok::<_, std::io::Error>(body)]).chain(stream::pending())))
        }
        "refuses" => json(json!({"jsonrpc": "2.0", "id": message["id"], "error": {"code": -32602, "message": "Unknown tool"}}).to_string()),
        "garbage" => json("{oops".to_owned()),
        "other" => json(json!({"jsonrpc": "2.0", "id": 77, "result": {}}).to_string()),
        "huge" => json(format!("{{\"jsonrpc\": \"2.0\", \"id\": 2, \"result\": \"{}\"}}", "x".repeat(200_000))),
        "endless" => events(Body::from_stream(stream::repeat_with(|| Ok::<_, std::io::Error>("data: {\"jsonrpc\": \"2.0\", \"method\": \"noise\"}\n\n")))),
        "cut" => events(Body::from("data: {\"jsonrpc\"")),
        "hangs" => events(Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>())),
        "down" => (StatusCode::SERVICE_UNAVAILABLE, "sorry").into_response(),
        _ => json(good.to_string()),
    }
}

#[expect(clippy::disallowed_methods, reason = "somebody else's server, which ends with the test")]
async fn server(way: &'static str) -> (String, Server) {
    let server = Server { seen: Arc::default(), way };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap());
    let router = Router::new().fallback(serve).with_state(server.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, server)
}

async fn function(world: &World, policy: RunPolicy) -> McpFunction {
    let limits =
        Limits { timeout: Duration::from_secs(20), response_bytes_max: 100_000, ..Limits::default() };
    McpFunction::new(Arc::new(Web::new(limits).unwrap()), Arc::new(world.open(policy).await))
}

fn http(url: &str) -> Value {
    json!({
        "method": "tools/call",
        "parameters": {"name": "echo", "arguments": {"say": "hello"}},
        "transport": {"http": {
            "endpoint": {"uri": url, "authentication": {"bearer": {"token": "hidden-token"}}},
            "headers": {"X-Team": "shop"}
        }},
        "client": {"name": "synapse", "version": "1.0.0-alpha5.2"}
    })
}

#[tokio::test]
async fn over_http_a_call_is_a_whole_session() {
    let world = World::new();
    let function = function(&world, policy()).await;
    for way in ["json", "stream"] {
        let (url, server) = server(way).await;
        let output = function.execute(&call("mcp", "run/7", http(&url))).await.unwrap().output;
        assert_eq!(
            output,
            json!({"content": [{"type": "text", "text": "hello"}], "isError": false}),
            "{way}"
        );
        let seen = server.seen.lock().unwrap().clone();
        let order: Vec<_> = seen.iter().map(|s| s.message["method"].as_str().unwrap_or(&s.method)).collect();
        let answers: &[&str] = if way == "stream" { &["POST", "POST"] } else { &[] };
        assert_eq!(
            order,
            [&["initialize", "notifications/initialized", "tools/call"], answers, &["DELETE"]].concat()
        );
        assert_eq!(
            seen[0].message["params"]["clientInfo"],
            json!({"name": "synapse", "version": "1.0.0-alpha5.2"})
        );
        assert_eq!(seen[0].message["params"]["protocolVersion"], "2025-06-18");
        assert_eq!((seen[0].session.as_deref(), seen[0].version.as_deref()), (None, None));
        assert!(
            seen[1..]
                .iter()
                .all(|s| s.session.as_deref() == Some("s-1") && s.version.as_deref() == Some("2025-06-18"))
        );
        assert_eq!(seen[2].message["params"]["_meta"]["dev.homeostat/idempotency-key"], "run/7");
        if way == "stream" {
            assert_eq!(seen[3].message, json!({"jsonrpc": "2.0", "id": "p1", "result": {}}));
            assert_eq!(seen[4].message["error"]["code"], -32601);
        }
    }
}

#[tokio::test]
async fn over_http_servers_that_refuse_or_misbehave_are_said_to() {
    let world = World::new();
    let function = function(&world, policy()).await;
    for (way, kind, status, retry, word) in [
        (
            "refuses",
            FailureKind::Runtime,
            500,
            Retry::Permanent,
            "tools/call failed with code -32602: Unknown tool",
        ),
        ("garbage", FailureKind::Communication, 502, Retry::Exhausted, "no JSON"),
        ("other", FailureKind::Communication, 502, Retry::Exhausted, "another request"),
        ("huge", FailureKind::Communication, 502, Retry::Permanent, "larger than 100000 bytes"),
        ("endless", FailureKind::Communication, 502, Retry::Permanent, "larger than 100000 bytes"),
        ("cut", FailureKind::Communication, 502, Retry::Exhausted, "ended before the answer"),
        ("down", FailureKind::Communication, 503, Retry::Exhausted, "sorry"),
        ("old", FailureKind::Configuration, 400, Retry::Permanent, "2020-01-01"),
    ] {
        let (url, _server) = server(way).await;
        let failure = function.execute(&call("mcp", "k", http(&url))).await.unwrap_err();
        assert_eq!((failure.kind, failure.status, failure.retry), (kind, status, retry), "{way}: {failure}");
        assert!(failure.message.contains(word), "{way}: {failure}");
    }
    let (url, _server) = server("hangs").await;
    let mut slow = http(&url);
    slow["timeout"] = json!({"milliseconds": 300});
    let failure = function.execute(&call("mcp", "k", slow)).await.unwrap_err();
    assert_eq!((failure.kind, failure.retry), (FailureKind::Timeout, Retry::Exhausted), "{failure}");
    let mut wrong = http(&url);
    wrong["transport"]["http"]["endpoint"]["authentication"]["bearer"]["token"] = json!("hidden-other");
    let failure = function.execute(&call("mcp", "k", wrong)).await.unwrap_err();
    assert_eq!((failure.kind, failure.status), (FailureKind::Authentication, 401));
}

const PYTHON: &str = r#"
import json, os, sys, time
print("ready", file=sys.stderr, flush=True)
def say(message): print(json.dumps(message), flush=True)
for line in sys.stdin:
    message = json.loads(line)
    method, id = message.get("method"), message.get("id")
    if method == "initialize":
        say({"jsonrpc": "2.0", "method": "notifications/message", "params": {}})
        say({"jsonrpc": "2.0", "id": id, "result": {"protocolVersion": message["params"]["protocolVersion"], "capabilities": {}, "serverInfo": {}}})
    elif method == "tools/call":
        way = message["params"]["name"]
        if way == "dies": sys.exit("out of paper")
        if way == "garbage": print("hello there", flush=True)
        if way == "hangs": time.sleep(1000)
        if way == "floods":
            while True: say({"jsonrpc": "2.0", "method": "notifications/message", "params": {"data": "x" * 1000}})
        say({"jsonrpc": "2.0", "id": "q", "method": "roots/list"})
        asked = json.loads(sys.stdin.readline())
        say({"jsonrpc": "2.0", "id": id, "result": {"way": way, "refused": asked["error"]["code"], "env": os.environ.get("TOKEN"), "cwd": os.listdir(".")}})
"#;

fn stdio(way: &str, marker: &str) -> Value {
    json!({
        "method": "tools/call",
        "parameters": format!("{{\"name\": \"{way}\"}}"),
        "timeout": "PT20S",
        "transport": {"stdio": {
            "command": "python3", "arguments": ["-c", PYTHON, marker], "environment": {"TOKEN": "given"}
        }}
    })
}

fn allowing() -> RunPolicy {
    RunPolicy {
        allow: vec![RunKind::Mcp],
        programs: vec!["python3".into()],
        commands: Vec::new(),
        ..policy()
    }
}

fn marker(n: u64) -> String {
    (200_000_000 * n + u64::from(std::process::id())).to_string()
}

#[tokio::test]
async fn over_standard_output_a_server_runs_for_the_call() {
    let world = World::new();
    let function = function(&world, allowing()).await;
    let marker = marker(1);
    let output = function.execute(&call("mcp", "k", stdio("echo", &marker))).await.unwrap().output;
    assert_eq!(output, json!({"way": "echo", "refused": -32601, "env": "given", "cwd": []}));
    assert_eq!(running(&marker), 0);
    assert_eq!(std::fs::read_dir(world.programs()).unwrap().count(), 0);
}

#[tokio::test]
async fn over_standard_output_bad_servers_are_ended() {
    let world = World::new();
    let function = function(&world, allowing()).await;
    let marker = marker(2);
    for (way, kind, word) in [
        ("dies", FailureKind::Communication, "ended before the answer: ready out of paper"),
        ("garbage", FailureKind::Communication, "a line is no JSON"),
        ("floods", FailureKind::Communication, "more than 100000 bytes"),
        ("hangs", FailureKind::Timeout, "within 1500 ms"),
    ] {
        let mut parameters = stdio(way, &marker);
        if way == "hangs" {
            parameters["timeout"] = json!({"milliseconds": 1_500});
        }
        let failure = function.execute(&call("mcp", "k", parameters)).await.unwrap_err();
        assert_eq!((failure.kind, failure.retry), (kind, Retry::Exhausted), "{way}: {failure}");
        assert!(failure.message.contains(word), "{way}: {failure}");
        until("it is ended", || running(&marker) == 0).await;
    }
    until("their folders are gone", || std::fs::read_dir(world.programs()).unwrap().count() == 0).await;
}

#[tokio::test]
async fn what_is_not_allowed_or_not_understood_is_refused_and_a_dry_run_shows_no_value() {
    let world = World::new();
    let function = function(&world, RunPolicy { programs: vec!["uvx".into()], ..allowing() }).await;
    let (_, url) = ("", "http://127.0.0.1:9/mcp");
    let with = |pointer: &str, value: Value| {
        let mut parameters = http(url);
        *parameters.pointer_mut(pointer).unwrap() = value;
        parameters
    };
    for (parameters, kind, word) in [
        (stdio("echo", "x"), FailureKind::Authorization, "functions.run.programs"),
        (with("/method", json!("tools/burn")), FailureKind::Configuration, "tools/list"),
        (with("/transport", json!({})), FailureKind::Configuration, "either `http` or `stdio`"),
        (with("/parameters", json!("[]")), FailureKind::Configuration, "must be an object"),
        (with("/client", json!({"name": "x"})), FailureKind::Configuration, "client.version"),
    ] {
        let failure = function.execute(&call("mcp", "k", parameters.clone())).await.unwrap_err();
        assert_eq!((failure.kind, failure.retry), (kind, Retry::Permanent), "{failure}");
        assert!(failure.message.contains(word), "{failure}");
        assert_eq!(function.dry_run(&call("mcp", "k", parameters)).await.unwrap_err(), failure);
    }
    let would = function.dry_run(&call("mcp", "k", http(url))).await.unwrap();
    assert_eq!(
        would,
        "ask the MCP server at http://127.0.0.1:9/mcp for tools/call, proving who asks by bearer"
    );
}
