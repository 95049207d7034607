//! `/metrics`: Homeostat's own numbers in the Prometheus text format.

use std::fmt::Write;

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use engine::records::{Record, name_of};
use model::{Incident, Run};
use ports::{Filter, Index, Query};

use crate::app::{App, ComponentState};
use crate::auth::Caller;
use crate::incidents::{ACTIVE, status_filter};
use crate::problem::Problem;
use crate::status::components;

/// Homeostat's own numbers.
///
/// # Errors
/// The store failed.
pub async fn get(State(app): State<App>, caller: Caller) -> Result<impl IntoResponse, Problem> {
    caller.require(engine::command::Role::Viewer)?;
    let store = app.engine.records().store();
    let mut text = String::with_capacity(2_048);
    let mut put = |name: &str, kind: &str, help: &str, samples: &[(String, f64)]| {
        // Writing into a String cannot fail.
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for (labels, value) in samples {
            let _ = writeln!(text, "{name}{labels} {value}");
        }
    };
    let one = |value: f64| vec![(String::new(), value)];
    let (lag, worked) = app.engine.lag();
    put(
        "homeostat_signals_accepted_total",
        "counter",
        "Signals made durable.",
        &one(app.engine.intake().accepted() as f64),
    );
    put(
        "homeostat_signals_worked_total",
        "counter",
        "Signals worked by the detect stage.",
        &one(worked as f64),
    );
    put("homeostat_bus_lag_batches", "gauge", "Batches the detect stage is behind.", &one(lag as f64));
    put(
        "homeostat_bus_corrupt_total",
        "counter",
        "Batches that could not be read back.",
        &one(app.engine.corrupt_batches() as f64),
    );
    let mut incidents = Vec::new();
    for status in ACTIVE {
        let count = store.count(&Query::of(Incident::KIND).filter(status_filter(&[status]))).await?;
        incidents.push((format!("{{status=\"{}\"}}", name_of(&status)), count as f64));
    }
    put("homeostat_incidents_open", "gauge", "Incidents that are not over.", &incidents);
    let mut runs = Vec::new();
    for status in ["pending", "running", "waiting", "suspended", "completed", "faulted", "cancelled"] {
        let filter = Filter::In("status", vec![Index::Text(status.to_owned())]);
        let count = store.count(&Query::of(Run::KIND).filter(filter)).await?;
        runs.push((format!("{{status=\"{status}\"}}"), count as f64));
    }
    put("homeostat_runs", "gauge", "Runs by status.", &runs);
    let parts: Vec<(String, f64)> = components(&app)
        .into_iter()
        .map(|c| {
            let up = if c.state == ComponentState::Running { 1.0 } else { 0.0 };
            (format!("{{component=\"{}\"}}", label(&c.name)), up)
        })
        .collect();
    put("homeostat_component_up", "gauge", "1 while the part runs without complaint.", &parts);
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text))
}

/// A label value, escaped as the text format wants it.
fn label(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
