//! `cargo xtask demo`: from a fresh clone to the running demo in one command.

use std::process::Command;

use crate::say::{Steps, note};
use crate::{build, place};

/// Builds what is missing, then becomes `homeostat demo`.
pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    let mut steps = Steps::new(4);
    build::all(&mut steps)?;
    note("[4/4] Starting the demo (Ctrl-C ends it)");
    let mut command = Command::new(place::binary("release"));
    command.arg("demo").args(arguments);
    Err(format!("cannot start the demo: {}", become_it(&mut command)))
}

/// Returns only when it failed.
#[cfg(unix)]
fn become_it(command: &mut Command) -> std::io::Error {
    std::os::unix::process::CommandExt::exec(command)
}

#[cfg(not(unix))]
fn become_it(command: &mut Command) -> std::io::Error {
    match command.status() {
        Ok(status) => std::process::exit(status.code().unwrap_or(1)),
        Err(error) => error,
    }
}
