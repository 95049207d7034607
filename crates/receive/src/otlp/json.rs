//! OTLP JSON to the protobuf types, by hand.
//!
//! The JSON mapping is protobuf's with OTLP's exceptions (ids are hex, enum values are integers):
//! <https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding>. By hand, because an error must
//! name its place as a JSON pointer, and because senders write 64-bit integers both as text and as
//! numbers, enum values both as integers and by name, and `null` for what they leave out. Unknown
//! fields are ignored, as the specification asks.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue, KeyValueList};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs, SeverityNumber};
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Histogram,
    HistogramDataPoint, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, Summary,
    SummaryDataPoint, metric::Data, number_data_point, summary_data_point::ValueAtQuantile,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, SpanKind};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status, status::StatusCode};
use serde_json::Value;

use self::object::{At, Object, Read};
use crate::Malformed;

mod object;

pub(super) fn metrics(body: &[u8]) -> Read<ExportMetricsServiceRequest> {
    let value = document(body)?;
    let root = root(&value, "resourceMetrics")?;
    Ok(ExportMetricsServiceRequest { resource_metrics: root.list("resourceMetrics", resource_metrics)? })
}

pub(super) fn logs(body: &[u8]) -> Read<ExportLogsServiceRequest> {
    let value = document(body)?;
    let root = root(&value, "resourceLogs")?;
    Ok(ExportLogsServiceRequest { resource_logs: root.list("resourceLogs", resource_logs)? })
}

pub(super) fn traces(body: &[u8]) -> Read<ExportTraceServiceRequest> {
    let value = document(body)?;
    let root = root(&value, "resourceSpans")?;
    Ok(ExportTraceServiceRequest { resource_spans: root.list("resourceSpans", resource_spans)? })
}

fn document(body: &[u8]) -> Read<Value> {
    serde_json::from_slice(body).map_err(|error| {
        Malformed::new(
            format!("line {} column {}", error.line(), error.column()),
            error.to_string(),
            "send an OTLP export request as JSON, or set Content-Type: application/x-protobuf for protobuf",
        )
    })
}

/// The request object. A request of another kind, or with field names in snake_case, would read as an
/// empty one and be lost without a word: it is refused.
fn root<'a>(value: &'a Value, list: &'static str) -> Read<Object<'a>> {
    let root = Object::of(value, &At::ROOT)?;
    if root.has(list) || root.is_empty() {
        Ok(root)
    } else {
        Err(Malformed::new(
            "/",
            format!("no {list}"),
            "send each signal to its own path (/v1/metrics, /v1/logs, /v1/traces), names in lowerCamelCase",
        ))
    }
}

fn resource_metrics(o: &Object<'_>) -> Read<ResourceMetrics> {
    Ok(ResourceMetrics {
        resource: o.one("resource", resource)?,
        scope_metrics: o.list("scopeMetrics", |o| {
            Ok(ScopeMetrics { metrics: o.list("metrics", metric)?, ..Default::default() })
        })?,
        ..Default::default()
    })
}

fn metric(o: &Object<'_>) -> Read<Metric> {
    let temporality = |o: &Object<'_>| {
        o.code("aggregationTemporality", |name| AggregationTemporality::from_str_name(name).map(|v| v as i32))
    };
    let gauge = o.one("gauge", |o| Ok(Data::Gauge(Gauge { data_points: o.list("dataPoints", number)? })))?;
    let sum = o.one("sum", |o| {
        Ok(Data::Sum(Sum {
            data_points: o.list("dataPoints", number)?,
            aggregation_temporality: temporality(o)?,
            is_monotonic: o.flag("isMonotonic")?,
        }))
    })?;
    let histogram = o.one("histogram", |o| {
        Ok(Data::Histogram(Histogram {
            data_points: o.list("dataPoints", histogram_point)?,
            aggregation_temporality: temporality(o)?,
        }))
    })?;
    let exponential = o.one("exponentialHistogram", |o| {
        Ok(Data::ExponentialHistogram(ExponentialHistogram {
            data_points: o.list("dataPoints", exponential_point)?,
            aggregation_temporality: temporality(o)?,
        }))
    })?;
    let summary = o.one("summary", |o| {
        Ok(Data::Summary(Summary { data_points: o.list("dataPoints", summary_point)? }))
    })?;
    Ok(Metric {
        name: o.text("name")?,
        data: gauge.or(sum).or(histogram).or(exponential).or(summary),
        ..Default::default()
    })
}

fn number(o: &Object<'_>) -> Read<NumberDataPoint> {
    let value = match o.float("asDouble")? {
        Some(value) => Some(number_data_point::Value::AsDouble(value)),
        None if o.has("asInt") => Some(number_data_point::Value::AsInt(o.signed("asInt")?)),
        None => None,
    };
    Ok(NumberDataPoint {
        attributes: o.list("attributes", key_value)?,
        start_time_unix_nano: o.unsigned("startTimeUnixNano")?,
        time_unix_nano: o.unsigned("timeUnixNano")?,
        flags: o.small("flags")?,
        value,
        ..Default::default()
    })
}

fn histogram_point(o: &Object<'_>) -> Read<HistogramDataPoint> {
    Ok(HistogramDataPoint {
        attributes: o.list("attributes", key_value)?,
        time_unix_nano: o.unsigned("timeUnixNano")?,
        count: o.unsigned("count")?,
        sum: o.float("sum")?,
        bucket_counts: o.unsigned_list("bucketCounts")?,
        explicit_bounds: o.float_list("explicitBounds")?,
        flags: o.small("flags")?,
        ..Default::default()
    })
}

fn exponential_point(o: &Object<'_>) -> Read<ExponentialHistogramDataPoint> {
    Ok(ExponentialHistogramDataPoint {
        attributes: o.list("attributes", key_value)?,
        time_unix_nano: o.unsigned("timeUnixNano")?,
        count: o.unsigned("count")?,
        sum: o.float("sum")?,
        flags: o.small("flags")?,
        ..Default::default()
    })
}

fn summary_point(o: &Object<'_>) -> Read<SummaryDataPoint> {
    Ok(SummaryDataPoint {
        attributes: o.list("attributes", key_value)?,
        time_unix_nano: o.unsigned("timeUnixNano")?,
        count: o.unsigned("count")?,
        sum: o.float("sum")?.unwrap_or_default(),
        quantile_values: o.list("quantileValues", |o| {
            Ok(ValueAtQuantile {
                quantile: o.float("quantile")?.unwrap_or_default(),
                value: o.float("value")?.unwrap_or_default(),
            })
        })?,
        flags: o.small("flags")?,
        ..Default::default()
    })
}

fn resource_logs(o: &Object<'_>) -> Read<ResourceLogs> {
    Ok(ResourceLogs {
        resource: o.one("resource", resource)?,
        scope_logs: o.list("scopeLogs", |o| {
            Ok(ScopeLogs { log_records: o.list("logRecords", log_record)?, ..Default::default() })
        })?,
        ..Default::default()
    })
}

fn log_record(o: &Object<'_>) -> Read<LogRecord> {
    Ok(LogRecord {
        time_unix_nano: o.unsigned("timeUnixNano")?,
        observed_time_unix_nano: o.unsigned("observedTimeUnixNano")?,
        severity_number: o
            .code("severityNumber", |name| SeverityNumber::from_str_name(name).map(|v| v as i32))?,
        severity_text: o.text("severityText")?,
        body: o.one("body", any_value)?,
        attributes: o.list("attributes", key_value)?,
        trace_id: o.hex("traceId")?,
        span_id: o.hex("spanId")?,
        event_name: o.text("eventName")?,
        ..Default::default()
    })
}

fn resource_spans(o: &Object<'_>) -> Read<ResourceSpans> {
    Ok(ResourceSpans {
        resource: o.one("resource", resource)?,
        scope_spans: o
            .list("scopeSpans", |o| Ok(ScopeSpans { spans: o.list("spans", span)?, ..Default::default() }))?,
        ..Default::default()
    })
}

fn span(o: &Object<'_>) -> Read<Span> {
    Ok(Span {
        trace_id: o.hex("traceId")?,
        span_id: o.hex("spanId")?,
        parent_span_id: o.hex("parentSpanId")?,
        name: o.text("name")?,
        kind: o.code("kind", |name| SpanKind::from_str_name(name).map(|v| v as i32))?,
        start_time_unix_nano: o.unsigned("startTimeUnixNano")?,
        end_time_unix_nano: o.unsigned("endTimeUnixNano")?,
        attributes: o.list("attributes", key_value)?,
        events: o.list("events", |o| {
            Ok(Event {
                name: o.text("name")?,
                attributes: o.list("attributes", key_value)?,
                ..Default::default()
            })
        })?,
        status: o.one("status", |o| {
            Ok(Status {
                message: o.text("message")?,
                code: o.code("code", |name| StatusCode::from_str_name(name).map(|v| v as i32))?,
            })
        })?,
        ..Default::default()
    })
}

fn resource(o: &Object<'_>) -> Read<Resource> {
    Ok(Resource { attributes: o.list("attributes", key_value)?, ..Default::default() })
}

fn key_value(o: &Object<'_>) -> Read<KeyValue> {
    Ok(KeyValue { key: o.text("key")?, value: o.one("value", any_value)?, ..Default::default() })
}

fn any_value(o: &Object<'_>) -> Read<AnyValue> {
    let value = if o.has("stringValue") {
        Some(Any::StringValue(o.text("stringValue")?))
    } else if o.has("boolValue") {
        Some(Any::BoolValue(o.flag("boolValue")?))
    } else if o.has("intValue") {
        Some(Any::IntValue(o.signed("intValue")?))
    } else if let Some(value) = o.float("doubleValue")? {
        Some(Any::DoubleValue(value))
    } else if let Some(array) =
        o.one("arrayValue", |o| Ok(ArrayValue { values: o.list("values", any_value)? }))?
    {
        Some(Any::ArrayValue(array))
    } else if let Some(list) =
        o.one("kvlistValue", |o| Ok(KeyValueList { values: o.list("values", key_value)? }))?
    {
        Some(Any::KvlistValue(list))
    } else if o.has("bytesValue") {
        Some(Any::BytesValue(o.base64("bytesValue")?))
    } else {
        None
    };
    Ok(AnyValue { value })
}
