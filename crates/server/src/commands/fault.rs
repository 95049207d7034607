//! `homeostat fault`: the demo's faults.

use serde_json::json;

use crate::cli::{Fault, Output};
use crate::client::{Client, ClientError};
use crate::output::{self, line, table, text};

/// Lists, injects and clears.
///
/// # Errors
/// The server does not answer, is no demo, or refuses.
pub(crate) async fn run(command: Fault, output: &Output) -> Result<(), ClientError> {
    let client = Client::new(output)?;
    match command {
        Fault::List => {
            let view = client.get("/demo", &[]).await?;
            if output.json {
                output::json(&view);
                return Ok(());
            }
            let rows = view["faults"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|f| {
                    let active = if f["active"] == true { "IN EFFECT" } else { "" };
                    vec![text(f, "/name"), text(f, "/service"), active.into(), text(f, "/summary")]
                })
                .collect();
            table(&["fault", "service", "", "what happens"], rows, "No faults.");
        }
        Fault::Inject { name, service } => {
            client.post(&format!("/demo/faults/{name}"), &json!({"service": service})).await?;
            line(format!("Injected {name}. `homeostat incident list` shows what comes of it."));
        }
        Fault::Clear { name } => {
            client.delete(&format!("/demo/faults/{name}")).await?;
            line(format!("Cleared {name}."));
        }
    }
    Ok(())
}
