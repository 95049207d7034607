//! `homeostat status`.

use crate::cli::Output;
use crate::client::{Client, ClientError};
use crate::output::{json, line, table, text};

/// Prints how Homeostat and what it watches are doing.
///
/// # Errors
/// The server does not answer or refuses.
pub(crate) async fn run(output: &Output) -> Result<(), ClientError> {
    let client = Client::new(output)?;
    let overview = client.get("/overview", &[]).await?;
    let status = client.get("/status", &[]).await?;
    let services = client.get("/services", &[("limit", "1000")]).await?;
    if output.json {
        json(&serde_json::json!({"overview": overview, "status": status, "services": services["items"]}));
        return Ok(());
    }
    line(format!(
        "{} at {}: {} services ({} healthy, {} degraded, {} down), {} open incidents, {} need a person",
        text(&overview, "/environment"),
        client.url(),
        overview["services"]["total"],
        overview["services"]["healthy"],
        overview["services"]["degraded"],
        overview["services"]["down"],
        overview["incidents"]["open"],
        overview["incidents"]["needs_person"],
    ));
    if overview["stop_switch"]["engaged"] == true {
        line(format!("STOP SWITCH engaged: {}", text(&overview, "/stop_switch/reason")));
    }
    let rows = services["items"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|s| {
            let instances = s["instances"].as_array().map_or(0, Vec::len);
            vec![
                text(s, "/name"),
                text(s, "/health"),
                text(s, "/tier"),
                text(s, "/version"),
                instances.to_string(),
                text(s, "/depends_on"),
            ]
        })
        .collect();
    table(&["service", "health", "tier", "release", "instances", "calls"], rows, "No service is known yet.");
    let parts = status["components"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|c| vec![text(c, "/name"), text(c, "/state"), text(c, "/reason")])
        .collect();
    table(&["part", "state", "note"], parts, "");
    Ok(())
}
