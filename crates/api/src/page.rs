//! Lists: cursor pagination, the same everywhere; and extractors whose refusals are Problems.

use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::{StatusCode, header};
use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::problem::{Code, Problem};

/// A page of a list.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Page<T> {
    /// The items, in the order the list is documented to have.
    pub items: Vec<T>,
    /// Pass as `cursor` for the next page; null at the end.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// A list that is never long enough for pages.
    #[must_use]
    pub fn whole(items: Vec<T>) -> Self {
        Self { items, next: None }
    }

    /// The same page with other items.
    #[must_use]
    pub fn map<U>(self, f: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(f).collect(), next: self.next }
    }
}

impl<T> From<engine::records::Page<T>> for Page<T> {
    fn from(page: engine::records::Page<T>) -> Self {
        Self { items: page.items, next: page.next }
    }
}

/// Checks a limit from the query string.
///
/// # Errors
/// It is not between 1 and 1000.
pub fn limit(asked: Option<usize>) -> Result<usize, Problem> {
    match asked.unwrap_or(50) {
        n @ 1..=1000 => Ok(n),
        n => Err(Problem::invalid("limit", format!("limit must be between 1 and 1000, not {n}"))),
    }
}

/// A query string.
#[derive(Debug, FromRequestParts)]
#[from_request(via(axum::extract::Query), rejection(Problem))]
pub struct Query<T>(pub T);

/// A path parameter.
#[derive(Debug, FromRequestParts)]
#[from_request(via(axum::extract::Path), rejection(Problem))]
pub struct Path<T>(pub T);

/// A JSON body. Without body and media type it counts as `{}`.
#[derive(Debug)]
pub struct Body<T>(pub T);

/// The bytes of a body, whatever they are.
#[derive(Debug)]
pub struct Raw(pub Bytes);

impl<S: Send + Sync> FromRequest<S> for Raw {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        Bytes::from_request(request, state).await.map(Raw).map_err(|rejection| {
            let text = rejection.body_text();
            if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE || text.contains("length limit exceeded") {
                return Problem::new(Code::BodyTooLarge, "the body, unpacked, is larger than is taken here")
                    .at("body");
            }
            Problem::new(Code::InvalidRequest, format!("the body cannot be read whole: {text}")).at("body")
        })
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let media = request.headers().get(header::CONTENT_TYPE).cloned();
        let bytes = Raw::from_request(request, state).await?.0;
        match media {
            None if bytes.is_empty() => read(b"{}").map(Self),
            Some(media) if is_json(media.as_bytes()) => read(&bytes).map(Self),
            _ => Err(Problem::new(
                Code::UnsupportedMediaType,
                "send JSON with `Content-Type: application/json`",
            )),
        }
    }
}

fn is_json(media: &[u8]) -> bool {
    let media = String::from_utf8_lossy(media).to_ascii_lowercase();
    let media = media.split(';').next().unwrap_or_default().trim();
    media == "application/json" || (media.starts_with("application/") && media.ends_with("+json"))
}

fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    // Serde would take an array as the fields in their order.
    if bytes.iter().find(|b| !b.is_ascii_whitespace()).is_some_and(|first| *first != b'{') {
        return Err(Problem::invalid("body", "send a JSON object"));
    }
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let at = if error.inner().is_data() {
            pointer(error.path())
        } else {
            format!("line {} column {}", error.inner().line(), error.inner().column())
        };
        Problem::invalid(&at, clipped(&error.inner().to_string()))
    })?;
    reader.end().map_err(|error| {
        Problem::invalid(
            &format!("line {} column {}", error.line(), error.column()),
            "there is more after the JSON value",
        )
    })?;
    Ok(value)
}

/// The JSON pointer (RFC 6901) of a place; `body` for the whole.
fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    let mut pointer = String::new();
    for segment in path.iter() {
        match segment {
            Segment::Seq { index } => pointer.push_str(&format!("/{index}")),
            Segment::Map { key } => {
                pointer.push_str(&format!("/{}", key.replace('~', "~0").replace('/', "~1")))
            }
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    if pointer.is_empty() { "body".to_owned() } else { clipped(&pointer) }
}

/// The beginning of a text that came from outside.
fn clipped(text: &str) -> String {
    if text.chars().count() <= 300 {
        text.to_owned()
    } else {
        text.chars().take(300).chain(['…']).collect()
    }
}

/// Checks a name: 1 to `most` characters, none of them a control character.
///
/// # Errors
/// It is none; `at` says where.
pub fn check_name(at: &str, text: &str, most: usize) -> Result<(), Problem> {
    let length = text.chars().count();
    if length == 0 || length > most {
        return Err(Problem::invalid(at, format!("must have 1 to {most} characters, not {length}")));
    }
    if text.chars().any(char::is_control) {
        return Err(Problem::invalid(at, "must not contain control characters"));
    }
    Ok(())
}

/// Checks prose of people: at most 2,000 characters, no control characters but tab and line break.
///
/// # Errors
/// It is none; `at` says where.
pub fn check_prose(at: &str, text: &str) -> Result<(), Problem> {
    let length = text.chars().count();
    if length > 2_000 {
        return Err(Problem::invalid(at, format!("must have at most 2000 characters, not {length}")));
    }
    if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
        return Err(Problem::invalid(at, "must not contain control characters"));
    }
    Ok(())
}

impl From<QueryRejection> for Problem {
    fn from(rejection: QueryRejection) -> Self {
        Self::invalid("query", clipped(&rejection.body_text()))
    }
}

impl From<PathRejection> for Problem {
    fn from(rejection: PathRejection) -> Self {
        Self::invalid("path", clipped(&rejection.body_text()))
    }
}
