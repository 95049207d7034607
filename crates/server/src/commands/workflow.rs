//! `homeostat workflow`.

mod document;
mod show;

use serde_json::{Value, json};

use crate::cli::{HoldScope, Output, RunsFilter, Workflow};
use crate::client::{Client, ClientError};
use crate::output::{self, line, table, text};

/// Everything about workflows and runs.
///
/// # Errors
/// A file is wrong, or the server does not answer or refuses.
pub(crate) async fn run(command: Workflow, output: &Output) -> Result<(), ClientError> {
    match command {
        Workflow::Validate { files } => document::validate(&files, output),
        Workflow::Diagram { workflow } => document::diagram(&workflow, output).await,
        command => ask(command, &Client::new(output)?, output).await,
    }
}

async fn ask(command: Workflow, client: &Client, output: &Output) -> Result<(), ClientError> {
    match command {
        Workflow::Validate { .. } | Workflow::Diagram { .. } => Ok(()),
        Workflow::List => list(client, output).await,
        Workflow::Save { file } => document::save(&file, client, output).await,
        Workflow::Runs(filter) => runs(client, output, &filter).await,
        Workflow::Run { workflow, input, dry_run: true, .. } => {
            let request = json!({"workflow": workflow, "input": parsed("--input", &input)?});
            show::plan(&client.post("/runs/plan", &request).await?, output);
            Ok(())
        }
        Workflow::Run { workflow, input, key, wait, .. } => {
            let request = json!({"workflow": workflow, "input": parsed("--input", &input)?});
            let started = match key {
                Some(key) => client.post_once("/runs", &request, &key).await?,
                None => client.post("/runs", &request).await?,
            };
            let id = text(&started, "/id");
            if wait {
                return show::follow(client, &id, output).await;
            }
            let next = format!("Started {id}. `homeostat workflow show {id}` shows it.");
            told(output, &started, &next);
            Ok(())
        }
        Workflow::Show { id, at } if id.starts_with("run_") => show::run(client, &id, at, output).await,
        Workflow::Show { id, .. } => document::show(client, &id, output).await,
        Workflow::Logs { id, follow } => show::logs(client, &id, follow, output).await,
        other => operate(other, client, output).await,
    }
}

/// What changes a run.
async fn operate(command: Workflow, client: &Client, output: &Output) -> Result<(), ClientError> {
    match command {
        Workflow::Pause { id: Some(id), reason, .. } => {
            let body = json!({"reason": reason});
            post(client, output, &format!("/runs/{id}/pause"), &body, "Held before its next call.").await
        }
        Workflow::Pause { scope, reason, .. } => hold(client, output, &scope, true, &reason).await,
        Workflow::Resume { id: Some(id), .. } => {
            post(client, output, &format!("/runs/{id}/resume"), &json!({}), "It goes on.").await
        }
        Workflow::Resume { scope, .. } => hold(client, output, &scope, false, "").await,
        Workflow::Retry { id, step, input } => {
            let input = input.map(|i| parsed("--input", &i)).transpose()?;
            let body = json!({"step": step, "input": input});
            post(client, output, &format!("/runs/{id}/retry"), &body, "It goes on from that step.").await
        }
        Workflow::Skip { id, step, output: given, reason } => {
            let given = given.map(|o| parsed("--output", &o)).transpose()?;
            let body = json!({"step": step, "output": given, "reason": reason});
            post(client, output, &format!("/runs/{id}/skip"), &body, "Skipped; it goes on after it.").await
        }
        Workflow::Migrate { id, version } => {
            let body = json!({"version": version});
            post(client, output, &format!("/runs/{id}/migrate"), &body, "It follows that version now.").await
        }
        Workflow::Cancel { id, reason } => {
            let said = "Cancelling; what it did is being undone.";
            post(client, output, &format!("/runs/{id}/cancel"), &json!({"reason": reason}), said).await
        }
        Workflow::Approve { id, note } => {
            post(client, output, &format!("/approvals/{id}/approve"), &json!({"note": note}), "Approved.")
                .await
        }
        Workflow::Reject { id, note } => {
            post(client, output, &format!("/approvals/{id}/reject"), &json!({"note": note}), "Rejected.")
                .await
        }
        Workflow::Approvals { all } => approvals(client, output, all).await,
        Workflow::Schedules { workflow: Some(workflow), enabled } => {
            let body = json!({"enabled": enabled});
            let item = client.put(&format!("/schedules/{workflow}"), &body).await?;
            let next = text(&item, "/next");
            let said =
                if next.is_empty() { "No run is due.".to_owned() } else { format!("Due next at {next}.") };
            told(output, &item, &said);
            Ok(())
        }
        _ => schedules(client, output).await,
    }
}

/// JSON given as an argument.
fn parsed(what: &str, given: &str) -> Result<Value, ClientError> {
    serde_json::from_str(given).map_err(|e| refused(&format!("{what} is no JSON"), &e.to_string()))
}

fn refused(title: &str, detail: &str) -> ClientError {
    let (title, detail) = (title.to_owned(), detail.to_owned());
    ClientError::Refused { title, detail, code: "invalid_request".into() }
}

fn told(output: &Output, answer: &Value, said: &str) {
    if output.json { output::json(answer) } else { line(said) }
}

async fn post(
    client: &Client,
    output: &Output,
    path: &str,
    body: &Value,
    said: &str,
) -> Result<(), ClientError> {
    let answer = client.post(path, body).await?;
    told(output, &answer, said);
    Ok(())
}

fn show_list(output: &Output, page: &Value, head: &[&str], row: impl Fn(&Value) -> Vec<String>, empty: &str) {
    if output.json {
        output::json(page);
    } else {
        table(head, page["items"].as_array().into_iter().flatten().map(row).collect(), empty);
    }
}

async fn list(client: &Client, output: &Output) -> Result<(), ClientError> {
    let page = client.get("/workflows", &[]).await?;
    let row = |w: &Value| ["/id", "/version", "/origin", "/title"].map(|p| text(w, p)).to_vec();
    show_list(output, &page, &["workflow", "version", "origin", "title"], row, "No workflows.");
    Ok(())
}

async fn runs(client: &Client, output: &Output, filter: &RunsFilter) -> Result<(), ClientError> {
    let conditions = [
        ("status", &filter.status),
        ("workflow", &filter.workflow),
        ("service", &filter.service),
        ("text", &filter.text),
    ];
    let given = conditions.iter().filter_map(|(name, value)| Some((*name, value.as_deref()?)));
    if let Some(action) = &filter.then {
        let filter_body: Value =
            given.map(|(n, v)| (n.to_owned(), Value::from(v))).collect::<serde_json::Map<_, _>>().into();
        let body = json!({
            "action": action, "filter": filter_body, "reason": filter.reason, "limit": filter.limit,
        });
        let result = client.post("/runs/bulk", &body).await?;
        let refused = result["refused"].as_array().map_or(0, Vec::len);
        told(
            output,
            &result,
            &format!("{} of {} done, {refused} refused.", result["done"], result["matched"]),
        );
        return Ok(());
    }
    let limit = filter.limit.to_string();
    let query: Vec<(&str, &str)> = given.chain([("limit", limit.as_str())]).collect();
    let page = client.get("/runs", &query).await?;
    let row = |r: &Value| {
        ["/id", "/workflow", "/service", "/status", "/waits_for", "/started_at"].map(|p| text(r, p)).to_vec()
    };
    let head = ["run", "workflow", "service", "status", "waits for", "started"];
    show_list(output, &page, &head, row, "No runs.");
    Ok(())
}

async fn hold(
    client: &Client,
    output: &Output,
    scope: &HoldScope,
    held: bool,
    reason: &str,
) -> Result<(), ClientError> {
    let (kind, name) = match (&scope.service, &scope.workflow) {
        (Some(service), _) => ("service", Some(service)),
        (None, Some(workflow)) => ("workflow", Some(workflow)),
        (None, None) => ("all", None),
    };
    let mut body = json!({"scope": kind, "held": held, "reason": reason});
    if let Some(name) = name {
        body["name"] = name.as_str().into();
    }
    let answer = client.put("/runs/holds", &body).await?;
    told(
        output,
        &answer,
        if held { "Held; runs stop before their next call." } else { "Lifted; runs go on." },
    );
    Ok(())
}

async fn approvals(client: &Client, output: &Output, all: bool) -> Result<(), ClientError> {
    let query: &[(&str, &str)] = if all { &[] } else { &[("state", "pending")] };
    let page = client.get("/approvals", query).await?;
    let row = |a: &Value| {
        ["/id", "/workflow", "/service", "/message", "/role", "/state", "/expires_at"]
            .map(|p| text(a, p))
            .to_vec()
    };
    let head = ["approval", "workflow", "service", "question", "role", "state", "until"];
    show_list(output, &page, &head, row, "No run waits for an answer.");
    Ok(())
}

async fn schedules(client: &Client, output: &Output) -> Result<(), ClientError> {
    let page = client.get("/schedules", &[]).await?;
    let row =
        |s: &Value| ["/workflow", "/schedule", "/enabled", "/next", "/last_run"].map(|p| text(s, p)).to_vec();
    let head = ["workflow", "schedule", "enabled", "next", "last run"];
    show_list(output, &page, &head, row, "No workflow has a schedule.");
    Ok(())
}
