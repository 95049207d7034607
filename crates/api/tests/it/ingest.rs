//! Signals come in, are durable, and can be seen.

use api::Code;
use opentelemetry_proto::tonic::collector::logs::v1::{ExportLogsServiceRequest, ExportLogsServiceResponse};
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message;
use serde_json::{Value, json};

use crate::guard::gzip;
use crate::world::World;

fn resource(service: &str) -> Value {
    json!({"attributes": [{"key": "service.name", "value": {"stringValue": service}}]})
}

fn nanos(world: &World) -> String {
    format!("{}000000", world.app.engine.now().as_unix_ms())
}

fn logs(world: &World, service: &str, bodies: &[&str]) -> Value {
    let records: Vec<Value> = bodies
        .iter()
        .map(|b| json!({"timeUnixNano": nanos(world), "severityNumber": 17, "body": {"stringValue": b}}))
        .collect();
    json!({"resourceLogs": [{"resource": resource(service), "scopeLogs": [{"logRecords": records}]}]})
}

fn bodies(page: &Value) -> Vec<String> {
    page["items"].as_array().unwrap().iter().map(|r| r["body"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn logs_in_json_can_be_searched_and_counted() {
    let world = World::new().await;
    let tokens = world.tokens().await;
    let sent = logs(&world, "shop", &["payment refused", "all is well"]);
    let answer = world.ask("POST", "/v1/logs").token(&tokens.ingest).json(&sent).send().await.is(200);
    assert_eq!(
        answer.json()["partialSuccess"].as_object().map_or(0, serde_json::Map::len),
        0,
        "{}",
        answer.text()
    );
    let found =
        world.until("/logs?service=shop&text=refused", &tokens.viewer, |p| !bodies(p).is_empty()).await;
    assert_eq!(bodies(&found), ["payment refused"]);
    assert_eq!(found["items"][0]["level"], "error");
    let counts =
        world.get("/logs/histogram?service=shop&buckets=7").token(&tokens.viewer).send().await.is(200).json();
    let total: u64 = counts["counts"].as_array().unwrap().iter().map(|c| c.as_u64().unwrap()).sum();
    assert_eq!((total, counts["counts"].as_array().unwrap().len()), (2, 7));
}

#[tokio::test]
async fn pages_of_logs_go_on_without_a_range_told() {
    let world = World::new().await;
    let tokens = world.tokens().await;
    let all: Vec<String> = (0..25).map(|n| format!("line {n}")).collect();
    let lines: Vec<&str> = all.iter().map(String::as_str).collect();
    world
        .ask("POST", "/v1/logs")
        .token(&tokens.ingest)
        .json(&logs(&world, "shop", &lines))
        .send()
        .await
        .is(200);
    world.until("/logs?service=shop&limit=100", &tokens.viewer, |p| bodies(p).len() == 25).await;
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = world
            .get(&format!("/logs?service=shop&limit=10{cursor}"))
            .token(&tokens.viewer)
            .send()
            .await
            .is(200);
        seen.extend(bodies(&page.json()));
        let Some(next) = page.json()["next"].as_str().map(ToOwned::to_owned) else { break };
        world
            .get(&format!("/logs?service=other&cursor={next}"))
            .token(&tokens.viewer)
            .send()
            .await
            .problem(Code::InvalidRequest);
        world
            .get(&format!("/logs?service=shop&from=2026-01-01T00:00:00Z&cursor={next}"))
            .token(&tokens.viewer)
            .send()
            .await
            .problem(Code::InvalidRequest);
        cursor = format!("&cursor={next}");
    }
    seen.sort();
    let mut wanted = all.clone();
    wanted.sort();
    assert_eq!(seen, wanted);
}

#[tokio::test]
async fn logs_in_protobuf_plain_and_packed() {
    let world = World::new().await;
    let tokens = world.tokens().await;
    let text = |s: &str| Some(AnyValue { value: Some(any_value::Value::StringValue(s.into())) });
    let request = |line: &str| ExportLogsServiceRequest {
        resource_logs: vec![ResourceLogs {
            resource: Some(Resource {
                attributes: vec![KeyValue {
                    key: "service.name".into(),
                    value: text("shop"),
                    ..Default::default()
                }],
                ..Default::default()
            }),
            scope_logs: vec![ScopeLogs {
                log_records: vec![LogRecord { severity_number: 9, body: text(line), ..Default::default() }],
                ..Default::default()
            }],
            ..Default::default()
        }],
    };
    let ask = || {
        world.ask("POST", "/v1/logs").token(&tokens.ingest).header("content-type", "application/x-protobuf")
    };
    let plain = ask().body(request("plain").encode_to_vec()).send().await.is(200);
    assert_eq!(plain.header("content-type"), "application/x-protobuf");
    assert_eq!(ExportLogsServiceResponse::decode(&plain.body[..]).unwrap().partial_success, None);
    let packed = gzip(request(&"packed ".repeat(100)).encode_to_vec()).await;
    ask().header("content-encoding", "gzip").body(packed).send().await.is(200);
    world.until("/logs?service=shop", &tokens.viewer, |p| bodies(p).len() == 2).await;

    let refused = ask().body("no protobuf").send().await.is(400);
    assert_eq!(
        refused.header("content-type"),
        "application/x-protobuf",
        "an exporter is answered in its encoding"
    );
    assert!(refused.text().contains("at"), "{}", refused.text());
}

#[tokio::test]
async fn metrics_become_series_and_what_cannot_be_taken_is_counted() {
    let world = World::new().await;
    let tokens = world.tokens().await;
    let point = |value: Value| json!({"timeUnixNano": nanos(&world), "asDouble": value});
    let sent = json!({"resourceMetrics": [{"resource": resource("shop"), "scopeMetrics": [{"metrics": [
        {"name": "queue_depth", "gauge": {"dataPoints": [point(json!(7.5))]}},
        {"name": "x".repeat(2_000), "gauge": {"dataPoints": [point(json!(1.0))]}},
    ]}]}]});
    let answer =
        world.ask("POST", "/v1/metrics").token(&tokens.ingest).json(&sent).send().await.is(200).json();
    let partial = &answer["partialSuccess"];
    assert_eq!(partial["rejectedDataPoints"].to_string().trim_matches('"'), "1", "{answer}");
    assert!(partial["errorMessage"].as_str().is_some_and(|m| !m.is_empty()), "{answer}");
    let drawn = world
        .until("/series?service=shop&name=queue_depth", &tokens.viewer, |d| {
            !d["series"].as_array().unwrap().is_empty()
        })
        .await;
    assert_eq!(drawn["series"][0]["points"][0][1], 7.5, "{drawn}");
    let names = world.get("/series/names?service=shop").token(&tokens.viewer).send().await.is(200).json();
    assert!(names["items"].as_array().unwrap().iter().any(|s| s["name"] == "queue_depth"), "{names}");
}

#[tokio::test]
async fn traces_can_be_found_by_their_id() {
    let world = World::new().await;
    let tokens = world.tokens().await;
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let sent = json!({"resourceSpans": [{"resource": resource("gateway"), "scopeSpans": [{"spans": [{
        "traceId": trace, "spanId": "b7ad6b7169203331", "name": "GET /orders", "kind": 2,
        "startTimeUnixNano": nanos(&world), "endTimeUnixNano": nanos(&world),
    }]}]}]});
    world.ask("POST", "/v1/traces").token(&tokens.ingest).json(&sent).send().await.is(200);
    let path = format!("/logs?trace_id={trace}");
    let found = world.until(&path, &tokens.viewer, |p| !bodies(p).is_empty()).await;
    assert_eq!(found["items"][0]["body"], "GET /orders");
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_with_its_place_and_nothing_of_it_is_taken() {
    let world = World::new().await;
    let token = world.admin().await;
    let before = world.app.engine.intake().accepted();
    for (path, body, place) in [
        ("/v1/logs", "{", "line 1 column 1"),
        ("/v1/logs", "[]", "/"),
        (
            "/v1/logs",
            r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"timeUnixNano":"soon"}]}]}]}"#,
            "/resourceLogs/0",
        ),
        ("/v1/metrics", r#"{"resourceMetrics":{}}"#, "/resourceMetrics"),
        ("/v1/traces", r#"{"resourceSpans":[5]}"#, "/resourceSpans/0"),
    ] {
        let ask = world.ask("POST", path).token(&token).header("content-type", "application/json").body(body);
        let problem = ask.send().await.problem(Code::MalformedSignal);
        assert!(problem["at"].as_str().unwrap().contains(place), "{path} {body}: {problem}");
    }
    for media in ["text/plain", "application/xml", ""] {
        let ask = world.ask("POST", "/v1/logs").token(&token).header("content-type", media).body("{}");
        ask.send().await.problem(Code::UnsupportedMediaType);
    }
    assert_eq!(world.app.engine.intake().accepted(), before);
}

fn change(id: &str, service: &str) -> Value {
    json!({"specversion": "1.0", "id": id, "source": "ci", "type": "dev.homeostat.change",
        "data": {"service": service, "kind": "deploy", "summary": format!("release {id}"), "to": "2.0"}})
}

fn summaries(page: &Value) -> Vec<String> {
    let mut all: Vec<String> =
        page["items"].as_array().unwrap().iter().map(|c| c["summary"].as_str().unwrap().to_owned()).collect();
    all.sort();
    all
}

#[tokio::test]
async fn cloud_events_in_every_mode_become_changes() {
    let world = World::new().await;
    let tokens = world.tokens().await;
    let send = async |media: &str, body: String| {
        world.post("/events").token(&tokens.ingest).header("content-type", media).body(body).send().await
    };
    send("application/cloudevents+json", change("1", "shop").to_string()).await.is(202);
    send(
        "application/cloudevents-batch+json",
        json!([change("2", "shop"), change("3", "other")]).to_string(),
    )
    .await
    .is(202);
    send("application/cloudevents-batch+json", "[]".into()).await.is(202);
    let mut ask = world.post("/events").token(&tokens.ingest).header("content-type", "application/json");
    for (name, value) in
        [("specversion", "1.0"), ("id", "4"), ("source", "ci"), ("type", "dev.homeostat.change")]
    {
        ask = ask.header(&format!("ce-{name}"), value);
    }
    ask.body(change("4", "shop")["data"].to_string()).send().await.is(202);
    let packed = gzip(change("5", "shop").to_string().clone().into_bytes()).await;
    let is_packed = packed.starts_with(&[0x1f, 0x8b]);
    let mut ask =
        world.post("/events").token(&tokens.ingest).header("content-type", "application/cloudevents+json");
    if is_packed {
        ask = ask.header("content-encoding", "gzip");
    }
    ask.body(packed).send().await.is(202);
    let found = world.until("/changes?service=shop", &tokens.viewer, |p| summaries(p).len() == 4).await;
    assert_eq!(summaries(&found), ["release 1", "release 2", "release 4", "release 5"]);

    let problem = send("application/cloudevents+json", json!({"id": "x"}).to_string())
        .await
        .problem(Code::MalformedSignal);
    assert_eq!(problem["at"], "/specversion");
    let batch = json!([change("6", "shop"), {"specversion": "1.0"}]).to_string();
    let problem = send("application/cloudevents-batch+json", batch).await.problem(Code::MalformedSignal);
    assert!(problem["at"].as_str().unwrap().starts_with("/1/"), "{problem}");
    send("text/plain", "hello".into()).await.problem(Code::UnsupportedMediaType);
    send("application/cloudevents+avro", "x".into()).await.problem(Code::UnsupportedMediaType);
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_a_restart() {
    let world = World::new().await;
    let admin = world.admin().await;
    for n in 0..20 {
        world
            .ask("POST", "/v1/logs")
            .token(&admin)
            .json(&logs(&world, "shop", &[&format!("line {n}")]))
            .send()
            .await
            .is(200);
        let event = change(&n.to_string(), "shop").to_string();
        let ask = world.post("/events").token(&admin).header("content-type", "application/cloudevents+json");
        ask.body(event).send().await.is(202);
    }
    let world = world.reopened().await;
    world
        .until("/logs?service=shop&limit=100", &admin, |p| {
            bodies(p).iter().filter(|b| b.starts_with("line")).count() == 20
        })
        .await;
    world.until("/changes?service=shop&limit=100", &admin, |p| summaries(p).len() == 20).await;
    let world = world.reopened().await;
    let logs = world.get("/logs?service=shop&limit=100").token(&admin).send().await.is(200).json();
    assert_eq!(bodies(&logs).iter().filter(|b| b.starts_with("line")).count(), 20, "and only once");
}

#[tokio::test]
async fn hostile_names_in_signals_hold_nothing_up() {
    let world = World::new().await;
    let admin = world.admin().await;
    let long = "s".repeat(512);
    for (n, service) in ["\u{0}\u{1b}[31m\n", "../../etc/passwd", "\u{202e}evil", "' OR 1=1 --", &long, " "]
        .iter()
        .enumerate()
    {
        let event = change(&format!("hostile {n}"), service).to_string();
        let ask = world.post("/events").token(&admin).header("content-type", "application/cloudevents+json");
        ask.body(event).send().await.is(202);
        world
            .ask("POST", "/v1/logs")
            .token(&admin)
            .json(&logs(&world, service, &[service]))
            .send()
            .await
            .is(200);
    }
    world.until("/changes?limit=100", &admin, |p| summaries(p).len() == 6).await;
    let ask = world.post("/events").token(&admin).header("content-type", "application/cloudevents+json");
    ask.body(change("last", "shop").to_string()).send().await.is(202);
    world.until("/changes?service=shop", &admin, |p| summaries(p) == ["release last"]).await;
    world.ask("GET", "/readyz").send().await.is(200);
}
