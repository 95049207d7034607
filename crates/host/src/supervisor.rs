//! The supervisor: services, their instances, and what the host remembers of them.
//!
//! State changes of one service take their turn under `Managed::turn`; different services do not wait for each
//! other. What an action means is not decided here (`actions/`), nor in which order it is done (`execute.rs`).

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use model::{Event, Instance, InstanceState, MetricSeries, Service, Signal, Timestamp};
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};

use crate::folder::{Folder, write_atomic};
use crate::journal::{Journal, blocking};
use crate::ledger::Ledger;
use crate::logs::RotatingLog;
use crate::plan::Snapshot;
use crate::process::{Exit, Launch, Process, Running};
use crate::record::{InstanceRecord, ServiceRecord};
use crate::spec::{Restart, ServiceSpec, check_catalog};
use crate::{HostError, HostOptions, launch, ports, sampler};

/// A process host: starts, watches and changes the services of its catalog. Cheap to clone.
#[derive(Clone)]
pub struct Host {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub options: HostOptions,
    pub address: SocketAddr,
    pub services: BTreeMap<String, Arc<Managed>>,
    pub journal: Journal,
    pub ledger: Ledger,
    pub samples: Mutex<Vec<MetricSeries>>,
    pub taken_ports: Mutex<BTreeSet<u16>>,
    endpoints: Mutex<()>,
    closing: AtomicBool,
    /// Held for the life of the host: two hosts must not share a folder.
    _lock: std::fs::File,
}

/// One service.
pub(crate) struct Managed {
    pub spec: ServiceSpec,
    pub folder: Folder,
    pub turn: tokio::sync::Mutex<()>,
    state: Mutex<State>,
    saving: Arc<Mutex<()>>,
}

#[derive(Default)]
pub(crate) struct State {
    pub record: ServiceRecord,
    pub live: BTreeMap<String, Live>,
}

/// What is known of an instance besides its record.
pub(crate) struct Live {
    pub state: InstanceState,
    pub started_at: Option<Timestamp>,
    pub process: Option<Process>,
    /// Ends by itself soon after a start, in a row.
    short_lives: u32,
}

impl Managed {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn process(&self, instance: &str) -> Option<Process> {
        self.state().live.get(instance).and_then(|l| l.process.clone())
    }

    pub(crate) fn log_path(&self, instance: &str) -> PathBuf {
        self.folder.logs().join(format!("{instance}.log"))
    }

    /// Writes the record; the newest state always ends up on disk, whoever is slower.
    pub(crate) async fn save(self: &Arc<Self>) -> io::Result<()> {
        let managed = Arc::clone(self);
        blocking(move || {
            let _writing = managed.saving.lock().unwrap_or_else(PoisonError::into_inner);
            let content = serde_json::to_vec_pretty(&managed.state().record).map_err(io::Error::other)?;
            write_atomic(&managed.folder.record(), &content)
        })
        .await
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        let trash = self.folder.trash_ids().into_iter().filter(|id| !id.ends_with("-displaced"));
        let declared: Vec<&String> = self.spec.expendable.iter().chain(&self.spec.state).collect();
        let held = |id: &String| {
            declared.iter().filter(|f| self.folder.is_aside(id, f)).map(|f| (*f).clone()).collect::<Vec<_>>()
        };
        let state = self.state();
        Snapshot {
            spec: self.spec.clone(),
            instances: state.record.instances.clone(),
            running: state.live.iter().filter(|(_, l)| l.process.is_some()).map(|(n, _)| n.clone()).collect(),
            release: self.folder.release(),
            releases: self.folder.releases(),
            config_revision: self.folder.config_revision(),
            revisions: self.folder.revisions(),
            history: state.record.history.clone(),
            trash: trash
                .map(|id| (id.clone(), held(&id)))
                .filter(|(_, folders)| !folders.is_empty())
                .collect(),
        }
    }
}

impl Host {
    /// Opens the folder, ends what a dead host left behind, starts what is meant to run, and finishes what
    /// was begun. `address` is where the HTTP API will be reachable.
    ///
    /// # Errors
    /// The catalog is wrong, the folder is in use or cannot be read.
    pub async fn start(mut options: HostOptions, address: SocketAddr) -> Result<Self, HostError> {
        check_catalog(&options.catalog)?;
        std::fs::create_dir_all(&options.dir)?;
        // Children run in their data folders: every path they are given must be absolute.
        options.dir = options.dir.canonicalize()?;
        let lock = std::fs::File::create(options.dir.join("host.lock"))?;
        if lock.try_lock().is_err() {
            return Err(HostError::InUse(options.dir));
        }
        let mut services = BTreeMap::new();
        for spec in &options.catalog {
            services.insert(spec.name.clone(), Arc::new(open(&options, spec.clone())?));
        }
        let taken = services
            .values()
            .flat_map(|m| m.state().record.instances.clone())
            .flat_map(|i| i.ports.into_values());
        let inner = Inner {
            address,
            journal: Journal::open(options.dir.join("signals.jsonl"))?,
            ledger: Ledger::open(options.dir.join("ledger.jsonl"))?,
            samples: Mutex::default(),
            taken_ports: Mutex::new(taken.collect()),
            endpoints: Mutex::new(()),
            closing: AtomicBool::new(false),
            _lock: lock,
            services,
            options,
        };
        let host = Self { inner: Arc::new(inner) };
        host.begin().await?;
        Ok(host)
    }

    async fn begin(&self) -> Result<(), HostError> {
        self.write_endpoints().await?;
        let mut starting = tokio::task::JoinSet::new();
        for managed in self.inner.services.values().cloned() {
            let host = self.clone();
            starting.spawn(async move {
                let _turn = managed.turn.lock().await;
                let wanted: Vec<InstanceRecord> = managed.state().record.instances.clone();
                for instance in wanted {
                    if let Some((pid, ticks)) = instance.process {
                        launch::end_orphan(pid, ticks).await;
                    }
                    if instance.wanted
                        && let Err(error) = host.start_process(&managed, &instance.name).await
                    {
                        tracing::error!(service = managed.spec.name, instance = instance.name, %error, "instance not started");
                    }
                }
            });
        }
        while starting.join_next().await.is_some() {}
        for key in self.inner.ledger.unfinished() {
            if let Err(problem) = self.finish(&key).await {
                tracing::error!(key, %problem, "an action that a crash interrupted is not finished");
            }
        }
        tokio::spawn(sampler::run(self.clone()));
        Ok(())
    }

    /// Every service with its instances.
    #[must_use]
    pub fn services(&self) -> Vec<Service> {
        self.inner.services.values().map(|managed| self.describe(managed)).collect()
    }

    /// One service with its instances.
    #[must_use]
    pub fn service(&self, name: &str) -> Option<Service> {
        self.inner.services.get(name).map(|managed| self.describe(managed))
    }

    fn describe(&self, managed: &Managed) -> Service {
        let spec = &managed.spec;
        let (version, config_revision) = (managed.folder.release(), managed.folder.config_revision());
        let state = managed.state();
        let instances = state.record.instances.iter().map(|record| {
            let live = state.live.get(&record.name);
            let address =
                spec.ports.first().and_then(|p| record.ports.get(p)).map(|p| format!("127.0.0.1:{p}"));
            let url =
                |path: &Option<String>| Some(format!("http://{}{}", address.as_deref()?, path.as_deref()?));
            Instance {
                name: record.name.clone(),
                pid: live.and_then(|l| l.process.as_ref()).map(|p| p.pid),
                state: live.map_or(InstanceState::Stopped, |l| l.state),
                started_at: live.and_then(|l| l.started_at),
                exits: record.exits,
                health_url: url(&spec.health_path),
                metrics_url: url(&spec.metrics_path),
                log_file: Some(managed.log_path(&record.name).display().to_string()),
                address,
            }
        });
        Service {
            name: spec.name.clone(),
            owner: spec.owner.clone(),
            tier: spec.tier,
            depends_on: spec.depends_on.clone(),
            version,
            config_revision,
            instances: instances.collect(),
            host: Some(format!("http://{}", self.inner.address)),
            memory_limit_bytes: spec.memory_limit_bytes,
            disk_limit_bytes: spec.disk_limit_bytes,
            health: model::Health::Unknown,
        }
    }

    /// Port of an instance by its name in the catalog.
    #[must_use]
    pub fn port(&self, service: &str, instance: &str, port: &str) -> Option<u16> {
        let managed = self.inner.services.get(service)?;
        let state = managed.state();
        state.record.instances.iter().find(|i| i.name == instance)?.ports.get(port).copied()
    }

    /// Data folder of a service.
    #[must_use]
    pub fn data_folder(&self, service: &str) -> Option<PathBuf> {
        self.inner.services.get(service).map(|managed| managed.folder.data())
    }

    /// The newest sample of every series: instances once a second, the machine likewise.
    #[must_use]
    pub fn metrics(&self) -> Vec<MetricSeries> {
        self.inner.samples.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Stops every instance and takes no more actions that start one.
    pub async fn shutdown(&self) {
        self.inner.closing.store(true, Ordering::SeqCst);
        let mut stopping = tokio::task::JoinSet::new();
        for managed in self.inner.services.values().cloned() {
            stopping.spawn(async move {
                let processes: Vec<Process> =
                    managed.state().live.values().filter_map(|l| l.process.clone()).collect();
                let grace = Duration::from_millis(managed.spec.stop_grace_ms);
                let mut each = tokio::task::JoinSet::new();
                for process in processes {
                    each.spawn(async move { process.stop(grace).await });
                }
                each.join_all().await;
            });
        }
        stopping.join_all().await;
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.inner.closing.load(Ordering::SeqCst)
    }

    /// Starts the process of an instance that is in the record and does not run. The caller has the turn.
    /// Returns when it serves, has ended again, or the start timeout has passed.
    pub(crate) async fn start_process(&self, managed: &Arc<Managed>, instance: &str) -> io::Result<()> {
        if self.is_closing() {
            return Err(io::Error::other("the host is shutting down"));
        }
        if managed.process(instance).is_some() {
            return Ok(());
        }
        let ports = self.keep_ports(managed, instance)?;
        let (argv, env) = launch::command(&self.inner.options, managed, instance, &ports);
        let log = RotatingLog::open(
            managed.log_path(instance),
            self.inner.options.log_limit_bytes,
            self.inner.options.logs_kept,
        )?;
        let (events, printed) = mpsc::channel(64);
        let (process, running, end) =
            Process::spawn(Launch { argv, env, cwd: managed.folder.data(), log, events })?;
        let at = now();
        let has_health = managed.spec.health_path.is_some() && !managed.spec.ports.is_empty();
        let first = if has_health { InstanceState::Starting } else { InstanceState::Running };
        {
            let mut state = managed.state();
            if let Some(record) = state.record.instances.iter_mut().find(|i| i.name == instance) {
                record.wanted = true;
                record.starts += 1;
                record.process = Some((process.pid, process.start_ticks));
            }
            let short_lives = state.live.get(instance).map_or(0, |l| l.short_lives);
            let live =
                Live { state: first, started_at: Some(at), process: Some(process.clone()), short_lives };
            state.live.insert(instance.to_owned(), live);
        }
        let data = json!({
            "instance": instance, "pid": process.pid, "release": managed.folder.release(),
            "config_revision": managed.folder.config_revision(),
        });
        let noted = self.note(&managed.spec.name, "dev.homeostat.process.started", at, data).await;
        tokio::spawn(self.clone().follow(Arc::clone(managed), instance.to_owned(), running, end));
        tokio::spawn(self.clone().relay(managed.spec.name.clone(), instance.to_owned(), printed));
        noted?;
        managed.save().await?;
        self.write_endpoints().await?;
        if has_health && let Some(port) = managed.spec.ports.first().and_then(|p| ports.get(p)) {
            self.await_ready(managed, instance, &process, *port).await;
        }
        Ok(())
    }

    /// Waits in the background until the instance answers; the caller waits along, for a bounded time.
    async fn await_ready(&self, managed: &Arc<Managed>, instance: &str, process: &Process, port: u16) {
        let (host, managed, instance, process) =
            (self.clone(), Arc::clone(managed), instance.to_owned(), process.clone());
        let bound = Duration::from_millis(managed.spec.start_timeout_ms);
        let waiting = tokio::spawn(async move {
            let path = managed.spec.health_path.clone().unwrap_or_default();
            tokio::select! {
                () = process.gone() => return,
                () = launch::until_healthy(port, &path) => {}
            }
            {
                let mut state = managed.state();
                let Some(live) = state.live.get_mut(&instance) else { return };
                if live.process.as_ref().is_none_or(|p| p.pid != process.pid) {
                    return;
                }
                live.state = InstanceState::Running;
            }
            if let Err(error) = host.write_endpoints().await {
                tracing::error!(%error, "endpoints file not written");
            }
        });
        let _ = tokio::time::timeout(bound, waiting).await;
    }

    /// Stops the process of an instance, if it runs. The caller has the turn.
    pub(crate) async fn stop_process(&self, managed: &Arc<Managed>, instance: &str) {
        if let Some(process) = managed.process(instance) {
            process.stop(Duration::from_millis(managed.spec.stop_grace_ms)).await;
        }
    }

    async fn follow(
        self,
        managed: Arc<Managed>,
        instance: String,
        running: Running,
        end: watch::Sender<bool>,
    ) {
        let pid = managed.process(&instance).map(|p| p.pid);
        let exit = running.wait().await;
        let again = self.note_exit(&managed, &instance, pid, &exit).await;
        end.send_replace(true);
        if let Some(wait) = again {
            tokio::spawn(self.start_again(managed, instance, wait));
        }
    }

    // A boxed type, because starting leads to following and following to starting.
    fn start_again(
        self,
        managed: Arc<Managed>,
        instance: String,
        wait: Duration,
    ) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move {
            tokio::time::sleep(wait).await;
            let _turn = managed.turn.lock().await;
            let wanted = managed.state().record.instances.iter().any(|i| i.name == instance && i.wanted);
            if wanted && let Err(error) = self.start_process(&managed, &instance).await {
                tracing::error!(instance, %error, "instance not started again");
            }
        })
    }

    /// Notes an end; gives the time to wait before starting again, if the catalog says so.
    async fn note_exit(
        &self,
        managed: &Arc<Managed>,
        instance: &str,
        pid: Option<u32>,
        exit: &Exit,
    ) -> Option<Duration> {
        let short_lives = {
            let mut state = managed.state();
            if let Some(record) = state.record.instances.iter_mut().find(|i| i.name == instance) {
                record.process = None;
                record.exits += u32::from(!exit.expected);
            }
            let live = state.live.get_mut(instance)?;
            live.process = None;
            live.state = if exit.expected { InstanceState::Stopped } else { InstanceState::Exited };
            live.short_lives = if exit.uptime_ms < 10_000 { live.short_lives + 1 } else { 1 };
            live.short_lives
        };
        let data = json!({
            "instance": instance, "pid": pid, "exit_code": exit.code, "signal": exit.signal,
            "uptime_ms": exit.uptime_ms, "expected": exit.expected, "reason": exit.reason,
        });
        let written = async {
            self.write_endpoints().await?;
            self.note(&managed.spec.name, "dev.homeostat.process.exited", now(), data).await?;
            managed.save().await
        };
        if let Err(error) = written.await {
            tracing::error!(service = managed.spec.name, instance, %error, "the end of a process is not on disk");
        }
        let again = managed.spec.restart == Restart::Always && !exit.expected && !self.is_closing();
        again.then(|| Duration::from_millis(100 << short_lives.min(8)).min(Duration::from_secs(30)))
    }

    async fn relay(self, service: String, instance: String, mut printed: mpsc::Receiver<(String, Value)>) {
        while let Some((kind, mut data)) = printed.recv().await {
            if let Some(map) = data.as_object_mut() {
                map.insert("instance".to_owned(), Value::String(instance.clone()));
            }
            if let Err(error) = self.note(&service, &kind, now(), data).await {
                tracing::error!(service, instance, %error, "an event of a process is not on disk");
            }
        }
    }

    async fn note(&self, service: &str, kind: &str, at: Timestamp, data: Value) -> io::Result<()> {
        let source = format!("homeostat/host/{}", self.inner.options.name);
        let (service, kind) = (service.to_owned(), kind.to_owned());
        self.inner
            .journal
            .append(move |sequence| {
                // The time keeps ids apart when the folder was removed and sequences began anew.
                let id = format!("{}-{sequence}", at.as_unix_ms());
                Signal::Event(Event { id, source, kind, service, at, data, attributes: BTreeMap::new() })
            })
            .await
    }

    fn keep_ports(&self, managed: &Managed, instance: &str) -> io::Result<BTreeMap<String, u16>> {
        let mut state = managed.state();
        let index = state.record.instances.iter().position(|i| i.name == instance);
        let Some(index) = index else { return Err(io::Error::other("no such instance")) };
        let record = &mut state.record.instances[index];
        let mut taken = self.inner.taken_ports.lock().unwrap_or_else(PoisonError::into_inner);
        for (offset, name) in managed.spec.ports.iter().enumerate() {
            let wish = managed
                .spec
                .base_port
                .map(|base| base.saturating_add((index * managed.spec.ports.len() + offset) as u16));
            let port = ports::choose(record.ports.get(name).copied(), wish, &mut taken)?;
            record.ports.insert(name.clone(), port);
        }
        Ok(record.ports.clone())
    }

    /// Rewrites `endpoints.json`: the instances that serve, by service.
    pub(crate) async fn write_endpoints(&self) -> io::Result<()> {
        let host = self.clone();
        blocking(move || {
            let _writing = host.inner.endpoints.lock().unwrap_or_else(PoisonError::into_inner);
            let services: serde_json::Map<String, Value> = host
                .inner
                .services
                .values()
                .map(|m| (m.spec.name.clone(), launch::endpoints_of(m)))
                .collect();
            let content =
                serde_json::to_vec_pretty(&json!({"services": services})).map_err(io::Error::other)?;
            // No fsync: after a crash the host writes it anew before anything runs.
            let path = host.inner.options.endpoints_file();
            let temporary = path.with_extension("new");
            std::fs::write(&temporary, content)?;
            std::fs::rename(temporary, path)
        })
        .await
    }
}

fn open(options: &HostOptions, spec: ServiceSpec) -> Result<Managed, HostError> {
    let folder = Folder::open(options.dir.join("services").join(&spec.name), &spec)?;
    folder.empty_trash(Duration::from_secs(options.trash_keep_s))?;
    let record = match std::fs::read(folder.record()) {
        Ok(bytes) => {
            serde_json::from_slice(&bytes).map_err(|e| HostError::Corrupt(folder.record(), e.to_string()))?
        }
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            let numbered = (1..=spec.instances).map(|n| format!("{}-{n}", spec.name));
            let instances =
                numbered.map(|name| InstanceRecord { name, wanted: true, ..InstanceRecord::default() });
            ServiceRecord { instances: instances.collect(), history: Vec::new() }
        }
        Err(e) => return Err(e.into()),
    };
    let state = Mutex::new(State { record, live: BTreeMap::new() });
    Ok(Managed { spec, folder, turn: tokio::sync::Mutex::new(()), state, saving: Arc::default() })
}

/// The machine's clock.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_unix_ms(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
