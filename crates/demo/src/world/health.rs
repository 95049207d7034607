//! Whether a service is truly well, seen from outside: real requests, and what its processes use. It trusts
//! no fault list and no word of Homeostat, so that it can judge both.

use std::time::{Duration, Instant};

use host::{Host, Problem};
use model::{Instance, InstanceState, Service, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// A request slower than this is not well; the slowest honest path (an order) takes about 60 ms.
const FAST: Duration = Duration::from_millis(450);

/// An instance must have run this long to count as stable; a crash loop ends sooner.
const STABLE_MS: i64 = 3_000;

/// The verdict on one service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Health {
    /// The service.
    pub service: String,
    /// Whether every check passed.
    pub healthy: bool,
    /// What was looked at.
    pub checks: Vec<HealthCheck>,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HealthCheck {
    /// `process`, `requests`, `cpu`, `memory`, `disk` or `logs`, with the instance.
    pub name: String,
    /// Whether it passed.
    pub ok: bool,
    /// What was seen.
    pub detail: String,
}

/// Checks a service now; takes up to a few seconds when it does not answer.
pub(super) async fn check(host: &Host, client: &reqwest::Client, service: &str) -> Result<Health, Problem> {
    let Some(found) = host.service(service) else {
        return Err(Problem::not_found("unknown_service", format!("no service {service:?}")));
    };
    let mut checks = Vec::new();
    let meant: Vec<&Instance> =
        found.instances.iter().filter(|i| i.state != InstanceState::Stopped).collect();
    if meant.is_empty() {
        checks.push(verdict("process", false, "no instance is meant to run".to_owned()));
    }
    let logs_before: Vec<u64> = meant.iter().map(|i| log_bytes(i)).collect();
    let began = Instant::now();
    for instance in &meant {
        checks.push(process(instance));
        if instance.pid.is_some() {
            checks.push(requests(client, service, instance).await);
        }
    }
    // The rate of the log needs some time to be measured over.
    tokio::time::sleep(Duration::from_millis(300).saturating_sub(began.elapsed())).await;
    for (instance, before) in meant.iter().zip(logs_before) {
        let rate = log_bytes(instance).saturating_sub(before) as f64 / began.elapsed().as_secs_f64();
        checks.push(verdict(
            &format!("logs {}", instance.name),
            rate < 100_000.0,
            format!("{rate:.0} bytes/s"),
        ));
        checks.extend(figures(host, &found, &instance.name));
    }
    Ok(Health { service: service.to_owned(), healthy: checks.iter().all(|c| c.ok), checks })
}

fn verdict(name: &str, ok: bool, detail: String) -> HealthCheck {
    HealthCheck { name: name.to_owned(), ok, detail }
}

fn process(instance: &Instance) -> HealthCheck {
    let up_ms = instance.started_at.map_or(0, |at| now().since_ms(at));
    let ok = instance.state == InstanceState::Running && up_ms >= STABLE_MS;
    verdict(&format!("process {}", instance.name), ok, format!("{:?} for {up_ms} ms", instance.state))
}

/// Real requests, one after the other; the first bad one decides.
async fn requests(client: &reqwest::Client, service: &str, instance: &Instance) -> HealthCheck {
    let name = format!("requests {}", instance.name);
    let Some(address) = &instance.address else { return verdict(&name, true, "does not listen".to_owned()) };
    let url = |path: &str| format!("http://{address}{path}");
    let order = || client.post(url("/orders")).json(&json!({"customer": 1, "cents": 1990}));
    let mut slowest = Duration::ZERO;
    // Enough to meet each of two callees, and a release that gets 40 % wrong with 99.4 %.
    for round in 0..10 {
        let mut each = vec![client.get(url("/healthz"))];
        match service {
            "gateway" => each.extend([client.get(url("/products/7")), order()]),
            "catalog" => each.push(client.get(url("/products"))),
            "checkout" => each.push(order()),
            "payments" => {
                each.push(client.post(url("/charges")).json(&json!({"order": "health", "cents": 100})))
            }
            _ => {}
        }
        for request in each {
            let began = Instant::now();
            let answer = request.timeout(Duration::from_secs(2)).send().await;
            slowest = slowest.max(began.elapsed());
            let seen = match answer {
                Ok(answer) if answer.status().as_u16() >= 500 => {
                    format!("status {}", answer.status().as_u16())
                }
                Ok(_) if began.elapsed() > FAST => format!("took {} ms", began.elapsed().as_millis()),
                Ok(_) => continue,
                Err(error) if error.is_timeout() => "no answer in 2 s".to_owned(),
                Err(error) if error.is_connect() => "connection refused".to_owned(),
                Err(_) => "connection lost".to_owned(),
            };
            return verdict(&name, false, format!("round {}: {seen}", round + 1));
        }
    }
    verdict(&name, true, format!("slowest {} ms", slowest.as_millis()))
}

fn figures(host: &Host, service: &Service, instance: &str) -> Vec<HealthCheck> {
    let metrics = host.metrics();
    let value = |name: &str| {
        let mine = metrics.iter().find(|m| {
            m.service == service.name
                && m.name == name
                && m.labels.get("instance").is_some_and(|i| i == instance)
        });
        mine.and_then(|m| m.points.last()).map_or(0.0, |p| p.value)
    };
    let share = |used: f64, limit: Option<u64>| limit.map_or(0.0, |limit| used / limit as f64);
    let cpu = value("process_cpu_ratio");
    let memory = share(value("process_resident_memory_bytes"), service.memory_limit_bytes);
    let disk = share(value("data_folder_bytes"), service.disk_limit_bytes);
    vec![
        verdict(&format!("cpu {instance}"), cpu < 0.7, format!("{cpu:.2} cores")),
        verdict(&format!("memory {instance}"), memory < 0.6, format!("{:.0} % of the limit", memory * 100.0)),
        verdict(&format!("disk {instance}"), disk < 0.6, format!("{:.0} % of the quota", disk * 100.0)),
    ]
}

fn log_bytes(instance: &Instance) -> u64 {
    let file = instance.log_file.as_deref().and_then(|f| std::fs::metadata(f).ok());
    file.map_or(0, |m| m.len())
}

fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_unix_ms(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
