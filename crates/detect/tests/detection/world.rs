//! A small shop in simulated time: five services, traffic in the shape of a day of ten minutes, and faults.

use detect::{Detection, Output, Settings};
use model::{
    Actor, CorrelationId, Event, Feedback, Finding, FindingState, Judgement, Labels, LogLevel, LogRecord,
    MetricKind, MetricSeries, Point, ProbeResult, Signal, Span, SpanKind, Timestamp,
};
use serde_json::json;

pub(crate) const START_MS: i64 = 1_790_000_000_000;
const STEP_MS: i64 = 250;
const SERVICES: [&str; 5] = ["gateway", "catalog", "checkout", "payments", "worker"];
const MB: f64 = 1e6;

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Fault {
    Crash,
    CrashLoop,
    Hang,
    MemoryLeak,
    CpuSpin,
    SlowDependency,
    BadRelease,
    BadConfig,
    DiskFull,
    LogFlood,
    QueueStuck,
}

/// SplitMix64: small, seeded, the same everywhere.
pub(crate) struct Rng(pub(crate) u64);

impl Rng {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.unit()).sum::<f64>() - 6.0
    }

    fn poisson(&mut self, mean: f64) -> u32 {
        let (limit, mut product, mut n) = ((-mean).exp(), self.unit(), 0);
        while product > limit {
            product *= self.unit();
            n += 1;
        }
        n
    }

    /// Log-normal around 17 ms, within 5 to 60 ms.
    fn latency_ms(&mut self) -> f64 {
        (17.0 * (0.5 * self.normal()).exp()).clamp(5.0, 60.0)
    }
}

pub(crate) struct World {
    pub(crate) rng: Rng,
    pub(crate) detection: Detection,
    pub(crate) findings: Vec<Finding>,
    pub(crate) derived: Vec<MetricSeries>,
    fault: Option<(Fault, i64)>,
    batch: Vec<Signal>,
    ms: i64,
    serial: u64,
    orders: f64,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            rng: Rng(seed),
            detection: Detection::new(Settings::default()),
            findings: Vec::new(),
            derived: Vec::new(),
            fault: None,
            batch: Vec::new(),
            ms: 0,
            serial: 0,
            orders: 0.0,
        }
    }

    pub(crate) fn run(&mut self, seconds: i64) {
        let end = self.ms + seconds * 1_000;
        while self.ms < end {
            let (now, correlation, batch) = self.step();
            let mut out = Output::default();
            self.detection.observe(now, &correlation, &batch, &mut out);
            self.detection.tick(now.plus_ms(20), &mut out);
            self.findings.extend(out.findings);
            self.derived.extend(out.derived);
        }
    }

    pub(crate) fn inject(&mut self, fault: Fault) {
        self.fault = Some((fault, self.ms));
    }

    /// The fault is repaired.
    pub(crate) fn repair(&mut self) {
        if let Some((Fault::Crash | Fault::CrashLoop | Fault::MemoryLeak | Fault::Hang, _)) = self.fault {
            let service = self.victim();
            self.event(service, "dev.homeostat.process.started", json!({"instance": format!("{service}-1")}));
        }
        self.fault = None;
    }

    fn victim(&self) -> &'static str {
        match self.fault.map(|f| f.0) {
            Some(Fault::Crash | Fault::BadRelease | Fault::DiskFull | Fault::QueueStuck) => "checkout",
            Some(Fault::CrashLoop | Fault::CpuSpin) => "worker",
            Some(Fault::Hang | Fault::MemoryLeak) => "catalog",
            Some(Fault::SlowDependency | Fault::LogFlood) => "payments",
            Some(Fault::BadConfig) => "gateway",
            None => "",
        }
    }

    pub(crate) fn firing(&self) -> Vec<&Finding> {
        let newest = |f: &Finding| self.findings.iter().rev().find(|g| g.id == f.id).map(|g| g.state);
        self.findings.iter().filter(|f| newest(f) == Some(FindingState::Firing)).collect()
    }

    /// Advances by a quarter of a second and gives what was received in it.
    pub(crate) fn step(&mut self) -> (Timestamp, CorrelationId, Vec<Signal>) {
        self.ms += STEP_MS;
        let day = 2.0 * std::f64::consts::PI * self.ms as f64 / 600_000.0;
        let rate = 15.0 - 10.0 * day.cos();
        for _ in 0..self.rng.poisson(rate * STEP_MS as f64 / 1_000.0) {
            self.request();
        }
        if self.ms % 1_000 == 0 {
            for service in SERVICES {
                self.metrics(service);
                self.probe(service);
            }
            self.jobs();
        }
        if let Some((fault, since)) = self.fault {
            self.disaster(fault, self.ms - since);
        }
        let now = Timestamp::from_unix_ms(START_MS + self.ms);
        (now, CorrelationId::derive(now, &["batch"]), std::mem::take(&mut self.batch))
    }

    /// A person says what a finding was.
    pub(crate) fn judge(&mut self, finding: &Finding, judgement: Judgement) {
        self.batch.push(Signal::Feedback(Feedback {
            finding: finding.id.clone(),
            detector: finding.detector.clone(),
            service: finding.service.clone(),
            judgement,
            note: String::new(),
            by: Actor::User("ada".into()),
            at: Timestamp::from_unix_ms(START_MS + self.ms),
        }));
    }

    fn has(&self, fault: Fault) -> bool {
        self.fault.is_some_and(|(f, _)| f == fault)
    }

    fn request(&mut self) {
        let order = self.rng.unit() < 0.3;
        let mut total = self.rng.latency_ms() / 2.0;
        let mut failed = false;
        if order {
            let (mut pay_ms, mut own_ms) = (self.rng.latency_ms(), self.rng.latency_ms());
            if self.has(Fault::SlowDependency) && self.rng.unit() < 0.5 {
                pay_ms += 700.0;
            }
            failed |= self.rng.unit() < 0.002;
            failed |= self.has(Fault::BadRelease) && self.rng.unit() < 0.4;
            if self.has(Fault::Crash) {
                (failed, own_ms) = (true, 2.0);
            } else {
                self.span("payments", "POST /charges", pay_ms, false);
                self.span("checkout", "POST /orders", own_ms + pay_ms, failed);
                self.orders += 1.0;
            }
            total += own_ms + pay_ms;
        } else if self.has(Fault::Hang) {
            (failed, total) = (true, 2_000.0);
        } else {
            failed |= self.rng.unit() < 0.002;
            let own_ms = self.rng.latency_ms();
            self.span("catalog", "GET /items", own_ms, failed);
            total += own_ms;
        }
        failed |= self.has(Fault::BadConfig) && !order;
        self.span("gateway", if order { "POST /orders" } else { "GET /items" }, total, failed);
    }

    fn span(&mut self, service: &str, name: &str, duration_ms: f64, error: bool) {
        self.serial += 1;
        let ended = self.at(0) - self.rng.next() as i64 % STEP_MS;
        let took = duration_ms as i64;
        self.batch.push(Signal::Span(Span {
            service: service.to_owned(),
            name: name.to_owned(),
            kind: SpanKind::Server,
            trace_id: format!("{:032x}", self.serial),
            span_id: format!("{:016x}", self.serial),
            parent_span_id: None,
            started_at: Timestamp::from_unix_ms(ended - took),
            duration_us: (duration_ms * 1_000.0) as u64,
            error,
            attributes: Labels::new(),
        }));
        let (level, body) = if error {
            (LogLevel::Error, format!("{name} failed for request {}", self.serial))
        } else {
            (LogLevel::Info, format!("{name} done in {took} ms for request {}", self.serial))
        };
        self.log(service, level, &body);
    }

    fn log(&mut self, service: &str, level: LogLevel, body: &str) {
        self.batch.push(Signal::Log(LogRecord {
            service: service.to_owned(),
            at: Timestamp::from_unix_ms(self.at(10)),
            level,
            body: body.to_owned(),
            attributes: Labels::from([("instance".to_owned(), format!("{service}-1"))]),
            trace_id: None,
        }));
    }

    fn at(&self, ago_ms: i64) -> i64 {
        START_MS + self.ms - ago_ms
    }

    fn gone(&self, service: &str) -> bool {
        (self.has(Fault::Crash) || self.has(Fault::CrashLoop)) && self.victim() == service
    }

    fn metrics(&mut self, service: &'static str) {
        if self.gone(service) {
            return;
        }
        let s = self.ms as f64 / 1_000.0;
        let since = self.fault.map_or(0.0, |(_, at)| (self.ms - at) as f64 / 1_000.0);
        let spin = self.has(Fault::CpuSpin) && self.victim() == service;
        let blip = self.rng.unit() < 1.0 / 90.0;
        let job = service == "worker" && s % 30.0 < 2.0;
        let mut cpu = 0.03 + 0.05 * self.rng.unit() + if job { 0.4 } else { 0.0 };
        cpu = if blip { 0.6 + 0.35 * self.rng.unit() } else { cpu };
        cpu = if spin { 1.7 + 0.3 * self.rng.unit() } else { cpu };
        let leak = if self.has(Fault::MemoryLeak) && self.victim() == service { 12.0 * since } else { 0.0 };
        let warm_up = 25.0 * (1.0 - (-s / 80.0).exp());
        let memory = 30.0 + warm_up + (s % 40.0) * 0.3 + self.rng.unit() * 0.5 + leak;
        let junk = if self.has(Fault::DiskFull) && self.victim() == service { 6.0 * since } else { 0.0 };
        let disk = (2.0 + s * 0.001 + (s % 300.0) * 0.01 + junk).min(64.0);
        self.gauge(service, "process_cpu_ratio", cpu);
        self.gauge(service, "process_resident_memory_bytes", memory.min(256.0) * MB);
        self.gauge(service, "process_memory_limit_bytes", 256.0 * MB);
        self.gauge(service, "data_folder_bytes", disk * MB);
        self.gauge(service, "data_folder_limit_bytes", 64.0 * MB);
        if service == "checkout" {
            let (depth, orders) = (self.rng.poisson(2.0), self.orders);
            let stuck = if self.has(Fault::QueueStuck) { 40.0 } else { 0.0 };
            self.gauge(service, "queue_depth", f64::from(depth) + stuck);
            self.metric(service, "orders_total", MetricKind::Counter, orders);
        }
    }

    fn gauge(&mut self, service: &str, name: &str, value: f64) {
        self.metric(service, name, MetricKind::Gauge, value);
    }

    fn metric(&mut self, service: &str, name: &str, kind: MetricKind, value: f64) {
        self.batch.push(Signal::Metric(MetricSeries {
            service: service.to_owned(),
            name: name.to_owned(),
            kind,
            labels: Labels::from([("instance".to_owned(), format!("{service}-1"))]),
            points: vec![Point { at: Timestamp::from_unix_ms(self.at(5)), value }],
        }));
    }

    fn probe(&mut self, service: &str) {
        let hang = self.has(Fault::Hang) && self.victim() == service;
        let reason = if self.gone(service) {
            "refused"
        } else if hang {
            "timeout"
        } else {
            ""
        };
        self.batch.push(Signal::Probe(ProbeResult {
            service: service.to_owned(),
            instance: Some(format!("{service}-1")),
            target: format!("http://{service}.test/healthz"),
            at: Timestamp::from_unix_ms(self.at(0)),
            ok: reason.is_empty(),
            latency_ms: if hang { 500 } else { 2 },
            reason: reason.to_owned(),
        }));
    }

    /// The worker's job of every half minute: a small burst of lines.
    fn jobs(&mut self) {
        if self.ms % 30_000 == 0 && !self.gone("worker") {
            for i in 0..25 {
                self.log("worker", LogLevel::Info, &format!("job settle item {i} done"));
            }
        }
    }

    fn event(&mut self, service: &str, kind: &str, data: serde_json::Value) {
        self.serial += 1;
        self.batch.push(Signal::Event(Event {
            id: self.serial.to_string(),
            source: "host".to_owned(),
            kind: kind.to_owned(),
            service: service.to_owned(),
            at: Timestamp::from_unix_ms(self.at(5)),
            data,
            attributes: Default::default(),
        }));
    }

    /// What a fault itself writes.
    fn disaster(&mut self, fault: Fault, since_ms: i64) {
        let victim = self.victim();
        let exit = json!({"instance": format!("{victim}-1"), "exit_code": null, "signal": 6, "uptime_ms": 2_000,
            "expected": false});
        match fault {
            Fault::Crash if since_ms == STEP_MS => self.event(victim, "dev.homeostat.process.exited", exit),
            Fault::CrashLoop if since_ms % 4_000 == STEP_MS => {
                self.event(victim, "dev.homeostat.process.exited", exit);
            }
            Fault::CrashLoop if since_ms % 4_000 == 2_000 => {
                let data = json!({"instance": format!("{victim}-1")});
                self.event(victim, "dev.homeostat.process.started", data);
            }
            Fault::LogFlood => {
                for i in 0..500 {
                    self.log(victim, LogLevel::Debug, &format!("cache probe {i} slot {}", i * 7));
                }
            }
            Fault::DiskFull if since_ms > 12_000 && since_ms % 500 == 0 => {
                self.log(victim, LogLevel::Error, "cannot write order: no space left");
            }
            _ => {}
        }
    }
}
