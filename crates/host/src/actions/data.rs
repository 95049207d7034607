//! Planners of reclaiming space, resetting state and bringing data back.

use model::Inverse;
use serde_json::json;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::Parameters;
use crate::plan::{Plan, Snapshot, Step};
use crate::problem::Problem;

pub(super) fn reclaim(_: &Parameters, now: &Snapshot, key: &str) -> Result<Plan, Problem> {
    if now.spec.expendable.is_empty() {
        return Err(Problem::conflict(
            "nothing_expendable",
            format!("{} declares no expendable folders: add them to its catalog entry", now.spec.name),
        ));
    }
    let trash = trash_id("reclaim", key);
    let aside =
        |folder: &String| Step::MoveAside { trash: trash.clone(), folder: folder.clone(), halt: false };
    Ok(Plan {
        steps: now.spec.expendable.iter().map(aside).collect(),
        would: format!("move {} out of the data folder", now.spec.expendable.join(", ")),
        inverse: Some(restore_of(now, &trash)),
    })
}

pub(super) fn reset(_: &Parameters, now: &Snapshot, key: &str) -> Result<Plan, Problem> {
    let Some(folder) = now.spec.state.clone() else {
        return Err(Problem::conflict(
            "no_state_folder",
            format!("{} declares no state folder: add it to its catalog entry", now.spec.name),
        ));
    };
    let trash = trash_id("reset", key);
    let mut steps = vec![Step::MoveAside { trash: trash.clone(), folder: folder.clone(), halt: true }];
    steps.extend(now.restarts());
    Ok(Plan {
        steps,
        would: format!("move {folder} aside and restart"),
        inverse: Some(restore_of(now, &trash)),
    })
}

pub(super) fn restore(parameters: &Parameters, now: &Snapshot, _key: &str) -> Result<Plan, Problem> {
    let trash = parameters.required_text("trash")?;
    let Some(folders) = now.trash.get(trash) else {
        return Err(Problem::not_found("unknown_trash", format!("{} has no trash {trash:?}", now.spec.name)));
    };
    let halt = now.spec.state.iter().any(|state| folders.contains(state));
    let back = |folder: &String| Step::BringBack { trash: trash.to_owned(), folder: folder.clone(), halt };
    let mut steps: Vec<Step> = folders.iter().map(back).collect();
    if halt {
        steps.extend(now.restarts());
    }
    Ok(Plan { steps, would: format!("bring back {}", folders.join(", ")), inverse: None })
}

fn restore_of(now: &Snapshot, trash: &str) -> Inverse {
    Inverse { action: "data.restore".into(), parameters: json!({"service": now.spec.name, "trash": trash}) }
}

/// A folder name for a key that may hold anything. Two keys that share it would share a trash folder, which
/// the steps refuse to overwrite.
fn trash_id(action: &str, key: &str) -> String {
    let mut hash = DefaultHasher::new();
    key.hash(&mut hash);
    format!("{action}-{:016x}", hash.finish())
}
