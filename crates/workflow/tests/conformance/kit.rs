//! The scenarios of the official conformance kit (`tests/official/features`, Apache-2.0). Services on the network are
//! answered here with the documents they are known for.
//!
//! Also counted by the benchmark of the workflow engine.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use model::{RunId, Timestamp};
use serde_json::{Value, json};
use workflow::{Definition, Effect, Event, Trail, WorkflowError, cloud_event};

/// Runs every scenario: how many pass, and one line for each that does not.
pub(crate) fn run_all() -> (usize, Vec<String>) {
    let (mut passed, mut wrong) = (0, Vec::new());
    for (_, feature) in official("features") {
        for scenario in scenarios(&feature) {
            match run(&scenario) {
                Ok(()) => passed += 1,
                Err(message) => wrong.push(format!("{}: {message}", scenario.name)),
            }
        }
    }
    (passed, wrong)
}

/// The official files of a folder, by name.
pub(crate) fn official(folder: &str) -> Vec<(String, String)> {
    let folder: PathBuf =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../workflow/tests/official").join(folder);
    let mut files: Vec<(String, String)> = std::fs::read_dir(&folder)
        .expect("the official files are there")
        .map(|entry| {
            let path = entry.expect("a folder can be listed").path();
            let name = path.file_stem().expect("a file has a name").to_string_lossy().into_owned();
            (name, std::fs::read_to_string(&path).expect("a file can be read"))
        })
        .collect();
    files.sort();
    files
}

/// One scenario of a feature file.
#[derive(Debug, Default)]
struct Scenario {
    name: String,
    definition: String,
    input: String,
    /// What must hold at the end, with the document that follows, if any.
    expected: Vec<(String, String)>,
}

fn scenarios(feature: &str) -> Vec<Scenario> {
    let mut scenarios: Vec<Scenario> = Vec::new();
    let mut lines = feature.lines().map(str::trim_end).peekable();
    while let Some(line) = lines.next() {
        let text = line.trim();
        if let Some(name) = text.strip_prefix("Scenario: ") {
            scenarios.push(Scenario { name: name.to_owned(), ..Scenario::default() });
            continue;
        }
        let Some(scenario) = scenarios.last_mut() else { continue };
        let mut document = String::new();
        if lines.peek().is_some_and(|l| l.trim().starts_with("\"\"\"")) {
            let open = lines.next().expect("it was peeked at");
            let indent = open.len() - open.trim_start().len();
            for line in lines.by_ref().take_while(|l| !l.trim().starts_with("\"\"\"")) {
                document.push_str(line.get(indent..).unwrap_or_else(|| line.trim_start()));
                document.push('\n');
            }
        }
        match text.split_once(' ') {
            Some((_, rest)) if rest.contains("workflow with definition") => scenario.definition = document,
            Some((_, rest)) if rest.contains("workflow input is") => scenario.input = document,
            Some(("Then" | "And", rest)) => scenario.expected.push((rest.to_owned(), document)),
            _ => {}
        }
    }
    scenarios
}

/// A document as JSON.
pub(crate) fn yaml(text: &str) -> Value {
    workflow::yaml::read("scenario", text, 1).unwrap_or_else(|e| panic!("{e}\n{text}")).to_json()
}

/// What the services of the scenarios answer.
fn answer(function: &str, with: &Value) -> Result<Value, WorkflowError> {
    let pet = |id: i64| json!({"id": id, "name": "Milou", "status": "available"});
    let uri = with["endpoint"]["uri"].as_str().unwrap_or_default();
    let content = match function {
        "http" if uri.contains("findByStatus") => json!([pet(1), pet(2)]),
        "http" if uri.contains("getPetByName") => {
            return Err(WorkflowError {
                kind: "https://serverlessworkflow.io/dsl/errors/types/communication".into(),
                ..WorkflowError::communication(404, "there is no such pet")
            });
        }
        "http" if uri.ends_with("/1") => pet(1),
        "http" if uri.ends_with("/2") => pet(2),
        "http" => json!({"authenticated": true}),
        "openapi" if with["operationId"] == "findPetsByStatus" => json!([pet(1)]),
        "openapi" => pet(1),
        other => panic!("no service answers {other}"),
    };
    Ok(match with["output"].as_str() {
        Some("response") => json!({
            "request": {"method": "get", "uri": uri, "headers": {}}, "headers": {}, "statusCode": 200, "content": content,
        }),
        _ => content,
    })
}

fn run(scenario: &Scenario) -> Result<(), String> {
    let definition = Definition::parse("scenario", &scenario.definition).map_err(|e| e.to_string())?;
    let input = if scenario.input.is_empty() { json!({}) } else { yaml(&scenario.input) };
    let at = Timestamp::from_unix_ms(1_700_000_000_000);
    let mut trail = Trail::new(RunId::derive(at, &["ctk"]).as_str());
    let started = Event::Started { input: input.clone(), at, seed: 0 };
    let (mut queue, mut ended) = (VecDeque::from(trail.apply(&definition, &started)), None);
    while let Some(effect) = queue.pop_front() {
        let event = match effect {
            Effect::Call { key, function, parameters, .. } if function == "emit" => {
                let output = cloud_event(&parameters, &key, at);
                Event::CallSucceeded { key, output, inverse: None, at }
            }
            Effect::Call { key, function, parameters, .. } => match answer(&function, &parameters) {
                Ok(output) => Event::CallSucceeded { key, output, inverse: None, at },
                Err(error) => Event::CallFailed { key, error, retryable: false, at },
            },
            Effect::Finished { output } => {
                ended = Some(Ok(output));
                continue;
            }
            Effect::Failed { error } => {
                ended = Some(Err(error.to_json()));
                continue;
            }
            _ => continue,
        };
        queue.extend(trail.apply(&definition, &event));
    }
    let ended = ended.ok_or("it did not end")?;
    let steps: Vec<String> = trail.view(&definition).steps.into_iter().map(|s| s.step.name).collect();
    for (expected, document) in &scenario.expected {
        holds(expected, document, &ended, &steps).map_err(|why| format!("{expected}: {why}"))?;
    }
    Ok(())
}

/// Checks one "Then" line.
fn holds(
    expected: &str,
    document: &str,
    ended: &Result<Value, Value>,
    steps: &[String],
) -> Result<(), String> {
    let quoted: Vec<&str> = expected.split('\'').skip(1).step_by(2).collect();
    let words: Vec<&str> = expected.split_whitespace().collect();
    let at =
        |value: &Value, path: &str| path.split('.').try_fold(value.clone(), |v, step| v.get(step).cloned());
    let place =
        |name: &str| steps.iter().position(|s| s == name).ok_or(format!("{name} did not run: {steps:?}"));
    let same = |found: &Value, wanted: &Value| {
        if found == wanted { Ok(()) } else { Err(format!("{found} is not {wanted}")) }
    };
    match (expected, ended) {
        ("the workflow should complete", Ok(_)) | ("the workflow should fault", Err(_)) => Ok(()),
        ("the workflow should complete with output:", Ok(output)) => same(output, &yaml(document)),
        ("the workflow should fault with error:", Err(error)) => {
            let wanted = yaml(document);
            let fields = wanted.as_object().ok_or("the expected error is a mapping")?;
            fields.iter().try_for_each(|(name, value)| same(&error[name], value))
        }
        (_, Ok(output)) if expected.contains("with value") => {
            same(&at(output, quoted[0]).unwrap_or_default(), &yaml(document))
        }
        (_, Ok(output)) if expected.contains("containing") => {
            let items = at(output, quoted[0]).and_then(|v| v.as_array().map(Vec::len));
            same(&json!(items), &json!(words[words.len() - 2].parse::<usize>().ok()))
        }
        (_, Ok(output)) if expected.contains("propert") => {
            let missing = quoted.iter().find(|path| at(output, path).is_none());
            missing.map_or(Ok(()), |path| Err(format!("{path} is missing in {output}")))
        }
        (_, Ok(_)) if expected.ends_with("should run first") => same(&json!(place(words[0])?), &json!(0)),
        (_, Ok(_)) if expected.ends_with("should run last") => {
            same(&json!(place(words[0])?), &json!(steps.len() - 1))
        }
        (_, Ok(_)) if expected.contains("should run after") => {
            let (later, earlier) = (place(words[0])?, place(words[words.len() - 1])?);
            if later > earlier { Ok(()) } else { Err(format!("{steps:?}")) }
        }
        _ => Err(format!("it ended with {ended:?}")),
    }
}
