//! Runs other programs: plainly, captured, or shown and captured at once.

use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// What a program said, and whether it succeeded.
pub(crate) struct Ended {
    pub(crate) ok: bool,
    /// Standard output and standard error as they came.
    pub(crate) text: String,
}

/// `cargo` with arguments, in the root.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(crate::place::root());
    // These speak of xtask itself and would rebuild what depends on them.
    for name in ["CARGO_MANIFEST_DIR", "CARGO_MANIFEST_PATH", "CARGO_PKG_NAME", "CARGO_PKG_VERSION"] {
        command.env_remove(name);
    }
    command
}

/// `npm` with arguments, in the folder of the dashboard.
pub(crate) fn npm(arguments: &[&str]) -> Command {
    let mut command = Command::new("npm");
    command.args(arguments).current_dir(crate::place::web());
    command
}

/// Runs with the terminal of xtask; fails when the program does.
pub(crate) fn plainly(command: &mut Command) -> Result<(), String> {
    let status = command.status().map_err(|e| cannot(command, &e))?;
    if status.success() { Ok(()) } else { Err(format!("`{}` failed ({status})", line_of(command))) }
}

/// Runs and gives its standard output; its standard error is in the error.
pub(crate) fn captured(command: &mut Command) -> Result<String, String> {
    let output = command.stdin(Stdio::null()).output().map_err(|e| cannot(command, &e))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("`{}` failed ({}):\n{}", line_of(command), output.status, said.trim_end()))
}

/// Runs, shows what it says as it comes, and keeps it.
pub(crate) fn shown(command: &mut Command) -> Result<Ended, String> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|e| cannot(command, &e))?;
    let kept = Arc::new(Mutex::new(Vec::new()));
    let copies: Vec<_> = [
        child.stdout.take().map(|s| copy(s, std::io::stdout(), Arc::clone(&kept))),
        child.stderr.take().map(|s| copy(s, std::io::stderr(), Arc::clone(&kept))),
    ]
    .into_iter()
    .flatten()
    .collect();
    let status = child.wait().map_err(|e| cannot(command, &e))?;
    for copy in copies {
        // A copy that ended early lost output, not the result.
        let _ = copy.join();
    }
    let bytes = kept.lock().unwrap_or_else(PoisonError::into_inner).clone();
    Ok(Ended { ok: status.success(), text: without_colours(&String::from_utf8_lossy(&bytes)) })
}

/// Runs within a time and gives its standard output; its standard error is shown as it comes. When the time is over
/// it ends with everything it started: they are one process group.
///
/// # Errors
/// It cannot be started, takes too long, or fails; the last lines it said are in the error.
pub(crate) fn bounded(command: &mut Command, within: Duration) -> Result<String, String> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let mut child = command.spawn().map_err(|e| cannot(command, &e))?;
    let (told, said) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(Vec::new())));
    let copies: Vec<_> = [
        child.stdout.take().map(|s| copy(s, std::io::sink(), Arc::clone(&told))),
        child.stderr.take().map(|s| copy(s, std::io::stderr(), Arc::clone(&said))),
    ]
    .into_iter()
    .flatten()
    .collect();
    let status = wait(&mut child, within).map_err(|e| cannot(command, &e))?;
    for copy in copies {
        // A copy that ended early lost output, not the result.
        let _ = copy.join();
    }
    let text = |kept: &Mutex<Vec<u8>>| {
        String::from_utf8_lossy(&kept.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    };
    let problem = match status {
        Some(status) if status.success() => return Ok(text(&told)),
        Some(status) => format!("failed ({status})"),
        None => format!("was not done within {} s", within.as_secs()),
    };
    let said = text(&said);
    let lines: Vec<&str> = said.lines().filter(|l| !l.trim().is_empty()).collect();
    let last = lines[lines.len().saturating_sub(5)..].join("\n");
    Err(format!("`{}` {problem}:\n{last}", line_of(command)))
}

/// Waits for a child that leads a process group of its own; none when it had to be ended.
fn wait(child: &mut Child, within: Duration) -> std::io::Result<Option<ExitStatus>> {
    let began = Instant::now();
    for (signal, until) in [("", within), ("-TERM", within + Duration::from_secs(20))] {
        if !signal.is_empty() {
            end_group(child.id(), signal);
        }
        while began.elapsed() < until {
            if let Some(status) = child.try_wait()? {
                return Ok(signal.is_empty().then_some(status));
            }
            thread::sleep(Duration::from_millis(20));
        }
    }
    end_group(child.id(), "-KILL");
    child.wait().map(|_| None)
}

/// Std signals one process; what our own child started is in its group.
fn end_group(leader: u32, signal: &str) {
    let group = format!("-{leader}");
    // A group that is gone already needs no ending.
    let _ = Command::new("kill").args([signal, "--", &group]).stderr(Stdio::null()).status();
}

/// Whether a program can be started at all.
pub(crate) fn exists(program: &str, argument: &str) -> bool {
    let mut command = Command::new(program);
    command.arg(argument).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|s| s.success())
}

/// Whether a file is there and answers `--version`.
pub(crate) fn works(program: &Path) -> bool {
    program.exists() && exists(&program.to_string_lossy(), "--version")
}

fn copy(
    mut from: impl Read + Send + 'static,
    mut to: impl Write + Send + 'static,
    kept: Arc<Mutex<Vec<u8>>>,
) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        let mut buffer = [0_u8; 8_192];
        while let Ok(n @ 1..) = from.read(&mut buffer) {
            // A closed terminal must not end the run.
            let _ = to.write_all(&buffer[..n]).and_then(|()| to.flush());
            kept.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&buffer[..n]);
        }
    })
}

fn cannot(command: &Command, error: &std::io::Error) -> String {
    format!("cannot run `{}`: {error}", line_of(command))
}

fn line_of(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|w| w.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}

/// Takes terminal colours (`ESC [ … m`) out.
fn without_colours(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("\u{1b}[") {
        plain.push_str(&rest[..start]);
        let after = &rest[start + 2..];
        let end = after.find(|c: char| c.is_ascii_alphabetic()).map_or(after.len(), |i| i + 1);
        rest = &after[end..];
    }
    plain.push_str(rest);
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn within_its_time_a_program_gives_its_output_or_its_last_words() {
        let long = Duration::from_secs(60);
        assert_eq!(bounded(&mut shell("echo one; echo two >&2"), long), Ok("one\n".to_owned()));
        let error = bounded(&mut shell("echo why >&2; exit 3"), long).unwrap_err();
        assert!(error.contains("exit status: 3") && error.ends_with("why"), "{error}");
    }

    #[test]
    fn after_its_time_a_program_ends_with_what_it_started() {
        let scratch = crate::place::Scratch::new("bounded").unwrap();
        let note = scratch.path().join("pid");
        let script = format!("sleep 300 & echo $! > '{}'; wait", note.display());
        let error = bounded(&mut shell(&script), Duration::from_millis(500)).unwrap_err();
        assert!(error.contains("was not done within"), "{error}");
        let pid = std::fs::read_to_string(note).expect("it ran long enough to start the other");
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
        // Gone, or ended and not yet collected by whoever inherited it.
        assert!(stat.is_empty() || stat.contains(") Z "), "{stat}");
    }

    #[test]
    fn colours_go_and_text_stays() {
        assert_eq!(without_colours("\u{1b}[1;32m   ok\u{1b}[0m, 3 passed"), "   ok, 3 passed");
        assert_eq!(without_colours("no colour"), "no colour");
        assert_eq!(without_colours("cut \u{1b}[3"), "cut ");
    }
}
