//! Does the explaining: follows incidents, asks the model, stores what comes of it. One question at a time.
//!
//! It has a task of its own and writes documents that the loop never reads. When it hangs, fails or is slow, nobody
//! but itself waits.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use diagnose::explain::Case;
use model::{
    AuditEntry, Change, Decision, EvidenceBody, Explanation, ExplanationState, Finding, Incident, IncidentId,
    Run, Timestamp,
};
use ports::{
    Clock, Completion, Direction, Expected, Explainer, ExplainerFailure, ExplainerFault, Filter, Index, Op,
    Prompt, Query,
};
use serde_json::json;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use super::{Asking, ExplainLimits, Spending, Step, asked, names, refuse_explain, wanted};
use crate::command::{Asker, Command, Refusal};
use crate::drive::{Message, Overlook};
use crate::records::{Record, Records, name_of, put};

/// How often it looks for questions that were put off.
const TICK: Duration = Duration::from_millis(500);
/// Changes read at once.
const PAGE: usize = 500;
/// Records of each kind that a case is made of at most.
const OF_A_CASE_MAX: usize = 200;
/// Changes this long before an incident belong to its case, in milliseconds.
const CHANGES_BEFORE_MS: i64 = 3_600_000;
/// Earlier incidents of a case.
const PAST_MAX: usize = 6;
/// How often a document is written anew because somebody else wrote it meanwhile.
const WRITE_ATTEMPTS: usize = 5;

/// Why nobody is asked.
#[derive(Debug, thiserror::Error)]
pub enum ExplainRefusal {
    /// It cannot be done, or not now.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Too many questions.
    #[error("more questions than may be asked in a minute; wait {retry_after_s} s")]
    TooMany {
        /// Seconds to wait.
        retry_after_s: u64,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] ports::Error),
}

/// How the model is doing.
#[derive(Clone, Debug, Default)]
struct Health {
    explained: u64,
    failing: Option<String>,
    /// It asked to be left alone until then.
    rest_until: Option<(Timestamp, String)>,
}

/// A model, what bounds asking it, and how it is doing. What the API sees of explaining.
pub struct Explaining {
    pub(crate) explainer: Arc<dyn Explainer>,
    pub(crate) limits: ExplainLimits,
    recent: Mutex<VecDeque<Timestamp>>,
    health: Mutex<Health>,
}

impl Explaining {
    /// Asks this model within these limits.
    #[must_use]
    pub fn new(explainer: Arc<dyn Explainer>, limits: ExplainLimits) -> Self {
        Self { explainer, limits, recent: Mutex::default(), health: Mutex::default() }
    }

    /// Whether it works, and a line about it.
    #[must_use]
    pub fn status(&self) -> (bool, String) {
        let health = self.health();
        let (provider, model) = names(self.explainer.as_ref());
        match &health.failing {
            Some(reason) => (false, reason.clone()),
            None => (true, format!("{provider} {model}, {} explanations since start", health.explained)),
        }
    }

    fn health(&self) -> std::sync::MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes one of the questions that may be asked in a minute.
    fn admit(&self, now: Timestamp) -> Result<(), ExplainRefusal> {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        while recent.front().is_some_and(|at| now.since_ms(*at) >= 60_000) {
            recent.pop_front();
        }
        if recent.len() >= self.limits.asks_per_minute as usize {
            let left = recent.front().map_or(0, |at| 60_000 - now.since_ms(*at));
            let retry_after_s = u64::try_from(left).unwrap_or(0).div_ceil(1_000).max(1);
            return Err(ExplainRefusal::TooMany { retry_after_s });
        }
        recent.push_back(now);
        Ok(())
    }

    /// Writes down that a person asks; the stage finds it there.
    pub(crate) async fn ask(
        &self,
        records: &Records,
        asker: &Asker,
        incident: &Incident,
        question: Option<String>,
        now: Timestamp,
    ) -> Result<Explanation, ExplainRefusal> {
        for _ in 0..WRITE_ATTEMPTS {
            let (before, revision) = stored(records, incident.id.as_str()).await?;
            if let Some(reason) = refuse_explain(true, incident, before.as_ref()) {
                return Err(Refusal::Conflict(reason).into());
            }
            let model = names(self.explainer.as_ref());
            let by = Some(asker.name().to_owned());
            let next = asked(incident, before, by, question.clone(), model, now);
            self.admit(now)?;
            match records.store().commit(vec![put_over(&next, revision)]).await {
                Ok(_) => return Ok(next),
                Err(ports::Error::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Refusal::Conflict("somebody else asks just now; look at it again".to_owned()).into())
    }
}

/// The explanation of an incident and the revision of its document; 0 when there is none.
async fn stored(records: &Records, id: &str) -> ports::Result<(Option<Explanation>, u64)> {
    let Some(document) = records.store().get(Explanation::KIND, id).await? else { return Ok((None, 0)) };
    let read = serde_json::from_value(document.body)
        .map_err(|e| ports::Error::Corrupt(format!("{}/{id}: {e}", Explanation::KIND)))?;
    Ok((Some(read), document.revision))
}

/// Writes a record over this revision only.
fn put_over<R: Record>(record: &R, revision: u64) -> Op {
    let mut op = put(record);
    if let Op::Put { expected, .. } = &mut op {
        *expected = if revision == 0 { Expected::Absent } else { Expected::Exactly(revision) };
    }
    op
}

/// The task.
pub(crate) struct Stage {
    pub(crate) explaining: Arc<Explaining>,
    pub(crate) records: Records,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) overlook: watch::Receiver<Overlook>,
    pub(crate) to_loop: mpsc::Sender<Message>,
}

impl Stage {
    /// Runs until cancelled. A question that is under way then is asked again by the next life.
    pub(crate) async fn run(self, cancel: CancellationToken) {
        tokio::select! {
            () = self.work() => {}
            () = cancel.cancelled() => {}
        }
    }

    async fn work(&self) {
        let mut newest = self.records.store().watch();
        let mut position = *newest.borrow_and_update();
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        let mut later = BTreeMap::new();
        let mut due = self.left_over().await;
        loop {
            for id in std::mem::take(&mut due) {
                match self.look(&id).await {
                    Ok(Some(at)) => drop(later.insert(id, at)),
                    Ok(None) => drop(later.remove(&id)),
                    Err(error) => {
                        tracing::warn!(incident.id = id, %error, "An explanation could not be stored; looking again later.");
                        later.insert(id, self.clock.now().plus_ms(5_000));
                    }
                }
            }
            let changed = tokio::select! {
                changed = newest.changed() => if changed.is_err() { return } else { true },
                _ = tick.tick() => false,
            };
            if changed {
                newest.borrow_and_update();
                due.extend(self.changed(&mut position).await);
            }
            let now = self.clock.now();
            due.extend(later.iter().filter(|(_, at)| now >= **at).map(|(id, _)| id.clone()));
        }
    }

    /// Incidents to look at after a start: those that are not over, and questions without an answer.
    async fn left_over(&self) -> BTreeSet<String> {
        let text = |name: &str| Index::Text(name.to_owned());
        let live = ["open", "acknowledged", "mitigating", "verifying"].map(text).to_vec();
        let incidents = Query::of(Incident::KIND).filter(Filter::In("status", live));
        let waiting = [ExplanationState::Asked, ExplanationState::Deferred].map(|s| text(&name_of(&s)));
        let questions = Query::of(Explanation::KIND).filter(Filter::In("state", waiting.to_vec()));
        let mut ids = BTreeSet::new();
        match self.records.all::<Incident>(incidents, 10_000).await {
            Ok(found) => ids.extend(found.into_iter().map(|i| i.id.to_string())),
            Err(error) => tracing::warn!(%error, "Open incidents could not be read to be explained."),
        }
        match self.records.all::<Explanation>(questions, 10_000).await {
            Ok(found) => ids.extend(found.into_iter().map(|e| e.incident.to_string())),
            Err(error) => tracing::warn!(%error, "Questions to the model could not be read."),
        }
        ids
    }

    async fn changed(&self, position: &mut u64) -> BTreeSet<String> {
        let mut ids = BTreeSet::new();
        loop {
            let page = match self.records.store().changes(*position, PAGE).await {
                Ok(page) => page,
                Err(error) => {
                    tracing::warn!(%error, "The change feed did not answer; explanations wait for the next change.");
                    return ids;
                }
            };
            let full = page.len() == PAGE;
            for change in page {
                *position = change.sequence;
                if [Incident::KIND, Explanation::KIND].contains(&change.kind.as_str()) {
                    ids.insert(change.id);
                }
            }
            if !full {
                return ids;
            }
        }
    }

    /// Explains an incident if that is asked for or wanted; tells when to look again.
    async fn look(&self, id: &str) -> ports::Result<Option<Timestamp>> {
        let Some(incident) = self.records.get::<Incident>(id).await? else { return Ok(None) };
        let (before, revision) = stored(&self.records, id).await?;
        let now = self.clock.now();
        match &before {
            Some(e) if e.state == ExplanationState::Asked => {}
            Some(e) if e.state == ExplanationState::Deferred => {
                if let Some(at) = e.retry_at.filter(|at| now < *at) {
                    return Ok(Some(at));
                }
            }
            before if wanted(&incident, before.as_ref(), &self.explaining.limits) => {}
            _ => return Ok(None),
        }
        let waits = |e: &Explanation| matches!(e.state, ExplanationState::Asked | ExplanationState::Deferred);
        let explanation = match before {
            Some(before) if waits(&before) => {
                Explanation { state: ExplanationState::Asked, retry_at: None, ..before }
            }
            before => asked(&incident, before, None, None, names(self.explaining.explainer.as_ref()), now),
        };
        let revision = match self.records.store().commit(vec![put_over(&explanation, revision)]).await {
            Ok(_) => revision + 1,
            // A person asked in this moment; the change is seen and looked at.
            Err(ports::Error::Conflict { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let done = self.explain(&incident, explanation).await?;
        let retry_at = done.retry_at.filter(|_| done.state == ExplanationState::Deferred);
        match self.records.store().commit(vec![put_over(&done, revision)]).await {
            Ok(_) | Err(ports::Error::Conflict { .. }) => {}
            Err(error) => return Err(error),
        }
        self.audit(&done).await;
        Ok(retry_at)
    }

    /// Asks the model until there is an answer, a reason or no time left.
    async fn explain(&self, incident: &Incident, explanation: Explanation) -> ports::Result<Explanation> {
        let gathered = self.gather(incident).await?;
        let limits = &self.explaining.limits;
        let mut asking = Asking::new(&gathered.case(incident), explanation, limits);
        let begun = Instant::now();
        if let Some((until, reason)) = self.resting() {
            asking.defer(&reason, until);
            return Ok(asking.into_explanation());
        }
        loop {
            let prompt = asking.prompt();
            let most = asking.most(&prompt);
            let left = limits.deadline.saturating_sub(begun.elapsed());
            if left.is_zero() {
                asking.give_up("the time for an explanation is over; see explainer.timeout_ms");
                break;
            }
            if let Some(reason) = self.reserve(most).await? {
                self.explaining.health().failing = Some(reason.clone());
                asking.give_up(&reason);
                break;
            }
            let (came, took_ms) = self.complete(&prompt, left).await;
            let before = asking.usage().cost;
            let step = asking.take(&prompt, came, took_ms, self.clock.now());
            self.settle(asking.usage().cost - before - most).await?;
            if step == Step::Over {
                break;
            }
        }
        let done = asking.into_explanation();
        self.note(&done);
        Ok(done)
    }

    async fn complete(&self, prompt: &Prompt, left: Duration) -> (Result<Completion, ExplainerFailure>, u64) {
        let since = Instant::now();
        let came = tokio::time::timeout(left, self.explaining.explainer.complete(prompt)).await;
        let came = came.unwrap_or_else(|_| {
            let message = format!("no whole answer within {} s", left.as_secs_f64().ceil());
            Err(ExplainerFailure::new(ExplainerFault::Timeout, message))
        });
        (came, u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    fn resting(&self) -> Option<(Timestamp, String)> {
        let now = self.clock.now();
        self.explaining.health().rest_until.clone().filter(|(until, _)| now < *until)
    }

    fn note(&self, done: &Explanation) {
        let mut health = self.explaining.health();
        health.rest_until = None;
        match done.state {
            ExplanationState::Ready => {
                health.explained += 1;
                health.failing = None;
            }
            ExplanationState::Deferred => {
                let reason = done.reason.clone().unwrap_or_default();
                health.rest_until = done.retry_at.map(|at| (at, reason.clone()));
                health.failing = Some(reason);
            }
            ExplanationState::Failed => health.failing.clone_from(&done.reason),
            ExplanationState::Asked => {}
        }
    }

    /// Counts a request before it is made, or says why it may not be made: a crash must not make it free.
    async fn reserve(&self, most: f64) -> ports::Result<Option<String>> {
        let day = Spending::day_of(self.clock.now());
        let known = self.records.get::<Spending>(&day).await?;
        let mut spending = known.unwrap_or_else(|| Spending { day, ..Spending::default() });
        if let Some(reason) = spending.refuse(most, &self.explaining.limits) {
            return Ok(Some(reason));
        }
        spending.requests += 1;
        spending.cost += most;
        self.records.store().commit(vec![put(&spending)]).await?;
        Ok(None)
    }

    /// Corrects what was counted by what it really cost.
    async fn settle(&self, difference: f64) -> ports::Result<()> {
        let day = Spending::day_of(self.clock.now());
        if let Some(mut spending) = self.records.get::<Spending>(&day).await? {
            spending.cost = (spending.cost + difference).max(0.0);
            self.records.store().commit(vec![put(&spending)]).await?;
        }
        Ok(())
    }

    /// That evidence was given to a model is on record, with what it cost.
    async fn audit(&self, done: &Explanation) {
        let usage = &done.spent;
        let entry = AuditEntry {
            at: self.clock.now(),
            actor: model::Actor::System,
            action: format!("explanation.{}", name_of(&done.state)),
            subject: done.incident.to_string(),
            details: json!({
                "provider": done.provider, "model": done.model, "asked_by": done.asked_by, "reason": done.reason,
                "tokens_in": usage.tokens_in, "tokens_out": usage.tokens_out, "cost": usage.cost,
            }),
            correlation_id: None,
        };
        let (reply, answer) = oneshot::channel();
        let message = Message::Asked(Asker::system(), Command::Audit(entry), reply);
        if self.to_loop.send(message).await.is_ok() {
            // Refused only while stopping.
            drop(answer.await);
        }
        tracing::info!(
            incident.id = %done.incident, state = name_of(&done.state), model = done.model, turns = usage.turns,
            tokens_in = usage.tokens_in, tokens_out = usage.tokens_out, cost = usage.cost, reason = done.reason,
            "Asked the model about an incident."
        );
    }

    async fn gather(&self, incident: &Incident) -> ports::Result<Gathered> {
        let records = &self.records;
        let mut gathered = Gathered { graph: self.overlook.borrow().graph.clone(), ..Gathered::default() };
        for id in incident.findings.iter().take(OF_A_CASE_MAX) {
            gathered.findings.extend(records.get::<Finding>(id.as_str()).await?);
        }
        let newest = |count: usize| count.saturating_sub(10);
        for id in &incident.decisions[newest(incident.decisions.len())..] {
            gathered.decisions.extend(records.get::<Decision>(id.as_str()).await?);
        }
        for id in &incident.runs[newest(incident.runs.len())..] {
            gathered.runs.extend(records.get::<Run>(id.as_str()).await?);
        }
        let since = incident.started_at.plus_ms(-CHANGES_BEFORE_MS).as_unix_ms();
        let until = incident.resolved_at.unwrap_or_else(|| self.clock.now()).as_unix_ms();
        let changes = Query::of(Change::KIND)
            .filter(Filter::AtLeast("at", Index::Int(since)))
            .filter(Filter::Below("at", Index::Int(until.saturating_add(1))))
            .order("at", Direction::Descending);
        gathered.changes = records.all::<Change>(changes, OF_A_CASE_MAX).await?;
        gathered.past = self.past(incident).await?;
        Ok(gathered)
    }

    /// Incidents that looked alike as the diagnosis says, then those of the same service.
    async fn past(&self, incident: &Incident) -> ports::Result<Vec<Incident>> {
        let alike = incident.evidence.iter().filter_map(|e| match &e.body {
            EvidenceBody::PastIncident { incident, .. } => Some(incident),
            _ => None,
        });
        let mut past: Vec<Incident> = Vec::new();
        for id in alike.take(PAST_MAX) {
            past.extend(self.records.get::<Incident>(id.as_str()).await?);
        }
        if let Some(cause) = incident.top_cause() {
            let text = |text: &str| vec![Index::Text(text.to_owned())];
            let query = Query::of(Incident::KIND)
                .filter(Filter::In("service", text(&cause.service)))
                .filter(Filter::In("status", text("resolved")))
                .order("opened_at", Direction::Descending)
                .limit(PAST_MAX * 2);
            let known: BTreeSet<IncidentId> = past.iter().map(|i| i.id.clone()).collect();
            let same = self.records.list::<Incident>(&query).await?.items;
            past.extend(same.into_iter().filter(|i| i.id != incident.id && !known.contains(&i.id)));
        }
        past.truncate(PAST_MAX);
        Ok(past)
    }
}

/// What a case is made of.
#[derive(Default)]
struct Gathered {
    findings: Vec<Finding>,
    decisions: Vec<Decision>,
    runs: Vec<Run>,
    changes: Vec<Change>,
    graph: model::ServiceGraph,
    past: Vec<Incident>,
}

impl Gathered {
    fn case<'a>(&'a self, incident: &'a Incident) -> Case<'a> {
        Case {
            incident,
            findings: &self.findings,
            decisions: &self.decisions,
            runs: &self.runs,
            changes: &self.changes,
            graph: &self.graph,
            past: &self.past,
        }
    }
}
