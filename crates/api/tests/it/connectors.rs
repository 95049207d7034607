//! Connectors: made from text, address and sample; previewed, taken as a zip, compared; bounded.

use std::io::{Cursor, Read};
use std::sync::Arc;

use api::Code;
use api::connectors::{Connectors, Documents, Given, SampleText};
use connect::documents::{FileReach, From, Reach};
use connect::functions::Limits;
use openapi::{Bounds, Diagnostic, Outcome};
use serde_json::{Value, json};

use crate::world::{Answer, World};

const PETS: &str = "openapi: 3.1.0
info: {title: Pet Shop, version: 2.1.0, description: Sells pets.}
servers: [{url: 'https://pets.example'}]
paths:
  /pets:
    get:
      operationId: listPets
      responses:
        '200': {description: Pets, content: {application/json: {schema: {type: array, items: {$ref: '#/components/schemas/Pet'}}}}}
components:
  schemas:
    Pet: {type: object, required: [id], properties: {id: {type: string}, name: {type: string}}}
";

/// A reader as the server has one: this machine's addresses only.
struct Reader(connect::documents::Documents);

#[async_trait::async_trait]
impl Documents for Reader {
    async fn read(
        &self,
        given: Given,
        progress: &(dyn Fn(f64, String) + Send + Sync),
    ) -> Result<Outcome, Diagnostic> {
        let from = match given {
            Given::Url(url) => From::Url(url),
            Given::Text { name, text } => From::Text { name, text },
        };
        self.0.read(from, &|_| progress(0.5, "reading".to_owned())).await
    }
}

pub(crate) fn connectors() -> Connectors {
    // Another test of this process may have been first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let allow_host = "an admin can add {host} to `connectors.allow_hosts`";
    let reach = Reach { hosts: Vec::new(), files: FileReach::None, allow_host, allow_files: "" };
    let bounds = Bounds { file_bytes: 16 << 20, values: 200_000, ..Bounds::default() };
    let documents = connect::documents::Documents::new(reach, bounds, Limits::default()).unwrap();
    let sample = SampleText { name: "pets".to_owned(), text: PETS.to_owned() };
    Connectors::new(Arc::new(Reader(documents)), vec![sample])
}

async fn begin(world: &World, token: &str, body: &Value) -> Answer {
    world.post("/connectors").token(token).json(body).send().await
}

/// Makes one and waits until it is over.
async fn made(world: &World, token: &str, body: &Value) -> Value {
    let begun = begin(world, token, body).await.is(202).json();
    let path = format!("/connectors/{}", begun["id"].as_str().unwrap());
    world.until(&path, token, |one| one["state"] == "ready" || one["state"] == "failed").await
}

#[tokio::test]
async fn a_document_becomes_a_package_to_look_at_and_take_home() {
    let world = World::new().await;
    let tokens = world.tokens().await;
    let body = json!({"source": {"text": PETS, "file": "pets.yaml"},
        "options": {"name": "@acme/pets", "version": "1.2.3", "license": "Apache-2.0"}});
    begin(&world, &tokens.viewer, &body).await.problem(Code::Forbidden);
    let one = made(&world, &tokens.operator, &body).await;
    let seen = ["state", "title", "version", "package", "stage"].map(|key| one[key].as_str().unwrap());
    assert_eq!(seen, ["ready", "Pet Shop", "2.1.0", "@acme/pets", "ready"]);
    assert_eq!((&one["operations"], &one["schemas"], &one["progress"]), (&json!(1), &json!(1), &json!(1.0)));
    assert_eq!((&one["options"]["name"], &one["by"]), (&json!("@acme/pets"), &json!("operator")));
    assert!(one["error"].is_null(), "{one}");

    let id = one["id"].as_str().unwrap();
    let file = async |path: &str| {
        world.get(&format!("/connectors/{id}/file?path={path}")).token(&tokens.viewer).send().await
    };
    let manifest = file("package.json").await.is(200);
    assert_eq!(manifest.header("content-type"), "text/plain; charset=utf-8");
    assert_eq!(manifest.json()["version"], "1.2.3");
    let languages: Vec<_> = one["files"].as_array().unwrap().iter().map(|file| &file["language"]).collect();
    assert!(languages.contains(&&json!("typescript")) && languages.contains(&&json!("markdown")));
    let lacking = file("../../etc/passwd").await.problem(Code::NotFound);
    assert!(lacking["detail"].as_str().unwrap().contains("no file of this package"), "{lacking}");

    let zip = async || {
        world.get(&format!("/connectors/{id}/package.zip")).token(&tokens.viewer).send().await.is(200)
    };
    let first = zip().await;
    assert_eq!(first.header("content-type"), "application/zip");
    assert_eq!(first.header("content-disposition"), "attachment; filename=\"acme-pets.zip\"");
    assert_eq!(first.body, zip().await.body, "the same package gives the same bytes");
    let mut archive = zip::ZipArchive::new(Cursor::new(first.body)).unwrap();
    assert_eq!(archive.len(), one["files"].as_array().unwrap().len());
    let mut text = String::new();
    archive.by_name("acme-pets/package.json").unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(text, manifest.text());

    let again = made(&world, &tokens.operator, &body).await;
    assert_eq!(again["files"], one["files"]);
    let list = world.get("/connectors").token(&tokens.viewer).send().await.is(200).json();
    let ids: Vec<_> = list["items"].as_array().unwrap().iter().map(|item| &item["id"]).collect();
    assert_eq!(ids, [&again["id"], &one["id"]], "newest first");
    assert!(list["items"][0]["files"].is_null(), "lists are short");
}

#[tokio::test]
async fn samples_say_what_they_are_and_can_be_made() {
    let world = World::new().await;
    let tokens = world.tokens().await;
    let samples = world.get("/connectors/samples").token(&tokens.viewer).send().await.is(200).json();
    let sample = json!({"name": "pets", "title": "Pet Shop", "description": "Sells pets.", "version": "2.1.0",
        "operations": 1});
    assert_eq!(samples["items"], json!([sample]));
    let text = world.get("/connectors/samples/pets").token(&tokens.viewer).send().await.is(200);
    assert_eq!((text.header("content-type"), text.text().as_str()), ("application/yaml", PETS));
    world.get("/connectors/samples/none").token(&tokens.viewer).send().await.problem(Code::NotFound);
    let one = made(&world, &tokens.operator, &json!({"source": {"sample": "pets"}})).await;
    assert_eq!(one["state"], "ready", "{one}");
}

#[tokio::test]
async fn what_is_wrong_with_a_document_has_its_place() {
    let world = World::new().await;
    let tokens = world.tokens().await;
    let faulty = PETS.replace("'#/components/schemas/Pet'", "'#/components/schemas/Pat'");
    let one =
        made(&world, &tokens.operator, &json!({"source": {"text": faulty, "file": "C:\\x\\pets.yaml"}}))
            .await;
    assert_eq!(one["state"], "ready", "{one}");
    let first = &one["diagnostics"][0];
    assert_eq!((&first["file"], &first["line"]), (&json!("pets.yaml"), &json!(9)), "{one}");
    assert!(first["message"].as_str().unwrap().contains("Pat"), "{first}");

    for (text, line, expect) in [
        ("openapi: 3.1.0\npaths: [\n", 2, "neither JSON nor YAML"),
        ("hello: world\n", 1, "no OpenAPI document"),
        ("", 1, "OpenAPI"),
    ] {
        let one = made(&world, &tokens.operator, &json!({"source": {"text": text}})).await;
        assert_eq!(one["state"], "failed", "{one}");
        assert!(one["error"].as_str().unwrap().contains(expect), "{one}");
        assert_eq!((&one["diagnostics"][0]["line"], &one["files"]), (&json!(line), &json!([])), "{one}");
        let path = format!("/connectors/{}/package.zip", one["id"].as_str().unwrap());
        let none = world.get(&path).token(&tokens.viewer).send().await.problem(Code::Conflict);
        assert!(none["detail"].as_str().unwrap().contains("no package was made"), "{none}");
    }
}

#[tokio::test]
async fn requests_that_mean_nothing_are_refused_with_their_place() {
    let world = World::new().await;
    let tokens = world.tokens().await;
    for (body, at) in [
        (json!({}), "body"),
        (json!({"source": {}}), "/source"),
        (json!({"source": {"text": "x", "url": "http://127.0.0.1/"}}), "/source"),
        (json!({"source": {"sample": "none"}}), "/source/sample"),
        (json!({"source": {"text": PETS}, "options": {"name": "Not A Name"}}), "/options/name"),
        (json!({"source": {"text": PETS}, "options": {"version": "one"}}), "/options/version"),
        (json!({"source": {"text": PETS}, "options": {"license": "GPL"}}), "/options/license"),
        (json!({"source": {"text": PETS}, "options": {"colour": "red"}}), "/options/colour"),
    ] {
        let problem = begin(&world, &tokens.operator, &body).await.problem(Code::InvalidRequest);
        assert_eq!(problem["at"], at, "{problem}");
    }
    let large = json!({"source": {"text": " ".repeat((16 << 20) + 1)}});
    let problem = begin(&world, &tokens.operator, &large).await.problem(Code::InvalidRequest);
    assert_eq!(problem["at"], "/source/text", "{problem}");
    let larger = json!({"source": {"text": " ".repeat(65 << 20)}});
    begin(&world, &tokens.operator, &larger).await.problem(Code::BodyTooLarge);
}

#[tokio::test]
async fn only_addresses_of_this_machine_are_asked() {
    use axum::routing::get;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let parts = axum::Router::new()
        .route(
            "/root.yaml",
            get(|| async { PETS.replace("'#/components/schemas/Pet'", "'parts.yaml#/Pet'") }),
        )
        .route("/parts.yaml", get(|| async { "Pet: {type: object, properties: {far: {type: string}}}" }))
        .route("/away", get(|| async { axum::response::Redirect::temporary("http://198.51.100.7/x.yaml") }));
    let limits = serve::Limits::default();
    let server = tokio::spawn(serve::serve(listener, parts, limits, std::future::pending()));
    let world = World::new().await;
    let tokens = world.tokens().await;
    let from = |url: String| json!({"source": {"url": url}});
    let one = made(&world, &tokens.operator, &from(format!("http://127.0.0.1:{port}/root.yaml"))).await;
    assert_eq!((&one["state"], &one["diagnostics"]), (&json!("ready"), &json!([])), "{one}");
    let path = format!("/connectors/{}/file?path=src/models.ts", one["id"].as_str().unwrap());
    let models = world.get(&path).token(&tokens.viewer).send().await;
    let whole = models.status == 200 && models.text().contains("far");
    let resource = one["files"].as_array().unwrap().iter().any(|f| f["path"] == "src/models.ts");
    assert!(whole || !resource, "{}", models.text());

    for (url, expect) in [
        ("http://198.51.100.7/x.yaml".to_owned(), "add 198.51.100.7 to `connectors.allow_hosts`"),
        (format!("http://127.0.0.1:{port}/away"), "not allowed"),
        (format!("http://127.0.0.1:{port}/none"), "404"),
        ("file:///etc/passwd".to_owned(), "http://"),
    ] {
        let one = made(&world, &tokens.operator, &from(url)).await;
        assert_eq!(one["state"], "failed", "{one}");
        assert!(one["error"].as_str().unwrap().contains(expect), "{one}");
    }
    // What a text refers to is held to the same, and never read from the server's own files.
    let sly = PETS.replace("'#/components/schemas/Pet'", "'file:///etc/passwd'");
    let one = made(&world, &tokens.operator, &json!({"source": {"text": sly}})).await;
    assert_eq!(one["state"], "ready", "{one}");
    assert!(one["diagnostics"][0]["message"].as_str().unwrap().contains("files are not read here"), "{one}");
    server.abort();
}

#[tokio::test]
async fn the_newest_are_kept_and_the_older_are_gone() {
    let world = World::new().await;
    let tokens = world.tokens().await;
    let body = json!({"source": {"sample": "pets"}});
    let first = made(&world, &tokens.operator, &body).await;
    for _ in 0..16 {
        made(&world, &tokens.operator, &body).await;
    }
    let list = world.get("/connectors").token(&tokens.viewer).send().await.is(200).json();
    assert_eq!(list["items"].as_array().unwrap().len(), 16);
    let id = first["id"].as_str().unwrap();
    for path in ["", "/file?path=package.json", "/package.zip"] {
        let gone = world.get(&format!("/connectors/{id}{path}")).token(&tokens.viewer).send().await;
        let gone = gone.problem(Code::Gone);
        assert!(gone["detail"].as_str().unwrap().contains("make it again"), "{gone}");
    }
    world.get("/connectors/con_none").token(&tokens.viewer).send().await.problem(Code::NotFound);
}

#[tokio::test]
async fn a_crowd_waits_and_more_are_told_when_to_come_back() {
    let world = World::new().await;
    let tokens = world.tokens().await;
    let body = json!({"source": {"text": large_document()}});
    let mut told = None;
    let mut taken = 0;
    for _ in 0..64 {
        let answer = begin(&world, &tokens.operator, &body).await;
        match answer.status {
            202 => taken += 1,
            _ => told = told.or(Some(answer)),
        }
    }
    let told = told.expect("the queue is small");
    let problem = told.problem(Code::Overloaded);
    assert_eq!((told.header("retry-after"), &problem["retry_after_s"]), ("3", &json!(3)));
    assert!(taken >= 9, "one is made and eight wait: {taken}");
    world
        .until("/connectors", &tokens.viewer, |list| {
            list["items"].as_array().unwrap().iter().all(|item| item["state"] == "ready")
        })
        .await;
    begin(&world, &tokens.operator, &body).await.is(202);
}

/// One that takes a moment.
fn large_document() -> String {
    let mut text = String::from("openapi: 3.0.0\ninfo: {title: Large, version: '1'}\npaths:\n");
    for n in 0..400 {
        text.push_str(&format!("  /things{n}/{{id}}:\n    get:\n      operationId: getThing{n}\n      responses: {{'200': {{description: x}}}}\n"));
    }
    text
}

#[tokio::test]
async fn hostile_documents_are_bounded() {
    let world = World::new().await;
    let tokens = world.tokens().await;
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let inner = vec![format!("*a{}", level - 1); 9].join(", ");
        bomb.push_str(&format!("a{level}: &a{level} [{inner}]\n"));
    }
    let deep_json = format!("{{\"openapi\": \"3.1.0\", \"paths\": {}", "{\"a\":".repeat(100_000));
    let many = format!("openapi: 3.1.0\npaths: {{}}\nx: [{}]", "1,".repeat(300_000));
    for (text, expect) in
        [(format!("{bomb}openapi: 3.1.0\npaths: {{}}\n"), "too many"), (deep_json, ""), (many, "too many")]
    {
        let one = made(&world, &tokens.operator, &json!({"source": {"text": text}})).await;
        assert_eq!(one["state"], "failed", "{one}");
        assert!(one["error"].as_str().unwrap().contains(expect), "{one}");
    }
}

#[tokio::test]
async fn two_documents_are_compared() {
    let world = World::new().await;
    let tokens = world.tokens().await;
    let newer = PETS.replace("required: [id]", "required: [id, name]").replace("2.1.0", "2.2.0");
    let harder = PETS.replace("operationId: listPets", "operationId: listPets\n      parameters: [{name: shop, in: query, required: true, schema: {type: string}}]");
    let compare = async |old: &str, new: &str| {
        let body = json!({"old": {"text": old}, "new": {"text": new}});
        world.post("/connectors/diff").token(&tokens.operator).json(&body).send().await
    };
    assert_eq!(compare(PETS, PETS).await.is(200).json()["step"], "none");
    let breaking = compare(PETS, &harder).await.is(200).json();
    assert_eq!((&breaking["step"], &breaking["breaking"]), (&json!("major"), &json!(1)), "{breaking}");
    let change = &breaking["changes"][0];
    assert_eq!((&change["operation"], &change["impact"]), (&json!("get /pets"), &json!("breaking")));
    assert!(change["new"]["line"].as_u64().unwrap() > 5, "{change}");
    assert_ne!(compare(PETS, &newer).await.is(200).json()["step"], "none");
    let problem = compare(PETS, "x: 1").await.problem(Code::InvalidRequest);
    assert_eq!(problem["at"], "/new", "{problem}");
    let body = json!({"old": {"sample": "pets"}, "new": {"sample": "pets"}});
    world.post("/connectors/diff").token(&tokens.viewer).json(&body).send().await.problem(Code::Forbidden);
}
