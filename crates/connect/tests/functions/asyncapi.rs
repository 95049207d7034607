//! AsyncAPI over HTTP against servers of ours, and over NATS against a real nats-server.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use connect::functions::{AsyncApiFunction, Limits, Web};
use futures_util::{StreamExt, stream};
use ports::{ActionFailure, Actuator, FailureKind, Retry, Subscriber};
use serde_json::{Value, json};

use super::world::{call, resources, tls, until};

fn function() -> AsyncApiFunction {
    tls();
    let limits =
        Limits { timeout: Duration::from_secs(10), response_bytes_max: 100_000, ..Limits::default() };
    AsyncApiFunction::new(Arc::new(Web::new(limits).unwrap()), resources(None))
}

/// A document of version 3 with one server and one channel.
fn document(protocol: &str, host: &str, address: &str) -> Value {
    let text = json!({
        "asyncapi": "3.0.0",
        "info": {"title": "Chat", "version": "1.0.0"},
        "servers": {"main": {"host": host, "protocol": protocol}},
        "channels": {"chat": {
            "address": address,
            "parameters": {"room": {"location": "$message.payload#/room", "default": "lobby"}},
            "messages": {"said": {"correlationId": {"location": "$message.header#/turn"}}}
        }},
        "operations": {"chat": {"action": "send", "channel": {"$ref": "#/channels/chat"}}}
    });
    json!({"endpoint": "https://fake.com/docs/asyncapi.json", "content": text.to_string()})
}

/// A subscription that runs beside the test, and its messages.
struct Listening {
    messages: tokio::sync::mpsc::Receiver<Value>,
    work: tokio::task::JoinHandle<Result<(), ActionFailure>>,
}

fn listen(parameters: Value) -> Listening {
    let (sender, messages) = tokio::sync::mpsc::channel(64);
    let work = tokio::spawn(async move { function().subscribe(&parameters, sender).await });
    Listening { messages, work }
}

impl Listening {
    async fn next(&mut self) -> Value {
        let next = tokio::time::timeout(Duration::from_secs(20), self.messages.recv()).await;
        next.expect("a message comes").expect("the subscription goes on")
    }

    async fn failure(self) -> ActionFailure {
        let ended = tokio::time::timeout(Duration::from_secs(60), self.work).await;
        ended.expect("it ends").unwrap().expect_err("it fails")
    }
}

mod over_http {
    use super::*;

    /// A request as it came: how, where, with what.
    type Seen = (Method, String, HeaderMap, Bytes);

    #[derive(Clone)]
    struct Server {
        seen: Arc<Mutex<Vec<Seen>>>,
        way: &'static str,
    }

    async fn serve(
        State(server): State<Server>,
        method: Method,
        uri: Uri,
        headers: HeaderMap,
        body: Bytes,
    ) -> Response {
        let count = {
            let mut seen = server.seen.lock().unwrap();
            seen.push((method, uri.to_string(), headers, body));
            seen.len()
        };
        let with = |kind: &str, body: Body| ([("content-type", kind.to_owned())], body).into_response();
        match (server.way, count) {
            // Two events, then the connection breaks; the second time it goes on for good.
            ("events", 1) => with(
                "text/event-stream",
                Body::from("id: 1\ndata: {\"n\": 1}\n\nid: 2\ndata: {\"n\": 2}\n\ndata: {\"n\""),
            ),
            ("events", _) => {
                let event = Ok::<_, std::io::Error>("id: 3\ndata: {\"n\": 3}\n\n");
                with("text/event-stream", Body::from_stream(stream::iter([event]).chain(stream::pending())))
            }
            ("lines", _) => {
                let lines = Ok::<_, std::io::Error>("{\"n\": 1}\n\n{\"n\": 2}\nnot json\n");
                with(
                    "application/x-ndjson",
                    Body::from_stream(stream::iter([lines]).chain(stream::pending())),
                )
            }
            ("poll", 2) => StatusCode::NO_CONTENT.into_response(),
            ("poll", n) => (
                [("content-type", "application/json".to_owned()), ("turn", format!("t{n}"))],
                json!({"n": n}).to_string(),
            )
                .into_response(),
            ("refuses", _) => StatusCode::FORBIDDEN.into_response(),
            ("fails", _) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
            ("huge", _) => {
                with("text/event-stream", Body::from(format!("data: {}\n\n", "x".repeat(200_000))))
            }
            _ => StatusCode::ACCEPTED.into_response(),
        }
    }

    #[expect(clippy::disallowed_methods, reason = "somebody else's server, which ends with the test")]
    async fn server(way: &'static str) -> (String, Server) {
        let server = Server { seen: Arc::default(), way };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let router = Router::new().fallback(serve).with_state(server.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (host, server)
    }

    fn subscription(host: &str) -> Value {
        json!({"document": document("http", host, "chat"), "operation": "chat"})
    }

    #[tokio::test]
    async fn a_message_is_a_request_to_the_channel() {
        let (host, server) = server("good").await;
        let parameters = json!({
            "document": document("http", &host, "rooms/{room}"), "operation": "chat",
            "message": {"payload": {"greetings": "Hello, World!", "room": "eight"}, "headers": {"foo": "bar", "bar": "baz"}},
            "authentication": {"basic": {"username": "u", "password": "hidden"}}
        });
        let output = function().execute(&call("asyncapi", "run/7", parameters.clone())).await.unwrap().output;
        assert_eq!(output, Value::Null);
        let (method, uri, headers, body) = server.seen.lock().unwrap()[0].clone();
        assert_eq!((method, uri.as_str()), (Method::POST, "/rooms/eight"));
        let header = |name: &str| headers[name].to_str().unwrap().to_owned();
        assert_eq!(
            (header("foo"), header("bar"), header("content-type")),
            ("bar".into(), "baz".into(), "application/json".into())
        );
        assert_eq!(
            (header("idempotency-key"), header("authorization")),
            ("run/7".into(), "Basic dTpoaWRkZW4=".into())
        );
        let sent: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(sent, parameters["message"]["payload"]);
        let would = function().dry_run(&call("asyncapi", "k", parameters)).await.unwrap();
        assert_eq!(
            would,
            format!("publish a message to rooms/{{room}} at {host} over http, proving who asks by basic")
        );
    }

    #[tokio::test]
    async fn a_broken_stream_goes_on_after_what_was_taken() {
        let (host, server) = server("events").await;
        let mut listening = listen(subscription(&host));
        for n in 1..=3 {
            assert_eq!(listening.next().await["payload"], json!({"n": n}));
        }
        let seen = server.seen.lock().unwrap();
        let ids: Vec<_> =
            seen.iter().map(|(_, _, headers, _)| headers.get("last-event-id").cloned()).collect();
        assert_eq!(ids, [None, Some("2".parse().unwrap())]);
    }

    #[tokio::test]
    async fn lines_and_single_answers_are_messages_too() {
        let (host, _server) = server("lines").await;
        let mut lines = listen(subscription(&host));
        for payload in [json!({"n": 1}), json!({"n": 2}), json!("not json")] {
            assert_eq!(lines.next().await["payload"], payload);
        }

        let (host, _server) = server("poll").await;
        let mut answers = listen(subscription(&host));
        for n in [1, 3] {
            let message = answers.next().await;
            assert_eq!(message["payload"], json!({"n": n}));
            assert_eq!(message["correlationId"], format!("t{n}"));
        }
    }

    #[tokio::test]
    async fn what_cannot_be_subscribed_says_why() {
        for (way, kind, word) in
            [("refuses", FailureKind::Authorization, "403"), ("fails", FailureKind::Communication, "500")]
        {
            let (host, _server) = server(way).await;
            let failure = listen(subscription(&host)).failure().await;
            assert_eq!(failure.kind, kind);
            assert!(failure.message.contains(word), "{failure}");
        }
        let (host, _server) = server("huge").await;
        let failure = listen(subscription(&host)).failure().await;
        assert!(failure.message.contains("larger than 100000 bytes"), "{failure}");
    }

    #[tokio::test]
    async fn parameters_that_ask_for_something_else_are_named() {
        let (host, _server) = server("good").await;
        let with = |name: &str, value: Value| {
            let mut parameters = subscription(&host);
            parameters["message"] = json!({});
            parameters[name] = value;
            parameters
        };
        let kafka = json!({"document": document("kafka", &host, "chat"), "operation": "chat", "message": {}});
        for (parameters, word) in [
            (kafka, "kafka"),
            (with("message", Value::Null), "listened to, not called"),
            (with("message", json!({"colour": 1})), "colour"),
            (with("server", json!({"name": "other"})), "no server \"other\""),
            (with("document", json!({"endpoint": "file:///a.json"})), "`functions.resources_dir`"),
        ] {
            let failure = function().execute(&call("asyncapi", "k", parameters)).await.unwrap_err();
            assert_eq!((failure.kind, failure.retry), (FailureKind::Configuration, Retry::Permanent));
            assert!(failure.message.contains(word), "{failure}");
        }
        let publishes =
            json!({"document": document("http", &host, "chat"), "operation": "chat", "message": {}});
        assert_eq!(listen(publishes).failure().await.kind, FailureKind::Configuration);
    }

    #[tokio::test]
    async fn a_subscription_ends_when_nobody_listens_any_more() {
        let (host, _server) = server("lines").await;
        let mut listening = listen(subscription(&host));
        listening.next().await;
        drop(listening.messages);
        let ended = tokio::time::timeout(Duration::from_secs(20), listening.work).await;
        ended.expect("it ends").unwrap().unwrap();
    }
}

mod over_nats {
    use super::*;

    /// A real server on loopback, ended with the test.
    struct Nats {
        host: String,
        process: Child,
    }

    impl Drop for Nats {
        fn drop(&mut self) {
            let _ = self.process.kill();
            let _ = self.process.wait();
        }
    }

    fn program() -> PathBuf {
        let folders = std::env::var_os("PATH").unwrap_or_default();
        let mut folders: Vec<PathBuf> = std::env::split_paths(&folders).collect();
        // Debian puts it where only root looks.
        folders.extend(["/usr/sbin".into(), "/usr/local/sbin".into()]);
        let found = folders.into_iter().map(|folder| folder.join("nats-server")).find(|path| path.is_file());
        found
            .expect("nats-server is missing: `cargo xtask test` installs it, or: apt-get install nats-server")
    }

    async fn nats(arguments: &[&str]) -> Nats {
        // Freed a moment before the server takes it.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let host = format!("127.0.0.1:{port}");
        let process = Command::new(program())
            .args(["-a", "127.0.0.1", "-p", &port.to_string()])
            .args(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let nats = Nats { host, process };
        until("nats-server listens", || std::net::TcpStream::connect(&nats.host).is_ok()).await;
        nats
    }

    fn parameters(host: &str, more: Value) -> Value {
        let mut parameters = json!({"document": document("nats", host, "chat.{room}"), "operation": "chat"});
        parameters.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        parameters
    }

    async fn publish(host: &str, key: &str, message: Value) {
        let publish = parameters(host, json!({"message": message}));
        function().execute(&call("asyncapi", key, publish)).await.unwrap();
    }

    #[tokio::test]
    async fn what_is_published_reaches_who_subscribed() {
        let nats = nats(&[]).await;
        let mut listening = listen(parameters(&nats.host, json!({})));
        // Nobody tells when it has subscribed; from the first message on it hears all.
        while listening.messages.is_empty() {
            publish(&nats.host, "hello", json!({"payload": {"n": 0}})).await;
        }
        for n in 1..=3 {
            let message = json!({"payload": {"n": n}, "headers": {"turn": format!("t{n}"), "foo": "bar"}});
            publish(&nats.host, &format!("run/{n}"), message).await;
        }
        let mut heard = Vec::new();
        while heard.len() < 3 {
            let message = listening.next().await;
            if message["payload"]["n"] != 0 {
                heard.push(message);
            }
        }
        let expected = (1..=3).map(|n| {
            json!({
                "payload": {"n": n},
                "headers": {
                    "Content-Type": "application/json", "Idempotency-Key": format!("run/{n}"),
                    "Nats-Msg-Id": format!("run/{n}"), "turn": format!("t{n}"), "foo": "bar"
                },
                "correlationId": format!("t{n}")
            })
        });
        assert_eq!(heard, expected.collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn who_may_not_is_told_so() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("nats.conf");
        std::fs::write(&file, "authorization { users = [\n\
            { user: u, password: hidden-word, permissions: { publish: [\"chat.lobby\"], subscribe: [\"chat.lobby\"] } } ] }")
            .unwrap();
        let nats = nats(&["-c", path(&file)]).await;
        let message = json!({"payload": {"room": "lobby"}});
        let with = |password: &str| json!({"basic": {"username": "u", "password": password}});
        let good = parameters(&nats.host, json!({"message": message, "authentication": with("hidden-word")}));
        function().execute(&call("asyncapi", "k", good)).await.unwrap();
        let other = json!({"payload": {"room": "board"}});
        for (more, kind) in [
            (
                json!({"message": message, "authentication": with("hidden-other")}),
                FailureKind::Authentication,
            ),
            (json!({"message": message}), FailureKind::Authentication),
            (json!({"message": other, "authentication": with("hidden-word")}), FailureKind::Authorization),
        ] {
            let failure =
                function().execute(&call("asyncapi", "k", parameters(&nats.host, more))).await.unwrap_err();
            assert_eq!((failure.kind, failure.retry), (kind, Retry::Permanent), "{failure}");
            assert!(!failure.message.contains("hidden"), "{failure}");
        }
        // Our own inbox is refused as well; that is no complaint about the channel.
        let lobby = document("nats", &nats.host, "chat.lobby");
        let mut listening =
            listen(json!({"document": lobby, "operation": "chat", "authentication": with("hidden-word")}));
        while listening.messages.is_empty() {
            let again = json!({"message": message, "authentication": with("hidden-word")});
            let publish = call("asyncapi", "k", parameters(&nats.host, again));
            function().execute(&publish).await.unwrap();
        }
        assert_eq!(listening.next().await["payload"], json!({"room": "lobby"}));
        let board = document("nats", &nats.host, "chat.board");
        let subscribe = json!({
            "document": board, "operation": "chat", "authentication": with("hidden-word")
        });
        let failure = listen(subscribe).failure().await;
        assert_eq!(failure.kind, FailureKind::Authorization, "{failure}");
    }

    fn path(file: &Path) -> &str {
        file.to_str().unwrap()
    }

    #[tokio::test]
    async fn a_server_that_is_not_there_is_said_to() {
        let nats = nats(&[]).await;
        let host = nats.host.clone();
        drop(nats);
        let asked = parameters(&host, json!({"message": {"payload": {}}}));
        let failure = function().execute(&call("asyncapi", "k", asked)).await.unwrap_err();
        assert_eq!(
            (failure.kind, failure.status, failure.retry),
            (FailureKind::Communication, 502, Retry::Temporary),
            "{failure}"
        );
        assert_eq!(listen(parameters(&host, json!({}))).failure().await.kind, FailureKind::Communication);
    }

    #[tokio::test]
    async fn a_message_that_is_too_large_or_has_bad_headers_is_not_sent() {
        let nats = nats(&[]).await;
        for (message, word) in [
            (json!({"payload": "x".repeat(2_000_000)}), "not published"),
            (json!({"payload": 1, "headers": {"a b": "c"}}), "cannot be a header"),
            (json!({"payload": 1, "headers": {"a": "b\r\nc: d"}}), "cannot be a header"),
        ] {
            let publish = parameters(&nats.host, json!({"message": message}));
            let failure = function().execute(&call("asyncapi", "k", publish)).await.unwrap_err();
            assert_eq!(
                (failure.kind, failure.retry),
                (FailureKind::Configuration, Retry::Permanent),
                "{failure}"
            );
            assert!(failure.message.contains(word), "{failure}");
        }
    }
}
