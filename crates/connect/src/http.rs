//! What all HTTP pollers share: the client, bounded bodies, and failures in few words.

use std::error::Error;
use std::io::ErrorKind;
use std::time::Duration;

use ports::Retry;

use crate::supervise::Failure;

/// A client that talks to its targets directly: no proxy, no redirects, because a health check that is
/// answered by somebody else is none.
///
/// On a machine without CA certificates (a minimal container) it still speaks plain HTTP; HTTPS targets then
/// fail, with a warning in the log that says why.
///
/// # Errors
/// No TLS provider is usable.
pub fn client(keep_connections: bool) -> Result<reqwest::Client, Failure> {
    let builder = || {
        reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(Duration::from_secs(5))
            .pool_max_idle_per_host(if keep_connections { 4 } else { 0 })
            .user_agent(concat!("homeostat/", env!("CARGO_PKG_VERSION")))
    };
    let built = builder().build().or_else(|error| {
        tracing::warn!(%error, "no usable CA certificates: HTTPS targets will fail; install ca-certificates");
        builder().tls_certs_only([]).build()
    });
    built.map_err(|error| Failure::new(Retry::Permanent, format!("HTTP client: {error}")))
}

/// A failed request in few words: `timeout`, `refused`, `reset`, `closed`, `dns`, `unreachable`, …
pub(crate) fn reason(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "timeout".to_owned();
    }
    if error.is_builder() {
        return "invalid URL".to_owned();
    }
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(current) = cause {
        if let Some(io) = current.downcast_ref::<std::io::Error>()
            && let Some(word) = io_reason(io)
        {
            return word.to_owned();
        }
        let text = current.to_string();
        if text.contains("dns error") {
            return "dns".to_owned();
        }
        if text.contains("closed before message completed") || text.contains("end of file") {
            return "closed".to_owned();
        }
        if text.contains("invalid HTTP") {
            return "not HTTP".to_owned();
        }
        cause = current.source();
    }
    if error.is_connect() { "unreachable".to_owned() } else { "broken answer".to_owned() }
}

/// A failed connection in one word.
pub(crate) fn io_reason(error: &std::io::Error) -> Option<&'static str> {
    Some(match error.kind() {
        ErrorKind::ConnectionRefused => "refused",
        ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => "reset",
        ErrorKind::ConnectionAborted | ErrorKind::UnexpectedEof => "closed",
        ErrorKind::TimedOut => "timeout",
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable | ErrorKind::AddrNotAvailable => {
            "unreachable"
        }
        _ => return None,
    })
}

/// The body of an answer, read piece by piece so that an endless one costs no more than `limit_bytes`.
pub(crate) async fn body(response: &mut reqwest::Response, limit_bytes: usize) -> Result<Vec<u8>, String> {
    let too_large = || format!("answer larger than {limit_bytes} bytes");
    if response.content_length().is_some_and(|length| length > limit_bytes as u64) {
        return Err(too_large());
    }
    let mut body = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(|error| reason(&error))? {
        if body.len() + piece.len() > limit_bytes {
            return Err(too_large());
        }
        body.extend_from_slice(&piece);
    }
    Ok(body)
}
