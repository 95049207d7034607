//! What every answer carries and every request must pass: host check, security headers.

use std::net::IpAddr;

use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serve::LocalAddress;

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

/// Refuses requests for host names that are not served here: a page elsewhere must not reach this server
/// through a name that it made point here (DNS rebinding). Served are loopback, the address at which the
/// connection came in, and what the configuration names.
pub async fn check_host(State(app): State<App>, request: Request, next: Next) -> Response {
    let host =
        request.uri().host().map(ToOwned::to_owned).or_else(|| {
            request.headers().get(header::HOST).and_then(|v| v.to_str().ok()).map(ToOwned::to_owned)
        });
    let host = host.unwrap_or_default();
    let at = request.extensions().get::<LocalAddress>().map(|at| at.0.ip());
    if is_served(&host, at, &app.allowed_hosts) {
        return next.run(request).await;
    }
    let name = without_port(&host);
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

/// Whether a `Host` is served by a connection that came in `at` an address of this machine.
///
/// A name cannot be made to be an address, so a literal that is where the peer really connected to is honest.
fn is_served(host: &str, at: Option<IpAddr>, allowed: &[String]) -> bool {
    let name = without_port(host);
    if allowed.iter().any(|allowed| allowed.eq_ignore_ascii_case(name)) {
        return true;
    }
    let Some(address) = address(name) else { return name.eq_ignore_ascii_case("localhost") };
    let same = |other: IpAddr| other.to_canonical() == address;
    address.is_loopback()
        || at.is_some_and(same)
        || allowed.iter().filter_map(|text| self::address(text)).any(same)
}

/// A literal in any of its forms: `[::ffff:10.0.0.5]` is `10.0.0.5`.
fn address(name: &str) -> Option<IpAddr> {
    let name = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(name);
    name.parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

/// `example:7070` and `example.` are `example`; `[::1]:7070` is `[::1]`.
fn without_port(host: &str) -> &str {
    let name = match host.find(']') {
        Some(end) if host.starts_with('[') => &host[..=end],
        _ => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    name.strip_suffix('.').unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(at: &str, hosts: &[(&str, bool)]) {
        let allowed = ["homeostat.example".to_owned(), "198.51.100.7".to_owned(), "[2001:db8::7]".to_owned()];
        for (host, served) in hosts {
            assert_eq!(is_served(host, at.parse().ok(), &allowed), *served, "{host:?} at {at}");
        }
    }

    #[test]
    fn loopback_and_configured_names_are_served_everywhere() {
        for at in ["127.0.0.1", "::1", "10.0.0.5", "2001:db8::5", "unknown"] {
            check(
                at,
                &[
                    ("127.0.0.1:7070", true),
                    ("127.0.0.2", true),
                    ("localhost", true),
                    ("LocalHost.:7070", true),
                    ("[::1]:7070", true),
                    ("[::1]", true),
                    ("[::ffff:127.0.0.1]:7070", true),
                    ("homeostat.example", true),
                    ("Homeostat.Example.:7070", true),
                    ("198.51.100.7:7070", true),
                    ("[2001:db8:0::7]:7070", true),
                ],
            );
        }
    }

    #[test]
    fn a_literal_is_served_where_the_connection_came_in() {
        check("10.0.0.5", &[("10.0.0.5", true), ("10.0.0.5:7070", true), ("[::ffff:10.0.0.5]:7070", true)]);
        // A socket that listens on [::] sees IPv4 peers this way.
        check("::ffff:10.0.0.5", &[("10.0.0.5:7070", true), ("10.0.0.6:7070", false)]);
        check(
            "2001:db8::5",
            &[("[2001:db8::5]:7070", true), ("[2001:DB8:0:0::5]", true), ("[2001:db8::6]", false)],
        );
    }

    #[test]
    fn foreign_names_and_addresses_are_refused() {
        for at in ["127.0.0.1", "10.0.0.5", "2001:db8::5", "unknown"] {
            check(
                at,
                &[
                    ("", false),
                    (":7070", false),
                    ("evil.example", false),
                    ("evil.example:7070", false),
                    ("10.0.0.5.evil.example:7070", false),
                    ("127.0.0.1.evil.example", false),
                    ("localhost.evil.example", false),
                    ("homeostat.example.evil.example", false),
                    ("xhomeostat.example", false),
                    ("203.0.113.9:7070", false),
                    ("[2001:db8::9]:7070", false),
                    ("0.0.0.0:7070", false),
                    ("[::]:7070", false),
                    ("[::1", false),
                    ("2130706433", false),
                    ("0x7f.1", false),
                    ("10.0.0.5@evil.example", false),
                ],
            );
        }
    }
}
