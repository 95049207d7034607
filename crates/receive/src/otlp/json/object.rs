//! A JSON object that knows where it is: every wrong field is refused with its JSON pointer (RFC 6901).

use base64::Engine;
use serde_json::{Map, Value};

use crate::Malformed;

pub(super) type Read<T> = Result<T, Malformed>;

/// A place in a document: a list of steps on the stack, so that nothing is allocated unless it fails.
#[derive(Clone, Copy)]
pub(super) struct At<'a> {
    parent: Option<&'a At<'a>>,
    key: &'static str,
    index: Option<usize>,
}

impl<'a> At<'a> {
    pub(super) const ROOT: At<'static> = At { parent: None, key: "", index: None };

    fn key(&'a self, key: &'static str) -> Self {
        Self { parent: Some(self), key, index: None }
    }

    fn index(&'a self, index: usize) -> Self {
        Self { parent: Some(self), key: "", index: Some(index) }
    }

    fn pointer(&self) -> String {
        let Some(parent) = self.parent else { return String::new() };
        let above = parent.pointer();
        match self.index {
            Some(index) => format!("{above}/{index}"),
            None => format!("{above}/{}", self.key),
        }
    }

    fn wrong(&self, expected: &str, found: &Value) -> Malformed {
        let shown = match found {
            Value::Array(_) => "an array".to_owned(),
            Value::Object(_) => "an object".to_owned(),
            other => crate::limits::cut(&other.to_string(), 80).into_owned(),
        };
        let pointer = self.pointer();
        Malformed::new(
            if pointer.is_empty() { "/".to_owned() } else { pointer },
            format!("expected {expected}, got {shown}"),
            "see https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding",
        )
    }
}

/// An object and its place. `null` is the same as absent everywhere.
pub(super) struct Object<'a> {
    map: &'a Map<String, Value>,
    at: &'a At<'a>,
}

impl<'a> Object<'a> {
    pub(super) fn of(value: &'a Value, at: &'a At<'a>) -> Read<Self> {
        value.as_object().map(|map| Self { map, at }).ok_or_else(|| at.wrong("an object", value))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.map.is_empty()
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    pub(super) fn text(&self, key: &'static str) -> Read<String> {
        match self.get(key) {
            None => Ok(String::new()),
            Some(Value::String(text)) => Ok(text.clone()),
            Some(other) => Err(self.wrong(key, "a string", other)),
        }
    }

    pub(super) fn flag(&self, key: &'static str) -> Read<bool> {
        match self.get(key) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(other) => Err(self.wrong(key, "true or false", other)),
        }
    }

    pub(super) fn unsigned(&self, key: &'static str) -> Read<u64> {
        self.get(key).map_or(Ok(0), |value| unsigned(value, &self.at.key(key)))
    }

    pub(super) fn signed(&self, key: &'static str) -> Read<i64> {
        let Some(value) = self.get(key) else { return Ok(0) };
        let number = match value {
            Value::Number(number) => number.as_i64().or_else(|| whole(number.as_f64()).map(|n| n as i64)),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        number.ok_or_else(|| self.wrong(key, "a 64-bit integer, as text or as a number", value))
    }

    pub(super) fn small(&self, key: &'static str) -> Read<u32> {
        let Some(value) = self.get(key) else { return Ok(0) };
        u32::try_from(self.unsigned(key)?).map_err(|_| self.wrong(key, "a 32-bit integer", value))
    }

    pub(super) fn float(&self, key: &'static str) -> Read<Option<f64>> {
        self.get(key).map(|value| float(value, &self.at.key(key))).transpose()
    }

    /// An enum value: its integer, or its name.
    pub(super) fn code(&self, key: &'static str, named: impl Fn(&str) -> Option<i32>) -> Read<i32> {
        let Some(value) = self.get(key) else { return Ok(0) };
        let code = match value {
            Value::Number(number) => number.as_i64().and_then(|n| i32::try_from(n).ok()),
            Value::String(text) => named(text).or_else(|| text.parse().ok()),
            _ => None,
        };
        code.ok_or_else(|| self.wrong(key, "an enum value, by number or by name", value))
    }

    /// Bytes written as hex digits: trace and span ids.
    pub(super) fn hex(&self, key: &'static str) -> Read<Vec<u8>> {
        let Some(value) = self.get(key) else { return Ok(Vec::new()) };
        let digits = value.as_str().filter(|text| text.len() <= 64 && text.len() % 2 == 0);
        let bytes = digits.and_then(|text| {
            let nibble = |byte: u8| char::from(byte).to_digit(16).map(|d| d as u8);
            text.as_bytes().chunks(2).map(|pair| Some(nibble(pair[0])? << 4 | nibble(pair[1])?)).collect()
        });
        bytes.ok_or_else(|| self.wrong(key, "hex digits", value))
    }

    pub(super) fn base64(&self, key: &'static str) -> Read<Vec<u8>> {
        let Some(value) = self.get(key) else { return Ok(Vec::new()) };
        let engine = base64::engine::general_purpose::STANDARD;
        let bytes = value.as_str().and_then(|text| engine.decode(text).ok());
        bytes.ok_or_else(|| self.wrong(key, "base64", value))
    }

    pub(super) fn one<T>(&self, key: &'static str, read: impl Fn(&Object<'_>) -> Read<T>) -> Read<Option<T>> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let at = self.at.key(key);
        read(&Object::of(value, &at)?).map(Some)
    }

    pub(super) fn list<T>(&self, key: &'static str, read: impl Fn(&Object<'_>) -> Read<T>) -> Read<Vec<T>> {
        self.each(key, |value, at| read(&Object::of(value, at)?))
    }

    pub(super) fn unsigned_list(&self, key: &'static str) -> Read<Vec<u64>> {
        self.each(key, unsigned)
    }

    pub(super) fn float_list(&self, key: &'static str) -> Read<Vec<f64>> {
        self.each(key, float)
    }

    fn each<T>(&self, key: &'static str, read: impl Fn(&Value, &At<'_>) -> Read<T>) -> Read<Vec<T>> {
        let Some(value) = self.get(key) else { return Ok(Vec::new()) };
        let at = self.at.key(key);
        let items = value.as_array().ok_or_else(|| at.wrong("an array", value))?;
        items.iter().enumerate().map(|(i, item)| read(item, &at.index(i))).collect()
    }

    fn get(&self, key: &str) -> Option<&'a Value> {
        self.map.get(key).filter(|value| !value.is_null())
    }

    fn wrong(&self, key: &'static str, expected: &str, found: &Value) -> Malformed {
        self.at.key(key).wrong(expected, found)
    }
}

fn unsigned(value: &Value, at: &At<'_>) -> Read<u64> {
    let number = match value {
        Value::Number(number) => {
            number.as_u64().or_else(|| whole(number.as_f64()).filter(|n| *n >= 0.0).map(|n| n as u64))
        }
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    number.ok_or_else(|| at.wrong("a 64-bit unsigned integer, as text or as a number", value))
}

fn float(value: &Value, at: &At<'_>) -> Read<f64> {
    let number = match value {
        Value::Number(number) => number.as_f64(),
        // `NaN`, `Infinity` and `-Infinity` are text in protobuf's JSON; Rust reads all three.
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    number.ok_or_else(|| at.wrong("a number", value))
}

/// A float that is an integer, such as JavaScript's 1.7e18.
fn whole(number: Option<f64>) -> Option<f64> {
    number.filter(|n| n.is_finite() && n.fract() == 0.0 && n.abs() < 1.8e19)
}
