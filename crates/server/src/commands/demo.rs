//! `homeostat demo`: the world, the server that watches it, the tour, and one look at a fault or at none.

mod healthy;
mod once;
mod world;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use api::DemoControl;
use engine::Engine;

use crate::cli::{Demo, Output};
use crate::config::{Config, Level};
use crate::output::{error, json, line, progress};
use crate::{logging, wire};
use world::WorldProcess;

pub(crate) use world::{serve as world, shop};

/// Faults of the tour, in an order that shows different things.
const TOUR: [&str; 10] = [
    "crash",
    "bad-release",
    "slow-dependency",
    "hang",
    "memory-leak",
    "bad-config",
    "disk-full",
    "cpu-spin",
    "log-flood",
    "crash-loop",
];

/// Runs the demo until told to stop, or one fault with `--once`.
pub(crate) async fn run(demo: Demo, output: Output) -> ExitCode {
    match try_run(&demo, &output).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(message) => {
            error(&message);
            ExitCode::FAILURE
        }
    }
}

async fn try_run(demo: &Demo, output: &Output) -> Result<bool, String> {
    let dir = folder(demo)?;
    let config = settings(demo, &dir);
    logging::start(&config.log);
    let listener = wire::listen(&config.server.listen).await.map_err(|e| e.to_string())?;
    let address = listener.local_addr().map_err(|e| e.to_string())?;
    progress("Starting the shop: gateway, catalog, checkout, payments, worker and their customers …");
    let ingest_token = world::secret("hs_");
    let world = WorldProcess::start(&dir.join("world"), &wire::url_of(address), &ingest_token).await?;
    let control = world.control();
    let extras = wire::Extras {
        hosts: vec![wire::HostAccess { url: world.url().to_owned(), token: world.token().to_owned() }],
        demo: Some(Arc::clone(&control) as Arc<dyn DemoControl>),
        ingest_tokens: vec![ingest_token],
    };
    let running = wire::start(&config, listener, extras).await.map_err(|e| e.to_string())?;
    let done = if demo.once {
        look_once(demo, output, &running.engine, &control).await
    } else {
        greet(&running);
        let tour = tokio::spawn(tour(demo.clone(), control));
        super::up::told_to_stop().await;
        tour.abort();
        true
    };
    running.stop().await;
    world.stop().await;
    Ok(done)
}

async fn look_once(demo: &Demo, output: &Output, engine: &Engine, control: &Arc<world::Control>) -> bool {
    if demo.healthy {
        let report = healthy::run(demo.minutes, engine, control).await;
        print(&report, output);
        return report.is_success();
    }
    let report = once::run(demo, engine, control).await;
    print(&report, output);
    report.is_success()
}

/// Compact with `--json`: one object on one line, the last of standard output.
fn print(report: &impl serde::Serialize, output: &Output) {
    if output.json {
        line(serde_json::to_string(report).unwrap_or_default());
        return;
    }
    json(&serde_json::to_value(report).unwrap_or_default());
}

fn greet(running: &wire::Running) {
    let ticket = running.auth.ticket("admin", running.engine.now());
    let url = wire::url_of(running.address);
    progress("");
    progress(
        "Homeostat watches the shop. Open the dashboard (the link signs you in once, within 15 minutes):",
    );
    progress(&format!("  {url}/#ticket={ticket}"));
    if let Some(password) = &running.first_password {
        progress(&format!("  later: {url} as admin with the password {password}"));
    }
    progress("Break something: Faults in the dashboard, or `homeostat fault inject memory-leak`.");
    progress("Ctrl-C ends the demo and every process of it.");
}

/// Injects faults by themselves when asked to: the named one first, then the others in turn.
async fn tour(demo: Demo, control: Arc<world::Control>) {
    if demo.fault.is_none() && demo.every_s.is_none() {
        return;
    }
    tokio::time::sleep(Duration::from_secs(demo.warm_up_s)).await;
    let first = demo.fault.as_deref().into_iter();
    let rest = TOUR.iter().copied().cycle();
    for (number, fault) in first.chain(rest).enumerate() {
        if number > 0 {
            let Some(every_s) = demo.every_s else { return };
            tokio::time::sleep(Duration::from_secs(every_s.max(5))).await;
        }
        match control.inject(fault, None).await {
            Ok(()) => progress(&format!("Injected {fault}.")),
            Err(problem) => progress(&format!("Could not inject {fault}: {}", problem.detail)),
        }
    }
}

fn settings(demo: &Demo, dir: &Path) -> Config {
    let mut config = Config::default();
    config.server.listen.clone_from(&demo.listen);
    config.data.dir = dir.join("data");
    // The demo's own host tells the figures of this machine.
    config.machine.interval_ms = 0;
    config.rules.policies = vec!["shipped:default.yaml".into(), "shipped:demo.yaml".into()];
    config.rules.autonomy = Level::Auto;
    // The demo often shares its machine with a build; hiccups of that are no finding.
    config.detect.latency_slack_ms = 200.0;
    config.patience.settle_ms = 800;
    config.patience.quiet_ms = 3_000;
    config.patience.inconclusive_ms = 20_000;
    config.patience.verify_s = 6;
    config.patience.linger_ms = 20_000;
    config.patience.checkpoint_ms = 5_000;
    config.log.filter = if demo.once { "warn".into() } else { "warn,engine=info".into() };
    if let Ok(filter) = std::env::var("HOMEOSTAT_LOG_FILTER") {
        config.log.filter = filter;
    }
    config
}

/// The demo's folder, emptied. Only a folder that a demo made is ever emptied.
fn folder(demo: &Demo) -> Result<PathBuf, String> {
    const MARK: &str = ".homeostat-demo";
    let dir = match &demo.dir {
        Some(dir) => dir.clone(),
        None => crate::client::context_file()
            .and_then(|f| f.parent().map(|p| p.join("demo")))
            .ok_or("HOME is not set; give --dir")?,
    };
    let failed =
        |e: std::io::Error| format!("cannot use the folder {}: {e}; give another with --dir", dir.display());
    if dir.exists() {
        let used = std::fs::read_dir(&dir).map_err(failed)?.next().is_some();
        if used && !dir.join(MARK).exists() {
            return Err(format!("{} is not empty and not of a demo; give another with --dir", dir.display()));
        }
        for part in ["data", "world"] {
            let part = dir.join(part);
            if part.exists() {
                std::fs::remove_dir_all(&part).map_err(failed)?;
            }
        }
    }
    std::fs::create_dir_all(&dir).map_err(failed)?;
    std::fs::write(dir.join(MARK), b"").map_err(failed)?;
    dir.canonicalize().map_err(failed)
}
