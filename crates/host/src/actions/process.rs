//! Planners of starting, stopping, restarting and scaling.

use model::Inverse;
use serde_json::json;

use super::Parameters;
use crate::plan::{Plan, Snapshot, Step};
use crate::problem::Problem;
use crate::spec::MAX_INSTANCES;

/// Instances a call speaks of: the named one, or all.
fn chosen<'a>(parameters: &'a Parameters, now: &'a Snapshot) -> Result<Vec<&'a str>, Problem> {
    match parameters.text("instance")? {
        None => Ok(now.instances.iter().map(|i| i.name.as_str()).collect()),
        Some(name) if now.instance(name).is_some() => Ok(vec![name]),
        Some(name) => {
            let names: Vec<_> = now.instances.iter().map(|i| i.name.as_str()).collect();
            Err(Problem::not_found(
                "unknown_instance",
                format!("{} has no instance {name:?}; it has {}", now.spec.name, names.join(", ")),
            ))
        }
    }
}

fn inverse_of_each(action: &str, now: &Snapshot, names: &[&str]) -> Option<Inverse> {
    match names {
        [] => None,
        [one] => Some(Inverse {
            action: action.into(),
            parameters: json!({"service": now.spec.name, "instance": one}),
        }),
        // The inverse of a mixed service would touch instances that were not touched: none is offered then.
        _ if names.len() == now.instances.len() => {
            Some(Inverse { action: action.into(), parameters: json!({"service": now.spec.name}) })
        }
        _ => None,
    }
}

pub(super) fn start(parameters: &Parameters, now: &Snapshot, _key: &str) -> Result<Plan, Problem> {
    let mut names = chosen(parameters, now)?;
    names.retain(|name| !now.running.iter().any(|r| r == name));
    Ok(Plan {
        steps: names.iter().map(|n| Step::Start { instance: (*n).to_owned() }).collect(),
        would: if names.is_empty() {
            "change nothing: all run".to_owned()
        } else {
            format!("start {}", names.join(", "))
        },
        inverse: inverse_of_each("process.stop", now, &names),
    })
}

pub(super) fn stop(parameters: &Parameters, now: &Snapshot, _key: &str) -> Result<Plan, Problem> {
    let mut names = chosen(parameters, now)?;
    names.retain(|name| now.instance(name).is_some_and(|i| i.wanted));
    Ok(Plan {
        steps: names.iter().map(|n| Step::Stop { instance: (*n).to_owned() }).collect(),
        would: if names.is_empty() {
            "change nothing: all are stopped".to_owned()
        } else {
            format!("stop {}", names.join(", "))
        },
        inverse: inverse_of_each("process.start", now, &names),
    })
}

pub(super) fn restart(parameters: &Parameters, now: &Snapshot, _key: &str) -> Result<Plan, Problem> {
    let named = parameters.text("instance")?.is_some();
    let mut names = chosen(parameters, now)?;
    // Restarting a whole service leaves alone what people stopped on purpose; naming an instance starts it.
    names.retain(|name| named || now.instance(name).is_some_and(|i| i.wanted));
    let starts = |name: &str| now.instance(name).map_or(0, |i| i.starts);
    Ok(Plan {
        steps: names.iter().map(|n| Step::Restart { instance: (*n).to_owned(), starts: starts(n) }).collect(),
        would: if names.is_empty() {
            "change nothing: all are stopped".to_owned()
        } else {
            format!("restart {}", names.join(", "))
        },
        inverse: None,
    })
}

pub(super) fn scale(parameters: &Parameters, now: &Snapshot, _key: &str) -> Result<Plan, Problem> {
    let asked = parameters.value("instances").and_then(serde_json::Value::as_u64);
    let Some(to) = asked.filter(|n| *n <= u64::from(MAX_INSTANCES)).and_then(|n| usize::try_from(n).ok())
    else {
        return Err(Problem::invalid(format!(
            "parameter \"instances\" must be a whole number from 0 to {MAX_INSTANCES}"
        )));
    };
    let from = now.instances.len();
    let mut names: Vec<String> = now.instances.iter().map(|i| i.name.clone()).collect();
    let mut steps = Vec::new();
    while names.len() > to {
        steps.extend(names.pop().map(|instance| Step::Remove { instance }));
    }
    for number in 1.. {
        if names.len() >= to {
            break;
        }
        let name = format!("{}-{number}", now.spec.name);
        if !names.contains(&name) {
            steps.push(Step::Add { instance: name.clone() });
            names.push(name);
        }
    }
    if !steps.is_empty() {
        steps.push(Step::Scaled { from, to });
    }
    Ok(Plan {
        would: if steps.is_empty() {
            format!("change nothing: {from} instances")
        } else {
            format!("go from {from} to {to} instances")
        },
        inverse: (!steps.is_empty()).then(|| Inverse {
            action: "process.scale".into(),
            parameters: json!({"service": now.spec.name, "instances": from}),
        }),
        steps,
    })
}
