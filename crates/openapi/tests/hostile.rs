//! Documents that nobody would write on purpose, and some that somebody would.

use openapi::{Bounds, Diagnostic, Outcome, plan};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

fn read(text: &str) -> Result<Outcome, Diagnostic> {
    openapi::read(
        "https://h/x.yaml",
        text,
        &mut |_| Err("there is nothing else".to_owned()),
        &Bounds::default(),
    )
}

/// Reads and plans everything, and says how many operations there are and what was noticed.
fn survive(text: &str, parameters: &Map<String, Value>) -> Result<(usize, Vec<Diagnostic>), Diagnostic> {
    let Outcome { api, diagnostics, .. } = read(text)?;
    for operation in &api.operations {
        let _needed = api.missing_for(Some(operation));
        let _planned = plan(&api, operation, parameters);
    }
    for (id, schema) in api.schemas() {
        let _parts =
            (api.properties(id), api.possible_properties(id), api.resolve(id), api.location(schema.at));
    }
    Ok((api.operations.len(), diagnostics))
}

#[test]
fn circles_end() {
    for (text, code) in [
        (json!({"openapi": "3.1.0", "paths": {"$ref": "#/paths"}}), "reference-circle"),
        (
            json!({"openapi": "3.1.0", "paths": {"/a": {"$ref": "#/paths/~1b"}, "/b": {"$ref": "#/paths/~1a"}}}),
            "reference-circle",
        ),
        (
            json!({"openapi": "3.1.0", "paths": {"/a": {"get": {"parameters": [{"$ref": "#/components/parameters/p"}]}}},
                "components": {"parameters": {"p": {"$ref": "#/components/parameters/p"}}}}),
            "reference-circle",
        ),
        (
            json!({"openapi": "3.1.0", "paths": {}, "components": {"schemas": {
                "a": {"$ref": "#/components/schemas/b"}, "b": {"$ref": "#/components/schemas/a"}}}}),
            "reference-circle",
        ),
        (
            json!({"openapi": "3.1.0", "paths": {"/a": {"get": {"parameters": [{"in": "query"}]}}}}),
            "parameter-without-name",
        ),
        (
            json!({"openapi": "3.1.0", "paths": {"/a": {"get": {"parameters": [{"name": "x"}]}}}}),
            "parameter-without-place",
        ),
    ] {
        let (_, diagnostics) = survive(&text.to_string(), &Map::new()).unwrap();
        assert!(diagnostics.iter().any(|found| found.code == code), "{text}: {diagnostics:?}");
    }
}

#[test]
fn schemas_that_hold_themselves_are_looked_into_only_so_far() {
    let schemas: Map<String, Value> = (0..400)
        .map(|n| {
            let next = format!("#/components/schemas/S{}", (n + 1) % 400);
            (
                format!("S{n}"),
                json!({"allOf": [{"$ref": next}, {"$ref": next}], "properties": {format!("p{n}"): {}}}),
            )
        })
        .collect();
    let text = json!({
        "openapi": "3.1.0",
        "paths": {"/a": {"post": {"requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/S0"}}}}}}},
        "components": {"schemas": schemas},
    });
    let parameters = json!({"p0": 1}).as_object().cloned().unwrap();
    assert_eq!(survive(&text.to_string(), &parameters).unwrap().0, 1);
}

#[test]
fn bombs_of_yaml_are_refused() {
    let mut text = "openapi: 3.1.0\na0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for n in 1..12 {
        let previous = format!("*a{},", n - 1).repeat(9);
        text.push_str(&format!("a{n}: &a{n} [{previous}]\n"));
    }
    let error = survive(&text, &Map::new()).unwrap_err();
    assert_eq!(error.code, "not-readable", "{error}");
}

/// Values that look like parts of documents.
fn part() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        Just(json!(true)),
        Just(json!("query")),
        Just(json!("path")),
        Just(json!("#/paths")),
        Just(json!("x.yaml#/a")),
        Just(json!("/a/{id}")),
        Just(json!("deepObject")),
        any::<i32>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 6, |inner| {
        let key = prop_oneof![
            Just("$ref".to_owned()),
            Just("paths".to_owned()),
            Just("/a/{id}".to_owned()),
            Just("get".to_owned()),
            Just("post".to_owned()),
            Just("parameters".to_owned()),
            Just("name".to_owned()),
            Just("in".to_owned()),
            Just("schema".to_owned()),
            Just("requestBody".to_owned()),
            Just("content".to_owned()),
            Just("application/json".to_owned()),
            Just("servers".to_owned()),
            Just("url".to_owned()),
            Just("security".to_owned()),
            Just("responses".to_owned()),
            Just("properties".to_owned()),
            Just("nullable".to_owned()),
            Just("type".to_owned()),
            Just("style".to_owned()),
            ".{0,4}",
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((key, inner), 0..6)
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_document_is_read_without_harm(
        paths in part(), rest in part(), version in prop_oneof![Just("2.0"), Just("3.0.1"), Just("3.1.0")],
    ) {
        let word = if version == "2.0" { "swagger" } else { "openapi" };
        let text = json!({
            word: version, "paths": {"/a/{id}": paths.clone(), "/b": {"post": paths}}, "components": rest.clone(),
            "definitions": rest,
        });
        let parameters = json!({"id": "x", "name": [1], "body": {"a": 1}}).as_object().cloned().unwrap();
        let _either = survive(&text.to_string(), &parameters);
    }

    #[test]
    fn any_text_is_read_without_harm(text in "(openapi: 3.1.0\n)?[a-z:{}\\[\\]&*!|>\"' \n-]{0,80}") {
        let _either = survive(&text, &Map::new());
    }
}
