//! What can go wrong, as it goes wrong in the demo world. Nothing here is cured unless an action cures it.

use model::{InstanceState, LogLevel};

use super::{DISK_LIMIT, MEMORY_LIMIT, STEP_MS, Shop, Switch};

/// The release that gets 40 % of its requests wrong.
pub(crate) const BAD_RELEASE: &str = "1.1.0";
/// The configuration revision with a wrong address of a peer.
pub(crate) const BAD_REVISION: &str = "2";

/// A fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// A process aborts.
    Crash,
    /// The state file is unreadable: a process aborts 2 s after every start.
    CrashLoop,
    /// A process accepts connections and answers nothing.
    Hang,
    /// A process takes 12 MB more each second, up to its limit.
    MemoryLeak,
    /// Two threads run at full speed for nothing.
    CpuSpin,
    /// One instance takes 700 ms longer for each call.
    SlowDependency,
    /// A release is deployed whose requests fail, 40 % of them.
    BadRelease,
    /// A configuration with a wrong address of a peer is deployed.
    BadConfig,
    /// An export fills the data folder with 6 MB a second.
    DiskFull,
    /// A process writes 2,000 debug lines a second.
    LogFlood,
    /// A queue nobody knows fills: no runbook is known to help.
    QueueStuck,
    /// Requests fail, 40 % of them, and nothing here shows why.
    Errors,
}

/// Every fault with its name in scripts.
pub const FAULTS: [(&str, Fault); 12] = [
    ("crash", Fault::Crash),
    ("crash-loop", Fault::CrashLoop),
    ("hang", Fault::Hang),
    ("memory-leak", Fault::MemoryLeak),
    ("cpu-spin", Fault::CpuSpin),
    ("slow-dependency", Fault::SlowDependency),
    ("bad-release", Fault::BadRelease),
    ("bad-config", Fault::BadConfig),
    ("disk-full", Fault::DiskFull),
    ("log-flood", Fault::LogFlood),
    ("queue-stuck", Fault::QueueStuck),
    ("errors", Fault::Errors),
];

impl Fault {
    /// The fault of a name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        FAULTS.iter().find(|(n, _)| *n == name).map(|(_, fault)| *fault)
    }

    fn in_process(self) -> bool {
        !matches!(self, Self::Crash | Self::CrashLoop | Self::BadRelease | Self::BadConfig | Self::DiskFull)
    }
}

impl Shop {
    /// Makes a fault. A sticky one comes back in every new process.
    ///
    /// # Errors
    /// There is no such service, or none of its processes runs.
    pub fn inject(&mut self, fault: Fault, service: &str, sticky: bool) -> Result<(), String> {
        let ms = self.ms;
        let unit =
            self.units.get_mut(service).ok_or_else(|| format!("the shop has no service {service:?}"))?;
        let running = unit.processes.iter_mut().find(|p| p.state == InstanceState::Running);
        let process = running.ok_or_else(|| format!("no process of {service} runs"))?;
        let instance = process.name.clone();
        if sticky {
            if !fault.in_process() {
                return Err("only faults of a process can be sticky".to_owned());
            }
            unit.sticky.push(fault);
        }
        match fault {
            Fault::Crash => self.end(service, &instance, Some(6), "exited", false),
            Fault::CrashLoop => {
                unit.poisoned = true;
                self.end(service, &instance, Some(6), "exited", false);
            }
            Fault::BadRelease => self.deploy(service, true, BAD_RELEASE, "deploy-bot"),
            Fault::BadConfig => self.deploy(service, false, BAD_REVISION, "deploy-bot"),
            Fault::DiskFull => unit.export_since = Some(ms),
            _ => {
                process.faults.insert(fault, ms);
            }
        }
        Ok(())
    }

    /// Puts a release or a configuration in place and restarts, as the host does for people.
    fn deploy(&mut self, service: &str, release: bool, to: &str, actor: &str) {
        self.switch(service, release, to, false, actor);
        let names: Vec<String> =
            self.units.get(service).into_iter().flat_map(|u| &u.processes).map(|p| p.name.clone()).collect();
        for name in names {
            self.end(service, &name, None, "stopped", true);
            self.start(service, &name);
        }
    }

    /// Puts a release or a configuration in place; whoever runs next runs with it.
    pub(crate) fn switch(&mut self, service: &str, release: bool, to: &str, rollback: bool, actor: &str) {
        let Some(unit) = self.units.get_mut(service) else { return };
        let place = if release { &mut unit.release } else { &mut unit.revision };
        let from = std::mem::replace(place, to.to_owned());
        if rollback
            && let Some(undone) = unit.history.iter_mut().rev().find(|s| s.release == release && !s.settled)
        {
            undone.settled = true;
        }
        unit.history.push(Switch { release, from: from.clone(), settled: rollback });
        let (kind, summary) = match (release, rollback) {
            (_, true) => (model::ChangeKind::Rollback, format!("rolled back to {to}, was {from}")),
            (true, _) => (model::ChangeKind::Deploy, format!("release {to} deployed, was {from}")),
            (false, _) => {
                (model::ChangeKind::Config, format!("configuration revision {to} in place, was {from}"))
            }
        };
        self.change(service, kind, summary, (&from, to), actor);
    }

    /// What goes on by itself while a fault is there.
    pub(super) fn suffer(&mut self) {
        let mut logs: Vec<(&'static str, String, LogLevel, String)> = Vec::new();
        let mut killed = Vec::new();
        for unit in self.units.values_mut() {
            let name = unit.name;
            if unit.export_since.is_some() && unit.processes.iter().any(|p| p.pid.is_some()) {
                let full = unit.data_bytes(self.ms) >= DISK_LIMIT;
                if !full {
                    unit.export_bytes += 6_291_460.0 * STEP_MS as f64 / 1_000.0;
                    if unit.data_bytes(self.ms) >= DISK_LIMIT {
                        let text = "catalog export stopped after part 98: no space left in the data folder";
                        logs.push((name, unit.processes[0].name.clone(), LogLevel::Error, text.to_owned()));
                    }
                }
            }
            for process in &unit.processes {
                if process.memory_bytes(self.ms) >= MEMORY_LIMIT {
                    killed.push((name, process.name.clone()));
                }
                if process.has(Fault::LogFlood) {
                    for _ in 0..2 * STEP_MS {
                        let (id, state) = (10_000 + self.random.below(89_999), self.random.below(7));
                        let text =
                            format!("acquirer session {id} heartbeat state {state} window {}", id % 97);
                        logs.push((name, process.name.clone(), LogLevel::Debug, text));
                    }
                }
                if let Some(since) = process.faults.get(&Fault::MemoryLeak) {
                    let held = (self.ms - since) / 2_000;
                    if held > 0 && (self.ms - since) % 2_000 == 0 {
                        let text = format!(
                            "image cache holds {} entries, eviction found nothing to free",
                            held * 1_280
                        );
                        logs.push((name, process.name.clone(), LogLevel::Warn, text));
                    }
                }
            }
        }
        for (service, instance, level, text) in logs {
            self.log(service, &instance, level, text, None);
        }
        for (service, instance) in killed {
            self.end(service, &instance, Some(9), "memory_limit", false);
        }
    }
}
