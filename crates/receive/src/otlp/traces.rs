//! Traces requests to spans.

use model::{Signal, Span, SpanKind, Timestamp};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span as Sent;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind as SentKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;

use super::attributes::{Sender, hex, size_bytes};
use crate::{Received, limits};

pub(super) fn collect(request: &ExportTraceServiceRequest, received: &mut Received) {
    for resource in &request.resource_spans {
        let mut spans = resource.scope_spans.iter().flat_map(|scope| &scope.spans);
        match Sender::of(resource.resource.as_ref()) {
            Ok(sender) => spans.for_each(|sent| match span(&sender, sent) {
                Ok(span) => {
                    let size = span.name.len() + span.service.len() + size_bytes(&span.attributes) + 192;
                    received.push(Signal::Span(span), size);
                }
                Err(reason) => received.rejected.add(1, reason),
            }),
            Err(reason) => received.rejected.add(spans.by_ref().count() as u64, reason),
        }
    }
}

fn span(sender: &Sender, sent: &Sent) -> Result<Span, &'static str> {
    let blank = |id: &[u8]| id.iter().all(|b| *b == 0);
    if sent.trace_id.len() != 16 || blank(&sent.trace_id) {
        return Err("traceId must be 16 bytes (32 hex digits in JSON), not all zero");
    }
    if sent.span_id.len() != 8 || blank(&sent.span_id) {
        return Err("spanId must be 8 bytes (16 hex digits in JSON), not all zero");
    }
    if !matches!(sent.parent_span_id.len(), 0 | 8) {
        return Err("parentSpanId must be 8 bytes (16 hex digits in JSON), or empty for a root span");
    }
    if sent.start_time_unix_nano == 0 || sent.end_time_unix_nano == 0 {
        return Err("startTimeUnixNano and endTimeUnixNano must be set");
    }
    let mut attributes = sender.attributes(&sent.attributes);
    let status = sent.status.as_ref();
    if let Some(message) = status.map(|s| s.message.as_str()).filter(|m| !m.is_empty()) {
        let message = limits::cut(message, limits::ATTRIBUTE_VALUE_BYTES_MAX).into_owned();
        attributes.insert("status.message".to_owned(), message);
    }
    // Why a span failed is in its first exception event; other events are not kept.
    if let Some(exception) = sent.events.iter().find(|event| event.name == "exception") {
        let wanted = ["exception.type", "exception.message"];
        let found = exception.attributes.iter().filter(|a| wanted.contains(&a.key.as_str()));
        for attribute in found {
            let value = attribute.value.as_ref().map(super::attributes::text).unwrap_or_default();
            let value = limits::cut(&value, limits::ATTRIBUTE_VALUE_BYTES_MAX).into_owned();
            attributes.entry(attribute.key.clone()).or_insert(value);
        }
    }
    Ok(Span {
        service: sender.service.clone(),
        name: limits::cut(&sent.name, limits::NAME_BYTES_MAX).into_owned(),
        kind: match SentKind::try_from(sent.kind) {
            Ok(SentKind::Server) => SpanKind::Server,
            Ok(SentKind::Client) => SpanKind::Client,
            Ok(SentKind::Producer) => SpanKind::Producer,
            Ok(SentKind::Consumer) => SpanKind::Consumer,
            _ => SpanKind::Internal,
        },
        trace_id: hex(&sent.trace_id),
        span_id: hex(&sent.span_id),
        parent_span_id: (!sent.parent_span_id.is_empty() && !blank(&sent.parent_span_id))
            .then(|| hex(&sent.parent_span_id)),
        started_at: Timestamp::from_unix_nanos(sent.start_time_unix_nano),
        // Clocks of one machine can step back; a span cannot take less than no time.
        duration_us: sent.end_time_unix_nano.saturating_sub(sent.start_time_unix_nano) / 1_000,
        error: status.is_some_and(|s| s.code == StatusCode::Error as i32),
        attributes,
    })
}
