//! JSON Schema (draft 2020-12), checked without I/O.
//!
//! A keyword that is not understood here is refused when the document is read, never silently ignored; a reference
//! must lead to a place in the schema itself. Annotations (`title`, `default`, `format`, …) are accepted.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;

use regex::Regex;
use serde_json::{Map, Value};

/// A schema whose keywords are all understood.
#[derive(Clone, Debug)]
pub struct Schema {
    document: Value,
    patterns: Arc<BTreeMap<String, Regex>>,
}

const ANNOTATIONS: [&str; 15] = [
    "$schema",
    "$id",
    "$anchor",
    "$comment",
    "$vocabulary",
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
/// Keywords with one schema.
const ONE: [&str; 8] =
    ["items", "additionalProperties", "not", "propertyNames", "contains", "if", "then", "else"];
/// Keywords with a list of schemas.
const LISTS: [&str; 4] = ["allOf", "anyOf", "oneOf", "prefixItems"];
/// Keywords with a mapping of schemas.
const MAPPINGS: [&str; 5] = ["properties", "patternProperties", "$defs", "definitions", "dependentSchemas"];
const PLAIN: [&str; 20] = [
    "type",
    "required",
    "enum",
    "const",
    "pattern",
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
    "minContains",
    "maxContains",
    "dependentRequired",
];
const TYPES: [&str; 7] = ["null", "boolean", "object", "array", "number", "integer", "string"];
/// Most subschemas one check may come by.
const MAX_CHECKS: u32 = 1_000_000;
/// Deepest nesting of subschemas in one check.
const MAX_DEPTH: usize = 200;
/// Most subschemas that are come by for defaults.
const MAX_DEFAULTS: u32 = 100_000;
/// Most bytes of a compiled pattern.
const MAX_PATTERN_BYTES: usize = 1 << 20;

impl Schema {
    /// Takes a schema document.
    ///
    /// # Errors
    /// It uses a keyword, a type or a reference that is not understood; the text names it.
    pub fn new(document: Value) -> Result<Self, String> {
        let mut patterns = BTreeMap::new();
        understood(&document, &document, &mut patterns)?;
        Ok(Self { document, patterns: Arc::new(patterns) })
    }

    /// Checks a value.
    ///
    /// # Errors
    /// It does not fit; the text says where and why.
    pub fn check(&self, value: &Value) -> Result<(), String> {
        let checker = Checker { root: &self.document, patterns: &self.patterns, left: Cell::new(MAX_CHECKS) };
        let fits = checker.check(&self.document, value, &mut String::new(), 0);
        if checker.left.get() == 0 {
            return Err("the schema asks for too much work or goes in circles; simplify it".to_owned());
        }
        fits
    }

    /// The value with what the schema says of properties that it lacks (`default`), in mappings that are there; through
    /// `$ref` and `allOf`, but not where the value decides which schema holds.
    #[must_use]
    pub fn with_defaults(&self, mut value: Value) -> Value {
        let mut left = MAX_DEFAULTS;
        fill(&self.document, &self.document, &mut value, &mut left, 0);
        value
    }

    /// Whether it names a property of the value.
    #[must_use]
    pub fn names(&self, property: &str) -> bool {
        self.document["properties"].get(property).is_some()
    }
}

/// Puts defaults into a value. `left` bounds the subschemas it comes by, `depth` their nesting.
fn fill(root: &Value, schema: &Value, value: &mut Value, left: &mut u32, depth: usize) {
    *left = left.saturating_sub(1);
    if *left == 0 || depth > MAX_DEPTH || !(value.is_object() || value.is_array()) {
        return;
    }
    if let Some(Ok(schema)) = schema["$ref"].as_str().map(|reference| target(root, reference)) {
        fill(root, schema, value, left, depth + 1);
    }
    for schema in schema["allOf"].as_array().into_iter().flatten() {
        fill(root, schema, value, left, depth + 1);
    }
    if let (Some(map), Some(properties)) = (value.as_object_mut(), schema["properties"].as_object()) {
        for (name, schema) in properties {
            match (map.get_mut(name), schema.get("default")) {
                (Some(value), _) => fill(root, schema, value, left, depth + 1),
                (None, Some(default)) => drop(map.insert(name.clone(), default.clone())),
                (None, None) => {}
            }
        }
    }
    if let (Some(list), Some(schema)) = (value.as_array_mut(), schema.get("items")) {
        for value in list {
            fill(root, schema, value, left, depth + 1);
        }
    }
}

fn understood(schema: &Value, root: &Value, patterns: &mut BTreeMap<String, Regex>) -> Result<(), String> {
    let map = match schema {
        Value::Bool(_) => return Ok(()),
        Value::Object(map) => map,
        _ => return Err("a schema must be a mapping or a boolean".into()),
    };
    let mut pattern = |text: &str| {
        let regex = regex::RegexBuilder::new(text).size_limit(MAX_PATTERN_BYTES).build();
        let regex = regex.map_err(|_| {
            format!("{:?} is not a regular expression without look-around", crate::yaml::clip(text))
        })?;
        patterns.insert(text.to_owned(), regex);
        Ok::<(), String>(())
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
            "$ref" => {
                let text = value.as_str().ok_or("`$ref` of a schema must be text")?;
                target(root, text)?;
            }
            "pattern" => pattern(value.as_str().ok_or("`pattern` of a schema must be text")?)?,
            "patternProperties" => {
                let map = value.as_object().ok_or("`patternProperties` of a schema must be a mapping")?;
                map.keys().try_for_each(|k| pattern(k))?;
            }
            other
                if [&ONE[..], &LISTS, &MAPPINGS, &PLAIN, &ANNOTATIONS].iter().any(|k| k.contains(&other)) => {
            }
            other => {
                let known: Vec<&str> = [&PLAIN[..], &ONE, &LISTS, &MAPPINGS].concat();
                let hint = crate::yaml::suggest(other, known.iter().copied()).map_or_else(
                    || format!("known: {}", known.join(", ")),
                    |s| format!("did you mean `{s}`?"),
                );
                return Err(format!(
                    "the schema keyword `{}` is not supported; {hint}",
                    crate::yaml::clip(other)
                ));
            }
        }
    }
    for (key, value) in map {
        let wrong = |what: &str| format!("`{key}` of a schema must be {what}");
        if ONE.contains(&key.as_str()) {
            understood(value, root, patterns)?;
        } else if LISTS.contains(&key.as_str()) {
            let list = value.as_array().ok_or_else(|| wrong("a list"))?;
            list.iter().try_for_each(|s| understood(s, root, patterns))?;
        } else if MAPPINGS.contains(&key.as_str()) {
            let map = value.as_object().ok_or_else(|| wrong("a mapping"))?;
            map.values().try_for_each(|s| understood(s, root, patterns))?;
        }
    }
    Ok(())
}

/// The schema a reference leads to: a JSON pointer in the same document, or an anchor of it.
fn target<'s>(root: &'s Value, reference: &str) -> Result<&'s Value, String> {
    let shown = crate::yaml::clip(reference);
    let Some(pointer) = reference.strip_prefix('#') else {
        return Err(format!(
            "`$ref: {shown}` must lead to what stands in the schema itself, as in `#/$defs/name`"
        ));
    };
    let pointer = pointer.replace("%24", "$").replace("%25", "%");
    root.pointer(&pointer).ok_or_else(|| format!("`$ref: {shown}` leads nowhere in the schema"))
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

/// Equality of JSON Schema: 1 and 1.0 are the same number.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(k, a)| b.get(k).is_some_and(|b| same(a, b)))
        }
        _ => one == other,
    }
}

struct Checker<'s> {
    root: &'s Value,
    patterns: &'s BTreeMap<String, Regex>,
    /// Subschemas it may still come by.
    left: Cell<u32>,
}

impl Checker<'_> {
    fn check(&self, schema: &Value, value: &Value, path: &mut String, depth: usize) -> Result<(), String> {
        let place = |path: &str| if path.is_empty() { "the value".to_owned() } else { format!("`{path}`") };
        let left = self.left.get().saturating_sub(1);
        self.left.set(if depth > MAX_DEPTH { 0 } else { left });
        if self.left.get() == 0 {
            return Err(String::new());
        }
        let map = match schema {
            Value::Bool(false) => return Err(format!("{} is not allowed", place(path))),
            Value::Object(map) => map,
            _ => return Ok(()),
        };
        for (key, rule) in map {
            let fits = match key.as_str() {
                "type" => match rule {
                    Value::String(name) => is_type(name, value),
                    Value::Array(names) => {
                        names.iter().any(|n| n.as_str().is_some_and(|n| is_type(n, value)))
                    }
                    _ => true,
                },
                "enum" => rule.as_array().is_none_or(|list| list.iter().any(|v| same(v, value))),
                "const" => same(rule, value),
                "pattern" => value.as_str().is_none_or(|text| self.is_match(rule.as_str(), text)),
                "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" | "multipleOf" => {
                    number_fits(key, rule, value)
                }
                "minLength" | "maxLength" | "minItems" | "maxItems" | "minProperties" | "maxProperties" => {
                    size_fits(key, rule, value)
                }
                "uniqueItems" => {
                    rule != &Value::Bool(true)
                        || value.as_array().is_none_or(|a| {
                            a.iter().enumerate().all(|(i, v)| !a[..i].iter().any(|w| same(v, w)))
                        })
                }
                "not" => self.check(rule, value, path, depth + 1).is_err(),
                "anyOf" | "oneOf" => {
                    let list = rule.as_array().map(Vec::as_slice).unwrap_or_default();
                    let fitting =
                        list.iter().filter(|s| self.check(s, value, path, depth + 1).is_ok()).count();
                    if key == "anyOf" { fitting > 0 } else { fitting == 1 }
                }
                "contains" => self.contains(rule, map, value, path, depth),
                _ => {
                    self.inside(key, rule, map, value, path, depth)?;
                    true
                }
            };
            if !fits {
                let shown = crate::yaml::clip(&value.to_string());
                let rule = crate::yaml::clip(&rule.to_string());
                return Err(format!("{} is {shown}, which does not fit {key}: {rule}", place(path)));
            }
        }
        Ok(())
    }

    fn is_match(&self, pattern: Option<&str>, text: &str) -> bool {
        pattern.and_then(|p| self.patterns.get(p)).is_none_or(|r| r.is_match(text))
    }

    fn contains(
        &self,
        rule: &Value,
        schema: &Map<String, Value>,
        value: &Value,
        path: &mut String,
        depth: usize,
    ) -> bool {
        let Some(items) = value.as_array() else { return true };
        let found = items.iter().filter(|v| self.check(rule, v, path, depth + 1).is_ok()).count() as u64;
        let bound = |key: &str| schema.get(key).and_then(Value::as_u64);
        found >= bound("minContains").unwrap_or(1) && bound("maxContains").is_none_or(|most| found <= most)
    }

    /// Keywords that look inside lists and mappings, or at other schemas.
    fn inside(
        &self,
        key: &str,
        rule: &Value,
        schema: &Map<String, Value>,
        value: &Value,
        path: &mut String,
        depth: usize,
    ) -> Result<(), String> {
        let mut deeper = |schema: &Value, value: &Value, step: &str| {
            let length = path.len();
            path.push('/');
            path.push_str(&step.replace('~', "~0").replace('/', "~1"));
            let result = self.check(schema, value, path, depth + 1);
            path.truncate(length);
            result
        };
        let rules = || rule.as_object().into_iter().flatten();
        match (key, value) {
            ("$ref", _) => match rule.as_str().map(|r| target(self.root, r)) {
                Some(Ok(schema)) => self.check(schema, value, path, depth + 1),
                _ => Ok(()),
            },
            ("allOf", _) => {
                rule.as_array().into_iter().flatten().try_for_each(|s| self.check(s, value, path, depth + 1))
            }
            ("if", _) => {
                let branch = if self.check(rule, value, path, depth + 1).is_ok() { "then" } else { "else" };
                schema.get(branch).map_or(Ok(()), |s| self.check(s, value, path, depth + 1))
            }
            ("required", Value::Object(map)) => missing(rule, map, path),
            ("dependentRequired", Value::Object(map)) => rules()
                .filter(|(name, _)| map.contains_key(*name))
                .try_for_each(|(_, needed)| missing(needed, map, path)),
            ("dependentSchemas", Value::Object(map)) => rules()
                .filter(|(name, _)| map.contains_key(*name))
                .try_for_each(|(_, s)| self.check(s, value, path, depth + 1)),
            ("properties", Value::Object(map)) => rules()
                .filter_map(|(n, s)| map.get(n).map(|v| (n, s, v)))
                .try_for_each(|(n, s, v)| deeper(s, v, n)),
            ("patternProperties", Value::Object(map)) => rules().try_for_each(|(pattern, s)| {
                map.iter()
                    .filter(|(n, _)| self.is_match(Some(pattern), n))
                    .try_for_each(|(n, v)| deeper(s, v, n))
            }),
            ("additionalProperties", Value::Object(map)) => {
                let named = schema.get("properties").and_then(Value::as_object);
                let patterns = schema.get("patternProperties").and_then(Value::as_object);
                let known = |name: &String| {
                    named.is_some_and(|k| k.contains_key(name))
                        || patterns.is_some_and(|p| p.keys().any(|p| self.is_match(Some(p), name)))
                };
                map.iter().filter(|(n, _)| !known(n)).try_for_each(|(n, v)| deeper(rule, v, n))
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
}

fn missing(names: &Value, map: &Map<String, Value>, path: &str) -> Result<(), String> {
    let names = names.as_array().into_iter().flatten().filter_map(Value::as_str);
    names.into_iter().find(|n| !map.contains_key(*n)).map_or(Ok(()), |name| {
        let of = if path.is_empty() { String::new() } else { format!(" in `{path}`") };
        Err(format!("`{name}` is missing{of}"))
    })
}

fn number_fits(key: &str, rule: &Value, value: &Value) -> bool {
    let (Some(value), Some(bound)) = (value.as_f64(), rule.as_f64()) else { return true };
    match key {
        "minimum" => value >= bound,
        "maximum" => value <= bound,
        "exclusiveMinimum" => value > bound,
        "exclusiveMaximum" => value < bound,
        _ if bound == 0.0 => true,
        // 4.35 / 0.01 is not whole in binary; it is as near as numbers get.
        _ => {
            let times = value / bound;
            (times - times.round()).abs() <= times.abs().max(1.0) * 1e-9
        }
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
        for (schema, part) in [
            (json!({"$ref": "#/x"}), "leads nowhere"),
            (json!({"$ref": "https://a/b"}), "stands in the schema itself"),
            (json!({"pattern": "("}), "regular expression"),
            (json!({"properties": {"a": {"pattern": 5}}}), "must be text"),
            (json!({"unevaluatedItems": false}), "`unevaluatedItems` is not supported"),
        ] {
            let error = Schema::new(schema.clone()).expect_err("it is wrong");
            assert!(error.contains(part), "{schema}: {error}");
        }
        assert!(Schema::new(json!({"type": "text"})).unwrap_err().contains("string"));
    }
    #[test]
    fn keywords_say_what_the_standard_says() {
        for (schema, fits, fails) in [
            (json!({"pattern": "^a+$"}), vec![json!("aa"), json!(5)], vec![json!("ab")]),
            (
                json!({"$ref": "#/$defs/n", "$defs": {"n": {"type": "number"}}}),
                vec![json!(1)],
                vec![json!("1")],
            ),
            (
                json!({"$defs": {"tree": {"type": "object", "properties": {"left": {"$ref": "#/$defs/tree"}}, "additionalProperties": false}}, "$ref": "#/$defs/tree"}),
                vec![json!({"left": {"left": {}}})],
                vec![json!({"left": {"right": {}}})],
            ),
            (
                json!({"patternProperties": {"^x-": {"type": "string"}}, "additionalProperties": false}),
                vec![json!({"x-a": "b"})],
                vec![json!({"x-a": 1}), json!({"y": "b"})],
            ),
            (
                json!({"if": {"required": ["a"]}, "then": {"required": ["b"]}, "else": {"required": ["c"]}}),
                vec![json!({"a": 1, "b": 1}), json!({"c": 1})],
                vec![json!({"a": 1}), json!({})],
            ),
            (
                json!({"contains": {"const": 1}, "maxContains": 2}),
                vec![json!([1, 2, 1])],
                vec![json!([2]), json!([1, 1, 1])],
            ),
            (
                json!({"dependentRequired": {"a": ["b"]}, "dependentSchemas": {"c": {"maxProperties": 1}}}),
                vec![json!({"a": 1, "b": 2}), json!({"c": 1})],
                vec![json!({"a": 1}), json!({"c": 1, "d": 1})],
            ),
            (json!({"multipleOf": 0.01}), vec![json!(4.35), json!(1)], vec![json!(0.005)]),
            (json!({"const": 1}), vec![json!(1.0)], vec![json!(2)]),
        ] {
            let checked = Schema::new(schema.clone()).unwrap_or_else(|e| panic!("{schema}: {e}"));
            for value in fits {
                assert_eq!(checked.check(&value), Ok(()), "{schema}: {value}");
            }
            for value in fails {
                assert!(checked.check(&value).is_err(), "{schema}: {value}");
            }
        }
    }

    #[test]
    fn defaults_fill_what_is_missing_and_nothing_else() {
        let schema = Schema::new(json!({
            "properties": {
                "tries": {"type": "integer", "default": 3},
                "none": {"default": null},
                "free": {"type": "string"},
                "deep": {"properties": {"on": {"default": true}}},
                "list": {"items": {"$ref": "#/$defs/item"}},
            },
            "allOf": [{"properties": {"also": {"default": {"a": 1}}}}],
            "anyOf": [{"properties": {"either": {"default": 1}}}],
            "$defs": {"item": {"properties": {"size": {"default": 1}}}},
        }))
        .unwrap();
        for (given, expect) in [
            (json!({}), json!({"tries": 3, "none": null, "also": {"a": 1}})),
            (json!({"tries": null, "also": 1}), json!({"tries": null, "none": null, "also": 1})),
            (
                json!({"deep": {}, "list": [{}, {"size": 2}, 5]}),
                json!({"tries": 3, "none": null, "also": {"a": 1}, "deep": {"on": true},
                    "list": [{"size": 1}, {"size": 2}, 5]}),
            ),
            (json!("text"), json!("text")),
            (json!([{}]), json!([{}])),
        ] {
            assert_eq!(schema.with_defaults(given.clone()), expect, "{given}");
        }
        assert!(schema.names("free") && !schema.names("either"));
        let circle = json!({"allOf": [{"$ref": "#"}, {"$ref": "#"}], "properties": {"a": {"default": 1}}});
        let filled = Schema::new(circle).unwrap().with_defaults(json!({}));
        assert_eq!(filled, json!({"a": 1}), "a schema that goes in circles ends");
    }

    #[test]
    fn schemas_that_go_in_circles_end_with_an_error() {
        for schema in [
            json!({"$ref": "#"}),
            json!({"$defs": {"a": {"anyOf": [{"$ref": "#/$defs/a"}, {"$ref": "#/$defs/a"}]}}, "$ref": "#/$defs/a"}),
        ] {
            let checked = Schema::new(schema).expect("it is understood");
            assert!(checked.check(&json!(1)).unwrap_err().contains("too much"));
        }
    }
}
