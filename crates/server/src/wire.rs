//! The one place where concrete adapters meet: opens the data folder, the engine, the pollers, the API.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use api::auth::Auth;
use api::{App, ComponentState, ComponentStatus, DemoControl, Environment};
use async_trait::async_trait;
use connect::functions::run::{RunFunctions, RunSettings};
use connect::functions::{
    A2aFunction, AsyncApiFunction, ExternalResources, FRESH, GrpcFunction, HttpFunction, McpFunction,
    OpenApiFunction, Web,
};
use connect::machine::Machine;
use connect::probe::{Probe, ProbeTarget};
use connect::scrape::{Scrape, ScrapeTarget};
use connect::secrets::{EnvironmentSecrets, FolderSecrets, LayeredSecrets};
use connect::tail::{Tail, TailTarget};
use connect::{HostClient, HostPoller, HostSettings, Pace, PollerState, Pollers, Sink, StoreCursors};
use engine::command::{Asker, Command, Role};
use engine::records::Grants;
use engine::runs::Limits as RunLimits;
use engine::sense::Intake;
use engine::situation::{Patience, Rules};
use engine::{Engine, Options, Ports};
use model::{Autonomy, AutonomyGrant, Signal, Timestamp};
use ports::{Actuator, Clock, Secrets, SystemClock};
use store_embedded::{BlobFolder, BlobOptions, BusLog, BusOptions, StateStore};
use telemetry_embedded::{LogStore, SeriesStore};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::client::{Context, recall, remember};
use crate::config::{Config, Level};
use crate::{pages, shipped};

/// Why the server does not start or had to end; the text says what to do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    /// The configuration is refused.
    #[error(transparent)]
    Config(#[from] crate::config::ConfigError),
    /// A policy or a runbook is refused.
    #[error("{0}")]
    Rules(String),
    /// The data folder cannot be used.
    #[error("cannot open the data folder {folder}: {reason}")]
    Data {
        /// The folder.
        folder: String,
        /// Why and what to do.
        reason: String,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {reason}; choose another with server.listen")]
    Listen {
        /// The address.
        address: String,
        /// Why.
        reason: String,
    },
    /// A host or target cannot be polled.
    #[error("{0}")]
    Connect(String),
    /// An adapter failed.
    #[error("{0}")]
    Adapter(String),
}

impl From<ports::Error> for StartError {
    fn from(error: ports::Error) -> Self {
        let cause = std::error::Error::source(&error).map(|s| format!(": {s}")).unwrap_or_default();
        Self::Adapter(format!("{error}{cause}"))
    }
}

/// A host to poll and act through, with its secret.
pub(crate) struct HostAccess {
    /// Base URL.
    pub(crate) url: String,
    /// Token.
    pub(crate) token: String,
}

/// What differs between `up` and `demo`.
#[derive(Default)]
pub(crate) struct Extras {
    /// Hosts besides those of the configuration.
    pub(crate) hosts: Vec<HostAccess>,
    /// Control of the demo world.
    pub(crate) demo: Option<Arc<dyn DemoControl>>,
    /// Secrets of tokens that may send signals.
    pub(crate) ingest_tokens: Vec<String>,
}

/// A running server.
pub(crate) struct Running {
    /// The loop.
    pub(crate) engine: Engine,
    /// Accounts and tokens.
    pub(crate) auth: Arc<Auth>,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// The password of `admin`, when the account was made just now.
    pub(crate) first_password: Option<String>,
    pollers: Pollers,
    stop: CancellationToken,
    serving: tokio::task::JoinHandle<()>,
}

struct IntakeSink(Intake);

#[async_trait]
impl Sink for IntakeSink {
    async fn accept(&self, source: &str, signals: Vec<Signal>) -> Result<(), ports::Error> {
        self.0.accept(source, signals).await.map(drop)
    }
}

/// Opens the port before anything else, so that a second server fails at once and clearly.
///
/// # Errors
/// The address is wrong, taken, or not allowed.
pub(crate) async fn listen(address: &str) -> Result<TcpListener, StartError> {
    let failed = |reason: String| StartError::Listen { address: address.to_owned(), reason };
    TcpListener::bind(address).await.map_err(|e| failed(e.to_string()))
}

/// Where programs of this machine reach a server that listens at an address: one that listens everywhere is
/// reached by loopback.
pub(crate) fn url_of(mut address: SocketAddr) -> String {
    if address.ip().is_unspecified() {
        address.set_ip(match address.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    format!("http://{address}")
}

/// Starts everything.
///
/// # Errors
/// Something cannot be opened; the text says what and what to do.
pub(crate) async fn start(
    config: &Config,
    listener: TcpListener,
    extras: Extras,
) -> Result<Running, StartError> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let address = listener.local_addr().map_err(|e| StartError::Connect(e.to_string()))?;
    let url = url_of(address);
    let (ports, cursors, actuators) = open(config, &clock, &extras.hosts).await?;
    let engine = Engine::open(ports, options(config)?).await?;
    let auth = Arc::new(Auth::new(engine.records().clone()));
    let first_password = auth.bootstrap(clock.now()).await?;
    for secret in &extras.ingest_tokens {
        auth.register_token("demo world", secret, (None, true), "homeostat", None, clock.now()).await?;
    }
    for token in &config.ingest_tokens {
        let secret = std::env::var(&token.token_env).unwrap_or_default();
        if secret.len() < 16 {
            let name = &token.token_env;
            return Err(StartError::Connect(format!(
                "ingest_tokens: the variable {name} must hold a token of at least 16 characters"
            )));
        }
        auth.register_token(&token.name, &secret, (None, true), "configuration", None, clock.now()).await?;
    }
    let stop = CancellationToken::new();
    let sink: Arc<dyn Sink> = Arc::new(IntakeSink(engine.intake().clone()));
    let pollers = Pollers::new(sink, Arc::clone(&clock), &stop);
    for (name, client) in actuators {
        poll_host(&name, client, &engine, &cursors, &pollers)?;
    }
    poll_targets(config, &cursors, &pollers)?;
    let app = App {
        engine: engine.clone(),
        auth: Arc::clone(&auth),
        environment: if extras.demo.is_some() { Environment::Demo } else { config.server.environment },
        demo: extras.demo,
        connectors: crate::documents::connectors(config).map_err(StartError::Connect)?,
        components: {
            let pollers = pollers.clone();
            Arc::new(move || components(&pollers))
        },
        allowed_hosts: Arc::new(config.server.allowed_hosts.clone()),
        max_body_bytes: config.server.max_body_bytes,
    };
    remember_context(&engine, &auth, &url).await?;
    tokio::spawn(keep_tidy(engine.clone(), Arc::clone(&auth), config.clone(), stop.clone()));
    let router = api::router(app, pages::router());
    let limits = serve::Limits {
        connections: config.server.max_connections.get(),
        head: Duration::from_millis(config.server.idle_timeout_ms.get()),
        ..serve::Limits::default()
    };
    let serving = tokio::spawn(serve::serve(listener, router, limits, stop.clone().cancelled_owned()));
    Ok(Running { engine, auth, address, first_password, pollers, stop, serving })
}

impl Running {
    /// Stops in order: no new requests, no new signals, then the loop, whose last checkpoint needs the rest.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        self.pollers.shutdown().await;
        if let Err(error) = self.serving.await {
            tracing::error!(%error, "The HTTP server ended badly.");
        }
        self.engine.shutdown().await;
    }
}

type Opened = (Ports, Arc<StoreCursors>, BTreeMap<String, Arc<HostClient>>);

async fn open(
    config: &Config,
    clock: &Arc<dyn Clock>,
    extra_hosts: &[HostAccess],
) -> Result<Opened, StartError> {
    let dir = &config.data.dir;
    let failed = |reason: String| StartError::Data { folder: dir.display().to_string(), reason };
    let store = Arc::new(StateStore::open(dir).map_err(|e| failed(e.to_string()))?);
    let part = |name: &str| -> std::path::PathBuf { Path::new(dir).join(name) };
    let bus = BusLog::open(&part("bus"), BusOptions::default()).map_err(|e| failed(e.to_string()))?;
    let series = SeriesStore::open(part("series")).map_err(|e| failed(e.to_string()))?;
    let logs = LogStore::open(part("logs")).map_err(|e| failed(e.to_string()))?;
    let blobs = BlobFolder::open(dir, BlobOptions::default()).map_err(|e| failed(e.to_string()))?;
    let mut clients = BTreeMap::new();
    let named = config.hosts.iter().map(|host| {
        let token = std::env::var(&host.token_env).map_err(|_| {
            StartError::Connect(format!(
                "hosts: the variable {} with the token of {} is not set",
                host.token_env, host.url
            ))
        })?;
        Ok::<_, StartError>((host.url.clone(), token))
    });
    let extra = extra_hosts.iter().map(|host| Ok((host.url.clone(), host.token.clone())));
    for host in named.chain(extra) {
        let (url, token) = host?;
        let client = HostClient::new(&url, &token, Duration::from_secs(30))
            .map_err(|e| StartError::Connect(format!("host {url}: {}", e.reason)))?;
        clients.insert(url, Arc::new(client));
    }
    let actuators =
        clients.iter().map(|(url, client)| (url.clone(), Arc::clone(client) as Arc<dyn Actuator>)).collect();
    let cursors = Arc::new(StoreCursors(Arc::clone(&store) as Arc<dyn ports::Store>));
    let secrets = secrets(config);
    let explainer = explainer(config, &secrets)?;
    let outside = outside(config, Arc::clone(&store) as Arc<dyn ports::Store>, Arc::clone(clock)).await?;
    let ports = Ports {
        store,
        bus: Arc::new(bus),
        series: Arc::new(series),
        logs: Arc::new(logs),
        clock: Arc::clone(clock),
        blobs: Arc::new(blobs),
        secrets,
        functions: outside.functions,
        resources: Some(outside.resources),
        subscriber: Some(outside.subscriber),
        explainer,
        actuators,
    };
    Ok((ports, cursors, clients))
}

/// Variables first, then files.
fn secrets(config: &Config) -> Arc<dyn Secrets> {
    let mut stores: Vec<Arc<dyn Secrets>> = vec![Arc::new(EnvironmentSecrets::new(std::env::vars_os()))];
    if let Some(folder) = &config.workflows.secrets_dir {
        stores.push(Arc::new(FolderSecrets::new(folder.clone())));
    }
    Arc::new(LayeredSecrets::new(stores))
}

/// The language model, if one is set up: it keeps within the same egress rules as workflows.
fn explainer(
    config: &Config,
    secrets: &Arc<dyn Secrets>,
) -> Result<Option<Arc<dyn ports::Explainer>>, StartError> {
    let bounds = config.functions.http.limits().map_err(StartError::Connect)?;
    let variable = |name: &str| std::env::var(name).ok();
    config.explainer.open(bounds, Arc::clone(secrets), variable).map_err(StartError::Connect)
}

/// What workflows reach beyond the hosts.
struct Outside {
    functions: Vec<Arc<dyn Actuator>>,
    resources: Arc<dyn ports::Resources>,
    subscriber: Arc<dyn ports::Subscriber>,
}

async fn outside(
    config: &Config,
    store: Arc<dyn ports::Store>,
    clock: Arc<dyn Clock>,
) -> Result<Outside, StartError> {
    let settings = &config.functions;
    let limits = settings.http.limits().map_err(StartError::Connect)?;
    let web = Arc::new(Web::new(limits.clone()).map_err(StartError::Adapter)?);
    let http2 = Arc::new(Web::http2(limits).map_err(StartError::Adapter)?);
    let resources = Arc::new(ExternalResources::new(Arc::clone(&web), settings.resources_dir.clone(), FRESH));
    let program = std::env::current_exe().map_err(|e| StartError::Adapter(e.to_string()))?;
    let run = RunSettings {
        policy: settings.run.clone(),
        folder: settings.programs_dir.clone().unwrap_or_else(|| config.data.dir.join("programs")),
        guard: vec![program.display().to_string(), crate::RUN_GUARD.to_owned()],
        resources: Arc::clone(&resources),
        store,
        clock,
    };
    let programs = Arc::new(RunFunctions::open(run).await.map_err(StartError::Connect)?);
    let messages = Arc::new(AsyncApiFunction::new(Arc::clone(&web), Arc::clone(&resources)));
    let functions: Vec<Arc<dyn Actuator>> = vec![
        Arc::new(HttpFunction::new(Arc::clone(&web))),
        Arc::new(OpenApiFunction::new(Arc::clone(&web))),
        Arc::new(GrpcFunction::new(http2, Arc::clone(&resources))),
        Arc::clone(&messages) as Arc<dyn Actuator>,
        Arc::new(McpFunction::new(Arc::clone(&web), Arc::clone(&programs))),
        Arc::new(A2aFunction::new(web)),
        programs,
    ];
    Ok(Outside { functions, resources, subscriber: messages })
}

fn options(config: &Config) -> Result<Options, StartError> {
    let patience = &config.patience;
    let level = match config.rules.autonomy {
        Level::Observe => Autonomy::Observe,
        Level::Propose => Autonomy::Propose,
        Level::Approve => Autonomy::Approve,
        Level::Auto => Autonomy::Auto,
    };
    let everywhere = AutonomyGrant { service: "*".into(), action: "*".into(), level };
    let rules = Rules {
        policy: Arc::new(shipped::policy(&config.rules.policies).map_err(StartError::Rules)?),
        runbooks: Arc::new(shipped::runbooks(config.rules.runbooks.as_deref()).map_err(StartError::Rules)?),
        actions: BTreeMap::new(),
        triage: Arc::new(shipped::triage(&config.rules.triage).map_err(StartError::Rules)?),
        diagnosis: diagnose::Settings::default(),
        calendar: config.calendar.clone(),
        patience: Patience {
            settle_ms: i64::from(patience.settle_ms),
            quiet_ms: i64::from(patience.quiet_ms),
            inconclusive_ms: i64::from(patience.inconclusive_ms),
            verify_s: u64::from(patience.verify_s),
            linger_ms: i64::from(patience.linger_ms),
        },
        default_grants: Grants { items: vec![everywhere] },
        limits: RunLimits {
            runs_per_service: config.workflows.runs_per_service,
            start_held: config.workflows.start_held,
            entropy: entropy()?,
        },
    };
    Ok(Options {
        rules,
        detection: detect::Settings {
            objectives: shipped::objectives(&config.rules.objectives).map_err(StartError::Rules)?,
            ..config.detect.clone()
        },
        explain: config.explainer.limits(),
        checkpoint_every: Duration::from_millis(u64::from(patience.checkpoint_ms)),
    })
}

/// Drawn anew for each process: nobody outside can guess what stands for a secret.
fn entropy() -> Result<[u8; 32], StartError> {
    let mut bytes = [0; 32];
    let drawn = rustls::crypto::ring::default_provider().secure_random.fill(&mut bytes);
    drawn.map_err(|_| StartError::Adapter("the operating system gives no random numbers".to_owned()))?;
    Ok(bytes)
}

fn poll_host(
    url: &str,
    client: Arc<HostClient>,
    engine: &Engine,
    cursors: &Arc<StoreCursors>,
    pollers: &Pollers,
) -> Result<(), StartError> {
    let (engine, source) = (engine.clone(), url.to_owned());
    // One task passes lists on, so that an older one never overtakes a newer one; only the newest matters.
    let (newest, mut seen) = tokio::sync::watch::channel(Vec::new());
    tokio::spawn(async move {
        while seen.changed().await.is_ok() {
            let services = seen.borrow_and_update().clone();
            // Refused only while stopping; the next life asks the host again.
            let _ = engine.ask(Asker::system(), Command::Services(source.clone(), services)).await;
        }
    });
    let on_services = Arc::new(move |services| {
        newest.send_replace(services);
    });
    let name = url.trim_start_matches("http://").trim_start_matches("https://");
    let cursors: Arc<dyn connect::Cursors> = cursors.clone();
    HostPoller::start(name, client, HostSettings::default(), cursors, pollers, on_services)
        .map_err(|e| StartError::Connect(format!("host {url}: {}", e.reason)))
}

fn poll_targets(config: &Config, cursors: &Arc<StoreCursors>, pollers: &Pollers) -> Result<(), StartError> {
    let client = |keep| connect::client(keep).map_err(|e| StartError::Connect(e.reason));
    let ms = Duration::from_millis;
    for probe in &config.probes {
        let target =
            ProbeTarget { service: probe.service.clone(), instance: None, url: probe.target.clone() };
        let name = format!("probe/{}/{}", probe.service, probe.target);
        let poll = Probe::new(target, ms(probe.timeout_ms), client(false)?);
        pollers.start(&name, Pace::steady(ms(probe.interval_ms)), poll);
    }
    for scrape in &config.scrapes {
        let target =
            ScrapeTarget { service: scrape.service.clone(), instance: None, url: scrape.url.clone() };
        let name = format!("scrape/{}/{}", scrape.service, scrape.url);
        let poll = Scrape::new(target, ms(scrape.interval_ms).min(ms(10_000)), client(true)?);
        pollers.start(&name, Pace::steady(ms(scrape.interval_ms)), poll);
    }
    if config.machine.interval_ms > 0 {
        let pace = Pace::backing_off(ms(config.machine.interval_ms), ms(600_000));
        pollers.start("machine", pace, Machine::default());
    }
    for tail in &config.tails {
        let target = TailTarget { service: tail.service.clone(), instance: None, path: tail.file.clone() };
        let name = format!("tail/{}/{}", tail.service, tail.file.display());
        let cursors: Arc<dyn connect::Cursors> = cursors.clone();
        pollers.start(&name, Pace::backing_off(ms(500), ms(10_000)), Tail::new(target, cursors, ms(1_000)));
    }
    Ok(())
}

fn components(pollers: &Pollers) -> Vec<ComponentStatus> {
    pollers
        .status()
        .into_iter()
        .map(|p| {
            let (state, reason) = match p.state {
                PollerState::Running => (ComponentState::Running, format!("{} signals taken", p.accepted)),
                PollerState::Degraded { reason } => (ComponentState::Degraded, reason),
                PollerState::Quarantined { reason } => (ComponentState::Quarantined, reason),
            };
            ComponentStatus { name: p.name, state, reason }
        })
        .collect()
}

/// A token for the commands of this machine, in a file that only its owner can read. One that is there and
/// still fits this server is kept, so that starts do not pile up tokens.
async fn remember_context(engine: &Engine, auth: &Auth, url: &str) -> Result<(), StartError> {
    let day_ms = 86_400_000;
    let now = engine.now();
    let known = match recall() {
        Some(context) => auth.token(&context.token, now).await?.map(|_| context.token),
        None => None,
    };
    let token = match known {
        Some(token) => token,
        None => {
            let grant = (Some(Role::Admin), true);
            let ends = Some(now.plus_ms(365 * day_ms));
            auth.create_token("local command line", grant, "homeostat", ends, now).await?.1
        }
    };
    if let Err(error) = remember(&Context { url: url.to_owned(), token }) {
        tracing::warn!(%error, "Commands will need --url and --token: the context file cannot be written.");
    }
    Ok(())
}

/// Now and then: forgets ended sessions and expired telemetry.
async fn keep_tidy(engine: Engine, auth: Arc<Auth>, config: Config, stop: CancellationToken) {
    let day_ms = 86_400_000_i64;
    let mut tick = tokio::time::interval(Duration::from_secs(600));
    // The first look comes with the second tick: a start has other things to read.
    let mut blobs_looked_at = engine.now().plus_ms(600_000 - day_ms);
    loop {
        tokio::select! { _ = tick.tick() => {}, () = stop.cancelled() => return }
        let now = engine.now();
        let before = |days: u32| now.plus_ms(-i64::from(days) * day_ms);
        let results = [
            auth.sweep(now).await,
            engine.series().expire(before(config.retention.metrics_days)).await,
            engine.logs().expire(before(config.retention.logs_days)).await,
            forget_runs(&engine, config.workflows.retention_days, before).await,
            if now.since_ms(blobs_looked_at) >= day_ms {
                blobs_looked_at = now;
                engine.collect().await.map(drop)
            } else {
                Ok(())
            },
        ];
        for error in results.into_iter().filter_map(Result::err) {
            tracing::warn!(%error, "Tidying up failed; trying again later.");
        }
    }
}

async fn forget_runs(engine: &Engine, days: u32, before: impl Fn(u32) -> Timestamp) -> ports::Result<()> {
    if days == 0 {
        return Ok(());
    }
    let removed = engine.forget_runs(before(days)).await?;
    if removed > 0 {
        tracing::info!(runs = removed, "Removed runs that ended long ago.");
    }
    Ok(())
}
