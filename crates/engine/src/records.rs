//! Typed access to documents: which record lives under which kind, and by which fields it can be listed.
//!
//! The one place that knows the kinds. Nothing here decides anything.

use std::sync::Arc;

use model::{
    AuditRow, AutonomyGrant, Change, Decision, Feedback, Finding, Incident, Outcome, Run, Service, Track,
};
use ports::{Expected, Index, Op, Query, Result, Store};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::grouping::{CorrelationMemory, Silence};

/// A type that is kept as documents.
pub trait Record: Serialize + DeserializeOwned + Send + Sync {
    /// The kind its documents have.
    const KIND: &'static str;

    /// Its id among its kind.
    fn key(&self) -> String;

    /// The fields it can be listed by.
    fn index(&self) -> Vec<(&'static str, Index)>;
}

fn text(value: impl Into<String>) -> Index {
    Index::Text(value.into())
}

/// The JSON name of a unit variant, for index fields that hold one.
#[must_use]
pub fn name_of<T: Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(name)) => name,
        _ => String::new(),
    }
}

impl Record for Incident {
    const KIND: &'static str = "incident";

    fn key(&self) -> String {
        self.id.to_string()
    }

    fn index(&self) -> Vec<(&'static str, Index)> {
        vec![
            ("status", text(name_of(&self.status))),
            ("severity", text(name_of(&self.severity))),
            ("priority", text(name_of(&self.priority))),
            ("service", text(self.services.first().cloned().unwrap_or_default())),
            ("opened_at", Index::Int(self.opened_at.as_unix_ms())),
        ]
    }
}

impl Record for Finding {
    const KIND: &'static str = "finding";

    fn key(&self) -> String {
        self.id.to_string()
    }

    fn index(&self) -> Vec<(&'static str, Index)> {
        vec![
            ("service", text(&self.service)),
            ("state", text(name_of(&self.state))),
            ("last_seen_at", Index::Int(self.last_seen_at.as_unix_ms())),
        ]
    }
}

impl Record for Silence {
    const KIND: &'static str = "silence";

    fn key(&self) -> String {
        self.id.to_string()
    }

    fn index(&self) -> Vec<(&'static str, Index)> {
        vec![("ends_at", Index::Int(self.ends_at.as_unix_ms()))]
    }
}

impl Record for CorrelationMemory {
    const KIND: &'static str = "correlation";

    fn key(&self) -> String {
        "all".to_owned()
    }

    fn index(&self) -> Vec<(&'static str, Index)> {
        Vec::new()
    }
}

impl Record for Feedback {
    const KIND: &'static str = "feedback";

    fn key(&self) -> String {
        self.finding.to_string()
    }

    fn index(&self) -> Vec<(&'static str, Index)> {
        vec![("detector", text(&self.detector)), ("at", Index::Int(self.at.as_unix_ms()))]
    }
}

impl Record for Decision {
    const KIND: &'static str = "decision";

    fn key(&self) -> String {
        self.id.to_string()
    }

    fn index(&self) -> Vec<(&'static str, Index)> {
        vec![
            ("incident", text(self.incident.as_str())),
            ("disposition", text(name_of(&self.disposition))),
            ("at", Index::Int(self.at.as_unix_ms())),
        ]
    }
}

impl Record for Run {
    const KIND: &'static str = "run";

    fn key(&self) -> String {
        self.id.to_string()
    }

    fn index(&self) -> Vec<(&'static str, Index)> {
        let incident = match &self.purpose {
            model::RunPurpose::Incident { incident, .. } => incident.to_string(),
            _ => String::new(),
        };
        let parent = match &self.purpose {
            model::RunPurpose::Subflow { run, .. } => run.to_string(),
            _ => String::new(),
        };
        vec![
            ("status", text(name_of(&self.status))),
            ("incident", text(incident)),
            ("workflow", text(&self.workflow)),
            ("service", text(self.service.clone().unwrap_or_default())),
            ("purpose", text(self.purpose.as_str())),
            ("parent", text(parent)),
            ("started_at", Index::Int(self.started_at.as_unix_ms())),
        ]
    }
}

impl Record for Outcome {
    const KIND: &'static str = "outcome";

    fn key(&self) -> String {
        self.id.to_string()
    }

    fn index(&self) -> Vec<(&'static str, Index)> {
        vec![("at", Index::Int(self.at.as_unix_ms())), ("service", text(&self.service))]
    }
}

impl Record for Track {
    const KIND: &'static str = "track";

    fn key(&self) -> String {
        format!("{}:{}", self.class.as_str(), self.runbook)
    }

    fn index(&self) -> Vec<(&'static str, Index)> {
        Vec::new()
    }
}

impl Record for Service {
    const KIND: &'static str = "service";

    fn key(&self) -> String {
        self.name.clone()
    }

    fn index(&self) -> Vec<(&'static str, Index)> {
        vec![("health", text(name_of(&self.health)))]
    }
}

impl Record for Change {
    const KIND: &'static str = "change";

    fn key(&self) -> String {
        self.id.to_string()
    }

    fn index(&self) -> Vec<(&'static str, Index)> {
        vec![("service", text(&self.service)), ("at", Index::Int(self.at.as_unix_ms()))]
    }
}

/// Every grant of autonomy, as one document so that they change together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grants {
    /// The grants.
    pub items: Vec<AutonomyGrant>,
}

impl Record for Grants {
    const KIND: &'static str = "autonomy";

    fn key(&self) -> String {
        "all".to_owned()
    }

    fn index(&self) -> Vec<(&'static str, Index)> {
        Vec::new()
    }
}

/// The global stop switch: while engaged, no run starts by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct StopSwitch {
    /// Whether it is engaged.
    pub engaged: bool,
    /// Why, in a person's words.
    pub reason: String,
    /// Who set it last.
    pub by: String,
    /// When it was set last.
    pub at: model::Timestamp,
}

impl Record for StopSwitch {
    const KIND: &'static str = "stop_switch";

    fn key(&self) -> String {
        "all".to_owned()
    }

    fn index(&self) -> Vec<(&'static str, Index)> {
        Vec::new()
    }
}

/// Position in the bus of the newest events that runs were given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventsSeen {
    /// The position.
    pub offset: u64,
}

impl Record for EventsSeen {
    const KIND: &'static str = "events_seen";

    fn key(&self) -> String {
        "all".to_owned()
    }

    fn index(&self) -> Vec<(&'static str, Index)> {
        Vec::new()
    }
}

/// The newest audit row, so that the chain goes on after a restart without reading all of it.
impl Record for AuditRow {
    const KIND: &'static str = "audit_head";

    fn key(&self) -> String {
        "all".to_owned()
    }

    fn index(&self) -> Vec<(&'static str, Index)> {
        Vec::new()
    }
}

/// Writes a record, whatever was there.
///
/// # Panics
/// Never: records serialize by construction.
#[must_use]
pub fn put<R: Record>(record: &R) -> Op {
    Op::Put {
        kind: R::KIND,
        id: record.key(),
        expected: Expected::Any,
        body: serde_json::to_value(record).expect("a record's fields all have a JSON form"),
        index: record.index(),
    }
}

/// Reads records.
#[derive(Clone)]
pub struct Records {
    store: Arc<dyn Store>,
}

/// A page of records.
#[derive(Clone, Debug)]
pub struct Page<R> {
    /// The records.
    pub items: Vec<R>,
    /// Pass as `cursor` for the next page; none at the end.
    pub next: Option<String>,
}

impl Records {
    /// Reads from this store.
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }

    /// The store below, for journals and the change feed.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// One record.
    ///
    /// # Errors
    /// The store failed, or the document is not of this type.
    pub async fn get<R: Record>(&self, id: &str) -> Result<Option<R>> {
        self.store.get(R::KIND, id).await?.map(|d| decode(d.body, R::KIND, &d.id)).transpose()
    }

    /// A page of records; build the query with `Query::of(R::KIND)`.
    ///
    /// # Errors
    /// The store failed, the cursor is of another query, or a document is not of this type.
    pub async fn list<R: Record>(&self, query: &Query) -> Result<Page<R>> {
        let page = self.store.list(query).await?;
        let items = page.items.into_iter().map(|d| decode(d.body, R::KIND, &d.id)).collect::<Result<_>>()?;
        Ok(Page { items, next: page.next })
    }

    /// Every record that matches, page by page, at most `max`.
    ///
    /// # Errors
    /// As [`Records::list`].
    pub async fn all<R: Record>(&self, query: Query, max: usize) -> Result<Vec<R>> {
        let mut items = Vec::new();
        let mut query = query.limit(500);
        loop {
            let page = self.list::<R>(&query).await?;
            items.extend(page.items);
            match page.next {
                Some(next) if items.len() < max => query.cursor = Some(next),
                _ => break,
            }
        }
        items.truncate(max);
        Ok(items)
    }
}

fn decode<R: DeserializeOwned>(body: serde_json::Value, kind: &str, id: &str) -> Result<R> {
    serde_json::from_value(body).map_err(|e| ports::Error::Corrupt(format!("{kind}/{id}: {e}")))
}
