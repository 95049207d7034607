//! The demo shop and its faults, as detectors would report them: a small language for tests.
#![allow(dead_code, missing_docs, unreachable_pub)]

use std::collections::BTreeMap;

use diagnose::{
    Diagnosis, Grouping, Input, OpenIncident, PastIncident, Settings, Topology, World, diagnose, group,
};
use model::{
    Band, Change, ChangeId, ChangeKind, CorrelationId, Direction, Edge, Finding, FindingId, FindingKind,
    FindingState, IncidentId, Labels, Service, ServiceGraph, Severity, Subject, Tier, Timestamp,
};

pub const T0: i64 = 1_800_000_000_000;

pub fn at(ms: i64) -> Timestamp {
    Timestamp::from_unix_ms(T0 + ms)
}

pub struct Shop {
    pub graph: ServiceGraph,
    pub services: BTreeMap<String, Service>,
    pub changes: Vec<Change>,
    pub settings: Settings,
    pub findings: Vec<Finding>,
    pub past: Vec<PastIncident>,
    pub rates: BTreeMap<String, f64>,
}

pub fn service(name: &str) -> Service {
    let instance = |n: usize| model::Instance {
        name: format!("{name}-{n}"),
        pid: Some(100),
        address: None,
        state: model::InstanceState::Running,
        started_at: None,
        exits: 0,
        health_url: None,
        metrics_url: None,
        log_file: None,
    };
    Service {
        name: name.to_owned(),
        owner: None,
        tier: Tier::Standard,
        depends_on: Vec::new(),
        version: None,
        config_revision: None,
        instances: vec![instance(1), instance(2)],
        host: Some("http://127.0.0.1:7100".to_owned()),
        memory_limit_bytes: None,
        disk_limit_bytes: None,
        health: model::Health::Healthy,
    }
}

pub fn services(names: impl Iterator<Item = String>) -> BTreeMap<String, Service> {
    names.map(|name| (name.clone(), service(&name))).collect()
}

pub fn edge(from: &str, to: &str, error_ratio: f64, p95_ms: f64) -> Edge {
    Edge {
        from: from.to_owned(),
        to: to.to_owned(),
        calls_per_s: 10.0,
        error_ratio,
        p95_ms,
        last_seen_at: Some(at(0)),
    }
}

impl Shop {
    pub fn new() -> Self {
        let mut graph = ServiceGraph::default();
        for (from, to) in [
            ("gateway", "catalog"),
            ("gateway", "checkout"),
            ("checkout", "payments"),
            ("worker", "checkout"),
        ] {
            graph.put(edge(from, to, 0.0, 12.0));
        }
        let names = ["gateway", "catalog", "checkout", "payments", "worker"];
        let rates =
            [("gateway", 25.0), ("catalog", 17.0), ("checkout", 8.0), ("payments", 6.0), ("worker", 1.0)];
        Self {
            graph,
            services: services(names.into_iter().map(ToOwned::to_owned)),
            changes: Vec::new(),
            settings: Settings::default(),
            findings: Vec::new(),
            past: Vec::new(),
            rates: rates.into_iter().map(|(n, r)| (n.to_owned(), r)).collect(),
        }
    }

    /// A finding `ms` after the start.
    pub fn see(mut self, ms: i64, service: &str, kind: FindingKind, summary: &str) -> Self {
        self.findings.push(finding(ms, service, kind, summary));
        self
    }

    /// As `see`, with a finding changed by hand.
    pub fn see_with(mut self, finding: Finding) -> Self {
        self.findings.push(finding);
        self
    }

    pub fn change(mut self, ms: i64, service: &str, kind: ChangeKind, actor: &str) -> Self {
        self.changes.push(change(ms, service, kind, actor));
        self
    }

    pub fn edge(mut self, from: &str, to: &str, error_ratio: f64, p95_ms: f64) -> Self {
        self.graph.put(edge(from, to, error_ratio, p95_ms));
        self
    }

    /// `n` services in layers of ten; each calls three of the next layer.
    pub fn layers(n: usize) -> Self {
        let mut shop = Self::new();
        for i in 0..n.saturating_sub(10) {
            for k in 0..3 {
                let to = (i / 10 + 1) * 10 + (i * 7 + k * 3) % 10;
                shop.graph.put(edge(&format!("s{i}"), &format!("s{to}"), 0.0, 10.0));
            }
        }
        shop.services = services((0..n).map(|i| format!("s{i}")));
        shop
    }

    /// `n` services in layers, `troubled` of them with one finding each, a hundred changes.
    pub fn spread(n: usize, troubled: usize) -> Self {
        let mut shop = Self::layers(n);
        for i in 0..100 {
            shop = shop.change(-600_000 + i, &format!("s{}", i * 7), ChangeKind::Deploy, "ci");
        }
        let kinds = [FindingKind::ErrorRate, FindingKind::Latency, FindingKind::LogNewPattern];
        for i in 0..troubled {
            let name = format!("s{}", i * (n / troubled));
            shop = shop.see(1_000 + i as i64, &name, kinds[i % 3], "trouble");
        }
        shop
    }

    pub fn topology(&self) -> Topology {
        Topology::new(&self.graph, &self.services)
    }

    pub fn world<'a>(&'a self, topology: &'a Topology) -> World<'a> {
        World {
            topology,
            observed: &self.graph,
            services: &self.services,
            changes: (&self.changes, &[]),
            settings: &self.settings,
        }
    }

    pub fn diagnose(&self) -> Diagnosis {
        let incident = IncidentId::derive(at(0), &["test"]);
        let topology = self.topology();
        let rates = self.rates.iter().map(|(name, rate)| (name.as_str(), *rate)).collect();
        diagnose(&Input {
            at: at(60_000),
            incident: &incident,
            findings: self.findings.iter().collect(),
            world: self.world(&topology),
            windows: &[],
            symptoms: &[],
            past: &self.past,
            request_rates: &rates,
        })
    }

    /// Where the last finding belongs when the others are one incident.
    pub fn place_last(&self, topology: &Topology) -> Grouping {
        let (last, others) = self.findings.split_last().expect("there are findings");
        let incident = IncidentId::derive(at(0), &["test"]);
        let open = [OpenIncident { id: &incident, findings: others.iter().collect() }];
        group(last, &open, &self.world(topology))
    }

    /// Feeds the findings one after another through grouping. Incidents as `service kind` lists.
    pub fn incidents(&self) -> Vec<Vec<String>> {
        self.grouped().iter().map(|(_, fs)| fs.iter().map(|f| label(f)).collect()).collect()
    }

    pub fn grouped(&self) -> Vec<(IncidentId, Vec<&Finding>)> {
        let topology = self.topology();
        let world = self.world(&topology);
        let mut open: Vec<(IncidentId, Vec<&Finding>)> = Vec::new();
        let mut arriving: Vec<&Finding> = self.findings.iter().collect();
        arriving.sort_by_key(|f| f.detected_at);
        for finding in arriving {
            let incidents: Vec<OpenIncident<'_>> =
                open.iter().map(|(id, findings)| OpenIncident { id, findings: findings.clone() }).collect();
            match group(finding, &incidents, &world) {
                Grouping::Join { incident, why } => {
                    assert!(!why.is_empty());
                    let known = open.iter_mut().find(|(id, _)| *id == incident);
                    known.expect("joins an open incident").1.push(finding);
                }
                Grouping::Open { .. } => {
                    let id = IncidentId::derive(finding.started_at, &[finding.id.as_str()]);
                    open.push((id, vec![finding]));
                }
            }
        }
        open
    }
}

pub fn label(f: &Finding) -> String {
    format!("{} {:?}", f.service, f.kind)
}

pub fn change(ms: i64, service: &str, kind: ChangeKind, actor: &str) -> Change {
    Change {
        id: ChangeId::derive(at(ms), &[service, actor]),
        service: service.to_owned(),
        kind,
        at: at(ms),
        summary: format!("{kind:?} of {service} by {actor}"),
        from: None,
        to: None,
        actor: actor.to_owned(),
    }
}

/// A finding with the subject, unit and size a detector would report for its kind.
pub fn finding(ms: i64, service: &str, kind: FindingKind, summary: &str) -> Finding {
    let metric = |name: &str, labels: &[(&str, &str)]| Subject::Metric {
        name: name.to_owned(),
        labels: labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect::<Labels>(),
    };
    let instance = format!("{service}-1");
    let on_instance = [("instance", instance.as_str())];
    let (subject, observed, high) = match kind {
        FindingKind::ErrorRate => (metric("request_error_ratio", &[]), 0.4, 0.02),
        FindingKind::Latency => (metric("request_duration_p95_ms", &[]), 750.0, 40.0),
        FindingKind::CpuSaturation => (metric("process_cpu_ratio", &on_instance), 2.0, 0.3),
        FindingKind::MemoryLeak => (metric("process_resident_memory_bytes", &on_instance), 1.5e8, 6e7),
        FindingKind::DiskFilling => (metric("data_folder_bytes", &on_instance), 5e7, 2e7),
        FindingKind::LogBurst => (metric("log_rate", &[]), 2000.0, 20.0),
        FindingKind::MetricAnomaly => (metric("queue_depth", &[]), 50.0, 10.0),
        FindingKind::BudgetBurn => (Subject::Objective { name: "availability".into() }, 20.0, 14.4),
        FindingKind::Alert => (
            Subject::Alert {
                source: "alertmanager".into(),
                name: "HighErrorRate".into(),
                labels: Labels::new(),
                url: None,
            },
            1.0,
            1.0,
        ),
        FindingKind::ProbeFailure => (Subject::Probe { target: "http://x/healthz".into() }, 1.0, 1.0),
        FindingKind::ProcessExit | FindingKind::RestartLoop => {
            (Subject::Process { instance: instance.clone() }, 1.0, 1.0)
        }
        FindingKind::LogNewPattern | FindingKind::LogAnomaly => (
            Subject::LogTemplate { template_id: "t".into(), template: "order <*> failed: <*>".into() },
            1.0,
            1.0,
        ),
    };
    let per_instance = matches!(subject, Subject::Process { .. })
        || matches!(&subject, Subject::Metric { labels, .. } if !labels.is_empty());
    let is_metric = matches!(subject, Subject::Metric { .. });
    Finding {
        id: FindingId::derive(at(ms), &[service, &format!("{kind:?}"), summary]),
        kind,
        detector: "test".into(),
        service: service.to_owned(),
        instance: per_instance.then_some(instance),
        subject,
        state: FindingState::Firing,
        severity: Severity::High,
        score: 0.97,
        direction: Some(Direction::Up),
        observed: is_metric.then_some(observed),
        expected: is_metric.then_some(Band { low: 0.0, high }),
        started_at: at(ms),
        detected_at: at(ms + 800),
        last_seen_at: at(ms + 5_000),
        summary: summary.to_owned(),
        samples: Vec::new(),
        time_to_limit_ms: None,
        quieted: None,
        change: None,
        correlation_id: CorrelationId::derive(at(ms), &[service]),
    }
}

/// Less or more requests than usual.
pub fn traffic(ms: i64, service: &str, direction: Direction) -> Finding {
    let mut f = finding(ms, service, FindingKind::MetricAnomaly, "request rate");
    f.subject = Subject::Metric { name: "request_rate".into(), labels: Labels::new() };
    f.direction = Some(direction);
    f
}

/// A finding that looks ahead.
pub fn ahead(ms: i64, service: &str, kind: FindingKind, left_ms: u64) -> Finding {
    Finding { time_to_limit_ms: Some(left_ms), ..finding(ms, service, kind, "grows towards its limit") }
}
