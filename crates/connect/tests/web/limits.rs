//! Peers that are slow, endless, rude or somewhere they should not be.

use std::io::Write as _;
use std::time::Duration;

use axum::body::{Body, Bytes};
use connect::functions::{Egress, Limits};
use futures_util::stream;
use ports::{FailureKind, Retry};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::peer::{call, function, limits, peer, reply, would};

/// A server that answers each connection with these bytes once it was asked something, and then hangs or hangs up.
async fn raw(bytes: &'static [u8], hangs_up: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let mut kept = Vec::new();
        while let Ok((mut peer, _)) = listener.accept().await {
            let mut asked = [0; 4096];
            let _read = peer.read(&mut asked).await;
            let _written = peer.write_all(bytes).await;
            if !hangs_up {
                kept.push(peer);
            }
        }
    });
    url
}

fn with(method: &str, url: &str) -> Value {
    json!({"method": method, "endpoint": url})
}

#[tokio::test]
async fn nobody_there_is_safe_to_try_again() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    let failure = call(&function(limits()), with("post", &url)).await.unwrap_err();
    assert_eq!(
        (failure.kind, failure.status, failure.retry),
        (FailureKind::Communication, 502, Retry::Temporary)
    );
    assert!(failure.message.contains("refused: nothing listens there"), "{failure}");
    assert!(!failure.message.contains("not known whether"), "{failure}");
}

#[tokio::test]
async fn a_name_that_is_not_known_says_so() {
    let failure = call(&function(limits()), with("get", "http://nowhere.invalid/")).await.unwrap_err();
    assert_eq!((failure.kind, failure.retry), (FailureKind::Communication, Retry::Temporary));
    assert!(failure.message.contains("dns: the name is not known"), "{failure}");
}

#[tokio::test]
async fn silence_is_a_timeout_after_which_nobody_knows() {
    let silent = raw(b"", false).await;
    let dripping = raw(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf", false).await;
    let http = function(Limits { timeout: Duration::from_millis(200), ..limits() });
    for url in [&silent, &dripping] {
        let failure = call(&http, with("post", url)).await.unwrap_err();
        assert_eq!(
            (failure.kind, failure.status, failure.retry),
            (FailureKind::Timeout, 408, Retry::Exhausted)
        );
        assert!(
            failure.message.contains("within 0.2 s") && failure.message.contains("not known whether"),
            "{failure}"
        );
        let failure = call(&http, with("get", url)).await.unwrap_err();
        assert!(!failure.message.contains("not known whether"), "{failure}");
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_may_have_been_done() {
    let closing = raw(b"", true).await;
    let halving = raw(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf", true).await;
    let http = function(limits());
    for url in [&closing, &halving] {
        for (method, retry) in [
            ("post", Retry::Exhausted),
            ("patch", Retry::Exhausted),
            ("get", Retry::Temporary),
            ("put", Retry::Temporary),
        ] {
            let failure = call(&http, with(method, url)).await.unwrap_err();
            assert_eq!(
                (failure.kind, failure.retry),
                (FailureKind::Communication, retry),
                "{method}: {failure}"
            );
        }
    }
    let rude = raw(b"SSH-2.0-OpenSSH_9.9\r\n", true).await;
    let failure = call(&http, with("get", &rude)).await.unwrap_err();
    assert!(failure.message.contains("not HTTP"), "{failure}");
}

#[tokio::test]
async fn a_huge_answer_is_cut_off() {
    let peer = peer(|seen, _| match seen.path.as_str() {
        "/said" => reply(200, &[], vec![b'x'; 5_000]),
        "/endless" => {
            let piece = || Ok::<_, std::io::Error>(Bytes::from_static(&[b'x'; 1024]));
            reply(200, &[], Body::from_stream(stream::repeat_with(piece)))
        }
        "/bomb" => {
            let mut bomb = Vec::new();
            gzip_of_zeros(&mut bomb, 50 << 20);
            reply(200, &[("content-encoding", "gzip"), ("content-type", "text/plain")], bomb)
        }
        _ => reply(200, &[("x-long", &"x".repeat(3_000))], "ok"),
    })
    .await;
    let http = function(Limits { response_bytes_max: 4_000, header_bytes_max: 2_000, ..limits() });
    for (path, part) in [
        ("/said", "larger than 4000 bytes"),
        ("/endless", "larger than 4000 bytes"),
        ("/bomb", "larger than 4000 bytes"),
        ("/head", "larger than 2000 bytes"),
    ] {
        let failure = call(&http, with("get", &format!("{}{path}", peer.url))).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Communication);
        assert!(failure.message.contains(part), "{path}: {failure}");
    }
}

/// Zeros, packed: 1 KiB of packed bytes is a MiB.
fn gzip_of_zeros(out: &mut Vec<u8>, bytes: usize) {
    let mut encoder = flate2::write::GzEncoder::new(out, flate2::Compression::best());
    for _ in 0..bytes / 65_536 {
        encoder.write_all(&[0; 65_536]).unwrap();
    }
    encoder.finish().unwrap();
}

#[tokio::test]
async fn a_packed_answer_is_unpacked() {
    let peer = peer(|seen, _| {
        assert!(seen.header("accept-encoding").contains("gzip"), "{seen:?}");
        let mut packed = Vec::new();
        let mut encoder = flate2::write::GzEncoder::new(&mut packed, flate2::Compression::fast());
        encoder.write_all(b"{\"a\": 1}").unwrap();
        encoder.finish().unwrap();
        let broken = seen.path == "/broken";
        if broken {
            packed.truncate(12);
        }
        reply(200, &[("content-encoding", "gzip"), ("content-type", "application/json")], packed)
    })
    .await;
    let http = function(limits());
    assert_eq!(call(&http, with("get", &peer.url)).await, Ok(json!({"a": 1})));
    let failure = call(&http, with("get", &format!("{}/broken", peer.url))).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Communication);
}

#[tokio::test]
async fn requests_go_only_where_they_may() {
    let peer = peer(|seen, _| match seen.path.as_str() {
        "/away" => reply(302, &[("location", "http://169.254.169.254/latest/meta-data/")], ""),
        _ => reply(200, &[], "ok"),
    })
    .await;
    let port = peer.url.rsplit(':').next().unwrap().to_owned();
    let by_name = format!("http://localhost:{port}/");
    let refused = async |egress: Egress, url: &str| {
        let http = function(Limits { egress, ..limits() });
        let failure =
            call(&http, json!({"method": "get", "endpoint": url, "redirect": true})).await.unwrap_err();
        assert_eq!(
            (failure.kind, failure.retry),
            (FailureKind::Authorization, Retry::Permanent),
            "{url}: {failure}"
        );
        assert!(failure.message.contains("not allowed from here"), "{failure}");
    };
    refused(Egress::open(), "http://169.254.169.254/latest/meta-data/").await;
    refused(Egress::open(), &format!("{}/away", peer.url)).await;
    refused(Egress::only(["api.example.com"]).unwrap(), &by_name).await;
    // The name is looked up before that can be told.
    refused(Egress::only(["10.0.0.0/8"]).unwrap(), &by_name).await;
    assert!(peer.seen().iter().all(|seen| seen.path == "/away"), "{:?}", peer.seen());
    for egress in ["127.0.0.0/8", "localhost", &format!("localhost:{port}")] {
        let egress = Egress::only([egress, "::1"]).unwrap();
        let http = function(Limits { egress, ..limits() });
        assert_eq!(call(&http, with("get", &by_name)).await, Ok(json!("ok")));
    }
    let http = function(Limits { egress: Egress::only(["api.example.com"]).unwrap(), ..limits() });
    let failure = would(&http, with("get", &by_name)).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Authorization);
}

#[tokio::test]
async fn a_proxy_is_used_only_when_it_is_named() {
    let proxy = peer(|_, _| reply(200, &[], "by proxy")).await;
    let http = function(Limits { proxy: Some(proxy.url.clone()), ..limits() });
    assert_eq!(call(&http, with("get", "http://somewhere.invalid/x")).await, Ok(json!("by proxy")));
    assert_eq!(proxy.seen()[0].header("host"), "somewhere.invalid");
}
