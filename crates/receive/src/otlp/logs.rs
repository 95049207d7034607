//! Logs requests to log records.

use model::{LogLevel, LogRecord, Signal, Timestamp};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::logs::v1::LogRecord as Record;

use super::attributes::{Sender, hex, size_bytes, text};
use crate::logline::level_of_word;
use crate::{Received, limits};

pub(super) fn collect(request: &ExportLogsServiceRequest, now: Timestamp, received: &mut Received) {
    for resource in &request.resource_logs {
        let mut records = resource.scope_logs.iter().flat_map(|scope| &scope.log_records);
        match Sender::of(resource.resource.as_ref()) {
            Ok(sender) => records.for_each(|r| {
                let record = record(&sender, r, now);
                let size = record.body.len() + record.service.len() + size_bytes(&record.attributes) + 128;
                received.push(Signal::Log(record), size);
            }),
            Err(reason) => received.rejected.add(records.by_ref().count() as u64, reason),
        }
    }
}

fn record(sender: &Sender, record: &Record, now: Timestamp) -> LogRecord {
    let mut attributes = sender.attributes(&record.attributes);
    for (key, id) in [("span_id", &record.span_id)] {
        if id.len() == 8 {
            attributes.insert(key.to_owned(), hex(id));
        }
    }
    if !record.event_name.is_empty() {
        let name = limits::cut(&record.event_name, limits::NAME_BYTES_MAX).into_owned();
        attributes.insert("event.name".to_owned(), name);
    }
    let body = record.body.as_ref().map(text).unwrap_or_default();
    let nanos = [record.time_unix_nano, record.observed_time_unix_nano].into_iter().find(|n| *n > 0);
    LogRecord {
        service: sender.service.clone(),
        at: nanos.map_or(now, Timestamp::from_unix_nanos),
        level: level(record),
        body: limits::cut(&body, limits::LOG_BODY_BYTES_MAX).into_owned(),
        attributes,
        trace_id: (record.trace_id.len() == 16 && record.trace_id.iter().any(|b| *b != 0))
            .then(|| hex(&record.trace_id)),
    }
}

/// The severity number (OpenTelemetry log data model, section SeverityNumber), else the severity text.
fn level(record: &Record) -> LogLevel {
    match record.severity_number {
        1..=4 => LogLevel::Trace,
        5..=8 => LogLevel::Debug,
        9..=12 => LogLevel::Info,
        13..=16 => LogLevel::Warn,
        17..=20 => LogLevel::Error,
        21..=24 => LogLevel::Fatal,
        _ => level_of_word(&record.severity_text).unwrap_or(LogLevel::Info),
    }
}
