//! The process host: runs services as processes of this machine and offers typed actions on them over HTTP.
//!
//! It starts, watches, limits, deploys and undoes; it never judges. What shall be done is decided by whoever
//! calls its API, and done once for each idempotency key. It deliberately has no shell, no cron, no log search,
//! and no restart policy beyond the one line a catalog may ask for.

use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;

pub mod api;
pub mod child;
pub mod problem;
pub mod spec;

mod actions;
mod execute;
mod folder;
mod journal;
mod launch;
mod ledger;
mod logs;
mod plan;
mod ports;
mod proc;
mod process;
mod record;
mod sampler;
mod supervisor;

pub use execute::ActionReply;
pub use journal::JournaledSignal;
pub use ledger::LedgerEntry;
pub use problem::Problem;
pub use spec::{ReleaseSpec, Restart, ServiceSpec, SpecError};
pub use supervisor::Host;

/// What a host is started with.
#[derive(Clone, Debug)]
pub struct HostOptions {
    /// Folder of everything the host keeps.
    pub dir: PathBuf,
    /// The services.
    pub catalog: Vec<ServiceSpec>,
    /// Name of this host in events and changes.
    pub name: String,
    /// Where the HTTP API listens; port 0 picks a free one.
    pub listen: SocketAddr,
    /// Whether `listen` may be reachable from other machines.
    pub allow_remote: bool,
    /// Bearer token of the HTTP API, at least 16 characters.
    pub token: String,
    /// Size at which an instance's log is rotated, in bytes.
    pub log_limit_bytes: u64,
    /// Full logs kept for each instance.
    pub logs_kept: usize,
    /// Age at which trash is deleted when the host starts, in seconds.
    pub trash_keep_s: u64,
}

impl HostOptions {
    /// Options with the usual limits, listening on a free loopback port.
    #[must_use]
    pub fn new(dir: PathBuf, catalog: Vec<ServiceSpec>, token: String) -> Self {
        Self {
            dir,
            catalog,
            name: "local".to_owned(),
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            allow_remote: false,
            token,
            log_limit_bytes: 16 << 20,
            logs_kept: 3,
            trash_keep_s: 7 * 24 * 3600,
        }
    }

    /// The file that lists the instances that serve.
    #[must_use]
    pub fn endpoints_file(&self) -> PathBuf {
        self.dir.join("endpoints.json")
    }
}

/// Why a host does not run.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// The catalog is wrong.
    #[error("the catalog cannot be run")]
    Catalog(#[from] SpecError),
    /// Another host uses the folder.
    #[error("the folder {0} is in use by another host: stop it or choose another folder")]
    InUse(PathBuf),
    /// A file of the host cannot be understood.
    #[error("{0} cannot be understood ({1}): restore it from a backup or remove it")]
    Corrupt(PathBuf, String),
    /// Listening where others could reach it was not allowed.
    #[error("{0} is not a loopback address: allow remote access explicitly to listen there")]
    NotLoopback(SocketAddr),
    /// The token is too short to be one.
    #[error("the token must have at least 16 characters")]
    WeakToken,
    /// The machine did not play along.
    #[error("input or output failed")]
    Io(#[from] std::io::Error),
}

/// Runs a host until `stop` is ready, then stops every instance. `ready` is called once with the address of
/// the HTTP API when all services were started.
///
/// # Errors
/// It cannot start; see [`HostError`].
pub async fn run(
    options: HostOptions,
    ready: impl FnOnce(SocketAddr),
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), HostError> {
    let listener = bind(&options).await?;
    let address = listener.local_addr()?;
    let token = options.token.clone();
    let host = Host::start(options, address).await?;
    ready(address);
    let routes = api::protected(api::router(host.clone()), &token);
    serve(listener, routes, stop).await;
    host.shutdown().await;
    Ok(())
}

/// Serves until `stop` is ready. Open requests, long polls among them, are cut off then.
pub async fn serve(
    listener: tokio::net::TcpListener,
    routes: axum::Router,
    stop: impl Future<Output = ()> + Send,
) {
    let limits = serve::Limits { grace: std::time::Duration::ZERO, ..serve::Limits::default() };
    serve::serve(listener, routes, limits, stop).await;
}

/// Opens the listener of the options after checking that it may be opened.
///
/// # Errors
/// The address is not loopback and that was not allowed, the token is too short, or the port is taken.
pub async fn bind(options: &HostOptions) -> Result<tokio::net::TcpListener, HostError> {
    if !options.listen.ip().is_loopback() && !options.allow_remote {
        return Err(HostError::NotLoopback(options.listen));
    }
    if options.token.len() < 16 {
        return Err(HostError::WeakToken);
    }
    Ok(tokio::net::TcpListener::bind(options.listen).await?)
}
