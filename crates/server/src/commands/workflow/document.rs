//! Documents: checked, drawn, stored.

use std::io::Read;
use std::path::Path;

use manifest::Runbook;
use serde_json::{Value, json};
use workflow::{Definition, Graph};

use super::{refused, told};
use crate::cli::Output;
use crate::client::{Client, ClientError, segment};
use crate::output::{self, line, text};

/// Largest file that is read, in bytes.
const MAX_FILE: u64 = 4 << 20;

pub(super) fn read(file: &Path) -> Result<String, String> {
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
    if is_page(file) {
        let page = Runbook::parse(&name, source).map_err(|e| e.to_string())?;
        return Ok((*page.definition).clone());
    }
    Definition::parse(&name, source).map_err(|e| e.to_string())
}

fn is_page(file: &Path) -> bool {
    file.extension().is_some_and(|e| e == "md")
}

/// A document that was looked at: its name with version, how large it is, and what only the server can fetch.
struct Checked {
    id: String,
    tasks: Option<usize>,
    elsewhere: Vec<String>,
}

fn check(file: &Path, source: &str) -> Result<Checked, String> {
    let id = |d: &workflow::Document| format!("{}.{}:{}", d.namespace, d.name, d.version);
    if !is_page(file) {
        let name = file.display().to_string();
        let missing = Definition::missing(&name, source, 1, &workflow::Resources::new());
        let missing = missing.map_err(|e| e.to_string())?;
        if !missing.is_empty() {
            let head = Definition::head(&name, source).map_err(|e| e.to_string())?;
            let elsewhere = missing.into_iter().map(|resource| resource.uri).collect();
            return Ok(Checked { id: id(&head), tasks: None, elsewhere });
        }
    }
    let definition = definition(file, source)?;
    let tasks = Some(definition.tasks().count());
    Ok(Checked { id: id(definition.document()), tasks, elsewhere: Vec::new() })
}

/// Checks files; fails when one is wrong, after telling of all.
///
/// # Errors
/// A file cannot be read or is wrong.
pub(super) fn validate(files: &[std::path::PathBuf], output: &Output) -> Result<(), ClientError> {
    let mut results = Vec::new();
    let mut wrong = Vec::new();
    for file in files {
        let checked = read(file).and_then(|source| check(file, &source));
        let name = file.display().to_string();
        match checked {
            Ok(Checked { id, tasks, elsewhere }) => {
                if !output.json {
                    match tasks {
                        Some(1) => line(format!("{name}: {id} is fine, 1 task")),
                        Some(tasks) => line(format!("{name}: {id} is fine, {tasks} tasks")),
                        None => line(format!(
                            "{name}: {id} is fine as far as it is here; the server fetches the rest when it is saved: {}",
                            elsewhere.join(", ")
                        )),
                    }
                }
                results.push(json!({"file": name, "valid": true, "workflow": id, "elsewhere": elsewhere}));
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
        let known = Client::new(output)?.get(&format!("/workflows/{}", segment(workflow)), &[]).await?;
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
    let checked = check(file, &source).map_err(|e| refused("not a workflow that can be run", &e))?;
    let name = checked.id.split(':').next().unwrap_or_default();
    let stored = client.put(&format!("/workflows/{name}"), &json!({"source": source})).await?;
    told(output, &stored, &format!("Stored {}.", checked.id));
    Ok(())
}

/// Prints a workflow the server knows.
///
/// # Errors
/// The server does not answer or refuses.
pub(super) async fn show(client: &Client, name: &str, output: &Output) -> Result<(), ClientError> {
    let known = client.get(&format!("/workflows/{}", segment(name)), &[]).await?;
    if output.json {
        output::json(&known);
        return Ok(());
    }
    if text(&known, "/origin") != "own" {
        let page = client.get(&format!("/runbooks/{}", text(&known, "/id")), &[]).await?;
        line(text(&page, "/markdown"));
    } else {
        line(text(&known, "/source"));
    }
    Ok(())
}
