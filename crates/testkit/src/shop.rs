//! A simulated shop: the services of the demo world, their traffic and what they show of themselves, in
//! simulated time. It knows nothing of who watches it. Faults are in `fault.rs`, requests in `traffic.rs`,
//! signals in `signals.rs`.

mod fault;
mod signals;
mod traffic;

use std::collections::BTreeMap;

use model::{InstanceState, Signal, Timestamp};
use serde_json::json;

use crate::random::Random;

pub use fault::{FAULTS, Fault};

/// The simulated clock begins here.
pub const START_MS: i64 = 1_790_000_000_000;
/// The world moves in steps of this length.
pub const STEP_MS: i64 = 50;
/// Name of the host that runs the shop.
pub const HOST: &str = "http://host.test";

const MB: f64 = 1_048_576.0;
const MEMORY_LIMIT: f64 = 256.0 * MB;
const DISK_LIMIT: f64 = 64.0 * MB;
/// From the start of a process to its first answer.
const START_TAKES_MS: i64 = 350;

/// One process.
#[derive(Clone, Debug)]
pub(crate) struct Process {
    pub(crate) name: String,
    pub(crate) state: InstanceState,
    pub(crate) wanted: bool,
    pub(crate) pid: Option<u32>,
    pub(crate) started_ms: i64,
    pub(crate) exits: u32,
    /// What is wrong in its memory, with the time since when.
    pub(crate) faults: BTreeMap<Fault, i64>,
    pub(crate) requests: f64,
    pub(crate) failures: f64,
}

/// A change of release or configuration.
#[derive(Clone, Debug)]
pub(crate) struct Switch {
    pub(crate) release: bool,
    pub(crate) from: String,
    pub(crate) settled: bool,
}

/// One service.
#[derive(Clone, Debug)]
pub(crate) struct Unit {
    pub(crate) name: &'static str,
    pub(crate) depends_on: &'static [&'static str],
    pub(crate) processes: Vec<Process>,
    pub(crate) release: String,
    pub(crate) revision: String,
    pub(crate) history: Vec<Switch>,
    /// Its state file cannot be read.
    pub(crate) poisoned: bool,
    /// An export fills its data folder since then.
    pub(crate) export_since: Option<i64>,
    pub(crate) export_bytes: f64,
    /// What was moved out of the data folder, by trash id.
    pub(crate) trash: BTreeMap<String, Trash>,
    /// Faults that come back in every new process, because they do not live in the process.
    pub(crate) sticky: Vec<Fault>,
    turn: usize,
    orders: f64,
}

/// What an action moved aside.
#[derive(Clone, Debug)]
pub(crate) enum Trash {
    /// The export, with its size and since when it was written.
    Export(Option<i64>, f64),
    /// The state folder, and whether it was poisoned.
    State(bool),
}

/// The shop.
#[derive(Clone, Debug)]
pub struct Shop {
    random: Random,
    ms: i64,
    pub(crate) units: BTreeMap<&'static str, Unit>,
    queue: BTreeMap<(i64, u64), Signal>,
    serial: u64,
    /// Requests a customer saw fail since the beginning.
    pub failed: u64,
}

impl Shop {
    /// A healthy shop.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let unit = |name: &'static str, depends_on: &'static [&'static str], count: usize| {
            let processes = (1..=count).map(|n| Process::new(&format!("{name}-{n}"))).collect();
            (name, Unit::new(name, depends_on, processes))
        };
        let mut shop = Self {
            random: Random::new(seed),
            ms: 0,
            units: BTreeMap::from([
                unit("gateway", &["catalog", "checkout"], 1),
                unit("catalog", &[], 1),
                unit("checkout", &["payments"], 1),
                unit("payments", &[], 2),
                unit("worker", &["checkout"], 1),
            ]),
            queue: BTreeMap::new(),
            serial: 0,
            failed: 0,
        };
        let all: Vec<(&str, String)> =
            shop.units.values().flat_map(|u| u.processes.iter().map(|p| (u.name, p.name.clone()))).collect();
        for (service, instance) in all {
            shop.start(service, &instance);
        }
        shop
    }

    /// Milliseconds since the beginning.
    #[must_use]
    pub fn elapsed_ms(&self) -> i64 {
        self.ms
    }

    /// Now, on the simulated clock.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        Timestamp::from_unix_ms(START_MS + self.ms)
    }

    /// One step of time.
    pub fn step(&mut self) {
        self.ms += STEP_MS;
        self.live();
        self.suffer();
        self.trade();
        self.show();
    }

    /// Signals that arrived by now, oldest first.
    pub fn collect(&mut self) -> Vec<Signal> {
        let later = self.queue.split_off(&(self.ms + 1, 0));
        std::mem::replace(&mut self.queue, later).into_values().collect()
    }

    /// The services as their host lists them.
    #[must_use]
    pub fn services(&self) -> Vec<model::Service> {
        self.units.values().map(|unit| unit.describe()).collect()
    }

    /// Starting processes become ready, poisoned ones abort.
    fn live(&mut self) {
        let mut aborting = Vec::new();
        for unit in self.units.values_mut() {
            let poisoned = unit.poisoned;
            for process in &mut unit.processes {
                let age = self.ms - process.started_ms;
                if process.state == InstanceState::Starting && age >= START_TAKES_MS {
                    process.state = InstanceState::Running;
                }
                if poisoned && process.pid.is_some() && age >= 2_000 {
                    aborting.push((unit.name, process.name.clone()));
                }
            }
        }
        for (service, instance) in aborting {
            let text = "fatal: cannot resume schedule.json: expected value at line 1 column 14, aborting";
            self.log(service, &instance, model::LogLevel::Error, text.to_owned(), None);
            self.end(service, &instance, Some(6), "exited", false);
        }
    }

    /// Starts a process that does not run.
    pub(crate) fn start(&mut self, service: &str, instance: &str) {
        self.serial += 1;
        let (ms, pid) = (self.ms, u32::try_from(self.serial).unwrap_or(u32::MAX));
        let Some(unit) = self.units.get_mut(service) else { return };
        let sticky = unit.sticky.clone();
        let (release, revision) = (unit.release.clone(), unit.revision.clone());
        let Some(process) = unit.processes.iter_mut().find(|p| p.name == instance) else { return };
        process.wanted = true;
        if process.pid.is_some() {
            return;
        }
        process.state = InstanceState::Starting;
        process.pid = Some(pid);
        process.started_ms = ms;
        process.requests = 0.0;
        process.failures = 0.0;
        process.faults = sticky.into_iter().map(|fault| (fault, ms)).collect();
        if unit.export_since.is_some() {
            unit.export_since = Some(ms);
        }
        let data = json!({"instance": instance, "pid": pid, "release": release, "config_revision": revision});
        self.event(service, "dev.homeostat.process.started", data);
    }

    /// Ends a process. Its memory, and what was wrong in it, is gone.
    pub(crate) fn end(
        &mut self,
        service: &str,
        instance: &str,
        signal: Option<i32>,
        reason: &str,
        expected: bool,
    ) {
        let ms = self.ms;
        let Some(unit) = self.units.get_mut(service) else { return };
        let Some(process) = unit.processes.iter_mut().find(|p| p.name == instance) else { return };
        if process.pid.take().is_none() {
            return;
        }
        process.faults.clear();
        process.state = if expected { InstanceState::Stopped } else { InstanceState::Exited };
        process.exits += u32::from(!expected);
        let data = json!({
            "instance": instance, "exit_code": if signal.is_none() { Some(0) } else { None }, "signal": signal,
            "uptime_ms": ms - process.started_ms, "expected": expected, "reason": reason,
        });
        self.event(service, "dev.homeostat.process.exited", data);
    }

    /// Whether nothing is wrong any more: no fault anywhere, and everything runs.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.units.values().all(|u| {
            !u.poisoned
                && u.sticky.is_empty()
                && u.export_since.is_none()
                && u.release != fault::BAD_RELEASE
                && u.revision != fault::BAD_REVISION
                && u.processes.iter().all(|p| p.state == InstanceState::Running && p.faults.is_empty())
        })
    }
}

impl Process {
    pub(crate) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            state: InstanceState::Stopped,
            wanted: true,
            pid: None,
            started_ms: 0,
            exits: 0,
            faults: BTreeMap::new(),
            requests: 0.0,
            failures: 0.0,
        }
    }

    fn has(&self, fault: Fault) -> bool {
        self.faults.contains_key(&fault)
    }
}

impl Unit {
    fn new(name: &'static str, depends_on: &'static [&'static str], processes: Vec<Process>) -> Self {
        Self {
            name,
            depends_on,
            processes,
            release: "1.0.0".to_owned(),
            revision: "1".to_owned(),
            history: Vec::new(),
            poisoned: false,
            export_since: None,
            export_bytes: 0.0,
            trash: BTreeMap::new(),
            sticky: Vec::new(),
            turn: 0,
            orders: 0.0,
        }
    }

    fn describe(&self) -> model::Service {
        let tier = if self.name == "worker" { model::Tier::Internal } else { model::Tier::Standard };
        let owner = match self.name {
            "gateway" | "catalog" => "team-storefront",
            "checkout" | "payments" => "team-orders",
            _ => "team-back-office",
        };
        let instances = self.processes.iter().map(|p| model::Instance {
            name: p.name.clone(),
            pid: p.pid,
            address: Some(format!("{}.test:80", p.name)),
            state: p.state,
            started_at: Some(Timestamp::from_unix_ms(START_MS + p.started_ms)),
            exits: p.exits,
            health_url: Some(format!("http://{}.test/healthz", p.name)),
            metrics_url: None,
            log_file: None,
        });
        model::Service {
            name: self.name.to_owned(),
            owner: Some(owner.to_owned()),
            tier,
            depends_on: self.depends_on.iter().map(|d| (*d).to_owned()).collect(),
            version: Some(self.release.clone()),
            config_revision: Some(self.revision.clone()),
            instances: instances.collect(),
            host: Some(HOST.to_owned()),
            memory_limit_bytes: Some(MEMORY_LIMIT as u64),
            disk_limit_bytes: Some(DISK_LIMIT as u64),
            health: model::Health::Unknown,
        }
    }

    fn data_bytes(&self, ms: i64) -> f64 {
        let orders = self.orders * 90.0;
        (2.0 * MB + orders + (ms as f64 / 1_000.0) * 100.0 + self.export_bytes).min(DISK_LIMIT)
    }
}
