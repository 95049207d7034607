//! The services of the shop. One process runs one of them; all come from the same program.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use serde_json::json;

mod app;
mod catalog;
mod checkout;
mod control;
mod gateway;
mod line;
mod measure;
mod payments;
mod peers;
mod switches;
mod trace;
mod worker;

use app::App;

/// The services, callers before callees.
pub const SERVICES: [&str; 5] = ["gateway", "checkout", "catalog", "payments", "worker"];

/// Why a service of the shop does not run.
#[derive(Debug, thiserror::Error)]
pub enum ShopError {
    /// There is no such service.
    #[error("the shop has no service {0:?}; it has {list}", list = SERVICES.join(", "))]
    Unknown(String),
    /// It was not started by a process host.
    #[error("{0} is missing or wrong: services of the shop are started by a process host")]
    Environment(&'static str),
    /// A listener or file failed.
    #[error("{what}: {source}")]
    Io {
        /// What was tried, with the address or path.
        what: String,
        /// Why it failed.
        source: std::io::Error,
    },
    /// No HTTP client could be made.
    #[error("no HTTP client")]
    Client(#[from] reqwest::Error),
}

impl ShopError {
    /// An I/O failure of this.
    fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}

/// Runs one service until SIGTERM or the end of its host. Call it outside of any async runtime: it makes its
/// own, of one thread.
///
/// # Errors
/// See [`ShopError`].
pub fn run(service: &str) -> Result<(), ShopError> {
    if !SERVICES.contains(&service) {
        return Err(ShopError::Unknown(service.to_owned()));
    }
    if host::child::is_supervised() {
        host::child::exit_with_parent();
    }
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(2)
        .build()
        .map_err(ShopError::io("start a runtime"))?
        .block_on(serve(service))
}

#[expect(clippy::disallowed_methods, reason = "the shop is the patient: as simple as what people run")]
async fn serve(service: &str) -> Result<(), ShopError> {
    let app = Arc::new(App::new(service)?);
    let routes = match service {
        "gateway" => gateway::routes(),
        "catalog" => catalog::routes(),
        "checkout" => checkout::routes(&app)?,
        "payments" => payments::routes(),
        _ => worker::routes(&app)?,
    };
    let routes = routes
        .route("/metrics", get(measure::show))
        .route("/healthz", get(|| async { axum::Json(json!({"status": "ok"})) }))
        .layer(axum::middleware::from_fn_with_state(Arc::clone(&app), app::observe))
        .with_state(Arc::clone(&app));
    let listener = tokio::net::TcpListener::bind(&app.address)
        .await
        .map_err(ShopError::io(format!("listen on {}", app.address)))?;
    let control = tokio::net::TcpListener::bind(&app.control_address)
        .await
        .map_err(ShopError::io(format!("listen on {}", app.control_address)))?;
    tokio::spawn(serve_control(control, control::routes(Arc::clone(&app))));
    switches::resume_disk_fill(&app);
    line::info(&app, &format!("{service} {} listening on {}", app.version, app.address), None);

    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
        .map_err(ShopError::io("listen for SIGTERM"))?;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = axum::serve(listener, routes).with_graceful_shutdown(async { _ = stopped.await });
    let served = async {
        let work = serving.into_future();
        tokio::pin!(work);
        tokio::select! {
            result = &mut work => return result,
            _ = terminate.recv() => {}
        }
        let _ = stop.send(());
        // Requests that never end must not hold up the stop.
        tokio::time::timeout(Duration::from_millis(500), work).await.unwrap_or(Ok(()))
    };
    served.await.map_err(ShopError::io("serve"))?;
    line::info(&app, &format!("{service} stopped on request"), None);
    app.tracer.flush().await;
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "as above; only the demo world talks to it")]
async fn serve_control(listener: tokio::net::TcpListener, routes: Router) {
    let _ = axum::serve(listener, routes).await;
}
