//! Log lines: one JSON object for each, on standard output.

use std::io::Write;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::app::App;

pub(super) fn debug(app: &App, message: &str, trace_id: Option<&str>) {
    write(app, "debug", message, trace_id);
}

pub(super) fn info(app: &App, message: &str, trace_id: Option<&str>) {
    write(app, "info", message, trace_id);
}

pub(super) fn warn(app: &App, message: &str, trace_id: Option<&str>) {
    write(app, "warn", message, trace_id);
}

pub(super) fn error(app: &App, message: &str, trace_id: Option<&str>) {
    write(app, "error", message, trace_id);
}

fn write(app: &App, level: &str, message: &str, trace_id: Option<&str>) {
    let ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let ts = model::Timestamp::from_unix_ms(i64::try_from(ms).unwrap_or(i64::MAX)).to_string();
    let mut line =
        json!({"ts": ts, "level": level, "msg": message, "service": app.service, "instance": app.instance});
    if let Some(trace_id) = trace_id {
        line["trace_id"] = Value::from(trace_id);
    }
    raw(&line.to_string());
}

/// Prints a line whole. When nobody reads any more, there is nobody to tell.
pub(super) fn raw(line: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(format!("{line}\n").as_bytes()).and_then(|()| out.flush());
}
