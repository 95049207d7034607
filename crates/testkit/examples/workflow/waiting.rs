//! Resident memory that a run takes while it waits for time to pass, in a process of its own, so that nothing which
//! was freed before is used again.

use std::path::Path;

use serde_json::json;

use crate::bed::Bed;
use crate::{Failed, machine};

/// Runs that are there before the first look, so that what grows once has grown.
const BEFORE: usize = 10_000;
const MORE: usize = 40_000;

pub(crate) async fn measure(folder: &Path) -> Result<(), Failed> {
    let bed = Bed::open(folder).await?;
    bed.put("sleepy", "- one: {set: {n: '${ .n + 1 }'}}\n- sleep: {wait: {hours: 24}}").await?;
    bed.start_many("sleepy", 0..BEFORE).await?;
    let before = machine::resident_bytes()?;
    bed.start_many("sleepy", BEFORE..BEFORE + MORE).await?;
    let after = machine::resident_bytes()?;
    println!("{}", json!({"bytes_per_waiting_run": (after - before) / MORE as f64}));
    bed.close().await;
    Ok(())
}
