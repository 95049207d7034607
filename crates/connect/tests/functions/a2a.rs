//! Agents of ours that answer by the Agent2Agent protocol, and agents that do not.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use connect::functions::{A2aFunction, Limits, Web};
use futures_util::{StreamExt, stream};
use ports::{Actuator, FailureKind, Retry};
use serde_json::{Value, json};

use super::world::{call, tls};

/// Path, authorization and message of a request.
type Seen = (String, Option<String>, Value);

#[derive(Clone)]
struct Agent {
    seen: Arc<Mutex<Vec<Seen>>>,
    card: Arc<Mutex<Value>>,
    way: &'static str,
}

async fn serve(State(agent): State<Agent>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let authorization = headers.get("authorization").map(|value| value.to_str().unwrap().to_owned());
    let message: Value = serde_json::from_slice(&body).unwrap_or_default();
    agent.seen.lock().unwrap().push((uri.path().to_owned(), authorization, message.clone()));
    if uri.path() == "/.well-known/agent-card.json" {
        return axum::Json(agent.card.lock().unwrap().clone()).into_response();
    }
    let result = |result: Value| json!({"jsonrpc": "2.0", "id": message["id"], "result": result});
    let events = |body: Body| ([("content-type", "text/event-stream; charset=utf-8")], body).into_response();
    let task =
        |state: &str| json!({"kind": "task", "id": "t1", "contextId": "c1", "status": {"state": state}});
    match (agent.way, message["method"].as_str().unwrap_or_default()) {
        ("garbage", _) => "{oops".into_response(),
        ("huge", _) => axum::Json(result(json!("x".repeat(200_000)))).into_response(),
        ("down", _) => StatusCode::BAD_GATEWAY.into_response(),
        ("hangs", _) => std::future::pending().await,
        ("empty", _) => events(Body::from(": nothing\n\n")),
        ("endless", _) => {
            let event = format!("data: {}\n\n", result(task("working")));
            events(Body::from_stream(stream::repeat_with(move || Ok::<_, std::io::Error>(event.clone()))))
        }
        (_, "message/stream" | "tasks/resubscribe") => {
            let end = json!({"kind": "status-update", "taskId": "t1", "contextId": "c1", "status": {"state": "completed"}, "final": true});
            let body = format!("data: {}\n\ndata: {}\n\n", result(task("working")), result(end));
            events(Body::from_stream(stream::iter([Ok::<_, std::io::Error>(body)]).chain(stream::pending())))
        }
        (_, "tasks/get") if message["params"]["id"] == "t9" => {
            let error = json!({"code": -32001, "message": "Task not found"});
            axum::Json(json!({"jsonrpc": "2.0", "id": message["id"], "error": error})).into_response()
        }
        (_, "tasks/get") => axum::Json(result(task("completed"))).into_response(),
        _ => axum::Json(result(task("submitted"))).into_response(),
    }
}

#[expect(clippy::disallowed_methods, reason = "somebody else's server, which ends with the test")]
async fn agent(way: &'static str) -> (String, Agent) {
    let agent = Agent { seen: Arc::default(), card: Arc::default(), way };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let card = json!({
        "protocolVersion": "0.3.0", "name": "Reports", "version": "1", "description": "writes reports",
        "url": format!("{url}/rpc"), "preferredTransport": "JSONRPC", "capabilities": {"streaming": true},
        "defaultInputModes": ["text/plain"], "defaultOutputModes": ["text/plain"], "skills": []
    });
    *agent.card.lock().unwrap() = card;
    let router = Router::new().fallback(serve).with_state(agent.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, agent)
}

fn function() -> A2aFunction {
    tls();
    let limits = Limits { timeout: Duration::from_secs(3), response_bytes_max: 100_000, ..Limits::default() };
    A2aFunction::new(Arc::new(Web::new(limits).unwrap()))
}

fn send(method: &str) -> Value {
    json!({"method": method, "parameters": {"message": {"parts": [{"kind": "text", "text": "Generate the Q1 sales report."}]}}})
}

/// The example of the DSL reference, "A2A Call".
#[tokio::test]
async fn a_message_goes_to_the_agent_that_the_card_names() {
    let (url, agent) = agent("good").await;
    let mut parameters = send("message/send");
    parameters["agentCard"] = json!({"endpoint": {
        "uri": format!("{url}/.well-known/agent-card.json"), "authentication": {"bearer": {"token": "hidden-token"}}
    }});
    let output = function().execute(&call("a2a", "run/7", parameters.clone())).await.unwrap().output;
    assert_eq!(
        output,
        json!({"kind": "task", "id": "t1", "contextId": "c1", "status": {"state": "submitted"}})
    );
    function().execute(&call("a2a", "run/7", parameters)).await.unwrap();
    let seen = agent.seen.lock().unwrap();
    let paths: Vec<_> = seen.iter().map(|(path, ..)| path.as_str()).collect();
    assert_eq!(paths, ["/.well-known/agent-card.json", "/rpc", "/.well-known/agent-card.json", "/rpc"]);
    assert!(seen.iter().all(|(_, authorization, _)| authorization.as_deref() == Some("Bearer hidden-token")));
    let message = &seen[1].2["params"]["message"];
    assert_eq!((&message["role"], &message["kind"]), (&json!("user"), &json!("message")));
    assert_eq!(message["messageId"].as_str().unwrap().len(), 36);
    assert_eq!(seen[1].2, seen[3].2, "a repeated call sends the same message");
}

#[tokio::test]
async fn credentials_stay_with_the_origin_they_were_given_for() {
    let (card_url, card_agent) = agent("good").await;
    let (url, agent) = agent("good").await;
    card_agent.card.lock().unwrap()["url"] = json!(format!("{url}/rpc"));
    let authentication = json!({"basic": {"username": "u", "password": "hidden"}});
    let endpoint =
        json!({"uri": format!("{card_url}/.well-known/agent-card.json"), "authentication": authentication});
    let mut parameters = send("message/send");
    parameters["agentCard"] = json!({"endpoint": endpoint});
    function().execute(&call("a2a", "k", parameters)).await.unwrap();
    assert!(card_agent.seen.lock().unwrap()[0].1.is_some());
    assert_eq!(agent.seen.lock().unwrap()[0].1, None);
}

#[tokio::test]
async fn a_stream_is_the_list_of_its_results() {
    let (url, _agent) = agent("good").await;
    for (method, parameters) in [
        ("message/stream", send("message/stream")["parameters"].clone()),
        ("tasks/resubscribe", json!({"id": "t1"})),
    ] {
        let parameters = json!({"method": method, "server": format!("{url}/rpc"), "parameters": parameters});
        let output = function().execute(&call("a2a", "k", parameters)).await.unwrap().output;
        let kinds: Vec<_> = output.as_array().unwrap().iter().map(|result| result["kind"].clone()).collect();
        assert_eq!(kinds, ["task", "status-update"]);
    }
}

#[tokio::test]
async fn errors_of_agents_and_agents_in_error_are_told_apart() {
    for (way, parameters, kind, status, retry, word) in [
        (
            "good",
            json!({"method": "tasks/get", "parameters": {"id": "t9"}}),
            FailureKind::Runtime,
            500,
            Retry::Permanent,
            "code -32001: Task not found",
        ),
        ("garbage", send("message/send"), FailureKind::Communication, 502, Retry::Exhausted, "no JSON"),
        (
            "huge",
            send("message/send"),
            FailureKind::Communication,
            502,
            Retry::Permanent,
            "larger than 100000 bytes",
        ),
        ("down", send("message/send"), FailureKind::Communication, 502, Retry::Exhausted, "502"),
        ("hangs", send("message/send"), FailureKind::Timeout, 408, Retry::Exhausted, "within 3 s"),
        (
            "empty",
            send("message/stream"),
            FailureKind::Communication,
            502,
            Retry::Exhausted,
            "without a result",
        ),
        (
            "endless",
            send("message/stream"),
            FailureKind::Communication,
            502,
            Retry::Permanent,
            "larger than 100000 bytes",
        ),
    ] {
        let (url, _agent) = agent(way).await;
        let mut parameters = parameters;
        parameters["server"] = json!(url);
        let failure = function().execute(&call("a2a", "k", parameters)).await.unwrap_err();
        assert_eq!((failure.kind, failure.status, failure.retry), (kind, status, retry), "{way}: {failure}");
        assert!(failure.message.contains(word), "{way}: {failure}");
    }
}

#[tokio::test]
async fn what_is_missing_is_named_and_a_card_may_come_with_the_call() {
    let (url, agent) = agent("good").await;
    for (parameters, word) in [
        (json!({"method": "message/send", "server": url}), "parameters.message"),
        (send("message/send"), "`agentCard` or `server`"),
        (json!({"method": "message/burn", "server": url}), "message/send"),
        (json!({"method": "tasks/get", "server": "ftp://x"}), "http"),
    ] {
        let failure = function().execute(&call("a2a", "k", parameters)).await.unwrap_err();
        assert_eq!((failure.kind, failure.retry), (FailureKind::Configuration, Retry::Permanent));
        assert!(failure.message.contains(word), "{failure}");
    }
    let card = agent.card.lock().unwrap().to_string();
    let given = json!({"endpoint": format!("{url}/.well-known/agent-card.json"), "content": card});
    let parameters = json!({"method": "tasks/get", "agentCard": given, "parameters": {"id": "t1"}});
    let output = function().execute(&call("a2a", "k", parameters.clone())).await.unwrap().output;
    assert_eq!(output["status"]["state"], "completed");
    assert_eq!(agent.seen.lock().unwrap().len(), 1, "the card was not asked for again");
    let would = function().dry_run(&call("a2a", "k", parameters)).await.unwrap();
    assert_eq!(
        would,
        format!("send tasks/get to the agent whose card is at {url}/.well-known/agent-card.json")
    );
}
