//! What is made of a small document that has a little of everything, file by file; and that it stays what it is.

use openapi::Bounds;
use openapi::api::Api;
use typescript::{License, Named, Options, Package, package};

fn api(text: &str) -> Api {
    let mut none = |uri: &str| Err(format!("{uri} is not there"));
    openapi::read("https://library.example/library.yaml", text, &mut none, &Bounds::default())
        .expect("it is read")
        .api
}

fn library() -> Package {
    package(&api(include_str!("fixtures/library.yaml")), &Options::default())
}

fn file(package: &Package, path: &str) -> String {
    package
        .files
        .iter()
        .find(|file| file.path == path)
        .unwrap_or_else(|| panic!("there is no {path}"))
        .text
        .clone()
}

#[test]
fn every_file_is_as_a_person_has_seen_it() {
    let package = library();
    for path in [
        "README.md",
        "package.json",
        "src/client.ts",
        "src/index.ts",
        "src/mock.ts",
        "src/models.ts",
        "src/resources/books.ts",
        "src/resources/desk.ts",
        "src/resources/loans.ts",
        "test/operations.test.ts",
    ] {
        insta::assert_snapshot!(path.replace('/', "-"), file(&package, path));
    }
}

#[test]
fn the_same_document_gives_the_same_bytes() {
    assert_eq!(library().files, library().files);
}

#[test]
fn methods_are_named_after_what_they_do() {
    let calls: Vec<String> =
        library().methods.iter().map(|m| format!("{}.{}", m.resource, m.method)).collect();
    let expected = [
        "books.list",
        "books.create",
        "books.get",
        "books.delete",
        "books.getCover",
        "books.replaceCover",
        "loans.create",
        "loans.extend",
        "desk.ask",
        "desk.askStream",
    ];
    assert_eq!(calls, expected);
}

/// The methods of a document with these operations: path, method, `operationId`, tag.
fn named(operations: &[(&str, &str, &str, &str)]) -> Vec<String> {
    let mut text = String::from("openapi: 3.0.0\ninfo: {title: T, version: '1'}\npaths:\n");
    for (path, method, id, tag) in operations {
        text.push_str(&format!("  {path}:\n    {method}:\n"));
        if !id.is_empty() {
            text.push_str(&format!("      operationId: {id}\n"));
        }
        if !tag.is_empty() {
            text.push_str(&format!("      tags: [{tag}]\n"));
        }
        text.push_str("      responses: {'200': {description: ok}}\n");
    }
    package(&api(&text), &Options::default())
        .methods
        .iter()
        .map(|m: &Named| format!("{}.{}", m.resource, m.method))
        .collect()
}

#[test]
fn what_frameworks_put_around_names_is_left_out() {
    let operations = [
        ("/cats", "get", "CatsController_findAll", "cats"),
        ("/items/{id}", "get", "read_item_items__id__get", "items"),
        ("/v1/customers/{customer}", "post", "PostCustomersCustomer", ""),
        ("/v1/customers", "get", "GetCustomers", ""),
        ("/v1/charges/{charge}/capture", "post", "", ""),
        ("/v1/accounts/{a}/persons", "post", "", ""),
        ("/dogs", "get", "listDogs", "Dogs"),
        ("/dogs/all", "get", "list-dogs", "Dogs"),
    ];
    let expected = [
        "cats.findAll",
        "items.read",
        "customers.update",
        "customers.list",
        "charges.capture",
        "accounts.createPerson",
        "dogs.list",
        "dogs.listDogs",
    ];
    assert_eq!(named(&operations), expected);
}

#[test]
fn what_is_added_at_the_end_renames_nothing() {
    let all = [
        ("/a", "get", "getA", "things"),
        ("/b", "get", "get_a", "things"),
        ("/c", "get", "constructor", "things"),
        ("/d", "get", "", ""),
        ("/d/{id}", "get", "", ""),
    ];
    let whole = named(&all);
    for count in 1..all.len() {
        assert_eq!(named(&all[..count]), whole[..count], "the first {count}");
    }
}

#[test]
fn types_that_refer_to_themselves_alone_are_cut_and_names_of_the_platform_are_kept_free() {
    let text = "openapi: 3.0.0\ninfo: {title: T, version: '1'}\npaths: {}\ncomponents:\n  schemas:\n    A: {$ref: '#/components/schemas/B'}\n    B: {allOf: [{$ref: '#/components/schemas/A'}, {type: object, properties: {x: {type: string}}}]}\n    Promise: {type: object, properties: {next: {$ref: '#/components/schemas/Promise'}}}\n    pet: {type: string}\n    Pet: {type: string}\n";
    let models = file(&package(&api(text), &Options::default()), "src/models.ts");
    for line in [
        "export interface PromiseModel {",
        "  next?: PromiseModel;",
        "export type PetModel = string;",
        "export type Pet = string;",
    ] {
        assert!(models.contains(line), "{line} is not in\n{models}");
    }
    assert!(!models.contains("export type A = B;") || !models.contains("export type B = A &"), "{models}");
}

#[test]
fn a_package_can_be_named_versioned_and_licensed() {
    let options = Options {
        name: Some("@acme/town-library".to_owned()),
        version: Some("3.0.0".to_owned()),
        license: License::Apache2,
        author: Some("Acme".to_owned()),
        ..Options::default()
    };
    let package = package(&api(include_str!("fixtures/library.yaml")), &options);
    assert_eq!((package.name.as_str(), package.class.as_str()), ("@acme/town-library", "TownLibrary"));
    let manifest: serde_json::Value =
        serde_json::from_str(&file(&package, "package.json")).expect("it is JSON");
    assert_eq!(manifest["version"], "3.0.0");
    assert_eq!(manifest["license"], "Apache-2.0");
    assert!(file(&package, "LICENSE").contains("Apache License"));
}
