//! One line of a log file to a log record: JSON, logfmt, or plain text with a level word.
//!
//! Never fails: a line that fits no format is a plain record. A format is told by the line itself, so a
//! file may mix them. Instants without a zone are read as UTC; instants before 2000 or more than a day
//! ahead of `now` are taken for something else (uptimes, durations) and stay attributes.

mod plain;
mod time;

use model::{Labels, LogLevel, LogRecord, Timestamp};
use serde_json::{Map, Value};

use crate::{Origin, limits};

const TIME_KEYS: [&str; 8] = ["ts", "time", "timestamp", "@timestamp", "datetime", "date", "t", "_time"];
const LEVEL_KEYS: [&str; 8] =
    ["level", "severity", "lvl", "loglevel", "log.level", "levelname", "severity_text", "log_level"];
const BODY_KEYS: [&str; 5] = ["msg", "message", "body", "event", "text"];
const TRACE_KEYS: [&str; 6] = ["trace_id", "traceId", "traceID", "trace.id", "traceid", "otelTraceID"];

/// Reads a line, with or without its line end. Bytes that are no UTF-8 become U+FFFD. A line longer than
/// [`limits::LOG_BODY_BYTES_MAX`] is cut, marked with [`limits::CUT_MARK`], and says in its attribute
/// `cut_bytes` how much is missing.
#[must_use]
pub fn parse(line: &[u8], origin: &Origin, now: Timestamp) -> LogRecord {
    let end = line.iter().rposition(|b| !matches!(b, b'\n' | b'\r')).map_or(0, |last| last + 1);
    let kept = &line[..end.min(limits::LOG_BODY_BYTES_MAX)];
    let text = String::from_utf8_lossy(kept);
    let mut record = if end > kept.len() {
        let mut record = plain::parse(&text, now);
        record.body.push_str(limits::CUT_MARK);
        record.attributes.insert("cut_bytes".to_owned(), (end - kept.len()).to_string());
        record
    } else {
        json(&text, now).or_else(|| logfmt(&text, now)).unwrap_or_else(|| plain::parse(&text, now))
    };
    record.service.clone_from(&origin.service);
    if let Some(instance) = &origin.instance
        && let Some(own) = record.attributes.insert("instance".to_owned(), instance.clone())
        && own != *instance
    {
        record.attributes.insert("exported_instance".to_owned(), own);
    }
    record
}

/// The level that a word names, in any case: `warn`, `WARNING`, `err`, `critical`, …
#[must_use]
pub fn level_of_word(word: &str) -> Option<LogLevel> {
    if word.len() > 12 {
        return None;
    }
    Some(match word.to_ascii_lowercase().as_str() {
        "trace" | "trc" | "finest" | "finer" | "verbose" => LogLevel::Trace,
        "debug" | "dbg" | "fine" => LogLevel::Debug,
        "info" | "inf" | "information" | "notice" | "informational" => LogLevel::Info,
        "warn" | "warning" | "wrn" => LogLevel::Warn,
        "error" | "err" | "severe" | "eror" => LogLevel::Error,
        "fatal" | "ftl" | "critical" | "crit" | "panic" | "dpanic" | "emerg" | "emergency" | "alert" => {
            LogLevel::Fatal
        }
        _ => return None,
    })
}

/// The level of a value: a word, or the numbers of pino and bunyan (10 to 60 in tens).
fn level_of(value: &str) -> Option<LogLevel> {
    match value {
        "10" => Some(LogLevel::Trace),
        "20" => Some(LogLevel::Debug),
        "30" => Some(LogLevel::Info),
        "40" => Some(LogLevel::Warn),
        "50" => Some(LogLevel::Error),
        "60" => Some(LogLevel::Fatal),
        word => level_of_word(word),
    }
}

fn json(text: &str, now: Timestamp) -> Option<LogRecord> {
    let text = text.trim();
    if !text.starts_with('{') {
        return None;
    }
    let object: Map<String, Value> = serde_json::from_str(text).ok()?;
    let mut fields = Vec::new();
    flatten("", object, 0, &mut fields);
    Some(of_fields(fields, text, now))
}

/// Nested objects to dotted names; lists stay JSON.
fn flatten(prefix: &str, object: Map<String, Value>, depth: usize, fields: &mut Vec<(String, String)>) {
    for (key, value) in object {
        // Room for the well-known keys too, which do not count as attributes.
        if fields.len() > limits::ATTRIBUTES_MAX + 8 {
            return;
        }
        let name = if prefix.is_empty() { key } else { format!("{prefix}.{key}") };
        match value {
            Value::Null => {}
            Value::String(text) => fields.push((name, text)),
            Value::Object(inner) if depth < 4 => flatten(&name, inner, depth + 1, fields),
            other => fields.push((name, other.to_string())),
        }
    }
}

/// `key=value key="quoted value" flag`: at least two pairs, the first token a pair, and a level or a body
/// among them, because prose too contains an occasional `a=b`.
fn logfmt(text: &str, now: Timestamp) -> Option<LogRecord> {
    let mut rest = text.trim();
    let mut fields: Vec<(String, String)> = Vec::new();
    while !rest.is_empty() && fields.len() <= limits::ATTRIBUTES_MAX + 8 {
        let stop = rest.find(['=', ' ', '"']).unwrap_or(rest.len());
        let (key, after) = rest.split_at(stop);
        let (value, after) = match after.strip_prefix('=') {
            Some(after) if !key.is_empty() => logfmt_value(after)?,
            // A bare word is a flag, but not the first one and not a stray quote.
            None if !key.is_empty() && !fields.is_empty() && !after.starts_with('"') => {
                ("true".to_owned(), after)
            }
            _ => return None,
        };
        fields.push((key.to_owned(), value));
        rest = after.trim_start();
    }
    let known =
        |(key, _): &(String, String)| LEVEL_KEYS.contains(&key.as_str()) || BODY_KEYS.contains(&key.as_str());
    (fields.len() >= 2 && fields.iter().any(known)).then(|| of_fields(fields, text, now))
}

fn logfmt_value(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(' ').unwrap_or(text.len());
        return Some((text[..end].to_owned(), &text[end..]));
    };
    let mut value = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value, &quoted[at + 1..])),
            '\\' => match chars.next()?.1 {
                'n' => value.push('\n'),
                't' => value.push('\t'),
                'r' => value.push('\r'),
                other => value.push(other),
            },
            c => value.push(c),
        }
    }
    None
}

/// Sorts fields into instant, level, body, trace and attributes. Without a body the line itself is it.
fn of_fields(fields: Vec<(String, String)>, line: &str, now: Timestamp) -> LogRecord {
    let (mut at, mut level, mut body, mut trace_id) = (None, None, None, None);
    let mut attributes = Labels::new();
    for (key, value) in fields {
        let name = key.as_str();
        if at.is_none() && TIME_KEYS.contains(&name) {
            at = time::instant(&value, now);
            if at.is_some() {
                continue;
            }
        } else if level.is_none() && LEVEL_KEYS.contains(&name) {
            level = level_of(&value);
            if level.is_some() {
                continue;
            }
        } else if body.is_none() && BODY_KEYS.contains(&name) {
            body = Some(value);
            continue;
        } else if trace_id.is_none() && TRACE_KEYS.contains(&name) {
            trace_id = trace(&value);
            if trace_id.is_some() {
                continue;
            }
        }
        if attributes.len() >= limits::ATTRIBUTES_MAX {
            attributes.insert("attributes_cut".to_owned(), "true".to_owned());
            continue;
        }
        let key = limits::cut(&key, limits::NAME_BYTES_MAX).into_owned();
        attributes.insert(key, limits::cut(&value, limits::ATTRIBUTE_VALUE_BYTES_MAX).into_owned());
    }
    LogRecord {
        service: String::new(),
        at: at.unwrap_or(now),
        level: level.unwrap_or(LogLevel::Info),
        body: body.unwrap_or_else(|| line.to_owned()),
        attributes,
        trace_id,
    }
}

fn trace(value: &str) -> Option<String> {
    let hex = value.len() == 32 && value.bytes().all(|b| b.is_ascii_hexdigit());
    (hex && value.bytes().any(|b| b != b'0')).then(|| value.to_ascii_lowercase())
}
