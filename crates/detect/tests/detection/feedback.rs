//! A person's word is learned: what was normal is not said again, unless it is further out or of another kind.

use model::{FindingKind, FindingState, Judgement};

use crate::world::{Fault, World};

fn anomalies(world: &World) -> usize {
    let mut ids: Vec<_> =
        world.findings.iter().filter(|f| f.kind == FindingKind::MetricAnomaly).map(|f| &f.id).collect();
    ids.sort();
    ids.dedup();
    ids.len()
}

/// A queue that gets stuck after ten healthy minutes, is found, judged, and repaired.
fn stuck_and_judged(judgement: Judgement) -> World {
    let mut world = World::new(5);
    world.run(600);
    world.inject(Fault::QueueStuck);
    world.run(20);
    let found = world.firing().into_iter().find(|f| f.kind == FindingKind::MetricAnomaly).unwrap().clone();
    world.judge(&found, judgement);
    world.run(1);
    let newest = world.findings.iter().rev().find(|f| f.id == found.id).unwrap();
    let expect =
        if judgement == Judgement::NotAnomaly { FindingState::Cleared } else { FindingState::Firing };
    assert_eq!(newest.state, expect);
    world.repair();
    world.run(600);
    world
}

#[test]
fn what_was_called_normal_is_not_said_again() {
    let mut world = stuck_and_judged(Judgement::NotAnomaly);
    let before = anomalies(&world);
    assert_eq!(world.detection.report().dismissed, 1);
    world.inject(Fault::QueueStuck);
    world.run(30);
    assert_eq!(anomalies(&world), before);
}

#[test]
fn a_judgement_survives_a_restart() {
    let mut world = stuck_and_judged(Judgement::NotAnomaly);
    let snapshot = world.detection.snapshot();
    world.detection = detect::Detection::restore(detect::Settings::default(), &snapshot).unwrap();
    let before = anomalies(&world);
    world.inject(Fault::QueueStuck);
    world.run(30);
    assert_eq!(anomalies(&world), before);
}

#[test]
fn what_was_worth_saying_is_said_again() {
    let mut world = stuck_and_judged(Judgement::Anomaly);
    let before = anomalies(&world);
    world.inject(Fault::QueueStuck);
    world.run(30);
    assert_eq!(anomalies(&world), before + 1);
}

#[test]
fn a_crash_cannot_be_called_normal() {
    let mut world = World::new(6);
    world.run(60);
    world.inject(Fault::Crash);
    world.run(10);
    let found = world.firing().into_iter().find(|f| !f.kind.is_learned()).unwrap().clone();
    world.judge(&found, Judgement::NotAnomaly);
    world.run(2);
    let newest = world.findings.iter().rev().find(|f| f.id == found.id).unwrap();
    assert_eq!(newest.state, FindingState::Firing);
    assert_eq!(world.detection.report().dismissed, 0);
}
