//! What every request must pass and every answer carries.

use api::Code;
use axum::Router;
use axum::routing::get;
use serde_json::{Value, json};
use tower::ServiceExt;
use tower_http::compression::CompressionLayer;

use crate::world::{MAX_BODY_BYTES, World};

#[tokio::test]
async fn only_names_that_are_served_here_are_answered() {
    let world = World::new().await;
    for host in [
        "127.0.0.1:7070",
        "localhost",
        "LOCALHOST:1",
        "[::1]:7070",
        "homeostat.example",
        "Homeostat.Example:443",
    ] {
        world.ask("GET", "/healthz").header("host", host).send().await.is(200);
    }
    for host in
        ["evil.example", "127.0.0.1.evil.example:7070", "localhost.evil.example", "", "10.0.0.1", "\u{ff}"]
    {
        for path in ["/healthz", "/", "/api/v1/openapi.json", "/v1/logs"] {
            world.ask("GET", path).header("host", host).send().await.problem(Code::HostNotAllowed);
        }
    }
    world.ask("GET", "/healthz").without_host().send().await.problem(Code::HostNotAllowed);
}

#[tokio::test]
async fn every_answer_has_the_security_headers() {
    let world = World::new().await;
    for (path, status) in [
        ("/", 200),
        ("/healthz", 200),
        ("/docs", 200),
        ("/api/v1/openapi.json", 200),
        ("/api/v1/overview", 401),
        ("/api/v1/nothing", 404),
        ("/metrics", 401),
        ("/v1/logs", 405),
    ] {
        let answer = world.ask("GET", path).send().await.is(status);
        for name in
            ["content-security-policy", "x-content-type-options", "x-frame-options", "referrer-policy"]
        {
            assert!(!answer.header(name).is_empty(), "{path} has no {name}");
        }
        let kept = answer.header("cache-control");
        assert_eq!(kept == "no-store", path.starts_with("/api/"), "{path}: {kept}");
    }
    let foreign = world.ask("GET", "/").header("host", "evil.example").send().await;
    assert!(!foreign.header("content-security-policy").is_empty());
}

#[tokio::test]
async fn what_is_not_there_is_a_problem_and_pages_are_the_dashboards() {
    let world = World::new().await;
    let admin = world.admin().await;
    for path in [
        "/api/v1/nothing",
        "/api/v1/",
        "/api/v1",
        "/api",
        "/api/",
        "/v1/",
        "/api/v2/x",
        "/v1/nothing",
        "/api/v1/incidents/a/b/c",
    ] {
        world.ask("GET", path).token(&admin).send().await.problem(Code::NotFound);
    }
    assert_eq!(world.ask("GET", "/incidents/x").send().await.is(200).text(), "the dashboard");
    let long = "x".repeat(20_000);
    for path in ["/incidents/", "/decisions/", "/runs/", "/services/", "/runbooks/"] {
        for id in ["inc_nothing", "%00%0a%1b", "%F0%9F%92%A9", &long] {
            let problem =
                world.get(&format!("{path}{id}")).token(&admin).send().await.problem(Code::NotFound);
            let detail = problem["detail"].as_str().unwrap();
            assert!(!detail.chars().any(char::is_control), "{detail:?}");
        }
        world.get(&format!("{path}%ff%fe")).token(&admin).send().await.problem(Code::InvalidRequest);
    }
    for path in ["/incidents/x/acknowledge", "/decisions/x/approve", "/runs/x/cancel"] {
        let problem = world.post(path).token(&admin).send().await.problem(Code::InvalidRequest);
        assert_eq!(problem["at"], "id");
    }
}

#[tokio::test]
async fn a_method_that_a_path_does_not_take_is_a_problem_that_names_those_it_takes() {
    let world = World::new().await;
    let admin = world.admin().await;
    for method in ["DELETE", "PATCH", "TRACE", "OPTIONS", "CONNECT", "BREW"] {
        let answer = world.ask(method, "/api/v1/incidents").token(&admin).send().await;
        answer.problem(Code::MethodNotAllowed);
        assert!(answer.header("allow").contains("GET"), "{method}: {}", answer.header("allow"));
    }
    let head = world.ask("HEAD", "/api/v1/incidents").token(&admin).send().await.is(200);
    assert!(head.body.is_empty());
    world.ask("HEAD", "/api/v1/incidents").send().await.is(401);
    for path in ["/v1/logs", "/api/v1/events"] {
        world.ask("GET", path).token(&admin).send().await.problem(Code::MethodNotAllowed);
    }
}

#[tokio::test]
async fn a_body_that_is_no_json_or_of_another_shape_is_told_where() {
    let world = World::new().await;
    let admin = world.admin().await;
    let check = async |body: &str, at: &str| {
        let ask = world.put("/autonomy").token(&admin).header("content-type", "application/json");
        let problem = ask.body(body.to_owned()).send().await.problem(Code::InvalidRequest);
        assert_eq!(problem["at"], at, "{problem}");
    };
    check("{", "line 1 column 1").await;
    check("", "line 1 column 0").await;
    check("{\"items\":[]} x", "line 1 column 14").await;
    check("[]", "body").await;
    check("5", "body").await;
    check("{}", "body").await;
    check(r#"{"items":[{"service":"a","action":"b","level":"auto"},{"service":"a"}]}"#, "/items/1").await;
    check(r#"{"items":[{"service":"a","action":"b","level":"god"}]}"#, "/items/0/level").await;
    check(r#"{"items":[{"service":"","action":"b","level":"auto"}]}"#, "/items/0/service").await;
    check(r#"{"items":[{"service":"a","action":"b\u0000","level":"auto"}]}"#, "/items/0/action").await;
    check(&"[".repeat(100_000), "body").await;
    let hostile = format!(r#"{{"items":[{{"service":"a","action":"b","level":"{}"}}]}}"#, "x".repeat(50_000));
    check(&hostile, "/items/0/level").await;
    let deep = format!(r#"{{"workflow":"x","input":{}"#, "[".repeat(100_000));
    let ask = world.post("/runs").token(&admin).header("content-type", "application/json").body(deep);
    let problem = ask.send().await.problem(Code::InvalidRequest);
    assert!(problem["at"].as_str().unwrap().starts_with("line 1 column 1"), "{problem}");
    let text = world.put("/autonomy").token(&admin).header("content-type", "text/plain").body("{}");
    text.send().await.problem(Code::UnsupportedMediaType);
    let none = world.put("/autonomy").token(&admin).body(r#"{"items":[]}"#);
    none.send().await.problem(Code::UnsupportedMediaType);
}

#[tokio::test]
async fn bodies_have_a_limit_packed_and_unpacked() {
    let world = World::new().await;
    let admin = world.admin().await;
    let large = json!({"engaged": true, "reason": "x".repeat(1 << 20)});
    world.put("/stop-switch").token(&admin).json(&large).send().await.problem(Code::BodyTooLarge);
    let long = json!({"engaged": true, "reason": "x".repeat(2_001)});
    let problem =
        world.put("/stop-switch").token(&admin).json(&long).send().await.problem(Code::InvalidRequest);
    assert_eq!(problem["at"], "/reason");

    let blank = vec![b' '; MAX_BODY_BYTES + 1];
    let bomb = gzip(vec![b' '; 64 << 20]).await;
    assert!(bomb.len() < MAX_BODY_BYTES, "the bomb is small while packed: {}", bomb.len());
    for path in ["/v1/logs", "/v1/metrics", "/v1/traces", "/api/v1/events"] {
        let media =
            if path.starts_with("/api") { "application/cloudevents+json" } else { "application/json" };
        let ask = || world.ask("POST", path).token(&admin).header("content-type", media);
        ask().body(blank.clone()).send().await.problem(Code::BodyTooLarge);
        ask()
            .header("content-length", blank.len().to_string())
            .body(blank.clone())
            .send()
            .await
            .problem(Code::BodyTooLarge);
        ask().header("content-encoding", "gzip").body(bomb.clone()).send().await.problem(Code::BodyTooLarge);
        ask()
            .header("content-encoding", "gzip")
            .body("this is no gzip")
            .send()
            .await
            .problem(Code::InvalidRequest);
        ask()
            .header("content-encoding", "gzip")
            .body(bomb[..bomb.len() / 2].to_vec())
            .send()
            .await
            .problem(Code::BodyTooLarge);
        ask().header("content-encoding", "br").body("x").send().await.problem(Code::UnsupportedMediaType);
    }
}

#[tokio::test]
async fn limits_and_cursors_out_of_range_are_refused() {
    let incidents =
        (0..9).map(|n| engine::records::put(&crate::things::incident(n, model::IncidentStatus::Resolved)));
    let world = World::with(incidents.collect()).await;
    let admin = world.admin().await;
    let page: Value = world.get("/incidents?limit=2").token(&admin).send().await.is(200).json();
    let cursor = page["next"].as_str().unwrap();
    let lists =
        ["/incidents", "/decisions", "/services", "/logs", "/changes", "/runs", "/outcomes", "/audit"];
    for list in lists {
        for query in [
            "limit=0",
            "limit=1001",
            "limit=-1",
            "limit=x",
            "limit=99999999999999999999",
            "cursor=%00",
            "cursor=no",
        ] {
            world.get(&format!("{list}?{query}")).token(&admin).send().await.problem(Code::InvalidRequest);
        }
        if list != "/incidents" {
            world
                .get(&format!("{list}?cursor={cursor}"))
                .token(&admin)
                .send()
                .await
                .problem(Code::InvalidRequest);
        }
    }
    world
        .get(&format!("/incidents?status=resolved&cursor={cursor}"))
        .token(&admin)
        .send()
        .await
        .problem(Code::InvalidRequest);
    for query in [
        "/incidents?status=none",
        "/incidents?severity=none",
        "/runs?status=none",
        "/series?name=x&points=1",
        "/series?name=x&points=2001",
        "/series?name=,",
        "/series",
        "/series?name=x&from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z",
        "/series?name=x&from=yesterday",
        "/logs?order=up",
        "/logs?level=loud",
        "/logs/histogram?buckets=0",
        "/logs/histogram?buckets=1001",
    ] {
        let answer = world.get(query).token(&admin).send().await;
        assert!(answer.problem(Code::InvalidRequest)["at"].is_string(), "{query}");
    }
    let names = vec!["x"; 21].join(",");
    world.get(&format!("/series?name={names}")).token(&admin).send().await.problem(Code::InvalidRequest);
    for query in [
        "/series?name=x&from=-009998-01-01T00:00:00Z&to=9998-01-01T00:00:00Z",
        "/logs?from=-009998-01-01T00:00:00Z",
    ] {
        world.get(query).token(&admin).send().await.is(200);
    }
}

#[tokio::test]
async fn answers_are_packed_when_asked_for_and_the_stream_never_is() {
    let world = World::new().await;
    let admin = world.admin().await;
    let packed = world.get("/runbooks").token(&admin).header("accept-encoding", "gzip").send().await.is(200);
    assert_eq!(packed.header("content-encoding"), "gzip");
    assert!(packed.body.starts_with(&[0x1f, 0x8b]));
    let stream = world.get("/stream").token(&admin).header("accept-encoding", "gzip").open().await;
    assert_eq!(stream.status(), 200);
    assert!(!stream.headers().contains_key("content-encoding"));
    assert_eq!(stream.headers()["content-type"], "text/event-stream");
}

/// Packs by the same layer that packs answers.
pub(crate) async fn gzip(bytes: Vec<u8>) -> Vec<u8> {
    let packer =
        Router::new().route("/", get(|| async move { bytes })).layer(CompressionLayer::new().gzip(true));
    let ask = axum::http::Request::get("/")
        .header("accept-encoding", "gzip")
        .body(axum::body::Body::empty())
        .unwrap();
    let body = packer.oneshot(ask).await.unwrap().into_body();
    axum::body::to_bytes(body, usize::MAX).await.unwrap().to_vec()
}
