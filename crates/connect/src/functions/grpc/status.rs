//! How a gRPC call ended, and what that means for a workflow.
//!
//! Statuses after HTTP are those that `google.rpc.Code` names for each code.

use ports::{ActionFailure, FailureKind, Retry};
use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, HeaderMap};

/// Longest message that is told.
const MESSAGE_BYTES_MAX: usize = 1_000;

/// The status of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Status {
    code: u32,
    message: String,
}

/// A code: its name, status after HTTP, kind of failure, and whether calling again helps.
struct Meaning {
    name: &'static str,
    http: u16,
    kind: FailureKind,
    retry: Retry,
}

const fn meaning(name: &'static str, http: u16, kind: FailureKind, retry: Retry) -> Meaning {
    Meaning { name, http, kind, retry }
}

/// By code, from 0.
const MEANINGS: [Meaning; 17] = {
    use FailureKind::{Authentication, Authorization, Communication, Timeout, Validation};
    use Retry::{Exhausted, Permanent};
    [
        meaning("OK", 200, Communication, Permanent),
        meaning("CANCELLED", 499, Communication, Exhausted),
        meaning("UNKNOWN", 500, Communication, Exhausted),
        meaning("INVALID_ARGUMENT", 400, Validation, Permanent),
        meaning("DEADLINE_EXCEEDED", 504, Timeout, Exhausted),
        meaning("NOT_FOUND", 404, Communication, Permanent),
        meaning("ALREADY_EXISTS", 409, Communication, Permanent),
        meaning("PERMISSION_DENIED", 403, Authorization, Permanent),
        meaning("RESOURCE_EXHAUSTED", 429, Communication, Exhausted),
        meaning("FAILED_PRECONDITION", 400, Communication, Permanent),
        meaning("ABORTED", 409, Communication, Exhausted),
        meaning("OUT_OF_RANGE", 400, Communication, Permanent),
        meaning("UNIMPLEMENTED", 501, Communication, Permanent),
        meaning("INTERNAL", 500, Communication, Exhausted),
        meaning("UNAVAILABLE", 503, Communication, Exhausted),
        meaning("DATA_LOSS", 500, Communication, Permanent),
        meaning("UNAUTHENTICATED", 401, Authentication, Permanent),
    ]
};

impl Status {
    /// What an answer means that is none of gRPC: a proxy's, say
    /// (<https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md>).
    pub(super) fn of_answer(status: StatusCode, headers: &HeaderMap) -> Option<Self> {
        let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if status == StatusCode::OK && kind.starts_with("application/grpc") {
            return None;
        }
        if let Some(told) = Self::of_trailers(headers) {
            return Some(told);
        }
        let code = match status.as_u16() {
            400 => 13,
            401 => 16,
            403 => 7,
            404 => 12,
            429 | 502 | 503 | 504 => 14,
            _ => 2,
        };
        let message = if status == StatusCode::OK {
            "what answers there does not speak gRPC; check host and port".to_owned()
        } else {
            format!("answered {status} without a status of gRPC")
        };
        Some(Self { code, message })
    }

    /// The status in trailers, or in a head without messages.
    pub(super) fn of_trailers(trailers: &HeaderMap) -> Option<Self> {
        let code = trailers.get("grpc-status")?.to_str().ok().and_then(|text| text.parse().ok()).unwrap_or(2);
        let message = trailers.get("grpc-message").map(|value| percent_decoded(value.as_bytes()));
        let message = message.unwrap_or_default();
        let plain: String = message.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        Some(Self { code, message: receive::limits::cut(plain.trim(), MESSAGE_BYTES_MAX).into_owned() })
    }

    pub(super) fn is_ok(&self) -> bool {
        self.code == 0
    }

    /// The failure that it stands for.
    pub(super) fn failure(&self, at: &str) -> ActionFailure {
        let known = usize::try_from(self.code).ok().and_then(|code| MEANINGS.get(code));
        let Meaning { name, http, kind, retry } = known.unwrap_or(&MEANINGS[2]);
        let mut text = format!("{at} ended with {name} ({})", self.code);
        if !self.message.is_empty() {
            text.push_str(": ");
            text.push_str(&self.message);
        }
        ActionFailure::new(*kind, *retry, text).with_status(*http)
    }
}

/// Bytes that were written as `%41` (PROTOCOL-HTTP2, "Percent-Encoded"); what is wrong stays as it is.
fn percent_decoded(text: &[u8]) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, after @ ..] = rest {
        let hex = after.get(..2).filter(|_| *first == b'%').and_then(|two| std::str::from_utf8(two).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    fn trailers(code: &'static str, message: &'static str) -> HeaderMap {
        let pairs = [("grpc-status", code), ("grpc-message", message)];
        pairs.into_iter().map(|(n, v)| (n.parse().unwrap(), HeaderValue::from_static(v))).collect()
    }

    #[test]
    fn each_code_has_its_kind_and_says_whether_to_try_again() {
        use FailureKind::{Authentication, Authorization, Communication, Timeout, Validation};
        for (code, kind, status, retry) in [
            ("3", Validation, 400, Retry::Permanent),
            ("4", Timeout, 504, Retry::Exhausted),
            ("5", Communication, 404, Retry::Permanent),
            ("7", Authorization, 403, Retry::Permanent),
            ("8", Communication, 429, Retry::Exhausted),
            ("12", Communication, 501, Retry::Permanent),
            ("14", Communication, 503, Retry::Exhausted),
            ("16", Authentication, 401, Retry::Permanent),
            ("99", Communication, 500, Retry::Exhausted),
            ("x", Communication, 500, Retry::Exhausted),
        ] {
            let failure = Status::of_trailers(&trailers(code, "")).unwrap().failure("http://a/b");
            assert_eq!((failure.kind, failure.status, failure.retry), (kind, status, retry), "{code}");
        }
        assert!(Status::of_trailers(&trailers("0", "")).unwrap().is_ok());
    }

    #[test]
    fn messages_are_decoded_and_harmless() {
        let failure =
            Status::of_trailers(&trailers("5", "no caf%C3%A9 %0A%1b 100%")).unwrap().failure("http://a/b");
        assert_eq!(failure.message, "http://a/b ended with NOT_FOUND (5): no café    100%");
    }

    #[test]
    fn an_answer_of_something_else_is_told_apart() {
        let html = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("text/html"))]);
        for (status, code) in [(503, 14), (401, 16), (200, 2), (500, 2)] {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(Status::of_answer(status, &html).unwrap().code, code);
        }
        let grpc = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/grpc+proto"))]);
        assert_eq!(Status::of_answer(StatusCode::OK, &grpc), None);
    }
}
