//! A workflow as a diagram: its tasks as nodes, the ways between them as edges. Plain data for a page to lay out,
//! and Mermaid text.

mod mermaid;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::definition::{Definition, Flow, Kind, Listen, Retry, Stop, Task, TaskIndex};
use crate::duration::{DurationSpec, milliseconds, words};

/// Where every run begins.
pub const START: &str = "start";
/// Where a run that completes ends.
pub const END: &str = "end";

/// A workflow as nodes and edges.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Graph {
    /// Start, end, and every task in the order of the document; containers come before what is inside them.
    pub nodes: Vec<GraphNode>,
    /// Ways from node to node.
    pub edges: Vec<GraphEdge>,
}

/// A task, the start or the end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GraphNode {
    /// JSON pointer of the task; `start` or `end`.
    pub id: String,
    /// The task type as the specification names it; `start` or `end`.
    pub kind: String,
    /// The task's name.
    pub name: String,
    /// The function it calls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<String>,
    /// What there is to say of it beyond its name: how long it waits, what it loops over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// It is skipped unless this holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<String>,
    /// It fails when it takes longer, in milliseconds; none when it has no limit or the limit is computed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<i64>,
    /// The task it is inside of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// The list of its parent it is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<Part>,
}

/// A list of tasks inside a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Tasks one after the other.
    Body,
    /// Tasks side by side.
    Branch,
    /// What is tried.
    Try,
    /// What is done with an error.
    Catch,
    /// What is done for each item or event.
    Each,
}

/// A way from one node to another. Tasks from which no way leads are the last of their list: what they are inside
/// of goes on after them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GraphEdge {
    /// Where it begins.
    pub from: String,
    /// Where it leads.
    pub to: String,
    /// Why it is taken.
    pub way: Way,
    /// What stands beside it: the case of a switch, the errors that are caught.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
}

/// Why an edge is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// The next task of the list.
    Next,
    /// A `then` that leads elsewhere.
    Then,
    /// A case of a switch.
    Case,
    /// Into a task that holds others.
    Into,
    /// Into what is done with an error.
    Catch,
    /// Another attempt.
    Retry,
    /// The next item of a loop.
    Loop,
}

impl Graph {
    /// Draws a workflow.
    #[must_use]
    pub fn of(definition: &Definition) -> Self {
        let mut drawing =
            Drawing { definition, graph: Self { nodes: vec![terminal(START)], edges: Vec::new() } };
        let first = definition.root.first().map_or(END, |t| definition.task(*t).path.as_str());
        drawing.edge(START, first, Way::Next, None);
        drawing.list(&definition.root, None, Part::Body);
        drawing.graph.nodes.push(terminal(END));
        drawing.graph
    }

    /// The diagram as a Mermaid flowchart.
    #[must_use]
    pub fn to_mermaid(&self) -> String {
        mermaid::write(self)
    }
}

fn terminal(name: &str) -> GraphNode {
    GraphNode {
        id: name.to_owned(),
        kind: name.to_owned(),
        name: name.to_owned(),
        call: None,
        detail: None,
        condition: None,
        timeout_ms: None,
        parent: None,
        part: None,
    }
}

struct Drawing<'d> {
    definition: &'d Definition,
    graph: Graph,
}

impl<'d> Drawing<'d> {
    fn edge(&mut self, from: &str, to: &str, way: Way, label: Option<String>) {
        self.graph.edges.push(GraphEdge { from: from.to_owned(), to: to.to_owned(), way, label });
    }

    fn list(&mut self, tasks: &'d [TaskIndex], parent: Option<&'d Task>, part: Part) {
        for (at, index) in tasks.iter().enumerate() {
            let task = self.definition.task(*index);
            self.node(task, parent, part);
            self.inside(task);
            if part == Part::Branch {
                continue;
            }
            let siblings = Siblings { tasks, at, root: parent.is_none() };
            self.ways(task, &siblings);
            // A task that is skipped is followed by the next one, wherever its `then` leads.
            let skips = task.condition.is_some();
            if skips && (task.then != Flow::Continue || matches!(task.kind, Kind::Raise { .. })) {
                self.flow(task, &siblings, &Flow::Continue, Way::Next, Some("otherwise".to_owned()));
            }
        }
    }

    /// The ways out of a task.
    fn ways(&mut self, task: &'d Task, siblings: &Siblings<'_>) {
        match &task.kind {
            Kind::Switch { cases } => {
                let named = self.definition.task_json(task);
                for (n, case) in cases.iter().enumerate() {
                    let label = case_label(&named["switch"][n]);
                    self.flow(task, siblings, &case.then, Way::Case, Some(label));
                }
                if cases.iter().all(|c| c.when.is_some()) {
                    self.flow(task, siblings, &task.then, Way::Next, Some("otherwise".to_owned()));
                }
            }
            Kind::Raise { .. } => {}
            _ => self.flow(task, siblings, &task.then, Way::Next, None),
        }
    }

    fn node(&mut self, task: &'d Task, parent: Option<&Task>, part: Part) {
        let timeout_ms = match &task.timeout {
            Some(DurationSpec::Fixed(ms)) => Some(*ms),
            _ => None,
        };
        self.graph.nodes.push(GraphNode {
            id: task.path.clone(),
            kind: task.kind.name().to_owned(),
            name: task.name.clone(),
            call: task.kind.function().map(str::to_owned),
            detail: detail(&task.kind, &self.definition.task_json(task)),
            condition: task.condition.as_ref().map(|c| c.source().to_owned()),
            timeout_ms,
            parent: parent.map(|p| p.path.clone()),
            part: parent.map(|_| part),
        });
    }

    /// What a task holds, and the ways into it.
    fn inside(&mut self, task: &'d Task) {
        match &task.kind {
            Kind::Do { tasks } => self.part(task, tasks, Part::Body, Way::Into, None),
            Kind::Fork { branches, .. } => {
                self.list(branches, Some(task), Part::Branch);
                for branch in branches {
                    self.edge(&task.path, &self.definition.task(*branch).path, Way::Into, None);
                }
            }
            Kind::For { body, .. } => {
                self.part(task, body, Part::Each, Way::Into, None);
                self.back(body, Way::Loop);
            }
            Kind::Listen(listen) => {
                if let Some(each) = &listen.each {
                    self.part(task, &each.body, Part::Each, Way::Into, None);
                    self.back(&each.body, Way::Loop);
                }
            }
            Kind::Try { body, catch } => {
                self.part(task, body, Part::Try, Way::Into, None);
                if let Some(retry) = &catch.retry {
                    self.edge(&task.path, &task.path, Way::Retry, Some(retry_label(retry)));
                }
                if let Some(handler) = &catch.body {
                    let label = catch_label(&self.definition.task_json(task)["catch"]);
                    self.part(task, handler, Part::Catch, Way::Catch, label);
                }
            }
            _ => {}
        }
    }

    fn part(&mut self, task: &'d Task, tasks: &'d [TaskIndex], part: Part, way: Way, label: Option<String>) {
        self.list(tasks, Some(task), part);
        if let Some(first) = tasks.first() {
            self.edge(&task.path, &self.definition.task(*first).path, way, label);
        }
    }

    /// From the last task of a list to its first.
    fn back(&mut self, tasks: &[TaskIndex], way: Way) {
        if let (Some(first), Some(last)) = (tasks.first(), tasks.last()) {
            let (first, last) = (self.definition.task(*first), self.definition.task(*last));
            self.edge(&last.path, &first.path, way, Some("next".to_owned()));
        }
    }

    fn flow(&mut self, task: &Task, siblings: &Siblings<'_>, flow: &Flow, way: Way, label: Option<String>) {
        let definition = self.definition;
        let sibling = |at: usize| siblings.tasks.get(at).map(|t| definition.task(*t).path.as_str());
        let jump = if way == Way::Next { Way::Then } else { way };
        let (to, way) = match flow {
            Flow::Continue => (sibling(siblings.at + 1).or(siblings.root.then_some(END)), way),
            Flow::To(at) => (sibling(*at), jump),
            Flow::End => (Some(END), jump),
            Flow::Exit => (siblings.root.then_some(END), jump),
        };
        if let Some(to) = to {
            self.edge(&task.path, to, way, label);
        }
    }
}

/// Where a task stands in its list.
struct Siblings<'a> {
    tasks: &'a [TaskIndex],
    at: usize,
    root: bool,
}

fn detail(kind: &Kind, json: &Value) -> Option<String> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match kind {
        Kind::Wait { .. } => {
            let wait = &json["wait"];
            Some(milliseconds(wait).map_or_else(|_| text(wait), words))
        }
        Kind::For { .. } => Some(text(&json["for"]["in"])),
        Kind::Fork { compete: true, .. } => Some("first wins".to_owned()),
        Kind::Listen(listen) => listens_to(listen, &json["listen"]["to"]),
        Kind::Raise { .. } => {
            let error = &json["raise"]["error"];
            Some(text(error.get("type").unwrap_or(error)))
        }
        _ => None,
    }
}

/// The event types that are waited for, as far as the document names them.
fn listens_to(listen: &Listen, to: &Value) -> Option<String> {
    let (word, filters) = match listen.stop {
        Stop::First if listen.filters.len() < 2 => ("", to.get("one").map(std::slice::from_ref)),
        Stop::All => ("all of ", to["all"].as_array().map(Vec::as_slice)),
        _ => ("any of ", to["any"].as_array().map(Vec::as_slice)),
    };
    let types: Vec<&str> = filters.into_iter().flatten().filter_map(|f| f["with"]["type"].as_str()).collect();
    (!types.is_empty()).then(|| format!("{word}{}", types.join(", ")))
}

/// `name: condition` of one case.
fn case_label(case: &Value) -> String {
    let Some((name, case)) = case.as_object().and_then(|c| c.iter().next()) else { return String::new() };
    match case["when"].as_str() {
        Some(when) => format!("{name}: {when}"),
        None => name.clone(),
    }
}

fn catch_label(catch: &Value) -> Option<String> {
    let with = catch["errors"]["with"].as_object()?;
    let parts = with.iter().map(|(field, value)| match value.as_str() {
        Some(text) => format!("{field} {text}"),
        None => format!("{field} {value}"),
    });
    Some(parts.collect::<Vec<_>>().join(", "))
}

fn retry_label(retry: &Retry) -> String {
    match retry.count {
        Some(1) => "once more".to_owned(),
        Some(count) => format!("up to {count} more"),
        None => "again".to_owned(),
    }
}
