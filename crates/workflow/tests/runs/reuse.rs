//! Functions, catalogs, extensions and inverses written in the document.

use serde_json::json;
use workflow::{Definition, ResourceKind, Resources};

use super::{Say, World, check};

const FUNCTION: &str = "
use:
  functions:
    getPet:
      input: {schema: {document: {type: object, required: [petId]}}}
      call: http
      with: {method: get, endpoint: 'https://pets/{petId}'}
      output: {as: .name}
do:
  - each:
      for: {in: .ids, each: id}
      do:
        - get: {call: getPet, with: {petId: '${ $id }'}}
";

#[test]
fn a_function_runs_with_its_parameters_as_input() {
    check(
        FUNCTION,
        json!({"ids": [1, 2]}),
        vec![Say::Ok("http", json!({"name": "a"})), Say::Ok("http", json!({"name": "b"}))],
        &[
            "call http {\"method\":\"get\",\"endpoint\":\"https://pets/1\"}",
            "call http {\"method\":\"get\",\"endpoint\":\"https://pets/2\"}",
            "finished \"b\"",
        ],
    );
    let mut world = World::new(FUNCTION, json!({"ids": [1, 2]}));
    assert!(world.open[0].1.ends_with("/do/0/each/do/0/get/use/functions/getPet#0"), "{:?}", world.open);
    world.say(Say::Fail("http", 503));
    assert_eq!(world.lines[1], "failed communication 503 /do/0/each/do/0/get/use/functions/getPet");
}

#[test]
fn functions_see_nothing_of_their_caller_and_are_checked() {
    let body = FUNCTION.replace("{petId}", "{petId}/${ $id }");
    let error = Definition::parse("t", &format!("{HEAD}\n{body}")).unwrap_err();
    assert!(error.message.contains("`$id`"), "{error}");
    check(
        &FUNCTION.replace("petId: '${ $id }'", "pet: 1"),
        json!({"ids": [1]}),
        vec![],
        &["failed validation 400 /do/0/each/do/0/get/use/functions/getPet"],
    );
}

#[test]
fn functions_that_call_themselves_end() {
    check(
        "use: {functions: {again: {do: [{more: {call: again}}]}}}\ndo: [{a: {call: again}}]",
        json!({}),
        vec![],
        &["failed runtime 500 ".to_owned() + "/do/0/a" + &"/use/functions/again/do/0/more".repeat(32)]
            .iter()
            .map(String::as_str)
            .collect::<Vec<_>>(),
    );
}

const HEAD: &str = "document: {dsl: '1.0.3', namespace: test, name: test, version: '1.0.0'}";
const CATALOG: &str = "
use:
  secrets: [key]
  authentications: {mine: {bearer: {use: key}}}
  catalogs: {global: {endpoint: {uri: 'https://github.com/serverlessworkflow/catalog', authentication: {use: mine}}}}
input: {schema: {resource: {endpoint: 'https://example.com/in.json'}}}
do:
  - log: {call: 'log:1.0.0@global', with: {message: hi}}
  - again: {call: 'log:1.0.0@global', with: {message: '${ .n }'}}
  - other: {call: 'https://example.com/functions/other'}
  - own: {call: 'ping:1.0.0@default'}
";

#[test]
fn what_is_missing_is_named_until_nothing_is() {
    let text = format!("{HEAD}\n{CATALOG}");
    let log =
        "https://raw.githubusercontent.com/serverlessworkflow/catalog/HEAD/functions/log/1.0.0/function.yaml";
    let mut resources = Resources::new();
    let missing = |resources: &Resources| {
        let missing = Definition::missing("t.yaml", &text, 1, resources).expect("the document is fine");
        missing.into_iter().map(|m| (m.uri, m.kind)).collect::<Vec<_>>()
    };
    let other = "https://example.com/functions/other/function.yaml";
    assert_eq!(
        missing(&resources),
        [
            ("https://example.com/in.json".to_owned(), ResourceKind::Schema),
            (log.to_owned(), ResourceKind::Function),
            (other.to_owned(), ResourceKind::Function),
        ]
    );
    let of_log = &Definition::missing("t.yaml", &text, 1, &resources).expect("fine")[1];
    assert_eq!((of_log.authentication.clone(), of_log.line), (Some(json!({"bearer": {"use": "key"}})), 9));
    let error = Definition::parse("t.yaml", &text).unwrap_err().to_string();
    assert!(error.starts_with("t.yaml:7:") && error.contains("in.json"), "{error}");

    resources.insert("https://example.com/in.json".into(), r#"{"type": "object", "required": ["n"]}"#.into());
    resources.insert(log.into(), "call: console\nwith: {text: '${ .message }'}\n".into());
    resources.insert(other.into(), "do: [{deep: {call: 'https://example.com/deep.yaml'}}]\n".into());
    assert_eq!(missing(&resources), [("https://example.com/deep.yaml".to_owned(), ResourceKind::Function)]);
    resources.insert("https://example.com/deep.yaml".into(), "set: {deep: true}\n".into());
    assert_eq!(missing(&resources), []);

    let definition = Definition::parse_with("t.yaml", &text, 1, &resources).expect("nothing is missing");
    let mut world = World::of(definition, json!({"n": 7}));
    world.say(Say::Ok("console", json!({"n": 8})));
    world.say(Say::Ok("console", json!(null)));
    world.say(Say::Ok("ping", json!("pong")));
    assert_eq!(
        world.lines,
        ["call console {\"text\":\"hi\"}", "call console {\"text\":8}", "call ping {}", "finished \"pong\""]
    );

    resources.insert(log.into(), "call: console\nwidth: 5\n".into());
    let error = Definition::parse_with("t.yaml", &text, 1, &resources).unwrap_err().to_string();
    assert!(error.starts_with(&format!("{log}:2:1: ")) && error.contains("did you mean `with`"), "{error}");
}

const LOGGED: &str = "
use:
  extensions:
    - logging:
        extend: all
        before: [{say: {call: log, with: {text: 'do ${ $task.reference }', of: '${ $task.call }'}}}]
        after: [{say: {call: log, with: {text: 'did ${ $task.name }', gave: '${ . }'}}}]
do:
  - one: {call: f, with: {n: '${ .n }'}, output: {as: '{n: .}'}}
  - two: {set: {n: '${ .n + 1 }'}}
";

#[test]
fn extensions_run_before_and_after_every_task() {
    check(
        LOGGED,
        json!({"n": 1}),
        vec![
            Say::Ok("log", json!("ignored")),
            Say::Ok("f", json!(5)),
            Say::Ok("log", json!("ignored")),
            Say::Ok("log", json!("ignored")),
            Say::Ok("log", json!("ignored")),
        ],
        &[
            "call log {\"text\":\"do /do/0/one\",\"of\":\"f\"}",
            "call f {\"n\":1}",
            "call log {\"text\":\"did one\",\"gave\":{\"n\":5}}",
            "call log {\"text\":\"do /do/1/two\",\"of\":null}",
            "call log {\"text\":\"did two\",\"gave\":{\"n\":6}}",
            "finished {\"n\":6}",
        ],
    );
    check(
        LOGGED,
        json!({"n": 1}),
        vec![Say::Fail("log", 500)],
        &[
            "call log {\"text\":\"do /do/0/one\",\"of\":\"f\"}",
            "failed communication 500 /do/0/one/use/extensions/0/logging/before/0/say",
        ],
    );
}

/// The example of the specification, with the service that it mocks and without.
#[test]
fn an_extension_may_take_the_place_of_a_task() {
    let body = "
use:
  extensions:
    - mockService:
        extend: call
        when: ($task.with.endpoint != null and ($task.with.endpoint | startswith(\"https://mocked.service.com\"))) or ($task.with.endpoint.uri != null and ($task.with.endpoint.uri | startswith(\"https://mocked.service.com\")))
        before:
          - mockResponse:
              set: {statusCode: 200, content: {foo: {bar: baz}}}
              then: exit
        after: [{note: {call: note}}]
do:
  - callHttp: {call: http, with: {method: get, endpoint: ENDPOINT}, output: {as: .content}}
";
    check(
        &body.replace("ENDPOINT", "https://mocked.service.com/sample"),
        json!({}),
        vec![Say::Ok("note", json!(null))],
        &["call note {}", "finished {\"foo\":{\"bar\":\"baz\"}}"],
    );
    check(
        &body.replace("ENDPOINT", "{uri: 'https://fake.com/sample'}"),
        json!({}),
        vec![Say::Ok("http", json!({"content": 1}))],
        &["call http {\"method\":\"get\",\"endpoint\":{\"uri\":\"https://fake.com/sample\"}}", "finished 1"],
    );
}

#[test]
fn an_extended_task_times_out_as_a_whole() {
    let body = LOGGED.replace("- one: {call: f,", "- one: {timeout: {after: PT3S}, call: f,");
    check(
        &body,
        json!({"n": 1}),
        vec![Say::Ok("log", json!(1)), Say::Ok("f", json!(5)), Say::Pass(3000), Say::Fail("log", 1)],
        &[
            "timeout 3000",
            "call log {\"text\":\"do /do/0/one\",\"of\":\"f\"}",
            "call f {\"n\":1}",
            "call log {\"text\":\"did one\",\"gave\":{\"n\":5}}",
            "abandon log",
            "failed timeout 408 /do/0/one",
        ],
    );
}

#[test]
fn a_document_may_say_how_to_undo() {
    let body = "
do:
  - add:
      call: http
      with: {method: post, endpoint: 'https://a/things', body: {name: '${ .name }'}}
      metadata:
        homeostat:
          undo: {call: http, with: {method: delete, endpoint: '${ \"https://a/things/\\(.id)\" }', headers: {was: '${ $input.name }', gave: '${ $output.id }'}}}
  - fail: {call: f}
";
    let make = "call http {\"method\":\"post\",\"endpoint\":\"https://a/things\",\"body\":{\"name\":\"n\"}}";
    let undo = "call http {\"method\":\"delete\",\"endpoint\":\"https://a/things/x\",\"headers\":{\"was\":\"n\",\"gave\":\"x\"}} (undo)";
    check(
        body,
        json!({"name": "n"}),
        vec![Say::Ok("http", json!({"id": "x"})), Say::Fail("f", 500), Say::Ok("http", json!(null))],
        &[make, "call f {}", "compensating", undo, "failed communication 500 /do/1/fail"],
    );
    // A late answer of a call that was given up is undone as well.
    check(
        body,
        json!({"name": "n"}),
        vec![Say::Cancel, Say::Ok("http", json!({"id": "x"})), Say::Ok("http", json!(null))],
        &[make, "abandon http", undo, "cancelled by ann"],
    );
}
