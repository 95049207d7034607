//! How fast each format is read, on one core: `cargo run --release -p receive --example receive_speed`.
#![allow(clippy::print_stdout)]

use std::time::Instant;

use model::Timestamp;
use receive::{Origin, logline, otlp, prometheus};

const NOW: Timestamp = Timestamp::from_unix_ms(1_795_253_400_000);

fn measure(name: &str, bytes: usize, items: usize, mut work: impl FnMut() -> usize) {
    let started = Instant::now();
    let mut rounds = 0_u32;
    while started.elapsed().as_millis() < 1_000 {
        assert_eq!(work(), items, "{name}");
        rounds += 1;
    }
    let seconds = started.elapsed().as_secs_f64();
    let rounds = f64::from(rounds);
    println!(
        "{name:<22} {:>9.0} items/s {:>7.1} MB/s",
        rounds * items as f64 / seconds,
        rounds * bytes as f64 / seconds / 1e6
    );
}

fn main() {
    let origin = Origin { service: "shop".to_owned(), instance: Some("shop-1".to_owned()) };
    let mut text = String::from("# TYPE http_requests_total counter\n");
    for i in 0..10_000 {
        text += &format!("http_requests_total{{route=\"/orders/{i}\",status=\"200\",method=\"GET\"}} {i}\n");
    }
    measure("prometheus text", text.len(), 10_000, || {
        prometheus::parse(text.as_bytes(), prometheus::Format::Text, &origin, NOW).map_or(0, |s| s.len())
    });
    for (name, line) in [
        (
            "log line JSON",
            r#"{"ts":"2026-11-21T09:29:59.123Z","level":"info","msg":"order accepted","order":"o-1817","status":201,"duration_ms":12.5}"#,
        ),
        (
            "log line logfmt",
            r#"ts=2026-11-21T09:29:59.123Z level=info msg="order accepted" order=o-1817 status=201 duration_ms=12.5"#,
        ),
        (
            "log line plain",
            "2026-11-21T09:29:59.123Z INFO order accepted order=o-1817 status=201 duration_ms=12.5",
        ),
    ] {
        measure(name, line.len() * 1_000, 1_000, || {
            (0..1_000).filter(|_| !logline::parse(line.as_bytes(), &origin, NOW).body.is_empty()).count()
        });
    }
    let span = r#"{"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174","parentSpanId":"eee19b7ec3c1b173","name":"POST /orders","kind":2,"startTimeUnixNano":"1700000000000000000","endTimeUnixNano":"1700000000001500000","attributes":[{"key":"http.route","value":{"stringValue":"/orders"}},{"key":"http.response.status_code","value":{"intValue":"201"}}],"status":{}}"#;
    let body =
        format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{}]}}]}}]}}"#, vec![span; 1_000].join(","));
    measure("OTLP spans JSON", body.len(), 1_000, || {
        otlp::receive(otlp::Export::Traces, otlp::Encoding::Json, body.as_bytes(), NOW)
            .map_or(0, |r| r.signals.len())
    });
}
