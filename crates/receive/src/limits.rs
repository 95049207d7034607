//! How much of anything is taken from a sender, and how text is cut to size.
//!
//! Identity (names and label values of series) is never cut, because two series would become one: what
//! is too long there is refused. Prose (log bodies, attribute values) is cut and marked.

use std::borrow::Cow;

/// Labels of one series.
pub const LABELS_MAX: usize = 64;
/// Attributes of one log record or span.
pub const ATTRIBUTES_MAX: usize = 128;
/// Bytes of a metric, label, attribute, service or instance name.
pub const NAME_BYTES_MAX: usize = 512;
/// Bytes of a label value.
pub const LABEL_VALUE_BYTES_MAX: usize = 4_096;
/// Bytes of an attribute value of a log record or span; cut above.
pub const ATTRIBUTE_VALUE_BYTES_MAX: usize = 8_192;
/// Bytes of a log body; cut above.
pub const LOG_BODY_BYTES_MAX: usize = 64 * 1024;
/// Buckets of one histogram data point.
pub const BUCKETS_MAX: usize = 512;
/// Series in one Prometheus exposition.
pub const SERIES_MAX: usize = 100_000;
/// Bytes of the data of one event.
pub const EVENT_BYTES_MAX: usize = 1024 * 1024;
/// Events in one batch.
pub const EVENTS_MAX: usize = 10_000;
/// Levels of nesting kept of a structured attribute; deeper parts become `"…"`.
pub const DEPTH_MAX: usize = 16;
/// Bytes that one request may unpack to.
pub const UNPACKED_BYTES_MAX: usize = 128 * 1024 * 1024;

/// Ends text that was cut.
pub const CUT_MARK: &str = "… [cut]";

/// Text of at most `max_bytes` plus [`CUT_MARK`], cut at a character.
#[must_use]
pub fn cut(text: &str, max_bytes: usize) -> Cow<'_, str> {
    if text.len() <= max_bytes {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(format!("{}{CUT_MARK}", &text[..text.floor_char_boundary(max_bytes)]))
    }
}
