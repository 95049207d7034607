//! Finds in another version of a workflow what a run is in the middle of: the task at the same JSON pointer, of
//! the same type. What ended or did not begin needs no counterpart.

use crate::definition::{Definition, Flow, Kind, Task, TaskIndex};
use crate::state::{Move, State};
use crate::yaml::clip;

/// Makes the state speak of tasks of `to` instead of `from`.
pub(super) fn remap(state: &mut State, from: &Definition, to: &Definition) -> Result<(), String> {
    if std::ptr::eq(from, to) {
        return Ok(());
    }
    for node in state.nodes.values_mut() {
        if let Some(task) = &mut node.task {
            *task = counterpart(from, to, *task)?;
        }
    }
    for call in state.calls.values_mut() {
        if let Some(undo) = &mut call.undo {
            undo.task = counterpart(from, to, undo.task)?;
        }
    }
    for left in &mut state.moves {
        match left {
            Move::Begin { task, .. } => *task = counterpart(from, to, *task)?,
            Move::Done { then: Some(Flow::To(_)), .. } => {
                return Err(
                    "the step began together with a jump to another task, whose place may differ in \
                            the other version; retry a step before it"
                        .to_owned(),
                );
            }
            _ => {}
        }
    }
    Ok(())
}

fn counterpart(from: &Definition, to: &Definition, index: TaskIndex) -> Result<TaskIndex, String> {
    let task = from.task(index);
    let found = to.tasks.iter().position(|t| t.path == task.path);
    let differs = match found {
        None => Some("there is no task at that place".to_owned()),
        Some(found) => difference(task, &to.tasks[found]),
    };
    match (differs, found.and_then(|f| TaskIndex::try_from(f).ok())) {
        (None, Some(found)) => Ok(found),
        (differs, _) => Err(format!(
            "`{}` ({}) is under way and version {} has no counterpart of it: {}. Let it end, skip it, or take a \
             version that keeps it",
            clip(&task.name),
            task.path,
            clip(&to.document().version),
            differs.unwrap_or_default()
        )),
    }
}

/// Why a task cannot go on as another; none when it can.
fn difference(task: &Task, other: &Task) -> Option<String> {
    match (&task.kind, &other.kind) {
        (Kind::Call(call), Kind::Call(other)) if call.function != other.function => {
            Some(format!("the task there calls `{}`, not `{}`", clip(&other.function), clip(&call.function)))
        }
        (Kind::Function { name, .. }, Kind::Function { name: called, .. }) if name != called => {
            Some(format!("the task there calls `{}`, not `{}`", clip(called), clip(name)))
        }
        (Kind::Listen(listen), Kind::Listen(other)) if !listen.goes_on_as(other) => {
            Some("the task there listens to other events".to_owned())
        }
        (
            Kind::Fork { branches, compete },
            Kind::Fork { branches: other_branches, compete: other_compete },
        ) if branches.len() != other_branches.len() || compete != other_compete => Some(format!(
            "the fork there has {} branches{}",
            other_branches.len(),
            if compete == other_compete { "" } else { " and ends otherwise" }
        )),
        (Kind::For { each, at, .. }, Kind::For { each: other_each, at: other_at, .. })
            if (each, at) != (other_each, other_at) =>
        {
            Some("the loop there names its variables otherwise".to_owned())
        }
        (Kind::Try { catch, .. }, Kind::Try { catch: other_catch, .. })
            if catch.variable != other_catch.variable =>
        {
            Some("the catch there names its error otherwise".to_owned())
        }
        (kind, other) if kind.name() != other.name() => {
            Some(format!("the task there is a `{}`, not a `{}`", other.name(), kind.name()))
        }
        _ => None,
    }
}
