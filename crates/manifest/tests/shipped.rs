//! The runbooks that ship with Homeostat: every page loads, and each class has the runbook it should.

use std::collections::VecDeque;
use std::path::Path;

use manifest::{Runbooks, VERIFY, Verify};
use model::{FailureClass, Inverse, RunId, Timestamp};
use serde_json::{Value, json};
use workflow::{Effect, Event, WorkflowError, apply, start};

fn shipped() -> Runbooks {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../runbooks");
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the folder of runbooks is there") {
        let path = entry.expect("a folder can be listed").path();
        let name = path.file_name().and_then(|n| n.to_str()).expect("names are text").to_owned();
        files.push((name, std::fs::read_to_string(&path).expect("a runbook can be read")));
    }
    Runbooks::load(&files).unwrap_or_else(|errors| {
        panic!("{}", errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    })
}

#[test]
fn each_class_has_its_runbooks_in_order() {
    let runbooks = shipped();
    for (class, failed, expect) in [
        (FailureClass::Crash, &[][..], &["restart-service"][..]),
        (FailureClass::CrashLoop, &[], &["reset-state"]),
        (FailureClass::Hang, &[], &["restart-service"]),
        (FailureClass::Hang, &["restart-service"], &["replace-instance"]),
        (FailureClass::Hang, &["restart-service", "replace-instance"], &[]),
        (FailureClass::MemoryLeak, &[], &["restart-service"]),
        (FailureClass::CpuSpin, &[], &["restart-service"]),
        (FailureClass::SlowDependency, &[], &["replace-instance"]),
        (FailureClass::SlowDependency, &["replace-instance"], &["restart-service"]),
        (FailureClass::BadRelease, &[], &["rollback-release"]),
        (FailureClass::BadConfig, &[], &["rollback-release"]),
        (FailureClass::DiskFull, &[], &["reclaim-disk"]),
        (FailureClass::LogFlood, &[], &["restart-service"]),
        (FailureClass::Unknown, &[], &[]),
    ] {
        let names: Vec<&str> = runbooks.for_class(class, failed).iter().map(|r| r.name.as_str()).collect();
        assert_eq!(names, expect, "{class:?} after {failed:?}");
    }
}

#[test]
fn pages_say_what_they_do() {
    for runbook in &shipped() {
        assert!(runbook.summary.len() > 20, "{}", runbook.name);
        assert!(runbook.handles.is_empty() || !runbook.prior_reason.is_empty(), "{}", runbook.name);
        assert_eq!(runbook.definition.document().name, runbook.name, "the document is named like its page");
        assert!(
            !runbook.actions.is_empty() && !runbook.actions.contains(&VERIFY.to_owned()),
            "{}",
            runbook.name
        );
        for heading in ["## Symptoms", "## Why this helps", "## Risks", "## By hand"] {
            assert!(runbook.markdown.contains(heading), "{} lacks {heading}", runbook.name);
        }
    }
}

/// Plays a runbook. `verify` answers in turn; every action succeeds and can be undone.
fn play(name: &str, input: Value, verdicts: &[bool]) -> Vec<String> {
    let runbooks = shipped();
    let definition = &runbooks.get(name).expect(name).definition;
    let at = Timestamp::from_unix_ms(1_700_000_000_000);
    let (mut state, _, effects) = start(definition, &RunId::derive(at, &[name]), input, at, 1);
    let (mut queue, mut told, mut verdicts) = (VecDeque::from(effects), Vec::new(), verdicts.iter());
    while let Some(effect) = queue.pop_front() {
        let event = match effect {
            Effect::Call { key, function, parameters, .. } if function == VERIFY => {
                let verify = Verify::parse(&parameters).unwrap_or_else(|e| panic!("{name}: {e}"));
                told.push(format!("verify {} {}", verify.service, verify.window_ms));
                if *verdicts.next().expect("a verdict for each verification") {
                    Event::CallSucceeded { key, output: json!({"verified": true}), inverse: None, at }
                } else {
                    Event::CallFailed { key, error: WorkflowError::verification("no"), retryable: false, at }
                }
            }
            Effect::Call { key, function, parameters, compensation, .. } => {
                told.push(format!("{function} {parameters}"));
                let inverse = Inverse { action: format!("not.{function}"), parameters };
                Event::CallSucceeded {
                    key,
                    output: Value::Null,
                    inverse: (!compensation).then_some(inverse),
                    at,
                }
            }
            Effect::Timer { id, at } => Event::TimerFired { id, at },
            Effect::Finished { .. } => {
                told.push("held".to_owned());
                continue;
            }
            Effect::Failed { error } => {
                told.push(format!("failed at {}", error.instance.unwrap_or_default()));
                continue;
            }
            _ => continue,
        };
        queue.extend(apply(definition, &mut state, &event));
    }
    told
}

#[test]
fn every_runbook_can_hold() {
    let input = json!({"service": "shop", "instance": "shop-1", "incident": "i", "class": "hang", "change": null, "verify_s": 3});
    for (name, expect) in [
        (
            "restart-service",
            &["process.restart {\"service\":\"shop\",\"instance\":\"shop-1\"}", "verify shop 3000", "held"][..],
        ),
        ("reset-state", &["data.reset {\"service\":\"shop\"}", "verify shop 3000", "held"]),
        (
            "replace-instance",
            &[
                "process.stop {\"service\":\"shop\",\"instance\":\"shop-1\"}",
                "process.start {\"service\":\"shop\",\"instance\":\"shop-1\"}",
                "verify shop 3000",
                "held",
            ],
        ),
        ("rollback-release", &["deploy.rollback {\"service\":\"shop\"}", "verify shop 3000", "held"]),
        ("reclaim-disk", &["data.reclaim {\"service\":\"shop\"}", "verify shop 3000", "held"]),
    ] {
        assert_eq!(play(name, input.clone(), &[true]), expect, "{name}");
    }
}

#[test]
fn without_an_instance_the_whole_service_is_meant_and_the_window_has_a_default() {
    for name in ["restart-service", "replace-instance"] {
        let told = play(name, json!({"service": "shop", "instance": null}), &[true]);
        assert_eq!(told, ["process.restart {\"service\":\"shop\"}", "verify shop 30000", "held"], "{name}");
    }
}

#[test]
fn what_does_not_hold_is_tried_again_or_undone() {
    let input = json!({"service": "shop", "verify_s": 3});
    assert_eq!(
        play("restart-service", input.clone(), &[false, true]),
        [
            "process.restart {\"service\":\"shop\"}",
            "verify shop 3000",
            "process.restart {\"service\":\"shop\"}",
            "verify shop 3000",
            "held",
        ]
    );
    assert_eq!(
        play("rollback-release", input.clone(), &[false]),
        [
            "deploy.rollback {\"service\":\"shop\"}",
            "verify shop 3000",
            "not.deploy.rollback {\"service\":\"shop\"}",
            "failed at /do/1/verify",
        ]
    );
    assert_eq!(
        play("reclaim-disk", input, &[false, true]),
        [
            "data.reclaim {\"service\":\"shop\"}",
            "verify shop 3000",
            "process.restart {\"service\":\"shop\"}",
            "verify shop 3000",
            "held",
        ]
    );
    let told =
        play("replace-instance", json!({"service": "shop", "instance": "shop-1", "verify_s": 3}), &[false]);
    assert_eq!(
        told[3..],
        [
            "not.process.start {\"service\":\"shop\",\"instance\":\"shop-1\"}",
            "not.process.stop {\"service\":\"shop\",\"instance\":\"shop-1\"}",
            "failed at /do/5/verify",
        ]
    );
}
