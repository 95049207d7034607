//! What the test binary does when it is a child.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use host::Host;
use serde_json::json;

pub(crate) fn play() {
    match std::env::var("TEST_ROLE").as_deref() {
        Ok("serve") => serve(),
        Ok("grow") => grow(),
        Ok("abort") => std::process::abort(),
        Ok("chatter") => chatter(),
        Ok("host") => be_host(),
        _ => {}
    }
}

fn serve() -> ! {
    host::child::exit_with_parent();
    let release = std::env::var("HOMEOSTAT_RELEASE").unwrap();
    let release = Path::new(&release).file_name().unwrap().to_str().unwrap().to_owned();
    let config: serde_json::Value =
        serde_json::from_slice(&std::fs::read(std::env::var("HOMEOSTAT_CONFIG").unwrap()).unwrap()).unwrap();
    let listener = TcpListener::bind(std::env::var("HOMEOSTAT_ADDRESS").unwrap()).unwrap();
    loop {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 1024]);
        let _ =
            write!(stream, "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nrelease {release} config {config}");
    }
}

fn grow() {
    std::thread::spawn(|| {
        let mut held = Vec::new();
        loop {
            held.push(vec![1_u8; 4 << 20]);
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    serve();
}

fn chatter() {
    // The test harness has begun a line of its own.
    let mut out = std::io::stdout();
    writeln!(out).unwrap();
    writeln!(out, "{}", host::child::event_line("dev.homeostat.job.finished", &json!({"job": "settle"})))
        .unwrap();
    for n in 0..200 {
        writeln!(out, "line {n} of a talkative program").unwrap();
    }
    serve();
}

/// A host that begins a deploy it will not live to finish.
fn be_host() {
    let dir = PathBuf::from(std::env::var("TEST_DIR").unwrap());
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let mut spec = super::spec("a", "serve");
        // The new release never answers, so that the action is under way for long.
        spec.health_path = Some("/healthz".into());
        spec.start_timeout_ms = 60_000;
        let host = Host::start(
            super::options(&dir, vec![spec, super::spec("b", "serve")]),
            ([127, 0, 0, 1], 1).into(),
        )
        .await
        .unwrap();
        std::fs::write(dir.join("services/a/config/1.json"), "not json: the next start fails").unwrap();
        let bystander = host.service("b").unwrap().instances[0].pid.unwrap();
        let watched = dir.clone();
        tokio::spawn(async move {
            // The switch is in place as soon as the first effect is in the ledger.
            loop {
                let ledger = std::fs::read_to_string(watched.join("ledger.jsonl")).unwrap_or_default();
                if ledger.contains("\"effect\"") {
                    std::fs::write(watched.join("services/a/config/1.json"), "{\"n\":1}").unwrap();
                    host_begun(&watched, bystander);
                    return;
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        });
        let _ = host
            .execute("deploy.release", &json!({"service": "a", "release": "1.1.0"}), "crashed", "tester")
            .await;
        std::future::pending::<()>().await;
    });
}

fn host_begun(dir: &Path, bystander: u32) {
    std::fs::write(dir.join("begun.new"), bystander.to_string()).unwrap();
    std::fs::rename(dir.join("begun.new"), dir.join("begun")).unwrap();
}
