//! The workflow document after reading: every expression compiled, every reference resolved.
//!
//! Tasks live in one list; a task list holds positions in it. A definition never changes: a run is pinned to
//! the one it began with.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::duration::DurationSpec;
use crate::expression::{Expression, Template};
use crate::schema::Schema;

/// A workflow, ready to run.
#[derive(Clone, Debug)]
pub struct Definition {
    pub(crate) document: Document,
    pub(crate) source: Value,
    pub(crate) tasks: Vec<Task>,
    pub(crate) root: Vec<TaskIndex>,
    pub(crate) input: Transform,
    pub(crate) output: Transform,
    pub(crate) timeout: Option<DurationSpec>,
    /// Whether a failed run leaves what it did (document metadata `compensate: false`).
    pub(crate) compensates: bool,
}

/// What the workflow says of itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// Version of the language it is written in.
    pub dsl: String,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its own version.
    pub version: String,
    /// A title.
    pub title: Option<String>,
    /// A longer text, Markdown.
    pub summary: Option<String>,
    /// Tags.
    pub tags: BTreeMap<String, Value>,
    /// Whatever else belongs to it.
    pub metadata: Value,
}

/// Position in [`Definition::tasks`].
pub(crate) type TaskIndex = u32;

/// One task.
#[derive(Clone, Debug)]
pub(crate) struct Task {
    pub(crate) name: String,
    /// JSON pointer in the document; the specification's task reference.
    pub(crate) path: String,
    /// JSON pointer of its definition, the name unescaped for look-up.
    pub(crate) condition: Option<Expression>,
    pub(crate) input: Transform,
    pub(crate) output: Transform,
    pub(crate) export: Transform,
    pub(crate) timeout: Option<DurationSpec>,
    pub(crate) then: Flow,
    /// Whether inverses recorded inside run before an error of it goes on (task metadata `compensate: true`).
    pub(crate) compensates: bool,
    pub(crate) kind: Kind,
}

/// Schema and transformation of data at one place.
#[derive(Clone, Debug, Default)]
pub(crate) struct Transform {
    pub(crate) schema: Option<Schema>,
    pub(crate) template: Option<Template>,
}

/// Where to go after a task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Flow {
    Continue,
    Exit,
    End,
    /// A task of the same list, by its place in that list.
    To(usize),
}

/// What a task does.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    Call { function: String, with: Template },
    Do { tasks: Vec<TaskIndex> },
    Set { value: Template },
    Switch { cases: Vec<Case> },
    Try { body: Vec<TaskIndex>, catch: Box<Catch> },
    Fork { branches: Vec<TaskIndex>, compete: bool },
    For { each: String, at: String, items: Expression, condition: Option<Expression>, body: Vec<TaskIndex> },
    Wait { duration: DurationSpec },
    Raise { error: Template },
}

impl Kind {
    /// The task type as the specification names it.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Call { .. } => "call",
            Self::Do { .. } => "do",
            Self::Set { .. } => "set",
            Self::Switch { .. } => "switch",
            Self::Try { .. } => "try",
            Self::Fork { .. } => "fork",
            Self::For { .. } => "for",
            Self::Wait { .. } => "wait",
            Self::Raise { .. } => "raise",
        }
    }
}

/// One case of a switch.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) when: Option<Expression>,
    pub(crate) then: Flow,
}

/// What a try does with errors.
#[derive(Clone, Debug)]
pub(crate) struct Catch {
    /// Fields the error must have, by name.
    pub(crate) with: Vec<(String, Template)>,
    pub(crate) variable: String,
    pub(crate) when: Option<Expression>,
    pub(crate) except_when: Option<Expression>,
    pub(crate) retry: Option<Retry>,
    pub(crate) body: Option<Vec<TaskIndex>>,
}

/// How to try again.
#[derive(Clone, Debug)]
pub(crate) struct Retry {
    pub(crate) when: Option<Expression>,
    pub(crate) except_when: Option<Expression>,
    pub(crate) delay: Option<DurationSpec>,
    pub(crate) backoff: Backoff,
    /// Most retries (the first attempt is not one).
    pub(crate) count: Option<u32>,
    /// Longest time for one attempt.
    pub(crate) attempt_duration: Option<DurationSpec>,
    /// Longest time for all attempts together.
    pub(crate) duration: Option<DurationSpec>,
    pub(crate) jitter: Option<(DurationSpec, DurationSpec)>,
}

/// How the delay grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Backoff {
    Constant,
    Linear,
    Exponential,
}

impl Definition {
    /// What the workflow says of itself.
    #[must_use]
    pub fn document(&self) -> &Document {
        &self.document
    }

    /// The document as JSON, as it was read.
    #[must_use]
    pub fn to_json(&self) -> &Value {
        &self.source
    }

    /// Names of the functions it calls, in order of appearance, each once.
    #[must_use]
    pub fn functions(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for task in &self.tasks {
            if let Kind::Call { function, .. } = &task.kind
                && !names.contains(&function.as_str())
            {
                names.push(function);
            }
        }
        names
    }

    /// Every task: its JSON pointer, name, type, and the function it calls.
    pub fn tasks(&self) -> impl Iterator<Item = (&str, &str, &'static str, Option<&str>)> {
        self.tasks.iter().map(|t| {
            let function = match &t.kind {
                Kind::Call { function, .. } => Some(function.as_str()),
                _ => None,
            };
            (t.path.as_str(), t.name.as_str(), t.kind.name(), function)
        })
    }

    pub(crate) fn task(&self, index: TaskIndex) -> &Task {
        &self.tasks[index as usize]
    }

    /// The JSON of a task's definition.
    pub(crate) fn task_json(&self, task: &Task) -> Value {
        self.source.pointer(&task.path).cloned().unwrap_or(Value::Null)
    }
}
