//! `homeostat up`: the server.

use std::time::Duration;

use crate::cli::Up;
use crate::config::Config;
use crate::output::progress;
use crate::{logging, wire};

/// Serves until told to stop.
///
/// # Errors
/// It cannot start; the text says what to do.
pub(crate) async fn run(up: Up) -> Result<(), String> {
    let config = Config::load(up.config.as_deref(), std::env::vars()).map_err(|e| e.to_string())?;
    logging::start(&config.log);
    let listener = wire::listen(&config.server.listen).await.map_err(|e| e.to_string())?;
    let running = wire::start(&config, listener, wire::Extras::default()).await.map_err(|e| e.to_string())?;
    let url = wire::url_of(running.address);
    progress(&format!("Homeostat is at {url}"));
    if let Some(password) = &running.first_password {
        progress(&format!("First start: sign in as admin with the password {password} (shown only now)"));
    }
    let failed = tokio::select! {
        () = told_to_stop() => None,
        () = loop_ended(&running.engine) => Some("the loop ended; its reason is in the log. A restart resumes its work."),
    };
    progress("Stopping; runs under way are resumed at the next start.");
    running.stop().await;
    failed.map_or(Ok(()), |reason| Err(reason.to_owned()))
}

/// Ready when the loop is no more: a server that no longer decides must not look alive to its supervisor.
async fn loop_ended(engine: &engine::Engine) {
    let mut tick = tokio::time::interval(Duration::from_secs(1));
    while engine.is_running() {
        tick.tick().await;
    }
}

/// Waits for SIGINT or SIGTERM.
pub(crate) async fn told_to_stop() {
    let interrupt = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        let terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate());
        if let Ok(mut terminate) = terminate {
            tokio::select! { _ = interrupt => {}, _ = terminate.recv() => {} }
            return;
        }
    }
    // Without signals nothing can tell us to stop; waiting on is right.
    let _ = interrupt.await;
}
