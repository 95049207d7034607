//! Documents that are refused, and how; documents that are hostile, and do no harm.

use workflow::Definition;

const HEAD: &str = "document: {dsl: '1.0.3', namespace: test, name: test, version: '1.0.0'}\n";

#[test]
fn wrong_documents_are_refused_with_place_and_advice() {
    let mut wrong = Vec::new();
    for (body, place, part) in [
        ("do: [{a: {sett: {x: 1}}}]", "2:10", "did you mean `set`"),
        ("do: [{a: {set: {x: 1}, iff: .x}}]", "2:24", "did you mean `if`"),
        ("do:\n  - a: {set: {x: 1}}\n    b: {set: {x: 1}}", "4:5", "exactly one name"),
        ("do: [{a: {set: {x: 1}}}, {a: {set: {x: 1}}}]", "2:27", "already"),
        ("do: [{a: {set: {x: 1}, then: bb}}, {b: {set: {x: 1}}}]", "2:30", "did you mean `b`"),
        ("do: [{a: {set: {x: 1}, call: f}}]", "2:11", "both"),
        ("do: [{a: {set: {}}}]", "2:16", "at least one key"),
        ("do: [{a: {listen: {to: {}}}}]", "2:11", "part of the standard"),
        ("do: [{exit: {set: {x: 1}}}]", "2:7", "flow directive"),
        ("do: [{a: {wait: soon}}]", "2:17", "ISO 8601"),
        ("do: [{a: {wait: {second: 1}}}]", "2:17", "no `second`"),
        ("do: [{a: {set: {x: '${ .y | nope }'}}}]", "2:20", "`nope/0`"),
        ("do: [{a: {set: {x: '${ $y }'}}}]", "2:20", "`$y`"),
        ("do: [{a: {set: {x: '${ .y'}}}]", "2:20", "not closed"),
        ("do: [{a: {try: [{b: {call: f}}], catch: {retri: {}}}}]", "2:42", "did you mean `retry`"),
        ("do: [{a: {try: [{b: {call: f}}]}}]", "2:10", "needs `catch`"),
        ("do: [{a: {try: [{b: {call: f}}], catch: {retry: backof}}}]", "2:49", "use.retries"),
        ("do: [{a: {raise: {error: {status: 500}}}}]", "2:26", "needs `type`"),
        ("do: [{a: {call: 'rm -rf /'}}]", "2:17", "name of a function"),
        ("do: [{a: {call: f, with: [1]}}]", "2:26", "must be a mapping"),
        ("do: [{a: {for: {in: .x, each: input}, do: []}}]", "2:31", "not an argument"),
        (
            "do: [{a: {fork: {branches: [{b: {set: {x: 1}, then: c}}, {c: {set: {x: 1}}}]}}}]",
            "2:53",
            "not there",
        ),
        ("do: [{a: {call: f, output: {schema: {document: {typ: string}}}}}]", "2:48", "`typ`"),
        ("do: [{a: {call: f, metadata: {compensate: maybe}}}]", "2:43", "true or false"),
        ("schedule: {cron: '* * * * *'}\ndo: []", "2:1", "part of the standard"),
        ("evaluate: {mode: loose}\ndo: []", "2:12", "strict"),
        ("use: {functions: {}}\ndo: []", "2:7", "part of the standard"),
        ("doo: []", "1:1", "needs `do`"),
        ("do: {a: 1}", "2:5", "must be a list"),
        ("do: []\ndo: []", "3:1", "duplicate"),
        ("do: [", "2:", "YAML"),
    ] {
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
