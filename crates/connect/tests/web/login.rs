//! Basic and digest authentication.

use md5::Md5;
use ports::{FailureKind, Retry};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::peer::{Seen, call, function, get_as, limits, peer, reply};

const NONCE: &str = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v";

fn hash(algorithm: &str, text: &str) -> String {
    let bytes = if algorithm == "MD5" { Md5::digest(text).to_vec() } else { Sha256::digest(text).to_vec() };
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A parameter of a digest header.
fn part<'a>(header: &'a str, name: &str) -> &'a str {
    let parts = header.trim_start_matches("Digest ").split(", ");
    parts
        .filter_map(|part| part.split_once('='))
        .find(|(n, _)| *n == name)
        .map_or("", |(_, value)| value.trim_matches('"'))
}

/// Checks an answer to a challenge as a server does (RFC 7616, 3.4.1).
fn is_right(seen: &Seen, algorithm: &str, nonce: &str) -> bool {
    let header = seen.header("authorization");
    let h = |text: &str| hash(algorithm, text);
    let a1 = h(&format!("u:r:{}", "s3cret!"));
    let a2 = h(&format!("{}:{}", seen.method, part(header, "uri")));
    let (count, cnonce) = (part(header, "nc"), part(header, "cnonce"));
    part(header, "uri") == seen.path
        && part(header, "nonce") == nonce
        && part(header, "response") == h(&format!("{a1}:{nonce}:{count}:{cnonce}:auth:{a2}"))
}

fn digest(password: &str) -> Value {
    json!({"digest": {"username": "u", "password": password}})
}

#[tokio::test]
async fn basic_sends_user_and_password() {
    let peer = peer(|seen, _| {
        let good = seen.header("authorization") == "Basic dTpww6Q=";
        reply(if good { 200 } else { 401 }, &[], "")
    })
    .await;
    let http = function(limits());
    let with = |password: &str| json!({"basic": {"username": "u", "password": password}});
    assert_eq!(get_as(&http, &peer.url, &with("pä")).await, Ok(Value::Null));
    let failure = get_as(&http, &peer.url, &with("wrong")).await.unwrap_err();
    assert_eq!(
        (failure.kind, failure.status, failure.retry),
        (FailureKind::Authentication, 401, Retry::Permanent)
    );
}

#[tokio::test]
async fn a_digest_challenge_is_answered_and_remembered() {
    for algorithm in ["MD5", "SHA-256"] {
        let peer = peer(move |seen, _| {
            if is_right(seen, algorithm, NONCE) {
                return reply(200, &[], "in");
            }
            let weak = "Digest realm=\"r\", nonce=\"weak\", algorithm=SHA-512-256, qop=\"auth\"";
            let challenge =
                format!("Digest realm=\"r\", nonce=\"{NONCE}\", algorithm={algorithm}, qop=\"auth\"");
            reply(401, &[("www-authenticate", weak), ("www-authenticate", &challenge)], "")
        })
        .await;
        let http = function(limits());
        for _ in 0..3 {
            let with = json!({
                "method": "post",
                "endpoint": {"uri": format!("{}/a?b=c", peer.url), "authentication": digest("s3cret!")},
                "body": "x",
            });
            assert_eq!(call(&http, with).await, Ok(json!("in")));
        }
        let counts: Vec<_> =
            peer.seen().iter().map(|seen| part(seen.header("authorization"), "nc").to_owned()).collect();
        // The first is refused; the others answer at once, each with its own count.
        assert_eq!(counts, ["", "00000001", "00000002", "00000003"]);
        assert!(peer.seen().iter().all(|seen| seen.body == "x"));
    }
}

#[tokio::test]
async fn an_old_nonce_is_replaced() {
    let peer = peer(|seen, before| {
        let nonce = if before < 2 { "first" } else { "second" };
        if is_right(seen, "MD5", nonce) {
            return reply(200, &[], "in");
        }
        let challenge = format!("Digest realm=r, nonce={nonce}, qop=auth, stale=true");
        reply(401, &[("www-authenticate", &challenge)], "")
    })
    .await;
    let http = function(limits());
    for _ in 0..2 {
        assert_eq!(get_as(&http, &peer.url, &digest("s3cret!")).await, Ok(json!("in")));
    }
    let nonces: Vec<_> =
        peer.seen().iter().map(|seen| part(seen.header("authorization"), "nonce").to_owned()).collect();
    assert_eq!(nonces, ["", "first", "first", "second"]);
}

#[tokio::test]
async fn a_wrong_password_is_told_after_one_try() {
    let peer =
        peer(|_, _| reply(401, &[("www-authenticate", "Digest realm=r, nonce=n, qop=auth")], "")).await;
    let failure = get_as(&function(limits()), &peer.url, &digest("wrong")).await.unwrap_err();
    assert_eq!((failure.kind, failure.status), (FailureKind::Authentication, 401));
    assert_eq!(peer.seen().len(), 2);
    let other = super::peer::peer(|_, _| reply(401, &[("www-authenticate", "Basic realm=r")], "")).await;
    let failure = get_as(&function(limits()), &other.url, &digest("wrong")).await.unwrap_err();
    assert!(failure.message.contains("asks for no digest"), "{failure}");
}
