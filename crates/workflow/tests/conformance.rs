//! The official examples and scenarios of the specification (`tests/official`, Apache-2.0), as far as this version
//! runs the standard. The scenarios are in `conformance/kit.rs`.

#[path = "conformance/kit.rs"]
mod kit;

use std::collections::BTreeMap;

use kit::{official, yaml};
use serde_json::{Value, json};
use workflow::{Definition, Resources};

/// The function of a catalog that an example calls, as its address has it.
fn resources() -> Resources {
    let log =
        "https://raw.githubusercontent.com/serverlessworkflow/catalog/main/functions/log/1.0.0/function.yaml";
    let function = "input: {schema: {document: {type: object, required: [message]}}}\ncall: log\nwith: {text: '${ .message }'}\n";
    [(log.to_owned(), function.to_owned())].into()
}

fn accepted(file: &str, text: &str) -> Result<(), String> {
    Definition::parse_with(file, text, 1, &resources()).map(|_| ()).map_err(|e| e.to_string())
}

#[test]
fn every_example_is_read() {
    let examples = official("examples");
    let refused: Vec<String> =
        examples.iter().filter_map(|(name, text)| accepted(name, text).err()).collect();
    assert!(refused.is_empty(), "{}", refused.join("\n"));
    assert_eq!(examples.len(), 66, "every example was looked at");
}

#[test]
fn scenarios_end_as_the_specification_says() {
    let (passed, wrong) = kit::run_all();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(passed, 21, "every scenario was looked at");
}

fn standard() -> jsonschema::Validator {
    jsonschema::draft202012::new(&workflow::document_schema()).expect("the official schema is a schema")
}

#[test]
fn every_example_fits_the_official_schema() {
    let standard = standard();
    let mut wrong = Vec::new();
    for (name, text) in official("examples") {
        if let Err(error) = standard.validate(&yaml(&text)) {
            wrong.push(format!("{name}: {error}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Every document that differs from the given one at one place: a key that is gone, misspelt or unknown, a value
/// of another type.
fn variants(document: &Value) -> Vec<(String, Value)> {
    let mut places = vec![String::new()];
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(place) = places.get(at).cloned() {
        at += 1;
        let value = document.pointer(&place).expect("places are there").clone();
        let mut with = |what: &str, new: Value| {
            let mut changed = document.clone();
            *changed.pointer_mut(&place).expect("places are there") = new;
            found.push((format!("{place} {what}"), changed));
        };
        for other in [
            json!(null),
            json!(5),
            json!(-1.5),
            json!("text"),
            json!(true),
            json!([]),
            json!({}),
            json!("${ .x }"),
        ] {
            if std::mem::discriminant(&other) != std::mem::discriminant(&value) || other.is_string() {
                with(&format!("is {other}"), other);
            }
        }
        match &value {
            Value::Object(map) => {
                let mut more = map.clone();
                more.insert("unknown".into(), json!("x"));
                with("has `unknown`", Value::Object(more));
                for key in map.keys() {
                    let mut less = map.clone();
                    let old = less.shift_remove(key).expect("the key is there");
                    with(&format!("lacks `{key}`"), Value::Object(less.clone()));
                    less.insert(format!("{key}s"), old);
                    with(&format!("has `{key}s`"), Value::Object(less));
                    places.push(format!("{place}/{}", key.replace('~', "~0").replace('/', "~1")));
                }
            }
            Value::Array(items) => {
                with("is doubled", items.iter().chain(items).cloned().collect());
                places.extend((0..items.len()).map(|i| format!("{place}/{i}")));
            }
            _ => {}
        }
    }
    found
}

/// What the schema takes and we refuse, by what we say: mistakes that a schema cannot see, and fields in places that
/// the schema leaves open.
const STRICTER: &[&str] = &[
    "there is no filter",
    "there is no variable",
    "there is no `",
    "there is already a `",
    "has no field `",
    "names must differ",
    "`then` goes to `",
    "must be a name of letters",
    "must be the name of a function",
    "the name of a secret must",
    "`cron`: ",
    "`schedule` needs one of",
    "`event` of `emit` needs `with`",
    "`set` must be a mapping",
    "`language` of `script` cannot be",
    "of a schema must be",
    "a schema must be",
    "the schema keyword",
];
/// What we take and the schema refuses: an expression for a URI of an authority, a host, a status.
const LAXER: &[&str] =
    &["/authority is \"${ .x }\"", "/service/host is \"${ .x }\"", "/status is \"${ .x }\""];

#[test]
fn we_take_what_the_official_schema_takes() {
    let standard = standard();
    let (mut compared, mut stricter, mut laxer) = (0, BTreeMap::new(), BTreeMap::new());
    for (name, text) in official("examples") {
        for (what, document) in variants(&yaml(&text)) {
            compared += 1;
            let (theirs, ours) = (standard.is_valid(&document), accepted(&name, &document.to_string()));
            match (theirs, ours) {
                (true, Err(message)) if !STRICTER.iter().any(|s| message.contains(s)) => {
                    stricter.insert(message, what);
                }
                (false, Ok(())) if !LAXER.iter().any(|l| what.contains(l)) => {
                    laxer.insert(what, name.clone());
                }
                _ => {}
            }
        }
    }
    assert!(compared > 10_000, "{compared} documents were compared");
    assert!(stricter.is_empty(), "we refuse what the schema takes: {stricter:#?}");
    assert!(laxer.is_empty(), "we take what the schema refuses: {laxer:#?}");
}
