//! Stage "verify": watches telemetry for as long as a workflow asks, and says whether the fix held.
//!
//! A watch that a crash interrupted starts over: verification is never assumed.

use manifest::{Condition, Verify};
use model::{FindingState, InstanceState, RunId, Timestamp};
use serde_json::json;
use workflow::WorkflowError;

use crate::act::CallAnswer;
use crate::situation::{Effects, Situation, Vitals};

/// A verification under way.
#[derive(Clone, Debug)]
pub(crate) struct Watch {
    pub(crate) verify: Verify,
    pub(crate) since: Timestamp,
}

/// What a condition says now.
enum Standing {
    /// It holds.
    Holds,
    /// It does not hold, but may come to within the grace.
    NotYet(String),
    /// It cannot hold any more.
    Broken(String),
}

/// A restarted process gets this long before a condition that does not hold yet counts against it.
const GRACE_MS: i64 = 5_000;

/// A probe that was last heard of so long before the fix is no more.
const SILENT_MS: i64 = 300_000;

impl Situation {
    /// Looks at every watch; answers those that are decided.
    pub(crate) fn check_watches(&mut self, effects: &mut Effects) {
        let mut decided = Vec::new();
        for ((run, key), watch) in &self.watches {
            if let Some(answer) = self.judge_watch(watch) {
                decided.push((run.clone(), key.clone(), answer));
            }
        }
        for (run, key, answer) in decided {
            self.watches.remove(&(run.clone(), key.clone()));
            self.take_answer(&run, &key, answer, effects);
        }
    }

    fn judge_watch(&self, watch: &Watch) -> Option<CallAnswer> {
        let elapsed_ms = self.now.since_ms(watch.since);
        let window_ms = i64::try_from(watch.verify.window_ms).unwrap_or(i64::MAX);
        let mut waiting = Vec::new();
        for condition in &watch.verify.conditions {
            match self.standing(&watch.verify.service, condition, watch.since) {
                Standing::Holds => {}
                Standing::NotYet(why) => waiting.push(why),
                Standing::Broken(why) => return Some(failed(why)),
            }
        }
        if elapsed_ms < window_ms {
            return None;
        }
        if waiting.is_empty() {
            let output = json!({"verified": true, "service": watch.verify.service, "window_ms": window_ms});
            return Some(CallAnswer::Done { output, inverse: None });
        }
        (elapsed_ms >= window_ms.saturating_add(GRACE_MS))
            .then(|| failed(format!("after {elapsed_ms} ms: {}", waiting.join("; "))))
    }

    fn standing(&self, service: &str, condition: &Condition, since: Timestamp) -> Standing {
        match condition {
            Condition::Healthy => self.standing_healthy(service, since),
            Condition::NoFiringFindings { kinds } => {
                let firing = self.findings.values().find(|f| {
                    f.service == service
                        && f.state == FindingState::Firing
                        && (kinds.is_empty() || kinds.contains(&f.kind))
                });
                firing.map_or(Standing::Holds, |f| Standing::NotYet(f.summary.clone()))
            }
            Condition::Metric { name, op, value } => {
                let newest = self.vitals.get(service).and_then(|v| v.metrics.get(name));
                match newest {
                    Some((seen, at)) if *at > since && op.holds(*seen, *value) => Standing::Holds,
                    Some((seen, at)) if *at > since => {
                        Standing::NotYet(format!("{name} is {seen:.3}, wanted {} {value}", op.as_str()))
                    }
                    _ => Standing::NotYet(format!("no sample of {name} since the fix")),
                }
            }
        }
    }

    fn standing_healthy(&self, service: &str, since: Timestamp) -> Standing {
        let vitals = self.vitals.get(service);
        if vitals.and_then(|v| v.exited_at).is_some_and(|at| at > since) {
            return Standing::Broken(format!("a process of {service} ended again"));
        }
        let Some(known) = self.services.get(service) else {
            return standing_probes(service, vitals, since);
        };
        if let Some(down) = known
            .instances
            .iter()
            .find(|i| !matches!(i.state, InstanceState::Running | InstanceState::Stopped))
        {
            return Standing::NotYet(format!("{} is not running", down.name));
        }
        let running = known.instances.iter().filter(|i| i.state == InstanceState::Running);
        for instance in running {
            let probe = vitals.and_then(|v| v.probes.get(&instance.name).or_else(|| v.probes.get("")));
            match probe {
                Some((true, at)) if *at > since => {}
                Some((false, at)) if *at > since => {
                    return Standing::NotYet(format!("the probe of {} fails", instance.name));
                }
                _ => return Standing::NotYet(format!("no probe of {} since the fix", instance.name)),
            }
        }
        if known.instances.iter().all(|i| i.state != InstanceState::Running) {
            return Standing::NotYet(format!("no instance of {service} runs"));
        }
        Standing::Holds
    }

    pub(crate) fn start_watch(&mut self, run: &RunId, key: &str, verify: Verify) {
        self.watches.insert((run.clone(), key.to_owned()), Watch { verify, since: self.now });
    }
}

/// How a service is that no host reports: by its probes alone. One that went silent long ago counts no more.
fn standing_probes(service: &str, vitals: Option<&Vitals>, since: Timestamp) -> Standing {
    let lately = since.plus_ms(-SILENT_MS);
    let probes = vitals.into_iter().flat_map(|v| &v.probes).filter(|(_, (_, at))| *at > lately);
    let mut any = false;
    for (instance, (ok, at)) in probes {
        any = true;
        let of = if instance.is_empty() { service } else { instance };
        match (ok, *at > since) {
            (true, true) => {}
            (false, true) => return Standing::NotYet(format!("the probe of {of} fails")),
            (_, false) => return Standing::NotYet(format!("no probe of {of} since the fix")),
        }
    }
    if any {
        return Standing::Holds;
    }
    Standing::NotYet(format!("service {service} is not known: no host reports it and no probe of it came"))
}

fn failed(why: String) -> CallAnswer {
    CallAnswer::Failed { error: WorkflowError::verification(why), retryable: false }
}
