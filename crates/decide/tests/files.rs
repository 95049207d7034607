//! Policy files that are wrong: each is refused with its line and what to do.

use decide::{Facts, Policy, decide};
use model::Verdict;

fn file(name: &str, text: &str) -> (String, String) {
    (name.to_owned(), text.to_owned())
}

/// A whole policy whose only rule has this condition (line 6).
fn with_condition(condition: &str) -> String {
    format!(
        "summary: test\nsettings: {{limit: 3, names: [a, b]}}\nrules:\n  - name: one\n    why: test\n    when: >-\n      {condition}\n    verdict: auto_resolve\n"
    )
}

#[track_caller]
fn refused(text: &str) -> String {
    Policy::parse(&[file("my.yaml", text)]).expect_err("must be refused").to_string()
}

#[track_caller]
fn check(condition: &str, parts: &[&str]) {
    let error = refused(&with_condition(condition));
    assert!(error.starts_with("my.yaml:"), "{error}");
    for part in parts {
        assert!(error.contains(part), "{error:?} lacks {part:?}");
    }
}

#[test]
fn conditions_are_checked_before_they_are_needed() {
    check("severty == 'high'", &["`severty`, which is no fact", "Did you mean `severity`?"]);
    check("weather == 'fine'", &["which is no fact", "Facts are confidence, "]);
    check("settings.limt > 2", &["settings.limt", "Did you mean `limit`?"]);
    check("settings", &["without a field"]);
    check("severity == 'hihg'", &["'hihg', which never occurs", "Did you mean `high`?"]);
    check("confidence == 'high'", &["compares a number with text"]);
    check("confidence", &["gives a number, not true or false"]);
    check("severity >= 'high'", &["has text where a number is needed", "severity in ['high', 'critical']"]);
    check("confidence >= ", &["is not CEL"]);
    check("confidence >= 0.9 && launch_missiles()", &["uses `launch_missiles`", "Conditions know"]);
    check("service.matches('(a+)+$')", &["uses `matches`"]);
    check("service.name == 'x'", &["asks text for a field `name`", "Only `settings` has fields"]);
    check("actions[5] == 'x'", &["cannot be evaluated"]);
    check(&format!("{}true{}", "(".repeat(500), ")".repeat(500)), &["nest deeper"]);
    check(&format!("{}true", "!".repeat(1000)), &["nest deeper"]);
    check(&"confidence > 0.1 && ".repeat(500), &["shorter"]);
}

#[test]
fn words_in_lists_are_checked_too() {
    let error = refused(&with_condition("impact in ['mediun']"));
    assert!(error.contains("Did you mean `medium`?"), "{error}");
    let error = refused(&with_condition("severity in ['high', 'critcal']"));
    assert!(error.contains("critical"), "{error}");
}

#[test]
fn what_is_right_is_understood() {
    for (condition, expected) in [
        ("confidence >= 1 || affected_services == 1", true),
        ("affected_services + 1 == 2 && settings.limit - 1 == 2", true),
        ("actions.exists(a, a.startsWith('process.'))", true),
        ("actions.all(a, a in settings.names)", false),
        ("size(actions) > 0 ? !stop_switch : false", true),
        ("service in settings.names || class == 'crash'", true),
        ("'process.restart' in actions", true),
        ("actions[0] == 'process.restart'", true),
    ] {
        let text = with_condition(condition);
        let parsed = Policy::parse(&[file("my.yaml", &text)]);
        if condition.contains("[0]") {
            assert!(parsed.is_err(), "an index that may not exist is refused");
            continue;
        }
        let facts = Facts {
            class: model::FailureClass::Crash,
            actions: vec!["process.restart".into()],
            ..Facts::default()
        };
        let verdict = decide(&parsed.unwrap_or_else(|e| panic!("{condition}: {e}")), &facts, &[]).verdict;
        assert_eq!(verdict == Verdict::AutoResolve, expected, "{condition}");
    }
}

#[test]
fn files_name_line_and_remedy() {
    for (text, line, parts) in [
        ("rules: []\n", 1, vec!["there are no rules", "default.yaml"]),
        ("rulez:\n  - name: x\n", 1, vec!["rulez"]),
        ("rules:\n  - name: x\n    when: 'true'\n    verdict: auto\n", 4, vec!["auto"]),
        ("rules:\n  - name: x\n    when: 'true'\n    verdict: auto_resolve\n", 2, vec!["has no `why`"]),
        ("rules:\n  - name: x\n    why: y\n    verdict: auto_resolve\n", 2, vec!["has no `when`"]),
        (
            "rules:\n  - {name: x, why: y, when: 'true', verdict: auto_resolve}\n  - {name: x, why: y, when: 'true', verdict: auto_resolve}\n",
            3,
            vec!["is there twice"],
        ),
        (
            "guards:\n  - {name: g, why: y, when: 'true', verdict: auto_resolve}\nrules:\n  - {name: x, why: y, when: 'true', verdict: auto_resolve}\n",
            2,
            vec!["never more careful"],
        ),
        (
            "settings:\n  history_prior: 7\nrules:\n  - {name: x, why: y, when: 'true', verdict: auto_resolve}\n",
            2,
            vec!["from 0 to 1"],
        ),
        (
            "settings:\n  default_autonomy: full\nrules:\n  - {name: x, why: y, when: 'true', verdict: auto_resolve}\n",
            2,
            vec!["observe, propose, approve, auto"],
        ),
        ("extends: default\nrules: []\n", 1, vec!["no file comes before it"]),
        ("rules: [\n", 1, vec!["unclosed bracket"]),
    ] {
        let error = refused(text);
        assert!(error.starts_with(&format!("my.yaml:{line}:")), "{error} (wanted line {line})");
        for part in parts {
            assert!(error.contains(part), "{error:?} lacks {part:?}");
        }
    }
    assert!(Policy::parse(&[]).unwrap_err().to_string().contains("no policy file"));
}

#[test]
fn layers_replace_by_name_and_are_checked_as_a_whole() {
    let base = "settings: {limit: 0.9}\nguards:\n  - {name: g, why: y, when: 'flaps > 1', verdict: escalate_human, clears_after_s: '5'}\nrules:\n  - {name: r, why: y, when: confidence >= settings.limit, verdict: auto_resolve}\n";
    let parse = |over: &str| Policy::parse(&[file("base.yaml", base), file("over.yaml", over)]);
    let facts = Facts { confidence: 0.5, flaps: 5, ..Facts::default() };
    let verdict = |over: &str| decide(&parse(over).unwrap(), &facts, &[]).verdict;
    assert_eq!(
        verdict("extends: base\nsettings: {limit: 0.4}\n"),
        Verdict::EscalateHuman,
        "the guard speaks"
    );
    let off =
        "extends: base\nsettings: {limit: 0.4}\nguards:\n  - {name: g, why: not here, enabled: false}\n";
    assert_eq!(verdict(off), Verdict::AutoResolve);
    let shown = decide(&parse(off).unwrap(), &facts, &[]);
    assert_eq!(shown.guards[0].reason, "switched off: not here", "what is off is shown, not hidden");
    for (over, part) in [
        ("settings: {limit: 0.4}\n", "does not say what it extends"),
        ("extends: other\n", "`other`, which was not given"),
        ("extends: base\nsettings: {limt: 0.4}\n", "Did you mean `limit`?"),
        ("extends: base\nsettings: {limit: low}\n", "is a text, but was a number"),
        ("extends: base\nrules:\n  - {name: s, why: y, when: nope, verdict: auto_resolve}\n", "no fact"),
    ] {
        let error = parse(over).unwrap_err();
        assert_eq!(error.file, "over.yaml", "{error}");
        assert!(error.to_string().contains(part), "{error}");
    }
}
