//! TLS: certificates of ours, certificates of peers. The certificates here were made for these tests and are used
//! nowhere else.

use std::sync::Arc;

use connect::functions::Limits;
use ports::{FailureKind, Retry};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::peer::{call, function, get_as, limits, peer, reply};

const AUTHORITY: &str = include_str!("certificates/authority.pem");
const CLIENT: &str = include_str!("certificates/client.pem");
const CLIENT_KEY: &str = include_str!("certificates/client.key");
const SERVER: &str = include_str!("certificates/server.pem");
const SERVER_KEY: &str = include_str!("certificates/server.key");

/// A TLS server that gives every request this answer; it may ask for a certificate.
async fn server(asks: bool, answer: String) -> String {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(AUTHORITY.as_bytes()).unwrap()).unwrap();
    let builder = ServerConfig::builder();
    let builder = if asks {
        builder.with_client_cert_verifier(WebPkiClientVerifier::builder(roots.into()).build().unwrap())
    } else {
        builder.with_no_client_auth()
    };
    let certificate = CertificateDer::from_pem_slice(SERVER.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(SERVER_KEY.as_bytes()).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(builder.with_single_cert(vec![certificate], key).unwrap()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((peer, _)) = listener.accept().await {
            let (acceptor, answer) = (acceptor.clone(), answer.clone());
            tokio::spawn(async move {
                let Ok(mut peer) = acceptor.accept(peer).await else { return };
                let mut asked = [0; 4096];
                let _read = peer.read(&mut asked).await;
                let _written = peer.write_all(answer.as_bytes()).await;
                let _closed = peer.shutdown().await;
            });
        }
    });
    url
}

fn ok() -> String {
    "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nin".to_owned()
}

fn trusting() -> Limits {
    Limits { authorities: vec![AUTHORITY.to_owned()], ..limits() }
}

fn get(url: &str) -> Value {
    json!({"method": "get", "endpoint": url, "redirect": true})
}

#[tokio::test]
async fn a_peer_is_trusted_when_its_authority_is() {
    let url = server(false, ok()).await;
    assert_eq!(call(&function(trusting()), get(&url)).await, Ok(json!("in")));
    let failure = call(&function(limits()), get(&url)).await.unwrap_err();
    assert_eq!((failure.kind, failure.retry), (FailureKind::Communication, Retry::Temporary));
    assert!(failure.message.contains("not trusted (UnknownIssuer)"), "{failure}");
    let broken = Limits { authorities: vec!["no PEM".to_owned()], ..limits() };
    let Err(error) = connect::functions::Web::new(broken) else { panic!("it was taken") };
    assert!(error.contains("give it in PEM"), "{error}");
}

#[tokio::test]
async fn a_certificate_opens_the_door() {
    let url = server(true, ok()).await;
    let with = |certificate: &str, key: &str| json!({"certificate": {"certificate": certificate, "key": key, "authority": AUTHORITY}});
    let http = function(limits());
    for _ in 0..2 {
        assert_eq!(get_as(&http, &url, &with(CLIENT, CLIENT_KEY)).await, Ok(json!("in")));
    }
    let failure = call(&function(trusting()), get(&url)).await.unwrap_err();
    assert_eq!(
        (failure.kind, failure.status, failure.retry),
        (FailureKind::Authentication, 401, Retry::Permanent)
    );
    assert!(failure.message.contains("authentication.certificate"), "{failure}");
    for (certificate, key, part) in [
        (CLIENT, SERVER_KEY, "does not belong to its key"),
        ("no PEM", CLIENT_KEY, "cannot be read"),
        (CLIENT, "no PEM", "cannot be read"),
    ] {
        let failure = get_as(&http, &url, &with(certificate, key)).await.unwrap_err();
        assert_eq!((failure.kind, failure.retry), (FailureKind::Configuration, Retry::Permanent));
        assert!(failure.message.contains(part), "{failure}");
    }
}

#[tokio::test]
async fn nothing_leaves_tls_by_a_redirect() {
    let plain = peer(|_, _| reply(200, &[], "")).await;
    let answer = format!(
        "HTTP/1.1 302 Found\r\nlocation: {}/\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
        plain.url
    );
    let url = server(false, answer).await;
    let failure = call(&function(trusting()), get(&url)).await.unwrap_err();
    assert!(failure.message.contains("from https to http"), "{failure}");
    assert!(plain.seen().is_empty());
}
