//! The dashboard's tools: is Node there, are packages installed, is the build up to date. `cargo build` never does this.

use std::fs::{self, File};
use std::process::Command;
use std::time::SystemTime;

use crate::{place, run};

const WANTED: u32 = 20;

/// Node and npm are there and new enough.
///
/// # Errors
/// What to install, and how.
pub(crate) fn require_node() -> Result<(), String> {
    let found = run::captured(Command::new("node").arg("--version")).ok();
    let major = found
        .as_deref()
        .and_then(|v| v.trim().trim_start_matches('v').split('.').next()?.parse::<u32>().ok());
    let problem = match major {
        None => "Node is not installed".to_owned(),
        Some(major) if major < WANTED => format!("Node {major} is too old"),
        Some(_) if !run::exists("npm", "--version") => "npm is not installed".to_owned(),
        Some(_) => return Ok(()),
    };
    Err(format!(
        "{problem}: the dashboard needs Node {WANTED} or newer with npm.\n\
         Debian, Ubuntu:  sudo apt-get install nodejs npm   (when `node --version` is then below {WANTED}: \
         curl -fsSL https://deb.nodesource.com/setup_22.x | sudo -E bash - && sudo apt-get install -y nodejs)\n\
         macOS:           brew install node\n\
         Without Node:    cargo build --release -p server   builds the binary without the dashboard"
    ))
}

/// Installs the packages that the lock file names, unless they are.
pub(crate) fn install() -> Result<&'static str, String> {
    require_node()?;
    if is_installed() {
        return Ok("packages are up to date");
    }
    run::plainly(&mut run::npm(&["ci", "--no-audit", "--no-fund", "--prefer-offline", "--loglevel=error"]))?;
    Ok("packages installed")
}

/// npm writes its own lock file into `node_modules` last of all.
fn is_installed() -> bool {
    let web = place::web();
    let changed = |name: &str| fs::metadata(web.join(name)).and_then(|m| m.modified()).ok();
    match (changed("node_modules/.package-lock.json"), changed("package-lock.json"), changed("package.json"))
    {
        (Some(installed), Some(lock), Some(package)) => installed >= lock && installed >= package,
        _ => false,
    }
}

/// Builds the dashboard, unless nothing it is made of changed.
pub(crate) fn build() -> Result<&'static str, String> {
    let stamp = inputs();
    if place::web().join("dist/index.html").exists() && place::read_stamp("web") == stamp {
        return Ok("nothing changed");
    }
    run::plainly(&mut run::npm(&["run", "--silent", "build"]))?;
    // A binary built before there was a dashboard does not know of it: its embedding must look changed.
    let embedding = "crates/server/src/pages.rs";
    let touched = File::options().append(true).open(place::root().join(embedding));
    touched.and_then(|f| f.set_modified(SystemTime::now())).map_err(|e| format!("{embedding}: {e}"))?;
    place::write_stamp("web", &stamp)?;
    Ok("built")
}

/// A hash over everything the dashboard is made of.
fn inputs() -> String {
    let mut files = Vec::new();
    for folder in ["web/src", "web/public", "web/scripts"] {
        files.extend(place::files_below(folder));
    }
    for file in ["index.html", "package.json", "package-lock.json", "tsconfig.json", "vite.config.ts"] {
        files.push(format!("web/{file}"));
    }
    place::fingerprint(&files)
}
