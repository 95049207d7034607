//! What the options of a package change, and that they change nothing else.

use openapi::Bounds;
use openapi::api::Api;
use typescript::{Dates, Options, Package, Pages, PagesBy, Pagination, Transport, Validation, package};

fn api(text: &str) -> Api {
    let mut none = |uri: &str| Err(format!("{uri} is not there"));
    openapi::read("https://library.example/library.yaml", text, &mut none, &Bounds::default())
        .expect("it is read")
        .api
}

fn library(options: &Options) -> Package {
    package(&api(include_str!("fixtures/library.yaml")), options)
}

fn file<'p>(package: &'p Package, path: &str) -> &'p str {
    let found = package.files.iter().find(|file| file.path == path);
    &found.unwrap_or_else(|| panic!("there is no {path}")).text
}

fn manifest(package: &Package) -> serde_json::Value {
    serde_json::from_str(file(package, "package.json")).expect("it is JSON")
}

#[track_caller]
fn has(package: &Package, path: &str, lines: &[&str]) {
    let text = file(package, path);
    for line in lines {
        assert!(text.contains(line), "{line} is not in {path}:\n{text}");
    }
}

#[test]
fn validators_say_what_types_say() {
    let made = library(&Options { validation: Validation::StandardSchema, ..Options::default() });
    insta::assert_snapshot!(file(&made, "src/schemas.ts"));
    has(
        &made,
        "src/resources/books.ts",
        &["schemas: { headers: BooksCreateHeadersSchema, body: BookInputSchema, data: BookSchema },"],
    );
    assert_eq!(manifest(&made)["peerDependencies"], serde_json::Value::Null);
    assert_eq!(manifest(&made)["exports"]["./schemas"]["default"], "./dist/schemas.js");
}

#[test]
fn zod_is_a_peer() {
    let made = library(&Options { validation: Validation::Zod, ..Options::default() });
    insta::assert_snapshot!(file(&made, "src/schemas.ts"));
    assert_eq!(manifest(&made)["peerDependencies"]["zod"], "^4.0.0");
    assert!(made.files.iter().all(|file| file.path != "src/runtime/schema.ts"));
}

#[test]
fn dates_are_converted_both_ways_where_they_are() {
    let made = library(&Options { dates: Dates::Dates, ..Options::default() });
    has(&made, "src/models.ts", &["  published?: Date;", "  due: Date;"]);
    has(
        &made,
        "src/schemas.ts",
        &[
            "export const BookSchema: s.Schema<unknown, api.Book> = s.conversion(() =>",
            "    published: s.optional(s.dateFromTime),",
            "    published: s.optional(s.timeOfDate),",
            "s.dateFromDay",
        ],
    );
    // Where no date is, nothing is converted.
    assert!(!file(&made, "src/resources/desk.ts").contains("schemas"));
}

#[test]
fn axios_is_the_one_dependency() {
    let made = library(&Options { transport: Transport::Axios, ..Options::default() });
    has(&made, "src/client.ts", &["fetch: options.fetch ?? axiosFetch(options.axios),"]);
    assert_eq!(manifest(&made)["dependencies"], serde_json::json!({ "axios": "^1.7.0" }));
    assert_eq!(manifest(&library(&Options::default()))["dependencies"], serde_json::Value::Null);
}

#[test]
fn each_operation_that_a_queue_can_keep_is_a_task() {
    let made = library(&Options { trigger: true, ..Options::default() });
    insta::assert_snapshot!(file(&made, "src/trigger/books.ts"));
    let told: Vec<&str> = made.notes.iter().map(|note| note.code).collect();
    assert_eq!(told, ["no-task", "no-task"], "the cover is bytes both ways");
    assert_eq!(manifest(&made)["peerDependencies"]["@trigger.dev/sdk"], "^4.0.0");
}

const SEARCH: &str = "openapi: 3.0.0
info: {title: T, version: '1'}
paths:
  /search:
    post:
      operationId: search
      tags: [things]
      requestBody:
        content:
          application/json:
            schema: {type: object, properties: {text: {type: string}, start_cursor: {type: string}, from: {type: integer}}}
      responses:
        '200':
          description: ok
          content:
            application/json:
              schema:
                type: object
                properties:
                  found: {type: array, items: {type: string}}
                  next_cursor: {type: string}
                  all: {type: integer}
";

fn search(pages: Option<Option<Pages>>) -> Package {
    let pagination =
        pages.map(|pages| Pagination { operation: "POST /search".to_owned(), pages }).into_iter().collect();
    package(&api(SEARCH), &Options { pagination, ..Options::default() })
}

#[test]
fn a_cursor_can_be_in_the_body() {
    let made = search(None);
    let text: Vec<&str> = file(&made, "src/resources/things.ts").split_whitespace().collect();
    let text = text.join(" ");
    let wanted = "items: \"found\", place: \"body\", parameter: \"start_cursor\", next: \"next_cursor\"";
    assert!(text.contains(wanted), "{text}");
}

#[test]
fn what_the_options_say_of_pages_holds() {
    let offset = Pages {
        by: PagesBy::Offset,
        parameter: Some("from".to_owned()),
        total: Some("all".to_owned()),
        ..Pages::default()
    };
    let made = search(Some(Some(offset)));
    has(&made, "src/resources/things.ts", &["offsetPages({", "parameter: \"from\"", "total: \"all\""]);
    assert!(!file(&search(Some(None)), "src/resources/things.ts").contains("Pages"));
}

#[test]
fn what_cannot_be_done_is_said() {
    let made = search(Some(Some(Pages { by: PagesBy::Cursor, ..Pages::default() })));
    assert_eq!(made.notes[0].code, "pagination-not-possible");
    assert!(made.notes[0].message.contains("say `parameter`"), "{}", made.notes[0].message);
    let pagination = vec![Pagination { operation: "GET /nowhere".to_owned(), pages: None }];
    let made = package(&api(SEARCH), &Options { pagination, ..Options::default() });
    assert_eq!(made.notes[0].code, "pagination-of-nothing");
}
