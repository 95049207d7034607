//! Requests out of small documents of each version, and what is said when one cannot be made.

use openapi::api::Api;
use openapi::{Bounds, Error, Part, PartContent, PlannedBody, RequestPlan, plan};
use serde_json::{Value, json};

fn read(text: &str) -> Api {
    read_at("https://api.example.com/docs/openapi.yaml", text)
}

fn read_at(uri: &str, text: &str) -> Api {
    let nothing = &mut |_: &str| Err("there is nothing else".to_owned());
    openapi::read(uri, text, nothing, &Bounds::default()).unwrap().api
}

fn planned(document: &Api, id: &str, parameters: Value) -> Result<RequestPlan, Error> {
    plan(document, document.operation(id)?, parameters.as_object().unwrap())
}

#[track_caller]
fn check(document: &Api, id: &str, parameters: Value, expect: &str) {
    match planned(document, id, parameters.clone()) {
        Ok(plan) => assert_eq!(format!("{} {}", plan.method, plan.url), expect, "{parameters}"),
        Err(error) => panic!("{id} {parameters}: {error}"),
    }
}

#[track_caller]
fn refused(document: &Api, id: &str, parameters: Value, part: &str) {
    match planned(document, id, parameters.clone()) {
        Ok(plan) => panic!("{id} {parameters} gave {plan:?}"),
        Err(error) => assert!(error.to_string().contains(part), "{id} {parameters}: {error}"),
    }
}

fn body(media_type: &str, value: Value) -> Option<PlannedBody> {
    Some(PlannedBody::Value { media_type: media_type.to_owned(), value })
}

const V3: &str = r"
openapi: 3.0.3
servers:
- url: https://{region}.example.com/v1
  variables:
    region: {default: eu, enum: [eu, us]}
paths:
  /items/{id}:
    parameters:
    - {name: id, in: path, required: true, schema: {type: string}}
    get:
      operationId: getItem
      parameters:
      - {name: fields, in: query, explode: false, schema: {type: array}}
      - {name: filter, in: query, style: deepObject, schema: {type: object}}
      - {name: id, in: query, schema: {type: string}}
      - {name: X-Trace, in: header, schema: {type: string}}
      - {name: session, in: cookie, schema: {type: string}}
      - {name: where, in: query, content: {application/json: {schema: {type: object}}}}
      - {name: path, in: query, allowReserved: true, schema: {type: string}}
      security: [{key: []}]
      responses:
        200: {description: '', content: {text/csv: {}, application/json: {}}}
        404: {description: '', content: {application/problem+json: {}}}
    put:
      operationId: putItem
      servers: [{url: ../other}]
      requestBody:
        required: true
        content:
          application/xml: {schema: {type: string}}
          application/json: {schema: {$ref: '#/components/schemas/Item'}}
      responses: {}
  /matrix/{a}/label/{b}:
    get:
      operationId: styles
      parameters:
      - {name: a, in: path, required: true, style: matrix, schema: {}}
      - {name: b, in: path, required: true, style: label, explode: true, schema: {}}
      responses: {}
  /{name=shelves/*}:archive?view=full:
    post:
      operationId: archive
      parameters:
      - {name: name, in: path, required: true, schema: {type: string}}
      - {name: q, in: query, schema: {type: string}}
      responses: {}
  /upload:
    post:
      operationId: upload
      requestBody:
        content:
          multipart/form-data:
            schema:
              properties:
                note: {type: string}
                meta: {type: object}
                file: {type: string, format: binary}
            encoding: {meta: {contentType: application/vnd.meta+json}}
      responses: {}
  /form:
    post:
      operationId: form
      requestBody:
        content:
          application/x-www-form-urlencoded:
            schema: {allOf: [{$ref: '#/components/schemas/Item'}, {properties: {tags: {type: array}, deep: {type: object}}}]}
            encoding: {tags: {explode: false}}
      responses: {}
  /any:
    post:
      operationId: any
      requestBody: {content: {'*/*': {schema: {type: object}}}}
      responses: {}
  /untold:
    post: {operationId: untold, requestBody: {description: ''}, responses: {}}
  /twice-a:
    get: {operationId: twice, responses: {}}
  /twice-b:
    get: {operationId: twice, responses: {}}
components:
  schemas:
    Item: {type: object, properties: {name: {type: string}, next: {$ref: '#/components/schemas/Item'}}}
  securitySchemes:
    key: {type: apiKey, in: header, name: X-Api-Key}
";

#[test]
fn parameters_go_where_they_belong() {
    let document = read(V3);
    let base = "GET https://eu.example.com/v1/items/";
    for (parameters, expect) in [
        (json!({"id": "a/b c"}), "a%2Fb%20c"),
        (json!({"id": 5, "fields": ["a", "b"]}), "5?fields=a,b"),
        (json!({"id": 5, "filter": {"a": {"b": [1]}}}), "5?filter[a][b][0]=1"),
        (json!({"id": 5, "query.id": "q"}), "5?id=q"),
        (json!({"path.id": 5, "where": {"a": "b"}}), "5?where=%7B%22a%22%3A%22b%22%7D"),
        (json!({"id": 5, "path": "/x?y&z#", "fields": null}), "5?path=/x?y%26z%23"),
    ] {
        check(&document, "getItem", parameters, &format!("{base}{expect}"));
    }
    let given = json!({"id": 1, "X-Trace": "t", "session": "s;1", "X-Api-Key": "k", "server.region": "us"});
    let plan = planned(&document, "getItem", given).unwrap();
    assert_eq!(plan.url, "https://us.example.com/v1/items/1");
    let headers: Vec<_> = plan.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    assert_eq!(
        headers,
        ["X-Trace: t", "X-Api-Key: k", "Cookie: session=s%3B1", "Accept: application/json, text/csv"]
    );
    let chosen = planned(&document, "getItem", json!({"id": 1, "accept": "text/csv"})).unwrap();
    assert_eq!(chosen.headers, [("Accept".to_owned(), "text/csv".to_owned())]);
}

#[test]
fn paths_are_written_in_every_style_and_never_lead_elsewhere() {
    let document = read(V3);
    let base = "https://eu.example.com/v1";
    check(
        &document,
        "styles",
        json!({"a": [1, 2], "b": {"x": 1}}),
        &format!("GET {base}/matrix/;a=1,2/label/.x=1"),
    );
    let archive = format!("POST {base}/shelves/a%3Fb:archive?view=full");
    check(&document, "archive", json!({"name": "shelves/a?b"}), &archive);
    check(&document, "archive", json!({"name": "shelves/a?b", "q": "x"}), &format!("{archive}&q=x"));
    for id in ["..", ".", "%2e%2e"] {
        // The last is written `%252e`, which is no step.
        let parameters = json!({ "id": id });
        if id.starts_with('%') {
            check(&document, "getItem", parameters, &format!("GET {base}/items/%252e%252e"));
        } else {
            refused(&document, "getItem", parameters, "a step `.` or `..`");
        }
    }
    refused(&document, "archive", json!({"name": "../../admin"}), "a step `.` or `..`");
    refused(&document, "getItem", json!({"id": ""}), "is empty");
}

#[test]
fn bodies_are_shaped_as_their_media_type_needs() {
    let document = read(V3);
    let plan = planned(&document, "putItem", json!({"id": 1, "body": {"name": "x"}})).unwrap();
    assert_eq!(plan.url, "https://api.example.com/other/items/1");
    assert_eq!(plan.body, body("application/json", json!({"name": "x"})));
    let plan = planned(&document, "putItem", json!({"id": 1, "name": "x", "next": {}})).unwrap();
    assert_eq!(plan.body, body("application/json", json!({"name": "x", "next": {}})));
    let xml = json!({"id": 1, "body": "<a/>", "Content-Type": "application/xml"});
    assert_eq!(planned(&document, "putItem", xml).unwrap().body, body("application/xml", json!("<a/>")));
    let form = json!({"name": "a b", "tags": [1, 2], "deep": {"x": {"y": true}}});
    let expect = body("application/x-www-form-urlencoded", json!("name=a%20b&tags=1,2&deep[x][y]=true"));
    assert_eq!(planned(&document, "form", form).unwrap().body, expect);
    assert_eq!(
        planned(&document, "any", json!({"what": 1})).unwrap().body,
        body("application/json", json!({"what": 1}))
    );
    assert_eq!(planned(&document, "form", json!({})).unwrap().body, None);
    assert_eq!(planned(&document, "untold", json!({})).unwrap().body, None);
    assert_eq!(
        planned(&document, "untold", json!({"body": 1})).unwrap().body,
        body("application/json", json!(1))
    );
}

#[test]
fn files_are_parts_with_a_name() {
    let document = read(V3);
    let file = json!({"base64": "aGk=", "filename": "hi.txt", "mediaType": "text/plain"});
    let plan = planned(&document, "upload", json!({"note": "n", "meta": {"a": 1}, "file": file})).unwrap();
    let part = |name: &str, filename: Option<&str>, media_type: Option<&str>, content| Part {
        name: name.to_owned(),
        filename: filename.map(str::to_owned),
        media_type: media_type.map(str::to_owned),
        content,
    };
    let text = |text: &str| PartContent::Text(text.to_owned());
    let expect = vec![
        part("note", None, None, text("n")),
        part("meta", None, Some("application/vnd.meta+json"), text("{\"a\":1}")),
        part("file", Some("hi.txt"), Some("text/plain"), PartContent::Base64("aGk=".to_owned())),
    ];
    assert_eq!(plan.body, Some(PlannedBody::Parts(expect)));
    let plain = planned(&document, "upload", json!({"file": "text"})).unwrap();
    assert_eq!(plain.body, Some(PlannedBody::Parts(vec![part("file", Some("file"), None, text("text"))])));
    refused(&document, "upload", json!({"file": {"x": 1}}), "\"file\" is a file");
}

#[test]
fn what_is_wrong_is_named() {
    let document = read(V3);
    for (id, parameters, part) in [
        ("getItem", json!({}), "\"id\" is missing; the operation needs it in the path"),
        ("getItem", json!({"id": 1, "field": 2}), "no parameter \"field\"; it takes fields, filter"),
        ("getItem", json!({"id": {"a": []}}), "\"id\" holds a list or an object inside another"),
        ("getItem", json!({"id": 1, "server.region": "moon"}), "\"server.region\" must be one of eu, us"),
        (
            "getItem",
            json!({"id": 1, "Content-Type": "x"}),
            "has a Content-Type, but the operation takes none",
        ),
        ("putItem", json!({"id": 1}), "the body is missing"),
        ("putItem", json!({"id": 1, "nam": "x"}), "the body is missing"),
        ("putItem", json!({"id": 1, "body": {}, "name": "x"}), "no parameter \"name\""),
        (
            "putItem",
            json!({"id": 1, "body": {}, "Content-Type": "text/csv"}),
            "takes application/xml, application/json",
        ),
        ("putItem", json!({"id": 1, "body": {}, "Content-Type": "application/xml"}), "must be text"),
        ("upload", json!({"body": "x"}), "must be an object: it is a form"),
        ("getItems", json!({}), "no operation \"getItems\"; there is getItem"),
        ("twice", json!({}), "name one as `get /twice-a` or `get /twice-b`"),
        ("get /nowhere", json!({}), "no operation"),
    ] {
        refused(&document, id, parameters, part);
    }
    check(&document, "GET /twice-b", json!({}), "GET https://eu.example.com/v1/twice-b");
}

const V2: &str = r#"{
  "swagger": "2.0", "host": "api.example.com", "basePath": "/v2", "schemes": ["http", "https"],
  "consumes": ["application/json"], "produces": ["application/json", "application/xml"],
  "parameters": {"Limit": {"name": "limit", "in": "query", "type": "integer"},
    "Pet": {"name": "pet", "in": "body", "required": true, "schema": {"$ref": "Pet"}}},
  "paths": {
    "/pets": {
      "get": {"operationId": "list", "parameters": [{"$ref": "\#/parameters/Limit"},
        {"name": "csv", "in": "query", "type": "array", "items": {"type": "string"}},
        {"name": "pipes", "in": "query", "type": "array", "collectionFormat": "pipes", "items": {"type": "string"}},
        {"name": "tsv", "in": "query", "type": "array", "collectionFormat": "tsv", "items": {"type": "string"}},
        {"name": "multi", "in": "query", "type": "array", "collectionFormat": "multi", "items": {"type": "string"}}],
        "responses": {"200": {"description": "", "schema": {"type": "array"}}}},
      "post": {"operationId": "add", "parameters": [{"$ref": "\#/parameters/Pet"}], "responses": {}}},
    "/pets/{id}/image": {"post": {"operationId": "image", "consumes": ["multipart/form-data"], "parameters": [
      {"name": "id", "in": "path", "type": "integer", "required": true},
      {"name": "file", "in": "formData", "type": "file", "required": true},
      {"name": "note", "in": "formData", "type": "string"}], "responses": {}}}
  },
  "definitions": {"Pet": {"type": "object", "properties": {"name": {"type": "string"}}}}
}"#;

#[test]
fn documents_of_2_0_are_called_alike() {
    let document = read(&V2.replace("\\#", "#"));
    let base = "https://api.example.com/v2";
    let lists =
        json!({"limit": 5, "csv": ["a", "b"], "pipes": ["a", "b"], "tsv": ["a", "b"], "multi": ["a", "b"]});
    let expect = format!("GET {base}/pets?limit=5&csv=a,b&pipes=a%7Cb&tsv=a%09b&multi=a&multi=b");
    check(&document, "list", lists, &expect);
    for given in [json!({"pet": {"name": "x"}}), json!({"body": {"name": "x"}}), json!({"name": "x"})] {
        match planned(&document, "add", given.clone()) {
            Ok(plan) => assert_eq!(plan.body, body("application/json", json!({"name": "x"})), "{given}"),
            // The body has a name of its own here.
            Err(error) => assert!(given.get("body").is_some(), "{given}: {error}"),
        }
    }
    let plan = planned(&document, "image", json!({"id": 1, "file": "x", "note": "n"})).unwrap();
    let Some(PlannedBody::Parts(parts)) = plan.body else { panic!("no parts: {plan:?}") };
    let names: Vec<_> = parts.iter().map(|part| (part.name.as_str(), part.filename.as_deref())).collect();
    assert_eq!(names, [("file", Some("file")), ("note", None)]);
    refused(&document, "image", json!({"id": 1, "note": "n"}), "\"file\" is missing; the form");
    let accept = planned(&document, "list", json!({})).unwrap().headers;
    assert_eq!(accept, [("Accept".to_owned(), "application/json, application/xml".to_owned())]);
}

#[test]
fn servers_are_taken_from_where_the_document_is() {
    for (root, uri, expect) in [
        ("openapi: 3.1.0", "https://h/a/b.yaml", "https://h/x"),
        ("openapi: 3.1.0\nservers: [{url: v1}]", "https://h/a/b.yaml", "https://h/a/v1/x"),
        ("openapi: 3.1.0\nservers: [{url: //k/v1/}]", "http://h/a", "http://k/v1/x"),
        ("swagger: '2.0'\nbasePath: /v2", "http://h/a", "http://h/v2/x"),
        ("swagger: '2.0'\nhost: k", "https://h/a", "https://k/x"),
        ("swagger: '2.0'", "", "/x"),
    ] {
        let text = format!("{root}\npaths: {{/x: {{get: {{operationId: x, responses: {{}}}}}}}}\n");
        let document = read_at(uri, &text);
        check(&document, "x", json!({}), &format!("GET {expect}"));
    }
    let loose = "openapi: 3.0.0\nservers: [{url: 'https://{what}/'}]\npaths: {/x: {get: {operationId: x, responses: {}}}}\n";
    refused(&read(loose), "x", json!({}), "a variable that it does not describe");
}
