//! Keeps pollers running: one task each, with state, backoff, quarantine and a clean end.
//!
//! A poller that fails is tried again with growing pauses; one that keeps failing, or whose failure will
//! not go away by itself, is quarantined: still tried, but rarely, and shown as such. A panic counts as a
//! failure. Nothing is ever dropped without a count.

use std::any::Any;
use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hasher};
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt;
use model::{Signal, Timestamp};
use ports::{Clock, Retry};
use serde::Serialize;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::sink::Sink;

/// How long a stopped poller may take to bring home what it holds.
const CLOSE_MAX: Duration = Duration::from_secs(5);

/// Why a round failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Failure {
    /// In few words, for people.
    pub reason: String,
    /// `Permanent` quarantines at once.
    pub retry: Retry,
}

impl Failure {
    /// A failed round.
    pub fn new(retry: Retry, reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), retry }
    }

    /// A failed round that may work next time.
    pub fn temporary(reason: impl Into<String>) -> Self {
        Self::new(Retry::Temporary, reason)
    }
}

impl From<ports::Error> for Failure {
    fn from(error: ports::Error) -> Self {
        let cause = std::error::Error::source(&error).map(|c| format!(": {c}")).unwrap_or_default();
        Self::new(error.retry(), format!("{error}{cause}"))
    }
}

/// When the next round is due after a good one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Round {
    /// At the next interval.
    Done,
    /// At once: there is more.
    More,
}

/// Something that is polled.
#[async_trait]
pub trait Poll: Send + 'static {
    /// One round. It bounds its own time. It may be dropped at any await when the poller is stopped.
    ///
    /// # Errors
    /// The round failed; the next one comes after a pause.
    async fn poll(&mut self, context: &Context) -> Result<Round, Failure>;

    /// Brings home what is held, at the end. Has five seconds.
    async fn close(&mut self, _context: &Context) {}
}

/// How often a poller is polled.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// From the start of one round to the start of the next.
    pub interval: Duration,
    /// Longest pause after failures; not above `interval` means that failures change nothing.
    pub backoff_max: Duration,
    /// Failures in a row that quarantine.
    pub quarantine_after: u32,
    /// Pause while quarantined.
    pub quarantine: Duration,
    /// Whether the first round waits for a random part of the interval, so that pollers spread out.
    pub jittered_start: bool,
}

impl Pace {
    /// The same interval whatever happens: for probes and scrapes, whose failures are what they measure.
    #[must_use]
    pub fn steady(interval: Duration) -> Self {
        let (backoff_max, quarantine) = (interval, interval);
        Self { interval, backoff_max, quarantine_after: u32::MAX, quarantine, jittered_start: true }
    }

    /// Growing pauses of up to `backoff_max`; quarantine after 20 failures in a row, then once in 30 s.
    #[must_use]
    pub fn backing_off(interval: Duration, backoff_max: Duration) -> Self {
        let quarantine = Duration::from_secs(30).max(backoff_max);
        Self { interval, backoff_max, quarantine_after: 20, quarantine, jittered_start: false }
    }
}

/// Whether a poller works.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum PollerState {
    /// The last round was good, or none was made yet.
    Running,
    /// The last rounds failed; it is tried again soon.
    Degraded {
        /// Why.
        reason: String,
    },
    /// It keeps failing, or failed for good; it is tried again rarely.
    Quarantined {
        /// Why.
        reason: String,
    },
}

/// What is known of a poller.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PollerStatus {
    /// Its name: `probe/checkout/checkout-1`, `host/local/signals`.
    pub name: String,
    /// Whether it works.
    #[serde(flatten)]
    pub state: PollerState,
    /// End of the last good round.
    pub last_success_at: Option<Timestamp>,
    /// Failed rounds since the last good one.
    pub errors_in_row: u32,
    /// Failed rounds since it was started.
    pub errors: u64,
    /// Signals that the sink took.
    pub accepted: u64,
    /// Times the sink had no room and the poller had to wait.
    pub overloaded: u64,
    /// Signals that the sink refused for good. They are kept at their source where it has a cursor.
    pub refused: u64,
}

/// What a poller works with.
pub struct Context {
    sink: Arc<dyn Sink>,
    clock: Arc<dyn Clock>,
    cancel: CancellationToken,
    status: Arc<Status>,
}

impl Context {
    /// Now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Ends when the poller is stopped.
    #[must_use]
    pub fn cancel(&self) -> &CancellationToken {
        &self.cancel
    }

    /// Hands signals to the sink; while it has no room, waits and tries again, until stopped.
    ///
    /// # Errors
    /// The sink refused them, or the poller was stopped while waiting. Nothing was taken.
    pub async fn deliver(&self, source: &str, signals: Vec<Signal>) -> Result<(), Failure> {
        if signals.is_empty() {
            return Ok(());
        }
        let count = signals.len() as u64;
        let mut pause = Duration::from_millis(20);
        loop {
            match self.sink.accept(source, signals.clone()).await {
                Ok(()) => {
                    self.status.accepted.fetch_add(count, Ordering::Relaxed);
                    return Ok(());
                }
                Err(error) if error.retry() == Retry::Temporary => {
                    self.status.overloaded.fetch_add(1, Ordering::Relaxed);
                    self.status.edit(|s| s.state = PollerState::Degraded { reason: error.to_string() });
                    if !wait(&self.cancel, jittered(pause)).await {
                        return Err(error.into());
                    }
                    pause = (pause * 2).min(Duration::from_secs(1));
                }
                Err(error) => {
                    self.status.refused.fetch_add(count, Ordering::Relaxed);
                    return Err(error.into());
                }
            }
        }
    }
}

struct Status {
    name: String,
    seen: Mutex<Seen>,
    accepted: AtomicU64,
    overloaded: AtomicU64,
    refused: AtomicU64,
}

struct Seen {
    state: PollerState,
    last_success_at: Option<Timestamp>,
    errors_in_row: u32,
    errors: u64,
}

impl Status {
    fn edit<T>(&self, change: impl FnOnce(&mut Seen) -> T) -> T {
        change(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn read(&self) -> PollerStatus {
        self.edit(|seen| PollerStatus {
            name: self.name.clone(),
            state: seen.state.clone(),
            last_success_at: seen.last_success_at,
            errors_in_row: seen.errors_in_row,
            errors: seen.errors,
            accepted: self.accepted.load(Ordering::Relaxed),
            overloaded: self.overloaded.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
        })
    }
}

struct Task {
    cancel: CancellationToken,
    done: CancellationToken,
    status: Arc<Status>,
}

struct Shared {
    sink: Arc<dyn Sink>,
    clock: Arc<dyn Clock>,
    cancel: CancellationToken,
    tasks: Mutex<BTreeMap<String, Task>>,
    /// Pollers that were stopped and may still be closing, by name.
    ending: Mutex<BTreeMap<String, CancellationToken>>,
    tracker: TaskTracker,
}

/// All pollers of a server. Clones are the same set.
#[derive(Clone)]
pub struct Pollers {
    shared: Arc<Shared>,
}

impl Pollers {
    /// No pollers yet. All end when `cancel` is cancelled.
    #[must_use]
    pub fn new(sink: Arc<dyn Sink>, clock: Arc<dyn Clock>, cancel: &CancellationToken) -> Self {
        Self {
            shared: Arc::new(Shared {
                sink,
                clock,
                cancel: cancel.child_token(),
                tasks: Mutex::default(),
                ending: Mutex::default(),
                tracker: TaskTracker::new(),
            }),
        }
    }

    /// Starts a poller. One of the same name is stopped first, and has ended before this one begins.
    pub fn start(&self, name: &str, pace: Pace, poll: impl Poll) {
        if self.shared.cancel.is_cancelled() {
            return;
        }
        self.stop(name);
        let before = lock(&self.shared.ending).remove(name);
        let status = Arc::new(Status {
            name: name.to_owned(),
            seen: Mutex::new(Seen {
                state: PollerState::Running,
                last_success_at: None,
                errors_in_row: 0,
                errors: 0,
            }),
            accepted: AtomicU64::default(),
            overloaded: AtomicU64::default(),
            refused: AtomicU64::default(),
        });
        let cancel = self.shared.cancel.child_token();
        let done = CancellationToken::new();
        let context = Context {
            sink: Arc::clone(&self.shared.sink),
            clock: Arc::clone(&self.shared.clock),
            cancel: cancel.clone(),
            status: Arc::clone(&status),
        };
        let ended = done.clone().drop_guard();
        self.shared.tracker.spawn(async move {
            let _ended = ended;
            if let Some(before) = before {
                before.cancelled().await;
            }
            run(Box::new(poll), pace, &context).await;
        });
        lock(&self.shared.tasks).insert(name.to_owned(), Task { cancel, done, status });
    }

    /// Stops a poller; it brings home what it holds in the background.
    pub fn stop(&self, name: &str) {
        let Some(task) = lock(&self.shared.tasks).remove(name) else { return };
        task.cancel.cancel();
        let mut ending = lock(&self.shared.ending);
        ending.retain(|_, done| !done.is_cancelled());
        ending.insert(name.to_owned(), task.done);
    }

    /// What is known of each poller, by name.
    #[must_use]
    pub fn status(&self) -> Vec<PollerStatus> {
        lock(&self.shared.tasks).values().map(|task| task.status.read()).collect()
    }

    /// Stops all pollers and waits until each task has ended.
    pub async fn shutdown(&self) {
        self.shared.cancel.cancel();
        self.shared.tracker.close();
        self.shared.tracker.wait().await;
        lock(&self.shared.tasks).clear();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn run(mut poll: Box<dyn Poll>, pace: Pace, context: &Context) {
    if pace.jittered_start {
        wait(&context.cancel, pace.interval.mul_f64(random())).await;
    }
    while !context.cancel.is_cancelled() {
        let started = Instant::now();
        let round = AssertUnwindSafe(poll.poll(context)).catch_unwind();
        let result = tokio::select! {
            biased;
            () = context.cancel.cancelled() => break,
            result = round => result.unwrap_or_else(|panic| {
                Err(Failure::temporary(format!("panicked: {}", panic_text(&*panic))))
            }),
        };
        let pause = match result {
            Ok(round) => {
                context.status.edit(|seen| {
                    seen.state = PollerState::Running;
                    seen.last_success_at = Some(context.now());
                    seen.errors_in_row = 0;
                });
                if round == Round::More { Duration::ZERO } else { pace.interval }
            }
            Err(failure) => failed(&context.status, pace, failure),
        };
        if pause.is_zero() {
            tokio::task::yield_now().await;
        } else if !wait_until(&context.cancel, started + pause).await {
            break;
        }
    }
    let closing = AssertUnwindSafe(poll.close(context)).catch_unwind();
    if !matches!(timeout(CLOSE_MAX, closing).await, Ok(Ok(()))) {
        tracing::warn!(poller.name = context.status.name, "poller did not close cleanly");
    }
}

/// Notes a failure; gives the pause from the start of the failed round.
fn failed(status: &Status, pace: Pace, failure: Failure) -> Duration {
    let Failure { reason, retry } = failure;
    let (in_row, quarantined) = status.edit(|seen| {
        seen.errors_in_row = seen.errors_in_row.saturating_add(1);
        seen.errors += 1;
        let quarantined = retry == Retry::Permanent || seen.errors_in_row >= pace.quarantine_after;
        let reason = reason.clone();
        seen.state =
            if quarantined { PollerState::Quarantined { reason } } else { PollerState::Degraded { reason } };
        (seen.errors_in_row, quarantined)
    });
    // Once when it starts to fail; the status says the rest.
    if in_row == 1 {
        tracing::warn!(poller.name = status.name, poller.reason = reason, "poller fails");
    }
    if quarantined {
        return jittered(pace.quarantine);
    }
    if pace.backoff_max <= pace.interval {
        return pace.interval;
    }
    let doubled = pace.interval.saturating_mul(1 << (in_row - 1).min(16));
    jittered(doubled.min(pace.backoff_max))
}

/// Waits; gives whether to go on.
async fn wait(cancel: &CancellationToken, pause: Duration) -> bool {
    wait_until(cancel, Instant::now() + pause).await
}

async fn wait_until(cancel: &CancellationToken, at: Instant) -> bool {
    tokio::select! {
        biased;
        () = cancel.cancelled() => false,
        () = sleep_until(at) => true,
    }
}

/// Three to five quarters of a pause.
fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(0.75 + random() / 2.0)
}

/// 0 to 1, good enough to spread load.
fn random() -> f64 {
    let bits = std::hash::RandomState::new().build_hasher().finish();
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}
