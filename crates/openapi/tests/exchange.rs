//! What is planned from samples is right for the mock, and what the mock answers is right for the schema: of small
//! documents with everything, and of a folder of real ones.
//!
//! Run: `HOMEOSTAT_OPENAPI_FOLDER=… cargo test -p openapi --test exchange -- --ignored --nocapture`

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use openapi::api::{Api, In, Media, Operation, Scheme};
use openapi::{Bounds, Mock, MockRequest, PartContent, PlannedBody, Way, check, plan, sample};
use serde_json::{Map, Value, json};

fn read(uri: &str, text: &str) -> Api {
    openapi::read(uri, text, &mut |_| Err("there is nothing else".to_owned()), &Bounds::default())
        .unwrap()
        .api
}

/// A value for everything that an operation takes.
fn everything(api: &Api, operation: &Operation) -> Map<String, Value> {
    let mut given = Map::new();
    for parameter in &operation.parameters {
        let place = match parameter.place {
            In::Path => "path",
            In::Query | In::QueryString => "query",
            In::Header => "header",
            In::Cookie => "cookie",
        };
        let chooses = ["accept", "content-type"].iter().any(|name| parameter.name.eq_ignore_ascii_case(name));
        if !chooses && (parameter.required || parameter.place != In::Cookie) {
            given.insert(format!("{place}.{}", parameter.name), sample(api, parameter.schema, Way::Request));
        }
    }
    if let Some(body) = &operation.body {
        let name =
            body.name.as_deref().filter(|name| !given.keys().any(|known| known == name)).unwrap_or("body");
        let first =
            body.contents.iter().find(|content| content.media == Media::Json).or(body.contents.first());
        let schema = first.and_then(|content| content.schema);
        let value = schema.map_or(json!({}), |schema| sample(api, schema, Way::Request));
        let is_text =
            first.is_some_and(|content| matches!(content.media, Media::Xml | Media::Text | Media::Binary));
        let value = if is_text && !value.is_string() { json!("text") } else { value };
        given.insert(name.to_owned(), value);
        if let Some(content) = first {
            given.insert("Content-Type".to_owned(), content.media_type.clone().into());
        }
    }
    given
}

/// What proves who asks, for every scheme.
fn credentials(api: &Api) -> Vec<(String, String)> {
    let mut headers = Vec::new();
    let mut cookies = Vec::new();
    for scheme in &api.security_schemes {
        match &scheme.scheme {
            Scheme::ApiKey { name, place: openapi::api::ApiKeyIn::Header } => {
                headers.push((name.clone(), "key".to_owned()));
            }
            Scheme::ApiKey { name, place: openapi::api::ApiKeyIn::Cookie } => {
                cookies.push(format!("{name}=key"))
            }
            _ => {}
        }
    }
    if !cookies.is_empty() {
        headers.push(("cookie".to_owned(), cookies.join("; ")));
    }
    headers
}

fn sent(api: &Api, operation: &Operation, given: &Map<String, Value>) -> Result<MockRequest, String> {
    let planned = plan(api, operation, given).map_err(|error| error.to_string())?;
    let rest = planned
        .url
        .split_once("://")
        .map_or(planned.url.as_str(), |(_, rest)| rest.find('/').map_or("/", |slash| &rest[slash..]));
    let mut request = MockRequest {
        method: planned.method,
        target: rest.to_owned(),
        headers: planned.headers,
        body: Vec::new(),
    };
    match planned.body {
        None => {}
        Some(PlannedBody::Value { media_type, value }) => {
            let json = Media::of(&media_type) == Media::Json;
            let text =
                value.as_str().filter(|_| !json).map(str::to_owned).unwrap_or_else(|| value.to_string());
            request.headers.push(("content-type".to_owned(), media_type));
            request.body = text.into_bytes();
        }
        Some(PlannedBody::Parts(parts)) => {
            request.headers.push(("content-type".to_owned(), "multipart/form-data; boundary=xyz".to_owned()));
            let mut body = String::new();
            for part in parts {
                let (PartContent::Text(text) | PartContent::Base64(text)) = part.content;
                let name = part.name;
                body +=
                    &format!("--xyz\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{text}\r\n");
            }
            request.body = (body + "--xyz--\r\n").into_bytes();
        }
    }
    request.headers.extend(credentials(api));
    // Of the kinds of a header one at a time; the keys in the query are the plan's.
    let asks = operation.security.first().is_some_and(|one| !one.schemes.is_empty());
    if asks {
        let schemes = operation.security[0].schemes.iter().map(|(at, _)| &api.security_schemes[*at].scheme);
        for scheme in schemes {
            match scheme {
                Scheme::Http { scheme, .. } => {
                    request.headers.push(("authorization".to_owned(), format!("{scheme} x")));
                }
                Scheme::OAuth2 { .. } | Scheme::OpenIdConnect { .. } => {
                    request.headers.push(("authorization".to_owned(), "Bearer x".to_owned()));
                }
                Scheme::ApiKey { name, place: openapi::api::ApiKeyIn::Query } => {
                    let mark = if request.target.contains('?') { '&' } else { '?' };
                    request.target += &format!("{mark}{name}=key");
                }
                _ => {}
            }
        }
    }
    Ok(request)
}

/// Calls an operation of a mock; what was wrong, or nothing.
fn exchange(mock: &Mock, at: usize) -> Result<(), String> {
    let api = mock.api();
    let operation = &api.operations[at];
    let request = sent(api, operation, &everything(api, operation))?;
    let answer = mock.answer(&request);
    if !answer.faults.is_empty() || answer.operation.is_none() {
        return Err(format!("{} {}: {} {:?}", request.method, request.target, answer.status, answer.faults));
    }
    let called = &api.operations[answer.operation.unwrap_or_default()];
    if called.path != operation.path && answer.operation != Some(at) {
        return Err(format!("{} {} is taken for {}", request.method, request.target, called.path));
    }
    let response = called.responses.iter().find(|response| response.status.is_success());
    let json =
        response.and_then(|response| response.contents.iter().find(|content| content.media == Media::Json));
    let told =
        answer.headers.iter().find(|(name, _)| name == "content-type").map(|(_, value)| value.as_str());
    if let Some(schema) =
        json.filter(|json| Some(json.media_type.as_str()) == told).and_then(|json| json.schema)
    {
        let value: Value = serde_json::from_slice(&answer.body).map_err(|error| error.to_string())?;
        let violations = check(api, schema, &value, Way::Response);
        if !violations.is_empty() {
            return Err(format!("{} {}: the answer {violations:?}", operation.method, operation.path));
        }
    }
    Ok(())
}

const EVERYTHING: &str = include_str!("exchange/everything.yaml");

#[test]
fn every_operation_of_a_document_with_everything_is_called_and_answered() {
    let mock = Mock::new(Arc::new(read("https://h/openapi.yaml", EVERYTHING)));
    let wrong: Vec<_> = (0..mock.api().operations.len()).filter_map(|at| exchange(&mock, at).err()).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(mock.api().operations.len() >= 10);
}

#[track_caller]
fn asked(mock: &Mock, method: &str, target: &str, headers: &[(&str, &str)], body: &str) -> (u16, String) {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let request = MockRequest {
        method: method.to_owned(),
        target: target.to_owned(),
        headers,
        body: body.as_bytes().to_vec(),
    };
    let answer = mock.answer(&request);
    (answer.status, String::from_utf8(answer.body).unwrap())
}

#[test]
fn what_is_wrong_with_a_request_is_answered() {
    let mock = Mock::new(Arc::new(read("https://h/openapi.yaml", EVERYTHING)));
    let key = ("x-key", "k");
    let json = ("content-type", "application/json");
    for (method, target, headers, body, status, part) in [
        ("GET", "/nowhere", &[key][..], "", 404, "No operation has this path"),
        ("DELETE", "/v1/pets", &[key][..], "", 405, "no operation with this method"),
        ("GET", "/v1/pets", &[][..], "", 401, "key"),
        ("GET", "/v1/pets?limit=0", &[key][..], "", 400, "must be at least 1"),
        ("GET", "/v1/pets?limit=many", &[key][..], "", 400, "must be a whole number"),
        ("GET", "/v1/pets/x", &[key][..], "", 400, "must be a whole number"),
        ("POST", "/v1/pets", &[key, json][..], "", 400, "The body is missing"),
        ("POST", "/v1/pets", &[key, ("content-type", "text/csv")][..], "a", 415, "application/json"),
        ("POST", "/v1/pets", &[key, json][..], "{", 400, "is no JSON"),
        (
            "POST",
            "/v1/pets",
            &[key, json][..],
            r#"{"kind":"cat","name":5}"#,
            400,
            "must be text, and is a number",
        ),
        ("POST", "/v1/pets", &[key, json][..], r#"{"kind":"cat"}"#, 400, "/name"),
        ("GET", "/v1/pets/1", &[key, ("accept", "image/png")][..], "", 406, "application/json"),
        ("GET", "/v1/pets/1", &[key, ("prefer", "code=404")][..], "", 404, "message"),
        ("GET", "/v1/pets/1", &[key, ("prefer", "example=old")][..], "", 200, "Methuselah"),
    ] {
        let (got, text) = asked(&mock, method, target, headers, body);
        assert!(got == status && text.contains(part), "{method} {target}: {got} {text}");
    }
}

#[test]
fn lists_and_objects_come_in_every_style() {
    let mock = Mock::new(Arc::new(read("https://h/openapi.yaml", EVERYTHING)));
    for target in [
        "/v1/styles/.1.2/;m=a,b?form=1&form=2&csv=1,2&pipe=1%7C2&space=1%202&deep[a]=1&deep[b]=x",
        "/v1/styles/.1.2/;m=a?form=1&csv=1",
        "/styles/.1/;m=a",
    ] {
        assert_eq!(asked(&mock, "GET", target, &[], "").0, 204, "{target}");
    }
    for target in ["/v1/styles/.x/;m=a", "/v1/styles/.1/;m=a?csv=1,x", "/v1/styles/.1/;m=a?deep[a]=x"] {
        assert_eq!(asked(&mock, "GET", target, &[], "").0, 400, "{target}");
    }
}

#[test]
#[ignore = "reads a folder of documents that is not part of this repository"]
fn every_operation_of_real_documents_is_called_and_answered() {
    let folder =
        std::env::var("HOMEOSTAT_OPENAPI_FOLDER").expect("HOMEOSTAT_OPENAPI_FOLDER names the folder");
    let folder = Path::new(&folder);
    let index = std::fs::read_to_string(folder.join("index.tsv")).expect("index.tsv in the folder");
    let (mut right, mut all) = (0, 0);
    let mut wrong: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in index.lines().skip(1) {
        let file = line.split('\t').nth(2).unwrap_or_default();
        let file = format!("specs/{}", file.split_once('/').map_or(file, |(_, file)| file));
        let text = |uri: &str| {
            let file = uri.strip_prefix("https://h/").unwrap_or(uri);
            std::fs::read_to_string(folder.join(file)).map_err(|error| error.to_string())
        };
        let whole = text(&file).expect("a document");
        let outcome =
            openapi::read(&format!("https://h/{file}"), whole, &mut |uri| text(uri), &Bounds::default())
                .expect("an API");
        let mock = Mock::new(Arc::new(outcome.api));
        for at in 0..mock.api().operations.len() {
            all += 1;
            match exchange(&mock, at) {
                Ok(()) => right += 1,
                Err(why) => wrong.entry(file.clone()).or_default().push(why),
            }
        }
    }
    let told = |(file, wrong): (&String, &Vec<String>)| {
        format!(
            "{file}: {} wrong; {}",
            wrong.len(),
            wrong.iter().take(3).cloned().collect::<Vec<_>>().join("\n    ")
        )
    };
    let told = wrong.iter().map(told).collect::<Vec<_>>().join("\n");
    // Some documents contradict themselves; HOMEOSTAT_OPENAPI_SHOW=1 shows which.
    let show = std::env::var_os("HOMEOSTAT_OPENAPI_SHOW").is_some();
    assert!(!show && right * 100 >= all * 99, "{right} of {all} operations are called and answered\n{told}");
}
