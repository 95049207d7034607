//! Plays a script: the world steps, detection and the situation work what arrives, the host does what they ask.
//!
//! Stands in for the engine's driver and its detect stage, with the same order of things: what is received is
//! kept until a checkpoint, what is decided is stored before it is called, and after a kill everything since
//! the checkpoint is worked again.

use detect::{Detection, Output};
use engine::command::{Asker, Command, Role};
use engine::observation::Observations;
use engine::situation::{Dispatch, Effects, Rules, Situation};
use model::{
    Actor, AuditEntry, AuditRow, CorrelationId, Decision, Disposition, Incident, RunId, Signal, Timestamp,
    Track,
};

use crate::host::{Host, action_specs};
use crate::memory::Memory;
use crate::script::{Expectation, Happening, Script, Step, When};
use crate::series::KeptSeries;
use crate::shop::{HOST, START_MS, STEP_MS, Shop};
use crate::transcript::Transcript;

/// How long Homeostat is away when it is killed.
const DOWN_MS: i64 = 1_000;
const CHECKPOINT_MS: i64 = 5_000;
const BATCH_MS: i64 = 250;
const TICK_MS: i64 = 100;
const SERVICES_MS: i64 = 500;
const GRAPH_MS: i64 = 1_000;
/// From the end of an action to its answer.
const ANSWER_TAKES_MS: i64 = 50;

/// What came of a script.
pub struct Played {
    /// Lines for people.
    pub transcript: String,
    /// Promises and expectations that did not hold.
    pub broken: Vec<String>,
    /// Every incident, oldest first.
    pub incidents: Vec<Incident>,
    /// Records of runbooks.
    pub tracks: Vec<Track>,
    /// The host, with its ledger.
    pub host: Host,
    /// Everything that was stored.
    pub memory: Memory,
}

/// Something that works beside the loop: it sees what was stored, may store more, and leaves lines in the audit log.
pub trait Beside {
    /// After each commit of the loop.
    fn stored(&mut self, now: Timestamp, memory: &mut Memory) -> Vec<AuditEntry>;
}

struct Batch {
    at: Timestamp,
    signals: Vec<Signal>,
}

/// The living half: gone when Homeostat is killed.
struct Life {
    situation: Situation,
    detection: Detection,
    graph_at: Timestamp,
    /// Calls whose answers are waited for, with when the answer was seen.
    waiting: Vec<(RunId, String, Option<i64>)>,
}

struct Player<'a> {
    script: &'a Script,
    rules: &'a Rules,
    shop: Shop,
    host: Host,
    memory: Memory,
    series: KeptSeries,
    transcript: Transcript,
    life: Option<Life>,
    back_at: i64,
    /// Detection as of the checkpoint, and what was received since.
    checkpoint: Vec<u8>,
    since: Vec<Batch>,
    steps: Vec<Step>,
    /// Homeostat is to be killed before the next call is made, or after.
    kill: bool,
    first_fault: Option<i64>,
    broken: Vec<String>,
    beside: Option<&'a mut (dyn Beside + 'a)>,
}

/// Plays a script by these rules.
#[must_use]
pub fn play(script: &Script, rules: &Rules) -> Played {
    play_beside(script, rules, None)
}

/// The same with something that works beside the loop.
#[must_use]
pub fn play_beside<'a>(
    script: &'a Script,
    rules: &'a Rules,
    beside: Option<&'a mut (dyn Beside + 'a)>,
) -> Played {
    let shop = Shop::new(script.seed);
    let detection = Detection::new(detect::Settings::default());
    let checkpoint = detection.snapshot();
    let mut player = Player {
        script,
        rules,
        host: Host::default(),
        memory: Memory::default(),
        series: KeptSeries::default(),
        transcript: Transcript::default(),
        life: None,
        back_at: 0,
        checkpoint,
        since: Vec::new(),
        steps: script.steps.clone(),
        kill: false,
        first_fault: None,
        broken: Vec::new(),
        beside,
        shop,
    };
    while player.shop.elapsed_ms() < script.until_ms {
        player.step();
    }
    player.finish()
}

impl Player<'_> {
    fn ms(&self) -> i64 {
        self.shop.elapsed_ms()
    }

    fn step(&mut self) {
        if self.life.is_none() && self.ms() >= self.back_at {
            self.wake();
        }
        self.shop.step();
        self.host.step(&mut self.shop);
        self.happen();
        let ms = self.ms();
        if self.life.is_some() {
            if ms % SERVICES_MS == 0 {
                let services = self.shop.services();
                self.with(|s, now| {
                    s.set_actions(action_specs().into_iter());
                    s.command(now, &Asker::system(), Command::Services(HOST.into(), services))
                        .map_or_else(|_| Effects::default(), |(_, effects)| effects)
                });
            }
            self.deliver_answers();
        }
        if ms % BATCH_MS == 0 && self.life.is_some() {
            let batch = Batch { at: self.shop.now(), signals: self.shop.collect() };
            self.observe(&batch);
            self.since.push(batch);
        }
        if ms % CHECKPOINT_MS == 0
            && let Some(life) = &self.life
        {
            self.checkpoint = life.detection.snapshot();
            self.since.clear();
        }
        if ms % TICK_MS == 0 {
            self.with(Situation::tick);
        }
    }

    /// Gives the loop a message, then stores and does what it leads to.
    fn with(&mut self, message: impl FnOnce(&mut Situation, Timestamp) -> Effects) {
        let now = self.shop.now();
        if let Some(life) = &mut self.life {
            let effects = message(&mut life.situation, now);
            self.settle(effects);
        }
    }

    fn settle(&mut self, effects: Effects) {
        if let Err(reason) = self.memory.commit(&effects.ops) {
            self.broken.push(format!("a commit at {} ms was refused: {reason}", self.ms()));
        }
        self.transcript.take(self.ms(), &effects.ops, &self.memory);
        self.work_beside();
        for dispatch in effects.calls {
            self.dispatch(dispatch);
        }
        for wanted in effects.reads {
            let measured = self.series.read(&wanted);
            self.with(|s, now| s.measured(now, &wanted.incident, measured));
        }
        if std::mem::take(&mut self.kill) {
            self.sleep();
        }
    }

    /// What works beside the loop leaves lines in the audit log, as a message of its own.
    fn work_beside(&mut self) {
        let now = self.shop.now();
        let Some(beside) = &mut self.beside else { return };
        let entries = beside.stored(now, &mut self.memory);
        for entry in entries {
            let Some(life) = &mut self.life else { return };
            let command = Command::Audit(entry);
            let Ok((_, effects)) = life.situation.command(now, &Asker::system(), command) else { continue };
            if let Err(reason) = self.memory.commit(&effects.ops) {
                self.broken.push(format!("a line of the audit log was refused: {reason}"));
            }
        }
    }

    fn dispatch(&mut self, dispatch: Dispatch) {
        let action = dispatch.call.action.clone();
        if self.due(&When::Calling(action.clone())) {
            self.kill = true;
            return;
        }
        self.host.call(&dispatch.call, &self.shop);
        if let Some(life) = &mut self.life {
            life.waiting.push((dispatch.run, dispatch.call.idempotency_key, None));
        }
        if self.due(&When::Called(action)) {
            self.kill = true;
        }
    }

    /// Whether a restart is asked for at this moment; asked once.
    fn due(&mut self, when: &When) -> bool {
        let place = self.steps.iter().position(|s| s.when == *when && s.what == Happening::RestartHomeostat);
        place.map(|i| self.steps.remove(i)).is_some()
    }

    fn deliver_answers(&mut self) {
        let ms = self.ms();
        let Some(life) = &mut self.life else { return };
        let mut ready = Vec::new();
        for (run, key, seen) in &mut life.waiting {
            if let Some(answer) = self.host.answer(key)
                && ms - *seen.get_or_insert(ms) >= ANSWER_TAKES_MS
            {
                ready.push((run.clone(), key.clone(), answer));
            }
        }
        life.waiting.retain(|(run, key, _)| !ready.iter().any(|(r, k, _)| r == run && k == key));
        for (run, key, answer) in ready {
            self.with(|s, now| s.answer(now, [(run, key, answer)]));
        }
    }

    fn observe(&mut self, batch: &Batch) {
        let Some(life) = &mut self.life else { return };
        let mut out = Output::default();
        let correlation = CorrelationId::derive(batch.at, &["batch"]);
        life.detection.tick(batch.at, &mut out);
        life.detection.observe(batch.at, &correlation, &batch.signals, &mut out);
        let mut told = Observations { at: batch.at, ..Observations::default() };
        told.take_facts(&batch.signals);
        told.take_metrics(&out.derived);
        for signal in &batch.signals {
            if let Signal::Metric(series) = signal {
                self.series.take(std::slice::from_ref(series));
            }
        }
        self.series.take(&out.derived);
        told.findings = out.findings;
        if batch.at.since_ms(life.graph_at) >= GRAPH_MS {
            life.graph_at = batch.at;
            told.graph = Some(life.detection.graph(batch.at).clone());
        }
        self.with(|s, now| s.observe(now, told));
    }

    /// Homeostat is killed: what was not stored is gone.
    fn sleep(&mut self) {
        self.transcript.say(self.ms(), "killed", "homeostat");
        self.life = None;
        self.back_at = self.ms() + DOWN_MS;
    }

    /// Homeostat starts: the situation from what was stored, detection from its checkpoint and the bus.
    fn wake(&mut self) {
        let now = self.shop.now();
        let again = self.ms() > 0;
        // What a host offers is known once it answered.
        let rules = Rules { actions: std::collections::BTreeMap::new(), ..self.rules.clone() };
        let (situation, effects) = Situation::resume(rules, self.memory.stored(now), now);
        let detection = Detection::restore(detect::Settings::default(), &self.checkpoint)
            .expect("a snapshot made a moment ago can be read");
        self.life = Some(Life { situation, detection, graph_at: Timestamp::ZERO, waiting: Vec::new() });
        if again {
            self.transcript.say(self.ms(), "started", "homeostat");
        }
        self.settle(effects);
        let since = std::mem::take(&mut self.since);
        for batch in &since {
            self.observe(batch);
        }
        self.since = since;
        if again {
            // What was sent to a server that was not there is lost; files and journals were not.
            let kept = |s: &Signal| matches!(s, Signal::Event(_) | Signal::Change(_) | Signal::Log(_));
            let signals = self.shop.collect().into_iter().filter(kept).collect();
            let batch = Batch { at: now, signals };
            self.observe(&batch);
            self.since.push(batch);
        }
    }

    fn happen(&mut self) {
        let ms = self.ms();
        let (due, later) = std::mem::take(&mut self.steps).into_iter().partition(|s| s.when == When::At(ms));
        self.steps = later;
        for step in due {
            if let Err(reason) = self.make(step.what) {
                self.broken.push(format!("at {ms} ms: {reason}"));
            }
        }
    }

    fn make(&mut self, what: Happening) -> Result<(), String> {
        let ms = self.ms();
        match what {
            Happening::Fault { fault, service, sticky } => {
                self.shop.inject(fault, &service, sticky)?;
                self.first_fault.get_or_insert(ms);
                let often = if sticky { ", in every new process too" } else { "" };
                self.transcript.say(ms, "fault", &format!("{fault:?} on {service}{often}"));
            }
            Happening::Approve => {
                let id = self.proposal()?.id;
                self.ask(Command::Approve(id))?;
            }
            Happening::Reject(reason) => {
                let id = self.proposal()?.id;
                self.ask(Command::Reject(id, reason))?;
            }
            Happening::Acknowledge => {
                for incident in self.memory.all::<Incident>().into_iter().filter(Incident::is_open) {
                    self.ask(Command::Acknowledge(incident.id))?;
                }
            }
            Happening::StopSwitch(engaged, reason) => self.ask(Command::SetStop(engaged, reason))?,
            Happening::RestartHomeostat => self.sleep(),
            Happening::Fail(action, times) => self.host.fail_next(&action, times),
        }
        Ok(())
    }

    fn proposal(&self) -> Result<Decision, String> {
        let mut proposed: Vec<Decision> = self
            .memory
            .all::<Decision>()
            .into_iter()
            .filter(|d| d.disposition == Disposition::Proposed)
            .collect();
        proposed.sort_by_key(|d| d.at);
        proposed.pop().ok_or_else(|| "nothing is proposed".to_owned())
    }

    fn ask(&mut self, command: Command) -> Result<(), String> {
        let now = self.shop.now();
        let asker = Asker { actor: Actor::User("ada".to_owned()), role: Role::Admin };
        let life = self.life.as_mut().ok_or("homeostat is not there to be asked")?;
        let (_, effects) = life.situation.command(now, &asker, command).map_err(|e| e.to_string())?;
        self.settle(effects);
        Ok(())
    }

    fn finish(mut self) -> Played {
        let mut incidents: Vec<Incident> = self.memory.all();
        incidents.sort_by_key(|i| (i.opened_at, i.id.clone()));
        self.check_promises();
        for expectation in &self.script.expectations {
            if let Err(reason) = self.check(expectation, &incidents) {
                self.broken.push(reason);
            }
        }
        Played {
            transcript: self.transcript.finish(),
            broken: self.broken,
            incidents,
            tracks: self.memory.all(),
            host: self.host,
            memory: self.memory,
        }
    }

    /// What must hold in every scenario.
    fn check_promises(&mut self) {
        for (key, entry) in self.host.ledger() {
            if entry.executed > 1 {
                self.broken.push(format!("{} {key} was carried out {} times", entry.action, entry.executed));
            }
        }
        let mut hash = AuditRow::GENESIS.to_owned();
        for row in self.memory.audit() {
            if !row.follows(&hash) {
                self.broken.push(format!("the audit chain breaks at row {}", row.sequence));
                break;
            }
            hash = row.hash;
        }
        for step in &self.steps {
            self.broken.push(format!("the script ended before this happened: {step:?}"));
        }
    }

    fn check(&self, expectation: &Expectation, incidents: &[Incident]) -> Result<(), String> {
        let decided = |newest: bool, service: &str, class: &str| {
            let decisions = self.memory.all::<Decision>();
            incidents.iter().any(|i| {
                let id = if newest { i.decisions.last() } else { i.decisions.first() };
                decisions
                    .iter()
                    .any(|d| Some(&d.id) == id && d.facts["service"] == service && d.facts["class"] == class)
            })
        };
        let holds = match expectation {
            Expectation::Incidents(count) => incidents.len() == *count,
            Expectation::Cause(service, class) => decided(true, service, class),
            Expectation::FirstCause(service, class) => decided(false, service, class),
            Expectation::Resolved => !incidents.is_empty() && incidents.iter().all(|i| !i.is_open()),
            Expectation::Verified => incidents.iter().all(|i| {
                i.resolution.as_deref().is_some_and(|r| r.starts_with("fixed by") && r.ends_with("verified"))
            }),
            Expectation::NeedsPerson => incidents.iter().any(|i| i.is_open() && i.needs_person.is_some()),
            Expectation::Healthy => self.shop.is_healthy(),
            Expectation::Called(action, times) => {
                self.host.ledger().values().filter(|e| e.action == *action).map(|e| e.executed).sum::<u32>()
                    == *times
            }
            Expectation::Within(ms) => {
                let end = incidents.iter().filter_map(|i| i.resolved_at).max();
                let end = end.map(|at| at.as_unix_ms() - START_MS);
                end.zip(self.first_fault).is_some_and(|(end, start)| end - start <= *ms + STEP_MS)
            }
        };
        if holds { Ok(()) } else { Err(format!("expected {expectation:?}")) }
    }
}
