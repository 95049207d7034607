//! What to probe, scrape and follow of the services of a host. Pure.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use model::{Instance, InstanceState, Service, Timestamp};

use crate::probe::ProbeTarget;
use crate::scrape::ScrapeTarget;
use crate::tail::TailTarget;

/// Something to poll.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    Probe(ProbeTarget),
    Scrape(ScrapeTarget),
    Tail(TailTarget),
}

/// All targets by poller name. An instance stopped on purpose is left alone, one that ended by itself is
/// still probed (it should answer), and one that starts gets `start_grace` before it has to. Logs are
/// followed as long as the instance is listed: the last lines of a dead process matter most.
pub(super) fn targets(
    services: &[Service],
    now: Timestamp,
    start_grace: Duration,
) -> BTreeMap<String, Target> {
    let mut targets = BTreeMap::new();
    for service in services {
        for instance in &service.instances {
            let name = |kind: &str| format!("{kind}/{}/{}", service.name, instance.name);
            let (of, by) = (service.name.clone(), Some(instance.name.clone()));
            if expected_to_serve(instance, now, start_grace) {
                let tcp = || instance.address.as_ref().map(|address| format!("tcp://{address}"));
                if let Some(url) = instance.health_url.clone().or_else(tcp) {
                    let target = ProbeTarget { service: of.clone(), instance: by.clone(), url };
                    targets.insert(name("probe"), Target::Probe(target));
                }
                if let Some(url) = instance.metrics_url.clone() {
                    let target = ScrapeTarget { service: of.clone(), instance: by.clone(), url };
                    targets.insert(name("scrape"), Target::Scrape(target));
                }
            }
            if let Some(file) = &instance.log_file {
                let target = TailTarget { service: of, instance: by, path: PathBuf::from(file) };
                targets.insert(name("tail"), Target::Tail(target));
            }
        }
    }
    targets
}

fn expected_to_serve(instance: &Instance, now: Timestamp, start_grace: Duration) -> bool {
    match instance.state {
        InstanceState::Running | InstanceState::Exited => true,
        InstanceState::Stopped => false,
        InstanceState::Starting => instance
            .started_at
            .is_some_and(|at| now.since_ms(at) >= i64::try_from(start_grace.as_millis()).unwrap_or(i64::MAX)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(state: InstanceState, started_ms_ago: i64, expect: &[&str]) {
        let now = Timestamp::from_unix_ms(1_000_000);
        let service: Service = serde_json::from_value(serde_json::json!({
            "name": "shop", "instances": [{
                "name": "shop-1", "state": state, "exits": 0, "address": "127.0.0.1:1",
                "started_at": now.plus_ms(-started_ms_ago), "health_url": "http://127.0.0.1:1/healthz",
                "metrics_url": "http://127.0.0.1:1/metrics", "log_file": "/tmp/shop-1.log",
            }]
        }))
        .unwrap();
        let got = targets(&[service], now, Duration::from_secs(5));
        assert_eq!(got.keys().collect::<Vec<_>>(), expect, "{state:?} for {started_ms_ago} ms");
    }

    #[test]
    fn who_is_polled() {
        let all = ["probe/shop/shop-1", "scrape/shop/shop-1", "tail/shop/shop-1"];
        check(InstanceState::Running, 0, &all);
        check(InstanceState::Exited, 9_000, &all);
        check(InstanceState::Stopped, 9_000, &all[2..]);
        check(InstanceState::Starting, 4_999, &all[2..]);
        check(InstanceState::Starting, 5_000, &all);
    }
}
