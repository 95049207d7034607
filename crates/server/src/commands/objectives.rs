//! `homeostat objectives`.

use serde_json::Value;

use crate::cli::Output;
use crate::client::{Client, ClientError};
use crate::output::{json, table, text};

/// Shows what services promise, what is left of each budget, and how fast it is spent.
///
/// # Errors
/// The server does not answer or refuses.
pub(crate) async fn run(output: &Output) -> Result<(), ClientError> {
    let client = Client::new(output)?;
    let found = client.get("/objectives", &[]).await?;
    if output.json {
        json(&found);
        return Ok(());
    }
    let rows = found["items"].as_array().into_iter().flatten().map(row).collect();
    let head = ["objective", "service", "promised", "met", "budget left", "burning"];
    table(&head, rows, "No objective is set: name OpenSLO files in [rules] objectives.");
    Ok(())
}

fn row(status: &Value) -> Vec<String> {
    let percent = |value: &Value, places: usize| match value.as_f64() {
        Some(share) => format!("{:.places$} %", share * 100.0),
        None => "no data".to_owned(),
    };
    // The fastest of the long windows.
    let burning = status["burning"].as_array().into_iter().flatten().filter_map(|pair| pair[0].as_f64());
    let fastest = burning.fold(None, |most: Option<f64>, speed| Some(most.map_or(speed, |m| m.max(speed))));
    vec![
        text(status, "/objective/title"),
        text(status, "/objective/service"),
        percent(&status["objective"]["target"], 2),
        percent(&status["met"], 3),
        percent(&status["budget_left"], 1),
        fastest.map_or_else(|| "no data".to_owned(), |speed| format!("{speed:.1} x")),
    ]
}
