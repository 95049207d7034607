//! The state of a run: what folding its journal gives. Plain data; it never holds anything the journal does not.

use std::collections::{BTreeMap, VecDeque};

use model::{Inverse, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::definition::{Definition, Flow, TaskIndex};
use crate::error::WorkflowError;
use crate::event::Effect;
use crate::filter::{EventFilter, Gathered};

/// Number of an active task or scope; never used twice in one run.
pub(crate) type NodeId = u32;
/// The run itself.
pub(crate) const ROOT: NodeId = 0;

/// The state of a run.
///
/// It holds what is needed to go on and no more: steps that ended are counted, not kept. Who wants to show them
/// folds the journal with a [`crate::Trail`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    pub(crate) run: String,
    pub(crate) phase: Phase,
    /// Since when it is held; none while it goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) paused_at: Option<Timestamp>,
    pub(crate) seed: u64,
    pub(crate) started_at: Timestamp,
    /// Time of the newest event.
    pub(crate) now: Timestamp,
    pub(crate) input: Value,
    pub(crate) context: Value,
    /// Boxed, as calls are: a map keeps room for eleven values, and most runs that wait have one or two.
    #[serde(with = "pairs")]
    pub(crate) nodes: BTreeMap<NodeId, Box<Node>>,
    pub(crate) next_node: NodeId,
    /// Calls that were asked for, or wait for the run to go on, by key.
    pub(crate) calls: BTreeMap<String, Box<PendingCall>>,
    pub(crate) timers: BTreeMap<String, PendingTimer>,
    /// What is listened to, by id.
    pub(crate) listens: BTreeMap<String, PendingListen>,
    /// Keys given out, by task path.
    pub(crate) keys: BTreeMap<String, u32>,
    /// Calls of which nobody knows whether they were done, by task path: a retry asks under the same key.
    pub(crate) unknown: BTreeMap<String, UnknownCall>,
    pub(crate) inverses: Vec<RecordedInverse>,
    pub(crate) steps: StepCount,
    pub(crate) cancelled_by: Option<String>,
    /// What a revision left to be done at once; empty between events.
    #[serde(default, skip_serializing_if = "VecDeque::is_empty")]
    pub(crate) moves: VecDeque<Move>,
}

/// How many steps there were. A step is named by its place in the order in which steps began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StepCount {
    pub(crate) begun: usize,
    pub(crate) done: usize,
    pub(crate) failed: usize,
    /// Steps that do not count towards the bound of a run: those from before the newest revision.
    pub(crate) uncounted: usize,
}

/// What is to be done next inside one transition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "move", rename_all = "snake_case")]
pub(crate) enum Move {
    /// Begin a task inside a sequence or fork.
    Begin {
        parent: NodeId,
        task: TaskIndex,
        input: Value,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        how: Option<Beginning>,
    },
    /// Go on in a sequence.
    Next { sequence: NodeId, input: Value },
    /// A task has its raw output.
    Done { node: NodeId, output: Value, then: Option<Flow> },
    /// A task or scope failed.
    Fail { node: NodeId, error: WorkflowError },
    /// A timer went off while the run was held.
    Fire { timer: String },
    /// An event came that the run had not heard of at the step it went back to.
    Hear { id: String, event: Value },
}

/// How a person wants a step to begin that began before.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "how", rename_all = "snake_case")]
pub(crate) enum Beginning {
    /// With this in place of its parameters (a call) or its input (any other task).
    With { input: Value },
    /// Not at all: it ends at once, with this output.
    Skipped { output: Option<Value> },
}

/// Where the run stands as a whole.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "snake_case")]
pub(crate) enum Phase {
    Pending,
    Running,
    Completed { output: Value },
    Faulted { error: WorkflowError },
    Cancelled { by: String },
}

/// An active task, or a scope inside one (body of a try, a catch, a loop).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Node {
    pub(crate) parent: Option<NodeId>,
    /// The task; for a scope the task it belongs to; none for the run.
    pub(crate) task: Option<TaskIndex>,
    /// Its place in the list of steps; none for scopes.
    pub(crate) step: Option<usize>,
    /// Input before `input.from`.
    pub(crate) raw: Value,
    pub(crate) input: Value,
    /// Variables of enclosing loops and catches, innermost last.
    pub(crate) variables: Vec<(String, Value)>,
    pub(crate) attempt: u32,
    pub(crate) started_at: Timestamp,
    /// For what stands in a function or an extension: the path of the task that uses it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) base: String,
    /// The task that it extends, for what stands in an extension.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) extends: Option<NodeId>,
    pub(crate) activity: Activity,
}

/// What an active task is doing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "activity", rename_all = "snake_case")]
pub(crate) enum Activity {
    /// Evaluating; not seen between events.
    Starting,
    /// Running a list of tasks.
    Sequence {
        list: List,
        at: usize,
    },
    Call {
        key: String,
    },
    Wait,
    Listen(Box<Listening>),
    /// Running the task that a function is.
    Function,
    /// Running tasks of an extension before or after its own.
    Extended(Box<Extending>),
    Fork {
        children: Vec<NodeId>,
        outputs: Vec<Option<Value>>,
        failed: usize,
    },
    Try {
        retries: u32,
        since: Timestamp,
        catching: bool,
    },
    For {
        items: Vec<Value>,
        at: usize,
    },
    /// Inverses recorded inside run; then the error goes on.
    Undo {
        error: WorkflowError,
    },
    /// The run has its output and waits for abandoned calls to be answered.
    Settle {
        output: Value,
    },
}

/// Which list of its task a sequence runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum List {
    Root,
    Do,
    Try,
    Catch,
    For,
    Each,
    /// `before` of the extension at this place.
    Before(usize),
    /// `after` of the extension at this place.
    After(usize),
}

/// What a task that is extended comes back to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "extending", rename_all = "snake_case")]
pub(crate) enum Extending {
    /// What it does. A person may have given its parameters.
    Before { parameters: Option<Value> },
    /// Its end.
    After { output: Value, then: Option<Flow> },
}

/// How far a listening task has come.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Listening {
    /// Its entry in [`State::listens`], while it listens.
    pub(crate) id: Option<String>,
    /// The task's own filters, then those of `until`.
    pub(crate) filters: Vec<EventFilter>,
    /// Which of them have an event.
    pub(crate) gathered: Gathered,
    /// Identities of the newest events, so that one that comes twice counts once.
    pub(crate) seen: VecDeque<String>,
    /// Events that wait for their turn in `foreach`.
    pub(crate) queue: VecDeque<Value>,
    /// What the task gives.
    pub(crate) outputs: Vec<Value>,
    /// Events that were dealt with.
    pub(crate) count: u64,
    /// Where the steps of the turn of `foreach` that runs begin.
    pub(crate) turn: Option<usize>,
    /// Keys of what can be undone of the newest turns that ended.
    pub(crate) turns: VecDeque<Vec<String>>,
}

/// A call without an answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct PendingCall {
    pub(crate) function: String,
    pub(crate) parameters: Value,
    pub(crate) path: String,
    /// False while the run is paused before it.
    pub(crate) asked: bool,
    /// Who waits for it; none once abandoned.
    pub(crate) node: Option<NodeId>,
    /// Every node it was made inside of, itself first.
    pub(crate) scopes: Vec<NodeId>,
    pub(crate) step: usize,
    /// Key of the call that it undoes.
    pub(crate) undoes: Option<String>,
    /// What its task needs to tell how to undo it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) undo: Option<UndoContext>,
}

/// What the inverse of a call is evaluated with, as it was when the call was made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct UndoContext {
    pub(crate) task: TaskIndex,
    pub(crate) variables: Vec<(String, Value)>,
}

/// A call that failed without anybody knowing whether it was done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct UnknownCall {
    pub(crate) key: String,
    pub(crate) parameters: Value,
}

/// A timer that did not go off.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct PendingTimer {
    pub(crate) at: Timestamp,
    /// How long it was set for.
    pub(crate) after_ms: i64,
    pub(crate) node: NodeId,
    pub(crate) purpose: Purpose,
    /// It went off while the run was held.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) due: bool,
}

/// Events that are asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct PendingListen {
    pub(crate) node: NodeId,
    pub(crate) path: String,
    pub(crate) filters: Vec<EventFilter>,
    pub(crate) subscription: Option<Value>,
}

/// What a timer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Purpose {
    Wait,
    Retry,
    Timeout,
    /// How long a subscription consumes messages.
    Consume,
}

impl Purpose {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Wait => "wait",
            Self::Retry => "retry",
            Self::Timeout => "timeout",
            Self::Consume => "consume",
        }
    }
}

/// What undoes a call that was carried out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct RecordedInverse {
    pub(crate) key: String,
    pub(crate) inverse: Inverse,
    pub(crate) path: String,
    pub(crate) scopes: Vec<NodeId>,
    pub(crate) step: usize,
    /// Whether it was asked for; it is asked for once, whatever comes of it.
    pub(crate) taken: bool,
    /// Whether it was carried out.
    #[serde(default)]
    pub(crate) undone: bool,
}

impl Node {
    /// JSON pointer of the task it stands for; empty for the run.
    pub(crate) fn path(&self, definition: &Definition) -> String {
        self.task.map_or_else(String::new, |t| format!("{}{}", self.base, definition.task(t).path))
    }
}

impl State {
    /// A run that has not begun. `run` is its id; idempotency keys begin with it.
    #[must_use]
    pub fn new(run: &str) -> Self {
        Self {
            run: run.to_owned(),
            phase: Phase::Pending,
            paused_at: None,
            seed: 0,
            started_at: Timestamp::ZERO,
            now: Timestamp::ZERO,
            input: Value::Null,
            context: Value::Null,
            nodes: BTreeMap::new(),
            next_node: ROOT,
            calls: BTreeMap::new(),
            timers: BTreeMap::new(),
            listens: BTreeMap::new(),
            keys: BTreeMap::new(),
            unknown: BTreeMap::new(),
            inverses: Vec::new(),
            steps: StepCount::default(),
            cancelled_by: None,
            moves: VecDeque::new(),
        }
    }

    /// The steps that are under way, and which attempt each is.
    pub(crate) fn open_steps(&self) -> Vec<(usize, u32)> {
        let attempt = |node: &Node| match node.activity {
            Activity::Try { retries, .. } => retries + 1,
            _ => node.attempt,
        };
        // A task that undoes what happened inside it has failed already.
        let open = self.nodes.values().filter(|n| !matches!(n.activity, Activity::Undo { .. }));
        open.filter_map(|n| Some((n.step?, attempt(n)))).collect()
    }

    /// A key that was never given out, for a call of the task at this path.
    pub(crate) fn fresh_key(&mut self, path: &str) -> String {
        let count = self.keys.entry(path.to_owned()).or_default();
        let key = format!("{}{}#{count}", self.run, key_path(path));
        *count += 1;
        key
    }

    /// Adds a timer under an id that was never given out.
    pub(crate) fn add_timer(&mut self, path: &str, timer: PendingTimer) -> Effect {
        let sequence = self.next_node;
        self.next_node += 1;
        let id = format!("{}{}#{sequence}:{}", self.run, key_path(path), timer.purpose.as_str());
        let effect = Effect::Timer { id: id.clone(), at: timer.at };
        self.timers.insert(id, timer);
        effect
    }

    /// The nonce of its placeholders for secrets (`model::secret::resolve`).
    #[must_use]
    pub fn nonce(&self) -> String {
        model::secret::nonce(&[self.run.as_bytes(), &self.seed.to_be_bytes()].concat())
    }

    /// An id for listening that was never given out.
    pub(crate) fn fresh_listen(&mut self, path: &str) -> String {
        let sequence = self.next_node;
        self.next_node += 1;
        format!("{}{}#{sequence}:listen", self.run, key_path(path))
    }

    /// Whether the run is over.
    #[must_use]
    pub fn is_over(&self) -> bool {
        !matches!(self.phase, Phase::Pending | Phase::Running)
    }
}

/// What was asked for and not answered, as it was asked: for after a crash. A run that is over gives its last
/// effect again.
#[must_use]
pub fn pending_effects(state: &State) -> Vec<Effect> {
    if let Some(last) = last_effect(&state.phase) {
        return vec![last];
    }
    let mut effects = Vec::new();
    for (key, call) in state.calls.iter().filter(|(_, c)| c.asked) {
        effects.push(call_effect(key, call));
        if call.node.is_none() && call.undoes.is_none() {
            effects.push(Effect::Abandon { key: key.clone() });
        }
    }
    let timers = state.timers.iter().filter(|(_, t)| !t.due);
    effects.extend(timers.map(|(id, t)| Effect::Timer { id: id.clone(), at: t.at }));
    effects.extend(state.listens.iter().map(|(id, l)| listen_effect(id, l)));
    effects
}

/// Numbered things as a list of pairs: keys of JSON objects are text, and an event that is read back as one of
/// several kinds would not find the numbers again.
mod pairs {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::{Node, NodeId};

    pub(super) fn serialize<S: Serializer>(
        nodes: &BTreeMap<NodeId, Box<Node>>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        nodes.iter().collect::<Vec<_>>().serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<BTreeMap<NodeId, Box<Node>>, D::Error> {
        Ok(Vec::<(NodeId, Box<Node>)>::deserialize(from)?.into_iter().collect())
    }
}

/// A path as part of a key: visible ASCII only, so that it can travel in a header.
fn key_path(path: &str) -> String {
    use std::fmt::Write as _;
    let mut key = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_graphic() && byte != b'%' {
            key.push(char::from(byte));
        } else {
            let _infallible = write!(key, "%{byte:02X}");
        }
    }
    key
}

pub(crate) fn call_effect(key: &str, call: &PendingCall) -> Effect {
    Effect::Call {
        key: key.to_owned(),
        function: call.function.clone(),
        parameters: call.parameters.clone(),
        path: call.path.clone(),
        compensation: call.undoes.is_some(),
    }
}

pub(crate) fn listen_effect(id: &str, listen: &PendingListen) -> Effect {
    Effect::Listen {
        id: id.to_owned(),
        path: listen.path.clone(),
        filters: listen.filters.clone(),
        subscription: listen.subscription.clone(),
    }
}

pub(crate) fn last_effect(phase: &Phase) -> Option<Effect> {
    match phase {
        Phase::Pending | Phase::Running => None,
        Phase::Completed { output } => Some(Effect::Finished { output: output.clone() }),
        Phase::Faulted { error } => Some(Effect::Failed { error: error.clone() }),
        Phase::Cancelled { by } => Some(Effect::Cancelled { by: by.clone() }),
    }
}
