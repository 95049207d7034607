//! `cargo xtask test`: one command that runs every test on a fresh machine and adds up what came of it.

mod apt;
mod broker;
mod browser;
mod count;
mod report;

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use crate::place::Scratch;
use crate::server::Server;
use crate::{check, generate, http, place, run, say, web};
use count::Counted;
use report::{Report, Result as StepResult, Step};

/// Runs everything; fails when anything did.
pub(crate) fn run(quick: bool, only: Option<String>) -> std::result::Result<(), String> {
    let mut report = Report::new(if quick { 10 } else { 15 }, only);
    report.step("laws", || Ok(Step::of_faults(check::broken()?)));
    report.step("format", || tool("fmt", "rustfmt", &["fmt", "--all", "--check"]));
    if !quick {
        report.step("clippy", || {
            tool("clippy", "clippy", &["clippy", "--workspace", "--all-targets", "--quiet"])
        });
    }
    let packages = report.step("dashboard: packages", || web::install().map(|_| Step::done()));
    report.step_after(packages, "dashboard: types", || {
        program(&mut run::npm(&["run", "--silent", "typecheck"]))
    });
    report.step_after(packages, "dashboard: lint", || program(&mut run::npm(&["run", "--silent", "lint"])));
    report.step_after(packages, "dashboard: unit tests", || {
        tests(&mut run::npm(&["run", "--silent", "test"]), count::vitest)
    });
    let dashboard = report.step_after(packages, "dashboard: build", || web::build().map(|_| Step::done()));
    let binary = report.step("binary", || program(&mut run::cargo(&["build", "-p", "server"])));
    report.step("broker", || broker::find_or_install().map(|()| Step::done()));
    report.step("rust tests", rust_tests);
    if !quick {
        report
            .step_after(binary && packages, "generated files", || generate::run(true).map(|()| Step::done()));
        let mut found = None;
        let browser = report.step_after(dashboard, "browser", || {
            found = Some(browser::find_or_install()?);
            Ok(Step::done())
        });
        let chromium = found.or_else(browser::find).unwrap_or_default();
        report.step_after(browser, "browser tests, mock", || {
            let mut command = run::npm(&["run", "--silent", "test:e2e"]);
            tests(command.env("CHROMIUM", &chromium).env_remove("HOMEOSTAT_URL"), count::playwright)
        });
        report.step_after(browser && binary, "browser tests, real demo", || live(&chromium));
    }
    report.close()
}

/// A component of the toolchain; asked of rustup when it is missing.
fn tool(name: &str, component: &str, arguments: &[&str]) -> StepResult {
    if run::captured(&mut run::cargo(&[name, "--version"])).is_err() {
        let mut rustup = Command::new("rustup");
        run::plainly(rustup.args(["component", "add", component]))
            .map_err(|e| format!("{component} is missing: install it with your Rust toolchain ({e})"))?;
    }
    program(&mut run::cargo(arguments))
}

/// A program that succeeds or fails and counts nothing.
fn program(command: &mut Command) -> StepResult {
    let ended = run::shown(command)?;
    Ok(if ended.ok { Step::done() } else { Step::of_faults(1) })
}

/// A test runner. What it does not count does not pass.
fn tests(command: &mut Command, count: fn(&str) -> Option<Counted>) -> StepResult {
    let ended = run::shown(command)?;
    let Some(counted) = count(&ended.text).filter(|c| c.passed + c.failed > 0) else {
        return Err("the runner counted no tests; its output is above".to_owned());
    };
    Ok(Step::counted(counted, ended.ok))
}

/// nextest where it is installed, else `cargo test`.
fn rust_tests() -> StepResult {
    if run::exists("cargo-nextest", "--version") {
        let arguments = ["nextest", "run", "--workspace", "--no-fail-fast", "--status-level", "fail"];
        return tests(&mut run::cargo(&arguments), count::nextest);
    }
    say::note("cargo-nextest is not installed; using cargo test");
    tests(&mut run::cargo(&["test", "--workspace", "--no-fail-fast"]), count::cargo_test)
}

/// Drives a browser through the real demo: real processes, real faults.
fn live(chromium: &std::path::Path) -> StepResult {
    let scratch = Scratch::new("live")?;
    let binary: PathBuf = place::binary("debug");
    let address = format!("127.0.0.1:{}", http::free_port()?);
    let mut command = Command::new(binary);
    command.args(["demo", "--listen", &address, "--dir"]).arg(scratch.path().join("demo"));
    let mut demo = Server::start(&mut command, scratch.path()).map_err(|e| format!("the demo: {e}"))?;
    let link = demo
        .wait_for_line(Duration::from_secs(90), |line| {
            line.split_whitespace()
                .find(|w| w.starts_with("http://") && w.contains("#ticket="))
                .map(str::to_owned)
        })
        .map_err(|e| format!("the demo gave no sign-in link: {e}"))?;
    http::wait_until_ok(&address, "/readyz", Duration::from_secs(60))
        .ok_or_else(|| format!("the demo is not ready after 60 s; it said:\n{}", demo.tail()))?;
    let mut npm = run::npm(&["run", "--silent", "test:live"]);
    let result = tests(npm.env("CHROMIUM", chromium).env("HOMEOSTAT_URL", link), count::playwright);
    if !matches!(&result, Ok(step) if step.ok) {
        say::note(format!("the demo said last:\n{}", demo.tail()));
    }
    result
}
