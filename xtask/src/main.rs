//! `cargo xtask`: everything one does to this repository that is not `cargo build`.
//!
//! Each command is one file. Kept small in dependencies, because it is compiled before everything else.

mod allow;
mod bench;
mod build;
mod check;
mod demo;
mod generate;
mod http;
mod new;
mod place;
mod run;
mod say;
mod server;
mod test;
mod web;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(
    name = "cargo xtask",
    about = "Builds, tests, checks and measures Homeostat",
    arg_required_else_help = true
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build everything and start the demo.
    Demo {
        /// Arguments of `homeostat demo`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Build the dashboard and the release binary.
    Build,
    /// Run every test: laws, Rust, dashboard, generated files, browser.
    Test {
        /// Leave out clippy, generated files and the browser.
        #[arg(long)]
        quick: bool,
        /// Only steps with this in their name: `rust`, `dashboard`, `browser`, `real demo`.
        #[arg(long)]
        only: Option<String>,
    },
    /// Check the laws of the house: layers, sizes, docs, links, dependencies.
    Check,
    /// Write what is generated from code: references, OpenAPI, types of the dashboard.
    Generate {
        /// Write nothing; fail when something is out of date.
        #[arg(long)]
        check: bool,
    },
    /// Measure something.
    Bench {
        /// What.
        #[arg(value_enum)]
        name: bench::Name,
        /// Folder with the data of the bench.
        #[arg(long)]
        data: Option<PathBuf>,
        /// Print one JSON object as the last line of standard output.
        #[arg(long)]
        json: bool,
        /// How often to run it (`start`, `workflow`: 20, `faults`: 5).
        #[arg(long)]
        runs: Option<usize>,
        /// `faults`: only this one; may be given several times.
        #[arg(long)]
        fault: Vec<String>,
        /// `workflow`: also measure other engines; installs them into the cache folder first.
        #[arg(long)]
        peers: bool,
    },
    /// Start a new part from a template that compiles.
    New {
        /// What kind.
        #[arg(value_enum)]
        kind: new::Kind,
        /// Its name: small letters, digits and dashes.
        name: String,
    },
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Demo { arguments } => demo::run(&arguments),
        Command::Build => build::run(),
        Command::Test { quick, only } => test::run(quick, only),
        Command::Check => check::run(),
        Command::Generate { check } => generate::run(check),
        Command::Bench { name, data, json, runs, fault, peers } => {
            bench::run(name, &bench::Options { data, json, runs, faults: fault, peers })
        }
        Command::New { kind, name } => new::run(kind, &name),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            say::note(format!("error: {message}"));
            ExitCode::FAILURE
        }
    }
}
