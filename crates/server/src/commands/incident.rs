//! `homeostat incident`.

use std::time::Duration;

use serde_json::{Value, json as object};

use crate::cli::{Incident, Output};
use crate::client::{Client, ClientError};
use crate::output::{json, line, progress, table, text};

/// How often the answer of the model is looked for, and how often at most.
const LOOK_EVERY: Duration = Duration::from_millis(500);
const LOOKS_MAX: usize = 600;

/// Lists incidents or shows one.
///
/// # Errors
/// The server does not answer or refuses.
pub(crate) async fn run(command: Incident, output: &Output) -> Result<(), ClientError> {
    let client = Client::new(output)?;
    match command {
        Incident::List { status, service, limit } => {
            let limit = limit.to_string();
            let mut query = vec![("limit", limit.as_str())];
            query.extend(status.as_deref().map(|s| ("status", s)));
            query.extend(service.as_deref().map(|s| ("service", s)));
            let page = client.get("/incidents", &query).await?;
            if output.json {
                json(&page);
                return Ok(());
            }
            let rows = page["items"].as_array().into_iter().flatten().map(row).collect();
            let head = ["incident", "status", "priority", "severity", "impact", "cause", "title", "opened"];
            table(&head, rows, "No incident. All quiet.");
        }
        Incident::Show { id } => {
            let detail = client.get(&format!("/incidents/{id}"), &[]).await?;
            if output.json {
                json(&detail);
            } else {
                show(&detail);
            }
        }
        Incident::Merge { id, into } => {
            let body = object!({"into": into});
            regrouped(&client.post(&format!("/incidents/{id}/merge"), &body).await?, output);
        }
        Incident::Split { id, findings } => {
            let body = object!({"findings": findings});
            regrouped(&client.post(&format!("/incidents/{id}/split"), &body).await?, output);
        }
        Incident::Move { to, findings } => {
            let body = object!({"findings": findings});
            regrouped(&client.post(&format!("/incidents/{to}/move"), &body).await?, output);
        }
        Incident::Explain { id, again, question } => {
            let explanation = explain(&client, &id, again, question).await?;
            if output.json {
                json(&explanation);
            } else {
                show_explanation(&explanation["answer"]);
            }
        }
    }
    Ok(())
}

fn regrouped(answer: &Value, output: &Output) {
    if output.json {
        json(answer);
    } else {
        line(format!("Done; the findings are in {}. Learned for the next time.", text(answer, "/incident")));
    }
}

/// The newest explanation, asked for where there is none or another one is wanted.
async fn explain(
    client: &Client,
    id: &str,
    again: bool,
    question: Option<String>,
) -> Result<Value, ClientError> {
    let path = format!("/incidents/{id}");
    let mut known = client.get(&path, &[]).await?["explanation"].take();
    let waits = |e: &Value| e["state"] == "asked";
    let answered = known["state"] == "ready";
    if question.is_some() || (!waits(&known) && (again || !answered)) {
        known = client.post(&format!("{path}/explain"), &object!({"question": question})).await?;
    }
    for _ in 0..LOOKS_MAX {
        if !waits(&known) {
            break;
        }
        tokio::time::sleep(LOOK_EVERY).await;
        known = client.get(&path, &[]).await?["explanation"].take();
    }
    match known["state"].as_str() {
        Some("ready") => Ok(known),
        Some("asked") => {
            Err(ClientError::Unexplained("the model is still asked; look again later".to_owned()))
        }
        Some("deferred") => {
            let (reason, at) = (text(&known, "/reason"), text(&known, "/retry_at"));
            Err(ClientError::Unexplained(format!("{reason}; it is asked again at {at}")))
        }
        _ => Err(ClientError::Unexplained(text(&known, "/reason"))),
    }
}

fn show_explanation(answer: &Value) {
    progress(&format!(
        "Written by a language model ({} {}), not by the diagnosis. Check what it cites.",
        text(answer, "/provider"),
        text(answer, "/model")
    ));
    let items = |name: &str| answer[name].as_array().cloned().unwrap_or_default();
    for claim in items("summary") {
        line(format!("{} [{}]", text(&claim, "/text"), text(&claim, "/evidence")));
    }
    let percent = |h: &Value| format!("{:.0} %", h["confidence"].as_f64().unwrap_or(0.0) * 100.0);
    let cells = |h: &Value| vec![percent(h), text(h, "/text"), text(h, "/evidence")];
    table(
        &["says", "hypothesis", "cites"],
        items("hypotheses").iter().map(cells).collect(),
        "No hypothesis.",
    );
    for check in items("next_checks") {
        line(format!("Look at: {} [{}]", text(&check, "/text"), text(&check, "/evidence")));
    }
    let cited = items("citations");
    let cited =
        cited.iter().map(|c| vec![text(c, "/label"), text(c, "/kind"), text(c, "/title"), text(c, "/id")]);
    table(&["", "", "cited", "id"], cited.collect(), "");
    let dropped: Vec<String> =
        items("dropped").iter().map(|d| format!("{} {}", d["count"], text(d, "/reason"))).collect();
    if !dropped.is_empty() {
        line(format!("Dropped claims: {}", dropped.join(", ")));
    }
}

fn row(incident: &Value) -> Vec<String> {
    let cause = match (text(incident, "/class"), text(incident, "/cause_service")) {
        (class, _) if class.is_empty() => String::new(),
        (class, service) => format!("{class} of {service}"),
    };
    vec![
        text(incident, "/id"),
        text(incident, "/status"),
        text(incident, "/priority"),
        text(incident, "/severity"),
        text(incident, "/impact"),
        cause,
        text(incident, "/title"),
        text(incident, "/opened_at"),
    ]
}

fn show(detail: &Value) {
    let incident = &detail["incident"];
    line(format!("{}  {}", text(incident, "/id"), text(incident, "/title")));
    line(format!(
        "{}, severity {}, impact {}, services {}",
        text(incident, "/status"),
        text(incident, "/severity"),
        text(incident, "/impact"),
        text(incident, "/services"),
    ));
    for (label, pointer) in [("needs a person", "/needs_person"), ("resolution", "/resolution")] {
        let value = text(incident, pointer);
        if !value.is_empty() {
            line(format!("{label}: {value}"));
        }
    }
    let causes = incident["causes"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|c| {
            let probability = c["probability"].as_f64().unwrap_or(0.0) * 100.0;
            vec![c["rank"].to_string(), format!("{probability:.0} %"), text(c, "/class"), text(c, "/title")]
        })
        .collect();
    table(&["rank", "probability", "class", "cause"], causes, "No cause known yet.");
    let evidence = incident["evidence"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|e| vec![text(e, "/service"), text(e, "/body/type"), text(e, "/title")])
        .collect();
    table(&["service", "evidence", ""], evidence, "No evidence yet.");
    let lines = incident["timeline"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|t| vec![text(t, "/at"), text(t, "/kind"), text(t, "/text")])
        .collect();
    table(&["at", "", "what happened"], lines, "");
    if let Some(decision) = detail["decisions"].as_array().and_then(|d| d.last()) {
        line(format!("Why? homeostat decision why {}", text(decision, "/id")));
    }
}
