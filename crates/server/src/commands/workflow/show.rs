//! Runs, shown.

use std::time::Duration;

use serde_json::Value;

use crate::cli::Output;
use crate::client::{Client, ClientError, segment};
use crate::output::{self, line, table, text};

/// How often a run that is followed is looked at.
const EVERY: Duration = Duration::from_millis(200);

fn is_over(detail: &Value) -> bool {
    matches!(text(detail, "/status").as_str(), "completed" | "faulted" | "cancelled")
}

/// Prints a run.
///
/// # Errors
/// The server does not answer or refuses.
pub(super) async fn run(
    client: &Client,
    id: &str,
    at: Option<u64>,
    output: &Output,
) -> Result<(), ClientError> {
    let at = at.map(|at| at.to_string());
    let query: Vec<(&str, &str)> = at.iter().map(|at| ("at", at.as_str())).collect();
    let detail = client.get(&format!("/runs/{}", segment(id)), &query).await?;
    print(client, &detail, output).await;
    Ok(())
}

/// Waits until a run is over and prints it.
///
/// # Errors
/// The server does not answer, or the run did not complete.
pub(super) async fn follow(client: &Client, id: &str, output: &Output) -> Result<(), ClientError> {
    loop {
        let detail = client.get(&format!("/runs/{}", segment(id)), &[]).await?;
        if is_over(&detail) {
            print(client, &detail, output).await;
            let status = text(&detail, "/status");
            return match status.as_str() {
                "completed" => Ok(()),
                _ => Err(ClientError::NotCompleted { run: id.to_owned(), status }),
            };
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// Prints the journal of a run; goes on until the run is over when asked to.
///
/// # Errors
/// The server does not answer or refuses.
pub(super) async fn logs(
    client: &Client,
    id: &str,
    follow: bool,
    output: &Output,
) -> Result<(), ClientError> {
    let mut after = "0".to_owned();
    loop {
        let over = !follow || is_over(&client.get(&format!("/runs/{}", segment(id)), &[]).await?);
        loop {
            let query = [("after", after.as_str()), ("limit", "1000")];
            let page = client.get(&format!("/runs/{}/journal", segment(id)), &query).await?;
            for item in page["items"].as_array().into_iter().flatten() {
                if output.json {
                    line(item);
                } else {
                    line(format!(
                        "{:>6}  {}  {}",
                        item["sequence"].to_string(),
                        text(item, "/at"),
                        text(item, "/summary")
                    ));
                }
                after = item["sequence"].to_string();
            }
            if page["next"].is_null() {
                break;
            }
        }
        if over {
            return Ok(());
        }
        tokio::time::sleep(EVERY).await;
    }
}

async fn print(client: &Client, detail: &Value, output: &Output) {
    if output.json {
        return output::json(detail);
    }
    let of = ["/id", "/workflow", "/version", "/status"].map(|p| text(detail, p));
    line(of.join("  "));
    let said = [
        ("service", "/service"),
        ("called by", "/parent"),
        ("waits for", "/waits_for"),
        ("held by", "/held_by"),
        ("error", "/error"),
        ("output", "/output"),
    ];
    for (what, pointer) in said {
        let said = text(detail, pointer);
        if !said.is_empty() {
            line(format!("{what}: {said}"));
        }
    }
    if let Some(id) = detail["purpose"]["decision"].as_str() {
        // What the run did is worth showing also when its decision cannot be had.
        if let Ok(decision) = client.get(&format!("/decisions/{id}"), &[]).await {
            line(why(&decision["decision"]));
        }
    }
    let steps = detail["steps"].as_array().into_iter().flatten().map(|s| {
        let undo = if s["compensation"] == true { "undo " } else { "" };
        let left = if s["revised"] == true { " (left)" } else { "" };
        vec![
            s["n"].to_string(),
            format!("{undo}{}{left}", text(s, "/path")),
            text(s, "/call"),
            text(s, "/status"),
            s["attempt"].to_string(),
            text(s, "/error"),
        ]
    });
    let head = ["n", "step", "call", "status", "attempt", "error"];
    table(&head, steps.collect(), "No step has started yet.");
    if text(detail, "/waits_for") == "a person's approval" {
        line("`homeostat workflow approvals` shows the question; `approve` or `reject` answers it.");
    }
}

/// Prints what a run would do.
pub(super) fn plan(plan: &Value, output: &Output) {
    if output.json {
        return output::json(plan);
    }
    let calls = plan["calls"].as_array().into_iter().flatten().map(|c| {
        let sure = if c["certain"] == true { "yes" } else { "depends" };
        vec![text(c, "/path"), text(c, "/function"), sure.to_owned(), text(c, "/would")]
    });
    table(&["step", "call", "certain", "would"], calls.collect(), "It calls nothing.");
    let note = text(plan, "/note");
    if !note.is_empty() {
        line(note);
    }
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
    use serde_json::json;

    use super::*;

    #[test]
    fn a_run_says_both_confidences_by_name() {
        let decision = json!({"id": "dec_1", "confidence": {"raw": 0.812, "calibrated": 0.9}});
        let said = why(&decision);
        assert!(said.starts_with("decided with confidence 0.900 (raw 0.812, before calibration)"), "{said}");
        assert!(said.ends_with("homeostat decision why dec_1"), "{said}");
    }
}
