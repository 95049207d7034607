//! Our side of a guarded program: starting the guard, catching what is printed, telling it to end; or talking with
//! the program line by line.

use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::folder::Folder;
use super::guard::{self, Ended, Order};

/// How long the guard may take beyond its own limits before it is given up.
const GUARD_GRACE: Duration = Duration::from_secs(20);
/// How long what is printed may stay open after the guard is gone.
const DRAIN: Duration = Duration::from_secs(1);

/// What came of a program.
#[derive(Debug)]
pub(super) struct Outcome {
    pub ended: Ended,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    /// It printed more than it may, and was ended for it.
    pub flooded: bool,
}

/// Runs a program under a guard until nothing of it is left; `stop` ends it before.
pub(super) async fn run(
    guard: &[String],
    order: &Order,
    output_bytes: usize,
    stop: &CancellationToken,
) -> io::Result<Outcome> {
    let bytes = guard::encode(order)?;
    let mut child = spawn(guard)?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let mut pipe = child.stdin.take().ok_or_else(|| io::Error::other("the guard has no standard input"))?;
    let flood = CancellationToken::new();
    let limits = &order.limits;
    let longest = Duration::from_millis(limits.wall_ms.saturating_add(limits.grace_ms)) + GUARD_GRACE;

    let mut out = tokio::spawn(catch(stdout, output_bytes, flood.clone()));
    let mut err = tokio::spawn(catch(stderr, output_bytes, flood.clone()));
    let whole = async {
        // A guard that went away at once says why with its status, not with the broken pipe.
        let told = tell(&mut pipe, &bytes).await;
        until_gone(&mut child, pipe, stop, &flood).await.and(told)
    };
    let in_time = tokio::time::timeout(longest, whole).await;
    if in_time.is_err() {
        let _ = child.kill().await;
    }
    let drained = tokio::time::timeout(DRAIN, async { (take(&mut out).await, take(&mut err).await) }).await;
    out.abort();
    err.abort();
    let (stdout, stderr) = drained.unwrap_or_default();
    in_time
        .map_err(|_| io::Error::other("the guard did not end; something of the program may still run"))??;
    let ended = report(&order.report, &stderr).await?;
    Ok(Outcome { ended, stdout, stderr, flooded: flood.is_cancelled() })
}

fn spawn(guard: &[String]) -> io::Result<Child> {
    let [program, arguments @ ..] = guard else { return Err(io::Error::other("no guard is named")) };
    Command::new(program)
        .args(arguments)
        .arg(guard::WATCH)
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // A Ctrl-C meant for us must not reach it: it ends by our pipe, in order.
        .process_group(0)
        .spawn()
}

async fn tell(pipe: &mut ChildStdin, bytes: &[u8]) -> io::Result<()> {
    pipe.write_all(bytes).await?;
    pipe.flush().await
}

/// Waits for the guard. Closing its pipe tells it to end everything.
async fn until_gone(
    child: &mut Child,
    pipe: ChildStdin,
    stop: &CancellationToken,
    flood: &CancellationToken,
) -> io::Result<()> {
    let mut pipe = Some(pipe);
    loop {
        tokio::select! {
            status = child.wait() => return status.map(|_| ()),
            () = stop.cancelled(), if pipe.is_some() => drop(pipe.take()),
            () = flood.cancelled(), if pipe.is_some() => drop(pipe.take()),
        }
    }
}

/// Keeps the first bytes of what is printed, and says when there are more.
async fn catch(from: Option<impl AsyncRead + Unpin>, most: usize, flood: CancellationToken) -> Vec<u8> {
    let (mut kept, mut piece) = (Vec::new(), vec![0; 16 * 1024]);
    let Some(mut from) = from else { return kept };
    while let Ok(read @ 1..) = from.read(&mut piece).await {
        if kept.len() + read > most {
            kept.extend_from_slice(&piece[..most - kept.len()]);
            flood.cancel();
            break;
        }
        kept.extend_from_slice(&piece[..read]);
    }
    kept
}

async fn take(task: &mut tokio::task::JoinHandle<Vec<u8>>) -> Vec<u8> {
    task.await.unwrap_or_default()
}

/// A program that is talked with, line by line. Dropping it ends the program.
pub(crate) struct Session {
    running: Option<Running>,
    most: usize,
    read: usize,
    partial: Vec<u8>,
    stderr: JoinHandle<Vec<u8>>,
}

struct Running {
    child: Child,
    pipe: ChildStdin,
    out: BufReader<ChildStdout>,
    folder: Folder,
}

impl Session {
    /// Starts a program; what it prints may be `most` bytes in all.
    pub(super) async fn start(
        guard: &[String],
        order: &Order,
        folder: Folder,
        most: usize,
    ) -> io::Result<Self> {
        let bytes = guard::encode(order)?;
        let mut child = spawn(guard)?;
        let (Some(mut pipe), Some(out), Some(err)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(io::Error::other("the guard has no pipes"));
        };
        // What is printed there is for people; more than this is read and forgotten.
        let stderr = tokio::spawn(first(err, 4_000));
        tell(&mut pipe, &bytes).await?;
        let running = Running { child, pipe, out: BufReader::new(out), folder };
        Ok(Self { running: Some(running), most, read: 0, partial: Vec::new(), stderr })
    }

    /// Sends one line.
    pub(crate) async fn send(&mut self, line: &str) -> io::Result<()> {
        let Some(running) = &mut self.running else { return Err(io::ErrorKind::BrokenPipe.into()) };
        running.pipe.write_all(line.as_bytes()).await?;
        running.pipe.write_all(b"\n").await?;
        running.pipe.flush().await
    }

    /// The next line; none when the program closed its output.
    pub(crate) async fn receive(&mut self) -> Result<Option<String>, String> {
        let Some(running) = &mut self.running else { return Ok(None) };
        loop {
            let piece = running.out.fill_buf().await.map_err(|error| error.to_string())?;
            if piece.is_empty() {
                return Ok(None);
            }
            let (taken, whole) = match piece.iter().position(|byte| *byte == b'\n') {
                Some(end) => (end + 1, true),
                None => (piece.len(), false),
            };
            self.partial.extend_from_slice(&piece[..taken]);
            running.out.consume(taken);
            self.read += taken;
            if self.read > self.most {
                return Err(format!("it printed more than {} bytes", self.most));
            }
            if whole {
                let line = String::from_utf8_lossy(&self.partial).into_owned();
                self.partial.clear();
                return Ok(Some(line));
            }
        }
    }

    /// Ends the program, and gives what it printed on standard error at the beginning, for people.
    pub(crate) async fn last_words(&mut self) -> String {
        self.end().await;
        let said =
            tokio::time::timeout(DRAIN, &mut self.stderr).await.ok().and_then(Result::ok).unwrap_or_default();
        let said = String::from_utf8_lossy(&said);
        let plain: String = said.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        if plain.is_empty() { plain } else { format!(": {}", receive::limits::cut(&plain, 500)) }
    }

    /// Ends the program and waits until nothing of it is left.
    pub(crate) async fn end(&mut self) {
        if let Some(running) = self.running.take() {
            running.end().await;
        }
    }
}

impl Running {
    async fn end(self) {
        let Self { mut child, pipe, out, folder } = self;
        drop((pipe, out));
        if tokio::time::timeout(GUARD_GRACE, child.wait()).await.is_err() {
            let _ = child.kill().await;
        }
        let _ = tokio::task::spawn_blocking(move || drop(folder)).await;
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if let (Some(running), Ok(runtime)) = (self.running.take(), tokio::runtime::Handle::try_current()) {
            runtime.spawn(running.end());
        }
    }
}

/// The first bytes of what is printed; the rest is read too, so that nobody waits for us.
async fn first(mut from: impl AsyncRead + Unpin, most: usize) -> Vec<u8> {
    let (mut kept, mut piece) = (Vec::new(), vec![0; 4096]);
    while let Ok(read @ 1..) = from.read(&mut piece).await {
        let room = most - kept.len();
        kept.extend_from_slice(&piece[..read.min(room)]);
    }
    kept
}

async fn report(path: &PathBuf, stderr: &[u8]) -> io::Result<Ended> {
    let told = tokio::fs::read(path).await;
    let told = told.ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
    told.ok_or_else(|| {
        let said = String::from_utf8_lossy(stderr);
        let said = said.lines().find(|line| line.starts_with("guard: ")).unwrap_or_default();
        io::Error::other(format!("the guard did not say how the program ended {said}"))
    })
}
