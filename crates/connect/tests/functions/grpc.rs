//! gRPC against a real server (tonic), with dynamic messages on both sides, and against servers that break the protocol.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{Request, Response};
use connect::functions::{GrpcFunction, Limits, Web};
use futures_util::{Stream, StreamExt, stream};
use model::ActionCall;
use ports::{Actuator, FailureKind, Retry};
use prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor};
use protox::file::{ChainFileResolver, File, FileResolver, GoogleFileResolver};
use serde_json::{Value, json};
use tonic::body::Body;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::transport::server::TcpIncoming;
use tonic::{Code, Status};
use tower::service_fn;

use super::world::{call, resources, tls};

const PROTO: &str = r#"
    syntax = "proto3";
    package shop.v1;
    import "google/protobuf/timestamp.proto";
    message Question { string name = 1; int32 count = 2; }
    message Item { string display_name = 1; int64 cents = 2; google.protobuf.Timestamp made_at = 3; map<string, string> metadata = 4; }
    service Shop {
        rpc Get (Question) returns (Item);
        rpc List (Question) returns (stream Item);
        rpc Upload (stream Question) returns (Item);
    }
"#;

struct Only;

impl FileResolver for Only {
    fn open_file(&self, name: &str) -> Result<File, protox::Error> {
        if name == "shop.proto" {
            File::from_source(name, PROTO)
        } else {
            Err(protox::Error::file_not_found(name))
        }
    }
}

fn message(name: &str) -> MessageDescriptor {
    let mut files = ChainFileResolver::new();
    files.add(Only);
    files.add(GoogleFileResolver::new());
    let mut compiler = protox::Compiler::with_file_resolver(files);
    compiler.include_imports(true).open_file("shop.proto").unwrap();
    let pool: DescriptorPool = compiler.descriptor_pool();
    pool.get_message_by_name(name).unwrap()
}

/// Messages of the server.
#[derive(Clone)]
struct Dynamic;

impl Codec for Dynamic {
    type Encode = DynamicMessage;
    type Decode = DynamicMessage;
    type Encoder = Self;
    type Decoder = Self;
    fn encoder(&mut self) -> Self {
        Self
    }
    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Dynamic {
    type Item = DynamicMessage;
    type Error = Status;
    fn encode(&mut self, item: DynamicMessage, to: &mut EncodeBuf<'_>) -> Result<(), Status> {
        item.encode(to).map_err(|error| Status::internal(error.to_string()))
    }
}

impl Decoder for Dynamic {
    type Item = DynamicMessage;
    type Error = Status;
    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<DynamicMessage>, Status> {
        let decoded = DynamicMessage::decode(message("shop.v1.Question"), from);
        decoded.map(Some).map_err(|error| Status::internal(error.to_string()))
    }
}

fn item(json: &Value) -> DynamicMessage {
    DynamicMessage::deserialize(message("shop.v1.Item"), json).unwrap()
}

fn text(question: &DynamicMessage, field: &str) -> String {
    question.get_field_by_name(field).unwrap().as_str().unwrap_or_default().to_owned()
}

async fn get(asked: tonic::Request<DynamicMessage>) -> Result<tonic::Response<DynamicMessage>, Status> {
    let name = text(asked.get_ref(), "name");
    let shown = ["authorization", "grpc-timeout", "idempotency-key", "te"];
    let metadata = asked.metadata();
    let metadata: serde_json::Map<String, Value> = shown
        .into_iter()
        .filter_map(|name| Some((name.to_owned(), metadata.get(name)?.to_str().ok()?.into())))
        .collect();
    match name.as_str() {
        "missing" => Err(Status::not_found("no such cup: café")),
        "secret" => {
            Err(Status::new(Code::Unauthenticated, format!("what is {}?", metadata["authorization"])))
        }
        "busy" => Err(Status::unavailable("come back later")),
        _ => Ok(tonic::Response::new(item(&json!({
            "displayName": name, "cents": "9007199254740993", "madeAt": "2026-11-21T12:00:00Z", "metadata": metadata
        })))),
    }
}

type Items = Pin<Box<dyn Stream<Item = Result<DynamicMessage, Status>> + Send>>;

async fn list(asked: tonic::Request<DynamicMessage>) -> Result<tonic::Response<Items>, Status> {
    let name = text(asked.get_ref(), "name");
    let count = asked.get_ref().get_field_by_name("count").unwrap().as_i32().unwrap();
    let items = stream::iter(0..count).map(|n| Ok(item(&json!({"displayName": format!("cup {n}")}))));
    Ok(tonic::Response::new(match name.as_str() {
        "breaks" => Box::pin(items.chain(stream::iter([Err(Status::data_loss("half of it"))]))),
        "endless" => Box::pin(stream::repeat_with(|| Ok(item(&json!({"displayName": "x".repeat(1_000)}))))),
        "hangs" => Box::pin(items.chain(stream::pending())),
        _ => Box::pin(items),
    }))
}

async fn serve(request: Request<Body>) -> Result<Response<Body>, Infallible> {
    let raw = |kind: &str, status: u16, body: &'static [u8]| {
        let body = Body::new(axum::body::Body::from(body));
        Response::builder().status(status).header("content-type", kind).body(body).unwrap()
    };
    let mut grpc = tonic::server::Grpc::new(Dynamic);
    Ok(match request.uri().path() {
        "/shop.v1.Shop/Get" => grpc.unary(service_fn(get), request).await,
        "/shop.v1.Shop/List" => grpc.server_streaming(service_fn(list), request).await,
        "/bad.Html/Get" => raw("text/html", 503, b"<h1>Sorry</h1>"),
        "/bad.Plain/Get" => raw("text/plain", 200, b"hello"),
        "/bad.Garbage/Get" => raw("application/grpc", 200, b"\0\0\0\0\x05\xff\xff\xff\xff\xff"),
        "/bad.Cut/Get" => raw("application/grpc", 200, b"\0\0\0\0\x05\x0a"),
        "/bad.Huge/Get" => raw("application/grpc", 200, b"\0\xff\xff\xff\xff\x0a"),
        "/bad.Packed/Get" => raw("application/grpc", 200, b"\x01\0\0\0\0"),
        "/bad.Silent/Get" => raw("application/grpc", 200, b"\0\0\0\0\0"),
        _ => std::future::pending().await,
    })
}

struct Server {
    port: u16,
    running: tokio::task::JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.running.abort();
    }
}

async fn server() -> (Server, GrpcFunction) {
    tls();
    let incoming = TcpIncoming::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let port = incoming.local_addr().unwrap().port();
    let running = tokio::spawn(async move {
        tonic::transport::Server::builder().serve_with_incoming(service_fn(serve), incoming).await.unwrap();
    });
    (Server { port, running }, function())
}

fn function() -> GrpcFunction {
    tls();
    let limits = Limits { timeout: Duration::from_secs(5), response_bytes_max: 100_000, ..Limits::default() };
    GrpcFunction::new(Arc::new(Web::http2(limits).unwrap()), resources(None))
}

fn parameters(port: u16, service: &str, method: &str, arguments: &Value) -> Value {
    // Services that break the protocol are described like the good one.
    let (package, name) = service.rsplit_once('.').unwrap();
    let proto = PROTO
        .replace("package shop.v1", &format!("package {package}"))
        .replace("service Shop", &format!("service {name}"));
    json!({
        "proto": {"endpoint": "file://app/shop.proto", "content": proto},
        "service": {"name": service, "host": "localhost", "port": port},
        "method": method,
        "arguments": arguments
    })
}

fn shop(port: u16, method: &str, arguments: &Value) -> ActionCall {
    call("grpc", "run/7", parameters(port, "shop.v1.Shop", method, arguments))
}

#[tokio::test]
async fn a_unary_method_gets_its_arguments_and_metadata() {
    let (server, function) = server().await;
    let mut asked = shop(server.port, "Get", &json!({"name": "cup"}));
    asked.parameters["service"]["authentication"] = json!({"bearer": {"token": "hidden-token"}});
    let output = function.execute(&asked).await.unwrap().output;
    assert_eq!(
        output,
        json!({
            "displayName": "cup", "cents": "9007199254740993", "madeAt": "2026-11-21T12:00:00Z",
            // What the server repeats of our credentials is taken out.
            "metadata": {"authorization": "Bearer [secret]", "grpc-timeout": "5000m", "idempotency-key": "run/7", "te": "trailers"}
        })
    );
}

#[tokio::test]
async fn a_stream_of_the_server_is_a_list() {
    let (server, function) = server().await;
    for count in [0, 3] {
        let output =
            function.execute(&shop(server.port, "List", &json!({"count": count}))).await.unwrap().output;
        let expected: Vec<Value> = (0..count).map(|n| json!({"displayName": format!("cup {n}")})).collect();
        assert_eq!(output, json!(expected));
    }
}

#[tokio::test]
async fn a_status_is_a_failure_of_its_kind() {
    let (server, function) = server().await;
    for (method, name, kind, status, retry, word) in [
        (
            "Get",
            "missing",
            FailureKind::Communication,
            404,
            Retry::Permanent,
            "NOT_FOUND (5): no such cup: café",
        ),
        ("Get", "busy", FailureKind::Communication, 503, Retry::Exhausted, "UNAVAILABLE"),
        ("List", "breaks", FailureKind::Communication, 500, Retry::Permanent, "DATA_LOSS"),
        ("List", "endless", FailureKind::Communication, 502, Retry::Exhausted, "larger than 100000 bytes"),
        ("List", "hangs", FailureKind::Timeout, 408, Retry::Exhausted, "within 5 s"),
    ] {
        let asked = shop(server.port, method, &json!({"name": name, "count": 2}));
        let failure = function.execute(&asked).await.unwrap_err();
        assert_eq!((failure.kind, failure.status, failure.retry), (kind, status, retry), "{failure}");
        assert!(failure.message.contains(word), "{failure}");
    }
    let mut asked = shop(server.port, "Get", &json!({"name": "secret"}));
    asked.parameters["service"]["authentication"] =
        json!({"basic": {"username": "u", "password": "hidden-word"}});
    let failure = function.execute(&asked).await.unwrap_err();
    assert_eq!((failure.kind, failure.status), (FailureKind::Authentication, 401));
    assert!(!failure.message.contains("dTpoaWRkZW4td29yZA"), "{failure}");
}

#[tokio::test]
async fn servers_that_break_the_protocol_are_said_to() {
    let (server, function) = server().await;
    for (service, kind, status, word) in [
        ("bad.Html", FailureKind::Communication, 503, "UNAVAILABLE"),
        ("bad.Plain", FailureKind::Communication, 500, "does not speak gRPC"),
        ("bad.Garbage", FailureKind::Communication, 502, "no message"),
        ("bad.Cut", FailureKind::Communication, 502, "inside a message"),
        ("bad.Huge", FailureKind::Communication, 502, "larger than 100000 bytes"),
        ("bad.Packed", FailureKind::Communication, 502, "compressed"),
        ("bad.Silent", FailureKind::Communication, 502, "before its status"),
        ("bad.Hangs", FailureKind::Timeout, 408, "not known whether"),
    ] {
        let asked = call("grpc", "k", parameters(server.port, service, "Get", &json!({})));
        let failure = function.execute(&asked).await.unwrap_err();
        assert_eq!((failure.kind, failure.status), (kind, status), "{service}: {failure}");
        assert!(failure.message.contains(word), "{service}: {failure}");
        assert_ne!(failure.retry, Retry::Temporary, "{service}: it may have been done");
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_did_nothing() {
    let (server, function) = server().await;
    let port = server.port;
    drop(server);
    // The listener closes a moment after its task is told to end.
    super::world::until("the port is free", || std::net::TcpListener::bind(("127.0.0.1", port)).is_ok())
        .await;
    let failure = function.execute(&shop(port, "Get", &json!({}))).await.unwrap_err();
    assert_eq!((failure.kind, failure.retry), (FailureKind::Communication, Retry::Temporary), "{failure}");
}

#[tokio::test]
async fn what_cannot_be_called_is_refused_before_anything_is_sent() {
    let function = function();
    let good = shop(1, "Get", &json!({}));
    let with = |pointer: &str, value: Value| {
        let mut wrong = good.clone();
        *wrong.parameters.pointer_mut(pointer).unwrap() = value;
        wrong
    };
    for (wrong, word) in [
        (shop(1, "Upload", &json!({})), "stream of messages"),
        (shop(1, "Put", &json!({})), "it has Get, List, Upload"),
        (shop(1, "Get", &json!({"colour": 1})), "colour"),
        (with("/service/name", json!("Store")), "it describes shop.v1.Shop"),
        (with("/service/host", json!("evil.example/x?")), "host alone"),
        (with("/service/port", json!(70_000)), "0 to 65535"),
        (with("/proto", json!({"endpoint": "file://app/shop.proto"})), "`functions.resources_dir`"),
    ] {
        let failure = function.execute(&wrong).await.unwrap_err();
        assert_eq!(failure.retry, Retry::Permanent);
        assert!(failure.message.contains(word), "{failure}");
        assert_eq!(function.dry_run(&wrong).await.unwrap_err(), failure);
    }
    let would = function.dry_run(&good).await.unwrap();
    assert_eq!(would, "call gRPC http://localhost:1/shop.v1.Shop/Get");
}
