//! Homeostat may be killed at any moment of a repair: the fault is still repaired, each call is carried out once,
//! and no second incident is made of the first.

use std::path::{Path, PathBuf};

use testkit::{Happening, Played, Script, Step, When, demo_patience, play, rules};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn kill(name: &str, at: When, until_ms: i64) -> Played {
    let file = root().join(format!("scenarios/{name}.txt"));
    let mut script = Script::parse(name, &std::fs::read_to_string(&file).unwrap()).unwrap();
    script.steps.push(Step { when: at, what: Happening::RestartHomeostat });
    script.until_ms = script.until_ms.max(until_ms);
    // A kill costs time, and a restart may be asked for by another key when its verification was cut off.
    script.expectations.retain(|e| !matches!(e, testkit::Expectation::Within(_)));
    let rules = rules(&root(), &script.policies, script.autonomy, demo_patience()).unwrap();
    play(&script, &rules)
}

/// Kills once in each play, at moments spread over the whole repair.
fn check(name: &str, from_ms: i64, to_ms: i64, step_ms: usize) {
    for at_ms in (from_ms..to_ms).step_by(step_ms) {
        let played = kill(name, When::At(at_ms), 120_000);
        assert!(
            played.broken.is_empty(),
            "{name} killed at {at_ms} ms: {:#?}\n{}",
            played.broken,
            played.transcript
        );
    }
}

#[test]
fn while_an_instance_is_replaced() {
    check("slow-dependency", 30_500, 46_000, 850);
}

#[test]
fn while_restarts_do_not_hold() {
    check("crash-loop", 30_500, 52_000, 1_150);
}

#[test]
fn while_a_release_is_rolled_back() {
    check("bad-release", 31_500, 47_000, 950);
}

#[test]
fn around_every_call() {
    for (name, action) in [
        ("crash", "process.restart"),
        ("crash-loop", "data.reset"),
        ("slow-dependency", "process.stop"),
        ("slow-dependency", "process.start"),
        ("bad-config", "deploy.rollback"),
        ("disk-full", "data.reclaim"),
    ] {
        for at in [When::Calling(action.to_owned()), When::Called(action.to_owned())] {
            let played = kill(name, at.clone(), 120_000);
            assert!(played.broken.is_empty(), "{name}, {at:?}: {:#?}\n{}", played.broken, played.transcript);
        }
    }
}
