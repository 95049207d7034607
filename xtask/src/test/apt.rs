//! Installs Debian packages where that can be done without asking.

use std::path::Path;
use std::process::Command;

use crate::{run, say};

/// Installs packages; `what` is what people are told they are for.
///
/// # Errors
/// There is no apt-get, or it may not be used without a password.
pub(super) fn install(what: &str, packages: &[&str]) -> Result<(), String> {
    if !Path::new("/usr/bin/apt-get").exists() {
        return Err("no apt-get here".to_owned());
    }
    let is_root = run::captured(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0");
    let with_sudo = !is_root && run::captured(Command::new("sudo").args(["-n", "true"])).is_ok();
    if !is_root && !with_sudo {
        return Err("apt-get needs root, and sudo asks for a password".to_owned());
    }
    say::note(format!("{what}: installing {} with apt-get", packages.join(", ")));
    let apt = |arguments: &[&str]| {
        let mut command = if with_sudo { Command::new("sudo") } else { Command::new("env") };
        // In runlevel 1 a package that brings a service does not start it.
        command.args(["DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1", "apt-get"]).args(arguments);
        run::plainly(&mut command)
    };
    apt(&["update", "-qq"])?;
    let install = ["install", "-y", "-qq", "--no-install-recommends"];
    apt(&[&install[..], packages].concat())
}
