//! The catalog of the shop: what the process host runs.

use host::{ReleaseSpec, ServiceSpec};
use serde_json::{Value, json};

use super::WorldOptions;
use crate::shop::SERVICES;

/// The release that gets things wrong.
pub(super) const BAD_RELEASE: &str = "1.1.0";

const MEMORY_LIMIT_BYTES: u64 = 256 << 20;
const DISK_LIMIT_BYTES: u64 = 64 << 20;

/// Every service of the shop.
pub(super) fn catalog(options: &WorldOptions, control_token: &str) -> Vec<ServiceSpec> {
    SERVICES.iter().map(|name| service(name, options, control_token)).collect()
}

fn service(name: &str, options: &WorldOptions, control_token: &str) -> ServiceSpec {
    let mut command = options.shop_command.clone();
    command.push(name.to_owned());
    let mut spec = ServiceSpec::new(name, command);
    spec.env.extend(options.shop_env.iter().cloned());
    spec.env.insert("SHOP_CONTROL_TOKEN".into(), control_token.to_owned());
    spec.env.insert("HOMEOSTAT_OTLP_URL".into(), options.otlp_url.clone());
    spec.env.insert("HOMEOSTAT_OTLP_TOKEN".into(), options.otlp_token.clone());
    let (owner, depends_on): (&str, &[&str]) = match name {
        "gateway" => ("team-storefront", &["catalog", "checkout"]),
        "catalog" => ("team-storefront", &[]),
        "checkout" => ("team-orders", &["payments"]),
        "payments" => ("team-orders", &[]),
        _ => ("team-back-office", &["checkout"]),
    };
    spec.owner = Some(owner.to_owned());
    spec.depends_on = depends_on.iter().map(|d| (*d).to_owned()).collect();
    spec.tier = if name == "worker" { model::Tier::Internal } else { model::Tier::Standard };
    spec.instances = if name == "payments" { 2 } else { 1 };
    spec.ports = vec!["http".into(), "control".into()];
    spec.health_path = Some("/healthz".into());
    spec.metrics_path = Some("/metrics".into());
    spec.memory_limit_bytes = Some(MEMORY_LIMIT_BYTES);
    spec.disk_limit_bytes = Some(DISK_LIMIT_BYTES);
    spec.expendable = vec!["cache".into()];
    spec.state = (name == "worker").then(|| "state".into());
    spec.stop_grace_ms = 1_500;
    let release = |version: &str, failure_ratio: f64| ReleaseSpec {
        version: version.to_owned(),
        manifest: json!({"version": version, "behaviour": {"failure_ratio": failure_ratio}}),
    };
    spec.releases = vec![release("1.0.0", 0.0), release(BAD_RELEASE, 0.4)];
    spec.config = config(depends_on, None);
    spec
}

/// A configuration that finds every peer through the host, but `lost` at an address where nobody listens.
fn config(peers: &[&str], lost: Option<&str>) -> Value {
    let at = |peer: &str| {
        if lost == Some(peer) { "http://127.0.0.1:9".to_owned() } else { format!("service:{peer}") }
    };
    let upstreams: serde_json::Map<String, Value> =
        peers.iter().map(|p| ((*p).to_owned(), Value::from(at(p)))).collect();
    json!({"upstreams": upstreams})
}

/// The configuration with the wrong address, for services that have a peer.
pub(super) fn bad_config(service: &str) -> Option<Value> {
    match service {
        "gateway" => Some(config(&["catalog", "checkout"], Some("catalog"))),
        "checkout" => Some(config(&["payments"], Some("payments"))),
        _ => None,
    }
}
