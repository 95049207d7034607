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
    assert!(BASE.contains(from), "{from} is not in the document");
    let newer = BASE.replace(from, to);
    let found = diff(&read(BASE), &read(&newer));
    let line = |change: &openapi::Change| {
        let operation = change.operation.as_deref().unwrap_or("-");
        format!("{} {} {operation} {}", change.impact.name(), change.code, change.place).trim_end().to_owned()
    };
    (found.step(), found.changes.iter().map(line).collect())
}

#[test]
fn each_change_is_told_once_with_what_it_does() {
    let mut cases = 0;
    for case in include_str!("diff/cases.txt").split("\n\n") {
        let mut lines = case.lines().filter(|line| !line.starts_with('#'));
        let Some(from) = lines.next() else { continue };
        let unescaped = |line: &str, lead: &str| line.strip_prefix(lead).expect(lead).replace("\\n", "\n");
        let (from, to) = (unescaped(from, "--- "), unescaped(lines.next().unwrap(), "+++ "));
        let step = lines.next().unwrap();
        let (got, changes) = changed(&from, &to);
        assert_eq!(changes, lines.collect::<Vec<_>>(), "{from} -> {to}");
        assert_eq!(got.name(), step, "{from} -> {to}");
        cases += 1;
    }
    assert_eq!(cases, 24);
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
