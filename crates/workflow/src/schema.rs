//! JSON Schema, the part that data-flow schemas use, checked without I/O.
//!
//! Not a whole validator: a keyword that is not understood here is refused when the document is read, never
//! silently ignored. Annotations (`title`, `description`, `default`, `examples`, `format`, …) are accepted.

use serde_json::Value;

/// A schema whose keywords are all understood.
#[derive(Clone, Debug, PartialEq)]
pub struct Schema(Value);

const ANNOTATIONS: [&str; 13] = [
    "$schema",
    "$id",
    "$comment",
    "title",
    "description",
    "default",
    "examples",
    "deprecated",
    "readOnly",
    "writeOnly",
    "format",
    "contentMediaType",
    "contentEncoding",
];
const ASSERTIONS: [&str; 25] = [
    "type",
    "properties",
    "required",
    "additionalProperties",
    "items",
    "enum",
    "const",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "uniqueItems",
    "minProperties",
    "maxProperties",
    "allOf",
    "anyOf",
    "oneOf",
    "not",
    "propertyNames",
    "prefixItems",
];
const TYPES: [&str; 7] = ["null", "boolean", "object", "array", "number", "integer", "string"];

impl Schema {
    /// Takes a schema document.
    ///
    /// # Errors
    /// It uses a keyword or a type that is not understood; the text names it.
    pub fn new(document: Value) -> Result<Self, String> {
        understood(&document)?;
        Ok(Self(document))
    }

    /// Checks a value.
    ///
    /// # Errors
    /// It does not fit; the text says where and why.
    pub fn check(&self, value: &Value) -> Result<(), String> {
        check(&self.0, value, &mut String::new())
    }
}

fn understood(schema: &Value) -> Result<(), String> {
    let map = match schema {
        Value::Bool(_) => return Ok(()),
        Value::Object(map) => map,
        _ => return Err("a schema must be a mapping or a boolean".into()),
    };
    for (key, value) in map {
        match key.as_str() {
            "type" => {
                let one = |t: &Value| t.as_str().is_some_and(|t| TYPES.contains(&t));
                if !(one(value) || value.as_array().is_some_and(|a| a.iter().all(one))) {
                    return Err(format!(
                        "`type` of a schema must be one of {}, not {value}",
                        TYPES.join(", ")
                    ));
                }
            }
            "properties" => {
                let map = value.as_object().ok_or("`properties` of a schema must be a mapping")?;
                map.values().try_for_each(understood)?;
            }
            "items" | "additionalProperties" | "not" | "propertyNames" => understood(value)?,
            "allOf" | "anyOf" | "oneOf" | "prefixItems" => {
                let list = value.as_array().ok_or_else(|| format!("`{key}` of a schema must be a list"))?;
                list.iter().try_for_each(understood)?;
            }
            other if ANNOTATIONS.contains(&other) || ASSERTIONS.contains(&other) => {}
            other => {
                return Err(format!(
                    "the schema keyword `{}` is not supported; known: {}",
                    crate::yaml::clip(other),
                    ASSERTIONS.join(", ")
                ));
            }
        }
    }
    Ok(())
}

fn is_type(name: &str, value: &Value) -> bool {
    match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "object" => value.is_object(),
        "array" => value.is_array(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|f| f.fract() == 0.0),
        "string" => value.is_string(),
        _ => false,
    }
}

fn check(schema: &Value, value: &Value, path: &mut String) -> Result<(), String> {
    let place = |path: &str| if path.is_empty() { "the value".to_owned() } else { format!("`{path}`") };
    let map = match schema {
        Value::Bool(false) => return Err(format!("{} is not allowed", place(path))),
        Value::Object(map) => map,
        _ => return Ok(()),
    };
    for (key, rule) in map {
        let fits = match key.as_str() {
            "type" => match rule {
                Value::String(name) => is_type(name, value),
                Value::Array(names) => names.iter().any(|n| n.as_str().is_some_and(|n| is_type(n, value))),
                _ => true,
            },
            "enum" => rule.as_array().is_none_or(|list| list.contains(value)),
            "const" => rule == value,
            "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" | "multipleOf" => {
                number_fits(key, rule, value)
            }
            "minLength" | "maxLength" | "minItems" | "maxItems" | "minProperties" | "maxProperties" => {
                size_fits(key, rule, value)
            }
            "uniqueItems" => {
                rule != &Value::Bool(true)
                    || value.as_array().is_none_or(|a| a.iter().enumerate().all(|(i, v)| !a[..i].contains(v)))
            }
            "not" => check(rule, value, path).is_err(),
            "anyOf" | "oneOf" => {
                let list = rule.as_array().map(Vec::as_slice).unwrap_or_default();
                let fitting = list.iter().filter(|s| check(s, value, path).is_ok()).count();
                if key == "anyOf" { fitting > 0 } else { fitting == 1 }
            }
            _ => {
                inside(key, rule, map, value, path)?;
                true
            }
        };
        if !fits {
            let shown = crate::yaml::clip(&value.to_string());
            return Err(format!("{} is {shown}, which does not fit {key}: {rule}", place(path)));
        }
    }
    Ok(())
}

fn number_fits(key: &str, rule: &Value, value: &Value) -> bool {
    let (Some(value), Some(bound)) = (value.as_f64(), rule.as_f64()) else { return true };
    match key {
        "minimum" => value >= bound,
        "maximum" => value <= bound,
        "exclusiveMinimum" => value > bound,
        "exclusiveMaximum" => value < bound,
        _ => bound == 0.0 || (value / bound).fract() == 0.0,
    }
}

fn size_fits(key: &str, rule: &Value, value: &Value) -> bool {
    let size = match (value, &key[3..]) {
        (Value::String(s), "Length") => s.chars().count(),
        (Value::Array(a), "Items") => a.len(),
        (Value::Object(o), "Properties") => o.len(),
        _ => return true,
    } as u64;
    rule.as_u64().is_none_or(|bound| if key.starts_with("min") { size >= bound } else { size <= bound })
}

/// Keywords that look inside lists and mappings.
fn inside(
    key: &str,
    rule: &Value,
    schema: &serde_json::Map<String, Value>,
    value: &Value,
    path: &mut String,
) -> Result<(), String> {
    let mut deeper = |schema: &Value, value: &Value, step: &str| {
        let length = path.len();
        path.push('/');
        path.push_str(&step.replace('~', "~0").replace('/', "~1"));
        let result = check(schema, value, path);
        path.truncate(length);
        result
    };
    match (key, value) {
        ("allOf", _) => rule.as_array().into_iter().flatten().try_for_each(|s| check(s, value, path)),
        ("required", Value::Object(map)) => {
            let missing = rule
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .find(|n| !map.contains_key(*n));
            missing.map_or(Ok(()), |name| {
                let of = if path.is_empty() { String::new() } else { format!(" in `{path}`") };
                Err(format!("`{name}` is missing{of}"))
            })
        }
        ("properties", Value::Object(map)) => {
            let rules = rule.as_object().into_iter().flatten();
            rules.filter_map(|(n, s)| map.get(n).map(|v| (n, s, v))).try_for_each(|(n, s, v)| deeper(s, v, n))
        }
        ("additionalProperties", Value::Object(map)) => {
            let known = schema.get("properties").and_then(Value::as_object);
            map.iter()
                .filter(|(n, _)| known.is_none_or(|k| !k.contains_key(*n)))
                .try_for_each(|(n, v)| deeper(rule, v, n))
        }
        ("propertyNames", Value::Object(map)) => {
            map.keys().try_for_each(|n| deeper(rule, &Value::String(n.clone()), n))
        }
        ("items", Value::Array(list)) => {
            let skip = schema.get("prefixItems").and_then(Value::as_array).map_or(0, Vec::len);
            list.iter().enumerate().skip(skip).try_for_each(|(i, v)| deeper(rule, v, &i.to_string()))
        }
        ("prefixItems", Value::Array(list)) => {
            let rules = rule.as_array().into_iter().flatten();
            list.iter().zip(rules).enumerate().try_for_each(|(i, (v, s))| deeper(s, v, &i.to_string()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_fit_or_the_place_is_named() {
        let schema = Schema::new(json!({
            "type": "object",
            "required": ["service"],
            "properties": {
                "service": {"type": "string", "minLength": 1},
                "verify_s": {"type": ["integer", "null"], "minimum": 1},
                "list": {"type": "array", "items": {"enum": [1, 2]}},
            },
            "additionalProperties": false,
        }))
        .unwrap();
        for (value, expect) in [
            (json!({"service": "a", "verify_s": 3, "list": [1, 2]}), None),
            (json!({}), Some("`service` is missing")),
            (json!({"service": ""}), Some("`/service` is \"\"")),
            (json!({"service": "a", "verify_s": 0}), Some("minimum")),
            (json!({"service": "a", "verify_s": 1.5}), Some("type")),
            (json!({"service": "a", "list": [1, 3]}), Some("`/list/1`")),
            (json!({"service": "a", "else": 1}), Some("`/else` is not allowed")),
            (json!([]), Some("type")),
        ] {
            match (schema.check(&value), expect) {
                (Ok(()), None) => {}
                (Err(message), Some(part)) => assert!(message.contains(part), "{value}: {message}"),
                (got, expected) => panic!("{value}: {got:?}, expected {expected:?}"),
            }
        }
        assert!(Schema::new(json!({"$ref": "#/x"})).unwrap_err().contains("$ref"));
        assert!(Schema::new(json!({"type": "text"})).unwrap_err().contains("string"));
    }
}
