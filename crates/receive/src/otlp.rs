//! OTLP 1.x: metrics, logs and traces requests in protobuf and JSON, and the bodies of their answers.
//!
//! Specification: <https://opentelemetry.io/docs/specs/otlp/>. JSON is read by hand (see [`json`]) to
//! say exactly where a request is wrong and to take numbers as text or as numbers.
//!
//! What becomes of metrics: a monotonic cumulative sum is a counter, any other cumulative sum a gauge. A
//! *delta* sum or histogram is a gauge named `…_delta` that holds the growth in each interval: adding
//! deltas up needs memory and would silently restart with this process, while the growth itself is exact.
//! A histogram is `…_count`, `…_sum` and `…_bucket{le}`, an exponential one `…_count` and `…_sum` (its
//! buckets move, so they are no series), a summary `…_count`, `…_sum` and `…{quantile}`.

mod attributes;
mod json;
mod logs;
mod metrics;
mod traces;

use model::Timestamp;
use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsPartialSuccess, ExportLogsServiceRequest, ExportLogsServiceResponse,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsPartialSuccess, ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use prost::Message;
use serde_json::{Value, json};

use crate::{Malformed, Received, Rejected};

/// How a request is written; the answer is written the same way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// `application/x-protobuf`.
    Protobuf,
    /// `application/json`.
    Json,
}

impl Encoding {
    /// The encoding of a `Content-Type`, parameters ignored.
    #[must_use]
    pub fn of(content_type: &str) -> Option<Self> {
        match content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
            "application/x-protobuf" | "application/protobuf" => Some(Self::Protobuf),
            "application/json" => Some(Self::Json),
            _ => None,
        }
    }

    /// The `Content-Type` of the answer.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Protobuf => "application/x-protobuf",
            Self::Json => "application/json",
        }
    }
}

/// Which of the three requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Export {
    /// `POST /v1/metrics`.
    Metrics,
    /// `POST /v1/logs`.
    Logs,
    /// `POST /v1/traces`.
    Traces,
}

/// Reads a request. `now` stands in for instants that the sender left out.
///
/// # Errors
/// The body is not such a request at all. Single data points, records and spans that cannot be taken
/// are counted in [`Received::rejected`] instead, and the rest is taken.
pub fn receive(
    export: Export,
    encoding: Encoding,
    body: &[u8],
    now: Timestamp,
) -> Result<Received, Malformed> {
    let mut received = Received::default();
    match export {
        Export::Metrics => {
            let request = match encoding {
                Encoding::Protobuf => protobuf::<ExportMetricsServiceRequest>(body)?,
                Encoding::Json => json::metrics(body)?,
            };
            metrics::collect(&request, now, &mut received);
        }
        Export::Logs => {
            let request = match encoding {
                Encoding::Protobuf => protobuf::<ExportLogsServiceRequest>(body)?,
                Encoding::Json => json::logs(body)?,
            };
            logs::collect(&request, now, &mut received);
        }
        Export::Traces => {
            let request = match encoding {
                Encoding::Protobuf => protobuf::<ExportTraceServiceRequest>(body)?,
                Encoding::Json => json::traces(body)?,
            };
            traces::collect(&request, &mut received);
        }
    }
    Ok(received)
}

/// The body of a 200 answer: empty, or a partial success that counts what was refused and says why.
#[must_use]
pub fn respond(export: Export, encoding: Encoding, rejected: &Rejected) -> Vec<u8> {
    let count = i64::try_from(rejected.count()).unwrap_or(i64::MAX);
    let reason = rejected.to_string();
    match (encoding, export) {
        (Encoding::Json, _) if count == 0 => b"{}".to_vec(),
        (Encoding::Json, _) => {
            let field = match export {
                Export::Metrics => "rejectedDataPoints",
                Export::Logs => "rejectedLogRecords",
                Export::Traces => "rejectedSpans",
            };
            let mut partial = serde_json::Map::new();
            partial.insert(field.to_owned(), Value::String(count.to_string()));
            partial.insert("errorMessage".to_owned(), Value::String(reason));
            json!({ "partialSuccess": partial }).to_string().into_bytes()
        }
        (Encoding::Protobuf, Export::Metrics) => ExportMetricsServiceResponse {
            partial_success: (count > 0).then_some(ExportMetricsPartialSuccess {
                rejected_data_points: count,
                error_message: reason,
            }),
        }
        .encode_to_vec(),
        (Encoding::Protobuf, Export::Logs) => ExportLogsServiceResponse {
            partial_success: (count > 0)
                .then_some(ExportLogsPartialSuccess { rejected_log_records: count, error_message: reason }),
        }
        .encode_to_vec(),
        (Encoding::Protobuf, Export::Traces) => ExportTraceServiceResponse {
            partial_success: (count > 0)
                .then_some(ExportTracePartialSuccess { rejected_spans: count, error_message: reason }),
        }
        .encode_to_vec(),
    }
}

/// `google.rpc.Status`, the body of every 4xx and 5xx answer of OTLP/HTTP.
#[derive(Clone, PartialEq, prost::Message)]
struct Status {
    /// A code of `google.rpc.Code`.
    #[prost(int32, tag = "1")]
    code: i32,
    /// For developers.
    #[prost(string, tag = "2")]
    message: String,
}

/// The body of a 4xx or 5xx answer. `code` is of `google.rpc.Code`: 3 for a malformed request, 8 when
/// overloaded, 16 when not signed in.
#[must_use]
pub fn refuse(encoding: Encoding, code: i32, message: &str) -> Vec<u8> {
    match encoding {
        Encoding::Protobuf => Status { code, message: message.to_owned() }.encode_to_vec(),
        Encoding::Json => json!({ "code": code, "message": message }).to_string().into_bytes(),
    }
}

fn protobuf<M: Message + Default>(body: &[u8]) -> Result<M, Malformed> {
    M::decode(body).map_err(|error| {
        Malformed::new(
            format!("byte 0..{}", body.len()),
            error.to_string(),
            "send an OTLP export request in protobuf, or set Content-Type: application/json for JSON",
        )
    })
}
