//! The simulated process host: carries out actions on the shop, step by step in simulated time, once for each
//! idempotency key. One action at a time on a service; others wait their turn.

use std::collections::{BTreeMap, VecDeque};

use engine::act::CallAnswer;
use model::{ActionCall, ActionSpec, BlastRadius, Inverse};
use serde_json::{Value, json};
use workflow::WorkflowError;

use crate::shop::{Fault, Process, Shop, Switch, Trash};

/// What is remembered of a key.
#[derive(Clone, Debug, PartialEq)]
pub struct LedgerEntry {
    /// The action.
    pub action: String,
    /// The service.
    pub service: String,
    /// How often it was carried out. More than once is a broken promise.
    pub executed: u32,
    /// How often it was asked for.
    pub asked: u32,
    answer: Option<CallAnswer>,
}

/// What an action is made of.
#[derive(Clone, Debug)]
enum Stage {
    Stop(String),
    Start(String),
    Switch { release: bool, to: String, rollback: bool },
    Reclaim(String),
    Reset(String),
    Restore(String),
    Add(String),
    Remove(String),
}

struct Job {
    key: String,
    service: String,
    stages: VecDeque<Stage>,
    until_ms: i64,
    answer: CallAnswer,
}

/// The host.
#[derive(Default)]
pub struct Host {
    ledger: BTreeMap<String, LedgerEntry>,
    jobs: Vec<Job>,
    /// Calls of an action that are still to fail, by its name.
    failing: BTreeMap<String, u32>,
}

/// What a host offers: the actions of the process host.
#[must_use]
pub fn action_specs() -> Vec<ActionSpec> {
    use BlastRadius::{Instance, Service};
    let spec = |name: &str, inverse: Option<&str>, blast_radius, deploys| ActionSpec {
        name: name.to_owned(),
        summary: format!("{name} on the simulated host."),
        parameters: json!({"type": "object", "required": ["service"]}),
        inverse: inverse.map(ToOwned::to_owned),
        blast_radius,
        repeatable: false,
        deploys,
    };
    vec![
        spec("process.start", Some("process.stop"), Instance, false),
        spec("process.stop", Some("process.start"), Instance, false),
        spec("process.restart", None, Instance, false),
        spec("process.scale", Some("process.scale"), Service, false),
        spec("deploy.release", Some("deploy.release"), Service, true),
        spec("deploy.config", Some("deploy.config"), Service, true),
        spec("deploy.rollback", Some("deploy.release"), Service, true),
        spec("data.reclaim", Some("data.restore"), Service, false),
        spec("data.reset", Some("data.restore"), Service, false),
        spec("data.restore", None, Service, false),
    ]
}

type Planned = Result<(Vec<Stage>, Option<Inverse>), String>;

impl Host {
    /// The next calls of an action fail, as if the host could not be reached.
    pub fn fail_next(&mut self, action: &str, times: u32) {
        self.failing.insert(action.to_owned(), times);
    }

    /// What was asked for and done, by key.
    #[must_use]
    pub fn ledger(&self) -> &BTreeMap<String, LedgerEntry> {
        &self.ledger
    }

    /// Takes a call. The answer comes from [`Host::answer`] once there is one.
    pub fn call(&mut self, call: &ActionCall, shop: &Shop) {
        let service = call.parameters["service"].as_str().unwrap_or_default().to_owned();
        let entry = self.ledger.entry(call.idempotency_key.clone()).or_insert_with(|| LedgerEntry {
            action: call.action.clone(),
            service: service.clone(),
            executed: 0,
            asked: 0,
            answer: None,
        });
        entry.asked += 1;
        let under_way = self.jobs.iter().any(|j| j.key == call.idempotency_key);
        if under_way || entry.executed > 0 {
            return;
        }
        if let Some(left) = self.failing.get_mut(&call.action).filter(|left| **left > 0) {
            *left -= 1;
            let message = "the host did not answer".to_owned();
            entry.answer = Some(CallAnswer::Failed {
                error: WorkflowError::communication(502, message),
                retryable: true,
            });
            return;
        }
        match plan(call, shop) {
            Ok((stages, inverse)) => {
                entry.executed += 1;
                entry.answer = None;
                let output = json!({"done": call.action});
                self.jobs.push(Job {
                    key: call.idempotency_key.clone(),
                    service,
                    stages: stages.into(),
                    until_ms: shop.elapsed_ms() + 20,
                    answer: CallAnswer::Done { output, inverse },
                });
            }
            Err(message) => {
                entry.answer = Some(CallAnswer::Failed {
                    error: WorkflowError::communication(502, message),
                    retryable: false,
                })
            }
        }
    }

    /// What came of a call, once something did.
    #[must_use]
    pub fn answer(&self, key: &str) -> Option<CallAnswer> {
        self.ledger.get(key).and_then(|e| e.answer.clone())
    }

    /// One step of time.
    pub fn step(&mut self, shop: &mut Shop) {
        let mut busy: Vec<String> = Vec::new();
        let mut done = Vec::new();
        for job in &mut self.jobs {
            if busy.contains(&job.service) {
                continue;
            }
            busy.push(job.service.clone());
            while job.until_ms <= shop.elapsed_ms() {
                let Some(stage) = job.stages.pop_front() else {
                    done.push(job.key.clone());
                    break;
                };
                job.until_ms = shop.elapsed_ms() + carry_out(shop, &job.service, stage);
            }
        }
        for job in &self.jobs {
            if let Some(entry) = self.ledger.get_mut(&job.key).filter(|_| done.contains(&job.key)) {
                entry.answer = Some(job.answer.clone());
            }
        }
        self.jobs.retain(|j| !done.contains(&j.key));
    }
}

fn plan(call: &ActionCall, shop: &Shop) -> Planned {
    let service = call.parameters["service"].as_str().ok_or("the parameter service is missing")?;
    let unit = shop.units.get(service).ok_or_else(|| format!("no service {service:?} here"))?;
    let all = || unit.processes.iter();
    let named = call.parameters["instance"].as_str();
    if let Some(name) = named.filter(|name| all().all(|p| p.name != *name)) {
        return Err(format!("{service} has no instance {name:?}"));
    }
    let chosen = |wanted_only: bool| -> Vec<String> {
        all()
            .filter(|p| named.map_or(!wanted_only || p.wanted, |n| n == p.name))
            .map(|p| p.name.clone())
            .collect()
    };
    let inverse = |action: &str, mut parameters: Value| {
        parameters["service"] = json!(service);
        Some(Inverse { action: action.to_owned(), parameters })
    };
    let restarts = || chosen(true).into_iter().flat_map(|n| [Stage::Stop(n.clone()), Stage::Start(n)]);
    let of_named = || named.map_or_else(|| json!({}), |n| json!({"instance": n}));
    let trash = format!("trash-{}", call.idempotency_key);
    Ok(match call.action.as_str() {
        "process.start" => {
            (chosen(false).into_iter().map(Stage::Start).collect(), inverse("process.stop", of_named()))
        }
        "process.stop" => {
            (chosen(true).into_iter().map(Stage::Stop).collect(), inverse("process.start", of_named()))
        }
        "process.restart" => (restarts().collect(), None),
        "process.scale" => {
            let to =
                call.parameters["instances"].as_u64().ok_or("the parameter instances is missing")? as usize;
            let from = unit.processes.len();
            let added = (from + 1..=to).map(|n| Stage::Add(format!("{service}-{n}")));
            let removed = unit.processes.iter().skip(to).map(|p| Stage::Remove(p.name.clone()));
            (added.chain(removed).collect(), inverse("process.scale", json!({"instances": from})))
        }
        "deploy.rollback" => {
            let newest = unit.history.iter().rev().find(|s| !s.settled);
            let Switch { release, from, .. } =
                newest.ok_or_else(|| format!("no change of {service} is left to undo"))?;
            let first = Stage::Switch { release: *release, to: from.clone(), rollback: true };
            (std::iter::once(first).chain(restarts()).collect(), back(service, unit, *release))
        }
        "deploy.release" | "deploy.config" => {
            let release = call.action == "deploy.release";
            let to = call.parameters[if release { "release" } else { "revision" }].as_str();
            let to = to.ok_or("the parameter release or revision is missing")?.to_owned();
            let first = Stage::Switch { release, to, rollback: false };
            (std::iter::once(first).chain(restarts()).collect(), back(service, unit, release))
        }
        "data.reclaim" => {
            (vec![Stage::Reclaim(trash.clone())], inverse("data.restore", json!({"trash": trash})))
        }
        "data.reset" => {
            let stages = chosen(true).into_iter().map(Stage::Stop);
            let stages = stages.chain(std::iter::once(Stage::Reset(trash.clone())));
            let stages = stages.chain(chosen(true).into_iter().map(Stage::Start));
            (stages.collect(), inverse("data.restore", json!({"trash": trash})))
        }
        "data.restore" => {
            let trash = call.parameters["trash"].as_str().ok_or("the parameter trash is missing")?;
            if !unit.trash.contains_key(trash) {
                return Err(format!("{service} has no trash {trash:?}"));
            }
            (std::iter::once(Stage::Restore(trash.to_owned())).chain(restarts()).collect(), None)
        }
        other => return Err(format!("the host does not know the action {other:?}")),
    })
}

fn back(service: &str, unit: &crate::shop::Unit, release: bool) -> Option<Inverse> {
    let (action, parameters) = if release {
        ("deploy.release", json!({"service": service, "release": unit.release}))
    } else {
        ("deploy.config", json!({"service": service, "revision": unit.revision}))
    };
    Some(Inverse { action: action.to_owned(), parameters })
}

/// Does one stage; gives how long it takes.
fn carry_out(shop: &mut Shop, service: &str, stage: Stage) -> i64 {
    match stage {
        Stage::Stop(instance) => {
            let process =
                shop.units.get_mut(service).and_then(|u| u.processes.iter_mut().find(|p| p.name == instance));
            let Some(process) = process else { return 0 };
            // What hangs does not hear that it should end; the host waits, then kills it.
            let deaf = process.faults.contains_key(&Fault::Hang);
            process.wanted = false;
            shop.end(service, &instance, deaf.then_some(9), "stopped", true);
            if deaf { 1_500 } else { 50 }
        }
        Stage::Start(instance) => {
            shop.start(service, &instance);
            450
        }
        Stage::Switch { release, to, rollback } => {
            shop.switch(service, release, &to, rollback, "homeostat");
            20
        }
        Stage::Reclaim(trash) => {
            if let Some(unit) = shop.units.get_mut(service) {
                let export = Trash::Export(unit.export_since.take(), std::mem::take(&mut unit.export_bytes));
                unit.trash.insert(trash, export);
            }
            50
        }
        Stage::Reset(trash) => {
            if let Some(unit) = shop.units.get_mut(service) {
                let state = Trash::State(std::mem::take(&mut unit.poisoned));
                unit.trash.insert(trash, state);
            }
            50
        }
        Stage::Restore(trash) => {
            if let Some(unit) = shop.units.get_mut(service) {
                match unit.trash.remove(&trash) {
                    Some(Trash::Export(since, bytes)) => {
                        unit.export_since = since;
                        unit.export_bytes += bytes;
                    }
                    Some(Trash::State(poisoned)) => unit.poisoned = poisoned,
                    None => {}
                }
            }
            50
        }
        Stage::Add(instance) => {
            if let Some(unit) = shop.units.get_mut(service) {
                unit.processes.push(Process::new(&instance));
            }
            shop.start(service, &instance);
            450
        }
        Stage::Remove(instance) => {
            shop.end(service, &instance, None, "stopped", true);
            if let Some(unit) = shop.units.get_mut(service) {
                unit.processes.retain(|p| p.name != instance);
            }
            50
        }
    }
}
