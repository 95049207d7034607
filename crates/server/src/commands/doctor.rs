//! `homeostat doctor`: is everything there, and does it work?

use std::path::Path;
use std::process::ExitCode;

use serde_json::json;

use crate::cli::{Doctor, Output};
use crate::client::Client;
use crate::config::Config;
use crate::output::{self, line};
use crate::shipped;

struct Check {
    name: &'static str,
    ok: bool,
    note: String,
}

/// Runs every check; fails when one fails.
pub(crate) async fn run(doctor: Doctor, output: &Output) -> ExitCode {
    let mut checks = Vec::new();
    let config = match Config::load(doctor.config.as_deref(), std::env::vars()) {
        Ok(config) => {
            checks.push(Check { name: "configuration", ok: true, note: "is valid".into() });
            Some(config)
        }
        Err(error) => {
            checks.push(Check { name: "configuration", ok: false, note: error.to_string() });
            None
        }
    };
    if let Some(config) = &config {
        checks.push(result(
            "policy",
            shipped::policy(&config.rules.policies).map(|p| {
                format!("version {}, {} rules, {} guards", p.version(), p.rules().len(), p.guards().len())
            }),
        ));
        checks.push(result(
            "runbooks",
            shipped::runbooks(config.rules.runbooks.as_deref())
                .map(|r| format!("{} runbooks", r.iter().count())),
        ));
        checks.push(result("data folder", writable(&config.data.dir)));
        checks.push(server(config, output).await);
    }
    if output.json {
        let items: Vec<_> =
            checks.iter().map(|c| json!({"check": c.name, "ok": c.ok, "note": c.note})).collect();
        output::json(&json!({"items": items}));
    } else {
        for check in &checks {
            line(format!("{} {}: {}", if check.ok { "ok  " } else { "FAIL" }, check.name, check.note));
        }
    }
    if checks.iter().all(|c| c.ok) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn result(name: &'static str, result: Result<String, String>) -> Check {
    match result {
        Ok(note) => Check { name, ok: true, note },
        Err(note) => Check { name, ok: false, note },
    }
}

/// A file can be written and made durable where the data folder is or would be.
fn writable(folder: &Path) -> Result<String, String> {
    let nearest = folder.ancestors().find(|a| a.is_dir()).unwrap_or_else(|| Path::new("."));
    let nearest = if nearest.as_os_str().is_empty() { Path::new(".") } else { nearest };
    let probe = nearest.join(format!(".homeostat-doctor-{}", std::process::id()));
    let written = std::fs::write(&probe, b"x").and_then(|()| std::fs::File::open(&probe)?.sync_all());
    // The probe must not stay, whatever happened.
    let _ = std::fs::remove_file(&probe);
    match written {
        Ok(()) => Ok(format!("{} can be written", nearest.display())),
        Err(error) => {
            Err(format!("{} cannot be written: {error}; choose another with data.dir", nearest.display()))
        }
    }
}

/// A running server answers; otherwise its port must be free.
async fn server(config: &Config, output: &Output) -> Check {
    if let Ok(client) = Client::new(output)
        && let Ok(status) = client.get("/status", &[]).await
    {
        let note = format!("{} answers, state {}", client.url(), output::text(&status, "/state"));
        return Check { name: "server", ok: status["state"] == "running", note };
    }
    match tokio::net::TcpListener::bind(&config.server.listen).await {
        Ok(_) => {
            Check { name: "server", ok: true, note: format!("none runs; {} is free", config.server.listen) }
        }
        Err(error) => {
            let note = format!(
                "{} is taken ({error}) by something else; choose another with server.listen",
                config.server.listen
            );
            Check { name: "server", ok: false, note }
        }
    }
}
