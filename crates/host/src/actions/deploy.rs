//! Planners of releases, configurations and the way back.

use model::Inverse;
use serde_json::{Value, json};

use super::Parameters;
use crate::plan::{Plan, Snapshot, Step};
use crate::problem::Problem;
use crate::record::{Switch, SwitchKind};

pub(super) fn release(parameters: &Parameters, now: &Snapshot, _key: &str) -> Result<Plan, Problem> {
    let to = parameters.required_text("release")?;
    known(now, SwitchKind::Release, to)?;
    Ok(switch(now, SwitchKind::Release, to.to_owned(), None, false, Vec::new()))
}

pub(super) fn config(parameters: &Parameters, now: &Snapshot, _key: &str) -> Result<Plan, Problem> {
    match (parameters.text("revision")?, parameters.value("values")) {
        (Some(to), None) => {
            known(now, SwitchKind::Config, to)?;
            Ok(switch(now, SwitchKind::Config, to.to_owned(), None, false, Vec::new()))
        }
        (None, Some(values @ Value::Object(_))) => {
            let newest = now.revisions.iter().filter_map(|r| r.parse::<u64>().ok()).max().unwrap_or(0);
            let revision = (newest + 1).to_string();
            let write = Step::WriteConfig { revision: revision.clone(), values: values.clone() };
            Ok(switch(now, SwitchKind::Config, revision, None, false, vec![write]))
        }
        _ => Err(Problem::invalid("give either \"revision\" (text) or \"values\" (an object)")),
    }
}

pub(super) fn rollback(parameters: &Parameters, now: &Snapshot, _key: &str) -> Result<Plan, Problem> {
    if let Some(to) = parameters.text("to")? {
        let kind =
            if now.releases.iter().any(|r| r == to) { SwitchKind::Release } else { SwitchKind::Config };
        known(now, kind, to)?;
        let undoes = now.history.iter().rev().find(|s| s.kind == kind && !s.settled);
        return Ok(switch(now, kind, to.to_owned(), undoes, true, Vec::new()));
    }
    let newest = now.history.iter().rev().find(|s| !s.settled && s.from.is_some());
    let Some((switched, Some(to))) = newest.map(|s| (s, s.from.clone())) else {
        return Err(Problem::conflict(
            "nothing_to_roll_back",
            format!("no change of release or configuration of {} is left to undo", now.spec.name),
        ));
    };
    known(now, switched.kind, &to)?;
    Ok(switch(now, switched.kind, to, Some(switched), true, Vec::new()))
}

fn known(now: &Snapshot, kind: SwitchKind, name: &str) -> Result<(), Problem> {
    let (what, code, there) = match kind {
        SwitchKind::Release => ("release", "unknown_release", &now.releases),
        SwitchKind::Config => ("configuration revision", "unknown_revision", &now.revisions),
    };
    if there.iter().any(|n| n == name) {
        return Ok(());
    }
    Err(Problem::not_found(
        code,
        format!("{} has no {what} {name:?}; it has {}", now.spec.name, there.join(", ")),
    ))
}

fn switch(
    now: &Snapshot,
    kind: SwitchKind,
    to: String,
    undoes: Option<&Switch>,
    rollback: bool,
    first: Vec<Step>,
) -> Plan {
    let (what, action, parameter, from) = match kind {
        SwitchKind::Release => ("release", "deploy.release", "release", now.release.clone()),
        SwitchKind::Config => {
            ("configuration revision", "deploy.config", "revision", now.config_revision.clone())
        }
    };
    if from.as_deref() == Some(&to) {
        return Plan {
            steps: Vec::new(),
            would: format!("change nothing: {what} {to} is in place"),
            inverse: None,
        };
    }
    let mut steps = first;
    let before = from.clone();
    let undoes = undoes.map(|s| s.key.clone());
    steps.push(Step::Switch { kind, from, to: to.clone(), undoes, rollback });
    steps.extend(now.restarts());
    Plan {
        steps,
        would: format!("put {what} {to} in place of {} and restart", before.as_deref().unwrap_or("none")),
        inverse: before.map(|from| Inverse {
            action: action.into(),
            parameters: json!({"service": now.spec.name, parameter: from}),
        }),
    }
}
