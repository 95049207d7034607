//! `bench start`: how long from starting the process until it serves, what it takes idle, how large it is.

use std::process::Command;
use std::time::{Duration, Instant};

use super::median;
use crate::place::Scratch;
use crate::server::Server;
use crate::{build, http, place, run, say};

/// Idle memory is looked at this long after the start.
const SETTLE: Duration = Duration::from_secs(10);

pub(super) fn run(runs: usize, json: bool) -> Result<(), String> {
    say::note("building the release binary …");
    build::release()?;
    let binary = place::binary("release");
    let binary_mb = std::fs::metadata(&binary).map_or(0.0, |m| m.len() as f64 / 1e6);
    let mut first_ms = Vec::new();
    let mut again_ms = Vec::new();
    let mut idle_mb = None;
    for number in 1..=runs.max(1) {
        // First with an empty data folder, as a new user sees it; then with the folder that is there.
        let scratch = Scratch::new("start")?;
        let (first, server) = start(&scratch)?;
        if number == 1 {
            say::note(format!("idle for {} s …", SETTLE.as_secs()));
            std::thread::sleep(SETTLE);
            idle_mb = resident_mb(server.id());
        }
        drop(server);
        let (again, server) = start(&scratch)?;
        drop(server);
        say::note(format!(
            "run {number} of {runs}: {first:.0} ms on an empty folder, {again:.0} ms on its own"
        ));
        first_ms.push(first);
        again_ms.push(again);
    }
    let start_ms = median(&again_ms).unwrap_or_default();
    let first_start_ms = median(&first_ms).unwrap_or_default();
    let idle_rss_mb = idle_mb.ok_or("cannot read the memory of the process")?;
    say::out(format!("{:<44} {:>10}", "measure", "value"));
    say::out(format!("{:<44} {start_ms:>7.0} ms", format!("start to serving, median of {runs}")));
    say::out(format!("{:<44} {first_start_ms:>7.0} ms", "first start ever (makes the admin), median"));
    say::out(format!("{:<44} {idle_rss_mb:>7.1} MB", "resident memory, idle for 10 s"));
    say::out(format!("{:<44} {binary_mb:>7.1} MB", "size of the binary with the dashboard"));
    if json {
        let line = serde_json::json!({
            "start_ms": start_ms, "first_start_ms": first_start_ms, "idle_rss_mb": idle_rss_mb,
            "binary_mb": binary_mb, "runs": runs,
        });
        say::out(line);
    }
    Ok(())
}

fn start(scratch: &Scratch) -> Result<(f64, Server), String> {
    let address = format!("127.0.0.1:{}", http::free_port()?);
    let mut command = Command::new(place::binary("release"));
    command
        .arg("up")
        .env("HOMEOSTAT_DATA_DIR", scratch.path().join("data"))
        .env("HOMEOSTAT_SERVER_LISTEN", &address)
        .env("HOMEOSTAT_LOG_FILTER", "warn");
    let began = Instant::now();
    let server = Server::start(&mut command, scratch.path())?;
    http::wait_until_ok(&address, "/healthz", Duration::from_secs(20))
        .ok_or_else(|| format!("the server does not serve after 20 s; it said:\n{}", server.tail()))?;
    Ok((began.elapsed().as_secs_f64() * 1e3, server))
}

/// Resident memory of a process.
fn resident_mb(pid: u32) -> Option<f64> {
    let kilobytes: f64 = match std::fs::read_to_string(format!("/proc/{pid}/status")) {
        Ok(status) => {
            let line = status.lines().find(|l| l.starts_with("VmRSS:"))?;
            line.split_whitespace().nth(1)?.parse().ok()?
        }
        Err(_) => run::captured(Command::new("ps").args(["-o", "rss=", "-p", &pid.to_string()]))
            .ok()?
            .trim()
            .parse()
            .ok()?,
    };
    Some(kilobytes * 1_024.0 / 1e6)
}
