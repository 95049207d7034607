//! A survey of real documents: every file that the folder in `HOMEOSTAT_OPENAPI_FOLDER` lists in its `index.tsv` is read,
//! and each operation is planned with nothing and with everything it takes.
//!
//! Run: `HOMEOSTAT_OPENAPI_FOLDER=… cargo test -p openapi --test survey -- --ignored --nocapture`

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use openapi::api::{Api, In, Kind, Media, Operation};
use openapi::{Bounds, Diagnostic, Outcome, plan};
use serde_json::{Map, Value, json};

/// Reads a document with every file that it refers to and that is there.
fn read(folder: &Path, file: &str) -> Result<Outcome, Diagnostic> {
    let text = |file: &str| std::fs::read_to_string(folder.join(file)).map_err(|error| error.to_string());
    openapi::read(file, text(file).unwrap_or_default(), &mut |uri| text(uri), &Bounds::default())
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
        let value = match api.schema(api.resolve(parameter.schema)).kind {
            Kind::Array(_) => json!(["a b", "c"]),
            Kind::Object(_) => json!({"k": "v"}),
            Kind::Integer(_) | Kind::Number(_) => json!(5),
            _ => json!("x/y"),
        };
        if ["accept", "content-type"].iter().any(|name| parameter.name.eq_ignore_ascii_case(name)) {
            continue;
        }
        given.insert(format!("{place}.{}", parameter.name), value);
    }
    if let Some(body) = &operation.body {
        let name = body.name.as_deref().unwrap_or("body");
        let forms =
            body.contents.iter().find(|content| matches!(content.media, Media::Form | Media::Multipart));
        let objects = body.contents.iter().any(|content| content.media == Media::Json);
        match forms {
            Some(form) if !objects => {
                let fields = form.schema.map(|schema| api.properties(schema)).unwrap_or_default();
                given.insert(
                    name.to_owned(),
                    fields
                        .iter()
                        .map(|field| (field.name.to_string(), json!("x")))
                        .collect::<Map<_, _>>()
                        .into(),
                );
            }
            _ => {
                given.insert(name.to_owned(), if objects { json!({"k": "v"}) } else { json!("text") });
            }
        }
    }
    given
}

#[test]
#[ignore = "reads a folder of documents that is not part of this repository"]
fn every_document_reads_and_every_operation_plans() {
    let folder =
        std::env::var("HOMEOSTAT_OPENAPI_FOLDER").expect("HOMEOSTAT_OPENAPI_FOLDER names the folder");
    let folder = Path::new(&folder);
    let index = std::fs::read_to_string(folder.join("index.tsv")).expect("index.tsv in the folder");
    let (mut documents, mut operations, mut planned) = (0, 0, 0);
    let mut said: BTreeMap<String, usize> = BTreeMap::new();
    let mut broken = Vec::new();
    let began = Instant::now();
    for line in index.lines().skip(1) {
        let columns: Vec<_> = line.split('\t').collect();
        let file = format!("specs/{}", columns[2].split_once('/').map_or(columns[2], |(_, file)| file));
        documents += 1;
        let api = match read(folder, &file) {
            Ok(outcome) => outcome.api,
            Err(error) => {
                broken.push(format!("{file}: {error}"));
                continue;
            }
        };
        let found = &api.operations;
        if columns[10].parse() != Ok(found.len()) {
            broken.push(format!("{file}: {} operations, the index says {}", found.len(), columns[10]));
        }
        for operation in found {
            operations += 1;
            let _nothing = plan(&api, operation, &Map::new());
            match plan(&api, operation, &everything(&api, operation)) {
                Ok(_) => planned += 1,
                Err(error) => {
                    *said.entry(format!("{file}: {error}")).or_default() += 1;
                }
            }
        }
    }
    let summary = format!(
        "{documents} documents, {} broken; {planned} of {operations} operations planned in {:.1} s\n{}\n{}",
        broken.len(),
        began.elapsed().as_secs_f64(),
        broken.join("\n"),
        said.iter().map(|(error, count)| format!("{count} x {error}")).collect::<Vec<_>>().join("\n"),
    );
    assert!(broken.is_empty() && planned == operations && operations > 0, "{summary}");
    assert!(documents > 1, "{summary}");
}
