//! The workflow document after reading: every expression compiled, every reference resolved.
//!
//! Tasks live in one list; a task list holds positions in it. A definition never changes: a run is pinned to
//! the one it began with.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::duration::DurationSpec;
use crate::expression::{Expression, Template};
use crate::filter::Read;
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
    Do { tasks: Vec<TaskIndex> },
    Set { value: Template },
    Switch { cases: Vec<Case> },
    Try { body: Vec<TaskIndex>, catch: Box<Catch> },
    Fork { branches: Vec<TaskIndex>, compete: bool },
    For { each: String, at: String, items: Expression, condition: Option<Expression>, body: Vec<TaskIndex> },
    Wait { duration: DurationSpec },
    Listen(Box<Listen>),
    Raise { error: Template },
}

impl Kind {
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

/// A filter as it is written.
#[derive(Clone, Debug)]
pub(crate) struct FilterSpec {
    pub(crate) rules: Vec<(Option<String>, MatcherSpec)>,
    pub(crate) correlate: Vec<CorrelationSpec>,
}

/// What a value must be like, as it is written.
#[derive(Clone, Debug)]
pub(crate) enum MatcherSpec {
    Holds(Expression),
    Text(String),
    /// Text that depends on the task: a URI template.
    Uri(Template),
    Equals(Value),
    Mapping(Vec<(String, MatcherSpec)>),
    List(Vec<MatcherSpec>),
}

/// A correlation as it is written.
#[derive(Clone, Debug)]
pub(crate) struct CorrelationSpec {
    pub(crate) name: String,
    pub(crate) from: Expression,
    pub(crate) expect: Option<Template>,
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
        for function in self.tasks.iter().filter_map(|t| t.kind.function()) {
            if !names.contains(&function) {
                names.push(function);
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
        self.source.pointer(&task.path).cloned().unwrap_or(Value::Null)
    }
}
