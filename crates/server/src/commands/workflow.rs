//! `homeostat workflow`.

use std::time::Duration;

use serde_json::{Value, json};

use crate::cli::{Output, Workflow};
use crate::client::{Client, ClientError};
use crate::output::{self, line, table, text};

/// Lists, shows, starts and cancels.
///
/// # Errors
/// The server does not answer or refuses.
pub(crate) async fn run(command: Workflow, output: &Output) -> Result<(), ClientError> {
    let client = Client::new(output)?;
    match command {
        Workflow::List => {
            let page = client.get("/runbooks", &[]).await?;
            let row = |r: &Value| {
                vec![text(r, "/name"), text(r, "/title"), text(r, "/handles"), text(r, "/actions")]
            };
            list(output, &page, &["runbook", "title", "handles", "actions"], row, "No runbooks.");
        }
        Workflow::Runs { status, limit } => {
            let limit = limit.to_string();
            let mut query = vec![("limit", limit.as_str())];
            query.extend(status.as_deref().map(|s| ("status", s)));
            let page = client.get("/runs", &query).await?;
            let row = |r: &Value| {
                vec![
                    text(r, "/id"),
                    text(r, "/workflow"),
                    text(r, "/service"),
                    text(r, "/status"),
                    text(r, "/started_at"),
                ]
            };
            list(output, &page, &["run", "workflow", "service", "status", "started"], row, "No runs yet.");
        }
        Workflow::Run { runbook, input, wait } => {
            let input: Value = serde_json::from_str(&input).map_err(|e| ClientError::Refused {
                title: "The input is no JSON".into(),
                detail: e.to_string(),
                code: "invalid_request".into(),
            })?;
            let started = client.post("/runs", &json!({"runbook": runbook, "input": input})).await?;
            let id = text(&started, "/id");
            if wait {
                follow(&client, &id, output).await?;
            } else if output.json {
                output::json(&started);
            } else {
                line(format!("Started {id}. `homeostat workflow show {id}` shows it."));
            }
        }
        Workflow::Show { id } if id.starts_with("run_") => {
            let detail = client.get(&format!("/runs/{id}"), &[]).await?;
            print_run(&client, &detail, output).await;
        }
        Workflow::Show { id } => {
            let detail = client.get(&format!("/runbooks/{id}"), &[]).await?;
            if output.json {
                output::json(&detail);
            } else {
                line(text(&detail, "/markdown"));
            }
        }
        Workflow::Cancel { id } => {
            client.post(&format!("/runs/{id}/cancel"), &json!({})).await?;
            line("Cancelling; what it did is being undone.");
        }
    }
    Ok(())
}

fn list(output: &Output, page: &Value, head: &[&str], row: impl Fn(&Value) -> Vec<String>, empty: &str) {
    if output.json {
        output::json(page);
    } else {
        table(head, page["items"].as_array().into_iter().flatten().map(row).collect(), empty);
    }
}

async fn follow(client: &Client, id: &str, output: &Output) -> Result<(), ClientError> {
    loop {
        let detail = client.get(&format!("/runs/{id}"), &[]).await?;
        let status = text(&detail, "/run/status");
        if matches!(status.as_str(), "completed" | "faulted" | "cancelled") {
            print_run(client, &detail, output).await;
            return match status.as_str() {
                "completed" => Ok(()),
                _ => Err(ClientError::NotCompleted { run: id.to_owned(), status }),
            };
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

async fn print_run(client: &Client, detail: &Value, output: &Output) {
    if output.json {
        return output::json(detail);
    }
    let run = &detail["run"];
    line(format!("{}  {}  {}", text(run, "/id"), text(run, "/workflow"), text(run, "/status")));
    let error = text(run, "/error");
    if !error.is_empty() {
        line(format!("error: {error}"));
    }
    if let Some(id) = run["purpose"]["decision"].as_str() {
        // What the run did is worth showing also when its decision cannot be had.
        if let Ok(decision) = client.get(&format!("/decisions/{id}"), &[]).await {
            line(why(&decision["decision"]));
        }
    }
    let steps = run["steps"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|s| {
            let undo = if s["compensation"] == true { "undo " } else { "" };
            vec![
                format!("{undo}{}", text(s, "/path")),
                text(s, "/call"),
                text(s, "/status"),
                s["attempt"].to_string(),
                text(s, "/error"),
            ]
        })
        .collect();
    table(&["step", "call", "status", "attempt", "error"], steps, "No step has started yet.");
}

/// The decision that started a run, with both confidences by name: rules compare the calibrated one, what the
/// run teaches is kept for the raw one.
fn why(decision: &Value) -> String {
    let number = |pointer: &str| decision.pointer(pointer).and_then(Value::as_f64).unwrap_or_default();
    format!(
        "decided with confidence {:.3} (raw {:.3}, before calibration); why: homeostat decision why {}",
        number("/confidence/calibrated"),
        number("/confidence/raw"),
        text(decision, "/id"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_says_both_confidences_by_name() {
        let decision = json!({"id": "dec_1", "confidence": {"raw": 0.812, "calibrated": 0.9}});
        let said = why(&decision);
        assert!(said.starts_with("decided with confidence 0.900 (raw 0.812, before calibration)"), "{said}");
        assert!(said.ends_with("homeostat decision why dec_1"), "{said}");
    }
}
