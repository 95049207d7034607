//! The binary `homeostat`: reads the command line, runs one command, turns errors into sentences.

mod cli;
mod client;
mod commands;
mod config;
mod documents;
mod logging;
mod output;
mod pages;
mod private;
mod shipped;
mod wire;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Command};

/// First argument of the guard of a program that a workflow runs. It is for ourselves: the command line does not show it.
const RUN_GUARD: &str = "run-guard";

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() == Some(RUN_GUARD) {
        return connect::functions::run::guard::main(arguments);
    }
    let cli = Cli::parse();
    // One provider for all TLS of the process, chosen before the first client is built.
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        return fail("the TLS provider was installed twice");
    }
    match cli.command {
        // A shop service has a runtime of its own, with one thread: the shop is many and small.
        Command::Shop { service } => ended(commands::demo::shop(&service)),
        command => {
            let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
                Ok(runtime) => runtime,
                Err(error) => return fail(&format!("cannot start threads: {error}")),
            };
            let code = runtime.block_on(run(command, cli.output));
            runtime.shutdown_timeout(std::time::Duration::from_secs(2));
            code
        }
    }
}

async fn run(command: Command, output: cli::Output) -> ExitCode {
    let result = match command {
        Command::Up(up) => commands::up::run(up).await,
        Command::Demo(demo) => return commands::demo::run(demo, output).await,
        Command::Host(host) => return commands::host::run(host).await,
        Command::Status => commands::status::run(&output).await.map_err(|e| e.to_string()),
        Command::Incident(c) => commands::incident::run(c, &output).await.map_err(|e| e.to_string()),
        Command::Objectives => commands::objectives::run(&output).await.map_err(|e| e.to_string()),
        Command::Silence(c) => commands::silence::run(c, &output).await.map_err(|e| e.to_string()),
        Command::Triage(c) => commands::silence::triage(c, &output).await.map_err(|e| e.to_string()),
        Command::Decision(c) => commands::decision::run(c, &output).await.map_err(|e| e.to_string()),
        Command::Workflow(c) => commands::workflow::run(c, &output).await.map_err(|e| e.to_string()),
        Command::Fault(c) => commands::fault::run(c, &output).await.map_err(|e| e.to_string()),
        Command::Doctor(doctor) => return commands::doctor::run(doctor, &output).await,
        Command::Connect(connect) => return commands::connect::run(connect, &output).await,
        Command::Completion { shell } => {
            commands::reference::completion(shell);
            Ok(())
        }
        Command::Reference { what } => commands::reference::run(&what),
        Command::World(world) => commands::demo::world(world).await,
        Command::Shop { service } => commands::demo::shop(&service),
    };
    ended(result)
}

fn ended(result: Result<(), String>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => fail(&message),
    }
}

fn fail(message: &str) -> ExitCode {
    output::error(message);
    ExitCode::FAILURE
}
