//! Triage files: what they say, and what is said of those that are wrong.

use decide::triage::{About, Matcher, Subject, Triage};
use model::{
    CorrelationId, Finding, FindingId, FindingKind, FindingState, Impact, Labels, Priority, Severity, Tier,
    Timestamp,
};
use proptest::prelude::*;

const RULES: &str = r#"
summary: Of a test.
mute:
  - name: nightly-backup
    why: The backup fills the disk of the database each night.
    when: service == 'db' && kind == 'disk_filling' && hour < 4
  - name: move
    why: The move of the data centre.
    when: labels.zone == 'old'
    from: "2026-11-21T00:00:00Z"
    until: "2026-11-22T00:00:00Z"
inhibit:
  - name: node-down
    why: What runs on a node that is down is down too.
    source: subject == 'NodeDown'
    target: severity in ['low', 'medium', 'high']
    equal: [labels.node]
group:
  - name: cluster
    why: One cluster fails as one.
    when: service.startsWith('shard-')
    by: [labels.cluster]
    within_s: 600
separate:
  - name: batch
    why: Jobs have nothing to do with the shop.
    when: labels.kind == 'batch'
priority:
  - name: money
    why: Payments first.
    when: service == 'payments' && severity in ['high', 'critical']
    is: p1
"#;

fn rules(text: &str) -> Triage {
    Triage::parse(&[("triage.yaml".into(), text.into())]).unwrap()
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn alert(service: &str, name: &str, labels: &[(&str, &str)]) -> Finding {
    let labels: Labels = labels.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    let now = at("2026-11-21T09:00:00Z");
    let parts: Vec<&str> = labels.iter().flat_map(|(n, v)| [n.as_str(), v.as_str()]).collect();
    Finding {
        id: FindingId::derive(now, &[&[service, name], &parts[..]].concat()),
        kind: FindingKind::Alert,
        detector: "alert".into(),
        service: service.into(),
        instance: None,
        subject: model::Subject::Alert {
            source: "alertmanager".into(),
            name: name.into(),
            labels,
            url: None,
        },
        state: FindingState::Firing,
        severity: Severity::Medium,
        score: 0.9,
        direction: None,
        observed: None,
        expected: None,
        started_at: now,
        detected_at: now,
        last_seen_at: now,
        summary: name.into(),
        samples: Vec::new(),
        time_to_limit_ms: None,
        quieted: None,
        change: None,
        correlation_id: CorrelationId::derive(now, &["test"]),
    }
}

fn about(finding: &Finding) -> Subject<'_> {
    Subject { finding, tier: Tier::Standard, owner: "" }
}

#[test]
fn a_mute_holds_at_its_hours_and_between_its_dates() {
    let rules = rules(RULES);
    let mut disk = alert("db", "DiskFull", &[]);
    disk.kind = FindingKind::DiskFilling;
    let name = |f: &Finding, t: &str| rules.muted(about(f), at(t)).map(|r| r.name.clone());
    assert_eq!(name(&disk, "2026-11-21T03:59:00Z").as_deref(), Some("nightly-backup"));
    assert_eq!(name(&disk, "2026-11-21T04:00:00Z"), None);
    let old = alert("shop", "Down", &[("zone", "old")]);
    assert_eq!(name(&old, "2026-11-21T23:59:59Z").as_deref(), Some("move"));
    assert_eq!(name(&old, "2026-11-22T00:00:00Z"), None);
    assert_eq!(name(&alert("shop", "Down", &[]), "2026-11-21T12:00:00Z"), None, "no label is empty text");
}

#[test]
fn what_follows_from_something_that_fires_is_inhibited_only_with_equal_labels() {
    let rules = rules(RULES);
    let source = alert("node", "NodeDown", &[("node", "a")]);
    let (same, other) = (alert("shop", "Down", &[("node", "a")]), alert("shop", "Down", &[("node", "b")]));
    let firing = [&source];
    let by = |f: &Finding| {
        let found = rules.inhibited(about(f), firing.iter().map(|s| about(s)), source.detected_at);
        found.map(|(rule, source)| (rule.name.clone(), source.id.clone()))
    };
    assert_eq!(by(&same), Some(("node-down".to_owned(), source.id.clone())));
    assert_eq!(by(&other), None);
    assert_eq!(by(&source), None, "it does not inhibit itself");
}

#[test]
fn groups_go_by_equal_values_and_separate_ones_stay_apart() {
    let rules = rules(RULES);
    let (a, b, c) = (
        alert("shard-1", "Down", &[("cluster", "x")]),
        alert("shard-2", "Slow", &[("cluster", "x")]),
        alert("shard-3", "Down", &[("cluster", "y")]),
    );
    let group = rules.placing(about(&a), a.detected_at).group.unwrap();
    assert_eq!((group.rule.name.as_str(), group.within_ms), ("cluster", 600_000));
    assert!(group.joins(&rules, about(&a), about(&b), a.detected_at));
    assert!(!group.joins(&rules, about(&a), about(&c), a.detected_at));
    let job = alert("report", "Late", &[("kind", "batch")]);
    assert_eq!(rules.placing(about(&job), job.detected_at).separate.len(), 1);
}

#[test]
fn priority_is_severity_and_impact_unless_a_rule_says_otherwise() {
    let rules = rules(RULES);
    let incident = |service, severity, impact| {
        rules.priority(About {
            service,
            tier: Tier::Standard,
            owner: "",
            severity,
            impact,
            affected_services: 1,
        })
    };
    assert_eq!(incident("payments", Severity::High, Impact::Low), Priority::P1);
    assert_eq!(incident("search", Severity::High, Impact::Low), Priority::P3);
    assert_eq!(incident("search", Severity::Critical, Impact::High), Priority::P1);
    assert_eq!(incident("search", Severity::Low, Impact::Low), Priority::P4);
}

#[test]
fn what_is_wrong_is_told_with_line_and_advice() {
    let check = |text: &str, line: u64, words: &[&str]| {
        let error = Triage::parse(&[("triage.yaml".into(), text.into())]).unwrap_err();
        assert_eq!(error.line, line, "{error}");
        for word in words {
            assert!(error.to_string().contains(word), "{error} lacks {word}");
        }
    };
    check(
        "mute:\n  - name: a\n    why: b\n    when: sevice == 'x'\n",
        4,
        &["sevice", "Did you mean `service`?"],
    );
    check("mute:\n  - name: a\n    why: b\n    when: kind == 'slow'\n", 4, &["never occurs"]);
    check("group:\n  - name: a\n    why: b\n    when: 'true'\n    by: [hour]\n", 5, &["cannot be compared"]);
    check("priority:\n  - name: a\n    why: b\n    when: labels.x == 'y'\n    is: p1\n", 4, &["labels"]);
    check("mute:\n  - {name: a, why: b, when: 'true'}\n  - {name: a, why: b, when: 'true'}\n", 3, &["twice"]);
    check("mute:\n  - {name: a, why: b, when: 'true', until: tomorrow}\n", 2, &["RFC 3339"]);
    check("mutes: []\n", 1, &["unknown field"]);
}

#[test]
fn a_silence_is_one_condition() {
    let silence = Matcher::compile("service == 'shop' && labels.zone != 'old'").unwrap();
    assert!(silence.holds(about(&alert("shop", "Down", &[])), Timestamp::ZERO));
    assert!(!silence.holds(about(&alert("shop", "Down", &[("zone", "old")])), Timestamp::ZERO));
    let error = Matcher::compile("service = 'shop'").unwrap_err();
    assert!(error.contains("CEL"), "{error}");
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,200}") {
        drop(Matcher::compile(&text));
        drop(Triage::parse(&[("t.yaml".into(), text)]));
    }
}
