//! What changed between two small documents, and which step of the version it needs.

use openapi::api::Api;
use openapi::{Bounds, Impact, Step, diff};

fn read(text: &str) -> Api {
    let nothing = &mut |_: &str| Err("there is nothing else".to_owned());
    openapi::read("https://h/openapi.yaml", text, nothing, &Bounds::default()).unwrap().api
}

const BASE: &str = r"
openapi: 3.1.0
info: {title: Pets, version: 1.0.0, description: all about pets}
security: [{key: []}]
paths:
  /pets/{id}:
    get:
      operationId: getPet
      summary: Gets a pet
      tags: [pets]
      parameters:
      - {name: id, in: path, required: true, schema: {type: integer}}
      - {name: limit, in: query, schema: {type: integer, maximum: 100}}
      responses:
        '200': {description: a pet, content: {application/json: {schema: {$ref: '#/components/schemas/Pet'}}}}
    put:
      operationId: putPet
      parameters:
      - {name: id, in: path, required: true, schema: {type: integer}}
      requestBody: {content: {application/json: {schema: {$ref: '#/components/schemas/Pet'}}}}
      responses: {'204': {description: done}}
components:
  securitySchemes: {key: {type: apiKey, in: header, name: X-Key}}
  schemas:
    Pet:
      type: object
      required: [name]
      properties:
        name: {type: string}
        tag: {type: string}
        kind: {type: string, enum: [cat, dog]}
        made: {type: string, format: date-time, readOnly: true}
        parent: {$ref: '#/components/schemas/Pet'}
        home: {oneOf: [{type: string}, {$ref: '#/components/schemas/House'}]}
    House: {type: object, properties: {street: {type: string}}}
";

/// Changes as lines: impact, code, operation, place.
fn changed(from: &str, to: &str) -> (Step, Vec<String>) {
    assert!(from.is_empty() || BASE.contains(from), "{from} is not in the document");
    let newer = if from.is_empty() { format!("{BASE}{to}") } else { BASE.replace(from, to) };
    let found = diff(&read(BASE), &read(&newer));
    let line = |change: &openapi::Change| {
        let operation = change.operation.as_deref().unwrap_or("-");
        format!("{} {} {operation} {}", change.impact.name(), change.code, change.place).trim_end().to_owned()
    };
    (found.step(), found.changes.iter().map(line).collect())
}

#[test]
fn each_change_is_told_once_with_what_it_does() {
    use Step::{Major, Minor, None, Patch};
    let get = "get /pets/{id}";
    for (from, to, step, lines) in [
        ("Gets a pet", "Gets a pet", None, vec![]),
        ("Gets a pet", "Gets one pet", Patch, vec![format!("documentation operation-described {get}")]),
        ("all about", "everything about", Patch, vec!["documentation info-changed -".to_owned()]),
        (
            "operationId: getPet",
            "operationId: readPet",
            Major,
            vec![format!("breaking operation-id-changed {get}")],
        ),
        ("tags: [pets]", "tags: [animals]", Minor, vec![format!("caution operation-tag-changed {get}")]),
        (
            "summary: Gets a pet",
            "summary: Gets a pet\n      deprecated: true",
            Minor,
            vec![format!("addition operation-deprecated {get}")],
        ),
        (
            "- {name: limit, in: query,",
            "- {name: limit, in: query, required: true,",
            Major,
            vec![format!("breaking parameter-became-required {get} query parameter limit")],
        ),
        (
            "maximum: 100",
            "maximum: 50",
            Major,
            vec![format!("breaking limit-tightened {get} query parameter limit")],
        ),
        (
            "maximum: 100",
            "maximum: 500",
            Minor,
            vec![format!("addition limit-loosened {get} query parameter limit")],
        ),
        (
            "- {name: limit, in: query,",
            "- {name: limit, in: header,",
            Major,
            vec![
                format!("breaking parameter-moved {get} query parameter limit"),
                format!("addition parameter-added {get} header parameter limit"),
            ],
        ),
        (
            "{type: integer, maximum: 100}",
            "{type: string}",
            Major,
            vec![
                format!("breaking type-changed {get} query parameter limit"),
                format!("addition limit-loosened {get} query parameter limit"),
            ],
        ),
        (
            "security: [{key: []}]",
            "security: []",
            Minor,
            vec![
                format!("addition security-removed {get}"),
                "addition security-removed put /pets/{id}".to_owned(),
            ],
        ),
        (
            "requestBody: {content",
            "requestBody: {required: true, content",
            Major,
            vec!["breaking body-became-required put /pets/{id} body".to_owned()],
        ),
        (
            "required: [name]",
            "required: [name, tag]",
            Major,
            vec![
                format!("addition property-became-required {get} response 200: tag"),
                "breaking property-became-required put /pets/{id} body: tag".to_owned(),
            ],
        ),
        (
            "required: [name]",
            "required: []",
            Major,
            vec![
                format!("breaking property-became-optional {get} response 200: name"),
                "addition property-became-optional put /pets/{id} body: name".to_owned(),
            ],
        ),
        (
            "        tag: {type: string}\n",
            "",
            Major,
            vec![
                format!("breaking response-property-removed {get} response 200: tag"),
                "breaking request-property-removed put /pets/{id} body: tag".to_owned(),
            ],
        ),
        (
            "        tag: {type: string}\n",
            "        tag: {type: string}\n        more: {type: string}\n",
            Minor,
            vec![
                format!("addition property-added {get} response 200: more"),
                "addition property-added put /pets/{id} body: more".to_owned(),
            ],
        ),
        (
            "tag: {type: string}",
            "tag: {type: [string, 'null']}",
            Major,
            vec![
                format!("breaking became-nullable {get} response 200: tag"),
                "addition became-nullable put /pets/{id} body: tag".to_owned(),
            ],
        ),
        (
            "enum: [cat, dog]",
            "enum: [cat, dog, bird]",
            Minor,
            vec![
                format!("caution enum-value-added {get} response 200: kind"),
                "addition enum-value-added put /pets/{id} body: kind".to_owned(),
            ],
        ),
        (
            "enum: [cat, dog]",
            "enum: [cat]",
            Major,
            vec![
                format!("caution enum-value-removed {get} response 200: kind"),
                "breaking enum-value-removed put /pets/{id} body: kind".to_owned(),
            ],
        ),
        // What is read-only is not sent.
        (
            "        made: {type: string, format: date-time, readOnly: true}\n",
            "",
            Major,
            vec![format!("breaking response-property-removed {get} response 200: made")],
        ),
        (
            "{street: {type: string}}",
            "{street: {type: integer}}",
            Major,
            vec![
                format!("breaking type-changed {get} response 200: home.street"),
                "breaking type-changed put /pets/{id} body: home.street".to_owned(),
            ],
        ),
        (
            "oneOf: [{type: string}, ",
            "oneOf: [{type: string}, {type: integer}, ",
            Minor,
            vec![
                format!("caution variant-added {get} response 200: home"),
                "addition variant-added put /pets/{id} body: home".to_owned(),
            ],
        ),
        (
            "application/json: {schema: {$ref: '#/components/schemas/Pet'}}}}\n    put",
            "text/json: {schema: {$ref: '#/components/schemas/Pet'}}}}\n    put",
            Major,
            vec![
                format!("breaking media-type-removed {get} response 200"),
                format!("addition media-type-added {get} response 200"),
            ],
        ),
    ] {
        assert_eq!(changed(from, to), (step, lines), "{from} -> {to}");
    }
}

#[test]
fn operations_that_come_go_or_move_are_told() {
    let (step, lines) = changed("/pets/{id}:", "/animals/{id}:");
    assert_eq!(step, Step::Major);
    assert_eq!(
        lines,
        [
            "breaking operation-moved get /pets/{id}",
            "breaking operation-moved put /pets/{id}",
            "addition operation-added get /animals/{id}",
            "addition operation-added put /animals/{id}"
        ]
    );
    // Only the name in the braces: requests stay the same.
    let renamed = BASE.replace("/pets/{id}", "/pets/{pet}").replace("{name: id,", "{name: pet,");
    let found = diff(&read(BASE), &read(&renamed));
    assert!(found.changes.iter().all(|c| c.code == "path-parameter-renamed" && c.impact == Impact::Caution));
    assert_eq!(found.changes.len(), 2);
    let place = found.changes[0].old.as_ref().unwrap();
    assert_eq!((place.line, place.pointer.as_str()), (12, "/paths/~1pets~1{id}/get/parameters/0"));
}

#[test]
fn nothing_changes_between_a_document_and_itself_in_another_form() {
    let json: serde_json::Value = serde_json::json!({
        "swagger": "2.0", "info": {"title": "t", "version": "1"}, "host": "h",
        "paths": {"/a": {"get": {"operationId": "a", "parameters": [{"name": "q", "in": "query", "type": "string", "x-nullable": true}],
            "responses": {"200": {"description": "", "schema": {"$ref": "#/definitions/A"}}}}}},
        "definitions": {"A": {"type": "object", "properties": {"x": {"type": "string", "x-nullable": true}}}},
    });
    let newer = "
openapi: 3.1.0
info: {title: t, version: '1'}
servers: [{url: //h/}]
paths:
  /a:
    get:
      operationId: a
      parameters: [{name: q, in: query, schema: {anyOf: [{type: string}, {type: 'null'}]}}]
      responses: {'200': {description: '', content: {application/json: {schema: {$ref: '#/components/schemas/A'}}}}}
components: {schemas: {A: {type: object, properties: {x: {type: [string, 'null']}}}}}
";
    let found = diff(&read(&json.to_string()), &read(newer));
    assert_eq!(found.changes, []);
    assert_eq!(found.step(), Step::None);
}
