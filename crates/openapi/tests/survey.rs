//! A survey of real documents: every file that the folder in `HOMEOSTAT_OPENAPI_FOLDER` lists in its `index.tsv` is read,
//! and each operation is planned with nothing and with everything it takes.
//!
//! Run: `HOMEOSTAT_OPENAPI_FOLDER=… cargo test -p openapi --test survey -- --ignored --nocapture`

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use openapi::{Document, Error, Location, Operation, Shape, plan};
use serde_json::{Map, Value, json};

/// Reads a document with every file that it refers to and that is there.
fn read(folder: &Path, file: &str) -> Result<Document, Error> {
    let text = |file: &str| std::fs::read_to_string(folder.join(file)).unwrap_or_default();
    let mut document = Document::read(file, &text(file))?;
    let mut asked = Vec::new();
    loop {
        let missing: Vec<_> = document.missing().into_iter().filter(|uri| !asked.contains(uri)).collect();
        if missing.is_empty() {
            return Ok(document);
        }
        for uri in missing {
            if folder.join(&uri).is_file() {
                document.add(&uri, &text(&uri))?;
            }
            asked.push(uri);
        }
    }
}

/// A value for everything that an operation takes.
fn everything(operation: &Operation<'_>) -> Map<String, Value> {
    let mut given = Map::new();
    for parameter in &operation.parameters {
        let place = match parameter.location {
            Location::Path => "path",
            Location::Query => "query",
            Location::Header => "header",
            Location::Cookie => "cookie",
        };
        let kind = parameter.schema.and_then(|schema| schema.text("type"));
        let value = match kind {
            Some("array") => json!(["a b", "c"]),
            Some("object") => json!({"k": "v"}),
            Some("integer" | "number") => json!(5),
            _ => json!("x/y"),
        };
        if ["accept", "content-type"].iter().any(|name| parameter.name.eq_ignore_ascii_case(name)) {
            continue;
        }
        given.insert(format!("{place}.{}", parameter.name), value);
    }
    // Some documents do not describe what stands in their paths.
    for name in
        operation.path.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name)
    {
        if !operation.parameters.iter().any(|parameter| name.starts_with(parameter.name)) {
            given.insert(name.to_owned(), json!("x"));
        }
    }
    if let Some(body) = &operation.body {
        let name = body.name.unwrap_or("body");
        match &body.content.first().map(|content| &content.shape) {
            Some(Shape::Fields(fields)) => {
                given.extend(fields.iter().map(|field| (field.name.to_owned(), json!("x"))));
            }
            _ => {
                let objects = body.content.iter().any(|content| {
                    content.media_type.contains("json")
                        || content.media_type.contains("form")
                        || content.media_type.contains('*')
                });
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
        let document = match read(folder, &file) {
            Ok(document) => document,
            Err(error) => {
                broken.push(format!("{file}: {error}"));
                continue;
            }
        };
        let found = match document.operations() {
            Ok(found) => found,
            Err(error) => {
                broken.push(format!("{file}: {error}"));
                continue;
            }
        };
        if columns[10].parse() != Ok(found.len()) {
            broken.push(format!("{file}: {} operations, the index says {}", found.len(), columns[10]));
        }
        for operation in &found {
            operations += 1;
            let _nothing = plan(&document, operation, &Map::new());
            match plan(&document, operation, &everything(operation)) {
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
