//! `homeostat host`: runs your own processes from a catalog.

use std::process::ExitCode;

use crate::cli::Host;
use crate::output::{error, progress};

/// Serves until told to stop; its processes end with it.
pub(crate) async fn run(host: Host) -> ExitCode {
    match try_run(host).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            error(&message);
            ExitCode::FAILURE
        }
    }
}

async fn try_run(host: Host) -> Result<(), String> {
    let file = host.catalog.display();
    let text =
        std::fs::read_to_string(&host.catalog).map_err(|e| format!("cannot read the catalog {file}: {e}"))?;
    let catalog = serde_saphyr::from_str(&text).map_err(|e| format!("{file}: {e}"))?;
    let mut options = host::HostOptions::new(host.dir, catalog, host.host_token);
    options.listen = host.listen.parse().map_err(|e| format!("--listen: {e}"))?;
    let ready = |address| progress(&format!("The host is at http://{address}"));
    host::run(options, ready, super::up::told_to_stop()).await.map_err(|e| {
        let cause = std::error::Error::source(&e).map(|s| format!(": {s}")).unwrap_or_default();
        format!("{e}{cause}")
    })
}
