//! The driver: gives messages to the loop one by one, commits what they lead to, then acts on it.
//!
//! The only place where the loop meets time and the outside. It decides nothing.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use model::{ActionCall, IncidentId, RunId};
use ports::{Actuator, Blobs, Clock, Expected, Op, Retry, Series, Store};
use serde_json::Value;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use workflow::WorkflowError;

use crate::act::CallAnswer;
use crate::command::{Asker, Command, Refusal, Reply};
use crate::functions::{self, Functions};
use crate::observation::Observations;
use crate::overflow;
use crate::runs::{Hold, Library, Scheduled, Subscribe};
use crate::situation::{Dispatch, Effects, Situation};
use crate::windows::{self, Measured, ReadWindows};

/// What the loop is told.
pub(crate) enum Message {
    /// The detect stage worked a batch.
    Observed(Observations),
    /// A call was answered.
    Answered(RunId, String, CallAnswer),
    /// A subscription of a run has a message, or ended with an error.
    Delivered(RunId, String, Result<Value, WorkflowError>),
    /// Metrics that an incident asked for were read.
    Measured(IncidentId, Vec<Measured>),
    /// A person asks.
    Asked(Asker, Command, oneshot::Sender<Result<Reply, Refusal>>),
    /// Answered once everything before it is durable.
    Barrier(oneshot::Sender<()>),
}

/// What others may look at without asking the loop.
#[derive(Clone, Debug, Default)]
pub struct Overlook {
    /// The service graph.
    pub graph: model::ServiceGraph,
    /// The stop switch.
    pub stop: crate::records::StopSwitch,
    /// Grants in force.
    pub grants: crate::records::Grants,
    /// The workflows that can be started.
    pub library: Arc<Library>,
    /// Holds in force.
    pub holds: Vec<Hold>,
    /// Workflows with a schedule.
    pub schedules: Vec<Scheduled>,
    /// Why the store refuses writes, when it does.
    pub store_failing: Option<String>,
}

pub(crate) struct Drive {
    pub(crate) situation: Situation,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) series: Arc<dyn Series>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) blobs: Arc<dyn Blobs>,
    /// By name of the host they act through.
    pub(crate) actuators: BTreeMap<String, Arc<dyn Actuator>>,
    pub(crate) functions: Arc<Functions>,
    pub(crate) subscriptions: BTreeMap<(RunId, String), CancellationToken>,
    pub(crate) inbox: mpsc::Receiver<Message>,
    pub(crate) to_loop: mpsc::WeakSender<Message>,
    pub(crate) overlook: watch::Sender<Overlook>,
    /// The outlook that `overlook` tells of.
    pub(crate) shown: u64,
}

/// How often time passes for the loop.
const TICK: Duration = Duration::from_millis(100);
/// Messages worked under one commit: all that can wait, so that those who came during a sync share the next one.
const BURST: usize = crate::handle::INBOX;
/// How often a call is made again while it is not known whether it was done.
const CALL_ATTEMPTS: u32 = 4;

enum Waiting {
    Reply(oneshot::Sender<Result<Reply, Refusal>>, Result<Reply, Refusal>),
    Barrier(oneshot::Sender<()>),
}

impl Drive {
    pub(crate) async fn run(mut self, resumed: Effects, cancel: CancellationToken) {
        let calls = TaskTracker::new();
        self.settle(resumed, Vec::new(), &calls).await;
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        loop {
            let mut effects = Effects::default();
            let mut waiting = Vec::new();
            let due = self.due_in();
            tokio::select! {
                message = self.inbox.recv() => {
                    let Some(message) = message else { break };
                    let mut answers = Vec::new();
                    self.take(message, &mut answers, &mut effects, &mut waiting);
                    for _ in 1..BURST {
                        let Ok(message) = self.inbox.try_recv() else { break };
                        self.take(message, &mut answers, &mut effects, &mut waiting);
                    }
                    if !answers.is_empty() {
                        effects.merge(self.situation.answer(self.clock.now(), answers));
                    }
                }
                _ = tick.tick() => effects = self.situation.tick(self.clock.now()),
                () = tokio::time::sleep(due) => effects = self.situation.tick(self.clock.now()),
                () = cancel.cancelled() => break,
            }
            self.settle(effects, waiting, &calls).await;
        }
        // Calls under way are not waited for: their answers come again with the same keys after a restart.
        calls.close();
    }

    /// How long until a timer of a run is due; the tick comes sooner otherwise.
    fn due_in(&self) -> Duration {
        let ms = self.situation.next_due().map_or(i64::MAX, |at| at.since_ms(self.clock.now()));
        Duration::from_millis(u64::try_from(ms).unwrap_or(0)).clamp(Duration::from_millis(1), TICK * 2)
    }

    /// Works a message. Answers, which are many and small, are left in `answers`, to be worked together.
    fn take(
        &mut self,
        message: Message,
        answers: &mut Vec<(RunId, String, CallAnswer)>,
        effects: &mut Effects,
        waiting: &mut Vec<Waiting>,
    ) {
        let now = self.clock.now();
        match message {
            Message::Answered(run, key, answer) => answers.push((run, key, answer)),
            Message::Observed(seen) => effects.merge(self.situation.observe(now, seen)),
            Message::Delivered(run, id, message) => {
                effects.merge(self.situation.message(now, &run, &id, message));
            }
            Message::Measured(incident, measured) => {
                effects.merge(self.situation.measured(now, &incident, measured));
            }
            Message::Asked(asker, command, reply) => {
                if matches!(command, Command::Services(..)) {
                    let specs = self.actuators.values().flat_map(|a| a.actions());
                    self.situation.set_actions(specs);
                }
                let result = self.situation.command(now, &asker, command).map(|(done, led_to)| {
                    effects.merge(led_to);
                    done
                });
                waiting.push(Waiting::Reply(reply, result));
            }
            Message::Barrier(done) => waiting.push(Waiting::Barrier(done)),
        }
    }

    /// Commits, then answers and dispatches. A store that refuses is asked again until it takes the writes:
    /// what the loop has decided must not be forgotten.
    async fn settle(&mut self, mut effects: Effects, waiting: Vec<Waiting>, calls: &TaskTracker) {
        let ops = std::mem::take(&mut effects.ops);
        if !ops.is_empty() {
            let mut backoff = Duration::from_millis(20);
            let mut in_doubt = false;
            while let Err(error) = self.write(&ops).await {
                if matches!(error, ports::Error::Conflict { .. }) {
                    match if in_doubt { self.is_written(&ops).await } else { Ok(false) } {
                        Ok(true) => break,
                        Ok(false) => panic!(
                            "another writer changed the loop's state; only one loop may hold a data folder: {error}"
                        ),
                        // Asked again below.
                        Err(_) => {}
                    }
                }
                in_doubt = true;
                tracing::error!(%error, retry_in_ms = backoff.as_millis() as u64, "Could not commit; holding the loop.");
                self.overlook.send_modify(|o| o.store_failing = Some(error.to_string()));
                tokio::time::sleep(backoff).await;
                backoff = (backoff * 2).min(Duration::from_secs(5));
            }
        }
        self.show();
        for one in waiting {
            // An asker that went away does not matter.
            match one {
                Waiting::Reply(reply, result) => drop(reply.send(result)),
                Waiting::Barrier(done) => drop(done.send(())),
            }
        }
        for dispatch in effects.calls {
            self.dispatch(dispatch, calls);
        }
        for gone in effects.unsubscribes {
            if let Some(subscription) = self.subscriptions.remove(&gone) {
                subscription.cancel();
            }
        }
        for subscribe in effects.subscribes {
            self.subscribe(subscribe, calls);
        }
        for wanted in effects.reads {
            self.read(wanted, calls);
        }
    }

    /// Large records go to blobs first; what a crash leaves of those without a record is collected.
    async fn write(&self, ops: &[Op]) -> ports::Result<()> {
        let ops = overflow::outline(ops, self.blobs.as_ref(), self.clock.now()).await?;
        self.store.commit(ops).await.map(drop)
    }

    /// Whether all of a commit is there, after an attempt that was answered with a failure. A commit is whole or
    /// not at all and nobody else writes, so the lengths of its journals tell.
    async fn is_written(&self, ops: &[Op]) -> ports::Result<bool> {
        let mut lengths = BTreeMap::new();
        for op in ops {
            let Op::Append { journal, expected, records } = op else { continue };
            let before = match expected {
                Expected::Absent => 0,
                Expected::Exactly(length) => *length,
                Expected::Any => continue,
            };
            lengths.insert(journal, before + records.len() as u64);
        }
        for (journal, length) in &lengths {
            if self.store.journal_length(journal).await?.length != *length {
                return Ok(false);
            }
        }
        Ok(!lengths.is_empty())
    }

    fn subscribe(&mut self, wanted: Subscribe, calls: &TaskTracker) {
        let Some(to_loop) = self.to_loop.upgrade() else { return };
        let place = (wanted.run.clone(), wanted.id.clone());
        if self.subscriptions.contains_key(&place) {
            return;
        }
        let cancel = CancellationToken::new();
        self.subscriptions.insert(place, cancel.clone());
        let functions = Arc::clone(&self.functions);
        calls.spawn(async move {
            let gone = cancel.clone();
            tokio::select! {
                () = functions.subscribe(wanted, to_loop) => {}
                () = gone.cancelled() => {}
            }
        });
    }

    /// Reads metrics beside the loop, which does not wait for them.
    fn read(&self, wanted: ReadWindows, calls: &TaskTracker) {
        let Some(to_loop) = self.to_loop.upgrade() else { return };
        let series = Arc::clone(&self.series);
        calls.spawn(async move {
            let measured = windows::read(series.as_ref(), &wanted).await;
            // A closed channel means shutdown; metrics are asked for again after the restart.
            drop(to_loop.send(Message::Measured(wanted.incident, measured)).await);
        });
    }

    fn show(&mut self) {
        let outlook = self.situation.outlook();
        if outlook == self.shown && self.overlook.borrow().store_failing.is_none() {
            return;
        }
        self.shown = outlook;
        self.overlook.send_replace(self.situation.overlook());
    }

    /// The function of this name; else the actuator of the host that runs the service; without one, any that
    /// offers the action.
    fn actuator_for(&self, dispatch: &Dispatch) -> Option<Arc<dyn Actuator>> {
        if let Some(function) = self.functions.get(&dispatch.call.action) {
            return Some(function);
        }
        let offers = |a: &Arc<dyn Actuator>| a.actions().iter().any(|s| s.name == dispatch.call.action);
        let own = dispatch.host.as_ref().and_then(|host| self.actuators.get(host));
        own.or_else(|| self.actuators.values().find(|a| offers(a))).cloned()
    }

    fn dispatch(&self, mut dispatch: Dispatch, calls: &TaskTracker) {
        let Some(to_loop) = self.to_loop.upgrade() else { return };
        let actuator = self.actuator_for(&dispatch);
        let functions = Arc::clone(&self.functions);
        calls.spawn(async move {
            let answer =
                match (actuator, functions.reveal(&mut dispatch.call.parameters, &dispatch.nonce).await) {
                    (_, Err(error)) => CallAnswer::Failed { error, retryable: false },
                    (Some(actuator), Ok(revealed)) => {
                        call(actuator.as_ref(), &dispatch.call).await.hiding(&revealed)
                    }
                    (None, Ok(_)) => CallAnswer::unknown_function(&dispatch.call.action),
                };
            let key = dispatch.call.idempotency_key;
            // A closed channel means shutdown; the call is made again with its key after the restart.
            drop(to_loop.send(Message::Answered(dispatch.run, key, answer)).await);
        });
    }
}

/// Calls with the same key until it is known what came of it, a few times.
async fn call(actuator: &dyn Actuator, call: &ActionCall) -> CallAnswer {
    let mut backoff = Duration::from_millis(200);
    let mut attempt = 1;
    loop {
        match actuator.execute(call).await {
            Ok(result) => return CallAnswer::Done { output: result.output, inverse: result.inverse },
            Err(failure) if failure.retry == Retry::Temporary && attempt < CALL_ATTEMPTS => {
                tracing::warn!(
                    action = call.action,
                    key = call.idempotency_key,
                    attempt,
                    error = failure.message,
                    "Action did not answer; calling again with the same key."
                );
                tokio::time::sleep(backoff).await;
                backoff *= 2;
                attempt += 1;
            }
            Err(failure) => {
                let error = functions::error_of(&failure);
                return CallAnswer::Failed { error, retryable: failure.retry != Retry::Permanent };
            }
        }
    }
}
