//! Services and the map of who calls whom.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use engine::command::Role;
use engine::records::Record;
use model::{Change, Edge, Finding, Health, Incident, IncidentId, Service, Tier, TimeRange};
use ports::{Direction, Filter, Index, LabelMatch, Query as StoreQuery, Selector};
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::auth::Caller;
use crate::incidents::{ACTIVE, status_filter};
use crate::page::{Page, Path, Query, limit};
use crate::problem::Problem;

/// A page of services.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ServiceFilter {
    /// Where the page before ended.
    pub cursor: Option<String>,
    /// At most this many, 1 to 1000; 50 unless told.
    pub limit: Option<usize>,
}

/// A service with its surroundings.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ServiceDetail {
    /// The service.
    pub service: Service,
    /// Its findings that fire.
    pub findings: Vec<Finding>,
    /// Its newest changes.
    pub changes: Vec<Change>,
    /// Services that call it.
    pub callers: Vec<String>,
    /// Services it calls.
    pub callees: Vec<String>,
    /// The calls in both directions.
    pub edges: Vec<Edge>,
}

/// A service on the map.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct MapNode {
    /// Its name.
    pub name: String,
    /// Its state.
    pub health: Health,
    /// How much depends on it.
    pub tier: Tier,
    /// Requests a second, newest.
    pub request_rate: Option<f64>,
    /// Share of failing requests, newest.
    pub error_ratio: Option<f64>,
    /// 95th percentile of duration in milliseconds, newest.
    pub p95_ms: Option<f64>,
    /// Findings that fire.
    pub firing: u32,
    /// The incident it is in.
    pub incident: Option<IncidentId>,
}

/// Who calls whom.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ServiceMap {
    /// Services.
    pub nodes: Vec<MapNode>,
    /// Calls.
    pub edges: Vec<Edge>,
}

/// Lists services by name.
#[utoipa::path(get, path = "/services", operation_id = "list_services", tag = "services", params(ServiceFilter),
    responses((status = 200, body = Page<Service>)), extensions(("x-required-role" = json!("viewer"))))]
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Query(filter): Query<ServiceFilter>,
) -> Result<Json<Page<Service>>, Problem> {
    caller.require(Role::Viewer)?;
    let query = StoreQuery::of(Service::KIND).limit(limit(filter.limit)?).cursor(filter.cursor);
    Ok(Json(app.engine.records().list::<Service>(&query).await?.into()))
}

/// One service.
#[utoipa::path(get, path = "/services/{name}", operation_id = "get_service", tag = "services",
    params(("name" = String, Path)), responses((status = 200, body = ServiceDetail)),
    extensions(("x-required-role" = json!("viewer"))))]
pub async fn get(
    State(app): State<App>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<Json<ServiceDetail>, Problem> {
    caller.require(Role::Viewer)?;
    let records = app.engine.records();
    let service = records.get::<Service>(&name).await?.ok_or_else(|| Problem::not_found("service", &name))?;
    let of_service = Filter::In("service", vec![Index::Text(name.clone())]);
    let firing = StoreQuery::of(Finding::KIND)
        .filter(of_service.clone())
        .filter(Filter::In("state", vec![Index::Text("firing".into())]));
    let changes =
        StoreQuery::of(Change::KIND).filter(of_service).order("at", Direction::Descending).limit(20);
    let graph = app.engine.overlook().graph;
    Ok(Json(ServiceDetail {
        service,
        findings: records.list::<Finding>(&firing).await?.items,
        changes: records.list::<Change>(&changes).await?.items,
        callers: graph.callers(&name).map(ToOwned::to_owned).collect(),
        callees: graph.callees(&name).map(ToOwned::to_owned).collect(),
        edges: graph.edges().filter(|e| e.from == name || e.to == name).cloned().collect(),
    }))
}

/// The map of who calls whom, with the newest numbers.
#[utoipa::path(get, path = "/map", operation_id = "get_map", tag = "services",
    responses((status = 200, body = ServiceMap)), extensions(("x-required-role" = json!("viewer"))))]
pub async fn map(State(app): State<App>, caller: Caller) -> Result<Json<ServiceMap>, Problem> {
    caller.require(Role::Viewer)?;
    let records = app.engine.records();
    let services = records.all::<Service>(StoreQuery::of(Service::KIND), 10_000).await?;
    let active =
        records.all::<Incident>(StoreQuery::of(Incident::KIND).filter(status_filter(&ACTIVE)), 1_000).await?;
    let firing =
        StoreQuery::of(Finding::KIND).filter(Filter::In("state", vec![Index::Text("firing".into())]));
    let mut counts: BTreeMap<String, u32> = BTreeMap::new();
    for finding in records.all::<Finding>(firing, 10_000).await? {
        *counts.entry(finding.service).or_default() += 1;
    }
    let rates = newest(&app, "request_rate").await?;
    let errors = newest(&app, "request_error_ratio").await?;
    let p95s = newest(&app, "request_duration_p95_ms").await?;
    let graph = app.engine.overlook().graph;
    let mut names: BTreeMap<String, Option<Service>> = BTreeMap::new();
    for edge in graph.edges() {
        names.entry(edge.from.clone()).or_default();
        names.entry(edge.to.clone()).or_default();
    }
    names.extend(services.into_iter().map(|s| (s.name.clone(), Some(s))));
    let nodes = names
        .into_iter()
        .map(|(name, service)| MapNode {
            health: service.as_ref().map_or(Health::Unknown, |s| s.health),
            tier: service.as_ref().map_or(Tier::Standard, |s| s.tier),
            request_rate: rates.get(&name).copied(),
            error_ratio: errors.get(&name).copied(),
            p95_ms: p95s.get(&name).copied(),
            firing: counts.get(&name).copied().unwrap_or(0),
            incident: active.iter().find(|i| i.services.contains(&name)).map(|i| i.id.clone()),
            name,
        })
        .collect();
    Ok(Json(ServiceMap { nodes, edges: graph.edges().cloned().collect() }))
}

/// The newest value of a derived metric for each service, not older than half a minute.
async fn newest(app: &App, name: &str) -> Result<BTreeMap<String, f64>, Problem> {
    let now = app.engine.now();
    let selector = Selector { name: Some(name.to_owned()), labels: Vec::<LabelMatch>::new() };
    let range = TimeRange { from: now.plus_ms(-30_000), to: now.plus_ms(1_000) };
    let found = app.engine.series().query(&selector, range, 1_000_000).await?;
    Ok(found
        .into_iter()
        .filter_map(|s| s.points.last().filter(|p| p.value.is_finite()).map(|p| (s.service, p.value)))
        .collect())
}
