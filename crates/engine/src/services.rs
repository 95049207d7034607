//! The services the loop knows: what sources report of them, and how well they are.

use std::collections::{BTreeMap, BTreeSet};

use model::{Health, Service};
use ports::{Expected, Op};

use crate::command::Reply;
use crate::records::{Record, put};
use crate::situation::{Effects, Situation};

impl Situation {
    /// Takes the services that a source knows now; those it knew before and no longer names are gone.
    pub(crate) fn set_services(
        &mut self,
        source: &str,
        services: Vec<Service>,
        effects: &mut Effects,
    ) -> Reply {
        let named: BTreeSet<&str> = services.iter().map(|s| s.name.as_str()).collect();
        let gone: Vec<String> = self
            .services
            .values()
            .filter(|s| s.host.as_deref() == Some(source) && !named.contains(s.name.as_str()))
            .map(|s| s.name.clone())
            .collect();
        for name in gone {
            self.services.remove(&name);
            self.vitals.remove(&name);
            effects.ops.push(Op::Delete { kind: Service::KIND, id: name, expected: Expected::Any });
        }
        for mut service in services {
            service.host = Some(source.to_owned());
            let known = self.services.get(&service.name);
            service.health = known.map_or(Health::Unknown, |k| k.health);
            if known != Some(&service) {
                let instances: BTreeSet<&str> = service.instances.iter().map(|i| i.name.as_str()).collect();
                if let Some(vitals) = self.vitals.get_mut(&service.name) {
                    vitals.probes.retain(|i, _| i.is_empty() || instances.contains(i.as_str()));
                }
                effects.ops.push(put(&service));
                self.services.insert(service.name.clone(), service);
            }
        }
        Reply::Done
    }

    pub(crate) fn refresh_health(&mut self, effects: &mut Effects) {
        let mut worst: BTreeMap<&str, Health> = BTreeMap::new();
        for finding in self.findings.values().filter(|f| f.state == model::FindingState::Firing) {
            let health = match finding.kind {
                model::FindingKind::ProbeFailure
                | model::FindingKind::ProcessExit
                | model::FindingKind::RestartLoop => Health::Down,
                _ => Health::Degraded,
            };
            let entry = worst.entry(finding.service.as_str()).or_default();
            *entry = (*entry).max(health);
        }
        for service in self.services.values_mut() {
            let heard = self.vitals.contains_key(&service.name) || !service.instances.is_empty();
            let floor = if heard { Health::Healthy } else { Health::Unknown };
            let health = worst.get(service.name.as_str()).copied().map_or(floor, |h| h.max(floor));
            if health != service.health {
                service.health = health;
                effects.ops.push(put(service));
            }
        }
    }
}
