//! Problems (RFC 9457): every error answer, with a stable code that has a page in `docs/errors/`.

use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use engine::command::Refusal;
use serde::{Deserialize, Serialize};

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $status:ident, $title:literal;)*) => {
        /// Stable names of what can go wrong.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Code { $($(#[$doc])* $name,)* }

        impl Code {
            /// Every code; each has a page in `docs/errors/`.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The name in answers.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code),* }
            }

            /// The HTTP status it goes with.
            #[must_use]
            pub const fn status(self) -> StatusCode {
                match self { $(Self::$name => StatusCode::$status),* }
            }

            /// What the code means, why it happens and what to do: Markdown.
            #[must_use]
            pub const fn page(self) -> &'static str {
                match self { $(Self::$name => include_str!(concat!("../../../docs/errors/", $code, ".md"))),* }
            }

            const fn title(self) -> &'static str {
                match self { $(Self::$name => $title),* }
            }
        }
    };
}

codes! {
    /// No valid session or token.
    Unauthenticated = "unauthenticated", UNAUTHORIZED, "Sign in first";
    /// The role does not suffice.
    Forbidden = "forbidden", FORBIDDEN, "Your role does not allow this";
    /// The session's CSRF token is missing or wrong.
    CsrfFailed = "csrf_failed", FORBIDDEN, "The request does not prove that it comes from the dashboard";
    /// The Host header names a host that is not allowed.
    HostNotAllowed = "host_not_allowed", MISDIRECTED_REQUEST, "This host name is not served here";
    /// Too many failed sign-ins.
    TooManyAttempts = "too_many_attempts", TOO_MANY_REQUESTS, "Too many failed attempts";
    /// There is no such thing.
    NotFound = "not_found", NOT_FOUND, "Not found";
    /// The path does not take this method.
    MethodNotAllowed = "method_not_allowed", METHOD_NOT_ALLOWED, "This path does not take this method";
    /// It was there, and is no more.
    Gone = "gone", GONE, "It is no longer here";
    /// Only the demo has this.
    NotInDemo = "not_in_demo", NOT_FOUND, "Only the demo has this";
    /// A parameter or body is wrong.
    InvalidRequest = "invalid_request", BAD_REQUEST, "The request is wrong";
    /// Signals that cannot be read.
    MalformedSignal = "malformed_signal", BAD_REQUEST, "The signals cannot be read";
    /// The body's media type is not one that is understood here.
    UnsupportedMediaType = "unsupported_media_type", UNSUPPORTED_MEDIA_TYPE, "This media type is not understood here";
    /// The body is larger than allowed.
    BodyTooLarge = "body_too_large", PAYLOAD_TOO_LARGE, "The body is too large";
    /// It cannot be done in the present state.
    Conflict = "conflict", CONFLICT, "It cannot be done now";
    /// More than can be taken; try again later.
    Overloaded = "overloaded", TOO_MANY_REQUESTS, "More than can be taken just now";
    /// The process is stopping or a part of it does not answer.
    Unavailable = "unavailable", SERVICE_UNAVAILABLE, "Not available just now";
    /// A failure of Homeostat itself.
    Internal = "internal", INTERNAL_SERVER_ERROR, "Homeostat failed";
}

/// An error answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Problem {
    /// Where the code is explained: `/docs/errors/<code>`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What the code means.
    pub title: String,
    /// HTTP status.
    pub status: u16,
    /// What went wrong this time and what to do.
    pub detail: String,
    /// Stable name.
    pub code: String,
    /// Where in the request: a JSON pointer, a parameter or a byte.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// Seconds to wait before trying again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_s: Option<u64>,
}

impl Problem {
    /// A problem of this code.
    #[must_use]
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("/docs/errors/{}", code.as_str()),
            title: code.title().to_owned(),
            status: code.status().as_u16(),
            detail: detail.into(),
            code: code.as_str().to_owned(),
            at: None,
            retry_after_s: None,
        }
    }

    /// With the place in the request.
    #[must_use]
    pub fn at(mut self, place: impl Into<String>) -> Self {
        self.at = Some(place.into());
        self
    }

    /// With a time to wait.
    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }

    /// There is no such thing.
    #[must_use]
    pub fn not_found(what: &str, id: &str) -> Self {
        // What was asked for may be as long as a request line may be; an answer repeats only its beginning.
        let shown: String = id.chars().take(120).collect();
        let more = if shown.len() < id.len() { "…" } else { "" };
        let lists = match what {
            "run" => "; `GET /api/v1/runs` lists runs",
            "workflow" => "; `GET /api/v1/workflows` lists workflows",
            "approval" => "; `GET /api/v1/approvals` lists questions",
            "schedule" => "; `GET /api/v1/schedules` lists workflows that have one",
            "incident" => "; `GET /api/v1/incidents` lists incidents",
            "decision" => "; `GET /api/v1/decisions` lists decisions",
            "service" => "; `GET /api/v1/services` lists services",
            "connector" => "; `GET /api/v1/connectors` lists connectors",
            "sample" => "; `GET /api/v1/connectors/samples` lists samples",
            "runbook" => "; `GET /api/v1/runbooks` lists runbooks",
            _ => "",
        };
        Self::new(Code::NotFound, format!("there is no {what} {shown:?}{more}{lists}"))
    }

    /// A parameter or body is wrong.
    #[must_use]
    pub fn invalid(at: &str, detail: impl Into<String>) -> Self {
        Self::new(Code::InvalidRequest, detail).at(at)
    }
}

impl From<ports::Error> for Problem {
    fn from(error: ports::Error) -> Self {
        match error {
            ports::Error::Invalid(detail) => Self::new(Code::InvalidRequest, detail),
            ports::Error::Overloaded(detail) => Self::new(Code::Overloaded, detail).retry_after(1),
            ports::Error::Conflict { .. } => Self::new(Code::Conflict, error.to_string()),
            ports::Error::Failed { .. } | ports::Error::Corrupt(_) => {
                tracing::error!(%error, source = ?std::error::Error::source(&error), "A request failed in an adapter.");
                Self::new(Code::Unavailable, "a part of Homeostat does not answer; see /api/v1/status")
                    .retry_after(2)
            }
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let code = match refusal {
            Refusal::NotFound(_) => Code::NotFound,
            Refusal::Conflict(_) | Refusal::Moved => Code::Conflict,
            Refusal::Forbidden(_) => Code::Forbidden,
            Refusal::Invalid(_) => Code::InvalidRequest,
            Refusal::Stopping => Code::Unavailable,
        };
        Self::new(code, refusal.to_string())
    }
}

/// Turns the bare errors of the framework (405, 413, 415, timeouts) into Problems, so that no path answers
/// anything else. Answers that already speak for themselves pass.
pub async fn speak(request: Request, next: Next) -> Response {
    let path: String = request.uri().path().chars().take(120).collect();
    let method = request.method().clone();
    let response = next.run(request).await;
    let status = response.status();
    let speaks = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|v| !v.as_bytes().starts_with(b"text/plain"));
    if !(status.is_client_error() || status.is_server_error()) || speaks {
        return response;
    }
    let (code, detail) = match status {
        StatusCode::METHOD_NOT_ALLOWED => {
            (Code::MethodNotAllowed, format!("{path} does not take {method}; see `Allow`"))
        }
        StatusCode::PAYLOAD_TOO_LARGE => {
            (Code::BodyTooLarge, "the body is larger than is taken here".to_owned())
        }
        StatusCode::UNSUPPORTED_MEDIA_TYPE => (
            Code::UnsupportedMediaType,
            "the body's Content-Encoding is not understood; send it plain or as gzip".to_owned(),
        ),
        StatusCode::NOT_FOUND => (Code::NotFound, format!("there is no {path}")),
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::REQUEST_TIMEOUT => (
            Code::Unavailable,
            "no answer within the time allowed; ask for less, or send the body faster".to_owned(),
        ),
        other if other.is_client_error() => {
            (Code::InvalidRequest, format!("refused with HTTP status {other}"))
        }
        other => (Code::Internal, format!("failed with HTTP status {other}")),
    };
    let mut spoken = Problem::new(code, detail).into_response();
    for name in [header::ALLOW, header::ACCEPT_ENCODING, header::CONNECTION] {
        if let Some(value) = response.headers().get(&name) {
            spoken.headers_mut().insert(name, value.clone());
        }
    }
    spoken
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
