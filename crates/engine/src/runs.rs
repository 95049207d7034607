//! The runs that are not over: their states, timers, questions and limits, and what each event leads to.
//!
//! Pure, as the whole loop: an event goes in, [`Told`] comes out. The journal of a run is the truth; the document
//! of a run is what lists show of it. What is not in the journal has not happened.

mod admit;
mod approvals;
mod carry;
mod events;
mod journal;
mod library;
mod lifecycle;
mod queue;
mod resume;
mod revise;
mod schedules;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use model::{
    Act, ActionCall, ApprovalId, CorrelationId, Run, RunId, RunPurpose, RunStatus, ServiceGraph, Timestamp,
};
use ports::{Expected, Op};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use workflow::{Definition, Event, State, WorkflowError};

use crate::act::CallAnswer;
use crate::records::{Record, name_of, put};
use crate::retention::{self, Gone};
use crate::situation::{Acted, Dispatch};
use queue::Queue;

pub use admit::{Hold, Holds, Scope};
pub use approvals::{Approval, ApprovalState};
pub use carry::{APPROVE, ECHO, NOTIFY, RUN_WORKFLOW};
pub(crate) use events::Listens;
pub use events::Subscribe;
pub use journal::{Folded, Journal, JournalError, definition_hashes, pin, read as read_journal};
pub use library::{Library, Pinned, RunbookPage, StoredDefinition, WorkflowDocument, split_name};
pub use revise::{Change, Loaded};
pub use schedules::{ScheduleState, Scheduled};

/// How deep runs may call runs.
const MAX_DEPTH: u32 = 16;
/// Acts a run document remembers.
const MAX_ACTS: usize = 64;
/// Current tasks a run document names.
const MAX_CURRENT: usize = 8;
/// How long a run document may lag behind the steps of its run; longer when very many runs move.
const SHOW_EVERY_MS: i64 = 250;
/// Documents of runs that merely moved, in one commit: no step waits long for what only lists show.
const SHOW_AT_ONCE: usize = 32;
/// How long a run that was removed is remembered.
const FORGOTTEN_MS: i64 = 600_000;
/// Events after which the state is stored beside them and older ones are dropped.
const COMPACT_EVERY: u64 = 4_096;

/// A run that is not over.
pub(crate) struct Active {
    pub(crate) run: Run,
    pub(crate) pinned: Arc<Pinned>,
    state: State,
    /// Length of its journal.
    records: u64,
    /// Length of its journal when its state was last stored in it, or at its start.
    stored_at: u64,
    /// False while it waits to be admitted.
    begun: bool,
    depth: u32,
    /// When its timers are due.
    timers: Vec<Timestamp>,
}

/// What a new run is made of.
pub(crate) struct Order {
    pub(crate) id: RunId,
    /// The name it goes by in lists.
    pub(crate) workflow: String,
    pub(crate) pinned: Arc<Pinned>,
    pub(crate) service: Option<String>,
    pub(crate) purpose: RunPurpose,
    pub(crate) input: Value,
    pub(crate) correlation_id: CorrelationId,
    pub(crate) depth: u32,
}

/// What an event led to. The situation takes what concerns incidents from it.
#[derive(Debug, Default)]
pub(crate) struct Told {
    pub(crate) ops: Vec<Op>,
    pub(crate) calls: Vec<Dispatch>,
    /// Verifications to begin: run, key, parameters.
    pub(crate) verify: Vec<(RunId, String, Value)>,
    /// Verifications that nobody waits for any more.
    pub(crate) released: Vec<(RunId, String)>,
    /// Actions that were carried out.
    pub(crate) acted: Vec<Acted>,
    pub(crate) started: Vec<Run>,
    pub(crate) ended: Vec<Run>,
    /// What runs tell people: run, text.
    pub(crate) notices: Vec<(RunId, String)>,
    /// Subscriptions to begin.
    pub(crate) subscribes: Vec<Subscribe>,
    /// Subscriptions to end, if they are any: run, listening.
    pub(crate) unsubscribes: Vec<(RunId, String)>,
    /// Lines for the audit log: action, subject, details, correlation.
    pub(crate) audits: Vec<(&'static str, String, Value, CorrelationId)>,
}

/// What limits runs, from configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Most runs at once that touch one service; none for no limit.
    pub runs_per_service: Option<u32>,
    /// Begin with every run held, to look first.
    pub start_held: bool,
    /// Drawn at random for each process, so that nobody outside can guess what stands for a secret.
    pub entropy: [u8; 32],
}

/// The runs that are not over.
#[derive(Default)]
pub(crate) struct Runs {
    pub(crate) library: Arc<Library>,
    limits: Limits,
    active: BTreeMap<RunId, Active>,
    timers: BTreeSet<(Timestamp, RunId, String)>,
    /// Runs that wait to be admitted.
    queue: Queue,
    /// Events that were made here and are to be folded before anything else.
    inbox: VecDeque<(RunId, Event)>,
    /// Lifecycle events, with the run each tells of, to be given to those who asked for them.
    announced: VecDeque<(RunId, Value)>,
    /// How many lifecycle events were made.
    told: u64,
    /// Types of the lifecycle events that schedules wait for.
    heard: BTreeSet<String>,
    /// Runs that listen to lifecycle events.
    observers: BTreeSet<RunId>,
    /// Runs that were called by those.
    silent: BTreeSet<RunId>,
    holds: Holds,
    /// Resumed runs whose pending calls are asked for once everything may go on.
    deferred: Vec<RunId>,
    approvals: BTreeMap<ApprovalId, Approval>,
    deadlines: BTreeSet<(Timestamp, ApprovalId)>,
    listens: Listens,
    schedules: BTreeMap<String, Scheduled>,
    /// Which service depends on which, for runs that are ordered by it.
    graph: ServiceGraph,
    /// Definitions known to be in the store.
    stored: BTreeSet<String>,
    /// When a journal began to name a definition, for the last time.
    pinned_at: BTreeMap<String, Timestamp>,
    /// Runs whose documents people wait to see.
    unseen: BTreeSet<RunId>,
    /// Runs whose documents may lag a little.
    stale: BTreeSet<RunId>,
    /// Those whose turn has come.
    showing: BTreeSet<RunId>,
    shown_at: Timestamp,
    /// Runs that were removed a short while ago: what was asked of them before finds them gone.
    forgotten: VecDeque<(Timestamp, RunId)>,
    now: Timestamp,
}

impl Runs {
    pub(crate) fn new(library: Arc<Library>, limits: Limits, now: Timestamp) -> Self {
        Self { library, limits, now, shown_at: now, ..Self::default() }
    }

    pub(crate) fn set_now(&mut self, now: Timestamp) {
        self.now = now;
    }

    /// The run documents of all that are not over.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Run> {
        self.active.values().map(|a| &a.run)
    }

    pub(crate) fn get(&self, id: &RunId) -> Option<&Run> {
        self.active.get(id).map(|a| &a.run)
    }

    /// Takes a run on; it begins at once, or when it is admitted.
    pub(crate) fn start(&mut self, order: Order, told: &mut Told) {
        self.enqueue(order, told);
        self.admit(told);
        self.drain(told);
    }

    fn enqueue(&mut self, order: Order, told: &mut Told) {
        if self.active.contains_key(&order.id) {
            return;
        }
        let input = order.pinned.definition.with_defaults(order.input);
        let run = Run {
            id: order.id.clone(),
            workflow: order.workflow,
            version: order.pinned.definition.document().version.clone(),
            service: order.service,
            purpose: order.purpose,
            status: RunStatus::Pending,
            waits_for: None,
            input,
            output: Value::Null,
            steps_done: 0,
            steps_failed: 0,
            current: Vec::new(),
            acts: Vec::new(),
            undone: false,
            held_by: None,
            error: None,
            started_at: self.now,
            ended_at: None,
            correlation_id: order.correlation_id,
        };
        self.pin(&order.pinned, told);
        told.ops.push(Op::Append {
            journal: journal::name(&run.id),
            expected: Expected::Absent,
            records: vec![journal::head(&order.pinned)],
        });
        told.started.push(run.clone());
        let id = run.id.clone();
        let active = Active {
            state: State::new(id.as_str()),
            run,
            pinned: order.pinned,
            records: 1,
            stored_at: 1,
            begun: false,
            depth: order.depth,
            timers: Vec::new(),
        };
        self.active.insert(id.clone(), active);
        self.unseen.insert(id.clone());
        self.line_up(&id);
    }

    /// Writes a definition where journals refer to it, once.
    fn pin(&mut self, pinned: &Pinned, told: &mut Told) {
        self.pinned_at.insert(pinned.sha256.clone(), self.now);
        if self.stored.insert(pinned.sha256.clone()) {
            told.ops.push(put(&pinned.stored()));
        }
    }

    /// A number nobody outside can guess, for jitter and for what stands for secrets.
    fn seed(&self, id: &RunId) -> u64 {
        let digest = Sha256::new().chain_update(self.limits.entropy).chain_update(id.as_str()).finalize();
        digest[..8].iter().fold(0, |seed, byte| seed << 8 | u64::from(*byte))
    }

    /// Takes what came of a call.
    pub(crate) fn answer(&mut self, id: &RunId, key: &str, answer: CallAnswer, told: &mut Told) {
        let at = self.now;
        let event = match answer {
            CallAnswer::Done { output, inverse } => {
                self.remember_act(id, key, told);
                Event::CallSucceeded { key: key.to_owned(), output, inverse, at }
            }
            CallAnswer::Failed { error, retryable } => {
                Event::CallFailed { key: key.to_owned(), error, retryable, at }
            }
        };
        self.tell(id, event, told);
    }

    /// Journals an event and everything that follows from it without the outside.
    fn tell(&mut self, id: &RunId, event: Event, told: &mut Told) {
        self.inbox.push_back((id.clone(), event));
        self.drain(told);
    }

    fn drain(&mut self, told: &mut Told) {
        loop {
            while let Some((id, event)) = self.inbox.pop_front() {
                self.fold(&id, event, told);
            }
            let Some((of, event)) = self.announced.pop_front() else { break };
            self.announce(&of, &event, told);
        }
    }

    fn fold(&mut self, id: &RunId, event: Event, told: &mut Told) {
        let apply = if self.hears_outputs() { workflow::apply_telling } else { workflow::apply };
        let Some(active) = self.active.get_mut(id) else { return };
        let effects = apply(&active.pinned.definition, &mut active.state, &event);
        told.ops.push(active.append(vec![journal::event(&event)]));
        self.stale.insert(id.clone());
        self.carry(id, effects, told);
        self.look(id, told);
    }

    /// Notes where a run stands; ends it when it is over.
    fn look(&mut self, id: &RunId, told: &mut Told) {
        let Some(active) = self.active.get_mut(id) else { return };
        if !active.begun {
            return;
        }
        let status = active.state.status();
        if status != active.run.status {
            // That it began was told by its beginning.
            let began = (active.run.status, status) == (RunStatus::Pending, RunStatus::Running);
            active.run.status = status;
            self.unseen.insert(id.clone());
            if !began {
                self.tell_status(id);
            }
        }
        let Some(active) = self.active.get_mut(id) else { return };
        if status.is_over() {
            self.end(id, told);
        } else if active.records - active.stored_at >= COMPACT_EVERY {
            let at = self.now;
            let snapshot = Event::snapshot(&active.state, at);
            let before = active.records + 1;
            let head = journal::head(&active.pinned);
            told.ops.push(active.append(vec![head, journal::event(&snapshot)]));
            active.stored_at = active.records;
            let journal = journal::name(id);
            told.ops.push(Op::Trim { journal, expected: Expected::Any, before });
        }
    }

    fn end(&mut self, id: &RunId, told: &mut Told) {
        let Some(mut active) = self.active.remove(id) else { return };
        self.queue.uncount(&active.run);
        active.refresh();
        active.run.ended_at = Some(self.now);
        active.run.waits_for = None;
        self.unseen.remove(id);
        self.stale.remove(id);
        self.showing.remove(id);
        self.drop_timers(id, &active.timers);
        self.listens.drop_run(id);
        self.forget_observer(id);
        self.withdraw_approvals(id, told);
        let run = active.run;
        let status = name_of(&run.status);
        tracing::info!(run.id = %run.id, workflow = run.workflow, status, error = run.error, "Run ended.");
        let details = json!({"status": run.status, "error": run.error});
        told.audits.push(("run.ended", run.id.to_string(), details, run.correlation_id.clone()));
        told.ops.push(put(&run));
        if let RunPurpose::Subflow { run: parent, key } = &run.purpose {
            self.inbox.push_back((parent.clone(), carry::subflow_answer(&run, key, self.now)));
        }
        self.scheduled_run_ended(&run);
        told.ended.push(run);
        self.admit(told);
    }

    /// Lets time pass.
    pub(crate) fn tick(&mut self, told: &mut Told) {
        while let Some((at, run, timer)) = self.timers.first().cloned() {
            if at > self.now {
                break;
            }
            self.timers.pop_first();
            if let Some(active) = self.active.get_mut(&run)
                && let Some(place) = active.timers.iter().position(|due| *due == at)
            {
                active.timers.swap_remove(place);
            }
            self.tell(&run, Event::TimerFired { id: timer, at: self.now }, told);
        }
        self.expire_approvals(told);
        self.fire_schedules(told);
        self.admit(told);
        self.drain(told);
    }

    /// When something is due next, if anything is.
    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        let timers = self.timers.first().map(|(at, _, _)| *at);
        let deadlines = self.deadlines.first().map(|(at, _)| *at);
        // What is left to be shown follows at once when nothing else moves.
        let shown = (!self.showing.is_empty()).then_some(self.now);
        timers.into_iter().chain(deadlines).chain(self.next_schedule()).chain(shown).min()
    }

    pub(super) fn set_timer(&mut self, id: &RunId, timer: String, at: Timestamp) {
        let Some(active) = self.active.get_mut(id) else { return };
        if self.timers.insert((at, id.clone(), timer)) {
            active.timers.push(at);
        }
    }

    /// Forgets the timers of a run that are due at these times.
    pub(super) fn drop_timers(&mut self, id: &RunId, due: &[Timestamp]) {
        for at in due {
            let first = (*at, id.clone(), String::new());
            let names: Vec<String> = self
                .timers
                .range(first..)
                .take_while(|(due, run, _)| due == at && run == id)
                .map(|(_, _, name)| name.clone())
                .collect();
            for name in names {
                self.timers.remove(&(*at, id.clone(), name));
            }
        }
    }

    /// Writes the documents of runs that people wait to see, and now and then, a few at a time, of all that moved.
    pub(crate) fn show(&mut self, told: &mut Told) {
        if self.showing.is_empty() && self.now.since_ms(self.shown_at) >= SHOW_EVERY_MS {
            self.shown_at = self.now;
            self.showing = std::mem::take(&mut self.stale);
        }
        for id in std::mem::take(&mut self.unseen) {
            self.stale.remove(&id);
            self.showing.remove(&id);
            self.show_one(&id, told);
        }
        for _ in 0..SHOW_AT_ONCE {
            let Some(id) = self.showing.pop_first() else { break };
            self.show_one(&id, told);
        }
    }

    fn show_one(&mut self, id: &RunId, told: &mut Told) {
        let Some(active) = self.active.get_mut(id) else { return };
        active.refresh();
        told.ops.push(put(&active.run));
    }

    /// Removes runs that are over, with all that is stored of them; gives how many. One that was taken up again
    /// meanwhile stays.
    pub(crate) fn forget(&mut self, gone: Vec<Gone>, told: &mut Told) -> usize {
        let old = self.now.plus_ms(-FORGOTTEN_MS);
        self.forgotten.retain(|(at, _)| *at >= old);
        let mut removed = 0;
        for Gone { run, approvals } in gone {
            if self.active.contains_key(&run) {
                continue;
            }
            let delete = |kind, id| Op::Delete { kind, id, expected: Expected::Any };
            told.ops.push(delete(Run::KIND, run.to_string()));
            told.ops.push(Op::Drop { journal: journal::name(&run), expected: Expected::Any });
            told.ops.extend(approvals.iter().map(|id| delete(Approval::KIND, id.to_string())));
            self.forgotten.push_back((self.now, run));
            removed += 1;
        }
        removed
    }

    /// Removes definitions that no journal was found to name; gives how many. One that new runs would follow stays, and
    /// one that a journal may have begun to name since it was looked.
    pub(crate) fn forget_definitions(&mut self, hashes: Vec<String>, told: &mut Told) -> u64 {
        let fresh = self.now.plus_ms(-retention::FRESH_MS);
        self.pinned_at.retain(|_, at| *at > fresh);
        let current = self.library.shipped().chain(self.library.written()).map(|(_, pinned)| pinned);
        let followed = self.active.values().map(|active| &active.pinned);
        let used: BTreeSet<&str> = current.chain(followed).map(|pinned| pinned.sha256.as_str()).collect();
        let unused = |hash: &&String| !used.contains(hash.as_str()) && !self.pinned_at.contains_key(*hash);
        let gone: Vec<&String> = hashes.iter().filter(unused).collect();
        for hash in &gone {
            let (kind, id) = (StoredDefinition::KIND, (*hash).clone());
            told.ops.push(Op::Delete { kind, id, expected: Expected::Any });
            self.stored.remove(*hash);
        }
        gone.len() as u64
    }

    fn remember_act(&mut self, id: &RunId, key: &str, told: &mut Told) {
        let Some(active) = self.active.get_mut(id) else { return };
        let Some((action, parameters)) = active.state.pending_call(key) else { return };
        let Some(service) = parameters["service"].as_str().filter(|_| action != manifest::VERIFY) else {
            return;
        };
        let act = Act { at: self.now, service: service.to_owned(), action: action.to_owned() };
        told.acted.push(Acted { at: act.at, service: act.service.clone(), action: act.action.clone() });
        if active.run.acts.len() == MAX_ACTS {
            active.run.acts.remove(0);
        }
        active.run.acts.push(act);
    }
}

impl Active {
    fn definition(&self) -> &Definition {
        &self.pinned.definition
    }

    fn append(&mut self, records: Vec<Value>) -> Op {
        let expected = Expected::Exactly(self.records);
        self.records += records.len() as u64;
        Op::Append { journal: journal::name(&self.run.id), expected, records }
    }

    /// Brings the document up to the state.
    fn refresh(&mut self) {
        if !self.begun {
            return;
        }
        let summary = workflow::summary(self.definition(), &self.state);
        self.run.status = summary.status;
        self.run.waits_for = summary.waits_for.as_ref().map(carry::wait_sentence);
        self.run.steps_done = summary.steps_done;
        self.run.steps_failed = summary.steps_failed;
        self.run.current = summary.current;
        self.run.current.truncate(MAX_CURRENT);
        self.run.output = summary.output;
        self.run.error = summary.error;
        self.run.undone = self.state.has_undone();
        self.run.version.clone_from(&self.pinned.definition.document().version);
    }
}

/// The service a run with this input touches: what the document says, else `service` of the input.
pub(crate) fn touched(pinned: &Pinned, input: &Value) -> Option<String> {
    // An expression that fails names no service; the run itself will say what is wrong with its input.
    let said = pinned.definition.operations().service(input).unwrap_or_default();
    said.or_else(|| input["service"].as_str().map(str::to_owned))
}

/// A call that the outside is to carry out.
fn dispatch(run: &RunId, key: String, function: String, parameters: Value, nonce: String) -> Dispatch {
    let call = ActionCall { action: function, parameters, idempotency_key: key };
    Dispatch { run: run.clone(), call, host: None, nonce }
}

/// A call that cannot be carried out here.
fn refused(key: &str, error: WorkflowError, at: Timestamp) -> Event {
    Event::CallFailed { key: key.to_owned(), error, retryable: false, at }
}
