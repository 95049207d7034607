//! The first screen: is everything well, and if not, what is being done.

use axum::Json;
use axum::extract::State;
use engine::command::Role;
use engine::records::{Record, StopSwitch};
use model::{Health, Incident, IncidentId, Outcome, OutcomeKind, Service, Severity, TimelineKind, Timestamp};
use ports::{Direction, Filter, Index, Query as StoreQuery};
use serde::{Deserialize, Serialize};

use crate::app::{App, Environment};
use crate::auth::Caller;
use crate::incidents::{ACTIVE, IncidentSummary, status_filter};
use crate::problem::Problem;

/// How many services are in which state.
#[derive(Clone, Debug, Default, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ServiceCounts {
    /// All.
    pub total: u32,
    /// Healthy.
    pub healthy: u32,
    /// Degraded.
    pub degraded: u32,
    /// Down.
    pub down: u32,
    /// Nothing heard yet.
    pub unknown: u32,
}

/// Incidents not over, by severity.
#[derive(Clone, Debug, Default, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SeverityCounts {
    /// Critical.
    pub critical: u32,
    /// High.
    pub high: u32,
    /// Medium.
    pub medium: u32,
    /// Low.
    pub low: u32,
}

/// How many incidents.
#[derive(Clone, Debug, Default, Serialize, Deserialize, utoipa::ToSchema)]
pub struct IncidentCounts {
    /// Not over.
    pub open: u32,
    /// Those, by severity.
    pub by_severity: SeverityCounts,
    /// Those that wait for a person.
    pub needs_person: u32,
    /// Over within the last 24 hours.
    pub resolved_24h: u32,
}

/// How well the loop works, over the incidents resolved in the last 24 hours.
#[derive(Clone, Debug, Default, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Kpis {
    /// Mean time from the beginning of the trouble to the incident, milliseconds.
    pub mttd_ms: Option<f64>,
    /// Mean time from the incident to its end, milliseconds.
    pub mttr_ms: Option<f64>,
    /// Share of incidents fixed with no person, 0 to 1.
    pub auto_resolved_ratio: Option<f64>,
    /// Share of runs whose fix was verified, 0 to 1.
    pub verified_ratio: Option<f64>,
    /// Signals a second, newest.
    pub signals_per_s: f64,
}

/// One line of what happened lately.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ActivityLine {
    /// When.
    pub at: Timestamp,
    /// What it is about.
    pub kind: TimelineKind,
    /// One line for people.
    pub text: String,
    /// The incident.
    pub incident: IncidentId,
    /// Its title.
    pub incident_title: String,
}

/// Everything on the first screen.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Overview {
    /// When.
    pub at: Timestamp,
    /// Services.
    pub services: ServiceCounts,
    /// Incidents.
    pub incidents: IncidentCounts,
    /// How well the loop works.
    pub kpis: Kpis,
    /// The stop switch.
    pub stop_switch: StopSwitch,
    /// Where this process runs.
    pub environment: Environment,
    /// Whether what is watched is simulated.
    pub simulated: bool,
    /// Newest incidents, those not over first.
    pub recent: Vec<IncidentSummary>,
    /// What happened lately, newest first.
    pub timeline: Vec<ActivityLine>,
}

const DAY_MS: i64 = 86_400_000;

/// The first screen.
#[utoipa::path(get, path = "/overview", operation_id = "get_overview", tag = "overview",
    responses((status = 200, body = Overview)), extensions(("x-required-role" = json!("viewer"))))]
pub async fn get(State(app): State<App>, caller: Caller) -> Result<Json<Overview>, Problem> {
    caller.require(Role::Viewer)?;
    let records = app.engine.records();
    let now = app.engine.now();
    let active = records
        .all::<Incident>(
            StoreQuery::of(Incident::KIND)
                .filter(status_filter(&ACTIVE))
                .order("opened_at", Direction::Descending),
            1_000,
        )
        .await?;
    let newest = records
        .all::<Incident>(StoreQuery::of(Incident::KIND).order("opened_at", Direction::Descending), 500)
        .await?;
    let outcomes = records
        .all::<Outcome>(
            StoreQuery::of(Outcome::KIND)
                .filter(Filter::AtLeast("at", Index::Int(now.as_unix_ms() - DAY_MS))),
            5_000,
        )
        .await?;
    let services = records.all::<Service>(StoreQuery::of(Service::KIND), 100_000).await?;
    let resolved: Vec<&Incident> =
        newest.iter().filter(|i| i.resolved_at.is_some_and(|at| at >= now.plus_ms(-DAY_MS))).collect();
    let mut incidents = count(&active);
    incidents.resolved_24h = u32::try_from(resolved.len()).unwrap_or(u32::MAX);
    let timeline = activity(&newest);
    let kpis = kpis(&resolved, &outcomes, app.engine.pulse().signals_per_s);
    let mut recent: Vec<IncidentSummary> = active.into_iter().take(20).map(IncidentSummary::from).collect();
    recent.extend(newest.into_iter().filter(|i| !i.is_open()).take(10).map(IncidentSummary::from));
    Ok(Json(Overview {
        at: now,
        services: count_services(&services),
        incidents,
        kpis,
        stop_switch: app.engine.overlook().stop,
        environment: app.environment,
        simulated: app.demo.is_some(),
        recent,
        timeline,
    }))
}

fn count_services(services: &[Service]) -> ServiceCounts {
    let mut counts = ServiceCounts::default();
    for service in services {
        counts.total += 1;
        match service.health {
            Health::Healthy => counts.healthy += 1,
            Health::Degraded => counts.degraded += 1,
            Health::Down => counts.down += 1,
            Health::Unknown => counts.unknown += 1,
        }
    }
    counts
}

fn count(active: &[Incident]) -> IncidentCounts {
    let mut counts = IncidentCounts::default();
    for incident in active {
        counts.open += 1;
        counts.needs_person += u32::from(incident.needs_person.is_some());
        match incident.severity {
            Severity::Critical => counts.by_severity.critical += 1,
            Severity::High => counts.by_severity.high += 1,
            Severity::Medium => counts.by_severity.medium += 1,
            Severity::Low => counts.by_severity.low += 1,
        }
    }
    counts
}

fn kpis(resolved: &[&Incident], outcomes: &[Outcome], signals_per_s: f64) -> Kpis {
    let mean = |values: Vec<f64>| {
        let n = values.len();
        (n > 0).then(|| values.into_iter().sum::<f64>() / n as f64)
    };
    let yes = |flag: bool| if flag { 1.0 } else { 0.0 };
    Kpis {
        mttd_ms: mean(resolved.iter().map(|i| i.opened_at.since_ms(i.started_at) as f64).collect()),
        mttr_ms: mean(
            resolved.iter().filter_map(|i| i.resolved_at.map(|at| at.since_ms(i.opened_at) as f64)).collect(),
        ),
        auto_resolved_ratio: mean(
            resolved
                .iter()
                .map(|i| yes(!i.runs.is_empty() && i.acknowledged_at.is_none() && i.needs_person.is_none()))
                .collect(),
        ),
        verified_ratio: mean(
            outcomes
                .iter()
                .filter(|o| o.kind != OutcomeKind::Overridden)
                .map(|o| yes(o.kind == OutcomeKind::Held))
                .collect(),
        ),
        signals_per_s,
    }
}

fn activity(newest: &[Incident]) -> Vec<ActivityLine> {
    let mut lines: Vec<ActivityLine> = newest
        .iter()
        .take(20)
        .flat_map(|incident| {
            incident.timeline.iter().map(|entry| ActivityLine {
                at: entry.at,
                kind: entry.kind,
                text: entry.text.clone(),
                incident: incident.id.clone(),
                incident_title: incident.title.clone(),
            })
        })
        .collect();
    lines.sort_by_key(|line| std::cmp::Reverse(line.at));
    lines.truncate(40);
    lines
}
