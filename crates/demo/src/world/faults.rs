//! Faults: each really happens to a process, a folder, a release or a configuration, and its state is looked
//! up where it happened. Nothing here cures a fault unless asked to clear it.

use std::collections::BTreeMap;
use std::fs;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use axum::http::StatusCode;
use host::{Host, Problem};
use model::{InstanceState, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::services::{BAD_RELEASE, bad_config};

/// A fault and whether it is there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FaultState {
    /// Its name: `memory-leak`.
    pub name: String,
    /// Its name for people.
    pub title: String,
    /// What really happens, one line.
    pub summary: String,
    /// The service it is on, or would be on.
    pub service: String,
    /// Services it can happen to.
    pub services: Vec<String>,
    /// Whether it is there, observed now.
    pub active: bool,
    /// When it was made, while it is there.
    pub injected_at: Option<Timestamp>,
    /// The instance it sits in, when it sits in one.
    pub instance: Option<String>,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Crash,
    CrashLoop,
    /// A switch in the memory of one instance.
    Memory,
    DiskFull,
    BadRelease,
    BadConfig,
}

struct Fault {
    name: &'static str,
    title: &'static str,
    summary: &'static str,
    services: &'static [&'static str],
    kind: Kind,
}

const FAULTS: [Fault; 10] = [
    Fault {
        name: "crash",
        title: "Crash",
        summary: "The process aborts.",
        services: &["checkout", "catalog", "payments", "gateway", "worker"],
        kind: Kind::Crash,
    },
    Fault {
        name: "crash-loop",
        title: "Crash loop",
        summary: "Its state file is unreadable: it aborts 2 s after every start.",
        services: &["worker"],
        kind: Kind::CrashLoop,
    },
    Fault {
        name: "hang",
        title: "Hang",
        summary: "It accepts connections and answers nothing.",
        services: &["catalog", "checkout", "payments"],
        kind: Kind::Memory,
    },
    Fault {
        name: "memory-leak",
        title: "Memory leak",
        summary: "It takes 12 MB more each second, up to its limit of 256 MB.",
        services: &["catalog", "checkout", "worker"],
        kind: Kind::Memory,
    },
    Fault {
        name: "cpu-spin",
        title: "CPU spin",
        summary: "Two threads run at full speed for nothing.",
        services: &["worker", "catalog"],
        kind: Kind::Memory,
    },
    Fault {
        name: "slow-dependency",
        title: "Slow dependency",
        summary: "One instance takes 700 ms longer for each call.",
        services: &["payments"],
        kind: Kind::Memory,
    },
    Fault {
        name: "bad-release",
        title: "Bad release",
        summary: "Release 1.1.0 is deployed: 40 % of its requests fail.",
        services: &["checkout", "catalog", "payments"],
        kind: Kind::BadRelease,
    },
    Fault {
        name: "bad-config",
        title: "Bad configuration",
        summary: "A revision with a wrong address of a peer is deployed.",
        services: &["gateway", "checkout"],
        kind: Kind::BadConfig,
    },
    Fault {
        name: "disk-full",
        title: "Disk full",
        summary: "An export fills the data folder with 6 MB a second, up to its quota of 64 MB.",
        services: &["checkout"],
        kind: Kind::DiskFull,
    },
    Fault {
        name: "log-flood",
        title: "Log flood",
        summary: "It writes 2,000 debug lines a second.",
        services: &["payments", "catalog"],
        kind: Kind::Memory,
    },
];

/// What is remembered of a fault that was made.
#[derive(Clone)]
struct Injection {
    service: String,
    instance: String,
    pid: Option<u32>,
    at: Timestamp,
    /// Configuration revision it deployed.
    revision: Option<String>,
}

pub(super) struct Faults {
    host: Host,
    client: reqwest::Client,
    token: String,
    made: Mutex<BTreeMap<&'static str, Injection>>,
    /// Faults are made one at a time.
    turn: tokio::sync::Mutex<()>,
}

impl Faults {
    pub(super) fn new(host: Host, client: reqwest::Client, token: String) -> Self {
        Self { host, client, token, made: Mutex::default(), turn: tokio::sync::Mutex::new(()) }
    }

    pub(super) async fn list(&self) -> Vec<FaultState> {
        let mut states = Vec::new();
        for fault in &FAULTS {
            states.push(self.state(fault).await);
        }
        states
    }

    async fn state(&self, fault: &Fault) -> FaultState {
        let made = self.made().get(fault.name).cloned();
        let active = match &made {
            Some(injection) => self.is_there(fault, injection).await,
            // Faults that outlive the world's own process are seen without having been made by this one.
            None => self.is_in_place(fault, fault.services[0]),
        };
        if !active && made.is_some() {
            // Unless it was made again meanwhile.
            let mut all = self.made();
            if all.get(fault.name).map(|i| i.at) == made.as_ref().map(|i| i.at) {
                all.remove(fault.name);
            }
        }
        let made = made.filter(|_| active);
        FaultState {
            name: fault.name.into(),
            title: fault.title.into(),
            summary: fault.summary.into(),
            service: made.as_ref().map_or_else(|| fault.services[0].into(), |i| i.service.clone()),
            services: fault.services.iter().map(|s| (*s).into()).collect(),
            active,
            injected_at: made.as_ref().map(|i| i.at),
            instance: made.filter(|_| matches!(fault.kind, Kind::Crash | Kind::Memory)).map(|i| i.instance),
        }
    }

    fn made(&self) -> std::sync::MutexGuard<'_, BTreeMap<&'static str, Injection>> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn is_there(&self, fault: &Fault, injection: &Injection) -> bool {
        let service = self.host.service(&injection.service);
        let instance = service.iter().flat_map(|s| &s.instances).find(|i| i.name == injection.instance);
        match fault.kind {
            Kind::Crash => instance.is_some_and(|i| i.state == InstanceState::Exited),
            // The same process: then its own word, and when it gives none, it is not cured.
            Kind::Memory => {
                instance.is_some_and(|i| i.pid.is_some() && i.pid == injection.pid)
                    && self
                        .control(reqwest::Method::GET, injection, "")
                        .await
                        .is_none_or(|s| s[fault.name] != json!(false))
            }
            Kind::BadConfig => service.is_some_and(|s| s.config_revision == injection.revision),
            _ => self.is_in_place(fault, &injection.service),
        }
    }

    /// State of the faults that sit in folders.
    fn is_in_place(&self, fault: &Fault, service: &str) -> bool {
        let data = self.host.data_folder(service).unwrap_or_default();
        match fault.kind {
            Kind::DiskFull => data.join("cache/export").is_dir(),
            Kind::BadRelease => {
                self.host.service(service).is_some_and(|s| s.version.as_deref() == Some(BAD_RELEASE))
            }
            Kind::CrashLoop => {
                let state = fs::read(data.join("state/schedule.json"));
                state.is_ok_and(|bytes| serde_json::from_slice::<Value>(&bytes).is_err())
            }
            _ => false,
        }
    }

    pub(super) async fn inject(&self, name: &str, service: Option<&str>) -> Result<FaultState, Problem> {
        let _turn = self.turn.lock().await;
        let fault = find(name)?;
        let service = service.unwrap_or(fault.services[0]);
        if !fault.services.contains(&service) {
            return Err(Problem::invalid(format!(
                "{name} cannot happen to {service:?}, only to {}",
                fault.services.join(", ")
            )));
        }
        if self.state(fault).await.active {
            return Err(Problem::conflict(
                "fault_active",
                format!("{name} is there already: clear it first"),
            ));
        }
        let running =
            self.host.service(service).into_iter().flat_map(|s| s.instances).find(|i| i.pid.is_some());
        let Some(running) = running else {
            return Err(Problem::conflict(
                "service_not_running",
                format!("no instance of {service} runs: start it first"),
            ));
        };
        let at = now();
        let mut injection = Injection {
            service: service.into(),
            instance: running.name,
            pid: running.pid,
            at,
            revision: None,
        };
        let key = format!("demo-{name}-{}", at.as_unix_ms());
        match fault.kind {
            Kind::BadRelease => {
                let parameters = json!({"service": service, "release": BAD_RELEASE});
                self.host.execute("deploy.release", &parameters, &key, "deploy-bot").await?;
            }
            Kind::BadConfig => {
                let parameters = json!({"service": service, "values": bad_config(service)});
                let reply = self.host.execute("deploy.config", &parameters, &key, "deploy-bot").await?;
                injection.revision = reply.output["config_revision"].as_str().map(str::to_owned);
            }
            _ => {
                // A process that aborts gives no answer, so what counts is what is seen afterwards.
                let _ = self.control(reqwest::Method::POST, &injection, name).await;
            }
        }
        self.made().insert(fault.name, injection.clone());
        let begun = Instant::now();
        while !self.is_there(fault, &injection).await {
            if begun.elapsed() > Duration::from_secs(5) {
                self.made().remove(fault.name);
                return Err(Problem::temporary(
                    "fault_not_made",
                    format!("{name} did not take hold of {service}: try again"),
                ));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(self.state(fault).await)
    }

    pub(super) async fn clear(&self, name: &str) -> Result<FaultState, Problem> {
        let _turn = self.turn.lock().await;
        let fault = find(name)?;
        let state = self.state(fault).await;
        if !state.active {
            return Ok(state);
        }
        let injection = self.made().get(fault.name).cloned();
        let of_service = json!({"service": state.service});
        let action = match fault.kind {
            Kind::Crash => Some(("process.start", of_service)),
            Kind::CrashLoop => Some(("data.reset", of_service)),
            Kind::DiskFull => Some(("data.reclaim", of_service)),
            Kind::BadRelease => {
                Some(("deploy.release", json!({"service": state.service, "release": "1.0.0"})))
            }
            Kind::BadConfig => Some(("deploy.rollback", of_service)),
            Kind::Memory => None,
        };
        match (action, injection) {
            (Some((action, parameters)), _) => {
                let key = format!("demo-clear-{name}-{}", now().as_unix_ms());
                self.host.execute(action, &parameters, &key, "demo").await?;
            }
            (None, Some(injection)) => {
                if self.control(reqwest::Method::DELETE, &injection, name).await.is_none() {
                    return Err(Problem::temporary(
                        "fault_not_cleared",
                        format!("{} does not answer: restart it", injection.instance),
                    ));
                }
            }
            (None, None) => {}
        }
        Ok(self.state(fault).await)
    }

    /// Asks the control endpoint of an instance.
    async fn control(&self, method: reqwest::Method, injection: &Injection, fault: &str) -> Option<Value> {
        let port = self.host.port(&injection.service, &injection.instance, "control")?;
        let path = if fault.is_empty() { "faults".to_owned() } else { format!("faults/{fault}") };
        let request = self.client.request(method, format!("http://127.0.0.1:{port}/{path}"));
        let answer = request.bearer_auth(&self.token).timeout(Duration::from_secs(2)).send().await.ok()?;
        if answer.status().is_success() { answer.json().await.ok() } else { None }
    }
}

fn find(name: &str) -> Result<&'static Fault, Problem> {
    FAULTS.iter().find(|f| f.name == name).ok_or_else(|| {
        let names: Vec<_> = FAULTS.iter().map(|f| f.name).collect();
        Problem::new(
            StatusCode::NOT_FOUND,
            "unknown_fault",
            format!("no fault {name:?}; there are {}", names.join(", ")),
        )
    })
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_unix_ms(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
