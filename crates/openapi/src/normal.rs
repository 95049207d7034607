//! Brings the values of older versions to the form of 3.1, each in place and by itself: schemas (`nullable`, exclusive
//! bounds, `type: file`, `discriminator`), the parameters of 2.0 (`type` beside `in` becomes a schema, `collectionFormat` a
//! style), and where things stand (`definitions` becomes `components.schemas`, host and base path a server).
//!
//! Deliberately absent: anything that needs a reference to be followed.

use serde_json::{Map, Value, json};

use crate::document::Version;

/// Where 2.0 keeps what 3.x keeps in `components`.
pub(crate) const MOVED: [(&str, &str); 4] = [
    ("definitions", "schemas"),
    ("parameters", "parameters"),
    ("responses", "responses"),
    ("securityDefinitions", "securitySchemes"),
];

/// What a schema of 2.0 may say beside `in` in a parameter.
const SCHEMA_WORDS: [&str; 19] = [
    "type",
    "format",
    "items",
    "default",
    "enum",
    "maximum",
    "exclusiveMaximum",
    "minimum",
    "exclusiveMinimum",
    "maxLength",
    "minLength",
    "pattern",
    "maxItems",
    "minItems",
    "uniqueItems",
    "multipleOf",
    "nullable",
    "x-nullable",
    "example",
];

/// Whether what is under this name is data, in which nothing is a schema or a reference.
pub(crate) fn is_data(name: &str) -> bool {
    matches!(name, "example" | "examples" | "default" | "enum" | "const") || name.starts_with("x-")
}

/// Whether what is under this name is a mapping from names of the author's, in which nothing is a keyword.
fn names_things(name: &str) -> bool {
    matches!(
        name,
        "properties"
            | "patternProperties"
            | "definitions"
            | "$defs"
            | "dependentSchemas"
            | "schemas"
            | "responses"
            | "parameters"
            | "requestBodies"
            | "headers"
            | "securitySchemes"
            | "securityDefinitions"
            | "callbacks"
            | "paths"
            | "webhooks"
            | "pathItems"
            | "content"
            | "encoding"
            | "mapping"
            | "variables"
            | "scopes"
            | "links"
    )
}

/// Brings a file to the form of 3.1. `whole` says that it is a document and not a part of one.
pub(crate) fn normalise(value: &mut Value, version: Version, whole: bool) {
    let mut open: Vec<(&mut Value, bool)> = vec![(&mut *value, false)];
    while let Some((value, names)) = open.pop() {
        match value {
            Value::Array(items) => open.extend(items.iter_mut().map(|item| (item, false))),
            Value::Object(fields) => {
                if !names {
                    object(fields, version);
                }
                for (name, value) in fields.iter_mut() {
                    if names || !is_data(name) {
                        // A property may be called `properties`: inside names everything is a value again.
                        let inner = !names && value.is_object() && names_things(name);
                        open.push((value, inner));
                    }
                }
            }
            _ => {}
        }
    }
    if whole
        && version == Version::V2
        && let Value::Object(root) = value
    {
        move_up(root);
    }
}

fn object(fields: &mut Map<String, Value>, version: Version) {
    if version == Version::V2 {
        parameter(fields);
        if let Some(name @ Value::String(_)) = fields.get("discriminator").cloned() {
            fields.insert("discriminator".to_owned(), json!({ "propertyName": name }));
        }
    }
    if version == Version::V3_1 {
        return;
    }
    if fields.get("type").and_then(Value::as_str) == Some("file") {
        fields.insert("type".to_owned(), "string".into());
        fields.insert("format".to_owned(), "binary".into());
    }
    bound(fields, "minimum", "exclusiveMinimum");
    bound(fields, "maximum", "exclusiveMaximum");
    let old = fields.remove("nullable").or_else(|| fields.remove("x-nullable"));
    if old == Some(Value::Bool(true)) {
        nullable(fields);
    }
    // Beside `in`, `content` or `schema` an example is not a schema's.
    let schema = ["type", "properties", "items", "allOf", "oneOf", "anyOf", "enum"];
    if schema.iter().any(|word| fields.contains_key(*word))
        && !fields.contains_key("examples")
        && let Some(example) = fields.remove("example")
    {
        fields.insert("examples".to_owned(), json!([example]));
    }
}

/// `exclusiveMinimum: true` beside `minimum: 5` becomes `exclusiveMinimum: 5`.
fn bound(fields: &mut Map<String, Value>, limit: &str, exclusive: &str) {
    if let Some(Value::Bool(excludes)) = fields.get(exclusive) {
        if *excludes && let Some(value) = fields.remove(limit) {
            fields.insert(exclusive.to_owned(), value);
        } else {
            fields.remove(exclusive);
        }
    }
}

fn nullable(fields: &mut Map<String, Value>) {
    if let Some(Value::Array(values)) = fields.get_mut("enum")
        && !values.contains(&Value::Null)
    {
        values.push(Value::Null);
    }
    match fields.get_mut("type") {
        Some(Value::String(kind)) => {
            let both = json!([kind.clone(), "null"]);
            fields.insert("type".to_owned(), both);
        }
        Some(Value::Array(kinds)) => {
            if !kinds.iter().any(|kind| kind == "null") {
                kinds.push("null".into());
            }
        }
        _ => {
            for several in ["oneOf", "anyOf"] {
                if let Some(Value::Array(schemas)) = fields.get_mut(several) {
                    schemas.push(json!({"type": "null"}));
                    return;
                }
            }
            if fields.contains_key("$ref") || fields.contains_key("allOf") {
                let own = std::mem::take(fields);
                fields.insert("anyOf".to_owned(), json!([own, {"type": "null"}]));
            }
        }
    }
}

/// A parameter or header of 2.0: what says of which type it is becomes its schema.
fn parameter(fields: &mut Map<String, Value>) {
    let place = fields.get("in").and_then(Value::as_str).unwrap_or_default().to_owned();
    let known = matches!(place.as_str(), "path" | "query" | "header" | "formData");
    if !known || !fields.contains_key("name") || fields.contains_key("schema") {
        return;
    }
    let format = fields.remove("collectionFormat");
    let is_list = fields.get("type").and_then(Value::as_str) == Some("array");
    let mut schema = Map::new();
    for word in SCHEMA_WORDS {
        if let Some(value) = fields.remove(word) {
            schema.insert(word.to_owned(), value);
        }
    }
    fields.insert("schema".to_owned(), schema.into());
    if is_list {
        let (style, explode) = match format.as_ref().and_then(Value::as_str) {
            Some("multi") => ("form", true),
            Some("ssv") => ("spaceDelimited", false),
            Some("tsv") => ("tabDelimited", false),
            Some("pipes") => ("pipeDelimited", false),
            _ if matches!(place.as_str(), "query" | "formData") => ("form", false),
            _ => ("simple", false),
        };
        fields.insert("style".to_owned(), style.into());
        fields.insert("explode".to_owned(), explode.into());
    }
}

fn move_up(root: &mut Map<String, Value>) {
    let mut components = Map::new();
    for (old, new) in MOVED {
        if let Some(value) = root.remove(old) {
            components.insert(new.to_owned(), value);
        }
    }
    root.insert("components".to_owned(), components.into());
    let host = root.remove("host");
    let base = root.remove("basePath").and_then(|base| base.as_str().map(str::to_owned)).unwrap_or_default();
    let base = format!("/{}", base.trim_start_matches('/'));
    let schemes = root.remove("schemes");
    let schemes: Vec<_> =
        schemes.iter().filter_map(Value::as_array).flatten().filter_map(Value::as_str).collect();
    // Encrypted where it is offered; without a host or schemes, as the document itself is got.
    let mut sorted: Vec<_> = ["https", "http"].into_iter().filter(|s| schemes.contains(s)).collect();
    if sorted.is_empty() {
        sorted.push("");
    }
    let servers: Vec<_> = sorted
        .into_iter()
        .map(|scheme| match host.as_ref().and_then(Value::as_str) {
            Some(host) if scheme.is_empty() => json!({"url": format!("//{host}{base}")}),
            Some(host) => json!({"url": format!("{scheme}://{host}{base}")}),
            None => json!({"url": base}),
        })
        .collect();
    root.insert("servers".to_owned(), servers.into());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(version: Version, mut value: Value, expect: &Value) {
        normalise(&mut value, version, true);
        assert_eq!(value, *expect);
    }

    #[test]
    fn schemas_of_3_0_read_like_3_1() {
        for (value, expect) in [
            (json!({"type": "string", "nullable": true}), json!({"type": ["string", "null"]})),
            (json!({"type": "string", "nullable": false}), json!({"type": "string"})),
            (
                json!({"type": "string", "enum": ["a"], "nullable": true}),
                json!({"type": ["string", "null"], "enum": ["a", null]}),
            ),
            (json!({"$ref": "#/a", "nullable": true}), json!({"anyOf": [{"$ref": "#/a"}, {"type": "null"}]})),
            (
                json!({"oneOf": [{"type": "string"}], "nullable": true}),
                json!({"oneOf": [{"type": "string"}, {"type": "null"}]}),
            ),
            (json!({"minimum": 5, "exclusiveMinimum": true}), json!({"exclusiveMinimum": 5})),
            (json!({"minimum": 5, "exclusiveMinimum": false}), json!({"minimum": 5})),
            (json!({"type": "string", "example": "x"}), json!({"type": "string", "examples": ["x"]})),
            // Data stays, and so do properties that are called like keywords.
            (
                json!({"example": {"nullable": true, "type": "x"}}),
                json!({"example": {"nullable": true, "type": "x"}}),
            ),
            (
                json!({"properties": {"nullable": {"type": "string", "nullable": true}, "example": {"type": "file"}}}),
                json!({"properties": {"nullable": {"type": ["string", "null"]}, "example": {"type": "string", "format": "binary"}}}),
            ),
            (
                json!({"properties": {"properties": {"properties": {"a": {"type": "string", "nullable": true}}}}}),
                json!({"properties": {"properties": {"properties": {"a": {"type": ["string", "null"]}}}}}),
            ),
        ] {
            check(Version::V3_0, value, &expect);
        }
    }

    #[test]
    fn a_document_of_2_0_stands_where_3_x_has_it() {
        check(
            Version::V2,
            json!({
                "swagger": "2.0", "host": "h:1", "basePath": "v1", "schemes": ["http", "https"],
                "definitions": {"A": {"discriminator": "kind"}},
                "parameters": {"P": {"name": "p", "in": "query", "type": "array", "items": {"type": "string"}, "collectionFormat": "multi", "required": true}},
            }),
            &json!({
                "swagger": "2.0",
                "components": {
                    "schemas": {"A": {"discriminator": {"propertyName": "kind"}}},
                    "parameters": {"P": {
                        "name": "p", "in": "query", "required": true, "style": "form", "explode": true,
                        "schema": {"type": "array", "items": {"type": "string"}},
                    }},
                },
                "servers": [{"url": "https://h:1/v1"}, {"url": "http://h:1/v1"}],
            }),
        );
        check(
            Version::V2,
            json!({"swagger": "2.0"}),
            &json!({"swagger": "2.0", "components": {}, "servers": [{"url": "/"}]}),
        );
    }
}
