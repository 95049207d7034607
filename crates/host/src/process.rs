//! One operating-system process: starting it, its log, its orders, its end.
//!
//! One task owns the child, gives it signals and waits for it, so that a signal can never reach a process
//! that merely got the same id. It knows nothing of services.

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::{mpsc, watch};

use crate::child::parse_event;
use crate::logs::RotatingLog;
use crate::proc::process_stat;

/// How to start a process.
pub(crate) struct Launch {
    pub argv: Vec<String>,
    pub env: Vec<(String, String)>,
    pub cwd: PathBuf,
    pub log: RotatingLog,
    /// Takes the events the process prints.
    pub events: mpsc::Sender<(String, Value)>,
}

/// How a process ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Exit {
    pub code: Option<i32>,
    pub signal: Option<i32>,
    pub uptime_ms: u64,
    /// Whether an action asked for it.
    pub expected: bool,
    /// `requested`, `memory_limit` or `exited`.
    pub reason: &'static str,
}

enum Order {
    Stop(Duration),
    KillForMemory,
}

/// A process that was started.
#[derive(Clone, Debug)]
pub(crate) struct Process {
    pub pid: u32,
    /// With the pid it names one process for good.
    pub start_ticks: u64,
    orders: mpsc::UnboundedSender<Order>,
    ended: watch::Receiver<bool>,
}

/// Owns the child; [`Running::wait`] must be polled for orders to be carried out.
pub(crate) struct Running {
    child: Child,
    /// Closing it tells the child that its host is gone.
    _stdin: Option<ChildStdin>,
    pid: u32,
    since: Instant,
    orders: mpsc::UnboundedReceiver<Order>,
    pumps: tokio::task::JoinSet<()>,
}

impl Process {
    pub(crate) fn spawn(launch: Launch) -> std::io::Result<(Self, Running, watch::Sender<bool>)> {
        let mut command = Command::new(&launch.argv[0]);
        command
            .args(&launch.argv[1..])
            .env_clear()
            .envs(
                ["PATH", "HOME", "LANG", "TZ", "TMPDIR"]
                    .iter()
                    .filter_map(|n| Some((n, std::env::var_os(n)?))),
            )
            .envs(launch.env)
            .current_dir(launch.cwd)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // Its own group: a Ctrl-C meant for the host does not race the host's own orderly stop.
            .process_group(0)
            .kill_on_drop(true);
        let mut child = command.spawn()?;
        let pid =
            child.id().ok_or_else(|| std::io::Error::other("the process ended while it was started"))?;
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok();
        let start_ticks = stat.and_then(|s| process_stat(&s)).map_or(0, |s| s.start_ticks);
        let log = Arc::new(Mutex::new(launch.log));
        let mut pumps = tokio::task::JoinSet::new();
        if let Some(stdout) = child.stdout.take() {
            pumps.spawn(pump(stdout, Arc::clone(&log), Some(launch.events)));
        }
        if let Some(stderr) = child.stderr.take() {
            pumps.spawn(pump(stderr, log, None));
        }
        let (order, orders) = mpsc::unbounded_channel();
        let (end, ended) = watch::channel(false);
        let stdin = child.stdin.take();
        let running = Running { child, _stdin: stdin, pid, since: Instant::now(), orders, pumps };
        Ok((Self { pid, start_ticks, orders: order, ended }, running, end))
    }

    /// SIGTERM, then SIGKILL after `grace`; returns when the process is gone and its end is noted.
    pub(crate) async fn stop(&self, grace: Duration) {
        let _ = self.orders.send(Order::Stop(grace));
        // An error means that the watching task is gone, and with it the child.
        let _ = self.ended.clone().wait_for(|ended| *ended).await;
    }

    /// SIGKILL because it holds more memory than it may.
    pub(crate) fn kill_for_memory(&self) {
        let _ = self.orders.send(Order::KillForMemory);
    }

    /// Returns when the process is gone.
    pub(crate) async fn gone(&self) {
        let _ = self.ended.clone().wait_for(|ended| *ended).await;
    }
}

impl Running {
    /// Carries out orders until the process is gone, and says how it ended.
    pub(crate) async fn wait(mut self) -> Exit {
        let (mut expected, mut reason) = (false, "exited");
        let mut kill_at: Option<Instant> = None;
        let status = loop {
            let deadline = kill_at.unwrap_or_else(|| Instant::now() + Duration::from_secs(3600));
            tokio::select! {
                status = self.child.wait() => break status,
                Some(order) = self.orders.recv() => match order {
                    Order::Stop(grace) => {
                        if !expected {
                            (expected, reason) = (true, "requested");
                            self.signal(Signal::TERM);
                            kill_at = Some(Instant::now() + grace);
                        }
                    }
                    Order::KillForMemory => {
                        if !expected {
                            reason = "memory_limit";
                        }
                        self.signal(Signal::KILL);
                    }
                },
                () = tokio::time::sleep_until(deadline.into()), if kill_at.is_some() => {
                    self.signal(Signal::KILL);
                    kill_at = None;
                }
            }
        };
        // The last lines matter most. A grandchild may keep the pipe open for ever, hence the bound.
        let drained = async { while self.pumps.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(Duration::from_millis(500), drained).await;
        use std::os::unix::process::ExitStatusExt;
        let status = status.ok();
        Exit {
            code: status.and_then(|s| s.code()),
            signal: status.and_then(|s| s.signal()),
            uptime_ms: u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX),
            expected,
            reason,
        }
    }

    /// Signals the process and what it started. It was not waited for yet, so the id is still its own.
    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.pid).ok().and_then(Pid::from_raw);
        if let Some(pid) = pid
            && let Err(error) = kill_process_group(pid, signal)
        {
            tracing::debug!(process.pid = self.pid, %error, "signal not delivered");
        }
    }
}

/// A line longer than this is cut in two in the log.
const LINE_BYTES: usize = 64 * 1024;

/// Events taken from one process in a second.
const EVENTS_PER_S: u32 = 20;

async fn pump(
    mut from: impl AsyncRead + Unpin,
    log: Arc<Mutex<RotatingLog>>,
    events: Option<mpsc::Sender<(String, Value)>>,
) {
    let mut pending = Vec::with_capacity(8 * 1024);
    let mut taken = (Instant::now(), 0_u32);
    loop {
        let end = matches!(from.read_buf(&mut pending).await, Ok(0) | Err(_));
        let whole = match pending.iter().rposition(|b| *b == b'\n') {
            _ if end || pending.len() >= LINE_BYTES => pending.len(),
            Some(newline) => newline + 1,
            None => continue,
        };
        if end && !pending.is_empty() && pending.last() != Some(&b'\n') {
            pending.push(b'\n');
        }
        let whole = if end { pending.len() } else { whole };
        // A full disk must not stop the child, so a line that cannot be written is dropped.
        if let Err(error) = log.lock().unwrap_or_else(PoisonError::into_inner).write(&pending[..whole]) {
            tracing::warn!(%error, "log line dropped");
        }
        if let Some(events) = &events {
            for event in pending[..whole]
                .split(|b| *b == b'\n')
                .filter(|l| l.starts_with(b"{\"event\""))
                .filter_map(parse_event)
            {
                if taken.0.elapsed() >= Duration::from_secs(1) {
                    taken = (Instant::now(), 0);
                }
                taken.1 += 1;
                if taken.1 <= EVENTS_PER_S {
                    let _ = events.try_send(event);
                }
            }
        }
        pending.drain(..whole);
        if end {
            return;
        }
    }
}
