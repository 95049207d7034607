//! Example texts: by format, by expression, within limits of length.

use regex_syntax::hir::{Class, Hir, HirKind};

use crate::api::Limits;

/// Longest text that is made.
const LENGTH_MAX: usize = 4_096;

/// A text of this format within these limits.
pub(super) fn text(format: Option<&str>, limits: &Limits, nth: usize) -> String {
    let least = usize::try_from(limits.min_length.unwrap_or(0)).unwrap_or(LENGTH_MAX).min(LENGTH_MAX);
    let most = usize::try_from(limits.max_length.unwrap_or(u64::MAX)).unwrap_or(usize::MAX);
    if let Some(text) = limits.pattern.as_deref().and_then(|pattern| matching(pattern, least)) {
        return text;
    }
    let plain = by_format(format, nth);
    let length = plain.chars().count();
    if length < least {
        return plain.chars().chain(std::iter::repeat_n('x', least - length)).collect();
    }
    if length > most { plain.chars().take(most).collect() } else { plain }
}

fn by_format(format: Option<&str>, nth: usize) -> String {
    let two = nth % 28 + 1;
    match format.unwrap_or_default() {
        "date-time" => format!("2024-01-{two:02}T12:00:00Z"),
        "date" => format!("2024-01-{two:02}"),
        "time" => "12:00:00Z".to_owned(),
        "duration" => "PT1H".to_owned(),
        "uuid" => format!("00000000-0000-4000-8000-{:012}", nth + 1),
        "email" | "idn-email" => format!("user{}@example.com", nth + 1),
        "uri" | "url" | "iri" => format!("https://example.com/{}", nth + 1),
        "uri-reference" | "iri-reference" => format!("/{}", nth + 1),
        "hostname" | "idn-hostname" => "example.com".to_owned(),
        "ipv4" | "ip" => format!("192.0.2.{}", nth % 200 + 1),
        "ipv6" => format!("2001:db8::{}", nth % 200 + 1),
        "byte" | "base64" => "aGVsbG8=".to_owned(),
        "json-string" => "{}".to_owned(),
        "int64" | "int32" | "uint64" => format!("{}", nth + 1),
        "decimal" | "double" | "float" => "1.5".to_owned(),
        "regex" => "^.*$".to_owned(),
        "json-pointer" => "/a".to_owned(),
        _ if nth == 0 => "text".to_owned(),
        _ => format!("text{}", nth + 1),
    }
}

/// A text that an expression matches; nothing for what only other dialects have.
fn matching(pattern: &str, least: usize) -> Option<String> {
    let hir = regex_syntax::ParserBuilder::new().nest_limit(64).build().parse(pattern).ok()?;
    let regex = regex::RegexBuilder::new(pattern).size_limit(256 * 1024).build().ok()?;
    // One of what may be there reads better than none; what looks ahead may want none.
    [1, 0].into_iter().find_map(|fewest| {
        let mut writer = Writer { fewest, out: String::new() };
        writer.write(&hir, least)?;
        Some(writer.out).filter(|text| regex.is_match(text))
    })
}

struct Writer {
    /// How often what may be absent is written.
    fewest: usize,
    out: String,
}

impl Writer {
    fn write(&mut self, hir: &Hir, least: usize) -> Option<()> {
        if self.out.len() > LENGTH_MAX {
            return None;
        }
        match hir.kind() {
            HirKind::Empty | HirKind::Look(_) => {}
            HirKind::Literal(literal) => self.out.push_str(std::str::from_utf8(&literal.0).ok()?),
            HirKind::Class(class) => self.out.push(some_of(class)?),
            HirKind::Repetition(repetition) => {
                let least_times = repetition.min as usize;
                let most = repetition.max.map_or(usize::MAX, |most| most as usize);
                let mut times = least_times.max(self.fewest).min(most);
                let before = self.out.len();
                for _ in 0..times {
                    self.write(&repetition.sub, 0)?;
                }
                // What is too short is made longer where it may be.
                while self.out.len() < least && times < most && self.out.len() > before {
                    self.write(&repetition.sub, 0)?;
                    times += 1;
                }
            }
            HirKind::Capture(capture) => self.write(&capture.sub, least)?,
            HirKind::Concat(parts) => {
                for part in parts {
                    self.write(part, least)?;
                }
            }
            HirKind::Alternation(parts) => self.write(parts.first()?, least)?,
        }
        Some(())
    }
}

/// A character that people can read, if there is one.
fn some_of(class: &Class) -> Option<char> {
    match class {
        Class::Unicode(class) => {
            let within =
                |wanted: char| class.iter().any(|range| range.start() <= wanted && wanted <= range.end());
            let readable = ['a', 'A', '1', '0', '-', '_', ' '].into_iter().find(|wanted| within(*wanted));
            readable.or_else(|| class.iter().next().map(|range| range.start()))
        }
        Class::Bytes(class) => class.iter().next().map(|range| char::from(range.start())),
    }
}
