//! Documents that are refused, and how; documents that are hostile, and do no harm.

use serde_json::json;
use workflow::{Concurrency, ConcurrencyBy, Definition};

const HEAD: &str = "document: {dsl: '1.0.3', namespace: test, name: test, version: '1.0.0'}\n";

/// A document, where the error is, and a part of what it says.
const WRONG: &[(&str, &str, &str)] = &[
    ("do: [{a: {sett: {x: 1}}}]", "2:10", "did you mean `set`"),
    ("do: [{a: {set: {x: 1}, iff: .x}}]", "2:24", "did you mean `if`"),
    ("do:\n  - a: {set: {x: 1}}\n    b: {set: {x: 1}}", "4:5", "exactly one name"),
    ("do: [{a: {set: {x: 1}}}, {a: {set: {x: 1}}}]", "2:27", "already"),
    ("do: [{a: {set: {x: 1}, then: bb}}, {b: {set: {x: 1}}}]", "2:30", "did you mean `b`"),
    ("do: [{a: {set: {x: 1}, call: f}}]", "2:11", "both"),
    ("do: [{a: {set: {}}}]", "2:16", "at least one key"),
    ("do: [{exit: {set: {x: 1}}}]", "2:7", "flow directive"),
    ("do: [{a: {wait: soon}}]", "2:17", "ISO 8601"),
    ("do: [{a: {wait: {second: 1}}}]", "2:17", "no `second`"),
    ("do: [{a: {wait: {seconds: 0.5}}}]", "2:27", "whole number"),
    ("do: [{a: {call: f, output: {as: 5}}}]", "2:33", "an expression or a mapping"),
    ("do: [{a: {raise: {error: {type: bad, status: 500}}}}]", "2:33", "must be a URI"),
    ("do: [{a: {try: [{b: {call: f}}], catch: {errors: {with: {}}}}}]", "2:57", "at least one field"),
    ("do: [{a: {try: [{b: {call: f}}], catch: {errors: {with: {status: x}}}}}]", "2:66", "whole number"),
    ("do: [{a: {set: {x: '${ .y | nope }'}}}]", "2:20", "`nope/0`"),
    ("do: [{a: {set: {x: '${ $y }'}}}]", "2:20", "`$y`"),
    ("do: [{a: {set: {x: '${ .y'}}}]", "2:20", "not closed"),
    ("do: [{a: {try: [{b: {call: f}}], catch: {retri: {}}}}]", "2:42", "did you mean `retry`"),
    ("do: [{a: {try: [{b: {call: f}}]}}]", "2:10", "needs `catch`"),
    ("do: [{a: {try: [{b: {call: f}}], catch: {retry: backof}}}]", "2:49", "use.retries"),
    ("do: [{a: {raise: {error: {status: 500}}}}]", "2:26", "needs `type`"),
    ("do: [{a: {call: 'rm -rf /'}}]", "2:17", "name of a function"),
    ("do: [{a: {listen: {to: {}}}}]", "2:24", "needs one of `one`, `any`, `all`"),
    ("do: [{a: {listen: {to: {on: {}}}}}]", "2:25", "did you mean `one`"),
    ("do: [{a: {listen: {to: {one: {with: {}}}}}}]", "2:37", "at least one attribute"),
    ("do: [{a: {listen: {to: {all: []}}}}]", "2:30", "nothing"),
    ("do: [{a: {listen: {to: {one: {with: {type: 5}}}}}}]", "2:44", "must be text"),
    ("do: [{a: {listen: {to: {one: {with: {Type: x}}}}}}]", "2:38", "did you mean `type`"),
    ("do: [{a: {listen: {to: {any: [], until: {any: [], until: .x}}}}}]", "2:51", "no field `until`"),
    ("do: [{a: {listen: {to: {any: []}, read: date}}}]", "2:41", "did you mean `data`"),
    ("do: [{a: {listen: {to: {any: []}}, foreach: {index: i}}}]", "2:46", "no field `index`"),
    ("do: [{a: {emit: {event: {with: {type: t}}}}}]", "2:32", "needs `source`"),
    ("do: [{a: {emit: {event: {with: {type: t, source: here}}}}}]", "2:50", "must be a URI"),
    ("do: [{a: {emit: {event: {with: {type: t, source: 'a://b', time: soon}}}}}]", "2:65", "must be a time"),
    ("do: [{a: {run: {}}}]", "2:16", "needs one of `container`"),
    ("do: [{a: {run: {shell: {comand: ls}}}}]", "2:25", "did you mean `command`"),
    ("do: [{a: {run: {shell: {command: ls, argument: []}}}}]", "2:38", "did you mean `arguments`"),
    ("do: [{a: {run: {shell: {command: ls}, script: {}}}}]", "2:17", "two tasks"),
    ("do: [{a: {run: {shell: {command: ls}, return: out}}}]", "2:47", "use one of stdout"),
    ("do: [{a: {run: {shell: {command: ls}, await: 1}}}]", "2:46", "true or false"),
    ("do: [{a: {run: {script: {language: perl, code: x}}}}]", "2:36", "cannot be `perl`"),
    ("do: [{a: {run: {script: {language: js}}}}]", "2:25", "needs one of `code`, `source`"),
    (
        "do: [{a: {run: {script: {language: js, code: x, source: {endpoint: 'a://b'}}}}}]",
        "2:49",
        "only one of",
    ),
    ("do: [{a: {run: {container: {image: i, lifetime: {cleanup: eventually}}}}}]", "2:49", "needs `after`"),
    (
        "do: [{a: {run: {container: {image: i, lifetime: {cleanup: always, after: PT1S}}}}}]",
        "2:74",
        "eventually",
    ),
    ("do: [{a: {call: http}}]", "2:17", "needs `with`"),
    ("do: [{a: {call: http, with: {method: get}}}]", "2:29", "needs `endpoint`"),
    (
        "do: [{a: {call: http, with: {method: get, endpoint: 'http://a', header: {}}}}]",
        "2:65",
        "did you mean `headers`",
    ),
    ("do: [{a: {call: http, with: {method: get, endpoint: nowhere}}}]", "2:53", "must be a URI"),
    ("do: [{a: {call: http, with: {method: get, endpoint: {uri: 'http://a/{b'}}}}]", "2:59", "not closed"),
    (
        "do: [{a: {call: http, with: {method: get, endpoint: 'http://a', output: body}}}]",
        "2:73",
        "cannot be `body`",
    ),
    ("do: [{a: {call: http, with: {method: get, endpoint: 'http://a', query: {n: 1}}}}]", "2:76", "quotes"),
    (
        "do: [{a: {call: grpc, with: {proto: {endpoint: 'file://a'}, service: {name: s, host: h, port: 70000}, method: m}}}]",
        "2:95",
        "whole number from 0 to 65535",
    ),
    (
        "do: [{a: {call: asyncapi, with: {document: {endpoint: 'http://a'}, message: {}}}}]",
        "2:33",
        "`operation`, `channel`",
    ),
    (
        "do: [{a: {call: asyncapi, with: {document: {endpoint: 'http://a'}, operation: o, message: {}, subscription: {}}}}]",
        "2:95",
        "only one of",
    ),
    (
        "do: [{a: {call: asyncapi, with: {document: {endpoint: 'http://a'}, operation: o, subscription: {consume: {}}}}}]",
        "2:106",
        "exactly one of `amount`",
    ),
    ("do: [{a: {call: a2a, with: {method: message/send}}}]", "2:28", "`agentCard` or `server`"),
    ("do: [{a: {call: mcp, with: {method: tools/call, transport: {}}}}]", "2:60", "`http`, `stdio`"),
    (
        "do: [{a: {call: http, with: {method: get, endpoint: {uri: 'http://a', authentication: {use: x}}}}}]",
        "2:93",
        "use.authentications",
    ),
    (
        "do: [{a: {call: http, with: {method: get, endpoint: {uri: 'http://a', authentication: {basic: {username: u}}}}}}]",
        "2:95",
        "needs `password`",
    ),
    (
        "do: [{a: {call: http, with: {method: get, endpoint: {uri: 'http://a', authentication: {basic: {use: s}}}}}}]",
        "2:101",
        "use.secrets",
    ),
    ("use: {secrets: [token]}\ndo: [{a: {set: {x: '${ $secrets.tokn }'}}}]", "3:20", "did you mean `token`"),
    ("use: {secrets: [token]}\ndo: [{a: {set: {x: '${ $secrets }'}}}]", "3:20", "name of a secret"),
    ("use: {secrets: [token]}\ndo: [{a: {set: {x: '${ $secrets[.x] }'}}}]", "3:20", "name of a secret"),
    ("use: {secrets: ['a b']}\ndo: []", "2:17", "name of a secret"),
    ("evaluate: {mode: lose}\ndo: []", "2:12", "strict"),
    ("do: [{a: {call: f, with: [1]}}]", "2:26", "must be a mapping"),
    ("do: [{a: {for: {in: .x, each: input}, do: []}}]", "2:31", "not an argument"),
    ("do: [{a: {fork: {branches: [{b: {set: {x: 1}, then: c}}, {c: {set: {x: 1}}}]}}}]", "2:53", "not there"),
    ("do: [{a: {call: f, output: {schema: {document: {typ: string}}}}}]", "2:48", "`typ`"),
    ("do: [{a: {call: f, metadata: {compensate: maybe}}}]", "2:43", "true or false"),
    ("schedule: {cron: '* * * *'}\ndo: []", "2:18", "five fields"),
    ("schedule: {}\ndo: []", "2:11", "needs one of"),
    ("schedule: {every: PT0.1S}\ndo: []", "2:19", "at least one second"),
    ("schedule: {every: '${ .x }'}\ndo: []", "2:19", "must be fixed"),
    ("schedule: {on: {one: {}}}\ndo: []", "2:22", "needs `with`"),
    ("schedule: {crom: '* * * * *'}\ndo: []", "2:12", "did you mean `cron`"),
    ("use: {extensions: [{a: {extend: cal}}]}\ndo: []", "2:33", "did you mean `call`"),
    ("use: {extensions: [{a: {before: []}}]}\ndo: []", "2:24", "needs `extend`"),
    ("use: {functions: {f: {cal: x}}}\ndo: []", "2:22", "did you mean `call`"),
    ("use: {catalogs: {c: {endpoint: 5}}}\ndo: []", "2:32", "must be text"),
    ("use: {authentications: {a: {basic: {username: u}}}}\ndo: []", "2:36", "needs `password`"),
    ("do: [{a: {call: 'log:1.0.0@globl'}}]", "2:17", "use.catalogs"),
    ("do: [{a: {call: 'log@default'}}]", "2:17", "name:version@catalog"),
    ("do: [{a: {call: 'notify:2.0.0@default'}}]", "2:17", "in version 1.0.0 only"),
    ("do: [{a: {call: f, metadata: {homeostat: {undo: {with: {}}}}}}]", "2:49", "needs `call`"),
    ("do: [{a: {call: f, metadata: {homeostat: {und: {call: g}}}}}]", "2:43", "did you mean `undo`"),
    ("do: [{a: {set: {x: 1}, metadata: {homeostat: {undo: {call: g}}}}}]", "2:53", "only a task that calls"),
    ("doo: []", "2:1", "did you mean `do`"),
    ("do: {a: 1}", "2:5", "must be a list"),
    ("do: []\ndo: []", "3:1", "duplicate"),
    ("do: [", "2:", "YAML"),
];

#[test]
fn wrong_documents_are_refused_with_place_and_advice() {
    let mut wrong = Vec::new();
    for (body, place, part) in WRONG {
        let error = Definition::parse("w.yaml", &format!("{HEAD}{body}")).expect_err(body).to_string();
        if !error.contains(part) || !error.starts_with(&format!("w.yaml:{place}")) {
            wrong.push(format!("{body}: {error}; expected {place} and {part:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for (head, part) in [
        ("{dsl: '2.0.0', namespace: t, name: t, version: '1.0.0'}", "1.0.x"),
        ("{dsl: '1.0.3', namespace: t, name: 'a b', version: '1.0.0'}", "letters, digits"),
        ("{dsl: '1.0.3', namespace: t, name: t, version: '1'}", "semantic version"),
        ("{dsl: '1.0.3', namespace: t, name: t, version: '01.0.0'}", "semantic version"),
        ("{dsl: '1.0.3', namespace: t, name: t, version: '1.0.0', metadata: [1]}", "must be a mapping"),
        (
            "{dsl: '1.0.3', namespace: t, name: t, version: '1.0.0', metadata: {homeostat: {limit: 1}}}",
            "no field `limit`",
        ),
        (
            "{dsl: '1.0.3', namespace: t, name: t, version: '1.0.0', metadata: {homeostat: {concurrency: {limit: 1, by: service}}}}",
            "needs `service`",
        ),
        ("{dsl: 1.0, namespace: t, name: t, version: '1.0.0'}", "quotes"),
        ("{dsl: '1.0.3', namespace: t, name: t, version: '1.0.0', titel: x}", "did you mean `title`"),
    ] {
        let error = Definition::parse("w.yaml", &format!("document: {head}\ndo: []\n")).expect_err(head);
        assert!(error.message.contains(part), "{head}: {error}");
    }
}

#[test]
fn hostile_documents_end_with_an_error() {
    let deep = |open: &str, close: &str, n: usize| format!("{HEAD}do: {}{}", open.repeat(n), close.repeat(n));
    let nested_do =
        (0..200).fold("set: {x: 1}".to_owned(), |inner, i| format!("do: [{{t{i}: {{{inner}}}}}]"));
    let aliases = (1..40).fold("a0: &a0 [x, x]".to_owned(), |text, i| {
        format!("{text}\na{i}: &a{i} [*a{p}, *a{p}, *a{p}, *a{p}, *a{p}]", p = i - 1)
    });
    let many = format!(
        "{HEAD}do:\n{}",
        (0..6000).map(|i| format!("  - t{i}: {{set: '${{ .x }}'}}\n")).collect::<String>()
    );
    for (what, text) in [
        ("deep lists", deep("[", "]", 100_000)),
        ("deep mappings", deep("{a: ", "}", 50_000)),
        ("deep tasks", format!("{HEAD}do: [{{a: {{{nested_do}}}}}]")),
        ("aliases of aliases", format!("{HEAD}do: []\n{aliases}")),
        ("megabytes", format!("{HEAD}do: [{{a: {{set: {{x: '{}'}}}}}}]", "x".repeat(1 << 20))),
        (
            "a long expression",
            format!("{HEAD}do: [{{a: {{set: {{x: '${{ {} }}'}}}}}}]", "1+".repeat(100_000)),
        ),
        ("many expressions", many),
        ("nothing", String::new()),
        ("control characters", "\u{0}\u{1}\u{2}".to_owned()),
        ("two documents", format!("{HEAD}do: []\n---\n{HEAD}do: []\n")),
        ("a long name", format!("{HEAD}do: [{{{}: {{set: {{x: 1}}}}}}]", "n".repeat(500))),
    ] {
        let started = std::time::Instant::now();
        let error = Definition::parse("hostile.yaml", &text).expect_err(what);
        assert!(error.message.chars().count() < 400, "{what}: the message is {} long", error.message.len());
        assert!(started.elapsed().as_secs() < 10, "{what} took {:?}", started.elapsed());
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(300))]

    #[test]
    fn no_text_breaks_the_reader(text in "\\PC{0,120}", cut in 0_usize..60) {
        let _ = Definition::parse("a", &text);
        let mut document = format!("{HEAD}do: [{{a: {{set: {{x: '${{ .y }}'}}}}}}]");
        let at = HEAD.len() + cut.min(document.len() - HEAD.len());
        if document.is_char_boundary(at) {
            document.insert_str(at, &text);
        }
        let _ = Definition::parse("a", &document);
    }
}

#[test]
fn operations_are_read_from_metadata() {
    let read = |homeostat: &str| {
        let head = format!(
            "document: {{dsl: '1.0.3', namespace: t, name: t, version: '1.0.0', metadata: {{homeostat: {homeostat}}}}}"
        );
        Definition::parse("w.yaml", &format!("{head}\ndo: []\n")).expect(homeostat)
    };
    let definition =
        read("{concurrency: {limit: 2, by: service}, service: '${ .service.name }', order: dependencies}");
    let operations = definition.operations();
    assert_eq!(operations.concurrency(), Some(Concurrency { limit: 2, by: ConcurrencyBy::Service }));
    assert!(operations.by_dependencies());
    assert_eq!(operations.service(&json!({"service": {"name": "shop"}})), Ok(Some("shop".to_owned())));
    assert_eq!(operations.service(&json!({})), Ok(None));
    assert!(operations.service(&json!({"service": {"name": 5}})).unwrap_err().contains("not 5"));
    let definition = read("{service: shop}");
    assert_eq!(definition.operations().service(&json!({})), Ok(Some("shop".to_owned())));
    assert_eq!(definition.operations().concurrency(), None);
}
