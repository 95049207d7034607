//! The guard: a process of our own between us and a program that nobody trusts.
//!
//! It is this same program started again with [`WATCH`] or [`BECOME`]. The watching one is the parent of all
//! that the program leaves behind: as a subreaper (prctl(2)) it inherits what forks twice or changes its
//! session, so that nothing outlives it. The becoming one takes limits upon itself, gives up its rights and
//! turns into the program. Both get their order over standard input, so that no secret is on a command line;
//! when that pipe closes, because we ask for the end or because we died, the watching one ends everything.
//!
//! Deliberately absent: namespaces, control groups and file system isolation. Whoever needs those runs
//! a container.

#[cfg(target_os = "linux")]
mod processes;
#[cfg(target_os = "linux")]
mod watch;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::ExitCode;

use serde::{Deserialize, Serialize};

/// First argument of the guard that watches.
pub(super) const WATCH: &str = "watch";
/// First argument of the guard that becomes the program.
const BECOME: &str = "become";
/// Longest order that is read.
const ORDER_BYTES_MAX: usize = 64 * 1024 * 1024;

/// What a program may use. The kernel keeps what it can for each process; the guard keeps the sums.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Limits {
    /// From start to end.
    pub wall_ms: u64,
    /// CPU time of all its processes together.
    pub cpu_s: u64,
    /// Memory of each process, and resident memory of all together.
    pub memory_bytes: u64,
    /// Processes and threads at once.
    pub processes: u64,
    /// Open files of a process.
    pub open_files: u64,
    /// Size of any file it writes.
    pub file_bytes: u64,
    /// Between SIGTERM and SIGKILL.
    pub grace_ms: u64,
}

/// What the guard is told, in one piece of JSON before which its length stands (4 bytes, big end first).
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Order {
    pub program: Vec<String>,
    pub environment: BTreeMap<String, String>,
    pub input: Input,
    /// Where it runs.
    pub folder: PathBuf,
    /// Where the guard says how it ended; the program must not be able to write there.
    pub report: PathBuf,
    /// User and group to become; none stays who we are.
    pub become_user: Option<(u32, u32)>,
    pub limits: Limits,
}

/// What a program has on its standard input.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Input {
    /// Nothing.
    Closed,
    /// This, and then its end.
    Text(String),
    /// Whatever comes after the order.
    Rest,
}

/// How a program ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "how", rename_all = "snake_case")]
pub(super) enum Ended {
    /// By itself, with this code.
    Exited { code: i32 },
    /// By a signal that did not come from the guard.
    Signalled { signal: i32 },
    /// It broke a limit.
    Limit { limit: Limit },
    /// It was told to.
    Stopped,
    /// It never began.
    NotStarted { reason: String },
}

/// A limit that was broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Limit {
    Wall,
    Cpu,
    Memory,
    Processes,
}

/// Writes an order as the guard reads it.
pub(super) fn encode(order: &Order) -> std::io::Result<Vec<u8>> {
    let body = serde_json::to_vec(order)?;
    let length = u32::try_from(body.len()).ok().filter(|n| *n as usize <= ORDER_BYTES_MAX);
    let length =
        length.ok_or_else(|| std::io::Error::other("program, environment and input are too large"))?;
    let mut bytes = length.to_be_bytes().to_vec();
    bytes.extend(body);
    Ok(bytes)
}

/// Runs this process as a guard, as its arguments say. For the program that [`super::RunSettings`] names.
#[must_use]
pub fn main(mut arguments: impl Iterator<Item = String>) -> ExitCode {
    let role = arguments.next().unwrap_or_default();
    let done = match role.as_str() {
        WATCH => read_order().and_then(|(order, orders)| watch::watch(order, orders)),
        BECOME => read_order().and_then(|(order, stdin)| watch::turn_into(&order, stdin)),
        _ => Err(std::io::Error::other("this is started by Homeostat itself and by nobody else")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "guard: {error}");
            ExitCode::from(125)
        }
    }
}

/// The order, and the rest of standard input: read without a buffer, so that not one byte too many is taken.
fn read_order() -> std::io::Result<(Order, File)> {
    let mut stdin = File::from(std::io::stdin().as_fd().try_clone_to_owned()?);
    let mut length = [0_u8; 4];
    stdin.read_exact(&mut length)?;
    let length = u32::from_be_bytes(length) as usize;
    if length > ORDER_BYTES_MAX {
        return Err(std::io::Error::other("the order is too large"));
    }
    let mut body = vec![0; length];
    stdin.read_exact(&mut body)?;
    Ok((serde_json::from_slice(&body)?, stdin))
}

/// Other systems have no subreapers, without which what a program leaves behind is not found. The policy refuses
/// programs there before anything gets here.
#[cfg(not(target_os = "linux"))]
mod watch {
    use std::fs::File;
    use std::io::Error;

    use super::Order;

    pub(super) fn watch(_: Order, _: File) -> std::io::Result<()> {
        Err(Error::other("programs of workflows run on Linux only"))
    }

    pub(super) fn turn_into(order: &Order, stdin: File) -> std::io::Result<()> {
        drop(stdin);
        Err(Error::other(format!("{} runs on Linux only", order.program.join(" "))))
    }
}
