//! `homeostat decision`.

use serde_json::{Value, json};

use crate::cli::{Decision, Output};
use crate::client::{Client, ClientError};
use crate::output::{self, line, table, text};

/// Explains a decision, or answers a proposal.
///
/// # Errors
/// The server does not answer or refuses.
pub(crate) async fn run(command: Decision, output: &Output) -> Result<(), ClientError> {
    let client = Client::new(output)?;
    match command {
        Decision::Why { id } => {
            let decision = find(&client, &id).await?;
            if output.json {
                output::json(&decision);
            } else {
                explain(&decision);
            }
        }
        Decision::Approve { id } => {
            client.post(&format!("/decisions/{id}/approve"), &json!({})).await?;
            line("Approved; the run starts. `homeostat workflow runs` shows it.");
        }
        Decision::Reject { id, reason } => {
            client.post(&format!("/decisions/{id}/reject"), &json!({"reason": reason})).await?;
            line("Rejected; the incident is yours.");
        }
    }
    Ok(())
}

async fn find(client: &Client, id: &str) -> Result<Value, ClientError> {
    if id.starts_with("inc_") {
        let page = client.get("/decisions", &[("incident", id), ("limit", "1")]).await?;
        if let Some(newest) = page["items"].as_array().and_then(|items| items.first()) {
            return Ok(newest.clone());
        }
        return Err(ClientError::Refused {
            title: "Not found".into(),
            detail: format!("nothing has been decided about {id} yet"),
            code: "not_found".into(),
        });
    }
    Ok(client.get(&format!("/decisions/{id}"), &[]).await?["decision"].clone())
}

fn explain(decision: &Value) {
    line(format!(
        "{}  {} -> {}",
        text(decision, "/id"),
        text(decision, "/verdict"),
        text(decision, "/disposition")
    ));
    line(text(decision, "/summary"));
    line(format!("confidence {}", text(decision, "/confidence/formula")));
    line(format!("autonomy {}: {}", text(decision, "/autonomy"), text(decision, "/autonomy_reason")));
    let guards = decision["guards"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|g| {
            let fired = if g["fired"] == true { "FIRED" } else { "quiet" };
            vec![text(g, "/name"), fired.into(), text(g, "/verdict"), text(g, "/reason")]
        })
        .collect();
    table(&["guard", "", "asks for", "because"], guards, "The policy has no guards.");
    let rules = decision["rules"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|r| {
            let mark = match (r["decided"] == true, r["matched"] == true) {
                (true, _) => "DECIDED",
                (false, true) => "matched",
                (false, false) => "",
            };
            vec![text(r, "/name"), mark.into(), text(r, "/verdict"), text(r, "/condition")]
        })
        .collect();
    table(&["rule", "", "verdict", "condition"], rules, "The policy has no rules.");
}
