//! Planning of every action on data: what is planned, what is refused, what undoes it.

use serde_json::{Value, json};

use super::*;
use crate::plan::Step;
use crate::record::{InstanceRecord, Switch, SwitchKind};
use crate::spec::ServiceSpec;

fn snapshot() -> Snapshot {
    let mut spec = ServiceSpec::new("shop", vec!["/bin/true".into()]);
    spec.state = Some("state".into());
    let instance = |n: u64| InstanceRecord {
        name: format!("shop-{n}"),
        wanted: n != 3,
        starts: n,
        ..InstanceRecord::default()
    };
    Snapshot {
        spec,
        instances: vec![instance(1), instance(2), instance(3)],
        running: vec!["shop-1".into()],
        release: Some("2".into()),
        releases: vec!["1".into(), "2".into()],
        config_revision: Some("5".into()),
        revisions: vec!["4".into(), "5".into()],
        history: Vec::new(),
        trash: std::collections::BTreeMap::new(),
    }
}

fn plan_on(action: &str, parameters: Value, now: &Snapshot) -> Result<Plan, Problem> {
    let action = all().into_iter().find(|a| a.spec.name == action).expect("a known action");
    (action.plan)(&Parameters::check(&action.spec, &parameters)?, now, "key")
}

fn check(action: &str, mut parameters: Value, would: &str, inverse: Option<Value>) {
    parameters["service"] = json!("shop");
    let plan = plan_on(action, parameters, &snapshot()).unwrap();
    let inverse = inverse.map(|mut v| {
        v[1]["service"] = json!("shop");
        (v[0].as_str().unwrap().to_owned(), v[1].clone())
    });
    assert_eq!((plan.would.as_str(), plan.inverse.map(|i| (i.action, i.parameters))), (would, inverse));
}

fn refuse(action: &str, parameters: Value, code: &str, part: &str) {
    let problem = plan_on(action, parameters, &snapshot()).unwrap_err();
    assert_eq!(problem.code, code);
    assert!(problem.detail.contains(part), "{:?} lacks {part:?}", problem.detail);
}

#[test]
fn a_plan_says_what_it_does_and_what_undoes_it() {
    check("process.start", json!({}), "start shop-2, shop-3", None);
    check(
        "process.start",
        json!({"instance": "shop-3"}),
        "start shop-3",
        Some(json!(["process.stop", {"instance": "shop-3"}])),
    );
    check("process.start", json!({"instance": "shop-1"}), "change nothing: all run", None);
    check(
        "process.stop",
        json!({"instance": "shop-1"}),
        "stop shop-1",
        Some(json!(["process.start", {"instance": "shop-1"}])),
    );
    check("process.restart", json!({}), "restart shop-1, shop-2", None);
    check("process.restart", json!({"instance": "shop-3"}), "restart shop-3", None);
    check(
        "process.scale",
        json!({"instances": 5}),
        "go from 3 to 5 instances",
        Some(json!(["process.scale", {"instances": 3}])),
    );
    check("process.scale", json!({"instances": 3}), "change nothing: 3 instances", None);
    check(
        "deploy.release",
        json!({"release": "1"}),
        "put release 1 in place of 2 and restart",
        Some(json!(["deploy.release", {"release": "2"}])),
    );
    check("deploy.release", json!({"release": "2"}), "change nothing: release 2 is in place", None);
    check(
        "deploy.config",
        json!({"values": {"a": 1}}),
        "put configuration revision 6 in place of 5 and restart",
        Some(json!(["deploy.config", {"revision": "5"}])),
    );
    check(
        "deploy.rollback",
        json!({"to": "4"}),
        "put configuration revision 4 in place of 5 and restart",
        Some(json!(["deploy.config", {"revision": "5"}])),
    );
}

#[test]
fn a_wrong_call_is_refused_with_what_would_be_right() {
    refuse("process.restart", json!({}), "invalid_parameters", "service");
    refuse(
        "process.restart",
        json!({"service": "shop", "isntance": "x"}),
        "invalid_parameters",
        "instance, service",
    );
    refuse(
        "process.restart",
        json!({"service": "shop", "instance": "shop-9"}),
        "unknown_instance",
        "shop-1, shop-2, shop-3",
    );
    refuse("process.restart", json!([]), "invalid_parameters", "object");
    refuse("process.scale", json!({"service": "shop", "instances": 65}), "invalid_parameters", "0 to 64");
    refuse("process.scale", json!({"service": "shop", "instances": -1}), "invalid_parameters", "0 to 64");
    refuse("deploy.release", json!({"service": "shop", "release": "9"}), "unknown_release", "1, 2");
    refuse("deploy.config", json!({"service": "shop"}), "invalid_parameters", "either");
    refuse("deploy.rollback", json!({"service": "shop"}), "nothing_to_roll_back", "left to undo");
    refuse("data.reclaim", json!({"service": "shop"}), "nothing_expendable", "catalog");
    refuse("data.restore", json!({"service": "shop", "trash": "x"}), "unknown_trash", "no trash");
}

#[test]
fn a_rollback_undoes_the_newest_change_and_then_the_one_before() {
    let mut now = snapshot();
    let switch = |key: &str, kind, from: &str, to: &str| Switch {
        key: key.into(),
        kind,
        from: Some(from.into()),
        to: to.into(),
        settled: false,
    };
    now.history =
        vec![switch("k1", SwitchKind::Release, "1", "2"), switch("k2", SwitchKind::Config, "4", "5")];
    let target =
        |now: &Snapshot| match &plan_on("deploy.rollback", json!({"service": "shop"}), now).unwrap().steps[0]
        {
            Step::Switch { to, undoes, rollback, .. } => (to.clone(), undoes.clone(), *rollback),
            other => panic!("{other:?}"),
        };
    assert_eq!(target(&now), ("4".into(), Some("k2".into()), true));
    now.history[1].settled = true;
    assert_eq!(target(&now), ("1".into(), Some("k1".into()), true));
}

#[test]
fn scaling_up_fills_gaps_and_scaling_down_takes_the_last() {
    let mut now = snapshot();
    now.instances.remove(1);
    let steps = plan_on("process.scale", json!({"service": "shop", "instances": 3}), &now).unwrap().steps;
    assert_eq!(steps[0], Step::Add { instance: "shop-2".into() });
    let steps = plan_on("process.scale", json!({"service": "shop", "instances": 1}), &now).unwrap().steps;
    assert_eq!(steps[0], Step::Remove { instance: "shop-3".into() });
}
