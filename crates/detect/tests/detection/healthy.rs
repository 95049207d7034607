//! A healthy world gives no finding, whatever the seed.

use crate::world::World;

fn check(seed: u64, hours: f64) {
    let mut world = World::new(seed);
    world.run((hours * 3_600.0) as i64);
    let said: Vec<_> =
        world.findings.iter().map(|f| (f.detected_at.to_string(), &f.service, &f.summary)).collect();
    assert!(said.is_empty(), "seed {seed}: {said:#?}");
    let names: std::collections::BTreeSet<_> = world.derived.iter().map(|s| s.name.as_str()).collect();
    assert_eq!(names.len(), 6, "{names:?}");
}

#[test]
fn two_healthy_hours_are_quiet() {
    check(1, 2.0);
}

#[test]
fn other_healthy_hours_are_quiet() {
    (2..8).for_each(|seed| check(seed, 1.0));
}
