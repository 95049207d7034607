//! The workflow document after reading: every expression compiled, every reference resolved.
//!
//! Tasks live in one list; a task list holds positions in it. A definition never changes: a run is pinned to
//! the one it began with.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::duration::DurationSpec;
use crate::expression::{Expression, Template};
use crate::filter::{FilterSpec, Read};
use crate::operations::Operations;
use crate::schedule::Schedule;
use crate::schema::Schema;

/// A workflow, ready to run.
#[derive(Clone, Debug)]
pub struct Definition {
    pub(crate) document: Document,
    pub(crate) source: Value,
    /// Documents of functions from elsewhere, each with the pointer its tasks begin with.
    pub(crate) parts: Vec<(String, Value)>,
    pub(crate) tasks: Vec<Task>,
    pub(crate) root: Vec<TaskIndex>,
    pub(crate) extensions: Vec<Extension>,
    pub(crate) input: Transform,
    pub(crate) output: Transform,
    pub(crate) timeout: Option<DurationSpec>,
    pub(crate) schedule: Option<Schedule>,
    pub(crate) operations: Operations,
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
    /// JSON pointer in the document. In a run, tasks of functions and extensions have that of the task they are
    /// used by before it; together that is the specification's task reference.
    pub(crate) path: String,
    /// The document it stands in: 0 is the workflow's, others are in `parts`.
    pub(crate) part: usize,
    pub(crate) condition: Option<Expression>,
    pub(crate) input: Transform,
    pub(crate) output: Transform,
    pub(crate) export: Transform,
    pub(crate) timeout: Option<DurationSpec>,
    pub(crate) then: Flow,
    /// Whether inverses recorded inside run before an error of it goes on (task metadata `compensate: true`).
    pub(crate) compensates: bool,
    /// What undoes it (task metadata `homeostat.undo`).
    pub(crate) undo: Option<Undo>,
    pub(crate) kind: Kind,
}

/// Schema and transformation of data at one place.
#[derive(Clone, Debug, Default)]
pub(crate) struct Transform {
    pub(crate) schema: Option<Schema>,
    pub(crate) template: Option<Template>,
}

impl Transform {
    /// Whether there is anything to do.
    pub(crate) fn is_some(&self) -> bool {
        self.schema.is_some() || self.template.is_some()
    }
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
    Call(Box<Call>),
    /// A function that is itself a task.
    Function {
        name: String,
        with: Template,
        body: TaskIndex,
    },
    Do {
        tasks: Vec<TaskIndex>,
    },
    Set {
        value: Template,
    },
    Switch {
        cases: Vec<Case>,
    },
    Try {
        body: Vec<TaskIndex>,
        catch: Box<Catch>,
    },
    Fork {
        branches: Vec<TaskIndex>,
        compete: bool,
    },
    For {
        each: String,
        at: String,
        items: Expression,
        condition: Option<Expression>,
        body: Vec<TaskIndex>,
    },
    Wait {
        duration: DurationSpec,
    },
    Listen(Box<Listen>),
    Raise {
        error: Template,
    },
}

impl Extension {
    /// Whether tasks of this kind are extended.
    pub(crate) fn applies_to(&self, kind: &Kind) -> bool {
        let composite = matches!(kind, Kind::Do { .. } | Kind::Fork { .. });
        match self.extend.as_str() {
            "all" => true,
            "composite" => composite,
            name => name == kind.name(),
        }
    }

    /// An extension of tasks of this type.
    pub(crate) fn new(
        extend: String,
        when: Option<Expression>,
        before: Vec<TaskIndex>,
        after: Vec<TaskIndex>,
    ) -> Self {
        Self { extend, when, before, after }
    }
}

impl Kind {
    /// What it calls, for people.
    pub(crate) fn called(&self) -> Option<&str> {
        match self {
            Self::Function { name, .. } => Some(name),
            other => other.function(),
        }
    }

    /// The function it calls or subscribes to.
    pub(crate) fn function(&self) -> Option<&str> {
        match self {
            Self::Call(call) => Some(&call.function),
            Self::Listen(listen) if listen.subscription.is_some() => Some("asyncapi"),
            _ => None,
        }
    }

    /// The task type as the specification names it.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Call(call) => call.task,
            Self::Function { .. } => "call",
            Self::Do { .. } => "do",
            Self::Set { .. } => "set",
            Self::Switch { .. } => "switch",
            Self::Try { .. } => "try",
            Self::Fork { .. } => "fork",
            Self::For { .. } => "for",
            Self::Wait { .. } => "wait",
            Self::Listen(listen) if listen.subscription.is_some() => "call",
            Self::Listen(_) => "listen",
            Self::Raise { .. } => "raise",
        }
    }
}

/// Something that a driver carries out.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// The type of task: `call`, `emit` or `run`.
    pub(crate) task: &'static str,
    pub(crate) function: String,
    pub(crate) with: Template,
    pub(crate) answer: Answer,
}

/// The inverse of a call: a call of this function, its parameters evaluated when the call has succeeded.
#[derive(Clone, Debug)]
pub(crate) struct Undo {
    pub(crate) function: String,
    pub(crate) with: Template,
}

/// Tasks that run before and after others.
#[derive(Clone, Debug)]
pub(crate) struct Extension {
    extend: String,
    pub(crate) when: Option<Expression>,
    pub(crate) before: Vec<TaskIndex>,
    pub(crate) after: Vec<TaskIndex>,
}

/// What a call gives as its output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// What the driver answers.
    Output,
    /// The input of the task: it does not wait for what it started.
    Input,
    /// Nothing.
    Nothing,
}

/// What a `listen`, or a subscription of `call: asyncapi`, waits for.
#[derive(Clone, Debug)]
pub(crate) struct Listen {
    /// Events to consume; none means every event.
    pub(crate) filters: Vec<FilterSpec>,
    /// Events that end it.
    pub(crate) until: Vec<FilterSpec>,
    pub(crate) stop: Stop,
    pub(crate) read: Read,
    pub(crate) each: Option<Each>,
    pub(crate) subscription: Option<Subscription>,
}

impl Listen {
    /// Whether what was consumed so far can be counted on by another version of the task.
    pub(crate) fn goes_on_as(&self, other: &Self) -> bool {
        let shape = |l: &Self| {
            let names = l.each.as_ref().map(|e| (e.item.clone(), e.at.clone()));
            (l.filters.len(), l.until.len(), std::mem::discriminant(&l.stop), l.subscription.is_some(), names)
        };
        shape(self) == shape(other)
    }
}

/// When enough was consumed.
#[derive(Clone, Debug)]
pub(crate) enum Stop {
    /// The first event.
    First,
    /// One event for each filter.
    All,
    /// So many messages.
    Amount(u64),
    /// The condition does not hold any more.
    While(Expression),
    /// The condition holds.
    Until(Expression),
    /// One, or each, of the filters of `until` has its event.
    Consumed { all: bool },
    /// Never.
    Never,
}

/// Messages of an AsyncAPI operation.
#[derive(Clone, Debug)]
pub(crate) struct Subscription {
    /// The parameters of the call without `subscription`.
    pub(crate) with: Template,
    /// How long messages are consumed.
    pub(crate) window: Option<DurationSpec>,
}

/// What is done with each event.
#[derive(Clone, Debug)]
pub(crate) struct Each {
    pub(crate) item: String,
    pub(crate) at: String,
    pub(crate) body: Vec<TaskIndex>,
    pub(crate) output: Transform,
    pub(crate) export: Transform,
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

    /// Names of the functions it calls, those that undo among them, in order of appearance, each once.
    #[must_use]
    pub fn functions(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for task in &self.tasks {
            let undo = task.undo.as_ref().map(|u| u.function.as_str());
            for function in task.kind.function().into_iter().chain(undo) {
                if !names.contains(&function) {
                    names.push(function);
                }
            }
        }
        names
    }

    /// Every task: its JSON pointer, name, type, and the function it calls.
    pub fn tasks(&self) -> impl Iterator<Item = (&str, &str, &'static str, Option<&str>)> {
        self.tasks.iter().map(|t| (t.path.as_str(), t.name.as_str(), t.kind.name(), t.kind.function()))
    }

    pub(crate) fn task(&self, index: TaskIndex) -> &Task {
        &self.tasks[index as usize]
    }

    /// The JSON of a task's definition.
    pub(crate) fn task_json(&self, task: &Task) -> Value {
        let found = match task.part.checked_sub(1).map(|part| &self.parts[part]) {
            Some((root, source)) => task.path.strip_prefix(root.as_str()).and_then(|p| source.pointer(p)),
            None => self.source.pointer(&task.path),
        };
        found.cloned().unwrap_or(Value::Null)
    }

    /// The input with the defaults that its schema says.
    #[must_use]
    pub fn with_defaults(&self, input: Value) -> Value {
        match &self.input.schema {
            Some(schema) => schema.with_defaults(input),
            None => input,
        }
    }

    /// Whether the schema of the input names a property.
    #[must_use]
    pub fn takes(&self, property: &str) -> bool {
        self.input.schema.as_ref().is_some_and(|schema| schema.names(property))
    }

    /// When it runs by itself, if it does.
    #[must_use]
    pub fn schedule(&self) -> Option<&Schedule> {
        self.schedule.as_ref()
    }

    /// How its runs are operated.
    #[must_use]
    pub fn operations(&self) -> &Operations {
        &self.operations
    }
}
