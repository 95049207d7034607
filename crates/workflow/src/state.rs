//! The state of a run: what folding its journal gives. Plain data; it never holds anything the journal does not.

use std::collections::BTreeMap;

use model::{Inverse, StepStatus, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::definition::TaskIndex;
use crate::error::WorkflowError;
use crate::event::Effect;

/// Number of an active task or scope; never used twice in one run.
pub(crate) type NodeId = u32;
/// The run itself.
pub(crate) const ROOT: NodeId = 0;

/// The state of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    pub(crate) run: String,
    pub(crate) phase: Phase,
    pub(crate) paused: bool,
    pub(crate) seed: u64,
    pub(crate) started_at: Timestamp,
    /// Time of the newest event.
    pub(crate) now: Timestamp,
    pub(crate) input: Value,
    pub(crate) context: Value,
    pub(crate) nodes: BTreeMap<NodeId, Node>,
    pub(crate) next_node: NodeId,
    /// Calls that were asked for, or wait for the run to go on, by key.
    pub(crate) calls: BTreeMap<String, PendingCall>,
    pub(crate) timers: BTreeMap<String, PendingTimer>,
    /// Keys given out, by task path.
    pub(crate) keys: BTreeMap<String, u32>,
    /// Calls of which nobody knows whether they were done, by task path: a retry asks under the same key.
    pub(crate) unknown: BTreeMap<String, UnknownCall>,
    pub(crate) inverses: Vec<RecordedInverse>,
    pub(crate) steps: Vec<StepRecord>,
    pub(crate) cancelled_by: Option<String>,
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
    /// Place of the inverse it carries out.
    pub(crate) undoes: Option<usize>,
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
    pub(crate) node: NodeId,
    pub(crate) purpose: Purpose,
}

/// What a timer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Purpose {
    Wait,
    Retry,
    Timeout,
}

impl Purpose {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Wait => "wait",
            Self::Retry => "retry",
            Self::Timeout => "timeout",
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
}

/// One step, for people.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct StepRecord {
    pub(crate) task: Option<TaskIndex>,
    pub(crate) path: String,
    pub(crate) name: String,
    pub(crate) call: Option<String>,
    pub(crate) status: StepStatus,
    pub(crate) attempt: u32,
    pub(crate) started_at: Timestamp,
    pub(crate) ended_at: Option<Timestamp>,
    pub(crate) input: Value,
    pub(crate) output: Value,
    pub(crate) error: Option<String>,
    pub(crate) compensation: bool,
}

impl State {
    /// A run that has not begun. `run` is its id; idempotency keys begin with it.
    #[must_use]
    pub fn new(run: &str) -> Self {
        Self {
            run: run.to_owned(),
            phase: Phase::Pending,
            paused: false,
            seed: 0,
            started_at: Timestamp::ZERO,
            now: Timestamp::ZERO,
            input: Value::Null,
            context: Value::Null,
            nodes: BTreeMap::new(),
            next_node: ROOT,
            calls: BTreeMap::new(),
            timers: BTreeMap::new(),
            keys: BTreeMap::new(),
            unknown: BTreeMap::new(),
            inverses: Vec::new(),
            steps: Vec::new(),
            cancelled_by: None,
        }
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
    effects.extend(state.timers.iter().map(|(id, t)| Effect::Timer { id: id.clone(), at: t.at }));
    effects
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

pub(crate) fn last_effect(phase: &Phase) -> Option<Effect> {
    match phase {
        Phase::Pending | Phase::Running => None,
        Phase::Completed { output } => Some(Effect::Finished { output: output.clone() }),
        Phase::Faulted { error } => Some(Effect::Failed { error: error.clone() }),
        Phase::Cancelled { by } => Some(Effect::Cancelled { by: by.clone() }),
    }
}
