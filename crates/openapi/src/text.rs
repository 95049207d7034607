//! Text of a file to a value: JSON when it looks like JSON, else YAML. Bounded: size, depth, values, aliases.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::error::Error;

/// Largest file, in bytes. The largest of a large vendor has 12 MB.
pub(crate) const FILE_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Deepest nesting; serde_json has the same bound.
const DEPTH_MAX: usize = 128;
/// Most values in one file.
const NODES_MAX: usize = 4_000_000;

/// Reads a file.
pub(crate) fn read(uri: &str, text: &str) -> Result<Value, Error> {
    let wrong = |message: String| Error::NotReadable { document: uri.to_owned(), message };
    if text.len() > FILE_BYTES_MAX {
        return Err(wrong(format!("it has {} bytes; at most {FILE_BYTES_MAX} are read", text.len())));
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim_start().starts_with('{') {
        match serde_json::from_str(text) {
            Ok(value) => return Ok(value),
            // YAML in braces is YAML; the error of whoever gets further is told.
            Err(error) => {
                return yaml(text).map_err(|_| wrong(format!("it is not JSON: {error}")));
            }
        }
    }
    yaml(text).map_err(wrong)
}

fn yaml(text: &str) -> Result<Value, String> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: DEPTH_MAX,
            max_nodes: NODES_MAX,
            max_events: NODES_MAX * 3,
            max_documents: 1,
        },
        duplicate_keys: serde_saphyr::DuplicateKeyPolicy::LastWins,
        strict_booleans: true,
        with_snippet: false,
    };
    serde_saphyr::from_str_with_options::<Loose>(text, options).map(|loose| loose.0).map_err(|error| {
        let place = error.location().map(|at| format!(" (line {}, column {})", at.line(), at.column()));
        let rendered = error.without_snippet().to_string();
        let first = rendered.lines().next().unwrap_or("not YAML");
        format!("it is neither JSON nor YAML: {}{}", crate::error::clip(first), place.unwrap_or_default())
    })
}

/// A value whose mappings may have keys that YAML takes for numbers: `200:` of responses.
struct Loose(Value);

struct LooseVisitor;

impl<'de> Visitor<'de> for LooseVisitor {
    type Value = Loose;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E>(self) -> Result<Loose, E> {
        Ok(Loose(Value::Null))
    }

    fn visit_none<E>(self) -> Result<Loose, E> {
        Ok(Loose(Value::Null))
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Loose, D::Error> {
        Loose::deserialize(deserializer)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Loose, E> {
        Ok(Loose(Value::Bool(value)))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Loose, E> {
        Ok(Loose(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Loose, E> {
        Ok(Loose(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Loose, E> {
        // Infinity stands in examples; JSON has no word for it.
        Ok(Loose(Number::from_f64(value).map_or_else(|| value.to_string().into(), Value::Number)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Loose, E> {
        Ok(Loose(value.into()))
    }

    fn visit_string<E>(self, value: String) -> Result<Loose, E> {
        Ok(Loose(value.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Loose, A::Error> {
        let mut items = Vec::new();
        while let Some(Loose(item)) = access.next_element()? {
            items.push(item);
        }
        Ok(Loose(items.into()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Loose, A::Error> {
        let mut map = Map::new();
        while let Some(key) = access.next_key::<String>()? {
            map.insert(key, access.next_value::<Loose>()?.0);
        }
        Ok(Loose(map.into()))
    }
}

impl<'de> Deserialize<'de> for Loose {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LooseVisitor)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn json_and_yaml_are_read_alike() {
        let expect = json!({"a": {"200": "x", "on": [1, 2.5, true, null, "yes"]}, "d": "2024-01-01"});
        for text in [
            r#"{"a": {"200": "x", "on": [1, 2.5, true, null, "yes"]}, "d": "2024-01-01"}"#,
            "a:\n  200: x\n  on: [1, 2.5, true, null, yes]\nd: 2024-01-01\n",
            "\u{feff}{a: {200: x, on: [1, 2.5, true, ~, yes]}, d: 2024-01-01}",
        ] {
            assert_eq!(read("x", text), Ok(expect.clone()), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_read_says_where() {
        for (text, part) in [
            ("{\"a\": ", "not JSON"),
            ("a: [", "line"),
            ("a: &x [*x, *x]\nb: *y", "neither JSON nor YAML"),
            (&"[".repeat(5_000), "neither JSON nor YAML"),
        ] {
            let error = read("x", text).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }
}
