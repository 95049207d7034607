//! The contract as a document.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::world::World;

fn document() -> Value {
    serde_json::to_value(api::openapi()).unwrap()
}

fn operations(document: &Value) -> Vec<(String, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    paths
        .iter()
        .flat_map(|(path, methods)| {
            methods.as_object().unwrap().iter().map(move |(m, o)| (format!("{m} {path}"), o))
        })
        .collect()
}

#[tokio::test]
async fn it_is_served_as_built() {
    let world = World::new().await;
    let served = world.ask("GET", "/api/v1/openapi.json").send().await.is(200);
    assert_eq!(served.json(), document());
    assert!(served.json()["openapi"].as_str().unwrap().starts_with("3.1."));
}

#[test]
fn every_operation_has_a_name_a_tag_a_summary_and_a_problem() {
    let document = document();
    let mut names = BTreeSet::new();
    for (place, operation) in operations(&document) {
        let name = operation["operationId"].as_str().unwrap_or_else(|| panic!("{place} has no operationId"));
        assert!(names.insert(name.to_owned()), "{name} is there twice");
        let verb_noun = name.contains('_') && name.chars().all(|c| c.is_ascii_lowercase() || c == '_');
        assert!(verb_noun, "{place}: {name} is not verb_noun in snake case");
        assert!(operation["tags"].as_array().is_some_and(|t| t.len() == 1), "{place} has not one tag");
        assert!(operation["summary"].as_str().is_some_and(|s| !s.is_empty()), "{place} has no summary");
        let problem =
            &operation["responses"]["default"]["content"]["application/problem+json"]["schema"]["$ref"];
        assert_eq!(problem, "#/components/schemas/Problem", "{place}");
        let open = operation["x-required-role"] == "none";
        assert_eq!(operation["security"].as_array().is_some_and(Vec::is_empty), open, "{place}: security");
    }
}

/// Fields without a description, with their place; looks into variants and nested objects too.
fn undescribed(place: &str, schema: &Value, found: &mut Vec<String>) {
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        // An optional reference carries its description beside the reference.
        let optional =
            field["oneOf"].as_array().is_some_and(|o| o.iter().any(|v| v["description"].is_string()));
        let is_tag = optional || field["enum"].as_array().is_some_and(|e| e.len() == 1);
        if field["description"].as_str().is_none_or(str::is_empty) && !is_tag {
            found.push(format!("{place}.{name}"));
        }
        undescribed(&format!("{place}.{name}"), field, found);
    }
    for key in ["oneOf", "allOf", "anyOf"] {
        for (i, variant) in schema[key].as_array().into_iter().flatten().enumerate() {
            undescribed(&format!("{place}/{i}"), variant, found);
        }
    }
}

#[test]
fn every_field_and_parameter_is_described() {
    let document = document();
    let mut found = Vec::new();
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        // The items of a page are the page's own type again.
        if !name.starts_with("Page_") {
            undescribed(name, schema, &mut found);
        }
    }
    for (place, operation) in operations(&document) {
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let described = parameter["description"].as_str().is_some_and(|d| !d.is_empty());
            let is_key = parameter["in"] == "path";
            if !described && !is_key {
                found.push(format!("{place} ?{}", parameter["name"]));
            }
        }
    }
    assert!(found.is_empty(), "no description:\n{}", found.join("\n"));
}

#[test]
fn every_reference_leads_somewhere() {
    fn walk(value: &Value, root: &Value, broken: &mut Vec<String>) {
        match value {
            Value::Object(fields) => {
                if let Some(target) = fields.get("$ref").and_then(Value::as_str)
                    && root.pointer(target.trim_start_matches('#')).is_none()
                {
                    broken.push(target.to_owned());
                }
                fields.values().for_each(|v| walk(v, root, broken));
            }
            Value::Array(items) => items.iter().for_each(|v| walk(v, root, broken)),
            _ => {}
        }
    }
    let document = document();
    let mut broken = Vec::new();
    walk(&document, &document, &mut broken);
    assert!(broken.is_empty(), "{broken:?}");
}

#[test]
fn no_schema_shows_a_hash_of_a_secret() {
    let document = document();
    let token = &document["components"]["schemas"]["Token"]["properties"];
    assert!(token["name"].is_object() && token["hash"].is_null(), "{token}");
}

#[test]
fn shapes_are_known() {
    let document = document();
    let mut lines = Vec::new();
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        let fields =
            schema["properties"].as_object().map(|p| p.keys().cloned().collect::<Vec<_>>().join(" "));
        lines.push(format!("{name}: {}", fields.unwrap_or_else(|| "…".into())));
    }
    insta::assert_snapshot!(lines.join("\n"));
}

#[tokio::test]
async fn the_documentation_lists_every_operation_and_error() {
    let world = World::new().await;
    let page = world.ask("GET", "/docs").send().await.is(200);
    assert!(page.header("content-type").starts_with("text/html"));
    let text = page.text();
    let document = document();
    for (place, _) in operations(&document) {
        let path = place.split_once(' ').unwrap().1;
        assert!(text.contains(&format!("<code>{path}</code>")), "{path}");
    }
    for code in api::Code::ALL {
        let page = world.ask("GET", &format!("/docs/errors/{}", code.as_str())).send().await.is(200).text();
        assert!(page.contains(&format!("(`{}`)", code.as_str())), "{page}");
        assert!(page.contains("**Cause.**") && page.contains("**What to do.**"), "{page}");
    }
    world.ask("GET", "/docs/errors/none").send().await.problem(api::Code::NotFound);
}
