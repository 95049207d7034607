//! Tasks that emit events, listen to them, and run things.

use serde_json::json;

use super::{Say, World, check};

fn event(kind: &str, n: i64) -> serde_json::Value {
    json!({"specversion": "1.0", "id": format!("{kind}-{n}"), "source": "https://test", "type": kind,
        "room": format!("r{}", n % 10), "data": {"n": n}})
}

fn comes(kind: &str, n: i64) -> Say {
    Say::Event(event(kind, n))
}

#[test]
fn one_event_is_awaited() {
    let body = "do: [{hear: {listen: {to: {one: {with: {type: a, data: '${ .n > 1 }'}}}}}}, {next: {call: f, with: {got: '${ . }'}}}]";
    check(
        body,
        json!({}),
        vec![comes("b", 5), comes("a", 1), comes("a", 2), comes("a", 3)],
        &["listen 1", "unlisten", "call f {\"got\":[{\"n\":2}]}"],
    );
}

#[test]
fn what_is_read_of_an_event() {
    for (read, expect) in [
        ("data", "finished [{\"n\":7}]".to_owned()),
        ("raw", "finished [{\"n\":7}]".to_owned()),
        ("envelope", format!("finished [{}]", event("a", 7))),
    ] {
        let body = format!("do: [{{hear: {{listen: {{to: {{any: []}}, read: {read}}}}}}}]");
        check(&body, json!({}), vec![comes("a", 7)], &["listen 0", "unlisten", &expect]);
    }
}

#[test]
fn all_waits_for_each_filter_once() {
    let body =
        "do: [{hear: {listen: {to: {all: [{with: {type: a}}, {with: {type: b}}, {with: {type: a}}]}}}}]";
    check(
        body,
        json!({}),
        vec![comes("a", 1), comes("c", 0), comes("a", 2), comes("a", 3), comes("b", 4)],
        &["listen 3", "unlisten", "finished [{\"n\":1},{\"n\":2},{\"n\":4}]"],
    );
}

#[test]
fn an_event_that_comes_twice_counts_once() {
    let body = "do: [{hear: {listen: {to: {all: [{with: {type: a}}, {with: {type: a}}]}}}}]";
    check(
        body,
        json!({}),
        vec![comes("a", 1), comes("a", 1), comes("a", 2)],
        &["listen 2", "unlisten", "finished [{\"n\":1},{\"n\":2}]"],
    );
}

#[test]
fn any_goes_on_until_a_condition_holds() {
    let body = "do: [{hear: {listen: {to: {any: [{with: {type: a}}, {with: {type: b}}], until: '( . | length ) > 2'}}}}]";
    check(
        body,
        json!({}),
        vec![comes("a", 1), comes("b", 2), comes("c", 0), comes("a", 3), comes("a", 4)],
        &["listen 2", "unlisten", "finished [{\"n\":1},{\"n\":2},{\"n\":3}]"],
    );
}

#[test]
fn any_goes_on_until_other_events_are_consumed() {
    let body = "do: [{hear: {listen: {to: {any: [{with: {type: a}}], until: {all: [{with: {type: x}}, {with: {type: y}}]}}}}}]";
    check(
        body,
        json!({}),
        vec![comes("x", 0), comes("a", 1), comes("x", 2), comes("a", 3), comes("y", 4), comes("a", 5)],
        &["listen 3", "unlisten", "finished [{\"n\":1},{\"n\":3}]"],
    );
}

#[test]
fn the_first_event_decides_what_others_must_share() {
    let body = "
do:
  - hear:
      listen:
        to:
          all:
            - {with: {type: a}, correlate: {room: {from: .room}}}
            - {with: {type: b}, correlate: {room: {from: .room}}}
";
    check(
        body,
        json!({}),
        vec![comes("b", 3), comes("a", 4), comes("b", 4), comes("a", 13)],
        &["listen 2", "unlisten", "finished [{\"n\":3},{\"n\":13}]"],
    );
}

#[test]
fn a_correlation_may_expect_something_of_the_run() {
    let body = "do: [{hear: {listen: {to: {one: {with: {type: a}, correlate: {room: {from: .room, expect: '${ .want }'}}}}}}}]";
    check(
        body,
        json!({"want": "r2"}),
        vec![comes("a", 1), Say::Event(json!({"id": "?", "source": "?", "type": "a"})), comes("a", 2)],
        &["listen 1", "unlisten", "finished [{\"n\":2}]"],
    );
}

const EACH: &str = "
do:
  - hear:
      listen: {to: {any: [{with: {type: a}}], until: {one: {with: {type: stop}}}}}
      foreach:
        item: got
        at: i
        do:
          - act: {call: act, with: {n: '${ $got.n }', i: '${ $i }', in: '${ .n }'}}
        output: {as: '{i: $i, was: .}'}
        export: {as: '($context // []) + [$output.was]'}
  - last: {set: {all: '${ . }', context: '${ $context }'}}
";

#[test]
fn foreach_takes_events_one_after_the_other() {
    check(
        EACH,
        json!({}),
        vec![
            comes("a", 1),
            comes("a", 2),
            comes("stop", 0),
            comes("a", 3),
            Say::Ok("act", json!("x")),
            Say::Ok("act", json!("y")),
        ],
        &[
            "listen 2",
            "call act {\"n\":1,\"i\":0,\"in\":1}",
            "unlisten",
            "call act {\"n\":2,\"i\":1,\"in\":2}",
            "finished {\"all\":[{\"i\":0,\"was\":\"x\"},{\"i\":1,\"was\":\"y\"}],\"context\":[\"x\",\"y\"]}",
        ],
    );
}

#[test]
fn an_error_in_foreach_ends_the_listening_and_is_undone() {
    check(
        EACH,
        json!({}),
        vec![
            comes("a", 1),
            comes("a", 2),
            Say::Undoable("act", "undo"),
            Say::Fail("act", 500),
            Say::Ok("undo", json!(null)),
        ],
        &[
            "listen 2",
            "call act {\"n\":1,\"i\":0,\"in\":1}",
            "call act {\"n\":2,\"i\":1,\"in\":2}",
            "unlisten",
            "compensating",
            "call undo {\"of\":\"act\"} (undo)",
            "failed communication 500 /do/0/hear/foreach/do/0/act",
        ],
    );
}

#[test]
fn an_endless_listening_stays_small() {
    let body = "do: [{hear: {listen: {to: {any: [], until: '${ false }'}}, foreach: {do: [{act: {call: act}}, {b: {set: {x: 1}}}]}}}]";
    let mut world = World::new(body, json!({}));
    let mut sizes = Vec::new();
    for n in 0..6000 {
        world.say(comes("a", n));
        world.say(Say::Undoable("act", "undo"));
        if n == 300 || n == 5999 {
            sizes.push(serde_json::to_string(&world.state).expect("it is data").len());
        }
    }
    assert!(!world.state.is_over(), "{:?}", world.lines.last());
    assert!(sizes[1] < sizes[0] + sizes[0] / 10, "it grew from {} to {} bytes", sizes[0], sizes[1]);
    world.say(Say::Cancel);
    assert!(world.lines.contains(&"unlisten".to_owned()));
}

#[test]
fn limits_of_listening_are_clear() {
    let body = "do: [{hear: {listen: {to: {any: [], until: {one: {with: {type: stop}}}}}}}]";
    let script = (0..=workflow::MAX_CONSUMED as i64).map(|n| comes("a", n)).collect();
    check(body, json!({}), script, &["listen 0", "unlisten", "failed runtime 500 /do/0/hear"]);
    let body = "do: [{hear: {listen: {to: {any: [], until: {one: {with: {type: stop}}}}}, foreach: {do: [{act: {call: act}}]}}}]";
    let script = (0..=workflow::MAX_QUEUED as i64 + 1).map(|n| comes("a", n)).chain([Say::Fail("act", 1)]);
    check(
        body,
        json!({}),
        script.collect(),
        &["listen 0", "call act {}", "abandon act", "unlisten", "failed runtime 500 /do/0/hear"],
    );
}

#[test]
fn listening_times_out_and_may_fail() {
    let body = "
do:
  - attempt:
      try: [{hear: {listen: {to: {one: {with: {type: a}}}}, timeout: {after: PT5S}}}]
      catch: {do: [{say: {set: {why: '${ $error.status }'}}}]}
";
    check(
        body,
        json!({}),
        vec![Say::Pass(5000), comes("a", 1)],
        &["timeout 5000", "listen 1", "unlisten", "finished {\"why\":408}"],
    );
    check(
        body,
        json!({}),
        vec![Say::Refuse],
        &["timeout 5000", "listen 1", "unlisten", "finished {\"why\":403}"],
    );
}

#[test]
fn a_subscription_consumes_messages() {
    let subscription = |consume: &str| {
        format!(
            "do: [{{hear: {{call: asyncapi, with: {{document: {{endpoint: 'https://a/b.json'}}, operation: o, \
             subscription: {{filter: '${{ .payload.n > $input.least }}', consume: {consume}}}}}}}}}]"
        )
    };
    let message = |n: i64| Say::Event(json!({"payload": {"n": n}}));
    let listen = "listen 1 {\"document\":{\"endpoint\":\"https://a/b.json\"},\"operation\":\"o\"}";
    let two = "finished [{\"payload\":{\"n\":3}},{\"payload\":{\"n\":4}}]";
    for consume in ["{amount: 2}", "{until: '${ length == 2 }'}", "{while: '${ length < 2 }'}"] {
        check(
            &subscription(consume),
            json!({"least": 2}),
            vec![message(3), message(1), message(4), message(5)],
            &[listen, "unlisten", two],
        );
    }
    check(
        &subscription("{amount: 9, for: {seconds: 3}}"),
        json!({"least": 2}),
        vec![message(3), message(4), Say::Pass(3000)],
        &[listen, "consume 3000", "unlisten", two],
    );
}

#[test]
fn foreach_of_a_subscription_takes_no_more_than_its_amount() {
    let body = "
do:
  - hear:
      call: asyncapi
      with:
        document: {endpoint: 'https://a/b.json'}
        channel: /c
        subscription:
          consume: {amount: 2}
          foreach: {item: message, do: [{act: {call: act, with: {n: '${ $message.payload.n }'}}}]}
";
    let message = |n: i64| Say::Event(json!({"payload": {"n": n}}));
    check(
        body,
        json!({}),
        vec![message(1), message(2), message(3), Say::Ok("act", json!(1)), Say::Ok("act", json!(2))],
        &[
            "listen 0 {\"document\":{\"endpoint\":\"https://a/b.json\"},\"channel\":\"/c\"}",
            "call act {\"n\":1}",
            "unlisten",
            "call act {\"n\":2}",
            "finished [1,2]",
        ],
    );
}

#[test]
fn an_event_is_emitted_with_its_attributes() {
    check(
        "do: [{tell: {emit: {event: {with: {type: t, source: 'https://a/{id}', data: {n: '${ .n }'}, room: r1}}}}}]",
        json!({"n": 5, "id": "x y"}),
        vec![Say::Ok("emit", json!({"id": "e"}))],
        &[
            "call emit {\"type\":\"t\",\"source\":\"https://a/x%20y\",\"data\":{\"n\":5},\"room\":\"r1\"}",
            "finished {\"id\":\"e\"}",
        ],
    );
}

#[test]
fn things_are_run() {
    check(
        "do: [{sh: {run: {shell: {command: 'echo ${ .n }', arguments: ['${ .n }']}, return: all}}}]",
        json!({"n": 5}),
        vec![Say::Ok("run.shell", json!({"code": 0}))],
        &[
            "call run.shell {\"command\":\"echo 5\",\"arguments\":[5],\"await\":true,\"return\":\"all\"}",
            "finished {\"code\":0}",
        ],
    );
    check(
        "do: [{sub: {run: {workflow: {namespace: n, name: w, version: '1.0.0', input: {a: '${ .n }'}}, await: false}}}]",
        json!({"n": 5}),
        vec![Say::Ok("run.workflow", json!({"run": "r"}))],
        &[
            "call run.workflow {\"namespace\":\"n\",\"name\":\"w\",\"version\":\"1.0.0\",\"input\":{\"a\":5},\"await\":false}",
            "finished {\"n\":5}",
        ],
    );
    check(
        "do: [{box: {run: {container: {image: i}, return: none}}}]",
        json!({"n": 5}),
        vec![Say::Ok("run.container", json!("lost"))],
        &["call run.container {\"image\":\"i\",\"await\":true,\"return\":\"none\"}", "finished null"],
    );
}

#[test]
fn calls_know_their_authorization_and_no_secret() {
    let body = "
use:
  secrets: [api]
  authentications: {mine: {basic: {username: ann, password: '${ .word }'}}}
do:
  - one:
      call: http
      with: {method: get, endpoint: {uri: 'https://a/{id}', authentication: {use: mine}}, headers: {x: '${ $authorization.scheme }'}}
      output: {as: $authorization.parameter}
  - two: {call: f, with: {key: 'k-${ $secrets.api[\"api_key.v2\"] }', all: '${ $secrets.api }'}}
";
    let mut world = World::new(body, json!({"word": "pw", "id": 4}));
    world.say(Say::Ok("http", json!(1)));
    assert_eq!(
        world.lines[0],
        "call http {\"method\":\"get\",\"endpoint\":{\"uri\":\"https://a/4\",\"authentication\":{\"basic\":{\"username\":\"ann\",\
         \"password\":\"pw\"}}},\"headers\":{\"x\":\"Basic\"}}"
    );
    let parameters: serde_json::Value =
        serde_json::from_str(world.lines[1].strip_prefix("call f ").expect("it is the call")).expect("JSON");
    assert_ne!(parameters["key"], "k-s3", "the secret is not there");
    let mut resolved = parameters.clone();
    let secret = model::secret::Secret::new(json!({"api_key.v2": "s3"}));
    model::secret::resolve(&mut resolved, &world.state.nonce(), |name| (name == "api").then_some(&secret))
        .expect("the secret is there");
    assert_eq!(resolved, json!({"key": "k-s3", "all": {"api_key.v2": "s3"}}));
}

#[test]
fn loose_mode_takes_what_it_can_for_expressions() {
    check(
        "evaluate: {mode: loose}\ndo: [{a: {set: {n: .n, text: hello, sum: '.n + 1', fails: '.n.x', marked: '${ .n }'}}}]",
        json!({"n": 5}),
        vec![],
        &["finished {\"n\":5,\"text\":\"hello\",\"sum\":6,\"fails\":\".n.x\",\"marked\":5}"],
    );
}
