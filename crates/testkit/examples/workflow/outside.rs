//! What the measured runs call: functions in this process, so that nothing but the engine takes time.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use model::{ActionCall, ActionSpec};
use ports::{ActionFailure, ActionResult, Actuator, FailureKind, Retry};
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot, watch};

/// Adds one to `n` and answers at once.
const ADD: &str = "bench.add";
/// The same, at the end of a run: tells whoever keeps runs in flight.
const LAST: &str = "bench.last";
/// Answers when it is let go on.
const GATE: &str = "bench.gate";

/// The functions, and what they saw.
pub(crate) struct Outside {
    added: AtomicU64,
    last: Mutex<Option<mpsc::UnboundedSender<()>>>,
    gate: Mutex<Gate>,
    arrived: watch::Sender<u64>,
}

#[derive(Default)]
struct Gate {
    closed: bool,
    /// Calls that wait, oldest first: the run, and its answer.
    waiting: VecDeque<(String, oneshot::Sender<()>)>,
    /// When the last step of a run became possible: its call was let go on.
    released: HashMap<String, Instant>,
    /// From there until the next call of the run, which is made when the step is durable.
    took: Vec<Duration>,
}

impl Default for Outside {
    fn default() -> Self {
        Self {
            added: AtomicU64::new(0),
            last: Mutex::default(),
            gate: Mutex::default(),
            arrived: watch::Sender::new(0),
        }
    }
}

impl Outside {
    /// Calls that added one.
    pub(crate) fn added(&self) -> u64 {
        self.added.load(Ordering::Relaxed)
    }

    /// Tells of the last step of each run from now on.
    pub(crate) fn tell_last(&self) -> mpsc::UnboundedReceiver<()> {
        let (tell, told) = mpsc::unbounded_channel();
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(tell);
        told
    }

    /// Waits until this many calls have come to the gate, ever.
    pub(crate) async fn arrived(&self, calls: u64) {
        let mut seen = self.arrived.subscribe();
        // The sender is a part of `self`.
        let _ = seen.wait_for(|arrived| *arrived >= calls).await;
    }

    /// Lets up to this many of the oldest waiting calls go on; gives how many.
    pub(crate) fn release(&self, calls: usize) -> usize {
        let mut gate = self.gate();
        let calls = calls.min(gate.waiting.len());
        for _ in 0..calls {
            let Some((run, go)) = gate.waiting.pop_front() else { break };
            gate.released.insert(run, Instant::now());
            // A call that went away does not matter.
            let _ = go.send(());
        }
        calls
    }

    /// The times of the steps since the last look.
    pub(crate) fn take_times(&self) -> Vec<Duration> {
        std::mem::take(&mut self.gate().took)
    }

    /// Ends what waits and whatever still comes: nothing of the engine is held any more.
    pub(crate) fn close(&self) {
        let mut gate = self.gate();
        gate.closed = true;
        gate.waiting.clear();
    }

    fn gate(&self) -> MutexGuard<'_, Gate> {
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn wait_at_gate(&self, call: &ActionCall) -> Result<(), ActionFailure> {
        let now = Instant::now();
        let run = call.idempotency_key.split('/').next().unwrap_or_default().to_owned();
        let (go, gone) = oneshot::channel();
        {
            let mut gate = self.gate();
            if let Some(since) = gate.released.remove(&run) {
                gate.took.push(now - since);
            }
            if !gate.closed {
                gate.waiting.push_back((run, go));
            }
        }
        self.arrived.send_modify(|arrived| *arrived += 1);
        let closed = "the measurement is over";
        gone.await.map_err(|_| ActionFailure::new(FailureKind::Runtime, Retry::Permanent, closed))
    }
}

#[async_trait]
impl Actuator for Outside {
    fn actions(&self) -> Vec<ActionSpec> {
        [ADD, LAST, GATE].map(|name| ActionSpec::function(name, "A step of a measurement.")).into()
    }

    async fn execute(&self, call: &ActionCall) -> Result<ActionResult, ActionFailure> {
        match call.action.as_str() {
            GATE => self.wait_at_gate(call).await?,
            action => {
                self.added.fetch_add(1, Ordering::Relaxed);
                let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
                if action == LAST
                    && let Some(tell) = &*last
                {
                    // Nobody keeps runs in flight any more.
                    let _ = tell.send(());
                }
            }
        }
        let n = call.parameters["n"].as_i64().unwrap_or_default() + 1;
        Ok(ActionResult { output: json!({"n": n}), inverse: None })
    }

    async fn dry_run(&self, _: &ActionCall) -> Result<String, ActionFailure> {
        Ok("add one".to_owned())
    }
}

/// Forty steps that each add one to `n`; the last may differ.
pub(crate) fn forty(step: impl Fn(usize) -> Value) -> String {
    let tasks: Vec<Value> = (1..=40).map(|n| json!({ format!("step{n}"): step(n) })).collect();
    tasks.iter().map(|task| format!("- {task}\n")).collect()
}

/// A step of [`forty`] that calls a function of this file.
pub(crate) fn call(last: bool) -> Value {
    json!({"call": if last { LAST } else { ADD }, "with": {"n": "${ .n }"}})
}

/// A step that waits at the gate.
pub(crate) fn gate() -> Value {
    json!({"call": GATE, "with": {"n": 0}})
}
