//! The part of PromQL that an indicator needs: a series selector, also inside an aggregation of a rate.

use model::{Matcher, Selector};
use workflow::yaml::clip;

/// Functions that an indicator may be wrapped in: what it counts is worked out from the series here.
const AROUND: [&str; 6] = ["sum", "avg", "max", "rate", "irate", "increase"];
const MAX_BYTES: usize = 2_000;
const MAX_MATCHERS: usize = 30;

/// Reads `http_requests_total{code!~"5.."}` or `sum(rate(http_requests_total{code!~"5.."}[5m]))`.
///
/// # Errors
/// It is anything else; the text says what.
pub(super) fn read(query: &str) -> Result<Selector, String> {
    let wrong = |what: &str| {
        format!("the query `{}` {what}; give a series selector, or one inside sum(rate(…[5m]))", clip(query))
    };
    if query.len() > MAX_BYTES {
        return Err(wrong("is too long"));
    }
    let mut rest = query.trim();
    while let Some((name, inside)) = rest.strip_suffix(')').and_then(|r| r.split_once('(')) {
        if !AROUND.contains(&name.trim()) {
            return Err(wrong(&format!("calls `{}`", name.trim())));
        }
        rest = inside.trim();
    }
    if let Some((before, _)) = rest.strip_suffix(']').and_then(|r| r.rsplit_once('[')) {
        rest = before.trim_end();
    }
    let (metric, matchers) = match rest.strip_suffix('}').map(|r| r.split_once('{')) {
        Some(Some((metric, matchers))) => (metric.trim(), matchers),
        Some(None) => return Err(wrong("has a stray bracket")),
        None => (rest, ""),
    };
    let named = metric.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b':' || b == b'.');
    if metric.is_empty() || !named {
        return Err(wrong("does not name one metric"));
    }
    let matchers = conditions(matchers).map_err(|what| wrong(&what))?;
    Ok(Selector { metric: metric.to_owned(), matchers })
}

fn conditions(text: &str) -> Result<Vec<Matcher>, String> {
    let mut found = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let end = rest.find(['=', '!']).ok_or("has a condition without a comparison")?;
        let label = rest[..end].trim();
        let after = &rest[end..];
        let (regex, not, after) = match after {
            a if a.starts_with("=~") => (true, false, &a[2..]),
            a if a.starts_with("!~") => (true, true, &a[2..]),
            a if a.starts_with("!=") => (false, true, &a[2..]),
            a => (false, false, &a[1..]),
        };
        let after = after.trim_start();
        let quote = after.chars().next().filter(|c| ['"', '\''].contains(c));
        let quote = quote.ok_or("has a value without quotes")?;
        let (value, left) = quoted(&after[1..], quote).ok_or("has a value without an end")?;
        if label.is_empty() || found.len() >= MAX_MATCHERS {
            return Err("has too many conditions, or one without a label".to_owned());
        }
        if regex && regex::Regex::new(&format!("^(?:{value})$")).is_err() {
            return Err(format!("has `{}`, which is no regular expression", clip(&value)));
        }
        found.push(Matcher { label: label.to_owned(), value, regex, not });
        rest = left.trim_start();
        rest = match rest.strip_prefix(',') {
            Some(next) => next.trim_start(),
            None if rest.is_empty() => rest,
            None => return Err("has conditions without a comma between them".to_owned()),
        };
    }
    Ok(found)
}

/// A quoted text with `\` escapes, and what follows it.
fn quoted(text: &str, quote: char) -> Option<(String, &str)> {
    let (mut value, mut escaped) = (String::new(), false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => {
                // Of a regular expression the backslash is kept, but for a doubled one.
                if c != '\\' && c != quote {
                    value.push('\\');
                }
                value.push(c);
                escaped = false;
            }
            '\\' => escaped = true,
            c if c == quote => return Some((value, &text[at + c.len_utf8()..])),
            c => value.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selector_is_found_inside_rates_and_sums() {
        let plain = read(r#"http_requests_total{code!~"5..", service='shop'}"#).unwrap();
        assert_eq!(plain, read(r#"sum(rate(http_requests_total{code!~"5..",service="shop"}[5m]))"#).unwrap());
        assert_eq!(plain.metric, "http_requests_total");
        let of = |m: &Matcher| (m.label.clone(), m.value.clone(), m.regex, m.not);
        assert_eq!(of(&plain.matchers[0]), ("code".into(), "5..".into(), true, true));
        assert_eq!(of(&plain.matchers[1]), ("service".into(), "shop".into(), false, false));
        assert!(read("up").unwrap().matchers.is_empty());
    }

    #[test]
    fn what_is_more_than_a_selector_is_refused_with_what_to_do() {
        for wrong in [
            "a / b",
            "histogram_quantile(0.9, x)",
            "",
            "{a='b'}",
            "x{a=b}",
            "x{a='b}",
            "x{a=~'('}",
            "x{a='b' c='d'}",
            "sum(x",
            "x}",
        ] {
            let error = read(wrong).unwrap_err();
            assert!(error.contains("give a series selector"), "{wrong}: {error}");
        }
    }
}
