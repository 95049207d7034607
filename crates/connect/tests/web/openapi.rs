//! `call: openapi`: documents of all versions, in one file or several, fetched, kept and asked again.

use connect::functions::{Limits, OpenApiFunction};
use ports::{FailureKind, Retry};
use serde_json::{Value, json};

use super::peer::{KEY, Peer, call, limits, peer, replied, reply, web, would};

const PETS_2: &str = r##"{
  "swagger": "2.0", "info": {"title": "Pets", "version": "1"}, "basePath": "/v2",
  "consumes": ["application/json"], "produces": ["application/json"],
  "paths": {
    "/pet/findByStatus": {"get": {"operationId": "findPetsByStatus", "parameters": [
      {"name": "status", "in": "query", "required": true, "type": "array", "items": {"type": "string"}, "collectionFormat": "multi"}],
      "responses": {"200": {"description": "", "schema": {"type": "array", "items": {"$ref": "#/definitions/Pet"}}}}}},
    "/pet/{petId}": {
      "get": {"operationId": "getPetById", "parameters": [{"name": "petId", "in": "path", "required": true, "type": "integer"}],
        "responses": {"200": {"description": "", "schema": {"$ref": "#/definitions/Pet"}}}},
      "post": {"operationId": "updatePetWithForm", "consumes": ["application/x-www-form-urlencoded"], "parameters": [
        {"name": "petId", "in": "path", "required": true, "type": "integer"},
        {"name": "name", "in": "formData", "type": "string"}], "responses": {"405": {"description": ""}}}},
    "/pet": {"post": {"operationId": "addPet", "parameters": [{"in": "body", "name": "body", "required": true, "schema": {"$ref": "#/definitions/Pet"}}],
      "responses": {"405": {"description": ""}}}}
  },
  "definitions": {"Pet": {"type": "object", "properties": {"id": {"type": "integer"}, "name": {"type": "string"}}}}
}"##;

/// An API that serves its own document and tells what it was asked.
async fn pets(document: &'static str) -> Peer {
    peer(move |seen, _| match seen.path.as_str() {
        "/swagger.json" => reply(200, &[("content-type", "application/json")], document),
        path => replied(
            200,
            &json!({"path": path, "method": seen.method, "body": seen.body, "accept": seen.header("accept")}),
        ),
    })
    .await
}

fn function(limits: Limits) -> OpenApiFunction {
    OpenApiFunction::new(web(limits))
}

fn with(peer: &Peer, operation: &str, parameters: Value) -> Value {
    json!({
        "document": {"endpoint": format!("{}/swagger.json", peer.url)},
        "operationId": operation,
        "parameters": parameters,
    })
}

#[tokio::test]
async fn operations_of_a_pet_store_are_called() {
    let pets = pets(PETS_2).await;
    let openapi = function(limits());
    for (operation, parameters, expect) in [
        (
            "findPetsByStatus",
            json!({"status": "available"}),
            ("GET", "/v2/pet/findByStatus?status=available", ""),
        ),
        (
            "findPetsByStatus",
            json!({"status": ["a", "b"]}),
            ("GET", "/v2/pet/findByStatus?status=a&status=b", ""),
        ),
        ("getPetById", json!({"petId": 1}), ("GET", "/v2/pet/1", "")),
        ("updatePetWithForm", json!({"petId": 1, "name": "a b"}), ("POST", "/v2/pet/1", "name=a%20b")),
        ("addPet", json!({"body": {"name": "x"}}), ("POST", "/v2/pet", "{\"name\":\"x\"}")),
        ("addPet", json!({"id": 5, "name": "x"}), ("POST", "/v2/pet", "{\"id\":5,\"name\":\"x\"}")),
        ("get /pet/{petId}", json!({"petId": 2}), ("GET", "/v2/pet/2", "")),
    ] {
        let output = call(&openapi, with(&pets, operation, parameters)).await.unwrap();
        let got = (&output["method"], &output["path"], &output["body"]);
        assert_eq!(got, (&json!(expect.0), &json!(expect.1), &json!(expect.2)), "{operation}");
    }
    let seen = pets.seen();
    assert_eq!(seen.iter().filter(|seen| seen.path == "/swagger.json").count(), 1, "one reading serves all");
    let add = seen.iter().find(|seen| seen.path == "/v2/pet").unwrap();
    assert_eq!((add.header("content-type"), add.header("idempotency-key")), ("application/json", KEY));
    let find = seen.iter().find(|seen| seen.path.starts_with("/v2/pet/find")).unwrap();
    assert_eq!(find.header("accept"), "application/json");
}

#[tokio::test]
async fn the_response_is_given_and_the_operation_is_authenticated() {
    let pets = pets(PETS_2).await;
    let mut with = with(&pets, "getPetById", json!({"petId": 1}));
    with["output"] = json!("response");
    with["authentication"] = json!({"bearer": {"token": "s3cret!"}});
    let output = call(&function(limits()), with).await.unwrap();
    assert_eq!(output["request"]["uri"], format!("{}/v2/pet/1", pets.url));
    assert_eq!(output["request"]["headers"]["authorization"], "[secret]");
    assert_eq!((&output["statusCode"], &output["content"]["path"]), (&json!(200), &json!("/v2/pet/1")));
    let seen = pets.seen();
    // The document is public; only the operation is told who asks.
    assert_eq!((seen[0].header("authorization"), seen[1].header("authorization")), ("", "Bearer s3cret!"));
}

#[tokio::test]
async fn a_document_may_be_given_inline() {
    let pets = pets(PETS_2).await;
    let openapi = function(limits());
    let mut document: Value = serde_json::from_str(PETS_2).unwrap();
    let called = |document: Value| json!({"document": document, "operationId": "getPetById", "parameters": {"petId": 1}});
    let failure = call(&openapi, called(document.clone())).await.unwrap_err();
    assert!(failure.message.contains("names no host"), "{failure}");
    document["host"] = json!(pets.url.trim_start_matches("http://"));
    document["schemes"] = json!(["http"]);
    for document in [document.clone(), json!(document.to_string())] {
        assert_eq!(call(&openapi, called(document)).await.unwrap()["path"], "/v2/pet/1");
    }
    // Pinned text counts, and its endpoint tells where it is from.
    let pinned = json!({"endpoint": {"uri": format!("{}/gone.json", pets.url)}, "content": PETS_2});
    assert_eq!(call(&openapi, called(pinned)).await.unwrap()["path"], "/v2/pet/1");
    assert!(pets.seen().iter().all(|seen| seen.path == "/v2/pet/1"));
}

#[tokio::test]
async fn a_document_is_asked_again_with_its_etag() {
    let pets = peer(|seen, before| match seen.path.as_str() {
        "/swagger.json" if before > 3 => reply(503, &[], ""),
        "/swagger.json" if seen.header("if-none-match") == "\"v1\"" => {
            reply(304, &[("cache-control", "no-cache")], "")
        }
        "/swagger.json" => reply(200, &[("etag", "\"v1\""), ("cache-control", "no-cache")], PETS_2),
        path => replied(200, &json!(path)),
    })
    .await;
    let openapi = function(limits());
    for _ in 0..3 {
        assert_eq!(
            call(&openapi, with(&pets, "getPetById", json!({"petId": 1}))).await,
            Ok(json!("/v2/pet/1"))
        );
    }
    let asked: Vec<_> = pets
        .seen()
        .iter()
        .filter(|seen| seen.path == "/swagger.json")
        .map(|seen| seen.header("if-none-match").to_owned())
        .collect();
    // The third was answered with 503: the document as it was read last is used.
    assert_eq!(asked, ["", "\"v1\"", "\"v1\""]);
}

#[tokio::test]
async fn a_document_over_several_files_is_fetched_as_far_as_needed() {
    let pets = peer(|seen, _| match seen.path.as_str() {
        "/swagger.json" => reply(
            200,
            &[],
            "openapi: 3.0.3\nservers: [{url: api}]\npaths:\n  /a:\n    $ref: parts/a.yaml\n  /b:\n    get:\n      operationId: b\n      parameters:\n      - $ref: 'parts/unused.yaml#/x'\n",
        ),
        "/parts/a.yaml" => reply(
            200,
            &[],
            "get:\n  operationId: a\n  parameters:\n  - $ref: '../more.yaml#/q'\n",
        ),
        "/more.yaml" => reply(200, &[], "q: {name: q, in: query, schema: {type: string}}\n"),
        "/parts/unused.yaml" => reply(404, &[], ""),
        path => replied(200, &json!(path)),
    })
    .await;
    let openapi = function(limits());
    assert_eq!(call(&openapi, with(&pets, "a", json!({"q": "x"}))).await, Ok(json!("/api/a?q=x")));
    let paths: Vec<_> = pets.seen().into_iter().map(|seen| seen.path).collect();
    assert_eq!(paths, ["/swagger.json", "/parts/a.yaml", "/more.yaml", "/api/a?q=x"]);
    let failure = call(&openapi, with(&pets, "b", json!({}))).await.unwrap_err();
    assert_eq!((failure.kind, failure.status), (FailureKind::Communication, 404));
    assert!(
        failure.message.contains("the OpenAPI document cannot be read")
            && failure.message.contains("unused.yaml"),
        "{failure}"
    );
}

#[tokio::test]
async fn the_files_of_a_document_are_asked_again_with_it() {
    let pets = peer(|seen, before| match seen.path.as_str() {
        "/swagger.json" => {
            assert_eq!(seen.header("if-none-match"), "");
            let text = "openapi: 3.0.3\npaths: {/a: {$ref: a.yaml}}\n";
            reply(200, &[("etag", "\"v1\""), ("cache-control", "max-age=0")], text)
        }
        "/a.yaml" => reply(
            200,
            &[],
            format!("get: {{operationId: {}, responses: {{}}}}", if before < 3 { "old" } else { "new" }),
        ),
        path => replied(200, &json!(path)),
    })
    .await;
    let openapi = function(limits());
    for operation in ["old", "new"] {
        assert_eq!(call(&openapi, with(&pets, operation, json!({}))).await, Ok(json!("/a")));
    }
}

#[tokio::test]
async fn what_is_wrong_is_named() {
    let pets = pets(PETS_2).await;
    let text = peer(|_, _| reply(200, &[], "hello")).await;
    let openapi = function(limits());
    for (with, part) in [
        (with(&pets, "getPet", json!({})), "no operation \"getPet\"; there is getPetById"),
        (with(&pets, "getPetById", json!({})), "\"petId\" is missing"),
        (with(&pets, "getPetById", json!({"petId": 1, "id": 2})), "no parameter \"id\"; it takes petId"),
        (with(&pets, "getPetById", json!({"petId": ""})), "\"petId\" is empty"),
        (with(&pets, "getPetById", json!({"petId": ".."})), "a step `.` or `..`"),
        (with(&pets, "addPet", json!({})), "the body is missing; give it as `body`"),
        (with(&pets, "addPet", json!([])), "with.parameters must be an object"),
        (json!({"operationId": "x"}), "with.document is missing"),
        (json!({"document": {}, "operationId": "x"}), "with.document.endpoint is missing"),
        (with(&text, "x", json!({})), "no OpenAPI document"),
    ] {
        let failure = call(&openapi, with.clone()).await.unwrap_err();
        assert_eq!(
            (failure.kind, failure.retry),
            (FailureKind::Configuration, Retry::Permanent),
            "{with}: {failure}"
        );
        assert!(failure.message.contains(part), "{with}: {failure}");
    }
    assert!(pets.seen().iter().all(|seen| seen.path == "/swagger.json"));
}

#[tokio::test]
async fn a_document_that_cannot_be_had_is_no_failure_of_the_call() {
    let slow = peer(|_, _| reply(503, &[], "")).await;
    let failure = call(&function(limits()), with(&slow, "x", json!({}))).await.unwrap_err();
    assert_eq!(
        (failure.kind, failure.status, failure.retry),
        (FailureKind::Communication, 503, Retry::Temporary)
    );
}

#[tokio::test]
async fn a_dry_run_reads_the_document_and_calls_nothing() {
    let pets = pets(PETS_2).await;
    let mut with = with(&pets, "addPet", json!({"name": model::secret::placeholder("5f0c", "n", &["x"])}));
    with["authentication"] = json!({"basic": {"use": model::secret::placeholder("5f0c", "n", &["y"])}});
    let told = would(&function(limits()), with).await.unwrap();
    assert!(told.starts_with(&format!("send POST {}/v2/pet with the headers ", pets.url)), "{told}");
    assert!(told.ends_with("bytes of application/json, proving who asks by basic"), "{told}");
    assert_eq!(pets.seen().len(), 1);
    // No placeholder is sent in place of a secret.
    let secret = model::secret::placeholder("5f0c", "n", &["y"]);
    let endpoint =
        json!({"uri": format!("{}/swagger.json", pets.url), "authentication": {"bearer": {"token": secret}}});
    let told =
        would(&function(limits()), json!({"document": {"endpoint": endpoint}, "operationId": "addPet"}))
            .await;
    assert!(told.unwrap().starts_with("call the operation \"addPet\" of a document that can only be read"));
    assert_eq!(pets.seen().len(), 1);
}
