//! A store with 100,000 open runs, left by a process that was killed: how long another one takes from opening it
//! until every run has asked again for what it waits for.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;
use std::time::Instant;

use serde_json::{Map, Value, json};

use crate::bed::Bed;
use crate::outside::{call, gate};
use crate::{Failed, machine};

const RUNS: usize = 100_000;

pub(crate) fn measure(folder: &Path) -> Result<Map<String, Value>, Failed> {
    eprintln!("{RUNS} runs are started, their process is killed, and they are taken up …");
    let mut fill = machine::own("fill", folder)?.stdout(Stdio::piped()).spawn()?;
    let mut line = String::new();
    let out = fill.stdout.take().ok_or("the process has no output")?;
    BufReader::new(out).read_line(&mut line)?;
    fill.kill()?;
    fill.wait()?;
    if line.trim() != "filled" {
        return Err("the process that fills the store ended too early".into());
    }
    machine::part("recover", folder)
}

/// Starts the runs; each has done a step when it comes to the one that is not answered.
pub(crate) async fn fill(folder: &Path) -> Result<(), Failed> {
    let bed = Bed::open(folder).await?;
    let tasks = [json!({"one": call(false)}), json!({"two": gate()}), json!({"three": call(false)})];
    let tasks: String = tasks.iter().map(|task| format!("- {task}\n")).collect();
    bed.put("open", &tasks).await?;
    bed.start_many("open", 0..RUNS).await?;
    bed.outside.arrived(RUNS as u64).await;
    println!("filled");
    // Until it is killed.
    std::future::pending().await
}

pub(crate) async fn recover(folder: &Path) -> Result<(), Failed> {
    let began = Instant::now();
    let bed = Bed::open(folder).await?;
    let opened = began.elapsed().as_secs_f64();
    bed.outside.arrived(RUNS as u64).await;
    let all = began.elapsed().as_secs_f64();
    let peak = machine::peak_bytes()? / 1e6;
    println!("{}", json!({"recovery_s_100k": all, "recovery_opened_s": opened, "recovery_peak_mb": peak}));
    bed.close().await;
    Ok(())
}
