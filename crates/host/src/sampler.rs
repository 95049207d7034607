//! The sampler: figures of instances and of the machine, and the memory limit.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::PathBuf;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use model::{Labels, MetricKind, MetricSeries, Point, Timestamp};

use crate::folder::size_of;
use crate::proc::{self, HostCpu, TICKS_PER_S};
use crate::process::Process;
use crate::supervisor::{Host, now};

/// Memory is looked at this often, the rest every fourth time.
const TICK: Duration = Duration::from_millis(250);

/// Samples until the host is gone.
pub(crate) async fn run(host: Host) {
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut sampler = Sampler::default();
    for round in 0_u64.. {
        ticks.tick().await;
        if host.is_closing() {
            return;
        }
        let targets = targets(&host);
        for target in &targets {
            enforce_memory(target);
        }
        if round % 4 == 0 {
            let host = host.clone();
            let sampled = tokio::task::spawn_blocking(move || {
                let series = sampler.sample(&targets, now());
                (sampler, series)
            });
            let Ok((back, series)) = sampled.await else { return };
            sampler = back;
            *host.inner.samples.lock().unwrap_or_else(PoisonError::into_inner) = series;
        }
    }
}

/// One running instance.
struct Target {
    service: String,
    instance: String,
    process: Process,
    memory_limit_bytes: Option<u64>,
    disk_limit_bytes: Option<u64>,
    data: PathBuf,
}

fn targets(host: &Host) -> Vec<Target> {
    let mut targets = Vec::new();
    for managed in host.inner.services.values() {
        let state = managed.state();
        let running = state.live.iter().filter_map(|(name, live)| Some((name, live.process.clone()?)));
        targets.extend(running.map(|(name, process)| Target {
            service: managed.spec.name.clone(),
            instance: name.clone(),
            process,
            memory_limit_bytes: managed.spec.memory_limit_bytes,
            disk_limit_bytes: managed.spec.disk_limit_bytes,
            data: managed.folder.data(),
        }));
    }
    targets
}

fn enforce_memory(target: &Target) {
    let Some(limit) = target.memory_limit_bytes else { return };
    let resident =
        read(format!("/proc/{}/status", target.process.pid)).and_then(|s| proc::resident_bytes(&s));
    if let Some(resident) = resident.filter(|r| *r > limit) {
        tracing::warn!(
            service = target.service,
            instance = target.instance,
            resident_bytes = resident,
            limit_bytes = limit,
            "ending an instance that holds more memory than it may"
        );
        target.process.kill_for_memory();
    }
}

#[derive(Default)]
struct Sampler {
    cpu: HashMap<(u32, u64), (u64, Instant)>,
    machine: Option<HostCpu>,
}

impl Sampler {
    fn sample(&mut self, targets: &[Target], at: Timestamp) -> Vec<MetricSeries> {
        let mut series = Vec::new();
        let mut folders: BTreeMap<&PathBuf, u64> = BTreeMap::new();
        let mut cpu = HashMap::new();
        for target in targets {
            let mut push = |name: &str, value: f64| {
                let labels = Labels::from([("instance".to_owned(), target.instance.clone())]);
                series.push(gauge(&target.service, name, labels, at, value));
            };
            let pid = target.process.pid;
            let id = (pid, target.process.start_ticks);
            if let Some(stat) = read(format!("/proc/{pid}/stat")).and_then(|s| proc::process_stat(&s)) {
                let seen = Instant::now();
                if let Some((ticks, then)) = self.cpu.get(&id) {
                    let used_s = stat.cpu_ticks.saturating_sub(*ticks) as f64 / TICKS_PER_S;
                    push("process_cpu_ratio", used_s / seen.duration_since(*then).as_secs_f64().max(0.001));
                }
                cpu.insert(id, (stat.cpu_ticks, seen));
            }
            if let Some(bytes) = read(format!("/proc/{pid}/status")).and_then(|s| proc::resident_bytes(&s)) {
                push("process_resident_memory_bytes", bytes as f64);
            }
            if let Some(limit) = target.memory_limit_bytes {
                push("process_memory_limit_bytes", limit as f64);
            }
            if let Ok(files) = fs::read_dir(format!("/proc/{pid}/fd")) {
                push("process_open_files", files.count() as f64);
            }
            push(
                "data_folder_bytes",
                *folders.entry(&target.data).or_insert_with(|| size_of(&target.data)) as f64,
            );
            if let Some(limit) = target.disk_limit_bytes {
                push("data_folder_limit_bytes", limit as f64);
            }
        }
        self.cpu = cpu;
        series.extend(self.machine(at));
        series
    }

    fn machine(&mut self, at: Timestamp) -> Vec<MetricSeries> {
        let mut figures = Vec::new();
        if let Some(cpu) = read("/proc/stat".to_owned()).and_then(|s| proc::host_cpu(&s))
            && let Some(before) = self.machine.replace(cpu)
        {
            let total = cpu.total_ticks.saturating_sub(before.total_ticks).max(1) as f64;
            let busy = cpu.busy_ticks.saturating_sub(before.busy_ticks) as f64;
            figures.push(("host_cpu_ratio", busy / total));
        }
        if let Some((used, total)) = read("/proc/meminfo".to_owned()).and_then(|s| proc::host_memory(&s)) {
            figures.push(("host_memory_used_bytes", used as f64));
            figures.push(("host_memory_total_bytes", total as f64));
        }
        if let Some(load) = read("/proc/loadavg".to_owned()).and_then(|s| proc::load1(&s)) {
            figures.push(("host_load1", load));
        }
        figures.into_iter().map(|(name, value)| gauge("host", name, Labels::new(), at, value)).collect()
    }
}

fn gauge(service: &str, name: &str, labels: Labels, at: Timestamp, value: f64) -> MetricSeries {
    MetricSeries {
        service: service.to_owned(),
        name: name.to_owned(),
        kind: MetricKind::Gauge,
        labels,
        points: vec![Point { at, value }],
    }
}

fn read(path: String) -> Option<String> {
    fs::read_to_string(path).ok()
}
