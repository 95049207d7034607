//! `homeostat workflow`.

mod document;
mod show;

use serde_json::{Value, json};

use crate::cli::{HoldScope, Output, RunsFilter, Workflow};
use crate::client::{Client, ClientError, segment};
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
        Workflow::Delete { workflow } => {
            let answer = client.delete(&format!("/workflows/{}", segment(&workflow))).await?;
            told(output, &answer, "Deleted in every version; runs under way go on with theirs.");
            Ok(())
        }
        Workflow::Holds => holds(client, output).await,
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
            post(
                client,
                output,
                &format!("/runs/{}/pause", segment(&id)),
                &body,
                "Held before its next call.",
            )
            .await
        }
        Workflow::Pause { scope, reason, .. } => hold(client, output, &scope, true, &reason).await,
        Workflow::Resume { id: Some(id), .. } => {
            post(client, output, &format!("/runs/{}/resume", segment(&id)), &json!({}), "It goes on.").await
        }
        Workflow::Resume { scope, .. } => hold(client, output, &scope, false, "").await,
        Workflow::Retry { id, step, input } => {
            let input = input.map(|i| parsed("--input", &i)).transpose()?;
            let body = json!({"step": step, "input": input});
            post(
                client,
                output,
                &format!("/runs/{}/retry", segment(&id)),
                &body,
                "It goes on from that step.",
            )
            .await
        }
        Workflow::Skip { id, step, output: given, reason } => {
            let given = given.map(|o| parsed("--output", &o)).transpose()?;
            let body = json!({"step": step, "output": given, "reason": reason});
            post(
                client,
                output,
                &format!("/runs/{}/skip", segment(&id)),
                &body,
                "Skipped; it goes on after it.",
            )
            .await
        }
        Workflow::Migrate { id, to } => {
            let body = json!({"version": to});
            post(
                client,
                output,
                &format!("/runs/{}/migrate", segment(&id)),
                &body,
                "It follows that version now.",
            )
            .await
        }
        Workflow::Cancel { id, reason } => {
            let said = "Cancelling; what it did is being undone.";
            post(client, output, &format!("/runs/{}/cancel", segment(&id)), &json!({"reason": reason}), said)
                .await
        }
        Workflow::Approve { id, note } => {
            post(
                client,
                output,
                &format!("/approvals/{}/approve", segment(&id)),
                &json!({"note": note}),
                "Approved.",
            )
            .await
        }
        Workflow::Reject { id, note } => {
            post(
                client,
                output,
                &format!("/approvals/{}/reject", segment(&id)),
                &json!({"note": note}),
                "Rejected.",
            )
            .await
        }
        Workflow::Approvals { all } => approvals(client, output, all).await,
        Workflow::Schedules { workflow: Some(workflow), enabled } => {
            let body = json!({"enabled": enabled});
            let item = client.put(&format!("/schedules/{}", segment(&workflow)), &body).await?;
            let next = text(&item, "/next");
            let said =
                if next.is_empty() { "No run is due.".to_owned() } else { format!("Due next at {next}.") };
            told(output, &item, &said);
            Ok(())
        }
        _ => schedules(client, output).await,
    }
}

/// JSON given as an argument, or in a file that `@file` names; `@-` is standard input.
fn parsed(what: &str, given: &str) -> Result<Value, ClientError> {
    let read;
    let text = match given.strip_prefix('@') {
        Some(file) => {
            read =
                document::read(std::path::Path::new(file)).map_err(|e| refused("it cannot be read", &e))?;
            read.as_str()
        }
        None => given,
    };
    serde_json::from_str(text).map_err(|e| refused(&format!("{what} is no JSON"), &e.to_string()))
}

fn refused(title: &str, detail: &str) -> ClientError {
    let (title, detail) = (title.to_owned(), detail.to_owned());
    ClientError::Refused { title, detail, code: "invalid_request".into() }
}

fn told(output: &Output, answer: &Value, said: &str) {
    match (output.json, answer) {
        (false, _) => line(said),
        // Programs read JSON also where there is nothing to tell but that it was done.
        (true, Value::Null) => output::json(&json!({"done": true})),
        (true, answer) => output::json(answer),
    }
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
        if page["next"].is_string() {
            output::progress("There are more: raise --limit, or say more about those you look for.");
        }
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
        let conditions = given.map(|(n, v)| (n.to_owned(), Value::from(v))).collect();
        return change_all(client, output, filter, action, conditions).await;
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

/// Does something to every run that fits.
async fn change_all(
    client: &Client,
    output: &Output,
    filter: &RunsFilter,
    action: &str,
    conditions: serde_json::Map<String, Value>,
) -> Result<(), ClientError> {
    if conditions.is_empty() {
        let what = "say which runs: --status, --workflow, --service or --text; `homeostat workflow pause --all` holds everything";
        return Err(refused(&format!("{action} of every run there is"), what));
    }
    let body = json!({
        "action": action, "filter": conditions, "reason": filter.reason, "limit": filter.limit,
    });
    let result = client.post("/runs/bulk", &body).await?;
    let left: Vec<&Value> = result["refused"].as_array().into_iter().flatten().collect();
    told(
        output,
        &result,
        &format!("{} of {} done, {} refused.", result["done"], result["matched"], left.len()),
    );
    if !output.json && !left.is_empty() {
        let rows = left.iter().map(|r| ["/id", "/reason"].map(|p| text(r, p)).to_vec()).collect();
        table(&["run", "left as it is, because"], rows, "");
    }
    Ok(())
}

async fn holds(client: &Client, output: &Output) -> Result<(), ClientError> {
    let page = client.get("/runs/holds", &[]).await?;
    let row = |h: &Value| ["/scope", "/name", "/by", "/at", "/reason"].map(|p| text(h, p)).to_vec();
    let empty = "Nothing is held.";
    show_list(output, &page, &["scope", "name", "by", "since", "reason"], row, empty);
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

/// When a schedule starts runs, as its document says it: `cron 0 7 * * 1`, `every 15 minutes`.
fn timing(schedule: &Value) -> String {
    let said = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Object(parts) if parts.values().all(Value::is_number) => {
            parts.iter().map(|(unit, n)| format!("{n} {unit}")).collect::<Vec<_>>().join(" ")
        }
        other => other.to_string(),
    };
    let parts = schedule.as_object().into_iter().flatten();
    parts.map(|(how, what)| format!("{how} {}", said(what))).collect::<Vec<_>>().join(", ")
}

async fn schedules(client: &Client, output: &Output) -> Result<(), ClientError> {
    let page = client.get("/schedules", &[]).await?;
    let row = |s: &Value| {
        let [workflow, enabled, next, last] =
            ["/workflow", "/enabled", "/next", "/last_run"].map(|p| text(s, p));
        vec![workflow, timing(&s["schedule"]), enabled, next, last]
    };
    let head = ["workflow", "schedule", "enabled", "next", "last run"];
    show_list(output, &page, &head, row, "No workflow has a schedule.");
    Ok(())
}
