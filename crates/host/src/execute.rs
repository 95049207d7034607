//! Carrying out actions: once for each key, whatever happens in between.
//!
//! Look up the key; plan; note key and plan; bring about each step that is not so yet, noting each effect;
//! note the result. A key that a crash interrupted is finished from its noted plan.

use std::io;
use std::sync::Arc;

use model::{ActionSpec, Change, ChangeId, ChangeKind, Inverse, Signal, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::actions::{self, Parameters};
use crate::journal::{JournaledSignal, blocking};
use crate::ledger::{LedgerEntry, Order, Record};
use crate::plan::Step;
use crate::problem::Problem;
use crate::record::{HISTORY_KEPT, InstanceRecord, Switch, SwitchKind};
use crate::supervisor::{Host, Managed, now};

/// What an action gave.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ActionReply {
    /// What was done, and how the service is now.
    pub output: Value,
    /// What undoes it.
    pub inverse: Option<Inverse>,
    /// Whether the key was known and this is its first result again.
    pub replayed: bool,
}

/// Whether a step found work to do.
#[derive(PartialEq)]
enum Effect {
    Done,
    AlreadySo,
}

impl Host {
    /// The actions on offer.
    #[must_use]
    pub fn actions(&self) -> Vec<ActionSpec> {
        actions::all().into_iter().map(|a| a.spec).collect()
    }

    /// Does an action once for its key. Dropping the future does not end the action.
    ///
    /// # Errors
    /// 4xx: it can never be done so. 5xx: it was not done whole; the same key may be tried again.
    pub async fn execute(
        &self,
        action: &str,
        parameters: &Value,
        key: &str,
        actor: &str,
    ) -> Result<ActionReply, Problem> {
        let (host, action, parameters) = (self.clone(), action.to_owned(), parameters.clone());
        let (key, actor) = (key.to_owned(), actor.to_owned());
        // A caller that hangs up must not leave an action half done.
        let work = tokio::spawn(async move { host.execute_whole(&action, parameters, &key, actor).await });
        work.await.unwrap_or_else(|e| Err(Problem::temporary("action_interrupted", e.to_string())))
    }

    /// Says what an action would do, changing nothing.
    ///
    /// # Errors
    /// It could not be done.
    pub async fn dry_run(&self, action: &str, parameters: &Value) -> Result<String, Problem> {
        let (found, checked, managed) = self.look_up(action, parameters)?;
        let _turn = managed.turn.lock().await;
        (found.plan)(&checked, &managed.snapshot(), "dry-run").map(|plan| plan.would)
    }

    /// Events and changes after a place in the journal, at most `limit`, oldest first.
    #[must_use]
    pub fn signals_after(&self, after: u64, limit: usize) -> Vec<JournaledSignal> {
        self.inner.journal.after(after, limit)
    }

    /// What became of each key, newest first.
    #[must_use]
    pub fn ledger(&self, limit: usize) -> Vec<LedgerEntry> {
        self.inner.ledger.entries(limit)
    }

    fn look_up(
        &self,
        action: &str,
        parameters: &Value,
    ) -> Result<(actions::Action, Parameters, Arc<Managed>), Problem> {
        let mut all = actions::all();
        let Some(index) = all.iter().position(|a| a.spec.name == action) else {
            let names: Vec<_> = all.iter().map(|a| a.spec.name.as_str()).collect();
            return Err(Problem::not_found(
                "unknown_action",
                format!("no action {action:?}; there are {}", names.join(", ")),
            ));
        };
        let found = all.swap_remove(index);
        let checked = Parameters::check(&found.spec, parameters)?;
        let service = checked.required_text("service")?;
        let managed = self.inner.services.get(service).cloned().ok_or_else(|| {
            let names: Vec<_> = self.inner.services.keys().map(String::as_str).collect();
            Problem::not_found(
                "unknown_service",
                format!("no service {service:?}; there are {}", names.join(", ")),
            )
        })?;
        Ok((found, checked, managed))
    }

    async fn execute_whole(
        &self,
        action: &str,
        parameters: Value,
        key: &str,
        actor: String,
    ) -> Result<ActionReply, Problem> {
        let (found, checked, managed) = self.look_up(action, &parameters)?;
        let _turn = managed.turn.lock().await;
        if let Some(record) = self.inner.ledger.find(key) {
            return self.again(&managed, key, record, action, &parameters).await;
        }
        let plan = (found.plan)(&checked, &managed.snapshot(), key)?;
        let service = managed.spec.name.clone();
        let order = Order {
            action: action.to_owned(),
            service,
            parameters: parameters.clone(),
            actor,
            at: now(),
            plan,
        };
        // Another service's action may have taken the same key in this moment.
        match self.inner.ledger.start(key, order.clone()).await.map_err(not_noted)? {
            Some(record) => self.again(&managed, key, record, action, &parameters).await,
            None => self.carry_out(&managed, key, &order).await,
        }
    }

    /// A key that is known: its result, or the rest of its work.
    async fn again(
        &self,
        managed: &Arc<Managed>,
        key: &str,
        record: Record,
        action: &str,
        parameters: &Value,
    ) -> Result<ActionReply, Problem> {
        if record.order.action != action || record.order.parameters != *parameters {
            return Err(Problem::invalid(format!(
                "the idempotency key was used for {} of {} before: use a new key for another call",
                record.order.action, record.order.service
            )));
        }
        match record.result {
            Some(output) => Ok(ActionReply { output, inverse: record.order.plan.inverse, replayed: true }),
            None => self.carry_out(managed, key, &record.order).await,
        }
    }

    /// Finishes a key that a crash interrupted.
    pub(crate) async fn finish(&self, key: &str) -> Result<(), Problem> {
        let Some(record) = self.inner.ledger.find(key) else { return Ok(()) };
        let Some(managed) = self.inner.services.get(&record.order.service).cloned() else {
            return Err(Problem::not_found("unknown_service", "the service is no longer in the catalog"));
        };
        let _turn = managed.turn.lock().await;
        self.carry_out(&managed, key, &record.order).await.map(drop)
    }

    async fn carry_out(
        &self,
        managed: &Arc<Managed>,
        key: &str,
        order: &Order,
    ) -> Result<ActionReply, Problem> {
        let mut altered = false;
        for (index, step) in order.plan.steps.iter().enumerate() {
            let effect = self.bring_about(managed, key, order, step, altered).await.map_err(|error| {
                Problem::temporary(
                    "action_incomplete",
                    format!("{} failed at step {}: {error}; try the same key again", order.action, index + 1),
                )
            })?;
            if effect == Effect::Done {
                altered |= !matches!(step, Step::Restart { .. } | Step::Start { .. });
                self.inner.ledger.effect(key, index).await.map_err(not_noted)?;
            }
        }
        let output = self.output(managed, order);
        self.inner.ledger.done(key, output.clone()).await.map_err(not_noted)?;
        Ok(ActionReply { output, inverse: order.plan.inverse.clone(), replayed: false })
    }

    fn output(&self, managed: &Managed, order: &Order) -> Value {
        let service = self.service(&managed.spec.name);
        let instances: Vec<Value> = service
            .iter()
            .flat_map(|s| &s.instances)
            .map(|i| json!({"name": i.name, "state": i.state, "pid": i.pid}))
            .collect();
        json!({
            "summary": order.plan.would, "changed": !order.plan.steps.is_empty(), "instances": instances,
            "release": managed.folder.release(), "config_revision": managed.folder.config_revision(),
        })
    }

    async fn bring_about(
        &self,
        managed: &Arc<Managed>,
        key: &str,
        order: &Order,
        step: &Step,
        altered: bool,
    ) -> io::Result<Effect> {
        match step {
            Step::Start { instance } => self.step_start(managed, instance).await,
            Step::Stop { instance } => self.step_stop(managed, instance).await,
            Step::Restart { instance, starts } => {
                let known =
                    managed.state().record.instances.iter().find(|i| i.name == *instance).map(|i| i.starts);
                if known.is_none_or(|now| now > *starts && !altered) {
                    return Ok(Effect::AlreadySo);
                }
                self.stop_process(managed, instance).await;
                self.start_process(managed, instance).await?;
                Ok(Effect::Done)
            }
            Step::Add { instance } => {
                {
                    let mut state = managed.state();
                    if !state.record.instances.iter().any(|i| i.name == *instance) {
                        let added = InstanceRecord {
                            name: instance.clone(),
                            wanted: true,
                            ..InstanceRecord::default()
                        };
                        state.record.instances.push(added);
                    }
                }
                self.step_start(managed, instance).await
            }
            Step::Remove { instance } => self.step_remove(managed, instance).await,
            Step::Scaled { from, to } => {
                let summary = format!("scaled from {from} to {to} instances");
                self.tell(
                    managed,
                    key,
                    order,
                    ChangeKind::Scale,
                    summary,
                    Some(from.to_string()),
                    Some(to.to_string()),
                )
                .await
            }
            Step::WriteConfig { revision, values } => {
                let (folder, revision, values) = (managed.folder.clone(), revision.clone(), values.clone());
                blocking(move || folder.write_config(&revision, &values)).await?;
                Ok(Effect::AlreadySo)
            }
            Step::Switch { .. } => self.step_switch(managed, key, order, step).await,
            Step::MoveAside { trash, folder, halt } => {
                if managed.folder.is_aside(trash, folder) {
                    managed.folder.ensure_data(folder)?;
                    return Ok(Effect::AlreadySo);
                }
                self.halt(managed, *halt).await;
                let (files, trash, folder) = (managed.folder.clone(), trash.clone(), folder.clone());
                blocking(move || files.move_aside(&trash, &folder)).await?;
                Ok(Effect::Done)
            }
            Step::BringBack { trash, folder, halt } => {
                if !managed.folder.is_aside(trash, folder) {
                    return Ok(Effect::AlreadySo);
                }
                self.halt(managed, *halt).await;
                let (files, trash, folder) = (managed.folder.clone(), trash.clone(), folder.clone());
                blocking(move || files.bring_back(&trash, &folder)).await?;
                Ok(Effect::Done)
            }
        }
    }

    async fn step_start(&self, managed: &Arc<Managed>, instance: &str) -> io::Result<Effect> {
        if managed.process(instance).is_some() {
            return Ok(Effect::AlreadySo);
        }
        self.start_process(managed, instance).await?;
        Ok(Effect::Done)
    }

    async fn step_stop(&self, managed: &Arc<Managed>, instance: &str) -> io::Result<Effect> {
        let wanted = {
            let mut state = managed.state();
            let record = state.record.instances.iter_mut().find(|i| i.name == *instance);
            record.is_some_and(|r| std::mem::replace(&mut r.wanted, false))
        };
        if !wanted && managed.process(instance).is_none() {
            return Ok(Effect::AlreadySo);
        }
        managed.save().await?;
        self.stop_process(managed, instance).await;
        if let Some(live) = managed.state().live.get_mut(instance) {
            live.state = model::InstanceState::Stopped;
        }
        Ok(Effect::Done)
    }

    async fn step_remove(&self, managed: &Arc<Managed>, instance: &str) -> io::Result<Effect> {
        if !managed.state().record.instances.iter().any(|i| i.name == *instance) {
            return Ok(Effect::AlreadySo);
        }
        self.step_stop(managed, instance).await?;
        let ports = {
            let mut state = managed.state();
            state.live.remove(instance);
            let gone: Vec<_> = state.record.instances.extract_if(.., |i| i.name == *instance).collect();
            gone.into_iter().flat_map(|i| i.ports.into_values()).collect::<Vec<_>>()
        };
        managed.save().await?;
        self.inner
            .taken_ports
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .retain(|p| !ports.contains(p));
        self.write_endpoints().await?;
        Ok(Effect::Done)
    }

    /// Stops every process of a service without changing what is wanted.
    async fn halt(&self, managed: &Arc<Managed>, halt: bool) {
        let names: Vec<String> = managed.state().live.keys().filter(|_| halt).cloned().collect();
        for name in names {
            self.stop_process(managed, &name).await;
        }
    }

    async fn step_switch(
        &self,
        managed: &Arc<Managed>,
        key: &str,
        order: &Order,
        step: &Step,
    ) -> io::Result<Effect> {
        let Step::Switch { kind, from, to, undoes, rollback } = step else { return Ok(Effect::AlreadySo) };
        let in_place = match kind {
            SwitchKind::Release => managed.folder.release(),
            SwitchKind::Config => managed.folder.config_revision(),
        };
        let effect = if in_place.as_ref() == Some(to) { Effect::AlreadySo } else { Effect::Done };
        let (folder, kind, target) = (managed.folder.clone(), *kind, to.clone());
        blocking(move || match kind {
            SwitchKind::Release => folder.switch_release(&target),
            SwitchKind::Config => folder.switch_config(&target),
        })
        .await?;
        {
            let history = &mut managed.state().record.history;
            for switch in history.iter_mut().filter(|s| undoes.as_ref() == Some(&s.key)) {
                switch.settled = true;
            }
            if !history.iter().any(|s| s.key == key) {
                history.push(Switch {
                    key: key.to_owned(),
                    kind,
                    from: from.clone(),
                    to: to.clone(),
                    settled: *rollback,
                });
            }
            let old = history.len().saturating_sub(HISTORY_KEPT);
            history.drain(..old);
        }
        managed.save().await?;
        let before = from.as_deref().unwrap_or("none");
        let (change, summary) = match (kind, rollback) {
            (_, true) => (ChangeKind::Rollback, format!("rolled back from {before} to {to}")),
            (SwitchKind::Release, false) => {
                (ChangeKind::Deploy, format!("release {to} deployed, was {before}"))
            }
            (SwitchKind::Config, false) => {
                (ChangeKind::Config, format!("configuration revision {to} in place, was {before}"))
            }
        };
        self.tell(managed, key, order, change, summary, from.clone(), Some(to.clone())).await?;
        Ok(effect)
    }

    /// Journals a change once for the key.
    #[allow(clippy::too_many_arguments, reason = "each is one field of the change")]
    async fn tell(
        &self,
        managed: &Managed,
        key: &str,
        order: &Order,
        kind: ChangeKind,
        summary: String,
        from: Option<String>,
        to: Option<String>,
    ) -> io::Result<Effect> {
        let at: Timestamp = order.at;
        let id = ChangeId::derive(at, &["host", &self.inner.options.name, &managed.spec.name, key]);
        if self.inner.journal.has_change(&id) {
            return Ok(Effect::AlreadySo);
        }
        let (service, actor) = (managed.spec.name.clone(), order.actor.clone());
        let change = Change { id, service, kind, at, summary, from, to, actor };
        self.inner.journal.append(move |_| Signal::Change(change)).await?;
        Ok(Effect::Done)
    }
}

fn not_noted(error: io::Error) -> Problem {
    Problem::temporary(
        "ledger_unwritable",
        format!("the ledger cannot be written: {error}; free some disk space and try the same key again"),
    )
}
