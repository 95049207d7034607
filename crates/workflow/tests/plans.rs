//! Dry runs: what a document would ask for.

use model::Timestamp;
use serde_json::{Value, json};
use workflow::{Definition, Plan, plan};

fn planned(body: &str, input: Value) -> Plan {
    let yaml = format!("document: {{dsl: '1.0.3', namespace: test, name: test, version: '1.0.0'}}\n{body}");
    let definition = Definition::parse("test.yaml", &yaml).unwrap_or_else(|e| panic!("{e}\n{yaml}"));
    plan(&definition, &input, Timestamp::from_unix_ms(1_700_000_000_000))
}

#[track_caller]
fn check(body: &str, input: Value, calls: &[&str], otherwise: &[&str]) {
    let plan = planned(body, input);
    let told: Vec<String> = plan
        .calls
        .iter()
        .map(|c| format!("{} {}{}", c.function, c.parameters, if c.certain { "" } else { " ?" }))
        .collect();
    assert_eq!(told, calls);
    let told: Vec<String> = plan
        .otherwise
        .iter()
        .map(|o| format!("{} {}: {}", o.function, o.parameters.clone().unwrap_or_default(), o.when))
        .collect();
    assert_eq!(told, otherwise);
}

#[test]
fn calls_come_in_order_and_what_depends_on_answers_is_marked() {
    let body = "
do:
  - rest: {wait: {seconds: 5}}
  - look: {call: look, with: {service: '${ .service }'}, export: {as: '{pid: .pid}'}}
  - stop: {call: stop, with: {service: '${ $workflow.input.service }', pid: '${ $context.pid }', text: 'pid ${ $context.pid }'}}
  - verify: {call: verify, with: {mode: fast}}
";
    check(
        body,
        json!({"service": "shop"}),
        &[
            "look {\"service\":\"shop\"}",
            "stop {\"service\":\"shop\",\"pid\":\"<depends on /do/1/look>\",\"text\":\"<depends on /do/1/look>\"} ?",
            "verify {\"mode\":\"fast\"}",
        ],
        &[],
    );
    assert_eq!(planned(body, json!({})).calls[1].depends_on, ["/do/1/look"]);
}

#[test]
fn both_sides_of_an_open_condition_are_told() {
    let body = "
do:
  - look: {call: look}
  - pick:
      switch:
        - high: {when: '.load > 5', then: scale}
        - small: {when: '.load > 1', then: restart}
        - none: {then: end}
  - scale: {call: scale, then: verify}
  - restart: {call: restart, with: {n: 1}}
  - verify: {call: verify}
";
    check(
        body,
        json!({}),
        &["look {}", "scale {} ?", "verify {} ?"],
        &["restart {\"n\":1}: not `.load > 5` at /do/1/pick"],
    );
    // What the input decides is not open.
    let body = body.replace("- look: {call: look}", "- look: {set: {load: 3}}");
    check(
        &body,
        json!({}),
        &["restart {\"n\":1}", "verify {}"],
        &["scale null: on a way that this input does not take"],
    );
}

#[test]
fn loops_over_answers_show_one_turn_and_end() {
    let body = "
do:
  - list: {call: list}
  - each:
      for: {in: .items, each: it}
      do: [{fix: {call: fix, with: {item: '${ $it }'}}}]
  - poll: {call: poll}
  - done:
      switch:
        - again: {when: '.state != \"done\"', then: poll}
  - last: {call: last}
";
    check(
        body,
        json!({}),
        &["list {}", "fix {\"item\":\"<depends on /do/0/list>\"} ?", "poll {}", "poll {}", "last {}"],
        &[],
    );
}

#[test]
fn events_and_other_workflows_are_told() {
    let body = "
do:
  - tell: {emit: {event: {with: {source: 'https://example.com', type: told, data: {n: '${ .n }'}}}}, output: {as: '$input'}}
  - sub: {run: {workflow: {namespace: test, name: other, version: '1.0.0', input: {n: '${ .n }'}}}, output: {as: '$input'}}
  - hear:
      listen: {to: {any: [{with: {type: go}}], until: 'length > 3'}}
      foreach: {item: event, do: [{note: {call: note, with: {of: '${ $event.n }'}}}]}
  - after: {call: after, with: {events: '${ . }'}}
";
    let plan = planned(body, json!({"n": 1}));
    let told: Vec<(&str, bool)> = plan.calls.iter().map(|c| (c.function.as_str(), c.certain)).collect();
    assert_eq!(
        told,
        [("emit", true), ("run.workflow", true), ("listen", true), ("note", false), ("after", false)]
    );
    assert_eq!(plan.calls[0].parameters["data"]["n"], json!(1));
    assert_eq!(plan.calls[3].depends_on, ["/do/2/hear"]);
    assert_eq!(plan.note, None);
}

#[test]
fn what_happens_on_failure_is_told() {
    let body = "
do:
  - careful:
      try: [{act: {call: act}}]
      catch:
        do: [{repair: {call: repair, with: {why: '${ $error.title }'}}}]
  - fail: {raise: {error: {type: 'https://example.com/e', status: 500}}}
  - never: {call: never}
";
    let plan = planned(body, json!({}));
    assert_eq!(plan.note.as_deref(), Some("it fails: https://example.com/e (500)"));
    check(
        body,
        json!({}),
        &["act {}"],
        &[
            "repair null: something in /do/0/careful fails",
            "never null: on a way that this input does not take",
        ],
    );
}

#[test]
fn hostile_documents_do_not_plan_forever() {
    let many: String = (0..20).map(|i| format!("  - c{i}: {{call: c, if: '.a{i}'}}\n")).collect();
    let plan = planned(&format!("do:\n  - first: {{call: first}}\n{many}"), json!({}));
    assert!(plan.note.is_some_and(|n| n.contains("ways")));
    assert!(plan.calls.iter().skip(1).all(|c| !c.certain));
    let plan = planned("do:\n  - again: {call: c, then: again}\n", json!({}));
    assert!(plan.note.is_some_and(|n| n.contains("500 calls")));
}
