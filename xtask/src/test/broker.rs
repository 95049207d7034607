//! Finds the message broker that tests talk to, or installs it where that can be done without asking.

use std::path::Path;

use super::apt;
use crate::say;

/// Where packages put it besides the folders of `PATH`.
const PLACES: [&str; 3] = ["/usr/sbin", "/usr/local/sbin", "/usr/local/bin"];

/// Makes sure that there is a nats-server.
///
/// # Errors
/// There is none and it cannot be installed; the text says what to install.
pub(super) fn find_or_install() -> Result<(), String> {
    if is_there() {
        return Ok(());
    }
    if let Err(reason) = apt::install("broker", &["nats-server"]) {
        say::note(format!("broker: {reason}"));
    }
    if is_there() {
        return Ok(());
    }
    Err("no nats-server was found and it could not be installed.\n\
         Debian, Ubuntu:  sudo apt-get update && sudo apt-get install nats-server\n\
         macOS:           brew install nats-server"
        .to_owned())
}

fn is_there() -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders =
        std::env::split_paths(&path).chain(PLACES.iter().map(|place| Path::new(place).to_owned()));
    folders.any(|folder| folder.join("nats-server").is_file())
}
