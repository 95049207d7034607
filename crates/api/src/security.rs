//! What every answer carries and every request must pass: host check, security headers.

use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::app::App;
use crate::problem::{Code, Problem};

const HEADERS: [(HeaderName, &str); 6] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; \
         connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()"),
];

/// Refuses requests for host names that are not served here: a page elsewhere must not reach a service on
/// loopback through a name that it made point there (DNS rebinding).
pub async fn check_host(State(app): State<App>, request: Request, next: Next) -> Response {
    let host =
        request.uri().host().map(ToOwned::to_owned).or_else(|| {
            request.headers().get(header::HOST).and_then(|v| v.to_str().ok()).map(ToOwned::to_owned)
        });
    let name = host.as_deref().map(without_port).unwrap_or_default();
    if is_loopback(name) || app.allowed_hosts.iter().any(|allowed| allowed.eq_ignore_ascii_case(name)) {
        return next.run(request).await;
    }
    let detail =
        format!("{name:?} is not served here; add it to `server.allowed_hosts` in the configuration");
    Problem::new(Code::HostNotAllowed, detail).into_response()
}

/// Policy of the few pages that are made here, with their style in them.
pub const OWN_PAGE_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Adds the security headers, unless the handler set its own. Answers of the API are for the asker alone and
/// are kept by no cache.
pub async fn add_headers(request: Request, next: Next) -> Response {
    let is_api = request.uri().path().starts_with("/api/");
    let mut response = next.run(request).await;
    if is_api {
        response.headers_mut().entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    }
    for (name, value) in HEADERS {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

fn without_port(host: &str) -> &str {
    match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(rest),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    }
}

fn is_loopback(name: &str) -> bool {
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_from_every_form_of_host() {
        let check =
            |host: &str, loopback: bool| assert_eq!(is_loopback(without_port(host)), loopback, "{host}");
        check("127.0.0.1:7070", true);
        check("localhost", true);
        check("[::1]:7070", true);
        check("evil.example:7070", false);
        check("127.0.0.1.evil.example", false);
        check("", false);
    }
}
