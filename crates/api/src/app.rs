//! What every handler works with.

use std::sync::Arc;

use async_trait::async_trait;
use engine::Engine;
use serde::{Deserialize, Serialize};

use crate::auth::Auth;
use crate::connectors::Connectors;
use crate::demo::DemoView;
use crate::problem::Problem;

/// Where this process runs; shown in the dashboard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Environment {
    /// The demo world.
    Demo,
    /// Someone tries things.
    #[default]
    Development,
    /// Limited real data.
    Staging,
    /// The real thing.
    Production,
}

/// How a part of Homeostat is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ComponentState {
    /// Works.
    Running,
    /// Works in part.
    Degraded,
    /// Was set aside until someone looks.
    Quarantined,
}

/// One part of Homeostat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ComponentStatus {
    /// Its name: `store`, `probe checkout-1`.
    pub name: String,
    /// How it is doing.
    pub state: ComponentState,
    /// Why, when it is not simply running; else what it did last.
    pub reason: String,
}

/// Control of the demo world.
#[async_trait]
pub trait DemoControl: Send + Sync {
    /// The faults and which of them are in effect.
    ///
    /// # Errors
    /// The world does not answer.
    async fn view(&self) -> Result<DemoView, Problem>;

    /// Injects a fault.
    ///
    /// # Errors
    /// There is no such fault or service, or the world does not answer.
    async fn inject(&self, fault: &str, service: Option<&str>) -> Result<(), Problem>;

    /// Takes a fault back.
    ///
    /// # Errors
    /// There is no such fault, or the world does not answer.
    async fn clear(&self, fault: &str) -> Result<(), Problem>;
}

/// Everything handlers need.
#[derive(Clone)]
pub struct App {
    /// The loop.
    pub engine: Engine,
    /// People, sessions and tokens.
    pub auth: Arc<Auth>,
    /// Where this process runs.
    pub environment: Environment,
    /// The demo world, in the demo.
    pub demo: Option<Arc<dyn DemoControl>>,
    /// Makes packages of OpenAPI documents.
    pub connectors: Connectors,
    /// How pollers and other parts outside the engine are doing.
    pub components: Arc<dyn Fn() -> Vec<ComponentStatus> + Send + Sync>,
    /// Host names besides loopback that requests may name.
    pub allowed_hosts: Arc<Vec<String>>,
    /// Largest ingest body after decompression, bytes.
    pub max_body_bytes: usize,
}
