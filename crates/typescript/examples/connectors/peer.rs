//! The fastest peer that makes a client: openapi-typescript-codegen.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::judge::Tools;

/// How long it takes to make a client, as its users call it; nothing where it fails.
pub(crate) fn seconds(tools: &Tools, document: &Path, folder: &Path) -> Option<f64> {
    let began = Instant::now();
    let status = Command::new("node")
        .arg(tools.modules.join("openapi-typescript-codegen/bin/index.js"))
        .arg("--input")
        .arg(document)
        .arg("--output")
        .arg(folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .ok()?;
    let seconds = began.elapsed().as_secs_f64();
    (status.success() && folder.join("index.ts").is_file()).then_some(seconds)
}
