//! Functions that workflows call and run (Serverless Workflow 1.0, "Call" and "Run"), each an actuator. Every request
//! over HTTP goes through one place, [`Web`], which knows the limits, where it may go, and how to prove who asks.
//!
//! A function gets its evaluated parameters and gives JSON. It bounds time and size by itself, names what went
//! wrong after the standard error types, and puts no parameter's value into what it says: values may be secret.
//!
//! Deliberately absent: expressions, secrets by name, retries and documents of workflows. The engine has those; it
//! gives parameters evaluated and with secrets in place.

mod a2a;
mod asyncapi;
mod auth;
mod fields;
mod grpc;
mod http;
mod limits;
mod mcp;
mod openapi;
mod resources;
mod rpc;
pub mod run;

use std::fmt::Display;

use ports::{ActionFailure, FailureKind, Retry};
use serde_json::Value;

pub(crate) use auth::Authentication;
pub(crate) use http::{Answer, Request, excerpt, place, retry_after_ms, url};

pub use a2a::A2aFunction;
pub use asyncapi::AsyncApiFunction;
pub use grpc::GrpcFunction;
pub use http::{HttpFunction, Web};
pub use limits::{Egress, Limits};
pub use mcp::McpFunction;
pub use openapi::OpenApiFunction;
pub use resources::{ExternalResources, FRESH};

fn failure(kind: FailureKind, retry: Retry, message: impl Into<String>) -> ActionFailure {
    ActionFailure::new(kind, retry, message)
}

/// The parameters do not fit the function; the same call never will.
fn invalid(message: impl Display) -> ActionFailure {
    failure(FailureKind::Validation, Retry::Permanent, message.to_string())
}

/// The exchange with a peer broke after the request was sent.
fn broken(at: &str, reason: &str) -> ActionFailure {
    let text = format!("{at}: {reason}; it is not known whether it was done");
    failure(FailureKind::Communication, Retry::Exhausted, text).with_status(502)
}

/// What is wrong with JSON, without the value that is: it may be secret.
fn without_values(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let has_value = text.starts_with("invalid value") || text.starts_with("invalid type");
    match text.split_once(", expected ") {
        Some((_, expected)) if has_value => format!("a value is wrong, expected {expected}"),
        _ if has_value => "a value is wrong".to_owned(),
        _ => receive::limits::cut(&text, 300).into_owned(),
    }
}

/// Milliseconds of a duration as documents write it: ISO 8601 text, or an object of days, hours, minutes,
/// seconds and milliseconds (DSL reference, "Duration").
fn duration_ms(what: &str, value: &Value) -> Result<u64, ActionFailure> {
    const LONGEST_MS: f64 = 366.0 * 24.0 * 3_600_000.0;
    let wrong =
        || invalid(format!("`{what}` is no duration of at most a year: write PT30S or {{\"seconds\": 30}}"));
    let ms = match value {
        Value::String(text) => {
            let span: jiff::Span = text.parse().map_err(|_| wrong())?;
            let length = span.to_duration(jiff::SpanRelativeTo::days_are_24_hours()).map_err(|_| wrong())?;
            length.as_secs_f64() * 1_000.0
        }
        Value::Object(parts) if !parts.is_empty() => {
            let part = |(unit, amount): (&String, &Value)| {
                let units = [
                    ("days", 8.64e7),
                    ("hours", 3.6e6),
                    ("minutes", 6e4),
                    ("seconds", 1e3),
                    ("milliseconds", 1.0),
                ];
                let (_, factor) = units.iter().find(|(name, _)| name == unit)?;
                Some(amount.as_f64()? * factor)
            };
            parts.iter().map(part).sum::<Option<f64>>().ok_or_else(wrong)?
        }
        _ => return Err(wrong()),
    };
    if (0.0..=LONGEST_MS).contains(&ms) { Ok(ms.round() as u64) } else { Err(wrong()) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn durations_are_read_in_both_forms() {
        for (value, ms) in [
            (json!("PT30S"), 30_000),
            (json!("P1DT2H"), 93_600_000),
            (json!({"minutes": 1, "seconds": 1.5}), 61_500),
        ] {
            assert_eq!(duration_ms("x", &value).unwrap(), ms, "{value}");
        }
        for value in
            [json!("soon"), json!({}), json!({"weeks": 1}), json!(-1), json!("-PT1S"), json!({"days": 1e9})]
        {
            let failure = duration_ms("timeout", &value).unwrap_err();
            assert!(failure.message.contains("`timeout`"), "{value}: {}", failure.message);
        }
    }
}
