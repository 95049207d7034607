//! `homeostat connect`: packages of documents, what is wrong with them, what changed between them, and a mock server.

mod folder;
mod make;
mod manifest;
mod mock;
mod plan;
mod reading;
mod told;

use std::process::ExitCode;

use api::connectors::{ConnectorDiagnostic, ConnectorDiff, ConnectorTitle, diagnostics};
use openapi::Impact;
use serde_json::json;

use crate::cli::Output;
use crate::cli::connect::{Connect, ConnectCommand, Reading};
use crate::output::{self, line};

use reading::Stages;

/// How a comparison ends when something breaks: not as what could not be done, nor as a wrong flag.
const BREAKS: u8 = 3;

/// Does what was asked.
pub(crate) async fn run(connect: Connect, output: &Output) -> ExitCode {
    let done = match (connect.command, connect.make) {
        (Some(ConnectCommand::Check { spec, all, reading }), _) => check(&spec, all, &reading, output).await,
        (Some(ConnectCommand::Diff { old, new, reading }), _) => diff(&old, &new, &reading, output).await,
        (Some(ConnectCommand::Mock { spec, listen, reading }), _) => {
            mock::run(&spec, &listen, &reading, output).await
        }
        (None, Some(make)) => make::run(make, output).await,
        (None, None) => Err("name a document: `homeostat connect SPEC -o DIR`".to_owned()),
    };
    done.unwrap_or_else(|message| {
        output::error(&message);
        ExitCode::FAILURE
    })
}

/// Says what is wrong with a document.
async fn check(spec: &str, all: bool, reading: &Reading, output: &Output) -> Result<ExitCode, String> {
    let documents = reading::reader(reading)?;
    let stages = Stages::default();
    let read = stages.watch(reading::read(&documents, spec, &stages)).await;
    let outcome = match read {
        Ok(outcome) => outcome,
        Err(error) if output.json => {
            let found = [ConnectorDiagnostic::from(&error)];
            output::json(&json!({"source": spec, "usable": false, "diagnostics": found}));
            return Ok(ExitCode::FAILURE);
        }
        Err(error) => return Err(reading::refused(&error)),
    };
    stages.say("trying to make a package of it".to_owned());
    let work = tokio::task::spawn_blocking(move || {
        let notes = typescript::package(&outcome.api, &typescript::Options::default()).notes;
        (outcome, notes)
    });
    let (outcome, notes) = stages.watch(work).await.map_err(|error| error.to_string())?;
    let found = diagnostics(&outcome.diagnostics, &notes);
    let api = &outcome.api;
    if output.json {
        output::json(&json!({
            "source": spec,
            "usable": true,
            "api": ConnectorTitle::from(api),
            "schemas": api.named().len(),
            "files": api.files(),
            "diagnostics": found,
        }));
    } else {
        told::findings(&found, all).iter().for_each(line);
        let parts = [
            told::named(api),
            told::count(api.operations.len(), "operation"),
            told::count(api.named().len(), "named schema"),
            told::count(api.files(), "file"),
            told::counted(&found),
        ];
        line(parts.join(" · "));
    }
    let broken = found.iter().any(|one| one.severity == "error");
    Ok(if broken { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Says what changed.
async fn diff(old: &str, new: &str, reading: &Reading, output: &Output) -> Result<ExitCode, String> {
    if old == "-" && new == "-" {
        return Err("only one of the two can come from standard input".to_owned());
    }
    let documents = reading::reader(reading)?;
    let stages = Stages::default();
    let read = async |spec: &str| {
        let read = stages.watch(reading::read(&documents, spec, &stages)).await;
        read.map_err(|error| reading::refused(&error))
    };
    let (old, new) = (read(old).await?.api, read(new).await?.api);
    stages.say("comparing".to_owned());
    let work = tokio::task::spawn_blocking(move || {
        let compared = openapi::diff(&old, &new);
        (ConnectorDiff::of(&compared, &old, &new), told::named(&old), told::named(&new))
    });
    let (compared, old, new) = stages.watch(work).await.map_err(|error| error.to_string())?;
    if output.json {
        output::json(&serde_json::to_value(&compared).map_err(|error| error.to_string())?);
    } else {
        print_diff(&compared, &old, &new);
    }
    Ok(if compared.breaking > 0 { ExitCode::from(BREAKS) } else { ExitCode::SUCCESS })
}

fn print_diff(compared: &ConnectorDiff, old: &str, new: &str) {
    let impacts = [Impact::Breaking, Impact::Caution, Impact::Addition, Impact::Documentation];
    let of = |impact: Impact| compared.changes.iter().filter(move |change| change.impact == impact.name());
    for impact in impacts {
        let mut said: Option<&str> = None;
        for (nth, change) in of(impact).enumerate() {
            if nth == 0 {
                line(format!("{}:", impact.name()));
            }
            let operation = change.operation.as_deref().unwrap_or("the whole API");
            if said != Some(operation) {
                line(format!("  {operation}"));
                said = Some(operation);
            }
            let place = if change.place.is_empty() { String::new() } else { format!("{}: ", change.place) };
            let at = change.new.as_ref().or(change.old.as_ref());
            let at = at.map(|at| format!(" ({}:{})", at.file, at.line)).unwrap_or_default();
            line(format!("    {place}{} [{}]{at}", change.message, change.code));
        }
    }
    let counts = impacts.map(|impact| format!("{} {}", of(impact).count(), impact.name()));
    let step = match compared.step.as_str() {
        "none" => "nothing changed".to_owned(),
        step => format!("the next version is a {step} one"),
    };
    line(format!("{old} → {new}: {step} ({})", counts.join(", ")));
}
