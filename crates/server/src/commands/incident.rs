//! `homeostat incident`.

use serde_json::Value;

use crate::cli::{Incident, Output};
use crate::client::{Client, ClientError};
use crate::output::{json, line, table, text};

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
            let head = ["incident", "status", "severity", "impact", "cause", "title", "opened"];
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
    }
    Ok(())
}

fn row(incident: &Value) -> Vec<String> {
    let cause = match (text(incident, "/class"), text(incident, "/cause_service")) {
        (class, _) if class.is_empty() => String::new(),
        (class, service) => format!("{class} of {service}"),
    };
    vec![
        text(incident, "/id"),
        text(incident, "/status"),
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
