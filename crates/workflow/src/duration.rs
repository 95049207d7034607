//! Durations as documents write them: properties, ISO 8601 text, or an expression that gives either.

use serde_json::Value;

use crate::expression::Template;

/// Longest duration that is taken: ten years.
const MAX_MS: i64 = 10 * 366 * 24 * 3600 * 1000;

/// A duration in a document.
#[derive(Clone, Debug)]
pub(crate) enum DurationSpec {
    /// Known when the document is read, in milliseconds.
    Fixed(i64),
    /// Known when it is needed.
    Computed(Template),
}

/// A duration as people say it: `1 hour 5 seconds`.
#[must_use]
pub(crate) fn words(ms: i64) -> String {
    let units =
        [(86_400_000, "day"), (3_600_000, "hour"), (60_000, "minute"), (1_000, "second"), (1, "millisecond")];
    let (mut left, mut said) = (ms, Vec::new());
    for (size, unit) in units {
        let count = left / size;
        left %= size;
        match count {
            0 => {}
            1 => said.push(format!("1 {unit}")),
            count => said.push(format!("{count} {unit}s")),
        }
    }
    if said.is_empty() { "no time".to_owned() } else { said.join(" ") }
}

/// Milliseconds of a duration given as a value: ISO 8601 text, or an object of days, hours, minutes, seconds
/// and milliseconds.
///
/// # Errors
/// It is neither, negative, or longer than ten years. Years and months are refused: they have no fixed length.
pub fn milliseconds(value: &Value) -> Result<i64, String> {
    let ms = match value {
        Value::String(text) => iso8601_ms(text)?,
        Value::Object(map) if !map.is_empty() => {
            let mut sum = 0.0;
            for (unit, amount) in map {
                let factor = match unit.as_str() {
                    "days" => 86_400_000.0,
                    "hours" => 3_600_000.0,
                    "minutes" => 60_000.0,
                    "seconds" => 1000.0,
                    "milliseconds" => 1.0,
                    other => {
                        return Err(format!(
                            "a duration has no `{}`; use days, hours, minutes, seconds or milliseconds",
                            crate::yaml::clip(other)
                        ));
                    }
                };
                let amount =
                    amount.as_f64().ok_or_else(|| format!("`{unit}` of a duration must be a number"))?;
                sum += amount * factor;
            }
            sum
        }
        _ => {
            return Err(
                "a duration is ISO 8601 text such as PT30S, or a mapping such as { seconds: 30 }".into()
            );
        }
    };
    if !(0.0..=MAX_MS as f64).contains(&ms) {
        return Err("a duration must be between zero and ten years".into());
    }
    Ok(ms.round() as i64)
}

fn iso8601_ms(text: &str) -> Result<f64, String> {
    let wrong = || format!("{:?} is not an ISO 8601 duration such as PT1M30S", crate::yaml::clip(text));
    let rest = text.strip_prefix('P').ok_or_else(wrong)?;
    if rest.is_empty() || rest.ends_with('T') {
        return Err(wrong());
    }
    let (mut ms, mut number, mut in_time) = (0.0, String::new(), false);
    for c in rest.chars() {
        match c {
            '0'..='9' | '.' if number.len() < 18 => number.push(c),
            'T' if !in_time && number.is_empty() => in_time = true,
            _ => {
                let amount: f64 = number.parse().map_err(|_| wrong())?;
                number.clear();
                ms += amount
                    * match (in_time, c) {
                        (false, 'W') => 7.0 * 86_400_000.0,
                        (false, 'D') => 86_400_000.0,
                        (true, 'H') => 3_600_000.0,
                        (true, 'M') => 60_000.0,
                        (true, 'S') => 1000.0,
                        (false, 'Y' | 'M') => {
                            return Err(format!(
                                "{:?} counts years or months, which have no fixed length; use days",
                                crate::yaml::clip(text)
                            ));
                        }
                        _ => return Err(wrong()),
                    };
            }
        }
    }
    if number.is_empty() { Ok(ms) } else { Err(wrong()) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn durations_are_said_in_words() {
        for (ms, said) in [
            (1_000, "1 second"),
            (93_784_500, "1 day 2 hours 3 minutes 4 seconds 500 milliseconds"),
            (0, "no time"),
            (60_001, "1 minute 1 millisecond"),
        ] {
            assert_eq!(words(ms), said);
        }
    }

    #[test]
    fn both_forms_and_what_is_refused() {
        for (given, expect) in [
            (json!("PT30S"), Ok(30_000)),
            (json!("P1DT2H3M4.5S"), Ok(93_784_500)),
            (json!("PT0.25S"), Ok(250)),
            (json!("P2W"), Ok(1_209_600_000)),
            (json!({"minutes": 2, "seconds": 15}), Ok(135_000)),
            (json!({"seconds": 0.5}), Ok(500)),
            (json!("P1Y"), Err("years or months")),
            (json!("30s"), Err("not an ISO 8601")),
            (json!("PT"), Err("not an ISO 8601")),
            (json!("PT5"), Err("not an ISO 8601")),
            (json!({"second": 5}), Err("no `second`")),
            (json!({"seconds": -5}), Err("between zero")),
            (json!({}), Err("a duration is")),
            (json!("P99999999999999D"), Err("ten years")),
        ] {
            match (milliseconds(&given), expect) {
                (Ok(ms), Ok(expected)) => assert_eq!(ms, expected, "{given}"),
                (Err(message), Err(part)) => assert!(message.contains(part), "{given}: {message}"),
                (got, expected) => panic!("{given}: {got:?}, expected {expected:?}"),
            }
        }
    }
}
