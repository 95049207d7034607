//! Plain text lines: a leading instant is taken off, a level word is looked for near the start.

use model::{Labels, LogLevel, LogRecord, Timestamp};

use super::{level_of_word, time};

/// Level words further into the line are part of the message.
const HEAD_BYTES: usize = 96;

/// Beginnings by which runtimes announce that something broke.
const BREAKING: [(&str, LogLevel); 7] = [
    ("panic:", LogLevel::Fatal),
    ("fatal error:", LogLevel::Fatal),
    ("Traceback (most recent call last)", LogLevel::Error),
    ("Exception in thread", LogLevel::Error),
    ("Unhandled exception", LogLevel::Error),
    ("Uncaught ", LogLevel::Error),
    ("Segmentation fault", LogLevel::Fatal),
];

pub(super) fn parse(text: &str, now: Timestamp) -> LogRecord {
    let text = without_colours(text);
    let found =
        time::leading(text.trim_start()).and_then(|(at, rest)| Some((time::plausible(at, now)?, rest)));
    let (at, body) = found.unwrap_or((now, &text));
    let body = body.trim();
    LogRecord {
        service: String::new(),
        at,
        level: level(body),
        body: body.to_owned(),
        attributes: Labels::new(),
        trace_id: None,
    }
}

fn level(body: &str) -> LogLevel {
    if let Some((_, level)) = BREAKING.iter().find(|(start, _)| body.starts_with(start)) {
        return *level;
    }
    if body.starts_with("thread '") && body.contains("panicked at") {
        return LogLevel::Error;
    }
    klog(body).or_else(|| worded(body)).unwrap_or(LogLevel::Info)
}

/// Kubernetes and glog: `E1121 09:30:00.123456    1 file.go:12] message`.
fn klog(body: &str) -> Option<LogLevel> {
    let (letter, rest) = body.split_at_checked(1)?;
    let head = rest.as_bytes().get(..5)?;
    if !(head[..4].iter().all(u8::is_ascii_digit) && head[4] == b' ') {
        return None;
    }
    match letter {
        "I" => Some(LogLevel::Info),
        "W" => Some(LogLevel::Warn),
        "E" => Some(LogLevel::Error),
        "F" => Some(LogLevel::Fatal),
        _ => None,
    }
}

/// The first level word that stands as one: in capitals (`ERROR`), in brackets (`[error]`, `<warn>`) or
/// before a colon (`error: no such file`). "no error" in prose is none.
fn worded(body: &str) -> Option<LogLevel> {
    let head = &body[..body.floor_char_boundary(HEAD_BYTES)];
    let mut from = 0;
    while let Some(start) = head[from..].find(|c: char| c.is_ascii_alphabetic()).map(|i| from + i) {
        let len = head[start..].find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(head.len() - start);
        let word = &head[start..start + len];
        from = start + len;
        let capitals = word.len() >= 3 && word.bytes().all(|b| b.is_ascii_uppercase());
        let before = head[..start].bytes().last();
        let after = body.as_bytes().get(from).copied();
        let marked = matches!(before, Some(b'[' | b'<' | b'(' | b'|')) || after == Some(b':');
        if (capitals || marked)
            && let Some(level) = level_of_word(word)
        {
            return Some(level);
        }
    }
    None
}

/// Takes off the terminal colours (`ESC [ … m`) that programs write even to files.
fn without_colours(text: &str) -> std::borrow::Cow<'_, str> {
    if !text.contains('\u{1b}') {
        return text.into();
    }
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("\u{1b}[") {
        plain.push_str(before);
        let codes = after.find(|c: char| !(c.is_ascii_digit() || c == ';')).unwrap_or(after.len());
        rest = match after[codes..].strip_prefix(|c: char| c.is_ascii_alphabetic()) {
            Some(rest) => rest,
            None => &after[codes..],
        };
    }
    plain.push_str(rest);
    plain.into()
}
