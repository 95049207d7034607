//! The official examples and scenarios of the specification (`tests/official`, Apache-2.0), as far as this version
//! runs the standard. Services on the network are answered by this test with the documents they are known for.

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};

use model::{RunId, Timestamp};
use serde_json::{Value, json};
use workflow::{Definition, Effect, Event, Resources, Trail, WorkflowError, cloud_event};

fn official(folder: &str) -> Vec<(String, String)> {
    let folder: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/official").join(folder);
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

/// The function of a catalog that an example calls, as its address has it.
fn resources() -> Resources {
    let log =
        "https://raw.githubusercontent.com/serverlessworkflow/catalog/main/functions/log/1.0.0/function.yaml";
    let function = "input: {schema: {document: {type: object, required: [message]}}}\ncall: log\nwith: {text: '${ .message }'}\n";
    [(log.to_owned(), function.to_owned())].into()
}

fn accepted(file: &str, text: &str) -> Result<(), String> {
    Definition::parse_with(file, text, 1, &resources()).map(|_| ()).map_err(|e| e.to_string())
}

#[test]
fn every_example_is_read() {
    let examples = official("examples");
    let refused: Vec<String> =
        examples.iter().filter_map(|(name, text)| accepted(name, text).err()).collect();
    assert!(refused.is_empty(), "{}", refused.join("\n"));
    assert_eq!(examples.len(), 66, "every example was looked at");
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

fn yaml(text: &str) -> Value {
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

#[test]
fn scenarios_end_as_the_specification_says() {
    let (mut passed, mut wrong) = (0, Vec::new());
    for (_, feature) in official("features") {
        for scenario in scenarios(&feature) {
            match run(&scenario) {
                Ok(()) => passed += 1,
                Err(message) => wrong.push(format!("{}: {message}", scenario.name)),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(passed, 21, "every scenario was looked at");
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

fn standard() -> jsonschema::Validator {
    jsonschema::draft202012::new(&workflow::document_schema()).expect("the official schema is a schema")
}

#[test]
fn every_example_fits_the_official_schema() {
    let standard = standard();
    let mut wrong = Vec::new();
    for (name, text) in official("examples") {
        if let Err(error) = standard.validate(&yaml(&text)) {
            wrong.push(format!("{name}: {error}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Every document that differs from the given one at one place: a key that is gone, misspelt or unknown, a value
/// of another type.
fn variants(document: &Value) -> Vec<(String, Value)> {
    let mut places = vec![String::new()];
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(place) = places.get(at).cloned() {
        at += 1;
        let value = document.pointer(&place).expect("places are there").clone();
        let mut with = |what: &str, new: Value| {
            let mut changed = document.clone();
            *changed.pointer_mut(&place).expect("places are there") = new;
            found.push((format!("{place} {what}"), changed));
        };
        for other in [
            json!(null),
            json!(5),
            json!(-1.5),
            json!("text"),
            json!(true),
            json!([]),
            json!({}),
            json!("${ .x }"),
        ] {
            if std::mem::discriminant(&other) != std::mem::discriminant(&value) || other.is_string() {
                with(&format!("is {other}"), other);
            }
        }
        match &value {
            Value::Object(map) => {
                let mut more = map.clone();
                more.insert("unknown".into(), json!("x"));
                with("has `unknown`", Value::Object(more));
                for key in map.keys() {
                    let mut less = map.clone();
                    let old = less.shift_remove(key).expect("the key is there");
                    with(&format!("lacks `{key}`"), Value::Object(less.clone()));
                    less.insert(format!("{key}s"), old);
                    with(&format!("has `{key}s`"), Value::Object(less));
                    places.push(format!("{place}/{}", key.replace('~', "~0").replace('/', "~1")));
                }
            }
            Value::Array(items) => {
                with("is doubled", items.iter().chain(items).cloned().collect());
                places.extend((0..items.len()).map(|i| format!("{place}/{i}")));
            }
            _ => {}
        }
    }
    found
}

/// What the schema takes and we refuse, by what we say: mistakes that a schema cannot see, and fields in places that
/// the schema leaves open.
const STRICTER: &[&str] = &[
    "there is no filter",
    "there is no variable",
    "there is no `",
    "there is already a `",
    "has no field `",
    "names must differ",
    "`then` goes to `",
    "must be a name of letters",
    "must be the name of a function",
    "the name of a secret must",
    "`cron`: ",
    "`schedule` needs one of",
    "`event` of `emit` needs `with`",
    "`set` must be a mapping",
    "`language` of `script` cannot be",
    "of a schema must be",
    "a schema must be",
    "the schema keyword",
];
/// What we take and the schema refuses: an expression for a URI of an authority, a host, a status.
const LAXER: &[&str] =
    &["/authority is \"${ .x }\"", "/service/host is \"${ .x }\"", "/status is \"${ .x }\""];

#[test]
fn we_take_what_the_official_schema_takes() {
    let standard = standard();
    let (mut compared, mut stricter, mut laxer) = (0, BTreeMap::new(), BTreeMap::new());
    for (name, text) in official("examples") {
        for (what, document) in variants(&yaml(&text)) {
            compared += 1;
            let (theirs, ours) = (standard.is_valid(&document), accepted(&name, &document.to_string()));
            match (theirs, ours) {
                (true, Err(message)) if !STRICTER.iter().any(|s| message.contains(s)) => {
                    stricter.insert(message, what);
                }
                (false, Ok(())) if !LAXER.iter().any(|l| what.contains(l)) => {
                    laxer.insert(what, name.clone());
                }
                _ => {}
            }
        }
    }
    assert!(compared > 10_000, "{compared} documents were compared");
    assert!(stricter.is_empty(), "we refuse what the schema takes: {stricter:#?}");
    assert!(laxer.is_empty(), "we take what the schema refuses: {laxer:#?}");
}
