//! `cargo xtask build`: the dashboard, then the release binary that carries it.

use crate::say::Steps;
use crate::{place, run, say, web};

/// Builds both.
pub(crate) fn run() -> Result<(), String> {
    let mut steps = Steps::new(3);
    all(&mut steps)?;
    let binary = place::binary("release");
    let bytes = std::fs::metadata(&binary).map_or(0, |m| m.len());
    say::out(format!("{} ({:.1} MB)", binary.display(), bytes as f64 / 1e6));
    Ok(())
}

/// The three steps that `demo` takes as well.
pub(crate) fn all(steps: &mut Steps) -> Result<(), String> {
    web::require_node()?;
    steps.step("Packages of the dashboard", web::install)?;
    steps.step("Dashboard", web::build)?;
    steps.step("Binary, release (the first time takes minutes)", release)
}

/// Builds the release binary with the dashboard, policies and runbooks as they are now.
pub(crate) fn release() -> Result<&'static str, String> {
    run::plainly(&mut run::cargo(&["build", "--release", "-p", "server"]))?;
    Ok("built")
}
