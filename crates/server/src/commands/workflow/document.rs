//! Documents: checked, drawn, stored.

use std::io::Read;
use std::path::Path;

use manifest::Runbook;
use serde_json::{Value, json};
use workflow::{Definition, Graph};

use super::{refused, told};
use crate::cli::Output;
use crate::client::{Client, ClientError};
use crate::output::{self, line, text};

/// Largest file that is read, in bytes.
const MAX_FILE: u64 = 4 << 20;

fn read(file: &Path) -> Result<String, String> {
    let failed = |e: std::io::Error| format!("{}: {e}", file.display());
    let mut source = String::new();
    let taken = if file == Path::new("-") {
        std::io::stdin().lock().take(MAX_FILE + 1).read_to_string(&mut source)
    } else {
        std::fs::File::open(file).map_err(failed)?.take(MAX_FILE + 1).read_to_string(&mut source)
    };
    match taken {
        Ok(bytes) if bytes as u64 > MAX_FILE => {
            Err(format!("{}: larger than {MAX_FILE} bytes", file.display()))
        }
        Ok(_) => Ok(source),
        Err(error) => Err(failed(error)),
    }
}

/// A workflow document, or the one inside a runbook page.
fn definition(file: &Path, source: &str) -> Result<Definition, String> {
    let name = file.display().to_string();
    if file.extension().is_some_and(|e| e == "md") {
        let page = Runbook::parse(&name, source).map_err(|e| e.to_string())?;
        return Ok((*page.definition).clone());
    }
    Definition::parse(&name, source).map_err(|e| e.to_string())
}

/// Checks files; fails when one is wrong, after telling of all.
///
/// # Errors
/// A file cannot be read or is wrong.
pub(super) fn validate(files: &[std::path::PathBuf], output: &Output) -> Result<(), ClientError> {
    let mut results = Vec::new();
    let mut wrong = Vec::new();
    for file in files {
        let checked = read(file).and_then(|source| definition(file, &source));
        let name = file.display().to_string();
        match checked {
            Ok(definition) => {
                let document = definition.document();
                let id = format!("{}.{}:{}", document.namespace, document.name, document.version);
                if !output.json {
                    line(format!("{name}: {id} is fine, {} tasks", definition.tasks().count()));
                }
                results.push(json!({"file": name, "valid": true, "workflow": id}));
            }
            Err(error) => {
                results.push(json!({"file": name, "valid": false, "error": error}));
                wrong.push(error);
            }
        }
    }
    if output.json {
        output::json(&Value::Array(results));
    }
    if wrong.is_empty() { Ok(()) } else { Err(refused("not a workflow that can be run", &wrong.join("\n"))) }
}

/// Prints a workflow as a Mermaid diagram.
///
/// # Errors
/// It cannot be read or is wrong.
pub(super) async fn diagram(workflow: &str, output: &Output) -> Result<(), ClientError> {
    let file = Path::new(workflow);
    let source = if file.exists() {
        read(file).map_err(|e| refused("the file cannot be read", &e))?
    } else {
        let known = Client::new(output)?.get(&format!("/workflows/{workflow}"), &[]).await?;
        text(&known, "/source")
    };
    let definition = definition(file, &source).map_err(|e| refused("not a workflow that can be run", &e))?;
    let graph = Graph::of(&definition);
    if output.json {
        output::json(&serde_json::to_value(&graph).unwrap_or_default());
    } else {
        line(graph.to_mermaid());
    }
    Ok(())
}

/// Stores a version of a workflow.
///
/// # Errors
/// The file is wrong, or the server refuses.
pub(super) async fn save(file: &Path, client: &Client, output: &Output) -> Result<(), ClientError> {
    let source = read(file).map_err(|e| refused("the file cannot be read", &e))?;
    let definition = definition(file, &source).map_err(|e| refused("not a workflow that can be run", &e))?;
    let document = definition.document();
    let name = format!("{}.{}", document.namespace, document.name);
    let stored = client.put(&format!("/workflows/{name}"), &json!({"source": source})).await?;
    told(output, &stored, &format!("Stored {name}:{}.", document.version));
    Ok(())
}

/// Prints a workflow the server knows.
///
/// # Errors
/// The server does not answer or refuses.
pub(super) async fn show(client: &Client, name: &str, output: &Output) -> Result<(), ClientError> {
    let known = client.get(&format!("/workflows/{name}"), &[]).await?;
    if output.json {
        output::json(&known);
        return Ok(());
    }
    if text(&known, "/origin") == "shipped" {
        let page = client.get(&format!("/runbooks/{}", text(&known, "/id")), &[]).await?;
        line(text(&page, "/markdown"));
    } else {
        line(text(&known, "/source"));
    }
    Ok(())
}
