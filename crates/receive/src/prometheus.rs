//! The Prometheus text format 0.0.4 and the samples of OpenMetrics 1.0.
//!
//! <https://prometheus.io/docs/instrumenting/exposition_formats/> and
//! <https://prometheus.io/docs/specs/om/open_metrics_spec/>. As in Prometheus, a wrong line refuses the
//! whole exposition: half a scrape would look like vanished series. HELP, UNIT, exemplars and `_created`
//! series are ignored. Metrics without TYPE are gauges, except `…_total`, which are counters.

use std::collections::HashMap;

use model::{Labels, MetricKind, MetricSeries, Point, Timestamp};

use crate::{Malformed, Origin, limits};

/// Which of the two formats; they differ in the unit of timestamps and in `# EOF`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Text format 0.0.4: timestamps in milliseconds.
    Text,
    /// OpenMetrics: timestamps in seconds, `# EOF` at the end.
    OpenMetrics,
}

impl Format {
    /// The format of a `Content-Type`; whatever is not OpenMetrics is read as text.
    #[must_use]
    pub fn of(content_type: &str) -> Self {
        if content_type.trim_start().to_ascii_lowercase().starts_with("application/openmetrics-text") {
            Self::OpenMetrics
        } else {
            Self::Text
        }
    }
}

/// What a scrape asks for in `Accept`.
pub const ACCEPT: &str = "application/openmetrics-text;version=1.0.0;q=0.8,text/plain;version=0.0.4;q=0.5";

/// Reads an exposition. `now` stands in for missing timestamps. Labels `service`, and `instance` when the
/// origin has one, are renamed to `exported_…`: a target cannot speak for others.
///
/// # Errors
/// The exposition is malformed, or exceeds the limits.
pub fn parse(
    body: &[u8],
    format: Format,
    origin: &Origin,
    now: Timestamp,
) -> Result<Vec<MetricSeries>, Malformed> {
    let text = std::str::from_utf8(body)
        .map_err(|error| Malformed::new(format!("byte {}", error.valid_up_to()), "invalid UTF-8", ADVICE))?;
    let mut reader = Reader { format, origin, now, types: HashMap::new(), last: None };
    let mut series = Vec::new();
    let mut ended = false;
    for (number, line) in text.split('\n').enumerate() {
        let refuse = |reason: String| Malformed::new(format!("line {}", number + 1), reason, ADVICE);
        let line = line.trim_matches([' ', '\t', '\r']);
        if line.is_empty() {
            continue;
        }
        if ended {
            return Err(refuse("content after # EOF".to_owned()));
        }
        if let Some(comment) = line.strip_prefix('#') {
            ended = reader.comment(comment).map_err(refuse)?;
        } else if let Some(one) = reader.sample(line).map_err(refuse)? {
            if series.len() >= limits::SERIES_MAX {
                return Err(refuse(format!("more than {} series", limits::SERIES_MAX)));
            }
            series.push(one);
        }
    }
    Ok(series)
}

const ADVICE: &str = "answer in the Prometheus text format 0.0.4 or OpenMetrics 1.0";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Type {
    Counter,
    Gauge,
    Histogram,
    GaugeHistogram,
    Summary,
    Other,
}

struct Reader<'a> {
    format: Format,
    origin: &'a Origin,
    now: Timestamp,
    types: HashMap<&'a str, Type>,
    /// Name and meaning of the sample before: most lines repeat it.
    last: Option<(&'a str, Option<MetricKind>)>,
}

impl<'a> Reader<'a> {
    /// Reads what follows `#`; gives whether the exposition ends here.
    fn comment(&mut self, comment: &'a str) -> Result<bool, String> {
        let mut words = comment.split([' ', '\t']).filter(|word| !word.is_empty());
        match words.next() {
            Some("EOF") if self.format == Format::OpenMetrics => return Ok(true),
            Some("TYPE") => {}
            _ => return Ok(false),
        }
        let (Some(name), Some(kind), None) = (words.next(), words.next(), words.next()) else {
            return Err("expected # TYPE name type".to_owned());
        };
        let kind = match kind {
            "counter" => Type::Counter,
            "gauge" => Type::Gauge,
            "histogram" => Type::Histogram,
            "gaugehistogram" => Type::GaugeHistogram,
            "summary" => Type::Summary,
            "untyped" | "unknown" | "info" | "stateset" => Type::Other,
            other => return Err(format!("unknown metric type {other:?}")),
        };
        let quoted = name.strip_prefix('"').and_then(|name| name.strip_suffix('"'));
        self.types.insert(quoted.unwrap_or(name), kind);
        self.last = None;
        Ok(false)
    }

    fn sample(&mut self, line: &'a str) -> Result<Option<MetricSeries>, String> {
        let mut cursor = Cursor { text: line, pos: 0 };
        let name = cursor.take_while(is_name_byte);
        let mut quoted_name = None;
        if name.bytes().next().is_some_and(|b| b.is_ascii_digit()) {
            return Err(format!("metric name {name:?} starts with a digit"));
        }
        cursor.skip_blanks();
        let mut labels = Labels::new();
        if let Some(instance) = &self.origin.instance {
            labels.insert("instance".to_owned(), instance.clone());
        }
        if cursor.eat(b'{') {
            quoted_name = self.labels(&mut cursor, name.is_empty(), &mut labels)?;
        }
        let kind = match &quoted_name {
            Some(quoted) => self.kind(quoted),
            None if name.is_empty() => return Err("expected a metric name".to_owned()),
            None => match self.last {
                Some((last, kind)) if last == name => kind,
                _ => {
                    let kind = self.kind(name);
                    self.last = Some((name, kind));
                    kind
                }
            },
        };
        let name = quoted_name.as_deref().unwrap_or(name);
        if name.len() > limits::NAME_BYTES_MAX {
            return Err(format!("metric name is longer than {} bytes", limits::NAME_BYTES_MAX));
        }
        let value = cursor.word();
        let value: f64 = value.parse().map_err(|_| format!("expected a number, got {value:?}"))?;
        let at = self.timestamp(&mut cursor)?;
        let Some(kind) = kind else { return Ok(None) };
        let service = self.origin.service.clone();
        let points = vec![Point { at, value }];
        Ok(Some(MetricSeries { service, name: name.to_owned(), kind, labels, points }))
    }

    /// Reads labels up to `}`. The metric name itself may be the first, quoted, as UTF-8 names are written
    /// since Prometheus 3: `{"http.requests",code="200"}`.
    fn labels(
        &self,
        cursor: &mut Cursor<'a>,
        nameless: bool,
        labels: &mut Labels,
    ) -> Result<Option<String>, String> {
        let mut metric_name = None;
        loop {
            cursor.skip_blanks();
            if cursor.eat(b'}') {
                return Ok(metric_name);
            }
            let quoted = cursor.peek() == Some(b'"');
            let name = if quoted { cursor.quoted()? } else { cursor.take_while(is_label_byte).to_owned() };
            cursor.skip_blanks();
            if quoted && nameless && metric_name.is_none() && cursor.peek() != Some(b'=') {
                metric_name = Some(name);
            } else {
                if !cursor.eat(b'=') {
                    return Err(format!("expected = after label {name:?}"));
                }
                cursor.skip_blanks();
                let value = cursor.quoted()?;
                self.label(name, value, labels)?;
            }
            cursor.skip_blanks();
            if !cursor.eat(b',') && cursor.peek() != Some(b'}') {
                return Err("expected , or } after a label".to_owned());
            }
        }
    }

    fn label(&self, name: String, value: String, labels: &mut Labels) -> Result<(), String> {
        let digit = name.bytes().next().is_none_or(|b| b.is_ascii_digit());
        if digit || name == "__name__" || name.len() > limits::NAME_BYTES_MAX {
            return Err(format!("label name {:?}", limits::cut(&name, 80)));
        }
        if value.len() > limits::LABEL_VALUE_BYTES_MAX {
            return Err(format!("value of label {name} is longer than {}", limits::LABEL_VALUE_BYTES_MAX));
        }
        if labels.len() >= limits::LABELS_MAX {
            return Err(format!("more than {} labels", limits::LABELS_MAX));
        }
        let taken = name == "service" || (name == "instance" && self.origin.instance.is_some());
        let name = if taken { format!("exported_{name}") } else { name };
        // An empty label is the same as none.
        if !value.is_empty() && labels.insert(name.clone(), value).is_some() {
            return Err(format!("label {name} twice"));
        }
        Ok(())
    }

    fn timestamp(&self, cursor: &mut Cursor<'a>) -> Result<Timestamp, String> {
        cursor.skip_blanks();
        if matches!(cursor.peek(), None | Some(b'#')) {
            return Ok(self.now);
        }
        let word = cursor.word();
        let wrong = || format!("expected a timestamp, got {word:?}");
        let ms = match self.format {
            Format::Text => word.parse::<i64>().map_err(|_| wrong())?,
            Format::OpenMetrics => {
                let seconds = word.parse::<f64>().map_err(|_| wrong())?;
                if !seconds.is_finite() {
                    return Err(wrong());
                }
                (seconds * 1_000.0).round() as i64
            }
        };
        cursor.skip_blanks();
        match cursor.peek() {
            None | Some(b'#') => Ok(Timestamp::from_unix_ms(ms)),
            Some(_) => Err("expected the line to end after the timestamp".to_owned()),
        }
    }

    /// What a sample means, by the TYPE of its family; none drops it.
    fn kind(&self, name: &str) -> Option<MetricKind> {
        use MetricKind::{Counter, Gauge};
        match self.types.get(name) {
            Some(Type::Counter) => return Some(Counter),
            Some(Type::Other) | None => {}
            Some(_) => return Some(Gauge),
        }
        if let Some((base, part)) = name.rfind('_').map(|at| name.split_at(at))
            && let Some(family) = self.types.get(base)
        {
            match (family, part) {
                (Type::Counter, "_total")
                | (Type::Histogram, "_bucket" | "_count" | "_sum")
                | (Type::Summary, "_count" | "_sum") => return Some(Counter),
                (Type::Counter | Type::Histogram | Type::Summary, "_created") => return None,
                (Type::GaugeHistogram, _) => return Some(Gauge),
                _ => {}
            }
        }
        Some(if name.ends_with("_total") { Counter } else { Gauge })
    }
}

struct Cursor<'a> {
    text: &'a str,
    pos: usize,
}

impl<'a> Cursor<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.pos).copied()
    }

    fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.pos += usize::from(found);
        found
    }

    fn skip_blanks(&mut self) {
        self.take_while(|b| b == b' ' || b == b'\t');
    }

    /// ASCII bytes while they match, so the cursor never stands inside a character.
    fn take_while(&mut self, matches: impl Fn(u8) -> bool) -> &'a str {
        let rest = &self.text.as_bytes()[self.pos..];
        let len = rest.iter().position(|b| !(b.is_ascii() && matches(*b))).unwrap_or(rest.len());
        let taken = &self.text[self.pos..self.pos + len];
        self.pos += len;
        taken
    }

    /// The next word: up to a blank.
    fn word(&mut self) -> &'a str {
        self.skip_blanks();
        let rest = &self.text[self.pos..];
        let word = rest.split([' ', '\t']).next().unwrap_or_default();
        self.pos += word.len();
        word
    }

    /// A quoted string with the escapes `\\`, `\"` and `\n`; any other backslash stands for itself.
    fn quoted(&mut self) -> Result<String, String> {
        if !self.eat(b'"') {
            return Err("expected a quoted string".to_owned());
        }
        let mut value = String::new();
        loop {
            let rest = &self.text[self.pos..];
            let Some(stop) = rest.bytes().position(|b| b == b'"' || b == b'\\') else {
                return Err("quoted string does not end".to_owned());
            };
            value.push_str(&rest[..stop]);
            self.pos += stop + 1;
            if rest.as_bytes()[stop] == b'"' {
                return Ok(value);
            }
            let (plain, escaped) = match self.peek() {
                Some(b'n') => (1, "\n"),
                Some(b'"') => (1, "\""),
                Some(b'\\') => (1, "\\"),
                _ => (0, "\\"),
            };
            value.push_str(escaped);
            self.pos += plain;
        }
    }
}

fn is_name_byte(byte: u8) -> bool {
    is_label_byte(byte) || byte == b':'
}

fn is_label_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}
