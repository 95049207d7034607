//! What the shop shows: events, changes, logs, and what pollers read of it each second.

use model::{
    Change, ChangeId, ChangeKind, Event, InstanceState, Labels, LogLevel, LogRecord, MetricKind,
    MetricSeries, Point, ProbeResult, Signal, Timestamp,
};

use super::{DISK_LIMIT, Fault, MB, MEMORY_LIMIT, Process, START_MS, Shop};

/// How long a starting process is not probed.
const START_GRACE_MS: i64 = 5_000;

impl Process {
    /// Resident memory.
    pub(super) fn memory_bytes(&self, ms: i64) -> f64 {
        let age_s = (ms - self.started_ms) as f64 / 1_000.0;
        let leak = self
            .faults
            .get(&Fault::MemoryLeak)
            .map_or(0.0, |since| (ms - since) as f64 / 1_000.0 * 12.0 * MB);
        let warm = 9.0 * MB * (1.0 - (-age_s / 60.0).exp());
        (18.0 * MB + warm + leak).min(MEMORY_LIMIT)
    }
}

impl Shop {
    /// What pollers read, each at its own pace.
    pub(super) fn show(&mut self) {
        if self.ms % 500 == 0 {
            self.probes();
        }
        if self.ms % 1_000 == 0 {
            self.readings();
        }
    }

    fn probes(&mut self) {
        let mut found = Vec::new();
        for unit in self.units.values() {
            for process in &unit.processes {
                let (ok, latency_ms, reason) = match process.state {
                    InstanceState::Stopped => continue,
                    InstanceState::Starting if self.ms - process.started_ms < START_GRACE_MS => continue,
                    InstanceState::Starting | InstanceState::Exited => (false, 1, "refused"),
                    InstanceState::Running if process.has(Fault::Hang) => (false, 800, "timeout"),
                    InstanceState::Running => (true, 2, ""),
                };
                found.push((unit.name, process.name.clone(), ok, latency_ms, reason));
            }
        }
        for (service, instance, ok, latency_ms, reason) in found {
            let at = self.ms + i64::from(latency_ms);
            let probe = ProbeResult {
                service: service.to_owned(),
                target: format!("http://{instance}.test/healthz"),
                instance: Some(instance),
                at: Timestamp::from_unix_ms(START_MS + at),
                ok,
                latency_ms: u64::try_from(latency_ms).unwrap_or(0),
                reason: reason.to_owned(),
            };
            self.send_at(at, Signal::Probe(probe));
        }
    }

    fn readings(&mut self) {
        let mut samples: Vec<(&'static str, String, &'static str, MetricKind, f64)> = Vec::new();
        for unit in self.units.values() {
            let disk = unit.data_bytes(self.ms);
            for process in unit.processes.iter().filter(|p| p.pid.is_some()) {
                let mut gauge = |name, value| {
                    samples.push((unit.name, process.name.clone(), name, MetricKind::Gauge, value));
                };
                let spin = process.has(Fault::CpuSpin);
                let flood = process.has(Fault::LogFlood);
                let busy = if unit.name == "worker" { 0.01 } else { 0.02 };
                let noise = self.random.between(0.0, 0.03);
                let cpu = busy + noise + if spin { 1.8 } else { 0.0 } + if flood { 0.1 } else { 0.0 };
                gauge("process_cpu_ratio", cpu);
                gauge("process_resident_memory_bytes", process.memory_bytes(self.ms));
                gauge("process_memory_limit_bytes", MEMORY_LIMIT);
                gauge("data_folder_bytes", disk);
                gauge("data_folder_limit_bytes", DISK_LIMIT);
                gauge("process_open_files", 20.0 + self.random.below(6) as f64);
                if unit.name == "worker" {
                    let stuck = if process.has(Fault::QueueStuck) { 400.0 } else { 0.0 };
                    gauge("queue_depth", stuck + self.random.below(4) as f64);
                }
                let mut total = |name, value| {
                    samples.push((unit.name, process.name.clone(), name, MetricKind::Counter, value));
                };
                if unit.name == "checkout" {
                    total("orders_total", unit.orders);
                }
                total("http_requests_total", process.requests);
            }
        }
        samples.push((
            "host",
            String::new(),
            "host_cpu_ratio",
            MetricKind::Gauge,
            self.random.between(0.1, 0.3),
        ));
        samples.push(("host", String::new(), "host_memory_total_bytes", MetricKind::Gauge, 8_192.0 * MB));
        samples.push(("host", String::new(), "host_memory_used_bytes", MetricKind::Gauge, 3_000.0 * MB));
        let at = Timestamp::from_unix_ms(START_MS + self.ms);
        for (service, instance, name, kind, value) in samples {
            let labels = if instance.is_empty() {
                Labels::new()
            } else {
                Labels::from([("instance".into(), instance)])
            };
            let points = vec![Point { at, value }];
            let series =
                MetricSeries { service: service.to_owned(), name: name.to_owned(), kind, labels, points };
            self.send_at(self.ms + 20, Signal::Metric(series));
        }
    }

    pub(super) fn log(
        &mut self,
        service: &str,
        instance: &str,
        level: LogLevel,
        text: String,
        trace: Option<String>,
    ) {
        self.log_at(self.ms, service, instance, level, text, trace);
    }

    /// A line is read by the tail a moment after it was written.
    pub(super) fn log_at(
        &mut self,
        at: i64,
        service: &str,
        instance: &str,
        level: LogLevel,
        body: String,
        trace_id: Option<String>,
    ) {
        let record = LogRecord {
            service: service.to_owned(),
            at: Timestamp::from_unix_ms(START_MS + at),
            level,
            body,
            attributes: Labels::from([("instance".into(), instance.to_owned())]),
            trace_id,
        };
        self.send_at(at + 100, Signal::Log(record));
    }

    pub(super) fn event(&mut self, service: &str, kind: &str, data: serde_json::Value) {
        let event = Event {
            id: format!("{}-{}", self.ms, self.serial + 1),
            source: "homeostat/host/test".to_owned(),
            kind: kind.to_owned(),
            service: service.to_owned(),
            at: self.now(),
            data,
            attributes: Default::default(),
        };
        self.send_at(self.ms + 10, Signal::Event(event));
    }

    pub(super) fn change(
        &mut self,
        service: &str,
        kind: ChangeKind,
        summary: String,
        way: (&str, &str),
        actor: &str,
    ) {
        let at = self.now();
        let change = Change {
            id: ChangeId::derive(at, &["host", service, &summary]),
            service: service.to_owned(),
            kind,
            at,
            summary,
            from: Some(way.0.to_owned()),
            to: Some(way.1.to_owned()),
            actor: actor.to_owned(),
        };
        self.send_at(self.ms + 10, Signal::Change(change));
    }

    /// Hands a signal over to whoever listens, at a time.
    pub(super) fn send_at(&mut self, at: i64, signal: Signal) {
        self.serial += 1;
        self.queue.insert((at.max(self.ms), self.serial), signal);
    }
}
