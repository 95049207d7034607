//! What an answer that is no success means for the workflow: kind, status, and whether calling again helps.

use jiff::fmt::rfc2822;
use ports::{ActionFailure, FailureKind, Retry};
use reqwest::header::{HeaderMap, LOCATION, RETRY_AFTER};
use reqwest::{Method, StatusCode, Url};
use serde_json::Value;

pub(super) use crate::functions::fields::configuration;

/// How much of an answer's body is told.
const EXCERPT_BYTES_MAX: usize = 400;

/// A URL as it may be told: without query, which often holds keys.
pub(crate) fn place(url: &Url) -> String {
    let text = format!("{}{}", url.origin().ascii_serialization(), url.path());
    receive::limits::cut(&text, 300).into_owned()
}

/// The failure that a status stands for.
///
/// Calling again: 408, 425, 429 and 5xx may pass, but when is for the workflow to say, so the failure is `Exhausted`;
/// it keeps its idempotency key, because nobody knows what a failing peer has done.
pub(super) fn refused(
    method: &Method,
    url: &Url,
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
) -> ActionFailure {
    let code = status.as_u16();
    let kind = match code {
        401 => FailureKind::Authentication,
        403 => FailureKind::Authorization,
        _ => FailureKind::Communication,
    };
    let retry = match code {
        408 | 425 | 429 | 500 | 502..=504 | 507..=599 => Retry::Exhausted,
        _ => Retry::Permanent,
    };
    let mut message = format!("{method} {} answered {code}", place(url));
    if let Some(reason) = status.canonical_reason() {
        message.push_str(&format!(" {reason}"));
    }
    let told = excerpt(body);
    if !told.is_empty() {
        message.push_str(&format!(": {told}"));
    }
    if let Some(advice) = advice(status, url, headers) {
        message.push_str(&format!(". {advice}"));
    }
    ActionFailure::new(kind, retry, message).with_status(code)
}

fn advice(status: StatusCode, url: &Url, headers: &HeaderMap) -> Option<String> {
    if let Some(wait) = headers.get(RETRY_AFTER).and_then(|value| wait(value.to_str().ok()?)) {
        return Some(format!("It asks to wait {wait} before the next call (Retry-After)"));
    }
    match status.as_u16() {
        401 => Some("Check the credentials in `authentication`".to_owned()),
        300..=399 => {
            let to = headers.get(LOCATION).and_then(|value| url.join(value.to_str().ok()?).ok());
            let to = to.map(|to| format!(" to {}", place(&to))).unwrap_or_default();
            Some(format!("It redirects{to}; set `redirect: true` to follow"))
        }
        _ => None,
    }
}

/// `Retry-After` (RFC 9110, 10.2.3) for people: seconds, or a date as it was given.
fn wait(text: &str) -> Option<String> {
    if let Ok(seconds) = text.trim().parse::<u32>() {
        return Some(format!("{seconds} s"));
    }
    rfc2822::parse(text).ok().map(|date| format!("until {}", date.timestamp()))
}

/// `Retry-After` as milliseconds from now.
pub(crate) fn retry_after_ms(headers: &HeaderMap) -> Option<u64> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(seconds.saturating_mul(1_000));
    }
    let date = rfc2822::parse(text).ok()?.timestamp();
    let ms = date.as_millisecond().saturating_sub(jiff::Timestamp::now().as_millisecond());
    Some(u64::try_from(ms).unwrap_or(0))
}

/// What a body says of a failure: the detail of an RFC 9457 problem, the message that most APIs give, or its beginning.
pub(crate) fn excerpt(body: &[u8]) -> String {
    let said = serde_json::from_slice::<Value>(body).ok().and_then(|value| {
        let text = |pointer: &str| value.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        [
            "/detail",
            "/error/message",
            "/message",
            "/error_description",
            "/title",
            "/error",
            "/errors/0/message",
        ]
        .into_iter()
        .find_map(text)
    });
    let said = said.unwrap_or_else(|| {
        let start = &body[..body.len().min(EXCERPT_BYTES_MAX * 2)];
        let text = String::from_utf8_lossy(start).into_owned();
        // A page of HTML tells people nothing.
        if text.trim_start().starts_with('<') { String::new() } else { text }
    });
    let line: Vec<_> =
        said.split(|c: char| c.is_whitespace() || c.is_control()).filter(|w| !w.is_empty()).collect();
    receive::limits::cut(&line.join(" "), EXCERPT_BYTES_MAX).into_owned()
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    fn failure(status: u16, retry_after: Option<&'static str>, body: &str) -> ActionFailure {
        let url = Url::parse("https://api.example.com/x?key=hidden").unwrap();
        let mut headers = HeaderMap::new();
        if let Some(text) = retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from_static(text));
        }
        refused(&Method::POST, &url, StatusCode::from_u16(status).unwrap(), &headers, body.as_bytes())
    }

    #[test]
    fn a_status_has_a_kind_and_says_whether_to_try_again() {
        use FailureKind::{Authentication, Authorization, Communication};
        for (status, kind, retry) in [
            (400, Communication, Retry::Permanent),
            (401, Authentication, Retry::Permanent),
            (403, Authorization, Retry::Permanent),
            (404, Communication, Retry::Permanent),
            (302, Communication, Retry::Permanent),
            (429, Communication, Retry::Exhausted),
            (500, Communication, Retry::Exhausted),
            (501, Communication, Retry::Permanent),
            (503, Communication, Retry::Exhausted),
        ] {
            let failure = failure(status, None, "");
            assert_eq!((failure.kind, failure.retry, failure.status), (kind, retry, status));
        }
    }

    #[test]
    fn people_are_told_what_the_peer_says_and_how_long_to_wait() {
        for (retry_after, body, expect) in [
            (
                Some("120"),
                r#"{"title": "t", "detail": "too many\n calls"}"#,
                "POST https://api.example.com/x answered 503 Service Unavailable: too many calls. It asks to wait 120 s before the next call (Retry-After)",
            ),
            (
                Some("Wed, 21 Oct 2026 07:28:00 GMT"),
                r#"{"error": {"message": "down"}}"#,
                "POST https://api.example.com/x answered 503 Service Unavailable: down. It asks to wait until 2026-10-21T07:28:00Z before the next call (Retry-After)",
            ),
            (
                Some("soon"),
                "<html>no</html>",
                "POST https://api.example.com/x answered 503 Service Unavailable",
            ),
        ] {
            assert_eq!(failure(503, retry_after, body).message, expect);
        }
        let long = failure(503, None, &"\u{7}x ".repeat(10_000)).message;
        assert!(long.len() < 700 && !long.contains('\u{7}') && !long.contains("hidden"), "{long}");
    }
}
