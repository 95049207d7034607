//! Finds a Chromium for the browser tests, or installs one where that can be done without asking.

use std::path::PathBuf;
use std::process::Command;

use super::apt;
use crate::{place, run, say};

const PLACES: [&str; 8] = [
    "/usr/bin/chromium",
    "/usr/bin/chromium-browser",
    "/usr/bin/google-chrome",
    "/usr/bin/google-chrome-stable",
    "/snap/bin/chromium",
    "/opt/google/chrome/chrome",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
];

/// The path of a browser that starts.
///
/// # Errors
/// There is none and none can be installed; the text says what to install.
pub(crate) fn find_or_install() -> Result<PathBuf, String> {
    if let Some(found) = find() {
        return Ok(found);
    }
    for install in [with_apt, with_playwright] {
        match install() {
            Ok(()) => {
                if let Some(found) = find() {
                    return Ok(found);
                }
            }
            Err(reason) => say::note(format!("browser: {reason}")),
        }
    }
    Err("no Chromium was found and none could be installed.\n\
         Debian, Ubuntu:  sudo apt-get update && sudo apt-get install chromium\n\
         macOS:           brew install --cask google-chrome\n\
         Elsewhere:       set CHROMIUM_PATH to a Chromium or Chrome"
        .to_owned())
}

/// The first browser that starts.
pub(crate) fn find() -> Option<PathBuf> {
    let named = ["CHROMIUM_PATH", "CHROMIUM"].iter().filter_map(std::env::var_os).map(PathBuf::from);
    named.chain(PLACES.iter().map(PathBuf::from)).chain(downloaded()).find(|path| run::works(path))
}

/// What `playwright install` put into its cache.
fn downloaded() -> Vec<PathBuf> {
    let Some(home) = std::env::var_os("HOME").map(PathBuf::from) else { return Vec::new() };
    let mut found = Vec::new();
    for cache in [home.join(".cache/ms-playwright"), home.join("Library/Caches/ms-playwright")] {
        for entry in std::fs::read_dir(cache).into_iter().flatten().flatten() {
            for inside in [
                "chrome-linux/chrome",
                "chrome-linux64/chrome",
                "chrome-mac/Chromium.app/Contents/MacOS/Chromium",
            ] {
                found.push(entry.path().join(inside));
            }
        }
    }
    found
}

fn with_apt() -> Result<(), String> {
    apt::install("browser", &["chromium", "fonts-dejavu-core"])
}

/// Ubuntu's chromium is a snap, which containers cannot run; Playwright brings its own.
fn with_playwright() -> Result<(), String> {
    say::note("browser: downloading chromium with playwright");
    let mut command = Command::new(place::web().join("node_modules/.bin/playwright"));
    run::plainly(command.args(["install", "chromium"]).current_dir(place::web()))
}
