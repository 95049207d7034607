//! Instants as log lines write them.

use model::Timestamp;

const YEAR_2000_MS: i64 = 946_684_800_000;
const DAY_MS: i64 = 86_400_000;

/// A whole value: RFC 3339, the same with a blank, a comma or without a zone, or a number of seconds,
/// milliseconds, microseconds or nanoseconds since 1970, told by its size.
pub(super) fn instant(value: &str, now: Timestamp) -> Option<Timestamp> {
    let value = value.trim();
    let at = match value.parse::<f64>() {
        Ok(number) if number.is_finite() => Timestamp::from_unix_ms(number_ms(number)),
        Ok(_) => return None,
        Err(_) => leading(value).filter(|(_, rest)| rest.trim().is_empty())?.0,
    };
    plausible(at, now)
}

fn number_ms(number: f64) -> i64 {
    // Seconds reach 1e11 in the year 5138; milliseconds were there in 1973.
    let ms = match number.abs() {
        n if n < 1e11 => number * 1e3,
        n if n < 1e14 => number,
        n if n < 1e17 => number / 1e3,
        _ => number / 1e6,
    };
    ms.round() as i64
}

pub(super) fn plausible(at: Timestamp, now: Timestamp) -> Option<Timestamp> {
    let ms = at.as_unix_ms();
    (ms >= YEAR_2000_MS && ms <= now.as_unix_ms().saturating_add(DAY_MS)).then_some(at)
}

/// An instant at the start of a text, and what follows: `2026-11-21T09:30:00.123Z`,
/// `2026-11-21 09:30:00,123`, `2026/11/21 09:30:00`, `[2026-11-21T09:30:00+01:00]`.
pub(super) fn leading(text: &str) -> Option<(Timestamp, &str)> {
    let (inside, bracket) = text.strip_prefix('[').map_or((text, false), |inside| (inside, true));
    let bytes = inside.as_bytes();
    let shape = b"dddd-dd-ddTdd:dd:dd";
    if bytes.len() < shape.len() {
        return None;
    }
    for (byte, expected) in bytes.iter().zip(shape) {
        let fits = match expected {
            b'd' => byte.is_ascii_digit(),
            b'-' => matches!(byte, b'-' | b'/'),
            b'T' => matches!(byte, b'T' | b't' | b' '),
            other => byte == other,
        };
        if !fits {
            return None;
        }
    }
    let digits = |from: usize| bytes[from..].iter().take_while(|b| b.is_ascii_digit()).count();
    let mut end = shape.len();
    if matches!(bytes.get(end), Some(b'.' | b',')) {
        let fraction = digits(end + 1);
        // Longer fractions than nanoseconds are no instants.
        if fraction > 9 {
            return None;
        }
        end += if fraction > 0 { 1 + fraction } else { 0 };
    }
    let date = inside[..10].replace('/', "-");
    let clock = inside[11..end].replace(',', ".");
    let (zone, end) = match bytes.get(end) {
        Some(b'Z' | b'z') => ("Z".to_owned(), end + 1),
        Some(b'+' | b'-') => zone(&inside[end..]).map(|(zone, len)| (zone, end + len))?,
        _ => ("Z".to_owned(), end),
    };
    let at = Timestamp::parse(&format!("{date}T{clock}{zone}")).ok()?;
    let rest = &inside[end..];
    Some((at, if bracket { rest.strip_prefix(']')? } else { rest }))
}

/// `+01:00`, `+0100` or `+01` with its length in bytes.
fn zone(text: &str) -> Option<(String, usize)> {
    let bytes = text.as_bytes();
    let digit = |i: usize| bytes.get(i).is_some_and(u8::is_ascii_digit);
    if !(digit(1) && digit(2)) {
        return None;
    }
    let hours = &text[..3];
    if bytes.get(3) == Some(&b':') && digit(4) && digit(5) {
        Some((text[..6].to_owned(), 6))
    } else if digit(3) && digit(4) {
        Some((format!("{hours}:{}", &text[3..5]), 5))
    } else {
        Some((format!("{hours}:00"), 3))
    }
}
