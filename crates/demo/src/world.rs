//! The world: the process host, the shop on it, the load, the faults, and one HTTP API over all of them.

use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use host::{Host, HostOptions, Problem};
use serde::Deserialize;

mod faults;
mod health;
mod load;
mod services;

pub use faults::FaultState;
pub use health::{Health, HealthCheck};
pub use load::Traffic;

use faults::Faults;
use load::Load;

/// What a world is started with.
#[derive(Clone, Debug)]
pub struct WorldOptions {
    /// Folder of everything the world keeps.
    pub dir: PathBuf,
    /// Where the HTTP API listens; port 0 picks a free one.
    pub listen: SocketAddr,
    /// Bearer token of the HTTP API, at least 16 characters.
    pub token: String,
    /// Base URL that spans are sent to; empty sends none.
    pub otlp_url: String,
    /// Bearer token for it.
    pub otlp_token: String,
    /// Program and arguments that run a service of the shop; the name of the service is appended.
    pub shop_command: Vec<String>,
    /// Environment of the services, besides what the host sets.
    pub shop_env: Vec<(String, String)>,
    /// Mean of the load, in requests a second; 0 sends none.
    pub requests_per_s: f64,
    /// Length of the day whose shape the load follows, in seconds.
    pub day_s: u64,
}

impl WorldOptions {
    /// The usual world, with `<this program> shop <service>` as its services.
    ///
    /// # Errors
    /// The path of this program is not known.
    pub fn new(dir: PathBuf, token: String) -> std::io::Result<Self> {
        Ok(Self {
            dir,
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            token,
            otlp_url: String::new(),
            otlp_token: String::new(),
            shop_command: vec![std::env::current_exe()?.display().to_string(), "shop".to_owned()],
            shop_env: Vec::new(),
            requests_per_s: 25.0,
            day_s: 600,
        })
    }
}

/// Why a world does not run.
#[derive(Debug, thiserror::Error)]
pub enum WorldError {
    /// The process host does not run.
    #[error("the process host does not run")]
    Host(#[from] host::HostError),
    /// No HTTP client could be made.
    #[error("no HTTP client")]
    Client(#[from] reqwest::Error),
    /// The listener failed.
    #[error("input or output failed")]
    Io(#[from] std::io::Error),
}

/// A running world.
pub struct World {
    host: Host,
    faults: Faults,
    load: Arc<Load>,
    client: reqwest::Client,
}

impl World {
    /// Starts host, services and load. `address` is where the HTTP API will be reachable.
    ///
    /// # Errors
    /// See [`WorldError`].
    pub async fn start(options: &WorldOptions, address: SocketAddr) -> Result<Arc<Self>, WorldError> {
        let control_token = format!(
            "{:016x}{:016x}",
            crate::random::Random::new().next(),
            crate::random::Random::new().next()
        );
        let mut host_options = HostOptions::new(
            options.dir.clone(),
            services::catalog(options, &control_token),
            options.token.clone(),
        );
        host_options.name = "demo".to_owned();
        let host = Host::start(host_options, address).await?;
        let client = crate::client(false)?;
        let load = Arc::new(Load::new(host.clone(), client.clone()));
        if options.requests_per_s > 0.0 {
            tokio::spawn(Arc::clone(&load).run(options.requests_per_s, options.day_s.max(1)));
        }
        let faults = Faults::new(host.clone(), client.clone(), control_token);
        Ok(Arc::new(Self { host, faults, load, client }))
    }

    /// The process host of this world.
    #[must_use]
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// Every fault with its true state.
    pub async fn faults(&self) -> Vec<FaultState> {
        self.faults.list().await
    }

    /// Makes a fault happen, on its usual service or the named one. Returns when it is there.
    ///
    /// # Errors
    /// There is no such fault, it cannot happen to that service, or it is there already.
    pub async fn inject(&self, fault: &str, service: Option<&str>) -> Result<FaultState, Problem> {
        self.faults.inject(fault, service).await
    }

    /// Takes a fault away as an operator would who knows it. Does nothing when it is not there.
    ///
    /// # Errors
    /// There is no such fault, or taking it away failed.
    pub async fn clear(&self, fault: &str) -> Result<FaultState, Problem> {
        self.faults.clear(fault).await
    }

    /// Whether a service is truly well, seen from outside.
    ///
    /// # Errors
    /// There is no such service.
    pub async fn health(&self, service: &str) -> Result<Health, Problem> {
        health::check(&self.host, &self.client, service).await
    }

    /// What the customers asked for and got.
    #[must_use]
    pub fn traffic(&self) -> Traffic {
        self.load.traffic()
    }

    /// Stops load and services.
    pub async fn shutdown(&self) {
        self.load.stop();
        self.host.shutdown().await;
    }

    fn routes(self: &Arc<Self>) -> Router {
        let own = Router::new()
            .route("/v1/faults", get(list_faults))
            .route("/v1/faults/{name}", axum::routing::post(inject_fault).delete(clear_fault))
            .route("/v1/traffic", get(traffic))
            .route("/v1/health/{service}", get(health_of))
            .with_state(Arc::clone(self));
        own.merge(host::api::router(self.host.clone()))
    }
}

/// Runs a world until `stop` is ready, then stops everything in it. `ready` is called once with the address
/// of the HTTP API when all services were started.
///
/// # Errors
/// See [`WorldError`].
pub async fn run(
    options: WorldOptions,
    ready: impl FnOnce(SocketAddr),
    stop: impl Future<Output = ()> + Send,
) -> Result<(), WorldError> {
    let mut host_options = HostOptions::new(options.dir.clone(), Vec::new(), options.token.clone());
    host_options.listen = options.listen;
    let listener = host::bind(&host_options).await?;
    let address = listener.local_addr()?;
    let world = World::start(&options, address).await?;
    ready(address);
    host::serve(listener, host::api::protected(world.routes(), &options.token), stop).await;
    world.shutdown().await;
    Ok(())
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct InjectBody {
    service: Option<String>,
}

async fn list_faults(State(world): State<Arc<World>>) -> Json<Vec<FaultState>> {
    Json(world.faults().await)
}

async fn inject_fault(
    State(world): State<Arc<World>>,
    Path(name): Path<String>,
    body: axum::body::Bytes,
) -> Result<(StatusCode, Json<FaultState>), Problem> {
    let body: InjectBody = if body.is_empty() {
        InjectBody::default()
    } else {
        serde_json::from_slice(&body)
            .map_err(|e| Problem::new(StatusCode::BAD_REQUEST, "invalid_json", e.to_string()))?
    };
    // A caller that hangs up must not leave a fault half made.
    let work = tokio::spawn(async move { world.inject(&name, body.service.as_deref()).await });
    let state = work.await.unwrap_or_else(|e| Err(Problem::temporary("fault_interrupted", e.to_string())))?;
    Ok((StatusCode::CREATED, Json(state)))
}

async fn clear_fault(
    State(world): State<Arc<World>>,
    Path(name): Path<String>,
) -> Result<Json<FaultState>, Problem> {
    let work = tokio::spawn(async move { world.clear(&name).await });
    work.await.unwrap_or_else(|e| Err(Problem::temporary("fault_interrupted", e.to_string()))).map(Json)
}

async fn traffic(State(world): State<Arc<World>>) -> Json<Traffic> {
    Json(world.traffic())
}

async fn health_of(
    State(world): State<Arc<World>>,
    Path(service): Path<String>,
) -> Result<Json<Health>, Problem> {
    world.health(&service).await.map(Json)
}
