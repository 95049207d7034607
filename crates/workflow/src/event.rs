//! What happens to a run (the journal), and what it asks for in return.

use model::{Inverse, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::WorkflowError;
use crate::filter::EventFilter;
use crate::snapshot::Snapshot;

/// What happened. The journal of a run is a list of these; folding it gives the state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    /// The run began. Always the first event.
    Started {
        /// Its input, as it came.
        input: Value,
        /// When.
        at: Timestamp,
        /// A random number drawn by the caller; jitter comes from it.
        #[serde(default)]
        seed: u64,
    },
    /// A call was carried out.
    CallSucceeded {
        /// Which.
        key: String,
        /// What it gave.
        output: Value,
        /// What undoes it.
        #[serde(default)]
        inverse: Option<Inverse>,
        /// When.
        at: Timestamp,
    },
    /// A call was not carried out, or it is not known whether it was.
    CallFailed {
        /// Which.
        key: String,
        /// Why.
        error: WorkflowError,
        /// True when asking again with the same key may help, because it is not known whether it was done:
        /// then a retry of the workflow (not another turn of a loop) asks with the same key.
        retryable: bool,
        /// When.
        at: Timestamp,
    },
    /// A timer went off.
    TimerFired {
        /// Which.
        id: String,
        /// When.
        at: Timestamp,
    },
    /// An event (or message) came that a listening task asked for.
    EventReceived {
        /// Which listening it is for.
        id: String,
        /// A CloudEvent in its JSON format; for a subscription the message: `payload`, `headers`, `correlationId`.
        event: Value,
        /// When.
        at: Timestamp,
    },
    /// Listening is not possible, such as when a subscription is refused for good.
    ListenFailed {
        /// Which listening.
        id: String,
        /// Why.
        error: WorkflowError,
        /// When.
        at: Timestamp,
    },
    /// Somebody wants it to end; what it did is undone.
    CancelRequested {
        /// Who.
        by: String,
        /// When.
        at: Timestamp,
    },
    /// Somebody wants it to ask for no further call for now.
    PauseRequested {
        /// Who.
        by: String,
        /// When.
        at: Timestamp,
    },
    /// Somebody wants it to go on.
    ResumeRequested {
        /// Who.
        by: String,
        /// When.
        at: Timestamp,
    },
    /// Somebody changed the course of the run ([`crate::revise`]). Folding may begin here.
    Revised {
        /// What they wanted.
        note: RevisionNote,
        /// Who.
        by: String,
        /// When.
        at: Timestamp,
        /// The state from which it goes on.
        snapshot: Box<Snapshot>,
    },
    /// The state as it was here, so that a long journal need not be read from its start. Changes nothing, and
    /// must follow right after the events whose state it holds.
    Snapshot {
        /// When it was taken.
        at: Timestamp,
        /// The state.
        snapshot: Box<Snapshot>,
    },
}

/// What a person wanted of a run, as its journal tells it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "revision", rename_all = "snake_case")]
pub enum RevisionNote {
    /// A step began again, and everything after it.
    Retry {
        /// Which: its place in the order in which steps began.
        step: usize,
        /// JSON pointer of its task.
        path: String,
        /// What it was given in place of what it had.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        input: Option<Value>,
    },
    /// A step counts as done, and what is after it began again.
    Skip {
        /// Which: its place in the order in which steps began.
        step: usize,
        /// JSON pointer of its task.
        path: String,
        /// What it is taken to have given; none for its input.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        output: Option<Value>,
        /// Why.
        reason: String,
    },
    /// The run follows another version of its workflow from here.
    Migrate {
        /// The version before.
        from: String,
        /// The version from here on.
        to: String,
    },
}

impl RevisionNote {
    /// JSON pointer of the task it speaks of; empty for the run as a whole.
    #[must_use]
    pub fn path(&self) -> &str {
        match self {
            Self::Retry { path, .. } | Self::Skip { path, .. } => path,
            Self::Migrate { .. } => "",
        }
    }

    /// One sentence: what `by` did.
    #[must_use]
    pub fn sentence(&self, by: &str) -> String {
        match self {
            Self::Retry { input: None, .. } => format!("retried by {by}"),
            Self::Retry { .. } => format!("retried by {by} with other input"),
            Self::Skip { reason, .. } if reason.is_empty() => format!("skipped by {by}"),
            Self::Skip { reason, .. } => format!("skipped by {by}: {reason}"),
            Self::Migrate { from, to } => format!("taken from version {from} to {to} by {by}"),
        }
    }
}

impl Event {
    /// Whether folding may begin with it: it needs nothing from before.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        matches!(self, Self::Started { .. } | Self::Revised { .. } | Self::Snapshot { .. })
    }

    /// When it happened.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        match self {
            Self::Started { at, .. }
            | Self::CallSucceeded { at, .. }
            | Self::CallFailed { at, .. }
            | Self::TimerFired { at, .. }
            | Self::EventReceived { at, .. }
            | Self::ListenFailed { at, .. }
            | Self::CancelRequested { at, .. }
            | Self::PauseRequested { at, .. }
            | Self::Revised { at, .. }
            | Self::Snapshot { at, .. }
            | Self::ResumeRequested { at, .. } => *at,
        }
    }
}

/// What the run asks for, or tells.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Effect {
    /// Call this function; answer with `CallSucceeded` or `CallFailed`. Asked again after a crash with the same
    /// key and the same content until answered.
    Call {
        /// Idempotency key: run, place in the document, and a number that counts the calls from that place.
        key: String,
        /// Function name: `process.restart`, `verify`; of the standard: `http`, `openapi`, `grpc`, `asyncapi`, `mcp`,
        /// `a2a`, `emit`, `run.container`, `run.script`, `run.shell`, `run.workflow`.
        function: String,
        /// Its parameters, expressions evaluated.
        parameters: Value,
        /// JSON pointer of the task.
        path: String,
        /// Whether it undoes an earlier call.
        compensation: bool,
    },
    /// The answer of this call no longer matters to the flow. It must still come: at once for calls that change
    /// nothing (as failed), as soon as it is known for others, so that what it did can be undone.
    Abandon {
        /// Which.
        key: String,
    },
    /// Answer with `TimerFired` at this time.
    Timer {
        /// Which.
        id: String,
        /// When.
        at: Timestamp,
    },
    /// Send each event that passes one of the filters as `EventReceived`, until `Unlisten`. Asked again after a
    /// crash with the same content. An event may come twice.
    Listen {
        /// Which listening.
        id: String,
        /// JSON pointer of the task.
        path: String,
        /// What events must be like ([`matches`](crate::matches)); none at all means every event.
        filters: Vec<EventFilter>,
        /// For messages of an `asyncapi` subscription: the parameters of the call. Without it, CloudEvents are meant.
        subscription: Option<Value>,
    },
    /// No more events for this listening.
    Unlisten {
        /// Which.
        id: String,
    },
    /// Something people or lifecycle events tell of; nothing to do.
    Lifecycle {
        /// What.
        change: Change,
        /// JSON pointer of the task; empty for the run.
        path: String,
        /// When.
        at: Timestamp,
        /// Why, for a task that failed.
        error: Option<Box<WorkflowError>>,
        /// What a task that completed gave, for whoever asked with [`apply_telling`](crate::apply_telling).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        output: Option<Box<Value>>,
    },
    /// The run ended well.
    Finished {
        /// Its output.
        output: Value,
    },
    /// The run failed; what could be undone was undone.
    Failed {
        /// Why.
        error: WorkflowError,
    },
    /// The run was ended by a person; what could be undone was undone.
    Cancelled {
        /// Who.
        by: String,
    },
}

/// A change of a task or run, after the lifecycle events of the specification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// It began.
    Started,
    /// It is tried again.
    Retried,
    /// It ended well.
    Completed,
    /// It failed.
    Faulted,
    /// It was ended from outside.
    Cancelled,
    /// It was not needed.
    Skipped,
    /// The run is held.
    Suspended,
    /// The run goes on.
    Resumed,
    /// Undoing began.
    Compensating,
    /// A person changed its course: it goes on from an earlier step, or by another version.
    Revised,
    /// It begins to listen to events.
    CorrelationStarted,
    /// It has the events it listened to.
    CorrelationCompleted,
}
