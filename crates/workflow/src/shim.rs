//! Shim.
use model::Timestamp;
use serde_json::Value;
use crate::filter::EventFilter;
/// Shim.
#[derive(Clone, Copy, Debug)]
pub enum LimitBy { 
/// Shim.
Workflow, 
/// Shim.
Service }
/// Shim.
#[derive(Clone, Copy, Debug)]
pub struct Concurrency { 
/// Shim.
pub limit: u32,
/// Shim.
pub by: LimitBy }
/// Shim.
#[derive(Clone, Debug)]
pub struct Schedule;
/// Shim.
#[derive(Clone, Debug)]
pub struct On { 
/// Shim.
pub filters: Vec<EventFilter>,
/// Shim.
pub all: bool }
impl Schedule {
    /// Shim.
    #[must_use]
    pub fn next_after(&self, _: Timestamp) -> Option<Timestamp> { None }
    /// Shim.
    #[must_use]
    pub fn on(&self) -> Option<On> { None }
}
impl crate::Definition {
    /// Shim.
    #[must_use]
    pub fn concurrency(&self) -> Option<Concurrency> { None }
    /// Shim.
    #[must_use]
    pub fn schedule(&self) -> Option<&Schedule> { None }
}
/// Shim.
#[must_use]
pub fn document_schema() -> Value { Value::Null }
