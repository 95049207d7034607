//! Probes and scrapes say in few words what is wrong with a peer.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::StatusCode;
use axum::routing::get;
use connect::probe::{Probe, ProbeTarget};
use connect::scrape::{Scrape, ScrapeTarget};
use connect::{Pace, PollerState};
use futures_util::stream;
use model::Signal;

use super::peers::{nobody, raw, serve, until, world};

async fn probed(url: String, timeout_ms: u64) -> String {
    world();
    let target = ProbeTarget { service: "shop".to_owned(), instance: None, url };
    let probe = Probe::new(target, Duration::from_millis(timeout_ms), connect::client(false).unwrap());
    probe.check().await.err().unwrap_or_default()
}

#[tokio::test]
async fn a_probe_names_what_is_wrong() {
    let app = Router::new()
        .route("/ok", get(|| async { "fine" }))
        .route("/moved", get(|| async { (StatusCode::FOUND, [("location", "/sick")], "") }))
        .route("/sick", get(|| async { StatusCode::SERVICE_UNAVAILABLE }));
    let good = serve(app).await;
    assert_eq!(probed(format!("http://{good}/ok"), 5_000).await, "");
    assert_eq!(probed(format!("http://{good}/moved"), 5_000).await, "", "a redirect is an answer");
    assert_eq!(probed(format!("http://{good}/sick"), 5_000).await, "status 503");
    assert_eq!(probed(format!("tcp://{good}"), 5_000).await, "");
    let gone = nobody().await;
    assert_eq!(probed(format!("http://{gone}/ok"), 5_000).await, "refused");
    assert_eq!(probed(format!("tcp://{gone}"), 5_000).await, "refused");
    assert_eq!(probed("tcp://nonsense".to_owned(), 5_000).await, "unreachable");
    assert_eq!(probed("http://[broken".to_owned(), 5_000).await, "invalid URL");
    let silent = raw(b"", false).await;
    assert_eq!(probed(format!("http://{silent}/"), 60).await, "timeout");
    assert_eq!(probed(format!("tcp://{silent}"), 5_000).await, "", "it accepts connections");
    let rude = raw(b"", true).await;
    let reason = probed(format!("http://{rude}/"), 5_000).await;
    assert!(["closed", "reset"].contains(&reason.as_str()), "{reason}");
    let garbage = raw(b"220 mail.example ESMTP\r\n\r\n", true).await;
    assert_eq!(probed(format!("http://{garbage}/"), 5_000).await, "not HTTP");
}

#[test]
fn a_machine_without_ca_certificates_still_probes_over_plain_http() {
    let empty = tempfile::NamedTempFile::new().unwrap();
    let nowhere = tempfile::tempdir().unwrap();
    // The variables are read once for each process, so the test above runs again in one of its own.
    let run = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "pollers::probe_and_scrape::a_probe_names_what_is_wrong"])
        .env("SSL_CERT_FILE", empty.path())
        .env("SSL_CERT_DIR", nowhere.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success() && said.contains("1 passed"), "{said}");
}

#[tokio::test]
async fn failing_probes_are_signals_and_the_poller_stays_well() {
    let world = world();
    let target = ProbeTarget {
        service: "shop".to_owned(),
        instance: Some("shop-1".to_owned()),
        url: format!("http://{}/", nobody().await),
    };
    let probe = Probe::new(target, Duration::from_secs(1), connect::client(false).unwrap());
    world.pollers.start("probe", Pace::steady(Duration::from_millis(10)), probe);
    let refused = |signal: &Signal| matches!(signal, Signal::Probe(p) if !p.ok && p.reason == "refused" && p.instance.as_deref() == Some("shop-1"));
    until("three refused probes", || world.sink.count(refused) >= 3).await;
    assert_eq!(world.pollers.status()[0].state, PollerState::Running);
    world.pollers.shutdown().await;
}

/// Scrapes until the second result is there; gives `up` and what the poller says.
async fn scraped(url: String, timeout_ms: u64) -> (f64, PollerState, usize) {
    let world = world();
    let target = ScrapeTarget { service: "shop".to_owned(), instance: Some("shop-1".to_owned()), url };
    let scrape = Scrape::new(target, Duration::from_millis(timeout_ms), connect::client(true).unwrap());
    world.pollers.start("scrape", Pace::steady(Duration::from_millis(10)), scrape);
    let up = |signal: &Signal| matches!(signal, Signal::Metric(m) if m.name == "up");
    until("two scrapes", || world.sink.count(up) >= 2).await;
    let state = world.pollers.status()[0].state.clone();
    world.pollers.shutdown().await;
    let signals = world.sink.signals.lock().unwrap();
    let value = signals.iter().find_map(|signal| match signal {
        Signal::Metric(m) if m.name == "up" => Some(m.points[0].value),
        _ => None,
    });
    let requests = |s: &&Signal| matches!(s, Signal::Metric(m) if m.name == "requests_total" && m.labels["instance"] == "shop-1");
    (value.unwrap(), state, signals.iter().filter(requests).count())
}

fn degraded(state: &PollerState) -> &str {
    match state {
        PollerState::Degraded { reason } => reason,
        other => panic!("not degraded: {other:?}"),
    }
}

#[tokio::test]
async fn a_scrape_takes_metrics_or_says_why_not() {
    let endless = || async {
        let line = || Ok::<_, std::io::Error>("requests_total 1\n".repeat(8_192));
        Body::from_stream(stream::iter(std::iter::repeat_with(line)))
    };
    let app = Router::new()
        .route("/metrics", get(|| async { "# TYPE requests_total counter\nrequests_total{route=\"/\"} 3\n" }))
        .route("/login", get(|| async { "<html>please sign in</html>" }))
        .route("/secret", get(|| async { StatusCode::FORBIDDEN }))
        .route("/endless", get(endless));
    let good = serve(app).await;
    let (up, state, requests) = scraped(format!("http://{good}/metrics"), 5_000).await;
    assert!(up == 1.0 && requests >= 1, "{state:?}");
    for (path, reason) in [("login", "line 1"), ("secret", "status 403"), ("endless", "larger than")] {
        let (up, state, _) = scraped(format!("http://{good}/{path}"), 15_000).await;
        assert!(up == 0.0 && degraded(&state).contains(reason), "{path}: {state:?}");
    }
    let silent = raw(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nrequests_total 1\n", false).await;
    let (up, state, requests) = scraped(format!("http://{silent}/"), 60).await;
    assert!(up == 0.0 && requests == 0, "half an answer is none");
    assert_eq!(degraded(&state), "timeout");
    let rude = raw(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nrequests_total 1\n", true).await;
    let (up, _, requests) = scraped(format!("http://{rude}/"), 5_000).await;
    assert!(up == 0.0 && requests == 0);
    let huge = raw(b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n", false).await;
    let (_, state, _) = scraped(format!("http://{huge}/"), 5_000).await;
    assert!(degraded(&state).contains("larger than"));
}
